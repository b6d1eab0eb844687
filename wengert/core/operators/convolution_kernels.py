"""Kernels behind convolutions of one to three dims: forward, transposed, and both gradients.

Each wraps the body of a record: large cases of float32 and float64 go to a kernel that is ready
(`core/kernels/convolving.py`), everything else, and everything that is wrong, to the body.
"""

from __future__ import annotations

from functools import lru_cache, partial, update_wrapper
from math import prod
from typing import Any

import numpy

from wengert.core.arrays.large import LARGE
from wengert.core.arrays.strided import expanded
from wengert.core.kernels import amx_convolving
from wengert.core.kernels.large import layer
from wengert.core.operators import volume_kernels
from wengert.core.operators.record import REGISTRY

__all__ = ["install"]

_ndarray = numpy.ndarray
_F32, _F64 = numpy.dtype(numpy.float32), numpy.dtype(numpy.float64)
LEAST = 8000
"""Multiplications from which a kernel is faster than NumPy, which lays windows out."""

NARROW = 12
"""Channels of a result up to which the gradient of a weight is added up along lines."""

CHANNELS = 16
"""Channels of either side from which Winograd's kernels are faster than plain ones."""

TILES = 8
"""Tiles of 4 x 4 results from which they are; twice as many, and more of a large weight, where plain ones need not
turn it."""

FILLED = 6
"""Results of a tile, of 16, from which they are: tiles reach beyond small images."""

MOST = 1 << 18
"""Channels of one side times those of the other up to which there is memory for the transformed weight."""


TOGETHER = 8
"""Images from which NumPy's way, which puts them side by side, is faster where results are small."""

SMALL = ((4, 1 << 12), (16, 1 << 15))
"""Places of a result up to which this is so, and elements of a weight from which it is: lines so short do not fill
vectors, and each meets the whole weight."""


def side_by_side(count: int, size: Any, weight: int, small: Any = SMALL) -> bool:
    """Whether NumPy's way is faster for results of `size`; count: images; weight: its elements."""
    if count < TOGETHER:
        return False
    places = prod(size)
    return any([places <= most and weight >= least for most, least in small])


PLACES, MANY_PLACES = 32, 128
"""Places of an image from which a convolution of single places is a product, and its gradient of the weight too."""

SUMS = 1 << 18
"""Elements of the products that are added up to the gradient of a weight, about."""


