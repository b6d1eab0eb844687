"""Connectionist temporal classification: checks, label states, reduction; the sums are an operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.base.errors import ShapeError, ValueRangeError
from wengert.core.operators.library.nn_ctc import NEVER
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor import creation

__all__ = ["ctc_loss"]


def _lengths(given: Any, name: str, count: int) -> np.ndarray:
    values = np.asarray(given._array if isinstance(given, TensorBase) else given, dtype=np.int64).reshape(-1)
    if values.size != count:
        raise ShapeError(f"{name} must be of size batch_size: it has {values.size} elements for {count} rows")
    return values


def _rows(targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Labels as rows padded with 0."""
    width = int(lengths.max()) if lengths.size else 0
    if targets.ndim == 2:
        if width > targets.shape[1]:
            raise ShapeError(
                f"Expected tensor to have size at least {width} at dimension 1, but got size {targets.shape[1]} for "
                "argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)"
            )
        rows = targets[:, :width].astype(np.int64)
    else:
        if targets.size != lengths.sum():
            raise ShapeError(
                f"Expected tensor to have size {int(lengths.sum())} at dimension 0, but got size {targets.size} for "
                "argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)"
            )
        rows = np.zeros((lengths.size, width), dtype=np.int64)
        rows[np.arange(width) < lengths[:, None]] = targets
    return np.where(np.arange(width) < lengths[:, None], rows, 0)


def _states(rows: np.ndarray, lengths: np.ndarray, blank: int, dtype: Any) -> tuple[Any, Any, Any, Any]:
    """Labels between blanks, and where states may be skipped to, begin and finish (0, else impossible)."""
    count, width = rows.shape
    labels = np.full((count, 2 * width + 1), blank, dtype=np.int64)
    labels[:, 1::2] = rows
    place = np.arange(2 * width + 1)
    skips = np.zeros(labels.shape, dtype=bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    last = 2 * lengths[:, None]
    ends = (place == last) | ((place == last - 1) & (lengths[:, None] > 0))
    starts = np.broadcast_to(place < 2, labels.shape)
    masks = [np.where(x, 0.0, NEVER).astype(dtype) for x in (skips, starts, ends)]
    return labels, masks[0], masks[1], masks[2]


def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """-log P(targets): the probability of all alignments of the labels with the frames.

    Shapes: log_probs (T, N, C) or (T, C), log-probabilities; targets (N, S), or all labels in one row; lengths (N,).
    reduction: "mean" divides each loss by its target length first.  zero_infinity: rows that cannot be aligned give
    0 instead of infinity.
    Source: A. Graves et al., Connectionist temporal classification (2006).
    """
    single = log_probs.dim() == 2
    scores = m.unsqueeze(log_probs, 1) if single else log_probs
    frames, count, classes = scores.shape
    if not 0 <= blank < classes:
        raise ShapeError(f"blank must be in label range: it is {blank} of {classes} classes")
    steps = _lengths(input_lengths, "input_lengths", count)
    lengths = _lengths(target_lengths, "target_lengths", count)
    if steps.size and steps.max() > frames:
        raise ShapeError(
            f"Expected input_lengths to have value at most {frames}, but got value {int(steps.max())} (while checking "
            "arguments for ctc_loss_allocate_outputs)"
        )
    labels = targets._array
    if single and labels.ndim == 1:
        labels = labels[None]
    parts = _states(_rows(labels, lengths), lengths, blank, scores._array.dtype)
    alive = np.arange(frames)[:, None] < steps
    values = m.ctc_kernel(scores, *[wrap(x) for x in parts], wrap(alive))
    if zero_infinity:
        values = m.where(values == float("inf"), creation.zeros((), dtype=values.dtype), values)
    if reduction == "mean":
        divisor = wrap(np.maximum(lengths, 1).astype(scores._array.dtype))
        return m.mean(values / divisor)
    if reduction == "sum":
        return m.sum(values)
    if reduction != "none":
        raise ValueRangeError(f"{reduction} is not a valid value for reduction")
    return values[0] if single else values
