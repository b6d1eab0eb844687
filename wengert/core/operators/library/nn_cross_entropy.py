"""Cross entropy of large matrices of scores as one node: the logarithms of the softmax are never written down."""

from __future__ import annotations

from wengert.core.operators.kinds import opaque, plain
from wengert.core.operators.library.classes import check_classes, chosen_classes
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _count(np, target, ignore_index, reduction, dtype):
    """What the sum of the losses is divided by."""
    return dtype.type(np.count_nonzero(target != ignore_index) if reduction == "mean" else 1)


def _samples(s):
    ignoring = s.integers(5, high=3)
    ignoring[1] = -100
    return [
        call(s.array(4, 3), s.integers(4, high=3), -100, "mean"),
        call(s.array(5, 3), ignoring, -100, "mean", 0.3),
        call(s.array(5, 3), ignoring, -100, "mean"),
        call(s.array(5, 3), ignoring, -100, "sum"),
        call(s.array(70, 64), s.integers(70, high=64), 5, "mean"),
        call(s.array(70, 64), s.integers(70, high=64), 5, "sum", 0.0, True),
    ]


def _gradient(m, g, out, input, target, ignore_index, reduction, label_smoothing, ahead):
    if not m.recorded:
        return m.cross_entropy_back(g[0], g[1], input, out[1], target, ignore_index, reduction, label_smoothing)
    picked = m.nll_scatter(g[0], target, None, tuple(input.shape), ignore_index, reduction)
    sums = m.sum(picked, 1, True)
    if label_smoothing:
        picked = picked * (1 - label_smoothing) + sums * (label_smoothing / input.shape[1])
    return picked + m._softmax(input, 1) * (m.unsqueeze(g[1], 1) - sums)


def _name(args):
    """torch adds two losses where labels are smoothed."""
    return "AddBackward0" if args[4] else "NllLossBackward0"


@opaque(
    vjp=_gradient,
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name=_name,
    samples=_samples,
)
def cross_entropy_rows(np, input: Array, target: Array, ignore_index, reduction, label_smoothing=0.0, ahead=False):
    """(cross entropy, log(sum(exp(input), 1))) of scores (N, C) with classes (N,), reduced by "mean" or "sum".

    With smoothing s the score of a row's class is (1 - s) input[class] + s mean(input).  ahead: a gradient will be
    asked for, so that a kernel may compute it on the way.
    """
    check_classes(input, target, None)
    index, counted = chosen_classes(np, target, None, input.shape[1], ignore_index, input.dtype)
    top = input.max(axis=1, keepdims=True)
    level = np.log(np.exp(input - top).sum(axis=1)) + top[:, 0]
    score = np.take_along_axis(input, index[:, None], 1)[:, 0]
    if label_smoothing:
        score = score * (1 - label_smoothing) + input.mean(axis=1) * label_smoothing
    losses = np.where(counted == 0, counted, level - score)
    return np.divide(losses.sum(), _count(np, target, ignore_index, reduction, input.dtype)), level


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.array(), s.array(4), s.array(4, 3), s.array(4), s.integers(4, high=3), -100, "mean")],
)
def cross_entropy_back(
    np, grad: Array, grad_level: Array, input: Array, level: Array, target: Array, ignore_index, reduction,
    label_smoothing=0.0,
):  # fmt: skip
    """Gradient of `cross_entropy_rows`: grad (p - one-hot target), 0 where ignored, + grad_level p, p the softmax.

    With smoothing s, what is taken off p is (1 - s) at the target and s / C everywhere.
    """
    ignored = target == ignore_index
    scale = np.where(ignored, input.dtype.type(0), grad / _count(np, target, ignore_index, reduction, input.dtype))
    found = np.exp(input - level[:, None]) * (scale + grad_level)[:, None]
    if label_smoothing:
        found -= (scale * (label_smoothing / input.shape[1]))[:, None]
        scale = scale * (1 - label_smoothing)
    found[np.arange(len(input)), np.where(ignored, 0, target)] -= scale
    return found
