"""How long saving and loading of 256 MiB take; measured in a process of its own (`fresh.py`)."""

from __future__ import annotations

import importlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

TENSORS, ELEMENTS = 64, 1 << 20


def median(run: Callable[[], Any], unit: float) -> float:
    """The median time of seven runs, after one that is not counted."""
    times = []
    for _ in range(8):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * unit)
    return statistics.median(times[1:])


def timed(name: str, what: str) -> float:
    """Milliseconds to save 64 tensors of 4 MiB, to load them, or to map the file."""
    lib = importlib.import_module(name)
    given = {f"weight {i}": lib.rand(ELEMENTS) for i in range(TENSORS)}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.pt")
        if what == "save":
            return median(lambda: lib.save(given, path), 1e3)
        lib.save(given, path)
        return median(lambda: lib.load(path, mmap=what == "map"), 1e3)
