"""Functions that torch has under one name twice, here with the signature of its main namespace.

`torch.dropout(input, p, train)` stands beside `nn.functional.dropout(input, p=0.5, training=True, inplace=False)`;
losses take their reduction as a number: 0 none (as in torch the default here), 1 mean, 2 sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, DtypeError, GraphError, ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.modes import current
from wengert.core.tape.refusals import INT, INTS, refuse_kind, tensors_only
from wengert.core.tensor import creation
from wengert.nn import functional_ctc, functional_dropout, functional_loss, functional_sparse, functional_spatial

__all__ = [
    "affine_grid_generator", "alpha_dropout", "alpha_dropout_", "batch_norm", "binary_cross_entropy_with_logits",
    "cosine_embedding_loss", "ctc_loss", "dropout", "dropout_", "embedding", "embedding_bag", "embedding_renorm_",
    "feature_alpha_dropout", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_", "grid_sampler",
    "grid_sampler_2d", "grid_sampler_3d", "hinge_embedding_loss", "instance_norm", "kl_div", "margin_ranking_loss",
    "native_batch_norm", "native_dropout", "native_group_norm", "native_layer_norm", "poisson_nll_loss",
    "triplet_margin_loss",
]  # fmt: skip

_MODES = ("sum", "mean", "max")


def word(name: str, place: int, reduction: Any) -> str:
    """The name of a reduction that was given as a number; numbers without a meaning reduce nothing, as in torch.

    Raises: ArgumentError for anything but a number.
    """
    if not isinstance(reduction, int):
        kind = type(reduction).__name__
        raise ArgumentError(f"{name}(): argument 'reduction' (position {place}) must be int, not {kind}")
    return {1: "mean", 2: "sum"}.get(int(reduction), "none")


# ---------------------------------------------------------------- dropout


def check_probability(p: float) -> None:
    """Raises: ShapeError, a RuntimeError as in torch, for what is no probability."""
    if not 0 <= p <= 1:
        raise ShapeError(f"dropout probability has to be between 0 and 1, but got {p:g}")


def dropout(input: Any, p: float, train: bool) -> Any:
    """Elements become 0 with probability p if `train`, the others are divided by 1 - p."""
    check_probability(p)
    return functional_dropout.dropout(input, p, train)


def dropout_(input: Any, p: float, train: bool) -> Any:
    """`dropout` in place."""
    check_probability(p)
    return functional_dropout.dropout(input, p, train, True)


def alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """Dropout to selu's lower limit, which keeps mean and variance."""
    check_probability(p)
    return functional_dropout.alpha_dropout(input, p, train)


def alpha_dropout_(input: Any, p: float, train: bool) -> Any:
    """`alpha_dropout` in place."""
    check_probability(p)
    return functional_dropout.alpha_dropout(input, p, train, True)


def feature_dropout(input: Any, p: float, train: bool) -> Any:
    """Whole channels of (N, C, *) become 0 with probability p, the others are divided by 1 - p."""
    check_probability(p)
    return functional_dropout.feature_dropout(input, p, train)


def feature_dropout_(input: Any, p: float, train: bool) -> Any:
    """`feature_dropout` in place."""
    check_probability(p)
    return functional_dropout.feature_dropout(input, p, train, True)


def feature_alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """`alpha_dropout` of whole channels."""
    check_probability(p)
    return functional_dropout.feature_alpha_dropout(input, p, train)


def feature_alpha_dropout_(input: Any, p: float, train: bool) -> Any:
    """`feature_alpha_dropout` in place."""
    check_probability(p)
    return functional_dropout.feature_alpha_dropout(input, p, train, True)


def native_dropout(input: Any, p: float, train: bool | None) -> tuple[Any, Any]:
    """(dropout of the input, where it was kept)."""
    if train is False or not input.numel():
        return input.clone(), creation.ones_like(input, dtype=dtypes.bool_)
    kept = functional_dropout.dropout(creation.ones_like(input.detach()), p, True)
    return input * kept, kept != 0


# ---------------------------------------------------------------- normalisation


def batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float,
    eps: float, cudnn_enabled: bool,
) -> Any:  # fmt: skip
    """Each channel of (N, C, *) normalised by its own statistics if `training`, else by the running ones."""
    return native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


