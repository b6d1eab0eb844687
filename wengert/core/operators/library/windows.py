"""Views with strides of their own: as_strided, unfold, diagonal; and what puts a part back in its place."""

from __future__ import annotations

from wengert.core.arrays.shape import wrap_dim
from wengert.core.arrays.strided import storage_bytes, window
from wengert.core.arrays.strided import storage_offset as offset_of
from wengert.core.base.errors import IndexRangeError, MissingError, ShapeError
from wengert.core.operators.kinds import Opaque, composite, linear, view
from wengert.core.operators.library.copying import moving
from wengert.core.operators.library.views import narrowed
from wengert.core.operators.record import Array, Ints, register
from wengert.core.operators.samples import call

_ALL = slice(None)


class Placing(Opaque):
    """Stores a part of a tensor and computes nothing: half precision stays as it is."""

    half = "keep"


def placing(vjp, **options):
    """State an operator that stores a part, by one gradient rule per tensor."""
    return lambda body: register(Placing(vjp), body, options)


# ---------------------------------------------------------------- as_strided


def _last(size, stride, offset):
    """Place of the last element that a window reaches; below the offset for an empty one."""
    if 0 in size:
        return offset - 1
    return offset + sum([(n - 1) * s for n, s in zip(size, stride, strict=True)])


def _overlaps(size, stride):
    """Whether two elements may lie at one place."""
    reach = 0
    for s, n in sorted([(s, n) for n, s in zip(size, stride, strict=True) if n > 1]):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


def _check_window(array, size, stride, offset):
    """torch's conditions for a window of given sizes, strides and offset."""
    if len(size) != len(stride):
        raise ShapeError(f"mismatch in length of strides and shape: {len(stride)} strides, {len(size)} sizes")
    if any(s < 0 for s in stride):
        raise ShapeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if offset < 0:
        raise ShapeError(f"Tensor: invalid storage offset {offset}")
    itemsize, room = array.dtype.itemsize, storage_bytes(array)
    last = _last(size, stride, offset)
    if last >= offset and (last + 1) * itemsize > room:
        raise ShapeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {itemsize} "
            f"requiring a storage size of {(last + 1) * itemsize} are out of bounds for storage of size {room}"
        )


@composite(
    samples=lambda s: [
        call(s.array(3, 4), (2, 2), (1, 2)), call(s.array(6), (3, 2), (1, 1), 1), call(s.array(3, 4), (), (), 5),
        call(s.array(3, 4).T, (2, 2), (1, 5)),
    ],
)  # fmt: skip
def as_strided(m, input: Array, size: Ints, stride: Ints, storage_offset=None):
    """out[i, j, ...] = memory[offset + i stride_0 + j stride_1 + ...]; shares memory, elements may overlap.

    storage_offset None is that of the input.  The gradient of a place read twice is the sum.
    """
    array = input._array if m.recorded else input
    itemsize = array.dtype.itemsize
    own = tuple([s // itemsize for s in array.strides])
    start = offset_of(array)
    return m.strided_window(
        input, tuple(size), tuple(stride), start if storage_offset is None else storage_offset, own, start
    )


@view(
    transpose=lambda m, g, shape, size, stride, offset, own, start: m.strided_scatter(
        g, shape, own, start, size, stride, offset
    ),
    space=None,
    method=False,
    backward_name="AsStridedBackward0",
    samples=lambda s: [call(s.array(3, 4), (2, 2), (1, 2), 3, (4, 1), 0), call(s.array(6), (3, 2), (1, 1), 0, (1,), 0)],
)
def strided_window(np, input: Array, size, stride, offset, own, start):
    """`as_strided` that knows the strides and the offset which its input had."""
    itemsize = input.dtype.itemsize
    if any(s != k * itemsize for s, k, n in zip(input.strides, own, input.shape, strict=True) if n > 1):
        raise MissingError("as_strided: writing through a window of a tensor with strides that its gradient lacks")
    _check_window(input, size, stride, offset)
    return window(np, input, size, tuple([s * itemsize for s in stride]), (offset - start) * itemsize)


def _places(np, size, stride, offset, length):
    """The places that a window looks at, flat."""
    line = np.arange(length)
    step = line.dtype.itemsize
    return window(np, line, tuple(size), tuple([s * step for s in stride]), offset * step).ravel()


def _through(np, values, into, out):
    """Values laid down at the places of one window (summed where they meet) and read through another."""
    (size, stride, offset), (out_size, out_stride, out_offset) = into, out
    low = min(offset, out_offset)
    offset, out_offset = offset - low, out_offset - low
    length = max(_last(size, stride, offset), _last(out_size, out_stride, out_offset), 0) + 1
    memory = np.zeros(length, dtype=values.dtype)
    if 0 not in size:
        if _overlaps(size, stride):
            np.add.at(memory, _places(np, size, stride, offset, length), values.ravel())
        else:
            step = memory.dtype.itemsize
            window(np, memory, tuple(size), tuple([s * step for s in stride]), offset * step)[...] = values
    return memory, low, _places(np, out_size, out_stride, out_offset, length).reshape(out_size)


def _shares(np, shape, own, start, low, memory):
    """How often the elements of a tensor lie at each place of `memory`; None if never more than once."""
    if not _overlaps(shape, own) or 0 in shape:
        return None
    count = np.zeros(len(memory), dtype=memory.dtype)
    np.add.at(count, _places(np, shape, own, start - low, len(memory)), 1)
    return np.maximum(count, 1)


@linear(
    transpose=lambda m, g, sizes, own, start, size, stride, offset: m.strided_gather(
        g, sizes, own, start, size, stride, offset
    ),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 2), (3, 4), (4, 1), 0, (2, 2), (1, 1), 3)],
)
def strided_scatter(np, input: Array, sizes, own, start, size, stride, offset):
    """Transpose of as_strided: the gradients of all places of a window, summed, seen by the tensor looked at."""
    memory, low, places = _through(np, input, (size, stride, offset), (sizes, own, start))
    count = _shares(np, sizes, own, start, low, memory)
    return (memory if count is None else memory / count)[places]


