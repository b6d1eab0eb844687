"""The garbage collector, paused while many small objects are made that all live on."""

from __future__ import annotations

import gc
import threading
from typing import Any

_lock = threading.Lock()
_depth = [0, False]


class collector_paused:
    """A block in which reference cycles are not searched for: each search would walk all that was made so far."""

    def __enter__(self) -> None:
        with _lock:
            if not _depth[0]:
                _depth[1] = gc.isenabled()
                gc.disable()
            _depth[0] += 1

    def __exit__(self, *error: Any) -> None:
        with _lock:
            _depth[0] -= 1
            if not _depth[0] and _depth[1]:
                gc.enable()


__all__ = ["collector_paused"]
