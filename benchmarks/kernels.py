"""Large arrays beside torch, two threads each: `python -m benchmarks.kernels [threads] [words]`.

Each library runs in a process of its own, and the processes take turns: threads that wait for work in one library
would stand in the way of the other's.  Before it is timed, every workload is compared with float64 references on
fresh random inputs.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

N = 1 << 20
Job = tuple[Callable[[], Any], Callable[[], list[tuple[Any, Any, float]]]]
"""What is timed, and pairs of results with references (float64) and their tolerance."""


def fresh(*shape: int, positive: bool = False) -> Any:
    """Random float32 values that no other call has."""
    values = np.random.default_rng().standard_normal(shape).astype(np.float32)
    return np.abs(values) + np.float32(0.1) if positive else values


def unary(
    name: str, reference: Callable[[Any], Any], positive: bool = False, tolerance: float = 2e-6
) -> Callable[[Any], Job]:
    """A function of one array of 2^20 elements."""

    def job(lib: Any) -> Job:
        values = fresh(N, positive=positive)
        x = lib.from_numpy(values)
        function = getattr(lib, name, None) or getattr(lib.nn.functional, name)
        return lambda: function(x), lambda: [(function(x), reference(values.astype(np.float64)), tolerance)]

    return job


def erf64(x: Any) -> Any:
    """The error function by its integral of Gauss-Legendre panels."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t = x[..., None] * (nodes + 1) / 2
    return np.einsum("...i,i->...", np.exp(-t * t), weights) * x / np.sqrt(np.pi)


