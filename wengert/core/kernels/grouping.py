"""Calls of the kernels of convolutions in groups with NumPy arrays (N, C, H, W), and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import convolution as plain
from wengert.core.kernels.convolving import (
    OutOfMemory,
    Pair,
    forward_taps,
    image,
    layout,
    operands,
    parts,
    rows_of,
    steps,
)
from wengert.core.kernels.groups import GROUPED, WEIGHT, grouped_text, weight_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

PIECES = 8
"""Parts whose sums stand apart, whatever the number of threads; groups are parts already."""

TOGETHER = 1 << 14
"""Elements of images and gradients that are laid out at once, about."""


def merged(x: Any, groups: int) -> Any:
    """(N, groups * C, H, W) as (N * groups, C, H, W)."""
    n, c = x.shape[:2]
    return x if groups == 1 else x.reshape(n * groups, c // groups, *x.shape[2:])


def forward(run: Any) -> Callable[..., Any]:
    """Fills `out` with the convolution of x with w (O, C / groups, *kernel) plus bias."""

    def call(x: Any, w: Any, bias: Any, out: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        taps = forward_taps(w.shape[2:], stride, dilation)
        convolve(run, x, w.reshape(len(w), -1), bias, out, taps, stride, padding, groups)

    return call


def convolve(
    run: Any, x: Any, w: Any, bias: Any, out: Any, taps: Any, stride: Pair, padding: Pair, groups: int
) -> None:
    """One call of the kernel."""
    x, w, into = merged(rows_of(x), groups), np.ascontiguousarray(w), merged(out, groups)
    m, size = into.shape[1], into.shape[2:]
    found = layout(taps, x.shape[1], stride[0] * stride[1], size, m)
    trouble = np.zeros(1, np.int64)
    shift = np.full(len(w), -0.0, x.dtype) if bias is None else np.ascontiguousarray(bias)
    run(*image(x, found, padding, stride, size, m, trouble), into, w, shift, *steps(into), groups)
    if trouble[0]:
        raise OutOfMemory("no memory for the images of a convolution")


def backward(run: Any) -> Callable[..., Any]:
    """Fills `out` (N, C, H, W), whose images follow each other, with the gradient of a convolution's input."""

    def call(g: Any, w: Any, out: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        each = w.reshape(groups, -1, w.shape[1], w.shape[2] * w.shape[3])
        for y, x, taps, corner, chosen in parts(out.shape[2:], w.shape[2:], stride, padding, dilation):
            part = out[:, :, y :: stride[0], x :: stride[1]]
            if not taps:
                part[...] = 0
                continue
            turned = np.ascontiguousarray(each.take(chosen, 3).swapaxes(1, 2)).reshape(out.shape[1], -1)
            convolve(run, g, turned, None, part, taps, (1, 1), corner, groups)

    return call


def weight(run: Any) -> Callable[..., Any]:
    """The gradient (O, C / groups, *kernel) of a convolution's weight."""

    def call(g: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
        count = len(x)
        x, g = merged(rows_of(x), groups), merged(rows_of(g), groups)
        m, c, size = g.shape[1], x.shape[1], g.shape[2:]
        found = layout(forward_taps(kernel, stride, dilation), c, stride[0] * stride[1], size, m)
        units = count * -(-size[0] // found.band)
        shares = min(units, max(1, PIECES // groups))
        room = (found.band + found.reach) * found.hop * max(c * stride[0] * stride[1], m)
        sums, trouble = np.empty((shares, groups * m, c, *kernel), x.dtype), np.zeros(1, np.int64)
        together = max(1, min(-(-units // shares), TOGETHER // room))
        run(*image(x, found, padding, stride, size, m, trouble), sums, g, *steps(g)[:3], groups, shares, together)
        if trouble[0]:
            raise OutOfMemory("no memory for the images of a convolution")
        return sums[0] if shares == 1 else np.add.reduce(sums, 0)

    return call


# ---------------------------------------------------------------- trials

CASES = (
    # (N, C, H, W), O, kernel, stride, padding, dilation; groups
    (((2, 3, 9, 8), 3, (3, 3), (1, 1), (1, 1), (1, 1)), 3),
    (((1, 1, 1, 70), 1, (1, 5), (1, 1), (0, 0), (1, 1)), 1),
    (((3, 4, 13, 40), 8, (3, 2), (2, 1), (1, 0), (1, 2)), 4),
    (((2, 12, 7, 7), 6, (1, 1), (2, 2), (0, 0), (1, 1)), 6),
    (((2, 6, 11, 12), 15, (5, 3), (2, 3), (3, 1), (2, 1)), 3),
    (((9, 2, 30, 31), 2, (4, 4), (1, 1), (2, 3), (1, 1)), 2),
    (((70, 3, 12, 11), 7, (5, 5), (1, 1), (2, 2), (1, 1)), 1),
    (((1, 2, 60, 1100), 10, (3, 3), (1, 1), (0, 5), (1, 1)), 2),
    (((2, 3, 12, 11), 3, (2, 2), (3, 3), (0, 0), (1, 1)), 3),
)


def drawn(rng: Any, given: Any, dtype: Any) -> tuple[Any, tuple[Any, ...], Any]:
    """x, w, bias and g of a case; its attributes; its paddings as pairs."""
    case, groups = given
    x, w, bias, g = operands(rng, case, dtype)
    w = np.ascontiguousarray(w[:, : x.shape[1] // groups])
    return (x, w, bias, g), (*case[3:], groups), tuple([(p, p) for p in case[4]])


def try_forward(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    (x, w, bias, g), options, pairs = drawn(rng, case, dtype)
    stride, _, dilation, groups = options
    out = np.full(g.shape, np.nan, dtype)
    call(x, w, bias, out, *options)
    return out, plain.convolve(np, x, w, stride, pairs, dilation, groups) + bias.reshape(-1, 1, 1)


def try_backward(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    (x, w, _, g), options, pairs = drawn(rng, case, dtype)
    stride, _, dilation, groups = options
    out = np.full(x.shape, np.nan, dtype)
    call(g, w, out, *options)
    return out, plain.spread(np, g, w, x.shape[2:], stride, pairs, dilation, groups)


def try_weight(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    (x, w, _, g), options, pairs = drawn(rng, case, dtype)
    stride, _, dilation, groups = options
    found = call(g, x, w.shape[2:], *options)
    return found, plain.weight_gradient(np, g, x, w.shape[2:], stride, pairs, dilation, groups)


CALLS: dict[str, Call] = {
    "grouped": Call(grouped_text, GROUPED, forward, try_forward, CASES, 300),
    "grouped_back": Call(grouped_text, GROUPED, backward, try_backward, CASES, 300),
    "grouped_weight": Call(weight_text, WEIGHT, weight, try_weight, CASES, 1000),
}
