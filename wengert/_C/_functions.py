"""Nodes that torch's compiled module makes by hand (`torch._C._functions`)."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import NR_SHIFT, AccumulateGrad, Node, TensorBase, attach, new_node, wrap
from wengert.core.tape.function import OnceNode as Error
from wengert.core.tape.outputs import detached


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


def behind(node_class: type, tensors: tuple[Any, ...]) -> tuple[Any, Any]:
    """(a node of a class over the histories of tensors, the same tensors as its outputs)."""
    node: Any = new_node(node_class)
    wanted = [x for x in tensors if isinstance(x, TensorBase) and x._flags & 1]
    node._inputs = tuple([x._node for x in wanted])
    node._fit = tuple([(x._flags >> NR_SHIFT, None, None) for x in wanted])
    node._saved, node._versions = (), None
    attach(node, wrap(None), 3)
    node._outputs = len(tensors)
    made = []
    for nr, x in enumerate(tensors):
        if isinstance(x, TensorBase):
            x = detached(x)
            x._node, x._flags = node, 1 | nr << NR_SHIFT
        made.append(x)
    return node, made[0] if len(made) == 1 else tuple(made)


class UndefinedGrad:
    """`UndefinedGrad()(x)` is x, but no gradient comes back through it."""

    def __call__(self, *inputs: Any) -> Any:
        """The inputs behind a node that passes nothing on."""
        return behind(UndefinedGradBackward, inputs)[1]


class DelayedError:
    """`DelayedError(message, count)(x)` is x; a gradient that comes back through it raises."""

    def __init__(self, message: str, num_inputs: int) -> None:
        self.message, self.num_inputs = message, num_inputs

    def __call__(self, *inputs: Any) -> Any:
        """The inputs behind a node that raises."""
        node, out = behind(DelayedNode, inputs)
        node.message = self.message
        return out


__all__ = ["AccumulateGrad", "DelayedError", "Error", "UndefinedGrad", "UndefinedGradBackward"]
