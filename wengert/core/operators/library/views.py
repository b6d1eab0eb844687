"""Operators that return a view: same memory, other shape or strides."""

from __future__ import annotations

from math import prod
from operator import index as as_index

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import compute_view_strides, infer_size, wrap_dim, wrap_dims
from wengert.core.arrays.strided import storage_of, window
from wengert.core.base.errors import ArgumentError, IndexRangeError, ShapeError
from wengert.core.operators.kinds import Plain, composite, view
from wengert.core.operators.library.copying import moving
from wengert.core.operators.record import Array, Ints, register
from wengert.core.operators.samples import call

_ALL = slice(None)


@view(
    transpose=lambda m, g, dim0, dim1: m.transpose(g, dim0, dim1),
    aliases=("swapaxes", "swapdims"),
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
        raise ShapeError(f"permute(): duplicate dims are not allowed. Given {tuple(dims)}")
    return wrapped


def _expand_error(input, size):
    """Why `input` cannot be expanded to `size`."""
    own = input.shape
    lead = len(size) - len(own)
    if lead < 0:
        return ShapeError(
            f"expand(torch.{_legacy(input)}{{{list(own)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({len(own)})"
        )
    for i, n in enumerate(size):
        if i < lead and n < 0:
            return ShapeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
            )
        if i >= lead and n not in (-1, own[i - lead]) and (own[i - lead] != 1 or n < 0):
            return ShapeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own[i - lead]}) at "
                f"non-singleton dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: {list(own)}"
            )
    return ShapeError(f"cannot expand {list(own)} to {list(size)}")


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
    own, strides = input.shape, input.strides
    lead = len(size) - len(own)
    if lead < 0:
        raise _expand_error(input, size)
    shape, steps = list(size), [0] * len(size)
    for i, n in enumerate(size):
        if i < lead:
            if n < 0:
                raise _expand_error(input, size)
        elif n == -1 or n == own[i - lead]:
            shape[i], steps[i] = own[i - lead], strides[i - lead]
        elif own[i - lead] != 1 or n < 0:
            raise _expand_error(input, size)
    return window(np, input, tuple(shape), tuple(steps))


def _one_reshape(np, input, shape):
    """Another shape over the same memory, or None where that is impossible."""
    if input.flags.c_contiguous:
        return input.reshape(shape)
    try:
        return input.reshape(shape, copy=False)
    except ValueError:
        return None


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
    return LARGE.row_major(input).reshape(size)


@composite(
    variadic=True,
    samples=lambda s: [call(s.array(2, 6), (3, -1)), call(s.array(2, 3).T, (6,)), call(s.array(), (1,))],
)
def reshape(m, input: Array, shape: Ints):
    """The same elements in the same order under another shape: a view where the strides allow it, else a copy."""
    shape = _sizes(shape)
    array = input._array if m.recorded else input
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
    shape = input.shape
    flags = input.flags
    if flags.c_contiguous:
        return input.reshape((*shape[:dim], 1, *shape[dim:]))
    if flags.f_contiguous:
        strides = input.strides
        step = shape[dim] * strides[dim] if dim < n else input.dtype.itemsize
        return window(np, input, (*shape[:dim], 1, *shape[dim:]), (*strides[:dim], step, *strides[dim:]))
    return input[(_ALL,) * dim + (None,)]


def _squeeze_name(args):
    dim = args[1]
    return "SqueezeBackward0" if dim is None else "SqueezeBackward1" if dim.__class__ is int else "SqueezeBackward2"


@view(
    transpose=lambda m, g, shape: m.reshape(g, shape),
    backward_name=_squeeze_name,
    samples=lambda s: [
        call(s.array(2, 1, 3, 1)), call(s.array(2, 1, 3), 1), call(s.array(2, 1), 0), call(s.array(1, 2, 1), (0, -1)),
        call(s.array(1, 1)), call(s.array()), call(s.array(), 0),
    ],
)  # fmt: skip
def squeeze(np, input: Array, dim: Ints | None = None):
    """Dims of size 1 taken out: all of them, or those of `dim` (other sizes stay); shares memory."""
    if dim is None:
        return input.squeeze()
    n = input.ndim
    if dim.__class__ is int:
        dim = wrap_dim(dim, n)
        return input.squeeze(dim) if n and input.shape[dim] == 1 else input.view()
    dims = wrap_dims(dim, n)
    if not n:
        return input.view()
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
    if index.__class__ is not int:
        index = as_index(index)
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
    samples=lambda s: [
        call(s.array(5, 4), 0, 1, 4, 2),
        call(s.array(5, 4), -1, -3, None, 1),
        call(s.array(3), 0, 2, 1),
    ],
)
def narrowed(np, input: Array, dim: int = 0, start=None, end=None, step: int = 1):
    """input[start:end:step] along `dim`."""
    if not input.ndim:
        raise IndexRangeError("slice() cannot be applied to a 0-dim tensor.")
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


