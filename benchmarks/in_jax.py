"""Workloads in jax: compiled by `jax.jit`, as its users run them; only the recorded operation is eager.

Titles, inputs and references are those of the workloads in `in_torch.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import references, transforms
from benchmarks.kernels import Job, N, fresh, gelu64, sigmoid64, softmax64
from benchmarks.references import Pairs, Problem, agreement, plain, stepped
from benchmarks.workloads import REPEATS, small

RATE = 0.01


def timed(jax: Any, function: Callable[..., Any], *points: Any) -> Callable[[], Any]:
    """A compiled function on points, waited for."""
    compiled = jax.jit(function)
    ready = jax.device_put(points)
    return lambda: jax.block_until_ready(compiled(*ready))


def numpy(jax: Any) -> Any:
    """The module `jax.numpy`."""
    return importlib.import_module("jax.numpy")


# ---------------------------------------------------------------- small and elementwise


def recorded_multiplication(jax: Any) -> Job:
    """1000 times `x * y`, 4 elements: dispatched one by one; jax has no tape, so nothing is recorded."""
    a, b = small(4), small(4)
    x, y = jax.device_put(a), jax.device_put(b)

    def run() -> Any:
        for _ in range(REPEATS):
            z = x * y
        return jax.block_until_ready(z)

    return run, lambda: [(run(), a.astype(np.float64) * b, 1e-6)]


def chain(jax: Any) -> Job:
    """100 chained multiplications, forward and backward."""
    a, b, g = small(4), small(4), small(4)

    def product(x: Any, y: Any) -> Any:
        for _ in range(100):
            x = x * y
        return x

    def both(x: Any, y: Any, g: Any) -> Any:
        z, back = jax.vjp(product, x, y)
        return z, back(g)

    run = timed(jax, both, a, b, g)

    def check() -> Pairs:
        z, (dx, dy) = run()
        power = b.astype(np.float64) ** 99
        return [(z, a * power * b, 2e-5), (dx, g * power * b, 2e-5), (dy, 100 * g * a * power, 2e-5)]

    return run, check


def elementwise(
    function: Callable[[Any, Any], Any], wanted: Callable[[Any], Any], positive: bool = False
) -> Callable[[Any], Job]:
    """A function of (jax, x) of 2^20 elements."""

    def workload(jax: Any) -> Job:
        a = fresh(N, positive=positive)
        run = timed(jax, lambda x: function(jax, x), a)
        return run, lambda: [(run(), wanted(a.astype(np.float64)), 1e-5)]

    return workload


def addition(jax: Any) -> Job:
    """a + b, 2^20 elements each."""
    a, b = fresh(N), fresh(N)
    run = timed(jax, lambda x, y: x + y, a, b)
    return run, lambda: [(run(), a.astype(np.float64) + b, 1e-6)]


def product(n: int) -> Callable[[Any], Job]:
    """a @ b of n x n matrices."""

    def workload(jax: Any) -> Job:
        a, b = fresh(n, n), fresh(n, n)
        run = timed(jax, lambda x, y: x @ y, a, b)
        return run, lambda: [(run(), a.astype(np.float64) @ b.astype(np.float64), 2e-5)]

    return workload


# ---------------------------------------------------------------- forward and backward of a problem


def gradient(problem: Callable[[], Problem], loss: Callable[[Any, list[Any], list[Any]], Any]) -> Callable[[Any], Job]:
    """Loss and gradients; `loss` is a function of (jax, parameters, data)."""

    def workload(jax: Any) -> Job:
        made = problem()
        function = jax.value_and_grad(lambda parameters, data: loss(jax, parameters, data))
        run = timed(jax, function, made.parameters, made.data)

        def check() -> Pairs:
            value, slopes = run()
            return agreement(made, value, slopes)

        return run, check

    return workload


def training(problem: Callable[[], Problem], loss: Callable[[Any, list[Any], list[Any]], Any]) -> Callable[[Any], Job]:
    """A step of SGD that starts where the last one ended."""

    def workload(jax: Any) -> Job:
        made = problem()
        slopes = jax.value_and_grad(lambda parameters, data: loss(jax, parameters, data))

        def step(parameters: list[Any], data: list[Any]) -> Any:
            value, gradients = slopes(parameters, data)
            return value, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

        compiled = jax.jit(step)
        state = {"parameters": jax.device_put(made.parameters)}
        data = jax.device_put(made.data)

        def run() -> Any:
            value, state["parameters"] = jax.block_until_ready(compiled(state["parameters"], data))
            return value

        def check() -> Pairs:
            found, gradients = jax.jit(slopes)(state["parameters"], data)
            run()
            after = [plain(p) for p in state["parameters"]]
            return [*agreement(made, found, gradients), *stepped(made.parameters, after, gradients, RATE)]

        return run, check

    return workload


def layer_norm(jnp: Any, x: Any, weight: Any, bias: Any) -> Any:
    """Layer norm over the last dimension."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def cross_entropy(jax: Any, scores: Any, classes: Any) -> Any:
    """Mean of -log softmax at the classes."""
    return -jax.nn.log_softmax(scores)[numpy(jax).arange(len(classes)), classes].mean()


