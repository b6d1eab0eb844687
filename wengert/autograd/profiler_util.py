"""Events of a profile, under the names of `torch.autograd.profiler_util`."""

from __future__ import annotations

from wengert.profiler.events import DeviceType, EventList, FunctionEvent, FunctionEventAvg, Interval

__all__ = ["DeviceType", "EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]
