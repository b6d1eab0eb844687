"""Ranges in NVIDIA's profiler (`torch.cuda.nvtx`): accepted, and not recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_depth = [0]


def range_push(msg: str) -> int:
    """Begin a range; how deep it is."""
    _depth[0] += 1
    return _depth[0] - 1


def range_pop() -> int:
    """End the innermost range; how deep it was."""
    _depth[0] = max(_depth[0] - 1, 0)
    return _depth[0]


def range_start(msg: str) -> int:
    """Begin a range that may end anywhere; its number."""
    return 0


def range_end(range_id: int) -> None:
    """End a range by its number."""


def mark(msg: str) -> None:
    """Note a moment."""


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A range as a block."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()


__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]
