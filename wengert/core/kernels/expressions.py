"""Scalar expressions: what an operator's body or rule computes at one element, as a graph.

A body is called with `ArrayNames` in place of NumPy and expressions in place of arrays; a rule with `OperatorNames`.
Both do arithmetic, comparisons and calls of known functions; anything else (a reduction, a shape, an index) raises
`Untraceable`, and the operator stays with NumPy.

>>> from numpy import dtype
>>> x = argument(0, dtype("float32"))
>>> (1 / (1 + ARRAYS.exp(-x))).key
('div', 1.0, ('add', 1.0, ('exp', ('negative', ('argument', 0)))))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from wengert.core.kernels.mathematics import FUNCTIONS

__all__ = ["ARRAYS", "Expression", "OperatorNames", "Untraceable", "argument", "emit"]

BOOL = numpy.dtype(bool)


class Untraceable(TypeError):
    """Raised when a body does something that is not arithmetic on elements."""


class Expression:
    """A value at one element: `name` of a function and its operands, which are expressions and numbers."""

    __slots__ = ("name", "operands", "dtype")
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, operands: tuple[Any, ...], dtype: Any) -> None:
        self.name, self.operands, self.dtype = name, operands, dtype

    @property
    def key(self) -> Any:
        """The expression as nested tuples."""
        return (self.name, *[x.key if isinstance(x, Expression) else x for x in self.operands])

    def __bool__(self) -> bool:
        raise Untraceable("a condition on elements")

    def __iter__(self) -> Any:
        raise Untraceable("a loop over elements")

    def astype(self, dtype: Any, copy: bool = True) -> Expression:
        """Itself: kernels have one dtype."""
        if numpy.dtype(dtype) != self.dtype:
            raise Untraceable(f"a conversion to {dtype}")
        return self

    def conj(self) -> Expression:
        """Itself, being real."""
        return self

    conjugate = conj

    def copy(self) -> Expression:
        """Itself, being a value."""
        return self

    def __neg__(self) -> Any:
        return made("negative", self)

    def __abs__(self) -> Any:
        return made("abs", self)

    def __pow__(self, power: Any) -> Any:
        if power == 2:
            return made("mul", self, self)
        raise Untraceable(f"a power {power!r}")

    def __invert__(self) -> Any:
        return made("not", self)


def number(x: Any) -> float | bool:
    """A number that takes part in an expression."""
    if isinstance(x, (bool, numpy.bool_)):
        return bool(x)
    if isinstance(x, (int, float, numpy.floating, numpy.integer)):
        return float(x)
    if isinstance(x, numpy.ndarray) and x.ndim == 0 and x.dtype.kind in "fiu":
        return float(x)
    raise Untraceable(f"an operand {x!r}")


_COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_MASKS = {"and", "or", "xor", "not"}
_ARITHMETIC = {"add", "sub", "mul", "div"}


def made(name: str, *operands: Any) -> Any:
    """The expression of a function; dtypes of operands agree."""
    given = tuple([x if isinstance(x, Expression) else number(x) for x in operands])
    dtypes = {x.dtype for x in given if isinstance(x, Expression)}
    if name == "where":
        dtypes = {x.dtype for x in given[1:] if isinstance(x, Expression)}
        mask = given[0]
        if not isinstance(mask, Expression) or mask.dtype != BOOL:
            raise Untraceable("a choice without a condition")
    if len(dtypes) > 1 or (name in _MASKS) != (dtypes == {BOOL}):
        raise Untraceable(f"{name} of mixed dtypes")
    dtype = dtypes.pop() if dtypes else numpy.dtype(numpy.float64)
    return Expression(name, given, BOOL if name in _COMPARISONS else dtype)


def _forward(name: str) -> Callable[..., Any]:
    return lambda self, other: made(name, self, other)


def _backward(name: str) -> Callable[..., Any]:
    return lambda self, other: made(name, other, self)


for _name, _special in (
    ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("div", "truediv"), ("and", "and"), ("or", "or"), ("xor", "xor")
):  # fmt: skip
    setattr(Expression, f"__{_special}__", _forward(_name))
    setattr(Expression, f"__r{_special}__", _backward(_name))
for _name in _COMPARISONS:
    setattr(Expression, f"__{_name}__", _forward(_name))
del _name, _special


def argument(index: int, dtype: Any) -> Expression:
    """The array operand number `index`."""
    return Expression("argument", (index,), dtype)


def scalar(index: int, dtype: Any) -> Expression:
    """The operand number `index`, which is one number for the whole call."""
    return Expression("scalar", (index,), dtype)


class ArrayNames:
    """The functions of NumPy that bodies of elementwise operators call."""

    pi, inf, nan, e = numpy.pi, numpy.inf, numpy.nan, numpy.e
    float32, float64, finfo = numpy.float32, numpy.float64, numpy.finfo

    def __getattr__(self, name: str) -> Any:
        known = _ARRAY_NAMES.get(name, name)
        if known in FUNCTIONS or known in _ARITHMETIC or known in _COMPARISONS or known in _MASKS or known == "where":
            return lambda *operands: made(known, *operands)
        raise Untraceable(f"the function {name}")

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """x."""
        return x if isinstance(x, Expression) else numpy.asarray(x, dtype)

    def isnan(self, x: Any) -> Any:
        """x is not a number."""
        return made("ne", x, x)

    def clip(self, x: Any, low: Any, high: Any) -> Any:
        """x within [low, high]."""
        x = x if low is None else made("maximum", x, low)
        return x if high is None else made("minimum", x, high)


_ARRAY_NAMES = {
    "absolute": "abs", "fabs": "abs", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
    "rint": "round", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq",
    "not_equal": "ne", "logical_and": "and", "logical_or": "or", "logical_not": "not", "bitwise_and": "and",
    "bitwise_or": "or", "invert": "not",
}  # fmt: skip

ARRAYS = ArrayNames()


class OperatorNames:
    """The namespace of rules: `body_of(name)` gives the body of an operator that is not a known function."""

    recorded = True  # rules that know a shortcut for arrays give their formula instead
    np = ARRAYS

    def __init__(self, body_of: Callable[[str], Callable[..., Any]]) -> None:
        self.body_of = body_of

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS or name in _ARITHMETIC or name in _COMPARISONS or name == "where":
            return lambda *operands: made(name, *operands)
        return self.body_of(name)

    def conj(self, x: Any) -> Any:
        """x, being real."""
        return x

    real = clone = conj

    def chained(self, g: Any, d: Any) -> Any:
        """g * d."""
        return g * d


def emit(block: Any, result: Expression, operands: list[str]) -> str:
    """Write the computation of `result` into a block; equal parts are computed once."""
    done: dict[Any, str] = {}

    def value(x: Any) -> Any:
        if not isinstance(x, Expression):
            return x
        if x.name == "argument" or x.name == "scalar":
            return operands[x.operands[0]]
        if id(x) not in done:
            given = [value(y) for y in x.operands]
            key = (x.name, *given)
            if key not in done:
                done[key] = instruction(block, x.name, given)
            done[id(x)] = done[key]
        return done[id(x)]

    return value(result)


def instruction(block: Any, name: str, given: list[Any]) -> str:
    """One function of values."""
    if name in _ARITHMETIC:
        return getattr(block, name)(*given)
    if name in _COMPARISONS:
        return block.compare(_COMPARISONS[name], *given)
    if name == "where":
        return block.select(*given)
    if name == "not":
        return block.opposite(*given)
    if name in _MASKS:
        return block.logic(name, *given)
    if name not in ("maximum", "minimum"):  # these two are simpler for a number
        given = [block.value(x) for x in given]
    return FUNCTIONS[name](block, *given)
