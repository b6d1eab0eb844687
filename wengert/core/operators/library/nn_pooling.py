"""Pooling: the largest, the mean or the p-norm of windows; and putting largest elements back where they were."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import pooling as arrays
from wengert.core.base.errors import ArgumentError, DtypeError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, linear, opaque
from wengert.core.operators.library.overloads import refuse, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}


# ---------------------------------------------------------------- attributes


def check_ints(value, label, name):
    """Refuse what is no int, list or tuple of ints."""
    parts = value if isinstance(value, (tuple, list)) else (0,) if value is None else (value,)
    for x in parts:
        if x is not None and not hasattr(x, "__index__"):
            raise ArgumentError(f"{label}(): argument '{name}' must be tuple of ints, not {type(value).__name__}")


def spread_out(value, rank, label, name, empty=None):
    """A pooling attribute as one int per dim; None or () is `empty`."""
    if value.__class__ is not int and name != "output_ratio":
        check_ints(value, label, name)
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


def check_signs(kernel, stride, padding, dilation):
    """Signs and sizes of the attributes."""
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
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )


def check_windows(shape, rank, kernel, stride, padding, dilation, ceil_mode):
    """Attributes and sizes of the input; how many windows lie along each dim."""
    check_signs(kernel, stride, padding, dilation)
    if 0 in shape[1 if len(shape) == rank + 2 else 0 :]:
        if rank == 3:
            inner = shape[-rank - 1 :]
            raise ShapeError(
                "max_pool3d_with_indices_out_cpu_template(): Expected input's non-batch dimensions to have positive "
                f"length, but input has a shape of {list(shape)} and non-batch dimension {inner.index(0)} has length "
                "zero!"
            )
        raise ShapeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for "
            "input, but got:"
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


fitting = lru_cache(maxsize=512)(check_windows)
"""check_windows, for attributes that are tuples; what was right once is not looked at again."""


def kind_of(x):
    """NumPy's letter for the dtype of an array or a tensor."""
    return getattr(x.dtype, "numpy", x.dtype).kind


def planes(x, rank):
    """Any leading dims as (N, C)."""
    if x.ndim == rank + 2:
        return x
    return x.reshape(1, prod(x.shape[: x.ndim - rank]), *x.shape[x.ndim - rank :])


def check_rank(input, rank, label, colon=""):
    """A batch or a single element of it."""
    if input.ndim not in (rank + 1, rank + 2):
        if rank > 1 and "adaptive" not in label:
            raise ShapeError(
                f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input, got {list(input.shape)}"
            )
        raise ShapeError(f"{label}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{colon} {list(input.shape)}")


# ---------------------------------------------------------------- moving by index


@linear(
    transpose=lambda m, g, indices, size: m.spatial_gather(g, indices, len(size)),
    space=None,
    method=False,
    backward_name="MaxPoolBackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 1, 2, 2), s.integers(2, 1, 2, 2, high=12), (3, 4)),
        call(s.array(2, 2), s.integers(2, 2, high=5), (5,)),
    ],
)
def spatial_scatter(np, input: Array, indices: Array, size):
    """Zeros (*, *size) with each element added at its index, which counts the elements of the last dims."""
    rank = len(size)
    out = arrays.scattered(np, planes(input, rank), planes(indices, rank), size, False)
    return out.reshape(*input.shape[: input.ndim - rank], *size)


@linear(
    transpose=lambda m, g, indices, shape, rank: m.spatial_scatter(g, indices, tuple(shape[len(shape) - rank :])),
    space=None,
    method=False,
    backward_name="MaxPoolBackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 1, 3, 4), s.integers(2, 1, 2, 2, high=12), 2),
        call(s.array(1, 2, 2, 2), s.integers(1, 1, 2, 1, high=8), 3),
    ],
)
def spatial_gather(np, input: Array, indices: Array, rank):
    """The elements of the last `rank` dims at their indices."""
    return arrays.gathered(np, planes(input, rank), planes(indices, rank)).reshape(indices.shape)