def native_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float,
    eps: float, *, out: Any = None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """(`batch_norm`, mean, 1 / sqrt(variance + eps)) of each channel; the last two are empty without `training`.

    out: three tensors to put them into. Raises: GraphError if one of the arguments then requires grad.
    """
    if out is not None:
        check_outs("native_batch_norm", out, 3, (input, weight, bias))
    try:
        found = functional_spatial.normalised_batch(
            input, running_mean, running_var, weight, bias, bool(training), momentum, eps
        )
    except (AttributeError, TypeError):
        functional_spatial.check_normalised("native_batch_norm", input, running_mean, running_var, weight, bias)
        raise
    results = found[0], found[1].detach(), found[2].detach()
    if out is None:
        return results
    for target, value in zip(out, results, strict=True):
        if target.dtype is not value.dtype:
            raise DtypeError(
                f"expected scalar type {dtypes.scalar_name(value.dtype)} but found "
                f"{dtypes.scalar_name(target.dtype)} in out="
            )
    first, second, third = (creation.store_out(*each) for each in zip(out, results, strict=True))
    return first, second, third


def check_outs(name: str, out: Any, count: int, given: tuple[Any, ...]) -> None:
    """Whether `out` is a tuple of tensors that may be written without recording."""
    if not isinstance(out, (tuple, list)):
        raise ArgumentError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    if len(out) != count:
        raise ArgumentError(f"expected tuple of {count} elements but got {len(out)}")
    for i, target in enumerate(out):
        if not isinstance(target, TensorBase):
            raise ArgumentError(f"expected Tensor as element {i} in argument 'out', but got {type(target).__name__}")
    if current().grad and any(getattr(x, "requires_grad", False) for x in (*given, *out)):
        raise GraphError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )


def instance_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool, momentum: float,
    eps: float, cudnn_enabled: bool,
) -> Any:  # fmt: skip
    """Each channel of each element of (N, C, *) normalised by itself, or by the running statistics."""
    return functional_spatial.normalised_instances(
        input, running_mean, running_var, weight, bias, bool(use_input_stats), momentum, eps
    )


def native_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """(`layer_norm`, mean, 1 / sqrt(variance + eps)); the last two keep the dims as 1."""
    refuse_kind("native_layer_norm", "normalized_shape", 2, INTS, normalized_shape)
    found = m.layer_norm_kernel(input, tuple(normalized_shape), weight, bias, eps)
    return found[0], found[1].detach(), found[2].detach()


def native_group_norm(
    input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Any, Any, Any]:
    """(`group_norm`, mean, 1 / sqrt(variance + eps)) of an input of N * C * HxW elements; the last two are (N, group).

    Raises: ShapeError where the numbers do not fit.
    """
    tensors_only("native_group_norm", input=input)
    for place, (name, number) in enumerate({"N": N, "C": C, "HxW": HxW, "group": group}.items(), 4):
        refuse_kind("native_group_norm", name, place, INT, number)
    if C % group:
        raise ShapeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={group}"
        )
    if input.numel() != N * C * HxW:
        raise ShapeError(f"Expected input of N * C * HxW = {N * C * HxW} elements, but it has {input.numel()}")
    return m.group_norm_kernel(input, weight, bias, group, eps)


# ---------------------------------------------------------------- tables of rows


def embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """weight[indices]; a padding_idx below 0 is none."""
    padding = None if padding_idx < 0 else padding_idx
    return m.embedding(indices, weight, padding, None, 2.0, scale_grad_by_freq, sparse)


def embedding_renorm_(input: Any, indices: Any, max_norm: float, norm_type: float) -> Any:
    """Scale the rows that `indices` names, in place, to a norm of at most max_norm."""
    m.embedding(indices, input.detach(), None, max_norm, norm_type)
    return input


