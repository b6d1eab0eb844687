"""What tells the overloads of an operator apart: numbers, complex operands, dtypes, names of nodes."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import MissingError
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.record import register


class Choosing(Elementwise):
    """Elementwise, but only moves values: half precision stays, and the body brings dtypes together itself."""

    half = "keep"
    promote = "own"


def choosing(d: Any, **options: Any) -> Any:
    """State an elementwise operator that only moves values."""
    return lambda body: register(Choosing(d), body, options)


def is_number(x: Any) -> bool:
    """A Python number, not a tensor, an array or one of NumPy's scalars."""
    return isinstance(x, (int, float, complex)) and not hasattr(x, "dtype")


def is_complex(x: Any) -> bool:
    """Whether a number, an array or a tensor is complex."""
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        return isinstance(x, complex)
    return getattr(dtype, "kind", "") == "c" or getattr(dtype, "is_complex", False)


def scalar_name(array: Any) -> str:
    """torch's name of an array's dtype in messages: "Float"."""
    return dtypes.of(array.dtype).scalar


_CPP = {"float32": "float", "float64": "double", "int64": "long", "uint8": "unsigned char"}


def cpp_name(array: Any) -> str:
    """The name that some of torch's messages have for an array's dtype: "double"."""
    name = dtypes.of(array.dtype).name
    return _CPP.get(name, name)


def met(np: Any, *operands: Any) -> tuple[Any, ...]:
    """Arrays and numbers in the dtype of torch.result_type."""
    given = tuple(
        (dtypes.NUMBERS[type(x)], "number") if is_number(x) else (dtypes.of(x.dtype), "dim" if x.ndim else "zero")
        for x in operands
    )
    wanted = dtypes.result_type(given).numpy
    return tuple(np.asarray(x).astype(wanted, copy=False) for x in operands)


def refuse(label: str, kinds: str, *operands: Any) -> None:
    """Raise where an operator has no meaning for a dtype; `kinds` are NumPy's letters, b for bool, c for complex."""
    for x in operands:
        dtype = getattr(x, "dtype", None)
        if dtype is not None and dtype.kind in kinds:
            raise MissingError(f"\"{label}\" not implemented for '{scalar_name(x)}' ({dtypes.of(dtype)} was given)")


def refuse_complex(message: str, *operands: Any) -> None:
    """Raise MissingError with torch's words for complex operands."""
    for x in operands:
        if is_complex(x):
            raise MissingError(f"{message} (a complex operand was given)")


def missing_derivative(name: str) -> Callable[[Any], Any]:
    """The rule of an operator that torch computes and does not differentiate."""

    def rule(g: Any) -> Any:
        raise MissingError(f"derivative for aten::{name} is not implemented: detach() its result or its input")

    return rule


def overload(base: str, tensor: int, number: int, first: int | None = None) -> Callable[[Any], str]:
    """Names nodes as torch numbers overloads: the last operand a tensor, a number, or the first one a number."""

    def name(args: tuple[Any, ...]) -> str:
        if first is not None and is_number(args[0]):
            return f"{base}Backward{first}"
        last = args[2] if base in ("Lerp", "MaskedFill") else args[1]
        return f"{base}Backward{number if is_number(last) else tensor}"

    return name


def logarithm(number: Any) -> Any:
    """Natural logarithm of a Python number as IEEE and torch have it: -inf at 0, nan below."""
    if isinstance(number, complex):
        return cmath.log(number) if number else complex(-math.inf, 0)
    if number > 0:
        return math.log(number)
    return -math.inf if number == 0 else math.nan
