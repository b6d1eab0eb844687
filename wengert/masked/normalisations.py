"""Masked operations that keep the shape: running totals, softmax and its kin, vectors of norm 1."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.masked.masks import checked, converted, hidden
from wengert.masked.reductions import norm


def cumsum(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Running sum of the elements that are left, in the dtype of the input unless `dtype` says otherwise."""
    checked("cumsum", input, mask)
    return m.cumsum(hidden(input, mask, 0), dim, dtype=dtype or input.dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Running product of the elements that are left."""
    checked("cumprod", input, mask)
    return m.cumprod(hidden(input, mask, 1), dim, dtype=dtype or input.dtype)


def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """exp(x) over their sum, 0 in hidden places; nan where nothing is left."""
    checked("softmax", input, mask)
    return m.softmax(hidden(converted(input, dtype), mask, -math.inf), dim)


def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """log of `softmax`, -inf in hidden places."""
    checked("log_softmax", input, mask)
    return m.log_softmax(hidden(converted(input, dtype), mask, -math.inf), dim)


def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """`softmax` of the negatives."""
    checked("softmin", input, mask)
    return m.softmax(-hidden(converted(input, dtype), mask, math.inf), dim)


def normalize(input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None) -> Any:
    """x over its norm along `dim`, or over eps if that is larger; 0 in hidden places."""
    checked("normalize", input, mask)
    x = converted(input, dtype)
    return hidden(x, mask, 0) / m.clamp_min(norm(x, ord, dim, keepdim=True, mask=mask), eps)


def logaddexp(input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """log(exp(input) + exp(other)) of what the two masks leave; -inf of nothing."""
    checked("logaddexp", input, input_mask)
    checked("logaddexp", other, other_mask)
    first, second = (converted(x, dtype) for x in (input, other))
    return m.logaddexp(hidden(first, input_mask, -math.inf), hidden(second, other_mask, -math.inf))
