"""Storages: the memory under tensors as an object, untyped (bytes) and typed (elements).

A storage is named by its memory: two objects over the same bytes are equal, and every
view of a tensor has an equal storage.  Arrays cannot move, so a storage that tensors look
at keeps its size.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, IndexRangeError, MissingError
from wengert.core.tape.core import TensorBase, wrap


def root_array(a: Any) -> Any:
    """The array that owns the memory an array looks at."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def bounds(a: Any) -> tuple[int, int]:
    """First address of the memory that an array looks into, and the one after its last."""
    root = root_array(a)
    if not root.size:
        start = root.__array_interface__["data"][0]
        return start, start
    return np.lib.array_utils.byte_bounds(root)


class Memory:
    """Bytes of another array, by NumPy's array interface: shared whatever the strides are."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, owner: Any, start: int, size: int) -> None:
        self.owner = owner
        self.__array_interface__ = {"data": (start, False), "shape": (size,), "typestr": "|u1", "version": 3}


def memory_of(a: Any) -> Any:
    """All bytes under an array as a uint8 array.

    Raises: MissingError for an array that is not on the CPU.
    """
    if a.__class__ is not np.ndarray:
        raise MissingError("storage(): only tensors on the CPU show their memory as a storage")
    root = root_array(a)
    if root.dtype == np.uint8 and root.ndim == 1 and root.flags.c_contiguous:
        return root
    start, end = bounds(a)
    return np.asarray(Memory(root, start, end - start)) if end > start else np.empty(0, np.uint8)


class StorageBase:
    """What both kinds of storage share: `_bytes`, a uint8 array over the memory, and `_owned`."""

    __slots__ = ("_bytes", "_file", "_owned", "__weakref__")
    _bytes: Any
    _owned: bool
    _file: str
    is_cuda = is_hpu = is_sparse = is_sparse_csr = False

    @property
    def filename(self) -> str | None:
        """The file that the memory is shared with; None where there is none."""
        return getattr(self, "_file", None)

    @property
    def device(self) -> devices.device:
        """Where the memory is: the CPU."""
        return devices.cpu

    @property
    def _cdata(self) -> int:
        return self.data_ptr()

    def data_ptr(self) -> int:
        """Address of the first byte; 0 when there is none."""
        return self._bytes.__array_interface__["data"][0] if self._bytes.size else 0

    def nbytes(self) -> int:
        """Number of bytes."""
        return self._bytes.size

    def is_shared(self) -> bool:
        """False: memory is shared with other processes when it is sent to them."""
        return False

    def is_pinned(self, device: Any = None) -> bool:
        """False: no memory is pinned."""
        return False

    def share_memory_(self) -> Any:
        """Accepted; see `is_shared`."""
        return self

    def resizable(self) -> bool:
        """True, as torch says of memory that is not another library's."""
        return True

    def get_device(self) -> int:
        """-1, the CPU."""
        return -1

    def __eq__(self, other: Any) -> bool:
        same = isinstance(other, StorageBase) and type(other) is type(self)
        return same and (other.data_ptr(), other.nbytes()) == (self.data_ptr(), self.nbytes())

    def __hash__(self) -> int:
        return hash((self.data_ptr(), self.nbytes()))

    def _grow(self, size: int) -> None:
        """Give a storage of our own another number of bytes."""
        if size == self._bytes.size:
            return
        if not self._owned:
            raise MissingError(
                f"resize_() of a storage of {self._bytes.size} bytes to {size}: tensors look at this memory and cannot "
                "be moved; resize the tensor instead"
            )
        new = np.zeros(size, np.uint8)
        kept = min(size, self._bytes.size)
        new[:kept] = self._bytes[:kept]
        self._bytes = new


