"""Exponentials and logarithms."""

from __future__ import annotations

from wengert.core.operators.kinds import elementwise
from wengert.core.operators.record import Array


@elementwise(d=lambda out: out, promote="float")
def exp(np, input: Array):
    """e ** input."""
    return np.exp(input)


@elementwise(d=lambda input: 1 / input, promote="float")
def log(np, input: Array):
    """Natural logarithm; -inf at 0, nan below."""
    return np.log(input)
