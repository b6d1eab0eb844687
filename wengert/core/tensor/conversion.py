"""Leaving the tensor world, and moving in it: Python numbers, dtypes, devices, memory."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import strided
from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.arrays.device import memory_format as MemoryFormat
from wengert.core.arrays.layout import RANKS, check_rank
from wengert.core.arrays.shape import SIZES, contiguous_strides
from wengert.core.base.errors import ArgumentError, DimError, GraphError, ValueRangeError
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tensor.interchange import host, plain
from wengert.core.tensor.storage import bounds


def item(self: Any) -> Any:
    """The only element as a Python number."""
    a = self._array
    if a.size != 1:
        raise GraphError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
    return plain(a).item() if a.__class__ is np.ndarray else backend_of(a).item(a)


def tolist(self: Any) -> Any:
    """Nested lists of Python numbers; a number for a 0-d tensor."""
    return plain(host(self)).tolist()


def to_bool(self: Any) -> bool:
    """Truth of the only element."""
    a = self._array
    if a.size != 1:
        what = "no values" if a.size == 0 else "more than one value"
        raise GraphError(f"Boolean value of Tensor with {what} is ambiguous: its shape is {list(a.shape)}")
    return bool(item(self))


def only(self: Any, kind: str) -> Any:
    """The only element as a Python number; a real one where `kind` asks for it."""
    if self._array.size != 1:
        raise ValueRangeError(
            f"only one element tensors can be converted to Python scalars; this one has {self._array.size}"
        )
    value = item(self)
    if isinstance(value, complex) and kind != "complex":
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
        return value.real
    return value


def to_int(self: Any) -> int:
    """The only element as an int."""
    return int(only(self, "int64_t"))


def to_float(self: Any) -> float:
    """The only element as a float."""
    return float(only(self, "double"))


def to_complex(self: Any) -> complex:
    """The only element as a complex number."""
    return complex(only(self, "complex"))


def to_index(self: Any) -> int:
    """An integer tensor of one element as an index."""
    if self._array.size != 1 or self._array.dtype.kind not in "iub":
        raise ArgumentError("only integer tensors of a single element can be converted to an index")
    return operator.index(item(self))


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
    """The tensor in another dtype, on another device or in another memory format; itself when nothing changes.

    Forms: to(dtype), to(device), to(device, dtype), to(other), each with non_blocking, copy and memory_format;
    copy=True always copies.
    """
    if len(args) == 1 and not kwargs:  # the commonest forms, quickly
        only_one = args[0]
        if only_one.__class__ is dtypes.dtype:
            kind = only_one.numpy
            return self if kind == self._array.dtype else RECORDED.to_dtype(self, kind)
        if only_one.__class__ is devices.device and only_one == self.device:
            return self
    device, dtype, copy, order = to_arguments(args, kwargs)
    out = self
    if device is not None and device is not self.device:
        device = backend_for(device).resolve(device)
        if device is not self.device:
            out = move(out, device)
    if dtype is not None and dtype.numpy != self._array.dtype:
        out = RECORDED.to_dtype(out, dtype.numpy)
    if copy and out is self:
        out = RECORDED.clone(self)
    return out if order is None else formatted(out, order)


def formatted(x: Any, order: MemoryFormat) -> Any:
    """The tensor with its dims in the order that a memory format asks for."""
    name = str(order)
    if name in ("torch.preserve_format",):
        return x
    ndim = RANKS.get(order)
    if ndim is None:
        return RECORDED.contiguous(x)
    check_rank(x._array.ndim, order)
    last = (0, *range(2, ndim), 1)
    if np.transpose(x._array, last).flags.c_contiguous:
        return x
    return RECORDED.permute(RECORDED.contiguous(RECORDED.permute(x, last)), (0, ndim - 1, *range(1, ndim - 1)))


_TO = ("device", "dtype", "non_blocking", "copy")


def to_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool, Any]:
    """Device, dtype, copy flag and memory format of any of the forms of `to`."""
    given = dict(kwargs)
    order = given.pop("memory_format", None)
    first = given.pop("tensor", given.pop("other", args[0] if args else None))
    if isinstance(first, TensorBase):
        names: tuple[str, ...] = _TO[2:]
        rest = args[1:] if args and args[0] is first else args
        given |= {"device": first.device, "dtype": first.dtype}
    elif is_dtype_like(first) and args:
        names, rest = _TO[1:], args
    else:
        names, rest = _TO, args
    if (
        len(rest) > len(names)
        or given.keys() - set(_TO)
        or names[: len(rest)]
        and set(names[: len(rest)]) & kwargs.keys()
    ):
        raise ArgumentError(refusal(args, kwargs))
    given |= dict(zip(names, rest))
    if not all(isinstance(given.get(name, False), (bool, int)) for name in _TO[2:]):
        raise ArgumentError(refusal(args, kwargs))
    device, dtype = given.get("device"), given.get("dtype")
    if dtype is not None and not is_dtype_like(dtype) or not isinstance(device, (str, int, devices.device, type(None))):
        raise ArgumentError(refusal(args, kwargs))
    return (
        None if device is None else devices.as_device(device),
        None if dtype is None else dtypes.as_dtype(dtype),
        bool(given.get("copy", False)),
        order,
    )


def is_dtype_like(x: Any) -> bool:
    """A dtype, or a Python number type that stands for one."""
    return isinstance(x, dtypes.dtype) or x in (float, int, bool, complex)


def refusal(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """torch's complaint about the arguments of `to`."""
    words = [type(x).__name__ for x in args] + [f"{name}={type(x).__name__}" for name, x in kwargs.items()]
    return (
        f"to() received an invalid combination of arguments - got ({', '.join(words)}), but expected one of: "
        "(device=None, dtype=None, non_blocking=False, copy=False, *, memory_format=None), (dtype, non_blocking=False, "
        "copy=False, *, memory_format=None), (other, non_blocking=False, copy=False, *, memory_format=None)"
    )