def single(kernel: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> bool:
    """Whether each place of a result meets one place of the input, the same one."""
    if groups != 1 or kernel[0] != 1 or stride[0] != 1 or padding[0]:
        return False
    return set(kernel) == {1} == set(stride) and set(padding) == {0} and min(dilation) >= 1


def points(x: Any, w: Any, bias: Any) -> Any:
    """(N, C, *places) by a matrix (O, C), plus a bias, as products of matrices; None where no kernel is for them."""
    lines = x.reshape(*x.shape[:2], -1)
    if lines.shape[2] < PLACES:
        return None
    found = LARGE.matmul(expanded(numpy, w, (len(x), *w.shape)), lines)
    if found is None:
        return None
    if bias is not None:
        found += bias[:, None]
    return found.reshape(len(x), -1, *x.shape[2:])


def points_weight(g: Any, x: Any) -> Any:
    """The gradient (O, C) of the weight of that, or None."""
    count, o, c = len(x), g.shape[1], x.shape[1]
    if prod(x.shape[2:]) < MANY_PLACES or x.shape[2:] != g.shape[2:]:
        return None
    given, lines = g.reshape(count, o, -1), x.reshape(count, c, -1).swapaxes(1, 2)
    total, some = None, max(1, SUMS // (o * c))
    for i in range(0, count, some):
        found = LARGE.matmul(given[i : i + some], lines[i : i + some])
        if found is None:
            return None
        found = numpy.add.reduce(found, 0)
        total = found if total is None else total + found
    return total


def attributes(rank: int, *values: Any) -> bool:
    """Whether all are tuples of `rank` whole numbers."""
    for value in values:
        if value.__class__ is not tuple or len(value) != rank:
            return False
        for x in value:
            if x.__class__ is not int:
                return False
    return True


def plain(x: Any, dtype: Any) -> bool:
    """Whether x is a plain array of this dtype."""
    return x.__class__ is _ndarray and x.dtype is dtype


def suits(input: Any, weight: Any, bias: Any, groups: int) -> bool:
    """Whether operands are plain arrays of one dtype that kernels compute in, with up to three spatial dims."""
    dtype = input.dtype
    return (
        input.__class__ is _ndarray
        and (dtype is _F32 or dtype is _F64)
        and 3 <= input.ndim <= 5
        and plain(weight, dtype)
        and weight.ndim == input.ndim
        and (bias is None or plain(bias, dtype))
        and groups.__class__ is int
        and groups > 0
        and 0 not in weight.shape
        and 0 not in input.shape
    )


def flat(x: Any) -> Any:
    """(N, C, L) as (N, C, 1, L)."""
    return x if x.ndim == 4 else x[:, :, None]


def pair(value: tuple[int, ...], fill: int) -> tuple[int, int]:
    """An attribute for two dims."""
    return value if len(value) == 2 else (fill, value[0])  # type: ignore[return-value]


@lru_cache(maxsize=512)
def windows(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    """How many windows lie along each dim."""
    return tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
        ]
    )


def phase(size: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...]:
    """The size of one phase of a result."""
    return tuple([-(-n // s) for n, s in zip(size, stride, strict=True)])


def parts(x: Any, axis: int, groups: int) -> list[Any]:
    """x cut into groups along a dim."""
    if groups == 1:
        return [x]
    step = x.shape[axis] // groups
    return [x[(slice(None),) * axis + (slice(i * step, (i + 1) * step),)] for i in range(groups)]


def by_tiles(
    name: str, dtype: Any, sides: tuple[int, int], kernel: Any, count: int, size: Any, options: tuple[Any, ...]
) -> Any:
    """Winograd's kernel where it is faster, else None.

    sides: channels of both sides; count: images; size: of a result; options: stride, padding, dilation.
    """
    if kernel != (3, 3) or options[0] != (1, 1) or options[2] != (1, 1) or min(sides) < CHANNELS:
        return None
    tiles = count * -(-size[0] // 4) * -(-size[1] // 4)
    least = max(2 * TILES, min(64, prod(sides) >> 11)) if name == "winograd" else TILES
    if tiles < least or count * prod(size) < FILLED * tiles or prod(sides) > MOST:
        return None
    return layer(name, dtype)


def on_tiles(name: str, dtype: Any, channels: int, weight: int, size: Any, count: int) -> Any:
    """The kernel on AMX where it is faster, else None.

    channels: of the result; weight: its elements for each; size: places of a result, or of a phase; count: images.
    """
    if dtype is not _F32 or not amx_convolving.pays(channels, weight, count * prod(size)):
        return None
    return layer(name, dtype)


def forward(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, out: Any = None
) -> Any:
    """A convolution by a kernel, stored in `out` if that is given; None where it is not for one, or none is ready."""
    o, inner = weight.shape[:2]
    if min(*stride, *dilation) < 1 or min(padding) < 0 or o % groups or inner * groups != input.shape[1]:
        return None
    size = windows(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    if min(size) < 1 or (bias is not None and bias.shape != (o,)):
        return None
    if len(input) * weight.size * prod(size) < LEAST:
        return None
    several = groups > 1 and min(inner, o // groups) < CHANNELS
    options = pair(stride, 1), pair(padding, 0), pair(dilation, 1)
    tiled = by_tiles("winograd", input.dtype, (inner, o // groups), weight.shape[2:], len(input), size, options)
    if tiled is None and not several and side_by_side(len(input), size, weight.size):
        return None
    kernel = layer("grouped" if several else "convolution", input.dtype)
    if kernel is None:
        return None
    split = None
    if tiled is None and not several:
        split = on_tiles(
            "split_convolution", input.dtype, o // groups, inner * prod(weight.shape[2:]), size, len(input)
        )
    if out is None:
        out = numpy.empty((len(input), o, *size), input.dtype)
    if several:
        kernel(flat(input), flat(weight), bias, flat(out), *options, groups)
        return out
    shifts = [None] * groups if bias is None else parts(bias, 0, groups)
    pieces = parts(flat(input), 1, groups), parts(flat(weight), 0, groups), shifts, parts(flat(out), 1, groups)
    for x, w, shift, into in zip(*pieces, strict=True):
        if tiled is not None and tiled(x, w, shift, into, options[1]):
            continue
        if split is None or not split(x, w, shift, into, *options):
            kernel(x, w, shift, into, *options)
    return out


def transposed(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, more: Any, groups: int,
    out: Any = None,
) -> Any:  # fmt: skip
    """A transposed convolution by a kernel, stored in `out` if that is given; or None."""
    inner, o = weight.shape[0], weight.shape[1] * groups
    if min(*stride, *dilation) < 1 or min(*padding, *more) < 0 or inner % groups or inner != input.shape[1]:
        return None
    size = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + m + 1
            for n, k, s, p, d, m in zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, more, strict=True)
        ]
    )
    if min(size) < 1 or (bias is not None and bias.shape != (o,)):
        return None
    if input.size * weight.size // inner < LEAST:
        return None
    several = groups > 1 and min(inner, o) // groups < CHANNELS
    options, sides = (pair(stride, 1), pair(padding, 0), pair(dilation, 1)), (inner // groups, o // groups)
    tiled = by_tiles("winograd_back", input.dtype, sides, weight.shape[2:], len(input), size, options)
    if tiled is None and not several and side_by_side(len(input), phase(size, stride), weight.size):
        return None
    kernel = layer("grouped_back" if several else "convolution_back", input.dtype)
    if kernel is None:
        return None
    split = None
    if tiled is None and not several:
        each = sides[0] * prod(weight.shape[2:]) // prod(stride)
        split = on_tiles("split_convolution_back", input.dtype, sides[1], each, phase(size, stride), len(input))
    if out is None:
        out = numpy.empty((len(input), o, *size), input.dtype)
    if several:
        kernel(flat(input), flat(weight), flat(out), *options, groups)
        return out if bias is None else numpy.add(out, bias.reshape(-1, *(1,) * len(size)), out=out)
    pieces = parts(flat(input), 1, groups), parts(flat(weight), 0, groups), parts(flat(out), 1, groups)
    for x, w, into in zip(*pieces, strict=True):
        if tiled is not None and tiled(x, w, into, options[1]):
            continue
        if split is None or not split(x, w, into, *options):
            kernel(x, w, into, *options)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * len(size))
    return out


def at_points(input: Any, weight: Any, bias: Any, backwards: bool, more: Any) -> Any:
    """A convolution of single places, transposed or not, or None."""
    w = weight.reshape(weight.shape[:2])
    w = w.T if backwards else w
    if w.shape[1] != input.shape[1] or (bias is not None and bias.shape != w.shape[:1]) or (backwards and any(more)):
        return None
    return points(input, w, bias)


def convolution(body: Any) -> Any:
    """The body of all convolutions."""

    def faster(
        np: Any, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, backwards: Any,
        output_padding: Any, groups: Any,
    ) -> Any:  # fmt: skip
        if suits(input, weight, bias, groups) and attributes(input.ndim - 2, stride, padding, dilation, output_padding):
            try:
                if single(weight.shape[2:], stride, padding, dilation, groups) and input.flags.c_contiguous:
                    found = at_points(input, weight, bias, backwards, output_padding)
                    if found is not None:
                        return found
                options: tuple[Any, ...] = (stride, padding, dilation, groups)
                if backwards:
                    options = stride, padding, dilation, output_padding, groups
                by = transposed if backwards else forward
                if input.ndim == 5:
                    by = partial(volume_kernels.transposed if backwards else volume_kernels.forward, by)
                out = by(input, weight, bias, *options)
            except MemoryError:
                out = None
            if out is not None:
                return out
        return body(np, input, weight, bias, stride, padding, dilation, backwards, output_padding, groups)

    return faster


def weight_gradient(body: Any) -> Any:
    """The gradient of a convolution's weight."""

    def faster(
        np: Any, grad: Any, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: Any
    ) -> Any:
        if suits(input, grad, None, 1) and attributes(input.ndim - 2, kernel, stride, padding, dilation):
            if (
                single(kernel, stride, padding, dilation, groups)
                and input.flags.c_contiguous
                and grad.flags.c_contiguous
            ):
                found = points_weight(grad, input)
                if found is not None:
                    return found.reshape(*found.shape, *kernel)
            by = partial(volume_kernels.weight_by_kernel, weight_by_kernel) if input.ndim == 5 else weight_by_kernel
            found = by(grad, input, kernel, stride, padding, dilation, groups)
            if found is not None:
                return found
        return body(np, grad, input, kernel, stride, padding, dilation, groups)

    return faster


def weight_by_kernel(grad: Any, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The gradient of the weight by a kernel, or None."""
    o, c = grad.shape[1], input.shape[1]
    if grad.size * c // groups * prod(kernel) < LEAST:
        return None
    reached = windows(input.shape[2:], kernel, stride, padding, dilation)
    if any(n > m for n, m in zip(grad.shape[2:], reached, strict=True)) or len(grad) != len(input):
        return None
    lines = o // groups <= NARROW or (groups > 1 and min(o, c) // groups < CHANNELS)
    options, sides = (pair(kernel, 1), pair(stride, 1), pair(padding, 0), pair(dilation, 1)), (o // groups, c // groups)
    tiled = by_tiles("winograd_weight", input.dtype, sides, kernel, len(input), grad.shape[2:], options[1:])
    if tiled is None and not lines and side_by_side(len(input), grad.shape[2:], o * sides[1] * prod(kernel), SMALL[:1]):
        return None
    call = layer("grouped_weight" if lines else "convolution_weight", input.dtype)
    if call is None:
        return None
    if lines:
        try:
            return finite(call(flat(grad), flat(input), *options, groups), (o, c // groups, *kernel))
        except MemoryError:
            return None
    try:
        found = [
            call(g, x, *options) if tiled is None else tiled(g, x, options[2])
            for g, x in zip(parts(flat(grad), 1, groups), parts(flat(input), 1, groups), strict=True)
        ]
    except MemoryError:
        return None
    return finite(found[0] if groups == 1 else numpy.concatenate(found), (o, c // groups, *kernel))


def finite(out: Any, shape: tuple[int, ...]) -> Any:
    """A result of a kernel of lines, or None for one with an infinite element or nan.

    Lines run on through the ends of rows, where an infinite input meets zeros: the body knows which ones count.
    """
    return out.reshape(shape) if numpy.isfinite(out.sum()) else None


def install() -> None:
    """Put kernels behind convolutions."""
    for name, wrap in (("convolution", convolution), ("convolution_weight", weight_gradient)):
        op = REGISTRY[name]
        op.body = update_wrapper(wrap(op.body), op.body)
