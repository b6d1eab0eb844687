"""Shapes and places: reshaping, joining, splitting, padding, sorting, masking."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.tf import dtypes
from wengert.tf.calling import alike, invalid, run, sizes, strict, unlisted
from wengert.tf.conversion import cast, tensor_of, whole, wholes
from wengert.tf.recording import TensorBase
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import dress, from_array

newaxis = None
INT64 = np.dtype(np.int64)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The same elements in another shape, with -1 for one length. Raises InvalidArgumentError if they do not fit."""
    x = tensor_of(tensor)
    wanted = wholes(shape)
    size = x._array.size
    free = [i for i, n in enumerate(wanted) if n == -1]
    if len(free) > 1:
        raise invalid("Reshape", f"Only one input size may be -1, not both {free[0]} and {free[1]}")
    count = int(np.prod([n for n in wanted if n != -1], dtype=np.int64))
    if free and (count == 0 and size or count and size % count):
        raise invalid(
            "Reshape",
            f"Input to reshape is a tensor with {size} values, but the requested shape requires a multiple of {count}",
        )
    if not free and count != size:
        raise invalid(
            "Reshape", f"Input to reshape is a tensor with {size} values, but the requested shape has {count}"
        )
    if free and not count:
        wanted = tuple([0 if n == -1 else n for n in wanted])
    return dress(RECORDED.reshape(x, wanted), x)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Any:
    """The dims in the order `perm`, by default reversed. Raises InvalidArgumentError for what is no permutation."""
    x = tensor_of(a)
    rank = x._array.ndim
    order = tuple(range(rank - 1, -1, -1)) if perm is None else wholes(perm)
    if len(order) != rank:
        raise invalid(
            "Transpose", f"transpose expects a vector of size {rank}. But input(1) is a vector of size {len(order)}"
        )
    order = tuple([d + rank if -rank <= d < 0 else d for d in order])
    for d in range(rank):
        if d not in order:
            raise invalid("Transpose", f"{d} is missing from {{{','.join(map(str, order))}}}.")
    out = dress(RECORDED.permute(x, order), x)
    return dress(RECORDED.conj_physical(out), out) if conjugate and out._array.dtype.kind == "c" else out


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    """A dim of length 1 put in at `axis`. Raises InvalidArgumentError for a place that does not exist."""
    x, d = tensor_of(input), whole(axis)
    rank = x._array.ndim
    if not -rank - 1 <= d <= rank:
        raise invalid("ExpandDims", f"Tried to expand dim index {d} for tensor with {rank} dimensions.")
    return dress(RECORDED.unsqueeze(x, d), x)


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """Without the dims of length 1, or without those in `axis`. Raises InvalidArgumentError for a longer one."""
    x = tensor_of(input)
    shape = x._array.shape
    dims = [d for d, n in enumerate(shape) if n == 1] if axis is None or axis == [] else list(wholes(axis))
    for d in dims:
        if not -len(shape) <= d < len(shape):
            raise invalid("Squeeze", f"Tried to squeeze dim index {d} for tensor with {len(shape)} dimensions.")
        if shape[d] != 1:
            raise invalid(
                "Squeeze", f"Can not squeeze dim[{d % len(shape)}], expected a dimension of 1, got {shape[d]}"
            )
    return dress(RECORDED.squeeze(x, tuple(dims)), x)


def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """Tensors put one after the other along `axis`. Raises InvalidArgumentError if other lengths or dtypes differ."""
    if not isinstance(values, (list, tuple)):
        values = [values]
    parts = alike("ConcatV2", values)
    d, rank = whole(axis), parts[0]._array.ndim
    if not -rank <= d < rank:
        raise invalid(
            "ConcatV2", f"ConcatOp : Expected concatenating dimensions in the range [{-rank}, {rank}), but got {d}"
        )
    d %= rank
    first = parts[0]._array.shape
    for i, x in enumerate(parts[1:], 1):
        shape = x._array.shape
        if len(shape) != rank:
            raise invalid(
                "ConcatV2",
                f"ConcatOp : Ranks of all input tensors should match: shape[0] = {sizes(first)} vs. "
                f"shape[{i}] = {sizes(shape)}",
            )
        for k in range(rank):
            if k != d and shape[k] != first[k]:
                raise invalid(
                    "ConcatV2",
                    f"ConcatOp : Dimension {k} in both shapes must be equal: shape[0] = {sizes(first)} "
                    f"vs. shape[{i}] = {sizes(shape)}",
                )
    return dress(RECORDED.cat(parts, d), *parts)


