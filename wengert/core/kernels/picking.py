"""What moves elements by places and masks in large arrays: by kernels once they are ready, else None.

These functions take the places of `arrays/large.py`.  They answer None, too, where an index is not within its dim: the
caller's own way finds the words for it.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays.large import LARGE as PLACES
from wengert.core.kernels.large import layer
from wengert.core.kernels.workshop import LARGE

__all__ = ["install"]

_F32, _F64, _INT64, _BOOL = (np.dtype(name) for name in ("f4", "f8", "i8", "?"))


def moved(name: str, dtype: Any) -> Any:
    """The kernel of a move for elements of this dtype, or None."""
    if dtype.itemsize not in (4, 8) or dtype.kind not in "fiuc":
        return None
    return layer(name, _F32 if dtype.itemsize == 4 else _F64)


def dense(x: Any) -> bool:
    """Whether x is a row-major array with elements."""
    return bool(x.__class__ is np.ndarray and x.flags.c_contiguous and x.size)


def longs(index: Any) -> Any:
    """An index as a contiguous array of int64, or None."""
    if index.__class__ is not np.ndarray or index.dtype.kind != "i" or index.dtype.itemsize < 4 or not index.size:
        return None
    return np.ascontiguousarray(index, _INT64)


def extents(shape: Any, dim: int, n: int) -> tuple[int, int, int, int]:
    """outer, size, n, inner."""
    return prod(shape[:dim]), shape[dim], n, prod(shape[dim + 1 :])


def fits(shape: Any, dim: int, index: Any) -> bool:
    """Whether index has the lengths of an array in all dims but one, and there are elements."""
    own, n = len(shape), index.ndim
    if own != n or not own or not -own <= dim < own or index.size < LARGE or 0 in shape:
        return False
    dim %= own
    return bool(shape[:dim] == index.shape[:dim] and shape[dim + 1 :] == index.shape[dim + 1 :])


def alike(index: Any, dim: int) -> Any:
    """The vector of integers that an index holds in every lane along a dim, as one that was expanded does, or None."""
    if index.dtype.kind != "i" or index.dtype.itemsize < 4:
        return None
    for d, (n, step) in enumerate(zip(index.shape, index.strides, strict=True)):
        if d != dim and step and n > 1:
            return None
    return index[tuple([slice(None) if d == dim else 0 for d in range(index.ndim)])]


def gather(x: Any, dim: int, index: Any) -> Any:
    """The elements of x at index along a dim, or None."""
    if index.size < LARGE or not dense(x) or not fits(x.shape, dim, index):
        return None
    dim %= x.ndim
    vector = alike(index, dim)
    if vector is not None:
        return taken(x, dim, vector) if vector.min() >= 0 else None
    places, kernel = longs(index), moved("gather", x.dtype)
    if places is None or kernel is None:
        return None
    return kernel(x, places, extents(x.shape, dim, index.shape[dim]))


def scatter(action: str, start: Any, given: Any, shape: Any, dim: int, index: Any) -> Any:
    """A copy of start, or zeros of a shape (None), with `given` put or added at index along a dim, or None."""
    shape = tuple(shape)
    if index.size < LARGE or given.__class__ is not np.ndarray or not given.size or not fits(shape, dim, index):
        return None
    if start is not None and (start.dtype is not given.dtype or not dense(start)):
        return None
    dim, dtype = dim % len(shape), given.dtype
    if action == "add" and dtype.kind == "f" and index.shape == given.shape:
        vector = alike(index, dim)
        if vector is not None:
            return add_lines(start, given, shape, dim, vector) if vector.min() >= 0 else None
    if action == "add" and dtype.kind != "f":
        action = "count" if dtype.kind in "iu" else ""
    places, kernel = longs(index), moved(f"scatter_{action}", dtype) if action else None
    if kernel is None or places is None or (action != "fill" and given.shape != index.shape):
        return None
    return kernel(start, places, np.ascontiguousarray(given), shape, extents(shape, dim, index.shape[dim]))


def hot(index: Any, count: int) -> Any:
    """Zeros with a 1 at each place of the last of index's dims and one more of `count`, int64, or None."""
    if index.size * count < LARGE or not dense(index) or index.dtype is not _INT64:
        return None
    kernel = layer("scatter_fill", _F64)
    if kernel is None:
        return None
    return kernel(None, index, np.ones(1, np.int64), (*index.shape, count), (index.size, count, 1, 1))


