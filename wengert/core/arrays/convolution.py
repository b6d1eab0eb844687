"""Convolution on arrays (N, C, *spatial): windows as a strided view, copied tile by tile, one product of matrices each.

A tile is as large as the processor's cache likes it (ROOM), so the copy of the windows costs a fraction of the
product.  Spatial sizes are tuples, one entry per dim; paddings are pairs (before, after) and may be negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from wengert.core.arrays.convolution_runs import (
    Shape,
    convolve_lines,
    convolve_runs,
    positions,
    runs_pay,
    spread_lines,
    weight_gradient_lines,
    weight_gradient_runs,
)
from wengert.core.arrays.strided import window

Pairs = tuple[tuple[int, int], ...]

ROOM = 1 << 19
"""Elements of the windows that are laid out at once."""

_ALL = slice(None)


def extent(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many places a kernel takes along one dim."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def padded(np: Any, x: Any, pairs: Pairs, value: Any = 0) -> Any:
    """x with `value` around its spatial dims; negative paddings cut off."""
    if not any(a or b for a, b in pairs):
        return x
    lead = x.ndim - len(pairs)
    cut = tuple([slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape[lead:], strict=True)])
    x = x[(_ALL,) * lead + cut]
    if not any(a > 0 or b > 0 for a, b in pairs):
        return x
    shape = tuple([n + max(a, 0) + max(b, 0) for (a, b), n in zip(pairs, x.shape[lead:], strict=True)])
    out = (
        np.zeros(x.shape[:lead] + shape, dtype=x.dtype)
        if value == 0
        else np.full(x.shape[:lead] + shape, value, x.dtype)
    )
    inside = tuple([slice(max(a, 0), max(a, 0) + n) for (a, _), n in zip(pairs, x.shape[lead:], strict=True)])
    out[(_ALL,) * lead + inside] = x
    return out


def windows(np: Any, x: Any, kernel: Shape, stride: Shape, dilation: Shape) -> Any:
    """All windows of (N, C, *spatial) as a view (N, C, *kernel, *places)."""
    places = tuple([extent(n, k, s, 0, d) for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)])
    own = x.strides
    steps = tuple([a * d for a, d in zip(own[2:], dilation, strict=True)])
    hops = tuple([a * s for a, s in zip(own[2:], stride, strict=True)])
    return window(np, x, (*x.shape[:2], *kernel, *places), (*own[:2], *steps, *hops))


def reached(position: Shape, places: Shape, stride: Shape, dilation: Shape) -> tuple[Any, ...]:
    """The elements that one position of the kernel meets, as an index of (N, C, *spatial)."""
    spans = [
        slice(k * d, k * d + s * (n - 1) + 1, s) for k, n, s, d in zip(position, places, stride, dilation, strict=True)
    ]
    return (_ALL, _ALL, *spans)


# --- Tiles ---------------------------------------------------------------------------------------------------------


def tiles(count: int, places: Shape, depth: int) -> Iterator[tuple[slice, slice]]:
    """Images, and rows of the first spatial dim, whose windows of `depth` elements fill about ROOM."""
    whole = depth * prod(places)
    if not whole:
        return
    if whole <= 4 * ROOM:
        step = max(1, ROOM // whole)
        for i in range(0, count, step):
            yield slice(i, min(i + step, count)), _ALL
        return
    rows = max(1, ROOM * places[0] // whole)
    for i in range(count):
        for r in range(0, places[0], rows):
            yield slice(i, i + 1), slice(r, min(r + rows, places[0]))


def columns(np: Any, view: Any, images: slice, rows: slice, rank: int) -> Any:
    """The windows of a tile as a matrix (C * kernel, images * places)."""
    part = view[(images, *(_ALL,) * (1 + rank), rows)]
    order = (*range(1, 2 + rank), 0, *range(2 + rank, 2 + 2 * rank))
    depth = prod(part.shape[1 : 2 + rank])
    return np.ascontiguousarray(part.transpose(order)).reshape(depth, -1)


def sheet(np: Any, x: Any, images: slice, rows: slice) -> Any:
    """The places of a tile as a matrix (C, images * places)."""
    part = x[images, :, rows]
    channels = part.shape[1]
    if part.shape[0] == 1:
        return part[0].reshape(channels, -1)
    return part.transpose(1, 0, *range(2, part.ndim)).reshape(channels, -1)


def put_sheet(out: Any, images: slice, rows: slice, matrix: Any) -> None:
    """Store a matrix (C, images * places) at the places of a tile."""
    part = out[images, :, rows]
    n, c = part.shape[:2]
    part[...] = matrix.reshape(c, n, *part.shape[2:]).transpose(1, 0, *range(2, part.ndim))


# --- Images side by side -------------------------------------------------------------------------------------------


def side_by_side(count: int, places: Shape, depth: int) -> bool:
    """Whether many small images are better laid out with the batch as the last dim: then long runs are copied."""
    return count >= 8 and places[-1] <= (28 if depth <= 256 else 8)


def batch_last(np: Any, x: Any) -> Any:
    """(N, C, *spatial) as (C, *spatial, N) in memory."""
    return np.ascontiguousarray(x.transpose(*range(1, x.ndim), 0))


def windows_last(np: Any, x: Any, kernel: Shape, stride: Shape, dilation: Shape, places: Shape) -> Any:
    """All windows of (C, *spatial, N) as a view (C, *kernel, *places, N)."""
    own = x.strides
    steps = tuple([a * d for a, d in zip(own[1:-1], dilation, strict=True)])
    hops = tuple([a * s for a, s in zip(own[1:-1], stride, strict=True)])
    return window(np, x, (x.shape[0], *kernel, *places, x.shape[-1]), (own[0], *steps, *hops, own[-1]))


def bands(places: Shape, depth: int, count: int) -> Iterator[slice]:
    """Rows of the first spatial dim whose windows of all images fill about ROOM."""
    step = max(1, 2 * ROOM // max(depth * count * prod(places[1:]), 1))
    for r in range(0, places[0], step):
        yield slice(r, min(r + step, places[0]))


def convolve_last(np: Any, x: Any, w: Any, out: Any, stride: Shape, dilation: Shape) -> None:
    """One group's convolution stored in `out`, the images side by side."""
    kernel, places, n = w.shape[2:], out.shape[2:], x.shape[0]
    rank = len(kernel)
    matrix = w.reshape(w.shape[0], -1)
    view = windows_last(np, batch_last(np, x), kernel, stride, dilation, places)
    for rows in bands(places, matrix.shape[1], n):
        part = view[(*(_ALL,) * (1 + rank), rows)]
        found = np.matmul(matrix, np.ascontiguousarray(part).reshape(matrix.shape[1], -1))
        shape = (len(matrix), *part.shape[1 + rank :])
        out[:, :, rows] = found.reshape(shape).transpose(len(shape) - 1, *range(len(shape) - 1))


