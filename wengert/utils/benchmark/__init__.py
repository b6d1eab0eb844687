"""Timing of statements (`torch.utils.benchmark`)."""

from __future__ import annotations

from wengert.utils.benchmark.comparison import Compare
from wengert.utils.benchmark.measurement import Measurement, TaskSpec, select_unit, trim_sigfig, unit_to_english
from wengert.utils.benchmark.timer import Language, Timer, timer

__all__ = [
    "Compare", "Language", "Measurement", "TaskSpec", "Timer", "select_unit", "timer", "trim_sigfig", "unit_to_english",
]  # fmt: skip
