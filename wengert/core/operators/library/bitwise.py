"""Bitwise and logical operators."""

from __future__ import annotations

from wengert.core.operators.kinds import plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
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