def stack(values: Any, axis: Any = 0, name: str = "stack") -> Any:
    """Tensors of one shape put side by side along a new dim. Raises InvalidArgumentError if shapes differ."""
    if isinstance(values, TensorBase):
        values = unstack(values)
    parts = alike("Pack", values)
    first, d = parts[0]._array.shape, whole(axis)
    for i, x in enumerate(parts):
        if x._array.shape != first:
            raise invalid(
                "Pack",
                f"Shapes of all inputs must match: values[0].shape = {sizes(first)} != values[{i}].shape = "
                f"{sizes(x._array.shape)}",
            )
    if not -len(first) - 1 <= d <= len(first):
        raise ValueError(f"Argument `axis` = {d} not in range [{-len(first) - 1}, {len(first) + 1})")
    return dress(RECORDED.stack(parts, d), *parts)


parallel_stack = stack


def unstack(value: Any, num: int | None = None, axis: Any = 0, name: str = "unstack") -> list[Any]:
    """The slices along `axis` as a list. Raises ValueError for a dim that does not exist or another `num`."""
    x, d = tensor_of(value), whole(axis)
    rank = x._array.ndim
    if not -rank <= d < rank:
        raise ValueError(f"Argument `axis` = {d} not in range [{-rank}, {rank})")
    if num is not None and num != x._array.shape[d]:
        raise invalid("Unpack", f"Input shape axis {d} must equal {num}, got shape {sizes(x._array.shape)}")
    return list(dress(RECORDED.unbind(x, d), x))


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split") -> list[Any]:
    """Parts along `axis`: so many of equal length, or of the lengths given (one may be -1).

    Raises InvalidArgumentError for lengths that do not add up.
    """
    x, d = tensor_of(value), whole(axis)
    rank = x._array.ndim
    if not -rank <= d < rank:
        raise invalid("Split", f"-input rank(-{rank}) <= split_dim < input rank ({rank}), but got {d}")
    size = x._array.shape[d]
    given = num_or_size_splits
    scalar = isinstance(given, (int, np.integer)) or (isinstance(given, TensorBase) and not given._array.ndim)
    if scalar:
        count = whole(given)
        if count <= 0 or size % count:
            raise invalid(
                "Split",
                f"Number of ways to split should evenly divide the split dimension, but got split_dim {d} "
                f"(size = {size}) and num_split {count}",
            )
        lengths = [size // count] * count
    else:
        lengths = list(wholes(given))
        rest = size - sum(n for n in lengths if n != -1)
        if (rest and -1 not in lengths) or rest < 0:
            raise invalid(
                "SplitV",
                "Determined shape must either match input shape along split_dim exactly if fully "
                "specified, or be less than the size of the input along split_dim if not fully specified.  Got: "
                f"{sum(n for n in lengths if n != -1)}",
            )
        lengths = [rest if n == -1 else n for n in lengths]
    return list(dress(RECORDED.split_with_sizes(x, tuple(lengths), d), x))


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """The tensor repeated so many times along each dim. Raises InvalidArgumentError for another number of dims."""
    x, times = tensor_of(input), wholes(multiples)
    if len(times) != x._array.ndim:
        raise invalid(
            "Tile", f"Expected multiples argument to be a vector of length {x._array.ndim} but got length {len(times)}"
        )
    return dress(RECORDED.tile(x, times), x)


def repeat(input: Any, repeats: Any, axis: Any = None, name: str | None = None) -> Any:
    """Each entry along `axis` (of the flat tensor by default) so many times in a row."""
    x = tensor_of(input)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    times = np.broadcast_to(np.asarray(tensor_of(repeats)._array, INT64), x._array.shape[axis])
    places = from_array(np.repeat(np.arange(x._array.shape[axis]), times))
    return run("Repeat", RECORDED.index_select, (x,), whole(axis), places)


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None) -> Any:
    """Entries put before and after along each dim: a constant, or the tensor's own ones mirrored.

    mode: CONSTANT, REFLECT (without the edge), SYMMETRIC (with it). Raises ValueError for another mode,
    InvalidArgumentError for paddings that do not fit.
    """
    x = tensor_of(tensor)
    amounts = np.asarray(tensor_of(paddings)._array, INT64)
    rank = x._array.ndim
    if amounts.shape != (rank, 2):
        raise invalid(
            "Pad",
            f"The first dimension of paddings must be the rank of inputs{list(amounts.shape)} {sizes(x._array.shape)}",
        )
    kind = mode.upper()
    if kind == "CONSTANT":
        flat = tuple(int(n) for pair in amounts[::-1] for n in pair)
        value = (
            tensor_of(constant_values, x._array.dtype)._array.item()
            if not isinstance(constant_values, int)
            else constant_values
        )
        return run("PadV2", RECORDED.constant_pad_nd, (x,), flat, value)
    if kind not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(
            f"Value of argument `mode` expected to be one of CONSTANT, REFLECT, or SYMMETRIC. Received `mode` = {mode}"
        )
    for d in range(rank):
        limit = x._array.shape[d] - (kind == "REFLECT")
        if max(amounts[d]) > limit:
            raise invalid(
                "MirrorPad",
                f"paddings must be no greater than the dimension size: {amounts[d][0]}, "
                f"{amounts[d][1]} greater than {limit}",
            )
        if amounts[d].any():
            places = np.pad(
                np.arange(x._array.shape[d]), tuple(amounts[d]), mode="reflect" if kind == "REFLECT" else "symmetric"
            )
            x = run("MirrorPad", RECORDED.index_select, (x,), d, from_array(places))
    return x


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """Entries of dims of length 1 repeated to a larger shape. Raises InvalidArgumentError if it does not fit."""
    x, wanted = tensor_of(input), wholes(shape)
    try:
        return dress(RECORDED.expand(x, wanted), x)
    except (RuntimeError, ValueError):
        raise invalid("BroadcastTo", f"Incompatible shapes: {sizes(x._array.shape)} vs. {sizes(wanted)}") from None


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """Lengths of the dims as a tensor."""
    a = tensor_of(input)._array
    return from_array(np.array(a.shape, dtypes.as_dtype(out_type or dtypes.int32).array))


