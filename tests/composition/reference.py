"""What every composition should give, by nested dual numbers on Python floats: no tape, no arrays.

A function here takes and gives a list of numbers.  Each derivative opens a level of its own; `kind` says whether the
level stands for reverse ("r") or forward ("f") mode, since `no_grad` stops the first and not the second.
"""

from __future__ import annotations

import math
from itertools import count

_level = count(1).__next__


class Dual:
    """value + slope * e, with e of one level."""

    def __init__(self, value, slope, level, kind):
        self.value, self.slope, self.level, self.kind = value, slope, level, kind

    def at(self, level):
        return (self.value, self.slope) if self.level == level else (self, 0.0)

    def map(self, value, slope):
        return Dual(value, slope * self.slope, self.level, self.kind)

    def __add__(self, other):
        return joined(self, other, lambda a, b: a + b, lambda a, b, s, t: s + t)

    def __mul__(self, other):
        return joined(self, other, lambda a, b: a * b, lambda a, b, s, t: s * b + a * t)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -other if isinstance(other, Dual) else self + -1.0 * other

    def __rsub__(self, other):
        return -self + other


def joined(a, b, function, slope):
    """A function of two numbers, at the innermost level of either."""
    level = max(x.level for x in (a, b) if isinstance(x, Dual))
    kind = next(x.kind for x in (a, b) if isinstance(x, Dual) and x.level == level)
    (u, s), (v, t) = (x.at(level) if isinstance(x, Dual) else (x, 0.0) for x in (a, b))
    return Dual(function(u, v), slope(u, v, s, t), level, kind)


def sin(x):
    return x.map(sin(x.value), cos(x.value)) if isinstance(x, Dual) else math.sin(x)


def cos(x):
    return x.map(cos(x.value), -1.0 * sin(x.value)) if isinstance(x, Dual) else math.cos(x)


def power(x, exponent):
    if isinstance(x, Dual):
        return x.map(power(x.value, exponent), exponent * power(x.value, exponent - 1))
    return x**exponent


def stopped(x):
    """The number without what reverse mode sees."""
    if not isinstance(x, Dual):
        return x
    return stopped(x.value) if x.kind == "r" else Dual(stopped(x.value), stopped(x.slope), x.level, x.kind)


def tangent(function, xs, vs, kind):
    """J v."""
    level = _level()
    ys = function([Dual(x, v, level, kind) for x, v in zip(xs, vs, strict=True)])
    return [y.at(level)[1] if isinstance(y, Dual) else 0.0 for y in ys]


def gradient(function, xs):
    """The gradient of the sum of the function, entry by entry."""
    found = []
    for i in range(len(xs)):
        v = [0.0] * len(xs)
        v[i] = 1.0
        total = 0.0
        for part in tangent(function, xs, v, "r"):
            total = part + total
        found.append(total)
    return found
