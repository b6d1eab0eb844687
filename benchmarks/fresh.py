"""One figure in a process of its own: `python -m benchmarks.fresh LIBRARY THREADS KIND SUBJECT START`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import sys
import time
from typing import Any


def import_time(name: str, subject: str) -> float:
    """Milliseconds that importing the library takes; NumPy's own import is part of it or done before."""
    if subject != "whole":
        importlib.import_module("numpy")
    start = time.perf_counter()
    importlib.import_module(name)
    return (time.perf_counter() - start) * 1e3


def cold_start(name: str, start: float) -> float:
    """Milliseconds from the start of the process to the first gradient, of a network (64, 64, 64, 10)."""
    lib = importlib.import_module(name)
    if name == "tensorflow":
        gradient_in_tensorflow(lib)
    elif name == "jax":
        gradient_in_jax(lib)
    else:
        x, w, v = lib.ones(64, 64), lib.ones(64, 64, requires_grad=True), lib.ones(64, 10, requires_grad=True)
        (((x @ w) * 0.01).tanh() @ v).mean().backward()
        assert float(w.grad.sum()) > 0
    return (time.perf_counter() - start) * 1e3


def gradient_in_jax(jax: Any) -> None:
    """The same gradient, eagerly: compiling the whole would take longer."""
    jnp = importlib.import_module("jax.numpy")
    x, w, v = jnp.ones((64, 64)), jnp.ones((64, 64)), jnp.ones((64, 10))
    slope = jax.grad(lambda w: (jnp.tanh((x @ w) * 0.01) @ v).mean())(w)
    assert float(slope.sum()) > 0


def gradient_in_tensorflow(tf: Any) -> None:
    """The same gradient."""
    x, w, v = tf.ones((64, 64)), tf.Variable(tf.ones((64, 64))), tf.Variable(tf.ones((64, 10)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.tanh((x @ w) * 0.01) @ v)
    assert float(tf.reduce_sum(tape.gradient(loss, w))) > 0


# ---------------------------------------------------------------- memory


def resident() -> float:
    """Resident memory now, MiB; its peak so far where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            return next(float(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))
    except OSError:
        return peak()


def peak() -> float:
    """Peak of the resident memory, MiB: since it was last forgotten, or else since the start."""
    try:
        with open("/proc/self/status") as file:
            return next(float(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
    except OSError:
        unit = 2**20 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Begin anew: making the inputs takes memory that the workload does not need. Linux only."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory(name: str, threads: int, title: str) -> float:
    """MiB that a workload takes at its peak: parameters, data, and what comes and goes in three runs.

    What a library loads when it is first used is no part of it, nor is the work of making kernels: others bring both
    along when they are imported.
    """
    serving = importlib.import_module("benchmarks.serving")
    lib = serving.limit(name, threads)
    load_everything(lib, serving)
    gc.collect()
    before = resident()
    job = serving.workloads(name)[title](lib)
    serving.settle(name, job[0])
    gc.collect()
    forget_peak()
    for _ in range(3):
        job[0]()
    return peak() - before


def load_everything(lib: Any, serving: Any) -> None:
    """A small step, and one operator on an array that is just large enough for generated code."""
    title = "SGD step, MLP (8, 2, 16, 1)"
    make = serving.workloads(lib.__name__).get(title)
    if make is not None:
        make(lib)[0]()
    if lib.__name__ in ("wengert", "torch"):
        serving.settle(lib.__name__, lambda: lib.tanh(lib.ones(8192)))


# ---------------------------------------------------------------- deep tapes


def deep_chain(name: str) -> float:
    """Backward through 1 000 000 nodes over ten times that through 100 000, garbage collector off."""
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
    return times[1_000_000] / (10 * times[100_000])


def figure(name: str, threads: int, kind: str, subject: str, start: float) -> float:
    """What was asked for."""
    if kind == "import":
        return import_time(name, subject)
    if kind == "cold":
        return cold_start(name, start)
    if kind == "memory":
        return peak_memory(name, threads, subject)
    if subject == "deep":
        return deep_chain(name)
    if subject == "loading":
        return importlib.import_module("benchmarks.loading").batch_time(name)
    return importlib.import_module("benchmarks.files").timed(name, subject)


def main() -> None:
    """Print the figure and the processor's time as a line of JSON."""
    name, threads, kind, subject, start = sys.argv[1:]
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    found = figure(name, int(threads), kind, subject, float(start))
    print(json.dumps([found, time.process_time() * 1e3]), file=replies)


if __name__ == "__main__":
    main()
