"""Kernels behind convolutions of one and two dims: forward, transposed, and both gradients.

Each wraps the body of a record: large cases of float32 and float64 go to a kernel that is ready
(`core/kernels/convolving.py`), everything else, and everything that is wrong, to the body.
"""

from __future__ import annotations

from functools import update_wrapper
from math import prod
from typing import Any

import numpy

from wengert.core.kernels.large import layer
from wengert.core.operators.record import REGISTRY

__all__ = ["install"]

_ndarray = numpy.ndarray
_F32, _F64 = numpy.dtype(numpy.float32), numpy.dtype(numpy.float64)
LEAST = 100_000
"""Multiplications from which a kernel is asked for."""

NARROW = 4
"""Channels of a group below which a kernel is not worth its calls, if there are several groups."""


def attributes(rank: int, *values: Any) -> bool:
    """Whether all are tuples of `rank` whole numbers."""
    return all(v.__class__ is tuple and len(v) == rank and all(x.__class__ is int for x in v) for v in values)


def plain(x: Any, dtype: Any) -> bool:
    """Whether x is a plain array of this dtype."""
    return x.__class__ is _ndarray and x.dtype is dtype


def suits(input: Any, weight: Any, bias: Any, groups: int) -> bool:
    """Whether operands are plain arrays of one dtype that kernels compute in, with one or two spatial dims."""
    dtype = input.dtype
    return (
        input.__class__ is _ndarray
        and (dtype is _F32 or dtype is _F64)
        and 3 <= input.ndim <= 4
        and plain(weight, dtype)
        and weight.ndim == input.ndim
        and (bias is None or plain(bias, dtype))
        and groups.__class__ is int
        and groups > 0
        and 0 not in weight.shape
        and 0 not in input.shape
        and (groups == 1 or (weight.shape[1] >= NARROW and weight.shape[0] // groups >= NARROW))
    )


def flat(x: Any) -> Any:
    """(N, C, L) as (N, C, 1, L)."""
    return x if x.ndim == 4 else x[:, :, None]


def pair(value: tuple[int, ...], fill: int) -> tuple[int, int]:
    """An attribute for two dims."""
    return value if len(value) == 2 else (fill, value[0])  # type: ignore[return-value]


def windows(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    """How many windows lie along each dim."""
    return tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
        ]
    )


def parts(x: Any, axis: int, groups: int) -> list[Any]:
    """x cut into groups along a dim."""
    if groups == 1:
        return [x]
    step = x.shape[axis] // groups
    return [x[(slice(None),) * axis + (slice(i * step, (i + 1) * step),)] for i in range(groups)]


def forward(input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """A convolution by a kernel; None where it is not for one, or none is ready."""
    o, inner = weight.shape[:2]
    if min(*stride, *dilation) < 1 or min(padding) < 0 or o % groups or inner * groups != input.shape[1]:
        return None
    size = windows(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    if min(size) < 1 or (bias is not None and bias.shape != (o,)):
        return None
    if len(input) * weight.size * prod(size) < LEAST:
        return None
    kernel = layer("convolution", input.dtype)
    if kernel is None:
        return None
    out = numpy.empty((len(input), o, *size), input.dtype)
    options = pair(stride, 1), pair(padding, 0), pair(dilation, 1)
    shifts = [None] * groups if bias is None else parts(bias, 0, groups)
    pieces = parts(flat(input), 1, groups), parts(flat(weight), 0, groups), shifts, parts(flat(out), 1, groups)
    for x, w, shift, into in zip(*pieces, strict=True):
        kernel(x, w, shift, into, *options)
    return out


def transposed(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, more: Any, groups: int
) -> Any:
    """A transposed convolution by a kernel, or None."""
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
    kernel = layer("convolution_back", input.dtype)
    if kernel is None:
        return None
    out = numpy.empty((len(input), o, *size), input.dtype)
    pieces = parts(flat(input), 1, groups), parts(flat(weight), 0, groups), parts(flat(out), 1, groups)
    for x, w, into in zip(*pieces, strict=True):
        kernel(x, w, into, pair(stride, 1), pair(padding, 0), pair(dilation, 1))
    if bias is not None:
        out += bias.reshape(-1, *(1,) * len(size))
    return out


def convolution(body: Any) -> Any:
    """The body of all convolutions."""

    def faster(
        np: Any, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, backwards: Any,
        output_padding: Any, groups: Any,
    ) -> Any:  # fmt: skip
        if suits(input, weight, bias, groups) and attributes(input.ndim - 2, stride, padding, dilation, output_padding):
            try:
                if backwards:
                    out = transposed(input, weight, bias, stride, padding, dilation, output_padding, groups)
                else:
                    out = forward(input, weight, bias, stride, padding, dilation, groups)
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
            found = weight_by_kernel(grad, input, kernel, stride, padding, dilation, groups)
            if found is not None:
                return found
        return body(np, grad, input, kernel, stride, padding, dilation, groups)

    return faster


def weight_by_kernel(grad: Any, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The gradient of the weight by a kernel, or None."""
    o, c = grad.shape[1], input.shape[1]
    if grad.size * c // groups * prod(kernel) < LEAST or (groups > 1 and min(o, c) // groups < NARROW):
        return None
    reached = windows(input.shape[2:], kernel, stride, padding, dilation)
    if any(n > m for n, m in zip(grad.shape[2:], reached, strict=True)) or len(grad) != len(input):
        return None
    call = layer("convolution_weight", input.dtype)
    if call is None:
        return None
    options = pair(kernel, 1), pair(stride, 1), pair(padding, 0), pair(dilation, 1)
    try:
        found = [
            call(g, x, *options)
            for g, x in zip(parts(flat(grad), 1, groups), parts(flat(input), 1, groups), strict=True)
        ]
    except MemoryError:
        return None
    out = found[0] if groups == 1 else numpy.concatenate(found)
    # Lines run on through the ends of rows, where an infinite input meets zeros: the body knows which ones count.
    return out.reshape(o, c // groups, *kernel) if numpy.isfinite(out.sum()) else None


def install() -> None:
    """Put kernels behind convolutions."""
    for name, wrap in (("convolution", convolution), ("convolution_weight", weight_gradient)):
        op = REGISTRY[name]
        op.body = update_wrapper(wrap(op.body), op.body)
