"""Functions of images, sequences and volumes in `torch.nn.functional`: pooling, normalisation, resampling, folding.

Convolutions, means of windows and the norms that are records of their own are published by the registry; here stand
those whose torch form takes more than its operator does: flags that choose an overload, buffers, random samples.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators.library.nn_normalisation import check_elements
from wengert.core.operators.library.nn_pooling import (
    adaptive_max_pooled,
    check_ints,
    fractional_max_pooled,
    max_pooled,
    spread_out,
)
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tape.refusals import tensor_or_none, tensors_only
from wengert.core.tape.views import written
from wengert.core.tensor import randomness
from wengert.core.tensor.methods import SPACES as _SPACES
from wengert.nn.functional_attention import multi_head_attention_forward, scaled_dot_product_attention

_REGISTERED = (
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "conv_tbc",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "layer_norm", "group_norm", "rms_norm",
)  # fmt: skip
globals().update({name: _SPACES["nn"][name] for name in _REGISTERED})

__all__ = [
    *_REGISTERED,  # noqa: PLE0604
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "affine_grid",
    "batch_norm",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "grid_sample",
    "instance_norm",
    "interpolate",
    "local_response_norm",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "multi_head_attention_forward",
    "scaled_dot_product_attention",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]


# ---------------------------------------------------------------- columns


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """All windows of (N, C, H, W) as columns (N, C kH kW, places).

    Raises: ShapeError for windows that do not fit.
    """
    return m.im2col(input, kernel_size, dilation, padding, stride)


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns (N, C kH kW, places) added up where their windows lie: (N, C, *output_size).

    Raises: ShapeError for a number of columns that does not fit.
    """
    return m.col2im(input, output_size, kernel_size, dilation, padding, stride)


# ---------------------------------------------------------------- largest of windows


