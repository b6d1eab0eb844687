"""Batches in memory that a GPU can read directly: here the same batch, since no memory is pinned."""

from __future__ import annotations

from typing import Any


def pin_memory(data: Any, device: Any = None) -> Any:
    """The data; those of a user's class by its own `pin_memory` method."""
    method = getattr(data, "pin_memory", None)
    if callable(method) and not hasattr(data, "_array"):
        return method()
    return data
