"""Batches between processes: elements through files that live in memory, the rest pickled through a pipe.

Each worker has a few slots, files that both sides map.  The loader names a free slot with each task; the batch that
arrives in it looks at that memory, and the slot is free again when nothing looks at it any more, so that a batch never
changes after it was handed out.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import shutil
import tempfile
import weakref
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.base.errors import GraphError
from wengert.core.tape.core import wrap
from wengert.core.tensor.properties import make_subclass
from wengert.core.tensor.tensor import Tensor
from wengert.utils.data._utils.room import LEAST

MOST = 32
"""Slots of one worker that may be kept by batches in use, each an open file; what comes in others is copied."""


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
    array = raw.view(dtype.numpy).reshape(shape)
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


def aligned(size: int) -> int:
    """Bytes that a buffer takes in a slot."""
    return -(-size // 64) * 64


def address(array: Any) -> int:
    """Where an array starts in memory."""
    return array.__array_interface__["data"][0]


class Slot:
    """One file in memory, written by a worker.

    `taken` tells what of it the batch at hand uses: address, size, offset, and the array, weakly.
    """

    def __init__(self, stem: str) -> None:
        self.stem, self.generation = stem, 0
        self.memory: Any = None
        self.room = self.used = 0
        self.taken: list[tuple[int, int, int, Any]] = []

    @property
    def path(self) -> str:
        """The file."""
        return f"{self.stem}-{self.generation}"

    def begin(self) -> None:
        """Take the memory for a new batch; a new file where something in the worker still looks at the old one."""
        if any(ref() is not None for *_, ref in self.taken):
            os.unlink(self.path)
            self.generation, self.memory, self.room = self.generation + 1, None, 0
        self.taken, self.used = [], 0

    def take(self, size: int) -> Any:
        """The next `size` bytes as an array, None where there is no room for them."""
        try:
            self.reserve(self.used + size)
        except OSError:
            return None
        out: Any = np.frombuffer(self.memory, np.uint8, size, self.used)
        self.taken.append((address(out), size, self.used, weakref.ref(out)))
        self.used += aligned(size)
        return out

    def reserve(self, size: int) -> None:
        """Have memory of at least `size` bytes.

        Raises: OSError where there is no room for it.
        """
        if size <= self.room:
            return
        room = size + size // 4
        with open(self.path, "a+b") as file:
            if hasattr(os, "posix_fallocate"):
                # Without this, a full file system ends the process at the first write.
                os.posix_fallocate(file.fileno(), 0, room)
            else:
                file.truncate(room)
            self.memory, self.room = mmap.mmap(file.fileno(), room), room

    def place(self, buffer: Any) -> int:
        """Where in the file the bytes of a buffer are; -1 if they are elsewhere."""
        at = address(np.frombuffer(buffer, np.uint8)) if len(buffer) else 0
        for start, size, offset, _ in self.taken:
            if start <= at and at + len(buffer) <= start + size:
                return offset + at - start
        return -1


class Sender:
    """The worker's end: answers go out through the pipe `connection`, their elements through slots in `folder`."""

    def __init__(self, connection: Any, folder: str, name: str) -> None:
        self.connection, self.folder, self.name = connection, folder, name
        self.slots: dict[int, Slot] = {}

    def slot(self, number: int) -> Slot:
        """A slot, ready for a batch."""
        if number not in self.slots:
            self.slots[number] = Slot(os.path.join(self.folder, f"{self.name}-{number}"))
        found = self.slots[number]
        found.begin()
        return found

    def send(self, place: Any, number: int, answer: Any) -> None:
        """Send an answer."""
        data, buffers = packed(answer)
        slot = self.slots[number]
        places = [slot.place(buffer) for buffer in buffers]
        elsewhere = sum(len(buffer) for buffer, at in zip(buffers, places, strict=True) if at < 0)
        inline = []
        for i, buffer in enumerate(buffers):
            if places[i] >= 0:
                continue
            memory = slot.take(len(buffer)) if elsewhere > LEAST and len(buffer) else None
            if memory is None:
                inline.append(bytes(buffer))
            else:
                memory[:] = buffer
                places[i] = slot.taken[-1][2]
        sizes = [len(buffer) for buffer in buffers]
        parts = (data, sizes, places, slot.generation, slot.room, inline)
        self.connection.send_bytes(pickle.dumps((place, number, parts), 5))


class Receiver:
    """The loader's end of one worker's pipe."""

    def __init__(self, connection: Any, folder: str, name: str) -> None:
        self.connection, self.folder, self.name = connection, folder, name
        self.mapped: dict[int, tuple[int, Any]] = {}
        self.looking: dict[int, list[Any]] = {}
        self.count = 0

    def slot(self) -> int:
        """A slot that no task and no batch uses."""
        for number, arrays in self.looking.items():
            if all(ref() is None for ref in arrays):
                del self.looking[number]
                return number
        self.count += 1
        return self.count - 1

    def receive(self) -> tuple[Any, Any]:
        """The next answer, with the place it belongs to."""
        place, number, parts = pickle.loads(self.connection.recv_bytes())
        looking = self.looking[number] = []
        data, sizes, places, generation, room, inline = parts
        buffers = []
        for size, at in zip(sizes, places, strict=True):
            if at < 0:
                own: Any = np.frombuffer(bytearray(inline.pop(0)), np.uint8)
            else:
                own = np.frombuffer(self.memory(number, generation, room), np.uint8, size, at)
                if number < MOST:
                    looking.append(weakref.ref(own))
                else:
                    own = own.copy()
            buffers.append(own)
        return place, pickle.loads(data, buffers=buffers)

    def memory(self, number: int, generation: int, room: int) -> Any:
        """A slot's memory, mapped anew after it has grown or been replaced."""
        known, found = self.mapped.get(number, (-1, b""))
        if known != generation or len(found) < room:
            with open(os.path.join(self.folder, f"{self.name}-{number}-{generation}"), "r+b") as file:
                found = mmap.mmap(file.fileno(), room)
            self.mapped[number] = generation, found
        return found


def memory_folder() -> str:
    """A new folder for slots, in memory where the system has such a place."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None
    return tempfile.mkdtemp(prefix="wengert-loader-", dir=place)


def removed(folder: str) -> None:
    """Take a folder of slots away."""
    shutil.rmtree(folder, ignore_errors=True)


__all__ = ["Receiver", "Sender", "memory_folder", "removed"]
