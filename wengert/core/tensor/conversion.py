"""Leaving and entering the tensor world: NumPy, Python numbers, dtypes, devices, DLPack."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.arrays.device import memory_format as MemoryFormat
from wengert.core.base.errors import ArgumentError, DtypeError, GraphError, ShapeError
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.modes import current

_FOREIGN = "V"


def host(x: Any) -> Any:
    """The tensor's elements as a NumPy array."""
    a = x._array
    return a if a.__class__ is np.ndarray else backend_of(a).to_numpy(a)


def plain(a: Any) -> Any:
    """An array in a dtype that Python and NumPy know (bf16 and fp8 as float32)."""
    return a.astype(np.float32) if a.dtype.kind == _FOREIGN or a.dtype.itemsize == 1 and a.dtype.kind == "f" else a


def numpy(self: Any, *, force: bool = False) -> Any:
    """The elements as a NumPy array over the same memory.

    Raises: GraphError for a tensor that requires grad; ArgumentError for a device or dtype that NumPy lacks.
    """
    if force:
        return plain(host(self))
    if self._flags & 1 and current().grad:
        raise GraphError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if self._array.__class__ is not np.ndarray:
        raise ArgumentError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )
    a = self._array
    if a.dtype not in _NATIVE:
        raise ArgumentError(f"Got unsupported ScalarType {dtypes.scalar_name(dtypes.of(a.dtype))}")
    return a.view() if type(a) is np.ndarray else a


_NATIVE = {
    np.dtype(t)
    for t in (
        bool, np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int16, np.int32, np.int64, np.float16, np.float32,
        np.float64, np.complex64, np.complex128,
    )  # fmt: skip
}


def item(self: Any) -> Any:
    """The only element as a Python number."""
    a = self._array
    if a.size != 1:
        raise GraphError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
    return plain(host(self)).item()


def tolist(self: Any) -> Any:
    """Nested lists of Python numbers; a number for a 0-d tensor."""
    return plain(host(self)).tolist()


def to_bool(self: Any) -> bool:
    """Truth of the only element."""
    a = self._array
    if a.size != 1:
        what = "no values" if a.size == 0 else "more than one value"
        raise GraphError(f"Boolean value of Tensor with {what} is ambiguous: its shape is {list(a.shape)}")
    return bool(plain(host(self)).item())


def to_int(self: Any) -> int:
    """The only element as an int."""
    return int(item(self))


def to_float(self: Any) -> float:
    """The only element as a float."""
    value = item(self)
    if isinstance(value, complex):
        if value.imag:
            raise RuntimeError("value cannot be converted to type double without overflow")
        value = value.real
    return float(value)


def to_complex(self: Any) -> complex:
    """The only element as a complex number."""
    return complex(item(self))


def to_index(self: Any) -> int:
    """An integer tensor of one element as an index."""
    if self._array.size != 1 or self._array.dtype.kind not in "iub":
        raise ArgumentError("only integer tensors of a single element can be converted to an index")
    return operator.index(item(self))


