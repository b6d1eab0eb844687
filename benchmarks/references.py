"""What the results of the workloads are compared with: the same models in float64, in plain NumPy.

A model is stated once, as parameters, data and a loss in float64; every library gets the same numbers. Gradients are
not written down a second time: they are compared with central differences of the loss in two directions, one along
the gradient that was found and one at random, in which every parameter has the same weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.kernels import N, fresh, sigmoid64, softmax64

Pairs = list[tuple[Any, Any, float]]
"""A result, its reference in float64, the tolerance."""


@dataclass(frozen=True)
class Problem:
    """A model and a batch: float32 arrays, and its loss as a function of lists of float64 arrays."""

    parameters: list[Any]
    data: list[Any]
    loss64: Callable[[list[Any], list[Any]], Any]
    tolerance: float = 2e-3
    """Of the slopes. More where many results of relu are near 0: float32 takes some on the other side of the corner."""


def plain(value: Any) -> Any:
    """A result of any library as a float64 array."""
    value = value.detach() if hasattr(value, "detach") else value
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value, np.float64)


def agreement(problem: Problem, loss: Any, gradients: list[Any]) -> Pairs:
    """A loss beside its float64 value, and gradients beside differences of that."""
    points = [p.astype(np.float64) for p in problem.parameters]
    data = [d.astype(np.float64) if d.dtype.kind == "f" else d for d in problem.data]
    found = [plain(g) for g in gradients]
    shapes = [g.shape for g in found], [p.shape for p in points]
    assert shapes[0] == shapes[1], f"gradients of shapes {shapes[0]} for parameters of shapes {shapes[1]}"
    sizes = [np.linalg.norm(g) for g in found]
    source = np.random.default_rng()
    along = [g / size**2 for g, size in zip(found, sizes, strict=True)]
    across = [source.standard_normal(g.shape) / size for g, size in zip(found, sizes, strict=True)]
    told, wanted = [], []
    for direction in (along, across):
        told.append(sum(float((g * d).sum()) for g, d in zip(found, direction, strict=True)))
        wanted.append(slope(lambda moved: problem.loss64(moved, data), points, direction))
    room = len(found)  # the part along the gradients is near the number of parameters, which sets the scale
    # A loss may come out near 0: what parameters of their size make of it says how large its terms are.
    scale = max(size * float(np.linalg.norm(p)) for size, p in zip(sizes, points, strict=True))
    return [
        (np.array([float(plain(loss)), scale]), np.array([problem.loss64(points, data), scale]), 2e-5),
        (np.array(told) / room, np.array(wanted) / room, problem.tolerance),
    ]


def slope(function: Callable[[list[Any]], Any], points: list[Any], direction: list[Any]) -> float:
    """Central difference of a function in a direction."""
    step = 1e-7 / max(float(np.abs(d).max()) for d in direction)  # small: functions with corners have many nearby
    ends = [function([p + sign * step * d for p, d in zip(points, direction, strict=True)]) for sign in (1, -1)]
    return float((ends[0] - ends[1]) / (2 * step))


def stepped(before: list[Any], after: list[Any], gradients: list[Any], rate: float) -> Pairs:
    """Parameters after a step of SGD."""
    moved = [plain(b) - rate * plain(g) for b, g in zip(before, gradients, strict=True)]
    return [(a, m, 1e-5) for a, m in zip(after, moved, strict=True)]


def scaled(*shape: int) -> Any:
    """Weights that keep the size of what goes through them."""
    return fresh(*shape) / np.float32(np.prod(shape[1:]) ** 0.5)


# ---------------------------------------------------------------- layers


def relu64(x: Any) -> Any:
    """max(x, 0)."""
    return np.maximum(x, 0)


def layer_norm64(x: Any, weight: Any, bias: Any) -> Any:
    """Layer norm over the last dimension."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def batch_norm64(x: Any, weight: Any, bias: Any) -> Any:
    """Batch norm over (batch, channels, height, width) with the batch's own figures."""
    centred = x - x.mean((0, 2, 3), keepdims=True)
    normal = centred / np.sqrt((centred**2).mean((0, 2, 3), keepdims=True) + 1e-5)
    return normal * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