class UntypedStorage(StorageBase):
    """Memory as bytes: `UntypedStorage(8)`, `UntypedStorage([1, 2])`, `tensor.untyped_storage()`."""

    __slots__ = ()

    def __init__(self, *args: Any, device: Any = None) -> None:
        if len(args) > 1:
            raise ArgumentError(f"torch.UntypedStorage() received {len(args)} arguments, it takes a size or a sequence")
        self._owned = True
        given = args[0] if args else 0
        if isinstance(given, (int, np.integer)):
            self._bytes = np.zeros(int(given), np.uint8)
        else:
            self._bytes = np.array(list(given), np.uint8)

    @staticmethod
    def _over(array: Any) -> UntypedStorage:
        """The storage of an array."""
        out = object.__new__(UntypedStorage)
        out._bytes, out._owned = memory_of(array), False
        return out

    @staticmethod
    def from_file(filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first `nbytes` bytes of a file, mapped: read when they are looked at.

        shared: what is written goes to the file, which grows to `nbytes` where it is shorter or missing; without it,
        what is written stays in this process.
        Raises: RuntimeError for a file that is missing or too short.
        """
        out = object.__new__(UntypedStorage)
        out._bytes, out._owned = mapped(filename, shared, nbytes), False
        if shared:
            out._file = str(filename)
        return out

    def size(self) -> int:
        """Number of bytes."""
        return self._bytes.size

    __len__ = size

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def tolist(self) -> list[int]:
        """The bytes as ints."""
        return self._bytes.tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            out = object.__new__(UntypedStorage)
            out._bytes, out._owned = self._bytes[index], False
            return out
        return int(self._bytes[checked(index, self._bytes.size)])

    def __setitem__(self, index: Any, value: int) -> None:
        self._bytes[index if isinstance(index, slice) else checked(index, self._bytes.size)] = value

    def resize_(self, size: int, /) -> UntypedStorage:
        """Another number of bytes, for a storage that no tensor looks at."""
        self._grow(int(size))
        return self

    def fill_(self, value: int, /) -> UntypedStorage:
        """Every byte `value`."""
        self._bytes[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> UntypedStorage:
        """The bytes of another storage of the same size."""
        self._bytes[...] = source.untyped()._bytes
        return self

    def clone(self) -> UntypedStorage:
        """A copy with memory of its own."""
        out = object.__new__(UntypedStorage)
        out._bytes, out._owned = self._bytes.copy(), True
        return out

    def cpu(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        return memo.setdefault(id(self), self.clone())

    def __reduce__(self) -> tuple[Any, ...]:
        return UntypedStorage, (self.tolist(),)

    def __repr__(self) -> str:
        lines = "".join(f" {x}\n" for x in self.tolist()) if self._bytes.size <= 1000 else " ...\n"
        return f"{lines}[torch.storage.UntypedStorage(device=cpu) of size {self.size()}]"


class StorageKind(type):
    """Metaclass of the storage classes; `FloatStorage` and its kin recognise typed storages of their dtype."""

    def __instancecheck__(cls, instance: Any) -> bool:
        dtype = cls.__dict__.get("dtype")
        if isinstance(dtype, dtypes.dtype):
            return type.__instancecheck__(TypedStorage, instance) and instance.dtype is dtype
        return type.__instancecheck__(cls, instance)


class TypedStorage(StorageBase, metaclass=StorageKind):
    """Memory as elements of a dtype: what `tensor.storage()` gives (deprecated in torch, as here)."""

    __slots__ = ("_dtype",)

    def __new__(cls, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None,
                _internal: bool = False) -> Any:  # fmt: skip
        own = cls.__dict__.get("dtype")
        dtype = own if isinstance(own, dtypes.dtype) else dtype or dtypes.get_default_dtype()
        out = object.__new__(TypedStorage)
        out._dtype, out._owned = dtypes.as_dtype(dtype), wrap_storage is None
        if wrap_storage is not None:
            out._bytes, out._owned = wrap_storage._bytes, wrap_storage._owned
            return out
        given = args[0] if args else 0
        if isinstance(given, (int, np.integer)):
            elements = np.zeros(int(given), out._dtype.numpy)
        else:
            elements = np.array(list(given)).astype(out._dtype.numpy)
        out._bytes = elements.view(np.uint8)
        return out

    @property
    def dtype(self) -> dtypes.dtype:
        """Type of the elements."""
        return self._dtype

    @property
    def _elements(self) -> Any:
        item = self._dtype.itemsize
        return self._bytes[: self._bytes.size // item * item].view(self._dtype.numpy)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        out = object.__new__(UntypedStorage)
        out._bytes, out._owned = self._bytes, self._owned
        return out

    _untyped_storage = property(untyped)

    def size(self) -> int:
        """Number of elements."""
        return self._bytes.size // self._dtype.itemsize

    __len__ = size

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._dtype.itemsize

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return wrap(self._elements).tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return wrap(self._elements[checked(index, self.size()) :][:1]).item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements[index if isinstance(index, slice) else checked(index, self.size())] = value

    def resize_(self, size: int) -> TypedStorage:
        """Another number of elements, for a storage that no tensor looks at."""
        self._grow(int(size) * self._dtype.itemsize)
        return self

    def fill_(self, value: Any) -> TypedStorage:
        """Every element `value`."""
        self._elements[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> TypedStorage:
        """The elements of another storage, cast."""
        self._elements[...] = source._elements
        return self

    def clone(self) -> TypedStorage:
        """A copy with memory of its own."""
        return TypedStorage(wrap_storage=self.untyped().clone(), dtype=self._dtype)

    def cpu(self) -> TypedStorage:
        """The storage itself."""
        return self

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Name of the legacy class, such as torch.FloatStorage."""
        return f"torch.{self._dtype.scalar}Storage"

    def pickle_storage_type(self) -> str:
        """Name of the legacy class without the module, such as FloatStorage."""
        return f"{self._dtype.scalar}Storage"

    def __deepcopy__(self, memo: dict[int, Any]) -> TypedStorage:
        return memo.setdefault(id(self), self.clone())

    def __reduce__(self) -> tuple[Any, ...]:
        return restored_typed, (self.untyped(), self._dtype)

    def __repr__(self) -> str:
        lines = "\n ".join(str(x) for x in self.tolist())
        return f" {lines}\n[torch.storage.TypedStorage(dtype={self._dtype}, device=cpu) of size {self.size()}]"


def restored_typed(untyped: UntypedStorage, dtype: Any) -> TypedStorage:
    """Inverse of a typed storage's pickling."""
    return TypedStorage(wrap_storage=untyped, dtype=dtype)


def mapped(filename: Any, shared: bool, nbytes: int) -> Any:
    """The first bytes of a file as a uint8 array over its mapping; see `UntypedStorage.from_file`."""
    try:
        present = os.path.getsize(filename) if not shared or os.path.exists(filename) else 0
    except OSError as error:
        raise RuntimeError(
            f"unable to open file <{filename}> in read-only mode: {error.strerror} ({error.errno})"
        ) from error
    if present < nbytes and not shared:
        raise RuntimeError(f"file <{filename}> size <{present}> is smaller than the required mapping size <{nbytes}>")
    if present < nbytes:
        with open(filename, "ab") as file:
            file.truncate(nbytes)
    if not nbytes:
        return np.empty(0, np.uint8)
    return np.asarray(np.memmap(filename, np.uint8, "r+" if shared else "c", shape=(nbytes,)))


def checked(index: Any, size: int) -> int:
    """A position counted from the front.

    Raises: ArgumentError unless an int; IndexRangeError outside [-size, size).
    """
    if not isinstance(index, (int, np.integer)):
        raise ArgumentError(f"can't index a storage with {type(index).__name__}")
    if not -size <= index < size:
        raise IndexRangeError(f"index {index} out of range for storage of size {size}")
    return int(index) % size


LEGACY: dict[str, Any] = {}
"""FloatStorage, DoubleStorage, ... by name."""
for _dtype in dtypes.ALL.values():
    if _dtype.scalar in ("Double", "Float", "Half", "Long", "Int", "Short", "Char", "Byte", "Bool", "BFloat16",
                         "ComplexDouble", "ComplexFloat"):  # fmt: skip
        _name = _dtype.scalar + "Storage"
        _doc = f"Typed storages of {_dtype}, as old programs name them."
        LEGACY[_name] = StorageKind(_name, (TypedStorage,), {"dtype": _dtype, "__slots__": (), "__doc__": _doc})
del _dtype, _name, _doc


# ---------------------------------------------------------------- methods of tensors


def untyped_storage(self: Any) -> UntypedStorage:
    """The memory that the tensor looks at, as bytes."""
    return UntypedStorage._over(self._array)


def typed_storage(self: Any) -> TypedStorage:
    """The memory that the tensor looks at, as elements of its dtype."""
    return TypedStorage(wrap_storage=untyped_storage(self), dtype=dtypes.of(self._array.dtype))


_told = False


def storage(self: Any) -> TypedStorage:
    """The memory that the tensor looks at, as elements of its dtype; deprecated, as in torch."""
    global _told
    if not _told:
        _told = True
        warnings.warn(
            "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage "
            "class: use tensor.untyped_storage() instead of tensor.storage()",
            UserWarning,
            stacklevel=2,
        )
    return typed_storage(self)


def storage_type(self: Any) -> Any:
    """The legacy storage class of the tensor's dtype."""
    return LEGACY.get(dtypes.of(self._array.dtype).scalar + "Storage", UntypedStorage)


def is_storage(obj: Any, /) -> bool:
    """Whether `obj` is a storage object."""
    return isinstance(obj, StorageBase)


def is_set_to(self: Any, tensor: Any) -> bool:
    """Whether two tensors look at the same memory in the same way."""
    a, b = self._array, tensor._array
    if not isinstance(tensor, TensorBase) or a.dtype != b.dtype or a.shape != b.shape or a.strides != b.strides:
        return False
    return a.__array_interface__["data"] == b.__array_interface__["data"] and bounds(a) == bounds(b)


METHODS: dict[str, Any] = {
    "untyped_storage": untyped_storage, "storage": storage, "_typed_storage": typed_storage,
    "storage_type": storage_type, "is_set_to": is_set_to,
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {
    "is_storage": is_storage, "UntypedStorage": UntypedStorage, "TypedStorage": TypedStorage, **LEGACY,
    "StorageBase": StorageBase, "Storage": LEGACY["FloatStorage"],
}  # fmt: skip
