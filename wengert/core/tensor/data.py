"""Tensors from data: Python numbers and sequences, NumPy arrays, buffers, DLPack."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.base.errors import ArgumentError, GraphError, ValueRangeError
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.modes import current
from wengert.core.tensor import sequences
from wengert.core.tensor.interchange import array_from_dlpack
from wengert.core.tensor.makers import short

INFERENCE = 4


def finish(array: Any, requires_grad: bool = False) -> Any:
    """Wrap a new array, in the present mode, as a leaf."""
    out = wrap(array)
    if current().inference:
        out._flags |= INFERENCE
    if requires_grad:
        if array.dtype.kind not in "fcV":
            raise GraphError(
                "Only Tensors of floating point and complex dtype can require gradients; "
                f"this one has dtype {dtypes.of(array.dtype)}"
            )
        out.requires_grad_(True)
    return out


def target_device(device: Any) -> devices.device:
    """The device asked for, else the default one."""
    return devices.get_default_device() if device is None else devices.as_device(device)


def on_device(array: Any, device: Any, requires_grad: bool = False) -> Any:
    """A NumPy array as a leaf on the device asked for, else the default one."""
    where = target_device(device)
    return finish(backend_for(where).from_numpy(array, where.index), requires_grad)


def array_from(data: Any, dtype: Any = None) -> Any:
    """A new NumPy array from Python data, in the dtype that torch infers or the one asked for."""
    wanted = None if dtype is None else dtypes.as_dtype(dtype).numpy
    if isinstance(data, TensorBase):
        a = backend_of(data._array).to_numpy(data._array)
        return np.array(a, dtype=wanted or a.dtype)
    if data.__class__ not in sequences.PLAIN and not isinstance(data, (list, tuple, range)):
        if not isinstance(data, (np.ndarray, np.generic)) or isinstance(data, (str, bytes)):
            data = foreign(data)
        if isinstance(data, (np.ndarray, np.generic)):
            refuse_layout(data)
            return np.array(data, dtype=wanted or dtypes.of(data.dtype).numpy)
    return sequences.array_of(data, wanted)


def foreign(data: Any) -> Any:
    """Objects that are neither numbers nor lists: arrays by protocol, sequences, or an error."""
    if isinstance(data, (str, bytes)):
        raise ArgumentError(f"new(): invalid data type '{type(data).__name__}'")
    if hasattr(data, "__array_interface__") or hasattr(data, "__array__"):
        return np.asarray(data)
    if hasattr(data, "__dlpack__"):
        return np.from_dlpack(data)
    return data


def refuse_layout(a: Any) -> None:
    """Raise for an array that no tensor can share.

    Raises: ArgumentError for a dtype that tensors lack; ValueRangeError for foreign byte order, and for strides that
    are negative or no whole number of elements.
    """
    dtypes.of(a.dtype)
    if any(s < 0 for s in a.strides):
        raise ValueRangeError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with "
            "array.copy().)"
        )
    if any(s % a.dtype.itemsize for s in a.strides):
        raise ValueRangeError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
            "memory."
        )


@short
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A new leaf tensor that copies `data`: numbers, nested sequences, arrays, tensors.

    dtype: bool, int64, the default float or complex dtype for Python data; that of arrays kept.
    Raises: ValueRangeError for ragged sequences; RuntimeError for data that are no numbers.
    """
    if isinstance(data, TensorBase):
        warn_copy(data)
    if device is None and isinstance(data, TensorBase):
        device = data.device  # type: ignore[attr-defined]
    if isinstance(data, TensorBase) and data._array.__class__ is not np.ndarray:
        out = data.detach().to(device=device, dtype=dtype, copy=True)  # type: ignore[attr-defined]
        return finish(out._array, requires_grad)
    return on_device(array_from(data, dtype), device, requires_grad)


def warn_copy(data: Any) -> None:
    """torch warns about `tensor(tensor)`."""
    warnings.warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
        UserWarning,
        stacklevel=3,
    )


