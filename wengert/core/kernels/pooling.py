"""Calls of the kernels of pooling with NumPy arrays (N, C, *spatial), and the tests that they must pass.

What windows take along a dim is said by a tuple: (size, kernel, stride, padding, dilation, count), or (size, count)
for windows that cover the dim evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np

from wengert.core.arrays import pooling as plain
from wengert.core.kernels.pools import LARGEST, PUT, SUMS, largest_text, put_text, sums_text, values_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

Spans = tuple[tuple[int, ...], ...]

WORK = 1 << 14
"""Elements of a piece, about."""

BEHIND = 16
"""Entries behind a table that a last vector may read."""

OUTSIDE = -(1 << 30)
"""The entry of what is no element."""

SEVERAL = 128
"""Outputs up to which sums of several planes are taken together, so that vectors are full."""


def reached(span: tuple[int, ...]) -> Any:
    """The elements (k, count) that windows take along a dim; -1 for none."""
    if len(span) == 2:
        size, count = span
        begin = np.arange(count) * size // count
        end = -(-(np.arange(count) + 1) * size // count)
        found = begin + np.arange(max(int((end - begin).max()), 1))[:, None]
        return np.where(found < end, found, -1)
    size, kernel, stride, padding, dilation, count = span
    found = np.arange(count) * stride - padding + dilation * np.arange(kernel)[:, None]
    return np.where((found >= 0) & (found < size), found, -1)


def clamped(found: Any) -> Any:
    """The same with an element of the same window in place of none: the first, or the last."""
    if found.min() >= 0:
        return found
    last = np.maximum.accumulate(found, 0)
    later = np.where(found < 0, 1 << 40, found)
    return np.where(last >= 0, last, np.minimum.accumulate(later[::-1], 0)[::-1])


def turned(found: Any, size: int) -> Any:
    """For each element of a dim the windows that take it: (most, size), -1 for none."""
    k, count = np.nonzero(found >= 0)
    at = found[k, count]
    order = np.lexsort((count, at))
    at, count = at[order], count[order]
    rank = np.arange(len(at)) - np.searchsorted(at, at)
    result = np.full((int(rank.max(initial=0)) + 1, size), -1)
    result[rank, at] = count
    return result


@lru_cache(maxsize=16)
def tables(spans: Spans, way: str, many: int = 1) -> tuple[Any, Any] | None:
    """Rows and columns for windows; way: "largest", "sums" or "back"; for `many` planes at once.  None: no tables."""
    found = [reached(span) for span in spans]
    source = [span[0] for span in spans]
    if way == "largest":
        found = [clamped(x) for x in found]
        if max(x.max(initial=0) for x in found) >= 1 << 40:
            return None  # a window without any element
    elif way == "back":
        found = [turned(x, size) for x, size in zip(found, source, strict=True)]
        source = [span[-1] for span in spans]
    hops = [prod(source[i + 1 :]) for i in range(len(source))]
    shape = tuple([x.shape[1] for x in found])
    rows: Any = (np.arange(many) * prod(source)).reshape(1, many, *(1,) * len(shape))
    for i, (x, hop) in enumerate(zip(found[:-1], hops, strict=False)):
        part = np.where(x < 0, OUTSIDE, x * hop).reshape(len(x), 1, *(1,) * i, -1, *(1,) * (len(shape) - i - 1))
        rows = (rows[:, None] + part[None]).reshape(-1, *np.broadcast_shapes(rows.shape[1:], part.shape[1:]))
    columns = np.where(found[-1] < 0, OUTSIDE, found[-1]).reshape(len(found[-1]), *(1,) * len(shape), shape[-1])
    return filled(np.maximum(rows, OUTSIDE), (many, *shape)), filled(columns, (many, *shape))


def filled(table: Any, shape: tuple[int, ...]) -> Any:
    """A table of all outputs in rows, with entries behind."""
    lines = np.broadcast_to(table, (len(table), *shape)).reshape(-1)
    return np.concatenate([lines, np.zeros(BEHIND, lines.dtype)]).astype(np.int32)


def some(volume: int, places: int) -> int:
    """Planes of a piece."""
    return max(1, WORK // max(volume, places, 1))


class Plan(NamedTuple):
    """What a kernel of windows is given besides arrays of elements; `size` of its results."""

    size: tuple[int, ...]
    rest: tuple[Any, ...]


@lru_cache(maxsize=64)
def plan(spans: Spans, way: str, planes: int) -> Plan | None:
    """The plan for so many planes; None where there are no tables."""
    back = way == "back"
    size, source = [tuple([span[k] for span in spans]) for k in ((0, -1) if back else (-1, 0))]
    places, volume, many = prod(size), prod(source), 1
    if way != "largest":
        many = gcd(planes, 1 << max(0, (SEVERAL // places).bit_length() - 1))
    given = tables(spans, way, many)
    if given is None:
        return None
    places, volume = places * many, volume * many
    tall, wide = [(len(table) - BEHIND) // places for table in given]
    return Plan(size, (*given, planes // many, volume, places, tall, wide, some(volume, places)))


def largest(run: Any) -> Callable[..., Any]:
    """Largest elements of windows, and their indices; None where there is no table."""

    def call(x: Any, spans: Spans) -> Any:
        n, c = x.shape[:2]
        found = plan(spans, "largest", n * c)
        if found is None:
            return None
        shape = (n, c, *found.size)
        out, index = np.empty(shape, x.dtype), np.empty(shape, np.int64)
        run(np.ascontiguousarray(x), out, *found.rest, index)
        return out, index

    return call


def largest_values(run: Any) -> Callable[..., Any]:
    """Largest elements of windows."""

    def call(x: Any, spans: Spans) -> Any:
        n, c = x.shape[:2]
        found = plan(spans, "largest", n * c)
        if found is None:
            return None
        out = np.empty((n, c, *found.size), x.dtype)
        run(np.ascontiguousarray(x), out, *found.rest, out)
        return out, None

    return call


def window_sums(run: Any) -> Callable[..., Any]:
    """Sums of windows over shares (a number, or what broadcasts to outputs); back: the transpose of sums."""

    def call(x: Any, spans: Spans, shares: Any, back: bool) -> Any:
        n, c = x.shape[:2]
        found = plan(spans, "back" if back else "sums", n * c)
        assert found is not None
        places = found.rest[4]
        if shares.__class__ is np.ndarray:
            parts = np.ones(places + BEHIND, x.dtype)
            parts[:places].reshape(-1, *found.size)[...] = shares
        else:
            parts = same(places + BEHIND, shares, x.dtype)
        out = np.empty((n, c, *found.size), x.dtype)
        run(np.ascontiguousarray(x), out, *found.rest, parts)
        return out

    return call


@lru_cache(maxsize=16)
def same(count: int, share: float, dtype: Any) -> Any:
    """One share for all."""
    return np.full(count, share, dtype)


def put_back(run: Any) -> Callable[..., Any]:
    """Zeros (N, C, *size) with the elements of g added up at their indices; None if one is outside."""

    def call(g: Any, index: Any, size: tuple[int, ...]) -> Any:
        out, trouble = np.empty((*g.shape[:2], *size), g.dtype), np.zeros(1, np.int64)
        count, volume = g.shape[0] * g.shape[1], prod(size)
        places = g.size // count
        g, index = np.ascontiguousarray(g), np.ascontiguousarray(index)
        run(g, out, index, trouble, count, volume, places, some(volume, places))
        return None if trouble[0] else out

    return call


# ---------------------------------------------------------------- trials

CASES = (
    # (N, C), then per dim (size, kernel, stride, padding, dilation, count) or (size, count)
    ((1, 1), ((5, 2, 2, 0, 1, 2), (7, 2, 2, 0, 1, 3))),
    ((2, 3), ((28, 2, 2, 0, 1, 14), (28, 2, 2, 0, 1, 14))),
    ((3, 2), ((9, 3, 2, 1, 1, 5), (33, 3, 2, 1, 1, 17))),
    ((2, 2), ((10, 3, 1, 1, 1, 10), (70, 2, 3, 0, 1, 24))),
    ((1, 2), ((11, 3, 2, 1, 1, 6), (13, 3, 3, 1, 2, 4))),
    ((4, 3), ((1, 1, 1, 0, 1, 1), (50, 4, 2, 2, 1, 26))),
    ((2, 2), ((6, 2, 2, 0, 1, 3), (5, 3, 1, 1, 1, 5), (9, 3, 2, 1, 1, 5))),
    ((2, 9), ((10, 4), (7, 3))),
    ((64, 4), ((7, 7, 7, 0, 1, 1), (7, 7, 7, 0, 1, 1))),
    ((3, 70), ((6, 2), (17, 17))),
)


def drawn(rng: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers with equals, infinities and nan among them."""
    x = rng.integers(-3, 4, shape).astype(dtype)
    for value in (np.inf, -np.inf, np.nan):
        x[rng.random(shape) < 0.05] = value
    return x