@linear(
    transpose=lambda m, g, sizes, own, start, size, stride, offset: m.strided_scatter(
        g, sizes, own, start, size, stride, offset
    ),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 4), (3, 4), (4, 1), 0, (2, 2), (1, 1), 3)],
)
def strided_gather(np, input: Array, sizes, own, start, size, stride, offset):
    """as_strided of a tensor that is laid out anew with the strides and the offset given."""
    memory, low, places = _through(np, input, (sizes, own, start), (size, stride, offset))
    count = _shares(np, sizes, own, start, low, memory)
    return (memory if count is None else memory / count)[places]


# ---------------------------------------------------------------- unfold


@view(
    transpose=lambda m, g, shape, dimension, size, step: m.unfold_backward(g, shape, dimension, size, step),
    space=None,
    method=True,
    samples=lambda s: [
        call(s.array(7, 2), 0, 3, 2), call(s.array(2, 5), -1, 2, 1), call(s.array(4), 0, 4, 1),
        call(s.array(), 0, 1, 1),
    ],
)  # fmt: skip
def unfold(np, input: Array, dimension: int, size: int, step: int):
    """All windows of `size` along a dim, `step` apart: out[..., i, ..., k] = input[..., i step + k, ...]."""
    n = input.ndim
    dim = wrap_dim(dimension, n)
    shape, strides = (input.shape, input.strides) if n else ((1,), (input.dtype.itemsize,))
    if size < 0:
        raise ShapeError(f"size is {size} but must be >= 0")
    if size > shape[dim]:
        raise ShapeError(f"maximum size for tensor at dimension {dim} is {shape[dim]} but size is {size}")
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    if not n:
        return window(np, input, (size,), strides)
    count = (shape[dim] - size) // step + 1
    return window(
        np,
        input,
        (*shape[:dim], count, *shape[dim + 1 :], size),
        (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim]),
    )


@linear(
    transpose=lambda m, g, dim, size, step: m.unfold(g, dim, size, step),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 2, 3), (7, 2), 0, 3, 2), call(s.array(2, 4, 2), (2, 5), -1, 2, 1)],
)
def unfold_backward(np, input: Array, input_sizes, dim: int, size: int, step: int):
    """Transpose of unfold: windows summed where they overlap."""
    out = np.zeros(input_sizes, dtype=input.dtype)
    if not input_sizes:
        out[...] = input.sum()
        return out
    dim %= len(input_sizes)
    lead, count = (_ALL,) * dim, input.shape[dim]
    if size <= step:
        window_of = unfold.body(np, out, dim, size, step)
        window_of[...] = input
        return out
    for k in range(size):
        out[(*lead, slice(k, k + step * (count - 1) + 1, step))] += input[..., k]
    return out


# ---------------------------------------------------------------- diagonal


def diagonal_of(array, offset, dim1, dim2):
    """A diagonal as a window that can be written."""
    n = array.ndim
    a, b = wrap_dim(dim1, n), wrap_dim(dim2, n)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    found = array.diagonal(offset, a, b)
    flags = found.flags
    if hasattr(flags, "writeable") and not flags.writeable and array.flags.writeable:
        flags.writeable = True
    return found


@view(
    transpose=lambda m, g, shape, offset, dim1, dim2: m.diagonal_backward(g, shape, offset, dim1, dim2),
    samples=lambda s: [
        call(s.array(3, 4)), call(s.array(3, 4), 1), call(s.array(3, 4), -1), call(s.array(2, 3, 4), 0, -2, -1),
        call(s.array(3, 4), 7),
    ],
)  # fmt: skip
def diagonal(np, input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """out[..., i] = input at (i, i + offset) of dims dim1, dim2; shares memory."""
    return diagonal_of(input, offset, dim1, dim2)


@moving(
    transpose=lambda m, g, offset, dim1, dim2: m.diagonal(g, offset, dim1, dim2),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3), (3, 4), 0, 0, 1), call(s.array(4, 2), (2, 3, 4), -1, 1, 0)],
)
def diagonal_backward(np, input: Array, input_sizes, offset: int, dim1: int, dim2: int):
    """Zeros of `input_sizes` with the input on a diagonal."""
    out = np.zeros(input_sizes, dtype=input.dtype)
    diagonal_of(out, offset, dim1, dim2)[...] = input
    return out


