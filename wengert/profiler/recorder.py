"""Takes the times of what a program does: one Event for each operator, rule and named range."""

from __future__ import annotations

import sys
import threading
import weakref
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Any

from wengert.core.tape.core import AccumulateGrad, TensorBase, user_frame
from wengert.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from wengert.profiler.memory import Holdings, memory_of
from wengert.profiler.observing import FUNCTION, INDEX, INPLACE, RULE, VISIT, Observer
from wengert.utils.flop_counter import COUNTS

RECORDING: ContextVar[Recorder | None] = ContextVar("wengert_recorder", default=None)
"""The recorder that is open, for named ranges."""
USER = "user_annotation"
_DTYPES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int8": "signed char",
    "uint8": "unsigned char", "int16": "short int", "int32": "int", "int64": "long int",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip
"""The names of dtypes in torch's traces."""
_PACKAGE = __file__[: -len("profiler/recorder.py")]


class Event:
    """Something that took time: nanoseconds, the event it happened in, and what is known of it.

    seq: number of the node that a forward operator made or a rule belongs to, else -1.  place: (code, instruction) of
    the user's line; of a rule, the line of its forward operation.  allocated, freed: bytes.
    """

    __slots__ = (
        "name", "kind", "start", "end", "thread", "parent", "seq", "shapes", "dtypes", "strides", "place", "stack",
        "allocated", "freed", "index", "flops",
    )  # fmt: skip

    def __init__(self, name: str, kind: str, parent: Event | None, index: int) -> None:
        self.name, self.kind, self.parent, self.index = name, kind, parent, index
        self.thread = threading.get_native_id()
        self.seq, self.allocated, self.freed, self.flops = -1, 0, 0, 0
        self.shapes: list[Any] = []
        self.dtypes: list[str] = []
        self.strides: list[Any] = []
        self.place: Any = None
        self.stack: Any = ()
        self.start = self.end = 0


