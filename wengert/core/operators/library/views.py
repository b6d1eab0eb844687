"""Operators that return a view: same memory, other shape or strides."""

from __future__ import annotations

from math import prod

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import compute_view_strides, infer_size, wrap_dim, wrap_dims
from wengert.core.arrays.strided import expanded
from wengert.core.base.errors import ArgumentError, DimError, IndexRangeError, ShapeError
from wengert.core.operators.kinds import composite, view
from wengert.core.operators.library.copying import moving
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


@view(
    transpose=lambda m, g, dim0, dim1: m.transpose(g, dim0, dim1),
    samples=lambda s: [call(s.array(2, 3, 4), 0, 2), call(s.array(2, 3, 4), -1, 1), call(s.array(), 0, -1)],
)
def transpose(np, input: Array, dim0: int, dim1: int):
    """Swap two dims; the result shares memory."""
    n = input.ndim
    a, b = wrap_dim(dim0, n), wrap_dim(dim1, n)
    return input.swapaxes(a, b) if n else input.view()


@view(transpose=lambda m, g: m.t(g), samples=lambda s: [call(s.array(2, 3)), call(s.array(3)), call(s.array())])
def t(np, input: Array):
    """Transpose of a matrix; fewer dims stay as they are."""
    if input.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.T


def _inverse(dims):
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return tuple(inverse)


@view(
    transpose=lambda m, g, shape, dims: m.permute(g, _inverse([d % len(shape) for d in dims])),
    variadic=True,
    samples=lambda s: [call(s.array(2, 3, 4), (2, 0, 1)), call(s.array(2, 3), (-1, 0)), call(s.array(), ())],
)
def permute(np, input: Array, dims: Ints):
    """Dims in another order: out.shape[i] = input.shape[dims[i]]; the result shares memory."""
    if dims.__class__ is int:
        dims = (dims,)
    n = input.ndim
    if len(dims) != n:
        raise ShapeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {n} is not equal to len(dims) = {len(dims)}"
        )
    try:
        return input.transpose(dims)
    except ValueError:
        return input.transpose(_checked_order(dims, n))


def _checked_order(dims, n):
    wrapped = tuple([wrap_dim(d, n) for d in dims])
    if len(set(wrapped)) < n:
        raise ShapeError(f"permute(): duplicate dims are not allowed, got {tuple(dims)}")
    return wrapped


def _expanded_size(input, size):
    """The shape that `expand` is asked for, -1 filled in."""
    own = input.shape
    lead = len(size) - len(own)
    given = f"expand(torch.{_legacy(input)}{{{list(own)}}}, size={list(size)})"
    if lead < 0:
        raise ShapeError(
            f"{given}: the number of sizes provided ({len(size)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(own)})"
        )
    found = list(size)
    for i, n in enumerate(size):
        have = own[i - lead] if i >= lead else 1
        if n == -1 and i >= lead:
            found[i] = have
        elif n < 0:
            if i < lead:
                raise ShapeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            raise ShapeError(f"{given}: sizes must be -1 or not negative")
        elif n != have and have != 1:
            raise ShapeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: {list(own)}"
            )
    return tuple(found)


def _legacy(array):
    return dtypes.tensor_type_name(dtypes.of(array.dtype)).removeprefix("torch.")


@view(
    transpose=lambda m, g, shape: m.sum_to(g, shape),
    space=None,
    method=True,
    variadic=True,
    samples=lambda s: [
        call(s.array(3, 1), (3, 4)), call(s.array(3), (2, -1)), call(s.array(), (2, 2)), call(s.array(1), (0,)),
    ],
)  # fmt: skip
def expand(np, input: Array, size: Ints, *, implicit=False):
    """Every size-1 dim stretched to `size` without copying (-1 keeps a dim); new dims come in front."""
    if size.__class__ is int:
        size = (size,)
    return expanded(np, input, _expanded_size(input, size))


def _one_reshape(np, input, shape):
    """Another shape over the same memory, or None where that is impossible."""
    if input.flags.c_contiguous:
        return input.reshape(shape)
    if np.__name__ == "numpy":
        try:
            return input.reshape(shape, copy=False)
        except ValueError:
            return None
    made = input.reshape(shape)
    return made if made.base is not None or not made.size else None


def _sizes(size):
    return (size,) if size.__class__ is int else size


@view(
    transpose=lambda m, g, shape: m.reshape(g, shape),
    name="view_shape",
    space=None,
    method=False,
    backward_name="ViewBackward0",
    samples=lambda s: [call(s.array(2, 6), (3, -1)), call(s.array(), (1, 1)), call(s.array(0, 3), (3, 0))],
)
def view_shape(np, input: Array, size: Ints):
    """The same elements in the same order under another shape; never a copy."""
    size = _sizes(size)
    if -1 in size or prod(size) != input.size or (size and min(size) < 0):
        size = infer_size(size, input.size)
    made = _one_reshape(np, input, tuple(size))
    if made is None:
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            f"contiguous subspaces). Use .reshape(...) instead. Given shape {list(size)} for {list(input.shape)}"
        )
    return made


