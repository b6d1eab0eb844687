"""The CPU under the names of an accelerator (`torch.cpu`), for programs that are written for any device."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


class Stream:
    """A queue of work; there is nothing to queue on the CPU."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: Any) -> None:
        """Returns at once."""

    def record_event(self) -> None:
        """Nothing to record."""

    def wait_event(self, event: Any) -> None:
        """Returns at once."""


class Event:
    """A point in a queue of work, which on the CPU is always passed."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing to record."""

    def synchronize(self) -> None:
        """Returns at once."""

    def wait(self, stream: Any = None) -> None:
        """Returns at once."""


class StreamContext(AbstractContextManager):
    """A block in which a stream is the current one."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        global _current
        self.before = _current
        if self.stream is not None:
            _current = self.stream

    def __exit__(self, *error: Any) -> None:
        global _current
        _current = self.before


_current = Stream()


def current_stream(device: Any = None) -> Stream:
    """The stream of the innermost `stream` block."""
    return _current


def stream(stream: Stream | None) -> StreamContext:
    """A block in which a stream is the current one; nothing for None."""
    return StreamContext(stream)


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Accepted: there is one CPU."""


def synchronize(device: Any = None) -> None:
    """Returns at once: everything asked of the CPU is done."""


__all__ = [
    "Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count", "is_available",
    "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip
