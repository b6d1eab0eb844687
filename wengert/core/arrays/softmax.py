"""Softmax, its logarithm and their gradients along the last dim of large arrays, band by band in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from wengert.core.arrays.normalisation import row_pairs, row_steps, spread

LARGE = 1 << 13
"""From this size on bands are the way."""

SAFE = 60.0
"""Exponentials of numbers up to this size need no maximum taken off: their sums neither overflow nor vanish."""


def by_rows(x: Any, dim: int) -> bool:
    """Whether an array is large, and its rows are what is summed over."""
    return x.size >= LARGE and dim == x.ndim - 1 and x.shape[dim] >= 8 and x.flags.c_contiguous


class Bands:
    """Bands of rows of a matrix, with room for one more matrix of a band's size."""

    def __init__(self, np: Any, x: Any) -> None:
        self.np, self.width = np, x.shape[-1]
        self.rows = prod(x.shape[:-1])
        self.step = min(row_steps(self.rows, self.width).step, self.rows)
        self.room = np.empty((self.step, self.width), dtype=x.dtype)
        self.factors = np.zeros((2, self.step), dtype=x.dtype)
        self.constant = row_pairs(np, 1, 0, self.width, x.dtype)

    def __iter__(self) -> Iterator[slice]:
        for start in range(0, self.rows, self.step):
            yield slice(start, start + self.step)

    def wide(self, values: Any) -> Any:
        """A number per row at every place of the rows."""
        factors = self.factors[:, : len(values)]
        factors[0] = values
        return spread(self.np, factors, self.constant, self.room[: len(values)])

    def sums(self, matrix: Any) -> Any:
        """Sums of rows."""
        return self.np.matmul(matrix, self.constant[0])

    def matrices(self, *arrays: Any) -> list[Any]:
        """Arrays as matrices of their rows."""
        return [a.reshape(self.rows, self.width) for a in arrays]


def softmax(np: Any, x: Any) -> Any:
    """exp(x) / sum(exp(x)) along the last dim."""
    out, bands = np.empty(x.shape, dtype=x.dtype), Bands(np, x)
    values, into = bands.matrices(x, out)
    for band in bands:
        given, part = values[band], into[band]
        if given.min() >= -SAFE and given.max() <= SAFE:
            np.exp(given, out=part)
        else:
            np.subtract(given, given.max(axis=1, keepdims=True), out=part)
            np.exp(part, out=part)
        part *= bands.wide(1 / bands.sums(part))
    return out


def log_softmax(np: Any, x: Any) -> Any:
    """x - log(sum(exp(x))) along the last dim."""
    out, bands = np.empty(x.shape, dtype=x.dtype), Bands(np, x)
    values, into = bands.matrices(x, out)
    for band in bands:
        given, part = values[band], into[band]
        np.subtract(given, bands.wide(given.max(axis=1)), out=part)
        part -= bands.wide(np.log(bands.sums(np.exp(part, out=bands.room[: len(part)]))))
    return out


def softmax_gradient(np: Any, g: Any, out: Any) -> Any:
    """out (g - sum(g out)) along the last dim."""
    found, bands = np.empty(out.shape, dtype=out.dtype), Bands(np, out)
    given, values, into = bands.matrices(g, out, found)
    for band in bands:
        part = np.multiply(given[band], values[band], out=into[band])
        wide = bands.wide(bands.sums(part))
        wide *= values[band]
        part -= wide
    return found


def log_softmax_gradient(np: Any, g: Any, out: Any) -> Any:
    """g - exp(out) sum(g) along the last dim."""
    found, bands = np.empty(out.shape, dtype=out.dtype), Bands(np, out)
    given, values, into = bands.matrices(g, out, found)
    for band in bands:
        part = np.exp(values[band], out=into[band])
        part *= bands.wide(bands.sums(given[band]))
        np.subtract(given[band], part, out=part)
    return found
