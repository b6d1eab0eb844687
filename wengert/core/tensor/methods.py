"""Methods, operators and in-place forms of tensors, made from the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import core, dispatch, inplace
from wengert.core.tape.core import GENERAL, TensorBase
from wengert.core.tape.dispatch import bind, gathered, integers
from wengert.core.tensor.tensor import Tensor

dispatch.OUT["apply"] = inplace.apply_out


def inplace_call(op: Op) -> Callable[..., Any]:
    """The function of the in-place form of an operator."""
    count = len(op.params)
    spread = op.positional - 1 if op.variadic else -1

    def call(*args: Any, **kwargs: Any) -> Any:
        if spread >= 0 and len(args) > spread:
            args = gathered(args, spread)
        if kwargs or len(args) != count:
            args = bind(op, args, kwargs)
        if op.ints:
            args = tuple(integers(x) if i in op.ints else x for i, x in enumerate(args))
        return inplace.apply_inplace(op, args)

    call.__name__ = call.__qualname__ = op.name + "_"
    call.__doc__ = f"In-place form of `{op.name}`: stores the result in this tensor and returns it."
    call.op = op  # type: ignore[attr-defined]
    return call


HOT_BINARY = {"__mul__": core.mul, "__add__": core.add, "__sub__": core.sub, "__truediv__": core.div}


def reflected(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`number op tensor`."""

    def method(self: Any, other: Any) -> Any:
        return call(other, self)

    return method


def guarded(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator method: operands it cannot take give NotImplemented, so Python asks the other side."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, (TensorBase, bool, int, float, complex)) or hasattr(other, "dtype"):
            return call(self, other)
        return NotImplemented

    method.__name__ = getattr(call, "__name__", "method")
    return method


def install_methods() -> None:
    """Give the tensor class every method that the registry has."""
    dispatch.install_all()
    for op in REGISTRY.values():
        if op.method and not hasattr(Tensor, op.name):
            setattr(Tensor, op.name, getattr(core.RECORDED, op.name))
        if op.inplace and not hasattr(Tensor, op.name + "_"):
            setattr(Tensor, op.name + "_", inplace_call(op))
    for name in ("mul", "add", "sub", "div", "neg", "mm", "tanh", "exp", "relu"):
        if hasattr(GENERAL, name):
            setattr(Tensor, name, hot_method(name))


def hot_method(name: str) -> Callable[..., Any]:
    """A hot operator as function and method: its flat form for the plain call, else the general one."""
    general = getattr(GENERAL, name)
    hot = getattr(core, name)
    if name in ("neg", "tanh", "exp", "relu"):
        return hot_unary(hot, general)
    return hot_binary(hot, general)


def hot_unary(hot: Any, general: Any) -> Callable[..., Any]:
    """One tensor."""

    def call(input: Any, **kwargs: Any) -> Any:
        if kwargs or not isinstance(input, TensorBase):
            return general(input, **kwargs)
        return hot(input)

    call.__name__ = call.__qualname__ = general.__name__
    call.__doc__ = general.__doc__
    call.op = general.op  # type: ignore[attr-defined]
    return call


def hot_binary(hot: Any, general: Any) -> Callable[..., Any]:
    """Two tensors, or a tensor and a number."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 2 or not isinstance(args[0], TensorBase):
            return general(*args, **kwargs)
        return hot(*args)

    call.__name__ = call.__qualname__ = general.__name__
    call.__doc__ = general.__doc__
    call.op = general.op  # type: ignore[attr-defined]
    return call


__all__ = ["ArgumentError", "install_methods"]
