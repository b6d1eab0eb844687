"""Random tensors for tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import wengert as torch
from wengert.core.base.errors import ArgumentError, ValueRangeError

_INTEGRAL = (
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64,
)  # fmt: skip
_COMPLEX = (torch.complex32, torch.complex64, torch.complex128)
_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_EIGHT_BIT = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)


def make_tensor(
    *shape: Any, dtype: Any, device: Any, low: float | None = None, high: float | None = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    """Uniform values in [low, high): by default [-9, 9) for floating and complex dtypes, [-9, 10) for signed integers,
    [0, 10) for unsigned ones, {0, 1} for bool.

    `noncontiguous` leaves a gap between neighbours of the last dimension; `exclude_zero` puts 1 (the smallest normal
    number for floating dtypes) in the place of zeros.
    Raises: ValueRangeError unless low < high, where an integer tensor should require gradients, and for
    `noncontiguous` together with `memory_format`; ArgumentError for a dtype that has no random values.
    """
    size = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    exact = dtype is torch.bool or dtype in _INTEGRAL
    if noncontiguous and memory_format is not None:
        raise ValueRangeError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got noncontiguous={noncontiguous} and memory_format={memory_format}"
        )
    if requires_grad and exact:
        raise ValueRangeError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    gaps = noncontiguous and math.prod(size) > 1
    bottom, top = bounds(dtype, low, high)
    drawn = draw((*size[:-1], 2 * size[-1]) if gaps else size, dtype, device, bottom, top)
    if gaps:
        drawn = drawn[..., 1::2]
    elif memory_format is not None:
        drawn = drawn.clone(memory_format=memory_format)
    if exclude_zero:
        drawn[drawn == 0] = 1 if exact else torch.finfo(dtype).tiny
    return drawn.requires_grad_(requires_grad) if requires_grad else drawn


def draw(size: Sequence[int], dtype: Any, device: Any, bottom: Any, top: Any) -> Any:
    """Uniform values in [bottom, top) of any dtype, from the same numbers as torch draws."""
    if dtype is torch.bool or dtype in _INTEGRAL:
        return torch.randint(bottom, top, size, device=device, dtype=dtype)
    if dtype in _EIGHT_BIT:
        return uniform(torch.empty(size, device=device), bottom, top).to(dtype)
    made = torch.empty(size, device=device, dtype=dtype)
    uniform(torch.view_as_real(made) if dtype in _COMPLEX else made, bottom, top)
    return made


def uniform(place: Any, bottom: float, top: float) -> Any:
    """Fill with uniform values; a range wider than the dtype can hold is drawn at half the size."""
    if top - bottom >= torch.finfo(place.dtype).max:
        return place.uniform_(bottom / 2, top / 2).mul_(2)
    return place.uniform_(bottom, top)


def bounds(dtype: Any, low: float | None, high: float | None) -> tuple[Any, Any]:
    """The bounds that values are drawn between: those given, inside what the dtype can hold."""
    exact = dtype is torch.bool or dtype in _INTEGRAL
    if dtype is torch.bool:
        least, most, first, last = 0, 2, 0, 2
    elif exact:
        info: Any = torch.iinfo(dtype)
        least, most, first, last = info.min, info.max + (dtype not in (torch.int64, torch.uint64)), -9, 10
    elif dtype in (*_FLOATING, *_COMPLEX, *_EIGHT_BIT):
        info = torch.finfo(dtype)
        least, most, first, last = info.min, info.max, -9, 9
    else:
        raise ArgumentError(
            f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor(): give a boolean, "
            "integral, floating or complex one"
        )
    bottom, top = first if low is None else low, last if high is None else high
    checked(dtype, bottom, top, least, most)
    bottom, top = (min(max(x, least), most) for x in (bottom, top))
    return (math.ceil(bottom), math.ceil(top)) if exact else (bottom, top)


def checked(dtype: Any, bottom: Any, top: Any, least: Any, most: Any) -> None:
    """Refuse bounds between which nothing can be drawn."""
    if any(isinstance(x, float) and math.isnan(x) for x in (bottom, top)):
        raise ValueRangeError(f"`low` and `high` cannot be NaN, but got low={bottom} and high={top}")
    if bottom == top and (dtype.is_floating_point or dtype.is_complex):
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since "
            "2.1: use `torch.full(...)`.",
            FutureWarning,
            stacklevel=4,
        )
    elif bottom >= top:
        raise ValueRangeError(f"`low` must be less than `high`, but got {bottom} >= {top}")
    elif top < least or bottom >= most:
        raise ValueRangeError(
            f"The value interval specified by `low` and `high` is [{bottom}, {top}), "
            f"but {dtype} only supports [{least}, {most})"
        )


__all__ = ["make_tensor"]