def array(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """np.asarray(tensor)."""
    out = numpy(self)
    if dtype is not None:
        out = out.astype(dtype, copy=bool(copy))
    elif copy:
        out = out.copy()
    return out


def array_wrap(self: Any, result: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """What NumPy functions return on tensors: a tensor."""
    if result.dtype == np.bool_:
        result = result.astype(np.uint8)
    return wrap(np.asarray(result))


def length(self: Any) -> int:
    """Length of dim 0."""
    if not self._array.ndim:
        raise ArgumentError("len() of a 0-d tensor")
    return self._array.shape[0]


def iterate(self: Any) -> Any:
    """The slices along dim 0."""
    if not self._array.ndim:
        raise ArgumentError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def contains(self: Any, element: Any) -> bool:
    """Whether any element equals `element` (a number or tensor)."""
    if isinstance(element, (TensorBase, bool, int, float, complex)):
        return bool((self == element).any())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


# ---------------------------------------------------------------- dtype and device


def to(self: Any, *args: Any, **kwargs: Any) -> Any:
    """The tensor in another dtype and / or on another device; itself when nothing changes.

    Forms: to(dtype), to(device), to(device, dtype), to(other); copy=True always copies.
    """
    device, dtype, copy = to_arguments(args, kwargs)
    out = self
    if device is not None and device != self.device:
        out = move(out, device)
    if dtype is not None and dtype.numpy != self._array.dtype:
        out = RECORDED.to_dtype(out, dtype.numpy)
    if copy and out is self:
        out = RECORDED.clone(self)
    return out


def to_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool]:
    """Device, dtype and copy flag of any of the forms of `to`."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    copy, other = kwargs.pop("copy", False), kwargs.pop("other", None)
    kwargs.pop("non_blocking", None)
    kwargs.pop("memory_format", None)
    if kwargs:
        raise ArgumentError(f"to() received an invalid combination of arguments: unexpected {sorted(kwargs)}")
    rest = list(args)
    if rest and isinstance(rest[0], TensorBase):
        other = rest.pop(0)
    if other is not None:
        device, dtype = other.device, other.dtype
    elif rest and isinstance(rest[0], (dtypes.dtype, type)):
        dtype = rest.pop(0)
    elif rest and (rest[0] is None or isinstance(rest[0], (str, int, devices.device)) and rest[0] is not True):
        device = rest.pop(0) if rest[0] is not False else device
        if rest and (rest[0] is None or isinstance(rest[0], (dtypes.dtype, type))):
            dtype = rest.pop(0) or dtype
    flags = [x for x in rest if isinstance(x, bool)]
    if len(flags) != len([x for x in rest if not isinstance(x, MemoryFormat)]):
        raise ArgumentError(
            f"to() received an invalid combination of arguments - got ({', '.join(type(a).__name__ for a in args)})"
        )
    if len(flags) > 1:
        copy = flags[1]
    return (
        None if device is None else devices.as_device(device),
        None if dtype is None else dtypes.as_dtype(dtype),
        bool(copy),
    )


def move(x: Any, device: devices.device) -> Any:
    """A copy of x on another device, recorded."""
    return RECORDED.to_device(x, device, x.device)


def cpu(self: Any, memory_format: Any = None) -> Any:
    """The tensor on the CPU."""
    return to(self, devices.cpu)


def cuda(self: Any, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Any:
    """The tensor on a CUDA device (the current one unless given)."""
    target = devices.device("cuda") if device is None else devices.as_device(device)
    backend_for(target)
    return to(self, target)


def type_(self: Any, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    """`x.type()`: legacy type name; `x.type(t)`: cast to a dtype, type name or legacy tensor class."""
    if dtype is None:
        return dtypes.tensor_type_name(self.dtype, self.device.type)
    if isinstance(dtype, str):
        dtype, kind = dtypes.tensor_type(dtype)
        return to(self, devices.device(kind), dtype)
    legacy = getattr(dtype, "legacy_dtype", None)
    return to(self, legacy if legacy is not None else dtype)


def is_dtype(kind: str) -> Any:
    """A test of the dtype's kind as a method."""

    def test(self: Any) -> bool:
        return bool(getattr(self.dtype, kind))

    test.__name__ = kind
    test.__doc__ = f"Whether the dtype is one with `{kind}`."
    return test


# ---------------------------------------------------------------- layout and memory


def stride(self: Any, dim: int | None = None) -> Any:
    """Strides in elements, or that of one dim."""
    a = self._array
    if dim is None:
        return tuple(s // a.itemsize for s in a.strides)
    from_end = dim + a.ndim if dim < 0 else dim
    if not 0 <= from_end < max(a.ndim, 1):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-a.ndim}, {a.ndim - 1}], but got {dim})"
        )
    return a.strides[from_end] // a.itemsize


