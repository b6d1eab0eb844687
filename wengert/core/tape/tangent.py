"""Tangents on tensors: the kind's rule, or the transpose of the gradient rule.

A gradient is linear in the g it starts from, back = J^T g; sweeping back through *that* gives
J t for any t.  (g starts at 1, not at 0, where a rule may have a branch.)  So every operator
with a gradient has a tangent, of any order, at the price of two reverse sweeps where its kind
cannot say it directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.operators import derived
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import Op
from wengert.core.tape.backward import grad
from wengert.core.tape.batching import cut, level_of, lifted
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.levels import BATCHED, fresh
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
    return wrap(namespace_of(x._array).np.zeros(x._array.shape, x._array.dtype))


def leaf(array: Any) -> Any:
    """A tensor over `array` that wants a gradient."""
    return wrap(array).requires_grad_()


def source(x: Any) -> Any:
    """x as the start of a graph of its own: linked to x's history if it has one."""
    return RECORDED.clone(x) if x._flags & 1 else fresh(x).requires_grad_()


def transposed(op: Op, args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """J t by sweeping back twice: first for J^T g with a symbolic g, then through that for t."""
    mode = current()
    values = list(op.values(tuple(args)))
    wanted = any(x._flags & 1 for x in (*values, *tangents) if isinstance(x, TensorBase))
    moving = [i for i, t in enumerate(tangents) if t is not None and values[i]._array.dtype.kind in "fcV"]
    level = level_of([*values, *tangents])
    wanted = wanted and mode.grad and (level is None or level.recording)
    token = enter(mode.but(grad=True))
    before = None if level is None else level.recording
    try:
        if level is not None:
            level.recording = True
        for i in moving:
            values[i] = source(values[i] if level is None else lifted(values[i], level))
        out = derived.invoke(op, RECORDED, derived.replaced(op, args, values))
        outs = out if isinstance(out, (tuple, list)) else (out,)
        parts = [tangent_of(y, [values[i] for i in moving], [tangents[i] for i in moving]) for y in outs]
        parts = [t if t is None or wanted else cut(t) for t in parts]
    finally:
        if level is not None:
            level.recording = before
        leave(token)
    return tuple(parts) if isinstance(out, (tuple, list)) else parts[0]


def tangent_of(y: Any, values: list[Any], tangents: list[Any]) -> Any:
    """The tangent of one result."""
    if not isinstance(y, TensorBase) or not y._flags & 1:
        return None
    level = y._array.level if y._flags & BATCHED else None
    g = wrap(namespace_of(y._array).np.ones(y._array.shape, y._array.dtype))
    g = (g if level is None else lifted(g, level)).requires_grad_()
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
