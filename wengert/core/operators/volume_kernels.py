"""Convolutions of three dims as those of two: the planes that a window meets, one behind another, are channels.

A volume's planes are laid out by depth first, (D, C, H, W) with the padding, once. The windows of one place along the
depth are then the windows of an image with depth * C channels, and such images lie in steps of a few planes in the
same memory. The functions of two dims are arguments here (`planar`); None from one of them means that no kernel takes
its case.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any, NamedTuple

import numpy

from wengert.core.arrays.strided import window
from wengert.core.kernels.convolving import phases

__all__ = ["forward", "transposed", "weight_by_kernel"]


class Reach(NamedTuple):
    """Which planes the places along the depth meet: place p and tap k plane first + p * hop + k * step."""

    first: int
    hop: int
    step: int
    taps: int


def laid_out(x: Any, reach: Reach, total: int) -> Iterator[tuple[Any, Any]]:
    """Planes (B, P, C, H, W) that `total` places meet, and their index in the batch: all at once or one by one."""
    n, c, deep, *plane = x.shape
    need = (total - 1) * reach.hop + (reach.taps - 1) * reach.step + 1
    low, high = max(reach.first, 0), min(reach.first + need, deep)
    some = 1 if n <= total else n
    whole = low == reach.first and high == reach.first + need
    if whole and reach.taps == 1:
        planes = x.swapaxes(1, 2)[:, low:high]
        for i in range(0, n, some):
            yield slice(i, i + some), planes[i : i + some]
        return
    room = (numpy.empty if whole else numpy.zeros)((some, need, c, *plane), x.dtype)
    inside = room[:, low - reach.first : high - reach.first]
    for i in range(0, n, some):
        if high > low:
            inside[...] = x[i : i + some, :, low:high].swapaxes(1, 2)
        yield slice(i, i + some), room


def images(x: Any, part: Any, reach: Reach, groups: int) -> Iterator[tuple[Any, Any]]:
    """Images (count, taps * C, H, W) whose windows are those of x, and what of `part` (N, O, places, h, w) is theirs.

    Images are the places of one volume, or one place of all volumes. In several groups the taps of a channel follow
    each other, which takes a copy; else the channels of a tap do.
    """
    total = part.shape[2]
    for index, planes in laid_out(x, reach, total):
        apart, channel, *inner = planes.strides[1:]
        c, *plane = planes.shape[2:]
        shape = (len(planes), total, reach.taps, c, *plane)
        strides = (planes.strides[0], reach.hop * apart, reach.step * apart, channel, *inner)
        found = window(numpy, planes, shape, strides)
        if groups > 1:
            found = found.swapaxes(2, 3)
        if len(planes) == 1:
            yield found[0].reshape(total, -1, *plane), part[index.start].swapaxes(0, 1)
            continue
        for place in range(total):
            yield found[:, place].reshape(len(planes), -1, *plane), part[:, :, place]


def fill(part: Any, pieces: Iterator[tuple[Any, Any]], groups: int, call: Any) -> bool:
    """Whether a kernel filled `part`; call(images, out): a convolution of two dims, stored in `out` if it is given."""
    for image, into in pieces:
        found = call(image, None if groups > 1 else into)
        if found is None:
            return False
        if groups > 1:
            into[...] = found
    return True


def behind(w: Any, groups: int) -> Any:
    """A weight (A, B, depth, h, w) as (A, depth * B, h, w), or as (A, B * depth, h, w) for several groups."""
    turned = w if groups > 1 else w.swapaxes(1, 2)
    return numpy.ascontiguousarray(turned).reshape(len(w), -1, *w.shape[3:])


def forward(
    planar: Any, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """A convolution by the kernels of two dims, or None.  planar: `forward` of two dims."""
    o, inner, *kernel = weight.shape
    if min(*stride, *dilation) < 1 or min(padding) < 0 or o % groups or inner * groups != input.shape[1]:
        return None
    size = tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(input.shape[2:], kernel, stride, padding, dilation, strict=True)
        ]
    )
    if min(size) < 1:
        return None
    out = numpy.empty((len(input), o, *size), input.dtype)
    pieces = images(input, out, Reach(-padding[0], stride[0], dilation[0], kernel[0]), groups)
    w = behind(weight, groups)
    options = stride[1:], padding[1:], dilation[1:], groups
    return out if fill(out, pieces, groups, lambda x, into: planar(x, w, bias, *options, into)) else None


def transposed(
    planar: Any, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, more: Any, groups: int
) -> Any:
    """A transposed convolution by the kernels of two dims, or None: one for each phase of the stride in depth."""
    inner, kernel = weight.shape[0], weight.shape[2:]
    if min(*stride, *dilation) < 1 or min(*padding, *more) < 0 or inner % groups or inner != input.shape[1]:
        return None
    size = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + m + 1
            for n, k, s, p, d, m in zip(input.shape[2:], kernel, stride, padding, dilation, more, strict=True)
        ]
    )
    if min(size) < 1 or (bias is not None and bias.shape != (weight.shape[1] * groups,)):
        return None
    out = numpy.empty((len(input), weight.shape[1] * groups, *size), input.dtype)
    options = stride[1:], padding[1:], dilation[1:], more[1:], groups
    step = dilation[0] // gcd(stride[0], dilation[0])
    for start, hits in phases(size[0], kernel[0], stride[0], padding[0], dilation[0]):
        part = out[:, :, start :: stride[0]]
        if not hits:
            part[...] = 0 if bias is None else bias.reshape(-1, 1, 1, 1)
            continue
        taps = numpy.array([k for k, _ in reversed(hits)])
        w = before(weight.take(taps, 2), groups)
        pieces = images(input, part, Reach(hits[-1][1], 1, step, len(hits)), groups)
        if not fill(part, pieces, groups, lambda g, into, w=w: planar(g, w, bias, *options, into)):
            return None
    return out


def before(w: Any, groups: int) -> Any:
    """A weight (A, B, depth, h, w) as (depth * A, B, h, w), or as (A * depth, B, h, w) for several groups."""
    order = (0, 2, 1, 3, 4) if groups > 1 else (2, 0, 1, 3, 4)
    return numpy.ascontiguousarray(w.transpose(order)).reshape(-1, w.shape[1], *w.shape[3:])


def weight_by_kernel(
    planar: Any, grad: Any, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """The gradient of the weight by the kernels of two dims, or None."""
    reached = (input.shape[2] + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    if grad.shape[2] > reached or len(grad) != len(input):
        return None
    sums: Any = None
    options = kernel[1:], stride[1:], padding[1:], dilation[1:], groups
    for x, g in images(input, grad, Reach(-padding[0], stride[0], dilation[0], kernel[0]), groups):
        found = planar(g, x, *options)
        if found is None:
            return None
        sums = found if sums is None else numpy.add(sums, found, out=sums)
    o, inner = grad.shape[1], input.shape[1] // groups
    if groups > 1:
        return sums.reshape(o, inner, *kernel)
    return numpy.ascontiguousarray(sums.reshape(o, kernel[0], inner, *kernel[1:]).swapaxes(1, 2))
