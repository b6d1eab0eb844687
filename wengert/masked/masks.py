"""What all masked operations begin with: the input's dtype, the mask's shape, and what stands in a hidden place."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor.tensor import Tensor


def checked(name: str, input: Any, mask: Any) -> None:
    """Raise unless `input` is a tensor and `mask` None or booleans that broadcast to it."""
    if not isinstance(input, Tensor):
        raise ArgumentError(f"masked_{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    if mask is None:
        return
    if mask.dtype is not dtypes.bool_:
        raise DtypeError(f"masked_{name} expects mask of dtype bool, got {mask.dtype}")
    if mask.ndim > input.ndim:
        raise ShapeError(
            f"input cannot be broadcasted to mask: the mask of masked_{name} has {mask.ndim} dims, the input "
            f"{input.ndim}"
        )


def hidden(input: Any, mask: Any, value: Any) -> Any:
    """The input with `value` where the mask is False."""
    return input if mask is None else m.where(mask, input, value)


def converted(input: Any, dtype: Any) -> Any:
    """The input in a dtype that was asked for."""
    return input if dtype is None else input.to(dtype)


def lowest(dtype: Any) -> Any:
    """What no value of a dtype is less than."""
    if dtype is dtypes.bool_:
        return False
    return -math.inf if dtype.is_floating_point or dtype.is_complex else dtypes.iinfo(dtype).min


def highest(dtype: Any) -> Any:
    """What no value of a dtype is greater than."""
    if dtype is dtypes.bool_:
        return True
    return math.inf if dtype.is_floating_point or dtype.is_complex else dtypes.iinfo(dtype).max


def dims_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dims that are reduced: all for None."""
    if dim is None:
        return tuple(range(ndim))
    return (dim,) if isinstance(dim, int) else tuple(dim)
