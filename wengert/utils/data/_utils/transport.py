"""Batches between processes: elements through files that live in memory, the rest pickled through a pipe.

Each worker has a few slots, files that both sides map.  The loader names a free slot with each task, and copies the
batch out of it when the answer arrives, so that a batch never changes after it was handed out.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import shutil
import tempfile
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.base.errors import GraphError
from wengert.core.tape.core import wrap
from wengert.core.tensor.properties import make_subclass
from wengert.core.tensor.tensor import Tensor

SMALL = 1 << 16
"""Batches of fewer bytes go through the pipe whole."""


class BatchPickler(pickle.Pickler):
    """Takes the elements of tensors aside, as pickle's fifth protocol does for arrays."""

    def reducer_override(self, obj: Any) -> Any:
        """How a tensor is taken apart."""
        if not isinstance(obj, Tensor) or type(obj).__reduce_ex__ is not Tensor.__reduce_ex__:
            return NotImplemented
        if not obj.is_leaf:
            raise GraphError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
                "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor "
                "before serializing (e.g., putting it on the queue)."
            )
        a: Any = np.ascontiguousarray(backend_of(obj._array).to_numpy(obj._array))
        raw = pickle.PickleBuffer(a.reshape(-1).view(np.uint8))
        return rebuilt, (
            type(obj), raw, dtypes.of(a.dtype), tuple(obj._array.shape), obj.requires_grad, dict(vars(obj))
        )  # fmt: skip


def rebuilt(cls: type, raw: Any, dtype: Any, shape: Any, requires_grad: bool, state: dict[str, Any]) -> Any:
    """A tensor over bytes that nobody else uses."""
    array = np.frombuffer(raw, np.uint8).view(dtype.numpy).reshape(shape)
    if cls is Tensor and not requires_grad and not state:
        return wrap(array)
    made = make_subclass(cls, wrap(array), requires_grad)
    made.__dict__.update(state)
    return made


def packed(obj: Any) -> tuple[bytes, list[memoryview]]:
    """An object as a pickle, and the elements that stand apart from it."""
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    BatchPickler(file, 5, buffer_callback=buffers.append).dump(obj)
    return file.getvalue(), [buffer.raw() for buffer in buffers]


def unpacked(data: bytes, sizes: list[int], source: Any) -> Any:
    """Inverse of `packed`; the elements are copied out of `source`."""
    buffers: list[Any] = []
    start = 0
    for size in sizes:
        own: Any = np.empty(size, np.uint8)
        own[:] = np.frombuffer(source, np.uint8, size, start)
        buffers.append(memoryview(own))
        start += aligned(size)
    return pickle.loads(data, buffers=buffers)


def aligned(size: int) -> int:
    """Bytes that a buffer takes in a slot."""
    return -(-size // 64) * 64


class Slot:
    """One file in memory, written by a worker."""

    def __init__(self, path: str) -> None:
        self.path, self.room = path, 0
        self.memory: Any = None

    def reserve(self, size: int) -> Any:
        """Memory of at least `size` bytes.

        Raises: OSError where there is no room for it.
        """
        if size > self.room:
            room = size + size // 4
            with open(self.path, "a+b") as file:
                if hasattr(os, "posix_fallocate"):
                    # Without this, a full file system ends the process at the first write.
                    os.posix_fallocate(file.fileno(), 0, room)
                else:
                    file.truncate(room)
                self.memory, self.room = mmap.mmap(file.fileno(), room), room
        return self.memory


class Sender:
    """The worker's end: answers go out through the pipe `connection`, their elements through slots in `folder`."""

    def __init__(self, connection: Any, folder: str, name: str) -> None:
        self.connection, self.folder, self.name = connection, folder, name
        self.slots: dict[int, Slot] = {}

    def send(self, place: Any, slot: int, answer: Any) -> None:
        """Send an answer."""
        data, buffers = packed(answer)
        sizes = [len(buffer) for buffer in buffers]
        total = sum(aligned(size) for size in sizes)
        inline, room = b"", 0
        memory = self.memory(slot, total) if total > SMALL else None
        if memory is None:
            parts = [bytes(buffer) + bytes(aligned(len(buffer)) - len(buffer)) for buffer in buffers]
            inline = b"".join(parts)
        else:
            start, room = 0, self.slots[slot].room
            for buffer in buffers:
                memory[start : start + len(buffer)] = buffer
                start += aligned(len(buffer))
        self.connection.send_bytes(pickle.dumps((place, slot, data, sizes, room, inline), 5))

    def memory(self, slot: int, size: int) -> Any:
        """The slot's memory, None where there is no room."""
        if slot not in self.slots:
            self.slots[slot] = Slot(os.path.join(self.folder, f"{self.name}-{slot}"))
        try:
            return self.slots[slot].reserve(size)
        except OSError:
            return None


class Receiver:
    """The loader's end of one worker's pipe."""

    def __init__(self, connection: Any, folder: str, name: str) -> None:
        self.connection, self.folder, self.name = connection, folder, name
        self.mapped: dict[int, Any] = {}
        self.free: list[int] = []
        self.count = 0

    def slot(self) -> int:
        """A slot that no unread answer uses."""
        if self.free:
            return self.free.pop()
        self.count += 1
        return self.count - 1

    def receive(self) -> tuple[Any, Any]:
        """The next answer, with the place it belongs to."""
        place, slot, data, sizes, room, inline = pickle.loads(self.connection.recv_bytes())
        try:
            return place, unpacked(data, sizes, self.memory(slot, room) if room else inline)
        finally:
            self.free.append(slot)

    def memory(self, slot: int, room: int) -> Any:
        """A slot's memory, mapped anew after it has grown."""
        found = self.mapped.get(slot)
        if found is None or len(found) < room:
            with open(os.path.join(self.folder, f"{self.name}-{slot}"), "rb") as file:
                found = self.mapped[slot] = mmap.mmap(file.fileno(), room, access=mmap.ACCESS_READ)
        return found


def memory_folder() -> str:
    """A new folder for slots, in memory where the system has such a place."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None
    return tempfile.mkdtemp(prefix="wengert-loader-", dir=place)


def removed(folder: str) -> None:
    """Take a folder of slots away."""
    shutil.rmtree(folder, ignore_errors=True)


__all__ = ["Receiver", "Sender", "memory_folder", "removed"]
