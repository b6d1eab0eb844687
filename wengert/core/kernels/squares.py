"""An array seen as matrices whose transposes a row-major copy holds: what the kernel of such copies is given."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["squares"]

FEW = 4
"""Rows or columns up to which squares do not pay."""

MANY = 1 << 16
"""Matrices up to which their places are worked out."""


def merged(x: Any) -> list[tuple[int, int, int]]:
    """(size, stride, stride of a row-major copy) in elements, of as few dims as will do."""
    found: list[tuple[int, int, int]] = []
    step = 1
    for size, stride in zip(reversed(x.shape), reversed(x.strides), strict=True):
        if size != 1:
            distance = stride // x.itemsize
            if found and distance == found[-1][1] * found[-1][0]:
                found[-1] = (found[-1][0] * size, *found[-1][1:])
            else:
                found.append((size, distance, step))
            step *= size
    return found[::-1]


def places(dims: list[tuple[int, int, int]], which: int) -> Any:
    """Where each of the outer matrices begins: in x (which = 1) or in the copy (2)."""
    total: Any = np.zeros(1, np.int64)
    for dim in dims:
        total = np.add.outer(total, np.arange(dim[0], dtype=np.int64) * dim[which]).reshape(-1)
    return total


def squares(x: Any) -> tuple[Any, ...] | None:
    """What the kernel is given behind both arrays to copy x row by row; None for what it is not for."""
    if (
        x.itemsize not in (4, 8)
        or x.dtype.kind not in "fiuc"
        or any(stride <= 0 or stride % x.itemsize for stride in x.strides)
    ):
        return None
    dims = merged(x)
    rows, stride, _ = dims[-1] if dims else (0, 1, 1)
    near = next((k for k, dim in enumerate(dims) if dim[1] == 1), None)
    if rows <= FEW or stride == 1 or near is None or dims[near][0] <= FEW:
        return None
    columns, _, step = dims[near]
    outer = [dim for k, dim in enumerate(dims[:-1]) if k != near]
    count = x.size // (rows * columns)
    return None if count > MANY else (places(outer, 2), places(outer, 1), count, rows, columns, stride, step)
