"""Arrays that note what is done with them, so that a rule can be written out as an expression in NumPy."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from wengert.core.base.errors import GraphError
from wengert.core.operators.raw import RawNamespace

ATOM, POWER, UNARY, PRODUCT, SUM, SHIFT, COMPARISON = 100, 90, 80, 70, 60, 50, 20
_INFIX = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "truediv": ("/", PRODUCT),
    "floordiv": ("//", PRODUCT), "mod": ("%", PRODUCT), "matmul": ("@", PRODUCT), "pow": ("**", POWER),
    "and_": ("&", SHIFT), "or_": ("|", SHIFT), "xor": ("^", SHIFT), "lt": ("<", COMPARISON), "le": ("<=", COMPARISON),
    "gt": (">", COMPARISON), "ge": (">=", COMPARISON), "eq": ("==", COMPARISON), "ne": ("!=", COMPARISON),
}  # fmt: skip
_UFUNCS = {
    numpy.add: "add", numpy.subtract: "sub", numpy.multiply: "mul", numpy.divide: "truediv", numpy.matmul: "matmul",
    numpy.power: "pow", numpy.less: "lt", numpy.less_equal: "le", numpy.greater: "gt", numpy.greater_equal: "ge",
    numpy.equal: "eq", numpy.not_equal: "ne",
}  # fmt: skip
_METHODS = (
    "sum", "mean", "max", "min", "reshape", "transpose", "astype", "squeeze", "swapaxes", "ravel", "copy", "conj",
    "conjugate", "any", "all", "take", "repeat", "cumsum", "prod", "argmax", "argmin", "clip", "diagonal", "view",
    "flatten", "round", "dot", "nonzero", "argsort",
)  # fmt: skip
_CREATION = ("zeros", "ones", "empty", "full", "arange", "eye", "array", "asarray", "linspace", "identity")
_LARGEST = 16
"""Up to this many elements a constant array is written out."""


class UntraceableError(GraphError):
    """Raised where a rule does what cannot be written as an expression: the rule is called then instead."""


class Traced:
    """An array and the text of the expression that gives it: pieces of text and the arrays they refer to.

    strength: how tightly the expression binds.  text: the expression, or the name of the variable that holds it, once
    that is known.  uses: how many others refer to it.  writes: what is written into it after it was made.
    """

    __slots__ = ("array", "parts", "strength", "text", "uses", "writes")
    __hash__ = object.__hash__

    def __init__(self, array: Any, parts: list[Any], strength: int = ATOM, text: str | None = None) -> None:
        self.array, self.parts, self.strength, self.text, self.uses = array, parts, strength, text, 0
        self.writes: list[list[Any]] = []
        for part in parts:
            if part.__class__ is Traced:
                part.uses += 1

    # ------------------------------------------------------------ what an array says of itself

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    strides = property(lambda self: self.array.strides)
    nbytes = property(lambda self: self.array.nbytes)
    flags = property(lambda self: self.array.flags)
    T = property(lambda self: self.attribute("T"))
    mT = property(lambda self: self.attribute("mT"))
    real = property(lambda self: self.attribute("real"))
    imag = property(lambda self: self.attribute("imag"))

    def attribute(self, name: str) -> Traced:
        """An attribute that is an array."""
        return Traced(getattr(self.array, name), [self, f".{name}"])

    def __len__(self) -> int:
        return len(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __iter__(self) -> Iterator[Any]:
        raise UntraceableError("an array is taken apart")

    def __getitem__(self, key: Any) -> Any:
        return result(operator.getitem(self.array, bare(key)), [self, "[", *index_parts(key), "]"])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.write([self, "[", *index_parts(key), "] = ", *value_parts(value)])
        self.array[bare(key)] = bare(value)

    def write(self, parts: list[Any]) -> None:
        """Note a statement that writes into the array.

        Raises: UntraceableError where others may look at the same memory.
        """
        if self.uses or self.text is not None or self.array.base is not None:
            raise UntraceableError("an array is written in place")
        for part in parts:
            if part.__class__ is Traced and part is not self:
                part.uses += 1
        self.writes.append(parts)

    def become(self, other: Any) -> Traced:
        """Take over another's expression: this array was written as a whole."""
        if (
            self.uses - sum(part is self for part in other.parts)
            or self.text is not None
            or self.array.base is not None
        ):
            raise UntraceableError("an array is written in place")
        before = Traced(self.array, self.parts, self.strength)
        for part in self.parts:
            if part.__class__ is Traced:
                part.uses -= 1
        before.writes = self.writes
        before.uses = sum(part is self for part in other.parts)
        value = other.array
        if value.shape != self.array.shape:
            raise UntraceableError("an array is written in place by one of another shape")
        if value.dtype != self.array.dtype:
            other = Traced(value.astype(self.array.dtype), [other, f'.astype("{self.array.dtype.name}")'])
        self.array, self.strength, self.uses, self.writes = other.array, other.strength, 0, []
        self.parts = [before if part is self else part for part in other.parts]
        return self

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise UntraceableError(f"an array's {name} is asked for")

        def method(*args: Any, **kwargs: Any) -> Any:
            if "out" in kwargs:
                raise UntraceableError("a result is written in place")
            value = getattr(self.array, name)(*bare(args), **bare(kwargs))
            return result(value, [self, f".{name}(", *argument_parts(args, kwargs), ")"])

        return method

    def __neg__(self) -> Traced:
        return Traced(-self.array, ["-", self], UNARY)

    def __invert__(self) -> Traced:
        return Traced(~self.array, ["~", self], UNARY)

    def __abs__(self) -> Traced:
        return Traced(abs(self.array), ["abs(", self, ")"])

    # ------------------------------------------------------------ NumPy's functions

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise UntraceableError("an array is handed to compiled code")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "at" and args[0].__class__ is Traced:
            args[0].write([f"np.{ufunc.__name__}.at(", args[0], ", ", *argument_parts(args[1:], kwargs), ")"])
            ufunc.at(*bare(args), **kwargs)
            return None
        out = kwargs.pop("out", None)
        if method != "__call__":
            raise UntraceableError(f"{ufunc.__name__}.{method} is used")
        if out is not None:
            if len(out) != 1 or out[0].__class__ is not Traced:
                raise UntraceableError("a result is written in place")
            return out[0].become(self.__array_ufunc__(ufunc, method, *args, **kwargs))
        infix = _UFUNCS.get(ufunc)
        if infix is not None and not kwargs:
            return binary(infix, *args)
        return called(f"np.{ufunc.__name__}", ufunc, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return called(f"{function.__module__.replace('numpy', 'np')}.{function.__name__}", function, args, kwargs)


def _install() -> None:
    for name in _INFIX:
        plain = name.strip("_")
        setattr(Traced, f"__{plain}__", lambda self, other, name=name: binary(name, self, other))
        setattr(Traced, f"__r{plain}__", lambda self, other, name=name: binary(name, other, self))
        setattr(Traced, f"__i{plain}__", lambda self, other, name=name: self.become(binary(name, self, other)))


def binary(name: str, a: Any, b: Any) -> Any:
    """An operation between two operands."""
    sign, strength = _INFIX[name]
    value = getattr(operator, name)(bare(a), bare(b))
    left = literal(a)
    if left.__class__ is str and left.startswith("-"):
        left = f"({left})"
    return result(value, [left, f" {sign} ", literal(b)], strength)


def called(text: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A function of NumPy."""
    if kwargs.get("out") is not None:
        raise UntraceableError("a result is written in place")
    value = function(*bare(args), **bare(kwargs))
    return result(value, [f"{text}(", *argument_parts(args, kwargs), ")"])


def result(value: Any, parts: list[Any], strength: int = ATOM) -> Any:
    """What an expression gave, an array or several."""
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return Traced(value, parts, strength)
    if isinstance(value, (tuple, list)):
        whole = Traced(value, parts, strength)
        return tuple([Traced(part, [whole, f"[{i}]"]) for i, part in enumerate(value)])
    return value


def bare(x: Any) -> Any:
    """Arguments with the arrays themselves."""
    if x.__class__ is Traced:
        return x.array
    if x.__class__ in (tuple, list):
        return x.__class__([bare(part) for part in x])
    if x.__class__ is dict:
        return {key: bare(part) for key, part in x.items()}
    if x.__class__ is slice:
        return slice(bare(x.start), bare(x.stop), bare(x.step))
    return x


def literal(x: Any) -> Any:
    """A constant as text, a traced array as it is.

    Raises: UntraceableError for what cannot be written.
    """
    if x.__class__ is Traced or x is None or x is Ellipsis or x.__class__ in (bool, int, str, complex):
        return x if x.__class__ is Traced else "..." if x is Ellipsis else repr(x)
    if x.__class__ is float:
        return repr(x) if numpy.isfinite(x) else f'float("{x}")'
    if isinstance(x, numpy.dtype) or isinstance(x, type) and issubclass(x, numpy.generic):
        name = numpy.dtype(x).name
        if not hasattr(numpy, name) and name != "bool":
            raise UntraceableError(f"NumPy has no dtype {name}")
        return f'np.dtype("{name}")'
    if isinstance(x, numpy.generic):
        return f"np.{x.dtype.name if x.dtype.kind != 'b' else 'bool_'}({literal(x.item())})"
    if isinstance(x, numpy.ndarray) and x.size <= _LARGEST and x.dtype.kind in "biuf":
        return f'np.array({x.tolist()!r}, dtype="{x.dtype.name}")'
    raise UntraceableError(f"a {type(x).__name__} is among the arguments")


def argument_parts(args: Any, kwargs: Any) -> list[Any]:
    """Arguments of a call."""
    parts: list[Any] = []
    for x in args:
        parts += [", "] * bool(parts) + value_parts(x)
    for name, x in kwargs.items():
        parts += [", "] * bool(parts) + [f"{name}=", *value_parts(x)]
    return parts


def value_parts(x: Any) -> list[Any]:
    """One argument."""
    if x.__class__ not in (tuple, list):
        return [literal(x)]
    parts: list[Any] = ["(" if x.__class__ is tuple else "["]
    for i, part in enumerate(x):
        parts += [", "] * bool(i) + value_parts(part)
    return [*parts, (",)" if len(x) == 1 else ")") if x.__class__ is tuple else "]"]


def index_parts(key: Any) -> list[Any]:
    """What stands between brackets."""
    parts: list[Any] = []
    for i, item in enumerate(key if key.__class__ is tuple else (key,)):
        parts += [", "] * bool(i)
        if item.__class__ is slice:
            ends = [[] if end is None else value_parts(end) for end in (item.start, item.stop)]
            parts += [*ends[0], ":", *ends[1], *([] if item.step is None else [":", *value_parts(item.step)])]
        else:
            parts += value_parts(item)
    return parts + [","] * (key.__class__ is tuple and len(key) == 1) if key != () else ["()"]


class Library:
    """NumPy for the rules: functions of traced arrays are noted, all else is NumPy's."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(numpy, name)
        if name in _CREATION:
            return lambda *args, **kwargs: called(f"np.{name}", value, args, kwargs)
        return value


TRACING = RawNamespace(Library())
_install()
