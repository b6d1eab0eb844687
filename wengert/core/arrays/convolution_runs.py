"""Convolution with stride 1 by long runs: an image laid out as one line is only shifted from one window to the next.

A kernel's position is an offset in the line; the windows of whole rows are then copied run by run instead of row by
row, and what wraps around a row's end is cut off at last.  Spatial sizes are tuples, one entry per dim.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from wengert.core.arrays.strided import window

Shape = tuple[int, ...]

ROOM = 1 << 17
"""Elements of the windows that are laid out at once."""

JOINED = 1024
"""Places over which a gradient of a weight is summed by one product at least."""

_ALL = slice(None)


def positions(kernel: Shape) -> Iterator[Shape]:
    """All positions of a kernel, row by row."""
    return product(*map(range, kernel))


def run_offsets(size: Shape, kernel: Shape, dilation: Shape) -> list[int]:
    """How far each position of a kernel lies behind the first, in the elements of an image of `size`."""
    hops = [prod(size[i + 1 :]) for i in range(len(size))]
    return [sum(k * d * hop for k, d, hop in zip(p, dilation, hops, strict=True)) for p in positions(kernel)]


def runs_pay(size: Shape, places: Shape, stride: Shape, depth: int, most: float = 1.5) -> bool:
    """Whether long runs are the way: stride 1, and they compute at most `most` times what is asked for."""
    if any(s != 1 for s in stride):
        return False
    computed = places[0] * prod(size[1:])
    return computed <= (most if depth <= 256 else 1.08) * prod(places)


class Lines:
    """Images (N, C, *size) as lines, and the columns of their windows, tile by tile, in one place of memory."""

    lines: Any

    def __init__(self, np: Any, shape: Shape, places: Shape, kernel: Shape, dilation: Shape) -> None:
        _, c, *size = self.shape = shape
        self.np, self.size, self.places, self.kernel = np, tuple(size), places, kernel
        self.hop = prod(size[1:])
        self.hops = [prod(size[i + 1 :]) * d for i, d in enumerate(dilation)]
        self.reach = sum((k - 1) * h for k, h in zip(kernel, self.hops, strict=True))
        self.depth = c * prod(kernel)
        self.bare = all(k == 1 for k in kernel) and places == self.size

    def fill(self, x: Any) -> None:
        """Lay the images out, with room behind each for the windows of its last row."""
        if self.bare and x.flags.c_contiguous:
            self.lines = x.reshape(*x.shape[:2], -1)
            return
        volume = prod(self.size)
        self.lines = self.np.empty(self.line_shape(), dtype=x.dtype)
        self.lines[..., volume:] = 0
        self.lines[..., :volume].reshape(x.shape)[...] = x

    def line_shape(self) -> Shape:
        """(N, C, length of a line)."""
        return (*self.shape[:2], max(self.places[0] * self.hop + self.reach, prod(self.size)))

    def tiles(self, least: int = 0) -> Iterator[tuple[slice, slice, int]]:
        """(images, rows of the first spatial dim, their elements in a line) of tiles of about ROOM elements.

        Images are joined to `least` places.
        """
        count, rows, length = self.shape[0], self.places[0], self.hop * self.places[0]
        whole = self.depth * length
        if whole <= 4 * ROOM:
            step = max(1, ROOM // whole, least // length)
            for i in range(0, count, step):
                yield slice(i, min(i + step, count)), slice(0, rows), rows * self.hop
            return
        step = max(1, 2 * ROOM * rows // whole)
        for i in range(count):
            for r in range(0, rows, step):
                yield slice(i, i + 1), slice(r, min(r + step, rows)), min(step, rows - r) * self.hop

    def room(self, least: int = 0) -> Any:
        """Memory for the columns of the largest tile."""
        largest = max((s.stop - s.start) * length for s, _, length in self.tiles(least))
        return self.np.empty(largest * self.depth, dtype=self.lines.dtype)

    def columns(self, room: Any, images: slice, rows: slice, length: int) -> Any:
        """The windows of a tile as matrices (images, C * kernel, places in a line)."""
        part = self.lines[images]
        if self.bare:
            return part[:, :, rows.start * self.hop :][..., :length]
        shape, strides, offset = self.windows(part, rows, length)
        into = room[: prod(shape)].reshape(shape)
        into[...] = window(self.np, part, shape, strides, offset)
        return into.reshape(len(part), self.depth, length)

    def joined(self, room: Any, images: slice, rows: slice, length: int) -> Any:
        """The windows of a tile as one matrix (C * kernel, images * places in a line)."""
        part = self.lines[images]
        shape, strides, offset = self.windows(part, rows, length)
        into = room[: prod(shape)].reshape(*shape[1:-1], shape[0], length)
        into[...] = window(self.np, part, into.shape, (*strides[1:-1], strides[0], strides[-1]), offset)
        return into.reshape(self.depth, -1)

    def windows(self, part: Any, rows: slice, length: int) -> tuple[Shape, Shape, int]:
        """Shape (images, C, *kernel, places in a line), strides and offset of the windows in the lines of a tile."""
        own, e = part.strides, part.itemsize
        strides = (own[0], own[1], *[h * e for h in self.hops], e)
        return (*part.shape[:2], *self.kernel, length), strides, rows.start * self.hop * e

    def inside(self, rows: slice) -> tuple[Any, ...]:
        """What of the places in a line are places of windows, as an index of (N, C, rows, *size[1:])."""
        return (_ALL, _ALL, slice(0, rows.stop - rows.start), *[slice(p) for p in self.places[1:]])

    def widened(self, g: Any, images: slice, rows: slice, length: int) -> Any:
        """Gradients of the places of a tile in a line (images, O, places in a line), 0 between rows."""
        part = g[images, :, rows]
        if self.places[1:] == self.size[1:]:
            return part.reshape(*part.shape[:2], length)
        wide = self.np.zeros((*part.shape[:2], rows.stop - rows.start, *self.size[1:]), dtype=g.dtype)
        wide[self.inside(rows)] = part
        return wide.reshape(*part.shape[:2], length)


def convolve_lines(np: Any, x: Any, w: Any, out: Any, dilation: Shape) -> None:
    """One group's convolution stored in `out`."""
    lines = Lines(np, x.shape, out.shape[2:], w.shape[2:], dilation)
    lines.fill(x)
    matrix = w.reshape(w.shape[0], -1)
    room = lines.room()
    whole = lines.places[1:] == lines.size[1:]
    for images, rows, length in lines.tiles():
        columns = lines.columns(room, images, rows, length)
        into = out[images, :, rows]
        if whole and into.flags.c_contiguous:
            np.matmul(matrix, columns, out=into.reshape(len(columns), len(matrix), length))
            continue
        found = np.matmul(matrix, columns)
        into[...] = found.reshape(*found.shape[:2], -1, *lines.size[1:])[lines.inside(rows)]


