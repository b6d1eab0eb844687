"""Text of Winograd's transforms: tiles of images and 3 x 3 weights to 6 x 6 numbers, and sums of their products back.

A result of 4 in a row needs 6 inputs and 3 weights: both are polynomials, their product is found from 6 products at
the points 0, +-1/sqrt 2, +-sqrt 2 and infinity.  These points round much less than 0, +-1, +-2.  In two dims both
rows and columns are transformed.  The gradient of a weight needs the transposes.

Source: Lavin & Gray 2016, Fast Algorithms for Convolutional Neural Networks; the matrices are Toom's and Cook's.
"""

from __future__ import annotations

from collections.abc import Sequence

from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Block

__all__ = ["GRADIENT", "INWARD", "OUTWARD", "POSITIONS", "WEIGHT", "WEIGHT_BACK", "gathered", "spread"]

ROOT = 2**0.5

OUTWARD = (
    (1.0, 0.0, -2.5, 0.0, 1.0, 0.0),
    (0.0, -ROOT, -2.0, ROOT / 2, 1.0, 0.0),
    (0.0, -ROOT / 2, -0.5, ROOT, 1.0, 0.0),
    (0.0, 1.0, 0.0, -2.5, 0.0, 1.0),
)
"""6 inputs -> 6 numbers: rows of the points 0, 1/sqrt 2, sqrt 2 and infinity.

The row of -p is that of p with the odd columns negative.
"""

INWARD = ((1.0, 1.0, 1.0, 0.0), (0.0, ROOT / 2, ROOT, 0.0), (0.0, 0.5, 2.0, 0.0), (0.0, ROOT / 4, 2 * ROOT, 1.0))
"""6 numbers -> 4 results: columns of the points 0, 1/sqrt 2, sqrt 2 and infinity; that of -p as above."""

WEIGHT = ((1.0, 0.0, 0.0), (-2 / 3, -ROOT / 3, -1 / 3), (1 / 6, ROOT / 6, 1 / 3), (0.0, 0.0, 1.0))
"""3 weights -> 6 numbers, in the rows of `OUTWARD`."""

GRADIENT = tuple(zip(*INWARD, strict=True))
"""4 gradients of results -> 6 numbers."""

WEIGHT_BACK = tuple(zip(*WEIGHT, strict=True))
"""6 sums -> 3 gradients of weights."""

POSITIONS = 36
"""Numbers of a tile."""


def combined(b: Block, factors: Sequence[float], xs: Sequence[str]) -> str:
    """The sum of factors times values."""
    terms = sorted(((c, x) for c, x in zip(factors, xs, strict=True) if c), key=lambda term: term[0] != 1)
    (first, x), *rest = terms
    total = x if first == 1 else b.mul(x, first)
    for c, x in rest:
        total = b.add(total, x) if c == 1 else b.fma(x, c, total)
    return total


def outward(b: Block, matrix: Sequence[Sequence[float]], xs: Sequence[str]) -> list[str]:
    """6 numbers of the values xs; a row and that of the opposite point share their even and odd halves."""
    found = []
    for row in matrix[1:3]:
        even = combined(b, row[::2], xs[::2])
        odd = combined(b, row[1::2], xs[1::2])
        found += [b.add(even, odd), b.sub(even, odd)]
    return [combined(b, matrix[0], xs), *found, combined(b, matrix[3], xs)]


def inward(b: Block, matrix: Sequence[Sequence[float]], xs: Sequence[str]) -> list[str]:
    """The results of 6 numbers: even rows need the sums of opposite points, odd rows the differences."""
    halves = [[xs[0], *[join(xs[i], xs[i + 1]) for i in (1, 3)], xs[5]] for join in (b.add, b.sub)]
    return [combined(b, row, halves[i % 2]) for i, row in enumerate(matrix)]


def spread(target: Target, dtype: str, name: str, matrix: Sequence[Sequence[float]]) -> Block:
    """`name(to, apart, from, row, column, channels)`: one tile to 36 numbers that lie `apart`."""
    b = Block(target, dtype, head=f"define internal void @{name}(ptr %to, i64 %apart, ptr %from, i64 %row, "
              "i64 %column, i64 %channels)")  # fmt: skip
    size = len(matrix[0])
    starts = [[b.offset("%from", b.long("add", b.long("mul", "%row", i), b.long("mul", "%column", j)), dtype)
               for j in range(size)] for i in range(size)]  # fmt: skip
    ends = [b.offset("%to", b.long("mul", "%apart", p), dtype) for p in range(POSITIONS)]

    def step(c: str) -> None:
        lines = [outward(b, matrix, [b.load(b.offset(at, c, dtype)) for at in row]) for row in starts]
        for j in range(6):
            for i, value in enumerate(outward(b, matrix, [line[j] for line in lines])):
                b.store(value, b.offset(ends[6 * i + j], c, dtype))

    b.loop("0", "%channels", b.lanes, step)
    b.do("ret void")
    return b


def gathered(target: Target, dtype: str, name: str, matrix: Sequence[Sequence[float]], biased: bool) -> Block:
    """`name(to, row, column, from, apart, channels, bias, check)`: 36 numbers back to one tile.

    The corners of a tile depend on all of its numbers: 0 times them is added to `check`, to be nan if one is infinite.
    """
    b = Block(target, dtype, head=f"define internal void @{name}(ptr %to, i64 %row, i64 %column, ptr %from, "
              "i64 %apart, i64 %channels, ptr %bias, ptr %check)")  # fmt: skip
    size = len(matrix)
    starts = [b.offset("%from", b.long("mul", "%apart", p), dtype) for p in range(POSITIONS)]
    ends = [[b.offset("%to", b.long("add", b.long("mul", "%row", i), b.long("mul", "%column", j)), dtype)
             for j in range(size)] for i in range(size)]  # fmt: skip

    def step(c: str) -> None:
        columns = [
            inward(b, matrix, [b.load(b.offset(starts[6 * i + j], c, dtype)) for i in range(6)]) for j in range(6)
        ]
        shift = b.load(b.offset("%bias", c, dtype)) if biased else None
        rows = [inward(b, matrix, [column[i] for column in columns]) for i in range(size)]
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                b.store(b.add(value, shift) if biased else value, b.offset(ends[i][j], c, dtype))
        if biased:
            corners = b.add(b.add(rows[0][0], rows[0][-1]), b.add(rows[-1][0], rows[-1][-1]))
            b.store(b.fma(corners, 0.0, b.load("%check")), "%check")

    b.loop("0", "%channels", b.lanes, step)
    b.do("ret void")
    return b
