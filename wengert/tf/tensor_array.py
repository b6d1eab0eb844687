"""`tf.TensorArray`: a list of tensors that loops write and read; every write gives a new list."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import arrays, dtypes
from wengert.tf.conversion import convert_to_tensor, tensor_of, whole, wholes
from wengert.tf.errors import OutOfRangeError, invalid
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import from_array


class TensorArray:
    """A list of `size` tensors of one dtype, empty at first; it grows with writes if `dynamic_size`."""

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: bool | None = None, clear_after_read: bool | None = None,
        tensor_array_name: str | None = None, handle: Any = None, flow: Any = None, infer_shape: bool = True,
        element_shape: Any = None, colocate_with_first_write_call: bool = True, name: str | None = None,
    ):  # fmt: skip
        self._dtype = dtypes.as_dtype(dtype)
        self._dynamic = bool(dynamic_size)
        self._clear = clear_after_read is not False
        self._infer = infer_shape
        self._shape = TensorShape(element_shape)
        self.entries: list[Any] = [None] * (0 if size is None else whole(size))
        self.read_once: set[int] = set()

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self._dtype

    @property
    def dynamic_size(self) -> bool:
        """Whether writes may lengthen it."""
        return self._dynamic

    @property
    def element_shape(self) -> Any:
        """Shape of every entry, as far as it is known."""
        return self._shape

    @property
    def flow(self) -> Any:
        """A tensor without meaning."""
        return from_array(np.zeros((), np.float32))

    @property
    def handle(self) -> None:
        """None."""
        return None

    def identity(self) -> TensorArray:
        """The same list."""
        return self

    def size(self, name: str | None = None) -> Any:
        """How many entries there are, as a tensor."""
        return from_array(np.array(len(self.entries), np.int32))

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put a tensor at a place. Raises OutOfRangeError outside the list, ValueError for another dtype or shape."""
        i = whole(index)
        x = convert_to_tensor(value, preferred_dtype=self._dtype)
        if x._array.dtype != self._dtype.array:
            raise invalid(
                "TensorArrayWrite",
                f"TensorArray dtype is {self._dtype.name} but Op is trying to write dtype {x.dtype.name} ",
            )
        if i < 0 or (i >= len(self.entries) and not self._dynamic):
            raise OutOfRangeError(
                None, None, f"Tried to write to index {i} but array is not resizeable and size is: {len(self.entries)}"
            )
        if self._infer and not self._shape.is_compatible_with(x._array.shape):
            raise ValueError(f"Incompatible shape for value ({TensorShape(x._array.shape)}), expected ({self._shape})")
        if self._infer:
            self._shape = self._shape.merge_with(x._array.shape)
        self.entries.extend([None] * (i + 1 - len(self.entries)))
        self.entries[i] = x
        self.read_once.discard(i)
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        """The tensor at a place; the place is empty afterwards unless `clear_after_read` is False.

        Raises OutOfRangeError outside the list, InvalidArgumentError for a place read before.
        """
        i = whole(index)
        if not 0 <= i < len(self.entries):
            raise OutOfRangeError(None, None, f"Tried to read from index {i} but array size is: {len(self.entries)} ")
        if i in self.read_once:
            raise invalid(
                "TensorArrayRead",
                f"Could not read index {i} twice because it was cleared after a previous read "
                "(perhaps try setting clear_after_read = false?)",
            )
        x = self.entry(i)
        if self._clear:
            self.entries[i] = None
            self.read_once.add(i)
        return x

    def entry(self, i: int) -> Any:
        """The tensor at a place, zeros where nothing was written."""
        x = self.entries[i]
        if x is None:
            if not self._shape.is_fully_defined():
                raise invalid(
                    "TensorArrayRead",
                    f"Could not read from TensorArray index {i} because it has not yet been written to.",
                )
            x = from_array(np.zeros(tuple(self._shape), self._dtype.array))
        return x

    def stack(self, name: str | None = None) -> Any:
        """All entries along a new dim 0."""
        if not self.entries:
            return from_array(np.zeros((0, *[n or 0 for n in self._shape]), self._dtype.array))
        out = arrays.stack([self.entry(i) for i in range(len(self.entries))])
        if self._clear:
            self.entries = [None] * len(self.entries)
        return out

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """Some entries along a new dim 0."""
        return arrays.stack([self.entry(i) for i in wholes(indices)])

    def concat(self, name: str | None = None) -> Any:
        """All entries one after the other along dim 0."""
        return arrays.concat([self.entry(i) for i in range(len(self.entries))], 0)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Fill the list with the entries of a tensor along dim 0. Raises ValueError if there are more than places."""
        parts = arrays.unstack(tensor_of(value, self._dtype.array))
        if len(parts) > len(self.entries) and not self._dynamic:
            raise ValueError(
                f"Cannot unstack {len(parts)} tensors into a TensorArray of static size {len(self.entries)} "
            )
        self.entries = list(parts)
        if self._infer and parts:
            self._shape = self._shape.merge_with(parts[0]._array.shape)
        return self

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put the entries of a tensor at these places."""
        for i, x in zip(wholes(indices), arrays.unstack(value), strict=True):
            self.write(i, x)
        return self

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Fill the list with parts of a tensor of these lengths."""
        for i, x in enumerate(arrays.split(value, list(wholes(lengths)))):
            self._infer = False
            self.write(i, x)
        return self

    def close(self, name: str | None = None) -> None:
        """Forget the entries."""
        self.entries.clear()
