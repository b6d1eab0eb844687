"""`torch.Tensor(2, 3)`, `torch.FloatTensor([1.0])`: the constructors of old programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor.creation import array_from, size_of
from wengert.core.tensor.overrides import mark
from wengert.core.tensor.tensor import Tensor


def construct(cls: type, *args: Any, dtype: Any = None, device: Any = None, **kwargs: Any) -> Any:
    """Uninitialised memory of a shape, a copy of a sequence, or an alias of a tensor - in one dtype."""
    kind = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy
    if not args:
        array = np.empty((0,), kind)
    elif len(args) == 1 and isinstance(args[0], TensorBase):
        source = args[0]
        if source._array.dtype != kind and cls is Tensor:
            raise ArgumentError(
                f"expected {dtypes.tensor_type_name(dtypes.of(kind))} (got "
                f"{dtypes.tensor_type_name(dtypes.of(source._array.dtype))})"
            )
        array = source._array
    elif all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in args):
        array = np.empty(size_of(args, "new"), kind)
    elif len(args) == 1 and type(args[0]).__name__ == "Size":
        array = np.empty(tuple(args[0]), kind)
    elif len(args) == 1 and not isinstance(args[0], (float, complex, bool, str)):
        array = array_from(args[0], dtypes.of(kind))
    else:
        given = ", ".join(type(a).__name__ for a in args)
        raise ArgumentError(
            f"new() received an invalid combination of arguments - got ({given}), but expected one of: a shape, a "
            "sequence, a tensor"
        )
    out = object.__new__(cls)
    out._array, out._flags, out._node, out._vc, out._extra = array, 0, None, None, None
    if cls is not Tensor and cls is not TensorBase:
        mark(out)
    return out


class TensorType(type):
    """Metaclass of FloatTensor and its kin: they make and recognise tensors of one dtype."""

    legacy_dtype: Any = None

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        out = construct(TensorBase, *args, dtype=cls.legacy_dtype, **kwargs)
        return wrap(out._array)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorBase) and dtypes.of(instance._array.dtype) is cls.legacy_dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def tensor_types() -> dict[str, Any]:
    """FloatTensor, DoubleTensor, ... by name."""
    made = {}
    for full, dt in dtypes.TENSOR_TYPES.items():
        name = full.rsplit(".", 1)[1]
        space = {"legacy_dtype": dt, "dtype": dt, "__doc__": f"Constructor of {dt} tensors, as old programs use it."}
        made[name] = TensorType(name, (), space)
    return made
