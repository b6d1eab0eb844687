"""Sorting, ranking, unique values and search in sorted data."""

from __future__ import annotations

from math import prod as product
from typing import Any

from wengert.core.arrays import return_types
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import DimError, DtypeError, ShapeError
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.destinations import apart, both, of_dtype
from wengert.core.operators.library.extrema import check_not_empty
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.library.overloads import is_number, missing_derivative, refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def order_of(np: Any, x: Any, axis: int, descending: bool = False) -> Any:
    """The stable order of the elements along an axis; nan is larger than everything, equal ones keep their order."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(backwards, axis)


def rank_index(np: Any, x: Any, k: int, axis: int) -> Any:
    """Where the element of rank k (from 0) is along an axis; the whole order is found only if it is short."""
    order = np.argpartition(x, k, axis=axis) if x.shape[axis] >= 64 else order_of(np, x, axis)
    return np.take(order, k, axis=axis)


def refuse_order(name: str, x: Any) -> None:
    """Complex numbers have no order."""
    if x.dtype.kind == "c":
        raise DtypeError(f" {name} does not support complex dtypes on CPU")


@plain(space=None, method=False, samples=lambda s: [call(s.distinct(3, 4), 1, False), call(s.distinct(), 0, True)])
def sorting_indices(np, input: Array, dim: int, descending):
    """The indices that sort `input` along `dim`."""
    refuse_order("Sort", input)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return np.zeros((), dtype="int64")
    return order_of(np, input, dim, descending)


def _sort_samples(s: Any) -> list[Any]:
    return [
        call(s.distinct(3, 4)),
        call(s.distinct(3, 4), 0, True),
        call(s.distinct(3, 4), stable=True),
        call(s.distinct()),
        call(s.distinct(0, 2), 0),
    ]


@composite(samples=_sort_samples)
def sort(m, input: Array, dim=-1, descending=False, *, stable=None):
    """The elements along `dim` in order, as (values, indices).  Equal elements keep their order; nan is largest.

    Raises: DtypeError for complex input.
    """
    indices = m.sorting_indices(input, dim, descending)
    label = "SortBackward0" if stable is None else "SortBackward1"
    return return_types.sort((m.picked(input, indices, dim, True, label), indices))


@composite(samples=_sort_samples)
def argsort(m, input: Array, dim=-1, descending=False, *, stable=False):
    """The indices that sort `input` along `dim`.  Equal elements keep their order; nan is largest."""
    return m.sorting_indices(input, dim, descending)


@composite(samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3))])
def msort(m, input: Array):
    """The elements along the first dim in order."""
    return m.sort(input, 0)[0]


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.distinct(3, 4), 2, 1, True, True), call(s.distinct(3), 1, 0, False, False)],
)
def leading_indices(np, input: Array, k: int, dim: int, largest, sorted):
    """Where the `k` largest or smallest elements along `dim` are, in order."""
    refuse_order("topk", input)
    if input.dtype.kind == "b":
        raise DtypeError("topk does not support bool dtypes on CPU")
    dim = wrap_dim(dim, input.ndim)
    n = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= n:
        raise ShapeError(f"selected index k out of range: k is {k}, dimension {dim} has {n} elements")
    if not input.ndim:
        return np.zeros((), dtype="int64")
    lead = (slice(None),) * dim
    if 8 * k > n or n < 64:
        return order_of(np, input, dim, largest)[(*lead, slice(k))]
    part = slice(n - k, n) if largest else slice(k)
    found = np.argpartition(input, n - k if largest else max(k - 1, 0), axis=dim)[(*lead, part)]
    order = order_of(np, np.take_along_axis(input, found, axis=dim), dim, largest)
    return np.take_along_axis(found, order, axis=dim)


@composite(samples=lambda s: [call(s.distinct(3, 4), 2), call(s.distinct(3, 4), 1, 0, False), call(s.distinct(), 1)])
def topk(m, input: Array, k: int, dim=-1, largest=True, sorted=True):
    """The `k` largest (or smallest) elements along `dim`, in order, as (values, indices).  nan is largest.

    Raises: ShapeError for a `k` out of range; DtypeError for complex input.
    """
    indices = m.leading_indices(input, k, dim, largest, sorted)
    return return_types.topk((m.picked(input, indices, dim, True, "TopkBackward0"), indices))


@plain(space=None, method=False, samples=lambda s: [call(s.distinct(3, 4), 2, 1, False)])
def ranked_index(np, input: Array, k: int, dim: int, keepdim):
    """Where the k-th smallest element along `dim` is, k counted from 1."""
    refuse("kthvalue_cpu", "cb", input)
    dim = wrap_dim(dim, input.ndim)
    check_not_empty("kthvalue", input.shape, dim)
    if not 1 <= k <= (input.shape[dim] if input.ndim else 1):
        raise ShapeError(f"kthvalue(): selected number k out of range for dimension {dim}: k is {k}")
    if not input.ndim:
        return np.zeros((), dtype="int64")
    found = rank_index(np, input, k - 1, dim)
    return np.expand_dims(found, dim) if keepdim else found


def _ranked_dtype(result, given):
    return f"output values must be of same type as input, {result.dtype}, not {given.dtype}"


def _place_dtype(result, given):
    return f"output indices must be of scalar type Long, not {scalar_of(given)}"


@composite(
    samples=lambda s: [call(s.distinct(3, 4), 2), call(s.distinct(3, 4), 1, 0, True), call(s.distinct(), 1)],
    errors=both(of_dtype(_ranked_dtype, 0), of_dtype(_place_dtype, 1), apart),
)
def kthvalue(m, input: Array, k: int, dim=-1, keepdim=False):
    """The `k`-th smallest element along `dim` (from 1), as (values, indices).  nan is largest.

    Raises: ShapeError for a `k` out of range; DimError for a dim without elements.
    """
    indices = m.ranked_index(input, k, dim, keepdim)
    return return_types.kthvalue((m.picked(input, indices, dim, keepdim, "KthvalueBackward0"), indices))


# ---------------------------------------------------------------- unique


def grouped(np: Any, new: Any, order: Any) -> tuple[Any, Any, Any]:
    """From where groups begin in an ordered sequence: the starts, every element's group, the sizes."""
    n = order.shape[0]
    starts = np.nonzero(new)[0]
    groups = np.cumsum(new) - 1
    inverse = np.empty(n, dtype="int64")
    inverse[order] = groups
    return starts, inverse, np.diff(np.concatenate((starts, np.asarray([n]))))


