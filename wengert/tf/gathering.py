"""Looking up, scattering and folding by index: `gather`, `scatter_nd`, `tensor_scatter_nd_*`, segment sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED, AccumulateGrad, Node, attach, new_node, wrap
from wengert.core.tape.modes import MODE
from wengert.tf import math, variable
from wengert.tf.arrays import reshape
from wengert.tf.calling import checked, invalid, run, sizes
from wengert.tf.conversion import cast, tensor_of, whole, wholes
from wengert.tf.rules import ruled
from wengert.tf.slices import RecordedRows, Rows
from wengert.tf.tensor import EagerTensor, RecordedTensor, bare, dress, from_array, lasting

INT64 = np.dtype(np.int64)


class LookupNode(Node):
    """Rows looked up in a leaf: its gradient is those rows, not the whole."""

    __slots__ = ("places", "whole_shape")

    def vjp(self, g: Any) -> Any:
        """The rows of the gradient and where they belong."""
        return (Rows(np.asarray(g).reshape(-1, *self.whole_shape[1:]), self.places.reshape(-1), self.whole_shape),)

    def vjp_recorded(self, g: Any) -> Any:
        """The same on tensors, recorded."""
        rows = RECORDED.reshape(g, (self.places.size, *self.whole_shape[1:]))
        return (RecordedRows.made(rows, self.places.reshape(-1), self.whole_shape),)

    def release(self) -> None:
        """Nothing to forget but the places."""


def rows_of(x: Any, places: Any) -> Any:
    """x[places] along dim 0, sparse in reverse where x is a leaf."""
    shape = (*places.shape, *x._array.shape[1:])
    if x._flags == 1 and x._node.__class__ is AccumulateGrad and MODE.get().grad:
        out = wrap(np.take(x._array, places, 0))
        node: Any = new_node(LookupNode)
        node._inputs, node._fit, node._saved, node._versions = (x._node,), None, (), None
        node.places, node.whole_shape = places, x._array.shape
        attach(node, out, 2)
        out.__class__ = RecordedTensor if lasting(x) else EagerTensor
        return out
    flat = RECORDED.index_select(x, 0, from_array(places.reshape(-1).astype(INT64)))
    return dress(RECORDED.reshape(flat, shape), x)


def index_array(op: str, indices: Any, limit: int | None = None) -> Any:
    """Indices as an array. Raises InvalidArgumentError for other dtypes and for one outside [0, limit)."""
    a = checked(op, indices, "index")._array
    if limit is not None and a.size:
        bad = (a < 0) | (a >= limit)
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            raise invalid(op, f"indices[{','.join(map(str, at))}] = {a[at]} is not in [0, {limit})")
    return a


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """Slices of `params` along `axis` at `indices`; the first `batch_dims` dims of both go together.

    The gradient of a leaf looked up along dim 0 is IndexedSlices. Raises InvalidArgumentError for an index outside.
    """
    x = tensor_of(params)
    rank, b = x._array.ndim, batch_dims
    raw = tensor_of(indices)
    if b < 0:
        b += raw._array.ndim
    d = b if axis is None else whole(axis)
    if not -rank <= d < max(rank, 1):
        raise invalid("GatherV2", f"Expected axis in the range [{-rank}, {rank}), but got {d}")
    d %= max(rank, 1)
    places = index_array("GatherV2", raw, x._array.shape[d])
    if b:
        return batch_gather(x, places, d, b)
    if d == 0:
        return rows_of(x, places)
    flat = RECORDED.index_select(x, d, from_array(places.reshape(-1).astype(INT64)))
    return dress(RECORDED.reshape(flat, (*x._array.shape[:d], *places.shape, *x._array.shape[d + 1 :])), x)


def batch_gather(x: Any, places: Any, d: int, b: int) -> Any:
    """`gather` with b leading dims in common."""
    shape = x._array.shape
    if shape[:b] != places.shape[:b]:
        raise invalid(
            "GatherV2",
            f"batch_dims: params.shape[:{b}] {sizes(shape[:b])} != indices.shape[:{b}] {sizes(places.shape[:b])}",
        )
    batch, outer, inner = (int(np.prod(shape[i:j], dtype=np.int64)) for i, j in ((0, b), (b, d), (d + 1, None)))
    table = RECORDED.reshape(x, (batch, outer, shape[d], inner))
    flat = places.reshape(batch, 1, -1, 1).astype(INT64)
    count = flat.shape[2]
    index = from_array(np.broadcast_to(flat, (batch, outer, count, inner)).copy())
    out = RECORDED.gather(table, 2, index)
    return dress(RECORDED.reshape(out, (*shape[:d], *places.shape[b:], *shape[d + 1 :])), x)


def linear(op: str, places: Any, shape: Any) -> Any:
    """Rows of `places` as numbers of entries of a tensor of `shape` (its first dims). Raises InvalidArgumentError."""
    depth = places.shape[-1]
    if depth > len(shape):
        raise invalid(op, f"index innermost dimension length must be <= params rank; saw: {depth} vs. {len(shape)}")
    limits = np.array(shape[:depth], INT64)
    bad = ((places < 0) | (places >= limits)).any(-1)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        listed = ", ".join(map(str, places[at]))
        into = "param shape" if op == "GatherNd" else "shape"
        raise invalid(op, f"indices[{','.join(map(str, at))}] = [{listed}] does not index into {into} {sizes(shape)}")
    steps = (
        np.concatenate([np.cumprod(limits[:0:-1], dtype=INT64)[::-1], [1]]).astype(INT64)
        if depth
        else np.zeros(0, INT64)
    )
    return (places.astype(INT64) * steps).sum(-1)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """The entries (or slices) of `params` that the rows of `indices` point to. Raises InvalidArgumentError."""
    x, places = tensor_of(params), index_array("GatherNd", indices)
    if batch_dims:
        grid = np.indices(places.shape[:-1])[:batch_dims]
        places = np.concatenate([np.moveaxis(grid, 0, -1).astype(places.dtype), places], -1)
    shape, depth = x._array.shape, places.shape[-1]
    flat = linear("GatherNd", places, shape)
    table = x if depth == 1 else dress(RECORDED.reshape(x, (-1 if x._array.size else 0, *shape[depth:])), x)
    return rows_of(table, flat)


variable.GATHER.update(gather=gather, gather_nd=gather_nd)


def scattered(op: str, base: Any, indices: Any, updates: Any, how: Any) -> Any:
    """`updates` joined into the entries of `base` that the rows of `indices` point to."""
    places = index_array(op, indices)
    updates = tensor_of(updates, base._array.dtype)
    shape, depth = base._array.shape, places.shape[-1]
    wanted = (*places.shape[:-1], *shape[depth:])
    if updates._array.shape != wanted:
        raise invalid(
            op,
            f"Dimensions [{places.ndim - 1},{updates._array.ndim}) of input[shape={sizes(shape)}] must match "
            f"dimensions of updates[shape={sizes(updates._array.shape)}]: updates need shape {sizes(wanted)}",
        )
    flat = linear(op, places, shape).reshape(-1)
    head = int(np.prod(shape[:depth], dtype=np.int64))
    table = RECORDED.reshape(base, (head, *shape[depth:]))
    rows = RECORDED.reshape(updates, (flat.size, *shape[depth:]))
    out = how(table, from_array(flat), rows)
    return dress(RECORDED.reshape(out, shape), base, updates)


def added(table: Any, places: Any, rows: Any) -> Any:
    """Rows added."""
    return RECORDED.index_add(table, 0, places, rows)


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """Zeros of `shape` with `updates` added at `indices`. Raises InvalidArgumentError for an index outside."""
    updates = tensor_of(updates)
    return scattered("ScatterNd", from_array(np.zeros(wholes(shape), updates._array.dtype)), indices, updates, added)


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with `updates` added at `indices`."""
    return scattered("TensorScatterAdd", tensor_of(tensor), indices, updates, added)


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with `updates` subtracted at `indices`."""
    return scattered(
        "TensorScatterSub",
        tensor_of(tensor),
        indices,
        updates,
        lambda t, i, r: RECORDED.index_add(t, 0, i, RECORDED.neg(r)),
    )


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with `updates` in the place of what was at `indices`."""
    return scattered(
        "TensorScatterUpdate", tensor_of(tensor), indices, updates, lambda t, i, r: RECORDED.index_copy(t, 0, i, r)
    )


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with the larger of what was at `indices` and `updates`."""
    return scattered(
        "TensorScatterMax",
        tensor_of(tensor),
        indices,
        updates,
        lambda t, i, r: RECORDED.index_reduce(t, 0, i, r, "amax"),
    )


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with the smaller of what was at `indices` and `updates`."""
    return scattered(
        "TensorScatterMin",
        tensor_of(tensor),
        indices,
        updates,
        lambda t, i, r: RECORDED.index_reduce(t, 0, i, r, "amin"),
    )


