"""Kernels of elements by a mask and of triangles as functions of arrays; their trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels.masks import (
    COUNTING,
    CUTTING,
    FINDING,
    PICKING,
    counts_text,
    picked_text,
    places_text,
    spaced_text,
    triangle_text,
)
from wengert.core.kernels.trials import Call

__all__ = ["CALLS", "SOME", "leads_of"]

SOME = 1 << 14
"""Elements of a piece."""


def counts(run: Any) -> Callable[..., Any]:
    """Where each piece of a contiguous mask begins among its true elements, and how many there are at the end."""

    def call(mask: Any) -> Any:
        starts = np.zeros(-(-mask.size // SOME) + 1, np.int64)
        run(starts[1:], mask, mask.size, SOME)
        return starts.cumsum()

    return call


def leads_of(shape: Any) -> Any:
    """All positions in the dims but the last, a row each."""
    if len(shape) == 2:
        return np.arange(shape[0])
    grid = np.indices(shape[:-1]).reshape(len(shape) - 1, -1)
    return np.ascontiguousarray(grid.T)


def places(run: Any) -> Callable[..., Any]:
    """The positions (count, ndim) of the true elements of a contiguous mask, given what `counts` found."""

    def call(mask: Any, starts: Any) -> Any:
        dims = mask.ndim
        out = np.empty((int(starts[-1]), dims), np.int64)
        run(out, mask, starts, leads_of(mask.shape) if dims > 1 else starts, mask.size, mask.shape[-1], dims, SOME)
        return out

    return call


def picked(run: Any) -> Callable[..., Any]:
    """x[mask] of contiguous arrays of one shape."""

    def call(x: Any, mask: Any, starts: Any) -> Any:
        out = np.empty(int(starts[-1]), x.dtype)
        run(out, x, mask, starts, mask.size, SOME)
        return out

    return call


def spaced(run: Any) -> Callable[..., Any]:
    """Zeros with the elements of x, as many as the mask has true ones (one or more), where the mask is true."""

    def call(x: Any, mask: Any, starts: Any) -> Any:
        out = np.empty(mask.shape, x.dtype)
        run(out, x, mask, starts, mask.size, SOME)
        return out

    return call


def triangle(run: Any) -> Callable[..., Any]:
    """The lower or upper triangle of contiguous matrices."""

    def call(x: Any, diagonal: int, lower: bool) -> Any:
        out = np.empty(x.shape, x.dtype)
        rows, columns = x.shape[-2:]
        diagonal = max(-rows, min(diagonal, columns))
        run(out, x, x.size // columns, rows, columns, diagonal, int(lower), max(1, SOME // columns))
        return out

    return call


SHAPES = ((1,), (40,), (40000,), (3, 5), (130, 300), (5, 40000), (3, 4, 17), (9, 5, 3, 2), (30000, 1))
SHARES = (0.02, 0.5, 1.0)
MASKS = tuple((shape, share) for shape in SHAPES for share in SHARES)
"""Shape, share of true elements."""

MATRICES = ((1, 1), (5, 7), (70, 33), (3, 20, 20), (2, 3, 4, 9), (40, 1), (300, 200))


def drawn(rng: Any, case: Any) -> tuple[Any, Any]:
    """A mask with one true element or more, and where its pieces begin."""
    shape, share = case
    mask = rng.random(shape) < share
    mask.reshape(-1)[rng.integers(mask.size)] = True
    flat = mask.reshape(-1)
    ends = [int(flat[: k + SOME].sum()) for k in range(0, flat.size, SOME)]
    return mask, np.array([0, *ends])


def try_counts(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    mask, starts = drawn(rng, case)
    return call(mask).astype(np.float64), starts.astype(np.float64)


def try_places(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    mask, starts = drawn(rng, case)
    return call(mask, starts).astype(np.float64), np.argwhere(mask).astype(np.float64)


def try_picked(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    mask, starts = drawn(rng, case)
    x = rng.standard_normal(mask.shape).astype(dtype)
    return call(x, mask, starts), x[mask]


def try_spaced(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    mask, starts = drawn(rng, case)
    x = rng.standard_normal(int(starts[-1])).astype(dtype)
    out = np.zeros(mask.shape, dtype)
    out[mask] = x
    return call(x, mask, starts), out


def try_triangle(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for diagonals on all sides."""
    x = rng.standard_normal(case).astype(dtype)
    found, wanted = [], []
    for diagonal in (0, 1, -1, 3, -4, 10**6, -(10**6)):
        for lower in (True, False):
            found.append(call(x, diagonal, lower))
            wanted.append((np.tril if lower else np.triu)(x, max(-(10**4), min(diagonal, 10**4))))
    return tuple(found), tuple(wanted)


CALLS: dict[str, Call] = {
    "counts": Call(counts_text, COUNTING, counts, try_counts, MASKS, 1),
    "places": Call(places_text, FINDING, places, try_places, MASKS, 1),
    "picked": Call(picked_text, PICKING, picked, try_picked, MASKS, 1),
    "spaced": Call(spaced_text, PICKING, spaced, try_spaced, MASKS, 1),
    "triangle": Call(triangle_text, CUTTING, triangle, try_triangle, MATRICES, 1),
}
"""Name -> kernel."""
