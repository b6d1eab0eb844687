# cython: annotation_typing=False
"""What a custom Function computed on the way and keeps for its backward.

A tensor that `forward` made of its inputs, and that is neither input nor output, has no history: a second derivative
through it would silently miss its part.  So forward is followed (`Trace`) to see which kept tensors depend on the
inputs; in a recorded backward these come with an `IntermediateNode`, which refuses to be differentiated.  Constants
made in forward (masks, noise, step sizes) are left alone.

Following costs the general path of every operator in forward.  It is done in the first call of a class, and again only
where that class keeps constants, or not the same as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import Node, Result, TensorBase, attach, new_node, where_text, wrap
from wengert.core.tape.modes import current


class Trace:
    """The tensors that depend on the inputs of a call, as far as operators show."""

    __slots__ = ("known", "memory", "code")

    def __init__(self, inputs: Iterable[Any], code: Any = None) -> None:
        self.known: dict[int, Any] = {}
        self.code = code
        self.memory: set[int] = set()
        self.add([x for x in inputs if x._flags & 1])

    def add(self, tensors: Iterable[Any]) -> None:
        """These depend on the inputs."""
        for x in tensors:
            self.known[id(x)] = x
            self.memory.add(id(root(x._array)))

    def note(self, values: Iterable[Any], outs: Iterable[Any]) -> None:
        """An operator made `outs` of `values`."""
        if any(id(x) in self.known or isinstance(x, TensorBase) and self.written(x) for x in values):
            self.add([x for x in outs if x._array.dtype.kind in "fcV"])

    def holds(self, x: Any) -> bool:
        """Whether a tensor depends on the inputs, or lies in the memory of one that does."""
        return id(x) in self.known or id(root(x._array)) in self.memory or self.written(x)

    def written(self, x: Any) -> bool:
        """Whether the function itself wrote the tensor in place; the short way of `y += x` is not noted."""
        return x._vc is not None and x._vc.n > 0 and x._vc.code is self.code


def root(array: Any) -> Any:
    """The array that owns the memory."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def follow(cls: Any, tensors: list[Any], recording: Any) -> Trace | None:
    """The trace that a call of `cls` needs, or None where what it keeps is known."""
    return None if not recording or cls.__dict__.get("_keeps") is not None else Trace(tensors, code_of(cls))


def code_of(cls: Any) -> Any:
    """The code of a class's forward."""
    return getattr(cls.forward, "__code__", None)


def judge(node: Any, tensors: list[Any], trace: Trace | None) -> None:
    """Note on the node which of the tensors that it keeps are intermediates.

    The class remembers that its calls keep none, or that all they keep besides inputs and outputs are intermediates;
    a call that then keeps others is doubted whole, and the next one is followed again.
    """
    cls = node._forward_cls
    saved = node._saved
    others = [k for k in range(len(saved)) if foreign(saved[k], tensors)]
    if trace is None:
        known, names = cls._keeps
        if others or names:
            node._doubtful = (others, names)
        if others != known:
            cls._keeps = None
        return
    kept = [(name, x) for name, x in node.__dict__.items() if name not in _OWN and isinstance(x, TensorBase)]
    names = tuple([name for name, x in kept if foreign(x, tensors) and not x._flags & 1 and trace.holds(x)])
    doubtful = [k for k in others if trace.holds(node._saved[k])]
    if doubtful == others:
        cls._keeps = (others, names)
    if doubtful or names:
        node._doubtful = (doubtful, names)


_OWN = ("to_save", "saved_for_forward", "dirty_tensors", "non_differentiable")


def foreign(x: Any, tensors: list[Any]) -> bool:
    """Whether a kept value is neither an input nor an output."""
    if not isinstance(x, TensorBase) or isinstance(x, Result) or x._array.dtype.kind not in "fcV":
        return False
    return not any([t is x for t in tensors])


# ---------------------------------------------------------------- in backward


class IntermediateNode(Node):
    """Stands behind an intermediate in a recorded backward."""

    __slots__ = ("owner",)

    def vjp(self, g: Any) -> Any:
        """Its derivative is not known."""
        cls = self.owner._forward_cls
        place = where_text(self.owner._code, self.owner._lasti)
        raise GraphError(
            f"the second derivative of {cls.__name__} is not known: its backward uses a tensor that forward computed "
            "on the way from the inputs, and which has no history. Return it from forward as one more output, or "
            "compute it in backward from saved inputs; if it is a constant, compute it from detached values before "
            f"apply.\n{cls.__name__} was applied at:\n  {place}"
        )

    vjp_recorded = vjp


IntermediateNode.__name__ = IntermediateNode.__qualname__ = "Error"


def refusing(owner: Any, x: Any) -> Any:
    """x with a history that leads to the inputs of the call and refuses to be swept."""
    out = wrap(x._array)
    out._vc = x._vc
    node = new_node(IntermediateNode)
    node.owner = owner
    node._inputs, node._fit = owner._inputs, owner._fit
    node._saved, node._versions, node._outputs = (), None, 1
    attach(node, out, 3)
    return out


def with_refusals(node: Any, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Saved tensors for a backward that is being recorded."""
    if not current().grad:
        return saved
    return tuple([refusing(node, x) if k in node._doubtful[0] else x for k, x in enumerate(saved)])


@contextmanager
def refusing_attributes(node: Any) -> Iterator[None]:
    """The same for tensors that are attributes of the context."""
    before = {name: node.__dict__[name] for name in node._doubtful[1] if name in node.__dict__}
    if current().grad:
        node.__dict__.update({name: refusing(node, x) for name, x in before.items()})
    try:
        yield
    finally:
        node.__dict__.update(before)


__all__ = ["Trace", "follow", "judge", "refusing_attributes", "with_refusals"]
