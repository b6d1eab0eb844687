"""Unit vectors of the space that several tensors span together: the rows and columns of Jacobians."""

from __future__ import annotations

from math import prod
from typing import Any

from wengert.core.operators.raw import namespace_of
from wengert.core.tape.core import RECORDED, wrap


def basis(tensors: Any) -> tuple[Any, ...]:
    """One tensor (n, *shape) for each of shape `shape`, n elements in all: entry k moves element k and no other."""
    sizes = [prod(x._array.shape) for x in tensors]
    total, start, parts = sum(sizes), 0, []
    for x, size in zip(tensors, sizes, strict=True):
        np = namespace_of(x._array).np
        part = np.zeros((total, size), x._array.dtype)
        index = np.arange(size)
        part[start + index, index] = 1
        parts.append(wrap(part.reshape((total, *x._array.shape))))
        start += size
    return tuple(parts)


def split(x: Any, like: Any, dim: int) -> list[Any]:
    """A tensor whose dim counts all elements of `like`, cut into one part for each of them."""
    if len(like) == 1:
        return [x]
    parts, start = [], 0
    for other in like:
        size = prod(other._array.shape)
        parts.append(RECORDED.narrow(x, dim, start, size))
        start += size
    return parts
