"""`tf.Tensor`: tensors of the one kind there is, under TensorFlow's class and rules.

A TensorFlow operation takes its operands with `operand`, runs an operator of the common library and gives the result
its class with `dress`. The class also tells how long history is to be followed (see recording.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED, wrap
from wengert.core.tape.dispatch import TRANSFORMS
from wengert.core.tape.levels import BATCHED, DUAL, copy_of, duals_of, set_duals
from wengert.core.tensor.overrides import _disabled_torch_function_impl
from wengert.core.tensor.tensor import Tensor as Twin
from wengert.core.tensor.tensor import TensorMeta as TwinMeta
from wengert.tf import dtypes
from wengert.tf.recording import STATE, TensorBase
from wengert.tf.shapes import TensorShape

HOST = "/job:localhost/replica:0/task:0/device:CPU:0"


class TensorMeta(TwinMeta):
    """The class of TensorFlow's tensor classes, which print as TensorFlow's own."""

    def __repr__(cls) -> str:
        return f"<class 'tensorflow.python.framework.{'ops' if cls is not Tensor else 'tensor'}.{cls.__name__}'>"


class Tensor(Twin, metaclass=TensorMeta):
    """A tensor of the TensorFlow dialect: its value never changes, and `numpy()` always gives it."""

    __torch_function__ = _disabled_torch_function_impl  # type: ignore[assignment]
    __array_priority__ = 100

    @property
    def shape(self) -> Any:
        """Lengths of the dims."""
        return tuple.__new__(TensorShape, self._array.shape)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return dtypes.OF[self._array.dtype]

    @property
    def device(self) -> Any:
        """Where the elements are, in TensorFlow's form."""
        return HOST

    backing_device = device

    @property
    def name(self) -> str:
        """Refused: only tensors of graphs have names. Raises AttributeError."""
        raise AttributeError("Tensor.name is undefined when eager execution is enabled.")

    @property
    def op(self) -> Any:
        """Refused: only tensors of graphs have operations. Raises AttributeError."""
        raise AttributeError("Tensor.op is undefined when eager execution is enabled.")

    def get_shape(self) -> Any:
        """Lengths of the dims."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Check the shape. Raises ValueError if it is another."""
        if not TensorShape(shape).is_compatible_with(self._array.shape):
            raise ValueError(f"Tensor's shape {self.shape} is not compatible with supplied shape {TensorShape(shape)}.")

    def numpy(self) -> Any:
        """The value as a NumPy array of its own, a NumPy scalar for a tensor without dims."""
        a = value_of(self)
        return a.copy() if a.ndim else a[()]

    def ref(self) -> Any:
        """Something hashable that stands for this very tensor."""
        return Reference(self)

    experimental_ref = ref

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Refused: there are no sessions. Raises RuntimeError."""
        raise RuntimeError(
            "eval is not supported when eager execution is enabled, is .numpy() what you're looking for?"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(value_of(self), dtype=dtype, copy=copy if copy is not False else None)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array

    def __hash__(self) -> int:
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise ValueError(
                f"The truth value of an array with {'more than one' if self._array.size else 'no'} element"
                " is ambiguous. Use a.any() or a.all()"
            )
        return bool(value_of(self).item())

    def __int__(self) -> int:
        return int(value_of(self))

    def __float__(self) -> float:
        return float(value_of(self))

    def __complex__(self) -> complex:
        return complex(value_of(self))

    def __index__(self) -> int:
        return value_of(self)[()].__index__()

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("Scalar tensor has no `len()`")
        return self._array.shape[0]

    def __iter__(self) -> Any:
        if not self._array.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        own: Any = self
        for i in range(self._array.shape[0]):
            yield own[i]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "'tensorflow.python.framework.ops.EagerTensor' object does not support item assignment: tensors do not "
            "change; use tf.tensor_scatter_nd_update, or a tf.Variable"
        )

    def __repr__(self) -> str:
        a = value_of(self)
        text = repr(a) if a.ndim else repr(a.item() if a.dtype.kind in "fbiuc" else a[()])
        if a.ndim == 0 and a.dtype.kind == "f":
            text = repr(float(a))
        line = "\n" if "\n" in text else ""
        return f"<tf.Tensor: shape={a.shape}, dtype={self.dtype.name}, numpy={line}{text}>"

    def __str__(self) -> str:
        a = value_of(self)
        text = str(a) if a.ndim else str(a[()])
        return f"tf.Tensor({'' if chr(10) not in text else chr(10)}{text}, shape={a.shape}, dtype={self.dtype.name})"

    def __format__(self, spec: str) -> str:
        return value_of(self)[()].__format__(spec)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return from_array(self._array.copy())

    def __reduce__(self) -> Any:
        return from_array, (self._array,)

    __reduce_ex__ = lambda self, protocol: self.__reduce__()  # noqa: E731


class EagerTensor(Tensor):
    """What operations return. Its history counts while a tape runs that was started before it."""

    _flags: Any
    _node: Any


class ReadTensor(EagerTensor):
    """The value of a Variable as operations see it: its history is the Variable, whatever its age."""


class RecordedTensor(EagerTensor):
    """A tensor whose history leads to leaves of the torch dialect: it counts with or without a tape."""


RecordedTensor.__name__ = ReadTensor.__name__ = "EagerTensor"


class Reference:
    """A tensor or Variable as the key of a dict, told apart by identity."""

    __slots__ = ("wrapped",)

    def __init__(self, wrapped: Any):
        self.wrapped = wrapped

    def deref(self) -> Any:
        """The tensor or Variable itself."""
        return self.wrapped

    def __hash__(self) -> int:
        return id(self.wrapped)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reference) and self.wrapped is other.wrapped

    def __repr__(self) -> str:
        return f"<Reference wrapping {self.wrapped!r}>"


def value_of(x: Any) -> Any:
    """The NumPy array of a tensor; a batch's is of no one."""
    a = x._array
    if a.__class__ is not np.ndarray:
        a = np.asarray(a)
    return a