def move(x: Any, device: devices.device) -> Any:
    """A copy of x on another device, recorded."""
    return RECORDED.to_device(x, device, x.device)


def cpu(self: Any, memory_format: Any = None) -> Any:
    """The tensor on the CPU."""
    return to(self, devices.cpu)


def elsewhere(kind: str) -> Any:
    """The method that moves a tensor to a kind of device which this library has not."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        backend_for(devices.device(kind))

    method.__name__ = method.__qualname__ = kind
    method.__doc__ = f"Raises: there is no {kind} here."
    return method


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
        try:
            dtype, kind = dtypes.tensor_type(dtype)
        except (KeyError, ValueError, RuntimeError, TypeError):
            raise ValueRangeError(f"invalid type: {dtype!r}") from None
        return to(self, devices.device(kind), dtype)
    legacy = getattr(dtype, "legacy_dtype", dtype)
    if not isinstance(legacy, dtypes.dtype):
        raise ValueRangeError(f"invalid type: {getattr(dtype, '__name__', dtype)!r}")
    return to(self, legacy)


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
    strides = strides_of(self._array)
    return strides if dim is None else strides[place_of(dim, len(strides), "stride")]


def strides_of(a: Any) -> tuple[int, ...]:
    """The strides of an array in elements; where NumPy leaves them open, for sizes of 0 and 1, torch's.

    A new row-major array has row-major ones; elsewhere such a dim steps over the one after it.
    """
    shape, item = a.shape, a.itemsize
    if a.__class__ is np.ndarray and a.base is None and a.flags.c_contiguous:
        return contiguous_strides(shape)
    found = [s // item for s in a.strides]
    if 0 in found:
        empty = 0 in shape and not any(found)
        for i in range(len(found) - 1, -1, -1):
            if not found[i] and (empty or shape[i] == 1):
                found[i] = found[i + 1] * max(shape[i + 1], 1) if i + 1 < len(found) else 1
    return tuple(found)


def place_of(dim: Any, ndim: int, name: str) -> int:
    """A dim counted from the front.

    Raises: ArgumentError unless it is a whole number; DimError outside the tensor.
    """
    if not hasattr(dim, "__index__"):
        raise ArgumentError(f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}")
    dim = operator.index(dim)
    if not ndim:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not -ndim <= dim < ndim:
        raise DimError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def storage_offset(self: Any) -> int:
    """Elements between the start of the storage and the first element."""
    a = self._array
    if a.__class__ is not np.ndarray:
        return strided.storage_offset(a)
    return (address(a) - bounds(a)[0]) // a.itemsize if a.size else 0


def address(a: Any) -> int:
    """Where the first element of an array lies."""
    return a.__array_interface__["data"][0] if a.__class__ is np.ndarray else a.data.ptr


def data_ptr(self: Any) -> int:
    """Address of the first element."""
    return address(self._array) if self._array.size else 0


def is_contiguous(self: Any, memory_format: Any = None) -> bool:
    """Whether the elements lie in row-major order without gaps."""
    if memory_format is not None and memory_format in RANKS:
        ndim = RANKS[memory_format]
        return bool(self._array.ndim == ndim and np.moveaxis(self._array, 1, -1).flags.c_contiguous)
    return bool(self._array.flags.c_contiguous)


def size(self: Any, dim: int | None = None) -> Any:
    """Shape, or the length of one dim."""
    shape = self._array.shape
    if dim is None:
        return SIZES[shape]
    if dim.__class__ is int and 0 <= dim < len(shape):
        return shape[dim]
    return shape[place_of(dim, len(shape), "size")]


METHODS = {
    "item": item, "tolist": tolist, "__bool__": to_bool, "__nonzero__": to_bool, "__int__": to_int, "__long__": to_int,
    "__float__": to_float, "__complex__": to_complex, "__index__": to_index, "__len__": length, "__iter__": iterate,
    "__contains__": contains, "to": to, "cpu": cpu, "cuda": cuda, "type": type_, "stride": stride,
    "storage_offset": storage_offset, "data_ptr": data_ptr, "const_data_ptr": data_ptr, "is_contiguous": is_contiguous,
    "size": size, "is_floating_point": is_dtype("is_floating_point"), "is_complex": is_dtype("is_complex"),
    "is_signed": is_dtype("is_signed"),
    **{name: elsewhere(name) for name in ("xpu", "ipu", "mtia", "hpu")},
}  # fmt: skip
"""Name of a Tensor method -> function."""