def weight_gradient_lines(np: Any, g: Any, x: Any, into: Any, kernel: Shape, dilation: Shape) -> None:
    """One group's gradient of the weight, a matrix, added to `into`."""
    lines = Lines(np, x.shape, g.shape[2:], kernel, dilation)
    lines.fill(x)
    room = lines.room(JOINED)
    for images, rows, length in lines.tiles(JOINED):
        wide = lines.widened(g, images, rows, length).swapaxes(0, 1).reshape(len(into), -1)
        into += np.matmul(wide, lines.joined(room, images, rows, length).T)


def spread_lines(np: Any, g: Any, w: Any, out: Any, dilation: Shape) -> None:
    """One group's transpose, stored in `out` (N, C, *size)."""
    lines = Lines(np, out.shape, g.shape[2:], w.shape[2:], dilation)
    lines.lines = np.zeros(lines.line_shape(), dtype=g.dtype)
    matrix, offsets = w.reshape(w.shape[0], -1).T, run_offsets(lines.size, w.shape[2:], dilation)
    for images, rows, length in lines.tiles():
        found = np.matmul(matrix, lines.widened(g, images, rows, length))
        found = found.reshape(len(found), out.shape[1], len(offsets), length)
        part, start = lines.lines[images], rows.start * lines.hop
        for k, offset in enumerate(offsets):
            part[..., start + offset : start + offset + length] += found[:, :, k]
    out[...] = lines.lines[..., : prod(lines.size)].reshape(out.shape)


# ---------------------------------------------------------------- channel by channel


def convolve_runs(np: Any, x: Any, w: Any, dilation: Shape, places: Shape) -> Any:
    """Channel by channel with stride 1: whole images shifted as one run, what wraps around a row's end is cut off."""
    n, c, size = x.shape[0], x.shape[1], x.shape[2:]
    offsets = run_offsets(size, w.shape[2:], dilation)
    length = prod(size) - offsets[-1]
    flat = np.ascontiguousarray(x).reshape(n, c, -1)
    factors = w.reshape(c, -1)
    sums, term = np.zeros((c, prod(size)), dtype=x.dtype), np.empty((c, length), dtype=x.dtype)
    out = np.empty((n, c, *places), dtype=x.dtype)
    inside = (_ALL, *[slice(p) for p in places])
    for i in range(n):
        part = sums[:, :length]
        for k, offset in enumerate(offsets):
            piece = flat[i, :, offset : offset + length]
            if k:
                np.multiply(piece, factors[:, k, None], out=term)
                part += term
            else:
                np.multiply(piece, factors[:, k, None], out=part)
        out[i] = sums.reshape(c, *size)[inside]
    return out


def weight_gradient_runs(np: Any, g: Any, x: Any, out: Any, dilation: Shape) -> Any:
    """The same for stride 1, by scalar products of whole images."""
    c, size = x.shape[1], x.shape[2:]
    offsets = run_offsets(size, out.shape[2:], dilation)
    length = prod(size) - offsets[-1]
    wide = np.zeros((c, *size), dtype=g.dtype)
    inside = (_ALL, *[slice(n) for n in g.shape[2:]])
    flat = np.ascontiguousarray(x).reshape(x.shape[0], c, -1)
    into = out.reshape(c, -1)
    for i in range(x.shape[0]):
        wide[inside] = g[i]
        run = wide.reshape(c, -1)[:, :length]
        for k, offset in enumerate(offsets):
            into[:, k] += np.einsum("cl,cl->c", run, flat[i, :, offset : offset + length])
    return out
