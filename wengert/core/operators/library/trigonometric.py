"""Trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

from wengert.core.base.errors import DtypeError
from wengert.core.operators.kinds import elementwise
from wengert.core.operators.library.overloads import is_complex, refuse
from wengert.core.operators.record import Array


@elementwise(d=lambda m, input: m.cos(input), promote="float")
def sin(np, input: Array):
    """Sine."""
    return np.sin(input)


@elementwise(d=lambda m, input: -m.sin(input), promote="float")
def cos(np, input: Array):
    """Cosine."""
    return np.cos(input)


@elementwise(d=lambda out: out * out + 1, promote="float", domain=(-1.2, 1.2))
def tan(np, input: Array):
    """Tangent."""
    return np.tan(input)


@elementwise(d=lambda m, input: m.rsqrt(1 - input * input), promote="float", domain=(-0.9, 0.9), aliases=("arcsin",))
def asin(np, input: Array):
    """Inverse sine, in [-pi/2, pi/2]; nan outside [-1, 1]."""
    return np.arcsin(input)


@elementwise(d=lambda m, input: -m.rsqrt(1 - input * input), promote="float", domain=(-0.9, 0.9), aliases=("arccos",))
def acos(np, input: Array):
    """Inverse cosine, in [0, pi]; nan outside [-1, 1]."""
    return np.arccos(input)


@elementwise(d=lambda m, g, input: g / m.conj(input * input + 1), promote="float", aliases=("arctan",))
def atan(np, input: Array):
    """Inverse tangent, in [-pi/2, pi/2]."""
    return np.arctan(input)


def inverse_square(m, input, other):
    """1 / (input ** 2 + other ** 2), 0 at the origin."""
    square = input * input + other * other
    return m.where(square == 0, 0, 1 / square)


@elementwise(
    d=(
        lambda m, g, input, other: g * (other * inverse_square(m, input, other)),
        lambda m, g, input, other: g * (-input * inverse_square(m, input, other)),
    ),
    promote="float",
    aliases=("arctan2",),
    numbers="none",
)
def atan2(np, input: Array, other: Array):
    """Angle of the point (other, input), in [-pi, pi]; the gradient at the origin is 0."""
    refuse("atan2_cpu", "c", input, other)
    return np.arctan2(input, other)


@elementwise(d=lambda m, input: m.cosh(input), promote="float")
def sinh(np, input: Array):
    """Hyperbolic sine, (e^x - e^-x) / 2."""
    return np.sinh(input)


@elementwise(d=lambda m, input: m.sinh(input), promote="float")
def cosh(np, input: Array):
    """Hyperbolic cosine, (e^x + e^-x) / 2."""
    return np.cosh(input)


@elementwise(d=lambda out: 1 - out * out, promote="float")
def tanh(np, input: Array):
    """Hyperbolic tangent, sinh / cosh."""
    return np.tanh(input)


@elementwise(d=lambda m, input: m.rsqrt(input * input + 1), promote="float", aliases=("arcsinh",))
def asinh(np, input: Array):
    """Inverse hyperbolic sine."""
    return np.arcsinh(input)


def acosh_slope(m, input):
    """1 / sqrt(x^2 - 1); for complex numbers factor by factor, which keeps to the branch."""
    if is_complex(input):
        return m.rsqrt(input + 1) * m.rsqrt(input - 1)
    return m.rsqrt(input * input - 1)


@elementwise(d=acosh_slope, promote="float", domain=(1.2, 4.0), aliases=("arccosh",))
def acosh(np, input: Array):
    """Inverse hyperbolic cosine; nan below 1."""
    return np.arccosh(input)


@elementwise(
    d=lambda m, g, input: g / m.conj(1 - input * input), promote="float", domain=(-0.9, 0.9), aliases=("arctanh",)
)
def atanh(np, input: Array):
    """Inverse hyperbolic tangent; infinite at -1 and 1, nan outside."""
    return np.arctanh(input)


def sinc_rule(m, g, input):
    """g * conj(cos(pi x) / x - sin(pi x) / (pi x^2)), 0 at 0."""
    angle = input * math.pi
    square = angle * input
    slope = (angle * m.cos(angle) - m.sin(angle)) / square
    return m.where(square == 0, 0, g * m.conj(slope))


@elementwise(d=sinc_rule, promote="float", aliases=("special.sinc",))
def sinc(np, input: Array):
    """sin(pi x) / (pi x), 1 at 0."""
    angle = np.multiply(input, math.pi)
    at_zero = np.equal(input, 0)
    return np.where(at_zero, input.dtype.type(1), np.true_divide(np.sin(angle), angle))


def refuse_complex_angle(name, input):
    """Angles in degrees are real."""
    if input.dtype.kind == "c":
        raise DtypeError(f"{name} is not supported for complex tensors.")


@elementwise(d=math.pi / 180, promote="float")
def deg2rad(np, input: Array):
    """Degrees to radians, input * pi / 180."""
    refuse_complex_angle("deg2rad", input)
    return np.multiply(input, math.pi / 180)


@elementwise(d=180 / math.pi, promote="float")
def rad2deg(np, input: Array):
    """Radians to degrees, input * 180 / pi."""
    refuse_complex_angle("rad2deg", input)
    return np.multiply(input, 180 / math.pi)
