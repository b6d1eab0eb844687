"""Files of a profile: Chrome's trace format (JSON), and stacks for flame graphs."""

from __future__ import annotations

import gzip
import json
import os
import platform
from typing import Any

_CATEGORIES = {"user_annotation": "user_annotation"}


def document(events: Any, facts: dict[str, Any], allocations: Any = ()) -> dict[str, Any]:
    """The trace: an X event for each event, arrows from forward to backward, M events that name threads.

    Source: Trace Event Format, Google, 2016 ("Complete", "Flow", "Metadata" and "Instant" events).
    """
    process = os.getpid()
    found: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "ts": 0, "pid": process, "tid": 0, "args": {"name": "python"}},
        {"ph": "M", "name": "process_labels", "ts": 0, "pid": process, "tid": 0, "args": {"labels": "CPU"}},
        {"ph": "M", "name": "process_sort_index", "ts": 0, "pid": process, "tid": 0, "args": {"sort_index": process}},
    ]
    for thread in sorted({e.thread for e in events}):
        name = {"name": f"thread {thread} (python)"}
        found.append({"ph": "M", "name": "thread_name", "ts": 0, "pid": process, "tid": thread, "args": name})
    found += [complete(e, process) for e in events]
    found += arrows(events, process)
    thread = events[0].thread if events else 0
    for when, size, total in allocations:
        args = {"Total Allocated": total, "Bytes": size, "Device Id": -1, "Device Type": 0}
        found.append(
            {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": process, "tid": thread,
             "ts": when, "args": args}
        )  # fmt: skip
    return {
        "schemaVersion": 1, "deviceProperties": [], **facts, "host_name": platform.node(), "displayTimeUnit": "ms",
        "traceEvents": found,
    }  # fmt: skip


def complete(e: Any, process: int) -> dict[str, Any]:
    """One event."""
    args: dict[str, Any] = {"External id": e.id + 1, "Ev Idx": e.id}
    if e.sequence_nr >= 0:
        args["Sequence number"] = e.sequence_nr
        args["Fwd thread id"] = e.fwd_thread or 0
    if e.input_shapes:
        args["Input Dims"], args["Input type"] = e.input_shapes, e.input_dtypes
    if e.line is not None:
        args["Line"] = "{}:{}".format(*e.line)
    if e.stack:
        args["Call stack"] = ";".join(reversed(e.stack))
    if e.allocated:
        args["Bytes"] = e.allocated
    return {
        "ph": "X", "cat": _CATEGORIES.get(e.kind, "cpu_op"), "name": e.trace_name, "pid": process, "tid": e.thread,
        "ts": round(e.time_range.start, 3), "dur": round(e.time_range.elapsed_us(), 3), "args": args,
    }  # fmt: skip


def arrows(events: Any, process: int) -> list[dict[str, Any]]:
    """A pair of flow events from each operation to its rule."""
    forward: dict[int, Any] = {}
    found = []
    for e in events:
        if e.sequence_nr < 0:
            continue
        if e.kind not in ("rule", "visit"):
            forward.setdefault(e.sequence_nr, e)
        elif e.kind == "visit" and e.sequence_nr in forward:
            first = forward[e.sequence_nr]
            common = {"cat": "fwdbwd", "name": "fwdbwd", "id": e.sequence_nr, "pid": process}
            found.append({"ph": "s", **common, "tid": first.thread, "ts": round(first.time_range.start, 3)})
            found.append({"ph": "f", **common, "tid": e.thread, "ts": round(e.time_range.start, 3), "bp": "e"})
    return found


def write(path: Any, content: dict[str, Any]) -> None:
    """Write a trace; compressed where the name ends in .gz."""
    path = os.fspath(path)
    with gzip.open(path, "wt", encoding="utf-8") if path.endswith(".gz") else open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)


def write_stacks(path: Any, events: Any, metric: str) -> None:
    """A line `outermost;...;innermost microseconds` for each stack that took time."""
    forbidden = str.maketrans(" ;\t\n", "____")
    totals: dict[str, float] = {}
    for e in events:
        value = getattr(e, metric.replace("cuda", "device").replace("xpu", "device").replace("privateuse1", "device"))
        if e.stack and int(value) > 0:
            text = ";".join(line.translate(forbidden) for line in reversed(e.stack))
            totals[text] = totals.get(text, 0.0) + value
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{text} {int(value)}\n" for text, value in totals.items())
