"""Memory that several processes see: `share_memory_`, and arrays over a file that has no name.

A `Block` is such memory with the descriptor that stands for it.  It lives as long as an array looks at it in any
process; nothing is left behind when all of them are gone, however they end.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np

from wengert.core.tape.core import AccumulateGrad
from wengert.core.tensor.storage import bounds, root_array

FOLDER = "/dev/shm"
"""Where memory can bear a name for a while, on systems that have it."""


def nameless_file(size: int) -> int:
    """The descriptor of a file in memory that has no name; -1 on systems that share memory by other means."""
    if os.name != "posix":
        return -1
    try:
        descriptor = os.open(FOLDER, os.O_TMPFILE | os.O_RDWR, 0o600)
    except (AttributeError, OSError):
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"wengert-{os.urandom(12).hex()}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)
    os.ftruncate(descriptor, size)
    return descriptor


class Block:
    """Shared memory of `size` bytes, by NumPy's array interface; `descriptor` stands for it in this process."""

    __slots__ = ("descriptor", "map", "size", "start", "__array_interface__")

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        self.size = max(size, 1)
        self.descriptor = nameless_file(self.size) if descriptor is None else descriptor
        self.map = mmap.mmap(self.descriptor, self.size)
        self.start = np.frombuffer(self.map, np.uint8).__array_interface__["data"][0]
        self.__array_interface__ = {"data": (self.start, False), "shape": (self.size,), "typestr": "|u1", "version": 3}

    def __del__(self) -> None:
        if getattr(self, "descriptor", -1) >= 0:
            os.close(self.descriptor)


def block_of(array: Any) -> Block | None:
    """The shared memory that an array looks at; None for memory of this process alone."""
    owner = root_array(array).base if isinstance(array, np.ndarray) else None
    return owner if isinstance(owner, Block) else None


def shared_array(array: Any) -> Any:
    """The same elements, shape and strides over shared memory; the array itself where it is shared already."""
    if block_of(array) is not None or not isinstance(array, np.ndarray):
        return array
    start, end = bounds(array)
    block = Block(end - start)
    room = np.asarray(block)
    offset = array.__array_interface__["data"][0] - start if array.size else 0
    made = view_of(room, array.dtype, array.shape, array.strides, offset)
    made[...] = array
    return made


def view_of(room: Any, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
    """Elements of the bytes `room`."""
    return np.ndarray(shape, dtype, room, offset, strides)


def share_memory_(self: Any) -> Any:
    """Move the elements into memory that processes share; returns the tensor.  Nothing on a GPU, which is shared.

    Tensors that were views of the old memory keep it.
    """
    made = shared_array(self._array)
    if made is not self._array:
        self._array = made
        if self._node.__class__ is AccumulateGrad:
            self._node.array = made
    return self


def is_shared(self: Any) -> bool:
    """Whether the elements are in memory that processes share."""
    return not isinstance(self._array, np.ndarray) or block_of(self._array) is not None


METHODS: dict[str, Any] = {"share_memory_": share_memory_, "is_shared": is_shared}

__all__ = ["METHODS", "Block", "block_of", "shared_array", "view_of"]