def convolution64(x: Any, filters: Any, padding: int = 0) -> Any:
    """Cross-correlation of (batch, channels, height, width)."""
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, filters.shape[2:], (2, 3))
    return np.tensordot(windows, filters, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)


def pooled64(x: Any) -> Any:
    """Maximum of each square of 2 x 2."""
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels, height // 2, 2, width // 2, 2).max((3, 5))


def cross_entropy64(scores: Any, classes: Any) -> Any:
    """Mean of -log softmax at the classes."""
    top = scores.max(1, keepdims=True)
    return (np.log(np.exp(scores - top).sum(1)) + top[:, 0] - scores[np.arange(len(classes)), classes]).mean()


# ---------------------------------------------------------------- single functions


def row_function(forward64: Callable[..., Any], *extra: tuple[int, ...]) -> Callable[[], Problem]:
    """A function of a matrix of 1000 x 1000 and of vectors; the loss weighs the results."""

    def make() -> Problem:
        parameters = [fresh(1000, 1000), *(fresh(*shape) for shape in extra)]
        return Problem(parameters, [fresh(1000, 1000)], lambda p, d: (forward64(*p) * d[0]).mean())

    return make


def classification() -> Problem:
    """1000 x 1000 logits and their classes."""
    classes = np.random.default_rng().integers(0, 1000, 1000)
    return Problem([fresh(1000, 1000)], [classes], lambda p, d: cross_entropy64(p[0], d[0]))


def gated() -> Problem:
    """tanh(x) * sigmoid(x)."""
    return Problem([fresh(N)], [fresh(N)], lambda p, d: (np.tanh(p[0]) * sigmoid64(p[0]) * d[0]).mean())


def filters() -> Problem:
    """64 filters of 3 x 3 over 64 channels of 32 x 32, batch 32."""
    parameters = [fresh(32, 64, 32, 32), scaled(64, 64, 3, 3)]
    return Problem(
        parameters,
        [fresh(32, 64, 32, 32)],
        lambda p, d: (convolution64(p[0], p[1], 1) * d[0]).mean(),
    )


# ---------------------------------------------------------------- models


def perceptron(batch: int, *widths: int) -> Problem:
    """Layers with tanh between them and the mean squared error; weights as (inputs, outputs)."""

    def loss(parameters: list[Any], data: list[Any]) -> Any:
        x, y = data
        for place in range(0, len(parameters), 2):
            x = (np.tanh(x) if place else x) @ parameters[place] + parameters[place + 1]
        return ((x - y) ** 2).mean()

    weights = [(scaled(m, n).T.copy(), fresh(m) * np.float32(0.1)) for n, m in zip(widths, widths[1:], strict=False)]
    return Problem([p for pair in weights for p in pair], [fresh(batch, widths[0]), fresh(batch, widths[-1])], loss)


def rectified(batch: int, *widths: int) -> Problem:
    """Layers with relu between them and the mean squared error; weights as (outputs, inputs)."""

    def loss(parameters: list[Any], data: list[Any]) -> Any:
        x, y = data
        for place in range(0, len(parameters), 2):
            x = (relu64(x) if place else x) @ parameters[place].T + parameters[place + 1]
        return ((x - y) ** 2).mean()

    weights = [(scaled(m, n), fresh(m) * np.float32(0.1)) for n, m in zip(widths, widths[1:], strict=False)]
    return Problem([p for pair in weights for p in pair], [fresh(batch, widths[0]), fresh(batch, widths[-1])], loss)


def lenet(batch: int = 64) -> Problem:
    """LeNet-5 on pictures of 28 x 28 with relu and maximum pooling."""
    shapes = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)]

    def loss(parameters: list[Any], data: list[Any]) -> Any:
        x, y = data
        for place, padding in ((0, 2), (2, 0)):
            x = convolution64(x, parameters[place], padding) + parameters[place + 1].reshape(1, -1, 1, 1)
            x = pooled64(relu64(x))
        x = x.reshape(len(x), -1)
        for place in (4, 6, 8):
            x = (relu64(x) if place > 4 else x) @ parameters[place].T + parameters[place + 1]
        return cross_entropy64(x, y)

    parameters = [p for shape in shapes for p in (scaled(*shape), fresh(shape[0]) * np.float32(0.1))]
    classes = np.random.default_rng().integers(0, 10, batch)
    return Problem(parameters, [fresh(batch, 1, 28, 28), classes], loss, 1e-2)


