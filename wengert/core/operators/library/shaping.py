"""Elements moved, repeated, padded or masked by position; all results own their memory."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations as _combinations
from itertools import combinations_with_replacement as _with_replacement
from operator import index as as_index

import numpy

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import wrap_dim, wrap_dims
from wengert.core.base.errors import ArgumentError, DimError, IndexRangeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, linear, plain
from wengert.core.operators.library.copying import moving
from wengert.core.operators.library.windows import placing
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

_ALL = slice(None)


def _listed(value):
    return (value,) if value.__class__ is int else tuple(value)


# ---------------------------------------------------------------- repeats


def _folded(m, g, shape, repeats):
    """The gradient of what was repeated: copies summed."""
    own = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    split = [n for pair in zip(repeats, own, strict=True) for n in pair]
    kept = [n for s in own for n in (1, s)]
    return m.reshape(m.sum_to(m.reshape(g, tuple(split)), tuple(kept)), tuple(shape))


@moving(
    transpose=lambda m, g, shape, repeats: _folded(m, g, shape, _listed(repeats)),
    space=None,
    method=True,
    variadic=True,
    samples=lambda s: [
        call(s.array(2, 3), (2, 1)), call(s.array(2, 3), (2, 1, 3)), call(s.array(), (2,)), call(s.array(2), (0,)),
        call(s.array(2, 3), (1, 1)),
    ],
)  # fmt: skip
def repeat(np, input: Array, repeats: Ints):
    """The tensor laid side by side repeats[i] times along dim i; new dims come in front."""
    repeats = _listed(repeats)
    if len(repeats) < input.ndim:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{len(repeats)} repeats for {input.ndim} dims"
        )
    if any(r < 0 for r in repeats):
        raise ShapeError(f"Trying to create tensor with negative dimension from repeats {list(repeats)}")
    return np.tile(input, repeats)


@composite(
    variadic=True, samples=lambda s: [call(s.array(2, 3), (2,)), call(s.array(2), (2, 2)), call(s.array(), (3,))]
)
def tile(m, input: Array, dims: Ints):
    """`repeat` with missing repeats in front taken as 1."""
    dims = _listed(dims)
    return m.repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@moving(
    transpose=lambda m, g, shape, index, dim: m.taken_backward(g, shape, index, dim),
    space=None,
    method=False,
    backward_name="IndexSelectBackward0",
    samples=lambda s: [call(s.array(3, 2), s.integers(4, high=3), 0), call(s.array(2, 3), s.integers(2, 2, high=3), 1)],
)
def taken(np, input: Array, index: Array, dim: int):
    """The slices at `index` along `dim`, whose place the dims of `index` take."""
    return np.take(input, index, axis=dim)


@linear(
    transpose=lambda m, g, index, dim: m.taken(g, index, dim),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(4, 2), (3, 2), s.integers(4, high=3), 0)],
)
def taken_backward(np, input: Array, input_sizes, index: Array, dim: int):
    """Transpose of `taken`: slices summed where they came from."""
    out = np.zeros(input_sizes, dtype=input.dtype)
    moved = input
    if index.ndim > 1:
        moved = input.reshape((*input.shape[:dim], index.size, *input.shape[dim + index.ndim :]))
    np.add.at(out, ((_ALL,) * dim + (index.ravel(),)), moved)
    return out


@plain(space=None, method=False, shape="values", samples=lambda s: [call(s.integers(3)), call(s.integers(0))])
def spread_index(np, repeats: Array):
    """0 repeated repeats[0] times, then 1, ...: the indices of a repeat with counts of its own for each element."""
    if repeats.ndim != 1:
        raise ShapeError("repeat_interleave only accept 1D vector as repeat")
    if repeats.dtype.kind not in "iu":
        scalar = dtypes.of(repeats.dtype).scalar
        raise MissingError(f"\"repeat_interleave_cpu\" not implemented for '{scalar}': repeats are whole numbers")
    if repeats.size and repeats.min() < 0:
        raise ShapeError("repeats can not be negative")
    return np.repeat(np.arange(repeats.size), repeats)


@composite(
    samples=lambda s: [
        call(s.array(2, 3), 2), call(s.array(2, 3), 3, 1), call(s.array(), 2), call(s.array(3), s.integers(3), dim=0),
    ],
)  # fmt: skip
def repeat_interleave(m, input: Array, repeats=None, dim=None, *, output_size=None):
    """Each element repeated in place: a b -> a a b b; `repeats` is a number, or one per slice along `dim`.

    dim None flattens first.  Called with repeats alone it gives the indices: repeat_interleave([1, 0, 2]) is 0, 2, 2.
    """
    if repeats is None:
        return m.spread_index(input)
    if dim is None:
        input, dim = m.flatten(input), 0
    if not input.ndim:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = wrap_dim(dim, input.ndim)
    n = input.shape[dim]
    if getattr(repeats, "ndim", None) is None and not isinstance(repeats, (tuple, list)):
        return _interleaved(m, input, as_index(repeats), dim, n)
    if isinstance(repeats, (tuple, list)):
        raise ArgumentError("repeat_interleave(): argument 'repeats' must be an int or a Tensor, not a list")
    counts = repeats if not repeats.ndim or repeats.shape[0] != 1 else m.select(repeats, 0, 0)
    if not counts.ndim:
        counts = m.expand(counts, (n,))
    if counts.shape[0] != n:
        raise ShapeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.shape[0]} and input.size({dim}) = {n}"
        )
    index = m.spread_index(counts)
    return m.taken(input, index, dim)


def _interleaved(m, input, repeats, dim, n):
    if repeats < 0:
        raise ShapeError(f"Repeats must be non-negative, got {repeats}")
    shape = tuple(input.shape)
    wide = m.expand(m.unsqueeze(input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
    return m.view_shape(m.contiguous(m.clone(wide)), (*shape[:dim], n * repeats, *shape[dim + 1 :]))


@composite(
    method=False,
    samples=lambda s: [call(s.array(4)), call(s.array(4), 3), call(s.array(3), 2, True), call(s.array(2), 3)],
)
def combinations(m, input: Array, r: int = 2, with_replacement: bool = False):
    """All ways to take r elements of a vector in order, one per row."""
    if input.ndim != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise ShapeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return m.zero_like(m.slice(input, 0, 0, 0, 1))
    array = input._array if m.recorded else input
    rows = list((_with_replacement if with_replacement else _combinations)(range(array.shape[0]), r))
    return m.combined(input, rows, r)


@moving(
    transpose=lambda m, g, shape, rows, r: m.combined_backward(g, shape, rows, r),
    space=None,
    method=False,
    backward_name="StackBackward0",
    samples=lambda s: [call(s.array(3), [(0, 1), (0, 2)], 2)],
)
def combined(np, input: Array, rows, r: int):
    """The elements at the indices in `rows`."""
    return np.take(input, np.asarray(rows, dtype=np.int64).reshape(len(rows), r), axis=0)


@linear(
    transpose=lambda m, g, rows, r: m.combined(g, rows, r),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 2), (3,), [(0, 1), (0, 2)], 2)],
)
def combined_backward(np, input: Array, input_sizes, rows, r: int):
    """Transpose of `combined`."""
    out = np.zeros(input_sizes, dtype=input.dtype)
    if rows:
        np.add.at(out, np.asarray(rows), input)
    return out


# ---------------------------------------------------------------- order


def _negated(shifts):
    return -shifts if shifts.__class__ is int else tuple([-s for s in shifts])


@moving(
    transpose=lambda m, g, shifts, dims: m.roll(g, _negated(shifts), dims),
    samples=lambda s: [
        call(s.array(3, 4), 1), call(s.array(3, 4), 1, 0), call(s.array(3, 4), (1, -2), (0, -1)), call(s.array(), 1),
        call(s.array(0, 2), 1),
    ],
)  # fmt: skip
def roll(np, input: Array, shifts: Ints, dims: Ints | None = None):
    """Elements moved by `shifts` along `dims`, those pushed out coming back in; without dims in flat order."""
    shifts = _listed(shifts)
    if not shifts:
        raise ShapeError("`shifts` required; it is empty")
    given = () if dims is None else _listed(dims)
    if len(shifts) != len(given) and (given or len(shifts) != 1):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(given)}")
    if not given:
        return np.roll(input, shifts[0])
    if not input.ndim:
        raise DimError(f"Dimension specified as {given[0]} but tensor has no dimensions")
    return np.roll(input, shifts, tuple([wrap_dim(d, input.ndim) for d in given]))


@moving(
    transpose=lambda m, g, dims: m.flip(g, dims),
    variadic=True,
    samples=lambda s: [
        call(s.array(3, 4), (0,)),
        call(s.array(3, 4), (0, -1)),
        call(s.array(3), ()),
        call(s.array(), (0,)),
    ],
)
def flip(np, input: Array, dims: Ints):
    """A copy with the order reversed along `dims`."""
    gone = wrap_dims(dims, input.ndim)
    back = slice(None, None, -1)
    if not input.ndim:
        return input.copy()
    return input[tuple([back if d in gone else _ALL for d in range(input.ndim)])].copy()


@composite(samples=lambda s: [call(s.array(2, 3))])
def fliplr(m, input: Array):
    """A copy with dim 1 reversed."""
    if input.ndim < 2:
        raise ShapeError(f"Input must be >= 2-d. Got {input.ndim} dims")
    return m.flip(input, (1,))


@composite(samples=lambda s: [call(s.array(2, 3)), call(s.array(3))])
def flipud(m, input: Array):
    """A copy with dim 0 reversed."""
    if input.ndim < 1:
        raise ShapeError(f"Input must be >= 1-d. Got {input.ndim} dims")
    return m.flip(input, (0,))


@moving(
    transpose=lambda m, g, k, dims: m.rot90(g, -k, dims),
    backward_name="Rot90Backward0",
    samples=lambda s: [
        call(s.array(2, 3)), call(s.array(2, 3), 2), call(s.array(2, 3), -1, (1, 0)),
        call(s.array(2, 3, 4), 3, (0, -1)),
        call(s.array(2, 3), 4),
    ],
)  # fmt: skip
def rot90(np, input: Array, k: int = 1, dims: Ints = (0, 1)):
    """A copy turned k times by 90 degrees, from the first dim of `dims` towards the second."""
    dims = _listed(dims)
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = wrap_dim(dims[0], input.ndim), wrap_dim(dims[1], input.ndim)
    if a == b:
        raise ShapeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    turned = np.rot90(input, k % 4, (a, b))
    return turned.copy(order="K") if k % 2 else turned.copy()


# ---------------------------------------------------------------- triangles


def _triangle(np, input, diagonal, lower):
    if input.ndim < 2:
        raise ShapeError(f"{'tril' if lower else 'triu'}: input tensor must have at least 2 dimensions")
    found = LARGE.triangle(input, diagonal, lower)
    if found is not None:
        return found
    rows, columns = input.shape[-2:]
    if input.__class__ is numpy.ndarray and rows * columns <= _FEW and diagonal.__class__ is int:
        out = np.zeros(input.shape, input.dtype)
        np.copyto(out, input, where=_triangle_mask(rows, columns, diagonal, lower))
        return out
    keep = np.tri(rows, columns, diagonal if lower else diagonal - 1, dtype=bool)
    zero = np.zeros((), dtype=input.dtype)
    return np.where(keep, input, zero) if lower else np.where(keep, zero, input)


_FEW = 4096
"""Elements of a matrix up to which the mask of its triangle is remembered."""


@lru_cache(64)
def _triangle_mask(rows, columns, diagonal, lower):
    """Where a triangle keeps its elements."""
    below = numpy.tri(rows, columns, diagonal if lower else diagonal - 1, dtype=bool)
    return below if lower else ~below


@moving(
    transpose=lambda m, g, diagonal: m.tril(g, diagonal),
    inplace=True,
    samples=lambda s: [call(s.array(3, 4)), call(s.array(3, 4), 1), call(s.array(2, 3, 3), -1), call(s.array(0, 2))],
)
def tril(np, input: Array, diagonal: int = 0):
    """The lower triangle of each matrix: elements with column - row <= diagonal, 0 elsewhere."""
    return _triangle(np, input, diagonal, True)


@moving(
    transpose=lambda m, g, diagonal: m.triu(g, diagonal),
    inplace=True,
    samples=lambda s: [call(s.array(3, 4)), call(s.array(3, 4), 1), call(s.array(2, 3, 3), -1), call(s.array(0, 2))],
)
def triu(np, input: Array, diagonal: int = 0):
    """The upper triangle of each matrix: elements with column - row >= diagonal, 0 elsewhere."""
    return _triangle(np, input, diagonal, False)


# ---------------------------------------------------------------- padding


def _pad_slices(shape, pad):
    """Per dim: where the input's part lies in the output, and which part of the input that is."""
    n = len(shape)
    if len(pad) % 2:
        raise ShapeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * n:
        raise ShapeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)} while the input has {n} dimensions."
        )
    size, into, of = list(shape), [_ALL] * n, [_ALL] * n
    for k in range(len(pad) // 2):
        d = n - 1 - k
        before, after = pad[2 * k], pad[2 * k + 1]
        size[d] += before + after
        if size[d] < 0:
            raise ShapeError(
                f"narrow(): length must be non-negative. The input size {shape[d]}, plus negative padding {before} and "
                f"{after}, resulted in a negative output size at dim {d}"
            )
        into[d] = slice(max(before, 0), size[d] - max(after, 0))
        of[d] = slice(max(-before, 0), shape[d] - max(-after, 0))
    return size, tuple(into), tuple(of)


@placing(
    vjp=lambda m, g, pad: m.constant_pad_nd(g, tuple([-p for p in pad]), 0),
    method=False,
    samples=lambda s: [
        call(s.array(3, 4), (1, 2)), call(s.array(3, 4), (1, -1, 0, 2), 1.5), call(s.array(3, 4), (-1, -1)),
        call(s.array(2, 0), (1, 1)),
    ],
)  # fmt: skip
def constant_pad_nd(np, input: Array, pad: Ints, value=0):
    """The input with `value` around it: pad = (before, after) of the last dim, then of the one before it, ...

    Negative padding cuts off.
    """
    size, into, of = _pad_slices(input.shape, pad)
    out = np.full(size, value, dtype=input.dtype) if value else np.zeros(size, dtype=input.dtype)
    out[into] = input[of]
    return out


@moving(
    transpose=lambda m, g, shape, dim, start, length: m.slice_backward(g, shape, dim, start, start + length, 1),
    samples=lambda s: [call(s.array(5, 4), 0, 1, 3)],
)
def narrow_copy(np, input: Array, dim: int, start: int, length: int):
    """`narrow` with memory of its own."""
    if not input.ndim:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    if dim >= input.ndim:
        raise ShapeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false: "
            f"dim is {dim} and the tensor has {input.ndim} dimensions"
        )
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if not -n <= start <= n:
        raise IndexRangeError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    if length < 0 or not 0 <= start <= n - length:
        raise ShapeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[((_ALL,) * d + (slice(start, start + length),))].copy()
