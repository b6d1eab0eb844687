"""Tensors made from nothing: `zeros`, `ones`, `fill`, `range`, `linspace`, `eye`, and those like another."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.tf import dtypes
from wengert.tf.calling import invalid
from wengert.tf.conversion import tensor_of, whole, wholes
from wengert.tf.recording import TensorBase
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import dress, from_array


def lengths(op: str, shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of ints. Raises InvalidArgumentError for a negative length."""
    found = wholes(shape)
    for n in found:
        if n < 0:
            raise invalid(op, f"Dimension {n} must be >= 0")
    return found


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of zeros."""
    return from_array(np.zeros(lengths("Fill", shape), dtypes.as_dtype(dtype).array))


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of ones."""
    return from_array(np.ones(lengths("Fill", shape), dtypes.as_dtype(dtype).array))


def like(input: Any, dtype: Any) -> tuple[Any, Any]:
    """Shape and dtype of a tensor like `input`."""
    if isinstance(input, TensorBase):
        return input._array.shape, input._array.dtype if dtype is None else dtypes.as_dtype(dtype).array
    a = tensor_of(input)._array
    return a.shape, a.dtype if dtype is None else dtypes.as_dtype(dtype).array


def zeros_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Any:
    """Zeros in the shape of `input`."""
    return from_array(np.zeros(*like(input, dtype)))


def ones_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Any:
    """Ones in the shape of `input`."""
    return from_array(np.ones(*like(input, dtype)))


def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Any:
    """A tensor that is `value` everywhere; the gradient of `value` is the sum. Raises InvalidArgumentError for dims."""
    x = tensor_of(value)
    if x._array.ndim:
        raise invalid("Fill", f"value must be a scalar, got shape [{','.join(map(str, x._array.shape))}]")
    shape = lengths("Fill", dims)
    if x._flags:
        return dress(RECORDED.expand_copy(x, shape), x)
    return from_array(np.full(shape, x._array, x._array.dtype))


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Any:
    """The identity matrix, or one for each entry of `batch_shape`."""
    a = np.eye(whole(num_rows), whole(num_columns), dtype=dtypes.as_dtype(dtype).array)
    return from_array(a if batch_shape is None else np.broadcast_to(a, (*wholes(batch_shape), *a.shape)).copy())


RANKS = (np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Any:  # noqa: A001
    """Numbers from `start` to below `limit` in steps of `delta`; `range(n)` counts from 0.

    Raises InvalidArgumentError for a step of 0 or one that leads away from `limit`.
    """
    if limit is None:
        start, limit = 0, start
    given = [tensor_of(x)._array for x in (start, limit, delta)]
    wanted = dtypes.as_dtype(dtype).array if dtype is not None else max([a.dtype for a in given], key=order_of)
    first, last, step = [a.astype(wanted)[()] for a in given]
    if step == 0:
        raise invalid("Range", f"Requires delta != 0: {step}")
    if (last < first) if step > 0 else (last > first):
        sign = "start <= limit when delta > 0" if step > 0 else "start >= limit when delta < 0"
        raise invalid("Range", f"Requires {sign}: {first}/{last}")
    if wanted.kind in "iu":
        return from_array(np.arange(int(first), int(last), int(step), dtype=wanted))
    count = int(np.ceil(np.abs((float(last) - float(first)) / float(step))))
    steps = np.cumsum(np.concatenate([[first], np.full(max(count - 1, 0), step, wanted)]).astype(wanted), dtype=wanted)
    return from_array(steps[:count])


def order_of(dtype: Any) -> int:
    """Place of a dtype among those a range can have."""
    return RANKS.index(dtype) if dtype in RANKS else -1


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Any:
    """`num` numbers from `start` to `stop`, both included; integers give float64."""
    first, last = tensor_of(start), tensor_of(stop)
    if first._array.dtype.kind in "iu":
        first = dress(RECORDED.to_dtype(first, np.dtype(np.float64)), first)
    last = dress(RECORDED.to_dtype(last, first._array.dtype), last)
    count = whole(num)
    if count <= 0:
        raise invalid("LinSpace", f"Requires num > 0: {count}")
    if count == 1:
        return dress(RECORDED.unsqueeze(first, axis), first)
    step = dress((last - first) / float(count - 1), first, last)
    rank = first._array.ndim
    axis = axis % (rank + 1)
    places = from_array(
        np.arange(count, dtype=first._array.dtype).reshape([-1 if d == axis else 1 for d in np.arange(rank + 1)])
    )
    wide, steps = dress(RECORDED.unsqueeze(first, axis), first), dress(RECORDED.unsqueeze(step, axis), step)
    inner = wide + steps * places
    end = dress(RECORDED.unsqueeze(last, axis), last)
    body = dress(RECORDED.narrow(inner, axis, 0, count - 1), inner)
    return dress(RECORDED.cat([body, end], axis), body, end)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape that two broadcast to. Raises ValueError if they do not go together."""
    try:
        return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))
    except ValueError:
        raise ValueError(f"Incompatible shapes for broadcasting: {shape_x} and {shape_y}") from None


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """The same on shapes given as tensors."""
    x, y = tensor_of(shape_x)._array, tensor_of(shape_y)._array
    try:
        return from_array(np.array(np.broadcast_shapes(tuple(x), tuple(y)), x.dtype))
    except ValueError:
        raise invalid("BroadcastArgs", f"Incompatible shapes: {list(x)} vs. {list(y)}") from None
