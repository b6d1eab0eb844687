"""Losses that ask for a margin between scores, each a fused node with its reduction."""

from __future__ import annotations

from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import DtypeError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import opaque, plain
from wengert.core.operators.library.loss import reduced
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _shared(m, g, reduction, count, rows):
    """The gradient of each row's loss, ready to meet rows of class scores."""
    if reduction == "mean":
        return g / max(count, 1)
    return m.unsqueeze(g, -1) if reduction == "none" and rows else g


# ---------------------------------------------------------------- two classes


def _soft_margin_input(m, g, input, target, reduction, shape):
    count = 1
    for n in shape:
        count *= n
    return (g / max(count, 1) if reduction == "mean" else g) * (-target * m.sigmoid(-target * input))


@opaque(
    vjp=(_soft_margin_input,),
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(3, 4), s.integers(3, 4, high=2) * 2.0 - 1),
        call(s.array(4), s.integers(4, high=2) * 2.0 - 1, reduction="sum"),
        call(s.array(2, 3), s.integers(2, 3, high=2) * 2.0 - 1, reduction="none"),
    ],
)
def soft_margin_loss(np, input: Array, target: Array, *, reduction="mean"):
    """log(1 + exp(-target input)) for targets 1 and -1, reduced."""
    refuse("exp_cpu", "biu", input)
    broadcast_shapes(input.shape, target.shape)
    product = -target * input
    return reduced(np.maximum(product, 0) + np.log1p(np.exp(-np.abs(product))), reduction)


# ---------------------------------------------------------------- one class of many


def _check_classes(name, input, target, weight):
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise ShapeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    rows = input.shape[0] if input.ndim == 2 else 1
    classes = input.shape[-1] if input.ndim else 1
    if target.ndim > 1 or target.size != rows:
        raise ShapeError(
            f"{name}: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{rows}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    if target.dtype.name != "int64":
        raise DtypeError(f"expected scalar type Long but found {scalar_of(target)}")
    if target.size and (target.min() < 0 or target.max() >= classes):
        raise ShapeError(f"target out of range: classes are 0 to {classes - 1}")


def _multi_margin_input(m, g, input, target, p, margin, weight, reduction):
    one = input.ndim < 2
    scores = m.reshape(input, (1, -1)) if one else input
    classes = scores.shape[1]
    chosen = m.reshape(target, (-1, 1))
    room = margin - m.gather(scores, 1, chosen) + scores
    others = m.one_hot(m.reshape(target, (-1,)), classes) == 0
    slope = m.where((room > 0) & others, room * 2.0 if p == 2 else room * 0.0 + 1.0, 0.0) / classes
    if weight is not None:
        slope = slope * m.unsqueeze(m.index_select(weight, 0, m.reshape(target, (-1,))), 1)
    slope = slope - m.where(others, 0.0, 1.0) * m.sum(slope, 1, True)
    given = m.reshape(g, (1, 1)) if one and reduction == "none" else _shared(m, g, reduction, scores.shape[0], True)
    return m.reshape(given * slope, tuple(input.shape))


@opaque(
    vjp=(_multi_margin_input,),
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(3, 4), s.integers(3)),
        call(s.array(3, 4), s.integers(3), p=2, margin=0.7, weight=s.array(4, low=0.2, high=1.0), reduction="none"),
        call(s.array(4), s.integers(), reduction="sum"),
    ],
)
def multi_margin_loss(
    np, input: Array, target: Array, p: int = 1, margin=1.0, weight: Array | None = None, *, reduction="mean"
):
    """sum over j != y of max(0, margin - x[y] + x[j])^p / C, times weight[y], reduced over rows.

    Shapes: (N, C) with classes (N,), or (C,) with one class.  p: 1 or 2.
    Raises: ShapeError for sizes and classes that do not fit; ValueRangeError for other p.
    """
    if p not in (1, 2):
        raise ValueRangeError("only p == 1 and p == 2 supported")
    _check_classes("multi_margin_loss", input, target, weight)
    refuse("multi_margin_loss", "biuc", input)
    scores = input.reshape(-1, input.shape[-1] if input.ndim else 1)
    chosen = target.reshape(-1, 1)
    room = np.maximum(margin - np.take_along_axis(scores, chosen, 1) + scores, 0)
    if p == 2:
        room *= room
    np.put_along_axis(room, chosen, 0, 1)
    values = room.sum(axis=1) / scores.shape[1]
    if weight is not None:
        values *= weight[chosen[:, 0]]
    return reduced(values.reshape(()) if input.ndim < 2 else values, reduction)


# ---------------------------------------------------------------- several classes of many


def _labels(np, target):
    """Which entries of each row name a class, those before the first -1, and the classes with 0 elsewhere."""
    named = np.cumsum(target < 0, axis=1) == 0
    return named, np.where(named, target, 0)


def _rooms(np, scores, target):
    """max(0, 1 - x[y] + x[j]) for every named class y and class j, 0 where j is named too, and the mask of named j."""
    named, classes = _labels(np, target)
    is_target = np.zeros(scores.shape, dtype=bool)
    rows = np.arange(scores.shape[0])[:, None]
    is_target[np.broadcast_to(rows, classes.shape)[named], classes[named]] = True
    chosen = np.take_along_axis(scores, classes, 1)
    room = np.maximum(1 - chosen[:, :, None] + scores[:, None, :], 0)
    room *= named[:, :, None] & ~is_target[:, None, :]
    return room, named, classes


def _multilabel_input(m, g, input, target, reduction):
    slope = m.multilabel_margin_slope(input, target)
    rows = input.shape[0] if input.ndim == 2 else 1
    return _shared(m, g, reduction, rows, input.ndim == 2) * slope


@opaque(
    vjp=(_multilabel_input,),
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(2, 4), s.integers(2, 4)),
        call(s.array(4), s.integers(4), reduction="sum"),
        call(s.array(2, 4), s.integers(2, 4) - 1, reduction="none"),
    ],
)
def multilabel_margin_loss(np, input: Array, target: Array, *, reduction="mean"):
    """sum over named y and other j of max(0, 1 - x[y] + x[j]) / C, reduced over rows.

    target, shaped as input (N, C) or (C,), names the classes of each row and ends with -1.
    Raises: ShapeError for sizes and classes that do not fit.
    """
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise ShapeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    if input.shape != target.shape:
        raise ShapeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    classes = input.shape[-1] if input.ndim else 1
    if target.size and (target.min() < -1 or target.max() >= classes):
        raise ShapeError(f"argument #2 'target' is out of range: classes are 0 to {classes - 1}, -1 ends the row")
    refuse("multilabel_margin_loss_forward_out_frame", "biuc", input)
    room, _, _ = _rooms(np, input.reshape(-1, classes), target.reshape(-1, classes))
    values = room.sum(axis=(1, 2)) / classes
    return reduced(values.reshape(()) if input.ndim < 2 else values, reduction)


@plain(space=None, method=False, samples=lambda s: [call(s.array(2, 4), s.integers(2, 4))])
def multilabel_margin_slope(np, input: Array, target: Array):
    """d of each row's multilabel_margin_loss; constant between kinks."""
    classes = input.shape[-1] if input.ndim else 1
    scores = input.reshape(-1, classes)
    room, named, labels = _rooms(np, scores, target.reshape(-1, classes))
    active = (room > 0).astype(input.dtype) / classes
    slope = active.sum(axis=1)
    down = active.sum(axis=2) * named
    np.subtract.at(slope, (np.broadcast_to(np.arange(len(scores))[:, None], labels.shape), labels), down)
    return slope.reshape(input.shape)
