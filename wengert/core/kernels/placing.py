"""Kernels of elements taken from, put or added at places along one dim, as functions of arrays; their trials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert.core.kernels import threads
from wengert.core.kernels.host import Target
from wengert.core.kernels.places import TAKING, WRITING, adding_text, gather_text, lines_text, writing_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

TAKEN = 1 << 14
"""Elements of a piece, about."""

NARROW = 64
"""Columns of a piece, at least, where the columns are shared out."""

Extents = tuple[int, int, int, int]
"""outer, size, n, inner."""


def gather(run: Any) -> Callable[..., Any]:
    """x[o, index[o, j, i], i] of contiguous arrays, in the shape of index; None if a place is outside."""

    def call(x: Any, index: Any, extents: Extents) -> Any:
        out, flag = np.empty(index.shape, x.dtype), np.zeros(1, np.int64)
        run(out, x, index, flag, *extents, max(1, TAKEN // extents[3]), 0)
        return None if flag[0] else out

    return call


def lines(run: Any) -> Callable[..., Any]:
    """x[o, index[j]] of a contiguous array, in a shape; every place is within it."""

    def call(x: Any, index: Any, shape: Any, extents: Extents) -> Any:
        out = np.empty(shape, x.dtype)
        run(out, x, index, index, *extents, max(1, TAKEN // extents[3]), 1)
        return out

    return call


def shares(extents: Extents) -> tuple[int, int]:
    """Lines of outer, and columns of inner, that are one thread's at a time: no result depends on them."""
    outer, size, n, inner = extents
    helpers, block = threads.count(), inner
    if outer < 4 * helpers and inner >= 2 * NARROW:
        block = max(NARROW, -(-inner // helpers // NARROW) * NARROW)
    return max(1, TAKEN // (max(size, n) * block)), block


def writing(run: Any) -> Callable[..., Any]:
    """A copy of start (None: zeros) in a shape, written at index; None if a place is outside.

    index: (outer, n, inner), or where inner is 1 a vector of n places (shared).  All is contiguous and of one dtype.
    """

    def call(start: Any, index: Any, given: Any, shape: Any, extents: Extents, shared: bool = False) -> Any:
        out, flag = np.empty(shape, given.dtype), np.zeros(1, np.int64)
        begun = start is not None
        run(out, start if begun else out, index, given, flag, *extents, *shares(extents), int(begun), int(shared))
        return None if flag[0] else out

    return call


def adding(run: Any) -> Callable[..., Any]:
    """A copy of start (None: zeros) in a shape, with given[o, j] added at index[j], a vector of places within it."""

    def call(start: Any, index: Any, given: Any, shape: Any, extents: Extents) -> Any:
        out = np.empty(shape, given.dtype)
        _, size, _, inner = extents
        # Every piece reads the whole index, which must stay little beside what it adds.
        pieces = min(-(-size * inner // TAKEN), max(inner // 8, threads.count()))
        begun = start is not None
        sizes = (*extents, -(-size // pieces), inner, int(begun), 1)
        run(out, start if begun else out, index, given, index, *sizes)
        return out

    return call


CASES: tuple[Extents, ...] = (
    # outer, size, n, inner
    (1, 1, 1, 1), (3, 5, 9, 1), (1, 40, 100, 1), (200, 6, 3, 1), (2, 7, 5, 3), (1, 9, 30, 70), (1, 50, 20, 300),
    (33, 4, 6, 5), (1, 20, 2, 20000),
)  # fmt: skip


def drawn(rng: Any, case: Extents, dtype: Any) -> tuple[Any, Any, Any]:
    """An array, an index of as many dims, and what may be moved to it."""
    outer, size, n, inner = case
    x = rng.standard_normal((outer, size, inner)).astype(dtype)
    index = rng.integers(0, size, (outer, n, inner))
    return x, index, rng.standard_normal((outer, n, inner)).astype(dtype)


def spoilt(rng: Any, index: Any, size: int) -> list[Any]:
    """Copies of an index with one place outside."""
    found = []
    for bad in (-1, size, -(1 << 63), (1 << 63) - 1):
        wrong = index.copy()
        wrong.reshape(-1)[rng.integers(index.size)] = bad
        found.append(wrong)
    return found


def answers(results: list[Any]) -> tuple[Any, Any]:
    """Whether each is None, as numbers found and wanted."""
    return np.array([float(r is not None) for r in results]), np.zeros(len(results))


def try_gather(call: Any, rng: Any, case: Extents, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted: elements, and places outside."""
    x, index, _ = drawn(rng, case, dtype)
    refused = answers([call(x, wrong, case) for wrong in spoilt(rng, index, case[1])])
    return (refused[0], call(x, index, case)), (refused[1], np.take_along_axis(x, index, 1))


def try_lines(call: Any, rng: Any, case: Extents, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x, index, given = drawn(rng, case, dtype)
    vector = index[0, :, 0].copy()
    return call(x, vector, given.shape, case), x.take(vector, 1)


def try_writing(action: str, call: Any, rng: Any, case: Extents, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, from a start and from zeros; for sums by a vector too."""
    start, index, given = drawn(rng, case, dtype)
    if action == "count":
        whole = np.int32 if dtype == np.float32 else np.int64
        start, given = (start * 100).astype(whole), (given * 100).astype(whole)
    if action == "fill":
        given = given.reshape(-1)[:1].copy()
    refused = answers([call(start, wrong, given, start.shape, case) for wrong in spoilt(rng, index, case[1])])
    found, wanted = [refused[0]], [refused[1]]
    key = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    key[1] = index
    for begin in (start, None):
        found.append(call(begin, index, given, start.shape, case).astype(dtype))
        wanted.append(written(action, begin, start, tuple(key), given).astype(dtype))
    if action == "add" and case[3] == 1:
        vector = index[0, :, 0].copy()
        found.append(call(None, vector, given, start.shape, case, True))
        wanted.append(lines_added(None, vector, given, start).astype(dtype))
    return tuple(found), tuple(wanted)


def lines_added(begin: Any, vector: Any, given: Any, like: Any) -> Any:
    """What NumPy makes of lines added by a vector."""
    out = np.zeros(like.shape) if begin is None else begin.astype(np.float64)
    np.add.at(out.swapaxes(0, 1), vector, given.swapaxes(0, 1))
    return out


def try_adding(call: Any, rng: Any, case: Extents, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, from a start and from zeros."""
    start, index, given = drawn(rng, case, dtype)
    vector = index[0, :, 0].copy()
    found = [call(begin, vector, given, start.shape, case) for begin in (start, None)]
    return tuple(found), tuple([lines_added(begin, vector, given, start).astype(dtype) for begin in (start, None)])


def written(action: str, begin: Any, like: Any, key: Any, given: Any) -> Any:
    """What NumPy makes of it."""
    out = np.zeros_like(like) if begin is None else begin.copy()
    if action in ("add", "count"):
        np.add.at(out, key, given)
    else:
        out[key] = given
    return out


def write_call(action: str) -> Call:
    """The kernel of an action."""
    return Call(WRITERS[action], WRITING, writing, partial(try_writing, action), CASES, 10)


def add_text(target: Target, dtype: str) -> tuple[str, str]:
    """Floating numbers added."""
    return writing_text(target, dtype, "add")


def count_text(target: Target, dtype: str) -> tuple[str, str]:
    """Whole numbers, of as many bytes, added."""
    return writing_text(target, dtype, "count")


def put_text(target: Target, dtype: str) -> tuple[str, str]:
    """Elements put: of places named twice the last one wins."""
    return writing_text(target, dtype, "put")


def fill_text(target: Target, dtype: str) -> tuple[str, str]:
    """One element put everywhere."""
    return writing_text(target, dtype, "fill")


WRITERS = {"add": add_text, "count": count_text, "put": put_text, "fill": fill_text}

CALLS: dict[str, Call] = {
    "gather": Call(gather_text, TAKING, gather, try_gather, CASES, 1),
    "lines": Call(lines_text, TAKING, lines, try_lines, CASES, 1),
    "add_lines": Call(adding_text, WRITING, adding, try_adding, CASES, 10),
    **{f"scatter_{action}": write_call(action) for action in WRITERS},
}
"""Name -> kernel."""
