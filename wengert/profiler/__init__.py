"""Where a program's time and memory go (`torch.profiler`): operators, rules of backward, named ranges, lines."""

from __future__ import annotations

from wengert.profiler import profiler
from wengert.profiler.events import DeviceType
from wengert.profiler.profiler import (
    ExecutionTraceObserver,
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from wengert.profiler.profiler import _KinetoProfile as _KinetoProfile
from wengert.profiler.ranges import record_function


def kineto_available() -> bool:
    """True: the events are those that torch's Kineto profiler gives, of the CPU."""
    return True


__all__ = [
    "DeviceType",
    "ExecutionTraceObserver",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "profiler",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
