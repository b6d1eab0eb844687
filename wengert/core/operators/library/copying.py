"""Copies, conversions of dtype and fills."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.device import channels_last, channels_last_3d, contiguous_format
from wengert.core.arrays.strided import expanded
from wengert.core.base.errors import ShapeError
from wengert.core.operators.kinds import Elementwise, Linear, composite, plain
from wengert.core.operators.record import Array, register
from wengert.core.operators.raw import sum_to as summed
from wengert.core.operators.kinds import linear
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


_LAST = {channels_last: 4, channels_last_3d: 5}


def copied(np, input, memory_format):
    """A copy of an array in the order of dims that a memory format asks for."""
    if memory_format is None or memory_format is not contiguous_format and memory_format not in _LAST:
        return input.copy(order="K")
    if memory_format is contiguous_format:
        return input.copy(order="C")
    n = _LAST[memory_format]
    if input.ndim != n:
        raise ShapeError(f"required rank {n} tensor to use {memory_format} format, got {input.ndim} dims")
    return np.moveaxis(np.moveaxis(input, 1, -1).copy(order="C"), -1, 1)


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
    return input.astype(dtype)


@storing(d=(lambda m, g: m.zero_like(g), lambda g: g), space=None, method=False, inplace=True,
         backward_name="CopyBackwards",
         samples=lambda s: [call(s.array(3, 4), s.array(4)), call(s.array(), s.array()), call(s.array(0, 2), s.array(2))])
def copy(np, input: Array, src: Array, non_blocking=False):
    """src at every place of input, as input's dtype.  Internal: `copy_` stores it; the result may look at src."""
    if src.dtype != input.dtype:
        if src.dtype.kind == "c" and input.dtype.kind not in "cb":
            src = src.real
        src = src.astype(input.dtype)
    if src.shape == input.shape:
        return src
    check_expandable(src.shape, input.shape)
    return expanded(np, src, input.shape)


def check_expandable(own, shape):
    """Raise unless an array of shape `own` broadcasts to `shape`."""
    lead = len(shape) - len(own)
    if lead < 0:
        raise ShapeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(own)}"
        )
    for i, n in enumerate(own):
        if n != 1 and n != shape[lead + i]:
            raise ShapeError(
                f"The size of tensor a ({shape[lead + i]}) must match the size of tensor b ({n}) at non-singleton "
                f"dimension {lead + i}"
            )


@storing(d=(lambda m, g: m.zero_like(g), lambda g: g), samples=lambda s: [call(s.array(3, 4), 2.0)])
def fill(np, input: Array, value: Array):
    """`value`, a number or a tensor without dims, at every place of input, as input's dtype."""
    if getattr(value, "ndim", 0):
        raise ShapeError(f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    if getattr(value, "dtype", None) is not None and value.dtype != input.dtype:
        value = value.real.astype(input.dtype) if value.dtype.kind == "c" != input.dtype.kind else value.astype(
            input.dtype)
    elif value.__class__ is float and input.dtype.kind in "iu":
        value = int(value)
    return np.full(input.shape, value, dtype=input.dtype)


@storing(d=lambda m, g: m.zero_like(g), space=None, method=False, inplace=True,
         samples=lambda s: [call(s.array(3, 4)), call(s.array()), call(s.array(0, 2))])
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


@plain(space=None, method=False)
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
