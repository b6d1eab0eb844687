"""The pickle inside an archive: tensors and storages as torch writes them, everything else as pickle does.

The pure-Python pickler of the standard library is used because it lets globals be written under torch's names.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ArgumentError, DtypeError
from wengert.core.operators.raw import SPARSE
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.generators import Generator
from wengert.core.tensor.leaves import warn_of_hooks
from wengert.core.tensor.storage import StorageBase, TypedStorage, UntypedStorage, bounds, memory_of
from wengert.core.tensor.tensor import Tensor
from wengert.files import names
from wengert.nn.parameter import Parameter, UninitializedTensorMixin

_PLAIN = (TensorBase.__reduce_ex__, Tensor.__reduce_ex__, Parameter.__reduce_ex__)


class Shelf:
    """The storages of a file: key -> bytes, one key for one piece of memory."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.keys: dict[Any, str] = {}
        self.kinds: dict[Any, Any] = {}
        self.kept: list[Any] = []

    def put(self, identity: Any, make: Any, kind: Any) -> tuple[str, Any]:
        """Key and bytes of a piece of memory.

        Raises: DtypeError where it is already there as elements of another dtype.
        """
        if self.kinds.setdefault(identity, kind) is not kind:
            raise DtypeError(
                "Cannot save multiple tensors or storages that view the same data as different types: it is saved as "
                f"{names.ELEMENTS[self.kinds[identity]]} and as {names.ELEMENTS[kind]}; clone one of them"
            )
        if identity not in self.keys:
            self.keys[identity] = str(len(self.arrays))
            self.arrays.append(make())
        return self.keys[identity], self.arrays[int(self.keys[identity])]


class Stored:
    """A storage on its way to a file: the class, key, place and number of elements that stand for it."""

    __slots__ = ("id",)

    def __init__(self, kind: Any, key: str, location: str, count: int) -> None:
        self.id = ("storage", kind, key, location, count)