def sigmoid64(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def gelu64(x: Any) -> Any:
    """x Phi(x)."""
    return np.concatenate([0.5 * part * (1 + erf64(part * 0.5**0.5)) for part in np.array_split(x, 64)])


def addition(lib: Any) -> Job:
    """a + b, 2^20 elements each."""
    a, b = fresh(N), fresh(N)
    x, y = lib.from_numpy(a), lib.from_numpy(b)
    return lambda: x + y, lambda: [(x + y, a.astype(np.float64) + b, 1e-6)]


def cube(lib: Any) -> Job:
    """x ** 3 of 2^20 elements of both signs."""
    values = fresh(N)
    x = lib.from_numpy(values)
    return lambda: x**3, lambda: [(x**3, values.astype(np.float64) ** 3, 1e-6)]


def halves(lib: Any) -> Job:
    """2^20 elements to bfloat16 and back."""
    values = fresh(N)
    x = lib.from_numpy(values)

    def run() -> Any:
        return x.to(lib.bfloat16).to(lib.float32)

    return run, lambda: [(run(), values.astype(np.float64), 4e-3)]


def turned(lib: Any) -> Job:
    """The transpose of 1024 x 1024, copied."""
    values = fresh(1024, 1024)
    x = lib.from_numpy(values)
    return lambda: x.t().contiguous(), lambda: [(x.t().contiguous(), values.T.astype(np.float64), 1e-7)]


def running(dim: int) -> Callable[[Any], Job]:
    """Running sums of 1000 x 1000."""

    def job(lib: Any) -> Job:
        values = fresh(1000, 1000)
        x = lib.from_numpy(values)
        return lambda: x.cumsum(dim), lambda: [(x.cumsum(dim), values.astype(np.float64).cumsum(dim), 2e-6)]

    return job


def total(lib: Any) -> Job:
    """Sum of 2^20 elements."""
    a = fresh(N, positive=True)
    x = lib.from_numpy(a)
    return lambda: x.sum(), lambda: [(x.sum(), a.astype(np.float64).sum(), 2e-6)]


def chain(lib: Any) -> Job:
    """tanh(x) * sigmoid(x), forward and backward, 2^20 elements."""
    values, seed = fresh(N), fresh(N)
    x, g = lib.from_numpy(values).requires_grad_(), lib.from_numpy(seed)

    def run() -> Any:
        x.grad = None
        y = lib.tanh(x) * lib.sigmoid(x)
        y.backward(g)
        return y

    def check() -> list[tuple[Any, Any, float]]:
        y = run().detach()
        t, s = np.tanh(values.astype(np.float64)), sigmoid64(values.astype(np.float64))
        return [(y, t * s, 2e-6), (x.grad, seed * (s * (1 - t * t) + t * s * (1 - s)), 4e-6)]

    return run, check


def softmax64(x: Any) -> Any:
    """Softmax of rows."""
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def softmax(lib: Any) -> Job:
    """Softmax over rows of 1000 x 1000, forward and backward."""
    values, seed = fresh(1000, 1000), fresh(1000, 1000)
    x, g = lib.from_numpy(values).requires_grad_(), lib.from_numpy(seed)

    def run() -> Any:
        x.grad = None
        y = lib.softmax(x, 1)
        y.backward(g)
        return y

    def check() -> list[tuple[Any, Any, float]]:
        y = run().detach()
        p = softmax64(values.astype(np.float64))
        return [(y, p, 2e-6), (x.grad, p * (seed - (p * seed).sum(1, keepdims=True)), 4e-6)]

    return run, check


def layer_norm(lib: Any) -> Job:
    """Layer norm over rows of 1000 x 1000 with weight and bias, forward and backward."""
    values, seed, scale, shift = fresh(1000, 1000), fresh(1000, 1000), fresh(1000), fresh(1000)
    x, w, b = (lib.from_numpy(v).requires_grad_() for v in (values, scale, shift))
    g = lib.from_numpy(seed)

    def run() -> Any:
        x.grad = w.grad = b.grad = None
        y = lib.nn.functional.layer_norm(x, (1000,), w, b)
        y.backward(g)
        return y

    def check() -> list[tuple[Any, Any, float]]:
        y = run().detach()
        v = values.astype(np.float64)
        inverse = 1 / np.sqrt(v.var(1, keepdims=True) + 1e-5)
        n, gw = (v - v.mean(1, keepdims=True)) * inverse, seed.astype(np.float64) * scale
        dx = inverse * (gw - gw.mean(1, keepdims=True) - n * (gw * n).mean(1, keepdims=True))
        sums = [(w.grad, (seed * n).sum(0), 2e-5), (b.grad, seed.astype(np.float64).sum(0), 2e-5)]
        return [(y, n * scale + shift, 4e-6), (x.grad, dx, 1e-5), *sums]

    return run, check


def cross_entropy(lib: Any) -> Job:
    """Cross entropy of 1000 x 1000 logits, forward and backward."""
    values = fresh(1000, 1000)
    classes = np.random.default_rng().integers(0, 1000, 1000)
    x, target = lib.from_numpy(values).requires_grad_(), lib.from_numpy(classes)

    def run() -> Any:
        x.grad = None
        loss = lib.nn.functional.cross_entropy(x, target)
        loss.backward()
        return loss

    def check() -> list[tuple[Any, Any, float]]:
        loss = run().detach()
        p = softmax64(values.astype(np.float64))
        rows = np.arange(1000)
        wanted = -np.log(p[rows, classes]).mean()
        p[rows, classes] -= 1
        return [(loss, wanted, 1e-6), (x.grad, p / 1000, 2e-6)]

    return run, check


def both_ways(function: Callable[..., Any], leaves: list[Any], seed: Any) -> Callable[[], Any]:
    """Forward and backward; gradients are made anew."""

    def run() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = function(*leaves)
        y.backward(seed)
        return y

    return run


def convolution(lib: Any) -> Job:
    """64 filters of 3 x 3 over 64 channels of 32 x 32, batch 32, forward and backward."""
    values, filters, slope = fresh(32, 64, 32, 32), fresh(64, 64, 3, 3) * np.float32(0.1), fresh(32, 64, 32, 32)
    x, w = (lib.from_numpy(v).requires_grad_() for v in (values, filters))
    run = both_ways(lambda x, w: lib.nn.functional.conv2d(x, w, padding=1), [x, w], lib.from_numpy(slope))

    def windows(a: Any) -> Any:
        wide = np.pad(a.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
        return np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (2, 3))

    def check() -> list[tuple[Any, Any, float]]:
        y = run().detach()
        k, g = filters.astype(np.float64), slope.astype(np.float64)
        out = np.tensordot(windows(values), k, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        dx = np.tensordot(windows(slope), k[..., ::-1, ::-1], ((1, 4, 5), (0, 2, 3))).transpose(0, 3, 1, 2)
        dw = np.tensordot(g, windows(values), ((0, 2, 3), (0, 2, 3)))
        return [
            (y, out, 2e-5),
            (x.grad, dx, 2e-5),
            (w.grad, dw, 5e-5),
        ]  # tiles share the digits of their largest element

    return run, check


def batch_norm(lib: Any) -> Job:
    """Batch norm of (32, 64, 32, 32) while training, forward and backward."""
    values, slope, scale, shift = fresh(32, 64, 32, 32), fresh(32, 64, 32, 32), fresh(64), fresh(64)
    x, w, b = (lib.from_numpy(v).requires_grad_() for v in (values, scale, shift))
    norm = lib.nn.functional.batch_norm
    run = both_ways(lambda x, w, b: norm(x, None, None, w, b, True), [x, w, b], lib.from_numpy(slope))

    def check() -> list[tuple[Any, Any, float]]:
        y = run().detach()
        v, axes, over = values.astype(np.float64), (0, 2, 3), (1, -1, 1, 1)
        inverse = 1 / np.sqrt(v.var(axes, keepdims=True) + 1e-5)
        n, gw = (v - v.mean(axes, keepdims=True)) * inverse, slope.astype(np.float64) * scale.reshape(over)
        dx = inverse * (gw - gw.mean(axes, keepdims=True) - n * (gw * n).mean(axes, keepdims=True))
        sums = [(w.grad, (slope * n).sum(axes), 2e-5), (b.grad, slope.astype(np.float64).sum(axes), 2e-5)]
        return [(y, n * scale.reshape(over) + shift.reshape(over), 4e-6), (x.grad, dx, 1e-5), *sums]

    return run, check


def attention(lib: Any) -> Job:
    """Causal attention of 16 heads, 1024 places, width 64, forward and backward."""
    values = [fresh(2, 8, 1024, 64) for _ in range(4)]
    q, k, v = (lib.from_numpy(a).requires_grad_() for a in values[:3])
    attend = lib.nn.functional.scaled_dot_product_attention
    run = both_ways(lambda q, k, v: attend(q, k, v, is_causal=True), [q, k, v], lib.from_numpy(values[3]))

    def check() -> list[tuple[Any, Any, float]]:
        y = run().detach()
        q64, k64, v64, g = (a.astype(np.float64) for a in values)
        s = q64 @ k64.swapaxes(2, 3) / 8
        s[..., np.triu(np.ones((1024, 1024), bool), 1)] = -np.inf
        p = softmax64(s.reshape(-1, 1024)).reshape(s.shape)
        dp = g @ v64.swapaxes(2, 3)
        ds = p * (dp - (dp * p).sum(3, keepdims=True)) / 8
        wanted = [ds @ k64, ds.swapaxes(2, 3) @ q64, p.swapaxes(2, 3) @ g]
        return [(y, p @ v64, 1e-5), *[(x.grad, a, 1e-5) for x, a in zip((q, k, v), wanted, strict=True)]]

    return run, check


def embedding(lib: Any) -> Job:
    """4096 of 10 000 rows of width 256 looked up, and the gradient."""
    values, slope = fresh(10_000, 256), fresh(4096, 256)
    index = np.random.default_rng().integers(0, 10_000, 4096)
    w, at = lib.from_numpy(values).requires_grad_(), lib.from_numpy(index)
    run = both_ways(lambda w: lib.nn.functional.embedding(at, w), [w], lib.from_numpy(slope))

    def check() -> list[tuple[Any, Any, float]]:
        y, wanted = run().detach(), np.zeros(values.shape)
        np.add.at(wanted, index, slope)
        return [(y, values[index].astype(np.float64), 1e-7), (w.grad, wanted, 1e-6)]

    return run, check


def stepping(name: str, **options: Any) -> Callable[[Any], Job]:
    """One step of an optimizer over 2^20 parameters."""

    def job(lib: Any) -> Job:
        values, slope = fresh(N), fresh(N)
        p = lib.from_numpy(values.copy()).requires_grad_()
        p.grad = lib.from_numpy(slope)
        optimizer = getattr(lib.optim, name)([p], lr=1e-3, **options)

        def check() -> list[tuple[Any, Any, float]]:
            optimizer.step()
            g = slope.astype(np.float64)
            wanted = values - 1e-3 * (g if name == "SGD" else g / (np.abs(g) + 1e-8))
            if name == "AdamW":
                wanted -= 1e-5 * values.astype(np.float64)
            return [(p.detach(), wanted, 2e-6)]

        return optimizer.step, check

    return job


def product(n: int, backward: bool = False) -> Callable[[Any], Job]:
    """a @ b of n x n matrices."""

    def job(lib: Any) -> Job:
        a, b = fresh(n, n), fresh(n, n)
        x, y = lib.from_numpy(a), lib.from_numpy(b)
        return lambda: x @ y, lambda: [(x @ y, a.astype(np.float64) @ b.astype(np.float64), 2e-5)]

    return job


JOBS: dict[str, tuple[Callable[[Any], Job], float]] = {
    "exp 1M": (unary("exp", np.exp), 3),
    "tanh 1M": (unary("tanh", np.tanh), 3),
    "log 1M": (unary("log", np.log, positive=True), 3),
    "sin 1M": (unary("sin", np.sin), 1),
    "x ** 3 1M": (cube, 1),
    "to bfloat16 and back 1M": (halves, 1),
    "transposed copy 1024^2": (turned, 1),
    "cumsum 1000^2, dim 0": (running(0), 1),
    "cumsum 1000^2, dim 1": (running(1), 1),
    "add 1M": (addition, 1),
    "sum 1M": (total, 1),
    "gelu 1M": (unary("gelu", gelu64, tolerance=4e-6), 1),
    "sigmoid 1M": (unary("sigmoid", sigmoid64), 1),
    "tanh * sigmoid 1M, fwd+bwd": (chain, 2),
    "softmax 1000^2, fwd+bwd": (softmax, 1.6),
    "layer norm 1000^2, fwd+bwd": (layer_norm, 1.6),
    "cross entropy 1000^2, fwd+bwd": (cross_entropy, 3),
    "batch norm (32, 64, 32, 32), fwd+bwd": (batch_norm, 1),
    "conv 64-64 3x3 (32, 64, 32, 32)": (convolution, 1.7),
    "causal attention (2, 8, 1024, 64)": (attention, 1),
    "embedding 10 000 x 256, 4096 rows": (embedding, 1),
    "Adam step 1M": (stepping("Adam"), 3),
    "AdamW step 1M": (stepping("AdamW"), 1),
    "SGD step 1M": (stepping("SGD"), 1),
    "matmul 64": (product(64), 1.3),
    "matmul 128": (product(128), 1),
    "matmul 1000": (product(1000), 1.9),
}
"""Workload and the ratio torch time / wengert time that it should reach."""


def plain(value: Any) -> Any:
    """A result as a NumPy array."""
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)


def compare(title: str, pairs: list[tuple[Any, Any, float]]) -> float:
    """Raise AssertionError unless every result is near its reference; the largest error over the tolerance."""
    worst = 0.0
    for found, wanted, tolerance in pairs:
        room = tolerance * (np.abs(wanted) + np.abs(wanted).max() * 0.1 + 1e-30)
        worst = max(worst, float((np.abs(plain(found) - wanted) / room).max()))
    assert worst <= 1, f"{title}: error of {worst} times the tolerance"
    return worst


def batch(run: Callable[[], Any], least: float = 0.03) -> float:
    """Microseconds of one run."""
    count, spent = 1, 0.0
    while True:
        start = time.perf_counter()
        for _ in range(count):
            run()
        spent = time.perf_counter() - start
        if spent >= least:
            return spent / count * 1e6
        count = max(count * 2, int(count * least / max(spent, 1e-9)))


def serve(name: str, threads: int) -> None:
    """Time the workloads that are asked for, one line each, until the input ends."""
    lib = importlib.import_module(name)
    lib.set_num_threads(threads)
    jobs: dict[str, Callable[[], Any]] = {}
    for line in sys.stdin:
        title = line.strip()
        if title not in jobs:
            run, check = JOBS[title][0](lib)
            compare(title, check())
            settle(lib, run)
            jobs = {title: run}
            compare(title, JOBS[title][0](lib)[1]())
        print(json.dumps(batch(jobs[title])), flush=True)


def settle(lib: Any, run: Callable[[], Any]) -> None:
    """Let caches fill and background work end before the clock runs."""
    for _ in range(3):
        run()
    if lib.__name__ == "wengert":
        importlib.import_module("wengert.core.kernels.workshop").finish()
    for _ in range(3):
        run()


def ask(process: Any, title: str) -> float:
    """One measurement by a process."""
    process.stdin.write(title + "\n")
    process.stdin.flush()
    return float(json.loads(process.stdout.readline()))


def main() -> None:
    """Print a table of all workloads whose title has one of the given words."""
    threads = next((w for w in sys.argv[1:] if w.isdecimal() and int(w) < 64), "2")
    words = [w.lower() for w in sys.argv[1:] if w != threads]
    rounds = 15
    command = [sys.executable, "-m", "benchmarks.kernels", "--serve"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    names = ("wengert", "torch")
    processes = {name: subprocess.Popen([*command, name, threads], **pipes) for name in names}
    for title, (_, goal) in JOBS.items():
        if words and not any(word in title.lower() for word in words):
            continue
        samples: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(rounds + 1):
            for name, process in processes.items():
                time.sleep(0.02)
                spent = ask(process, title)
                if turn:
                    samples[name].append(spent)
        ours, torch = (statistics.median(samples[name]) for name in names)
        best = min(samples["torch"]) / min(samples["wengert"])
        print(
            f"{title:37} wengert {ours:9.1f} us  torch {torch:9.1f} us  ratio {torch / ours:5.2f}"
            f"  (of minima {best:5.2f})  goal {goal}",
            flush=True,
        )
    for process in processes.values():
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        main()