# ---------------------------------------------------------------- segments


def segments(op: str, data: Any, ids: Any, count: Any) -> tuple[Any, Any, int]:
    """Data with one dim for the segments, its ids, the number of segments; entries with a negative id left out."""
    x, a = tensor_of(data), index_array(op, ids)
    if x._array.shape[: a.ndim] != a.shape:
        raise invalid(
            op, f"data.shape = {sizes(x._array.shape)} does not start with segment_ids.shape = {sizes(a.shape)}"
        )
    number = (int(a.max()) + 1 if a.size else 0) if count is None else whole(count)
    if count is None and (a.ndim != 1 or (np.diff(a) < 0).any()):
        raise invalid(op, "segment ids are not increasing")
    bad = np.flatnonzero(a.reshape(-1) >= number)
    if len(bad):
        raise invalid(op, f"segment_ids[{bad[0]}] = {a.reshape(-1)[bad[0]]} is out of range [0, {number})")
    x = reshape(x, (-1, *x._array.shape[a.ndim :]))
    kept = np.flatnonzero(a.reshape(-1) >= 0)
    if len(kept) < a.size:
        x = dress(RECORDED.index_select(x, 0, from_array(kept)), x)
    return x, a.reshape(-1)[kept].astype(INT64), number


def summed(x: Any, ids: Any, count: int) -> Any:
    """Sum of each segment."""
    base = from_array(np.zeros((count, *x._array.shape[1:]), x._array.dtype))
    return run("SegmentSum", lambda x: RECORDED.index_add(base, 0, from_array(ids), x), (x,))


