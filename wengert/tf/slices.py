"""`IndexedSlices`: a tensor of which only some rows are there, as gradients of lookups come."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED, new_tensor, wrap
from wengert.core.tensor.tensor import OVERRIDE
from wengert.core.tensor.tensor import Tensor as Twin
from wengert.tf import conversion
from wengert.tf.conversion import convert_to_tensor, tensor_of
from wengert.tf.recording import TensorBase
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import dress, from_array


class IndexedSlices:
    """Row `indices[i]` of a tensor of shape `dense_shape` is `values[i]`; rows named twice are added, others zero."""

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None):
        self._values, self._indices, self._dense_shape = values, indices, dense_shape

    @property
    def values(self) -> Any:
        """The rows."""
        return self._values

    @property
    def indices(self) -> Any:
        """Where the rows belong."""
        return self._indices

    @property
    def dense_shape(self) -> Any:
        """Shape of the whole tensor as a tensor, or None."""
        return self._dense_shape

    @property
    def shape(self) -> Any:
        """Shape of the whole tensor."""
        return TensorShape(None) if self._dense_shape is None else TensorShape(self._dense_shape)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self._values.dtype

    @property
    def device(self) -> Any:
        """Where the rows are."""
        return self._values.device

    @property
    def name(self) -> str:
        """Name of the values."""
        return self._values.name

    def get_shape(self) -> Any:
        """Shape of the whole tensor."""
        return self.shape

    def consumers(self) -> list[Any]:
        """Nothing: there are no graphs."""
        return []

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self._values, self._indices, self._dense_shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(dense(self)._array, dtype)

    def __repr__(self) -> str:
        shape = "" if self._dense_shape is None else f", dense_shape={self._dense_shape!s}"
        return f"IndexedSlices(indices={self._indices!s}, values={self._values!s}{shape})"


def dense(slices: IndexedSlices) -> Any:
    """The whole tensor. Raises ValueError without a `dense_shape`."""
    if slices.dense_shape is None:
        raise ValueError(
            f"Tensor conversion requested for IndexedSlices for argument `value` without dense_shape: {slices}"
        )
    values, indices = tensor_of(slices.values), tensor_of(slices.indices)
    shape = tuple(int(n) for n in tensor_of(slices.dense_shape)._array)
    base = from_array(np.zeros(shape, values._array.dtype))
    return dress(RECORDED.index_add(base, 0, RECORDED.to_dtype(indices, np.dtype(np.int64)), values), values)


conversion.CONVERSIONS.append((IndexedSlices, lambda value, dtype: dense(value)))


class Rows:
    """A raw gradient of which only some rows are there, on its way through a sweep.

    Added to another it stays sparse; to an array, or as an operand of anything, it becomes an array.
    """

    __slots__ = ("values", "indices", "shape", "dtype")
    base = None
    __array_priority__ = 2000

    def __init__(self, values: Any, indices: Any, shape: tuple[int, ...]):
        self.values, self.indices, self.shape, self.dtype = values, indices, shape, values.dtype

    def dense(self) -> Any:
        """The whole array."""
        out = np.zeros(self.shape, self.dtype)
        np.add.at(out, self.indices, self.values)
        return out

    copy = dense

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.dense() if dtype is None else self.dense().astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.add and method == "__call__" and len(inputs) == 2 and inputs[0].__class__ is inputs[1].__class__:
            return inputs[0] + inputs[1]
        return getattr(ufunc, method)(*[x.dense() if isinstance(x, Rows) else x for x in inputs], **options)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Rows):
            values = np.concatenate([self.values, other.values])
            return Rows(values, np.concatenate([self.indices, other.indices]), self.shape)
        return self.dense() + other

    def __radd__(self, other: Any) -> Any:
        return other + self.dense()

    def public(self) -> IndexedSlices:
        """The same as the program sees it."""
        shape = from_array(np.array(self.shape, np.int32))
        return IndexedSlices(from_array(self.values), from_array(self.indices), shape)


class RecordedRows(Twin):
    """The same in a recorded sweep: operators take it for the whole tensor; to its like it adds as rows."""

    rows: Any
    places: Any

    @classmethod
    def made(cls, rows: Any, places: Any, shape: tuple[int, ...]) -> Any:
        """From recorded rows and the array of their places."""
        out: Any = new_tensor(cls)
        out._array, out._flags, out._node, out._vc, out._extra = (
            np.broadcast_to(ZERO.astype(rows._array.dtype), shape),
            OVERRIDE,
            None,
            None,
            None,
        )
        out.rows, out.places = rows, places
        return out

    def whole(self) -> Any:
        """The whole tensor, recorded."""
        base = wrap(np.zeros(self._array.shape, self._array.dtype))
        return RECORDED.index_add(base, 0, wrap(self.places.astype(np.int64)), self.rows)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") == "add" and len(args) == 2 and all(isinstance(x, cls) for x in args):
            a, b = args
            rows = RECORDED.cat([a.rows, b.rows], 0)
            return cls.made(rows, np.concatenate([a.places, b.places]), a._array.shape)
        given = [x.whole() if isinstance(x, cls) else x for x in args]
        return function(*given, **(kwargs or {}))

    def public(self) -> IndexedSlices:
        """The same as the program sees it."""
        shape = from_array(np.array(self._array.shape, np.int32))
        return IndexedSlices(dress(RECORDED.alias(self.rows)), from_array(self.places), shape)


ZERO = np.zeros(())


def as_tensor(value: Any) -> Any:
    """A gradient as a tensor, whatever form it came in."""
    return value if isinstance(value, TensorBase) else convert_to_tensor(value)


__all__ = ["IndexedSlices", "Rows", "dense"]
