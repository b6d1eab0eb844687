"""`torch.Tensor(2, 3)`, `torch.FloatTensor([1.0])`: the constructors of old programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ArgumentError, DeviceError
from wengert.core.tape.core import TensorBase, new_tensor, wrap
from wengert.core.tensor.creation import size_of
from wengert.core.tensor.data import array_from
from wengert.core.tensor.overrides import mark
from wengert.core.tensor.storage import StorageBase
from wengert.core.tensor.tensor import Tensor


def construct(cls: type, *args: Any, device: Any = None, **kwargs: Any) -> Any:
    """`Tensor(...)`: uninitialised memory of a shape, a copy of a sequence, or an alias of a tensor."""
    out: Any = new_tensor(cls)
    out._array = legacy_array(args, kwargs, device, None)
    out._flags, out._node, out._vc, out._extra = 0, None, None, None
    if cls is not Tensor and cls is not TensorBase:
        mark(out)
    return out


def legacy_array(args: tuple[Any, ...], kwargs: dict[str, Any], device: Any, wanted: Any) -> Any:
    """The array of a legacy constructor; `wanted` is the dtype, None for `Tensor`, which keeps that of tensors."""
    if device is not None and devices.as_device(device).type != "cpu":
        raise DeviceError(
            f"legacy constructor expects device type: cpu but device type: {devices.as_device(device).type} was passed"
        )
    if "data" in kwargs and not args:
        args = (kwargs.pop("data"),)
    if kwargs:
        given = ", ".join([type(a).__name__ for a in args] + [f"{k}={type(v).__name__}" for k, v in kwargs.items()])
        raise ArgumentError(
            f"new() received an invalid combination of arguments - got ({given}), but expected one of: a shape, a "
            "sequence, a tensor, a storage"
        )
    dt = dtypes.get_default_dtype() if wanted is None else wanted
    if not args:
        return np.empty((0,), dt.numpy)
    first = args[0]
    if isinstance(first, (int, np.integer)) and not isinstance(first, bool):
        return np.empty(lengths(args), dt.numpy)
    if len(args) > 1 or isinstance(first, (bool, float, complex, dict, set, type(None))):
        raise ArgumentError(f"new(): data must be a sequence (got {type(first).__name__})")
    if isinstance(first, Size):
        return np.empty(tuple(first), dt.numpy)
    if isinstance(first, TensorBase):
        return alias(first, wanted)
    if isinstance(first, StorageBase):
        return first._bytes.view(dt.numpy)
    return array_from(first, dt)


def lengths(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of `Tensor(2, 3)`."""
    for i, n in enumerate(args):
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool):
            raise ArgumentError(
                f"new(): argument 'size' failed to unpack the object at pos {i + 1} with error \"type must be tuple of "
                f'ints,but got {type(n).__name__}"'
            )
    return size_of(args, "new")


def alias(source: Any, wanted: Any) -> Any:
    """A tensor's own array, if it has the dtype."""
    if wanted is not None and source._array.dtype != wanted.numpy:
        raise ArgumentError(
            f"expected TensorOptions(dtype={wanted}) (got TensorOptions(dtype={dtypes.of(source._array.dtype)})): a "
            "legacy constructor does not cast, use tensor.to(dtype)"
        )
    return source._array


def new(self: Any, *args: Any, device: Any = None, **kwargs: Any) -> Any:
    """The legacy constructor in self's dtype."""
    return wrap(legacy_array(args, kwargs, device, dtypes.of(self._array.dtype)))


class TensorType(type):
    """Metaclass of FloatTensor and its kin: they make and recognise tensors of one dtype."""

    legacy_dtype: Any = None
    is_cuda = is_sparse = False
    layout = devices.strided

    def __call__(cls, *args: Any, device: Any = None, **kwargs: Any) -> Any:
        return wrap(legacy_array(args, kwargs, device, cls.legacy_dtype))

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorBase) and dtypes.of(instance._array.dtype) is cls.legacy_dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def tensor_types() -> dict[str, Any]:
    """FloatTensor, DoubleTensor, ... by name."""
    made = {}
    for full, dt in dtypes.TENSOR_TYPES.items():
        if dt.is_complex:
            continue  # torch names no such class
        name = full.rsplit(".", 1)[1]
        space = {"legacy_dtype": dt, "dtype": dt, "__doc__": f"Constructor of {dt} tensors, as old programs use it."}
        made[name] = TensorType(name, (), space)
    return made


FUNCTIONS: dict[str, Any] = tensor_types()
