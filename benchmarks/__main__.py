"""Run every workload beside torch (where installed) and print ratios: time or memory of wengert / torch."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import time
from typing import Any

from benchmarks.measure import apart
from benchmarks.networks import NETWORKS
from benchmarks.transforms import TRANSFORMS
from benchmarks.workloads import TIMED


def seconds(run: Any, least: float = 0.05) -> float:
    """Time of one run, from a batch that lasts at least `least` seconds."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            run()
        spent = time.perf_counter() - start
        if spent >= least:
            return spent / count
        count = max(count * 2, int(count * least / max(spent, 1e-9)))


def timed(names: list[str], rounds: int, only: str) -> dict[str, dict[str, Any]]:
    """Medians per workload and library; the libraries take turns."""
    libraries = {name: importlib.import_module(name) for name in names}
    if "torch" in libraries:
        libraries["torch"].set_num_threads(1)
    table: dict[str, dict[str, Any]] = {}
    chosen = {title: row for title, row in {**TIMED, **NETWORKS, **TRANSFORMS}.items() if only.lower() in title.lower()}
    for title, (workload, operations, goal) in chosen.items():
        runs = {name: workload(lib) for name, lib in libraries.items()}
        for run in runs.values():
            run()
        samples: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name, run in runs.items():
                samples[name].append(seconds(run) / operations * 1e6)
        row: dict[str, Any] = {name: statistics.median(values) for name, values in samples.items()}
        if "torch" in row:
            ratios = [w / t for w, t in zip(samples["wengert"], samples["torch"], strict=True)]
            row.update(ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), goal=goal)
        table[title] = row
        show(title, row, "us")
    return table


def show(title: str, row: dict[str, Any], unit: str) -> None:
    """One line of the table."""
    ratio = f"{row['ratio']:5.2f} ({row['low']:.2f}-{row['high']:.2f}), goal {row['goal']}" if "ratio" in row else ""
    torch = f"{row['torch']:10.2f}" if "torch" in row else " " * 10
    print(f"{title:45} {row['wengert']:10.2f} {torch} {unit:3} {ratio}", flush=True)


def compared(what: str, names: list[str], title: str, unit: str, goal: float) -> dict[str, Any]:
    """A measurement that needs fresh processes, three of each library in turn."""
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(3):
        for name in names:
            samples[name].append(apart(name, what))
    row: dict[str, Any] = {name: statistics.median(values) for name, values in samples.items()}
    if "torch" in row:
        ratios = [w / t for w, t in zip(samples["wengert"], samples["torch"], strict=True)]
        row.update(ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), goal=goal)
    show(title, row, unit)
    return row


def main() -> None:
    """Measure, print, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each workload is timed (median is taken)")
    parser.add_argument("--only", default="", help="words of the titles of the workloads to run")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"  # before the libraries are imported: both compute on one thread
    names = ["wengert"] + (["torch"] if importlib.util.find_spec("torch") else [])
    versions = {name: importlib.import_module(name).__version__ for name in [*names, "numpy"]}
    print(f"Python {platform.python_version()}, " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    print(f"{'':45} {'wengert':>10} {'torch':>10}     ratio wengert / torch (range), one thread")
    table = timed(names, options.rounds, options.only)
    if not options.only:
        processes(table, names)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"versions": versions, "table": table}, file, indent=1)


def processes(table: dict[str, dict[str, Any]], names: list[str]) -> None:
    """What needs fresh processes: memory, import, deep tapes."""
    table["peak memory"] = compared("memory", names, "peak memory, MLP (256, 1024, 1024, 1024)", "MiB", 1.0)
    table["import"] = compared("import", names, "import, NumPy already there", "ms", 60.0)
    rows = {
        "loading": ("DataLoader, 2 workers, 32 x 3 x 224 x 224", 1.0), "save": ("save 256 MiB", 1.0),
        "load": ("load 256 MiB", 1.0), "map": ("load 256 MiB, mmap", 50.0),
    }  # fmt: skip
    for what, (title, goal) in rows.items():
        table[what] = compared(what, names, title, "ms", goal)
    table["deep"] = apart("wengert", "deep")
    print("1 000 000 nodes: " + ", ".join(f"{k} {v:.2f}" for k, v in table["deep"].items()))


if __name__ == "__main__":
    main()
