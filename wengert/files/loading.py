"""An archive as objects: where storages come from, and on which device their contents go."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.base.errors import DeviceError
from wengert.core.tape.core import wrap
from wengert.core.tensor.storage import StorageBase, TypedStorage, UntypedStorage
from wengert.files import names
from wengert.files.archive import ArchiveReader, FileFormatError
from wengert.files.unpickling import Rebuilder, RestoredGenerator, RestrictedUnpickler


class Loader:
    """Reads the objects of one archive.

    map_location: None, a device, a dictionary of devices, or `f(storage, location)`; mapped: whether storages look at
    the file itself; shared: whether writes to them reach it; byte_order: of files that do not tell.
    """

    def __init__(
        self, archive: ArchiveReader, map_location: Any, mapped: bool, shared: bool, byte_order: str, skip: bool
    ) -> None:
        self.archive, self.map_location = archive, map_location
        self.mapped, self.shared, self.skip = mapped, shared, skip
        told = archive.text("byteorder").decode("ascii", "replace") if "byteorder" in archive else byte_order
        if told not in ("little", "big"):
            raise FileFormatError(f"Unknown endianness type: {told}")
        self.foreign = told != sys.byteorder
        self.raw: dict[str, tuple[Any, Any]] = {}
        self.targets: dict[int, Any] = {}
        self.moved: dict[Any, Any] = {}
        self.rebuilder = Rebuilder(self.storage, self.place)

    def restricted(self, safe: dict[str, Any], options: dict[str, Any]) -> Any:
        """The archive's object, with only tensors and plain data allowed."""
        data = self.archive.text("data.pkl")
        builders = self.rebuilder.builders
        return RestrictedUnpickler(data, builders, safe, self.rebuilder.persistent, **options).load()

    def free(self, module: Any, options: dict[str, Any]) -> Any:
        """The archive's object by a whole unpickler, which may run any code that the file names."""
        rebuilder = self.rebuilder

        class Unpickler(module.Unpickler):  # type: ignore[name-defined, misc]
            """Finds torch's names here."""

            def find_class(self, module: str, name: str) -> Any:
                """A global."""
                if (module, name) in rebuilder.builders:
                    return rebuilder.builders[module, name]
                if (module, name) == ("torch.serialization", "_get_layout"):
                    return names.layout_of
                if (module, name) == ("torch._C", "Generator"):
                    return RestoredGenerator
                if module == "torch" or module.startswith("torch."):
                    return names.counterpart(module, name)
                return super().find_class(module, name)

            def persistent_load(self, identity: Any) -> Any:
                """A storage."""
                return rebuilder.persistent(identity)

        return Unpickler(io.BytesIO(self.archive.text("data.pkl")), **options).load()

    def close(self) -> None:
        """Let go of storages and file: the loader and its builders know each other, and would keep them for a while."""
        self.rebuilder.storage_of = self.rebuilder.place = gone
        for kept in (self.raw, self.targets, self.moved, self.rebuilder.builders):
            kept.clear()

    # ------------------------------------------------------------ storages

    def storage(self, key: str, kind: Any, count: int, location: str) -> Any:
        """The storage with a key: read once, given as often as the file names it."""
        item = names.ELEMENTS[kind].itemsize
        if key not in self.raw:
            raw = self.bytes_of(key, names.ELEMENTS[kind], count * item)
            self.raw[key] = self.located(UntypedStorage._over(raw), location)
        untyped, target = self.raw[key]
        if untyped.nbytes() < count * item:
            raise FileFormatError(
                f"storage {key} has {untyped.nbytes()} bytes, {count * item} are named: the file is damaged"
            )
        out = untyped if kind is UntypedStorage else TypedStorage(wrap_storage=untyped, dtype=names.ELEMENTS[kind])
        self.targets[id(out._bytes)] = target
        return out

    def bytes_of(self, key: str, dtype: Any, size: int) -> Any:
        """The bytes of a storage in this machine's order."""
        name = f"data/{key}"
        if self.skip:
            return np.empty(min(size, self.archive.place(name)[1]), np.uint8)
        raw = self.archive.window(name, self.shared) if self.mapped else self.archive.array(name)
        if raw.size < size:
            raise FileFormatError(f"storage {key} has {raw.size} bytes, {size} are named: the file is damaged")
        if self.foreign and dtype.itemsize > 1:
            unit = dtype.itemsize // (2 if dtype.is_complex else 1)
            raw = np.ascontiguousarray(raw[: raw.size // unit * unit].reshape(-1, unit)[:, ::-1]).reshape(-1)
        return raw

    def located(self, storage: Any, location: str) -> tuple[Any, Any]:
        """A storage and the device where its contents are wanted, None for where it is."""
        wanted = self.map_location
        if callable(wanted) and not isinstance(wanted, devices.device):
            found = wanted(storage, location)
            if found is not None:
                if not isinstance(found, StorageBase):
                    raise TypeError(f"map_location must give a storage or None, not {type(found).__name__}")
                return found.untyped(), None  # type: ignore[attr-defined]
            wanted = None
        if isinstance(wanted, dict):
            wanted = wanted.get(location, location)
        wanted = location if wanted is None else wanted
        if not isinstance(wanted, (str, devices.device)):
            raise TypeError(
                f"'{type(wanted).__name__}' object is not callable: map_location must be a device or a function"
            )
        device = known_device(wanted, storage)
        if device.type == "cpu":
            return storage, None
        check_present(device)
        return storage, device

    def place(self, storage: Any, array: Any) -> Any:
        """A tensor over an array, moved where the contents of its storage are wanted; equal ones move once."""
        target = self.targets.get(id(storage._bytes))
        if target is None:
            return wrap(array)
        at = array.__array_interface__["data"][0]
        key = (id(storage._bytes), at, array.dtype, array.shape, array.strides)
        if key not in self.moved:
            self.moved[key] = wrap(array).to(target)
        return wrap(self.moved[key]._array)


def gone(*_: Any) -> Any:
    """Raises: FileFormatError; a closed loader has no storages."""
    raise FileFormatError("the file has been loaded and closed: nothing more can be read from it")


def known_device(wanted: Any, storage: Any) -> Any:
    """Raises: DeviceError for a name that is no device's."""
    try:
        return devices.device(wanted)
    except RuntimeError:
        raise DeviceError(
            f"don't know how to restore data location of torch.storage.{type(storage).__name__} (tagged with {wanted})"
        ) from None


def check_present(device: Any) -> None:
    """Raises: DeviceError where there is no such device."""
    if device.type == "cuda":
        try:
            devices.device(0)
        except DeviceError:
            raise DeviceError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
                "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map "
                "your storages to the CPU."
            ) from None


__all__ = ["Loader"]