def root_array(a: Any) -> Any:
    """The array that owns the memory an array looks at."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def storage_offset(self: Any) -> int:
    """Elements between the start of the storage and the first element."""
    a = self._array
    if a.__class__ is not np.ndarray:
        return 0
    root = root_array(a)
    start = np.lib.array_utils.byte_bounds(root)[0] if root.size else address(root)
    return (address(a) - start) // a.itemsize if a.size else 0


def address(a: Any) -> int:
    """Where the first element of an array lies."""
    return a.__array_interface__["data"][0]


def data_ptr(self: Any) -> int:
    """Address of the first element."""
    return address(self._array) if self._array.size else 0


def is_contiguous(self: Any, memory_format: Any = None) -> bool:
    """Whether the elements lie in row-major order without gaps."""
    if memory_format is not None and str(memory_format) == "torch.channels_last":
        return self._array.ndim == 4 and np.transpose(self._array, (0, 2, 3, 1)).flags.c_contiguous
    return bool(self._array.flags.c_contiguous)


def size(self: Any, dim: int | None = None) -> Any:
    """Shape, or the length of one dim."""
    if dim is None:
        return self.shape
    a = self._array
    at = dim + a.ndim if dim < 0 else dim
    if not 0 <= at < a.ndim:
        low, high = (-a.ndim, a.ndim - 1) if a.ndim else (-1, 0)
        raise IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})")
    return a.shape[at]


def set_shape_check(a: Any, shape: Any) -> None:
    """`resize_` never changes how memory is shared."""
    if any(n < 0 for n in shape):
        raise ShapeError(f"requested resize to a shape with a negative length: {list(shape)}")


def resize_(self: Any, *sizes: Any, memory_format: Any = None) -> Any:
    """Change the shape in place; elements beyond the old ones are uninitialised."""
    shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)
    if self._flags & 1:
        raise GraphError("cannot resize variables that require grad")
    set_shape_check(self._array, shape)
    old = self._array
    wanted = int(np.prod(shape, dtype=np.int64))
    root = root_array(old)
    if wanted <= root.size and root.flags.c_contiguous and root.dtype == old.dtype:
        flat = root.reshape(-1)
        start = storage_offset(self)
        if start + wanted <= flat.size:
            self._array = flat[start : start + wanted].reshape(shape)
            return self
    new = np.empty(wanted, old.dtype)
    kept = min(wanted, old.size)
    new[:kept] = old.reshape(-1)[:kept]
    self._array = new.reshape(shape)
    return self


def resize_as_(self: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """Resize to another tensor's shape."""
    return resize_(self, the_template._array.shape)


def set_(self: Any, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Any:
    """Look at another tensor's memory."""
    if source is None:
        self._array = np.empty((0,), self._array.dtype)
        return self
    if source._array.dtype != self._array.dtype:
        raise DtypeError(f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}")
    self._array = source._array
    self._vc = source._vc
    return self


def dlpack(self: Any, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
    """Offer the memory to another library by DLPack.

    Raises: GraphError (BufferError in spirit) for tensors that require grad.
    """
    if self._flags & 1:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    a = self._array
    if a.__class__ is np.ndarray and any(s < 0 for s in a.strides):
        a = a.copy()
    options = {k: v for k, v in (("max_version", max_version), ("dl_device", dl_device), ("copy", copy)) if v is not None}
    return a.__dlpack__(**options)


def dlpack_device(self: Any) -> Any:
    """Device code of DLPack."""
    return self._array.__dlpack_device__()


METHODS = {
    "numpy": numpy, "item": item, "tolist": tolist, "__bool__": to_bool, "__int__": to_int, "__float__": to_float,
    "__complex__": to_complex, "__index__": to_index, "__array__": array, "__array_wrap__": array_wrap,
    "__len__": length, "__iter__": iterate, "__contains__": contains, "to": to, "cpu": cpu, "cuda": cuda,
    "type": type_, "stride": stride, "storage_offset": storage_offset, "data_ptr": data_ptr,
    "is_contiguous": is_contiguous, "size": size, "resize_": resize_, "resize_as_": resize_as_, "set_": set_,
    "__dlpack__": dlpack, "__dlpack_device__": dlpack_device, "is_floating_point": is_dtype("is_floating_point"),
    "is_complex": is_dtype("is_complex"), "is_signed": is_dtype("is_signed"),
}  # fmt: skip
"""Name of a Tensor method -> function."""
