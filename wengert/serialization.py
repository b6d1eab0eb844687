"""Objects with tensors saved to files and loaded again, in torch's zip format (`torch.save`, `torch.load`).

>>> import io
>>> import wengert as torch
>>> file = io.BytesIO()
>>> torch.save({"weight": torch.ones(2)}, file)
>>> _ = file.seek(0)
>>> torch.load(file)
{'weight': tensor([1., 1.])}
"""

from __future__ import annotations

import enum
import os
import pickle
import pickletools
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from wengert.core.base.errors import ArgumentError, MissingError, ValueRangeError
from wengert.core.kernels.memory import keep_freed_memory
from wengert.core.tensor.storage import StorageBase
from wengert.files import graphs, legacy, names
from wengert.files.archive import ALIGNMENT, LARGE, ArchiveReader, ArchiveWriter, AtomicFile, FileFormatError
from wengert.files.loading import Loader
from wengert.files.pickling import dumped
from wengert.files.unpickling import UnsafeFileError, known

DEFAULT_PROTOCOL = 2
MAP_LOCATION: TypeAlias = Any
MAP_SHARED, MAP_PRIVATE = 1, 2  # the operating system's numbers, as torch gives them


class SourceChangeWarning(Warning):
    """Kept for programs that filter it; nothing here raises it."""


class LoadEndianness(enum.Enum):
    """Byte order of files that do not tell it."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Options:
    """What the setters of this module set."""

    crc32 = True
    mapping = MAP_PRIVATE
    endianness: LoadEndianness | None = None


_SAFE: ContextVar[tuple[Any, ...]] = ContextVar("wengert_safe_globals", default=())
_SKIP: ContextVar[bool] = ContextVar("wengert_skip_data", default=False)
_declared: list[Any] = []


# ---------------------------------------------------------------- saving


def save(
    obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Write an object to a path or binary file; torch 2 reads it, and so does `load`.

    Tensors that share memory share it again when loaded, and their whole memory is written.  A tensor with history is
    written as a leaf, unless it is the object itself, or the object is a tuple or list of nothing but tensors: then
    its graph is written (see docs/tape-files.md), and `x.detach()` keeps the value alone.  A path gets its file only
    when everything is written: an error leaves the old file.
    pickle_module is used for its Pickler where that is written in Python.  With _use_new_zipfile_serialization=False
    the format is that of torch before 1.6, which has no graphs.

    Raises: RuntimeError for a folder that does not exist, or for tensors over the same memory with different dtypes;
    AttributeError for something that is neither a path nor a file.
    """
    if not _use_new_zipfile_serialization:
        _save_older(obj, f, pickle_module, pickle_protocol)
        return
    container = graphs.container_of(obj)
    if container is not None:
        graphs.save_graph(obj, container, f)
        return
    if isinstance(f, (str, os.PathLike)):
        data, arrays = dumped(obj, pickle_module, pickle_protocol)
        with AtomicFile(f) as file:
            _write(file, _root(os.fsdecode(os.fspath(f))), data, arrays, _disable_byteorder_record)
        return
    if not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    data, arrays = dumped(obj, pickle_module, pickle_protocol)
    _write(f, "archive", data, arrays, _disable_byteorder_record)


def _save_older(obj: Any, f: Any, module: Any, protocol: int) -> None:
    """Write an object in the format of torch before 1.6."""
    data, arrays = dumped(obj, module, protocol, True)
    if isinstance(f, (str, os.PathLike)):
        with AtomicFile(f) as file:
            legacy.write(file, data, arrays)
    elif hasattr(f, "write"):
        legacy.write(f, data, arrays)
    else:
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")


def _root(path: str) -> str:
    """The folder inside the archive: the file's name without its suffix."""
    return os.path.basename(path).rpartition(".")[0] or os.path.basename(path).strip(".") or "archive"


def _write(file: Any, root: str, data: bytes, arrays: list[Any], no_byte_order: bool) -> None:
    """Write an archive."""
    archive = ArchiveWriter(file, root)
    try:
        archive.write("data.pkl", data)
        archive.write(".format_version", b"1")
        archive.write(".storage_alignment", str(ALIGNMENT).encode())
        if not no_byte_order:
            archive.write("byteorder", sys.byteorder.encode())
        checksum = zlib.crc32(data)
        for key, array in enumerate(arrays):
            archive.write(f"data/{key}", array)
            checksum = zlib.crc32(str(array.size).encode(), checksum)
        archive.write("version", b"3\n")
        archive.write(".data/serialization_id", f"{checksum:020d}{len(data):020d}".encode())
    except BaseException:
        archive.abandon()
        raise
    archive.close()


