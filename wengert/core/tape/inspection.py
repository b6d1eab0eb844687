"""What a program may ask of a node: its name, its edges, its hooks, what it saved.

The functions below become methods of every node class; `saved_attributes` makes the
`_saved_*` properties of one operator's node from its record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError
from wengert.core.operators.record import FIRST, RESULT, Op
from wengert.core.tape.core import (
    AccumulateGrad,
    Node,
    TensorBase,
    extra_of,
    freed_error,
    node_name,
    recorded_value,
    wrap,
)
from wengert.core.tape.handles import RemovableHandle
from wengert.core.tape.modes import current
from wengert.core.tape.packing import SavedTensor

LAST = 2**64 - 1
"""The number that torch gives to the nodes of leaves."""

QUALIFIED = {"AccumulateGrad", "CopySlices", "CopyBackwards", "GraphRoot", "UndefinedGrad", "Error", "NotImplemented"}
"""Nodes that are no operator's: their names bear a prefix."""


# ---------------------------------------------------------------- methods of nodes


def name(self: Any) -> str:
    """The name of the operation."""
    own = node_name(self)
    return f"torch::autograd::{own}" if own in QUALIFIED else own


def next_functions(self: Any) -> tuple[tuple[Any, int], ...]:
    """(node, output number) of each input; (None, 0) for inputs without gradient."""
    fits = self._fit
    if fits is None:
        edges = [(target, 0) for target in self._inputs]
    else:
        edges = [(target, 0 if target is None else fit[0]) for target, fit in zip(self._inputs, fits, strict=True)]
    op = getattr(self, "op", None)
    return tuple(edges) if op is None or op.many >= 0 else around_numbers(self, op, edges, (None, 0))


WRAPPING = {"add", "sub", "mul", "div", "where"}
"""Operators that make a tensor of a number operand, which then has an (empty) edge; others have none for it."""


def around_numbers(self: Any, op: Op, edges: Sequence[Any], empty: Any) -> tuple[Any, ...]:
    """One entry per input as torch counts them where some operands were numbers."""
    args = self.args
    if len(edges) == len(op.arrays) and all(i >= len(args) or args[i] is None for i in op.arrays):
        return tuple(edges)
    given = iter(edges)
    dense = len(edges) == len(op.arrays)
    found = []
    for i in op.arrays:
        if i >= len(args) or args[i] is None:
            found.append(next(given))
            continue
        if dense:
            next(given)
        if op.name in WRAPPING:
            found.append(empty)
    return tuple(found)


def metadata(self: Any) -> dict[str, Any]:
    """A dictionary for the user's own remarks."""
    return extra_of(self).metadata


def sequence_nr(self: Any) -> int:
    """When the operation was recorded, as a number that grows."""
    return LAST if isinstance(self, AccumulateGrad) else self._seq


