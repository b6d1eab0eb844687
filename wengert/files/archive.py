"""The zip archives that hold saved tensors: uncompressed records that start at multiples of 64 bytes.

`ArchiveWriter` appends records to a file; `ArchiveReader` checks a file's directory before it believes a word of it
and reads, or maps, single records.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
import zipfile
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from wengert.core.base.errors import MissingError, WengertError

try:
    from isal.isal_zlib import crc32  # with the processor's carry-less products: six times as fast

    QUICK = True
except ImportError:
    from zlib import crc32

    QUICK = False

ALIGNMENT = 64
"""Records start at multiples of this many bytes, so that mapped storages serve every dtype."""
CHUNK = 1 << 20
"""Bytes written or read at a time: few enough that the checksum finds them in the processor's cache."""
LARGE = 1 << 23
"""Bytes of a record from which another thread finds the checksum, if that is slow."""
_LOCAL = struct.Struct("<4s5HIIIHH")
_PAD_ID = b"FB"  # the id that torch gives the padding field of its records
_LARGEST = 1 << 31  # of the pickled structure and the small text records, which are read whole
_BROKEN = "PytorchStreamReader failed reading zip archive: "
_ZIP64 = 0xFFFF_0000  # below the 32-bit limit of plain zip headers by a margin


class FileFormatError(WengertError, RuntimeError):
    """Raised for a file that is damaged, cut short, or of another format."""


class ArchiveWriter:
    """Appends records to the binary file `file`; `root` is the folder that all of them stand in."""

    def __init__(self, file: Any, root: str) -> None:
        self.root = root
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def write(self, name: str, data: Any) -> None:
        """Append one record; data: bytes or anything with the buffer protocol."""
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        info = zipfile.ZipInfo(f"{self.root}/{name}", (1980, 1, 1, 0, 0, 0))
        info.file_size = len(view)
        large = len(view) >= _ZIP64
        info.extra = self.padding(len(info.filename.encode()), 20 if large else 0)
        with self.zip.open(info, "w", force_zip64=large) as record:
            for start in range(0, len(view), CHUNK):
                record.write(view[start : start + CHUNK])

    def padding(self, name_length: int, others: int) -> bytes:
        """The extra field after which a record's data start at a multiple of the alignment."""
        start = self.zip.start_dir + _LOCAL.size + name_length + others + 4
        length = -start % ALIGNMENT
        return _PAD_ID + struct.pack("<H", length) + b"Z" * length

    def close(self) -> None:
        """Write the directory."""
        self.zip.close()

    def abandon(self) -> None:
        """Leave the file without a directory, as after an error."""
        self.zip.fp = None


class Checksum:
    """The CRC-32 of parts in order; apart: found in a thread of its own, while the next part is read."""

    def __init__(self, apart: bool) -> None:
        self.value = 0
        self.parts: Any = SimpleQueue() if apart else None
        self.thread: Any = None
        if apart:
            self.thread = Thread(target=self.work, name="wengert checksum", daemon=True)
            self.thread.start()

    def work(self) -> None:
        """Take parts until None comes."""
        while (part := self.parts.get()) is not None:
            self.value = crc32(part, self.value)

    def add(self, part: Any) -> None:
        """The next part; its memory must not change until the end."""
        if self.parts is None:
            self.value = crc32(part, self.value)
        else:
            self.parts.put(part)

    def end(self) -> int:
        """The checksum of all parts."""
        if self.thread is not None:
            self.parts.put(None)
            self.thread.join()
        return self.value