class TensorPickler:
    """Mixed into a pickler class: what torch's files say of our objects."""

    shelf: Shelf

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a storage."""
        if obj.__class__ is Stored:
            return obj.id
        return self.stored(obj).id if isinstance(obj, StorageBase) else None

    def reducer_override(self, obj: Any) -> Any:
        """How tensors and their kin are taken apart."""
        if isinstance(obj, TensorBase):
            if obj._node is not None and not isinstance(obj, Parameter):
                warn_of_hooks(obj)
            return self.tensor(obj)
        if isinstance(obj, (dtypes.dtype, names.Builder)):
            return obj.name
        if obj.__class__ is Size:
            return Size, (tuple(obj),)
        if isinstance(obj, devices.layout):
            return names.LAYOUT, (str(obj),)
        if obj.__class__ is Generator:
            return Generator, (devices.cpu,), (obj.initial_seed(), None, obj.get_state())
        return NotImplemented

    def save_global(self, obj: Any, name: Any = None) -> None:
        """Write a global, ours under torch's name."""
        found = names.spelled(obj)
        if found is None:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        self.write(pickle.GLOBAL + f"{found[0]}\n{found[1]}\n".encode())  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    # ------------------------------------------------------------ storages

    def stored(self, storage: Any) -> Stored:
        """A storage object."""
        kind = (
            names.STORAGES.get(storage.dtype, UntypedStorage) if isinstance(storage, TypedStorage) else UntypedStorage
        )
        self.shelf.kept.append(storage)
        identity = (storage.data_ptr(), storage.nbytes()) if storage.nbytes() else id(storage)
        key, raw = self.shelf.put(identity, lambda: storage._bytes, kind)
        return Stored(kind, key, "cpu", raw.size // names.ELEMENTS[kind].itemsize)

    def memory(self, x: Any, kind: Any) -> tuple[Stored, int, tuple[int, ...]]:
        """The storage under a tensor, and offset and strides in elements."""
        a, item = x._array, x._array.itemsize
        self.shelf.kept.append(a)
        if a.__class__ is np.ndarray:
            start, end = bounds(a)
            offset = a.__array_interface__["data"][0] - start
            aligned = not offset % item and all(s >= 0 and not s % item for s in a.strides)
            if a.size and aligned and not (end - start) % item:
                key, raw = self.shelf.put((start, end - start), lambda: memory_of(a), kind)
                count = raw.size // names.ELEMENTS[kind].itemsize
                return Stored(kind, key, "cpu", count), offset // item, tuple(s // item for s in a.strides)
        dense = np.ascontiguousarray(backend_of(a).to_numpy(a)).reshape(a.shape)
        key, raw = self.shelf.put(("copy", id(a)), lambda: dense.reshape(-1).view(np.uint8), kind)
        stored = Stored(kind, key, str(x.device), raw.size // names.ELEMENTS[kind].itemsize)
        return stored, 0, dense_strides(a.shape)

    # ------------------------------------------------------------ tensors

    def tensor(self, x: Any) -> Any:
        """A tensor, parameter or instance of a subclass."""
        cls = type(x)
        if isinstance(x, UninitializedTensorMixin):
            return cls, (x.requires_grad,)  # type: ignore[attr-defined]
        if cls.__reduce_ex__ not in _PLAIN:
            return NotImplemented
        state = dict(vars(x))
        if isinstance(x, Parameter) and issubclass(cls, Parameter):
            given: tuple[Any, ...] = (x.data, x.requires_grad, OrderedDict())
            return (names.PARAMETER_WITH_STATE, (*given, state)) if state else (names.PARAMETER, given)
        builder, args = self.parts(x)
        if cls is Tensor and not state:
            return builder, args
        return names.OF_TYPE, (builder, cls, args, state or None)

    def parts(self, x: Any) -> tuple[names.Builder, tuple[Any, ...]]:
        """A plain tensor as a builder and its arguments."""
        dtype, shape, wanted = dtypes.of(x._array.dtype), tuple(x._array.shape), bool(x.requires_grad)
        if x.device.type == "meta":
            strides = tuple(s // x._array.itemsize for s in x._array.strides)
            return names.META, (dtype, shape, strides, wanted)
        if x.layout is not devices.strided:
            return names.SPARSE, (x.layout, SPARSE["methods"]["parts"](x))
        kind = names.STORAGES.get(dtype, UntypedStorage)
        stored, offset, strides = self.memory(x, kind)
        args: tuple[Any, ...] = (stored, offset, shape, strides, wanted, OrderedDict())
        return (names.TENSOR_OF_NEW_DTYPE, (*args, dtype)) if kind is UntypedStorage else (names.TENSOR, args)


def dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements of a row-major tensor, counting a dim of size 0 as one of size 1, as torch does."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


class Pickler(TensorPickler, pickle._Pickler):  # type: ignore[misc, name-defined]
    """The standard library's pickler, for tensors."""

    dispatch = pickle._Pickler.dispatch  # type: ignore[attr-defined]


class OlderIds:
    """Mixed into a pickler for files of the older format: ids of storages say last that they are no part of another."""

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a storage."""
        found = super().persistent_id(obj)  # type: ignore[misc]
        return None if found is None else (*found, None)


def dumped(obj: Any, module: Any, protocol: int, older: bool = False) -> tuple[bytes, list[Any]]:
    """The pickle of an object and the bytes of its storages; for the older format, each with the size of an element.

    module: whose `Pickler` is used where it is written in Python (as dill's is), else the standard library's.
    """
    if not isinstance(protocol, int):
        raise ArgumentError(f"pickle_protocol must be an int, not {type(protocol).__name__}")
    base = getattr(module, "Pickler", None)
    cls: Any = Pickler
    if isinstance(base, type) and issubclass(base, pickle._Pickler):  # type: ignore[attr-defined]
        cls = type("Pickler", (TensorPickler, base), {})
    if older:
        cls = type("Pickler", (OlderIds, cls), {})
    buffer = io.BytesIO()
    pickler = cls(buffer, protocol=max(protocol, 2))  # persistent ids that are tuples need 2
    pickler.shelf = Shelf()
    pickler.dump(obj)
    shelf = pickler.shelf
    if older:
        sizes = {int(key): names.ELEMENTS[shelf.kinds[identity]].itemsize for identity, key in shelf.keys.items()}
        return buffer.getvalue(), [(array, sizes[key]) for key, array in enumerate(shelf.arrays)]
    return buffer.getvalue(), shelf.arrays


__all__ = ["dumped"]
