"""Tangents on tensors: the kind's rule, or the transpose of the gradient rule.

A gradient is linear in the g it starts from, back = J^T g; sweeping back through *that* gives
J t for any t.  (g starts at 1, not at 0, where a rule may have a branch.)  So every operator
with a gradient has a tangent, of any order, at the price of two reverse sweeps where its kind
cannot say it directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape.backward import grad
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.modes import current, enter, leave


def jvp(op: Op, args: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    """Tangent(s) of `out = op(*args)`; recorded, so derivatives of any order follow.

    tangents: a tensor or None per tensor argument (a list parameter spread out).
    Returns a tensor, a tuple with None for results that do not move, or None.
    """
    if op.many >= 0:
        tangents = [zeros_like(x) if t is None else t for x, t in zip(op.values(tuple(args)), tangents, strict=True)]
    found = derived.jvp(op, RECORDED, args, tangents, out)
    return transposed(op, args, tangents) if found is NotImplemented else found


def zeros_like(x: Any) -> Any:
    """A constant of x's shape and dtype."""
    return wrap(np.zeros_like(x._array))


def leaf(array: Any) -> Any:
    """A tensor over `array` that wants a gradient."""
    return wrap(array).requires_grad_()


def source(x: Any) -> Any:
    """x as the start of a graph of its own: linked to x's history if it has one."""
    return RECORDED.clone(x) if x._flags & 1 else leaf(x._array)


def transposed(op: Op, args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """J t by sweeping back twice: first for J^T g with a symbolic g, then through that for t."""
    token = enter(current().but(grad=True))
    try:
        values = list(op.values(tuple(args)))
        moving = [i for i, t in enumerate(tangents) if t is not None]
        for i in moving:
            values[i] = source(values[i])
        out = derived.invoke(op, RECORDED, derived.replaced(op, args, values))
        outs = out if isinstance(out, (tuple, list)) else (out,)
        parts = [tangent_of(y, [values[i] for i in moving], [tangents[i] for i in moving]) for y in outs]
    finally:
        leave(token)
    return tuple(parts) if isinstance(out, (tuple, list)) else parts[0]


def tangent_of(y: Any, values: list[Any], tangents: list[Any]) -> Any:
    """The tangent of one result."""
    if not isinstance(y, TensorBase) or not y._flags & 1:
        return None
    g = leaf(np.ones_like(y._array))
    pairs = [
        (back, t)
        for back, t in zip(grad(y, values, g, create_graph=True, allow_unused=True), tangents, strict=True)
        if back is not None and back._flags & 1
    ]
    if not pairs:
        return zeros_like(y)
    swept, given = zip(*pairs, strict=True)
    return grad(swept, g, given, create_graph=True, allow_unused=True, materialize_grads=True)[0]


__all__ = ["jvp", "transposed"]
