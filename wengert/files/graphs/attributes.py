"""Attributes of operators as JSON and back: numbers, text, sequences, dtypes; nothing that could be run.

What JSON knows stands for itself, a list stands for a tuple (nearly every sequence on a tape is one), and everything
else is an object with one key that says what it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import TensorBase, wrap
from wengert.files.graphs.graph import GraphFileError, UnsavedGraphError

_PLAIN = (bool, int, str, type(None))
SIMPLE = frozenset(_PLAIN)
"""Classes of attributes that stand for themselves in JSON."""
_DEEPEST = 40


class Held:
    """A tensor among attributes: an index into the graph's values."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


class HeldArray(Held):
    """The same for a bare array."""

    __slots__ = ()


def written(value: Any) -> Any:
    """An attribute as JSON.

    Raises: UnsavedGraphError for what no file can hold.
    """
    kind = value.__class__
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is tuple:
        return [written(x) for x in value]
    for matching, key, write in _WRITERS:
        if isinstance(value, matching):
            return {key: write(value)}
    raise UnsavedGraphError(f"a {kind.__name__} cannot be stored in a graph file")


_WRITERS: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
    (HeldArray, "array", lambda v: v.value),
    (Held, "tensor", lambda v: v.value),
    (Size, "size", list),
    (list, "list", lambda v: [written(x) for x in v]),
    (complex, "complex", lambda v: [written(v.real), written(v.imag)]),
    (slice, "slice", lambda v: [written(v.start), written(v.stop), written(v.step)]),
    (dict, "dict", lambda v: [[written(k), written(x)] for k, x in v.items()]),
    ((set, frozenset), "set", lambda v: [written(x) for x in sorted(v, key=repr)]),
    (type(...), "ellipsis", lambda v: 0),
    (dtypes.dtype, "dtype", lambda v: v.name),
    (devices.device, "device", str),
    (devices.layout, "layout", str),
    (devices.memory_format, "memory_format", str),
    (np.dtype, "array dtype", lambda v: dtypes.of(v).name),
    (np.generic, "number", lambda v: [dtypes.of(v.dtype).name, written(v.item())]),
    (bytes, "bytes", lambda v: v.hex()),
    (float, "float", repr),
    (int, "int", int),
    (str, "str", str),
)


def read(value: Any, depth: int = 0) -> Any:
    """An attribute from JSON.

    Raises: GraphFileError for what `written` does not write.
    """
    kind = value.__class__
    if kind in _PLAIN or kind is float:
        return value
    if depth > _DEEPEST:
        raise GraphFileError("the graph file is damaged: attributes are nested too deeply")
    if kind is list:
        return tuple([read(x, depth + 1) for x in value])
    if kind is not dict or len(value) != 1:
        raise GraphFileError(f"the graph file is damaged: {str(value)[:80]!r} is no attribute")
    ((key, inner),) = value.items()
    reader = _READERS.get(key)
    if reader is None:
        raise GraphFileError(f"the graph file is damaged: unknown kind of attribute {key[:80]!r}")
    return reader(inner, depth + 1)


def _named(table: dict[str, Any], what: str) -> Callable[[Any, int], Any]:
    def find(name: Any, depth: int) -> Any:
        if not isinstance(name, str) or name.removeprefix("torch.") not in table:
            raise GraphFileError(f"the graph file is damaged: unknown {what} {str(name)[:80]!r}")
        return table[name.removeprefix("torch.")]

    return find


def _sequence(value: Any, depth: int, length: int | None = None) -> list[Any]:
    if value.__class__ is not list or (length is not None and len(value) != length):
        raise GraphFileError("the graph file is damaged: a sequence is expected among the attributes")
    return [read(x, depth) for x in value]


def _index(value: Any, kind: Any) -> Held:
    if value.__class__ is not int or value < 0:
        raise GraphFileError("the graph file is damaged: a tensor's number is expected among the attributes")
    return kind(value)


def _pairs(value: Any, depth: int) -> dict[Any, Any]:
    return dict([_sequence(pair, depth, 2) for pair in value])


_dtype = _named(dtypes.ALL, "dtype")
_READERS: dict[str, Callable[[Any, int], Any]] = {
    "tensor": lambda v, depth: _index(v, Held),
    "array": lambda v, depth: _index(v, HeldArray),
    "size": lambda v, depth: Size(_sequence(v, depth)),
    "list": _sequence,
    "complex": lambda v, depth: complex(*_sequence(v, depth, 2)),
    "slice": lambda v, depth: slice(*_sequence(v, depth, 3)),
    "dict": _pairs,
    "set": lambda v, depth: set(_sequence(v, depth)),
    "ellipsis": lambda v, depth: ...,
    "dtype": _dtype,
    "device": lambda v, depth: devices.device(v),
    "layout": _named({name.removeprefix("torch."): x for name, x in devices.LAYOUTS.items()}, "layout"),
    "memory_format": _named(
        {name.removeprefix("torch."): x for name, x in devices.MEMORY_FORMATS.items()}, "memory format"
    ),
    "array dtype": lambda v, depth: _dtype(v, depth).numpy,
    "number": lambda v, depth: _dtype(v[0], depth).numpy.type(read(v[1], depth)),
    "bytes": lambda v, depth: bytes.fromhex(v),
    "float": lambda v, depth: float(v),
    "int": lambda v, depth: int(v),
    "str": lambda v, depth: str(v),
}


def with_tensors(value: Any, put: Callable[[Any], int]) -> Any:
    """An attribute with `Held` in place of its tensors and arrays."""
    if isinstance(value, TensorBase):
        return Held(put(value))
    if isinstance(value, np.ndarray):
        return HeldArray(put(wrap(value)))
    if value.__class__ in (tuple, list):
        return value.__class__([with_tensors(x, put) for x in value])
    if value.__class__ is dict:
        return {k: with_tensors(x, put) for k, x in value.items()}
    return value


def with_values(value: Any, get: Callable[[int], Any]) -> Any:
    """The reverse of `with_tensors`."""
    if isinstance(value, Held):
        found = get(value.value)
        return found._array if value.__class__ is HeldArray else found
    if value.__class__ in (tuple, list):
        return value.__class__([with_values(x, get) for x in value])
    if value.__class__ is dict:
        return {k: with_values(x, get) for k, x in value.items()}
    return value


__all__ = ["Held", "read", "with_tensors", "with_values", "written"]