def from_array(array: Any) -> Any:
    """A tensor over an array that nobody else writes to."""
    out = wrap(array)
    out.__class__ = EagerTensor
    return out


def bare(x: Any) -> Any:
    """The same value as a constant."""
    out: Any
    if x._flags & BATCHED:
        out = TRANSFORMS["detach"](x)
    else:
        out = wrap(x._array)
        out._vc = x._vc
        out._flags = x._flags & DUAL
        if out._flags:
            set_duals(out, duals_of(x))
    out.__class__ = EagerTensor
    return out


def plain(x: Any) -> Any:
    """The same tensor under the other dialect's class, for functions that look at shapes and dtypes."""
    return copy_of(x) if isinstance(x, Tensor) else x


def alias(x: Any) -> Any:
    """The same value with the same history as a tensor of its own."""
    return dress(RECORDED.alias(x), x)


def operand(x: Any) -> Any:
    """A tensor as an operation is to see it: history that no running tape recorded is left out."""
    kind = x.__class__
    if kind is EagerTensor:
        if x._flags & 1 and x._node._seq < STATE.get().floor:
            return bare(x)
    elif kind is not Twin and (read := getattr(x, "_read", None)) is not None:
        return read()
    return x


def lasting(x: Any) -> bool:
    """Whether a tensor's history counts without a tape."""
    kind = x.__class__
    return x._flags & 1 and kind is not EagerTensor and kind is not ReadTensor


def dress(out: Any, *operands: Any) -> Any:
    """Give the fresh result of an operator on `operands` its class."""
    if isinstance(out, (tuple, list)):
        return [dress(x, *operands) for x in out]
    if out.__class__ is not Twin:
        return out
    if out._flags & 1:
        for x in operands:
            if x is out:
                return alias(out)
            if lasting(x):
                out.__class__ = RecordedTensor
                return out
    else:
        for x in operands:
            if x is out:
                return bare(out)
    out.__class__ = EagerTensor
    return out


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor or Variable, of either dialect."""
    return isinstance(x, TensorBase)


__all__ = ["EagerTensor", "Tensor", "alias", "bare", "dress", "from_array", "is_tensor", "operand"]
