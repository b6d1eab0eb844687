# cython: annotation_typing=False
"""Arguments of operators as torch lets them be written: by place, by name, in NumPy's spellings."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError
from wengert.core.operators.record import Op
from wengert.core.tape.core import TensorBase

ALIASES = {
    "axis": "dim", "keepdims": "keepdim", "self": "input", "x": "input", "x1": "input", "x2": "other", "axis0": "dim0",
    "axis1": "dim1",
}  # fmt: skip
"""NumPy's spellings of parameters, and torch's older ones."""


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The full argument tuple of a call: names resolved, defaults filled in."""
    if len(args) > op.positional:
        raise ArgumentError(
            f"{op.name}() takes {op.positional} positional arguments but {len(args)} were given: "
            f"it is {signature_text(op)}"
        )
    params = op.params
    values = list(args)
    used = 0
    for name in params[len(args) :]:
        if name in kwargs:
            used += 1
            value = kwargs[name]
            values.append(number_of(op, len(values), value) if isinstance(value, TensorBase) else value)
        elif name in op.defaults:
            values.append(op.defaults[name])
        else:
            values.append(_renamed(op, name, kwargs))
            used += 1
    if used != len(kwargs):
        _use_aliases(op, args, kwargs, values)
    return tuple(values)


def number_of(op: Op, i: int, value: Any) -> Any:
    """A tensor without dims in the place of a number, such as `alpha`, as that number."""
    if i in op.arrays or i == op.many or value._array.ndim:
        return value
    return value._array.item()


def _renamed(op: Op, name: str, kwargs: dict[str, Any]) -> Any:
    for other, own in ALIASES.items():
        if own == name and other in kwargs:
            return kwargs[other]
    raise ArgumentError(f'{op.name}() missing 1 required positional arguments: "{name}"; it is {signature_text(op)}')


def _use_aliases(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], values: list[Any]) -> None:
    """NumPy's spellings (axis, keepdims), or the error of a name that is none of ours."""
    for given in kwargs:
        name = given if given in op.params else ALIASES.get(given, given)
        if name not in op.params:
            raise ArgumentError(f"{op.name}() got an unexpected keyword argument '{given}'; it is {signature_text(op)}")
        i = op.params.index(name)
        if i < len(args):
            raise ArgumentError(f"{op.name}() got multiple values for argument '{given}'")
        values[i] = kwargs[given]


def signature_text(op: Op) -> str:
    """`name(input, dim=None)` for messages and documentation."""
    parts = []
    for i, name in enumerate(op.params):
        if i == op.positional:
            parts.append("*")
        parts.append(f"{name}={op.defaults[name]!r}" if name in op.defaults else name)
    return f"{op.name}({', '.join(parts)})"


def integers(value: Any) -> Any:
    """A size or list of dims as a tuple of ints; one int and None stay."""
    if value is None or value.__class__ is int:
        return value
    if value.__class__ is tuple:
        for v in value:
            if v.__class__ is not int:
                break
        else:
            return value
    if isinstance(value, (tuple, list)):
        return tuple([v if v.__class__ is int else operator.index(v) for v in value])
    if isinstance(value, (TensorBase, np.ndarray)) and value.ndim:  # type: ignore[union-attr]
        return tuple(int(v) for v in value)  # type: ignore[union-attr]
    return operator.index(value)
