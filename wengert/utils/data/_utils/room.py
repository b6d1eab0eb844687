"""Memory that a worker process shares with the loader: where a batch is best made, since it need not be copied then."""

from __future__ import annotations

import threading
from typing import Any

LEAST = 1 << 16
"""Batches of fewer bytes are sent through the pipe."""


class _Current(threading.local):
    """The slot that the batch at hand will be sent in; None in the program itself."""

    slot: Any = None


current = _Current()


def shared_empty(shape: tuple[int, ...], dtype: Any, size: int) -> Any:
    """An array of `size` bytes in shared memory, its contents undefined.

    None outside of worker processes, for small arrays, and where there is no room.
    """
    if current.slot is None or size < LEAST:
        return None
    raw = current.slot.take(size)
    return None if raw is None else raw.view(dtype).reshape(shape)
