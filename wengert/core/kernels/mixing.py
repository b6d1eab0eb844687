"""Calls of mixed kernels with NumPy arrays, and how operands that broadcast or stand in any order are walked."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from wengert.core.kernels.spreading import LEVELS, joined, spread_steps, steps_of

__all__ = ["mixed_call", "walk"]

BROAD = 1 << 14
"""Elements of the result from which rows are shared out."""


def mixed_call(ufunc: Any, run: Any, result: Any) -> Callable[..., Any]:
    """A kernel as a function of arrays: its ufunc, or, for large arrays of several shapes or orders, `run`."""
    size = result.itemsize

    def call(*operands: Any) -> Any:
        shape = strides = None
        for x in operands:
            if shape is None:
                if x.ndim:
                    shape, strides = x.shape, x.strides
            elif x.ndim and (x.shape != shape or x.strides != strides):
                break
        else:
            return ufunc(*operands)
        found = walk(tuple([(x.shape, x.strides) for x in operands]), size)
        if found is None:
            return ufunc(*operands)
        shape, steps, inner = found
        out = np.empty(shape, result)
        run(out, *[x if x.__class__ is np.ndarray else np.asarray(x) for x in operands], *steps, *inner)
        return out

    return call


@lru_cache(maxsize=1024)
def walk(layouts: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...], size: int) -> Any:
    """(shape of the result, distances of result and operands, sizes) for shapes and strides of operands.

    None for what NumPy walks itself: what is small, has more dims, or has a result that is not row-major.
    """
    shape = np.broadcast_shapes(*[shape for shape, _ in layouts])
    if int(np.prod(shape)) < BROAD or not any(shape):
        return None
    lines = [spread_steps(len(shape), own, strides) for own, strides in layouts]
    if not row_major(shape, lines):
        return None
    lines = [steps_of(shape, size), *lines]
    dims = joined(shape, lines)
    if len(dims) > LEVELS or len(dims) < 2:
        return None
    dims = [(1, [0] * len(lines))] * (LEVELS - len(dims)) + dims
    steps = [step for k in range(len(lines)) for _, line in dims for step in (line[k],)]
    return shape, steps, [n for n, _ in dims]


def row_major(shape: tuple[int, ...], lines: list[list[int]]) -> bool:
    """Whether NumPy's result for operands of these strides is row-major: where they disagree, it is."""
    for outer, inner in combinations([d for d, n in enumerate(shape) if n > 1], 2):
        both = [(abs(line[outer]), abs(line[inner])) for line in lines if line[outer] and line[inner]]
        if both and all(a < b for a, b in both):
            return False
    return True
