"""Update rules as kernels: one pass over parameter, gradient and state, made from the rule itself.

A rule (arithmetic.py) is called once in a namespace of expressions.  What it writes are the kernel's results; the
numbers that it makes of its coefficients (`1 - beta1`) become scalars of the kernel, worked out in Python at every
step; and the questions that it asks of them (`decay == 0`) are kept as guards: a step with other answers takes NumPy's
way, or a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from wengert.core.kernels.workshop import order

__all__ = ["SMALLEST", "step"]

SMALLEST = 1024
"""Elements from which a kernel is faster than NumPy's passes."""

VARIANTS = 8
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_PLAIN = frozenset((float, int, bool, type(None)))
Compute = Callable[[tuple[Any, ...]], Any]


class Number:
    """A number made of the coefficients, by `compute`; `trace` notes the questions that are asked of it."""

    def __init__(self, trace: Trace, compute: Compute) -> None:
        self.trace, self.compute = trace, compute

    def _joined(self, other: Any, function: Callable[[Any, Any], Any]) -> Number:
        mine = self.compute
        if isinstance(other, Number):
            theirs = other.compute
            return Number(self.trace, lambda c: function(mine(c), theirs(c)))
        return Number(self.trace, lambda c: function(mine(c), other))

    def __add__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: b / a)

    def __pow__(self, other: Any) -> Number:
        return self._joined(other, lambda a, b: a**b)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Number:
        return self._joined(0, lambda a, b: -a)

    def __bool__(self) -> bool:
        return self.trace.answer(self.compute, lambda a: bool(a))

    def __eq__(self, other: object) -> Any:
        return self.trace.answer(self.compute, lambda a: a == other)

    def __lt__(self, other: Any) -> bool:
        return self.trace.answer(self.compute, lambda a: a < other)

    def __gt__(self, other: Any) -> bool:
        return self.trace.answer(self.compute, lambda a: a > other)

    __hash__ = None  # type: ignore[assignment]


class Cell:
    """An array operand during the trace: its expression now."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Trace:
    """The namespace of expressions; its methods are those of arithmetic.ArrayForms."""

    def __init__(self, made: Any, scalar: Any, dtype: Any, coefficients: tuple[Any, ...]) -> None:
        self.made, self.scalar, self.dtype, self.coefficients = made, scalar, dtype, coefficients
        self.guards: list[tuple[Callable[[Any], Any], Compute, Any]] = []
        self.numbers: list[Compute] = []

    def answer(self, compute: Compute, question: Callable[[Any], Any]) -> Any:
        """The answer for this step's coefficients, kept as a guard."""
        found = question(compute(self.coefficients))
        self.guards.append((question, compute, found))
        return found

    def of(self, x: Any) -> Any:
        """The expression of an operand."""
        if isinstance(x, Cell):
            return x.value
        if isinstance(x, Number):
            self.numbers.append(x.compute)
            return self.scalar(-len(self.numbers), self.dtype)
        return x

    def call(self, name: str, *operands: Any) -> Cell:
        """A temporary."""
        return Cell(self.made(name, *[self.of(x) for x in operands]))

    def constant(self, x: Any) -> Any:
        """x."""
        return x

    def mul(self, x: Any, c: Any) -> Cell:
        """c x."""
        return self.call("mul", x, c)

    def div(self, x: Any, y: Any) -> Cell:
        """x / y."""
        return self.call("div", x, y)

    def add(self, x: Any, y: Any, alpha: Any = 1) -> Cell:
        """x + alpha y."""
        return self.call("add", x, y if alpha == 1 else self.mul(y, alpha))

    def addcmul(self, x: Any, a: Any, b: Any, value: Any) -> Cell:
        """x + value a b."""
        return self.call("add", x, self.mul(a if value == 1 else self.mul(a, value), b))

    def addcdiv(self, x: Any, a: Any, b: Any, value: Any) -> Cell:
        """x + value a / b."""
        return self.call("add", x, self.div(a if value == 1 else self.mul(a, value), b))

    def lerp(self, x: Any, y: Any, w: Any) -> Cell:
        """x + w (y - x)."""
        apart = self.call("sub", y, x)
        if w < 0.5:
            return self.call("add", x, self.mul(apart, w))
        return self.call("sub", y, self.mul(apart, 1 - w))

    def sqrt(self, x: Any) -> Cell:
        """Square root."""
        return self.call("sqrt", x)

    def abs(self, x: Any) -> Cell:
        """Absolute value."""
        return self.call("abs", x)

    def sign(self, x: Any) -> Cell:
        """-1, 0 or 1."""
        return self.call("sign", x)

    def clamp(self, x: Any, low: Any, high: Any) -> Cell:
        """x within [low, high]."""
        return self.call("minimum", self.call("maximum", x, low), high)

    def choice(self, s: Any, positive: Any, negative: Any) -> Cell:
        """Per element of a sign s: `positive`, `negative`, or 1 where it is 0."""
        below = self.call("where", self.call("lt", s, 0), negative, 1)
        return self.call("where", self.call("gt", s, 0), positive, below)

    def unless_negative(self, x: Any, s: Any) -> Cell:
        """x, 0 where s < 0."""
        return self.call("where", self.call("lt", s, 0), 0, x)

    def mul_(self, x: Cell, c: Any) -> None:
        """x = c x."""
        x.value = self.mul(x, c).value

    def add_(self, x: Cell, y: Any, alpha: Any = 1) -> None:
        """x = x + alpha y."""
        x.value = self.add(x, y, alpha).value

    def lerp_(self, x: Cell, y: Any, w: Any) -> None:
        """x = x + w (y - x)."""
        x.value = self.lerp(x, y, w).value

    def addcmul_(self, x: Cell, a: Any, b: Any, value: Any = 1) -> None:
        """x = x + value a b."""
        x.value = self.addcmul(x, a, b, value).value

    def addcdiv_(self, x: Cell, a: Any, b: Any, value: Any = 1) -> None:
        """x = x + value a / b."""
        x.value = self.addcdiv(x, a, b, value).value

    def maximum_(self, x: Cell, y: Any) -> None:
        """x = max(x, y)."""
        x.value = self.call("maximum", x, y).value

    def copy_(self, x: Cell, y: Any) -> None:
        """x = y."""
        x.value = self.of(y)


