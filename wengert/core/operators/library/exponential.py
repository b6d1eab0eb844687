"""Exponentials and logarithms."""

from __future__ import annotations

import math

from wengert.core.operators.kinds import elementwise
from wengert.core.operators.library.overloads import is_number, overload, refuse
from wengert.core.operators.record import Array

LN2, LN10 = math.log(2), math.log(10)


@elementwise(d=lambda out: out, promote="float")
def exp(np, input: Array):
    """e ** input."""
    return np.exp(input)


@elementwise(d=lambda out: out * LN2, promote="float", aliases=("special.exp2",))
def exp2(np, input: Array):
    """2 ** input."""
    return np.exp2(input)


@elementwise(d=lambda out: out + 1, promote="float", aliases=("special.expm1",))
def expm1(np, input: Array):
    """e ** input - 1, exact near 0."""
    return np.expm1(input)


@elementwise(d=lambda m, g, input: g / m.conj(input), promote="float", domain=(0.1, 4.0))
def log(np, input: Array):
    """Natural logarithm; -inf at 0, nan below."""
    return np.log(input)


@elementwise(d=lambda m, g, input: g / m.conj(input * LN2), promote="float", domain=(0.1, 4.0))
def log2(np, input: Array):
    """Logarithm to base 2; -inf at 0, nan below."""
    return np.log2(input)


@elementwise(d=lambda m, g, input: g / m.conj(input * LN10), promote="float", domain=(0.1, 4.0))
def log10(np, input: Array):
    """Logarithm to base 10; -inf at 0, nan below."""
    return np.log10(input)


@elementwise(
    d=lambda m, g, input: g / m.conj(input + 1), promote="float", domain=(-0.9, 4.0), aliases=("special.log1p",)
)
def log1p(np, input: Array):
    """log(1 + input), exact near 0; -inf at -1, nan below."""
    return np.log1p(input)


@elementwise(
    d=(
        lambda m, g, input, other: g / m.conj(1 + m.exp(other - input)),
        lambda m, g, input, other: g / m.conj(1 + m.exp(input - other)),
    ),
    inplace=False,
    numbers="none",
)
def logaddexp(np, input: Array, other: Array):
    """log(e ** input + e ** other), safe from overflow.  Raises MissingError for integers."""
    refuse("logaddexp_cpu", "biu", input, other)
    if input.dtype.kind == "c":
        larger = np.where(np.greater(input.real, other.real), input, other)
        return larger + np.log1p(np.exp(np.where(np.greater(input.real, other.real), other, input) - larger))
    return np.logaddexp(input, other)


@elementwise(
    d=(
        lambda m, g, input, other: g / (1 + m.exp2(other - input)),
        lambda m, g, input, other: g / (1 + m.exp2(input - other)),
    ),
    inplace=False,
    numbers="none",
)
def logaddexp2(np, input: Array, other: Array):
    """log2(2 ** input + 2 ** other), safe from overflow.  Raises MissingError for integers."""
    refuse("logaddexp2_cpu", "biuc", input, other)
    return np.logaddexp2(input, other)


def xlogy_input(m, g, input, other):
    """g * log(other); 0 where 0 * log(0) was taken as 0."""
    product = m.xlogy(g, other)
    if is_number(other):
        return m.where(input == 0, 0, product) if other <= 0 else product
    return m.where(m.logical_and(input == 0, other <= 0), 0, product)


@elementwise(
    d=(xlogy_input, lambda g, input, other: g * input / other),
    promote="float",
    domain=(0.1, 3.0),
    aliases=("special.xlogy",),
    backward_name=overload("Xlogy", 0, 2, 1),
    numbers="one",
)
def xlogy(np, input: Array, other: Array):
    """input * log(other), and 0 where input is 0, unless other is nan.  Either may be a number."""
    refuse("xlogy_cpu", "c", input, other)
    out = np.multiply(input, np.log(other)) if hasattr(other, "dtype") else np.multiply(input, _log(np, input, other))
    return np.where(np.logical_and(np.equal(input, 0), np.logical_not(np.isnan(other))), out.dtype.type(0), out)


def _log(np, like, number):
    return np.log(like.dtype.type(number))
