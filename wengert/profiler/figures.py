"""Times and sizes as texts, and the table of a profile."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ArgumentError

WIDTH, SHAPES_WIDTH, GAP = 12, 28, "  "


def time_text(us: float, unit: str | None = None) -> str:
    """Microseconds as seconds, milliseconds or microseconds."""
    if unit is None:
        unit = "s" if us >= 1e6 else "ms" if us >= 1e3 else "us"
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0}[unit]
    return f"{us / scale:.3f}{unit}"


def memory_text(size: float) -> str:
    """Bytes with a unit."""
    for unit, scale in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if abs(size) >= scale:
            return f"{size / scale:.2f} {unit}"
    return f"{size:.0f} B"


def share(part: float, whole: float) -> str:
    """A part of a whole as a percentage."""
    if whole == 0:
        return "0.00%" if part == 0 else "NaN"
    return f"{part * 100 / whole:.2f}%"


def shortened(text: str, width: int | None) -> str:
    """A text cut to a width."""
    return text if width is None or width <= 0 or len(text) <= width else text[: width - 3] + "..."


def text_table(titles: list[str], widths: list[int], rows: list[list[str]], header: str | None = None) -> str:
    """Columns under titles between lines, entries to the right."""
    line = "".join("-" * width + GAP for width in widths)
    pattern = "".join(f"{{:>{width}}}" + GAP for width in widths)
    parts = [line]
    if header is not None:
        parts = ["=" * (len(line) - len(GAP)), header, line]
    parts += [pattern.format(*titles), line]
    parts += [pattern.format(*row) for row in rows]
    return "\n".join([*parts, line])


class Columns:
    """What the table of some events shows."""

    def __init__(self, events: Any, limits: tuple[int, int, int], unit: str | None) -> None:
        self.limits, self.unit = limits, unit
        self.memory = getattr(events, "_profile_memory", False)
        self.shapes = any(bool(e.input_shapes) for e in events)
        self.stacks = any(bool(e.stack) for e in events)
        most = max((e.flops or 0 for e in events), default=0)
        self.flops = getattr(events, "_with_flops", False) and most > 0
        self.unit_of_flops = next(((u, s) for u, s in (("G", 1e9), ("M", 1e6), ("K", 1e3)) if most >= s), ("", 1))
        self.total = events.self_cpu_time_total

    def titles(self) -> list[str]:
        """Heads of the columns."""
        found = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
        found += ["CPU Mem", "Self CPU Mem"] * self.memory
        found += ["# of Calls"] + ["Input Shapes"] * self.shapes + ["Source Location"] * self.stacks
        return found + [f"Total {self.unit_of_flops[0]}FLOPs"] * self.flops

    def row(self, e: Any) -> list[str]:
        """One event."""
        name_width, shapes_width, source_width = self.limits
        row = [
            shortened(str(e.key), name_width),
            share(e.self_cpu_time_total, self.total),
            time_text(e.self_cpu_time_total, self.unit),
            share(e.cpu_time_total, self.total) if not e.is_async else "0.00%",
            time_text(e.cpu_time_total, self.unit),
            time_text(e.cpu_time, self.unit),
        ]
        if self.memory:
            row += [memory_text(e.cpu_memory_usage), memory_text(e.self_cpu_memory_usage)]
        row.append(str(e.count))
        if self.shapes:
            row.append(shortened(str(e.input_shapes), shapes_width))
        if self.stacks:
            row.append(shortened(e.stack[0], source_width) if e.stack else "")
        if self.flops:
            row.append(f"{e.flops / self.unit_of_flops[1]:.3f}" if e.flops else "--")
        return row

    def widths(self, events: Any) -> list[int]:
        """Widths of the columns."""
        name_width, shapes_width, source_width = self.limits
        longest = max(len(str(e.key)) for e in events) + 4
        widths = [min(longest, name_width) if name_width > 0 else longest]
        widths += [WIDTH] * (6 + 2 * self.memory)
        if self.shapes:
            widest = max(len(str(e.input_shapes)) for e in events) + 4
            widths.append(max(SHAPES_WIDTH, min(widest, shapes_width)))
        if self.stacks:
            widest = max(len(line) for e in events for line in e.stack[:1] or ("",)) + 4
            widths.append(min(widest, source_width) if source_width > 0 else widest)
        return widths + [WIDTH] * self.flops


def profile_table(
    events: Any, sort_by: str | None, row_limit: int, limits: tuple[int, int, int], header: str | None,
    top_level_only: bool, unit: str | None,
) -> str:  # fmt: skip
    """Events as a table in torch's form; the sum of the times below it."""
    if len(events) == 0:
        return ""
    if unit is not None and unit not in ("s", "ms", "us"):
        raise ArgumentError(f"time_unit must be one of 's', 'ms', 'us' or None, got {unit!r}")
    chosen = list(events)
    columns = Columns(events, limits, unit)
    if sort_by is not None:
        field = sort_by.replace("cuda", "device").replace("xpu", "device").replace("privateuse1", "device")
        chosen.sort(key=lambda e: getattr(e, field), reverse=True)
    if top_level_only:
        chosen = [e for e in chosen if getattr(e, "cpu_parent", None) is None]
    shown = chosen if row_limit < 0 else chosen[:row_limit]
    rows = [columns.row(e) for e in shown]
    table = text_table(columns.titles(), columns.widths(events), rows, header)
    return f"{table}\nSelf CPU time total: {time_text(columns.total, unit)}\n"