def beginnings(np: Any, rows: Any) -> Any:
    """Which rows of a sequence differ from the row before; the first one does."""
    new = np.ones(rows.shape[0], dtype=bool)
    differs = np.not_equal(rows[1:], rows[:-1])
    new[1:] = differs if rows.ndim == 1 else differs.any(axis=tuple(range(1, rows.ndim)))
    return new


def unique_of(np: Any, x: Any, dim: Any, ordered: bool) -> tuple[Any, Any, Any]:
    """Unique elements or slices with inverse and counts; neighbours only unless `ordered` first."""
    if dim is None:
        rows, shape = x.reshape(-1), x.shape
    else:
        dim = wrap_dim(dim, x.ndim)
        rows = np.moveaxis(x, dim, 0)
        shape = (rows.shape[0],)
    order = np.arange(rows.shape[0])
    if ordered:
        order = row_order(np, rows)
    placed = rows[order] if ordered else rows
    starts, inverse, counts = grouped(np, beginnings(np, placed), order)
    values = placed[starts]
    if dim is not None:
        values = np.moveaxis(values, 0, dim)
    return values, inverse.reshape(shape), counts


def row_order(np: Any, rows: Any) -> Any:
    """The order that sorts rows, first elements first."""
    if rows.ndim == 1:
        return np.argsort(rows, kind="stable")
    columns = np.moveaxis(rows, 0, -1).reshape(product(rows.shape[1:]), rows.shape[0])
    return np.lexsort(columns[::-1]) if columns.shape[0] else np.arange(rows.shape[0])


_UNIQUE_NAMES = {(True, False): "Unique2", (True, True): "UniqueDim", (False, False): "UniqueConsecutive"}


@opaque(
    vjp=missing_derivative("_unique2"),
    shape="values",
    batch="loop",
    space=None,
    method=False,
    outputs=3,
    backward_name=lambda args: _UNIQUE_NAMES.get((args[2], args[1] is not None), "UniqueConsecutive") + "Backward0",
    samples=lambda s: [
        call(s.integers(3, 4), None, True),
        call(s.integers(5, 1), 0, True),
        call(s.integers(6), None, False),
    ],
)
def unique_parts(np, input: Array, dim, ordered):
    """Unique elements (of neighbours, unless ordered), every element's place among them, and their counts."""
    refuse("unique" if dim is None else "unique_dim", "c", input)
    if dim is not None and not input.ndim:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")
    if dim is not None and 0 in input.shape and input.shape[wrap_dim(dim, input.ndim)]:
        raise ShapeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied; "
            f"the shape is {list(input.shape)}"
        )
    return unique_of(np, input, dim, ordered)


def _selected(parts: Any, inverse: bool, counts: bool) -> Any:
    found = (parts[0], *((parts[1],) if inverse else ()), *((parts[2],) if counts else ()))
    return found if len(found) > 1 else found[0]


@composite(samples=lambda s: [call(s.integers(3, 4)), call(s.integers(4, 2), True, True, True, 0)])
def unique(m, input: Array, sorted=True, return_inverse=False, return_counts=False, dim: int | None = None):
    """Unique elements in ascending order, or unique slices along `dim`; every nan is unique.  No derivative.

    return_inverse: also every element's index among them.  return_counts: also how often each occurs.
    """
    return _selected(m.unique_parts(input, dim, True), return_inverse, return_counts)


