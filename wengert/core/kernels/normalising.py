"""Calls of the kernels that normalise channels, with NumPy arrays (N, C, *), and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import normalisation as plain
from wengert.core.kernels.channels import BACKWARD, FORWARD, channels_text, gradients_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

_contiguous = np.ascontiguousarray


def per_channel(x: Any, channels: int, fill: float, dtype: Any) -> Any:
    """A number for each channel."""
    return np.full(channels, fill, dtype) if x is None else _contiguous(x).reshape(-1)


def sizes(x: Any) -> tuple[int, int, int]:
    """Images, channels, elements of a channel in an image."""
    n, c = x.shape[:2]
    return n, c, x.size // (n * c)


def channels(run: Any) -> Callable[..., Any]:
    """(out, mean, 1 / sqrt(variance + eps)) of x, weight and bias."""

    def call(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
        x, c = _contiguous(x), x.shape[1]
        out, mean, inverse = np.empty(x.shape, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
        w, b = per_channel(weight, c, 1.0, x.dtype), per_channel(bias, c, 0.0, x.dtype)
        run(out, mean, inverse, x, w, b, *sizes(x), float(eps))
        return out, mean, inverse

    return call


def channels_back(run: Any) -> Callable[..., Any]:
    """(gradient of x, of the weight, of the bias); g_mean and g_inverse are what came for the two statistics."""

    def call(g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any) -> tuple[Any, ...]:
        g, x, c = _contiguous(g), _contiguous(x), x.shape[1]
        dx, slopes, shifts = np.empty(x.shape, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
        w, given = per_channel(weight, c, 1.0, x.dtype), [per_channel(a, c, 0.0, x.dtype) for a in (g_mean, g_inverse)]
        run(dx, slopes, shifts, g, x, _contiguous(mean), _contiguous(inverse), w, *given, *sizes(x))
        return dx, slopes, shifts

    return call


CASES = ((1, 1, 1), (2, 3, 5), (3, 5, 16), (4, 2, 300), (1, 7, 33), (9, 3, 1025))
"""Images, channels, elements of a channel in an image."""


def try_channels(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x = (rng.standard_normal(case) * 2 + 3).astype(dtype)
    w, b = rng.standard_normal((2, case[1])).astype(dtype)
    wide = x.astype(np.float64)
    centred, mean, variance = plain.moments(np, wide, (0, 2))
    inverse = 1 / np.sqrt(variance + 1e-2)
    wanted = centred * inverse * w.reshape(1, -1, 1) + b.reshape(1, -1, 1), mean.reshape(-1), inverse.reshape(-1)
    return call(x, w, b, 1e-2), tuple([a.astype(dtype) for a in wanted])


def try_channels_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x, g = (rng.standard_normal(case) + 1).astype(dtype), rng.standard_normal(case).astype(dtype)
    w, g_mean, g_inverse = rng.standard_normal((3, case[1])).astype(dtype)
    centred, mean, variance = plain.moments(np, x.astype(np.float64), (0, 2))
    inverse = 1 / np.sqrt(variance + 1e-2)
    normal, count = centred * inverse, case[0] * case[2]
    gw = g.astype(np.float64) * w.reshape(1, -1, 1)
    means = [a.mean((0, 2), keepdims=True) for a in (gw, gw * normal)]
    dx = inverse * (gw - means[0] - normal * means[1])
    dx += (g_mean.reshape(1, -1, 1) - g_inverse.reshape(1, -1, 1) * inverse * inverse * normal) / count
    wanted = dx, (g * normal).sum((0, 2)), g.sum((0, 2), np.float64)
    statistics = [a.reshape(-1).astype(dtype) for a in (mean, inverse)]
    return call(g, g_mean, g_inverse, x, *statistics, w), tuple([a.astype(dtype) for a in wanted])


CALLS: dict[str, Call] = {
    "channels": Call(channels_text, FORWARD, channels, try_channels, CASES, 30),
    "channels_back": Call(gradients_text, BACKWARD, channels_back, try_channels_back, CASES, 300),
}
"""Name -> kernel."""
