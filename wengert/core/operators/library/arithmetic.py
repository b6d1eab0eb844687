"""Addition, subtraction, multiplication, division, powers and their kin."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.powers import powered
from wengert.core.base.errors import DtypeError, MissingError
from wengert.core.operators.kinds import composite, elementwise, plain
from wengert.core.operators.library.overloads import (
    is_complex,
    is_number,
    logarithm,
    missing_derivative,
    overload,
    refuse,
)
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

MASK_HINT = "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."


def scaled(x: Any, alpha: Any, result: Any) -> Any:
    """alpha * x, by torch's rules for alpha; `result` is any operand of the computation's dtype."""
    if alpha.__class__ is int and alpha == 1:
        return x
    kind = result.dtype.kind
    if kind in "biu" and isinstance(alpha, (float, complex)):
        raise DtypeError("For integral input tensors, argument alpha must not be a floating point number.")
    if kind != "c" and isinstance(alpha, complex):
        raise DtypeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if kind == "b":
        return x & bool(alpha)
    if kind == "u" and alpha < 0:
        alpha = unsigned(alpha, result.dtype)
    return x * alpha


def unsigned(alpha: int, dtype: Any) -> int:
    """A negative number as an unsigned dtype stores it, counted back from its top."""
    return alpha % (1 << 8 * dtype.itemsize)


def refuse_boolean_difference(input: Any, other: Any) -> None:
    """Booleans are not subtracted; a body still sees them where both operands are."""
    if some_array(input, other).dtype.kind == "b":
        raise DtypeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )


def refuse_a_boolean(dtypes_met: list[Any]) -> None:
    """Nothing is subtracted from booleans, nor they from anything, before the dtypes are brought together."""
    if dtypes.bool_ in dtypes_met:
        raise DtypeError("Subtraction, the `-` operator, with a bool tensor is not supported. " + MASK_HINT)


def some_array(*operands: Any) -> Any:
    """The first operand that is no Python number."""
    return next((x for x in operands if hasattr(x, "dtype")), None)


@elementwise(d=(1, lambda g, alpha: g if alpha == 1 else g * alpha.conjugate()))
def add(np, input: Array, other: Array, *, alpha=1):
    """input + alpha * other.  Booleans add as logical or."""
    if alpha.__class__ is not int or alpha != 1:
        other = scaled(other, alpha, some_array(input, other))
    return np.add(input, other)


@elementwise(
    d=(1, lambda g, alpha: -g if alpha == 1 else g * -alpha.conjugate()),
    aliases=("subtract",),
    meeting=refuse_a_boolean,
)
def sub(np, input: Array, other: Array, *, alpha=1):
    """input - alpha * other.  Raises DtypeError for booleans."""
    refuse_boolean_difference(input, other)
    if alpha.__class__ is not int or alpha != 1:
        other = scaled(other, alpha, some_array(input, other))
    return np.subtract(input, other)


@elementwise(
    d=(lambda g, alpha: -g if alpha == 1 else g * -alpha.conjugate(), 1),
    inplace=False,
    method=False,
    backward_name=overload("Rsub", 0, 1),
    numbers="last",
    meeting=refuse_a_boolean,
)
def rsub(np, input: Array, other: Array, *, alpha=1):
    """other - alpha * input.  Raises DtypeError for booleans."""
    refuse_boolean_difference(input, other)
    if alpha.__class__ is not int or alpha != 1:
        input = scaled(input, alpha, some_array(input, other))
    return np.subtract(other, input)


@elementwise(d=(lambda other: other, lambda input: input), aliases=("multiply",))
def mul(np, input: Array, other: Array):
    """input * other.  Booleans multiply as logical and."""
    return np.multiply(input, other)


# ---------------------------------------------------------------- quotients


def divided(np: Any, input: Any, other: Any) -> Any:
    """input / other; integers are the default float first."""
    some = some_array(input, other)
    if some.dtype.kind in "biu":
        default = dtypes.default_float()
        input = input.astype(default) if hasattr(input, "dtype") else input
        other = other.astype(default) if hasattr(other, "dtype") else other
    return np.true_divide(input, other)


def refuse_zero_divisor(np: Any, input: Any, other: Any) -> None:
    """Integers are not divided by 0."""
    if some_array(input, other).dtype.kind in "iu" and not np.all(other):
        raise DtypeError("ZeroDivisionError: an integer division by 0; floating tensors give inf or nan")


def floored(np: Any, input: Any, other: Any) -> Any:
    """The quotient rounded down; a division by 0 as in true division."""
    refuse("div_floor_cpu", "bc", input, other)
    refuse_zero_divisor(np, input, other)
    return np.floor_divide(input, other)


def truncated(np: Any, input: Any, other: Any) -> Any:
    """The quotient rounded towards 0."""
    refuse("div_trunc_cpu", "bc", input, other)
    refuse_zero_divisor(np, input, other)
    if some_array(input, other).dtype.kind in "iu":
        return np.floor_divide(np.subtract(input, np.fmod(input, other)), other)
    return np.trunc(np.true_divide(input, other))


def div_input(m, g, other, rounding_mode):
    """g / conj(other); 0 where the quotient was rounded."""
    return g / m.conj(other) if rounding_mode is None else m.zero_of(g)


def div_other(m, g, input, other, rounding_mode):
    """-g * conj(input / other / other); 0 where the quotient was rounded."""
    return -g * m.conj(input / other / other) if rounding_mode is None else m.zero_of(g)


@elementwise(
    d=(div_input, div_other),
    aliases=("divide", "true_divide"),
    backward_name=lambda args: "DivBackward0" if args[2] is None else "DivBackward2",
)
def div(np, input: Array, other: Array, *, rounding_mode=None):
    """input / other, or that rounded: rounding_mode None, "trunc" (towards 0) or "floor" (down).

    Integers divide to the default float, and stay integers when rounded.
    Raises: DtypeError for another rounding_mode, and for rounded integer division by 0.
    """
    if rounding_mode is None:
        return divided(np, input, other)
    if rounding_mode == "floor":
        return floored(np, input, other)
    if rounding_mode == "trunc":
        return truncated(np, input, other)
    raise DtypeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}")


@plain(promote="common", space=None, method=False, samples=lambda s: [call(s.array(3), s.array(3))])
def whole_quotient(np, input: Array, other: Array, down=True):
    """input / other rounded down or towards 0, for the gradients of remainders."""
    return np.floor_divide(input, other) if down else np.trunc(np.true_divide(input, other))


@elementwise(d=(missing_derivative("floor_divide"),) * 2, backward_name="NotImplemented")
def floor_divide(np, input: Array, other: Array):
    """floor(input / other); integers stay integers.  Not differentiated.  Raises DtypeError for integers over 0."""
    return floored(np, input, other)


@elementwise(
    d=(1, lambda m, g, input, other: -g * m.whole_quotient(input, other)),
    backward_name=overload("Remainder", 1, 0),
    numbers="one",
)
def remainder(np, input: Array, other: Array):
    """input - other * floor(input / other): has the sign of `other`.  Raises DtypeError for integers over 0."""
    refuse("remainder_cpu", "bc", input, other)
    refuse_zero_divisor(np, input, other)
    return np.remainder(input, other)


@elementwise(
    d=(1, lambda m, g, input, other: -g * m.whole_quotient(input, other, down=False)),
    backward_name=overload("Fmod", 1, 0),
    numbers="last",
)
def fmod(np, input: Array, other: Array):
    """input - other * trunc(input / other): has the sign of `input`.  Raises DtypeError for integers over 0."""
    refuse("fmod_cpu", "bc", input, other)
    refuse_zero_divisor(np, input, other)
    return np.fmod(input, other)


@elementwise(d=lambda out: -out * out, promote="float")
def reciprocal(np, input: Array):
    """1 / input; inf at 0."""
    return np.true_divide(1, input)


# ---------------------------------------------------------------- powers


def integer_power(np: Any, input: Any, exponent: Any) -> Any:
    """Powers of integers; a negative exponent gives 0 but for the bases 1 and -1."""
    if getattr(exponent, "dtype", None) is None or exponent.dtype.kind == "u" or not np.any(np.less(exponent, 0)):
        return np.power(input, exponent)
    odd = np.where(np.equal(np.bitwise_and(exponent, 1), 1), input, 1)
    unit = np.equal(np.multiply(input, input), 1)
    return np.where(np.less(exponent, 0), np.where(unit, odd, 0), np.power(input, np.maximum(exponent, 0)))


def power(np: Any, input: Any, exponent: Any) -> Any:
    """input ** exponent with the shorter ways that exponents such as 2 have."""
    some = some_array(input, exponent)
    if some.dtype.kind == "b":
        refuse("pow", "b", input, exponent)
    if some.dtype.kind in "iu":
        return integer_power(np, input, exponent)
    if is_number(exponent):
        return powered(np, input, exponent)
    return np.power(input, exponent)


def pow_input(m, g, input, exponent):
    """g * conj(exponent * input ** (exponent - 1)); 0 where the exponent is 0, at the base 0 too."""
    if is_number(exponent):
        if exponent == 0:
            return m.zero_of(g)
        if exponent == 2:
            return g * m.conj(input * 2)
        return g * m.conj(exponent * m.pow(input, exponent - 1))
    return m.where(exponent == 0, 0, g * m.conj(exponent * m.pow(input, exponent - 1)))


def pow_exponent(m, g, out, input, exponent):
    """g * conj(out * log(input)); 0 at the base 0 unless the exponent is negative."""
    if not is_number(input):
        at_zero = m.logical_and(input == 0, m.real(exponent) >= 0)
        if is_complex(exponent):
            at_zero = m.logical_and(at_zero, m.imag(exponent) == 0)
        return g * m.where(at_zero, 0, m.conj(out * m.log(input)))
    partial = m.conj(out * logarithm(input))
    return g * (m.where(m.real(exponent) >= 0, 0, partial) if input == 0 else partial)


@elementwise(d=(pow_input, pow_exponent), domain=(0.3, 2.0), backward_name=overload("Pow", 1, 0, 2), numbers="one")
def pow(np, input: Array, exponent: Array):
    """input ** exponent; either may be a number.  Booleans are raised as int64 by a number.

    Gradient of the exponent at base 0: 0 unless the exponent is negative.  Integer bases take negative exponents
    only from tensors: 0 but for bases 1 and -1.
    Raises: DtypeError for an integer tensor and a negative number; MissingError for two boolean tensors.
    """
    some = some_array(input, exponent)
    if some.dtype.kind in "iu" and np.isscalar(exponent) and exponent < 0:
        raise DtypeError("Integers to negative integer powers are not allowed. Convert the tensor to a floating dtype")
    return power(np, input, exponent)


def widest(*operands: Any) -> tuple[Any, ...]:
    """Operands in float64, or complex128 if one is complex."""
    wide = dtypes.complex128 if any(is_complex(x) for x in operands) else dtypes.float64
    number = complex if wide is dtypes.complex128 else float
    return tuple(number(x) if is_number(x) else x.astype(wide.numpy, copy=False) for x in operands)


@elementwise(
    d=(pow_input, pow_exponent),
    promote="own",
    domain=(0.3, 2.0),
    backward_name=overload("Pow", 1, 0, 2),
    numbers="one",
)
def float_power(np, input: Array, exponent: Array):
    """input ** exponent in float64, or complex128 if an operand is complex; either may be a number."""
    return power(np, *widest(input, exponent))


@elementwise(d=lambda input: input * 2, backward_name="PowBackward0")
def square(np, input: Array):
    """input ** 2.  Booleans become int64."""
    return np.multiply(input, input) if input.dtype.kind != "b" else input.astype(np.int64)


@elementwise(d=lambda m, g, out: g / m.conj(out * 2), promote="float", domain=(0.1, 4.0))
def sqrt(np, input: Array):
    """Square root; nan below 0, infinite slope at 0."""
    return np.sqrt(input)


@elementwise(d=lambda out: out * out * out * -0.5, promote="float", domain=(0.1, 4.0))
def rsqrt(np, input: Array):
    """1 / sqrt(input)."""
    return np.true_divide(1, np.sqrt(input))


@elementwise(
    d=(lambda g, input, out: g * (input / out), lambda g, other, out: g * (other / out)),
    numbers="none",
)
def hypot(np, input: Array, other: Array):
    """sqrt(input ** 2 + other ** 2) without overflow; the gradient at the origin is nan."""
    refuse("hypot_cpu", "biuc", input, other)
    return np.hypot(input, other)


@elementwise(
    d=(lambda m, g, other: m.ldexp(g, m.conj(other)), lambda out: out * math.log(2)), promote="float", numbers="none"
)
def ldexp(np, input: Array, other: Array):
    """input * 2 ** other."""
    return np.multiply(input, np.exp2(other))


# ---------------------------------------------------------------- sign and size


@elementwise(d=-1, aliases=("negative",))
def neg(np, input: Array):
    """-input.  Raises DtypeError for booleans."""
    if input.dtype.kind == "b":
        raise DtypeError("Negation, the `-` operator, on a bool tensor is not supported. " + MASK_HINT)
    return np.negative(input)


@composite()
def positive(m, input: Array):
    """input itself.  Raises DtypeError for booleans."""
    if input.dtype in (dtypes.bool_, dtypes.bool_.numpy):
        raise DtypeError("The `+` operator, on a bool tensor is not supported.")
    return input


@elementwise(d=lambda m, g, input: g * m.sgn(input), aliases=("absolute",))
def abs(np, input: Array):
    """|input|, real for complex input; slope 0 at 0.  Raises MissingError for booleans."""
    refuse("abs_cpu", "b", input)
    return np.abs(input)


@plain(space=None, method=False, samples=lambda s: [call(s.array(3)), call(s.array())])
def zero_of(np, input: Array):
    """Zeros like input: the gradient through a step function, also where g is inf or nan."""
    return np.zeros_like(input)


@elementwise(d=lambda m, g: m.zero_of(g))
def sign(np, input: Array):
    """-1, 0 or 1; slope 0 everywhere.  Raises MissingError for complex input: that is `sgn`."""
    kind = input.dtype.kind
    if kind == "c":
        raise _complex_sign()
    if kind == "b":
        return input.copy()
    out = np.sign(input)
    # NumPy keeps nan; torch counts it as neither positive nor negative.
    return np.where(np.isnan(input), out.dtype.type(0), out) if kind in "fV" else out


def _complex_sign() -> Exception:
    from_torch = "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
    return MissingError(from_torch)


def sgn_rule(m, g, input, out):
    """The part of g across the direction of input, over |input|; 0 for real input and at 0."""
    if not is_complex(input):
        return m.zero_of(g)
    size = m.abs(input)
    across = g - out * m.real(m.conj(out) * g)
    return m.where(size == 0, 0, across / size)


@elementwise(d=sgn_rule)
def sgn(np, input: Array):
    """input / |input| for complex input, 0 at 0; sign(input) for real input."""
    if input.dtype.kind != "c":
        return sign.body(np, input)
    size = np.abs(input)
    return np.where(np.equal(size, 0), input.dtype.type(0), np.true_divide(input, size))
