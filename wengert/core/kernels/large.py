"""Functions of large float32 and float64 arrays, by kernels once they are ready and by NumPy until then.

They take the places of NumPy's in `arrays/large.py`, where the hot paths call them.  Operands are plain arrays, or a
number as the second; what does not suit a kernel goes to NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays.large import LARGE as PLACES
from wengert.core.kernels.blas import gemm
from wengert.core.kernels.workshop import LARGE, Order, order

__all__ = ["FUNCTIONS", "Elementwise", "install", "rows_sum", "total"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
NARROW = 16
CHEAP = 65536
"""Elements from which threads pay for what memory limits: sums, products."""


class Elementwise:
    """One function: NumPy's, and the kernel that takes its place from `least` elements on.

    formula(m, operands...): the function in a namespace of expressions.
    """

    __slots__ = ("name", "plain", "formula", "count", "least", "order")

    def __init__(self, name: str, formula: Callable[..., Any], count: int, least: int = LARGE) -> None:
        self.name, self.formula, self.count, self.least = name, formula, count, least
        self.plain = getattr(PLACES, name)
        self.order: Order | None = None

    def __call__(self, x: Any, *others: Any) -> Any:
        if x.size >= self.least and (x.dtype is _F32 or x.dtype is _F64):
            placed = self.order
            if placed is None:
                placed = self.order = order(self.name, self.make)
            if placed.function is not None and all(y.__class__ is float or y.dtype is x.dtype for y in others):
                return placed.function(x, *others)
        return self.plain(x, *others)

    def make(self, factory: Any) -> Any:
        """The kernel, for both dtypes."""
        kernel = factory.elementwise(self.name, lambda xs: self.formula(factory.arrays, *xs), self.count)
        factory.accept(self.name, kernel, self.plain, self.count, ("float", "double"), (-4.0, 4.0))
        return kernel


FUNCTIONS: dict[str, Elementwise] = {
    f.name: f
    for f in (
        Elementwise("exp", lambda m, x: m.exp(x), 1),
        Elementwise("tanh", lambda m, x: m.tanh(x), 1),
        Elementwise("relu", lambda m, x: m.maximum(x, 0), 1, CHEAP),
        Elementwise("negative", lambda m, x: -x, 1, CHEAP),
        Elementwise("square", lambda m, x: x * x, 1, CHEAP),
        Elementwise("add", lambda m, x, y: x + y, 2, CHEAP),
        Elementwise("subtract", lambda m, x, y: x - y, 2, CHEAP),
        Elementwise("multiply", lambda m, x, y: x * y, 2, CHEAP),
        Elementwise("divide", lambda m, x, y: x / y, 2, CHEAP),
        Elementwise("tanh_slope", lambda m, g, out: g * (1 - out * out), 2),
        Elementwise("relu_slope", lambda m, g, out: m.where(out <= 0, 0, g), 2),
    )
}
"""The elementwise functions by name."""


_sums: dict[Any, Order] = {}
_total, _rows_sum = PLACES.total, PLACES.rows_sum


def summed(name: str, x: Any) -> Any:
    """A kernel of sums for x if it is ready, else None."""
    dtype = x.dtype
    if x.size < LARGE or not x.flags.c_contiguous or (dtype is not _F32 and dtype is not _F64):
        return None
    placed = _sums.get((name, dtype))
    if placed is None:
        placed = _sums[name, dtype] = order(name, lambda factory: factory.call(name, dtype))
    return placed.function


def total(x: Any) -> Any:
    """Sum of all elements, a scalar."""
    kernel = summed("total", x)
    return _total(x) if kernel is None else kernel(x)


def rows_sum(x: Any) -> Any:
    """Sum of the rows of a matrix."""
    kernel = summed("column_sum", x) if x.ndim == 2 and x.shape[1] >= NARROW else None
    return _rows_sum(x) if kernel is None else kernel(x)


def install() -> None:
    """Take the places of NumPy's functions."""
    for name, function in FUNCTIONS.items():
        setattr(PLACES, name, function)
    PLACES.total, PLACES.rows_sum, PLACES.dot = total, rows_sum, gemm
