"""Times that were taken, with their median and spread."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

_UNITS = {"ns": (1e-9, "nanosecond"), "us": (1e-6, "microsecond"), "ms": (1e-3, "millisecond"), "s": (1.0, "second")}


class TaskSpec(NamedTuple):
    """What was timed."""

    stmt: str
    setup: str = "pass"
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, else the statement."""
        return (self.label or self.stmt) + (f": {self.sub_label}" if self.sub_label else "")

    def summarize(self) -> str:
        """Label, description and setup as text."""
        parts = [self.title]
        parts += [self.description] if self.description else []
        parts += [f"setup: {self.setup}"] if self.setup != "pass" else []
        return "\n".join(parts)


def unit_to_english(u: str) -> str:
    """The name of a unit of time."""
    return _UNITS[u][1]


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which `t` seconds are a number from 1 to 1000, and its length in seconds."""
    name = next((name for name, (length, _) in reversed(_UNITS.items()) if t >= length), "ns")
    return name, _UNITS[name][0]


def trim_sigfig(x: float, n: int) -> float:
    """`x` with `n` significant digits."""
    if x == 0:
        return 0.0
    scale = 10.0 ** (n - int(math.ceil(math.log10(abs(x)))))
    return float(round(x * scale) / scale)


class Measurement:
    """Times of several runs: `raw_times` seconds for `number_per_run` executions each."""

    def __init__(
        self, number_per_run: int, raw_times: list[float], task_spec: TaskSpec, metadata: dict[Any, Any] | None = None
    ) -> None:
        self.number_per_run, self.raw_times, self.task_spec = number_per_run, raw_times, task_spec
        self.metadata = metadata

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "task_spec":
            raise AttributeError(name)
        return getattr(self.task_spec, name)

    @property
    def times(self) -> list[float]:
        """Seconds for one execution, in each run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """Middle of the times."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """Mean of the times."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """Distance between the quartiles of the times."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    @property
    def significant_figures(self) -> int:
        """How many digits of the median the spread leaves meaning."""
        if len(self.times) < 2 or not self.iqr:
            return 4
        return max(1, min(4, int(math.log10(self.median / self.iqr)) + 1 if self.iqr < self.median else 1))

    @property
    def has_warnings(self) -> bool:
        """Whether the spread is more than a tenth of the median."""
        return self.iqr > 0.1 * self.median

    @property
    def title(self) -> str:
        """What was timed."""
        return self.task_spec.title

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One Measurement for each thing that was timed, with all its times."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for one in measurements:
            groups.setdefault(one.task_spec, []).append(one)
        return [Measurement(1, [t for one in group for t in one.times], spec) for spec, group in groups.items()]

    def __repr__(self) -> str:
        unit, length = select_unit(self.median)
        lines = [f"{type(self).__module__}.{type(self).__name__} object", self.task_spec.summarize()]
        head = "  Median: " if len(self.times) > 1 else "  "
        lines.append(f"{head}{self.median / length:.2f} {unit}")
        if len(self.times) > 1:
            lines.append(f"  IQR:    {self.iqr / length:.2f} {unit}")
        count = f"{len(self.times)} measurement{'s' if len(self.times) > 1 else ''}"
        threads = f"{self.task_spec.num_threads} thread{'s' if self.task_spec.num_threads > 1 else ''}"
        return "\n".join([*lines, f"  {count}, {self.number_per_run} runs per measurement, {threads}"])


__all__ = ["Measurement", "TaskSpec", "select_unit", "trim_sigfig", "unit_to_english"]
