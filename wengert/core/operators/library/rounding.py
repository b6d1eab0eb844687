"""Rounding, the parts of numbers, and integers' common divisors."""

from __future__ import annotations

from wengert.core.base.errors import DtypeError
from wengert.core.operators.kinds import elementwise, opaque, plain
from wengert.core.operators.library.overloads import choosing, met, missing_derivative, overload, refuse, refuse_complex
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


@elementwise(d=lambda m, g: m.zero_of(g))
def floor(np, input: Array):
    """The largest integer <= input; slope 0.  Raises MissingError for booleans and complex numbers."""
    refuse_complex("floor is not supported for complex inputs", input)
    refuse("floor_vml_cpu", "b", input)
    return np.floor(input) if input.dtype.kind == "f" else input.copy()


@elementwise(d=lambda m, g: m.zero_of(g))
def ceil(np, input: Array):
    """The smallest integer >= input; slope 0.  Raises MissingError for booleans and complex numbers."""
    refuse_complex("ceil is not supported for complex inputs", input)
    refuse("ceil_vml_cpu", "b", input)
    return np.ceil(input) if input.dtype.kind == "f" else input.copy()


@elementwise(d=lambda m, g: m.zero_of(g), aliases=("fix",))
def trunc(np, input: Array):
    """input without its fraction; slope 0.  Raises MissingError for booleans and complex numbers."""
    refuse_complex("trunc is not supported for complex inputs", input)
    refuse("trunc_vml_cpu", "b", input)
    return np.trunc(input) if input.dtype.kind == "f" else input.copy()


@elementwise(
    d=lambda m, g: m.zero_of(g),
    aliases=("special.round",),
    backward_name=lambda args: "RoundBackward1" if args[1] else "RoundBackward0",
)
def round(np, input: Array, *, decimals=0):
    """The nearest integer, halves to even, or the nearest multiple of 10 ** -decimals; slope 0.

    Raises: MissingError for booleans and complex numbers, and for integers with `decimals`.
    """
    refuse("round_cpu" if decimals else "round_vml_cpu", "biuc" if decimals else "bc", input)
    if decimals:
        ten = 10.0 ** builtins_abs(decimals)
        if decimals > 0:
            return np.true_divide(np.rint(np.multiply(input, ten)), ten)
        return np.multiply(np.rint(np.true_divide(input, ten)), ten)
    return np.rint(input) if input.dtype.kind == "f" else input.copy()


def builtins_abs(n: int) -> int:
    """|n| of a Python int."""
    return n if n >= 0 else -n


@elementwise(d=1)
def frac(np, input: Array):
    """input - trunc(input), with the sign of input.  Raises MissingError but for floating input."""
    refuse("frac_cpu", "biuc", input)
    return np.subtract(input, np.trunc(input))


@elementwise(
    d=(lambda m, g, input, out: g * m.where(input == 0, 0, out / input), lambda m, g: m.zero_of(g)),
    promote="float",
    backward_name=overload("Copysign", 0, 1),
    numbers="last",
)
def copysign(np, input: Array, other: Array):
    """|input| with the sign of other; slope 0 at 0."""
    refuse("copysign_cpu", "c", input, other)
    return np.copysign(input, other)


@choosing(d=(lambda m, g, input, other: m.where(input == other, 0, g), lambda m, g: m.zero_of(g)), numbers="none")
def nextafter(np, input: Array, other: Array):
    """The next floating number after input towards other."""
    input, other = met(np, input, other)
    refuse("nextafter_cpu", "biuc", input)
    return np.nextafter(input, other)


@choosing(d=(missing_derivative("heaviside"),) * 2, backward_name="NotImplemented", numbers="none")
def heaviside(np, input: Array, values: Array):
    """0 below 0, `values` at 0, 1 above; nan counts as below.  Not differentiated.

    Raises: DtypeError for complex input and for different dtypes.
    """
    if input.dtype.kind == "c" or values.dtype.kind == "c":
        raise DtypeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype != values.dtype:
        raise DtypeError(
            f"heaviside is not yet implemented for tensors with different dtypes: {input.dtype} and {values.dtype}"
        )
    return np.where(np.equal(input, 0), values, np.greater(input, 0).astype(input.dtype))


@opaque(
    vjp=lambda m, g, out: m.ldexp(g[0], -out[1]),
    outputs=2,
    reads=(1,),
    samples=lambda s: [call(s.array(3, 4)), call(s.array()), call(s.array(0, 2))],
)
def frexp(np, input: Array):
    """Mantissa in [0.5, 1) and int32 exponent: input = mantissa * 2 ** exponent.  Raises DtypeError unless floating."""
    if input.dtype.kind != "f":
        raise DtypeError("torch.frexp() only supports floating-point dtypes")
    return np.frexp(input)


def integer_pairs(s):
    """Sample calls of `gcd` and `lcm`."""
    return [call(s.integers(3, 4, low=-9, high=9), s.integers(4, low=1, high=9)), call(s.integers(), s.integers())]


@plain(promote="common", inplace=True, samples=integer_pairs, numbers="none")
def gcd(np, input: Array, other: Array):
    """Greatest common divisor, never negative; gcd(0, 0) is 0.  Raises MissingError but for integers."""
    refuse("gcd_cpu", "bfc", input, other)
    return np.gcd(input, other)


@plain(promote="common", inplace=True, samples=integer_pairs, numbers="none")
def lcm(np, input: Array, other: Array):
    """Least common multiple, never negative; 0 if an operand is 0.  Raises MissingError but for integers."""
    refuse("lcm_cpu", "bfc", input, other)
    return np.lcm(input, other)
