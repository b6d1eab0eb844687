"""Batches of sequences of several lengths: packed without padding, padded to a block, and taken apart again."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tensor import creation
from wengert.core.tensor.data import tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
    "pack_sequence",
    "unpack_sequence",
]

PackedSequence_ = namedtuple(
    "PackedSequence_", ("data", "batch_sizes", "sorted_indices", "unsorted_indices"), defaults=(None, None, None)
)


class PackedSequence(PackedSequence_):
    """Sequences without padding: `data` holds the entries ordered by time, `batch_sizes` how many there are per step.

    Longer sequences come first.  sorted_indices: the place in the original batch of each sequence;
    unsorted_indices: its inverse (None: the order was not changed).  Made by `pack_padded_sequence`.
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueRangeError(
                "batch_sizes should always be on CPU. Instances of PackedSequence are made by functions like "
                f"pack_padded_sequence; batch_sizes is on {batch_sizes.device}"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __reduce__(self) -> Any:
        return PackedSequence, tuple(self)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The sequence with its data converted as `Tensor.to` does; itself if nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        kwargs = {name: value for name, value in kwargs.items() if name not in ("dtype", "device")}
        moved = [x if x is None else x.to(data.device, **kwargs) for x in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *moved)

    def _converted(self, name: str) -> PackedSequence:
        data = getattr(self.data, name)()
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def pin_memory(self, device: Any = None) -> PackedSequence:
        """The data in pinned memory."""
        return self._converted("pin_memory")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On the current GPU, or the one that is named."""
        return self.to(*args, **kwargs) if args or "device" in kwargs else self.to("cuda", **kwargs)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def double(self) -> PackedSequence:
        """float64 data."""
        return self._converted("double")

    def float(self) -> PackedSequence:
        """float32 data."""
        return self._converted("float")

    def half(self) -> PackedSequence:
        """float16 data."""
        return self._converted("half")

    def long(self) -> PackedSequence:
        """int64 data."""
        return self._converted("long")

    def int(self) -> PackedSequence:
        """int32 data."""
        return self._converted("int")

    def short(self) -> PackedSequence:
        """int16 data."""
        return self._converted("short")

    def char(self) -> PackedSequence:
        """int8 data."""
        return self._converted("char")

    def byte(self) -> PackedSequence:
        """uint8 data."""
        return self._converted("byte")

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a GPU."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Whether the data are in pinned memory."""
        return bool(self.data.is_pinned())


PackedSequence.__annotations__ = {
    "data": "Tensor",
    "batch_sizes": "Tensor",
    "sorted_indices": "Tensor | None",
    "unsorted_indices": "Tensor | None",
}


def invert_permutation(permutation: Any) -> Any:
    """The inverse of a permutation; None stays None."""
    if permutation is None:
        return None
    places = creation.arange(0, permutation.numel(), device=permutation.device, dtype=permutation.dtype)
    out = creation.empty_like(permutation)
    return out.scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Take the padding out of a block of sequences (T, B, *), or (B, T, *) for batch_first.

    lengths: of the sequences, each at least 1.  enforce_sorted: they must not increase; False sorts the sequences.
    Raises: ShapeError.
    """
    if not isinstance(lengths, TensorBase):
        lengths = tensor(list(lengths), dtype=dtypes.int64)
    elif lengths.dtype != dtypes.int64:  # type: ignore[attr-defined]
        lengths = lengths.to(dtypes.int64)  # type: ignore[attr-defined]
    order = None
    if not enforce_sorted:
        lengths, order = m.sort(lengths, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    if not isinstance(input, TensorBase):
        raise ArgumentError(
            f"_pack_padded_sequence(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    block = m.transpose(input, 0, 1) if batch_first or input.dim() < 2 else input  # type: ignore[attr-defined]
    counts = checked_lengths(lengths, block)
    sizes = batch_sizes_of(counts)
    data = m.packed_rows(block, sizes)
    return PackedSequence(data, tensor(sizes, dtype=dtypes.int64), order, None)


def checked_lengths(lengths: Any, block: Any) -> list[int]:
    """The lengths as ints, decreasing."""
    if lengths.dim() != 1 or lengths.device.type != "cpu":
        raise ShapeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device.type} {lengths.dtype.scalar} tensor"
        )
    if block.numel() == 0:
        raise ShapeError(f"Cannot pack empty tensors. The input has shape {list(block.shape)}")
    counts = lengths.tolist()
    if len(counts) != block.shape[1]:
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={block.shape[1]})"
        )
    if min(counts) <= 0:
        raise ShapeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{min(counts)}"
        )
    if any(a < b for a, b in zip(counts, counts[1:], strict=False)):
        raise ShapeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            f"They are {counts}; enforce_sorted=False sorts the sequences for you"
        )
    return counts


def batch_sizes_of(counts: list[int]) -> tuple[int, ...]:
    """How many sequences reach each step, from decreasing lengths."""
    sizes, alive = [], len(counts)
    for step in range(counts[0]):
        while counts[alive - 1] <= step:
            alive -= 1
        sizes.append(alive)
    return tuple(sizes)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """(block (T, B, *), lengths) from a packed sequence, in the original order; (B, T, *) for batch_first.

    total_length: T, if it should be more than the longest length.  Raises: ValueRangeError if it is less.
    """
    sizes = tuple(sequence.batch_sizes.tolist())
    longest = len(sizes)
    if total_length is not None and total_length < longest:
        raise ValueRangeError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    block = m.unpacked_rows(sequence.data, sizes, total_length or longest, sizes[0], padding_value)
    lengths = tensor([sum(n > k for n in sizes) for k in range(sizes[0])], dtype=dtypes.int64)
    if batch_first:
        block = m.transpose(block, 0, 1)
    order = sequence.unsorted_indices
    if order is not None:
        return block.index_select(0 if batch_first else 1, order), lengths[order.cpu()]
    return block, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences (L_k, *) as one block (T, B, *), or (B, T, *) for batch_first, T the longest length.

    Entries that are not in a sequence are `padding_value`.  Raises: ShapeError.
    """
    if not isinstance(sequences, Iterable):
        raise ShapeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    if isinstance(sequences, TensorBase):
        sequences = sequences.unbind(0)  # type: ignore[attr-defined]
    given = list(sequences)
    if not given:
        raise ShapeError("received an empty list of sequences")
    for k, x in enumerate(given):
        if not isinstance(x, TensorBase):
            raise ArgumentError(f"expected Tensor as element {k} in argument 0, but got {type(x).__name__}")
        if not x.dim():  # type: ignore[attr-defined]
            raise ShapeError(f"ArrayRef: invalid slice, N = 1; size = 0: element {k} has no dims")
    if padding_side not in ("left", "right"):
        raise ShapeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    return m.padded_sequences(given, batch_first, padding_value, padding_side == "left")


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a block without their padding."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [x[:length] for x, length in zip(padded_sequences, lengths.tolist(), strict=False)]


def pack_sequence(sequences: list[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (L_k, *).  enforce_sorted: lengths must not increase."""
    lengths = tensor([x.size(0) for x in sequences], dtype=dtypes.int64)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences of a packed sequence, in the original order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
