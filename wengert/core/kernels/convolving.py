"""Calls of convolution kernels with NumPy arrays, and the tests that they must pass.

Operands are (N, C, H, W); a line is an image of one row.  `taps` say where a window's elements stand: per position of
the weight how many rows down and columns to the right in which phase of the stride.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from wengert.core.arrays import convolution as plain
from wengert.core.arrays.large import LARGE
from wengert.core.kernels.convolutions import FORWARD, WEIGHT, convolution_text, weight_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS", "OutOfMemory", "backward", "forward", "weight"]

ROOM = 1 << 17
"""Elements of a band that are laid out at once, about."""

PIECES = 8
"""Rooms in which the gradient of a weight is added up, whatever the number of threads."""

HEAVY, EACH = 1 << 17, 128
"""Elements of a weight from which a room should serve so many places of the gradient, lest adding rooms up costs more
than what goes into them."""

Pair = tuple[int, int]


class OutOfMemory(MemoryError):
    """Raised when a kernel found no memory for its work."""


class Layout(NamedTuple):
    """How images are laid out for a set of taps; places: their table for all channels; steps: results in a line."""

    places: Any
    reach: int
    hop: int
    slack: int
    band: int
    steps: Any


@lru_cache(maxsize=256)
def layout(taps: tuple[tuple[int, int, int], ...], channels: int, phases: int, size: Pair, most: int) -> Layout:
    """The layout for taps (phase, rows down, columns right) and a result of `size`; most: channels of either side."""
    reach, wide = max(t[1] for t in taps), max(t[2] for t in taps)
    hop = size[1] + wide
    slack = wide + 16
    band = max(1, min(size[0], ROOM // max(1, hop * max(channels * phases, most))))
    plane = (band + reach) * hop + slack
    one = np.array([phase * plane + down * hop + right for phase, down, right in taps], np.int64)
    places = (np.arange(channels, dtype=np.int64)[:, None] * (phases * plane) + one).reshape(-1)
    along = np.arange(band, dtype=np.int64)[:, None] * hop + np.arange(size[1], dtype=np.int64)
    return Layout(places, reach, hop, slack, band, along.reshape(-1))


def rows_of(x: Any) -> Any:
    """x with rows of unit stride."""
    return x if x.strides[3] == x.itemsize or x.shape[3] == 1 else np.ascontiguousarray(x)


def steps(x: Any) -> list[int]:
    """Strides of x in elements."""
    return [n // x.itemsize for n in x.strides]


def image(x: Any, found: Layout, padding: Pair, stride: Pair, size: Pair, m: int, trouble: Any) -> tuple[Any, ...]:
    """The arguments that all kernels begin with."""
    n, c, h, w = x.shape
    return (
        x, found.places, trouble, n, c, h, w, *steps(x)[:3], *padding, *stride, found.reach, found.hop, found.slack,
        *size, found.band, m, len(found.places),
    )  # fmt: skip


@lru_cache(maxsize=256)
def forward_taps(kernel: Pair, stride: Pair, dilation: Pair) -> tuple[tuple[int, int, int], ...]:
    """Taps of a convolution."""
    found = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            (y, v), (x, u) = divmod(i * dilation[0], stride[0]), divmod(j * dilation[1], stride[1])
            found.append((v * stride[1] + u, y, x))
    return tuple(found)


def forward(run: Any) -> Callable[..., Any]:
    """Fills `out` with the convolution of x with w (O, C, *kernel) plus bias."""

    def call(x: Any, w: Any, bias: Any, out: Any, stride: Pair, padding: Pair, dilation: Pair) -> None:
        taps = forward_taps(w.shape[2:], stride, dilation)
        convolve(run, x, w.reshape(len(w), -1), bias, out, taps, stride, padding)

    return call


def convolve(run: Any, x: Any, w: Any, bias: Any, out: Any, taps: Any, stride: Pair, padding: Pair) -> None:
    """One call of the kernel."""
    x, w, m = rows_of(x), np.ascontiguousarray(w), out.shape[1]
    size = out.shape[2:]
    found = layout(taps, x.shape[1], stride[0] * stride[1], size, m)
    trouble = np.zeros(1, np.int64)
    shift = np.full(m, -0.0, x.dtype) if bias is None else np.ascontiguousarray(bias)
    run(*image(x, found, padding, stride, size, m, trouble), out, w, shift, *steps(out))
    if trouble[0]:
        raise OutOfMemory("no memory for the images of a convolution")


def phases(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[tuple[int, Any]]:
    """Per phase of the input: its first index, and pairs (position of the weight, index of the gradient minus step)."""
    for start in range(min(stride, size)):
        hits = [
            (k, (start + padding - k * dilation) // stride)
            for k in range(kernel)
            if not (start + padding - k * dilation) % stride
        ]
        yield start, hits


def backward(run: Any) -> Callable[..., Any]:
    """Fills `out` (N, C, H, W) with the gradient of a convolution's input."""

    def call(g: Any, w: Any, out: Any, stride: Pair, padding: Pair, dilation: Pair) -> None:
        flat = w.reshape(*w.shape[:2], -1)  # NumPy is slow with rows as short as those of a window
        for y, x, taps, corner, chosen in parts(out.shape[2:], w.shape[2:], stride, padding, dilation):
            part = out[:, :, y :: stride[0], x :: stride[1]]
            if not taps:
                part[...] = 0
                continue
            picked = flat if len(chosen) == flat.shape[2] else flat.take(chosen, 2)
            turned = np.ascontiguousarray(picked.swapaxes(0, 1)).reshape(w.shape[1], -1)
            convolve(run, g, turned, None, part, taps, (1, 1), corner)

    return call


