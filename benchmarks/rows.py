"""The table of what is measured: title, how, and the goal beside torch."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import mix
from benchmarks.kernels import JOBS
from benchmarks.workloads import REPEATS

HEAVY = [
    "SGD step, MLP (256, 1024, 1024, 1024)",
    "softmax 1000^2, fwd+bwd",
    "layer norm 1000^2, fwd+bwd",
    "cross entropy 1000^2, fwd+bwd",
    "conv 64-64 3x3 (32, 64, 32, 32)",
    "causal attention (2, 8, 1024, 64)",
    "LeNet SGD step, batch 64",
    "ResNet-18 block step, (16, 64, 32, 32)",
    "transformer block step, (8, 128, 256)",
    "LSTM layer 64-128, 50 steps of 32, fwd+bwd",
]
"""Workloads whose peak memory is taken too."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    `goal` is what torch's figure over ours should reach at least; `plain_goal` the same where the hot core runs in
    Python. `most` is what our own figure should not exceed, for figures that are ratios themselves.
    """

    title: str
    kind: str
    """time, quotient, mix (by a process that stays); import, cold, memory, files (by a fresh process each time)."""
    unit: str = "us"
    goal: float | None = None
    plain_goal: float | None = None
    most: float | None = None
    operations: int = 1
    subject: str = ""
    """What a fresh process is asked for."""

    def bound(self, compiled: bool) -> float | None:
        """The goal beside torch in this form of the core."""
        return self.goal if compiled or self.plain_goal is None else self.plain_goal


def timed() -> list[Row]:
    """What is timed in processes that stay."""
    return [
        Row("recorded x * y, 4 elements", "time", goal=6, plain_goal=0.8, operations=REPEATS),
        Row("100 multiplications, fwd+bwd", "time", goal=6, plain_goal=1.1),
        Row("20 custom Functions, fwd+bwd", "time", goal=2),
        Row("double backward of 10 operators", "time", goal=1),
        Row("SGD step, MLP (8, 2, 16, 1)", "time", goal=3.5),
        Row("SGD step, MLP (64, 64, 64, 10)", "time", goal=2.3),
        Row("SGD step, MLP (64, 1000, 100, 10)", "time", goal=2),
        Row("SGD step, MLP (256, 1024, 1024, 1024)", "time", goal=2),
        Row("AdamW step, nn MLP (64, 64, 64, 10)", "time", goal=2),
        Row("AdamW step, six layers of 256, batch 128", "time", goal=1),
        *(Row(title, "time", goal=goal) for title, (_, goal) in JOBS.items()),
        Row("LeNet SGD step, batch 64", "time", goal=1.5),
        Row("ResNet-18 block step, (16, 64, 32, 32)", "time", goal=1),
        Row("transformer block step, (8, 128, 256)", "time", goal=1.5),
        Row("transformer block step, length first", "time", goal=1.5),
        Row("LSTM layer 64-128, 50 steps of 32, fwd+bwd", "time", goal=2),
        Row("LSTM cell in a loop, 50 steps of 32, fwd+bwd", "time", goal=2),
        Row("Jacobian 100 x 100, reverse mode", "time", goal=1),
        Row("Jacobian 100 x 100, forward mode", "time", goal=1),
        Row("Hessian 32 x 32, three layers", "time", goal=1),
        Row("per-sample gradients, 64 samples", "time", goal=1),
        Row("HVP / gradient, jvp of grad, (8, 16)", "quotient", "x", most=2.5),
        Row("HVP / gradient, jvp of grad, (256, 256)", "quotient", "x", most=2.5),
        Row("HVP / gradient, double backward, (8, 16)", "quotient", "x", most=2.5),
        Row("HVP / gradient, double backward, (256, 256)", "quotient", "x", most=2.5),
        Row(mix.TITLE, "mix", goal=1),
    ]


def apart() -> list[Row]:
    """What needs a fresh process for each figure."""
    return [
        Row("import", "import", "ms", goal=5, subject="whole"),
        Row("import, NumPy already there", "import", "ms", goal=5, subject="beside NumPy"),
        Row("cold start to the first gradient", "cold", "ms", goal=5),
        *(Row(f"peak memory: {title}", "memory", "MiB", goal=1 / 0.9, subject=title) for title in HEAVY),
        Row("DataLoader, 2 workers, 32 x 3 x 224 x 224", "files", "ms", goal=1, subject="loading"),
        Row("save 256 MiB", "files", "ms", goal=1, subject="save"),
        Row("load 256 MiB", "files", "ms", goal=1, subject="load"),
        Row("load 256 MiB, mmap", "files", "ms", subject="map"),
        Row("1 000 000 nodes backward / 10 times 100 000", "files", "x", most=1.3, subject="deep"),
    ]


def table(words: list[str]) -> list[Row]:
    """The rows that have one of the words in their titles; all if there are no words."""
    rows = timed() + apart()
    return [row for row in rows if not words or any(word.lower() in row.title.lower() for word in words)]