@moving(
    transpose=lambda m, g, offset, dim1, dim2: m.diagonal(g, offset, dim1, dim2),
    samples=lambda s: [call(s.array(3)), call(s.array(2, 3), 1), call(s.array(2, 3), -1, 0, 2), call(s.array(2, 0))],
)
def diag_embed(np, input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Zeros with the last dim of the input on the diagonal of two new dims dim1, dim2."""
    n = input.ndim + 1
    a, b = wrap_dim(dim1, n), wrap_dim(dim2, n)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, side)
    out = np.zeros(shape, dtype=input.dtype)
    diagonal_of(out, offset, a, b)[...] = input
    return out


@moving(
    transpose=lambda m, g, shape, offset, dim1, dim2: m.diagonal_backward(g, shape, offset, dim1, dim2),
    space=None,
    method=False,
    backward_name="DiagonalBackward0_copy",
    samples=lambda s: [call(s.array(3, 4), 1, 0, 1)],
)
def diagonal_copy(np, input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A diagonal with memory of its own."""
    return diagonal_of(input, offset, dim1, dim2).copy()


@composite(samples=lambda s: [call(s.array(3)), call(s.array(3), -1), call(s.array(3, 4)), call(s.array(3, 4), 1)])
def diag(m, input: Array, diagonal: int = 0):
    """A vector on the diagonal of a matrix of zeros, or a copy of the diagonal of a matrix."""
    if input.ndim == 1:
        return m.diag_embed(input, diagonal, 0, 1)
    if input.ndim != 2:
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return m.diagonal_copy(input, diagonal, 0, 1)


@composite(samples=lambda s: [call(s.array(2, 3)), call(s.array(3), 1), call(s.array())])
def diagflat(m, input: Array, offset: int = 0):
    """All elements on the diagonal of a matrix of zeros."""
    return m.diag_embed(m.reshape(input, (-1,)), offset, 0, 1)


# ---------------------------------------------------------------- a part replaced


def _check_part(name, part, src):
    if part.shape != src.shape:
        raise ShapeError(
            f"expected src to have a size equal to the {name} of self. src size = {list(src.shape)}, {name} size = "
            f"{list(part.shape)}"
        )


@placing(
    vjp=(
        lambda m, g, dim, index: m.select_scatter(g, m.zero_like(m.select(g, dim, index)), dim, index),
        lambda m, g, dim, index: m.select(g, dim, index),
    ),
    samples=lambda s: [call(s.array(3, 4), s.array(4), 0, 1), call(s.array(3, 4), s.array(3), -1, -2)],
)
def select_scatter(np, input: Array, src: Array, dim: int, index: int):
    """A copy of the input with `src` at `index` along `dim`."""
    dim = wrap_dim(dim, input.ndim)
    if not -input.shape[dim] <= index < input.shape[dim]:
        raise IndexRangeError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    out = input.copy()
    part = out[((_ALL,) * dim + (index, ...))]
    _check_part("slice", part, src)
    part[...] = src
    return out


@placing(
    vjp=(
        lambda m, g, dim, start, end, step: m.slice_scatter(
            g, m.zero_like(m.slice(g, dim, start, end, step)), dim, start, end, step
        ),
        lambda m, g, dim, start, end, step: m.slice(g, dim, start, end, step),
    ),
    samples=lambda s: [call(s.array(5, 4), s.array(2, 4), 0, 1, 4, 2), call(s.array(2, 3), s.array(2, 1), -1, -1)],
)
def slice_scatter(np, input: Array, src: Array, dim: int = 0, start=None, end=None, step: int = 1):
    """A copy of the input with `src` at [start:end:step] along `dim`."""
    out = input.copy()
    part = narrowed.body(np, out, dim, start, end, step)
    _check_part("slice", part, src)
    part[...] = src
    return out


@placing(
    vjp=(
        lambda m, g, offset, dim1, dim2: m.diagonal_scatter(
            g, m.zero_like(m.diagonal(g, offset, dim1, dim2)), offset, dim1, dim2
        ),
        lambda m, g, offset, dim1, dim2: m.diagonal(g, offset, dim1, dim2),
    ),
    samples=lambda s: [call(s.array(3, 4), s.array(3)), call(s.array(2, 3, 4), s.array(2, 3), 1, 1, 2)],
)
def diagonal_scatter(np, input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A copy of the input with `src` on a diagonal."""
    out = input.copy()
    part = diagonal_of(out, offset, dim1, dim2)
    _check_part("diagonal", part, src)
    part[...] = src
    return out
