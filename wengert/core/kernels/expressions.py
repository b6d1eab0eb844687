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
DTYPES = frozenset(map(numpy.dtype, ("f4", "f8", "i8", "i4", "i2", "i1", "u1", "?")))
"""What kernels compute in."""


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
        """The value as another dtype."""
        dtype = numpy.dtype(dtype)
        if dtype == self.dtype:
            return self
        if dtype not in DTYPES:
            raise Untraceable(f"a conversion to {dtype}")
        return Expression("cast", (self,), dtype)

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


def whole(x: Any, dtype: Any) -> int:
    """A number beside integers or booleans of a dtype, which it must not change."""
    strong = getattr(x, "dtype", dtype)
    if isinstance(x, numpy.ndarray) and x.ndim == 0:
        x = x[()]
    fits = isinstance(x, (bool, numpy.bool_)) or (dtype != BOOL and isinstance(x, (int, numpy.integer)))
    if not fits or (strong != dtype and strong != BOOL):
        raise Untraceable(f"{x!r} beside {dtype}")
    if dtype != BOOL and not numpy.iinfo(dtype).min <= x <= numpy.iinfo(dtype).max:
        raise Untraceable(f"{x!r} is no {dtype}")
    return int(x)


_COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_BITS = {"and", "or", "xor", "not"}
_ARITHMETIC = {"add", "sub", "mul", "div"}
_OF_BOOLEANS = {"add": "or", "mul": "and", "maximum": "or", "minimum": "and"}
_OF_INTEGERS = {"shl", "shr", "floor_divide", "remainder", "fmod"}
WHOLE = {"add", "sub", "mul", "negative", "abs", "sign", "square", "maximum", "minimum"} | _OF_INTEGERS
"""Functions of integers besides comparisons and those of bits."""


def made(name: str, *operands: Any) -> Any:
    """The expression of a function; dtypes of operands agree."""
    values = operands[1:] if name == "where" else operands
    dtypes = {x.dtype for x in values if isinstance(x, Expression)}
    if len(dtypes) > 1:
        raise Untraceable(f"{name} of mixed dtypes")
    dtype = dtypes.pop() if dtypes else numpy.dtype(numpy.float64)
    name = checked(name, operands[0], dtype)
    given = tuple(
        [
            x if isinstance(x, Expression) else number(x) if dtype.kind == "f" else whole(x, dtype)
            for x in operands
        ]
    )  # fmt: skip
    return Expression(name, given, BOOL if name in _COMPARISONS else dtype)


def checked(name: str, first: Any, dtype: Any) -> str:
    """The name of a function for operands of a dtype. Raises: Untraceable where there is none."""
    kind = dtype.kind
    if kind == "b":
        name = _OF_BOOLEANS.get(name, name)
    if name == "where":
        if not isinstance(first, Expression) or first.dtype != BOOL:
            raise Untraceable("a choice without a condition")
    elif name in _BITS:
        if kind == "f":
            raise Untraceable(f"{name} of floats")
    elif name not in _COMPARISONS and (kind == "b" or (kind != "f" and name not in WHOLE)):
        raise Untraceable(f"{name} of {dtype}")
    elif kind == "f" and name in _OF_INTEGERS:
        raise Untraceable(f"{name} of floats")
    return name


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
        if known in _LOGICAL:
            return lambda *operands: made(_LOGICAL[known], *map(truth, operands))
        if known in KNOWN:
            return lambda *operands: made(known, *operands)
        raise Untraceable(f"the function {name}")

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """x."""
        if isinstance(x, Expression):
            return x if dtype is None else x.astype(dtype)
        return numpy.asarray(x, dtype)

    def isnan(self, x: Any) -> Any:
        """x is not a number."""
        return made("ne", x, x)

    def isinf(self, x: Any) -> Any:
        """x is infinite."""
        return made("eq", floating(x).__abs__(), numpy.inf)

    def isfinite(self, x: Any) -> Any:
        """x is neither infinite nor nan."""
        return made("lt", floating(x).__abs__(), numpy.inf)

    def signbit(self, x: Any) -> Any:
        """The sign of x is minus."""
        return made("lt", made("copysign", 1.0, floating(x)), 0.0)

    def clip(self, x: Any, low: Any, high: Any) -> Any:
        """x within [low, high]."""
        x = x if low is None else made("maximum", x, low)
        return x if high is None else made("minimum", x, high)


_ARRAY_NAMES = {
    "absolute": "abs", "fabs": "abs", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
    "rint": "round", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq",
    "not_equal": "ne", "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "invert": "not",
    "left_shift": "shl", "right_shift": "shr",
}  # fmt: skip
_LOGICAL = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor", "logical_not": "not"}
KNOWN = frozenset(FUNCTIONS) | _ARITHMETIC | frozenset(_COMPARISONS) | _BITS | _OF_INTEGERS | {"where"}
"""Functions by name."""


def truth(x: Any) -> Any:
    """Whether x is not 0."""
    return made("ne", x, 0) if isinstance(x, Expression) and x.dtype != BOOL else x


def floating(x: Any) -> Expression:
    """An operand that is one of floats."""
    if not isinstance(x, Expression) or x.dtype.kind != "f":
        raise Untraceable(f"a test of {x!r}")
    return x


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
    if name in _BITS:
        return block.logic(name, *given)
    if name not in ("maximum", "minimum"):  # these two are simpler for a number
        given = [block.value(x) for x in given]
    return FUNCTIONS[name](block, *given)
