"""Arrays from numbers and nested sequences, in the dtype that torch infers.

Note [What a sequence is made of]: Lists of Python's numbers go through one call of NumPy.  As soon as something else
stands among them (a number of NumPy's, an array, a tensor), every element has its say: the dtype is what all of them
promote to, Python's floats counting as the default dtype; a tensor counts as one number, an array as a sequence.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.core.tape.core import TensorBase

PLAIN = frozenset({bool, int, float, complex})
_NESTING = frozenset({list, tuple})
_MOST_DIMS = 128
"""Sequences nested deeper have an element that contains itself, as text does."""


def leaf_classes(data: Any) -> set[type]:
    """The classes of what stands in nested lists and tuples."""
    found = set(map(type, data))
    if not found.isdisjoint(_NESTING):
        found -= _NESTING
        for part in data:
            if part.__class__ in _NESTING:
                found |= leaf_classes(part)
    return found


def array_of(data: Any, wanted: Any = None) -> Any:
    """A new array from a number or nested sequences, in the NumPy dtype asked for or the one that torch infers.

    Raises: ValueRangeError for ragged sequences, for text, and for integers beyond 64 bits; ArgumentError for other
    objects among numbers; RuntimeError for a single one.
    """
    if data.__class__ in PLAIN:
        return from_python(data, wanted, {data.__class__})
    if data.__class__ in _NESTING:
        classes = leaf_classes(data)
        if classes <= PLAIN:
            return from_python(data, wanted, classes)
        if wanted is None and (numbers := of_numbers(data, classes)) is not None:
            return numbers
    return gathered(data, wanted)


# ---------------------------------------------------------------- Python's numbers alone


def from_python(data: Any, wanted: Any, classes: set[type]) -> Any:
    """Numbers and nested lists of numbers, all of them Python's, of these classes."""
    try:
        a = np.array(data)
    except ValueError:
        raise ragged(data) from None
    except OverflowError:
        raise too_large() from None
    kind = a.dtype.kind
    if kind == "O":
        raise too_large()
    if wanted is None:
        if kind == "u" or kind == "f" and float not in classes and a.size:
            raise too_large()
        wanted = _PYTHONS[kind]()
    if a.dtype == wanted:
        return a
    if kind == "c" and wanted.kind not in "cb":
        raise ArgumentError(
            "must be real number, not complex"
            if wanted.kind in "fV"
            else "'complex' object cannot be interpreted as an integer"
        )
    if kind in "iuf" and wanted.kind in "iu" and a.size:
        check_range(a, wanted)
    with np.errstate(all="ignore"):
        return a.astype(wanted)


_PYTHONS = {
    "b": lambda: np.dtype(bool), "i": lambda: np.dtype(np.int64), "f": dtypes.default_float,
    "c": dtypes.default_complex,
}  # fmt: skip
"""NumPy's kind -> the dtype of Python's numbers of that kind."""


def check_range(a: Any, wanted: Any) -> None:
    """Refuse numbers beyond an integer dtype; unsigned ones take negative numbers down to minus their largest.

    Raises: RuntimeError, as torch does; ValueRangeError beyond 64 bits.
    """
    limits = np.iinfo(wanted)
    low, high = (limits.min, limits.max) if wanted.kind == "i" else (-limits.max, limits.max)
    least, most = a.min(), a.max()
    if a.dtype.kind == "f":
        fits = np.isfinite(least) and np.isfinite(most) and math.trunc(least) >= low and math.trunc(most) <= high
    else:
        fits = int(least) >= low and int(most) <= high
    if not fits:
        if a.dtype.kind == "u":
            raise too_large()
        raise RuntimeError(f"value cannot be converted to type {dtypes.of(wanted).name} without overflow")


def too_large() -> Exception:
    """The error of an integer beyond 64 bits."""
    return ValueRangeError("Overflow when unpacking long long")


def ragged(data: Any) -> Exception:
    """The error of nested sequences of different lengths."""
    level, dim = [data], 0
    while level:
        lengths = [len(x) if isinstance(x, (list, tuple)) else -1 for x in level]
        wanted = lengths[0]
        for given in lengths:
            if given != wanted:
                if wanted == -1:
                    return ArgumentError(f"not a sequence: element at dim {dim} is a list, the first one is not")
                if given == -1:
                    odd = next(x for x in level if not isinstance(x, (list, tuple)))
                    return ArgumentError(f"expected sequence at dim {dim}; got {type(odd).__name__}")
                return ValueRangeError(f"expected sequence of length {wanted} at dim {dim} (got {given})")
        level = [y for x in level if isinstance(x, (list, tuple)) for y in x]
        dim += 1
    return ValueRangeError("nested sequences cannot be made one array")


# ---------------------------------------------------------------- anything else, see Note [What a sequence is made of]