def convolution(jax: Any, x: Any, filters: Any, padding: int = 0) -> Any:
    """Cross-correlation."""
    return jax.lax.conv_general_dilated(x, filters, (1, 1), [(padding, padding)] * 2)


# ---------------------------------------------------------------- models


def perceptron(jax: Any, parameters: list[Any], data: list[Any]) -> Any:
    """Two layers, tanh between, mean squared error."""
    w1, b1, w2, b2 = parameters
    x, y = data
    return ((numpy(jax).tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2).mean()


def lenet(jax: Any, parameters: list[Any], data: list[Any]) -> Any:
    """LeNet-5."""
    x, y = data
    for place, padding in ((0, 2), (2, 0)):
        x = jax.nn.relu(convolution(jax, x, parameters[place], padding) + parameters[place + 1][:, None, None])
        x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = x.reshape(len(x), -1)
    for place in (4, 6, 8):
        x = (jax.nn.relu(x) if place > 4 else x) @ parameters[place].T + parameters[place + 1]
    return cross_entropy(jax, x, y)


def batch_norm(jnp: Any, x: Any, weight: Any, bias: Any) -> Any:
    """Batch norm with the batch's own figures."""
    centred = x - x.mean((0, 2, 3), keepdims=True)
    normal = centred / jnp.sqrt((centred**2).mean((0, 2, 3), keepdims=True) + 1e-5)
    return normal * weight[:, None, None] + bias[:, None, None]


def residual_block(jax: Any, parameters: list[Any], data: list[Any]) -> Any:
    """The basic block of ResNet-18."""
    (first, weight, bias, second, later, shift), (x, seed), jnp = parameters, data, numpy(jax)
    y = jax.nn.relu(batch_norm(jnp, convolution(jax, x, first, 1), weight, bias))
    y = batch_norm(jnp, convolution(jax, y, second, 1), later, shift)
    return (jax.nn.relu(y + x) * seed).mean()


def transformer(jax: Any, parameters: list[Any], data: list[Any]) -> Any:
    """An encoder layer with 8 heads."""
    taken, taken_bias, joined, joined_bias, wide, wide_bias, back, back_bias, n1, s1, n2, s2 = parameters
    (x, seed), jnp = data, numpy(jax)
    batch, length, width = x.shape
    query, key, value = (x @ taken.T + taken_bias).reshape(batch, length, 3, 8, -1).transpose(2, 0, 3, 1, 4)
    shares = jax.nn.softmax(query @ key.swapaxes(-1, -2) / (width // 8) ** 0.5)
    seen = (shares @ value).transpose(0, 2, 1, 3).reshape(batch, length, width)
    x = layer_norm(jnp, x + seen @ joined.T + joined_bias, n1, s1)
    x = layer_norm(jnp, x + jax.nn.relu(x @ wide.T + wide_bias) @ back.T + back_bias, n2, s2)
    return (x * seed).mean()


def lstm(jax: Any, parameters: list[Any], data: list[Any]) -> Any:
    """One LSTM layer, a scan."""
    (taken, kept, taken_bias, kept_bias), (x, seed), jnp = parameters, data, numpy(jax)

    def step(state: Any, part: Any) -> Any:
        h, c = state
        enter, forget, cell, leave = jnp.split(part + h @ kept.T + kept_bias, 4, 1)
        c = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(enter) * jnp.tanh(cell)
        h = jax.nn.sigmoid(leave) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[1], kept.shape[1]))
    results = jax.lax.scan(step, (zeros, zeros), x @ taken.T + taken_bias)[1]
    return (results * seed).mean()


def adam(jax: Any) -> Job:
    """The first step of Adam over 2^20 parameters, again and again."""
    values, slope, jnp = fresh(N), fresh(N), numpy(jax)

    def step(p: Any, g: Any, m: Any, v: Any, count: Any) -> Any:
        m, v, count = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g, count + 1
        rate = 1e-3 / (1 - 0.9**count)
        return p - rate * m / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8), m, v, count

    run = timed(jax, step, values, slope, np.zeros(N, np.float32), np.zeros(N, np.float32), np.float32(0))
    g = slope.astype(np.float64)
    return run, lambda: [(run()[0], values - 1e-3 * g / (np.abs(g) + 1e-8), 2e-6)]


# ---------------------------------------------------------------- transforms


def jacobian(name: str) -> Callable[[Any], Job]:
    """Jacobian by `jacrev` or `jacfwd`."""

    def workload(jax: Any) -> Job:
        arrays, jnp = transforms.two_layers(), numpy(jax)
        w, v, _ = jax.device_put(arrays)
        run = timed(jax, getattr(jax, name)(lambda x: jnp.tanh(v @ jnp.tanh(w @ x))), arrays[2])
        return run, lambda: [(run(), transforms.two_layers_jacobian(arrays), 1e-5)]

    return workload


