"""The memory under a graph's tensors: each piece once, and where in it every tensor lies.

A piece is what the tensors of the graph reach of one allocation, not all of it.  Tensors that shared memory share it
again.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.arrays.meta import MetaArray
from wengert.core.tensor.storage import bounds, memory_of
from wengert.files.graphs.graph import Graph, GraphFileError

_LARGEST = 1 << 48


class Place:
    """Where an array lies: number of its piece (-1: on the device meta, without data), and offset and strides in bytes.

    strides: None for row-major order.
    """

    __slots__ = ("piece", "offset", "shape", "strides", "dtype")

    def __init__(self, piece: int, offset: int, shape: tuple[int, ...], strides: Any, dtype: Any) -> None:
        self.piece, self.offset, self.shape, self.strides, self.dtype = piece, offset, shape, strides, dtype


def taken_apart(arrays: list[Any]) -> tuple[list[Any], list[Place]]:
    """Pieces (one-dimensional arrays), and the place of each array in them."""
    keys: dict[Any, int] = {}
    spans: list[Any] = []
    found: list[tuple[Any, Any, int]] = []
    for a in arrays:
        if a.__class__ is MetaArray:
            found.append((a, -1, 0))
            continue
        if a.__class__ is not np.ndarray:
            a = backend_of(a).to_numpy(a)
        key, low, high = span_of(a)
        piece = keys.get(key)
        if piece is None:
            piece = keys[key] = len(spans)
            spans.append([low, high, a])
        else:
            span = spans[piece]
            if low < span[0] or high > span[1]:
                span[0], span[1] = min(low, span[0]), max(high, span[1])
        found.append((a, piece, low))
    pieces = [piece_of(*span) for span in spans]
    return pieces, [place_of(a, piece, low - spans[piece][0] if piece >= 0 else 0) for a, piece, low in found]


def span_of(a: Any) -> tuple[Any, int, int]:
    """What names an allocation, and the addresses between which an array reaches into it."""
    start = a.__array_interface__["data"][0]
    if a.base is None:
        return (start, start + a.nbytes) if a.nbytes else id(a), start, start + a.nbytes
    if not a.size:
        return id(a), start, start
    low, high = np.lib.array_utils.byte_bounds(a)
    return bounds(a), low, high


def piece_of(low: int, high: int, a: Any) -> Any:
    """The memory between two addresses of an allocation as a one-dimensional array, of a's dtype where that fits."""
    if a.size and a.nbytes == high - low and a.flags.c_contiguous:
        return a.reshape(-1)
    if high == low:
        return np.empty(0, a.dtype)
    raw = memory_of(a)
    start = raw.__array_interface__["data"][0]
    raw = raw[low - start : high - start]
    first = a.__array_interface__["data"][0]
    if (high - low) % a.itemsize or (first - low) % a.itemsize:
        return raw
    return raw.view(a.dtype) if low % a.itemsize == 0 else raw


def place_of(a: Any, piece: int, offset: int) -> Place:
    """The place of an array whose first byte is `offset` bytes into its piece."""
    if piece < 0:
        return Place(-1, 0, tuple(a.shape), tuple(a.strides), a.dtype)
    if a.flags.c_contiguous:
        return Place(piece, offset, a.shape, None, a.dtype)
    # `offset` is that of the lowest element; where a stride is negative, the first element lies above it.
    above = sum(-s * (n - 1) for s, n in zip(a.strides, a.shape, strict=True) if s < 0 and n > 0) if a.size else 0
    return Place(piece, offset + above, a.shape, a.strides, a.dtype)


def put_together(pieces: list[Any], places: list[Place]) -> list[Any]:
    """The arrays again, over these pieces.

    Raises: GraphFileError for a place outside of its piece.
    """
    return [array_at(pieces, place) for place in places]


def array_at(pieces: list[Any], place: Place) -> Any:
    """One array."""
    shape, strides, dtype = place.shape, place.strides, place.dtype
    if place.piece < 0:
        return MetaArray(shape, dtype, strides)
    piece = pieces[place.piece]
    if strides is None and not place.offset and piece.dtype == dtype and piece.size == prod(shape):
        return piece.reshape(shape)
    size = prod(shape)
    if size > _LARGEST or len(shape) > 64:
        raise GraphFileError(f"the graph file is damaged: a tensor of shape {str(list(shape))[:80]} is absurd")
    if strides is None:
        low, high = place.offset, place.offset + size * dtype.itemsize
    else:
        low = place.offset + sum(s * (n - 1) for s, n in zip(strides, shape, strict=True) if s < 0 and size)
        high = place.offset + dtype.itemsize * (size > 0)
        high += sum(s * (n - 1) for s, n in zip(strides, shape, strict=True) if s > 0 and size)
    if low < 0 or high > piece.nbytes:
        raise GraphFileError(
            f"the graph file is damaged: a tensor of shape {list(shape)} lies outside of its memory "
            f"({piece.nbytes} bytes)"
        )
    if not size:
        return np.empty(shape, dtype)
    if piece.dtype == dtype and strides is None and place.offset % dtype.itemsize == 0:
        first = place.offset // dtype.itemsize
        return piece[first : first + size].reshape(shape)
    return np.ndarray(shape, dtype, piece.view(np.uint8), place.offset, strides)


def apart(graph: Graph) -> None:
    """Give a graph memory of its own: later writes into the tensors that it was recorded from do not reach it."""
    pieces, places = taken_apart([value.array for value in graph.values])
    for value, array in zip(graph.values, put_together([p.copy() for p in pieces], places), strict=True):
        value.array = array


def element_type(name: Any) -> Any:
    """The NumPy dtype of this name.

    Raises: GraphFileError where there is none.
    """
    found = dtypes.ALL.get(name) if isinstance(name, str) else None
    if found is None:
        raise GraphFileError(f"the graph file is damaged: unknown dtype {str(name)[:80]!r}")
    return found.numpy


__all__ = ["Place", "apart", "element_type", "put_together", "taken_apart"]
