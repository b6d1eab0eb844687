"""What Python asks of a tensor: operators, text, copies, pickles - and torch's small properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape import core
from wengert.core.tape.core import GENERAL, RECORDED, TensorBase, wrap
from wengert.core.tape.modes import current
from wengert.core.tensor import printing
from wengert.core.tensor.overrides import mark

_TAKES = (TensorBase, bool, int, float, complex, np.ndarray, np.generic)


def operand(other: Any) -> Any:
    """An operand of a Python operator: arrays become tensors."""
    return wrap(other) if isinstance(other, np.ndarray) else other


# ---------------------------------------------------------------- operators


def binary(name: str) -> Callable[[Any, Any], Any]:
    """`tensor op other`; NotImplemented for operands that are no numbers."""
    call = getattr(RECORDED, name)

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, _TAKES):
            return call(self, operand(other))
        return NotImplemented

    return titled(method, name)


def reflected(name: str) -> Callable[[Any, Any], Any]:
    """`other op tensor`."""
    call = getattr(RECORDED, name)

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, _TAKES):
            return call(as_operand(self, other), self)
        return NotImplemented

    return titled(method, name)


def as_operand(self: Any, other: Any) -> Any:
    """The left operand of a reflected operator."""
    return operand(other)


def inplace_operator(name: str) -> Callable[[Any, Any], Any]:
    """`tensor op= other`."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, _TAKES):
            return getattr(self, name)(operand(other))
        return NotImplemented

    return titled(method, name)


def titled(method: Any, name: str) -> Any:
    """Name a generated method."""
    method.__doc__ = f"Python operator of `{name}`."
    return method


def hot(function: Callable[[Any, Any], Any], general: Any) -> Callable[[Any, Any], Any]:
    """A hot operator that declines foreign operands."""

    def method(self: Any, other: Any) -> Any:
        return function(self, other) if isinstance(other, _TAKES) else NotImplemented

    return method


def multiplied(self: Any, other: Any) -> Any:
    """other * self."""
    return core.mul(self, other) if isinstance(other, _TAKES) else NotImplemented


def added(self: Any, other: Any) -> Any:
    """other + self."""
    return core.add(self, other) if isinstance(other, _TAKES) else NotImplemented


def subtracted(self: Any, other: Any) -> Any:
    """other - self."""
    if not isinstance(other, _TAKES):
        return NotImplemented
    return GENERAL.rsub(self, operand(other))


def divided(self: Any, other: Any) -> Any:
    """other / self, by way of 1 / self as torch has it."""
    if not isinstance(other, _TAKES):
        return NotImplemented
    if isinstance(other, np.ndarray):
        return GENERAL.div(wrap(other), self)
    return core.mul(RECORDED.reciprocal(self), other)


BINARY = {
    "__pow__": "pow", "__floordiv__": "floor_divide", "__mod__": "remainder", "__and__": "bitwise_and",
    "__or__": "bitwise_or", "__xor__": "bitwise_xor", "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__eq__": "eq", "__ne__": "ne",
}  # fmt: skip
REFLECTED = {
    "__rpow__": "pow", "__rfloordiv__": "floor_divide", "__rmod__": "remainder", "__rmatmul__": "matmul",
    "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor",
    "__rlshift__": "bitwise_left_shift", "__rrshift__": "bitwise_right_shift",
}  # fmt: skip
INPLACE = {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ipow__": "pow_",
    "__ifloordiv__": "floor_divide_", "__imod__": "remainder_", "__iand__": "bitwise_and_",
    "__ior__": "bitwise_or_", "__ixor__": "bitwise_xor_", "__ilshift__": "bitwise_left_shift_",
    "__irshift__": "bitwise_right_shift_",
}  # fmt: skip


def install_operators(cls: type) -> None:
    """Give the tensor class Python's operators."""
    for method, name in BINARY.items():
        if hasattr(RECORDED, name):
            setattr(cls, method, binary(name))
    for method, name in REFLECTED.items():
        if hasattr(RECORDED, name):
            setattr(cls, method, reflected(name))
    for method, name in INPLACE.items():
        if hasattr(cls, name):
            setattr(cls, method, inplace_operator(name))
    special = {
        "__mul__": core.mul, "__add__": core.add, "__sub__": core.sub, "__truediv__": core.div,
        "__matmul__": core.matmul, "__neg__": core.neg, "__rmul__": multiplied, "__radd__": added,
        "__rsub__": subtracted, "__rtruediv__": divided, "__hash__": identity_hash, "__pos__": positive,
    }  # fmt: skip
    for method, function in special.items():
        setattr(cls, method, function)
    for method, name in (("__abs__", "abs"), ("__invert__", "bitwise_not")):
        if hasattr(RECORDED, name):
            setattr(cls, method, getattr(RECORDED, name))


def identity_hash(self: Any) -> int:
    """Tensors hash by identity."""
    return id(self)


