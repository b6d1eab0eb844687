"""The profiler's older form (`torch.autograd.profiler`): one block, one list of events."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.profiler import kineto_available
from wengert.profiler.events import DeviceType, EventList, FunctionEvent, FunctionEventAvg, events_of
from wengert.profiler.lines import Lines, lines_of
from wengert.profiler.profiler import ProfilerActivity
from wengert.profiler.ranges import record_function
from wengert.profiler.recorder import Recorder


class profile:
    """A block in which the times of operators, rules of backward and named ranges are taken.

    enabled: False makes it do nothing.  record_shapes, profile_memory, with_stack: also note the arguments' shapes,
    memory taken and let go, and the lines that led to each call.  Other devices are not measured.

    Raises: RuntimeError if the block is entered twice.
    """

    def __init__(
        self, enabled: bool = True, *, use_cuda: bool = False, use_device: str | None = None,
        record_shapes: bool = False, with_flops: bool = False, profile_memory: bool = False, with_stack: bool = False,
        with_modules: bool = False, use_kineto: bool = False, use_cpu: bool = True, experimental_config: Any = None,
        acc_events: bool = False, custom_trace_id_callback: Any = None, post_processing_timeout_s: float | None = None,
        activity_filters: Any = None,
    ) -> None:  # fmt: skip
        self.enabled, self.use_device = enabled, use_device
        if use_cuda:
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.entered, self.with_flops = False, with_flops
        self.recorder = Recorder(record_shapes, profile_memory, with_stack, with_flops)
        self.function_events: EventList | None = None

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        self.recorder.open()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.enabled:
            self.recorder.close()
            self.function_events = events_of(self.recorder, self.with_flops)

    def found(self) -> EventList:
        """The events.

        Raises: RuntimeError before the block has ended.
        """
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def __repr__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else repr(self.function_events)

    def __str__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)

    def table(self, *args: Any, **kwargs: Any) -> str:
        """The events as text (see EventList.table)."""
        return self.found().table(*args, **kwargs)

    def key_averages(self, *args: Any, **kwargs: Any) -> EventList:
        """Events of one name together (see EventList.key_averages)."""
        return self.found().key_averages(*args, **kwargs)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        return self.found().total_average()

    def lines(self) -> Lines:
        """Time and memory by line of the program, forward and backward."""
        return lines_of(self.found())

    def export_chrome_trace(self, path: Any) -> None:
        """Write a Chrome trace."""
        self.found().export_chrome_trace(path)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write stacks with their times for flame graph programs.

        Raises: AssertionError without with_stack=True.
        """
        events = self.found()
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        events.export_stacks(path, metric)

    @property
    def self_cpu_time_total(self) -> float:
        """Time of all events, microseconds."""
        return self.found().self_cpu_time_total


class emit_nvtx:
    """A block that would mark operators for NVIDIA's profiler: accepted, and nothing is marked.

    Raises: RuntimeError if the block is entered twice.
    """

    tool = "NVTX"

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes, self.entered = enabled, record_shapes, False

    def __enter__(self) -> emit_nvtx | None:
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError(f"{self.tool} annotation context manager is not reentrant")
        self.entered = True
        return self

    def __exit__(self, *error: Any) -> None:
        """Nothing was begun."""


class emit_itt(emit_nvtx):
    """A block that would mark operators for Intel's profiler: accepted, and nothing is marked."""

    tool = "ITT"


class KinetoStepTracker:
    """Counts steps by who makes them: the step of a program is the largest of the counts."""

    _current_step = 0
    _step_dict: dict[str, int] = {}

    @classmethod
    def init_step_count(cls, requester: str) -> None:
        """A requester begins at the current step."""
        cls._step_dict[requester] = cls._current_step

    @classmethod
    def erase_step_count(cls, requester: str) -> bool:
        """Forget a requester; whether it was known."""
        return cls._step_dict.pop(requester, None) is not None

    @classmethod
    def increment_step(cls, requester: str) -> int:
        """One step more; the program's step."""
        cls._step_dict[requester] = cls._step_dict.get(requester, cls._current_step) + 1
        cls._current_step = max(cls._current_step, *cls._step_dict.values())
        return cls._current_step

    @classmethod
    def current_step(cls) -> int:
        """The program's step."""
        return cls._current_step


__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "KinetoStepTracker",
    "ProfilerActivity",
    "emit_itt",
    "emit_nvtx",
    "kineto_available",
    "profile",
    "record_function",
]