@moving(
    transpose=lambda m, g, shape: m.reshape(g, shape),
    space=None,
    method=False,
    backward_name="UnsafeViewBackward0",
    samples=lambda s: [call(s.array(2, 6).T, (3, 4)), call(s.array(2, 3).T, (6,))],
)
def reshape_copy(np, input: Array, size: Ints):
    """The same elements in the same order under another shape, copied."""
    return input.copy(order="C").reshape(size)


def _raw(x):
    return getattr(x, "_array", x)


@composite(
    variadic=True,
    samples=lambda s: [call(s.array(2, 6), (3, -1)), call(s.array(2, 3).T, (6,)), call(s.array(), (1,))],
)
def reshape(m, input: Array, shape: Ints):
    """The same elements in the same order under another shape: a view where the strides allow it, else a copy."""
    shape = _sizes(shape)
    array = _raw(input)
    if -1 in shape or prod(shape) != array.size or (shape and min(shape) < 0):
        shape = infer_size(shape, array.size)
    if array.flags.c_contiguous or compute_view_strides(array.shape, array.strides, shape) is not None:
        return m.view_shape(input, shape)
    return m.reshape_copy(input, shape)


@view(
    transpose=lambda m, g, dim: m.squeeze(g, dim),
    samples=lambda s: [call(s.array(2, 3), 1), call(s.array(2, 3), -1), call(s.array(), 0)],
)
def unsqueeze(np, input: Array, dim: int):
    """A dim of size 1 put in at `dim`."""
    n = input.ndim
    dim = wrap_dim(dim, n + 1)
    return input[..., None] if dim == n else input[(slice(None),) * dim + (None,)]


_ALL = slice(None)


@view(
    transpose=lambda m, g, shape: m.reshape(g, shape),
    samples=lambda s: [
        call(s.array(2, 1, 3, 1)), call(s.array(2, 1, 3, 1), 1), call(s.array(2, 1), 0), call(s.array(1, 2, 1), (0, -1)),
        call(s.array(1, 1)), call(s.array()), call(s.array(), 0),
    ],
)  # fmt: skip
def squeeze(np, input: Array, dim: Ints | None = None):
    """Dims of size 1 taken out: all of them, or those of `dim` (other sizes stay)."""
    n = input.ndim
    if dim is None:
        return input.squeeze()
    if dim.__class__ is int:
        dim = wrap_dim(dim, n)
        return input.squeeze(dim) if n and input.shape[dim] == 1 else input.view()
    dims = wrap_dims(dim, n) if n else ()
    return input.squeeze(tuple([d for d in dims if input.shape[d] == 1]))


@view(
    transpose=lambda m, g, shape, dim, index: m.select_backward(g, shape, dim, index),
    samples=lambda s: [call(s.array(3, 4), 0, 1), call(s.array(3, 4), -1, -2), call(s.array(3), 0, 2)],
)
def select(np, input: Array, dim: int, index: int):
    """The slice at `index` along `dim`, that dim removed."""
    n = input.ndim
    if not n:
        raise IndexRangeError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, n)
    try:
        if dim:
            return input[(_ALL,) * dim + (index,) + (...,)]
        return input[index, ...]
    except IndexError:
        raise IndexRangeError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        ) from None


@moving(
    transpose=lambda m, g, dim, index: m.select(g, dim, index),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(4), (3, 4), 0, 1), call(s.array(3), (3, 4), -1, -2), call(s.array(), (3,), 0, 2)],
)
def select_backward(np, input: Array, input_sizes, dim: int, index: int):
    """Zeros of `input_sizes` with the input at `index` along `dim`."""
    out = np.zeros(input_sizes, dtype=input.dtype)
    out[(_ALL,) * (dim % len(input_sizes)) + (index,)] = input
    return out


def _slice_of(n, start, end, step):
    """A slice that never counts from the back; torch clamps instead of raising."""
    if step <= 0:
        raise ShapeError(f"slice step must be positive, got {step}")
    start = 0 if start is None else max(start + n, 0) if start < 0 else min(start, n)
    end = n if end is None else max(end + n, 0) if end < 0 else min(end, n)
    return slice(start, max(start, end), step)


@view(
    transpose=lambda m, g, shape, dim, start, end, step: m.slice_backward(g, shape, dim, start, end, step),
    name="slice",
    space=None,
    method=False,
    samples=lambda s: [call(s.array(5, 4), 0, 1, 4, 2), call(s.array(5, 4), -1, -3, None, 1), call(s.array(3), 0, 2, 1)],
)
def narrowed(np, input: Array, dim: int = 0, start=None, end=None, step: int = 1):
    """input[start:end:step] along `dim`."""
    if not input.ndim:
        raise ShapeError("slice() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, input.ndim)
    return input[(_ALL,) * dim + (_slice_of(input.shape[dim], start, end, step),)]


@moving(
    transpose=lambda m, g, dim, start, end, step: m.slice(g, dim, start, end, step),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 4), (5, 4), 0, 1, 4, 2), call(s.array(5, 3), (5, 4), -1, -3, None, 1)],
)
def slice_backward(np, input: Array, input_sizes, dim: int, start, end, step: int):
    """Zeros of `input_sizes` with the input at [start:end:step] along `dim`."""
    out = np.zeros(input_sizes, dtype=input.dtype)
    dim %= len(input_sizes)
    out[(_ALL,) * dim + (_slice_of(input_sizes[dim], start, end, step),)] = input
    return out