@lru_cache(maxsize=256)
def parts(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> list[tuple[Any, ...]]:
    """Per phase of both dims of an input: its first row and column, taps, padding, and positions of the weight."""
    found: list[tuple[Any, ...]] = []
    down, across = (list(phases(*given)) for given in zip(size, kernel, stride, padding, dilation, strict=True))
    for y, rows in down:
        for x, columns in across:
            if not rows or not columns:
                found.append((y, x, (), (0, 0), None))
                continue
            corner = -min(e for _, e in rows), -min(e for _, e in columns)
            taps = tuple([(0, e + corner[0], f + corner[1]) for _, e in rows for _, f in columns])
            found.append((y, x, taps, corner, np.array([i * kernel[1] + j for i, _ in rows for j, _ in columns])))
    return found


def weight(run: Any) -> Callable[..., Any]:
    """The gradient (O, C, *kernel) of a convolution's weight."""

    def call(g: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
        x, g, m = rows_of(x), rows_of(g), g.shape[1]
        found = layout(forward_taps(kernel, stride, dilation), x.shape[1], stride[0] * stride[1], g.shape[2:], m)
        units = len(x) * -(-g.shape[2] // found.band)
        rooms = PIECES
        if m * len(found.places) >= HEAVY:
            rooms = min(PIECES, max(2, len(x) * g.shape[2] * g.shape[3] // EACH))
        some = -(-units // rooms)
        sums = np.empty((-(-units // some), len(found.places), m), x.dtype)
        trouble = np.zeros(1, np.int64)
        run(*image(x, found, padding, stride, g.shape[2:], m, trouble), sums, g, *steps(g)[:3], some, found.steps)
        if trouble[0]:
            raise OutOfMemory("no memory for the images of a convolution")
        total = np.add.reduce(sums, 0)
        return LARGE.row_major(total.T).reshape(m, x.shape[1], *kernel)

    return call


# ---------------------------------------------------------------- trials

CASES = (
    # (N, C, H, W), O, kernel, stride, padding, dilation
    ((2, 3, 9, 8), 4, (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 1, 1, 70), 1, (1, 5), (1, 1), (0, 0), (1, 1)),
    ((3, 5, 13, 40), 70, (3, 2), (2, 1), (1, 0), (1, 2)),
    ((2, 17, 7, 7), 7, (1, 1), (2, 2), (0, 0), (1, 1)),
    ((2, 4, 11, 12), 13, (5, 3), (2, 3), (3, 1), (2, 1)),
    ((9, 2, 30, 31), 8, (4, 4), (1, 1), (2, 3), (1, 1)),
    ((1, 80, 50, 66), 5, (3, 3), (1, 1), (0, 5), (1, 1)),
    ((2, 3, 12, 11), 2, (2, 2), (3, 3), (0, 0), (1, 1)),
)


def operands(rng: Any, case: Any, dtype: Any) -> tuple[Any, ...]:
    """x, w, bias, g of a case; x and g are parts of larger arrays."""
    shape, o, kernel, stride, padding, dilation = case
    n, c, h, w = shape
    size = tuple([plain.extent(*a) for a in zip((h, w), kernel, stride, padding, dilation, strict=True)])

    def draw(*sizes: int) -> Any:
        return rng.standard_normal(sizes).astype(dtype)

    x, g = draw(n, c + 2, h + 1, w + 3)[:, 1:-1, 1:, 2:-1], draw(n, o + 1, *size)[:, 1:]
    return x, draw(o, c, *kernel), draw(o), g


def try_forward(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x, w, bias, g = operands(rng, case, dtype)
    stride, padding, dilation = case[3:]
    wanted = plain.convolve(np, x, w, stride, tuple([(p, p) for p in padding]), dilation, 1) + bias.reshape(-1, 1, 1)
    out = np.full(g.shape, np.nan, dtype)
    call(x, w, bias, out, stride, padding, dilation)
    return out, wanted


def try_backward(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x, w, _, g = operands(rng, case, dtype)
    stride, padding, dilation = case[3:]
    pairs = tuple([(p, p) for p in padding])
    out = np.full(x.shape, np.nan, dtype)
    call(g, w, out, stride, padding, dilation)
    return out, plain.spread(np, g, w, x.shape[2:], stride, pairs, dilation, 1)


def try_weight(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x, w, _, g = operands(rng, case, dtype)
    stride, padding, dilation = case[3:]
    pairs = tuple([(p, p) for p in padding])
    found = call(g, x, w.shape[2:], stride, padding, dilation)
    return found, plain.weight_gradient(np, g, x, w.shape[2:], stride, pairs, dilation, 1)


CALLS: dict[str, Call] = {
    "convolution": Call(convolution_text, FORWARD, forward, try_forward, CASES, 300),
    "convolution_back": Call(convolution_text, FORWARD, backward, try_backward, CASES, 300),
    "convolution_weight": Call(weight_text, WEIGHT, weight, try_weight, CASES, 300),
}
