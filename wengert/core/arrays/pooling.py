"""Largest elements of windows and where they are; averages of windows, one dim after the other.

Arrays are (N, C, *spatial).  Indices count the elements of an image's plane or volume, row by row.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from wengert.core.arrays.convolution import Shape, padded, positions, reached
from wengert.core.arrays.large import LARGE

_ALL = slice(None)

FEW = 512
"""Elements from which a kernel is faster than NumPy, which takes a pass for every element of a window."""


def pooled_extent(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """How many windows lie along one dim; with `ceil` also those that begin inside and end outside."""
    rest = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (rest + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def lowest(np: Any, dtype: Any) -> Any:
    """What every element is larger than."""
    return -np.inf if dtype.kind in "fV" else np.iinfo(dtype).min


def surrounded(
    np: Any, x: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, places: Shape, value: Any
) -> Any:
    """x with so much padding that every window lies inside."""
    pairs = tuple(
        [
            (p, max(0, (o - 1) * s + d * (k - 1) + 1 - n - p))
            for n, k, s, p, d, o in zip(x.shape[2:], kernel, stride, padding, dilation, places, strict=True)
        ]
    )
    return padded(np, x, pairs, value)


def along(np: Any, values: Any, axis: int, rank: int) -> Any:
    """A vector as an array that broadcasts along one of `rank` dims."""
    return values.reshape((1,) * axis + (-1,) + (1,) * (rank - axis - 1))


def steps_of(size: Shape) -> Shape:
    """How far apart neighbours along each dim lie, in elements."""
    return tuple([prod(size[i + 1 :]) for i in range(len(size))])


def first_inside(np: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, places: Shape) -> Any:
    """Number of the first position of each window that lies inside the input."""
    found = 0
    for i, hop in enumerate(steps_of(kernel)):
        begin = np.arange(places[i]) * stride[i] - padding[i]
        found = found + along(np, np.maximum(0, (-begin + dilation[i] - 1) // dilation[i]) * hop, i, len(kernel))
    return found


def largest(
    np: Any, x: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, places: Shape, indexed: bool = True
) -> tuple[Any, Any]:
    """Largest element of every window and its index (the first of equals; the last nan wins)."""
    size = x.shape[2:]
    if x.size >= FEW:
        found = LARGE.largest(x, tuple(zip(size, kernel, stride, padding, dilation, places, strict=True)), indexed)
        if found is not None:
            return found  # type: ignore[no-any-return]
    tested = indexed and x.dtype.kind == "f" and x.size and bool(np.isnan(x.max()))
    x = surrounded(np, x, kernel, stride, padding, dilation, places, lowest(np, x.dtype))
    best = number = None
    for k, position in enumerate(positions(kernel)):
        part = x[reached(position, places, stride, dilation)]
        if best is None:
            best = part.copy()
        elif not indexed:
            np.maximum(best, part, out=best)
        else:
            if number is None:
                number = np.zeros(best.shape, dtype=np.uint8 if prod(kernel) <= 1 << 8 else np.int64)
                if any(padding):
                    number[...] = first_inside(np, kernel, stride, padding, dilation, places)
            if tested:
                better = (part > best) | (part != part)
                np.copyto(best, part, where=better)
                np.copyto(number, number.dtype.type(k), where=better)
            else:
                part = np.ascontiguousarray(part)
                raised(np, number, part > best, k)
                np.maximum(best, part, out=best)
    if not indexed:
        return best, None
    return best, located(np, number, best.shape, size, kernel, stride, padding, dilation, places)  # type: ignore[union-attr]


def raised(np: Any, number: Any, better: Any, k: int) -> None:
    """number := k where `better`; k is larger than all before, so this is a maximum, which processors are fast at."""
    if number.dtype.itemsize == 1:
        found = better.view(np.uint8)
        np.multiply(found, np.uint8(k), out=found)
        np.maximum(number, found, out=number)
    else:
        np.copyto(number, number.dtype.type(k), where=better)


def located(
    np: Any, number: Any, shape: Shape, size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape,
    places: Shape,
) -> Any:  # fmt: skip
    """Indices of positions in windows."""
    hops, rank = steps_of(size), len(kernel)
    corner = 0
    for i, hop in enumerate(hops):
        corner = corner + along(np, (np.arange(places[i]) * stride[i] - padding[i]) * hop, i, rank)
    if number is None:
        out = np.empty(shape, dtype=np.int64)
        out[...] = corner
        return out
    offsets = [sum(k * d * hop for k, d, hop in zip(p, dilation, hops, strict=True)) for p in positions(kernel)]
    out = np.asarray(offsets, dtype=np.int64).take(number)
    out += corner
    return out


def largest_at(np: Any, x: Any, candidates: Iterable[Any], shape: Shape) -> tuple[Any, Any]:
    """Largest of the elements at each of the candidates' flat indices, and its index."""
    flat = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    best = index = None
    for places in candidates:
        if places.ndim == len(shape):
            part = np.take_along_axis(flat, places.reshape(*places.shape[:2], prod(places.shape[2:])), axis=2).reshape(
                shape
            )
        else:
            part = flat[:, :, places]
        if best is None:
            best, index = part, np.empty(shape, dtype=np.int64)
            index[...] = places
        else:
            better = (part > best) | (part != part)
            np.copyto(best, part, where=better)
            np.copyto(index, places, where=better)
    return best, index


