"""Losses of `torch.nn.functional`: the operators with torch's signatures, and those written in others."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError, ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tape.refusals import tensors_only

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy",
    "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "linear_cross_entropy",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "nll_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def legacy_reduction(size_average: Any, reduce: Any, emit_warning: bool = True, stacklevel: int = 4) -> str:
    """The reduction that the old flags ask for."""
    average = True if size_average is None else size_average
    reducing = True if reduce is None else reduce
    word = ("mean" if average else "sum") if reducing else "none"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.",
            stacklevel=stacklevel,
        )
    return word


def _word(reduction: str, size_average: Any, reduce: Any) -> str:
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    return reduction


def _refuse(reduction: Any) -> Exception:
    if not isinstance(reduction, str):
        return ArgumentError(f"reduction must be str, not {type(reduction).__name__}")
    return ValueRangeError(f"{reduction} is not a valid value for reduction")


def _known(reduction: str) -> str:
    """A reduction's name, refused before anything else is looked at."""
    if reduction not in ("none", "mean", "sum"):
        raise _refuse(reduction)
    return reduction


def reduced(values: Any, reduction: str) -> Any:
    """Mean, sum, or the values themselves."""
    if reduction == "mean":
        return m.mean(values)
    if reduction == "sum":
        return m.sum(values)
    if reduction == "none":
        return values
    raise _refuse(reduction)


def _warn_sizes(input: Any, target: Any) -> None:
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


# ---------------------------------------------------------------- differences


def _weighted(values: Any, weight: Any, input: Any, reduction: str) -> Any:
    """Reduced with weights; the mean is that of the weights' sum."""
    if weight.size() != input.size():
        raise ValueRangeError(f"Weights and input must have the same size. They are {weight.shape} and {input.shape}")
    values = values * weight
    if reduction == "mean":
        return m.sum(values) / m.sum(weight)
    return reduced(values, reduction)


def mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """(input - target)^2, reduced."""
    _warn_sizes(input, target)
    reduction = _word(reduction, size_average, reduce)
    if weight is not None:
        return _weighted(m.mse_loss(input, target, reduction="none"), weight, input, reduction)
    return m.mse_loss(input, target, reduction=reduction)


def l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """|input - target|, reduced."""
    _warn_sizes(input, target)
    reduction = _word(reduction, size_average, reduce)
    if weight is not None:
        return _weighted(m.l1_loss(input, target, reduction="none"), weight, input, reduction)
    return m.l1_loss(input, target, reduction=reduction)


def smooth_l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """d^2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere, reduced."""
    _warn_sizes(input, target)
    return m.smooth_l1_loss(input, target, reduction=_word(reduction, size_average, reduce), beta=beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """d^2 / 2 where d = |input - target| <= delta, delta (d - delta / 2) elsewhere, reduced."""
    _warn_sizes(input, target)
    if weight is not None:
        if weight.size() != input.size():
            raise ValueRangeError("Weights and input must have the same size.")
        return reduced(m.huber_loss(input, target, reduction="none", delta=delta) * weight, reduction)
    return m.huber_loss(input, target, reduction=reduction, delta=delta)


# ---------------------------------------------------------------- classes and probabilities


def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """nll_loss of log_softmax(input); target holds classes, or probabilities shaped as input."""
    return m.cross_entropy(
        input, target, weight, ignore_index=ignore_index, reduction=_word(reduction, size_average, reduce),
        label_smoothing=label_smoothing,
    )  # fmt: skip


def linear_cross_entropy(
    input: Any, linear_weight: Any, target: Any, *, linear_bias: Any = None, weight: Any = None,
    reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0, options: Any = None,
) -> Any:  # fmt: skip
    """cross_entropy of linear(input, linear_weight, linear_bias).

    linear_weight: (C, *rest, features), its dims after the first are dims of the scores after the class dim.
    """
    classes, features = linear_weight.shape[0], linear_weight.shape[-1]
    rest = tuple(linear_weight.shape[1:-1])
    bias = None if linear_bias is None else m.reshape(linear_bias, (-1,))
    scores = m.linear(input, m.reshape(linear_weight, (-1, features)), bias)
    if rest:
        scores = m.reshape(scores, (*scores.shape[:-1], classes, *rest))
    ignore = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        scores, target, weight, ignore_index=ignore, reduction=reduction, label_smoothing=label_smoothing
    )


def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """-weight[target] input[target], reduced; the mean is that of the weights' sum."""
    return m.nll_loss(
        input, target, weight, ignore_index=ignore_index, reduction=_word(reduction, size_average, reduce)
    )


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """-weight (target log(input) + (1 - target) log(1 - input)), reduced."""
    return m.binary_cross_entropy(input, target, weight, reduction=_word(reduction, size_average, reduce))


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:  # fmt: skip
    """binary_cross_entropy of sigmoid(input), without overflow."""
    return m.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_word(reduction, size_average, reduce), pos_weight=pos_weight
    )


def kl_div(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Any:  # fmt: skip
    """target (log(target) - input), reduced; "batchmean" divides the sum by the size of dim 0."""
    reduction = _word(reduction, size_average, reduce)
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
            "only by the batch size, as the divergence is defined.",
            stacklevel=2,
        )
    return m.kl_div(input, target, reduction=reduction, log_target=log_target)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, size_average: Any = None, eps: float = 1e-8,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """exp(input) - target input, or input - target log(input + eps) without log_input, reduced.

    full: add Stirling's approximation of log(target!) where target > 1.
    """
    reduction = _word(reduction, size_average, reduce)
    values = m.exp(input) - target * input if log_input else input - target * m.log(input + eps)
    if full:
        stirling = target * m.log(target) - target + 0.5 * m.log(2 * math.pi * target)
        values = values + m.masked_fill(stirling, target <= 1, 0)
    return reduced(values, reduction)


