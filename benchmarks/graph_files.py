"""What a tape in a file costs and keeps: `python -m benchmarks.graph_files`.

Times to save and load graphs of 100 000 nodes; gradients of networks after reloading in a new process, against those
before, to the bit; changes of one unit in the last place, planted at random nodes, that `diff` finds.
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as torch
from wengert import nn

ROUNDS = 5
GRAPH = torch.autograd.graph

# ---------------------------------------------------------------- size


def chain(step: Callable[[Any, Any, Any], Any], nodes: int) -> Callable[[int], Any]:
    """A graph of `count` nodes made by a step that makes `nodes` of them."""

    def make(count: int) -> Any:
        x, w = torch.rand(4, 4, requires_grad=True), torch.rand(4, 4, requires_grad=True)
        z = x
        for _ in range(count // nodes):
            z = step(z, w, x)
        return z.sum()

    return make


CHAINS = {
    "z * 1.0": chain(lambda z, w, x: z * 1.0, 1),
    "tanh(z)": chain(lambda z, w, x: torch.tanh(z), 1),
    "tanh(z @ w) + x": chain(lambda z, w, x: torch.tanh(z @ w) + x, 3),
}
"""Graphs whose nodes save nothing, a small result each, and results and operands."""


def seconds(run: Callable[[], Any]) -> list[float]:
    """The median time of some runs: by the clock, and of the processor (which others may be using as well)."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter(), time.process_time()
        run()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return [round(statistics.median(column), 2) for column in zip(*times, strict=True)]


def times(count: int = 100_000) -> dict[str, Any]:
    """Seconds (clock, processor) to save and to load, and the size of the file in MB."""
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.pt")
        for name, make in CHAINS.items():
            y = make(count)
            save = seconds(lambda y=y: torch.save(y, path))
            load = seconds(lambda: torch.load(path))
            table[name] = {"save s": save, "load s": load, "MB": round(os.path.getsize(path) / 1e6, 1)}
    return table


# ---------------------------------------------------------------- networks


def classified(model: Any, x: Any, classes: int = 10) -> Any:
    """The cross entropy of a model's logits."""
    logits = model(x)
    return nn.functional.cross_entropy(logits, torch.arange(logits.shape[0]) % classes)


def first_of(result: Any) -> Any:
    """The first of several results, as a loss."""
    return (result[0] if isinstance(result, tuple) else result).square().mean()


