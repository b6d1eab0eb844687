"""Values of Python and NumPy as tensors, by TensorFlow's rules: nothing is converted that could lose its meaning."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.tf import dtypes
from wengert.tf.dtypes import DType
from wengert.tf.errors import UnimplementedError
from wengert.tf.recording import TensorBase
from wengert.tf.tensor import EagerTensor, alias, bare, dress, from_array, operand

ORDER = {
    "b": ("b",),
    "i": ("i", "u", "f", "V", "c"),
    "u": ("i", "u", "f", "V", "c"),
    "f": ("f", "V", "c"),
    "V": ("f", "V", "c"),
    "c": ("c",),
}
"""Kind of what is given -> kinds that it may become unasked."""

CONVERSIONS: list[tuple[Any, Any]] = []
"""(classes, function(value, dtype)) of what else can become a tensor, the latest first."""

F32 = np.dtype(np.float32)


def tensor_of(value: Any, dtype: Any = None) -> Any:
    """`value` as an operand: a tensor as it is, anything else converted (to the NumPy dtype `dtype` if given).

    Raises ValueError for a tensor of another dtype than asked for.
    """
    if isinstance(value, TensorBase):
        out = operand(value)
        if dtype is not None and out._array.dtype != dtype:
            raise conversion_error(value, dtype)
        return out
    return from_array(array_of(value, dtype)) if not composite(value) else packed(value, dtype)


def conversion_error(value: Any, dtype: Any) -> ValueError:
    """The error of a tensor that has another dtype than asked for."""
    given, wanted = dtypes.OF[value._array.dtype].name, dtypes.OF[dtype].name
    return ValueError(f"Tensor conversion requested dtype {wanted} for Tensor with dtype {given}: {value!r}")


def composite(value: Any) -> bool:
    """Whether a value must be put together from tensors."""
    if isinstance(value, (list, tuple)):
        return any(
            isinstance(x, TensorBase) or ((x.__class__ is list or x.__class__ is tuple) and composite(x)) for x in value
        )
    return any(isinstance(value, kinds) for kinds, _ in CONVERSIONS)


def packed(value: Any, dtype: Any) -> Any:
    """A list with tensors in it, stacked; or what a registered function makes of a value."""
    if isinstance(value, (list, tuple)):
        wanted = dtype if dtype is not None else first_dtype(value)
        parts = [tensor_of(x, wanted) for x in value]
        return dress(RECORDED.stack(parts), *parts)
    function = next(f for kinds, f in CONVERSIONS if isinstance(value, kinds))
    return tensor_of(function(value, dtype), dtype)


def first_dtype(value: Any) -> Any:
    """The dtype of the first tensor inside a list, or None."""
    for x in value:
        found = (
            x._array.dtype if isinstance(x, TensorBase) else first_dtype(x) if isinstance(x, (list, tuple)) else None
        )
        if found is not None:
            return found
    return None


def array_of(value: Any, dtype: Any = None) -> Any:
    """A new array of a value that is no tensor. Raises TypeError or ValueError if it cannot be one of `dtype`."""
    kind = value.__class__
    if kind is float:
        if dtype is None:
            return np.array(value, F32)
        given = "f"
    elif kind is int:
        given = "i"
        if dtype is None:
            dtype = np.dtype(np.int32 if -(1 << 31) <= value < 1 << 31 else np.int64)
    else:
        array = general_array(value, dtype)
        given = array.dtype.kind
        value = array if isinstance(value, (np.ndarray, np.generic)) else value
        if dtype is None or array.dtype == dtype:
            return array
        if given in ORDER and dtype.kind in ORDER[given]:
            return array.astype(dtype)
        raise refusal(value, dtype)
    if dtype.kind not in ORDER[given]:
        raise refusal(value, dtype)
    return np.array(value).astype(dtype)


def refusal(value: Any, dtype: Any) -> TypeError:
    """The error of a value that cannot be of a dtype."""
    return TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtypes.word(dtype)}")


def general_array(value: Any, dtype: Any) -> Any:
    """An array of any other value, in the dtype that TensorFlow gives it (or near `dtype`)."""
    if value is None or isinstance(value, (dict, set)):
        raise unsupported(value)
    if isinstance(value, (str, bytes)):
        if dtype is not None:
            raise refusal(value, dtype)
        raise UnimplementedError(None, None, f"tensors of strings are not available: {value!r}")
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError("Can't convert non-rectangular Python sequence to Tensor.") from None
    if array.dtype.kind == "O" or array.dtype not in dtypes.OF:
        if array.dtype.kind in "US":
            raise UnimplementedError(None, None, f"tensors of strings are not available: {value!r}")
        raise unsupported(value)
    if isinstance(value, (list, tuple)):
        return by_leaf(value, array, dtype)
    if array.dtype.kind == "c" or isinstance(value, (np.ndarray, np.generic, bool, complex)):
        return array
    return array


def unsupported(value: Any) -> ValueError:
    """The error of a value that cannot be a tensor."""
    return ValueError(f"Attempt to convert a value ({value!r}) with an unsupported type ({type(value)}) to a Tensor.")


def by_leaf(value: Any, array: Any, dtype: Any) -> Any:
    """An array made of lists, in Python's default dtypes unless its leaves are NumPy's."""
    leaf = value
    while isinstance(leaf, (list, tuple)):
        if not leaf:
            return array.astype(F32) if dtype is None else array.astype(dtype)
        leaf = leaf[0]
    if isinstance(leaf, (np.ndarray, np.generic)):
        return array
    if array.dtype == np.float64:
        return array.astype(F32) if dtype is None else array
    if array.dtype == np.int64:
        small = not array.size or (array.min() >= -(1 << 31) and array.max() < 1 << 31)
        return array.astype(np.int32) if small and dtype is None else array
    return array


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> Any:
    """`value` as a tensor of `dtype`, or of `dtype_hint` if that is possible.

    Python's floats are float32, its integers int32 (int64 where they need it). A tensor stays as it is.
    Raises: ValueError for a tensor of another dtype, TypeError for a value that `dtype` cannot hold.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype).array
    if isinstance(value, TensorBase):
        out = tensor_of(value, wanted)
        return out if isinstance(out, EagerTensor) and not hasattr(value, "_read") else alias(out)
    hint = dtype_hint if dtype_hint is not None else preferred_dtype
    if wanted is None and hint is not None:
        try:
            return tensor_of(value, dtypes.as_dtype(hint).array)
        except (TypeError, ValueError):
            pass
    return tensor_of(value, wanted)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any:
    """A tensor of a value: `value` in `shape`, one number filling it.

    Raises TypeError if there are fewer or more elements than `shape` has, or if `dtype` cannot hold them.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype).array
    if isinstance(value, TensorBase):
        if wanted is not None and value._array.dtype != wanted:
            given = dtypes.OF[value._array.dtype]
            raise TypeError(
                f"Expected tensor {value_text(value)} with dtype {dtypes.OF[wanted]!r}, but got dtype {given!r}."
            )
        out = convert_to_tensor(value)
    else:
        out = tensor_of(value, wanted)
    if shape is None:
        return out
    shape = tuple(int(n) for n in ([shape] if isinstance(shape, int) else shape))
    a = out._array
    if a.shape == shape:
        return out
    count = int(np.prod(shape, dtype=np.int64))
    if a.size == 1:
        return dress(RECORDED.expand(RECORDED.reshape(out, ()), shape), out)
    if a.size == count:
        return dress(RECORDED.reshape(out, shape), out)
    raise TypeError(
        f"Eager execution of tf.constant with unsupported shape. Tensor {a} (converted from {value}) has {a.size} "
        f"elements, but got `shape` {shape} with {count} elements)."
    )


def value_text(x: Any) -> str:
    """A tensor's value for a message."""
    return str(x._array)


