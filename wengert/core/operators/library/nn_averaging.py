"""Pooling by means: of windows, and of windows that cover the input."""

from __future__ import annotations

from functools import lru_cache

from wengert.core.arrays import pooling as arrays
from wengert.core.arrays.resampling import resampled
from wengert.core.base.errors import DimError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, linear
from wengert.core.operators.library.nn_pooling import (
    adaptive_size,
    check_adaptive,
    check_rank,
    fitting,
    kind_of,
    planes,
    spread_out,
)
from wengert.core.operators.library.overloads import refuse, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- means of windows


def _avg_back(m, g, shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    size = tuple(shape[len(shape) - len(kernel) :])
    return m.avg_pool_back(g, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


@lru_cache(maxsize=256)
def _shares(np, size, kernel, stride, padding, places, include, divisor):
    """What each window counts: a number, or an array of the windows' shape."""
    if divisor is not None:
        return divisor
    rank, whole = len(kernel), 1
    for i in range(rank):
        found = arrays.counts(np, size[i], kernel[i], stride[i], padding[i], places[i], include)
        same = len(set(found)) == 1
        part = found[0] if same else arrays.along(np, np.asarray(found), i, rank)
        whole = whole * part
    return whole


def _quotient(np, x, by):
    if x.dtype.kind in "iu":
        return np.trunc(x / by).astype(x.dtype)
    return x / (by if isinstance(by, int) else by.astype(x.dtype))


def _avg_samples(s):
    return [
        call(s.array(2, 2, 5, 6), (2, 2), (2, 2), (0, 0), False, True, None),
        call(s.array(2, 5, 6), (3, 2), (2, 1), (1, 1), True, True, None),
        call(s.array(1, 2, 4, 6), (2, 3), (2, 3), (1, 1), True, False, None),
        call(s.array(2, 1, 3, 4, 4), (2, 2, 2), (1, 2, 2), (0, 0, 1), False, False, 3),
    ]


@linear(
    transpose=_avg_back,
    space=None,
    method=False,
    backward_name=lambda args: f"AvgPool{len(args[1])}DBackward0",
    samples=_avg_samples,
)
def avg_pool(np, input: Array, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    """Mean of every window; elements of the padding count if `count_include_pad`; `divisor` replaces the count."""
    rank = len(kernel)
    if divisor == 0:
        raise ShapeError("divisor must be not zero")
    places = fitting(input.shape, rank, kernel, stride, padding, (1,) * rank, ceil_mode)
    if input.dtype.kind in "bcu" or input.dtype.kind == "i" and input.dtype.itemsize != 8:
        raise MissingError(f"\"avg_pool{rank}d\" not implemented for '{scalar_name(input)}'")
    x, size = input, input.shape[input.ndim - rank :]
    shares = _shares(np, size, kernel, stride, padding, places, count_include_pad, divisor)
    found = arrays.window_sums(planes(x, rank), kernel, stride, padding, size, places, shares, False)
    if found is not None:
        return found.reshape(*input.shape[: input.ndim - rank], *places)
    for i in range(rank):
        if kernel[i] != 1 or stride[i] != 1 or padding[i]:
            axis = input.ndim - rank + i
            x = arrays.summed(np, x, axis, kernel[i], stride[i], padding[i], places[i])
    return _quotient(np, x, shares)


@linear(
    transpose=lambda m, g, kernel, stride, padding, ceil_mode, count_include_pad, divisor: m.avg_pool(
        g, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    ),
    space=None,
    method=False,
    backward_name=lambda args: f"AvgPool{len(args[2])}DBackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 2, 2, 3), (5, 6), (2, 2), (2, 2), (0, 0), False, True, None),
        call(s.array(1, 2, 3, 3), (4, 6), (2, 3), (2, 3), (1, 1), True, False, None),
    ],
)
def avg_pool_back(np, input: Array, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    """Transpose of avg_pool: each window's share added to its elements."""
    rank = len(kernel)
    places = input.shape[input.ndim - rank :]
    shares = _shares(np, size, kernel, stride, padding, places, count_include_pad, divisor)
    found = arrays.window_sums(planes(input, rank), kernel, stride, padding, size, places, shares, True)
    if found is not None:
        return found.reshape(*input.shape[: input.ndim - rank], *size)
    x = _quotient(np, input, shares)
    for i in range(rank):
        if kernel[i] != 1 or stride[i] != 1 or padding[i]:
            x = arrays.summed_back(np, x, input.ndim - rank + i, size[i], kernel[i], stride[i], padding[i])
    return x


def avg_pooled(m, rank, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    """avg_pool2d and avg_pool3d."""
    label = f"avg_pool{rank}d"
    kernel = spread_out(kernel_size, rank, label, "kernel_size")
    stride = spread_out(stride, rank, label, "stride", empty=kernel)
    padding = spread_out(padding, rank, label, "padding")
    if rank == 2 and input.ndim < rank + 1:
        n = input.ndim or 1
        raise _dim_error(n, rank)
    if input.ndim > rank + 2 or rank == 3:
        check_rank(input, rank, label)
    return m.avg_pool(input, kernel, stride, padding, bool(ceil_mode), bool(count_include_pad), divisor)


def _dim_error(n, rank):
    from_end = -rank - 1
    return DimError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {from_end})")


def _avg_named_samples(*shape):
    def samples(s):
        return [
            call(s.array(*shape), 2),
            call(s.array(*shape[1:]), 3, stride=2, padding=1, ceil_mode=True),
            call(s.array(*shape), 3, 2, 1, False, False),
        ]

    return samples


@composite(method=False, aliases=("nn.avg_pool1d",), samples=_avg_named_samples(2, 2, 6))
def avg_pool1d(m, input: Array, kernel_size, stride=(), padding=0, ceil_mode=False, count_include_pad=True):
    """Mean of each window of (N, C, L) or (C, L)."""
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' "
            "(while checking "
            "arguments for avg_pool1d)"
        )
    kernel = spread_out(kernel_size, 1, "avg_pool1d", "kernel_size")
    stride = spread_out(stride, 1, "avg_pool1d", "stride", empty=kernel)
    padding = spread_out(padding, 1, "avg_pool1d", "padding")
    x = m.unsqueeze(input, -2)
    x = m.avg_pool(x, (1, *kernel), (1, *stride), (0, *padding), bool(ceil_mode), bool(count_include_pad), None)
    return m.squeeze(x, -2)


@composite(method=False, space="nn", samples=_avg_named_samples(2, 2, 6, 5))
def avg_pool2d(m, input: Array, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):  # fmt: skip
    """Mean of each window of (N, C, H, W) or (C, H, W); divisor_override replaces the number of elements."""
    return avg_pooled(m, 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@composite(method=False, space="nn", samples=_avg_named_samples(1, 2, 4, 5, 5))
def avg_pool3d(m, input: Array, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):  # fmt: skip
    """Mean of each window of (N, C, D, H, W) or (C, D, H, W)."""
    return avg_pooled(m, 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


# ---------------------------------------------------------------- means that cover the input


def _adaptive_rules(size, places):
    return tuple([("adaptive", n, o) for n, o in zip(size, places, strict=True)])


@linear(
    transpose=lambda m, g, shape, output_size: m.adaptive_avg_pool_back(
        g, tuple(shape[len(shape) - len(output_size) :])
    ),
    space=None,
    method=False,
    backward_name=lambda args: f"AdaptiveAvgPool{len(args[1])}DBackward0",
    samples=lambda s: [
        call(s.array(2, 2, 5, 6), (2, 4)),
        call(s.array(2, 4, 4), (2, 6)),
        call(s.array(1, 2, 3, 4, 3), (2, 2, 1)),
        call(s.array(1, 2, 3, 3), (0, 2)),
    ],
)
def adaptive_avg_pool(np, input: Array, output_size):
    """Means of windows that cover the input: window i reaches from floor(i n / o) to ceil((i+1) n / o)."""
    rank = len(output_size)
    refuse(f"adaptive_avg_pool{rank}d", "biuc", input)
    size = input.shape[input.ndim - rank :]
    found = arrays.window_means(np, planes(input, rank), size, output_size, False)
    if found is not None:
        return found.reshape(*input.shape[: input.ndim - rank], *output_size)
    return resampled(np, input, _adaptive_rules(size, output_size), False)


@linear(
    transpose=lambda m, g, shape, size: m.adaptive_avg_pool(g, tuple(shape[len(shape) - len(size) :])),
    space=None,
    method=False,
    backward_name=lambda args: f"AdaptiveAvgPool{len(args[1])}DBackwardBackward0",
    samples=lambda s: [call(s.array(2, 2, 2, 4), (5, 6)), call(s.array(2, 2, 6), (4, 4))],
)
def adaptive_avg_pool_back(np, input: Array, size):
    """Transpose of adaptive_avg_pool."""
    rank = len(size)
    found = arrays.window_means(np, planes(input, rank), size, input.shape[input.ndim - rank :], True)
    if found is not None:
        return found.reshape(*input.shape[: input.ndim - rank], *size)
    return resampled(np, input, _adaptive_rules(size, input.shape[input.ndim - rank :]), True)


def adaptive_avg_pooled(m, rank, input, output_size):
    """adaptive_avg_pool1d, 2d and 3d; a single window is a mean."""
    label = f"adaptive_avg_pool{rank}d"
    if rank == 1 and input.ndim not in (2, 3):
        raise ShapeError(
            f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' "
            "(while checking "
            "arguments for adaptive_avg_pool1d)"
        )
    if rank > 1 and not isinstance(output_size, int) and input.ndim <= rank:
        raise ValueRangeError(f"Input dimension should be at least {rank + 1}, it is {input.ndim}")
    if rank > 1 and output_size in (1, (1,) * rank, [1] * rank):
        if kind_of(input) in "biu":
            m.adaptive_avg_pool(input, (1,) * rank)
        return m.mean(input, tuple(range(-rank, 0)), True)
    check_adaptive(input, rank, label)
    wanted = adaptive_size(output_size, input.shape, rank, label)
    if min(wanted) < 0:
        told = "{" + ", ".join(map(str, wanted)) + "}"
        raise ShapeError(
            f"adaptive_avg_pool{max(rank, 2)}d: elements of output_size must be greater than or equal to 0 but "
            f"received {told}"
        )
    if rank > 1:
        return m.adaptive_avg_pool(input, wanted)
    return m.squeeze(m.adaptive_avg_pool(m.unsqueeze(input, -2), (1, *wanted)), -2)


@composite(
    method=False,
    aliases=("nn.adaptive_avg_pool1d",),
    samples=lambda s: [call(s.array(2, 2, 6), 4), call(s.array(2, 6), (3,))],
)
def adaptive_avg_pool1d(m, input: Array, output_size):
    """Means of `output_size` windows that cover (N, C, L) or (C, L)."""
    return adaptive_avg_pooled(m, 1, input, output_size)


@composite(
    method=False,
    space="nn",
    samples=lambda s: [call(s.array(2, 2, 6, 5), 4), call(s.array(2, 6, 5), (3, None)), call(s.array(2, 2, 3, 3), 1)],
)
def adaptive_avg_pool2d(m, input: Array, output_size):
    """Means of windows that cover (N, C, H, W) or (C, H, W); None keeps a size."""
    return adaptive_avg_pooled(m, 2, input, output_size)


@composite(
    method=False,
    space="nn",
    samples=lambda s: [call(s.array(1, 2, 4, 5, 3), (2, 3, None)), call(s.array(2, 2, 3, 3), 1)],
)
def adaptive_avg_pool3d(m, input: Array, output_size):
    """Means of windows that cover (N, C, D, H, W) or (C, D, H, W); None keeps a size."""
    return adaptive_avg_pooled(m, 3, input, output_size)
