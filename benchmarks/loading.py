"""How fast batches arrive from worker processes; measured in a process of its own (`fresh.py`)."""

from __future__ import annotations

import importlib
import statistics
import time
from typing import Any

BATCHES, BATCH = 30, 32


class Images:
    """Pictures of 3 x 224 x 224 that are already decoded, so that only the way of a batch to the program is timed."""

    def __init__(self, lib: Any) -> None:
        self.pictures = lib.rand(8, 3, 224, 224)

    def __len__(self) -> int:
        return BATCHES * BATCH

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.pictures[index % len(self.pictures)], index


def batch_time(name: str) -> float:
    """Milliseconds for a batch of 32 x 3 x 224 x 224 from two workers, read once by the program; median of passes."""
    lib = importlib.import_module(name)
    lib.set_num_threads(1)
    data = importlib.import_module(f"{name}.utils.data")
    loader = data.DataLoader(Images(lib), BATCH, num_workers=2, persistent_workers=True)
    total, times = 0.0, []
    for _ in range(5):
        start = time.perf_counter()
        for pictures, _ in loader:
            total += pictures.sum().item()
        times.append((time.perf_counter() - start) / BATCHES * 1e3)
    assert total > 0
    return statistics.median(times[1:])  # the workers start in the first pass