def positive(self: Any) -> Any:
    """+self."""
    return self


# ---------------------------------------------------------------- text


def text(self: Any, *, tensor_contents: str | None = None) -> str:
    """torch's printed form."""
    return printing.tensor_text(self, repr(dtypes.get_default_dtype()))


def formatted(self: Any, spec: str) -> str:
    """f"{tensor:spec}": the number of a 0-d tensor."""
    return printing.formatted(self, spec)


# ---------------------------------------------------------------- copies and pickles


def deep_copy(self: Any, memo: dict[int, Any]) -> Any:
    """A deep copy of a leaf: elements, gradient and attributes.

    Raises: GraphError for a non-leaf, whose history cannot be copied.
    """
    if not self.is_leaf:
        raise GraphError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    out = object.__new__(self.__class__)
    for name in ("_vc", "_extra", "_node"):
        setattr(out, name, None)
    out._flags = 0
    out._array = copied_storage(self._array, memo)
    memo[id(self)] = out
    if self._flags & 1:
        out.requires_grad_()
    mark(out)
    import copy

    if self.grad is not None:
        out.grad = copy.deepcopy(self.grad, memo)
    for name, value in vars(self).items():
        out.__dict__[name] = copy.deepcopy(value, memo)
    return out


def copied_storage(a: Any, memo: dict[int, Any]) -> Any:
    """A copy of an array that shares memory with the copies of whatever it shared memory with."""
    if a.__class__ is not np.ndarray:
        return a.copy()
    root = a
    while isinstance(root.base, np.ndarray):
        root = root.base
    if root is a or not root.flags.forc:
        return np.array(a, order="K", copy=True)
    new_root = memo.get(("storage", id(root)))  # type: ignore[call-overload]
    if new_root is None:
        new_root = memo[("storage", id(root))] = root.copy(order="K")  # type: ignore[index]
    offset = a.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    if offset < 0 or not new_root.size:
        return np.array(a, order="K", copy=True)
    flat = new_root.reshape(-1, order="A").view(np.uint8)
    return np.ndarray(a.shape, a.dtype, flat, offset, a.strides)


