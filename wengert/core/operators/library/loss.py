"""Losses, each a fused node with its reduction: "none", "mean" or "sum"."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import DtypeError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.overloads import refuse, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def reduced(values, reduction):
    """Per-element losses as the loss that `reduction` asks for; the mean of nothing is nan."""
    if reduction == "none":
        return values
    if reduction == "sum":
        return _total(values)
    if reduction == "mean":
        return _total(values) / values.size if values.size else values.sum() * math.nan
    raise ValueRangeError(f'{reduction} is not a valid value for reduction: it is "none", "mean" or "sum"')


def _total(values):
    return LARGE.total(values) if values.size >= SIZE and values.dtype.kind == "f" else values.sum()


def _check_shapes(input, target):
    if input.shape != target.shape:
        broadcast_shapes(input.shape, target.shape)


def _spread(g, reduction, *operands):
    """The gradient of each element's loss before it meets the element's derivative."""
    if reduction != "mean":
        return g
    return g / max(math.prod(broadcast_shapes(*[tuple(x.shape) for x in operands])), 1)


def _pairs(**options):
    """Samples of a loss of two tensors."""

    def samples(s):
        return [
            call(s.distinct(3, 4), s.distinct(3, 4) * 0.3, **options),
            call(s.distinct(4), s.distinct(4) * 0.3, reduction="sum", **options),
            call(s.distinct(2, 3), s.distinct(2, 3) * 0.3, reduction="none", **options),
            call(s.array(), s.array(), **options),
            call(s.array(0, 2), s.array(0, 2), reduction="sum", **options),
        ]

    return samples


class Shape(NamedTuple):
    """What a loss of two arrays is per element, for kernels.

    values(np, input, target, *numbers); slopes: its derivatives by input and target; numbers: names of attributes that
    are positive numbers; absent: arguments without which this is the loss.
    """

    values: Any
    slopes: tuple[Any, Any]
    numbers: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def _of_distance(values, slope, *numbers):
    """The shape of a loss of input - target, whose slope is that of this difference."""

    def input_slope(m, input, target, *given):
        return slope(m, input - target, *given)

    def target_slope(m, input, target, *given):
        return -slope(m, input - target, *given)

    return Shape(values, (input_slope, target_slope), numbers)


# ---------------------------------------------------------------- differences


def _mse_values(np, input, target):
    difference = input - target
    return difference * difference


def _mse_input(m, g, input, target, reduction):
    return _spread(g, reduction, input, target) * 2 * (input - target)


def _mse_target(m, g, input, target, reduction):
    return _spread(g, reduction, input, target) * 2 * (target - input)


@opaque(vjp=(_mse_input, _mse_target), promote="common", space="nn", method=False, samples=_pairs())
def mse_loss(np, input: Array, target: Array, *, reduction="mean"):
    """(input - target)^2, reduced; shapes broadcast."""
    refuse("mse_cpu", "biuc", input)
    _check_shapes(input, target)
    return reduced(_mse_values(np, input, target), reduction)


@composite(space="nn", method=False, samples=_pairs())
def l1_loss(m, input: Array, target: Array, *, reduction="mean"):
    """|input - target|, reduced; shapes broadcast."""
    return _reduced(m, m.abs(input - target), reduction)


def _reduced(m, values, reduction):
    if reduction == "none":
        return values
    if reduction not in ("mean", "sum"):
        raise ValueRangeError(f'{reduction} is not a valid value for reduction: it is "none", "mean" or "sum"')
    return m.mean(values) if reduction == "mean" else m.sum(values)


def _smooth_values(np, input, target, beta):
    distance = np.abs(input - target)
    return np.where(distance < beta, distance * distance * (0.5 / beta), distance - 0.5 * beta)


def _smooth_slope(m, difference, beta):
    return m.where(m.abs(difference) < beta, difference / beta, m.sign(difference))


def _smooth_rule(sign):
    def rule(m, g, input, target, reduction, beta):
        return _spread(g, reduction, input, target) * (_smooth_slope(m, input - target, beta) * sign)

    return rule


@opaque(
    vjp=(_smooth_rule(1), _smooth_rule(-1)),
    promote="common",
    space=None,
    method=False,
    backward_name="SmoothL1LossBackward0",
    samples=_pairs(beta=0.7),
)
def smooth_l1_kernel(np, input: Array, target: Array, *, reduction="mean", beta=1.0):
    """smooth_l1_loss for a positive beta."""
    refuse("smooth_l1_cpu", "biuc", input)
    _check_shapes(input, target)
    return reduced(_smooth_values(np, input, target, beta), reduction)


@composite(space="nn", method=False, samples=_pairs(beta=0.7))
def smooth_l1_loss(m, input: Array, target: Array, *, reduction="mean", beta=1.0):
    """d^2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere, reduced; beta 0 is l1_loss.

    Raises: ShapeError for a negative beta.
    Source: R. Girshick, Fast R-CNN (2015), equation 3.
    """
    if beta < 0:
        raise ShapeError(f"smooth_l1_loss does not support negative values for beta. It is {beta}")
    if beta == 0:
        return m.l1_loss(input, target, reduction=reduction)
    return m.smooth_l1_kernel(input, target, reduction=reduction, beta=beta)


def _huber_values(np, input, target, delta):
    distance = np.abs(input - target)
    return np.where(distance <= delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))


def _huber_slope(m, difference, delta):
    return m.where(m.abs(difference) < delta, difference, m.sign(difference) * delta)


def _huber_rule(sign):
    def rule(m, g, input, target, reduction, delta):
        return _spread(g, reduction, input, target) * (_huber_slope(m, input - target, delta) * sign)

    return rule


@opaque(
    vjp=(_huber_rule(1), _huber_rule(-1)),
    promote="common",
    space="nn",
    method=False,
    samples=_pairs(delta=0.7),
)
def huber_loss(np, input: Array, target: Array, *, reduction="mean", delta=1.0):
    """d^2 / 2 where d = |input - target| <= delta, delta (d - delta / 2) elsewhere, reduced.

    Raises: ShapeError for delta <= 0.
    Source: P. J. Huber, Robust estimation of a location parameter (1964).
    """
    if delta <= 0:
        raise ShapeError(f"huber_loss does not support non-positive values for delta. It is {delta}")
    refuse("huber_cpu", "biuc", input)
    _check_shapes(input, target)
    return reduced(_huber_values(np, input, target, delta), reduction)


# ---------------------------------------------------------------- probabilities


def _probabilities(s):
    def p(*shape):
        return s.array(*shape, low=0.1, high=0.9)

    return [
        call(p(3, 4), p(3, 4)),
        call(p(3, 4), p(3, 4), p(4)),
        call(p(2, 3), p(2, 3), p(2, 1), reduction="none"),
        call(p(3), p(3), reduction="sum"),
        call(p(), p()),
    ]


_LEAST_LOG = -100.0  # torch's bound of the logarithms, which keeps the loss finite


def _weighted(g, reduction, weight, *operands):
    g = _spread(g, reduction, *operands)
    return g if weight is None else g * weight


def _bce_input(m, g, input, target, weight, reduction):
    variance = input * (1 - input)
    variance = m.where(variance < 1e-12, 1e-12, variance)
    return _weighted(g, reduction, weight, input) * ((input - target) / variance)


def _bce_target(m, g, input, weight, reduction):
    return _weighted(g, reduction, weight, input) * (m.log1p(-input) - m.log(input))


@opaque(vjp=(_bce_input, _bce_target), space="nn", method=False, samples=_probabilities)
def binary_cross_entropy(np, input: Array, target: Array, weight: Array | None = None, *, reduction="mean"):
    """-weight (target log(input) + (1 - target) log(1 - input)), logarithms at least -100, reduced.

    Raises: ValueRangeError for sizes that differ; ShapeError for probabilities outside [0, 1]; DtypeError.
    """
    if input.shape != target.shape:
        raise ValueRangeError(
            f"Using a target size (torch.Size({list(target.shape)})) that is different to the input size "
            f"(torch.Size({list(input.shape)})) is deprecated. Please ensure they have the same size."
        )
    refuse("binary_cross_entropy", "biuc", input)
    if target.dtype != input.dtype:
        raise ShapeError(f"Found dtype {scalar_name(target)} but expected {scalar_name(input)}")
    for name, values in (("input", input), ("target", target)):
        if not bool(((values >= 0) & (values <= 1)).all()):
            raise ShapeError(f"all elements of {name} should be between 0 and 1")
    high, low = np.maximum(np.log(input), _LEAST_LOG), np.maximum(np.log1p(-input), _LEAST_LOG)
    values = (target - 1) * low - target * high
    return reduced(values if weight is None else values * weight, reduction)


def _logits_input(m, g, input, target, weight, reduction, pos_weight):
    s = m.sigmoid(input)
    if pos_weight is None:
        slope = s - target
    else:
        positive = pos_weight * target
        slope = (positive + 1 - target) * s - positive
    return _weighted(g, reduction, weight, input, target) * slope


def _logits_target(m, g, input, target, weight, reduction, pos_weight):
    slope = -input if pos_weight is None else m.logsigmoid(-input) - pos_weight * m.logsigmoid(input)
    return _weighted(g, reduction, weight, input, target) * slope


def _log_sigmoid(np, input):
    return np.minimum(input, 0) - np.log1p(np.exp(-np.abs(input)))


def _logits_values(np, input, target):
    return (1 - target) * input - _log_sigmoid(np, input)


def _logits_samples(s):
    def p(*shape):
        return s.array(*shape, low=0.1, high=0.9)

    return [
        call(s.array(3, 4), p(3, 4)),
        call(s.array(3, 4), p(3, 4), p(4), pos_weight=p(4)),
        call(s.array(2, 3), p(2, 3), reduction="none", pos_weight=p(3)),
        call(s.array(3), p(3), reduction="sum"),
        call(s.array(), p()),
    ]


@opaque(vjp=(_logits_input, _logits_target), promote="common", space="nn", method=False, samples=_logits_samples)
def binary_cross_entropy_with_logits(
    np, input: Array, target: Array, weight: Array | None = None, *, reduction="mean", pos_weight: Array | None = None
):
    """binary_cross_entropy of sigmoid(input), without overflow; pos_weight multiplies the loss of target 1.

    Raises: ValueRangeError for sizes that differ.
    """
    if input.shape != target.shape:
        raise ValueRangeError(
            f"Target size (torch.Size({list(target.shape)})) must be the same as input size "
            f"(torch.Size({list(input.shape)}))"
        )
    refuse("log_sigmoid_cpu", "biuc", input)
    if pos_weight is None:
        values = _logits_values(np, input, target)
    else:
        values = (1 - target) * input - ((pos_weight - 1) * target + 1) * _log_sigmoid(np, input)
    return reduced(values if weight is None else values * weight, reduction)


SHAPES: dict[str, Shape] = {
    "mse_loss": _of_distance(_mse_values, lambda m, difference: 2 * difference),
    "smooth_l1_kernel": _of_distance(_smooth_values, _smooth_slope, "beta"),
    "huber_loss": _of_distance(_huber_values, _huber_slope, "delta"),
    "binary_cross_entropy_with_logits": Shape(
        _logits_values,
        (lambda m, input, target: 1 / (1 + m.exp(-input)) - target, lambda m, input, target: -input),
        absent=("weight", "pos_weight"),
    ),
}
"""Losses for which there are kernels."""


@composite(
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(3, 4), s.array(3, 4, low=0.1, high=1.0), reduction="batchmean"),
        call(s.array(2, 3), s.array(2, 3), reduction="none", log_target=True),
        call(s.array(), s.array(low=0.1, high=1.0), reduction="sum"),
    ],
)
def kl_div(m, input: Array, target: Array, *, reduction="mean", log_target=False):
    """target (log(target) - input), where input (and target, with log_target) are logarithms, reduced.

    "batchmean" divides the sum by the size of dim 0.
    """
    if not (input.dtype.is_floating_point and target.dtype.is_floating_point):
        raise DtypeError(f"kl_div: Integral inputs not supported. They are {input.dtype} and {target.dtype}")
    values = m.exp(target) * (target - input) if log_target else m.xlogy(target, target) - target * input
    if reduction == "batchmean":
        total = m.sum(values)
        return total / input.shape[0] if input.ndim else total
    return _reduced(m, values, reduction)
