"""What the tools for looking at a program cost, and how often they are right: `python -m benchmarks.tools`.

Costs are medians of rounds in turn; "off" is a program in which the tool was used before and is closed now.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert
from wengert import tools

ROUNDS, STEPS, WARMING = 9, 60, 2000


def network(lib: Any, width: int = 64, batch: int = 32) -> Callable[[], Any]:
    """A training step of a network, a small one if nothing is said."""
    lib.manual_seed(0)
    nn = lib.nn
    model = nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    )  # fmt: skip
    x, optimizer = lib.randn(batch, width), lib.optim.SGD(model.parameters(), lr=0.01)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return step


def microseconds(step: Callable[[], Any], count: int = STEPS) -> float:
    """Time of one step."""
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count * 1e6


def profiling(name: str) -> dict[str, float]:
    """A step before any profile, inside of one, and after it."""
    lib, profiler = importlib.import_module(name), importlib.import_module(f"{name}.profiler")
    step = network(lib)
    microseconds(step, WARMING)
    before = [microseconds(step) for _ in range(ROUNDS)]
    inside = []
    for _ in range(ROUNDS):
        with profiler.profile(activities=[profiler.ProfilerActivity.CPU]):
            inside.append(microseconds(step, 20))
    after = [microseconds(step) for _ in range(ROUNDS)]
    plain = statistics.median(before)
    return {
        "plain us": plain, "profiled": statistics.median(inside) / plain, "after": statistics.median(after) / plain,
    }  # fmt: skip


def chain(lib: Any) -> Callable[[], Any]:
    """Twenty operations on eight numbers, forward and backward."""
    x = lib.ones(8, requires_grad=True)

    def step() -> None:
        y = x
        for _ in range(10):
            y = (y * 0.5).tanh()
        y.sum().backward()
        x.grad = None

    return step


def ratio(step: Callable[[], Any], block: Callable[[], Any], count: int) -> float:
    """Time of a step in a block, as a multiple of its time outside; rounds in turn."""
    found = []
    for _ in range(ROUNDS):
        plain = microseconds(step, count)
        with block():
            found.append(microseconds(step, count) / plain)
    return statistics.median(found)


def watching(name: str) -> dict[str, float]:
    """What torch's own ways to look for a NaN, or to let saved values be written, cost."""
    autograd = importlib.import_module(f"{name}.autograd")
    lib = importlib.import_module(name)
    step, large, small = network(lib), network(lib, 1024, 512), chain(lib)
    for run, count in ((step, WARMING), (large, 5), (small, WARMING)):
        microseconds(run, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "anomaly mode, 20 small operations": ratio(small, autograd.detect_anomaly, STEPS),
            "anomaly mode, network": ratio(step, autograd.detect_anomaly, STEPS),
            "copies of what is written, network": ratio(step, autograd.graph.allow_mutation_on_saved_tensors, STEPS),
            "copies of what is written, large": ratio(large, autograd.graph.allow_mutation_on_saved_tensors, 3),
        }


def blocks() -> dict[str, float]:
    """Steps inside of the tools' blocks, as multiples of the plain step."""
    step = network(wengert)
    microseconds(step, WARMING)
    return {name: ratio(step, block, 10) for name, block in (("history()", tools.history), ("memory()", tools.memory))}


def asking() -> dict[str, float]:
    """Answers about a tape, as multiples of a forward and backward pass."""
    nn = wengert.nn
    layers = [part for _ in range(20) for part in (nn.Linear(256, 256), nn.Tanh())]
    model, x = nn.Sequential(*layers), wengert.randn(512, 256)
    questions = {"blame": tools.blame, "memory": tools.memory, "source": tools.source}
    times: dict[str, list[float]] = {name: [] for name in ("step", *questions)}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        model(x).square().mean().backward()
        times["step"].append(time.perf_counter() - start)
        for name, ask in questions.items():
            loss = model(x).square().mean()
            start = time.perf_counter()
            ask(loss)
            times[name].append(time.perf_counter() - start)
    step = statistics.median(times.pop("step"))
    return {name: statistics.median(values) / step for name, values in times.items()}


def attribution() -> dict[str, float]:
    """What the ledger finds alive after the forward of six models, against NumPy's allocations (tracemalloc)."""
    nn = wengert.nn
    models = {
        "perceptron": nn.Sequential(nn.Linear(128, 512), nn.ReLU(), nn.Linear(512, 64)),
        "deep": nn.Sequential(*[part for _ in range(6) for part in (nn.Linear(128, 128), nn.Tanh())]),
        "normed": nn.Sequential(nn.Linear(128, 256), nn.LayerNorm(256), nn.Linear(256, 8)),
        "gated": nn.Sequential(nn.Linear(128, 512), nn.Sigmoid(), nn.Linear(512, 64)),
        "soft": nn.Sequential(nn.Linear(128, 512), nn.Softmax(dim=1), nn.Linear(512, 8)),
        "smooth": nn.Sequential(nn.Linear(128, 512), nn.Softplus(), nn.Linear(512, 8)),
    }
    x, table = wengert.randn(2048, 128), {}
    only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    for name, model in models.items():
        alive = []
        for _ in range(4):  # threads that try kernels out allocate, too: the least is the model's
            tracemalloc.start()
            y = model(x)
            alive.append(sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only]).traces))
            tracemalloc.stop()
            del y
        with tools.memory() as held:
            y = model(x)
            table[name] = held.total / min(alive)
        del y
    return table


def main() -> None:
    """Print the figures."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"
    libraries = ["wengert"] + (["torch"] if importlib.util.find_spec("torch") else [])
    if len(libraries) > 1:
        importlib.import_module("torch").set_num_threads(1)
    figures = {
        "profile": {name: profiling(name) for name in libraries},
        "watching, in steps": {name: watching(name) for name in libraries}, "blocks, in steps": blocks(),
        "questions, in steps": asking(), "ledger / allocator": attribution(),
    }  # fmt: skip
    print(json.dumps(figures, indent=1, default=float))


if __name__ == "__main__":
    main()