def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> list[Any]:
    """Shapes of several tensors."""
    return [shape(x, out_type) for x in input]


def size(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Any:
    """Number of elements as a tensor."""
    return from_array(np.array(tensor_of(input)._array.size, dtypes.as_dtype(out_type).array))


def rank(input: Any, name: str | None = None) -> Any:
    """Number of dims as a tensor."""
    return from_array(np.array(tensor_of(input)._array.ndim, np.int32))


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """x itself. Raises InvalidArgumentError unless its shape is one of those that `shape` allows."""
    x = tensor_of(x)
    if not TensorShape(shape).is_compatible_with(x._array.shape):
        text = sizes(["?" if n is None else n for n in TensorShape(shape)])
        raise invalid(
            "EnsureShape",
            f"Shape of tensor input {sizes(x._array.shape)} is not compatible with expected shape {text}.",
        )
    return dress(RECORDED.alias(x), x)


def identity_n(input: Any, name: str | None = None) -> list[Any]:
    """The same values as tensors of their own."""
    return [dress(RECORDED.alias(tensor_of(x)), tensor_of(x)) for x in input]


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """The entries in reverse along the dims `axis`. Raises InvalidArgumentError for a dim that does not exist."""
    x = tensor_of(tensor)
    dims = wholes(axis)
    for d in dims:
        if not -x._array.ndim <= d < x._array.ndim:
            raise invalid("ReverseV2", f"'axis'[0] = {d} is out of valid range [0, {x._array.ndim - 1}]")
    return dress(RECORDED.flip(x, dims), x)


def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: Any = None, batch_axis: Any = None, name: str | None = None
) -> Any:
    """The first `seq_lengths[i]` entries along `seq_axis` in reverse, for each i along `batch_axis`."""
    x, lengths = tensor_of(input), tensor_of(seq_lengths)._array
    s, b = seq_axis or 0, batch_axis or 0
    count = x._array.shape[s]
    places = np.arange(count)[None] * np.ones((len(lengths), 1), INT64)
    for i, n in enumerate(lengths):
        places[i, :n] = places[i, :n][::-1]
    form = [1] * x._array.ndim
    form[b], form[s] = len(lengths), count
    grid = (places if b < s else places.T).reshape(form)
    return run("ReverseSequence", RECORDED.gather, (x,), s, from_array(np.broadcast_to(grid, x._array.shape).copy()))


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """The entries moved on by `shift` along `axis`; what leaves at the end comes in at the start."""
    x = tensor_of(input)
    return run("Roll", RECORDED.roll, (x,), wholes(shift), wholes(axis))


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """`size[d]` entries from `begin[d]` on along each dim d; -1 for all that are left."""
    x = tensor_of(input_)
    starts, lengths = wholes(begin), wholes(size)
    for d, (start, n) in enumerate(zip(starts, lengths, strict=True)):
        whole_length = x._array.shape[d]
        count = whole_length - start if n == -1 else n
        if not 0 <= start <= whole_length or start + count > whole_length or count < 0:
            raise invalid("Slice", f"Expected size[{d}] in [0, {whole_length - start}], but got {n}")
        x = dress(RECORDED.narrow(x, d, start, count), x)
    return x


