"""What is timed: each workload is a function of the library, torch or wengert, that returns the thing to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def recorded_multiplication(lib: Any) -> Callable[[], None]:
    """1000 times `x * y`, 4 elements, recorded and dropped."""
    x, y = lib.ones(4, requires_grad=True), lib.ones(4, requires_grad=True)

    def run() -> None:
        for _ in range(1000):
            x * y

    return run


def chain(lib: Any) -> Callable[[], None]:
    """100 chained multiplications of 4 elements, forward and backward."""
    x, y = lib.ones(4, requires_grad=True), lib.ones(4, requires_grad=True)
    seed = lib.ones(4)

    def run() -> None:
        z = x
        for _ in range(100):
            z = z * y
        z.backward(seed)

    return run


def mlp_step(lib: Any, batch: int, inputs: int, hidden: int, outputs: int) -> Callable[[], None]:
    """One SGD step of a two-layer network, written by hand."""
    lib.manual_seed(0)
    x, y = lib.randn(batch, inputs), lib.randn(batch, outputs)
    parameters = [
        (lib.randn(inputs, hidden) / inputs**0.5).requires_grad_(),
        lib.zeros(hidden, requires_grad=True),
        (lib.randn(hidden, outputs) / hidden**0.5).requires_grad_(),
        lib.zeros(outputs, requires_grad=True),
    ]
    w1, b1, w2, b2 = parameters

    def run() -> None:
        prediction = (x @ w1 + b1).tanh() @ w2 + b2
        loss = ((prediction - y) ** 2).mean()
        loss.backward()
        with lib.no_grad():
            for p in parameters:
                p -= 0.01 * p.grad
                p.grad.zero_()

    return run


def small_mlp(lib: Any) -> Callable[[], None]:
    """SGD step of a network of sizes (8, 2, 16, 1)."""
    return mlp_step(lib, 8, 2, 16, 1)


def middle_mlp(lib: Any) -> Callable[[], None]:
    """SGD step of a network of sizes (64, 64, 64, 10)."""
    return mlp_step(lib, 64, 64, 64, 10)


def large_mlp(lib: Any) -> Callable[[], None]:
    """SGD step of a network of sizes (256, 1024, 1024, 1024)."""
    return mlp_step(lib, 256, 1024, 1024, 1024)


def custom_function(lib: Any) -> Callable[[], None]:
    """A chain of 20 custom Functions on 4 elements, forward and backward."""

    class Square(lib.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * x * 2

    x = lib.ones(4, requires_grad=True)
    seed = lib.ones(4)

    def run() -> None:
        z = x
        for _ in range(20):
            z = Square.apply(z)
        z.backward(seed)

    return run


def double_backward(lib: Any) -> Callable[[], None]:
    """Gradient of a gradient penalty through 10 operators."""
    x = lib.ones(8, requires_grad=True)

    def run() -> None:
        y = x
        for _ in range(5):
            y = (y * x).tanh()
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        (g * g).sum().backward()
        x.grad = None

    return run


TIMED: dict[str, tuple[Callable[[Any], Callable[[], None]], int, float]] = {
    "recorded x * y, 4 elements": (recorded_multiplication, 1000, 1.2),
    "100 multiplications, forward and backward": (chain, 1, 0.9),
    "SGD step, MLP (8, 2, 16, 1)": (small_mlp, 1, 1.0),
    "SGD step, MLP (64, 64, 64, 10)": (middle_mlp, 1, 1.0),
    "SGD step, MLP (256, 1024, 1024, 1024)": (large_mlp, 1, 1.0),
    "20 custom Functions, forward and backward": (custom_function, 1, 1.0),
    "double backward of 10 operators": (double_backward, 1, 1.0),
}
"""Name -> (workload, operations per run, ratio to torch's time that is to be reached)."""