def _variances(input: Any, var: Any, eps: float) -> Any:
    """Variances of input's shape, or with a last dim of 1, at least eps; the bound takes no part in the gradient."""
    if not isinstance(var, TensorBase):
        if var < 0:
            raise ValueRangeError("var has negative entry/entries")
        return input.new_full(input.size(), max(float(var), eps))
    if var.size() != input.size():  # type: ignore[attr-defined]
        if input.size()[:-1] == var.size():  # type: ignore[attr-defined]
            var = m.unsqueeze(var, -1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1):  # type: ignore[attr-defined]
            raise ValueRangeError(f"var is of incorrect size: {var.shape} for an input of {input.shape}")  # type: ignore[attr-defined]
    if m.any(var < 0):
        raise ValueRangeError("var has negative entry/entries")
    var = m.clone(var)
    token = enter(current().but(grad=False))
    try:
        var.clamp_(min=eps)
    finally:
        leave(token)
    return var


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log(var) + (input - target)^2 / var) / 2, with `full` plus log(2 pi) / 2, reduced.

    Raises: ValueRangeError for negative variances and sizes that do not fit.
    """
    var = _variances(input, var, eps)
    if reduction not in ("none", "mean", "sum"):
        raise ValueRangeError(f"{reduction} is not valid") if isinstance(reduction, str) else _refuse(reduction)
    values = 0.5 * (m.log(var) + (input - target) ** 2 / var)
    if full:
        values = values + 0.5 * math.log(2 * math.pi)
    return reduced(values, reduction)


# ---------------------------------------------------------------- margins


def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """log(1 + exp(-target input)), reduced."""
    return m.soft_margin_loss(input, target, reduction=_word(reduction, size_average, reduce))


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """sum over j != y of max(0, margin - x[y] + x[j])^p / C, reduced."""
    reduction = _known(_word(reduction, size_average, reduce))
    if weight is not None and weight.dim() != 1:
        raise ValueRangeError(f"weight must be one-dimensional, it has {weight.dim()} dimensions")
    return m.multi_margin_loss(input, target, p, margin, weight, reduction=reduction)


def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """sum over named y and other j of max(0, 1 - x[y] + x[j]) / C, reduced."""
    return m.multilabel_margin_loss(input, target, reduction=_known(_word(reduction, size_average, reduce)))


def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """Mean over classes of -(target log sigmoid(input) + (1 - target) log sigmoid(-input)), reduced over rows."""
    reduction = _word(reduction, size_average, reduce)
    values = -(target * m.logsigmoid(input) + (1 - target) * m.logsigmoid(-input))
    if weight is not None:
        values = values * weight
    return reduced(m.sum(values, input.dim() - 1) / input.size(input.dim() - 1), reduction)


def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """input where target is 1, max(0, margin - input) where it is -1, reduced."""
    reduction = _word(reduction, size_average, reduce)
    far = m.where(target != 1, m.clamp_min(margin - input, 0), 0.0)
    near = m.where(target != -1, input, 0.0)
    return reduced(near + far, reduction)


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """max(0, -target (input1 - input2) + margin), reduced."""
    reduction = _word(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced(m.clamp_min(-target * (input1 - input2) + margin, 0), reduction)


_TINY = 1e-12  # keeps the cosine of a zero vector finite


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """1 - cos where target is 1, max(0, cos - margin) where it is -1, reduced; cos of the rows of the inputs."""
    reduction = _word(reduction, size_average, reduce)
    tensors_only("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    dims = target.dim()
    if dims > 1:
        raise ShapeError(f"0D or 1D target tensor expected, multi-target not supported: it has {dims} dims")
    if input1.dim() != dims + 1 or input2.dim() != dims + 1:
        raise ShapeError(
            f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    product = m.sum(input1 * input2, dims)
    squares = (m.sum(input1 * input1, dims) + _TINY) * (m.sum(input2 * input2, dims) + _TINY)
    cosine = product / m.sqrt(squares)
    near = m.where(target == 1, 1 - cosine, 0.0)
    far = m.where(target == -1, m.clamp_min(cosine - margin, 0), 0.0)
    return reduced(near + far, reduction)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of differences, reduced.

    swap: d(positive, negative) counts where it is smaller.
    Source: V. Balntas et al., Learning shallow convolutional feature descriptors with triplet losses (2016).
    """
    reduction = _word(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueRangeError(f"margin must be greater than 0, got {margin}")
    tensors_only("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    dims = (anchor.dim(), positive.dim(), negative.dim())
    if len(set(dims)) != 1:
        raise ShapeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    near = m.pairwise_distance(anchor, positive, p, eps)
    far = m.pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = m.minimum(far, m.pairwise_distance(positive, negative, p, eps))
    return reduced(m.clamp_min(margin + near - far, 0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *, distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Any:  # fmt: skip
    """`triplet_margin_loss` with any distance function; pairwise_distance by default."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueRangeError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueRangeError(f"margin must be greater than 0, got {margin}")
    distance = m.pairwise_distance if distance_function is None else distance_function
    dims = (anchor.ndim, positive.ndim, negative.ndim)
    if len(set(dims)) != 1:
        raise ShapeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = m.minimum(far, distance(positive, negative))
    return reduced(m.clamp_min(margin + near - far, 0), reduction)