class Variant:
    """A kernel of a rule for certain answers: which operands it writes, its numbers, its guards."""

    def __init__(self, rule: Any, like: tuple[Any, ...], coefficients: tuple[Any, ...], reference: Any) -> None:
        self.rule, self.like, self.coefficients, self.reference = rule, like, coefficients, reference
        self.dtype = next(x for x in like if x is not None)
        self.guards: list[Any] = []
        self.numbers: list[Compute] = []
        self.written: list[int] = []
        self.order = order(f"{rule.__module__.rpartition('.')[2]} step", self.make)

    def holds(self, coefficients: tuple[Any, ...]) -> bool:
        """Whether the questions have the same answers for these coefficients."""
        return all(question(compute(coefficients)) is answer for question, compute, answer in self.guards)

    def make(self, factory: Any) -> Any:
        """Trace the rule and build its kernel."""
        trace = Trace(factory.made, factory.scalar, self.dtype, self.coefficients)
        given: list[Cell] = []
        cells: list[Cell | None] = []
        for dtype in self.like:
            cell = None if dtype is None else Cell(factory.argument(len(given), self.dtype))
            cells.append(cell)
            if cell is not None:
                given.append(cell)
        before = [cell.value for cell in given]
        numbers = [
            Number(trace, itemgetter(i)) if x.__class__ in (float, int) else x for i, x in enumerate(self.coefficients)
        ]
        self.rule(trace, *cells, *numbers)
        self.written = [i for i, cell in enumerate(given) if cell.value is not before[i]]
        count = len(given)
        results = [renumbered(given[i].value, count) for i in self.written]
        self.guards, self.numbers = trace.guards, trace.numbers
        scalars = [False] * count + [True] * len(self.numbers)
        letter = "float" if self.dtype == _F32 else "double"
        kernel = factory.flat("step", results, scalars, letter)
        self.accept(kernel, count, factory)
        return kernel

    def run(self, kernel: Any, arrays: list[Any], coefficients: tuple[Any, ...]) -> None:
        """One step on flat arrays."""
        written = [arrays[i] for i in self.written]
        kernel(*written, *arrays, arrays[0].size, *[compute(coefficients) for compute in self.numbers])

    def accept(self, kernel: Any, count: int, factory: Any) -> None:
        """Compare with NumPy on random operands. Raises: Rejected."""
        rng = np.random.default_rng(0)
        for n in (1, 15, 16, 17, 1000, 20011):
            arrays = [np.abs(rng.standard_normal(n)).astype(self.dtype) + self.dtype.type(0.1) for _ in range(count)]
            wanted = [a.copy() for a in arrays]
            self.run(kernel, arrays, self.coefficients)
            places = iter(wanted)
            with np.errstate(all="ignore"):  # made-up state may have no square root
                self.reference([None if x is None else next(places) for x in self.like], self.coefficients)
            for found, other in zip(arrays, wanted, strict=True):
                factory.same("step", found, other)


def renumbered(x: Any, count: int) -> Any:
    """An expression whose scalars stand after `count` arrays."""
    if x.__class__.__name__ != "Expression":
        return x
    if x.name == "scalar":
        return x if x.operands[0] >= 0 else x.__class__("scalar", (count - 1 - x.operands[0],), x.dtype)
    if x.name == "argument":
        return x
    return x.__class__(x.name, tuple([renumbered(y, count) for y in x.operands]), x.dtype)


_variants: dict[Any, list[Variant]] = {}


def step(rule: Any, flat: list[Any], coefficients: tuple[Any, ...], reference: Any) -> bool:
    """Apply a rule to flat arrays by a kernel; False if none is ready.

    reference(flat, coefficients): the rule by NumPy, which a new kernel is compared with.
    """
    dtype = flat[0].dtype
    if (dtype is not _F32 and dtype is not _F64) or any(x.__class__ not in _PLAIN for x in coefficients):
        return False
    like = tuple([None if x is None else dtype for x in flat])
    kinds = tuple([x if x.__class__ is bool else x.__class__ for x in coefficients])
    known = _variants.setdefault((rule, like, kinds), [])
    for variant in known:
        if not variant.order.done:
            return False
        kernel = variant.order.function
        if kernel is not None and variant.holds(coefficients):
            variant.run(kernel, [x for x in flat if x is not None], coefficients)
            return True
    if len(known) < VARIANTS and all(variant.order.function is not None for variant in known):
        known.append(Variant(rule, like, coefficients, reference))
    return False