def _max_pool(rank: int, indexed: bool) -> Any:
    """F.max_poolNd or F.max_poolNd_with_indices."""

    def call(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
             ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
        return max_pooled(
            m, rank, input, kernel_size, stride, padding, dilation, ceil_mode, indexed or bool(return_indices)
        )

    return _named(call, f"max_pool{rank}d" + "_with_indices" * indexed, "Largest element of each window")


def _named(call: Any, name: str, what: str) -> Any:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{what}; with its index if `return_indices` or if the name says so."
    return call


max_pool1d, max_pool2d, max_pool3d = _max_pool(1, False), _max_pool(2, False), _max_pool(3, False)
max_pool1d_with_indices, max_pool2d_with_indices = _max_pool(1, True), _max_pool(2, True)
max_pool3d_with_indices = _max_pool(3, True)


def _adaptive_max_pool(rank: int, indexed: bool) -> Any:
    def call(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        try:
            found = adaptive_max_pooled(m, rank, input, output_size)
        except AttributeError:
            tensors_only(f"adaptive_max_pool{rank}d", input=input)
            raise
        return tuple(found) if indexed or return_indices else found[0]

    name = f"adaptive_max_pool{rank}d" + "_with_indices" * indexed
    return _named(call, name, "Largest element of each of `output_size` windows that cover the input")


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pool(1, False), _adaptive_max_pool(1, True)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pool(2, False), _adaptive_max_pool(2, True)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max_pool(3, False), _adaptive_max_pool(3, True)


def _fractional_max_pool(rank: int, indexed: bool) -> Any:
    label = f"fractional_max_pool{rank}d"

    def call(input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
             return_indices: bool = False, _random_samples: Any = None) -> Any:  # fmt: skip
        if output_size is None and output_ratio is None:
            raise ValueRangeError(f"{label} requires specifying either an output_size or an output_ratio")
        if output_size is None:
            if isinstance(output_ratio, float) and len(input.shape) <= rank:
                raise ArgumentError("output_ratio must have one number per dim")
            ratio = spread_out(output_ratio, rank, label, "output_ratio")
            output_size = [int(input.shape[i - rank] * ratio[i]) for i in range(rank)]
        check_ints(output_size, label, "output_size")
        samples = _random_samples
        if samples is None:
            n = 1 if input.ndim == rank + 1 else input.shape[0]
            channels = input.shape[0] if input.ndim == rank + 1 else input.shape[1]
            samples = randomness.rand(n, channels, rank, dtype=input.dtype, device=input.device)
        found = fractional_max_pooled(m, rank, input, kernel_size, output_size, samples)
        return tuple(found) if indexed or return_indices else found[0]

    return _named(call, label + "_with_indices" * indexed, "Largest element of each of windows that begin at random")


fractional_max_pool2d = _fractional_max_pool(2, False)
fractional_max_pool2d_with_indices = _fractional_max_pool(2, True)
fractional_max_pool3d = _fractional_max_pool(3, False)
fractional_max_pool3d_with_indices = _fractional_max_pool(3, True)


def _unpooled_size(input: Any, kernel: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    """The size that pooling came from: the one asked for, if it is possible."""
    rank = len(kernel)
    size = input.shape[-rank:]
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(size, stride, kernel, padding, strict=True)]
    if output_size is None:
        return tuple(usual)
    wanted = tuple(output_size)
    if len(wanted) == rank + 2:
        wanted = wanted[2:]
    if len(wanted) != rank:
        raise ValueRangeError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of "
            f"'{len(wanted)}'"
        )
    for i, (n, middle, s) in enumerate(zip(wanted, usual, stride, strict=True)):
        if not middle - s < n < middle + s:
            raise ValueRangeError(
                f'invalid output_size "{tuple(output_size)}" (dim {i} must be between {middle - s} and {middle + s})'
            )
    return wanted


def _max_unpool(rank: int) -> Any:
    def call(input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
             output_size: Any = None) -> Any:  # fmt: skip
        kernel = spread_out(kernel_size, rank, name, "kernel_size")
        hops = spread_out(stride, rank, name, "stride", empty=kernel)
        size = _unpooled_size(input, kernel, hops, spread_out(padding, rank, name, "padding"), output_size)
        if rank > 1:
            return m.max_unpool(input, indices, size)
        return m.squeeze(m.max_unpool(m.unsqueeze(input, -1), m.unsqueeze(indices, -1), (*size, 1)), -1)

    name = f"max_unpool{rank}d"
    call.__name__ = call.__qualname__ = name
    call.__doc__ = "Zeros of the size that a max pooling had, with its results at their indices."
    return call


max_unpool1d, max_unpool2d, max_unpool3d = _max_unpool(1), _max_unpool(2), _max_unpool(3)


# ---------------------------------------------------------------- norms of windows


def _lp_pool(rank: int) -> Any:
    def call(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        kernel = spread_out(kernel_size, rank, f"lp_pool{rank}d", "kernel_size")
        mean = getattr(m, f"avg_pool{rank}d")
        out = mean(m.pow(input, norm_type), kernel, kernel if stride is None else stride, 0, ceil_mode)
        return m.pow(m.sign(out) * m.relu(m.abs(out)) * math.prod(kernel), 1.0 / norm_type)

    call.__name__ = call.__qualname__ = f"lp_pool{rank}d"
    call.__doc__ = "(sum of x^p over each window)^(1/p)."
    return call


lp_pool1d, lp_pool2d, lp_pool3d = _lp_pool(1), _lp_pool(2), _lp_pool(3)


def local_response_norm(input: Any, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> Any:
    """input / (k + alpha * mean of squares over `size` neighbouring channels)^beta.

    Raises: ValueRangeError for less than three dims.
    Source: A. Krizhevsky et al., ImageNet classification with deep convolutional networks (2012), section 3.3.
    """
    if input.ndim < 3:
        raise ValueRangeError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
        )
    if input.numel() == 0:
        return input
    shape = tuple(input.shape)
    squares = m.reshape(m.mul(input, input), (shape[0], 1, shape[1], math.prod(shape[2:])))
    squares = m.constant_pad_nd(squares, (0, 0, size // 2, (size - 1) // 2), 0.0)
    means = m.reshape(m.avg_pool2d(squares, (size, 1), 1), shape)
    return input / m.pow(means * alpha + k, beta)


# ---------------------------------------------------------------- batch and instance norm


def _check_batch(shape: Any) -> None:
    if shape[0] * math.prod(shape[2:]) == 1:
        raise ValueRangeError(f"Expected more than 1 value per channel when training, got input size {shape}")


def _moved(running: Any, value: Any, momentum: float) -> None:
    """running := (1 - momentum) running + momentum value, counted as a write."""
    array = running._array
    array *= array.dtype.type(1 - momentum)
    array += value.astype(array.dtype) * array.dtype.type(momentum)
    written(running, 4)


def _statistics(out: Any, eps: float, count: int) -> tuple[Any, Any]:
    """Mean and unbiased variance of each channel from what the normalisation kept."""
    mean, inverse = out[1]._array, out[2]._array
    variance = (1 / (inverse * inverse) - inverse.dtype.type(eps)).clip(0)
    return mean, variance * (count / max(count - 1, 1))


def _moved_in_batch(running_mean: Any, running_var: Any, out: Any, eps: float, count: int, momentum: float,
                    instances: int = 1) -> None:  # fmt: skip
    """The same inside vmap, where each entry must have running statistics of its own.

    Raises: GraphError where it has not.
    """
    if any(x is not None and not x._flags & BATCHED for x in (running_mean, running_var)):
        raise GraphError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in "
            "place, were not batched.\nPlease set `track_running_stats` to be False, call eval(), or give each entry "
            "of the batch statistics of its own (stack_module_state, replace_all_batch_norm_modules_)."
        )
    token = enter(current().but(grad=False))
    try:
        variance = ((1 / (out[2] * out[2])) - eps).clamp(min=0) * (count / max(count - 1, 1))
        for running, value in ((running_mean, out[1]), (running_var, variance)):
            if running is not None:
                value = value.reshape(instances, -1).mean(0) if instances > 1 else value
                running.mul_(1 - momentum).add_(value.to(running.dtype), alpha=momentum)
    finally:
        leave(token)


def batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-05) -> Any:  # fmt: skip
    """Each channel of (N, C, *) normalised by its own statistics if `training`, else by the running ones.

    With `training` the running statistics move towards those of the batch by `momentum`.
    Raises: ValueRangeError for one value per channel; ShapeError, DtypeError.
    """
    try:
        if training:
            _check_batch(input.shape)
        return normalised_batch(input, running_mean, running_var, weight, bias, training, momentum, eps)[0]
    except (AttributeError, TypeError):
        check_normalised("batch_norm", input, running_mean, running_var, weight, bias)
        raise


def check_normalised(name: str, input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any) -> None:
    """Refuse what is no tensor."""
    tensors_only(name, input=input)
    tensor_or_none(name, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)


def _nothing_normalised(input: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """`batch_norm` of an empty vector, which has no channels."""
    for name, x in (("weight", weight), ("bias", bias)):
        check_elements(name, x, 0)
    scaled = m.clone(input) if weight is None else input * weight
    return (scaled if bias is None else scaled + bias), m.clone(input.detach()), m.clone(input.detach())


def normalised_batch(input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool,
                     momentum: float, eps: float) -> tuple[Any, Any, Any]:  # fmt: skip
    """(`batch_norm` of any number of values, mean, 1 / sqrt(variance + eps))."""
    given = (running_mean, running_var)
    if training:
        for name, x in zip(("running_mean", "running_var"), given, strict=True):
            check_elements(name, x, input.shape[1] if input.ndim > 1 else 0)
        given = (None, None)
    if input.ndim < 2 and not input.numel():
        return _nothing_normalised(input, weight, bias)
    out = m.batch_norm_kernel(input, weight, bias, *given, bool(training), eps)
    if training and input.numel() and not (running_mean is None and running_var is None):
        count = input.numel() // input.shape[1]
        if out[1]._flags & BATCHED:
            _moved_in_batch(running_mean, running_var, out, eps, count, momentum)
            return out
        mean, variance = _statistics(out, eps, count)
        if running_mean is not None:
            _moved(running_mean, mean, momentum)
        if running_var is not None:
            _moved(running_var, variance, momentum)
    return out


def instance_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
                  use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-05) -> Any:  # fmt: skip
    """Each channel of each element of (N, C, *) normalised by itself, or by the running statistics.

    Raises: ValueRangeError for one value per channel; ShapeError.
    Source: D. Ulyanov et al., Instance normalization (2016).
    """
    check_normalised("instance_norm", input, running_mean, running_var, weight, bias)
    shape = tuple(input.shape)
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ValueRangeError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    return normalised_instances(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def normalised_instances(input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                         use_input_stats: bool, momentum: float, eps: float) -> Any:  # fmt: skip
    """`instance_norm` of any number of values."""
    shape = tuple(input.shape)
    if (running_mean is None) != (running_var is None):
        raise ValueRangeError("running_mean and running_var must either both be None or neither be None")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise ShapeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, c = shape[:2]

    def tiled(x: Any) -> Any:
        return None if x is None else m.repeat(x, (n,))

    flat = m.reshape(input, (1, n * c, *shape[2:]))
    means = None if use_input_stats else tiled(running_mean)
    variances = None if use_input_stats else tiled(running_var)
    out = m.batch_norm_kernel(flat, tiled(weight), tiled(bias), means, variances, bool(use_input_stats), eps)
    if use_input_stats and running_mean is not None and out[1]._flags & BATCHED:
        _moved_in_batch(running_mean, running_var, out, eps, math.prod(shape[2:]), momentum, n)
    elif use_input_stats and running_mean is not None:
        mean, variance = _statistics(out, eps, math.prod(shape[2:]))
        _moved(running_mean, mean.reshape(n, c).mean(axis=0), momentum)
        _moved(running_var, variance.reshape(n, c).mean(axis=0), momentum)
    return m.view(out[0], shape)


# ---------------------------------------------------------------- interpolation

_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear")
_NEEDS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
_LABELS = {
    "nearest": "UpsampleNearest{}D",
    "nearest-exact": "UpsampleNearestExact{}D",
    "linear": "UpsampleLinear1D",
    "bilinear": "UpsampleBilinear2D",
    "trilinear": "UpsampleTrilinear3D",
    "bicubic": "UpsampleBicubic2D",
    "lanczos": "UpsampleLanczos2D",
}


def _target(input: Any, size: Any, scale_factor: Any, recompute: Any) -> tuple[Any, Any]:
    """(sizes of the result, scales to use or None per dim)."""
    rank = input.ndim - 2
    spatial = list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueRangeError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (list, tuple)):
            if len(size) != rank:
                raise ValueRangeError(_mismatch(spatial, "output size of", size, "output size in (o1, o2, ...,oK)"))
            wanted = tuple(size)
        else:
            wanted = (size,) * rank
        if any(isinstance(n, float) for n in wanted):
            raise ArgumentError(f"interpolate() received an invalid combination of arguments: size {size} is no int")
        if recompute:
            raise ValueRangeError("recompute_scale_factor is not meaningful with an explicit size.")
        return wanted, (None,) * rank
    if scale_factor is None:
        raise ValueRangeError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (list, tuple)):
        if len(scale_factor) != rank:
            told = "scale_factor in (s1, s2, ...,sK)"
            raise ValueRangeError(_mismatch(spatial, "scale_factor of shape", scale_factor, told))
        scales = tuple([float(s) for s in scale_factor])
    else:
        scales = (float(scale_factor),) * rank
    wanted = tuple([math.floor(n * s) for n, s in zip(spatial, scales, strict=True)])
    return wanted, (None,) * rank if recompute else scales


def _mismatch(spatial: Any, what: str, given: Any, form: str) -> str:
    word = "output size" if what.startswith("output") else "scale_factor"
    return (
        f"Input and {word if word == 'scale_factor' else 'output'} must have the same number of spatial "
        "dimensions, but "
        f"got input with spatial dimensions of {spatial} and {what} {given}. Please provide input tensor in "
        f"(N, C, d1, d2, ...,dK) format and {form} format."
    )


def _rule(mode: str, n: int, o: int, align: bool, scale: Any, antialias: bool, single: bool) -> Any:
    if mode.startswith("nearest"):
        return ("nearest", n, o, scale, mode == "nearest-exact", single)
    if mode == "lanczos" or antialias:
        return ("smooth", n, o, align, scale, {"bilinear": 2, "bicubic": 4, "lanczos": 6}[mode])
    return ("cubic" if mode == "bicubic" else "linear", n, o, align, scale)


def _check_mode(input: Any, mode: str, align_corners: Any, antialias: bool) -> None:
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueRangeError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.ndim == 4):
        raise ValueRangeError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    needed = _NEEDS.get(mode)
    if input.ndim not in (3, 4, 5) or mode not in (*_LABELS, "area"):
        raise MissingError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: "
            "nearest | linear "
            f"| bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    if needed is not None and needed != input.ndim:
        raise MissingError(f"Got {input.ndim}D input, but {mode} mode needs {needed}D input")


