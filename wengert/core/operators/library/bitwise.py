"""Bitwise and logical operators."""

from __future__ import annotations

from wengert.core.base.errors import DimError, ShapeError
from wengert.core.operators.kinds import plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.library.reduction import axes_of, listed_axes
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


def integer_pairs(s):
    """Sample calls of a bitwise operator."""
    x, y = s.integers(3, 4, low=-9, high=9), s.integers(4, low=-9, high=9)
    return [call(x, y), call(s.booleans(3), s.booleans(3)), call(x, 5), call(x[:0], y)]


def shift_pairs(s):
    """Sample calls of a shift."""
    x = s.integers(3, 4, low=-9, high=9)
    return [call(x, s.integers(4)), call(x, 2), call(x[:0], s.integers(4))]


def truth_pairs(s):
    """Sample calls of a logical operator."""
    return [call(s.booleans(3, 4), s.booleans(4)), call(s.integers(3), s.array(3)), call(s.booleans(), s.booleans())]


@plain(promote="common", inplace=True, samples=integer_pairs, numbers="one")
def bitwise_and(np, input: Array, other: Array):
    """input & other, bit by bit; logical and of booleans.  Raises MissingError for floating numbers."""
    refuse("bitwise_and_cpu", "fc", input, other)
    return np.bitwise_and(input, other)


@plain(promote="common", inplace=True, samples=integer_pairs, numbers="one")
def bitwise_or(np, input: Array, other: Array):
    """input | other, bit by bit; logical or of booleans.  Raises MissingError for floating numbers."""
    refuse("bitwise_or_cpu", "fc", input, other)
    return np.bitwise_or(input, other)


@plain(promote="common", inplace=True, samples=integer_pairs, numbers="one")
def bitwise_xor(np, input: Array, other: Array):
    """input ^ other, bit by bit; logical exclusive or of booleans.  Raises MissingError for floating numbers."""
    refuse("bitwise_xor_cpu", "fc", input, other)
    return np.bitwise_xor(input, other)


@plain(inplace=True, samples=lambda s: [call(s.integers(3, low=-9, high=9)), call(s.booleans(3))])
def bitwise_not(np, input: Array):
    """~input: every bit turned over; logical not of booleans.  Raises MissingError for floating numbers."""
    refuse("bitwise_not_cpu", "fc", input)
    return np.invert(input)


@plain(promote="common", inplace=True, samples=shift_pairs, numbers="one")
def bitwise_left_shift(np, input: Array, other: Array):
    """input << other; 0 for shifts that are negative or as long as the type.  Raises MissingError but for integers."""
    refuse("lshift_cpu", "bfc", input, other)
    return np.where(np.less(other, 0), 0, np.left_shift(input, np.maximum(other, 0))).astype(_dtype(input, other))


@plain(promote="common", inplace=True, samples=shift_pairs, numbers="one")
def bitwise_right_shift(np, input: Array, other: Array):
    """input >> other, filled with the sign; a negative shift counts as one that is too long.

    Raises: MissingError but for integers.
    """
    refuse("rshift_cpu", "bfc", input, other)
    dtype = _dtype(input, other)
    longest = dtype.itemsize * 8 - 1 if dtype.kind == "i" else dtype.itemsize * 8
    return np.right_shift(input, np.where(np.less(other, 0), longest, other).astype(dtype))


def _dtype(*operands):
    return next(x.dtype for x in operands if hasattr(x, "dtype"))


@plain(inplace=True, samples=truth_pairs)
def logical_and(np, input: Array, other: Array):
    """Where both are not 0; any dtypes, boolean result."""
    return np.logical_and(input, other)


@plain(inplace=True, samples=truth_pairs)
def logical_or(np, input: Array, other: Array):
    """Where one or both are not 0; any dtypes, boolean result."""
    return np.logical_or(input, other)


@plain(inplace=True, samples=truth_pairs)
def logical_xor(np, input: Array, other: Array):
    """Where exactly one is not 0; any dtypes, boolean result."""
    return np.logical_xor(input, other)


@plain(inplace=True, samples=lambda s: [call(s.booleans(3)), call(s.integers(3))])
def logical_not(np, input: Array):
    """Where input is 0; boolean result."""
    return np.logical_not(input)


@plain(
    samples=lambda s: [call(s.array(3, 4)), call(s.integers(3, 4), 1), call(s.array(2, 3), (0, -1), keepdim=True)],
)
def hash_tensor(np, input: Array, dim: Ints = (), *, keepdim=False, mode=0):
    """The exclusive or of the 64 bits of all elements over the dims, as uint64; floating ones count as float64.

    mode: 0, the only one.  Raises: ShapeError for other modes and for no elements; MissingError for complex input.
    """
    if mode:
        raise ShapeError(f"Unknown hash_tensor mode: {mode}; the only mode is 0")
    refuse("xor_sum_cpu", "c", input)
    axes = axes_of(dim, input.ndim)
    if not input.size and axes is None:
        raise ShapeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
            "with the 'dim' argument."
        )
    for axis in listed_axes(dim, input.ndim):
        if input.ndim and not input.shape[axis]:
            raise DimError(f"hash_tensor: Expected reduction dim {axis} to have non-zero size.")
    wide = input.astype("float64" if input.dtype.kind == "f" else "int64").view("uint64")
    return np.bitwise_xor.reduce(wide, axis=axes, keepdims=keepdim)