def reduce(self: Any, protocol: int) -> Any:
    """Pickling: elements, requires_grad and attributes; history is not kept."""
    if not self.is_leaf and self.requires_grad and current().grad:
        pass
    a = backend_of(self._array).to_numpy(self._array)
    dt = dtypes.of(a.dtype)
    raw = np.ascontiguousarray(a).view(np.uint8) if a.ndim else np.ascontiguousarray(a.reshape(1)).view(np.uint8)
    state = dict(vars(self)) if hasattr(self, "__dict__") else {}
    strides = tuple(s // a.itemsize for s in a.strides)
    return rebuild, (self.__class__, dt, tuple(a.shape), strides, raw.tobytes(), bool(self.requires_grad), state)


def rebuild(cls: type, dtype: Any, shape: Any, strides: Any, raw: bytes, requires_grad: bool, state: Any) -> Any:
    """Inverse of `reduce`."""
    array = np.frombuffer(bytearray(raw), dtype.numpy).reshape(shape)
    if not array.flags.c_contiguous or array.strides != tuple(s * array.itemsize for s in strides):
        order = np.argsort([-s for s in strides], kind="stable") if len(strides) == array.ndim else None
        if order is not None and 0 not in strides:
            array = np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
    out = object.__new__(cls)
    out._array, out._flags, out._node, out._vc, out._extra = array, 0, None, None, None
    if requires_grad:
        out.requires_grad_()
    out.__dict__.update(state)
    return out


# ---------------------------------------------------------------- small properties


def transposed(self: Any) -> Any:
    """Dims in reverse order (a matrix's transpose)."""
    n = self._array.ndim
    if n == 2:
        return RECORDED.permute(self, (1, 0))
    return RECORDED.permute(self, tuple(range(n - 1, -1, -1)))


def property_of(function: Callable[[Any], Any], doc: str) -> property:
    """A read-only property."""
    return property(function, doc=doc)


def real_setter(self: Any, value: Any) -> None:
    """`z.real = value`."""
    self.real.copy_(value if isinstance(value, TensorBase) else wrap(np.asarray(value)))


def imag_setter(self: Any, value: Any) -> None:
    """`z.imag = value`."""
    self.imag.copy_(value if isinstance(value, TensorBase) else wrap(np.asarray(value)))


PROPERTIES: dict[str, property] = {
    "T": property_of(transposed, "Dims in reverse order."),
    "mT": property_of(lambda x: RECORDED.transpose(x, -2, -1), "The last two dims swapped."),
    "H": property_of(lambda x: RECORDED.conj(RECORDED.transpose(x, 0, 1)), "Conjugate transpose of a matrix."),
    "mH": property_of(lambda x: RECORDED.conj(RECORDED.transpose(x, -2, -1)), "Conjugate transpose, last two dims."),
    "real": property(lambda x: RECORDED.real(x), real_setter, doc="Real part."),
    "imag": property(lambda x: RECORDED.imag(x), imag_setter, doc="Imaginary part."),
    "is_cuda": property_of(lambda x: x.device.type == "cuda", "Whether the elements are on a GPU."),
    "is_cpu": property_of(lambda x: x.device.type == "cpu", "Whether the elements are on the CPU."),
    "is_meta": property_of(lambda x: x.device.type == "meta", "Whether there are no elements, only shape and dtype."),
    "is_sparse": property_of(lambda x: False, "Always False: tensors are strided."),
    "is_sparse_csr": property_of(lambda x: False, "Always False: tensors are strided."),
    "is_quantized": property_of(lambda x: False, "Always False."),
    "is_nested": property_of(lambda x: False, "Always False."),
    "is_mps": property_of(lambda x: False, "Always False."),
    "is_xla": property_of(lambda x: False, "Always False."),
    "is_xpu": property_of(lambda x: False, "Always False."),
    "is_mkldnn": property_of(lambda x: False, "Always False."),
    "layout": property_of(lambda x: devices.strided, "Always torch.strided."),
    "itemsize": property_of(lambda x: x._array.itemsize, "Bytes of one element."),
    "nbytes": property_of(lambda x: x._array.nbytes, "Bytes of all elements."),
    "name": property_of(lambda x: None, "Always None."),
    "names": property_of(lambda x: (None,) * x._array.ndim, "No dim has a name."),
    "grad_dtype": property_of(lambda x: x.dtype, "Dtype that the gradient has."),
    "_cdata": property_of(id, "A number that identifies the tensor."),
}


def numel(self: Any) -> int:
    """Number of elements."""
    return self._array.size


def dim(self: Any) -> int:
    """Number of dims."""
    return self._array.ndim


def element_size(self: Any) -> int:
    """Bytes of one element."""
    return self._array.itemsize


def get_device(self: Any) -> int:
    """Index of the GPU, -1 on the CPU."""
    index = self.device.index
    return -1 if index is None else index


def is_inference(self: Any) -> bool:
    """Whether the tensor was made in inference mode."""
    return bool(self._flags & 4)


def same_size(self: Any, other: Any) -> bool:
    """Whether two tensors have the same shape."""
    return self._array.shape == other._array.shape


def share_memory_(self: Any) -> Any:
    """Accepted: memory is shared with child processes when it is sent to them."""
    return self


def false(self: Any, *args: Any) -> bool:
    """Always False here."""
    return False


def itself(self: Any, *args: Any, **kwargs: Any) -> Any:
    """The tensor itself."""
    return self


def as_subclass(self: Any, cls: type) -> Any:
    """The same memory and history as an instance of a Tensor subclass."""
    if not issubclass(cls, TensorBase):
        raise ArgumentError(f"as_subclass() needs a subclass of Tensor, not {cls.__name__}")
    out = RECORDED.alias(self) if hasattr(RECORDED, "alias") else wrap(self._array)
    made = object.__new__(cls)
    for slot in ("_array", "_flags", "_node", "_vc", "_extra"):
        setattr(made, slot, getattr(out, slot))
    mark(made)
    return made


def make_subclass(cls: type, data: Any, require_grad: bool = False, **options: Any) -> Any:
    """A leaf of class `cls` over the memory of `data`."""
    made = object.__new__(cls)
    made._array, made._flags, made._node, made._vc, made._extra = data._array, 0, None, None, None
    if require_grad:
        made.requires_grad_()
    mark(made)
    return made


def directory(self: Any) -> list[str]:
    """Names for tab completion."""
    return sorted(set(dir(type(self))) | set(vars(self)))


METHODS: dict[str, Any] = {
    "__repr__": text, "__str__": text, "__format__": formatted, "__deepcopy__": deep_copy, "__reduce_ex__": reduce,
    "numel": numel, "nelement": numel, "dim": dim, "ndimension": dim, "element_size": element_size,
    "get_device": get_device, "is_inference": is_inference, "is_same_size": same_size,
    "share_memory_": share_memory_, "is_shared": false, "is_pinned": false, "pin_memory": itself,
    "is_neg": false, "is_coalesced": false, "is_distributed": false, "coalesce": itself, "to_dense": itself,
    "as_subclass": as_subclass, "__dir__": directory,
}  # fmt: skip


def install_protocols(cls: type) -> None:
    """Give the tensor class everything in this file."""
    install_operators(cls)
    for name, function in METHODS.items():
        setattr(cls, name, function)
    for name, made in PROPERTIES.items():
        setattr(cls, name, made)
    cls._make_subclass = staticmethod(make_subclass)  # type: ignore[attr-defined]
    cls.__array_priority__ = 1000  # type: ignore[attr-defined]


__all__ = ["install_protocols"]
