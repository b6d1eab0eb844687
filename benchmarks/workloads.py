"""Workloads of small tensors, where what a library does around the arithmetic is all that counts.

Each is a function of a library with the names of torch that returns a job, as in `networks.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kernels import Job, fresh
from benchmarks.references import Pairs

REPEATS = 1000
"""Recorded operations in one run."""


def small(*shape: int) -> Any:
    """Random numbers near 1: a product of a hundred of them stays in range."""
    return 1 + fresh(*shape) * np.float32(0.01)


def recorded_multiplication(lib: Any) -> Job:
    """1000 times `x * y`, 4 elements, recorded and dropped."""
    a, b = small(4), small(4)
    x, y = lib.from_numpy(a).requires_grad_(), lib.from_numpy(b).requires_grad_()

    def run() -> None:
        for _ in range(REPEATS):
            x * y

    def check() -> Pairs:
        run()
        z = x * y
        assert z.requires_grad, "the product was not recorded"
        return [(z, a.astype(np.float64) * b, 1e-6)]

    return run, check


def chain(lib: Any) -> Job:
    """100 chained multiplications of 4 elements, forward and backward."""
    a, b, g = small(4), small(4), small(4)
    x, y, seed = lib.from_numpy(a).requires_grad_(), lib.from_numpy(b).requires_grad_(), lib.from_numpy(g)

    def run() -> Any:
        z = x
        for _ in range(100):
            z = z * y
        z.backward(seed)
        return z

    def check() -> Pairs:
        x.grad = y.grad = None
        z = run()
        power = b.astype(np.float64) ** 99
        return [(z, a * power * b, 2e-5), (x.grad, g * power * b, 2e-5), (y.grad, 100 * g * a * power, 2e-5)]

    return run, check


def custom_function(lib: Any) -> Job:
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

    # Squares of 1 and -1: any other number is out of range, or all rounding, after 20 of them.
    a, g = np.sign(fresh(4)), small(4)
    x, seed = lib.from_numpy(a).requires_grad_(), lib.from_numpy(g)

    def run() -> Any:
        z = x
        for _ in range(20):
            z = Square.apply(z)
        z.backward(seed)
        return z

    def check() -> Pairs:
        x.grad = None
        z = run()
        return [(z, np.ones(4), 1e-6), (x.grad, g.astype(np.float64) * 2.0**20 * a, 1e-6)]

    return run, check


def penalised(x: Any, tanh: Callable[[Any], Any] = np.tanh) -> Any:
    """Five times y = tanh(y x), starting at x."""
    y = x
    for _ in range(5):
        y = tanh(y * x)
    return y


def double_backward(lib: Any) -> Job:
    """Gradient of the squared gradient of `penalised`, 8 elements."""
    a = np.abs(fresh(8)) + np.float32(0.5)
    x = lib.from_numpy(a).requires_grad_()

    def run() -> Any:
        y = x
        for _ in range(5):
            y = (y * x).tanh()
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        x.grad = None
        (g * g).sum().backward()
        return g

    def check() -> Pairs:
        def slope(x: Any) -> Any:  # by a complex step, which loses no digits
            return np.imag(penalised(x + 1e-30j)) / 1e-30

        g, start, step = run(), a.astype(np.float64), 1e-5
        wanted = 2 * slope(start) * (slope(start + step) - slope(start - step)) / (2 * step)
        return [(g, slope(start), 2e-5), (x.grad, wanted, 1e-4)]

    return run, check


SMALL: dict[str, Callable[[Any], Job]] = {
    "recorded x * y, 4 elements": recorded_multiplication,
    "100 multiplications, fwd+bwd": chain,
    "20 custom Functions, fwd+bwd": custom_function,
    "double backward of 10 operators": double_backward,
}
"""Title -> workload."""