def within(index: Any, size: int) -> Any:
    """An index as places from the front, or None where one lies outside."""
    places = longs(index)
    if places is None:
        return None
    low, high = places.min(), places.max()
    if low < -size or high >= size:
        return None
    return places if low >= 0 else np.where(places < 0, places + size, places)


def taken(x: Any, dim: int, index: Any) -> Any:
    """x.take(index, dim), or None."""
    if x.ndim == 0 or index.size * (x.size // (x.shape[dim] or 1)) < LARGE or not dense(x):
        return None
    kernel, places = moved("lines", x.dtype), within(index, x.shape[dim])
    if kernel is None or places is None:
        return None
    shape = x.shape
    return kernel(x, places, (*shape[:dim], *index.shape, *shape[dim + 1 :]), extents(shape, dim, places.size))


def add_lines(start: Any, given: Any, shape: Any, dim: int, index: Any) -> Any:
    """A copy of start, or zeros of a shape (None), with given[..., j] added at index[j] along a dim, or None."""
    if given.size < LARGE or given.__class__ is not np.ndarray or (given.dtype is not _F32 and given.dtype is not _F64):
        return None
    if start is not None and (start.dtype is not given.dtype or not dense(start)):
        return None
    shape = tuple(shape)
    if 0 in shape:
        return None
    sizes = extents(shape, dim, index.size)
    single = sizes[3] == 1
    kernel, places = layer("scatter_add" if single else "add_lines", given.dtype), within(index, shape[dim])
    if kernel is None or places is None:
        return None
    given = np.ascontiguousarray(given)
    return kernel(start, places, given, shape, sizes, True) if single else kernel(start, places, given, shape, sizes)


def starts(mask: Any) -> Any:
    """Where the pieces of a mask begin among its true elements, or None."""
    if not dense(mask) or mask.dtype is not _BOOL or mask.size < LARGE:
        return None
    kernel = layer("counts", _F32)
    return None if kernel is None else kernel(mask)


def nonzero(x: Any) -> Any:
    """The positions of the elements that are not 0, a row each, or None."""
    if x.__class__ is not np.ndarray or x.size < LARGE or not x.ndim or x.dtype.kind not in "biufc":
        return None
    mask = x if x.dtype is _BOOL else x != 0
    begins, kernel = starts(mask), layer("places", _F64)
    return None if begins is None or kernel is None else kernel(mask, begins)


def picked(x: Any, mask: Any) -> Any:
    """x[mask] for a mask of its shape, or None."""
    if mask.size < LARGE or x.shape != mask.shape or not dense(x):
        return None
    begins, kernel = starts(mask), moved("picked", x.dtype)
    return None if begins is None or kernel is None else kernel(x, mask, begins)


def spaced(given: Any, mask: Any) -> Any:
    """Zeros of a mask's shape with `given` where it is true, or None."""
    if mask.size < LARGE or not dense(given):
        return None
    begins, kernel = starts(mask), moved("spaced", given.dtype)
    return (
        kernel(given, mask, begins) if kernel is not None and begins is not None and begins[-1] == given.size else None
    )


def triangle(x: Any, diagonal: int, lower: bool) -> Any:
    """The lower or upper triangle of matrices, or None."""
    if x.size < LARGE or x.ndim < 2 or not dense(x):
        return None
    kernel = moved("triangle", x.dtype)
    return None if kernel is None else kernel(x, diagonal, lower)


def steps(start: Any, step: Any, n: int, dtype: Any) -> Any:
    """start + i step for i below n, computed in int64 for int64 and in float64 for floating dtypes, or None."""
    if n < LARGE:
        return None
    if dtype is _INT64:
        fits = start.__class__ is step.__class__ is int and max(abs(start), abs(start + n * step)) < 1 << 62
        kernel = layer("whole_steps", _F64) if fits else None
    else:
        fits = (dtype is _F32 or dtype is _F64) and max(abs(start), abs(start + n * step)) < 1 << 53
        kernel = layer("steps", dtype) if fits else None
        start, step = float(start), float(step)
    return None if kernel is None else kernel(start, step, n, dtype)


def install() -> None:
    """Take the places of the functions that answer None."""
    PLACES.gather, PLACES.scatter, PLACES.hot, PLACES.taken, PLACES.add_lines = gather, scatter, hot, taken, add_lines
    PLACES.steps = steps
    PLACES.nonzero, PLACES.picked, PLACES.spaced, PLACES.triangle = nonzero, picked, spaced, triangle
