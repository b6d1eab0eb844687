"""Sequences of different lengths: padded, or packed step by step."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.base.errors import ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor import creation, data

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip

_Packed = namedtuple("PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])


class PackedSequence(_Packed):
    """Steps of a batch of sequences, longest first: all first steps, then all second steps, ...

    data: (sum of lengths, *).  batch_sizes: how many sequences have a step t.  The indices sort the sequences by
    length and back; None if they were sorted.
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> Any:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise ValueRangeError("PackedSequence takes data and batch_sizes")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueRangeError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequence in "
                "nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """With data converted, and the indices moved to its device."""
        made = self.data.to(*args, **kwargs)
        if made is self.data:
            return self
        moved = [None if x is None else x.to(made.device) for x in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(made, self.batch_sizes, *moved)

    def _converted(self, method: str) -> Any:
        return self.to(dtype=getattr(self.data, method)().dtype)

    def float(self) -> Any:
        """With data as float32."""
        return self._converted("float")

    def double(self) -> Any:
        """With data as float64."""
        return self._converted("double")

    def half(self) -> Any:
        """With data as float16."""
        return self._converted("half")

    def long(self) -> Any:
        """With data as int64."""
        return self._converted("long")

    def int(self) -> Any:
        """With data as int32."""
        return self._converted("int")

    def cpu(self, *args: Any, **kwargs: Any) -> Any:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> Any:
        """On a CUDA device."""
        return self.to("cuda")

    def pin_memory(self) -> Any:
        """Itself."""
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data are pinned."""
        return self.data.is_pinned()


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes another; None stays None."""
    if permutation is None:
        return None
    p = permutation._array
    out = np.empty_like(p)
    out[p] = np.arange(p.size)
    return wrap(out)


def pack_padded_sequence(input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> Any:
    """Pack padded sequences (T, B, *) of the given lengths.

    enforce_sorted: the lengths must fall, else they are sorted here.  Raises: ShapeError for lengths that do not fit.
    """
    counts = lengths._array if isinstance(lengths, TensorBase) else np.asarray(lengths)
    counts = counts.astype(np.int64)
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
        input = m.index_select(input, 0 if batch_first else 1, wrap(order))
    steps = m.transpose(input, 0, 1) if batch_first else input
    if input.numel() == 0:
        raise ShapeError("Cannot pack empty tensors.")
    if counts.size != steps.shape[1]:
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {counts.size} (batch_size={steps.shape[1]})"
        )
    if counts.size and counts[-1] <= 0:
        raise ShapeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if np.any(np.diff(counts) > 0):
        raise ShapeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement."
        )
    longest = int(counts[0])
    if longest > steps.shape[0]:
        raise ShapeError(f"Expected lengths of at most {steps.shape[0]}, the number of steps, but got {longest}")
    sizes = (counts[None, :] > np.arange(longest)[:, None]).sum(axis=1)
    batch = steps.shape[1]
    places = np.concatenate([t * batch + np.arange(n) for t, n in enumerate(sizes)])
    flat = m.reshape(steps, (steps.shape[0] * batch, *steps.shape[2:]))
    packed = m.index_select(flat, 0, wrap(places))
    return PackedSequence(packed, wrap(sizes.astype(np.int64)), None if order is None else wrap(order), None)


def pad_packed_sequence(
    sequence: Any, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """(padded sequences (T, B, *), their lengths), in the order before packing."""
    sizes = sequence.batch_sizes._array
    longest, batch = int(sizes.size), int(sizes[0])
    if total_length is not None:
        if total_length < longest:
            raise ValueRangeError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    places = np.concatenate([t * batch + np.arange(n) for t, n in enumerate(sizes)])
    rest = tuple(sequence.data.shape[1:])
    blank = creation.full((longest * batch, *rest), padding_value, dtype=sequence.data.dtype)
    padded = m.reshape(m.index_copy(blank, 0, wrap(places), sequence.data), (longest, batch, *rest))
    lengths = (sizes[None, :] > np.arange(batch)[:, None]).sum(axis=1)
    if batch_first:
        padded = m.transpose(padded, 0, 1)
    back = sequence.unsorted_indices
    if back is not None:
        padded = m.index_select(padded, 0 if batch_first else 1, back)
        lengths = lengths[back._array]
    return padded, wrap(lengths.astype(np.int64))


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences (L_i, *) stacked as (T, B, *), shorter ones filled up on one side."""
    if isinstance(sequences, TensorBase):
        sequences = m.unbind(sequences, 0)
    if padding_side not in ("left", "right"):
        raise ShapeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    if not sequences:
        raise ShapeError("received an empty list of sequences")
    longest = max(x.shape[0] for x in sequences)
    rows = []
    for x in sequences:
        gap = longest - x.shape[0]
        pads = (0, 0) * (x.dim() - 1) + ((0, gap) if padding_side == "right" else (gap, 0))
        rows.append(m.constant_pad_nd(x, pads, padding_value) if gap else x)
    return m.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded tensor, each cut to its length."""
    if not batch_first:
        padded_sequences = m.transpose(padded_sequences, 0, 1)
    counts = lengths._array if isinstance(lengths, TensorBase) else np.asarray(lengths)
    return [row[: int(n)] for row, n in zip(m.unbind(padded_sequences, 0), counts, strict=True)]


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> Any:
    """Pack sequences (L_i, *)."""
    lengths = data.tensor([x.size(0) for x in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: Any) -> list[Any]:
    """The sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
