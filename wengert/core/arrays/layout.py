"""The order of an array's dims in memory: new arrays that lie as another does, elements given out in that order.

Source: the rule is that of torch's element-by-element operators, by which the strides of a result follow from those of
an operand: dims by falling stride; a stride of 0 says nothing; of equal strides the larger dim is outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from wengert.core.arrays.device import channels_last, channels_last_3d
from wengert.core.base.errors import ShapeError

RANKS: dict[Any, int] = {channels_last: 4, channels_last_3d: 5}
"""How many dims a memory format asks for."""


def order(array: Any) -> tuple[int, ...]:
    """The dims of an array, the slowest in memory first."""
    shape, strides = array.shape, array.strides
    dims = list(range(array.ndim - 1, -1, -1))
    for i in range(1, len(dims)):
        place = i
        for j in range(i - 1, -1, -1):
            turn = outside(dims[j], dims[place], shape, strides)
            if turn > 0:
                dims[j], dims[place] = dims[place], dims[j]
                place = j
            elif turn < 0:
                break
    return tuple(dims[::-1])


def outside(a: int, b: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """1 where dim a belongs outside dim b, -1 where it is the other way round, 0 where the strides leave it open."""
    first, second = strides[a], strides[b]
    if not first or not second:
        return 0
    if first != second:
        return 1 if first > second else -1
    return 1 if shape[a] > shape[b] else 0


def inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes another."""
    back = [0] * len(dims)
    for place, dim in enumerate(dims):
        back[dim] = place
    return tuple(back)


def in_order(make: Callable[[tuple[int, ...]], Any], array: Any) -> Any:
    """What `make(shape)`, which gives row-major arrays, gives for an array's shape: laid out as that array is."""
    if array.flags.c_contiguous:
        return make(array.shape)
    dims = order(array)
    return make(tuple([array.shape[d] for d in dims])).transpose(inverse(dims))


def empty_like(array: Any, dtype: Any = None) -> Any:
    """A new array without gaps, its dims in the order of another's; that order itself where it has no gaps."""
    dtype = array.dtype if dtype is None else dtype
    return in_order(lambda shape: numpy.empty(shape, dtype), array)


def empty_in(shape: tuple[int, ...], dtype: Any, memory_format: Any) -> Any:
    """A new array in a memory format.

    Raises: ShapeError for a number of dims that the format does not have.
    """
    if memory_format not in RANKS:
        return numpy.empty(shape, dtype)
    check_rank(len(shape), memory_format)
    return numpy.moveaxis(numpy.empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)


def check_rank(ndim: int, memory_format: Any) -> None:
    """Raise unless `ndim` dims can be in a memory format."""
    if ndim != RANKS[memory_format]:
        raise ShapeError(
            f"required rank {RANKS[memory_format]} tensor to use {memory_format.name} format, but there are {ndim} dims"
        )


__all__ = ["RANKS", "check_rank", "empty_in", "empty_like", "in_order", "inverse", "order"]
