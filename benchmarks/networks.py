"""Workloads of layers and whole networks: each is a function of the library that returns the thing to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[[], None]
Workload = Callable[[Any], Run]

# ---------------------------------------------------------------- whole steps


def trained(lib: Any, model: Any, optimizer: Any, loss_of: Callable[[], Any]) -> Run:
    """A step of training."""

    def run() -> None:
        optimizer.zero_grad()
        loss_of().backward()
        optimizer.step()

    return run


def lenet(lib: Any) -> Run:
    """SGD step of LeNet-5, batch 64, 28 x 28."""
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    x, y = lib.randn(64, 1, 28, 28), lib.randint(0, 10, (64,))
    cross_entropy = nn.functional.cross_entropy
    return trained(lib, model, lib.optim.SGD(model.parameters(), lr=0.01), lambda: cross_entropy(model(x), y))


def transformer(batch_first: bool) -> Workload:
    """SGD step of one encoder layer, 8 sequences of 128 tokens of width 256, 8 heads."""

    def workload(lib: Any) -> Run:
        lib.manual_seed(0)
        model = lib.nn.TransformerEncoderLayer(d_model=256, nhead=8, dim_feedforward=1024, batch_first=batch_first)
        shape = (8, 128, 256) if batch_first else (128, 8, 256)
        x = lib.randn(*shape)
        return trained(lib, model, lib.optim.SGD(model.parameters(), lr=0.01), lambda: (model(x) ** 2).mean())

    return workload


def deep_mlp(lib: Any) -> tuple[Any, Any, Any]:
    """Six layers of width 256, AdamW, and the loss of a batch of 128."""
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(*[part for _ in range(5) for part in (nn.Linear(256, 256), nn.ReLU())], nn.Linear(256, 256))
    x, y = lib.randn(128, 256), lib.randn(128, 256)
    return model, lib.optim.AdamW(model.parameters(), lr=1e-3), lambda: nn.functional.mse_loss(model(x), y)


def adamw_step(lib: Any) -> Run:
    """AdamW step of six layers of width 256, batch 128."""
    return trained(lib, *deep_mlp(lib))


def adamw_alone(lib: Any) -> Run:
    """The optimizer's part of it."""
    _, optimizer, loss = deep_mlp(lib)
    loss().backward()
    step: Run = optimizer.step
    return step


def gpt_step(lib: Any) -> Run:
    """AdamW step of a small GPT: two blocks of width 64, 16 texts of 64 letters."""
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([nn.LayerNorm(64), nn.LayerNorm(64)])
            self.attend, self.join = nn.Linear(64, 192), nn.Linear(64, 64)
            self.think = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))

        def forward(self, x: Any) -> Any:
            batch, length, width = x.shape
            parts = self.attend(self.norms[0](x)).chunk(3, dim=-1)
            query, key, value = (part.view(batch, length, 4, -1).transpose(1, 2) for part in parts)
            seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.join(seen.transpose(1, 2).reshape(batch, length, width))
            return x + self.think(self.norms[1](x))

    lib.manual_seed(0)
    model = nn.Sequential(nn.Embedding(96, 64), Block(), Block(), nn.LayerNorm(64), nn.Linear(64, 96, bias=False))
    x, y = lib.randint(0, 96, (16, 64)), lib.randint(0, 96, (16 * 64,))
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-3)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x).flatten(0, 1), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return run


# ---------------------------------------------------------------- one layer, forward and backward


def both_ways(lib: Any, forward: Callable[..., Any], *inputs: Any) -> Run:
    """Forward and backward of one function; the gradients are dropped."""
    leaves = [x.requires_grad_() for x in inputs]
    seed = lib.randn(tuple(forward(*leaves).shape))

    def run() -> None:
        forward(*leaves).backward(seed)
        for leaf in leaves:
            leaf.grad = None

    return run


def layer(make: Callable[[Any], Any], *shape: int) -> Workload:
    """A module on one input, forward and backward."""

    def workload(lib: Any) -> Run:
        lib.manual_seed(0)
        module = make(lib.nn)
        step = both_ways(lib, module, lib.randn(*shape))

        def run() -> None:
            step()
            module.zero_grad()

        return run

    return workload


def lstm(lib: Any) -> Run:
    """LSTM of width 128, 50 steps of 32 sequences."""
    lib.manual_seed(0)
    module = lib.nn.LSTM(64, 128)
    step = both_ways(lib, lambda x: module(x)[0], lib.randn(50, 32, 64))

    def run() -> None:
        step()
        module.zero_grad()

    return run


def embedding(lib: Any) -> Run:
    """1000 rows of width 64 looked up 512 times."""
    lib.manual_seed(0)
    module, indices = lib.nn.Embedding(1000, 64), lib.randint(0, 1000, (512,))
    seed = lib.randn(512, 64)

    def run() -> None:
        module(indices).backward(seed)
        module.weight.grad = None

    return run