class ArchiveReader:
    """Records of an archive in the seekable binary file `file`, by name without the root folder.

    path: of the file, needed to map records instead of reading them.
    Raises: FileFormatError for anything that is not a sound archive of uncompressed records.
    """

    def __init__(self, file: Any, path: Any = None) -> None:
        self.file, self.path = file, path
        self.size = file.seek(0, io.SEEK_END)
        self.mapped: Any = None
        try:
            infos = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OverflowError, EOFError) as error:
            raise FileFormatError(
                f"{_BROKEN}failed finding central directory. The file is cut short or damaged ({self.size} bytes; "
                f"{error}): save it again"
            ) from None
        self.records = self.checked(infos)

    def checked(self, infos: list[Any]) -> dict[str, Any]:
        """The records by name, after a look at what a hostile directory could claim."""
        if not infos:
            raise FileFormatError(f"{_BROKEN}the archive has no records")
        root = infos[0].filename.partition("/")[0] + "/"
        records: dict[str, Any] = {}
        for info in infos:
            name = info.filename
            if not name.startswith(root) or name[len(root) :] in records:
                raise FileFormatError(f"{_BROKEN}record {name!r} is repeated or outside of the folder {root!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise MissingError(f"record {name!r} is compressed; archives of tensors hold plain records")
            if not 0 <= info.header_offset < self.size:
                raise FileFormatError(f"{_BROKEN}record {name!r} starts outside of the file")
            records[name[len(root) :]] = info
        if sum(info.file_size for info in infos) > self.size:
            raise FileFormatError(f"{_BROKEN}its records claim more bytes than the file has ({self.size})")
        return records

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def place(self, name: str) -> tuple[int, int]:
        """Where the bytes of a record start, and how many they are."""
        info = self.records.get(name)
        if info is None:
            raise FileFormatError(f"{_BROKEN}file not found: {name!r} is named by the archive's contents")
        self.file.seek(info.header_offset)
        header = self.file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise FileFormatError(f"{_BROKEN}the header of record {name!r} is damaged")
        *_, name_length, extra_length = _LOCAL.unpack(header)
        start = info.header_offset + _LOCAL.size + name_length + extra_length
        if start + info.file_size > self.size:
            raise FileFormatError(f"{_BROKEN}record {name!r} reaches past the end of the file")
        return start, info.file_size

    def text(self, name: str) -> bytes:
        """A small record."""
        return self.array(name, _LARGEST).tobytes()

    def array(self, name: str, limit: int | None = None) -> Any:
        """A record as a uint8 array with memory of its own, its checksum verified (0 stands for none)."""
        start, size = self.place(name)
        if limit is not None and size > limit:
            raise FileFormatError(f"{_BROKEN}record {name!r} has {size} bytes, more than the {limit} it may have")
        out: Any = np.empty(size, np.uint8)
        self.file.seek(start)
        expected = self.records[name].CRC
        checksum = Checksum(apart=size >= LARGE and not QUICK) if expected else None
        view = memoryview(out)
        try:
            for place in range(0, size, CHUNK):
                part = view[place : place + CHUNK]
                if read_into(self.file, part) != len(part):
                    raise FileFormatError(f"{_BROKEN}record {name!r} is cut short")
                if checksum is not None:
                    checksum.add(part)
        finally:
            found = 0 if checksum is None else checksum.end()
        if found != expected:
            raise FileFormatError(f"{_BROKEN}the checksum of record {name!r} does not match: the file is damaged")
        return out

    def window(self, name: str, shared: bool) -> Any:
        """A record as a uint8 array over the mapped file; writes stay in memory unless `shared`."""
        start, size = self.place(name)
        if self.mapped is None:
            with open(self.path, "r+b" if shared else "rb") as file:
                access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
                self.mapped = mmap.mmap(file.fileno(), 0, access=access)
        if start + size > len(self.mapped):
            raise FileFormatError(f"{_BROKEN}record {name!r} reaches past the end of the file")
        if not size:
            return np.empty(0, np.uint8)
        out = np.frombuffer(self.mapped, np.uint8, size, start)
        return out if start % 16 == 0 else out.copy()


def read_into(file: Any, view: memoryview) -> int:
    """Fill a buffer from a file; how many bytes there were."""
    done = 0
    if hasattr(file, "readinto"):
        while done < len(view):
            got = file.readinto(view[done:])
            if not got:
                break
            done += got
        return done
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)


class AtomicFile:
    """A binary file that takes its name only when it is complete: `with AtomicFile(path) as file:`.

    It is written beside the target, brought to the disk, and renamed over it: after an error, the end of the program
    or a power failure there is the old file or the new one, whole.
    What is no regular file (a pipe, /dev/null), or stands in a folder that cannot be written, is written directly.
    """

    def __init__(self, path: Any) -> None:
        self.target = os.path.realpath(os.fsdecode(os.fspath(path)))
        self.temporary: str | None = None

    def __enter__(self) -> Any:
        folder, name = os.path.split(self.target)
        if not os.path.isdir(folder):
            raise FileFormatError(f"Parent directory {folder} does not exist.")
        if os.path.exists(self.target) and not os.path.isfile(self.target):
            self.file = open(self.target, "wb")  # noqa: SIM115  (closed by __exit__)
            return self.file
        temporary = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.part")
        try:
            self.file = open(temporary, "xb")  # noqa: SIM115
            self.temporary = temporary
        except PermissionError:
            self.file = open(self.target, "wb")  # noqa: SIM115
        return self.file

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None and self.temporary is not None and os.path.exists(self.target):
                os.chmod(self.temporary, os.stat(self.target).st_mode & 0o7777)
            if kind is None and self.temporary is not None:
                self.file.flush()
                os.fsync(self.file.fileno())
            self.file.close()
            if kind is None and self.temporary is not None:
                os.replace(self.temporary, self.target)
                self.temporary = None
        finally:
            self.file.close()
            if self.temporary is not None:
                os.unlink(self.temporary)


__all__ = ["ALIGNMENT", "ArchiveReader", "ArchiveWriter", "AtomicFile", "FileFormatError"]