def of_numbers(data: Any, classes: set[type]) -> Any:
    """The array of lists of numbers, Python's and NumPy's, or of arrays of one dtype; None for others."""
    if classes == {np.ndarray} and _arrays_alike(data):
        wanted = dtypes.of(data[0].dtype)
    elif all(kind in PLAIN or kind in _NUMBERS for kind in classes):
        wanted = joined(_NUMBERS.get(kind) or dtypes.of(_PYTHONS[np.dtype(kind).kind]()) for kind in classes)
    else:
        return None
    try:
        a = np.array(data)
    except (ValueError, OverflowError):
        return None
    return a.astype(wanted.numpy, copy=False) if a.dtype.kind in "iufc" else None


_NUMBERS = {dtype.type: own for dtype, own in dtypes.FROM_NUMPY.items() if dtype.kind in "iufc"}
"""Class of NumPy's numbers -> dtype."""


def _arrays_alike(data: Any) -> bool:
    """Whether all arrays of a flat list have dims, and one dtype that tensors have."""
    first = data[0]
    return first.__class__ is np.ndarray and first.dtype in dtypes.FROM_NUMPY and all(
        x.__class__ is np.ndarray and x.ndim and x.dtype == first.dtype for x in data
    )  # fmt: skip


def is_sequence(value: Any) -> bool:
    """Whether a value is looked into: it has a length and elements by number, and is no mapping, number or tensor."""
    if isinstance(value, (TensorBase, dict)) or isinstance(value, np.generic) and not isinstance(value, (str, bytes)):
        return False
    return hasattr(value.__class__, "__getitem__") and hasattr(value.__class__, "__len__")


def gathered(data: Any, wanted: Any) -> Any:
    """The array of a sequence, element by element."""
    shape = []
    part = data
    while is_sequence(part):
        shape.append(len(part))
        if len(shape) > _MOST_DIMS:
            raise ValueRangeError(f"too many dimensions '{type(part).__name__}'")
        if not shape[-1]:
            break
        part = part[0]
    if wanted is None:
        wanted = inferred(data).numpy
    leaves: list[Any] = []
    collect(data, shape, 0, leaves)
    convert = _CONVERSIONS[wanted.kind]
    made = [convert(leaf) for leaf in leaves]
    try:
        with np.errstate(all="ignore"):
            return np.array(made, dtype=wanted).reshape(shape)
    except OverflowError:
        raise too_large() from None


def collect(part: Any, shape: list[int], dim: int, leaves: list[Any]) -> None:
    """Append the elements of a sequence in their order.

    Raises: ValueRangeError or ArgumentError where a sequence has not the length of the first one on its level.
    """
    if dim == len(shape):
        leaves.append(part)
        return
    if isinstance(part, (TensorBase, np.ndarray)) and part.ndim:  # type: ignore[union-attr]
        part = list(part)  # type: ignore[arg-type]
    elif not is_sequence(part) or isinstance(part, np.ndarray):
        raise ArgumentError(f"not a sequence: a {type(part).__name__} at dim {dim}")
    if len(part) != shape[dim]:
        raise ValueRangeError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(part)})")
    for each in part:
        collect(each, shape, dim + 1, leaves)


def inferred(value: Any) -> Any:
    """The dtype of a number, or what the elements of a sequence promote to; the default dtype for no element.

    Raises: ArgumentError for text; RuntimeError for what is neither number nor sequence.
    """
    if isinstance(value, TensorBase):
        return value.dtype  # type: ignore[attr-defined]
    if isinstance(value, (str, bytes)):
        raise ArgumentError(f"new(): invalid data type '{type(value).__name__}'")
    if isinstance(value, (np.ndarray, np.generic)):
        return dtypes.of(value.dtype.newbyteorder("="))
    for kind, dtype in _CLASSES:
        if isinstance(value, kind):
            return dtypes.of(dtype())
    if not is_sequence(value):
        raise RuntimeError(f"Could not infer dtype of {type(value).__name__}")
    return joined(inferred(each) for each in value)


_CLASSES: tuple[tuple[type, Any], ...] = (
    (bool, _PYTHONS["b"]), (int, _PYTHONS["i"]), (float, _PYTHONS["f"]), (complex, _PYTHONS["c"]),
)  # fmt: skip


def joined(found: Iterable[Any]) -> Any:
    """What dtypes promote to, the widest at once where it is met; the default dtype for none."""
    out = None
    for dtype in found:
        if out is dtypes.complex128:
            return out
        out = dtype if out is None or out is dtype else dtypes.promote_types(out, dtype)
    return dtypes.get_default_dtype() if out is None else out


def _whole(leaf: Any) -> int:
    """An element as an integer: floats lose their fraction."""
    return int(leaf) if isinstance(leaf, float) else operator.index(leaf)


_CONVERSIONS: dict[str, Any] = {"b": bool, "i": _whole, "u": _whole, "f": float, "V": float, "c": complex}
"""Kind of the array -> what makes its elements."""
