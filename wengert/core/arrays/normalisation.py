"""Normalising over axes: (x - mean) / sqrt(variance + eps), its gradient, and the same without the mean."""

from __future__ import annotations

from math import prod
from typing import Any

Axes = tuple[int, ...]


def moments(np: Any, x: Any, axes: Axes) -> tuple[Any, Any, Any]:
    """(x - mean, mean, variance) over axes, which are kept with size 1."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    return centred, mean, mean_product(np, centred, centred, axes)


def mean_product(np: Any, a: Any, b: Any, axes: Axes) -> Any:
    """Mean of a * b over axes, which are kept."""
    count = prod([a.shape[i] for i in axes])
    if axes == (a.ndim - 1,) and a.shape == b.shape:
        return np.einsum("...i,...i->...", a, b)[..., None] / a.dtype.type(count)
    return (a * b).mean(axis=axes, keepdims=True)


def scaled(np: Any, centred: Any, factor: Any, bias: Any) -> Any:
    """centred * factor + bias, in the memory of `centred`."""
    centred *= factor
    if bias is not None:
        centred += bias
    return centred


def normalised(np: Any, x: Any, weight: Any, bias: Any, axes: Axes, eps: float) -> tuple[Any, Any, Any, Any]:
    """(result, mean, 1 / sqrt(variance + eps), variance); weight and bias broadcast against x."""
    centred, mean, variance = moments(np, x, axes)
    inverse = 1 / np.sqrt(variance + x.dtype.type(eps))
    if weight is not None and all(weight.shape[i] == 1 for i in axes):
        out = scaled(np, centred, inverse * weight, bias)
    else:
        centred *= inverse
        out = centred if weight is None and bias is None else scaled(np, centred, 1 if weight is None else weight, bias)
    return out, mean, inverse, variance


def input_gradient(
    np: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any, axes: Axes
) -> Any:
    """Gradient of `normalised` with respect to x, from the gradients of its first three results."""
    count = prod([x.shape[i] for i in axes])
    centred = x - mean
    uniform = weight is None or all(weight.shape[i] == 1 for i in axes)
    given = g if uniform else g * weight
    factor = inverse if weight is None or not uniform else inverse * weight
    first = given.mean(axis=axes, keepdims=True) * factor
    second = mean_product(np, given, centred, axes) * factor * inverse * inverse
    centred *= -(second + g_inverse * inverse * inverse * inverse / count)
    centred += given * factor
    centred += g_mean / count - first
    return centred


def weight_gradient(np: Any, g: Any, x: Any, mean: Any, inverse: Any, axes: Axes) -> Any:
    """Sum of g * normalised x over the axes along which the weight is constant, which are kept."""
    centred = x - mean
    centred *= inverse
    centred *= g
    return centred.sum(axis=axes, keepdims=True)