def _start(start):
    """A start as int; a tensor must be one whole number without dims."""
    if hasattr(start, "ndim") and (start.ndim or type(start.item()) is not int):
        raise ShapeError(f"start must be an 0-dim integral Tensor. It has {start.ndim} dims and dtype {start.dtype}")
    return as_index(start)


@composite(samples=lambda s: [call(s.array(5, 4), 0, 1, 3), call(s.array(5, 4), -1, -2, 2), call(s.array(3), 0, 3, 0)])
def narrow(m, input: Array, dim: int, start: int, length: int):
    """The `length` places from `start` along `dim`; shares memory."""
    if not input.ndim:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise ShapeError(f"narrow(): length must be non-negative. Given {length}")
    n = input.shape[wrap_dim(dim, input.ndim)]
    start = _start(start)
    if not -n <= start <= n:
        raise IndexRangeError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise ShapeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return m.slice(input, dim, start, start + length, 1)


class Window(Plain):
    """Shares memory with its input but has no derivative."""

    view = True
    half = "keep"


def _check_retyped(input, dtype):
    """torch's conditions for looking at memory as elements of another size."""
    own, size = input.dtype.itemsize, dtype.itemsize
    if own == size:
        return
    names = f"to view {dtypes.of(input.dtype).scalar} as {dtypes.of(dtype).scalar} (different element sizes)"
    if not input.ndim:
        raise ShapeError(f"self.dim() cannot be 0 {names}")
    if size > own and input.shape[-1] * own % size:
        raise ShapeError(f"self.size(-1) must be divisible by {size // own} {names}, but got {input.shape[-1]}")
    if input.strides[-1] != own and input.shape[-1] != 1:
        raise ShapeError(f"self.stride(-1) must be 1 {names}, but got {input.strides[-1] // own}")
    if size > own:
        _check_placed(input, own, size, names)


def _check_placed(input, own, size, names):
    """Larger elements start at whole multiples of their size, counted from the start of the memory."""
    ratio = size // own
    root = storage_of(input)
    if input.__class__ is root.__class__ and hasattr(input, "ctypes") and root.flags.c_contiguous:
        offset = (input.ctypes.data - root.ctypes.data) // own
        if offset % ratio:
            raise ShapeError(f"self.storage_offset() must be divisible by {ratio} {names}, but got {offset}")
    for i, stride in enumerate(input.strides[:-1]):
        if stride // own % ratio:
            raise ShapeError(f"self.stride({i}) must be divisible by {ratio} {names}, but got {stride // own}")


def _retyped(np, input: Array, dtype):
    """The same memory read as another dtype; the last dim grows or shrinks with the size of the elements."""
    dtype = dtypes.as_dtype(dtype).numpy
    _check_retyped(input, dtype)
    return input.view(dtype)


def _retyped_samples(s):
    return [call(s.array(3, 4), dtypes.int64), call(s.array(2, 4), dtypes.float32), call(s.array(), dtypes.int64)]


view_dtype = register(
    Window(), _retyped, {"name": "view_dtype", "space": None, "method": False, "samples": _retyped_samples}
)


@composite(
    space=None,
    method=True,
    name="view",
    variadic=True,
    samples=lambda s: [call(s.array(2, 6), (3, -1)), call(s.array(2, 6), 12), call(s.array(), (1, 1))],
)
def view_as_given(m, input: Array, size: Ints = None, *, dtype=None):
    """The same elements in the same order under another shape, or the same memory read as another dtype."""
    if isinstance(size, (dtypes.dtype, type)):
        size = (size,)
    if size is None and dtype is not None:
        size = (dtype,)
    elif dtype is not None or size is None:
        raise _no_view(() if size is None else size, dtype)
    if size.__class__ is not int and len(size) == 1 and isinstance(size[0], (dtypes.dtype, type)):
        return m.view_dtype(input, dtypes.as_dtype(size[0], "view(): argument 'dtype' (position 1)"))
    try:
        return m.view_shape(input, tuple(size) if size.__class__ is not int else size)
    except TypeError:
        raise _no_view(size, None) from None


def _no_view(size, dtype):
    """The error of arguments that `view` has no overload for."""
    parts = [type(x).__name__ for x in (size if isinstance(size, (tuple, list)) else (size,))]
    parts += [] if dtype is None else [f"dtype={type(dtype).__name__}"]
    return ArgumentError(
        f"view() received an invalid combination of arguments - got ({', '.join(parts)}), but expected (torch.dtype "
        "dtype) or (tuple of ints size)"
    )


@composite(space=None, method=True, samples=lambda s: [call(s.array(2, 6), s.array(3, 4))])
def view_as(m, input: Array, other: Array):
    """input.view(other.shape)."""
    return m.view_shape(input, tuple(other.shape))


@composite(space=None, method=True, samples=lambda s: [call(s.array(2, 6).T, s.array(3, 4))])
def reshape_as(m, input: Array, other: Array):
    """input.reshape(other.shape)."""
    return m.reshape(input, tuple(other.shape))


