"""Workloads of transforms (`func`): Jacobians, Hessians, per-sample gradients, products with the Hessian.

The first three are compared with what other libraries take.  A product with the Hessian is set against the gradient of
the same function and library: what it computes is about two gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kernels import Job, fresh, softmax64
from benchmarks.references import Pairs, plain, scaled

Run = Callable[[], Any]


def tensors(lib: Any, arrays: list[Any]) -> list[Any]:
    """Arrays as tensors."""
    return [lib.from_numpy(a) for a in arrays]


def doubled(arrays: list[Any]) -> list[Any]:
    """Arrays in float64."""
    return [a.astype(np.float64) for a in arrays]


# ---------------------------------------------------------------- Jacobians


def two_layers() -> list[Any]:
    """W, V and x of tanh(V tanh(W x)), 100 -> 100."""
    return [scaled(100, 100), scaled(100, 100), fresh(100)]


def two_layers_jacobian(arrays: list[Any]) -> Any:
    """The Jacobian in x."""
    w, v, x = doubled(arrays)
    inner = np.tanh(w @ x)
    outer = np.tanh(v @ inner)
    return (1 - outer**2)[:, None] * v @ ((1 - inner**2)[:, None] * w)


def jacobian(name: str) -> Callable[[Any], Job]:
    """Jacobian by `jacrev` or `jacfwd`."""

    def workload(lib: Any) -> Job:
        arrays = two_layers()
        w, v, x = tensors(lib, arrays)
        function = getattr(lib.func, name)(lambda x: (v @ (w @ x).tanh()).tanh())
        return lambda: function(x), lambda: [(function(x), two_layers_jacobian(arrays), 1e-5)]

    return workload


# ---------------------------------------------------------------- Hessian


def perceptron() -> list[Any]:
    """Weights, biases and input of a three-layer network of width 32 that returns one number."""
    return [scaled(32, 32), scaled(32, 32), scaled(1, 32), fresh(32), fresh(32), fresh(32)]


def perceptron_hessian(arrays: list[Any]) -> Any:
    """The Hessian in the input: complex steps of the gradient."""
    w1, w2, w3, b1, b2, x = doubled(arrays)

    def gradient(x: Any) -> Any:
        inner = np.tanh(w1 @ x + b1)
        outer = np.tanh(w2 @ inner + b2)
        return ((w3[0] * (1 - outer**2)) @ w2 * (1 - inner**2)) @ w1

    return np.stack([np.imag(gradient(x + 1e-30j * e)) / 1e-30 for e in np.eye(32)])


def hessian(lib: Any) -> Job:
    """The whole Hessian: forward over reverse mode."""
    arrays = perceptron()
    w1, w2, w3, b1, b2, x = tensors(lib, arrays)
    linear = lib.nn.functional.linear
    function = lib.func.hessian(lambda x: linear(linear(linear(x, w1, b1).tanh(), w2, b2).tanh(), w3).sum())
    return lambda: function(x), lambda: [(function(x), perceptron_hessian(arrays), 5e-5)]


# ---------------------------------------------------------------- per-sample gradients


def samples() -> list[Any]:
    """Weights and biases of a network 16-32-10, 64 inputs and their classes."""
    classes = np.random.default_rng().integers(0, 10, 64)
    return [scaled(32, 16), fresh(32), scaled(10, 32), fresh(10), fresh(64, 16), classes]


def sample_gradients(arrays: list[Any]) -> list[Any]:
    """The gradients of the cross entropy of each sample."""
    w1, b1, w2, b2, x = doubled(arrays[:5])
    inner = np.tanh(x @ w1.T + b1)
    g = softmax64(inner @ w2.T + b2)
    g[np.arange(64), arrays[5]] -= 1
    deeper = g @ w2 * (1 - inner**2)
    return [deeper[:, :, None] * x[:, None], deeper, g[:, :, None] * inner[:, None], g]


def per_sample(lib: Any) -> Job:
    """Gradients of 64 samples each, vmap(grad) of a module with functional_call."""
    nn, arrays = lib.nn, samples()
    net = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 10))
    *weights, x, y = tensors(lib, arrays)
    parameters = dict(zip([name for name, _ in net.named_parameters()], weights, strict=True))

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        scores = lib.func.functional_call(net, parameters, (x.unsqueeze(0),))
        return nn.functional.cross_entropy(scores, y.unsqueeze(0))

    function = lib.func.vmap(lib.func.grad(loss), in_dims=(None, 0, 0))
    run = lambda: function(parameters, x, y)  # noqa: E731
    return run, lambda: [(f, w, 1e-5) for f, w in zip(run().values(), sample_gradients(arrays), strict=True)]


# ---------------------------------------------------------------- products with the Hessian


def objective(batch: int, width: int) -> list[Any]:
    """x, y, w1, b1, w2, b2 of a two-layer network."""
    return [fresh(batch, width), fresh(batch, 1), scaled(width, width), fresh(width), scaled(width, 1), fresh(1)]


def objective_gradient(data: list[Any], weights: list[Any]) -> list[Any]:
    """The gradient of its mean squared error, also of complex weights."""
    (x, y), (w1, b1, w2, b2) = data, weights
    inner = np.tanh(x @ w1 + b1)
    g = 2 * (inner @ w2 + b2 - y) / len(x)
    deeper = g @ w2.T * (1 - inner**2)
    return [x.T @ deeper, deeper.sum(0), inner.T @ g, g.sum(0)]


def product_pairs(arrays: list[Any], directions: list[Any], found: Any) -> Pairs:
    """A product with the Hessian beside a complex step of the gradient."""
    data, weights = doubled(arrays[:2]), doubled(arrays[2:])
    moved = [w + 1e-30j * d for w, d in zip(weights, directions, strict=True)]
    wanted = [np.imag(g) / 1e-30 for g in objective_gradient(data, moved)]
    return [(plain(f), w, 1e-4) for f, w in zip(found, wanted, strict=True)]


def loss_of(x: Any, y: Any) -> Callable[..., Any]:
    """The loss as a function of the weights."""

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return ((((x @ w1 + b1).tanh() @ w2 + b2) - y) ** 2).mean()

    return loss


def forward_over_reverse(lib: Any, batch: int, width: int) -> tuple[Run, Run, Run]:
    """jvp of grad, the gradient, and the check."""
    arrays = objective(batch, width)
    x, y, *weights = tensors(lib, arrays)
    directions = [fresh(*w.shape) for w in arrays[2:]]
    function = lib.func.grad(loss_of(x, y), argnums=(0, 1, 2, 3))
    points, tangents = tuple(weights), tuple(tensors(lib, directions))
    product = lambda: lib.func.jvp(function, points, tangents)  # noqa: E731
    return product, lambda: function(*weights), lambda: product_pairs(arrays, directions, product()[1])


def swept_twice(lib: Any, batch: int, width: int) -> tuple[Run, Run, Run]:
    """The gradient recorded, then swept with a direction; the gradient by `autograd.grad`; the check."""
    arrays = objective(batch, width)
    x, y, *weights = tensors(lib, arrays)
    directions = [fresh(*w.shape) for w in arrays[2:]]
    loss, leaves, seeds = loss_of(x, y), [w.requires_grad_() for w in weights], tensors(lib, directions)

    def product() -> Any:
        slopes = lib.autograd.grad(loss(*leaves), leaves, create_graph=True)
        return lib.autograd.grad(slopes, leaves, seeds)

    return (
        product,
        lambda: lib.autograd.grad(loss(*leaves), leaves),
        lambda: product_pairs(arrays, directions, product()),
    )


TRANSFORMS: dict[str, Callable[[Any], Job]] = {
    "Jacobian 100 x 100, reverse mode": jacobian("jacrev"),
    "Jacobian 100 x 100, forward mode": jacobian("jacfwd"),
    "Hessian 32 x 32, three layers": hessian,
    "per-sample gradients, 64 samples": per_sample,
}
"""Title -> workload."""

PRODUCTS: dict[str, Callable[[Any], tuple[Run, Run, Run]]] = {
    "HVP / gradient, jvp of grad, (8, 16)": lambda lib: forward_over_reverse(lib, 8, 16),
    "HVP / gradient, jvp of grad, (256, 256)": lambda lib: forward_over_reverse(lib, 256, 256),
    "HVP / gradient, double backward, (8, 16)": lambda lib: swept_twice(lib, 8, 16),
    "HVP / gradient, double backward, (256, 256)": lambda lib: swept_twice(lib, 256, 256),
}
"""Title -> (product with the Hessian, gradient, check)."""
