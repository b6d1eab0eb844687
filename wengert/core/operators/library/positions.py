"""Elements at positions along one dim: picked, added up and combined; what gather and scatter are made of.

`index` is checked already.  Where it says the same in all lanes, as a vector does that was expanded over the other
dims, whole rows are moved; else each element is, by its place in a row-major array.
"""

from __future__ import annotations

from wengert.core.arrays.large import LARGE
from wengert.core.operators.library.indexing import add_at, add_rows

__all__ = ["added", "combined", "grid", "picked", "same_in_all_lanes"]


def same_in_all_lanes(dim, index):
    """The vector of positions that an index with elements holds in every lane, or None."""
    if index.ndim < 2:
        return index
    for d, (n, step) in enumerate(zip(index.shape, index.strides, strict=True)):
        if d != dim and n > 1 and step:
            return None
    return index[tuple([slice(None) if d == dim else 0 for d in range(index.ndim)])]


def corner(x, dim, shape):
    """The part of x whose extents apart from `dim` are those of `shape`."""
    if all(n == k for d, (n, k) in enumerate(zip(x.shape, shape, strict=True)) if d != dim):
        return x
    return x[tuple([slice(None) if d == dim else slice(n) for d, n in enumerate(shape)])]


def grid(np, dim, index):
    """The key of the elements that `index` names along `dim`, for arrays of one dim or more."""
    if index.ndim == 1:
        return (index,)
    key = []
    for d, n in enumerate(index.shape):
        key.append(index if d == dim else np.arange(n).reshape((1,) * d + (n,) + (1,) * (index.ndim - 1 - d)))
    return tuple(key)


def flat(np, shape, dim, index):
    """The same elements as positions in a row-major array of `shape`."""
    lanes, step, own = None, 1, 1
    for d in range(len(shape) - 1, -1, -1):
        if d == dim:
            own = step
        elif index.shape[d] > 1:
            part = np.arange(0, index.shape[d] * step, step).reshape((-1,) + (1,) * (index.ndim - 1 - d))
            lanes = part if lanes is None else lanes + part
        step *= shape[d]
    found = index if own == 1 else index * np.int64(own)
    return found if lanes is None else found + lanes


def picked(np, x, dim, index):
    """x[index[i, j], j] for dim 0, and so on: of index's shape; both have a dim or more, index an element."""
    vector = same_in_all_lanes(dim, index)
    if vector is not None:
        part = corner(x, dim, index.shape)
        if part.ndim == 2 and dim == 0 and vector.strides[0] > 0:
            return LARGE.take_rows(part, vector)
        return part.take(vector, axis=dim)
    if x.flags.c_contiguous:
        return x.reshape(-1).take(flat(np, x.shape, dim, index))
    return x[grid(np, dim, index)]


def added(np, size, dim, index, values):
    """Zeros of `size` plus `values`, of index's shape, scattered along `dim`."""
    found = LARGE.scatter("add", None, values, size, dim, index)
    if found is not None:
        return found
    count = 1
    for n in size:
        count *= n
    if not index.size:
        return np.zeros(size, dtype=values.dtype)
    if not index.ndim or not size:
        index, values = index.reshape(-1), values.reshape(-1)
    vector = same_in_all_lanes(dim, index) if index.ndim > 1 else None
    if vector is None:
        places = flat(np, size or (1,), dim, index)
        return add_at(np, count, places.reshape(-1), values.reshape(-1)).reshape(size)
    rows = np.moveaxis(values, dim, 0)
    lanes = rows.shape[1:]
    found = add_rows(np, size[dim], vector, np.ascontiguousarray(rows).reshape(len(rows), -1))
    found = np.moveaxis(found.reshape(size[dim], *lanes), 0, dim)
    if found.shape == tuple(size):
        return np.ascontiguousarray(found)
    out = np.zeros(size, dtype=values.dtype)
    corner(out, dim, index.shape)[...] = found
    return out


def combined(np, ufunc, out, dim, index, src, start):
    """out, after `ufunc` has taken in src at its places; start: what it finds there instead of out's, or None."""
    vector = same_in_all_lanes(dim, index)
    if vector is None:
        key = grid(np, dim, index)
        if start is not None:
            out[key] = start
        ufunc.at(out, key, src)
        return out
    order = np.argsort(vector, kind="stable")
    names = vector[order]
    first = np.flatnonzero(np.concatenate([np.ones(1, dtype=bool), names[1:] != names[:-1]]))
    rows = np.ascontiguousarray(np.moveaxis(src, dim, 0)[order])
    found = ufunc.reduceat(rows, first, axis=0, dtype=out.dtype)
    into, names = np.moveaxis(corner(out, dim, index.shape), dim, 0), names[first]
    into[names] = found if start is not None else ufunc(into[names], found)
    return out
