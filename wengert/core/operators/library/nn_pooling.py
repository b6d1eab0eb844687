"""Pooling: the largest, the mean or the p-norm of windows; and putting largest elements back where they were."""

from __future__ import annotations

from math import prod

from wengert.core.arrays import pooling as arrays
from wengert.core.arrays.resampling import resampled
from wengert.core.base.errors import ArgumentError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, linear, opaque
from wengert.core.operators.library.overloads import refuse, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}


# ---------------------------------------------------------------- attributes


def spread_out(value, rank, label, name, empty=None):
    """A pooling attribute as one int per dim; None or () is `empty`."""
    if value is None or not isinstance(value, int) and len(value) == 0:
        if empty is not None:
            return empty
        raise ShapeError(f"{label}: {name} must either be a single int, or a tuple of {_WORDS[rank]}")
    if isinstance(value, int):
        return (value,) * rank
    value = tuple(value)
    if len(value) == 1:
        return value * rank
    if len(value) != rank:
        omitted = "omitted, a single int, or" if name == "stride" else "be a single int, or"
        omitted = f"be {omitted}" if name == "stride" else omitted
        raise ShapeError(f"{label}: {name} must either {omitted} a tuple of {_WORDS[rank]}, got {value}")
    return value


_AXES = {1: ("W",), 2: ("H", "W"), 3: ("T", "H", "W")}


def _told(word, values):
    return " ".join(f"{word}{axis}: {v}" for axis, v in zip(_AXES[len(values)], values, strict=True))


def check_windows(shape, rank, kernel, stride, padding, dilation, ceil_mode, label):
    """Signs of the attributes and sizes of the input; how many windows lie along each dim."""
    if 0 in stride or 0 in kernel:
        if 0 in stride:
            raise ShapeError(f"stride should not be zero, got {list(stride)}")
        raise ShapeError(f"kernel size should be greater than zero, but got {_told('k', kernel)}")
    if min(kernel) < 0 or min(stride) < 0:
        raise ShapeError(
            f"kernel size should be greater than zero, but got {_told('k', kernel)}"
            if min(kernel) < 0
            else f"stride should be greater than zero, but got {_told('d', stride)}"
        )
    if min(dilation) <= 0:
        raise ShapeError(f"dilation should be greater than zero, but got {_told('dilation', dilation)}")
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        if p < 0:
            raise ShapeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise ShapeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
    if 0 in shape[1 if len(shape) == rank + 2 else 0 :]:
        raise ShapeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(shape)}"
        )
    size = shape[-rank:]
    places = tuple(
        [
            arrays.pooled_extent(n, k, s, p, d, ceil_mode)
            for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
        ]
    )
    if min(places) < 1:
        channels = shape[-rank - 1]
        raise ShapeError(
            f"Given input size: ({'x'.join(map(str, (channels, *size)))}). Calculated output size: "
            f"({'x'.join(map(str, (channels, *places)))}). Output size is too small"
        )
    return places


def planes(x, rank):
    """Any leading dims as (N, C)."""
    if x.ndim == rank + 2:
        return x
    return x.reshape(1, prod(x.shape[: x.ndim - rank]), *x.shape[x.ndim - rank :])


def check_rank(input, rank, label, colon=""):
    """A batch or a single element of it."""
    if input.ndim not in (rank + 1, rank + 2):
        if rank > 1 and "adaptive" not in label:
            raise ShapeError(f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input, got {list(input.shape)}")
        raise ShapeError(f"{label}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{colon} {list(input.shape)}")


# ---------------------------------------------------------------- moving by index


@linear(
    transpose=lambda m, g, indices: m.spatial_gather(g, indices),
    space=None,
    method=False,
    backward_name="MaxPoolBackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 1, 2, 2), s.integers(2, 1, 2, 2, high=12), (3, 4)),
        call(s.array(2, 2), s.integers(2, 2, high=5), (5,)),
    ],
)
def spatial_scatter(np, input: Array, indices: Array, size):
    """Zeros (*, *size) with each element added at its index, which counts an image's elements."""
    rank = len(size)
    out = arrays.scattered(np, planes(input, rank), planes(indices, rank), size, False)
    return out.reshape(*input.shape[: input.ndim - rank], *size)


@linear(
    transpose=lambda m, g, indices, shape: m.spatial_scatter(g, indices, tuple(shape[len(shape) - _rank(g, shape) :])),
    space=None,
    method=False,
    backward_name="MaxPoolBackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 1, 3, 4), s.integers(2, 1, 2, 2, high=12)),
        call(s.array(2, 1, 2, 2, 2), s.integers(2, 1, 1, 2, 1, high=8)),
    ],
)
def spatial_gather(np, input: Array, indices: Array):
    """The elements (N, C, *places) of (N, C, *spatial) at their indices."""
    rank = input.ndim - 2 if input.ndim > 3 else 2 if input.ndim == 3 and indices.ndim == 3 else 1
    rank = min(rank, input.ndim)
    n = prod(input.shape[: input.ndim - rank])
    return arrays.gathered(np, input.reshape(1, n, -1), indices.reshape(1, n, -1)).reshape(indices.shape)


def _rank(g, shape):
    n = len(shape)
    return n - 2 if n > 3 else 2 if n == 3 else 1