def sizes_like(x: Any, ids: Any, count: int) -> Any:
    """Entries of each segment, at least 1, in a shape that goes with the sums."""
    counts = np.maximum(np.bincount(ids, minlength=count), 1).astype(x._array.dtype)
    return from_array(counts.reshape(-1, *[1] * (x._array.ndim - 1)))


def averaged(x: Any, ids: Any, count: int) -> Any:
    """Mean of each segment, 0 of an empty one."""
    return math.divide(summed(x, ids, count), sizes_like(x, ids, count))


def averaged_by_root(x: Any, ids: Any, count: int) -> Any:
    """Sum of each segment by the root of its size."""
    return math.divide(summed(x, ids, count), math.sqrt(sizes_like(x, ids, count)))


def extremes(ufunc: Any, empty: str) -> Any:
    """Largest or smallest entry of each segment; equal ones share the gradient."""

    def how(x: Any, ids: Any, count: int) -> Any:
        limits = np.finfo(x._array.dtype) if x._array.dtype.kind == "f" else np.iinfo(x._array.dtype)
        out = np.full((count, *x._array.shape[1:]), getattr(limits, empty), x._array.dtype)
        ufunc.at(out, ids, x._array)
        mask = np.equal(x._array, out[ids]).astype(x._array.dtype)
        shares = np.zeros_like(out)
        np.add.at(shares, ids, mask)
        weights = from_array(mask / np.maximum(shares[ids], 1))

        def rule(g: Any) -> Any:
            return (RECORDED.index_select(g, 0, from_array(ids)) * weights,)

        return ruled([from_array(out)], [x], rule, "SegmentExtreme")[0]

    return how


def multiplied(x: Any, ids: Any, count: int) -> Any:
    """Product of each segment."""
    base = from_array(np.ones((count, *x._array.shape[1:]), x._array.dtype))
    return run("SegmentProd", lambda x: RECORDED.index_reduce(base, 0, from_array(ids), x, "prod"), (x,))


HOW = {
    "sum": summed,
    "mean": averaged,
    "prod": multiplied,
    "max": extremes(np.maximum, "min"),
    "min": extremes(np.minimum, "max"),
    "sqrt_n": averaged_by_root,
}


def sorted_fold(how: str) -> Any:
    """`segment_sum` and its like: ids in order, one segment up to the last id."""

    def fold(data: Any, segment_ids: Any, name: str | None = None) -> Any:
        x, ids, count = segments(f"Segment{how.title()}", data, segment_ids, None)
        out = HOW[how](x, ids, count)
        if how in ("max", "min"):
            missing = np.bincount(ids, minlength=count) == 0
            out = (
                out
                if not missing.any()
                else dress(
                    RECORDED.masked_fill(out, from_array(missing.reshape(-1, *[1] * (out._array.ndim - 1))), 0), out
                )
            )
        return out

    fold.__name__, fold.__doc__ = f"segment_{how}", f"The {how} of each run of equal ids, 0 for ids that are left out."
    return fold


