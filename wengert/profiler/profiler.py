"""`profile`: what a program spends its time and memory on, step by step."""

from __future__ import annotations

import enum
import json
import os
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from wengert.profiler import trace
from wengert.profiler.events import EventList, events_of
from wengert.profiler.lines import Lines, lines_of
from wengert.profiler.ranges import record_function
from wengert.profiler.recorder import Recorder


class ProfilerActivity(enum.Enum):
    """What is observed; here it is always the CPU."""

    CPU, XPU, MTIA, CUDA, HPU, PrivateUse1 = range(6)


class ProfilerAction(enum.Enum):
    """What a schedule asks for at one step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE, DEVICE_STOPPED = range(5)


NONE, WARMUP = ProfilerAction.NONE, ProfilerAction.WARMUP
RECORD, SAVE = ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE


def supported_activities() -> set[ProfilerActivity]:
    """The CPU."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Step -> what to do: after `skip_first` steps, cycles of `wait` idle, `warmup` and `active` recorded steps.

    repeat: number of cycles, 0 for no end.  skip_first_wait: the first cycle does not wait.

    Raises: AssertionError for negative counts or no active step.
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )
    if warmup == 0:
        warnings.warn("Profiler won't be using warmup, this can skew profiler results", stacklevel=2)

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        cycle = wait + warmup + active
        if repeat and step // cycle >= repeat:
            return NONE
        place = step % cycle
        if place < wait:
            return NONE
        if place < wait + warmup:
            return WARMUP
        return SAVE if place == cycle - 1 else RECORD

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[Any], None]:
    """An `on_trace_ready` that writes `WORKER.TIME.pt.trace.json` files into a folder.

    Raises: RuntimeError if the folder cannot be made.
    """

    def handler(prof: Any) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError("Can't create directory: " + dir_name) from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json" + ".gz" * use_gzip
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


