"""Operators on dual tensors, the short way: the plain call on the primals, the kind's tangent rule on raw arrays.

For one level at which something moves, one result, tangents without history that nothing wants a history of.
Every other case is `transforms.answer`'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.quiet import hush, restore
from wengert.core.operators import derived
from wengert.core.operators.kinds import Bilinear, Composite, Elementwise, Plain
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import Op
from wengert.core.tape import core, lightspaces
from wengert.core.tape.core import F32, F64, MarkedResult, Result, TensorBase, wrap
from wengert.core.tape.flatcalls import flat_call
from wengert.core.tape.levels import BATCHED, DUAL, born, duals_of
from wengert.core.tape.modes import OFF, PLAIN, current
from wengert.core.tape.views import Extra

_ndarray = np.ndarray
OTHER = 0xFF & ~(1 | DUAL)
"""Flags of tensors that go the general way."""


class Way:
    """What the short way needs to know of an operator, worked out once.

    open: whether it may go this way at all.
    partials: of an elementwise record, (number or rule, whether that is the product with g).
    product: the body of a bilinear record.
    """

    __slots__ = ("open", "partials", "product")

    def __init__(self, op: Op) -> None:
        kind = op.kind
        self.open = not (kind.view or op.many >= 0 or op.outputs != 1 or isinstance(kind, (Composite, Plain)))
        self.partials: Any = None
        if op.jvp is None and isinstance(kind, Elementwise):
            self.partials = tuple(derived.partial_of(op, i) for i in range(len(kind.d)))
        bilinear = op.jvp is None and isinstance(kind, Bilinear) and len(op.params) == 2
        self.product: Any = getattr(NUMPY, op.name) if bilinear else None


_ways: dict[str, Way] = {}


def way_of(op: Op) -> Way:
    """The operator's Way."""
    found = _ways.get(op.name)
    if found is None:
        found = _ways[op.name] = Way(op)
    return found


def dual_call(op: Op, args: tuple[Any, ...]) -> Any:
    """The operator on its full argument tuple, with tangents; NotImplemented: not a case for this."""
    way = way_of(op)
    mode = current()
    if not way.open or (mode is not PLAIN and mode is not OFF):
        return NotImplemented
    gathered = primals_of(op, args, mode is PLAIN)
    if gathered is None:
        return NotImplemented
    primals, tangents, level, start = gathered
    full = list(args)
    for i, x in zip(op.arrays, primals, strict=True):
        full[i] = x
    out = flat_call(op, full)
    t = tangent_of(op, way, full, primals, tangents, out, level)
    if t is NotImplemented:
        if out._node is not None:
            out._node.release()
        return NotImplemented
    node = out._node
    if t is not None:
        extra = out._extra = Extra()
        extra.marks = {"duals": {level: t}, "born": start} if node is not None else {"duals": {level: t}}
        out._flags |= DUAL
    if node is not None and node._saved:
        rejoin(node, out, dict(zip(map(id, primals), [args[i] for i in op.arrays], strict=True)))
    return out


def primals_of(op: Op, args: tuple[Any, ...], recording: bool) -> Any:
    """(tensors without their tangents, tangents, level, start of the history), or None."""
    level, start = None, float("inf")
    primals: list[Any] = []
    tangents: list[Any] = []
    for i in op.arrays:
        x = args[i]
        t = None
        if isinstance(x, TensorBase):
            flags = x._flags
            if flags & OTHER:
                return None
            if flags & DUAL:
                found = duals_of(x)
                if len(found) != 1:
                    return None
                ((own, t),) = found.items()
                if (level is not None and own is not level) or t._flags & ~BATCHED:
                    return None
                level = own
            if flags & 1:
                start = min(start, born(x))
            if flags & DUAL:
                x = stripped(x)
        primals.append(x)
        tangents.append(t)
    if level is None or (recording and start < level.number):
        return None
    return primals, tangents, level, start


def stripped(x: Any) -> Any:
    """x without its tangents, on the same memory, with the same history."""
    out = core.new_tensor(core.Tensor)
    out._array, out._node, out._flags, out._vc, out._extra = x._array, x._node, x._flags & ~DUAL, x._vc, None
    return out


def rejoin(node: Any, out: Any, given: dict[int, Any]) -> None:
    """Let what a node saved come back with its tangents."""
    saved = []
    for value in node._saved:
        if isinstance(value, Result):
            value = MarkedResult(value, out) if out._flags & DUAL else value
        elif value is not None:
            value = given.get(id(value), value)
        saved.append(value)
    node._saved = tuple(saved)


def tangent_of(op: Op, way: Way, full: list[Any], primals: list[Any], tangents: list[Any], out: Any, level: Any) -> Any:
    """The tangent of the result, None where it does not move, NotImplemented where this way does not know."""
    if way.partials is None and way.product is None or any(t is not None and t._flags for t in tangents):
        return lightspaces.tangent(op, tuple(full), primals, tangents, out)
    dtype, shape = out._array.dtype, out._array.shape
    if dtype is not F32 and dtype is not F64:
        return lightspaces.tangent(op, tuple(full), primals, tangents, out)
    raw = list(full)
    first = None
    for i, x in zip(op.arrays, primals, strict=True):
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
            t = slope(way.partials, raw, tangents, out._array, first)
    except lightspaces.UNFIT:
        return NotImplemented
    finally:
        restore(token)
    if t is None:
        return None
    if t.shape != shape:
        t = np.broadcast_to(t, shape)
    return wrap(t if t.__class__ is _ndarray and t.dtype is dtype else np.asarray(t, dtype))


def turned(product: Any, raw: list[Any], tangents: list[Any]) -> Any:
    """f(s, b) + f(a, t)."""
    s, t = tangents
    if s is None:
        return None if t is None else product(raw[0], t._array)
    part = product(s._array, raw[1])
    return part if t is None else part + product(raw[0], t._array)


def slope(partials: Any, raw: list[Any], tangents: list[Any], out: Any, first: Any) -> Any:
    """The sum of the partials times the tangents."""
    total = None
    for (d, whole), t in zip(partials, tangents, strict=False):
        if t is None or d is None:
            continue
        part = t._array
        if whole:
            part = d([NUMPY, part if part.shape == out.shape else np.broadcast_to(part, out.shape), out, first, *raw])
        elif callable(d):
            part = part * d([NUMPY, None, out, first, *raw])
        elif d != 1:
            part = part * d
        total = part if total is None else total + part
    return total


__all__ = ["dual_call"]
