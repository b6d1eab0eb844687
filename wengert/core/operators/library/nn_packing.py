"""Sequences of several lengths: padded to a block, and packed without padding, ordered by time."""

from __future__ import annotations

from wengert.core.base.errors import ShapeError
from wengert.core.operators.kinds import linear, opaque
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


def _places(np, sizes):
    """(step, sequence) of every packed row."""
    counts = np.asarray(sizes, dtype=np.int64)
    steps = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return steps, np.arange(len(steps)) - starts[steps]


@linear(
    transpose=lambda m, g, shape, sizes: m.unpacked_rows(g, sizes, shape[0], shape[1], 0.0),
    space=None,
    method=False,
    backward_name="PackPaddedSequenceBackward0",
    samples=lambda s: [call(s.array(4, 3, 2), (3, 2, 2)), call(s.array(2, 2), (2, 1))],
)
def packed_rows(np, input: Array, sizes: Ints):
    """The rows input[t, b] for b < sizes[t], step by step: (T, B, *) -> (sum of sizes, *)."""
    return input[_places(np, sizes[: input.shape[0]])]


@opaque(
    vjp=lambda m, g, sizes: m.packed_rows(g, sizes),
    space=None,
    method=False,
    backward_name="CopySlices",
    samples=lambda s: [call(s.array(7, 2), (3, 2, 2), 4, 3, 0.5), call(s.array(3), (2, 1), 2, 2, 0.0)],
)
def unpacked_rows(np, input: Array, sizes: Ints, total: int, batch: int, value: float):
    """Packed rows back in a block (total, batch, *) that is `value` elsewhere."""
    out = np.full((total, batch, *input.shape[1:]), value, dtype=input.dtype)
    out[_places(np, sizes[:total])] = input
    return out


def _sequence_gradients(m, g, shape, batch_first, left):
    found, length = [], g.shape[1] if batch_first else g.shape[0]
    for k, own in enumerate(shape):
        part = m.select(g, 0 if batch_first else 1, k)
        found.append(part[length - own[0] :] if left else part[: own[0]])
    return found


@opaque(
    vjp=_sequence_gradients,
    space=None,
    method=False,
    backward_name="CopySlices",
    samples=lambda s: [
        call([s.array(2, 3), s.array(4, 3)], False, 0.0, False),
        call([s.array(2), s.array(1), s.array(3)], True, 1.0, True),
    ],
)
def padded_sequences(np, sequences: list[Array], batch_first: bool, value: float, left: bool):
    """Sequences (L_k, *) as (T, B, *), or (B, T, *) for batch_first, with `value` after (left: before) them."""
    first = sequences[0]
    length = max(x.shape[0] for x in sequences)
    out = np.full((len(sequences), length, *first.shape[1:]), value, dtype=first.dtype)
    for k, x in enumerate(sequences):
        if x.shape[1:] != first.shape[1:]:
            d = next((i for i, (a, b) in enumerate(zip(x.shape[1:], first.shape[1:], strict=False)) if a != b), 0) + 1
            raise ShapeError(
                f"The size of tensor a ({first.shape[d] if d < first.ndim else 1}) must match the size of tensor b "
                f"({x.shape[d] if d < x.ndim else 1}) at non-singleton dimension {d}: sequence {k} has shape "
                f"{list(x.shape)}, sequence 0 {list(first.shape)}"
            )
        own = x.shape[0]
        out[k, length - own if left else 0 : length if left else own] = x
    return out if batch_first else np.ascontiguousarray(out.swapaxes(0, 1))