@short
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """`data` as a tensor, sharing memory (and history) where dtype and device allow."""
    if isinstance(data, TensorBase):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        refuse_layout(data)
        if data.__class__ is not np.ndarray:
            data = data.view(np.ndarray)  # without what a class such as a masked array knows besides
        wanted = dtypes.of(data.dtype).numpy if dtype is None else dtypes.as_dtype(dtype).numpy
        a = data if data.dtype == wanted else data.astype(wanted)
        return on_device(a, device)
    return on_device(array_from(data, dtype), device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Any:
    """`obj` as a tensor; copy=True always copies, False never, None when needed."""
    if isinstance(obj, TensorBase):
        out = obj.to(device=device, dtype=dtype)  # type: ignore[attr-defined]
        if out is not obj and copy is False:
            raise ValueRangeError("can't alias tensor with a different dtype or device")
        out = out.clone() if copy and out is obj else out
        return out.detach().requires_grad_() if requires_grad else out.detach()
    if isinstance(obj, np.ndarray) or hasattr(obj, "__dlpack__") or is_buffer(obj):
        found = from_buffer_like(obj, dtype)
        out = as_tensor(found, dtype, device)
        if copy is False and out is not found:
            raise ValueRangeError(
                f"can't alias tensor with dtype '{found.dtype.scalar}' on {found.device} into dtype "
                f"'{out.dtype.scalar}' on {out.device}."
            )
        out = out.clone() if copy else out
    else:
        if copy is False:
            raise ValueRangeError("can't alias arbitrary sequence into a tensor.")
        out = tensor(obj, dtype=dtype, device=device)
    return out.requires_grad_() if requires_grad else out


def is_buffer(obj: Any) -> bool:
    """Whether an object offers its memory: bytes, `array.array`, a mapped file."""
    if isinstance(obj, (bool, int, float, complex, list, tuple, np.generic)):
        return False
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


def from_buffer_like(obj: Any, dtype: Any) -> Any:
    """Arrays, DLPack and buffers as tensors over the same memory."""
    if isinstance(obj, np.ndarray):
        return from_numpy(obj)
    if is_buffer(obj):
        return frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
    return wrap(np.from_dlpack(obj))


@short
def from_numpy(ndarray: Any, /) -> Any:
    """A tensor over the memory of a NumPy array: writes are seen on both sides.

    Raises: ArgumentError for other types and dtypes; ValueRangeError for negative strides and foreign byte order.
    """
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        name = f"numpy.{kind.__name__}" if isinstance(ndarray, np.generic) else kind.__name__
        raise ArgumentError(f"expected np.ndarray (got {name})")
    refuse_layout(ndarray)
    if not ndarray.flags.writeable:
        warn_read_only()
    if type(ndarray) is not np.ndarray:
        ndarray = ndarray.view(np.ndarray)
    return finish(ndarray)


_read_only_told = False


def warn_read_only() -> None:
    """torch says once that a read-only array makes writes undefined."""
    global _read_only_told
    if not _read_only_told:
        _read_only_told = True
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
            "writing to this tensor will fail. You may want to copy the array before converting it to a tensor.",
            UserWarning,
            stacklevel=3,
        )


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """A 1-d tensor over the bytes of a buffer.

    Raises: ValueRangeError if the buffer is empty, too short or not a whole number of elements.
    """
    dt = dtypes.as_dtype(dtype)
    size, item = memoryview(buffer).nbytes, dt.itemsize
    if size == 0 or count == 0:
        raise ValueRangeError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueRangeError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) minus 1"
        )
    if count < 0:
        if (size - offset) % item:
            raise ValueRangeError(
                f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a multiple of element "
                f"size ({item})"
            )
        count = (size - offset) // item
    elif offset + count * item > size:
        raise ValueRangeError(
            f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({size} bytes)"
        )
    a = np.frombuffer(buffer, np.uint8, count * item, offset).view(dt.numpy)
    if not a.flags.writeable:
        warn_read_only()
    return finish(a, requires_grad)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor over memory that another library offers by DLPack: an object with `__dlpack__`, or a capsule."""
    if isinstance(ext_tensor, TensorBase):
        if ext_tensor._flags & 1:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return ext_tensor.detach() if not copy else ext_tensor.detach().clone()  # type: ignore[attr-defined]
    a = array_from_dlpack(ext_tensor)
    out = finish(a.copy() if copy else a)
    return out if device is None else out.to(device)


FUNCTIONS: tuple[str, ...] = (
    "tensor", "as_tensor", "asarray", "from_numpy", "frombuffer", "from_dlpack",
)  # fmt: skip