def shape_of(case: Any) -> tuple[int, ...]:
    """The shape of a case's input."""
    return (*case[0], *[span[0] for span in case[1]])


def window_by_window(x: Any, spans: Spans) -> tuple[Any, Any]:
    """Largest elements and their indices, found one by one."""
    lines = [reached(span) for span in spans]
    flat, size = x.reshape(*x.shape[:2], -1), x.shape[2:]
    shape = (*x.shape[:2], *[span[-1] for span in spans])
    out, index = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    for output in np.ndindex(shape[2:]):
        taken = np.ix_(*[line[line[:, o] >= 0, o] for line, o in zip(lines, output, strict=True)])
        places = np.ravel_multi_index(np.broadcast_arrays(*taken), size).reshape(-1)
        values = flat[:, :, places]
        lost = np.isnan(values)
        last = len(places) - 1 - lost[..., ::-1].argmax(-1)
        at = np.where(lost.any(-1), last, np.where(lost, -np.inf, values).argmax(-1))
        out[(..., *output)] = np.take_along_axis(values, at[..., None], -1)[..., 0]
        index[(..., *output)] = places[at]
    return out, index


def try_largest(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted; indices as numbers."""
    x = drawn(rng, shape_of(case), dtype)
    found, wanted = call(x, case[1]), window_by_window(x, case[1])
    return tuple([a.astype(np.float64) for a in found]), tuple([a.astype(np.float64) for a in wanted])


def try_values(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, of an input that is not contiguous."""
    x = drawn(rng, shape_of(case)[::-1], dtype).T
    return call(x, case[1])[0], window_by_window(x, case[1])[0]


def try_sums(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, both ways."""
    spans = case[1]
    x, size = drawn(rng, shape_of(case), dtype), tuple([span[-1] for span in spans])
    shares, g = rng.integers(1, 5, size).astype(dtype), rng.standard_normal((*case[0], *size)).astype(dtype)
    wide, sums, spread = x.astype(np.float64), np.zeros(g.shape), np.zeros(x.shape)
    lines = [reached(span) for span in spans]
    for output in np.ndindex(size):
        taken = np.ix_(*[line[line[:, o] >= 0, o] for line, o in zip(lines, output, strict=True)])
        sums[(..., *output)] = wide[(..., *taken)].sum(tuple(range(2, x.ndim)))
        spread[(..., *taken)] += g[(..., *output)].reshape(*case[0], *(1,) * len(spans)) / 4.0
    found = call(x, spans, shares, False), call(g, spans, 4.0, True)
    return found, ((sums / shares).astype(dtype), spread.astype(dtype))


def try_put(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, with an index that is outside once."""
    shape, spans = shape_of(case), case[1]
    g = drawn(rng, (*case[0], *[span[-1] for span in spans]), dtype)
    index = rng.integers(0, prod(shape[2:]), g.shape)
    wanted = plain.scattered(np, g, index, shape[2:], False)
    beyond = index.copy()
    beyond[-1, -1].reshape(-1)[-1] = (prod(shape[2:]), -1)[len(spans) % 2]
    refused = np.full((), call(g, beyond, shape[2:]) is None, dtype)
    return (call(g, index, shape[2:]), refused), (wanted, np.ones((), dtype))


CALLS: dict[str, Call] = {
    "largest": Call(largest_text, LARGEST, largest, try_largest, CASES, 1),
    "largest_values": Call(values_text, LARGEST, largest_values, try_values, CASES, 1),
    "window_sums": Call(sums_text, SUMS, window_sums, try_sums, CASES, 30),
    "put_back": Call(put_text, PUT, put_back, try_put, CASES, 30),
}
