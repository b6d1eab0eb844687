"""The file format of torch before 1.6: pickles one after another, then the elements of each storage.

A file holds five pickles (a number that marks the format, its version, facts about the machine, the object, the keys of
its storages in order) and for each key the number of elements in eight bytes and the elements themselves.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import sys
from typing import Any

import numpy as np

from wengert.core.base.errors import DeviceError
from wengert.core.tensor.storage import TypedStorage, UntypedStorage
from wengert.files import names
from wengert.files.archive import FileFormatError, read_into
from wengert.files.loading import Loader
from wengert.files.unpickling import Rebuilder, RestrictedUnpickler, refused

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
"""The marks at the head of every file of the format."""
SIZES = {"short": 2, "int": 4, "long": 4}
COUNT = struct.Struct("<q")


def is_legacy(first: bytes) -> bool:
    """Whether a file that begins so may be of this format: it starts with a pickle."""
    return first[:1] == b"\x80"


def write(file: Any, data: bytes, arrays: list[tuple[Any, int]]) -> None:
    """Write a file: the object's pickle, and for each storage its bytes and the size of an element."""
    facts = {"protocol_version": VERSION, "little_endian": sys.byteorder == "little", "type_sizes": SIZES}
    for head in (MAGIC, VERSION, facts):
        file.write(pickle.dumps(head, 2))
    file.write(data)
    file.write(pickle.dumps([str(key) for key in range(len(arrays))], 2))
    for array, item in arrays:
        file.write(COUNT.pack(array.size // item))
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


class LegacyArchive:
    """The pickles of a file as an archive's records; what follows them stays where it is.

    Raises: FileFormatError where the file is not of the format, EOFError where it ends too early.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        if self.value() != MAGIC:
            raise FileFormatError("Invalid magic number; corrupt file? It is neither a zip archive nor an older file")
        if (version := self.value()) != VERSION:
            raise FileFormatError(f"Invalid protocol version: {version}")
        facts = self.value()
        self.order = "big" if isinstance(facts, dict) and facts.get("little_endian") is False else "little"
        self.records = {"data.pkl": self.pickle(), "byteorder": self.order.encode()}
        self.keys = self.value()
        if not isinstance(self.keys, list):
            raise FileFormatError("the keys of the storages are no list: the file is damaged")

    def pickle(self) -> bytes:
        """The bytes of the next pickle."""
        start = self.file.tell()
        try:
            for _ in pickletools.genops(self.file):
                pass
        except (ValueError, UnicodeError, IndexError, OverflowError) as error:
            if not self.file.read(1):
                raise EOFError(f"Ran out of input: the file ends within a pickle ({error})") from error
            raise FileFormatError(f"Invalid magic number; corrupt file? It is not a zip archive, nor a pickle: {error}"
                                  ) from error  # fmt: skip
        end = self.file.tell()
        self.file.seek(start)
        return bytes(self.file.read(end - start))

    def value(self) -> Any:
        """The next pickle as plain data."""
        return RestrictedUnpickler(self.pickle(), {}, {}, lambda identity: refused("a storage")).load()

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def text(self, name: str) -> bytes:
        """A record."""
        return self.records[name]


class LegacyLoader(Loader):
    """Reads the object of a file: storages are filled once all of them are known.

    Raises: DeviceError where contents are wanted on another device than the CPU; FileFormatError for damage.
    """

    def __init__(self, archive: LegacyArchive, map_location: Any, skip: bool) -> None:
        super().__init__(archive, map_location, False, False, archive.order, skip)  # type: ignore[arg-type]
        self.rebuilder = LegacyRebuilder(self.storage, self.place)
        self.empty: dict[str, tuple[Any, Any]] = {}

    def bytes_of(self, key: str, dtype: Any, size: int) -> Any:
        """Memory for a storage."""
        raw = np.zeros(size, np.uint8)
        self.empty[key] = (raw, dtype)
        return raw

    def located(self, storage: Any, location: str) -> tuple[Any, Any]:
        """A storage, which stays on the CPU."""
        found, device = super().located(storage, location)
        if device is not None and device.type != "meta":
            raise DeviceError(f"files of this age are read to the CPU: give map_location='cpu', then move to {device}")
        return found, device

    def fill(self) -> None:
        """Read the elements of every storage."""
        for key in self.archive.keys:  # type: ignore[attr-defined]
            raw, dtype = self.empty.get(key, (None, None))
            if raw is None:
                raise FileFormatError(f"storage {key!r} is used by nothing: the file is damaged")
            self.read(key, raw, dtype)

    def read(self, key: str, raw: Any, dtype: Any) -> None:
        """Read the elements of one storage."""
        head = self.archive.file.read(COUNT.size)
        count = COUNT.unpack(head)[0] if len(head) == COUNT.size else -1
        if count * dtype.itemsize != raw.size:
            raise FileFormatError(f"storage {key} has {count} elements, not {raw.size // dtype.itemsize}: damaged file")
        if self.skip:
            self.archive.file.seek(raw.size, io.SEEK_CUR)
            return
        if raw.size and read_into(self.archive.file, memoryview(raw)) != raw.size:
            raise FileFormatError(f"the file ends within storage {key}: it is cut short")
        if self.foreign and dtype.itemsize > 1:
            unit = dtype.itemsize // (2 if dtype.is_complex else 1)
            raw.reshape(-1, unit)[...] = raw.reshape(-1, unit)[:, ::-1].copy()


class LegacyRebuilder(Rebuilder):
    """Knows the older ways of naming storages: views of others, and classes with their source."""

    def persistent(self, identity: Any) -> Any:
        """The storage, or the class of a module, that a persistent id stands for."""
        if isinstance(identity, tuple) and len(identity) == 4 and identity[0] in ("module", b"module"):
            return identity[1]
        if not isinstance(identity, tuple) or len(identity) != 6:
            return super().persistent(identity)
        storage = super().persistent(identity[:5])
        if identity[5] is None:
            return storage
        return part(storage, identity[1], identity[5])


def part(storage: Any, kind: Any, view: Any) -> Any:
    """A storage that is a stretch of another: (key, offset, number of elements)."""
    if not isinstance(view, tuple) or len(view) != 3 or not all(type(n) is int and n >= 0 for n in view[1:]):
        raise refused(f"a storage that is the part {view!r} of another")
    dtype = names.ELEMENTS[kind]
    start, end = view[1] * dtype.itemsize, (view[1] + view[2]) * dtype.itemsize
    if end > storage._bytes.size:
        raise refused(f"a storage that goes beyond the one it is part of: {view!r}")
    return TypedStorage(wrap_storage=UntypedStorage._over(storage._bytes[start:end]), dtype=dtype)


__all__ = ["LegacyArchive", "LegacyLoader", "is_legacy", "write"]
