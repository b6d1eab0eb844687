"""Layers that only move elements: pixels to channels and back, channels among groups."""

from __future__ import annotations

from wengert.core.base.errors import ShapeError
from wengert.core.operators.kinds import composite, linear
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _check(name, input, factor, word):
    if input.ndim < 3:
        raise ShapeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if factor <= 0:
        raise ShapeError(f"{name} expects a positive {word}, but got {factor}")


@linear(
    transpose=lambda m, g, upscale_factor: m.pixel_unshuffle(g, upscale_factor),
    method=False,
    aliases=("nn.pixel_shuffle",),
    samples=lambda s: [call(s.array(1, 8, 2, 3), 2), call(s.array(9, 1, 2), 3), call(s.array(0, 4, 1, 1), 2)],
)
def pixel_shuffle(np, input: Array, upscale_factor: int):
    """Channels as pixels: (*, C r r, H, W) -> (*, C, H r, W r), r = upscale_factor.

    Raises: ShapeError for sizes that do not divide.
    Source: W. Shi et al., Real-time single image super-resolution (2016), equation 4.
    """
    r = upscale_factor
    _check("pixel_shuffle", input, r, "upscale_factor")
    *batch, c, h, w = input.shape
    if c % (r * r):
        raise ShapeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(batch)
    parts = input.reshape(*batch, c // (r * r), r, r, h, w)
    moved = parts.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return np.ascontiguousarray(moved).reshape(*batch, c // (r * r), h * r, w * r)


@linear(
    transpose=lambda m, g, downscale_factor: m.pixel_shuffle(g, downscale_factor),
    method=False,
    aliases=("nn.pixel_unshuffle",),
    samples=lambda s: [call(s.array(1, 2, 4, 6), 2), call(s.array(1, 3, 6), 3)],
)
def pixel_unshuffle(np, input: Array, downscale_factor: int):
    """Pixels as channels, the inverse of `pixel_shuffle`: (*, C, H r, W r) -> (*, C r r, H, W)."""
    r = downscale_factor
    _check("pixel_unshuffle", input, r, "downscale_factor")
    *batch, c, h, w = input.shape
    for size, word, dim in ((h, "height", -2), (w, "width", -1)):
        if size % r:
            raise ShapeError(
                f"pixel_unshuffle expects {word} to be divisible by downscale_factor, but input.size({dim})={size} is "
                f"not divisible by {r}"
            )
    n = len(batch)
    parts = input.reshape(*batch, c, h // r, r, w // r, r)
    moved = parts.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return np.ascontiguousarray(moved).reshape(*batch, c * r * r, h // r, w // r)


@linear(
    transpose=lambda m, g, shape, groups: m.channel_shuffle(g, shape[1] // groups),
    method=False,
    aliases=("nn.channel_shuffle",),
    samples=lambda s: [call(s.array(2, 6, 2), 3), call(s.array(1, 4, 2, 2), 2)],
)
def channel_shuffle(np, input: Array, groups: int):
    """Channels of g groups, taken from the groups in turn: (N, g k, *) with channel i k + j at place j g + i.

    Source: X. Zhang et al., ShuffleNet (2017), section 3.1.
    """
    if input.ndim <= 2:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise ShapeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, c, *rest = input.shape
    if c % groups:
        raise ShapeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    moved = input.reshape(n, groups, c // groups, *rest).swapaxes(1, 2)
    return np.ascontiguousarray(moved).reshape(input.shape)


@composite(
    method=False,
    aliases=("nn.cosine_similarity",),
    samples=lambda s: [call(s.array(3, 4), s.array(3, 4)), call(s.array(2, 3), s.array(3), dim=-1)],
)
def cosine_similarity(m, x1: Array, x2: Array, dim: int = 1, eps=1e-8):
    """sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) over dim; shapes broadcast.

    Raises: ShapeError for integers.
    """
    x1, x2 = m.broadcast_tensors(x1, x2)
    if not (x1.dtype.is_floating_point or x2.dtype.is_floating_point):
        word = str(x1.dtype).rpartition(".")[2]
        raise ShapeError(
            f"expected common dtype to be floating point, yet common dtype is {_WORDS.get(word, word.title())}"
        )
    sizes = [m.clamp_min(m.norm(x, 2, dim, True), eps) for x in (x1, x2)]
    return m.sum((x1 / sizes[0]) * (x2 / sizes[1]), dim)


_WORDS = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte"}


@composite(
    method=False,
    aliases=("nn.pairwise_distance",),
    samples=lambda s: [
        call(s.array(3, 4), s.array(3, 4)),
        call(s.array(3, 4), s.array(4), p=1.0, keepdim=True),
        call(s.array(4), s.array(4), p=3.0),
    ],
)
def pairwise_distance(m, x1: Array, x2: Array, p=2.0, eps=1e-6, keepdim=False):
    """p-norm of x1 - x2 + eps over the last dim; shapes broadcast."""
    return m.norm(x1 - x2 + eps, p, -1, keepdim)