class _KinetoProfile:
    """A profile without steps: `start`, `stop`, and what was found between them."""

    def __init__(
        self, *, activities: Iterable[Any] | None = None, record_shapes: bool = False, profile_memory: bool = False,
        with_stack: bool = False, with_flops: bool = False, with_modules: bool = False, experimental_config: Any = None,
        execution_trace_observer: Any = None, acc_events: bool = False, custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:  # fmt: skip
        self.activities = set(activities) if activities is not None else supported_activities()
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.with_flops, self.with_modules, self.acc_events = with_flops, with_modules, acc_events
        self.custom_trace_id_callback = custom_trace_id_callback
        self.recorder: Recorder | None = None
        self.recorded: EventList | None = None
        self.kept: EventList = EventList()
        self.allocations: list[tuple[float, int, int]] = []
        self.facts: dict[str, Any] = {}
        self.preset: dict[str, Any] = {}

    def start(self) -> None:
        """Begin to record."""
        self.prepare_trace()
        self.start_trace()

    def stop(self) -> None:
        """Record no longer."""
        self.stop_trace()

    def prepare_trace(self) -> None:
        """Get ready."""

    def start_trace(self) -> None:
        """Begin to record."""
        self.recorder = Recorder(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops)
        self.recorder.open()

    def stop_trace(self) -> None:
        """Record no longer, and work out what was recorded.

        Raises: AssertionError where nothing was started.
        """
        if self.recorder is None:
            raise AssertionError("Profiler must be initialized before stopping trace")
        recorder, self.recorder = self.recorder, None
        recorder.close()
        self.recorded = events_of(recorder, self.with_flops)
        self.allocations = [((when - recorder.started) / 1e3, size, all) for when, size, all in recorder.allocations]
        self.facts = {
            "trace_id": os.urandom(16).hex().upper(), "with_stack": int(self.with_stack),
            "profile_memory": int(self.profile_memory), "record_shapes": int(self.record_shapes),
        }  # fmt: skip
        if self.acc_events:
            self.kept.extend(self.recorded)

    def found(self, doing: str) -> EventList:
        """The events, if there was a recording."""
        if self.recorded is None:
            raise AssertionError(f"Profiler must be initialized before {doing}")
        if self.acc_events:
            return EventList(self.kept, profile_memory=self.profile_memory)
        return self.recorded

    def events(self) -> EventList:
        """Everything that was recorded, in the order in which it began."""
        return self.found("accessing events")

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Events of one name together."""
        return self.found("getting key averages").key_averages(group_by_input_shape, group_by_stack_n)

    def lines(self) -> Lines:
        """Time and memory by line of the program, forward and backward; `.table()` shows them."""
        return lines_of(self.found("getting lines"))

    def export_chrome_trace(self, path: Any) -> None:
        """Write a Chrome trace (compressed if the name ends in .gz), for chrome://tracing and ui.perfetto.dev."""
        events = self.found("exporting chrome trace")
        facts = {**self.facts, "traceName": os.fspath(path), **self.preset}
        trace.write(path, trace.document(events, facts, self.allocations))

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write stacks with their times for flame graph programs.

        Raises: AssertionError without with_stack=True.
        """
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self.found("exporting stacks").export_stacks(path, metric)

    def export_memory_timeline(self, path: Any, device: str | None = None) -> None:
        """Write [times in microseconds, live bytes] of a profile with `profile_memory` as JSON."""
        self.found("exporting the memory timeline")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([[when for when, _, _ in self.allocations], [total for _, _, total in self.allocations]], file)

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text into the trace file."""
        self.preset[key] = str(value).replace('"', '\\"')

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put JSON into the trace file."""
        self.preset[key] = json.loads(value)

    def preset_metadata_json(self, key: str, value: str) -> None:
        """The same, before the start."""
        self.add_metadata_json(key, value)

    def toggle_collection_dynamic(self, enable: bool, activities: Iterable[Any]) -> None:
        """Stop recording for a while, or go on."""
        if self.recorder is None:
            return
        recorder = self.recorder
        if enable and recorder.paused:
            recorder.resume()
        elif not enable and not recorder.paused:
            recorder.pause()


class profile(_KinetoProfile):
    """A block in which the times of operators, rules of backward and named ranges are taken (see docs/profiling.md).

    schedule: what to record at which step, as `schedule(...)` makes it; `step()` ends one.  on_trace_ready: called
    with the profile when a recorded cycle is complete.  record_shapes, profile_memory, with_stack: also note the
    arguments' shapes, memory taken and let go, and the lines that led to each call.

    What is observed is the thread or task that opened the block.
    """

    def __init__(
        self, *, activities: Iterable[Any] | None = None, schedule: Any = None, on_trace_ready: Any = None,
        record_shapes: bool = False, profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False,
        with_modules: bool = False, experimental_config: Any = None, execution_trace_observer: Any = None,
        acc_events: bool = False, use_cuda: bool | None = None, custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            activities=activities, record_shapes=record_shapes, profile_memory=profile_memory, with_stack=with_stack,
            with_flops=with_flops, with_modules=with_modules, acc_events=acc_events,
        )  # fmt: skip
        if use_cuda is not None:
            warnings.warn("`use_cuda` is deprecated, use `activities` argument instead", FutureWarning, stacklevel=2)
        self.record_steps = schedule is not None
        self.schedule = schedule if schedule is not None else lambda step: RECORD
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.range: record_function | None = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with step 0."""
        self.pass_over(NONE, self.current_action)
        self.begin_step()

    def stop(self) -> None:
        """End; what was recorded last is handed to `on_trace_ready`."""
        self.end_step()
        self.pass_over(self.current_action, None)

    def step(self) -> None:
        """The next step begins."""
        self.end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        self.pass_over(before, self.current_action)
        self.begin_step()

    def begin_step(self) -> None:
        """Name the step in the recording."""
        if self.record_steps:
            self.range = record_function(f"ProfilerStep#{self.step_num}")
            self.range.__enter__()

    def end_step(self) -> None:
        """End of the step's range."""
        if self.range is not None:
            self.range.__exit__()
            self.range = None

    def pass_over(self, before: ProfilerAction, after: ProfilerAction | None) -> None:
        """From one action to the next; `after` None: the end."""
        recording, next_recording = before in (RECORD, SAVE), after in (RECORD, SAVE)
        if recording and (before is SAVE or after is None):
            self.stop_trace()
            self.ready()
            recording = False
        elif recording and not next_recording:
            warnings.warn("Incorrect schedule: RECORD followed by " + str(after and after.name), stacklevel=4)
            self.stop_trace()
            recording = False
        if next_recording and not recording:
            self.start_trace()

    def ready(self) -> None:
        """Hand the finished recording out."""
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def set_custom_trace_id_callback(self, callback: Any) -> None:
        """Kept for programs that give traces names."""
        self.custom_trace_id_callback = callback

    def get_trace_id(self) -> str | None:
        """The name that the callback gives, if there is one."""
        return None if self.custom_trace_id_callback is None else self.custom_trace_id_callback()


class ExecutionTraceObserver:
    """Writes the operators of a program to a file as JSON, between `start` and `stop`."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.recorder: Recorder | None = None

    def register_callback(self, output_file_path: str) -> ExecutionTraceObserver:
        """The file to write."""
        self.path = output_file_path
        return self

    def get_output_file_path(self) -> str | None:
        """The file, None before it is known."""
        return self.path

    def unregister_callback(self) -> None:
        """Stop, and forget the file."""
        self.stop()
        self.path = None

    def start(self) -> None:
        """Begin."""
        if self.path is None:
            self.path = os.path.join(tempfile.mkdtemp(), "trace.json")
        if self.recorder is None:
            self.recorder = Recorder(shapes=True)
            self.recorder.open()

    def stop(self) -> None:
        """End, and write the file."""
        if self.recorder is None or self.path is None:
            return
        recorder, self.recorder = self.recorder, None
        recorder.close()
        nodes = [
            {"id": e.id, "name": e.name, "ctrl_deps": None if e.cpu_parent is None else e.cpu_parent.id,
             "inputs": {"shapes": e.input_shapes, "types": e.input_dtypes}}
            for e in events_of(recorder)
        ]  # fmt: skip
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({"schema": "1.1.1-chakra.0.0.4", "pid": os.getpid(), "nodes": nodes}, file)

    def cleanup(self) -> None:
        """The same as `unregister_callback`."""
        self.unregister_callback()
