"""Places of a sampling grid: from [-1, 1] to elements, kept inside by the padding mode, and the elements around them.

Coordinates are arrays of any shape, one for each spatial dim.
"""

from __future__ import annotations

from typing import Any


def scaled(np: Any, x: Any, size: int, align: bool) -> Any:
    """From [-1, 1] to elements: the ends are the middles of the outer elements if `align`, else their outer edges."""
    return (x + 1) * ((size - 1) / 2) if align else ((x + 1) * size - 1) / 2


def reflected(np: Any, x: Any, size: int, align: bool) -> tuple[Any, Any]:
    """x reflected at the borders until it lies inside, and +1 or -1: the direction in which it then runs."""
    low, high = (0, 2 * (size - 1)) if align else (-1, 2 * size - 1)
    if low == high:
        return x * 0, x * 0
    least, span = low / 2, (high - low) / 2
    x = x - least
    sign = np.where(x < 0, -1.0, 1.0).astype(x.dtype)
    x = np.abs(x)
    rest = np.fmod(x, x.dtype.type(span))
    odd = np.floor(x / span) % 2 != 0
    return np.where(odd, span - rest, rest).astype(x.dtype) + x.dtype.type(least), np.where(odd, -sign, sign)


def bounded(np: Any, x: Any, size: int) -> tuple[Any, Any]:
    """x clipped to the elements, and 0 where it was clipped, else 1."""
    inside = (x > 0) & (x < size - 1)
    return np.minimum(np.maximum(np.where(x == x, x, x.dtype.type(0)), 0), size - 1), inside


def kept_inside(np: Any, x: Any, size: int, mode: str, align: bool) -> tuple[Any, Any]:
    """Coordinates by padding mode, and their slope with respect to x."""
    if mode == "zeros":
        return x, None
    if mode == "border":
        found, inside = bounded(np, x, size)
        return found, inside.astype(x.dtype)
    found, sign = reflected(np, x, size, align)
    found, inside = bounded(np, found, size)
    return found, sign * inside


def coordinate(np: Any, x: Any, size: int, mode: str, align: bool) -> Any:
    """Grid values as coordinates."""
    return kept_inside(np, scaled(np, x, size, align), size, mode, align)[0].astype(x.dtype)


def slope(np: Any, x: Any, size: int, mode: str, align: bool) -> Any:
    """Derivative of `coordinate`."""
    found = kept_inside(np, scaled(np, x, size, align), size, mode, align)[1]
    factor = x.dtype.type((size - 1) / 2 if align else size / 2)
    return np.full(x.shape, factor, dtype=x.dtype) if found is None else (found * factor).astype(x.dtype)


def whole(np: Any, x: Any) -> Any:
    """Coordinates that are whole numbers as int64; those without meaning lie outside."""
    wild = ~(np.abs(x) < 2.0**31)
    return np.where(wild, x.dtype.type(-100), x).astype(np.int64)


def flat_index(
    np: Any, lows: list[Any], offsets: tuple[int, ...], sizes: tuple[int, ...], mode: str, align: bool
) -> Any:
    """Index of the element at lows + offsets in an image's elements; -1 outside.  `mode` None: as they are."""
    found, valid = 0, None
    for low, offset, size in zip(lows, offsets, sizes, strict=True):
        at = low + low.dtype.type(offset)
        if mode:
            at = kept_inside(np, at, size, mode, align)[0]
        at = whole(np, at)
        inside = (at >= 0) & (at < size)
        valid = inside if valid is None else valid & inside
        found = found * size + at
    return np.where(valid, found, -1)


def looked_up(np: Any, x: Any, index: Any) -> Any:
    """x (N, C, S) at index (N, P): (N, C, P), 0 where the index is -1."""
    n, c = x.shape[:2]
    out = np.empty((n, c, index.shape[1]), dtype=x.dtype)
    outside = index < 0
    safe = np.where(outside, 0, index)
    for i in range(n):
        out[i] = x[i].take(safe[i], axis=1)
    if outside.any():
        out = np.where(outside[:, None, :], x.dtype.type(0), out)
    return out


def laid_down(np: Any, g: Any, index: Any, count: int) -> Any:
    """Transpose of `looked_up`: (N, C, P) added up at index (N, P), to (N, C, count)."""
    n, c, p = g.shape
    out = np.zeros(n * c * count, dtype=g.dtype)
    outside = index < 0
    if outside.any():
        g = np.where(outside[:, None, :], g.dtype.type(0), g)
    rows = np.arange(n * c).reshape(n, c, 1) * count
    places = np.where(outside, 0, index)[:, None, :] + rows
    np.add.at(out, places.ravel(), g.ravel())
    return out.reshape(n, c, count)
