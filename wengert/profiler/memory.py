"""Memory that arrays hold while they live, counted once where several share it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np


def memory_of(array: Any) -> Any:
    """The array that owns the memory which `array` looks at."""
    while array.__class__ is np.ndarray and array.base is not None and isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Holdings:
    """Arrays that are alive: bytes now (`total`) and at most (`peak`).

    freed: called with the bytes and the owner of memory that was let go.  rose: called each time `peak` grows.
    """

    def __init__(self, freed: Callable[[int, Any], None] | None = None, rose: Callable[[], None] | None = None) -> None:
        self.live: dict[int, tuple[Any, int, Any]] = {}
        self.total = self.peak = 0
        self.freed, self.rose = freed, rose

    def add(self, array: Any, owner: Any = None) -> int:
        """Count an array's memory unless it is counted; the bytes that are new."""
        array = memory_of(array)
        size = getattr(array, "nbytes", 0)
        key = id(array)
        if not size or key in self.live:
            return 0
        try:
            reference = weakref.ref(array, self.forget(key))
        except TypeError:
            return 0
        self.live[key] = (reference, size, owner)
        self.total += size
        if self.total > self.peak:
            self.peak = self.total
            if self.rose is not None:
                self.rose()
        return size

    def forget(self, key: int) -> Callable[[Any], None]:
        """What happens when the memory under a key is let go."""

        def gone(reference: Any) -> None:
            found = self.live.get(key)
            if found is not None and found[0] is reference:
                del self.live[key]
                self.total -= found[1]
                if self.freed is not None:
                    self.freed(found[1], found[2])

        return gone