class Recorder(Observer):
    """Collects events between `open` and `close`."""

    def __init__(self, shapes: bool = False, memory: bool = False, stack: bool = False, flops: bool = False) -> None:
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops
        self.events: list[Event] = []
        self.allocations: list[tuple[int, int, int]] = []
        self.running: list[Event] = []
        self.steps: list[Event] = []
        self.calls: Any = weakref.WeakKeyDictionary()
        self.holdings = Holdings(self.freed)
        self.started = self.stopped = 0
        self.paused = False

    def open(self) -> None:
        """Begin to record."""
        super().open()
        self.outer = RECORDING.get()
        RECORDING.set(self)
        self.hooks = (register_optimizer_step_pre_hook(before_step), register_optimizer_step_post_hook(after_step))
        self.started = perf_counter_ns()

    def close(self) -> None:
        """Record no longer; what still runs ends now."""
        self.stopped = perf_counter_ns()
        for event in self.running:
            event.end = self.stopped
        self.running = []
        for hook in self.hooks:
            hook.remove()
        RECORDING.set(self.outer)
        if not self.paused:
            super().close()
        self.holdings = Holdings()

    def pause(self) -> None:
        """Take no notice of what follows."""
        self.paused = True
        super().close()

    def resume(self) -> None:
        """Take notice again."""
        self.paused = False
        super().open()

    def seen(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        """An operator on its way; its flops are counted where that was asked for."""
        if not self.flops or op.name not in COUNTS:
            return super().seen(op, args, run)
        index = len(self.events)
        out = super().seen(op, args, run)
        self.events[index].flops = COUNTS[op.name](op, args, out)[1]
        return out

    # ------------------------------------------------------------ what is observed

    def begin(self, kind: str, subject: Any, args: Any) -> Event:
        """Something begins."""
        event = Event(name_of(kind, subject), kind, self.running[-1] if self.running else None, len(self.events))
        self.events.append(event)
        if kind is RULE or kind is VISIT:
            node = subject
            if kind is RULE and node.__class__ is not AccumulateGrad or kind is VISIT and hasattr(node, "_code"):
                event.seq = -1 if node.__class__ is AccumulateGrad else node._seq
                event.place = (node._code, node._lasti)
                if node in self.calls:
                    self.calls[node].seq = node._seq
            if self.shapes and kind is RULE:
                self.describe(event, args if args.__class__ is list else (args,))
        else:
            frame = user_frame(sys._getframe(2))
            event.place = (frame.f_code, frame.f_lasti)
            if self.stack:
                event.stack = stack_of(frame)
            if self.shapes:
                self.describe(event, args)
            if self.memory:
                # The arrays of the arguments: a result that looks at one of them takes no memory.
                event.strides.append({id(memory_of(x._array)) for x in flat(args) if isinstance(x, TensorBase)})
        if kind is FUNCTION:
            self.calls[subject[1]] = event
        self.running.append(event)
        event.start = perf_counter_ns()
        return event

    def end(self, event: Event, result: Any) -> None:
        """It ended."""
        event.end = perf_counter_ns()
        if self.running and self.running[-1] is event:
            self.running.pop()
        kind = event.kind
        given = event.strides.pop() if self.memory and kind not in (RULE, VISIT) and event.strides else ()
        if result is None:
            return
        outs = result if result.__class__ is tuple or result.__class__ is list else (result,)
        if kind is not RULE and kind is not VISIT:
            node = next((x._node for x in outs if isinstance(x, TensorBase) and x._flags & 1), None)
            if node is not None and node.__class__ is not AccumulateGrad:
                event.seq = node._seq
        if self.memory and kind is not INPLACE:
            for x in outs:
                array = x._array if isinstance(x, TensorBase) else x
                if hasattr(array, "nbytes") and id(memory_of(array)) not in given:
                    self.took(event, self.holdings.add(array))

    def took(self, event: Event | None, size: int) -> None:
        """Memory was taken."""
        if size:
            self.allocations.append((perf_counter_ns(), size, self.holdings.total))
        while event is not None and size:
            event.allocated += size
            event = event.parent

    def freed(self, size: int, owner: Any) -> None:
        """Memory was let go."""
        self.allocations.append((perf_counter_ns(), -size, self.holdings.total))
        event = self.running[-1] if self.running else None
        while event is not None:
            event.freed += size
            event = event.parent

    def describe(self, event: Event, args: Any) -> None:
        """Note the arguments' shapes and dtypes."""
        for x in args:
            if isinstance(x, (list, tuple)) and any(isinstance(part, TensorBase) for part in x):
                event.shapes.append([list(part._array.shape) for part in x if isinstance(part, TensorBase)])
                event.dtypes.append("TensorList")
                continue
            array = x._array if isinstance(x, TensorBase) else x
            tensor = hasattr(array, "shape") and hasattr(array, "dtype")
            event.shapes.append(list(array.shape) if tensor else [])
            name = str(array.dtype) if tensor else "Scalar" if isinstance(x, (int, float)) else ""
            event.dtypes.append(_DTYPES.get(name, name))

    # ------------------------------------------------------------ named ranges

    def enter(self, name: str) -> Event:
        """A named range begins."""
        event = Event(name, USER, self.running[-1] if self.running else None, len(self.events))
        self.events.append(event)
        frame = user_frame(sys._getframe(2))
        event.place = (frame.f_code, frame.f_lasti)
        event.stack = stack_of(frame) if self.stack else ()
        self.running.append(event)
        event.start = perf_counter_ns()
        return event

    def leave(self, event: Event) -> None:
        """It ends, and whatever began in it and did not end."""
        event.end = perf_counter_ns()
        if event in self.running:
            while self.running:
                last = self.running.pop()
                last.end = last.end or event.end
                if last is event:
                    break


def name_of(kind: str, subject: Any) -> str:
    """torch's name of an event."""
    if kind is VISIT:
        name = subject.name() if hasattr(subject, "name") else getattr(subject, "__name__", "sweep")
        return f"autograd::engine::evaluate_function: {name}"
    if kind is RULE:
        return subject.name()
    if kind is FUNCTION:
        return subject[0].__name__
    if kind is INDEX:
        return "aten::index"
    return f"aten::{subject.name}_" if kind is INPLACE else f"aten::{subject.name}"


def flat(args: Any) -> list[Any]:
    """Arguments, those in lists among them."""
    found: list[Any] = []
    for x in args:
        if x.__class__ is list or x.__class__ is tuple:
            found.extend(x)
        else:
            found.append(x)
    return found


def stack_of(frame: Any) -> tuple[Any, ...]:
    """(code, instruction) of the frames outside of this package, the innermost first."""
    found = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


# ---------------------------------------------------------------- optimizers


def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """An optimizer's step begins: a named range."""
    recorder = RECORDING.get()
    if recorder is not None:
        recorder.steps.append(recorder.enter(f"Optimizer.step#{type(optimizer).__name__}.step"))


def after_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """It ends."""
    recorder = RECORDING.get()
    if recorder is not None and recorder.steps:
        recorder.leave(recorder.steps.pop())
