"""Tensors in safetensors files: a JSON header with names, dtypes and places, then the elements.

Files are written by the `safetensors` package (extra `io`), every tensor made row-major first: the package writes the
memory of other arrays as it lies, which silently mixes up their elements.  Files are read here, by mapping.
"""

from __future__ import annotations

import json
import math
import mmap
import os
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.base.errors import ArgumentError, DtypeError, MissingError, ShapeError
from wengert.core.tape.core import TensorBase, wrap
from wengert.files.archive import AtomicFile, FileFormatError

_NAMES = {
    "BOOL": dtypes.bool_, "U8": dtypes.uint8, "U16": dtypes.uint16, "U32": dtypes.uint32, "U64": dtypes.uint64,
    "I8": dtypes.int8, "I16": dtypes.int16, "I32": dtypes.int32, "I64": dtypes.int64, "F16": dtypes.float16,
    "BF16": dtypes.bfloat16, "F32": dtypes.float32, "F64": dtypes.float64, "C64": dtypes.complex64,
    "F8_E4M3": dtypes.float8_e4m3fn, "F8_E5M2": dtypes.float8_e5m2,
}  # fmt: skip
_OF = {dtype: name for name, dtype in _NAMES.items()}
_LONGEST_HEADER = 100_000_000  # the format's own limit


def save_file(tensors: dict[str, Any], filename: Any, metadata: dict[str, str] | None = None) -> None:
    """Write tensors by name; the file takes its name when it is complete.

    Raises: MissingError without the safetensors package; ArgumentError for what is no tensor; DtypeError for a dtype
    that the format lacks; ShapeError for two names of one piece of memory, which the format would store twice.
    """
    with AtomicFile(filename) as file:
        file.write(save(tensors, metadata))


def save(tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> bytes:
    """The contents of the file that `save_file` writes."""
    try:
        import safetensors
    except ImportError:
        raise MissingError(
            "safetensors files are written by the safetensors package: pip install wengert[io]"
        ) from None
    seen: dict[Any, str] = {}
    parts = {}
    for name, x in tensors.items():
        if not isinstance(x, TensorBase):
            raise ArgumentError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(x)}")
        a = x._array
        if a.__class__ is np.ndarray and a.size:
            place = (a.__array_interface__["data"][0], a.shape, a.strides)
            if place in seen:
                raise ShapeError(
                    f"Some tensors share memory, this will lead to duplicate memory on disk: {seen[place]!r} and "
                    f"{name!r}; save one of them, or a clone"
                )
            seen[place] = name
        dtype = dtypes.of(a.dtype)
        if dtype not in _OF:
            raise DtypeError(f"safetensors files hold no {dtype} (tensor {name!r})")
        dense = np.ascontiguousarray(backend_of(a).to_numpy(a)).reshape(-1).view(np.uint8)
        parts[name] = (dtype.name, list(a.shape), dense)
    return bytes(safetensors.serialize(specified(safetensors, parts), metadata=metadata))


def specified(package: Any, parts: dict[str, tuple[str, list[int], Any]]) -> dict[str, Any]:
    """Tensors as the package wants them told; `parts` keeps their memory meanwhile."""
    make = getattr(package, "TensorSpec", None)
    if make is None:  # before 0.8
        return {name: {"dtype": kind, "shape": shape, "data": a.tobytes()} for name, (kind, shape, a) in parts.items()}
    return {
        name: make(dtype=kind, shape=shape, data_ptr=a.__array_interface__["data"][0], data_len=a.size)
        for name, (kind, shape, a) in parts.items()
    }


def load_file(filename: Any, device: Any = "cpu") -> dict[str, Any]:
    """The tensors of a file by name.  On the CPU they look at the mapped file; writes stay in memory.

    Raises: FileFormatError for a header that does not fit the file.
    """
    with open(filename, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < 8:
            raise FileFormatError(f"Error while deserializing header: header too small ({size} bytes)")
        mapped = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
    return placed(mapped, device)


def load(data: bytes) -> dict[str, Any]:
    """The tensors of a file's contents by name."""
    return placed(np.frombuffer(bytearray(data), np.uint8), "cpu")


def metadata_of(filename: Any) -> dict[str, str]:
    """The texts that were written along."""
    with open(filename, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return header_of(file.read(min(length, _LONGEST_HEADER)), length).get("__metadata__", {})


def placed(raw: Any, device: Any) -> dict[str, Any]:
    """Tensors over the bytes of a file."""
    length = int.from_bytes(raw[:8].tobytes(), "little")
    if length > min(_LONGEST_HEADER, raw.size - 8):
        raise FileFormatError(f"Error while deserializing header: header too large ({length} of {raw.size} bytes)")
    header = header_of(raw[8 : 8 + length].tobytes(), length)
    target = devices.device(device)
    tensors = {}
    for name, facts in header.items():
        if name != "__metadata__":
            x = wrap(array_of(raw, 8 + length, name, facts))
            tensors[name] = x if target.type == "cpu" else x.to(target)
    return tensors


def header_of(text: bytes, length: int) -> dict[str, Any]:
    """The header as a dictionary."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"Error while deserializing header: invalid JSON ({error})") from None
    if len(text) != length or not isinstance(header, dict):
        raise FileFormatError("Error while deserializing header: it is cut short or no dictionary")
    return header


def array_of(raw: Any, start: int, name: str, facts: Any) -> Any:
    """One tensor's elements, copied only where they are not aligned."""
    try:
        dtype, shape = _NAMES[facts["dtype"]], tuple(facts["shape"])
        first, last = facts["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, first, last))
    except (KeyError, TypeError, ValueError):
        raise FileFormatError(f"Error while deserializing header: tensor {name!r} is described by {facts!r}") from None
    size = math.prod(shape) * dtype.itemsize if sound else -1
    if not sound or last - first != size or start + last > raw.size:
        raise FileFormatError(f"Error while deserializing header: tensor {name!r} does not fit the file: {facts!r}")
    part = raw[start + first : start + last]
    if part.__array_interface__["data"][0] % max(dtype.itemsize, 1):
        part = part.copy()
    return part.view(dtype.numpy).reshape(shape)


__all__ = ["load", "load_file", "metadata_of", "save", "save_file"]