def embedding_bag(
    weight: Any, indices: Any, offsets: Any, scale_grad_by_freq: bool = False, mode: int = 0, sparse: bool = False,
    per_sample_weights: Any = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """(sum, mean or maximum of weight[i] over each bag, bag of each index, size of each bag, place of each maximum).

    mode: 0 sum, 1 mean, 2 max.  Empty bags give 0.
    """
    out = functional_sparse.embedding_bag(
        indices, weight, offsets, None, 2.0, scale_grad_by_freq, _MODES[mode], sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
    flat, bags, count = functional_sparse.flat_bags(indices, offsets, include_last_offset)
    counted = np.ones(flat.size, bool) if padding_idx is None else flat != padding_idx % weight.shape[0]
    sizes = np.bincount(bags[counted], minlength=count)
    tops = np.zeros(0, np.int64)
    if mode == 2:
        tops = m.bag_tops(weight.detach(), wrap(flat[counted]), wrap(bags[counted]), count)._array
    return out, wrap(bags), wrap(sizes), wrap(tops)


# ---------------------------------------------------------------- losses


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 0
) -> Any:
    """Binary cross entropy of sigmoid(input)."""
    reduce = word("binary_cross_entropy_with_logits", 5, reduction)
    return m.binary_cross_entropy_with_logits(input, target, weight, reduction=reduce, pos_weight=pos_weight)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """1 - cos of the rows where target is 1, max(0, cos - margin) where it is -1."""
    reduce = word("cosine_embedding_loss", 5, reduction)
    return functional_loss.cosine_embedding_loss(input1, input2, target, margin, reduction=reduce)


def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """-log of the probability of all alignments of the labels with the frames."""
    reduce = word("ctc_loss", 6, reduction)
    return functional_ctc.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduce, zero_infinity)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: int = 0) -> Any:
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduce = word("hinge_embedding_loss", 4, reduction)
    return functional_loss.hinge_embedding_loss(input, target, margin, reduction=reduce)


def kl_div(input: Any, target: Any, reduction: int = 0, *, log_target: bool = False) -> Any:
    """target (log(target) - input)."""
    return m.kl_div(input, target, reduction=word("kl_div", 3, reduction), log_target=log_target)


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """max(0, -target (input1 - input2) + margin)."""
    values = m.clamp_min(-target * (input1 - input2) + margin, 0)
    return functional_loss.reduced(values, word("margin_ranking_loss", 5, reduction))


def poisson_nll_loss(input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int) -> Any:
    """exp(input) - target input, or input - target log(input + eps) without log_input."""
    reduce = word("poisson_nll_loss", 6, reduction)
    return functional_loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=reduce)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False, reduction: int = 0,
) -> Any:  # fmt: skip
    """max(0, distance to the positive - distance to the negative + margin)."""
    reduce = word("triplet_margin_loss", 8, reduction)
    return functional_loss.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=reduce)


# ---------------------------------------------------------------- grids

_SAMPLING = ("bilinear", "nearest", "bicubic")
_OUTSIDE = ("zeros", "border", "reflection")


def grid_sampler(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """`nn.functional.grid_sample` with modes as numbers: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border,
    2 reflection.

    Raises: ValueRangeError for other numbers; ShapeError, DtypeError.
    """
    for name, number, words in (("interpolation", interpolation_mode, _SAMPLING), ("padding", padding_mode, _OUTSIDE)):
        if not 0 <= number < len(words):
            raise ValueRangeError(f"grid_sampler(): unknown {name} mode {number}: it is 0, 1 or 2")
    return m.sample_grid(input, grid, _SAMPLING[interpolation_mode], _OUTSIDE[padding_mode], bool(align_corners))


def _check_rank(input: Any, grid: Any, rank: int) -> None:
    tensors_only(f"grid_sampler_{rank}d", input=input, grid=grid)
    if input.ndim != rank + 2 or grid.ndim != rank + 2:
        raise ShapeError(
            f"grid_sampler(): expected {rank + 2}D input and grid with same number of dimensions, but got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )


def grid_sampler_2d(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """`grid_sampler` of (N, C, H, W)."""
    _check_rank(input, grid, 2)
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """`grid_sampler` of (N, C, D, H, W)."""
    _check_rank(input, grid, 3)
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def affine_grid_generator(theta: Any, size: Any, align_corners: bool) -> Any:
    """The points to which theta (N, 2, 3) or (N, 3, 4) maps the elements of `size`, as `nn.functional.affine_grid`."""
    if len(size) not in (4, 5):
        raise ShapeError("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs, not sizes of another rank")
    return m.affine_grid_generator(theta, tuple(size), bool(align_corners))
