"""Losses of class scores: negative log-likelihood and cross-entropy."""

from __future__ import annotations

import math

from wengert.core.arrays.dtype import float32
from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.base.errors import DimError, DtypeError, IndexRangeError, ShapeError, ValueRangeError
from wengert.core.kernels.workshop import SOME
from wengert.core.operators.kinds import composite, linear
from wengert.core.operators.library.overloads import refuse, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def check_classes(input, target, weight):
    """Refuse shapes and dtypes that are not scores (N, C, ...) with classes (N, ...)."""
    if input.ndim == 0:
        raise ValueRangeError("Expected 1 or more dimensions (got 0)")
    if input.ndim <= 2 and target.ndim > 1:
        raise ShapeError(f"0D or 1D target tensor expected, multi-target not supported: target has {target.ndim} dims")
    if input.ndim > 1 and (target.ndim == 0 or input.shape[0] != target.shape[0]):
        found = target.shape[0] if target.ndim else 0
        raise ValueRangeError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({found}).")
    expected = input.shape[:1] + input.shape[2:]
    if input.ndim > 2 and target.shape != expected:
        raise ShapeError(f"Expected target size {list(expected)}, got {list(target.shape)}")
    if target.dtype.kind not in "iu" or target.dtype.name not in ("int64", "uint8"):
        raise DtypeError(f"expected target dtype to be Long or Byte, but got {scalar_name(target)}")
    classes = input.shape[1] if input.ndim > 1 else input.shape[0]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)}"
        )
    refuse("nll_loss2d_forward_out_frame" if input.ndim > 2 else "nll_loss_out_frame", "biuc", input)
    if weight is not None and weight.dtype != input.dtype:
        raise DtypeError(f"expected scalar type {scalar_name(input)} but found {scalar_name(weight)}")


def chosen_classes(np, target, weight, classes, ignore_index, dtype):
    """Class indices with 0 where ignored, and the weight of each element, 0 where ignored."""
    ignored = target == ignore_index
    index = np.where(ignored, 0, target).astype(np.int64)
    outside = (index < 0) | (index >= classes)
    if bool(outside.any()):
        raise IndexRangeError(f"Target {int(index[outside].ravel()[0])} is out of bounds. There are {classes} classes")
    weights = np.ones(classes, dtype=dtype) if weight is None else weight
    return index, np.where(ignored, dtype.type(0), weights[index])


def _places(np, target, weight, shape, ignore_index):
    """Where the target classes lie in scores (N, C) as one vector; None unless all count, with weight 1."""
    if weight is not None or len(shape) != 2 or not target.size:
        return None
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= shape[1] or low <= ignore_index <= high:
        return None
    return target + np.arange(0, shape[0] * shape[1], shape[1])


def _nll_name(args):
    return "NllLoss2DBackward0" if args[0].ndim > 2 else "NllLossBackward0"


def _nll_samples(s):
    ignoring = s.integers(2, 2, high=3)
    ignoring[0, 0] = -100
    weight = s.array(3, low=0.2, high=1.0)
    return [
        call(s.array(4, 3), s.integers(4, high=3)),
        call(s.array(4, 3), s.integers(4, high=3), weight, reduction="sum"),
        call(s.array(2, 3, 2), ignoring, weight),
        call(s.array(2, 3, 2), ignoring, reduction="none"),
        call(s.array(3), s.integers(high=3)),
    ]