def unsorted_fold(how: str) -> Any:
    """`unsorted_segment_sum` and its like: ids in any order, negative ones left out."""

    def fold(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
        return HOW[how](*segments(f"UnsortedSegment{how.title()}", data, segment_ids, num_segments))

    fold.__name__, fold.__doc__ = f"unsorted_segment_{how}", f"The {how} of the entries of each of `num_segments` ids."
    return fold


segment_sum, segment_mean, segment_prod, segment_max, segment_min = map(
    sorted_fold, ("sum", "mean", "prod", "max", "min")
)
(
    unsorted_segment_sum, unsorted_segment_mean, unsorted_segment_prod, unsorted_segment_max, unsorted_segment_min,
    unsorted_segment_sqrt_n,
) = map(unsorted_fold, HOW)  # fmt: skip


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Any]:
    """The entries whose partition is 0, those whose partition is 1, and so on."""
    x, a = tensor_of(data), index_array("DynamicPartition", partitions, num_partitions)
    flat = reshape(x, (-1, *x._array.shape[a.ndim :]))
    return [
        dress(RECORDED.index_select(flat, 0, from_array(np.flatnonzero(a.reshape(-1) == p))), flat)
        for p in range(num_partitions)
    ]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """A tensor whose row `indices[m][i]` is `data[m][i]`; of rows named twice the last stays."""
    parts, places = [], []
    for ids, part in zip(indices, data, strict=True):
        a, x = tensor_of(ids)._array, tensor_of(part)
        places.append(a.reshape(-1).astype(INT64))
        parts.append(reshape(x, (a.size, *x._array.shape[a.ndim :])))
    ids, rows = np.concatenate(places), RECORDED.cat(parts, 0)
    base = from_array(np.zeros((int(ids.max()) + 1 if ids.size else 0, *rows._array.shape[1:]), rows._array.dtype))
    return dress(RECORDED.index_copy(base, 0, from_array(ids), rows), *parts)


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = np.int32,
    name: str | None = None, axis: Any = None, binary_output: bool = False,
) -> Any:  # fmt: skip
    """How often each number from 0 on comes (or the sum of its weights), along all dims or in each row."""
    a = tensor_of(arr)._array
    w = None if weights is None else tensor_of(weights)._array
    count = max(int(a.max(initial=-1)) + 1, whole(minlength) or 0)
    if maxlength is not None:
        count = min(count, whole(maxlength))
    rows = a.reshape(1, -1) if axis is None or a.ndim < 2 else a
    out = np.zeros(
        (len(rows), count), np.dtype(dtype if not hasattr(dtype, "array") else dtype.array) if w is None else w.dtype
    )
    for i, row in enumerate(rows):
        kept = row < count
        if binary_output:
            out[i, row[kept]] = 1
        else:
            np.add.at(out[i], row[kept], 1 if w is None else (w.reshape(rows.shape)[i])[kept])
    return from_array(out if axis is not None and a.ndim > 1 else out[0])


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    weights: Any = None,
    dtype: Any = np.int32,
    name: str | None = None,
) -> Any:
    """How often label i was predicted as j, in row i and column j."""
    a, p = tensor_of(labels)._array.reshape(-1).astype(INT64), tensor_of(predictions)._array.reshape(-1).astype(INT64)
    count = int(max(a.max(initial=-1), p.max(initial=-1))) + 1 if num_classes is None else whole(num_classes)
    out = np.zeros((count, count), dtype if not hasattr(dtype, "array") else dtype.array)
    np.add.at(out, (a, p), 1 if weights is None else tensor_of(weights)._array)
    return from_array(out)


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """Rows of the table `params` at `ids`, scaled down to a length of `max_norm` if one is given.

    The gradient of the table is IndexedSlices. Raises InvalidArgumentError for an id outside.
    """
    if params is None:
        raise ValueError("params must be specified")
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise ValueError("one table is needed: tables in several parts are not available")
        params = params[0]
    out = gather(params, ids)
    if max_norm is None:
        return out
    length = math.sqrt(dress(RECORDED.sum(math.square(out), (-1,), True), out))
    over = cast(math.greater(bare(length), float(max_norm)), length.dtype)
    scale = 1.0 + over * (math.divide(float(max_norm), math.maximum(length, 1e-30)) - 1.0)
    return math.multiply(out, scale)