def register_tensor_conversion_function(base_type: Any, conversion_func: Any, priority: int = 100) -> None:
    """Let values of `base_type` become tensors: `conversion_func(value, dtype=None, name=None, as_ref=False)`."""
    CONVERSIONS.insert(
        0,
        (
            base_type,
            lambda value, dtype: conversion_func(
                value, dtype=None if dtype is None else dtypes.OF[dtype], name=None, as_ref=False
            ),
        ),
    )


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """x with its elements as `dtype`; fractions are cut off, complex numbers lose their imaginary part."""
    wanted = dtypes.as_dtype(dtype)
    out = tensor_of(x) if isinstance(x, TensorBase) or composite(x) else tensor_of(x, cast_target(x, wanted.array))
    if out._array.dtype == wanted.array:
        return out if isinstance(out, EagerTensor) and not hasattr(x, "_read") else alias(out)
    if out._array.dtype.kind == "c" and wanted.array.kind not in "cb":
        out = dress(RECORDED.real(out), out)
    return dress(RECORDED.to_dtype(out, wanted.array), out)


def cast_target(x: Any, wanted: Any) -> Any:
    """The dtype in which a Python value starts its way to `wanted`: that one if it can."""
    try:
        array_of(x, wanted)
    except (TypeError, ValueError):
        return None
    return wanted


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """x as `dtype`, values outside its range at the range's ends."""
    wanted = dtypes.as_dtype(dtype)
    x = tensor_of(value)
    if wanted.array.kind in "iuf" and x._array.dtype.kind in "iufV":
        given = dtypes.OF[x._array.dtype]
        low, high = max(float(given.min), float(wanted.min)), min(float(given.max), float(wanted.max))
        x = dress(RECORDED.clamp(x, low, high), x)
    return cast(x, wanted)


def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """The same bytes read as another dtype; no gradient."""
    x, wanted = tensor_of(input), dtypes.as_dtype(type).array
    a = np.ascontiguousarray(x._array)
    if a.dtype.itemsize > wanted.itemsize:
        return from_array(a.reshape(*a.shape, 1).view(wanted).copy())
    if a.dtype.itemsize < wanted.itemsize:
        return from_array(a.view(wanted).reshape(a.shape[:-1]).copy())
    return from_array(a.view(wanted).copy())


def identity(input: Any, name: str | None = None) -> Any:
    """The same value as a tensor of its own."""
    x = tensor_of(input)
    return alias(x)


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """The same value as a constant: nothing flows back through it."""
    x = tensor_of(input)
    return bare(x)


def static_value(x: Any) -> Any:
    """The value of a tensor or anything like it, as NumPy or Python have it."""
    return x._array if isinstance(x, TensorBase) else x


def whole(x: Any) -> Any:
    """An int from an int or a tensor without dims; None stays."""
    return None if x is None else int(x._array if isinstance(x, TensorBase) else x)


def wholes(x: Any) -> tuple[int, ...]:
    """Ints from a shape, a list that may hold tensors, or a tensor."""
    if isinstance(x, TensorBase):
        return tuple(x._array.reshape(-1).tolist())
    if isinstance(x, (int, np.integer)):
        return (int(x),)
    return tuple([int(n._array if isinstance(n, TensorBase) else n) for n in x])


__all__ = ["DType", "cast", "constant", "convert_to_tensor", "identity", "tensor_of"]
