"""Addition, subtraction, multiplication, division and their kin."""

from __future__ import annotations

from wengert.core.operators.kinds import composite, elementwise
from wengert.core.operators.record import Array


@elementwise(d=(1, lambda g, alpha: g if alpha == 1 else g * alpha))
def add(np, input: Array, other: Array, *, alpha=1):
    """input + alpha * other.  Booleans add as logical or."""
    return np.add(input, other if alpha == 1 else np.multiply(other, alpha))


@elementwise(d=(1, lambda g, alpha: -g if alpha == 1 else g * -alpha))
def sub(np, input: Array, other: Array, *, alpha=1):
    """input - alpha * other."""
    return np.subtract(input, other if alpha == 1 else np.multiply(other, alpha))


@elementwise(d=(lambda other: other, lambda input: input))
def mul(np, input: Array, other: Array):
    """input * other.  Booleans multiply as logical and."""
    return np.multiply(input, other)


@elementwise(d=-1)
def neg(np, input: Array):
    """-input."""
    return np.negative(input)


@composite()
def square(m, input: Array):
    """input ** 2."""
    return m.pow(input, 2)