@composite(samples=lambda s: [call(s.integers(7)), call(s.integers(4, 2), True, True, 0)])
def unique_consecutive(m, input: Array, return_inverse=False, return_counts=False, dim: int | None = None):
    """The elements, or slices along `dim`, that differ from their predecessor.  Returns as `unique`."""
    return _selected(m.unique_parts(input, dim, False), return_inverse, return_counts)


# ---------------------------------------------------------------- search


def _check_search(sequence: Any, values: Any, sorter: Any, right: bool, side: str | None) -> None:
    if side is not None and side not in ("left", "right"):
        raise ShapeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ShapeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    given = [] if values is None else list(values.shape)
    if not sequence.ndim:
        raise ShapeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim(0) and input value's dim({len(given)}) numel(1)"
        )
    if sequence.ndim > 1 and values is None:
        raise ShapeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({sequence.ndim})"
        )
    if sequence.ndim > 1 and list(sequence.shape[:-1]) != given[:-1]:
        raise ShapeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            f"value tensor {given}"
        )
    if sorter is not None and sorter.shape != sequence.shape:
        raise ShapeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)} and got sorter tensor {list(sorter.shape)}"
        )


@plain(
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(5), s.array(2, 3), None, True, None),
        call(s.array(2, 4), s.array(2, 3), None, False, None),
    ],
)
def places(np, sequence: Array, values: Array | None, number, right, sorter: Array | None):
    """Where values would enter sorted sequences."""
    if values is not None:
        refuse("searchsorted_out_cpu", "bc", sequence, values)
    side = "right" if right else "left"
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter, axis=-1)
    if values is None:
        return np.asarray(np.searchsorted(sequence, number, side=side))
    if sequence.ndim == 1:
        return np.asarray(np.searchsorted(sequence, values, side=side))
    if not values.size:
        return np.zeros(values.shape, dtype="int64")
    count = values.size // values.shape[-1]
    rows, wanted = sequence.reshape(count, sequence.shape[-1]), values.reshape(count, values.shape[-1])
    found = np.empty(wanted.shape, dtype="int64")
    for i in range(rows.shape[0]):
        found[i] = np.searchsorted(rows[i], wanted[i], side=side)
    return found.reshape(values.shape)


@plain(space=None, method=False, samples=lambda s: [call(s.integers(3))])
def as_int32(np, input: Array):
    """The elements as int32."""
    return input.astype("int32")


def _places(m: Any, sequence: Any, values: Any, right: bool, int32: bool, sorter: Any) -> Any:
    number = is_number(values)
    found = m.places(sequence, None if number else values, values if number else None, right, sorter)
    return m.as_int32(found) if int32 else found


@composite(method=False, samples=lambda s: [call(s.array(5), s.array(2, 3)), call(s.array(5), 0.5, right=True)])
def searchsorted(
    m, sorted_sequence: Array, input, *, out_int32=False, right=False, side=None, sorter: Array | None = None
):
    """Indices i with sequence[i - 1] < input <= sequence[i] along the last dim; for right, <= and <.

    One sequence serves all values, or each row of values has its own; `sorter` are indices that sort an unsorted one.
    Raises: ShapeError for a side that is neither "left" nor "right", or rows that do not match.
    """
    _check_search(sorted_sequence, None if is_number(input) else input, sorter, right, side)
    return _places(m, sorted_sequence, input, right or side == "right", out_int32, sorter)


@composite(method=False, samples=lambda s: [call(s.array(2, 3), s.array(5)), call(0.5, s.array(5), right=True)])
def bucketize(m, input, boundaries: Array, *, out_int32=False, right=False):
    """Index of the bucket between sorted `boundaries` that each value falls in, as `searchsorted` counts."""
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return _places(m, boundaries, input, right, out_int32, None)


# ---------------------------------------------------------------- nonzero


@plain(space=None, method=False, shape="values", samples=lambda s: [call(s.integers(3, 4)), call(s.integers())])
def nonzero_rows(np, input: Array):
    """The indices of all elements that are not 0, one row each."""
    if not input.ndim:
        return np.zeros((int(input != 0), 0), dtype="int64")
    found = LARGE.nonzero(input)
    return np.stack(np.nonzero(input), axis=1) if found is None else found


@plain(space=None, method=False, outputs=0, shape="values", samples=lambda s: [call(s.integers(3, 4))])
def nonzero_columns(np, input: Array):
    """The indices of all elements that are not 0, one vector for each dim."""
    found = LARGE.nonzero(input)
    return tuple(np.nonzero(input if input.ndim else input.reshape(1)) if found is None else found.T)


@composite(samples=lambda s: [call(s.integers(3, 4)), call(s.integers(3, 4), as_tuple=True)])
def nonzero(m, input: Array, *, as_tuple=False):
    """The indices of all elements that are not 0 in row-major order: (n, ndim), or a vector for each dim."""
    return m.nonzero_columns(input) if as_tuple else m.nonzero_rows(input)