def residual_block(batch: int = 16, channels: int = 64, side: int = 32) -> Problem:
    """The basic block of ResNet-18; the loss is the sum of the result times given numbers, over their count."""

    def loss(parameters: list[Any], data: list[Any]) -> Any:
        first, weight, bias, second, later, shift = parameters
        x, seed = data
        y = relu64(batch_norm64(convolution64(x, first, 1), weight, bias))
        y = batch_norm64(convolution64(y, second, 1), later, shift)
        return (relu64(y + x) * seed).mean()

    shape = (channels, channels, 3, 3)
    norms = [[1 + fresh(channels) * np.float32(0.1), fresh(channels) * np.float32(0.1)] for _ in range(2)]
    data = [fresh(batch, channels, side, side), fresh(batch, channels, side, side)]
    return Problem([scaled(*shape), *norms[0], scaled(*shape), *norms[1]], data, loss, 2e-2)


def attention64(x: Any, weight: Any, bias: Any, heads: int) -> Any:
    """Self-attention without the last linear layer; x is (batch, length, width)."""
    batch, length, width = x.shape
    parts = (x @ weight.T + bias).reshape(batch, length, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
    query, key, value = parts
    scores = query @ key.swapaxes(-1, -2) / (width // heads) ** 0.5
    shares = softmax64(scores.reshape(-1, length)).reshape(scores.shape)
    return (shares @ value).transpose(0, 2, 1, 3).reshape(batch, length, width)


def transformer(batch: int = 8, length: int = 128, width: int = 256, heads: int = 8, inner: int = 1024) -> Problem:
    """An encoder layer, norms last, relu; parameters in the order of `nn.TransformerEncoderLayer`."""

    def loss(parameters: list[Any], data: list[Any]) -> Any:
        taken, taken_bias, joined, joined_bias, wide, wide_bias, back, back_bias, n1, s1, n2, s2 = parameters
        x, seed = data
        x = layer_norm64(x + attention64(x, taken, taken_bias, heads) @ joined.T + joined_bias, n1, s1)
        x = layer_norm64(x + relu64(x @ wide.T + wide_bias) @ back.T + back_bias, n2, s2)
        return (x * seed).mean()

    parameters = []
    for shape in ((3 * width, width), (width, width), (inner, width), (width, inner)):
        parameters += [scaled(*shape), fresh(shape[0]) * np.float32(0.1)]
    for _ in range(2):
        parameters += [1 + fresh(width) * np.float32(0.1), fresh(width) * np.float32(0.1)]
    return Problem(parameters, [fresh(batch, length, width), fresh(batch, length, width)], loss, 1e-2)


def lstm(length: int = 50, batch: int = 32, inputs: int = 64, width: int = 128) -> Problem:
    """One LSTM layer from zeros; the loss is the mean of all its results times given numbers."""

    def loss(parameters: list[Any], data: list[Any]) -> Any:
        taken, kept, taken_bias, kept_bias = parameters
        x, seed = data
        h = c = np.zeros((batch, width))
        total = 0.0
        for place in range(length):
            gates = x[place] @ taken.T + taken_bias + h @ kept.T + kept_bias
            enter, forget, cell, leave = np.split(gates, 4, 1)
            c = sigmoid64(forget) * c + sigmoid64(enter) * np.tanh(cell)
            h = sigmoid64(leave) * np.tanh(c)
            total += (h * seed[place]).sum()
        return total / seed.size

    parameters = [scaled(4 * width, inputs), scaled(4 * width, width), fresh(4 * width), fresh(4 * width)]
    return Problem(parameters, [fresh(length, batch, inputs), fresh(length, batch, width)], loss)