def cross_entropy(rows: int, classes: int) -> Workload:
    """Cross entropy, forward and backward."""

    def workload(lib: Any) -> Run:
        lib.manual_seed(0)
        y, loss = lib.randint(0, classes, (rows,)), lib.nn.functional.cross_entropy
        return both_ways(lib, lambda x: loss(x, y), lib.randn(rows, classes))

    return workload


def attention(lib: Any) -> Run:
    """scaled_dot_product_attention, (8, 8, 128, 32), forward and backward."""
    lib.manual_seed(0)
    return both_ways(lib, lib.nn.functional.scaled_dot_product_attention, *[lib.randn(8, 8, 128, 32) for _ in range(3)])


# ---------------------------------------------------------------- one call


def call(make: Callable[[Any], Callable[[], Any]], times: int = 100) -> Workload:
    """The same call many times, nothing recorded."""

    def workload(lib: Any) -> Run:
        lib.manual_seed(0)
        function = make(lib)

        def run() -> None:
            for _ in range(times):
                function()

        return run

    return workload


def softmax(lib: Any) -> Callable[[], Any]:
    """softmax of (4, 8)."""
    x = lib.randn(4, 8)
    return lambda: lib.softmax(x, -1)


def largest(lib: Any) -> Callable[[], Any]:
    """max of (64, 100) along a dim."""
    x = lib.randn(64, 100)
    return lambda: lib.max(x, 1)


def einsum(lib: Any) -> Callable[[], Any]:
    """A batched product by einsum."""
    x, y = lib.randn(4, 8, 8), lib.randn(4, 8, 8)
    return lambda: lib.einsum("bij,bjk->bik", x, y)


def bmm(lib: Any) -> Callable[[], Any]:
    """A batched product."""
    x, y = lib.randn(4, 8, 8), lib.randn(4, 8, 8)
    return lambda: lib.bmm(x, y)


def module_call(lib: Any) -> Callable[[], Any]:
    """A module that does nothing."""
    module, x = lib.nn.Identity(), lib.randn(2)
    return lambda: module(x)


def linear_call(lib: Any) -> Callable[[], Any]:
    """A small linear layer."""
    module, x = lib.nn.Linear(8, 8), lib.randn(4, 8)
    return lambda: module(x)


def linear_made(lib: Any) -> Callable[[], Any]:
    """A linear layer made."""
    return lambda: lib.nn.Linear(16, 16)


NETWORKS: dict[str, tuple[Workload, int, float]] = {
    "LeNet, SGD step, batch 64": (lenet, 1, 1.3),
    "Transformer layer step, 8 x 128 x 256": (transformer(False), 1, 1.3),
    "Transformer layer step, batch first": (transformer(True), 1, 1.3),
    "AdamW step, six layers of 256, batch 128": (adamw_step, 1, 1.0),
    "the optimizer's part of it": (adamw_alone, 1, 1.0),
    "small GPT, AdamW step": (gpt_step, 1, 1.3),
    "LayerNorm (1024, 256), both ways": (layer(lambda nn: nn.LayerNorm(256), 1024, 256), 1, 1.3),
    "BatchNorm2d (32, 32, 16, 16), both ways": (layer(lambda nn: nn.BatchNorm2d(32), 32, 32, 16, 16), 1, 1.3),
    "Conv2d 16-32 3x3 (32, 16, 28, 28), both ways": (
        layer(lambda nn: nn.Conv2d(16, 32, 3, padding=1), 32, 16, 28, 28), 1, 1.3,
    ),
    "MaxPool2d (64, 16, 28, 28), both ways": (layer(lambda nn: nn.MaxPool2d(2), 64, 16, 28, 28), 1, 1.3),
    "LSTM 64-128, 50 steps of 32, both ways": (lstm, 1, 1.3),
    "GELU (1024, 256), both ways": (layer(lambda nn: nn.GELU(), 1024, 256), 1, 1.3),
    "Softmax (1024, 256), both ways": (layer(lambda nn: nn.Softmax(-1), 1024, 256), 1, 1.3),
    "attention (8, 8, 128, 32), both ways": (attention, 1, 1.3),
    "cross entropy (64, 10), both ways": (cross_entropy(64, 10), 1, 1.3),
    "cross entropy (1024, 1000), both ways": (cross_entropy(1024, 1000), 1, 1.3),
    "Embedding 1000 x 64, 512 rows, both ways": (embedding, 1, 1.3),
    "softmax (4, 8)": (call(softmax), 100, 1.3),
    "max along a dim, (64, 100)": (call(largest), 100, 1.3),
    "einsum bij,bjk->bik, 4 x 8 x 8": (call(einsum), 100, 1.3),
    "bmm, 4 x 8 x 8": (call(bmm), 100, 1.3),
    "nn.Identity called": (call(module_call), 100, 1.0),
    "nn.Linear(8, 8) on (4, 8)": (call(linear_call), 100, 1.0),
    "nn.Linear(16, 16) made": (call(linear_made), 100, 1.0),
}  # fmt: skip
"""Name -> (workload, operations per run, ratio to torch's time that is to be reached)."""
