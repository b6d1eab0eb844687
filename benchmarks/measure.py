"""One measurement in a process of its own: `python -m benchmarks.measure LIBRARY WHAT`."""

from __future__ import annotations

import gc
import importlib
import json
import resource
import subprocess
import sys
import time
from typing import Any

from benchmarks import files, loading


def resident(field: str) -> float:
    """A line of /proc/self/status in MiB."""
    with open("/proc/self/status") as file:
        return next(float(line.split()[1]) / 1024 for line in file if line.startswith(field))


def peak_memory(name: str) -> float:
    """Peak of the resident memory over that before, MiB, in three SGD steps of the large network."""
    lib = importlib.import_module(name)
    from benchmarks.workloads import large_mlp, small_mlp

    small_mlp(lib)()
    gc.collect()
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the peak so far
    step = large_mlp(lib)
    for _ in range(3):
        step()
    return resident("VmHWM") - before


def import_time(name: str) -> float:
    """Milliseconds that importing the library takes when NumPy is there."""
    import numpy  # noqa: F401

    start = time.perf_counter()
    importlib.import_module(name)
    return (time.perf_counter() - start) * 1e3


def deep_chain(name: str) -> dict[str, float]:
    """Backward through 1 000 000 nodes against 100 000, garbage collector off; memory afterwards."""
    lib = importlib.import_module(name)
    gc.disable()
    times = {}
    for count in (100_000, 1_000_000):
        x = lib.ones(2, requires_grad=True)
        z = x
        for _ in range(count):
            z = z * 1.0
        start = time.perf_counter()
        z.sum().backward()
        del z
        times[count] = time.perf_counter() - start
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "seconds": times[1_000_000],
        "ratio to 10 times 100 000": times[1_000_000] / (10 * times[100_000]),
        "resident MiB afterwards": pages * resource.getpagesize() / 2**20,
    }


WHAT = {
    "memory": peak_memory, "import": import_time, "deep": deep_chain, "loading": loading.batch_time,
    "save": files.save_time, "load": files.load_time, "map": files.map_time,
}  # fmt: skip


def apart(name: str, what: str) -> Any:
    """Run a measurement in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", name, what], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(WHAT[sys.argv[2]](sys.argv[1])))
