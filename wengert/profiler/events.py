"""What a profile found: FunctionEvent for each event, FunctionEventAvg for those of one name, EventList of either."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from wengert.core.tape.core import line_of
from wengert.profiler import trace
from wengert.profiler.figures import profile_table, time_text


class DeviceType(enum.Enum):
    """Kinds of devices by torch's numbers."""

    CPU, CUDA, MKLDNN, OPENGL, OPENCL, IDEEP, HIP, FPGA, MAIA, XLA, Vulkan, Metal, XPU, MPS, Meta, HPU, VE, Lazy = (
        range(18)
    )  # fmt: skip


class Interval:
    """From `start` to `end`, in microseconds since the profile began."""

    __slots__ = ("start", "end")

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it is."""
        return self.end - self.start


class Timed:
    """What both kinds of events say of their times: CPU time, and 0 for other devices."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    cpu_memory_usage: int
    self_cpu_memory_usage: int
    device_time_total = self_device_time_total = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = cuda_memory_usage = self_cuda_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """Average time, microseconds."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        """Average time on other devices: none is measured."""
        return 0.0

    cuda_time = device_time
    cpu_time_str = property(lambda self: time_text(self.cpu_time))
    cpu_time_total_str = property(lambda self: time_text(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: time_text(self.self_cpu_time_total))
    device_time_str = property(lambda self: time_text(0.0))
    device_time_total_str = self_device_time_total_str = device_time_str


class FunctionEvent(Timed):
    """One operator, rule or named range that ran."""

    count = 1
    node_id, is_async, is_remote, is_legacy, overload_name, use_device = -1, False, False, False, "", None
    device_type, device_index, device_resource_id = DeviceType.CPU, 0, 0

    def __init__(self, event: Any, origin: int, id: int, lines: dict[Any, str]) -> None:
        self.id, self.trace_name = id, event.name
        self.name = self.key = "ProfilerStep*" if event.name.startswith("ProfilerStep#") else event.name
        self.time_range = Interval((event.start - origin) / 1e3, (event.end - origin) / 1e3)
        self.thread, self.sequence_nr, self.input_shapes = event.thread, event.seq, event.shapes
        self.fwd_thread: int | None = None
        self.concrete_inputs: list[Any] = []
        self.kwinputs: dict[str, Any] = {}
        self.input_dtypes, self.stack = event.dtypes, [lines[place] for place in event.stack if place in lines]
        self.scope = {"rule": 1, "user_annotation": 7}.get(event.kind, 0)
        self.kind, self.place = event.kind, event.place
        self.is_user_annotation = event.kind == "user_annotation"
        self.cpu_memory_usage = event.allocated - event.freed
        self.allocated, self.flops = event.allocated, event.flops
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None
        self.kernels: list[Any] = []

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """Time with that of the events within, microseconds."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """Time without that of the events within."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:  # type: ignore[override]
        """Bytes without those of the events within."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    @property
    def line(self) -> tuple[str, int] | None:
        """File and line of the program that this is due to; of a rule, that of its forward operation."""
        return None if self.place is None else line_of(*self.place)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} overload_name= device_type={self.device_type} node_id=-1 "
            f"cpu_time={self.cpu_time_str} start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[child.id for child in self.cpu_children]} None_time=0.000us name={self.name} "
            f"thread={self.thread} input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} "
            f"None_memory_usage=0 is_async=False is_remote=False seq_nr={self.sequence_nr} is_legacy=False>"
        )


class FunctionEventAvg(Timed):
    """Events of one key together."""

    device_type, is_async, is_remote, is_legacy, use_device = DeviceType.CPU, False, False, False, None
    overload_name, node_id = "", -1

    def __init__(self) -> None:
        self.key: str | None = None
        self.count, self.cpu_memory_usage, self.self_cpu_memory_usage, self.flops = 0, 0, 0, 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.scope: int | None = None
        self.is_user_annotation = False
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: Any = None

    def add(self, other: Any) -> FunctionEventAvg:
        """Count another event, or events, in."""
        if self.key is None:
            self.key, self.input_shapes, self.stack = other.key, other.input_shapes, other.stack
            self.scope, self.is_user_annotation = other.scope, other.is_user_annotation
            self.cpu_parent = other.cpu_parent
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.count += other.count
        self.flops += other.flops or 0
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  self_cuda_time=0.000us cuda_time=0.000us "
            f"input_shapes={self.input_shapes or ''} cpu_memory_usage={self.cpu_memory_usage} cuda_memory_usage=0>"
        )


class EventList(list):  # type: ignore[type-arg]
    """Events with the table and the files that are made of them."""

    def __init__(self, events: Iterable[Any] = (), **told: Any) -> None:
        super().__init__(events)
        self._profile_memory = bool(told.get("profile_memory"))
        self._with_flops = bool(told.get("with_flops"))
        self._use_device = told.get("use_device")

    @property
    def self_cpu_time_total(self) -> float:
        """Time of all events, each moment counted once, microseconds."""
        return sum(e.self_cpu_time_total for e in self)

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75,
        max_name_column_width: int = 55, max_shapes_column_width: int = 80, header: str | None = None,
        top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:  # fmt: skip
        """The events as text, the largest `sort_by` first, `row_limit` of them (-1: all).

        sort_by: a field such as "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage" or "count".

        Raises: AttributeError for a field that there is not.
        """
        limits = (max_name_column_width, max_shapes_column_width, max_src_column_width)
        return profile_table(self, sort_by, row_limit, limits, header, top_level_events_only, time_unit)

    def __str__(self) -> str:
        return self.table()

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Events of one name together (and of equal input shapes, and of one place: the first n lines)."""
        groups: dict[Any, FunctionEventAvg] = {}
        for e in self:
            key = (e.key, e.is_user_annotation, str(e.input_shapes) if group_by_input_shapes else "")
            groups.setdefault((*key, *e.stack[:group_by_stack_n]), FunctionEventAvg()).add(e)
        for group in groups.values():
            group.stack = group.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                group.input_shapes = ""
        return EventList(groups.values(), profile_memory=self._profile_memory, with_flops=self._with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All events as one called Total."""
        total = FunctionEventAvg()
        for e in self:
            total.add(e)
        total.key = "Total"
        return total

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events as a Chrome trace, for chrome://tracing and ui.perfetto.dev."""
        trace.write(path, trace.document(self, {}))

    def supported_export_stacks_metrics(self) -> list[str]:
        """Names that `export_stacks` takes."""
        return ["self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_privateuse1_time_total"]

    def export_stacks(self, path: Any, metric: str) -> None:
        """Write the stacks with their times, one a line, as flame graph programs read them.

        Raises: ValueError for a metric that there is not.
        """
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(f"metric should be one of: {self.supported_export_stacks_metrics()}")
        trace.write_stacks(path, self, metric)


def events_of(recorder: Any, with_flops: bool = False) -> EventList:
    """What a recorder recorded, each event with those that happened in it."""
    lines: dict[Any, str] = {}
    for event in recorder.events:
        for place in event.stack:
            if place not in lines:
                file, number = line_of(*place) or ("?", 0)
                lines[place] = f"{file}({number}): {place[0].co_name}"
    made = [FunctionEvent(e, recorder.started, i, lines) for i, e in enumerate(recorder.events)]
    threads: dict[int, int] = {}
    for event, raw in zip(made, recorder.events, strict=True):
        if raw.parent is not None:
            event.cpu_parent = made[raw.parent.index]
            event.cpu_parent.cpu_children.append(event)
        if event.sequence_nr >= 0 and raw.kind not in ("rule", "visit"):
            threads[event.sequence_nr] = event.thread
    for event in made:
        if event.kind in ("rule", "visit"):
            event.fwd_thread = threads.get(event.sequence_nr)
    return EventList(made, profile_memory=recorder.memory, with_flops=with_flops)
