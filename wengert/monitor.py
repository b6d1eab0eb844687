"""Counts and events of a running program (`torch.monitor`): statistics over windows of time, and who hears of them."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any


class Aggregation(enum.Enum):
    """What a `Stat` tells of the values of a window."""

    VALUE = 0
    MEAN = 1
    COUNT = 2
    SUM = 3
    MAX = 4
    MIN = 5


VALUE, MEAN, COUNT = Aggregation.VALUE, Aggregation.MEAN, Aggregation.COUNT
SUM, MAX, MIN = Aggregation.SUM, Aggregation.MAX, Aggregation.MIN

_TOLD: dict[Aggregation, Callable[[list[float]], float]] = {
    MEAN: lambda values: sum(values) / len(values),
    COUNT: lambda values: float(len(values)),
    SUM: sum,
    MAX: max,
    MIN: min,
}


class Event:
    """Something that happened: a name, when, and data (strings, numbers, booleans by name)."""

    def __init__(self, name: str, timestamp: datetime, data: dict[str, Any]) -> None:
        self.name, self.timestamp, self.data = name, timestamp, data


class EventHandlerHandle:
    """What `register_event_handler` gives, for `unregister_event_handler`."""

    def __init__(self, handler: Callable[[Event], Any]) -> None:
        self.handler = handler


_handlers: list[EventHandlerHandle] = []


def register_event_handler(callback: Callable[[Event], Any]) -> EventHandlerHandle:
    """Call `callback(event)` for every event from now on."""
    handle = EventHandlerHandle(callback)
    _handlers.append(handle)
    return handle


def unregister_event_handler(handler: EventHandlerHandle) -> None:
    """Call it no more."""
    if handler in _handlers:
        _handlers.remove(handler)


def log_event(event: Event) -> None:
    """Tell all handlers of an event."""
    for handle in list(_handlers):
        handle.handler(event)


class Stat:
    """Statistics of values over windows of `window_size`; when one ends, an event "torch.monitor.Stat" tells them.

    aggregations: what is told (VALUE tells nothing, as in torch); max_samples: a window tells after so many values, and
    takes no more.
    """

    def __init__(
        self, name: str, aggregations: list[Aggregation], window_size: timedelta, max_samples: int | None = None
    ) -> None:
        self.name, self.window, self.most = name, window_size, max_samples
        self.aggregations = [kind for kind in aggregations if kind is not VALUE]
        self.values: list[float] = []
        self.last = dict.fromkeys(self.aggregations, 0.0)
        self.closed = False
        self.ends = time.monotonic() + window_size.total_seconds()

    @property
    def count(self) -> int:
        """How many values the window holds so far."""
        self._turn()
        return len(self.values)

    def add(self, v: float) -> None:
        """One more value."""
        self._turn()
        if self.closed:
            return
        self.values.append(float(v))
        if self.most is not None and len(self.values) >= self.most:
            self._close()

    def get(self) -> dict[Aggregation, float]:
        """The statistics of the last window that ended."""
        self._turn()
        return dict(self.last)

    def _turn(self) -> None:
        """Begin the next window if it is time."""
        if time.monotonic() >= self.ends:
            self._close()
            self.closed = False
            self.ends = time.monotonic() + self.window.total_seconds()

    def _close(self) -> None:
        """Take no more values for this window, and tell of those it has."""
        self.closed = True
        if not self.values:
            return
        self.last = {kind: float(_TOLD[kind](self.values)) for kind in self.aggregations}
        data = {f"{self.name}.{kind.name.lower()}": value for kind, value in self.last.items()}
        self.values = []
        log_event(Event("torch.monitor.Stat", datetime.now(), data))


class TensorboardEventHandler:
    """A handler that writes the numbers of Stat events to a SummaryWriter."""

    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def __call__(self, event: Event) -> None:
        if event.name == "torch.monitor.Stat":
            for name, value in event.data.items():
                self.writer.add_scalar(name, value, walltime=event.timestamp.timestamp())


STAT_EVENT = "torch.monitor.Stat"

__all__ = [
    "Aggregation", "Event", "EventHandlerHandle", "Stat", "TensorboardEventHandler", "log_event",
    "register_event_handler", "unregister_event_handler",
]  # fmt: skip