# ---------------------------------------------------------------- loading


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None,
    mmap: bool | None = None, **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """The object in a file that `save` or torch wrote, in the zip format or in that of torch before 1.6.

    map_location: None (where it was saved from), a device, a dictionary from device to device, or
    `f(storage, location)`.  weights_only (default: True, False with a pickle_module): only tensors, plain data and
    classes declared by `add_safe_globals` are read, and nothing in the file is run.  With False the file may run any
    code: only for files whose source you trust.  mmap: storages look at the file, pages are read when used, and
    changes stay in memory.

    Raises: UnpicklingError for what `weights_only` does not allow; RuntimeError for damaged files; EOFError for an
    empty one, and for mmap of a file of torch before 1.6.
    """
    if weights_only is None:
        weights_only = pickle_module is None and os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0") != "1"
    elif weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    pickle_load_args.setdefault("encoding", "utf-8")
    is_path = isinstance(f, (str, os.PathLike))
    if mmap and not is_path:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not is_path:
        _check_seekable(f)
        return _load(f, None, map_location, pickle_module, weights_only, bool(mmap), pickle_load_args)
    with open(f, "rb") as file:
        return _load(file, f, map_location, pickle_module, weights_only, bool(mmap), pickle_load_args)


def _check_seekable(f: Any) -> None:
    for name in ("seek", "tell", "read"):
        if not hasattr(f, name):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )


def _load(file: Any, path: Any, where: Any, module: Any, restricted: bool, mapped: bool, options: Any) -> Any:
    if _is_legacy(file):
        return _load_older(file, where, module, restricted, mapped, options)
    archive = _archive(file, path)
    if graphs.RECORD in archive:
        return graphs.load_graph(archive, where, restricted, {_name(item): _value(item) for item in get_safe_globals()})
    if archive.size >= LARGE:
        keep_freed_memory()
    loader = Loader(archive, where, mapped, _Options.mapping == MAP_SHARED, _byte_order(), _SKIP.get())
    try:
        if restricted:
            return loader.restricted({_name(item): _value(item) for item in get_safe_globals()}, options)
        return loader.free(module or pickle, options)
    finally:
        loader.close()


def _is_legacy(file: Any) -> bool:
    """Whether a file begins as those of torch before 1.6 do."""
    start = file.tell()
    first = file.read(2)
    file.seek(start)
    return legacy.is_legacy(first)


def _load_older(file: Any, where: Any, module: Any, restricted: bool, mapped: bool, options: Any) -> Any:
    """The object in a file of torch before 1.6."""
    if mapped:
        raise RuntimeError(
            "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`, please "
            "torch.save your checkpoint with this option in order to use mmap."
        )
    loader = legacy.LegacyLoader(legacy.LegacyArchive(file), where, _SKIP.get())
    try:
        if restricted:
            value = loader.restricted({_name(item): _value(item) for item in get_safe_globals()}, options)
        else:
            value = loader.free(module or pickle, options)
        loader.fill()
        return value
    finally:
        loader.close()


def _archive(file: Any, path: Any) -> ArchiveReader:
    """The archive in a file, after a look at its first bytes and at the kind of archive."""
    start = file.tell()
    first = file.read(4)
    file.seek(start)
    if not first:
        raise EOFError("Ran out of input: the file is empty")
    if first != b"PK\x03\x04":
        raise FileFormatError("Invalid magic number; corrupt file? It is neither a zip archive nor an older file")
    archive = ArchiveReader(file, path)
    if "constants.pkl" in archive:
        raise MissingError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. Programs of "
            "TorchScript cannot be run here: load it with torch and save its state_dict"
        )
    if "data.pkl" not in archive and graphs.RECORD not in archive:
        raise FileFormatError(
            "PytorchStreamReader failed locating file data.pkl: file not found. It is a zip file, but not one that "
            "torch.save wrote"
        )
    return archive


def _byte_order() -> str:
    chosen = _Options.endianness
    return sys.byteorder if chosen in (None, LoadEndianness.NATIVE) else chosen.name.lower()  # type: ignore[union-attr]


# ---------------------------------------------------------------- what is safe


def _value(item: Any) -> Any:
    return item[0] if isinstance(item, tuple) else item


def _name(item: Any) -> str:
    """The name of a safe global as it stands in files."""
    if isinstance(item, tuple):
        if len(item) != 2 or not isinstance(item[1], str):
            raise ValueRangeError("Expected length of tuple to be 2: (class or function, its name in the file)")
        return item[1]
    name = names.full_name(item)
    return name.removeprefix("builtins.")


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allow `load(weights_only=True)` to build these classes and call these functions.

    An item is a class or function, or a pair of it and the name that it has in files.
    """
    for item in safe_globals:
        _name(item)
        if item not in _declared:
            _declared.append(item)


def get_safe_globals() -> list[Any]:
    """What has been declared safe, at present."""
    return [*_declared, *_SAFE.get()]


def clear_safe_globals() -> None:
    """Declare nothing safe any more."""
    _declared.clear()


class safe_globals:
    """A block in which these classes and functions are declared safe for `load(weights_only=True)`."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.items = tuple(safe_globals)
        for item in self.items:
            _name(item)

    def __enter__(self) -> None:
        self.token = _SAFE.set((*_SAFE.get(), *self.items))

    def __exit__(self, *error: Any) -> None:
        _SAFE.reset(self.token)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """Names of the globals in a file that `load(weights_only=True)` would refuse; nothing of it is run."""
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            data = _archive(file, f).text("data.pkl")
    else:
        data = _archive(f, None).text("data.pkl")
    safe = {_name(item) for item in get_safe_globals()}
    found: list[str] = []
    texts: list[str] = []
    for code, argument, _ in pickletools.genops(data):
        if code.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
        elif code.name == "STACK_GLOBAL" and len(texts) > 1:
            module, name = texts[-2:]
        else:
            if isinstance(argument, str):
                texts.append(argument)
            continue
        full = name if module in ("builtins", "__builtin__") else f"{module}.{name}"
        if not known(module, name) and full not in safe and full not in found:
            found.append(full)
    return found


@contextmanager
def skip_data(materialize_fake_tensors: bool = False) -> Iterator[None]:
    """A block in which `load` gives tensors of the right shapes without reading their elements."""
    token = _SKIP.set(True)
    try:
        yield
    finally:
        _SKIP.reset(token)


# ---------------------------------------------------------------- options


def get_crc32_options() -> bool:
    """Whether records get checksums."""
    return _Options.crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Accepted: records always get checksums here; files without them can be read."""
    _Options.crc32 = bool(compute_crc32)


def get_default_mmap_options() -> int:
    """How `load(mmap=True)` maps files: MAP_PRIVATE or MAP_SHARED."""
    return _Options.mapping


class set_default_mmap_options:
    """How `load(mmap=True)` maps files from now on, or in a `with` block.

    flags: mmap.MAP_PRIVATE (changes stay in memory, the default) or mmap.MAP_SHARED (they reach the file).
    """

    def __init__(self, flags: int) -> None:
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueRangeError(
                f"Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )
        self.before, _Options.mapping = _Options.mapping, int(flags)

    def __enter__(self) -> None:
        """The options are set already."""

    def __exit__(self, *error: Any) -> None:
        _Options.mapping = self.before


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order taken for files that do not tell theirs."""
    return _Options.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order taken for files that do not tell theirs."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise ArgumentError("Invalid argument type in function set_default_load_endianness")
    _Options.endianness = endianness


def location_tag(storage: Any) -> str:
    """The location under which a storage is saved."""
    return str(storage.device)


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage itself, for locations on the CPU."""
    if location.startswith("cpu"):
        return storage
    raise RuntimeError(f"don't know how to restore data location of {type(storage).__name__} (tagged with {location})")


def register_package(priority: int, tagger: Callable[..., Any], deserializer: Callable[..., Any]) -> None:
    """Refused: devices of other packages cannot hold tensors here."""
    raise MissingError("register_package(): devices of other packages cannot hold tensors here")


def normalize_storage_type(storage_type: Any) -> Any:
    """The storage class itself."""
    return storage_type


def storage_to_tensor_type(storage: StorageBase) -> Any:
    """The legacy tensor class of a storage's dtype, by name."""
    kind = f"{storage.dtype.scalar}Tensor"  # type: ignore[attr-defined]
    return names.counterpart("torch", kind)


def check_module_version_greater_or_equal(
    module: Any, req_version_tuple: tuple[int, ...], error_if_malformed: bool = True
) -> bool:
    """Whether a module's `__version__` is at least this one."""
    try:
        found = tuple(
            type(want)(part) for want, part in zip(req_version_tuple, module.__version__.split("."), strict=False)
        )
    except (ValueError, AttributeError) as error:
        message = f"'{module.__name__}' module version string is malformed '{getattr(module, '__version__', None)}'"
        if error_if_malformed:
            raise RuntimeError(message) from error
        warnings.warn(message + ", but continuing assuming that requirement is met", stacklevel=2)
        return True
    return found >= tuple(req_version_tuple)


__all__ = [
    "LoadEndianness", "SourceChangeWarning", "UnsafeFileError", "add_safe_globals",
    "check_module_version_greater_or_equal", "clear_safe_globals", "default_restore_location", "get_crc32_options",
    "get_default_load_endianness", "get_default_mmap_options", "get_safe_globals", "get_unsafe_globals_in_checkpoint",
    "load", "location_tag", "normalize_storage_type", "register_package", "safe_globals", "save",
    "set_crc32_options", "set_default_load_endianness", "set_default_mmap_options", "skip_data",
    "storage_to_tensor_type",
]  # fmt: skip
