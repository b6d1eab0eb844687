"""What a program may ask of an operator's node, made from the record: properties for saved values and attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError
from wengert.core.operators.record import FIRST, RESULT, Op
from wengert.core.tape.core import MEMBERS, RECORDS, WATCH, TensorBase, around_numbers, node_name, wrap
from wengert.core.tape.handles import RemovableHandle
from wengert.core.tape.modes import current
from wengert.core.tape.packing import SavedTensor
from wengert.core.tape.saved_names import NUMBERS, renamed, unsigned, value_of

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
                space[f"_saved_{label}"] = property(attribute(label, op))
            continue
        space[f"_saved_{label}"] = property(saved_value(position))
        space[f"_raw_saved_{label}"] = property(raw_saved_value(place))
    tensors = {op.params[i] for i in op.arrays} | ({op.params[op.many]} if op.many >= 0 else set())
    for label in sorted(mentioned(op)):
        if label == "shape" and op.many < 0:
            space["_saved_self_sym_sizes"] = property(lambda self: self.shape)
        elif label in op.params and label not in tensors:
            space[f"_saved_{label}"] = property(attribute(label, op))
    return renamed(op, name, space)


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


def saved_value(position: int) -> Callable[[Any], Any]:
    """The getter of one saved tensor."""
    return lambda self: value_of(self, position)


def raw_saved_value(place: int) -> Callable[[Any], SavedTensor]:
    """The getter of one saved tensor's holder."""
    return lambda self: SavedTensor(self, place)


def attribute(label: str, op: Op) -> Callable[[Any], Any]:
    """The getter of one attribute; a sequence of ints as a tuple."""
    index = op.params.index("input" if label == "self" else label)
    many = index in op.ints

    def get(self: Any) -> Any:
        value = self.args[index] if index < len(self.args) else None
        value = (value,) if many and value.__class__ is int else value
        return value if label in NUMBERS else unsigned(value)

    return get


def describe(node_class: Any, op: Op) -> None:
    """Give a node class that was written by hand its record, and what follows from it."""
    RECORDS[node_class] = op
    MEMBERS[node_class] = saved_attributes(op, node_class.__name__)


def called(node: Any, grads: Any) -> Any:
    """Run a node's rule by hand."""
    if len(grads) != node._outputs:
        raise ArgumentError(
            f"expected {node._outputs} arguments, got {len(grads)} instead: {node_name(node)} takes one gradient for "
            "each of its outputs"
        )
    for i, g in enumerate(grads):
        if g is not None and not isinstance(g, TensorBase):
            raise ArgumentError(f"argument {i} is not a Variable: {node_name(node)} was given {type(g).__name__}")
    many = node._outputs != 1
    if current().grad:
        results = tuple(node.vjp_recorded(list(grads) if many else grads[0]))
    else:
        raw = [None if g is None else g._array for g in grads]
        results = tuple([None if g is None else wrap(np.asarray(g)) for g in node.vjp(raw if many else raw[0])])
    found = tuple([None if target is None else g for target, g in zip(node._inputs, results, strict=False)])
    op = getattr(node, "op", None)
    if op is not None and op.many < 0:
        found = around_numbers(node, op, found, None)
    return found[0] if len(found) == 1 else (found or None)


WATCH["called"] = called

__all__ = ["RemovableHandle", "SavedTensor", "describe", "saved_attributes"]