def weight_gradient_last(np: Any, g: Any, x: Any, into: Any, kernel: Shape, stride: Shape, dilation: Shape) -> None:
    """One group's gradient of the weight, a matrix, added to `into`."""
    places, n, rank = g.shape[2:], x.shape[0], len(kernel)
    view = windows_last(np, batch_last(np, x), kernel, stride, dilation, places)
    given = batch_last(np, g)
    for rows in bands(places, into.shape[1], n):
        part = np.ascontiguousarray(view[(*(_ALL,) * (1 + rank), rows)]).reshape(into.shape[1], -1)
        into += np.matmul(part, given[:, rows].reshape(len(into), -1).T).T


def spread_last(np: Any, g: Any, w: Any, out: Any, stride: Shape, dilation: Shape) -> None:
    """One group's transpose, stored in `out`, the images side by side."""
    kernel, places, n = w.shape[2:], g.shape[2:], g.shape[0]
    matrix = w.reshape(w.shape[0], -1).T
    sums = np.zeros((w.shape[1], *out.shape[2:], n), dtype=g.dtype)
    given = batch_last(np, g)
    for rows in bands(places, len(matrix), n):
        part = given[:, rows]
        found = np.matmul(matrix, part.reshape(len(given), -1)).reshape(w.shape[1], *kernel, *part.shape[1:])
        for position in positions(kernel):
            spans = list(reached(position, part.shape[1:-1], stride, dilation)[2:])
            first = rows.start * stride[0]
            spans[0] = slice(spans[0].start + first, spans[0].stop + first, spans[0].step)
            sums[(_ALL, *spans)] += found[(_ALL, *position)]
    out[...] = sums.transpose(sums.ndim - 1, *range(sums.ndim - 1))


