"""Memory shared with other libraries: NumPy's protocols and DLPack.

Note [Formats that NumPy cannot exchange]: NumPy knows neither bfloat16 nor float8 in
DLPack.  Their arrays travel as integers of the same size; only the type code inside the
capsule is exchanged, before the other side reads it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.base.errors import AliasError, ArgumentError, GraphError, ValueRangeError
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.modes import current
from wengert.core.tensor import numpy_protocols

_FOREIGN = "V"
_NATIVE = {
    np.dtype(t)
    for t in (
        bool,
        np.uint8,
        np.uint16,
        np.uint32,
        np.uint64,
        np.int8,
        np.int16,
        np.int32,
        np.int64,
        np.float16,
        np.float32,
        np.float64,
        np.complex64,
        np.complex128,
    )  # fmt: skip
}


def host(x: Any) -> Any:
    """The tensor's elements as a NumPy array."""
    a = x._array
    return a if a.__class__ is np.ndarray else backend_of(a).to_numpy(a)


def plain(a: Any) -> Any:
    """An array in a dtype that Python and NumPy know (bf16 and fp8 as float32)."""
    return a.astype(np.float32) if a.dtype.kind == _FOREIGN or a.dtype.itemsize == 1 and a.dtype.kind == "f" else a


def numpy(self: Any, *, force: bool = False) -> Any:
    """The elements as a NumPy array over the same memory; `force` first detaches and moves what must be.

    Raises: GraphError for a tensor that requires grad; ArgumentError for a device or dtype that NumPy lacks.
    """
    a = self._array
    if not force:
        if a.__class__ is not np.ndarray and self.device.type != "cpu":
            raise ArgumentError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        if self._flags & 1 and current().grad:
            raise GraphError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    a = host(self)
    if a.dtype not in _NATIVE:
        raise ArgumentError(f"Got unsupported ScalarType {dtypes.of(a.dtype).scalar}; convert with .float() first")
    return a.view()


def array(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """np.asarray(tensor)."""
    out = numpy(self)
    if dtype is not None:
        if copy is False and out.dtype != dtype:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        out = out.astype(dtype, copy=bool(copy))
    elif copy:
        out = out.copy()
    return out


def array_wrap(self: Any, result: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """What NumPy functions return on tensors: a tensor; truth values as uint8."""
    made = np.asarray(result)
    return wrap(made.astype(np.uint8) if made.dtype == bool else made)


# ---------------------------------------------------------------- DLPack, see Note [Formats that NumPy cannot exchange]

_CODES = {"bfloat16": 4, "float8_e4m3fn": 10, "float8_e4m3fnuz": 11, "float8_e5m2": 12, "float8_e5m2fnuz": 13}
_BY_CODE = {code: name for name, code in _CODES.items()}
_NAMES = {"dltensor": 20, "dltensor_versioned": 52}
"""Name of a capsule -> where in its struct the type code stands."""


def type_byte(capsule: Any) -> Any:
    """The type code inside a DLPack capsule, as a number that can be set."""
    import ctypes

    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    valid = ctypes.pythonapi.PyCapsule_IsValid
    valid.restype, valid.argtypes = ctypes.c_int, (ctypes.py_object, ctypes.c_char_p)
    for name, offset in _NAMES.items():
        if valid(capsule, name.encode()):
            return ctypes.c_uint8.from_address(pointer(capsule, name.encode()) + offset)
    raise AliasError("from_dlpack received an invalid capsule: one can be used only once")


def dlpack(self: Any, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
    """Offer the memory to another library by DLPack.

    `copy=True` offers memory of its own; `copy=False` refuses where one is needed.
    Raises: BufferError for tensors that require grad and for another device; TypeError for a stream that is no
    number; AssertionError for a stream on the CPU.
    """
    if self._flags & 1:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and not isinstance(stream, int):
        raise ArgumentError(f"stream must be ``int`` or ``none``, not {type(stream).__name__}")
    a = self._array
    if stream not in (None, -1) and a.__class__ is np.ndarray:
        raise AssertionError(f"stream should be None on cpu, not {stream}")
    return _offered(a, stream, max_version, dl_device, copy)


def _offered(a: Any, stream: Any, max_version: Any, dl_device: Any, copy: Any) -> Any:
    """The capsule over an array."""
    options = {
        k: v for k, v in (("max_version", max_version), ("dl_device", dl_device), ("copy", copy)) if v is not None
    }
    if a.__class__ is not np.ndarray:
        return a.__dlpack__(stream=stream, **options)
    if any(s < 0 for s in a.strides):
        if copy is False:
            raise BufferError("Can't export memory in reverse order without a copy")
        a = a.copy()
    code = _CODES.get(dtypes.of(a.dtype).name)
    if code is None:
        return a.__dlpack__(**options)
    capsule = a.view(f"i{a.dtype.itemsize}").__dlpack__(**options)
    type_byte(capsule).value = code
    return capsule


def dlpack_device(self: Any) -> Any:
    """Device code of DLPack.

    Raises: ValueRangeError for a device that has none.
    """
    if self.device.type == "meta":
        raise ValueRangeError("Unknown device type meta for Dlpack")
    return self._array.__dlpack_device__()


class Offer:
    """A capsule as NumPy wants it: an object that hands it out."""

    __slots__ = ("capsule",)

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


class Exported:
    """Memory that NumPy calls read-only because DLPack's first version cannot say, as writable memory."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, a: Any) -> None:
        self.owner = a
        self.__array_interface__ = {**a.__array_interface__, "data": (a.__array_interface__["data"][0], False)}


def array_from_dlpack(source: Any) -> Any:
    """A NumPy array over what a DLPack capsule, or an object that makes one, offers."""
    if not hasattr(source, "__dlpack__"):
        capsule = source
    else:
        if source.__dlpack_device__()[0] != 1:
            raise ArgumentError("from_dlpack() takes memory on the CPU; move it there first")
        try:
            capsule = source.__dlpack__(max_version=(1, 0))
        except TypeError:
            capsule = source.__dlpack__()
    code = type_byte(capsule)
    name = _BY_CODE.get(code.value)
    if name is not None:
        code.value = 0
    a = np.from_dlpack(Offer(capsule))
    if not a.flags.writeable:
        a = np.asarray(Exported(a))
    return a if name is None else a.view(dtypes.ALL[name].numpy)


def to_dlpack(tensor: Any) -> Any:
    """A DLPack capsule over the tensor's memory, to be used once."""
    if not isinstance(tensor, TensorBase):
        raise ArgumentError(f"to_dlpack(): argument must be Tensor, not {type(tensor).__name__}")
    return _offered(tensor._array, None, None, None, None)


METHODS: dict[str, Any] = {
    "numpy": numpy, "__array__": array, "__array_wrap__": array_wrap, "__dlpack__": dlpack,
    "__dlpack_device__": dlpack_device, **numpy_protocols.METHODS,
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {"to_dlpack": to_dlpack}
