"""Calls of the kernel of matrix products with NumPy arrays, and the test that it must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels import threads
from wengert.core.kernels.matrices import ARGUMENTS, product_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS", "product"]

LOOSE = 1 << 14
"""Elements of B from which its parts are copied together: below, they lie in the nearest cache anyway."""

FEW, TALL, NARROW = 12, 48, 128
"""Rows of a piece from which copying pays: for rows of B that lie far apart, for those that do not, and how long these
are."""

PIECES = 8
"""Pieces that a product is cut into at least if it has the rows, for threads."""

ROWS = 258
"""Rows of a piece at most: with so many, the price of copying B together is small, and A still fits the cache."""

WIDTH = 64
"""Columns of a panel, about."""


NONE = np.zeros(1)
"""What stands for a bias that there is not."""


def strides_of(x: Any) -> tuple[int, int, int]:
    """Distances of matrices, rows and columns in elements."""
    size = x.itemsize
    apart, down, along = x.strides
    return apart // size, down // size, along // size


def product(run: Any) -> Callable[..., Any]:
    """a @ b (+ bias) of (count, m, k) and (count, k, n) in any layout; a dim of stride 0 may repeat one matrix.

    lead: what stands for `count` in the result's shape; () for the product of two matrices.
    """

    def call(a: Any, b: Any, bias: Any = None, lead: tuple[int, ...] = ()) -> Any:
        size = a.itemsize
        if b.strides[1] != size and b.strides[2] != size:
            b = np.ascontiguousarray(b)
        count, m, k = a.shape
        n = b.shape[2]
        out = np.empty((*lead, m, n), a.dtype)  # not a view: who is handed it may keep it
        if not k:
            out[...] = 0 if bias is None else bias
            return out
        straight = b.strides[2] == size
        across = 1 + n // WIDTH
        alone = threads.count() == 1  # no threads to share with: as few pieces as the cache allows
        rows = ROWS if alone else min(ROWS, max(48, -(-m * count * across // PIECES // 6) * 6))
        rows = -(-m // -(-m // rows) // 6) * 6  # no short piece at the end
        least = FEW if n > NARROW else TALL
        pack = not straight or (k * n > LOOSE and rows > least)
        panels = across if alone else max(1, -(-m // rows) * across * count // (4 * threads.count()))
        a_next, ars, acs = strides_of(a)
        b_next, brs, bcs = strides_of(b)
        shift = NONE if bias is None else np.ascontiguousarray(bias)
        run(
            out, a, b, count, m, n, k, m * n, a_next, b_next, n, ars, acs, brs, 1 if straight else bcs, int(pack), rows,
            panels, shift, int(bias is not None),
        )  # fmt: skip
        return out

    return call


CASES = (
    # count, m, n, k
    (1, 1, 1, 1), (2, 5, 7, 3), (1, 6, 64, 10), (1, 7, 65, 513), (1, 100, 130, 1030), (3, 13, 48, 600),
    (1, 97, 33, 20), (2, 2, 100, 5), (5, 50, 17, 1), (1, 64, 128, 200), (1, 1, 300, 70), (4, 30, 1, 90),
)  # fmt: skip


def try_product(call: Any, rng: Any, case: Any, dtype: Any, draw: Any = None) -> tuple[Any, Any]:
    """Found and wanted, for all layouts of both; draw(shape) makes operands, normal numbers unless given."""
    count, m, n, k = case
    found, wanted = [], []
    draw = draw or (lambda shape: rng.standard_normal(shape).astype(dtype))
    for turned in range(8):
        a = draw((count, m, k) if turned & 1 else (count, k, m))
        b = draw((count, k, n) if turned & 2 else (count, n, k))
        a, b = a if turned & 1 else a.swapaxes(1, 2), b if turned & 2 else b.swapaxes(1, 2)
        if turned & 4:
            b = np.broadcast_to(b[:1], b.shape)
        bias = rng.standard_normal(n).astype(dtype) if turned & 1 else None
        found.append(call(a, b, bias, (count,)))
        right = np.matmul(a.astype(np.float64), b.astype(np.float64))
        wanted.append((right if bias is None else right + bias).astype(dtype))
    return tuple(found), tuple(wanted)


CALLS: dict[str, Call] = {"product": Call(product_text, ARGUMENTS, product, try_product, CASES, 100)}
