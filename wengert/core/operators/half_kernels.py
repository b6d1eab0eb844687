"""Kernels behind elementwise records for half precision: what goes in and comes out has 16 bits an element.

They take contiguous arrays of one shape, and numbers; everything else is brought to float32, computed and rounded.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy

from wengert.core.arrays.dtype import bfloat16
from wengert.core.kernels.workshop import LARGE, Order, order
from wengert.core.operators.kernels import FORMULAS, VARIANTS, called, environment_of, operators
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import FIRST, GRADIENT, REGISTRY, RESULT, Op

__all__ = ["Narrow", "install"]

_ndarray = numpy.ndarray
HALVES = {numpy.dtype(numpy.float16): "float16", bfloat16.numpy: "bfloat16"}
"""NumPy's dtype -> name."""


def pattern(operands: list[Any]) -> tuple[Any, Any]:
    """(name of the dtype, for each operand its number or None for an array) of what kernels take, else (None, None)."""
    first = next((x for x in operands if x.__class__ is _ndarray), None)
    if first is None or first.size < LARGE or first.dtype not in HALVES:
        return None, None
    for x in operands:
        if x.__class__ is _ndarray:
            if x.dtype != first.dtype or x.shape != first.shape or not x.flags.c_contiguous:
                return None, None
        elif x.__class__ is not float and x.__class__ is not int:
            return None, None
    return HALVES[first.dtype], tuple([None if x.__class__ is _ndarray else x for x in operands])


class Narrow:
    """The kernels of one record: of its body, and of its rules.

    body(arrays and numbers, attributes) and `rule(index, operands, attributes)` give an array, or None.
    """

    __slots__ = ("op", "plain", "rules", "places", "orders")

    def __init__(self, op: Op, plain: Any, rules: tuple[Any, ...]) -> None:
        self.op, self.plain, self.rules = op, plain, rules
        self.places: list[Any] = [None if rule is None else [GRADIENT, *sorted(rule.saves)] for rule in rules]
        self.orders: dict[Any, Order] = {}

    def find(self, what: int, operands: list[Any], attributes: tuple[Any, ...]) -> Any:
        """The result of the body (-1) or of a rule, by a kernel that is ready; the first question orders it."""
        half, given = pattern(operands)
        if half is None:
            return None
        floats = tuple([a for a in attributes if a.__class__ is float])
        singles = tuple([x is not None for x in given])
        key = what, half, singles, tuple([float if a.__class__ is float else a for a in attributes])
        try:
            placed = self.orders.get(key)
        except TypeError:  # attributes that are lists
            return None
        if placed is None:
            if len(self.orders) >= VARIANTS:
                return None
            make = self.maker(what, half, given, attributes, floats)
            placed = self.orders[key] = order(f"{self.op.name} in {half}", make)
        return None if placed.function is None else placed.function(*operands, *floats)

    def maker(self, what: int, half: str, given: tuple[Any, ...], attributes: Any, floats: tuple[float, ...]) -> Any:
        """Makes the kernel."""
        count = len(given)

        def make(factory: Any) -> Any:
            def trace(operands: Any) -> Any:
                symbols = operators(factory)
                return self.traced(what, symbols, factory.arrays, operands, attributes, count)

            def reference(*operands: Any) -> Any:
                return self.traced(what, NUMPY, numpy, operands, attributes, count)

            name = self.op.name if what < 0 else f"{self.op.name} backward"
            return factory.narrow(name, trace, half, (*given, *floats), reference, self.op.domain)

        return make

    def traced(self, what: int, m: Any, np: Any, operands: Any, attributes: tuple[Any, ...], count: int) -> Any:
        """The body or a rule, on expressions or on arrays of float32."""
        op = self.op
        if what >= 0:
            return self.rules[what](environment_of(m, op, self.places[what], operands, attributes))
        formula = FORMULAS.get(op.name) if m is not NUMPY else None
        named = op.params[op.positional :]
        if formula is not None:
            return called(formula, m, operands, count, attributes, named)
        return called(self.plain, np, operands, count, attributes, named)

    def body(self, raw: list[Any]) -> Any:
        """The result for the arguments of the body, or None."""
        count = len(self.op.arrays)
        return self.find(-1, raw[:count], tuple(raw[count:]))

    def rule(self, index: int, environment: list[Any]) -> Any:
        """The gradient for one tensor from a rule's environment of 16-bit arrays, or None."""
        places, op = self.places[index], self.op
        if places is None or any(p != RESULT and p != GRADIENT and p - FIRST not in op.arrays for p in places):
            return None
        attributes = tuple([environment[FIRST + i] for i in range(len(op.params)) if i not in op.arrays])
        return self.find(index, [environment[p] for p in places], attributes)


def install() -> None:
    """Put kernels of half precision behind all elementwise records; before `kernels.install`."""
    for op in REGISTRY.values():
        plain = isinstance(op.kind, Elementwise) and op.many < 0 and op.outputs == 1 and not op.recorded_body
        if plain and op.arrays == tuple(range(len(op.arrays))) and op.promote in ("common", "float"):
            op.narrow = Narrow(op, op.body, tuple([copy(rule) for rule in op.rules]))