def meshgrid(*args: Any, indexing: str = "xy", name: str = "meshgrid", **kwargs: Any) -> list[Any]:
    """Coordinates of every point of a grid, one tensor for each of the vectors. Raises ValueError for `indexing`."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Argument `indexing` parameter must be either 'xy' or 'ij', got '" + f"{indexing}'")
    parts = [reshape(tensor_of(x), (-1,)) for x in args]
    return list(dress(RECORDED.meshgrid(*parts, indexing=indexing), *parts))


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """x where the condition holds and y elsewhere; with a condition only, the places (int64) where it holds.

    Raises ValueError if just one of x and y is given, InvalidArgumentError for two dtypes.
    """
    if x is None and y is None:
        return from_array(np.argwhere(tensor_of(condition)._array).astype(INT64))
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    mask = tensor_of(condition, np.dtype(bool))
    x, y = strict("SelectV2", x, y)
    return run("SelectV2", RECORDED.where, (mask, x, y))


def boolean_mask(tensor: Any, mask: Any, axis: Any = None, name: str = "boolean_mask") -> Any:
    """The entries where the mask is true; its dims, from `axis` on, become one. Raises ValueError for shapes."""
    x, m = tensor_of(tensor), tensor_of(mask)._array
    d = 0 if axis is None else whole(axis)
    if not m.ndim:
        raise ValueError("mask cannot be scalar.")
    shape_ = x._array.shape
    TensorShape(shape_[d : d + m.ndim]).assert_is_compatible_with(m.shape)
    flat = reshape(x, (*shape_[:d], -1, *shape_[d + m.ndim :]))
    return run("GatherV2", RECORDED.index_select, (flat,), d, from_array(np.flatnonzero(m)))


def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`on_value` at the index along a new dim of length `depth`, `off_value` elsewhere. No index, no `on_value`.

    Raises TypeError if the values have another dtype than `dtype`, or different ones.
    """
    places = tensor_of(indices)._array
    if places.dtype.name not in ("uint8", "int8", "int32", "int64"):
        raise unlisted("OneHot", "TI", places.dtype, ("uint8", "int8", "int32", "int64"))
    count = whole(depth)
    given = [None if v is None else tensor_of(v)._array for v in (on_value, off_value)]
    known = next((a.dtype for a in given if a is not None), None)
    wanted = dtypes.as_dtype(dtype).array if dtype is not None else known if known is not None else np.dtype(np.float32)
    values = [
        np.asarray(default if v is None else tensor_of(v, wanted)._array, wanted)
        for v, default in ((on_value, 1), (off_value, 0))
    ]
    d = places.ndim if axis is None or axis == -1 else axis
    grid = np.arange(count).reshape([-1 if k == d else 1 for k in range(places.ndim + 1)])
    return from_array(np.where(np.expand_dims(places, d) == grid, values[0], values[1]))


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool, name: str | None = None) -> Any:
    """True at the first `lengths[...]` places of a new last dim."""
    a = tensor_of(lengths)._array
    count = int(max(0, a.max(initial=0))) if maxlen is None else whole(maxlen)
    return cast(from_array(np.arange(count) < a[..., None]), dtype)


