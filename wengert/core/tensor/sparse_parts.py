"""Parts of sparse tensors, and tensors put together from them: select, index_select, unbind, unsqueeze, cat, stack."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays.shape import wrap_dim
from wengert.core.arrays.sparse import Pattern, SparseArray
from wengert.core.base.errors import GraphError, IndexRangeError, ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import wrap
from wengert.core.tensor.sparse import COMPOSITES, RULES, is_sparse, missing
from wengert.core.tensor.sparse_rules import coalesced, pattern_of, rebuilt, values_of


def of_coordinates(name: str, *tensors: Any) -> None:
    """Raise for compressed tensors, of which there are no parts."""
    for x in tensors:
        if is_sparse(x) and x._array.layout is not devices.sparse_coo:
            raise missing(name, x)


def spelt_out(x: Any) -> Any:
    """A compressed tensor as coordinates, in the order of its values."""
    if x._array.layout is devices.sparse_coo:
        return x
    pattern = pattern_of(x)
    rest = x._array.shape[len(pattern.sizes) :]
    return rebuilt(m.reshape(values_of(x), (pattern.elements.count, *rest)), pattern.elements, "ToSparseBackward0")


def selected(input: Any, dim: int, index: int, name: str = "SelectBackward0") -> Any:
    """The slice at one index; dense where no sparse dim is left."""
    if input._array.layout is not devices.sparse_coo:
        out = selected(coalesced(spelt_out(input)), dim, index, name)
        return compressed_again(out, pattern_of(input)) if is_sparse(out) and out._array.ndim > 1 else out
    pattern, ndim = pattern_of(input), input._array.ndim
    dim, sizes = wrap_dim(dim, ndim), pattern.sizes
    length = input._array.shape[dim]
    if not -length <= index < length:
        raise IndexRangeError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    index %= length
    if dim >= len(sizes):
        return rebuilt(m.select(values_of(input), dim - len(sizes) + 1, index), pattern, name)
    at = np.flatnonzero(pattern.indices[dim] == index)
    values = m.index_select(values_of(input), 0, wrap(at))
    if len(sizes) == 1:
        return m.sum(values, (0,))
    kept = [d for d in range(len(sizes)) if d != dim]
    left = Pattern(pattern.indices[kept][:, at], tuple(sizes[d] for d in kept))
    return rebuilt(values, left, name)


def compressed_again(x: Any, pattern: Any) -> Any:
    """One matrix of a batch in the layout of the batch."""
    array = pattern.again(SparseArray(pattern_of(x), np.arange(1, pattern_of(x).count + 1)))
    order = m.index_select(values_of(x), 0, wrap(array.values.reshape(-1) - 1)) if not pattern.block else None
    if order is None:
        order = m.sparse_moved(values_of(x), pattern_of(x), array.pattern)
    return rebuilt(order, array.pattern, "SelectBackward0")


def index_selected(input: Any, dim: int, index: Any) -> Any:
    """The slices at the positions of a vector."""
    of_coordinates("index_select", input)
    pattern, dim = pattern_of(input), wrap_dim(dim, input._array.ndim)
    wanted = index._array.reshape(-1)
    size = input._array.shape[dim]
    if wanted.size and (wanted.min() < 0 or wanted.max() >= size):
        wrong = next(int(i) for i in wanted if not 0 <= i < size)
        raise IndexRangeError(
            f"index_select(): index contains {wrong} that is out of range for tensor of size {list(input.shape)} at "
            f"dimension {dim}"
        )
    if dim >= len(pattern.sizes):
        chosen = m.index_select(values_of(input), dim - len(pattern.sizes) + 1, index)
        return rebuilt(chosen, pattern, "IndexSelectBackward0")
    row = pattern.indices[dim]
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(size + 1))
    counts = (starts[1:] - starts[:-1])[wanted]
    ends = np.cumsum(counts)
    at = order[np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts[wanted] - (ends - counts), counts)]
    indices = pattern.indices[:, at]
    indices[dim] = np.repeat(np.arange(len(wanted)), counts)
    sizes = tuple(len(wanted) if d == dim else n for d, n in enumerate(pattern.sizes))
    left = Pattern(indices, sizes)
    return rebuilt(m.index_select(values_of(input), 0, wrap(at)), left, "IndexSelectBackward0")


def narrowed(input: Any, dim: int, start: int, length: int) -> Any:
    """A range of indices of one dim."""
    return index_selected(input, dim, wrap(np.arange(start, start + length)))


def unbound(input: Any, dim: int = 0) -> Any:
    """The slices along a dim."""
    return tuple(
        selected(input, dim, i, "UnbindBackward0") for i in range(input._array.shape[wrap_dim(dim, input._array.ndim)])
    )


def unsqueezed(input: Any, dim: int) -> Any:
    """A dim of size 1 put in."""
    of_coordinates("unsqueeze", input)
    pattern, ndim = pattern_of(input), input._array.ndim
    dim = wrap_dim(dim, ndim + 1)
    sparse_dim = len(pattern.sizes)
    if dim > sparse_dim:
        return rebuilt(m.unsqueeze(values_of(input), dim - sparse_dim + 1), pattern, "UnsqueezeBackward0")
    indices = np.insert(pattern.indices, dim, 0, axis=0)
    sizes = (*pattern.sizes[:dim], 1, *pattern.sizes[dim:])
    return rebuilt(values_of(input), Pattern(indices, sizes), "UnsqueezeBackward0")


def joined(tensors: Any, dim: int = 0, name: str = "CatBackward0") -> Any:
    """Sparse tensors one after the other along a dim."""
    if not all(is_sparse(x) for x in tensors):
        raise GraphError("Concatenating sparse tensors, but a dense tensor was found among them")
    of_coordinates("cat", *tensors)
    first = pattern_of(tensors[0])
    dim = wrap_dim(dim, tensors[0]._array.ndim)
    sparse_dim = len(first.sizes)
    for i, x in enumerate(tensors):
        shape, wanted = list(x._array.shape), list(tensors[0]._array.shape)
        if len(pattern_of(x).sizes) != sparse_dim or shape[:dim] + shape[dim + 1 :] != wanted[:dim] + wanted[dim + 1 :]:
            raise ShapeError(
                f"All tensors must have the same shape: {wanted} (except in the concatenating dimension), but found "
                f"shape: {shape} at position {i} with {len(pattern_of(x).sizes)} sparse dims"
            )
    if dim >= sparse_dim:
        parts = [x for x in map(coalesced, tensors)]
        whole, groups = Pattern(np.concatenate([pattern_of(x).indices for x in parts], 1), first.sizes).unique()
        rows = [m.sparse_moved(values_of(x), pattern_of(x), whole) for x in parts]
        return rebuilt(m.cat(rows, dim - sparse_dim + 1), whole, name)
    offset, rows = 0, []
    for x in tensors:
        own = pattern_of(x).indices.copy()
        own[dim] += offset
        offset += x._array.shape[dim]
        rows.append(own)
    sizes = tuple(offset if d == dim else n for d, n in enumerate(first.sizes))
    values = m.cat([values_of(x) for x in tensors], 0)
    whole = Pattern(np.concatenate(rows, axis=1), sizes)
    return rebuilt(values, whole, name)


def stacked(tensors: Any, dim: int = 0) -> Any:
    """Sparse tensors side by side in a new dim."""
    dim = wrap_dim(dim, tensors[0]._array.ndim + 1)
    return joined([unsqueezed(x, dim) for x in tensors], dim, "StackBackward0")


RULES.update(
    select=selected, index_select=index_selected, unbind=unbound, unsqueeze=unsqueezed, cat=joined, stack=stacked,
    any=lambda input, dim=None, keepdim=False: m.any(values_of(input)),
)  # fmt: skip


RULES["narrow_copy"] = COMPOSITES["narrow_copy"] = narrowed

__all__ = ["of_coordinates", "spelt_out"]
