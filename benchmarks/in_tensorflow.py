"""Workloads in TensorFlow, eager with a `GradientTape`: define by run, as Wengert and torch are.

Titles, inputs and references are those of the workloads in `in_torch.py`. Its convolutions want the channels last on a
processor: such arrays are turned before the clock runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import references, transforms
from benchmarks.kernels import Job, N, fresh, gelu64, sigmoid64, softmax64
from benchmarks.references import Pairs, Problem, agreement, plain, stepped
from benchmarks.workloads import REPEATS, small

RATE = 0.01
Loss = Callable[[Any, list[Any], list[Any]], Any]

# ---------------------------------------------------------------- small and elementwise


def recorded_multiplication(tf: Any) -> Job:
    """1000 times `x * y`, 4 elements, recorded and dropped."""
    a, b = small(4), small(4)
    x, y = tf.constant(a), tf.constant(b)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            for _ in range(REPEATS):
                z = x * y
        return z

    return run, lambda: [(run(), a.astype(np.float64) * b, 1e-6)]


def chain(tf: Any) -> Job:
    """100 chained multiplications, forward and backward."""
    a, b, g = small(4), small(4), small(4)
    x, y, seed = tf.constant(a), tf.constant(b), tf.constant(g)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            z = x
            for _ in range(100):
                z = z * y
        return z, tape.gradient(z, [x, y], seed)

    def check() -> Pairs:
        z, (dx, dy) = run()
        power = b.astype(np.float64) ** 99
        return [(z, a * power * b, 2e-5), (dx, g * power * b, 2e-5), (dy, 100 * g * a * power, 2e-5)]

    return run, check


def elementwise(
    function: Callable[[Any, Any], Any], wanted: Callable[[Any], Any], positive: bool = False
) -> Callable[[Any], Job]:
    """A function of (tf, x) of 2^20 elements."""

    def workload(tf: Any) -> Job:
        a = fresh(N, positive=positive)
        x = tf.constant(a)
        return lambda: function(tf, x), lambda: [(function(tf, x), wanted(a.astype(np.float64)), 1e-5)]

    return workload


def addition(tf: Any) -> Job:
    """a + b, 2^20 elements each."""
    a, b = fresh(N), fresh(N)
    x, y = tf.constant(a), tf.constant(b)
    return lambda: x + y, lambda: [(x + y, a.astype(np.float64) + b, 1e-6)]


def product(n: int) -> Callable[[Any], Job]:
    """a @ b of n x n matrices."""

    def workload(tf: Any) -> Job:
        a, b = fresh(n, n), fresh(n, n)
        x, y = tf.constant(a), tf.constant(b)
        return lambda: x @ y, lambda: [(x @ y, a.astype(np.float64) @ b.astype(np.float64), 2e-5)]

    return workload


# ---------------------------------------------------------------- forward and backward of a problem


def turned(a: Any) -> Any:
    """Filters as (height, width, inputs, outputs) and pictures with the channels last; others as they are."""
    if a.ndim != 4:
        return a
    return a.transpose(2, 3, 1, 0) if a.shape[2] == a.shape[3] < 6 else a.transpose(0, 2, 3, 1)


def turned_back(a: Any, like: Any) -> Any:
    """The gradient of a turned array in the order of the array."""
    a = plain(a)
    if a.ndim != 4:
        return a
    return a.transpose(3, 2, 0, 1) if like.shape[2] == like.shape[3] < 6 else a.transpose(0, 3, 1, 2)


def gradient(problem: Callable[[], Problem], loss: Loss) -> Callable[[Any], Job]:
    """Loss and gradients; `loss` is a function of (tf, parameters, data)."""

    def workload(tf: Any) -> Job:
        made = problem()
        parameters = [tf.constant(turned(p)) for p in made.parameters]
        data = [tf.constant(turned(d)) for d in made.data]

        def run() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(parameters)
                value = loss(tf, parameters, data)
            return value, tape.gradient(value, parameters)

        def check() -> Pairs:
            value, slopes = run()
            backs = [turned_back(s, p) for s, p in zip(slopes, made.parameters, strict=True)]
            return agreement(made, value, backs)

        return run, check

    return workload


def training(problem: Callable[[], Problem], loss: Loss) -> Callable[[Any], Job]:
    """A step of SGD on variables."""

    def workload(tf: Any) -> Job:
        made = problem()
        parameters = [tf.Variable(turned(p)) for p in made.parameters]
        data = [tf.constant(turned(d)) for d in made.data]

        def run() -> Any:
            with tf.GradientTape() as tape:
                value = loss(tf, parameters, data)
            slopes = tape.gradient(value, parameters)
            for p, g in zip(parameters, slopes, strict=True):
                p.assign_sub(RATE * g)
            return value, slopes

        def check() -> Pairs:
            value, slopes = run()
            backs = [turned_back(s, p) for s, p in zip(slopes, made.parameters, strict=True)]
            after = [turned_back(v, p) for v, p in zip(parameters, made.parameters, strict=True)]
            return [*agreement(made, value, backs), *stepped(made.parameters, after, backs, RATE)]

        return run, check

    return workload


def mean(tf: Any, x: Any) -> Any:
    """Mean of all elements."""
    return tf.reduce_mean(x)


def layer_norm(tf: Any, x: Any, weight: Any, bias: Any) -> Any:
    """Layer norm over the last dimension."""
    middle, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, middle, variance, bias, weight, 1e-5)


def cross_entropy(tf: Any, scores: Any, classes: Any) -> Any:
    """Mean of -log softmax at the classes."""
    return mean(tf, tf.nn.sparse_softmax_cross_entropy_with_logits(classes, scores))


def perceptron(tf: Any, parameters: list[Any], data: list[Any]) -> Any:
    """Two layers, tanh between, mean squared error."""
    w1, b1, w2, b2 = parameters
    x, y = data
    return mean(tf, (tf.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)


def lenet(tf: Any, parameters: list[Any], data: list[Any]) -> Any:
    """LeNet-5."""
    x, y = data
    for place, padding in ((0, "SAME"), (2, "VALID")):
        x = tf.nn.relu(tf.nn.conv2d(x, parameters[place], 1, padding) + parameters[place + 1])
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    x = tf.reshape(tf.transpose(x, (0, 3, 1, 2)), (x.shape[0], -1))
    for place in (4, 6, 8):
        x = (tf.nn.relu(x) if place > 4 else x) @ tf.transpose(parameters[place]) + parameters[place + 1]
    return cross_entropy(tf, x, y)


def residual_block(tf: Any, parameters: list[Any], data: list[Any]) -> Any:
    """The basic block of ResNet-18."""
    (first, weight, bias, second, later, shift), (x, seed) = parameters, data

    def norm(y: Any, weight: Any, bias: Any) -> Any:
        return tf.raw_ops.FusedBatchNormV3(x=y, scale=weight, offset=bias, mean=[], variance=[], epsilon=1e-5).y

    y = tf.nn.relu(norm(tf.nn.conv2d(x, first, 1, "SAME"), weight, bias))
    y = norm(tf.nn.conv2d(y, second, 1, "SAME"), later, shift)
    return mean(tf, tf.nn.relu(y + x) * seed)


def transformer(tf: Any, parameters: list[Any], data: list[Any]) -> Any:
    """An encoder layer with 8 heads."""
    taken, taken_bias, joined, joined_bias, wide, wide_bias, back, back_bias, n1, s1, n2, s2 = parameters
    x, seed = data
    batch, length, width = x.shape

    def linear(x: Any, weight: Any, bias: Any) -> Any:
        return tf.matmul(x, weight, transpose_b=True) + bias

    parts = tf.reshape(linear(x, taken, taken_bias), (batch, length, 3, 8, width // 8))
    query, key, value = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
    shares = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / (width // 8) ** 0.5)
    seen = tf.reshape(tf.transpose(shares @ value, (0, 2, 1, 3)), (batch, length, width))
    x = layer_norm(tf, x + linear(seen, joined, joined_bias), n1, s1)
    x = layer_norm(tf, x + linear(tf.nn.relu(linear(x, wide, wide_bias)), back, back_bias), n2, s2)
    return mean(tf, x * seed)


def lstm(tf: Any, parameters: list[Any], data: list[Any]) -> Any:
    """One LSTM layer in a Python loop."""
    (taken, kept, taken_bias, kept_bias), (x, seed) = parameters, data
    h = c = tf.zeros((x.shape[1], kept.shape[1]))
    results = []
    for part in tf.unstack(tf.matmul(x, taken, transpose_b=True) + taken_bias):
        gates = part + tf.matmul(h, kept, transpose_b=True) + kept_bias
        enter, forget, cell, leave = tf.split(gates, 4, 1)
        c = tf.sigmoid(forget) * c + tf.sigmoid(enter) * tf.tanh(cell)
        h = tf.sigmoid(leave) * tf.tanh(c)
        results.append(h)
    return mean(tf, tf.stack(results) * seed)


def adam(tf: Any) -> Job:
    """A step of Adam over 2^20 parameters, by the operator that TensorFlow has for it."""
    values, slope = fresh(N), fresh(N)
    p, m, v = tf.Variable(values), tf.Variable(tf.zeros(N)), tf.Variable(tf.zeros(N))
    g, state = tf.constant(slope), {"count": 0}

    def run() -> Any:
        state["count"] += 1
        return tf.raw_ops.ResourceApplyAdam(
            var=p.handle, m=m.handle, v=v.handle, beta1_power=0.9 ** state["count"],
            beta2_power=0.999 ** state["count"], lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, grad=g,
        )  # fmt: skip

    def check() -> Pairs:
        run()
        slopes = slope.astype(np.float64)
        wanted, sure = values - 1e-3 * slopes / (np.abs(slopes) + 1e-8), np.abs(slopes) > 1e-2
        return [(plain(p)[sure], wanted[sure], 2e-6)]

    return run, check


# ---------------------------------------------------------------- transforms


def jacobian(tf: Any) -> Job:
    """Jacobian by `tape.jacobian`, in a `tf.function`: eagerly it would be traced anew each time."""
    arrays = transforms.two_layers()
    w, v, x = (tf.constant(a) for a in arrays)

    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(tf.linalg.matvec(v, tf.tanh(tf.linalg.matvec(w, x))))
        return tape.jacobian(y, x)

    return run, lambda: [(run(), transforms.two_layers_jacobian(arrays), 1e-5)]


def weighed(function: Callable[..., Any]) -> Loss:
    """The loss of a function of (tf, parameters...)."""
    return lambda tf, parameters, data: mean(tf, function(tf, *parameters) * data[0])


WORKLOADS: dict[str, Callable[[Any], Any]] = {
    "recorded x * y, 4 elements": recorded_multiplication,
    "100 multiplications, fwd+bwd": chain,
    **{
        f"SGD step, MLP {sizes}": training(lambda sizes=sizes: references.perceptron(*sizes), perceptron)
        for sizes in ((8, 2, 16, 1), (64, 64, 64, 10), (64, 1000, 100, 10), (256, 1024, 1024, 1024))
    },
    "exp 1M": elementwise(lambda tf, x: tf.exp(x), np.exp),
    "tanh 1M": elementwise(lambda tf, x: tf.tanh(x), np.tanh),
    "log 1M": elementwise(lambda tf, x: tf.math.log(x), np.log, True),
    "add 1M": addition,
    "sum 1M": elementwise(lambda tf, x: tf.reduce_sum(x), lambda x: x.sum(), True),
    "gelu 1M": elementwise(lambda tf, x: tf.nn.gelu(x), gelu64),
    "sigmoid 1M": elementwise(lambda tf, x: tf.sigmoid(x), sigmoid64),
    "tanh * sigmoid 1M, fwd+bwd": gradient(references.gated, weighed(lambda tf, x: tf.tanh(x) * tf.sigmoid(x))),
    "softmax 1000^2, fwd+bwd": gradient(references.row_function(softmax64), weighed(lambda tf, x: tf.nn.softmax(x))),
    "layer norm 1000^2, fwd+bwd": gradient(
        references.row_function(references.layer_norm64, (1000,), (1000,)), weighed(layer_norm)
    ),
    "cross entropy 1000^2, fwd+bwd": gradient(
        references.classification, lambda tf, parameters, data: cross_entropy(tf, parameters[0], data[0])
    ),
    "conv 64-64 3x3 (32, 64, 32, 32)": gradient(
        references.filters, weighed(lambda tf, x, w: tf.nn.conv2d(x, w, 1, "SAME"))
    ),
    "Adam step 1M": adam,
    "matmul 64": product(64),
    "matmul 1000": product(1000),
    "LeNet SGD step, batch 64": training(references.lenet, lenet),
    "ResNet-18 block step, (16, 64, 32, 32)": training(references.residual_block, residual_block),
    "transformer block step, (8, 128, 256)": training(references.transformer, transformer),
    "LSTM layer 64-128, 50 steps of 32, fwd+bwd": gradient(references.lstm, lstm),
    "Jacobian 100 x 100, reverse mode": jacobian,
}
"""Title -> workload."""