# --- Forward -------------------------------------------------------------------------------------------------------


def convolve(np: Any, x: Any, w: Any, stride: Shape, pairs: Pairs, dilation: Shape, groups: int) -> Any:
    """out[n, o, p] = sum over c, k of w[o, c, k] * x[n, c, p * stride + k * dilation] in each group."""
    x = padded(np, x, pairs)
    kernel = w.shape[2:]
    places = tuple([extent(n, k, s, 0, d) for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)])
    shape = (x.shape[0], w.shape[0], *places)
    if 0 in x.shape or 0 in w.shape or 0 in shape:
        return np.zeros(shape, dtype=x.dtype)
    if w.shape[1] == 1 and groups > 1:
        return convolve_channels(np, x, w, stride, dilation, groups, places)
    out = np.empty(shape, dtype=x.dtype)
    inner, outer = w.shape[1], w.shape[0] // groups
    for i in range(groups):
        part = x if groups == 1 else x[:, i * inner : (i + 1) * inner]
        into = out if groups == 1 else out[:, i * outer : (i + 1) * outer]
        convolve_group(np, part, w[i * outer : (i + 1) * outer], into, stride, dilation)
    return out


def convolve_group(np: Any, x: Any, w: Any, out: Any, stride: Shape, dilation: Shape) -> None:
    """One group's convolution stored in `out`."""
    kernel, places = w.shape[2:], out.shape[2:]
    if runs_pay(x.shape[2:], places, stride, prod(w.shape[1:])):
        convolve_lines(np, x, w, out, dilation)
        return
    if side_by_side(x.shape[0], places, prod(w.shape[1:])):
        convolve_last(np, x, w, out, stride, dilation)
        return
    rank = len(kernel)
    matrix = w.reshape(w.shape[0], -1)
    view = windows(np, x, kernel, stride, dilation)
    for images, rows in tiles(x.shape[0], places, matrix.shape[1]):
        flat = columns(np, view, images, rows, rank)
        if rows == _ALL and images.stop - images.start == 1 and out.flags.c_contiguous:
            np.matmul(matrix, flat, out=out[images.start].reshape(len(matrix), -1))
        else:
            put_sheet(out, images, rows, np.matmul(matrix, flat))


def convolve_channels(np: Any, x: Any, w: Any, stride: Shape, dilation: Shape, groups: int, places: Shape) -> Any:
    """Convolution with one input channel in each group: a sum over the positions of the kernel."""
    many = w.shape[0] // groups
    n, rank = x.shape[0], len(places)
    if many == 1 and all(s == 1 for s in stride):
        return convolve_runs(np, x, w, dilation, places)
    factors = w.reshape(groups, many, *w.shape[2:])
    out = term = None
    for position in positions(w.shape[2:]):
        part = x[reached(position, places, stride, dilation)][:, :, None]
        factor = factors[(_ALL, _ALL, *position)].reshape(groups, many, *(1,) * rank)
        if out is None:
            out = part * factor
            term = np.empty_like(out)
        else:
            np.multiply(part, factor, out=term)
            out += term
    return out.reshape(n, groups * many, *places)  # type: ignore[union-attr]


# --- Transposes ----------------------------------------------------------------------------------------------------