def adaptive_spans(size: int, count: int) -> list[tuple[int, int]]:
    """Begin and end of `count` windows that cover `size` elements."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def largest_evenly(x: Any, places: Shape) -> Any:
    """Largest elements of adaptive windows by a kernel, or None."""
    return LARGE.largest(x, tuple(zip(x.shape[2:], places, strict=True)), True) if x.size >= FEW else None


def largest_of_cells(np: Any, x: Any, places: Shape) -> tuple[Any, Any]:
    """Largest elements of adaptive windows, window by window: for few of them."""
    n, c = x.shape[:2]
    size, hops = x.shape[2:], steps_of(x.shape[2:])
    values, index = np.empty((n, c, *places), dtype=x.dtype), np.empty((n, c, *places), dtype=np.int64)
    spans = [adaptive_spans(a, b) for a, b in zip(size, places, strict=True)]
    for cell in positions(places):
        ends = [spans[i][k] for i, k in enumerate(cell)]
        part = x[(_ALL, _ALL, *[slice(b, e) for b, e in ends])].reshape(n * c, -1)
        found = part.argmax(axis=1)
        at: Any = 0
        rest = found
        for i in range(len(places) - 1, -1, -1):
            width = ends[i][1] - ends[i][0]
            at = at + (rest % width + ends[i][0]) * hops[i]
            rest = rest // width
        place = (_ALL, _ALL, *cell)
        values[place] = part[np.arange(n * c), found].reshape(n, c)
        index[place] = at.reshape(n, c)
    return values, index


def adaptive_candidates(np: Any, size: Shape, places: Shape) -> Iterable[Any]:
    """Flat indices of the elements of adaptive windows, position by position; short windows repeat their last."""
    rank, hops = len(size), steps_of(size)
    tables = []
    for n, o in zip(size, places, strict=True):
        spans = adaptive_spans(n, o)
        longest = max(e - b for b, e in spans)
        tables.append([np.asarray([min(b + k, e - 1) for b, e in spans]) for k in range(longest)])
    for position in positions(tuple(map(len, tables))):
        found = 0
        for i, k in enumerate(position):
            found = found + along(np, tables[i][k] * hops[i], i, rank)
        yield found


def fractional_candidates(np: Any, starts: list[Any], kernel: Shape, size: Shape) -> Iterable[Any]:
    """Flat indices of the elements of windows that begin at `starts` (N, C, count) along each dim."""
    rank, hops = len(size), steps_of(size)
    corner: Any = 0
    for i, begin in enumerate(starts):
        shape = (*begin.shape[:2], *(1,) * i, begin.shape[2], *(1,) * (rank - i - 1))
        corner = corner + begin.reshape(shape) * hops[i]
    for position in positions(kernel):
        yield corner + sum(k * hop for k, hop in zip(position, hops, strict=True))


def scattered(np: Any, x: Any, indices: Any, size: Shape, once: bool) -> Any:
    """Zeros (N, C, *size) with the elements of x at their indices: the last if `once`, else the sum."""
    n, c = x.shape[:2]
    volume = prod(size)
    if x.size >= FEW // 4 and not once:
        found = LARGE.put_back(x, indices, size)
        if found is not None:
            return found
    out = np.zeros(n * c * volume, dtype=x.dtype)
    places = (indices.reshape(n * c, prod(indices.shape[2:])) + np.arange(n * c).reshape(-1, 1) * volume).ravel()
    if once:
        out[places] = x.ravel()
    else:
        np.add.at(out, places, x.ravel())
    return out.reshape(n, c, *size)


def gathered(np: Any, x: Any, indices: Any) -> Any:
    """The elements of (N, C, *spatial) at the indices (N, C, *places)."""
    n, c = x.shape[:2]
    return np.take_along_axis(
        x.reshape(n, c, prod(x.shape[2:])), indices.reshape(n, c, prod(indices.shape[2:])), axis=2
    ).reshape(indices.shape)


# --- Averages ------------------------------------------------------------------------------------------------------


def counts(np: Any, size: int, kernel: int, stride: int, padding: int, count: int, include: bool) -> list[int]:
    """How many elements each window along one dim counts; with `include` those of the padding too."""
    found = []
    for i in range(count):
        begin = i * stride - padding
        end = min(begin + kernel, size + padding)
        found.append(end - begin if include else max(min(end, size) - max(begin, 0), 0))
    return found


def summed(np: Any, x: Any, axis: int, kernel: int, stride: int, padding: int, count: int) -> Any:
    """Sums of windows along one dim."""
    n = x.shape[axis]
    if kernel == stride and not padding and count * kernel == n:
        return x.reshape(*x.shape[:axis], count, kernel, *x.shape[axis + 1 :]).sum(axis=axis + 1)
    lead = (_ALL,) * axis
    x = along_padded(np, x, axis, padding, max(0, (count - 1) * stride + kernel - n - padding))
    out = None
    for k in range(kernel):
        part = x[(*lead, slice(k, k + stride * (count - 1) + 1, stride))]
        out = part.copy() if out is None else np.add(out, part, out=out)
    return out


def along_padded(np: Any, x: Any, axis: int, before: int, after: int) -> Any:
    """Zeros before and after along one dim."""
    if not before and not after:
        return x
    out = np.zeros((*x.shape[:axis], before + x.shape[axis] + after, *x.shape[axis + 1 :]), dtype=x.dtype)
    out[(*(_ALL,) * axis, slice(before, before + x.shape[axis]))] = x
    return out


def summed_back(np: Any, g: Any, axis: int, size: int, kernel: int, stride: int, padding: int) -> Any:
    """Transpose of `summed`."""
    count = g.shape[axis]
    lead = (_ALL,) * axis
    if kernel == stride and not padding and count * kernel == size:
        return np.repeat(g, kernel, axis=axis)
    length = max(size + 2 * padding, (count - 1) * stride + kernel)
    out = np.zeros((*g.shape[:axis], length, *g.shape[axis + 1 :]), dtype=g.dtype)
    for k in range(kernel):
        out[(*lead, slice(k, k + stride * (count - 1) + 1, stride))] += g
    return out[(*lead, slice(padding, padding + size))]


# --- By kernels ----------------------------------------------------------------------------------------------------


def window_sums(
    x: Any, kernel: Shape, stride: Shape, padding: Shape, size: Shape, places: Shape, shares: Any, back: bool
) -> Any:
    """Sums of windows over their shares, or the transpose of that (back), by a kernel; None where there is none."""
    if x.size < FEW or x.dtype.kind != "f":
        return None
    spans = tuple(zip(size, kernel, stride, padding, (1,) * len(size), places, strict=True))
    if back and not isinstance(shares, int):
        return LARGE.window_sums(x / shares.astype(x.dtype), spans, 1, True)
    return LARGE.window_sums(x, spans, shares, back)


def window_means(np: Any, x: Any, size: Shape, places: Shape, back: bool) -> Any:
    """Means of windows that cover `size` evenly, or the transpose of that (back), by a kernel; None without one."""
    if x.size < FEW or x.dtype.kind != "f" or 0 in places:
        return None
    rank, shares = len(size), 1
    for i, (n, o) in enumerate(zip(size, places, strict=True)):
        shares = shares * along(np, np.asarray([e - b for b, e in adaptive_spans(n, o)], dtype=x.dtype), i, rank)
    spans = tuple(zip(size, places, strict=True))
    return LARGE.window_sums(x / shares if back else x, spans, 1 if back else shares, back)