def _scatter_rule(m, g, out, shape, kernel):
    rank = len(kernel)
    return m.spatial_scatter(g[0], out[1], tuple(shape[len(shape) - rank :]))


# ---------------------------------------------------------------- largest of windows


def _max_samples(s):
    return [
        call(s.distinct(2, 2, 5, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
        call(s.distinct(2, 5, 6), (3, 2), (2, 1), (1, 0), (1, 2), True),
        call(s.distinct(1, 2, 4, 3, 4), (2, 2, 2), (1, 1, 2), (1, 0, 1), (1, 1, 1), True),
        call(s.array(0, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ]


def _windows_of(input, kernel, stride, padding, dilation, ceil_mode):
    rank = len(kernel)
    label = f"max_pool{rank}d"
    check_rank(input, rank, label)
    places = fitting(input.shape, rank, kernel, stride, padding, dilation, ceil_mode)
    refuse(label, "bc", input)
    return places


@opaque(
    vjp=_scatter_rule,
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name=lambda args: f"MaxPool{len(args[1])}DWithIndicesBackward0",
    samples=_max_samples,
)
def max_pool_indexed(np, input: Array, kernel, stride, padding, dilation, ceil_mode):
    """Largest element of every window and its index; the first of equals, nan if there is one.

    Shapes: (N, C, *spatial) or (C, *spatial).  The gradient goes to the element found.
    """
    places = _windows_of(input, kernel, stride, padding, dilation, ceil_mode)
    found = arrays.largest(np, planes(input, len(kernel)), kernel, stride, padding, dilation, places)
    shape = (*input.shape[: input.ndim - len(kernel)], *places)
    return tuple([x.reshape(shape) for x in found])


def _recomputed_rule(m, g, input, kernel, stride, padding, dilation, ceil_mode):
    indices = m.max_pool_indexed(input, kernel, stride, padding, dilation, ceil_mode)[1]
    return m.spatial_scatter(g, indices, tuple(input.shape[input.ndim - len(kernel) :]))


@opaque(
    vjp=_recomputed_rule,
    space=None,
    method=False,
    backward_name=lambda args: f"MaxPool{len(args[1])}DWithIndicesBackward0",
    samples=_max_samples,
)
def max_pool_values(np, input: Array, kernel, stride, padding, dilation, ceil_mode):
    """Largest element of every window alone: where no gradient is expected this is half the work."""
    places = _windows_of(input, kernel, stride, padding, dilation, ceil_mode)
    x = planes(input, len(kernel))
    found, _ = arrays.largest(np, x, kernel, stride, padding, dilation, places, indexed=False)
    return found.reshape(*input.shape[: input.ndim - len(kernel)], *places)


def max_pooled(m, rank, input, kernel_size, stride, padding, dilation, ceil_mode, indexed):
    """Values of max_pool1d, max_pool2d and max_pool3d, with their indices if `indexed`."""
    label = f"max_pool{rank}d"
    if not hasattr(input, "ndim"):
        raise ArgumentError(f"{label}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    kernel = spread_out(kernel_size, rank, label, "kernel_size")
    stride = spread_out(stride, rank, label, "stride", empty=kernel)
    padding, dilation = spread_out(padding, rank, label, "padding"), spread_out(dilation, rank, label, "dilation")
    wide = rank
    if rank == 1:
        if not indexed and kind_of(input) not in "fV":
            name = dtypes.of(getattr(input.dtype, "numpy", input.dtype)).scalar
            raise MissingError(f"\"max_pool1d_impl\" not implemented for '{name}'")
        if indexed:
            check_signs(kernel, stride, padding, dilation)
        _check_line(input, kernel, stride, padding, dilation, ceil_mode)
        input, wide = m.unsqueeze(input, -2), 2
        kernel, stride, padding, dilation = (1, *kernel), (1, *stride), (0, *padding), (1, *dilation)
    if indexed or getattr(input, "_flags", 1) & 1:
        found = m.max_pool_indexed(input, kernel, stride, padding, dilation, bool(ceil_mode))
    else:
        found = (m.max_pool_values(input, kernel, stride, padding, dilation, bool(ceil_mode)),)
    if wide != rank:
        found = tuple([m.squeeze(x, -2) for x in found])
    return tuple(found) if indexed else found[0]


def _check_line(input, kernel, stride, padding, dilation, ceil_mode):
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise ShapeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(input.shape)}"
        )
    (k,), (s,), (p,), (d,) = kernel, stride, padding, dilation
    if k <= 0:
        raise ShapeError(f"max_pool1d() kernel_size must be greater than zero, but got {k}")
    if s <= 0:
        raise ShapeError(f"max_pool1d() stride must be greater than zero, but got {s}")
    if d <= 0:
        raise ShapeError(f"max_pool1d() dilation must be greater than zero, but got {d}")
    if p < 0:
        raise ShapeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > (d * (k - 1) + 1) // 2:
        raise ShapeError(
            f"max_pool1d() padding should be at most half of effective kernel size, but got padding={p}, "
            f"kernel_size={k} "
            f"and dilation={d}"
        )
    count = arrays.pooled_extent(input.shape[-1], k, s, p, d, ceil_mode)
    if count < 1:
        raise ShapeError(f"max_pool1d() Invalid computed output size: {count}")


def _named_samples(*shape):
    def samples(s):
        return [
            call(s.distinct(*shape), 2),
            call(s.distinct(*shape[1:]), 3, stride=2, padding=1, ceil_mode=True),
            call(s.distinct(*shape), 2, 1, 0, 2),
        ]

    return samples


@composite(method=False, samples=_named_samples(2, 2, 6))
def max_pool1d(m, input: Array, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """out[..., i] = max over k of input[..., i stride + k dilation - padding]; (N, C, L) or (C, L)."""
    return max_pooled(m, 1, input, kernel_size, stride, padding, dilation, ceil_mode, False)


@composite(method=False, samples=_named_samples(2, 2, 6, 5))
def max_pool2d(m, input: Array, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Largest element of each window of (N, C, H, W) or (C, H, W)."""
    return max_pooled(m, 2, input, kernel_size, stride, padding, dilation, ceil_mode, False)


@composite(method=False, samples=_named_samples(1, 2, 4, 5, 5))
def max_pool3d(m, input: Array, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Largest element of each window of (N, C, D, H, W) or (C, D, H, W)."""
    return max_pooled(m, 3, input, kernel_size, stride, padding, dilation, ceil_mode, False)


@composite(method=False, samples=_named_samples(2, 2, 6))
def max_pool1d_with_indices(m, input: Array, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """max_pool1d and where the elements were."""
    return max_pooled(m, 1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


# ---------------------------------------------------------------- windows of other kinds


@opaque(
    vjp=lambda m, g, out, shape, output_size: _scatter_rule(m, g, out, shape, output_size),
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name=lambda args: f"AdaptiveMaxPool{len(args[1])}DBackward0",
    samples=lambda s: [
        call(s.distinct(2, 2, 5, 6), (2, 4)),
        call(s.distinct(2, 4, 4), (2, 2)),
        call(s.distinct(1, 2, 3, 4, 3), (2, 2, 1)),
        call(s.array(0, 2, 4, 4), (2, 2)),
    ],
)
def adaptive_max_pool(np, input: Array, output_size):
    """Largest elements of windows that cover the input: window i reaches from floor(i n / o) to ceil((i+1) n / o)."""
    rank = len(output_size)
    size = input.shape[input.ndim - rank :]
    refuse(f"adaptive_max_pool{rank}d", "biuc", input)
    x = planes(input, rank)
    shape = (*input.shape[: input.ndim - rank], *output_size)
    if 0 in shape:
        return np.empty(shape, dtype=x.dtype), np.empty(shape, dtype=np.int64)
    found = arrays.largest_evenly(x, output_size)
    if found is not None:
        pass
    elif all(n % o == 0 for n, o in zip(size, output_size, strict=True)):
        kernel = tuple([n // o for n, o in zip(size, output_size, strict=True)])
        found = arrays.largest(np, x, kernel, kernel, (0,) * rank, (1,) * rank, output_size)
    elif prod(output_size) <= 256:
        found = arrays.largest_of_cells(np, x, output_size)
    else:
        candidates = arrays.adaptive_candidates(np, size, output_size)
        found = arrays.largest_at(np, x, candidates, (*x.shape[:2], *output_size))
    return tuple([part.reshape(shape) for part in found])


def adaptive_size(output_size, shape, rank, label):
    """The number of windows along each dim; None keeps a dim's size."""
    wanted = (output_size,) * rank if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(wanted) == 1 and rank > 1:
        wanted = wanted * rank
    if len(wanted) != rank:
        if rank == 1:
            raise ShapeError(f"{label}() argument 'output_size' should contain one int (got {len(wanted)})")
        if "max" in label:
            raise ShapeError(f"{label}(): internal error: output_size.size() must be {rank}, got {wanted}")
        raise ShapeError(f"{label}: output_size must be {rank}, got {wanted}")
    return tuple([n if o is None else o for o, n in zip(wanted, shape[len(shape) - rank :], strict=True)])


def check_adaptive(input, rank, label, colon=""):
    """Dims and sizes of the input of an adaptive pooling."""
    check_rank(input, rank, label, colon)
    for i in range(1, rank + 1):
        if input.shape[-i] == 0:
            raise ShapeError(
                f"{label}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(input.shape)} with dimension {input.ndim - i} being empty"
            )


def adaptive_max_pooled(m, rank, input, output_size):
    """Values and indices of adaptive_max_pool1d, 2d and 3d."""
    label = f"adaptive_max_pool{rank}d"
    check_ints(output_size, label, "output_size")
    if rank > 1 and not isinstance(output_size, int) and input.ndim <= len(output_size):
        raise ValueRangeError(f"Input dimension should be at least {len(output_size) + 1}, it is {input.ndim}")
    check_adaptive(input, rank, label, ":" if rank > 1 else "")
    wanted = adaptive_size(output_size, input.shape, rank, label)
    if min(wanted) < 0:
        raise ShapeError(
            f"Trying to create tensor with negative dimension {min(wanted)}: "
            f"{[*input.shape[: input.ndim - rank], *wanted]}"
        )
    if rank > 1:
        return m.adaptive_max_pool(input, wanted)
    found = m.adaptive_max_pool(m.unsqueeze(input, -2), (1, *wanted))
    return tuple([m.squeeze(x, -2) for x in found])


@composite(method=False, samples=lambda s: [call(s.distinct(2, 2, 6), 4), call(s.distinct(2, 6), (3,))])
def adaptive_max_pool1d(m, input: Array, output_size):
    """Values and indices of the largest elements of `output_size` windows that cover (N, C, L) or (C, L)."""
    return adaptive_max_pooled(m, 1, input, output_size)


@opaque(
    vjp=lambda m, g, out, shape, output_size: _scatter_rule(m, g, out, shape, output_size),
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name=lambda args: f"FractionalMaxPool{len(args[1])}DBackward0",
    samples=lambda s: [
        call(s.distinct(2, 2, 5, 6), (2, 2), (3, 4), s.array(2, 2, 2, low=0.1, high=0.9)),
        call(s.distinct(2, 5, 4, 5), (2, 1, 2), (3, 2, 3), s.array(1, 2, 3, low=0.1, high=0.9)),
    ],
)
def fractional_max_pool(np, input: Array, kernel, output_size, random: Array):
    """Largest elements of windows whose begins are spread at random: `random` (N, C, rank) in [0, 1).

    In 2-D the numbers are those of the last dim and the one before, in 3-D those of the dims in order.

    Source: B. Graham, Fractional max-pooling (2014).
    """
    rank = len(kernel)
    size = input.shape[input.ndim - rank :]
    x = input if input.ndim == rank + 2 else input[None]
    order = (0, 1, 2) if rank == 3 else (1, 0)
    starts = [
        _interval_starts(np, random[:, :, order[i]], n, o, k)
        for i, (n, o, k) in enumerate(zip(size, output_size, kernel, strict=True))
    ]
    candidates = arrays.fractional_candidates(np, starts, kernel, size)
    found = arrays.largest_at(np, x, candidates, (*x.shape[:2], *output_size))
    return tuple([part.reshape(*input.shape[: input.ndim - rank], *output_size) for part in found])


def _interval_starts(np, sample, size, count, kernel):
    """Begins of windows (N, C, count): floor((i + u) a) - floor(u a), the last one at the end."""
    sample = sample[..., None]
    if count == 1:
        return np.zeros((*sample.shape[:-1], 1), dtype=np.int64) + (size - kernel)
    alpha = sample.dtype.type((size - kernel) / (count - 1))
    at = np.arange(count).astype(sample.dtype)
    found = ((at + sample) * alpha).astype(np.int64) - (sample * alpha).astype(np.int64)
    found[..., -1] = size - kernel
    return found


def fractional_max_pooled(m, rank, input, kernel_size, output_size, samples):
    """Values and indices of fractional_max_pool2d and 3d."""
    label = f"fractional_max_pool{rank}d"
    kernel, wanted = (
        spread_out(kernel_size, rank, label, "kernel_size"),
        adaptive_size(output_size, input.shape, rank, label),
    )
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{label}(): Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch "
            "size for input, "
            f"but got: {list(input.shape)}"
        )
    words = ("height", "width") if rank == 2 else ("time", "height", "width")
    for word, n, k, o in zip(words, input.shape[input.ndim - rank :], kernel, wanted, strict=True):
        if o + k - 1 > n:
            raise ShapeError(f"{label}(): pool {word} {k} too large relative to input {word} {n}")
    return m.fractional_max_pool(input, kernel, wanted, samples)


@opaque(
    vjp=lambda m, g, indices, output_size: m.spatial_gather(g, indices, len(output_size)),
    jvp=lambda m, t, indices, output_size: m.max_unpool(t[0], indices, output_size),
    space=None,
    method=False,
    backward_name=lambda args: f"MaxUnpool{len(args[2])}DBackward0",
    samples=lambda s: [
        call(s.array(1, 2, 2, 2), s.rng.permutation(12)[:8].reshape(1, 2, 2, 2), (4, 3)),
        call(s.array(1, 1, 2, 2), s.rng.permutation(18)[:4].reshape(1, 1, 2, 2), (6, 3)),
    ],
)
def max_unpool(np, input: Array, indices: Array, output_size):
    """Zeros (*, *output_size) with each element at its index; of several at one place the last stays."""
    rank = len(output_size)
    if indices.dtype != np.int64:
        raise DtypeError(f"elements in indices should be type int64 but got: {scalar_name(indices)}")
    if input.shape != indices.shape:
        raise ShapeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    volume = prod(output_size)
    outside = (indices < 0) | (indices >= volume)
    if outside.any():
        raise ShapeError(
            f"Found an invalid max index: {int(indices[outside].ravel()[0])} (output volumes are of size "
            f"{'x'.join(map(str, output_size))})"
        )
    out = arrays.scattered(np, planes(input, rank), planes(indices, rank), output_size, True)
    return out.reshape(*input.shape[: input.ndim - rank], *output_size)
