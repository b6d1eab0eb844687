"""Masked reductions: totals, extremes, means and norms of what a mask leaves."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DtypeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor.creation import ones_like
from wengert.masked.masks import checked, converted, dims_of, hidden, highest, lowest


def sum(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Sum of the elements that are left, 0 of none; integers sum in int64 unless `dtype` says otherwise."""
    checked("sum", input, mask)
    return m.sum(hidden(input, mask, 0), dims_of(dim, input.ndim), bool(keepdim), dtype=dtype)


def prod(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Product of the elements that are left, 1 of none."""
    checked("prod", input, mask)
    out = converted(hidden(input, mask, 1), dtype)
    if dtype is None and not (out.is_floating_point() or out.is_complex()):
        out = out.to(dtypes.int64)
    for d in sorted((d % max(input.ndim, 1) for d in dims_of(dim, input.ndim)), reverse=True):
        out = m.prod(out, d, bool(keepdim))
    return out


def amax(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Largest of the elements that are left, the dtype's lowest value of none."""
    checked("amax", input, mask)
    x = converted(input, dtype)
    return m.amax(hidden(x, mask, lowest(x.dtype)), dims_of(dim, input.ndim), bool(keepdim))


def amin(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Smallest of the elements that are left, the dtype's highest value of none."""
    checked("amin", input, mask)
    x = converted(input, dtype)
    return m.amin(hidden(x, mask, highest(x.dtype)), dims_of(dim, input.ndim), bool(keepdim))


def argmax(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Index of the largest of the elements that are left, in the input's dtype; of all, flattened, for dim None."""
    checked("argmax", input, mask)
    x = converted(input, dtype)
    return m.argmax(hidden(x, mask, lowest(x.dtype)), dim, bool(keepdim)).to(x.dtype)


def argmin(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Index of the smallest of the elements that are left, in the input's dtype; of all, flattened, for dim None."""
    checked("argmin", input, mask)
    x = converted(input, dtype)
    return m.argmin(hidden(x, mask, highest(x.dtype)), dim, bool(keepdim)).to(x.dtype)


def _counts(input: Any, dims: Any, mask: Any, dtype: Any) -> Any:
    """How many elements are left in each place of a reduction with kept dims."""
    there = ones_like(input, dtype=dtypes.bool_) if mask is None else m.expand(mask, tuple(input.shape))
    return m.sum(there, dims, True).to(dtype)


def _floating(input: Any, dtype: Any) -> Any:
    """The input in a dtype that has fractions."""
    x = converted(input, dtype)
    return x if x.is_floating_point() or x.is_complex() else x.to(dtypes.get_default_dtype())


def mean(input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:
    """Mean of the elements that are left, nan of none."""
    checked("mean", input, mask)
    dims, x = dims_of(dim, input.ndim), _floating(input, dtype)
    if mask is None:
        return m.mean(x, dims, bool(keepdim))
    real = x.dtype.to_real() if x.is_complex() else x.dtype
    total, count = m.sum(hidden(x, mask, 0), dims, bool(keepdim)), _counts(x, dims, mask, real)
    return total / m.reshape(count, tuple(total.shape))


def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The lower median of the elements that are left along `dim`, nan of none.

    Raises: ValueRangeError where an integer median is of none.
    """
    checked("median", input, mask)
    x = converted(input, dtype)
    if x.dtype.is_floating_point:
        return m.nanmedian(hidden(x, mask, math.nan), dim, keepdim).values
    if mask is not None and not bool(m.all(m.expand(mask, tuple(x.shape)))):
        wide = hidden(x.to(dtypes.float64), mask, math.nan)
        if bool(m.any(m.all(m.isnan(wide), dim))):
            raise ValueRangeError("masked median expects no fully masked out rows if dtype is not floating point")
        return m.nanmedian(wide, dim, keepdim).values.to(x.dtype)
    return m.median(x, dim, keepdim).values


def logsumexp(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """log of the sum of exp of the elements that are left, -inf of none."""
    checked("logsumexp", input, mask)
    x = converted(input, dtype)
    return m.logsumexp(hidden(x, mask, lowest(x.dtype)), dims_of(dim, input.ndim), keepdim).to(x.dtype)


def norm(input: Any, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None,
         mask: Any = None) -> Any:  # fmt: skip
    """(sum |x|^ord)^(1/ord) of the elements that are left; 0 of none, inf of none for a negative ord."""
    checked("norm", input, mask)
    order = 2.0 if ord is None else float(ord)
    x = hidden(converted(input, dtype), mask, 0.0 if order >= 0 else math.inf)
    return m.vector_norm(x, order, dims_of(dim, input.ndim), bool(keepdim))


def _variance(name: str, input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: Any, dtype: Any,
              mask: Any) -> Any:  # fmt: skip
    """Sum of squares from the mean over (count - correction), never below 0."""
    checked(name, input, mask)
    if unbiased is not None and correction is not None:
        raise DtypeError(f"Only one of unbiased and correction may be given to masked_{name}")
    by = (1 if unbiased is None or unbiased else 0) if correction is None else correction
    dims, x = dims_of(dim, input.ndim), _floating(input, dtype)
    real = x.dtype.to_real() if x.is_complex() else x.dtype
    count = _counts(x, dims, mask, real)
    apart = hidden(x - m.sum(hidden(x, mask, 0), dims, True) / count, mask, 0)
    squares = m.real(apart * m.conj(apart)) if x.is_complex() else apart * apart
    out = (m.sum(squares, dims, True) / m.clamp_min(count - by, 0)).to(x.dtype)
    return out if keepdim else m.reshape(out, tuple(m.sum(x.detach(), dims).shape))


def var(input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: Any = None,
        keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:  # fmt: skip
    """Variance of the elements that are left, over their number less `correction` (1 unless given); nan of too few."""
    return _variance("var", input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: Any = None,
        keepdim: bool | None = False, dtype: Any = None, mask: Any = None) -> Any:  # fmt: skip
    """Square root of `var`."""
    return m.sqrt(_variance("std", input, dim, unbiased, correction, keepdim, dtype, mask))
