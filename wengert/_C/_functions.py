"""Nodes that torch's compiled module makes by hand (`torch._C._functions`)."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import AccumulateGrad, Node, TensorBase
from wengert.core.tape.function import OnceNode as Error
from wengert.core.tape.outputs import behind


class UndefinedGradBackward(Node):
    """Passes nothing on, whatever arrives."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        """No gradient for any input."""
        return (None,) * len(self._inputs)

    vjp_recorded = vjp


class DelayedNode(Node):
    """Raises when a gradient arrives."""

    __slots__ = ("message",)

    def vjp(self, g: Any) -> Any:
        """Raise the error that was put off."""
        raise GraphError(self.message)

    vjp_recorded = vjp


DelayedNode.__name__ = DelayedNode.__qualname__ = "Error"


def passed(node_class: type, tensors: tuple[Any, ...]) -> tuple[Any, Any]:
    """(a node of a class over the histories of tensors, the same tensors, or the only one, as its outputs)."""
    wanted = [x for x in tensors if isinstance(x, TensorBase) and x._flags & 1]
    node, made = behind(node_class, wanted, tensors)
    return node, made[0] if len(made) == 1 else tuple(made)


class UndefinedGrad:
    """`UndefinedGrad()(x)` is x, but no gradient comes back through it."""

    def __call__(self, *inputs: Any) -> Any:
        """The inputs behind a node that passes nothing on."""
        return passed(UndefinedGradBackward, inputs)[1]


class DelayedError:
    """`DelayedError(message, count)(x)` is x; a gradient that comes back through it raises."""

    def __init__(self, message: str, num_inputs: int) -> None:
        self.message, self.num_inputs = message, num_inputs

    def __call__(self, *inputs: Any) -> Any:
        """The inputs behind a node that raises."""
        node, out = passed(DelayedNode, inputs)
        node.message = self.message
        return out


__all__ = ["AccumulateGrad", "DelayedError", "Error", "UndefinedGrad", "UndefinedGradBackward"]
