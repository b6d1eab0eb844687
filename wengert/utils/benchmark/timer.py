"""Taking times of a statement: often enough that the clock's grain and single disturbances do not count."""

from __future__ import annotations

import enum
import textwrap
import timeit
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import MissingError
from wengert.core.tensor.queries import get_num_threads, set_num_threads
from wengert.utils.benchmark.measurement import Measurement, TaskSpec

timer = timeit.default_timer


class Language(enum.Enum):
    """What a statement is written in."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times `stmt`, which is run after `setup` in the namespace `globals`, with `num_threads` threads.

    Raises: MissingError for a statement in C++.
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "", timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None, label: str | None = None, sub_label: str | None = None,
        description: str | None = None, env: str | None = None, num_threads: int = 1, language: Any = Language.PYTHON,
    ) -> None:  # fmt: skip
        if language not in (Language.PYTHON, "py", "python"):
            raise MissingError("Timer: statements in C++ cannot be timed, only such in Python")
        stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        self._timer = timeit.Timer(stmt, setup, timer, globals)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _run(self, number: int) -> float:
        before = get_num_threads()
        try:
            set_num_threads(self._task_spec.num_threads)
            return max(self._timer.timeit(number), 1e-9)
        finally:
            set_num_threads(before)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One run of `number` executions, after some to warm up."""
        self._run(max(number // 100, 1))
        return Measurement(number, [self._run(number)], self._task_spec)

    def repeat(self, repeat: int = -1, number: int = -1) -> list[float]:
        """Seconds of `repeat` runs of `number` executions."""
        return [self._run(number) for _ in range(repeat)]

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> tuple[int, float]:
        """Executions that take a fifth of a second, and their time."""
        number, taken = self._timer.autorange(callback)
        return number, taken

    def _block(self, min_run_time: float) -> int:
        number = 1
        while self._run(number) < min_run_time / 1000 and number < 10**8:
            number *= 10
        return number

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Runs of equal length until they took `min_run_time` seconds together."""
        number, times = self._block(min_run_time), list[float]()
        while sum(times) < min_run_time:
            times.append(self._run(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:  # fmt: skip
        """Runs until the spread is `threshold` times the median, or `max_run_time` seconds have passed."""
        number, times = self._block(min_run_time), list[float]()
        while True:
            times.append(self._run(number))
            if callback is not None:
                callback(number, times[-1])
            found = Measurement(number, times, self._task_spec)
            settled = len(times) > 3 and found.iqr < threshold * found.median
            if sum(times) >= min_run_time and settled or sum(times) >= max_run_time:
                return found


__all__ = ["Language", "Timer", "timer"]