@linear(
    transpose=lambda m, g, shape, target, weight, ignore_index, reduction: m.nll_scatter(
        g, target, weight, shape, ignore_index, reduction
    ),
    space="nn",
    method=False,
    backward_name=_nll_name,
    samples=_nll_samples,
)
def nll_loss(np, input: Array, target: Array, weight: Array | None = None, *, ignore_index=-100, reduction="mean"):
    """-weight[target] input[target] for log-probabilities (N, C, ...) or (C,); "mean" divides by the sum of weights.

    Edges: ignored targets count nowhere; the mean of nothing is nan.
    Raises: IndexRangeError for a class that does not exist; ShapeError, ValueRangeError, DtypeError.
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueRangeError(f'{reduction} is not a valid value for reduction: it is "none", "mean" or "sum"')
    check_classes(input, target, weight)
    places = _places(np, target, weight, input.shape, ignore_index)
    if places is not None:
        picked = input.reshape(-1).take(places)
        if reduction == "none":
            return np.negative(picked)
        total = -picked.sum()
        return total if reduction == "sum" else np.divide(total, len(places), dtype=input.dtype)
    dim = 1 if input.ndim > 1 else 0
    if input.ndim == 1:
        target = target.reshape(())
    index, weights = chosen_classes(np, target, weight, input.shape[dim], ignore_index, input.dtype)
    picked = np.take_along_axis(input, np.expand_dims(index, dim), dim).reshape(index.shape)
    values = np.where(weights == 0, weights, -(picked * weights))
    if reduction == "none":
        return values
    total = values.sum()
    return total if reduction == "sum" else np.divide(total, weights.sum())


@linear(
    transpose=lambda m, g, target, weight, ignore_index, reduction: m.nll_loss(
        g, target, weight, ignore_index=ignore_index, reduction=reduction
    ),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(), s.integers(4, high=3), None, (4, 3), -100, "mean"),
        call(s.array(2, 2), s.integers(2, 2, high=3), s.array(3, low=0.2, high=1.0), (2, 3, 2), -100, "none"),
    ],
)
def nll_scatter(np, input: Array, target: Array, weight: Array | None, size, ignore_index, reduction):
    """The transpose of nll_loss: zeros of a size with -weight * input at the target classes."""
    result = np.zeros(size, dtype=input.dtype)
    places = _places(np, target, weight, size, ignore_index)
    if places is not None:
        result.reshape(-1)[places] = input / -len(places) if reduction == "mean" else -input
        return result
    dim = 1 if len(size) > 1 else 0
    if len(size) == 1:
        target = target.reshape(())
    index, weights = chosen_classes(np, target, weight, size[dim], ignore_index, input.dtype)
    values = -weights * input
    if reduction == "mean":
        values = np.divide(values, weights.sum())
    values = np.where(weights == 0, input.dtype.type(0), values)
    np.put_along_axis(result, np.expand_dims(index, dim), np.expand_dims(values, dim), dim)
    return result


def _along_classes(m, weight, ndim):
    return m.reshape(weight, (-1,)) if ndim == 1 else m.reshape(weight, (1, -1) + (1,) * (ndim - 2))


def _of_probabilities(m, scores, target, weight, reduction, label_smoothing, dim):
    if not target.dtype.is_floating_point:
        raise DtypeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")
    if scores.ndim == 0:
        raise DimError("Dimension specified as 1 but tensor has no dimensions: class scores need one")
    classes = scores.shape[dim]
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    values = scores * target
    if weight is not None:
        values = values * _along_classes(m, weight, scores.ndim)
    if reduction == "none":
        return -m.sum(values, dim)
    total = -m.sum(values)
    if reduction == "sum":
        return total
    count = math.prod(scores.shape)
    return total / (count // classes if count else 0)


def _smoothed(m, scores, target, weight, ignore_index, reduction, label_smoothing, dim):
    """(1 - s) nll + s / C times the sum over classes of -weight * score, for label smoothing s."""
    picked = m.nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=reduction)
    spread = scores if weight is None else scores * _along_classes(m, weight, scores.ndim)
    spread = m.where(target == ignore_index, 0, -m.sum(spread, dim))
    if reduction != "none":
        spread = m.sum(spread)
    if reduction == "mean":
        # The sum of the weights that count, as a loss of scores that are all one.
        ones = m.one_like(scores.detach())
        spread = spread / -m.nll_loss(ones, target, weight, ignore_index=ignore_index, reduction="sum")
    return picked * (1 - label_smoothing) + spread * (label_smoothing / scores.shape[dim])


def fusible(input, target, weight, reduction):
    """Whether the loss of these arguments is computed by `cross_entropy_rows`."""
    if weight is not None or reduction == "none" or input.ndim != 2 or target.ndim != 1:
        return False
    size = input.numel()
    return size >= SIZE or (size >= 2 * SOME and input.dtype is float32 and LARGE.awaits_losses(size))


@composite(
    space="nn",
    method=False,
    samples=lambda s: [
        *_nll_samples(s),
        call(s.array(4, 3), s.integers(4, high=3), label_smoothing=0.1),
        call(s.array(4, 3), s.array(4, 3, low=0.1, high=1.0), reduction="none"),
        call(s.array(4, 3), s.array(4, 3, low=0.1, high=1.0), label_smoothing=0.2),
    ],
)
def cross_entropy(
    m,
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
):
    """nll_loss of log_softmax(input) over the class dim; target holds classes, or probabilities shaped as input.

    Raises: ShapeError for label_smoothing outside [0, 1]; what nll_loss raises.
    Source of label smoothing: C. Szegedy et al., Rethinking the Inception architecture (2015), section 7.
    """
    if not 0 <= label_smoothing <= 1:
        raise ShapeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if reduction not in ("none", "mean", "sum"):
        raise ValueRangeError(f'{reduction} is not a valid value for reduction: it is "none", "mean" or "sum"')
    if fusible(input, target, weight, reduction):
        return m.cross_entropy_rows(input, target, ignore_index, reduction, label_smoothing, input.requires_grad)[0]
    size, given = tuple(input.shape), tuple(target.shape)
    dim = 1 if len(size) > 1 else 0
    scores = m.log_softmax(input, dim)
    if size == given:
        if ignore_index >= 0:
            raise ShapeError("ignore_index is not supported for floating point target")
        return _of_probabilities(m, scores, target, weight, reduction, label_smoothing, dim)
    if label_smoothing > 0:
        return _smoothed(m, scores, target, weight, ignore_index, reduction, label_smoothing, dim)
    return m.nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=reduction)
