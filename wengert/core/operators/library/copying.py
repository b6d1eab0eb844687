"""Copies, conversions of dtype and fills."""

from __future__ import annotations

import numpy

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.device import contiguous_format
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.layout import RANKS, check_rank, empty_like
from wengert.core.arrays.shape import unbroadcast_axes
from wengert.core.arrays.strided import expanded
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.operators.kinds import Composite, Elementwise, Linear, composite, linear, plain
from wengert.core.operators.raw import sum_to as summed
from wengert.core.operators.record import Array, register
from wengert.core.operators.samples import call


class Moving(Linear):
    """A linear operator that moves elements about and computes nothing: half precision stays as it is."""

    half = "keep"


class Storing(Elementwise):
    """An elementwise operator that only stores values; dtypes are the body's business."""

    half = "keep"
    promote = "none"


def moving(transpose, **options):
    """State an operator that only moves elements, by its transpose."""
    return lambda body: register(Moving(transpose), body, options)


def storing(d, **options):
    """State an operator that only stores values, by its partial derivatives."""
    return lambda body: register(Storing(d), body, options)


def _unfolded(np, input):
    """A copy of an expanded array: where strides of 0 say nothing of the order of dims, it is row-major."""
    if not isinstance(input, numpy.ndarray) or not input.size:
        return input.copy(order="C")
    out = empty_like(input)
    out[...] = input
    return out


def copied(np, input, memory_format):
    """A copy of an array in the order of dims that a memory format asks for."""
    if memory_format is None or memory_format is not contiguous_format and memory_format not in RANKS:
        return input.copy(order="K") if 0 not in input.strides else _unfolded(np, input)
    if memory_format is contiguous_format:
        return LARGE.row_major(input)
    check_rank(input.ndim, memory_format)
    return np.moveaxis(LARGE.row_major(_last_channels(input)), -1, 1)


@moving(
    transpose=lambda g: g,
    samples=lambda s: [call(s.array(3, 4)), call(s.array()), call(s.array(0, 2)), call(s.complex(2))],
)
def clone(np, input: Array, *, memory_format=None):
    """A copy of the elements, recorded.

    The strides of a dense input are kept; `memory_format=torch.contiguous_format` gives row-major ones.
    """
    return copied(np, input, memory_format)


@moving(
    transpose=lambda g: g,
    space=None,
    method=False,
    backward_name="ToCopyBackward0",
    samples=lambda s: [call(s.array(3, 4), dtypes.float64.numpy), call(s.array(), dtypes.complex128.numpy)],
)
def to_dtype(np, input: Array, dtype):
    """The elements as another dtype (a NumPy one); complex to real drops the imaginary part."""
    if input.dtype.kind == "c" and dtype.kind not in "cb":
        input = input.real
    return LARGE.convert(input, dtype)


@storing(
    d=(lambda m, g: m.zero_like(g), lambda g: g),
    promote="own",
    space=None,
    method=False,
    inplace="only",
    backward_name="CopyBackwards",
    samples=lambda s: [call(s.array(3, 4), s.array(4)), call(s.array(), s.array()), call(s.array(0, 2), s.array(2))],
)
def copy(np, input: Array, other: Array, non_blocking=False):
    """other at every place of input, as input's dtype.  Internal: `copy_` stores it; the result may look at other."""
    if not hasattr(other, "dtype"):
        other = np.asarray(other, dtype=input.dtype)
    if other.dtype != input.dtype:
        if other.dtype.kind == "c" and input.dtype.kind not in "cb":
            other = other.real
        other = other.astype(input.dtype)
    if other.shape == input.shape:
        return other
    check_expandable(other.shape, input.shape)
    return expanded(np, other, input.shape)


def check_expandable(own, shape):
    """Raise unless an array of shape `own` broadcasts to `shape`."""
    lead = len(shape) - len(own)
    if lead < 0:
        raise ShapeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(own)}")
    for i, n in enumerate(own):
        if n != 1 and n != shape[lead + i]:
            raise ShapeError(
                f"The size of tensor a ({shape[lead + i]}) must match the size of tensor b ({n}) at non-singleton "
                f"dimension {lead + i}"
            )


_C_NAMES = {
    "float64": "double", "float32": "float", "float16": "at::Half", "bfloat16": "at::BFloat16", "int64": "int64_t",
    "int32": "int", "int16": "int16_t", "int8": "int8_t", "uint8": "uint8_t", "bool": "bool",
}  # fmt: skip


def _whole(value, dtype):
    """A number as an element of an integer or boolean tensor: fractions cut off, one step of wrapping allowed."""
    if dtype is dtypes.bool_:
        return bool(value)
    limits = dtypes.iinfo(dtype)
    if value.__class__ is complex or value != value or not limits.min - (limits.max + 1) * (limits.min == 0) < value:
        raise DtypeError(f"value cannot be converted to type {_C_NAMES.get(dtype.name)} without overflow: {value}")
    if value > limits.max:
        raise DtypeError(f"value cannot be converted to type {_C_NAMES.get(dtype.name)} without overflow: {value}")
    return int(value) % (limits.max + 1) if limits.min == 0 else int(value)


