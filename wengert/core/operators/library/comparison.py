"""Comparisons and tests of values; results are booleans and carry no gradient."""

from __future__ import annotations

from wengert.core.base.errors import ArgumentError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, plain
from wengert.core.operators.library.overloads import is_number, refuse, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def pairs(s):
    """Sample calls of a comparison: equal and different values, broadcasting, a number, nothing."""
    x = s.array(3, 4)
    y = s.integers(3)
    return [call(x, x.copy()), call(x, s.array(4)), call(y, s.integers(3)), call(x, 0.5), call(x[:0], x[:0])]


def values(s):
    """Sample calls of a test of values."""
    x = s.array(3, 4)
    x[0] = float("nan")
    x[1] = float("inf")
    x[2, 1] = -float("inf")
    return [call(x), call(s.integers(3)), call(s.array())]


@plain(promote="common", inplace=True, samples=pairs, numbers="last")
def eq(np, input: Array, other: Array):
    """input == other, element by element; nan equals nothing."""
    return np.equal(input, other)


@plain(promote="common", inplace=True, samples=pairs, aliases=("not_equal",), numbers="last")
def ne(np, input: Array, other: Array):
    """input != other, element by element."""
    return np.not_equal(input, other)


@plain(promote="common", inplace=True, samples=pairs, aliases=("less",), numbers="last")
def lt(np, input: Array, other: Array):
    """input < other, element by element.  Raises MissingError for complex numbers."""
    refuse("lt_cpu", "c", input, other)
    return np.less(input, other)


@plain(promote="common", inplace=True, samples=pairs, aliases=("less_equal",), numbers="last")
def le(np, input: Array, other: Array):
    """input <= other, element by element.  Raises MissingError for complex numbers."""
    refuse("le_cpu", "c", input, other)
    return np.less_equal(input, other)


@plain(promote="common", inplace=True, samples=pairs, aliases=("greater",), numbers="last")
def gt(np, input: Array, other: Array):
    """input > other, element by element.  Raises MissingError for complex numbers."""
    refuse("gt_cpu", "c", input, other)
    return np.greater(input, other)


@plain(promote="common", inplace=True, samples=pairs, aliases=("greater_equal",), numbers="last")
def ge(np, input: Array, other: Array):
    """input >= other, element by element.  Raises MissingError for complex numbers."""
    refuse("ge_cpu", "c", input, other)
    return np.greater_equal(input, other)


# ---------------------------------------------------------------- tests of one value


@plain(samples=values)
def isnan(np, input: Array):
    """Where an element, or a part of it, is nan."""
    return np.isnan(input)


@plain(samples=values)
def isinf(np, input: Array):
    """Where an element, or a part of it, is infinite."""
    return np.isinf(input)


@plain(samples=values)
def isfinite(np, input: Array):
    """Where an element is neither infinite nor nan."""
    return np.isfinite(input)


@plain(samples=values)
def isposinf(np, input: Array):
    """Where an element is +inf.  Raises DtypeError for complex input."""
    if input.dtype.kind == "c":
        raise DtypeError("isposinf does not support complex inputs.")
    return np.equal(input, float("inf")) if input.dtype.kind == "f" else np.zeros(input.shape, bool)


@plain(samples=values)
def isneginf(np, input: Array):
    """Where an element is -inf.  Raises DtypeError for complex input."""
    if input.dtype.kind == "c":
        raise DtypeError("isneginf does not support complex inputs.")
    return np.equal(input, -float("inf")) if input.dtype.kind == "f" else np.zeros(input.shape, bool)


@plain(samples=values)
def isreal(np, input: Array):
    """Where the imaginary part is 0."""
    return np.equal(input.imag, 0) if input.dtype.kind == "c" else np.ones(input.shape, bool)


@plain(samples=values)
def signbit(np, input: Array):
    """Where the sign is minus, that of -0.0 included.  Raises MissingError for complex input."""
    if input.dtype.kind == "c":
        raise MissingError("signbit is not implemented for complex tensors.")
    return np.signbit(input) if input.dtype.kind in "fV" else np.less(input, 0)


@composite(samples=lambda s: [call(s.array()), call(s.array(1, 1))])
def is_nonzero(m, input: Array):
    """Whether the one element of a tensor is not 0, as a bool.  Raises ShapeError for any other number of elements."""
    size = 1
    for n in input.shape:
        size *= n
    if size != 1:
        which = "no values" if size == 0 else "more than one value"
        raise ShapeError(f"Boolean value of Tensor with {which} is ambiguous; its shape is {list(input.shape)}")
    return truth(m.ne(input, 0))


# ---------------------------------------------------------------- closeness


def truth(x):
    """Whether all elements of a boolean tensor or array hold."""
    return bool(x.all())


def close_pairs(s):
    """Sample calls of `isclose`."""
    x = s.array(3, 4)
    return [call(x, x + 1e-7), call(x, x + 1e-2, rtol=0.1), call(x, s.array(4)), call(s.integers(3), s.integers(3))]


@plain(samples=close_pairs)
def isclose(np, input: Array, other: Array, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|input - other| <= atol + rtol * |other|, or equal (infinities too); nan pairs as `equal_nan` says.

    Raises: DtypeError for different dtypes or a negative tolerance.
    """
    if input.dtype != other.dtype:
        raise DtypeError(f"{scalar_name(input)} did not match {scalar_name(other)}: isclose() compares one dtype")
    if rtol < 0 or atol < 0:
        name, value = ("rtol", rtol) if rtol < 0 else ("atol", atol)
        raise DtypeError(f"{name} must be greater than or equal to zero, but got {value}")
    close = np.equal(input, other)
    kind = input.dtype.kind
    if kind in "fc":
        if equal_nan:
            close = np.logical_or(close, np.logical_and(np.isnan(input), np.isnan(other)))
    elif rtol == 0 and atol == 0 or kind == "b":
        return close
    else:
        input, other = input.astype(np.float64), other.astype(np.float64)
    allowed = atol + np.abs(other * rtol)
    gap = np.abs(np.subtract(input, other))
    return np.logical_or(close, np.logical_and(np.isfinite(gap), np.less_equal(gap, allowed)))


@composite()
def allclose(m, input: Array, other: Array, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `isclose` holds everywhere, as a bool."""
    return truth(m.isclose(input, other, rtol, atol, equal_nan))


@composite()
def equal(m, input: Array, other: Array):
    """Whether shapes and all elements are equal, as a bool; nan equals nothing."""
    for name, x in (("input", input), ("other", other)):
        if is_number(x) or not hasattr(x, "dtype"):
            raise ArgumentError(f"equal(): argument '{name}' must be Tensor, not {type(x).__name__}")
    return tuple(input.shape) == tuple(other.shape) and truth(m.eq(input, other))