def weight_gradient(
    np: Any, g: Any, x: Any, kernel: Shape, stride: Shape, pairs: Pairs, dilation: Shape, groups: int
) -> Any:
    """dw[o, c, k] = sum over n, p of g[n, o, p] * x[n, c, p * stride + k * dilation]."""
    x = padded(np, x, pairs)
    inner, outer = x.shape[1] // groups, g.shape[1] // groups
    out = np.zeros((g.shape[1], inner, *kernel), dtype=g.dtype)
    if 0 in x.shape or 0 in g.shape or not out.size:
        return out
    if inner == 1 and groups > 1:
        return weight_gradient_channels(np, g, x, out, stride, dilation, groups)
    rank = len(kernel)
    for i in range(groups):
        part = x if groups == 1 else x[:, i * inner : (i + 1) * inner]
        given = g if groups == 1 else g[:, i * outer : (i + 1) * outer]
        into = out[i * outer : (i + 1) * outer].reshape(outer, -1)
        if runs_pay(x.shape[2:], g.shape[2:], stride, into.shape[1], 1.2):
            weight_gradient_lines(np, given, part, into, kernel, dilation)
            if np.isfinite(into.sum()):
                continue
            into[...] = 0  # an infinite input met the zeros between rows; windows one by one meet what they should
        if side_by_side(x.shape[0], g.shape[2:], into.shape[1]):
            weight_gradient_last(np, given, part, into, kernel, stride, dilation)
            continue
        view = windows(np, part, kernel, stride, dilation)
        if view.shape[2 + rank :] != g.shape[2:]:
            view = view[(_ALL,) * (2 + rank) + tuple([slice(n) for n in g.shape[2:]])]
        for images, rows in tiles(x.shape[0], g.shape[2:], into.shape[1]):
            into += np.matmul(sheet(np, given, images, rows), columns(np, view, images, rows, rank).T)
    return out


def weight_gradient_channels(np: Any, g: Any, x: Any, out: Any, stride: Shape, dilation: Shape, groups: int) -> Any:
    """The same for one input channel in each group."""
    many, places = g.shape[1] // groups, g.shape[2:]
    if many == 1 and all(s == 1 for s in stride):
        found = weight_gradient_runs(np, g, x, out, dilation)
        if np.isfinite(found.sum()):
            return found
    given = g.reshape(g.shape[0], groups, many, *places)
    into = out.reshape(groups, many, *out.shape[2:])
    axes = (0, *range(3, given.ndim))
    for position in positions(out.shape[2:]):
        part = x[reached(position, places, stride, dilation)][:, :, None]
        into[(_ALL, _ALL, *position)] = (given * part).sum(axis=axes)
    return out


def spread(np: Any, g: Any, w: Any, size: Shape, stride: Shape, pairs: Pairs, dilation: Shape, groups: int) -> Any:
    """Transpose of `convolve` with respect to x of spatial size `size`: (N, O, *places) -> (N, C, *size)."""
    kernel = w.shape[2:]
    outer, inner = w.shape[0] // groups, w.shape[1]
    if 0 in g.shape or 0 in w.shape or 0 in size:
        return np.zeros((g.shape[0], inner * groups, *size), dtype=g.dtype)
    laid_out = outer * prod(size), inner * prod(g.shape[2:])  # what either way copies for each position of the kernel
    plain = all(s == 1 for s in stride) and not (inner == 1 and outer > 1 and groups > 1)
    if plain and laid_out[0] <= 2 * laid_out[1]:
        flipped = w.reshape(groups, outer, inner, *kernel).swapaxes(1, 2)[
            (..., *(slice(None, None, -1),) * len(kernel))
        ]
        flipped = np.ascontiguousarray(flipped).reshape(groups * inner, outer, *kernel)
        before = [d * (k - 1) - p for k, d, (p, _) in zip(kernel, dilation, pairs, strict=True)]
        after = [
            n - m - b + d * (k - 1) for n, m, b, k, d in zip(size, g.shape[2:], before, kernel, dilation, strict=True)
        ]
        return convolve(np, g, flipped, stride, tuple(zip(before, after, strict=True)), dilation, groups)
    whole = tuple(
        [
            max(a + n + b, d * (k - 1) + s * (m - 1) + 1)
            for n, m, k, s, d, (a, b) in zip(size, g.shape[2:], kernel, stride, dilation, pairs, strict=True)
        ]
    )
    out = np.zeros((g.shape[0], inner * groups, *whole), dtype=g.dtype)
    for i in range(groups) if inner > 1 or groups == 1 else ():
        given = g if groups == 1 else g[:, i * outer : (i + 1) * outer]
        into = out[:, i * inner : (i + 1) * inner]
        spread_group(np, given, w[i * outer : (i + 1) * outer], into, stride, dilation)
    if inner == 1 and groups > 1:
        spread_channels(np, g, w, out, stride, dilation, groups)
    start = tuple([slice(a, a + n) for n, (a, _) in zip(size, pairs, strict=True)])
    return out if whole == tuple(size) else np.ascontiguousarray(out[(_ALL, _ALL, *start)])