@storing(
    d=(lambda m, g: m.zero_like(g), lambda g: g),
    promote="own",
    method=False,
    inplace="only",
    batch="loop",
    backward_name=lambda args: "FillBackward3" if hasattr(args[1], "ndim") else "FillBackward2",
    samples=lambda s: [call(s.array(3, 4), 2.0), call(s.array(3, 4), s.array())],
)
def fill(np, input: Array, value: Array):
    """`value`, a number or a tensor without dims, at every place of input, as input's dtype."""
    if getattr(value, "ndim", 0):
        raise ShapeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    if hasattr(value, "dtype"):
        value = value.real if value.dtype.kind == "c" != input.dtype.kind else value
        out = np.empty(input.shape, dtype=input.dtype)
        out[...] = value.astype(input.dtype)
        return out
    if input.dtype.kind in "iub":
        value = _whole(value, dtypes.of(input.dtype))
    elif input.dtype.kind != "c" and value.__class__ is complex:
        raise DtypeError(
            f"value cannot be converted to type {_C_NAMES.get(input.dtype.name)} without overflow: {value}"
        )
    return np.full(input.shape, value, dtype=input.dtype)


@storing(
    d=lambda m, g: m.zero_like(g),
    space=None,
    method=False,
    inplace="only",
    samples=lambda s: [call(s.array(3, 4)), call(s.array()), call(s.array(0, 2))],
)
def zero(np, input: Array):
    """0 at every place."""
    return np.zeros(input.shape, dtype=input.dtype)


@plain(space=None, method=False)
def zero_like(np, input: Array):
    """Zeros of the same shape and dtype.  Internal, for rules."""
    return np.zeros(input.shape, dtype=input.dtype)


@plain(space=None, method=False)
def one_like(np, input: Array):
    """Ones of the same shape and dtype.  Internal, for rules."""
    return np.ones(input.shape, dtype=input.dtype)


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 4), 2.5), call(s.array(), -1)])
def filled_like(np, input: Array, value):
    """A number at every place of the same shape and dtype.  Internal, for rules."""
    return np.full(input.shape, value, dtype=input.dtype)


@plain(space=None, method=False)
def blank_like(np, input: Array):
    """Uninitialised memory of the same shape and dtype.  Internal, for rules."""
    return np.empty(input.shape, dtype=input.dtype)


@linear(
    transpose=lambda m, g, shape: m.expand(g, shape),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 4), (4,)), call(s.array(2, 3, 4), (3, 1)), call(s.array(3), ())],
)
def sum_to(np, input: Array, size):
    """Sum down to `size`, the transpose of broadcasting."""
    return summed(input, tuple(size))


@composite(
    space=None,
    method=True,
    samples=lambda s: [call(s.array(3, 4)), call(s.array(3, 4).T), call(s.array())],
)
def contiguous(m, input: Array, memory_format=contiguous_format):
    """The input itself if its elements lie in the order of `memory_format`, else a copy in that order."""
    array = input._array if m.recorded else input
    if memory_format in RANKS:
        if array.ndim == RANKS[memory_format] and _last_channels(array).flags.c_contiguous:
            return input
    elif array.flags.c_contiguous:
        return input
    return m.clone(input, memory_format=memory_format)


def _last_channels(array):
    """Dim 1 put last."""
    return array.transpose((0, *range(2, array.ndim), 1))


def _converted(m, input, dtype, memory_format):
    """The input as another dtype; itself if it has that dtype already."""
    array = input._array if m.recorded else input
    if array.dtype == dtype:
        return input if memory_format is None else m.contiguous(input, memory_format)
    out = m.to_dtype(input, dtype)
    return out if memory_format is None else m.contiguous(out, memory_format)


def _conversion(name, dtype):
    """State the method that converts to one dtype."""

    def body(m, input, memory_format=None):
        return _converted(m, input, dtype.numpy, memory_format)

    body.__annotations__ = {"input": "Array"}
    body.__doc__ = f"input.to({dtype})."
    options = {"name": name, "space": None, "method": True, "samples": lambda s: [call(s.array(2, 3))]}
    register(Composite(), body, options)


for _name, _dtype in {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "int": dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool_, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}.items():  # fmt: skip
    _conversion(_name, _dtype)
del _name, _dtype


@composite(space=None, method=True, samples=lambda s: [call(s.array(2, 3), s.integers(2))])
def type_as(m, input: Array, other: Array):
    """The input as other's dtype."""
    return _converted(m, input, (other._array if m.recorded else other).dtype, None)


@composite(space=None, method=True, samples=lambda s: [call(s.array(2, 3), (3,)), call(s.array(2, 3), (2, 1))])
def sum_to_size(m, input: Array, *size):
    """Sum down to a shape from which broadcasting leads back; the input itself if it has it (and dims)."""
    size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    for k, n in enumerate(size):
        if not hasattr(n, "__index__"):
            raise ArgumentError(
                f"sum_to_size(): argument 'size' failed to unpack the object at pos {k + 1} with error \"type must be "
                f'tuple of ints,but got {type(n).__name__}"'
            )
    own = tuple(input.shape)
    lead = len(own) - len(size)
    if lead < 0 or any(n not in (1, k) for n, k in zip(size, own[lead:], strict=True)):
        raise ShapeError(f"size {{{list(size)}}} is not expandable to size {{{list(own)}}}.")
    if not size:
        return m.sum(input)
    axes = unbroadcast_axes(own, size)
    out = m.sum(input, axes, True) if axes else input
    return m.view_shape(out, size) if lead else out