def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """The entries along `axis` in order. Raises ValueError for an unknown direction."""
    x = tensor_of(values)
    return run("Sort", lambda x: RECORDED.sort(x, whole(axis), descending(direction))[0], (x,))


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Any:
    """Places of the entries along `axis` in order, as int32."""
    a = tensor_of(values)._array
    order = np.argsort(-a if descending(direction) else a, whole(axis), kind="stable")
    return from_array(order.astype(np.int32))


def descending(direction: str) -> bool:
    """Whether the largest comes first. Raises ValueError for an unknown direction."""
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"Argument `direction` should be one of 'ASCENDING' or 'DESCENDING'. Received: direction={direction}"
        )
    return direction == "DESCENDING"


def top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = dtypes.int32, name: str | None = None) -> Any:
    """The k largest entries of the last dim and their places. Raises InvalidArgumentError for too many."""
    x, count = tensor_of(input), whole(k)
    if not x._array.ndim or x._array.shape[-1] < count:
        raise invalid(
            "TopKV2",
            f"input must have at least k columns. Had {x._array.shape[-1] if x._array.ndim else 0}, needed {count}",
        )
    order = np.argsort(-x._array, -1, kind="stable")[..., :count]
    places = from_array(order)
    values = run("TopKV2", RECORDED.gather, (x,), -1, places)
    return TopKV2(values, from_array(order.astype(dtypes.as_dtype(index_type).array)))


class Pair(tuple[Any, ...]):
    """Two results with names."""

    names: tuple[str, ...] = ("values", "indices")

    def __new__(cls, *parts: Any) -> Any:
        """The results in order."""
        return tuple.__new__(cls, parts)

    def __getattr__(self, name: str) -> Any:
        if name in self.names:
            return self[self.names.index(name)]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={x!r}' for n, x in zip(self.names, self, strict=True))})"


class TopKV2(Pair):
    """Values and places of `top_k`."""


class Unique(Pair):
    """Values and places of `unique`."""

    names = ("y", "idx")


class UniqueWithCounts(Pair):
    """Values, places and counts of `unique_with_counts`."""

    names = ("y", "idx", "count")


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """The different entries of a vector in the order in which they come, and where each entry is among them."""
    values, places, _ = found_once(x)
    return Unique(from_array(values), from_array(places.astype(dtypes.as_dtype(out_idx).array)))


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """The same with how often each comes."""
    values, places, counts = found_once(x)
    kind = dtypes.as_dtype(out_idx).array
    return UniqueWithCounts(from_array(values), from_array(places.astype(kind)), from_array(counts.astype(kind)))


def found_once(x: Any) -> tuple[Any, Any, Any]:
    """Different entries in order of appearance, places among them, counts."""
    a = tensor_of(x)._array
    if a.ndim != 1:
        raise invalid("Unique", "unique expects a 1D vector.")
    values, first, places, counts = np.unique(a, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return values[order], ranks[places], counts[order]


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32, name: str | None = None
) -> Any:
    """Where values belong in sorted rows."""
    a, v = tensor_of(sorted_sequence)._array, tensor_of(values)._array
    rows, given = a.reshape(-1, a.shape[-1]), v.reshape(-1, v.shape[-1])
    found = np.stack([np.searchsorted(r, g, side) for r, g in zip(rows, given, strict=True)])  # type: ignore[call-overload]
    return from_array(found.reshape(v.shape).astype(dtypes.as_dtype(out_type).array))


def invert_permutation(x: Any, name: str | None = None) -> Any:
    """Where each number stands in a permutation."""
    a = tensor_of(x)._array
    out = np.empty_like(a)
    out[a] = np.arange(len(a), dtype=a.dtype)
    return from_array(out)


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value as a NumPy array, None for what is no tensor."""
    return tensor._array.copy() if isinstance(tensor, TensorBase) else None


def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """The part of a tensor that a key of slices names, given as numbers and bit masks."""
    from_, to = wholes(begin), wholes(end)
    steps = wholes(strides) if strides is not None else (1,) * len(from_)
    key: list[Any] = []
    for i, (a, b, s) in enumerate(zip(from_, to, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(Ellipsis)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(a)
        else:
            key.append(builtins.slice(None if begin_mask & bit else a, None if end_mask & bit else b, s))
    return tensor_of(input_)[tuple(key)]