def hessian(jax: Any) -> Job:
    """The whole Hessian."""
    arrays, jnp = transforms.perceptron(), numpy(jax)
    w1, w2, w3, b1, b2, _ = jax.device_put(arrays)
    function = jax.hessian(lambda x: (w3 @ jnp.tanh(w2 @ jnp.tanh(w1 @ x + b1) + b2)).sum())
    run = timed(jax, function, arrays[5])
    return run, lambda: [(run(), transforms.perceptron_hessian(arrays), 5e-5)]


def per_sample(jax: Any) -> Job:
    """Gradients of 64 samples each."""
    arrays, jnp = transforms.samples(), numpy(jax)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        return -jax.nn.log_softmax(w2 @ jnp.tanh(w1 @ x + b1) + b2)[y]

    run = timed(jax, jax.vmap(jax.grad(loss), (None, 0, 0)), arrays[:4], *arrays[4:])
    return run, lambda: [(f, w, 1e-5) for f, w in zip(run(), transforms.sample_gradients(arrays), strict=True)]


def hessian_product(batch: int, width: int) -> Callable[[Any], tuple[Any, Any, Any]]:
    """jvp of grad, the gradient, and the check."""

    def workload(jax: Any) -> tuple[Any, Any, Any]:
        arrays = transforms.objective(batch, width)
        directions = [fresh(*w.shape) for w in arrays[2:]]
        x, y = jax.device_put(arrays[:2])
        slope = jax.grad(lambda weights: perceptron(jax, weights, [x, y]))
        product = timed(jax, lambda w, d: jax.jvp(slope, (w,), (d,))[1], arrays[2:], directions)
        return (
            product,
            timed(jax, slope, arrays[2:]),
            lambda: transforms.product_pairs(arrays, directions, product()),
        )

    return workload


def weighed(function: Callable[..., Any]) -> Callable[[Any, list[Any], list[Any]], Any]:
    """The loss of a function of (jax, parameters...)."""
    return lambda jax, parameters, data: (function(jax, *parameters) * data[0]).mean()


WORKLOADS: dict[str, Callable[[Any], Any]] = {
    "recorded x * y, 4 elements": recorded_multiplication,
    "100 multiplications, fwd+bwd": chain,
    **{
        f"SGD step, MLP {sizes}": training(lambda sizes=sizes: references.perceptron(*sizes), perceptron)
        for sizes in ((8, 2, 16, 1), (64, 64, 64, 10), (64, 1000, 100, 10), (256, 1024, 1024, 1024))
    },
    "exp 1M": elementwise(lambda jax, x: numpy(jax).exp(x), np.exp),
    "tanh 1M": elementwise(lambda jax, x: numpy(jax).tanh(x), np.tanh),
    "log 1M": elementwise(lambda jax, x: numpy(jax).log(x), np.log, True),
    "add 1M": addition,
    "sum 1M": elementwise(lambda jax, x: x.sum(), lambda x: x.sum(), True),
    "gelu 1M": elementwise(lambda jax, x: jax.nn.gelu(x, approximate=False), gelu64),
    "sigmoid 1M": elementwise(lambda jax, x: jax.nn.sigmoid(x), sigmoid64),
    "tanh * sigmoid 1M, fwd+bwd": gradient(
        references.gated, weighed(lambda jax, x: numpy(jax).tanh(x) * jax.nn.sigmoid(x))
    ),
    "softmax 1000^2, fwd+bwd": gradient(references.row_function(softmax64), weighed(lambda jax, x: jax.nn.softmax(x))),
    "layer norm 1000^2, fwd+bwd": gradient(
        references.row_function(references.layer_norm64, (1000,), (1000,)),
        weighed(lambda jax, x, w, b: layer_norm(numpy(jax), x, w, b)),
    ),
    "cross entropy 1000^2, fwd+bwd": gradient(
        references.classification, lambda jax, parameters, data: cross_entropy(jax, parameters[0], data[0])
    ),
    "conv 64-64 3x3 (32, 64, 32, 32)": gradient(
        references.filters, weighed(lambda jax, x, w: convolution(jax, x, w, 1))
    ),
    "Adam step 1M": adam,
    "matmul 64": product(64),
    "matmul 1000": product(1000),
    "LeNet SGD step, batch 64": training(references.lenet, lenet),
    "ResNet-18 block step, (16, 64, 32, 32)": training(references.residual_block, residual_block),
    "transformer block step, (8, 128, 256)": training(references.transformer, transformer),
    "LSTM layer 64-128, 50 steps of 32, fwd+bwd": gradient(references.lstm, lstm),
    "Jacobian 100 x 100, reverse mode": jacobian("jacrev"),
    "Jacobian 100 x 100, forward mode": jacobian("jacfwd"),
    "Hessian 32 x 32, three layers": hessian,
    "per-sample gradients, 64 samples": per_sample,
    "HVP / gradient, jvp of grad, (8, 16)": hessian_product(8, 16),
    "HVP / gradient, jvp of grad, (256, 256)": hessian_product(256, 256),
}
"""Title -> workload."""
