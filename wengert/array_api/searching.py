"""Sorting, searching, sets and indexing, in the standard's names."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert.array_api.manipulation import axes_of
from wengert.array_api.types import dialect, expected, is_tensor, operand, pair, result_type, tensor
from wengert.core.base.errors import ShapeError, ValueRangeError


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the first largest element, int64; of the flattened tensor for None."""
    return dialect.argmax(_some(x, axis, "argmax"), axis, keepdim=keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the first smallest element, int64; of the flattened tensor for None."""
    return dialect.argmin(_some(x, axis, "argmin"), axis, keepdim=keepdims)


def _some(x: Any, axis: int | None, name: str) -> Any:
    if any(x.shape[place] == 0 for place in axes_of(axis, expected(x, "12", name).ndim, name)):
        raise ValueRangeError(f"{name}(): expected an element to look at, but an axis of {tuple(x.shape)} is empty")
    return x


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in order along an axis, NaN last; recorded."""
    return dialect.sort(expected(x, "12", "sort"), dim=axis, descending=descending, stable=stable)[0]


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The indices that put the elements in order along an axis, int64; equal ones keep their order."""
    return dialect.argsort(expected(x, "12", "argsort"), dim=axis, descending=descending, stable=stable)


def nonzero(x: Any, /) -> tuple[Any, ...]:
    """Indices of the elements that are not zero, one int64 tensor for each axis.

    Raises: ShapeError for a tensor without dims.
    """
    if not tensor(x, "nonzero").ndim:
        raise ShapeError("nonzero(): expected a tensor of at least one dim")
    return tuple(dialect.nonzero(x, as_tuple=True))


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Where each element of x2 would go into the sorted one-dimensional x1, int64; before or behind equal ones."""
    if not is_tensor(x2):
        x2 = operand(x2, result_type(x1, x2), x1)
    a, b = pair(x1, x2, "searchsorted")
    if sorter is not None:
        a = dialect.index_select(a, 0, sorter.long())
    return dialect.searchsorted(a, b.contiguous(), side=side)


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Whether each element of x1 is among those of x2."""
    a, b = pair(x1, x2, "isin")
    return dialect.isin(a, b, invert=invert)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The slices of these indices along an axis, which only one-dimensional tensors may leave out; recorded.

    Raises: ShapeError for a missing axis or for indices of two dims or more.
    """
    if axis is None:
        if tensor(x, "take").ndim != 1:
            raise ShapeError(f"take(): axis is needed for a tensor of {x.ndim} dims")
        axis = 0
    if indices.ndim > 1:
        raise ShapeError(f"take(): expected one-dimensional indices, but got {indices.ndim} dims")
    (axis,) = axes_of(axis, x.ndim, "take")
    if not indices.ndim:
        return dialect.select(x, axis, int(indices))
    return x[(slice(None),) * axis + (indices.long(),)]


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Along an axis the element that each index names; the other axes broadcast; recorded."""
    (axis,) = axes_of(axis, tensor(x, "take_along_axis").ndim, "take_along_axis")
    return dialect.take_along_dim(x, dialect.remainder(indices.long(), max(x.shape[axis], 1)), axis)


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAll:
    """The values without repetition, where each first stands, which one every element is, and how often each occurs.

    NaNs count as different values. The values are taken from x by their indices, and so recorded.
    """
    flat = tensor(x, "unique_all").reshape(-1)
    count = flat.shape[0]
    parts = [flat.imag, flat.real] if flat.is_complex() else [flat]
    order = dialect.arange(count, device=flat.device)
    for part in parts:
        order = order[dialect.argsort(part.detach()[order], stable=True)]
    ranked = flat.detach()[order]
    begins = dialect.ones(count, dtype=order.dtype, device=flat.device)
    if count:
        begins[1:] = (ranked[1:] != ranked[:-1]).long()
    inverse = dialect.empty_like(order)
    inverse[order] = dialect.cumsum(begins, 0) - 1
    starts = dialect.nonzero(begins)[:, 0]
    ends = dialect.cat([starts[1:], starts.new_full((min(count, 1),), count)])
    indices = order[starts]
    return UniqueAll(flat[indices], indices, inverse.reshape(x.shape), ends - starts)


def unique_counts(x: Any, /) -> UniqueCounts:
    """The values without repetition and how often each occurs."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The values without repetition and which one every element is."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any, /) -> Any:
    """The values without repetition."""
    return unique_all(x).values
