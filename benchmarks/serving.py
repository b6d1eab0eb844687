"""One library in a process that stays: `python -m benchmarks.serving LIBRARY THREADS SECONDS`.

Reads requests, one title on a line, and answers each with a line of JSON. The first request for a title prepares the
workload: it is compared with its references, repeated until the library has settled, and compared again with new
numbers; every later one times it.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks import mix
from benchmarks.kernels import Job, compare

Run = Callable[[], Any]
Clocks = tuple[float, float]
"""Microseconds of wall time and of the processor's time, in all threads."""


def versions(name: str) -> dict[str, Any]:
    """What ran: versions, and for Wengert the form of its hot core."""
    lib = importlib.import_module(name)
    found = {"version": lib.__version__, "python": platform.python_version()}
    found["numpy"] = importlib.import_module("numpy").__version__
    if name == "wengert":
        native = importlib.import_module("wengert.core.base.native")
        found["core"] = "compiled" if native.active else f"plain Python ({native.reason})"
        found["version"] = importlib.import_module("wengert.version").release
        found["path"] = os.path.dirname(lib.__file__)
    return found


def limit(name: str, threads: int) -> Any:
    """The library, told how many threads to use."""
    lib = importlib.import_module(name)
    if name in ("wengert", "torch"):
        lib.set_num_threads(threads)
    elif name == "tensorflow":
        lib.config.threading.set_intra_op_parallelism_threads(threads)
        lib.config.threading.set_inter_op_parallelism_threads(1)
    return lib  # jax reads the environment (`turns.py`)


def workloads(name: str) -> dict[str, Callable[[Any], Job]]:
    """Title -> workload of a library."""
    if name == "jax":
        return importlib.import_module("benchmarks.in_jax").WORKLOADS
    if name == "tensorflow":
        return importlib.import_module("benchmarks.in_tensorflow").WORKLOADS
    return importlib.import_module("benchmarks.in_torch").WORKLOADS


def settle(name: str, run: Run) -> None:
    """Repeat until caches are filled and no background work is left: kernels are made while NumPy serves."""
    shop = importlib.import_module("wengert.core.kernels.workshop") if name == "wengert" else None
    for _ in range(10):
        for _ in range(3):
            run()
        if shop is None:
            return
        known = len(shop.orders())
        shop.finish()
        run()
        if len(shop.orders()) == known:
            return


class Timer:
    """A thing to repeat, as often as fills the given seconds."""

    def __init__(self, run: Run, least: float) -> None:
        self.run, self.count = run, 1
        while (spent := self.clocks()[0] * self.count / 1e6) < least and self.count < 1 << 24:
            self.count = max(self.count * 2, int(self.count * least / max(spent, 1e-9)))

    def turn(self) -> Clocks:
        """Time of one run, after some that do not count: while others had their turn, memory was driven away."""
        for _ in range(1 + self.count // 10):
            self.run()
        return self.clocks()

    def clocks(self) -> Clocks:
        """Time of one run."""
        run, steps = self.run, range(self.count)
        work, start = time.process_time(), time.perf_counter()
        for _ in steps:
            run()
        wall, used = time.perf_counter() - start, time.process_time() - work
        return wall / self.count * 1e6, used / self.count * 1e6


class Bench:
    """The workloads of one library; the one that is timed at present is kept."""

    def __init__(self, name: str, threads: int, least: float) -> None:
        self.name, self.least = name, least
        self.lib = limit(name, threads)
        self.title, self.timers = "", {}

    def answer(self, title: str) -> dict[str, Any]:
        """Prepare a workload, or time it."""
        if title != self.title:
            self.title, self.timers = "", {}
            self.timers = self.mixed() if title == mix.TITLE else self.prepared(title)
            self.title = title
            return {"ready": True}
        return {name: timer.turn() for name, timer in self.timers.items()}

    def prepared(self, title: str) -> dict[str, Timer]:
        """Timers of a workload; of a quotient's dividend and divisor."""
        make = workloads(self.name)[title]
        *runs, check = make(self.lib)
        compare(title, check())
        for run in runs:
            settle(self.name, run)
        compare(title, make(self.lib)[-1]())
        return {str(place): Timer(run, self.least) for place, run in enumerate(runs)}

    def mixed(self) -> dict[str, Timer]:
        """Timers of all small operators."""
        for operator, pairs in mix.check(self.lib).items():
            compare(operator, pairs)
        return {operator: Timer(run, self.least / 10) for operator, run in mix.calls(self.lib).items()}


def main() -> None:
    """Serve until the input ends."""
    name, threads, least = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no reply
    bench = Bench(name, threads, least)
    print(json.dumps(versions(name)), file=replies)
    for line in sys.stdin:
        try:
            told = bench.answer(line.strip())
        except AssertionError as error:
            told = {"wrong": str(error) or "an assertion failed"}
        except Exception:
            told = {"failed": traceback.format_exc()}
        print(json.dumps(told), file=replies)


if __name__ == "__main__":
    main()