def register_hook(self: Any, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
    """Call `fn(grad_inputs, grad_outputs)` after the node's rule has run; a returned tuple replaces grad_inputs."""
    return extra_of(self).posthooks.add(fn)


def register_prehook(self: Any, fn: Callable[[Any], Any]) -> RemovableHandle:
    """Call `fn(grad_outputs)` before the node's rule runs; a returned tuple replaces grad_outputs."""
    return extra_of(self).prehooks.add(fn)


def register_hook_dict(self: Any, hooks: dict[int, Any]) -> None:
    """Run the tensor hooks of a table that somebody else keeps."""
    for key, hook in hooks.items():
        extra_of(self).tensor_hooks[key] = (0, hook)


def call(self: Any, *grads: Any) -> Any:
    """Run the node's rule on gradients of its outputs; the gradients of its inputs."""
    if len(grads) != self._outputs:
        raise ArgumentError(f"{node_name(self)} expects {self._outputs} gradients, got {len(grads)}")
    given = list(grads) if self._outputs != 1 else grads[0]
    if current().grad:
        found = tuple(self.vjp_recorded(given))
    else:
        raw = [None if g is None else g._array for g in grads]
        found = tuple(
            [None if g is None else wrap(np.asarray(g)) for g in self.vjp(raw if self._outputs != 1 else raw[0])]
        )
    found = tuple([None if target is None else g for target, g in zip(self._inputs, found, strict=False)])
    op = getattr(self, "op", None)
    if op is not None and op.many < 0:
        found = around_numbers(self, op, found, None)
    return found[0] if len(found) == 1 else (found or None)


def represented(self: Any) -> str:
    """`<MulBackward0 object at 0x...>`."""
    return f"<{node_name(self)} object at {hex(id(self))}>"


def unpicklable(self: Any, protocol: int) -> Any:
    """Nodes are saved with their graph, never alone."""
    raise TypeError(f"cannot pickle '{node_name(self)}' object")


METHODS: dict[str, Any] = {
    "name": name,
    "next_functions": property(next_functions),
    "metadata": property(metadata),
    "requires_grad": property(lambda self: True, doc="True: a node exists only where a gradient is wanted."),
    "_sequence_nr": sequence_nr,
    "register_hook": register_hook,
    "register_prehook": register_prehook,
    "_register_hook_dict": register_hook_dict,
    "__call__": call,
    "__repr__": represented,
    "__reduce_ex__": unpicklable,
}
for _name, _member in METHODS.items():
    setattr(Node, _name, _member)
del _name, _member


# ---------------------------------------------------------------- what an operator's node saved


BASE_ONLY = {"PowBackward0"}
"""Nodes whose second operand was a number: only what the first one's gradient needs was saved."""


def saved_attributes(op: Op, name: str) -> dict[str, Any]:
    """The properties `_saved_*` and `_raw_saved_*` of the nodes called `name` of an operator."""
    space: dict[str, Any] = {}
    for place, position in enumerate(op.saves):
        if position == RESULT:
            label = "result"
        else:
            label = op.params[position - FIRST]
            label = "self" if label == "input" else label
        if name in BASE_ONLY and position != op.arrays[0] + FIRST:
            if position in op.saves_for[0]:
                space[f"_saved_{label}"] = property(attribute(position - FIRST, False))
            continue
        space[f"_saved_{label}"] = property(saved_value(place, position))
        space[f"_raw_saved_{label}"] = property(raw_saved_value(place))
    tensors = {op.params[i] for i in op.arrays} | ({op.params[op.many]} if op.many >= 0 else set())
    for label in sorted(mentioned(op)):
        if label == "shape" and op.many < 0:
            space["_saved_self_sym_sizes"] = property(lambda self: self.shape)
        elif label in op.params and label not in tensors:
            space[f"_saved_{label}"] = property(attribute(op.params.index(label), op.params.index(label) in op.ints))
    return space


def mentioned(op: Op) -> set[str]:
    """The names that the rules of a record mention."""
    kind = op.kind
    stated = getattr(kind, "d", None) or getattr(kind, "vjp", None) or getattr(kind, "transpose", None) or ()
    names: set[str] = set()
    for rule in stated if isinstance(stated, tuple) else (stated,):
        code = getattr(rule, "__code__", None)
        if code is not None:
            names.update(code.co_varnames[: code.co_argcount])
    return names


def saved_value(place: int, position: int) -> Callable[[Any], Any]:
    """The getter of one saved tensor."""

    def get(self: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        if place < len(saved) and saved[place] is not None:
            return recorded_value(self, place)
        number = self.args[position - FIRST] if FIRST <= position < FIRST + len(self.args) else None
        return number if number is None or isinstance(number, TensorBase) else wrap(np.asarray(number))

    return get


def raw_saved_value(place: int) -> Callable[[Any], SavedTensor]:
    """The getter of one saved tensor's holder."""
    return lambda self: SavedTensor(self, place)


def attribute(index: int, many: bool) -> Callable[[Any], Any]:
    """The getter of one attribute; a sequence of ints as a tuple."""

    def get(self: Any) -> Any:
        value = self.args[index] if index < len(self.args) else None
        return (value,) if many and value.__class__ is int else value

    return get


def describe(node_class: Any, op: Op) -> None:
    """Give a node class that was written by hand its record, and what follows from it."""
    node_class.op = op
    for label, member in saved_attributes(op, node_class.__name__).items():
        setattr(node_class, label, member)


__all__ = ["RemovableHandle", "SavedTensor", "describe", "saved_attributes"]