def spread_group(np: Any, g: Any, w: Any, out: Any, stride: Shape, dilation: Shape) -> None:
    """One group's transpose, added up in `out` (zeros)."""
    kernel, places = w.shape[2:], g.shape[2:]
    if runs_pay(out.shape[2:], places, stride, prod(w.shape[1:]), 1.2):
        spread_lines(np, g, w, out, dilation)
        return
    if side_by_side(g.shape[0], places, prod(w.shape[1:])):
        spread_last(np, g, w, out, stride, dilation)
        return
    matrix = w.reshape(w.shape[0], -1).T
    for images, _ in tiles(g.shape[0], (prod(places),), matrix.shape[0]):
        step = slice(images.start, images.stop)
        flat = np.matmul(matrix, sheet(np, g, step, _ALL))
        gather_columns(out[step], flat.reshape(w.shape[1], *kernel, -1, *places), kernel, stride, dilation)


def gather_columns(out: Any, flat: Any, kernel: Shape, stride: Shape, dilation: Shape) -> None:
    """Add columns (C, *kernel, N, *places) up where their windows lie in `out`."""
    places = flat.shape[len(kernel) + 2 :]
    for position in positions(kernel):
        out[reached(position, places, stride, dilation)] += flat[(_ALL, *position)].swapaxes(0, 1)


def spread_channels(np: Any, g: Any, w: Any, out: Any, stride: Shape, dilation: Shape, groups: int) -> None:
    """The transpose for one channel of the result in each group."""
    many, places = w.shape[0] // groups, g.shape[2:]
    given = g.reshape(g.shape[0], groups, many, *places)
    factors = w.reshape(groups, many, *w.shape[2:])
    ones = (1,) * len(places)
    for position in positions(w.shape[2:]):
        factor = factors[(_ALL, _ALL, *position)].reshape(groups, many, *ones)
        term = given[:, :, 0] * factor[:, 0] if many == 1 else (given * factor).sum(axis=2)
        out[reached(position, places, stride, dilation)] += term


# --- Columns as results --------------------------------------------------------------------------------------------


def unfolded(np: Any, x: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Any:
    """All windows as columns: (N, C, *spatial) -> (N, C * kernel, places)."""
    view = windows(np, padded(np, x, tuple([(p, p) for p in padding])), kernel, stride, dilation)
    n, c = x.shape[:2]
    count = prod(view.shape[2 + len(kernel) :])
    return np.ascontiguousarray(view).reshape(n, c * prod(kernel), count)


def folded(np: Any, x: Any, size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Any:
    """Transpose of `unfolded`: columns added up where their windows lie."""
    places = tuple(
        [extent(n, k, s, p, d) for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)]
    )
    n, c = x.shape[0], x.shape[1] // prod(kernel)
    flat = x.reshape(n, c, *kernel, *places)
    out = np.zeros((n, c, *[a + 2 * p for a, p in zip(size, padding, strict=True)]), dtype=x.dtype)
    for position in positions(kernel):
        out[reached(position, places, stride, dilation)] += flat[(_ALL, _ALL, *position)]
    inside = tuple([slice(p, p + a) for a, p in zip(size, padding, strict=True)])
    return np.ascontiguousarray(out[(_ALL, _ALL, *inside)]) if any(padding) else out
