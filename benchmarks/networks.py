"""Workloads of layers and whole networks, for libraries with the names of torch.

Each is a function of the library that returns a job: the thing to repeat, and a function that compares its results
with references (`references.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import references
from benchmarks.kernels import Job
from benchmarks.references import Problem, agreement, plain, stepped

Workload = Callable[[Any], Job]
RATE = 0.01


def numbers(lib: Any, arrays: list[Any]) -> list[Any]:
    """Arrays as tensors of their own memory."""
    return [lib.from_numpy(a.copy()) for a in arrays]


# ---------------------------------------------------------------- steps written by hand


def mlp_step(*sizes: int) -> Workload:
    """One SGD step of a network of layers with tanh between them, written by hand; batch first."""

    def workload(lib: Any) -> Job:
        problem = references.perceptron(*sizes)
        x, y = numbers(lib, problem.data)
        parameters = w1, b1, w2, b2 = [p.requires_grad_() for p in numbers(lib, problem.parameters)]

        def run() -> Any:
            prediction = (x @ w1 + b1).tanh() @ w2 + b2
            loss = ((prediction - y) ** 2).mean()
            for p in parameters:
                p.grad = None
            loss.backward()
            with lib.no_grad():
                for p in parameters:
                    p -= RATE * p.grad
            return loss

        return run, lambda: checked_step(problem, run, parameters)

    return workload


def checked_step(problem: Problem, run: Callable[[], Any], parameters: list[Any]) -> references.Pairs:
    """One step of SGD from where the problem starts: loss, gradients, parameters afterwards."""
    loss = run()
    gradients = [p.grad for p in parameters]
    return [
        *agreement(problem, loss, gradients),
        *stepped(problem.parameters, [plain(p) for p in parameters], gradients, RATE),
    ]


# ---------------------------------------------------------------- steps of modules and optimizers


def filled(lib: Any, module: Any, problem: Problem) -> Any:
    """The module with the problem's parameters."""
    with lib.no_grad():
        for p, value in zip(module.parameters(), problem.parameters, strict=True):
            p.copy_(lib.from_numpy(value.copy()))
    return module


def trained(
    lib: Any, module: Any, problem: Problem, loss_of: Callable[..., Any], optimizer: str = "SGD", rate: float = RATE
) -> Job:
    """A step of training; `loss_of` takes the module's result and what it is set against."""
    filled(lib, module, problem)
    x, y = numbers(lib, problem.data)
    parameters = list(module.parameters())
    trainer = getattr(lib.optim, optimizer)(parameters, lr=rate)

    def run() -> Any:
        trainer.zero_grad()
        loss = loss_of(module(x), y)
        loss.backward()
        trainer.step()
        return loss

    def check() -> references.Pairs:
        if optimizer == "SGD":
            return checked_step(problem, run, parameters)
        loss = run()
        gradients = [plain(p.grad) for p in parameters]
        moved = []
        for before, p, g in zip(problem.parameters, parameters, gradients, strict=True):
            wanted = before * (1.0 - rate * 0.01) - rate * g / (abs(g) + 1e-8)  # AdamW's first step
            sure = abs(g) > 1e-6
            moved.append((plain(p)[sure], wanted[sure], 1e-5))
        return [*agreement(problem, loss, gradients), *moved]

    return run, check


def lenet(lib: Any) -> Job:
    """SGD step of LeNet-5, batch 64, 28 x 28."""
    nn = lib.nn
    module = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    return trained(lib, module, references.lenet(), nn.functional.cross_entropy)


def weighed(out: Any, seed: Any) -> Any:
    """A loss whose gradient is `seed` over its size."""
    return (out * seed).mean()


def residual_block(lib: Any) -> Job:
    """SGD step of the basic block of ResNet-18, (16, 64, 32, 32)."""
    nn = lib.nn

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(64)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + x)

    return trained(lib, Block(), references.residual_block(), weighed)


def transformer(batch_first: bool) -> Workload:
    """SGD step of one encoder layer, 8 sequences of 128 tokens of width 256, 8 heads."""

    def workload(lib: Any) -> Job:
        layer = lib.nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=batch_first)
        problem = references.transformer()
        if batch_first:
            return trained(lib, layer, problem, weighed)
        flipped = lambda data: [a.swapaxes(0, 1) for a in data]  # noqa: E731
        turned = Problem(
            problem.parameters,
            [a.copy() for a in flipped(problem.data)],
            lambda parameters, data: problem.loss64(parameters, flipped(data)),
            problem.tolerance,
        )
        return trained(lib, layer, turned, weighed)

    return workload


def adamw(*sizes: int) -> Workload:
    """AdamW step of linear layers with relu between them; batch first."""

    def workload(lib: Any) -> Job:
        nn = lib.nn
        pairs = list(zip(sizes[1:], sizes[2:], strict=False))
        parts = [part for n, m in pairs for part in (nn.Linear(n, m), nn.ReLU())]
        problem = references.rectified(*sizes)
        return trained(lib, nn.Sequential(*parts[:-1]), problem, nn.functional.mse_loss, "AdamW", 1e-3)

    return workload


# ---------------------------------------------------------------- recurrent layers


def recurrent(make: Callable[[Any], tuple[Any, Callable[[Any], Any]]]) -> Workload:
    """Forward and backward of an LSTM of width 128, 50 steps of 32 sequences of width 64."""

    def workload(lib: Any) -> Job:
        problem = references.lstm()
        module, forward = make(lib)
        filled(lib, module, problem)
        x, seed = numbers(lib, problem.data)
        parameters = list(module.parameters())

        def run() -> Any:
            module.zero_grad()
            loss = weighed(forward(x), seed)
            loss.backward()
            return loss

        def check() -> references.Pairs:
            loss = run()
            return agreement(problem, loss, [p.grad for p in parameters])

        return run, check

    return workload


def lstm_layer(lib: Any) -> tuple[Any, Callable[[Any], Any]]:
    """`nn.LSTM`."""
    module = lib.nn.LSTM(64, 128)
    return module, lambda x: module(x)[0]


def lstm_loop(lib: Any) -> tuple[Any, Callable[[Any], Any]]:
    """`nn.LSTMCell` in a Python loop."""
    cell = lib.nn.LSTMCell(64, 128)

    def forward(x: Any) -> Any:
        h = c = lib.zeros(x.shape[1], 128)
        results = []
        for part in x:
            h, c = cell(part, (h, c))
            results.append(h)
        return lib.stack(results)

    return cell, forward


NETWORKS: dict[str, Workload] = {
    "SGD step, MLP (8, 2, 16, 1)": mlp_step(8, 2, 16, 1),
    "SGD step, MLP (64, 64, 64, 10)": mlp_step(64, 64, 64, 10),
    "SGD step, MLP (64, 1000, 100, 10)": mlp_step(64, 1000, 100, 10),
    "SGD step, MLP (256, 1024, 1024, 1024)": mlp_step(256, 1024, 1024, 1024),
    "AdamW step, nn MLP (64, 64, 64, 10)": adamw(64, 64, 64, 10),
    "AdamW step, six layers of 256, batch 128": adamw(128, *[256] * 7),
    "LeNet SGD step, batch 64": lenet,
    "ResNet-18 block step, (16, 64, 32, 32)": residual_block,
    "transformer block step, (8, 128, 256)": transformer(True),
    "transformer block step, length first": transformer(False),
    "LSTM layer 64-128, 50 steps of 32, fwd+bwd": recurrent(lstm_layer),
    "LSTM cell in a loop, 50 steps of 32, fwd+bwd": recurrent(lstm_loop),
}
"""Title -> workload."""
