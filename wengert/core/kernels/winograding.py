"""Calls of Winograd's kernels with NumPy arrays, when they are worth it, and the tests that they must pass.

They serve 3 x 3 windows with stride and dilation 1.  A kernel tells when it met something that is not finite, which it
would spread over a tile; its caller then computes in the plain way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wengert.core.kernels.bands import GAP
from wengert.core.kernels.convolving import OutOfMemory, rows_of, steps, try_backward, try_forward, try_weight
from wengert.core.kernels.transforms import POSITIONS
from wengert.core.kernels.trials import Call
from wengert.core.kernels.winograd import FORWARD, STEP, WEIGHT_GRADIENT, forward_text, weight_text

__all__ = ["CALLS"]

TILES, MANY_TILES = 48, 64
"""Tiles that are multiplied at once, about; more of them where the weight does not stay in the cache."""

LARGE_WEIGHT = 1 << 14
"""Channels of one side times those of the other from which this is so."""

FEW_TILES, FEW_PIECES = 16, 4
"""Tiles that are multiplied at once even where pieces are few, and how few these are."""

STRIP = 256
"""Columns of a result that are computed in one call, so that one row of tiles is not too many."""

PIECES = 8
"""Parts in which the gradient of a weight is added up, whatever the number of threads."""

TOGETHER = 64
"""Channels of the input that one part takes."""

Pair = tuple[int, int]


def parts(n: int, step: int) -> int:
    """n / step rounded up."""
    return -(-n // step)


def bands(count: int, size: Pair, channels: int, m: int) -> Pair:
    """Rows of tiles in a band, and bands that are multiplied at once; for some more pieces than one where it can be."""
    down, across = parts(size[0], 4), parts(size[1], 4)
    tiles = TILES if channels * m < LARGE_WEIGHT else MANY_TILES
    tiles = min(tiles, max(FEW_TILES, count * down * across // FEW_PIECES))
    most = max(1, tiles // across)
    if most < down:
        return parts(down, parts(down, most)), 1  # bands of about the same height
    return down, max(1, min(count, tiles // (down * across)))


def strips(x: Any, top: int, left: int, columns: int) -> Iterator[tuple[Any, Pair, slice]]:
    """The input of the columns of a result, cut into strips; its padding; and their columns."""
    x, top = x[:, :, max(0, -top) :], max(0, top)
    for begin in range(0, columns, STRIP):
        end, first = min(columns, begin + STRIP), begin - left
        part = x[..., max(0, first) : max(0, end + 2 - left)]
        yield part, (top, max(0, -first)), slice(begin, end)


def image(x: Any, m: int, corner: Pair, size: Pair, band: int, some: int, trouble: Any) -> tuple[Any, ...]:
    """The arguments that both kernels begin with."""
    n, c, h, w = x.shape
    return (x, trouble, n, c, m, h, w, *steps(x)[:3], *corner, *size, band, some)


def convolve(run: Any, x: Any, w: Any, bias: Any, out: Any, corner: Pair, turned: bool) -> bool:
    """Fills `out`; False if something is not finite.  turned: w (C, m, 3, 3) is turned round."""
    if w.strides[2:] != (3 * w.itemsize, w.itemsize):
        w = np.ascontiguousarray(w)
    m, wide = out.shape[1], parts(out.shape[1], 16) * 16
    room = np.empty((POSITIONS, x.shape[1] * parts(wide, STEP) * min(wide, STEP) + GAP), x.dtype)
    each, channel = steps(w)[:2]
    given = (room, w, channel, each, 8, -1) if turned else (room, w, each, channel, 0, 1)
    shift, trouble = np.full(wide, -0.0, x.dtype), np.zeros(1, np.int64)
    if bias is not None:
        shift[:m] = bias
    for part, padding, columns in strips(rows_of(x), *corner, out.shape[3]):
        into = out[..., columns]
        size = into.shape[2:]
        arguments = image(part, m, padding, size, *bands(len(x), size, x.shape[1], m), trouble)
        run(*arguments, *given, shift, into, *steps(into)[:3])
    if trouble[0] == 1:
        raise OutOfMemory("no memory for the tiles of a convolution")
    return not trouble[0]


def forward(run: Any) -> Callable[..., bool]:
    """Fills `out` with the convolution of x with w (m, C, 3, 3) plus bias."""

    def call(x: Any, w: Any, bias: Any, out: Any, padding: Pair) -> bool:
        return convolve(run, x, w, bias, out, padding, False)

    return call


def backward(run: Any) -> Callable[..., bool]:
    """Fills `out` with the gradient of a convolution's input."""

    def call(g: Any, w: Any, out: Any, padding: Pair) -> bool:
        return convolve(run, g, w, None, out, (2 - padding[0], 2 - padding[1]), True)

    return call


def weight(run: Any) -> Callable[..., Any]:
    """The gradient (m, C, 3, 3) of a convolution's weight."""

    def call(g: Any, x: Any, padding: Pair) -> Any:
        m, c = g.shape[1], x.shape[1]
        g, total, trouble = rows_of(g), None, np.zeros(1, np.int64)
        for part, corner, columns in strips(rows_of(x), *padding, g.shape[3]):
            given = g[..., columns]
            size = given.shape[2:]
            band, some = bands(len(x), size, c, m)
            units = len(x) * parts(parts(size[0], 4), band)
            groups = max(1, PIECES // parts(c, TOGETHER))
            many = parts(units, groups * some) * some
            sums = np.empty((parts(units, many), 9, c, parts(m, 16) * 16), x.dtype)
            arguments = image(part, m, corner, size, band, some, trouble)
            out = np.empty((m, c, 3, 3), x.dtype)
            run(*arguments, sums, given, *steps(given)[:3], TOGETHER, many, out)
            total = out if total is None else total + out
        if trouble[0]:
            raise OutOfMemory("no memory for the tiles of a convolution")
        return total

    return call


# ---------------------------------------------------------------- trials

CASES = [
    # (N, C, H, W), O, kernel, stride, padding, dilation
    (shape, m, (3, 3), (1, 1), padding, (1, 1))
    for shape, m, padding in (
        ((2, 16, 9, 8), 16, (1, 1)),
        ((1, 17, 5, 3), 33, (0, 0)),
        ((3, 40, 13, 30), 70, (1, 0)),
        ((9, 19, 4, 7), 20, (2, 3)),
        ((1, 90, 17, 21), 130, (3, 2)),
        ((2, 16, 7, 300), 18, (0, 1)),
    )
]


def plainly(trial: Any, pick: Callable[..., Any]) -> Callable[..., Any]:
    """A trial of the plain kernels for these, whose calls are given less."""

    def tried(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
        return trial(lambda *given: call(*pick(*given)), rng, case, dtype)

    return tried


CALLS: dict[str, Call] = {
    "winograd": Call(
        forward_text, FORWARD, forward,
        plainly(try_forward, lambda x, w, bias, out, stride, padding, dilation: (x, w, bias, out, padding)),
        CASES, 1000,
    ),
    "winograd_back": Call(
        forward_text, FORWARD, backward,
        plainly(try_backward, lambda g, w, out, stride, padding, dilation: (g, w, out, padding)), CASES, 1000,
    ),
    "winograd_weight": Call(
        weight_text, WEIGHT_GRADIENT, weight,
        plainly(try_weight, lambda g, x, kernel, stride, padding, dilation: (g, x, padding)), CASES, 1000,
    ),
}  # fmt: skip