def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> Any:  # fmt: skip
    """(N, C, *spatial) resampled to `size`, or to floor(spatial * scale_factor).

    mode: nearest, nearest-exact, area (any rank), linear (3-D), bilinear, bicubic (4-D), trilinear (5-D).
    align_corners: the outer elements keep their values.  antialias: shrinking averages (bilinear, bicubic).
    Raises: ValueRangeError, MissingError for modes that do not fit; ShapeError for empty results.
    """
    _check_mode(input, mode, align_corners, antialias)
    wanted, scales = _target(input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return getattr(m, f"adaptive_avg_pool{len(wanted)}d")(input, wanted)
    spatial = tuple(input.shape[2:])
    if min(wanted) <= 0 or min(spatial) <= 0:
        axes = ("D", "H", "W")[-len(wanted) :]
        given, made = (", ".join(f"{a}: {n}" for a, n in zip(axes, sizes, strict=True)) for sizes in (spatial, wanted))
        raise ShapeError(f"Input and output sizes should be greater than 0, but got input ({given}) output ({made})")
    label = _LABELS[mode].format(len(wanted)) + "Aa" * bool(antialias or mode == "lanczos")
    single = input._array.dtype.itemsize < 8
    rules = tuple(
        [
            _rule(mode, n, o, bool(align_corners), s, antialias, single)
            for n, o, s in zip(spatial, wanted, scales, strict=True)
        ]
    )
    return m.resample(input, rules, label)


def upsample(input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
             align_corners: Any = None) -> Any:  # fmt: skip
    """`interpolate` under its old name."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` with mode nearest, under its old name."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` with mode bilinear and align_corners, under its old name."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# ---------------------------------------------------------------- grids


def grid_sample(input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
                align_corners: Any = None) -> Any:  # fmt: skip
    """input (N, C, H, W) at the places of grid (N, H', W', 2), pairs (x, y) in [-1, 1]; or the same in 3-D.

    Raises: ValueRangeError for unknown modes; ShapeError, DtypeError.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueRangeError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueRangeError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
            "Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            stacklevel=2,
        )
    return m.sample_grid(input, grid, mode, padding_mode, bool(align_corners))


def affine_grid(theta: Any, size: Any, align_corners: Any = None) -> Any:
    """Grid for grid_sample of the points to which theta (N, 2, 3) or (N, 3, 4) maps the elements of `size`.

    Raises: ValueRangeError for a theta that does not fit; MissingError for other ranks.
    """
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
            "Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            stacklevel=2,
        )
    if not theta.is_floating_point():
        raise ValueRangeError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank, wanted = len(size) - 2, {4: "2x3", 5: "3x4"}.get(len(size))
    if wanted is None:
        raise MissingError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size if not isinstance(size, list) else tuple(size)}."
        )
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueRangeError(
            f"Expected a batch of {rank}D affine matrices of shape N{'x' + wanted} for size {tuple(size)}. "
            f"Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueRangeError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    return m.affine_grid_generator(theta, tuple(size), bool(align_corners))
