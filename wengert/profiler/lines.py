"""Time and memory by line of the program: forward, and backward of what the line recorded."""

from __future__ import annotations

import linecache
import os
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.profiler.figures import memory_text, shortened, text_table, time_text


class Line:
    """What one line of the program cost.

    forward, backward: microseconds, backward being that of the rules of what the line recorded.  calls: operators that
    ran in forward.  rules: rules that ran.  bytes: memory of their results (of the profile's `profile_memory`).
    """

    __slots__ = ("file", "line", "forward", "backward", "calls", "rules", "bytes")

    def __init__(self, file: str, line: int) -> None:
        self.file, self.line = file, line
        self.forward = self.backward = 0.0
        self.calls = self.rules = self.bytes = 0

    @property
    def total(self) -> float:
        """Forward and backward, microseconds."""
        return self.forward + self.backward

    @property
    def text(self) -> str:
        """The line itself."""
        return linecache.getline(self.file, self.line).strip()

    def __repr__(self) -> str:
        return (
            f"<Line {self.file}:{self.line} forward={time_text(self.forward)} backward={time_text(self.backward)} "
            f"calls={self.calls} bytes={self.bytes}>"
        )


class Lines(list):  # type: ignore[type-arg]
    """The lines of a profile, the most expensive first."""

    def table(self, sort_by: str = "total", row_limit: int = 30) -> str:
        """The lines as text, the largest `sort_by` first ("forward", "backward", "total", "calls", "bytes").

        Raises: ArgumentError for another field.
        """
        if sort_by not in ("forward", "backward", "total", "calls", "rules", "bytes"):
            raise ArgumentError(
                f"sort_by must be one of forward, backward, total, calls, rules, bytes: got {sort_by!r}"
            )
        chosen = sorted(self, key=lambda line: getattr(line, sort_by), reverse=True)
        rows = [
            [
                f"{os.path.basename(line.file)}:{line.line}", time_text(line.forward), time_text(line.backward),
                str(line.calls), memory_text(line.bytes), shortened(line.text, 50),
            ]
            for line in (chosen if row_limit < 0 else chosen[:row_limit])
        ]  # fmt: skip
        titles = ["Line", "Forward", "Backward", "# of Calls", "Bytes", "Source"]
        widths = [max([12, *(len(row[i]) for row in rows)]) for i in range(len(titles))]
        return text_table(titles, widths, rows) + "\n"

    def __str__(self) -> str:
        return self.table()


def lines_of(events: Any) -> Lines:
    """Each event's own time at its line; a rule's at the line of its forward operation."""
    found: dict[tuple[str, int], Line] = {}
    for e in events:
        place = e.line
        if place is None:
            continue
        line = found.get(place)
        if line is None:
            line = found[place] = Line(*place)
        if in_backward(e):
            line.backward += e.self_cpu_time_total
            line.rules += e.kind == "rule"
        else:
            line.forward += e.self_cpu_time_total
            line.calls += e.kind != "user_annotation"
        line.bytes += max(e.allocated - sum(child.allocated for child in e.cpu_children), 0)
    return Lines(sorted(found.values(), key=lambda line: line.total, reverse=True))


def in_backward(e: Any) -> bool:
    """Whether an event is a rule or happened in one."""
    while e is not None:
        if e.kind in ("rule", "visit"):
            return True
        e = e.cpu_parent
    return False
