"""What Python asks of a tensor: operators and text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError
from wengert.core.operators.raw import SPARSE
from wengert.core.tape import hot
from wengert.core.tape.core import GENERAL, RECORDED, TensorBase, wrap
from wengert.core.tape.levels import BATCHED, MARKED, duals_of, open_levels
from wengert.core.tensor import printing

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


def product(self: Any, other: Any) -> Any:
    """other @ self, for an array or a tensor on the left."""
    if isinstance(other, np.ndarray):
        other = wrap(other)
    return RECORDED.matmul(other, self) if isinstance(other, TensorBase) else NotImplemented


def reversed_power(self: Any, other: Any) -> Any:
    """other ** self."""
    if not isinstance(other, _TAKES):
        return NotImplemented
    return GENERAL.pow(operand(other), self)


def inverted(self: Any) -> Any:
    """~self, of integers and booleans."""
    if self._array.dtype.kind not in "iub":
        raise ArgumentError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors; "
            f"this one has dtype {dtypes.of(self._array.dtype)}"
        )
    return RECORDED.bitwise_not(self)


def reflected(name: str) -> Callable[[Any, Any], Any]:
    """`other op tensor`."""
    call = getattr(RECORDED, name)

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, _TAKES):
            return call(operand(other), self)
        return NotImplemented

    return titled(method, name)


def inplace_operator(name: str) -> Callable[[Any, Any], Any]:
    """`tensor op= other`."""
    if name in _WRITES:
        return hot_inplace(name, _WRITES[name])

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, _TAKES):
            return getattr(self, name)(operand(other))
        return NotImplemented

    return titled(method, name)


_WRITES = {"add_": hot.ADD, "sub_": hot.SUBTRACT, "mul_": hot.MULTIPLY, "div_": hot.DIVIDE}


def hot_inplace(name: str, operation: int) -> Callable[[Any, Any], Any]:
    """`tensor op= other` whose plain, unrecorded case is one function of NumPy."""
    write2 = hot.write2

    def method(self: Any, other: Any) -> Any:
        if write2(self, other, operation, 3):
            return self
        if isinstance(other, _TAKES):
            return getattr(self, name)(operand(other))
        return NotImplemented

    return titled(method, name)


def titled(method: Any, name: str) -> Any:
    """Name a generated method."""
    method.__doc__ = f"Python operator of `{name}`."
    return method


def multiplied(self: Any, other: Any) -> Any:
    """other * self."""
    return hot.mul(self, other)


def added(self: Any, other: Any) -> Any:
    """other + self."""
    return hot.add(self, other)


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
    return hot.mul(RECORDED.reciprocal(self), other)


BINARY = {
    "__pow__": "pow", "__floordiv__": "floor_divide", "__mod__": "remainder", "__and__": "bitwise_and",
    "__or__": "bitwise_or", "__xor__": "bitwise_xor", "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__eq__": "eq", "__ne__": "ne",
}  # fmt: skip
REFLECTED = {
    "__rfloordiv__": "floor_divide", "__rmod__": "remainder",
    "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor",
    "__rlshift__": "bitwise_left_shift", "__rrshift__": "bitwise_right_shift",
}  # fmt: skip
INPLACE = {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__idiv__": "div_",
    "__ipow__": "pow_",
    "__ifloordiv__": "floor_divide_", "__imod__": "remainder_", "__iand__": "bitwise_and_",
    "__ior__": "bitwise_or_", "__ixor__": "bitwise_xor_", "__ilshift__": "bitwise_left_shift_",
    "__irshift__": "bitwise_right_shift_",
}  # fmt: skip


def install_operators(cls: type) -> None:
    """Give the tensor class Python's operators."""
    for method, name in BINARY.items():
        setattr(cls, method, binary(name))
    for method, name in REFLECTED.items():
        setattr(cls, method, reflected(name))
    for method, name in INPLACE.items():
        if not hot.SLOTS or method not in hot.SLOTTED:
            setattr(cls, method, inplace_operator(name))
    special = {
        "__mul__": hot.mul, "__add__": hot.add, "__sub__": hot.sub, "__truediv__": hot.div,
        "__matmul__": hot.matmul, "__neg__": hot.neg, "__rmul__": multiplied, "__radd__": added,
        "__pow__": hot.pow, "__rsub__": subtracted, "__rtruediv__": divided, "__hash__": identity_hash,
        "__pos__": positive,
        "__div__": hot.div, "__rdiv__": divided, "__rmatmul__": product, "__rpow__": reversed_power,
        "__invert__": inverted, "__abs__": RECORDED.abs,
    }  # fmt: skip
    for method, name in INPLACE.items():
        hot.REFLECTED[method] = inplace_operator(name)
    for method, function in special.items():
        hot.REFLECTED.setdefault(method, function)
        if not hot.SLOTS or method not in hot.SLOTTED:
            setattr(cls, method, function)


def members(cls: type) -> dict[str, Any]:
    """The attributes of the tensor class, with the operators that it has as slots of its compiled base."""
    return {**{name: getattr(cls, name) for name in hot.SLOTTED}, **vars(cls)} if hot.SLOTS else dict(vars(cls))


def take_slots(cls: type) -> None:
    """Let the operators of the tensor class be the slots of its compiled base again, after others stood there."""
    if hot.SLOTS:
        hot.install_tensor(cls)


def identity_hash(self: Any) -> int:
    """Tensors hash by identity."""
    return id(self)


def positive(self: Any) -> Any:
    """+self."""
    return self


# ---------------------------------------------------------------- text


def text(self: Any, *, tensor_contents: str | None = None) -> str:
    """torch's printed form."""
    if self._flags & MARKED:
        return marked_text(self)
    if SPARSE and SPARSE["kind"](self):
        return SPARSE["methods"]["__repr__"](self)  # type: ignore[no-any-return]
    return printing.tensor_text(self, repr(dtypes.get_default_dtype()), contents=tensor_contents)


def marked_text(x: Any) -> str:
    """The printed form of a tensor that is batched or has a tangent."""
    if x._flags & BATCHED:
        array = x._array
        lines = text(array.value).replace("\n", "\n    ")
        depth = sum(level < array.level for level in open_levels()) + 1
        return f"BatchedTensor(lvl={depth}, bdim={array.dim}, value=\n    {lines}\n)"
    duals = duals_of(x)
    tangent = duals[max(duals)] if duals else None
    return printing.tensor_text(x, repr(dtypes.get_default_dtype()), tangent)


def formatted(self: Any, spec: str) -> str:
    """f"{tensor:spec}": the number of a 0-d tensor."""
    return printing.formatted(self, spec)


METHODS: dict[str, Any] = {"__repr__": text, "__str__": text, "__format__": formatted}


def install_protocols(cls: type) -> None:
    """Give the tensor class everything in this file."""
    install_operators(cls)
    for name, function in METHODS.items():
        setattr(cls, name, function)
    cls.__array_priority__ = 1000  # type: ignore[attr-defined]


__all__ = ["install_protocols"]