@composite(space=None, method=True, samples=lambda s: [call(s.array(2, 1), s.array(3, 2, 4))])
def expand_as(m, input: Array, other: Array):
    """input.expand(other.shape)."""
    return m.expand(input, tuple(other.shape))


@composite(variadic=True, samples=lambda s: [call(s.array(2, 1), (3, 2, 4)), call(s.array(), (2,))])
def broadcast_to(m, input: Array, size: Ints):
    """The input at every place of `size`; shares memory."""
    return m.expand(input, size)


@composite(
    samples=lambda s: [
        call(s.array(2, 3, 4)),
        call(s.array(2, 3, 4), 1),
        call(s.array(2, 3, 4), 0, -2),
        call(s.array()),
    ]
)
def flatten(m, input: Array, start_dim: int = 0, end_dim: int = -1):
    """Dims start_dim ... end_dim made one; a view where the strides allow it.

    Edges: no dims become one; a single dim gives the input itself.
    """
    n = input.ndim
    start, end = wrap_dim(start_dim, n), wrap_dim(end_dim, n)
    if start > end:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not n:
        return m.reshape(input, (1,))
    if start == end:
        return input
    shape = tuple(input.shape)
    return m.reshape(input, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@composite(samples=lambda s: [call(s.array(2, 12), 1, (3, -1)), call(s.array(6), 0, (2, 3))])
def unflatten(m, input: Array, dim: int, sizes: Ints):
    """Dim `dim` split into dims of `sizes` (one may be -1)."""
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if not sizes:
        raise ShapeError("unflatten: sizes must be non-empty")
    if not input.ndim:
        raise ShapeError(f"unflatten got an unexpected error: Dimension specified as {dim} but there are no dimensions")
    dim = wrap_dim(dim, input.ndim)
    shape = tuple(input.shape)
    n, known = shape[dim], -prod(sizes) if -1 in sizes else prod(sizes)
    if n % known if -1 in sizes and known else n != known:
        raise ShapeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({n}) in the input "
            "tensor"
        )
    if -1 in sizes:
        sizes = infer_size(sizes, n)
    return m.view_shape(input, (*shape[:dim], *sizes, *shape[dim + 1 :]))


@composite(samples=lambda s: [call(s.array(2, 3)), call(s.array(2, 3).T), call(s.array())])
def ravel(m, input: Array):
    """One dim with all elements in order; a view where the input is contiguous."""
    return m.view_shape(m.contiguous(input), (-1,))


@composite(
    aliases=("moveaxis",),
    samples=lambda s: [call(s.array(2, 3, 4), 0, 2), call(s.array(2, 3, 4), (0, 1), (-1, 0)), call(s.array(2), 0, 0)],
)
def movedim(m, input: Array, source: Ints, destination: Ints):
    """Dims moved to new places, the others keeping their order; shares memory."""
    given = [(d,) if isinstance(d, int) else tuple(d) for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(given[0])} dims) should contain the same "
            f"number of dims as destination ({list(given[1])} dims)"
        )
    n = input.ndim
    wrapped = [[wrap_dim(d, n) for d in dims] for dims in given]
    for word, dims, own in zip(("source", "destination"), wrapped, given, strict=True):
        if len(set(dims)) < len(dims):
            raise ShapeError(f"movedim: repeated dim in `{word}` ({list(own)})")
    if not n:
        return m.permute(input, ())
    rest = iter([d for d in range(n) if d not in wrapped[0]])
    target = dict(zip(wrapped[1], wrapped[0], strict=True))
    return m.permute(input, tuple([target[i] if i in target else next(rest) for i in range(n)]))


@composite(space=None, method=False, samples=lambda s: [call(s.array(2, 3, 4)), call(s.array())])
def numpy_T(m, input: Array):
    """All dims in reverse order: the property `T`."""
    return m.permute(input, tuple(range(input.ndim - 1, -1, -1)))


@composite(space=None, method=False, samples=lambda s: [call(s.array(2, 3, 4))])
def matrix_T(m, input: Array):
    """The last two dims swapped: the property `mT`."""
    if input.ndim < 2:
        raise ShapeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return m.transpose(input, -2, -1)


def _conjugated(m, input):
    """Complex tensors conjugated, others as they are."""
    return m.conj(input) if input.dtype in _COMPLEX else input


_COMPLEX = frozenset(d for d in dtypes.ALL.values() if d.is_complex) | {
    d.numpy for d in (dtypes.complex64, dtypes.complex128)
}


@composite(samples=lambda s: [call(s.array(2, 3, 4))])
def adjoint(m, input: Array):
    """The last two dims swapped, complex elements conjugated: also the property `mH`."""
    if not input.ndim:
        return _conjugated(m, input)
    if input.ndim < 2:
        raise ShapeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return _conjugated(m, m.transpose(input, -2, -1))


@composite(space=None, method=False, samples=lambda s: [call(s.array(2, 3)), call(s.array())])
def matrix_H(m, input: Array):
    """The conjugate transpose of a matrix: the property `H`."""
    if input.ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.")
    return _conjugated(m, m.transpose(input, 0, 1) if input.ndim else input)