class Residual(nn.Module):
    """Two convolutions with normalisation around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        """x + f(x)."""
        return torch.relu(x + self.body(x))


def networks() -> dict[str, Callable[[], Any]]:
    """Losses of small networks of many kinds."""
    image = (4, 3, 16, 16)
    return {
        "MLP": lambda: classified(nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10)), torch.randn(8, 20)),
        "LeNet": lambda: classified(nn.Sequential(
            nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(384, 10),
        ), torch.randn(*image)),
        "residual": lambda: classified(nn.Sequential(
            nn.Conv2d(3, 8, 3), Residual(8), Residual(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
        ), torch.randn(*image)),
        "transposed": lambda: first_of(nn.Sequential(
            nn.ConvTranspose2d(3, 4, 4, stride=2), nn.GroupNorm(2, 4), nn.SiLU(), nn.Upsample(scale_factor=2),
        )(torch.randn(*image))),
        "transformer": lambda: first_of(
            nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)(torch.randn(2, 6, 16))
        ),
        "attention": lambda: first_of(nn.MultiheadAttention(16, 4)(*[torch.randn(5, 2, 16)] * 3)),
        "LSTM": lambda: first_of(nn.LSTM(6, 8, 2, bidirectional=True)(torch.randn(5, 2, 6))),
        "GRU": lambda: first_of(nn.GRU(6, 8)(torch.randn(5, 2, 6))),
        "embedding": lambda: classified(
            nn.Sequential(nn.Embedding(30, 8), nn.LayerNorm(8), nn.Flatten(), nn.Linear(40, 10)),
            torch.randint(0, 30, (4, 5)),
        ),
        "dropout": lambda: classified(nn.Sequential(
            nn.Linear(20, 32), nn.GELU(), nn.Dropout(0.3), nn.BatchNorm1d(32), nn.Softplus(), nn.Linear(32, 10),
        ), torch.randn(8, 20)),
        "float64": lambda: classified(nn.Linear(20, 10).double(), torch.randn(8, 20).double()),
        "bfloat16": lambda: classified(nn.Linear(20, 10).bfloat16(), torch.randn(8, 20).bfloat16()),
        "checkpointed": lambda: first_of(torch.utils.checkpoint.checkpoint(
            nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6)), torch.randn(3, 6, requires_grad=True),
            use_reentrant=False,
        )),
        "penalty": penalty,
    }  # fmt: skip


def penalty() -> Any:
    """A loss that holds a gradient itself."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(5, 4, requires_grad=True)
    (g,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    return (g.norm(dim=1) - 1).square().mean()


ELSEWHERE = """
import json, sys
import wengert as torch
found = {}
for name, path in json.loads(sys.argv[1]).items():
    y = torch.load(path)
    leaves = torch.autograd.graph.leaves(y)
    grads = torch.autograd.grad(y, list(leaves.values()), allow_unused=True)
    found[name] = {k: None if g is None else g._array.tobytes().hex() for k, g in zip(leaves, grads)}
    found[name]["loss"] = y.detach()._array.tobytes().hex()
print(json.dumps(found))
"""


def reloaded() -> dict[str, Any]:
    """Networks whose loss and gradients a new process, which has only the file, gives to the bit."""
    torch.manual_seed(0)
    mine: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, make in networks().items():
            y = make()
            paths[name] = os.path.join(folder, name)
            torch.save(y, paths[name])
            leaves = list(GRAPH.leaves(y).values())
            grads = torch.autograd.grad(y, leaves, allow_unused=True)
            mine[name] = sorted(str(None if g is None else g._array.tobytes().hex()) for g in grads)
            mine[name].append(y.detach()._array.tobytes().hex())
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, json.dumps(paths)], check=True, capture_output=True, text=True
        )
    theirs = json.loads(done.stdout)
    equal = []
    for name, found in theirs.items():
        loss = found.pop("loss")
        if mine[name] == [*sorted(map(str, found.values())), loss]:
            equal.append(name)
    return {"bit-equal": len(equal), "of": len(mine), "not": sorted(set(mine) - set(equal))}


# ---------------------------------------------------------------- differences

STEPS: list[Callable[[Any, Any], Any]] = [
    lambda h, c: torch.tanh(h), lambda h, c: h + c, lambda h, c: h * c, lambda h, c: h.exp(), lambda h, c: h @ c,
    lambda h, c: torch.softmax(h, 1), lambda h, c: h - h.mean(), lambda h, c: torch.relu(h) + 0.1 * h,
]  # fmt: skip


def planted(count: int = 20) -> dict[str, int]:
    """Programs of 50 steps with one element moved by one ulp after one of them: how often `diff` names that node."""
    found = 0
    for seed in range(count):
        rng = random.Random(seed)
        steps = [rng.choice(STEPS) for _ in range(50)]
        at, element = rng.randrange(50), rng.randrange(16)
        torch.manual_seed(seed)
        x, c = torch.rand(4, 4), torch.rand(4, 4) / 4
        nodes: list[Any] = []

        def run(x: Any, plant: bool, c: Any = c, steps: Any = steps, at: int = at, element: int = element) -> Any:
            h = x
            for k, step in enumerate(steps):
                h = step(h, c)
                if plant and k == at:
                    flat = h.detach().numpy().reshape(-1)
                    flat[element] = np.nextafter(flat[element], np.float32(math.inf))
                    nodes.append((h.grad_fn.name(), len(GRAPH.record(h).nodes) - 1))  # noqa: B023
            return h.sum()

        difference = GRAPH.diff(GRAPH.record(lambda x: run(x, False), x), GRAPH.record(lambda x: run(x, True), x))
        found += difference is not None and (difference.node, difference.index) == nodes[0] and difference.ulps == 1
    return {"found": found, "of": count}


def main() -> None:
    """Print the figures."""
    print(json.dumps({"100 000 nodes": times(), "reloaded": reloaded(), "planted": planted()}, indent=1))


if __name__ == "__main__":
    main()
