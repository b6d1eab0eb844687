"""Operators on dual tensors, the short way: the plain call on the primals, the kind's tangent rule on raw arrays.

For one level at which something moves, one result, tangents without history that nothing wants a history of.
Every other case is `transforms.answer`'s.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from wengert.core.arrays import small
from wengert.core.arrays.quiet import hush, restore
from wengert.core.operators.kinds import Bilinear, Composite, Elementwise, Plain
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import Op
from wengert.core.tape import lightspaces
from wengert.core.tape.core import F32, F64, MarkedResult, Result, TensorBase, wrap
from wengert.core.tape.flatcalls import flat_call
from wengert.core.tape.levels import BATCHED, DUAL, born, duals_of, own_duals
from wengert.core.tape.modes import OFF, PLAIN, current
from wengert.core.tape.views import Extra

_ndarray = np.ndarray
OTHER = 0xFF & ~(1 | DUAL)
"""Flags of tensors that go the general way."""


class Way:
    """What the short way needs to know of an operator, worked out once.

    open: whether it may go this way at all.
    partials: of an elementwise record, per tensor (number or None or "rule").
    product: the body of a bilinear record.
    """

    __slots__ = ("open", "partials", "product")

    def __init__(self, op: Op) -> None:
        kind = op.kind
        self.open = not (kind.view or op.many >= 0 or op.outputs != 1 or isinstance(kind, (Composite, Plain)))
        self.partials: Any = None
        if op.jvp is None and isinstance(kind, Elementwise):
            self.partials = tuple([self.partial(op, i) for i in range(len(kind.d))])
        bilinear = op.jvp is None and isinstance(kind, Bilinear) and len(op.params) == 2
        self.product: Any = (small.dot if op.name == "mm" else getattr(NUMPY, op.name)) if bilinear else None

    @staticmethod
    def partial(op: Op, i: int) -> Any:
        """A number, None, or the rule that multiplies a tangent by the partial (two: the loop for small arrays first).

        For real numbers the gradient's rule is the tangent's.
        """
        d = op.kind.d[i]
        if not callable(d):
            return d
        rule, quick = op.rules[i], op.quick_rules
        return rule, None if quick is None else quick[i]


_ways: dict[str, Way] = {}


def way_of(op: Op) -> Way:
    """The operator's Way, noted."""
    found = _ways[op.name] = Way(op)
    return found


def dual_call(op: Op, args: tuple[Any, ...]) -> Any:
    """The operator on its full argument tuple, with tangents; NotImplemented: not a case for this."""
    way = _ways.get(op.name) or way_of(op)
    mode = current()
    if not way.open or (mode is not PLAIN and mode is not OFF):
        return NotImplemented
    gathered = primals_of(op, args, mode is PLAIN)
    if gathered is None:
        return NotImplemented
    full, tangents, level, start = gathered
    out = flat_call(op, full)
    t = tangent_of(op, way, full, tangents, out)
    node = out._node
    if t is NotImplemented:
        if node is not None:
            node.release()
        return NotImplemented
    if t is not None:
        extra = out._extra = Extra()
        extra.marks = {"duals": {level: t}} if node is None else {"duals": {level: t}, "born": start}
        out._flags |= DUAL
    if node is not None and node._saved:
        rejoin(op, node, out, full, args)
    return out


def primals_of(op: Op, args: tuple[Any, ...], recording: bool) -> Any:
    """(arguments with tensors that have no tangents, tangents, level, start of the history), or None."""
    level, start = None, inf
    full = list(args)
    tangents: list[Any] = []
    for i in op.arrays:
        x, t = args[i], None
        if isinstance(x, TensorBase):
            flags = x._flags
            if flags & OTHER:
                return None
            if flags & DUAL:
                found = own_duals(x)
                if found is None:
                    found = duals_of(x)
                if len(found) != 1:
                    return None
                ((own, t),) = found.items()
                if t._flags & ~BATCHED or not own.alive or (level is not None and own is not level):
                    return None
                level = own
                full[i] = stripped(x)
            if flags & 1 and recording:
                start = min(start, born(x))
        tangents.append(t)
    if level is None or start < level.number:
        return None
    return full, tangents, level, start


def stripped(x: Any) -> Any:
    """x without its tangents, on the same memory, with the same history."""
    out = wrap(x._array)
    out._node, out._flags, out._vc = x._node, x._flags & ~DUAL, x._vc
    return out


def rejoin(op: Op, node: Any, out: Any, full: list[Any], args: tuple[Any, ...]) -> None:
    """Let what a node saved come back with its tangents."""
    saved = []
    for value in node._saved:
        if isinstance(value, Result):
            value = MarkedResult(value, out) if out._flags & DUAL else value
        elif value is not None:
            for i in op.arrays:
                if value is full[i]:
                    value = args[i]
                    break
        saved.append(value)
    node._saved = tuple(saved)


def tangent_of(op: Op, way: Way, full: list[Any], tangents: list[Any], out: Any) -> Any:
    """The tangent of the result, None where it does not move, NotImplemented where this way does not know."""
    y = out._array
    dtype = y.dtype
    known = (way.partials is not None or way.product is not None) and (dtype is F32 or dtype is F64)
    for t in tangents:
        if t is not None and t._flags:
            known = False
    if not known:
        return lightspaces.tangent(op, tuple(full), [full[i] for i in op.arrays], tangents, out)
    raw, first = list(full), None
    for i in op.arrays:
        x = full[i]
        if isinstance(x, TensorBase):
            a = raw[i] = x._array
            if a.__class__ is not _ndarray or (a.dtype is not dtype and a.dtype.kind not in "bi"):
                return NotImplemented
            first = a.shape if first is None else first
    token = hush()
    try:
        if way.product is not None:
            t = turned(way.product, raw, tangents)
        else:
            t = slope(way.partials, raw, tangents, y, first)
    except lightspaces.UNFIT:
        return NotImplemented
    finally:
        restore(token)
    if t is None:
        return None
    if t.shape != y.shape:
        t = np.broadcast_to(t, y.shape)
    return wrap(t if t.__class__ is _ndarray and t.dtype is dtype else np.asarray(t, dtype))


def turned(product: Any, raw: list[Any], tangents: list[Any]) -> Any:
    """f(s, b) + f(a, t)."""
    s, t = tangents
    if s is None:
        return None if t is None else product(raw[0], t._array)
    part = product(s._array, raw[1])
    if t is not None:
        part += product(raw[0], t._array)
    return part


def slope(partials: Any, raw: list[Any], tangents: list[Any], out: Any, first: Any) -> Any:
    """The sum of the partials times the tangents."""
    total = None
    for d, t in zip(partials, tangents, strict=False):
        if t is None or d is None:
            continue
        part = t._array
        if d.__class__ is tuple:
            rule, quick = d
            if part.shape != out.shape:
                part = np.broadcast_to(part, out.shape)
            environment = [NUMPY, part, out, first, *raw]
            found = None if quick is None else quick(environment)
            part = rule(environment) if found is None else found
        elif d != 1:
            part = part * d
        total = part if total is None else total + part
    return total


__all__ = ["dual_call"]
