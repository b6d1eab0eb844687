"""Two namespaces for rules in which values are not tensors of a level but what they are made of.

    PAIRS   a raw array with its raw tangent: rules of a sweep inside one dual level
    Rows    the tensor that holds a whole batch: rules inside one batch level

A rule only calls `m.<operator>(...)`, Python's operators and `.shape`, `.ndim`, `.dtype`; so it runs on
these as on arrays and tensors, without marks, levels and history.  Whatever they do not know raises
Unsuited, and the caller takes the general way.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays.quiet import hush, restore
from wengert.core.arrays.small import dot
from wengert.core.operators import derived
from wengert.core.operators.kinds import Composite
from wengert.core.operators.raw import NUMPY, sum_to
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import batchrules
from wengert.core.tape.arguments import bind
from wengert.core.tape.batching import stands_for
from wengert.core.tape.core import F32, F64, RECORDED, TensorBase, wrap
from wengert.core.tape.flatcalls import flat_call
from wengert.core.tape.levels import BATCHED, DUAL, Level, duals_of, own_duals
from wengert.core.tape.views import Extra

_ndarray = np.ndarray


class Unsuited(Exception):
    """Not a case for the light way."""


UNFIT = (Unsuited, AttributeError, TypeError, ValueError, NotImplementedError, RuntimeError, IndexError)
"""What is raised where a rule does more with its values than these namespaces know."""


class Operand:
    """Python's operators by the operators of the operand's namespace."""

    __slots__ = ()
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]
    space: Any

    def __add__(self, other: Any) -> Any:
        return self.space.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return self.space.add(self, other)

    def __sub__(self, other: Any) -> Any:
        return self.space.sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.space.rsub(self, other)

    def __mul__(self, other: Any) -> Any:
        return self.space.mul(self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.space.mul(self, other)

    def __truediv__(self, other: Any) -> Any:
        return self.space.div(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.space.div(other, self)

    def __matmul__(self, other: Any) -> Any:
        return self.space.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self.space.matmul(other, self)

    def __pow__(self, other: Any) -> Any:
        return self.space.pow(self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.space.pow(other, self)

    def __neg__(self) -> Any:
        return self.space.neg(self)

    def __lt__(self, other: Any) -> Any:
        return self.space.lt(self, other)

    def __le__(self, other: Any) -> Any:
        return self.space.le(self, other)

    def __gt__(self, other: Any) -> Any:
        return self.space.gt(self, other)

    def __ge__(self, other: Any) -> Any:
        return self.space.ge(self, other)

    def __eq__(self, other: Any) -> Any:
        return self.space.eq(self, other)

    def __ne__(self, other: Any) -> Any:
        return self.space.ne(self, other)

    def __abs__(self) -> Any:
        return self.space.abs(self)

    def __bool__(self) -> bool:
        raise Unsuited

    def __getitem__(self, index: Any) -> Any:
        raise Unsuited

    @property
    def _array(self) -> Any:
        """Rules ask this for shape, dtype and strides."""
        return self


class Space:
    """A namespace of operators on operands of one class."""

    recorded = True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = REGISTRY.get(name)
        if op is None:
            raise AttributeError(f"no operator {name!r}")
        setattr(self.__class__, name, self.function(op))
        return getattr(self, name)

    @classmethod
    def function(cls, op: Op) -> Callable[..., Any]:
        """An operator as a method of the namespace."""
        if isinstance(op.kind, Composite):
            return lambda self, *args, **kwargs: op.body(self, *args, **kwargs)
        count = len(op.params)
        tail = tuple(op.defaults.get(name) for name in op.params)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs:
                args = bind(op, args, kwargs)
            elif len(args) != count:
                args += tail[len(args) :]
            return self.run(op, args)

        return call

    def run(self, op: Op, args: tuple[Any, ...]) -> Any:
        """An operator on its full argument tuple."""
        raise NotImplementedError

    def conj(self, x: Any) -> Any:
        """The complex conjugate; real numbers are their own."""
        if x.__class__ is complex:
            return x.conjugate()
        return self.conjugate_copy(x) if getattr(getattr(x, "dtype", None), "kind", "f") == "c" else x

    conjugated = conj

    def chained(self, g: Any, d: Any) -> Any:
        """g * conj(d)."""
        return g * self.conj(d)


# ---------------------------------------------------------------- values with tangents


class Pair(Operand):
    """A raw array and its raw tangent."""

    __slots__ = ("p", "t")

    def __init__(self, p: Any, t: Any) -> None:
        self.p, self.t = p, t

    shape = property(lambda self: self.p.shape)
    ndim = property(lambda self: self.p.ndim)
    size = property(lambda self: self.p.size)
    dtype = property(lambda self: self.p.dtype)
    flags = property(lambda self: self.p.flags)
    strides = property(lambda self: self.p.strides)
    itemsize = property(lambda self: self.p.dtype.itemsize)


def paired(p: Any, t: Any) -> Any:
    """A result with what the tangent rule made of it."""
    if t is None:
        return p
    return Pair(p, t if t.shape == p.shape else np.broadcast_to(t, p.shape))


def parts(x: Any) -> tuple[Any, Any]:
    """The value and the tangent (or None) of an operand."""
    return (x.p, x.t) if x.__class__ is Pair else (x, None)


def joined(p: Any, s: Any, t: Any) -> Any:
    """A value with the sum of two tangents, either of which may be None."""
    if s is None and t is None:
        return p
    return paired(p, t if s is None else s if t is None else s + t)


class Pairs(Space):
    """Operators on pairs: the body, and the kind's tangent rule; the commonest written out."""

    @classmethod
    def function(cls, op: Op) -> Callable[..., Any]:
        if not derived.plainly_linear(op):
            return super().function(op)
        body = getattr(NUMPY, op.name)

        def call(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            if x.__class__ is not Pair:
                return body(x, *args, **kwargs)
            p, t = body(x.p, *args, **kwargs), body(x.t, *args, **kwargs)
            return tuple(map(Pair, p, t)) if isinstance(p, (tuple, list)) else Pair(p, t)

        return call

    def add(self, a: Any, b: Any, alpha: Any = 1) -> Any:
        """a + alpha b."""
        (p, s), (q, t) = parts(a), parts(b)
        if alpha != 1:
            q, t = q * alpha, None if t is None else t * alpha
        return joined(p + q, s, t)

    def sub(self, a: Any, b: Any, alpha: Any = 1) -> Any:
        """a - alpha b."""
        (p, s), (q, t) = parts(a), parts(b)
        return joined(p - q if alpha == 1 else p - q * alpha, s, None if t is None else t * -alpha)

    def rsub(self, a: Any, b: Any, alpha: Any = 1) -> Any:
        """b - alpha a."""
        return self.sub(b, a, alpha)

    def mul(self, a: Any, b: Any) -> Any:
        """a b."""
        (p, s), (q, t) = parts(a), parts(b)
        if s is None:
            return p * q if t is None else paired(p * q, p * t)
        moved = s * q
        if t is not None:
            moved += p * t
        return paired(p * q, moved)

    def mm(self, a: Any, b: Any) -> Any:
        """The product of two matrices."""
        (p, s), (q, t) = parts(a), parts(b)
        if s is None:
            return dot(p, q) if t is None else Pair(dot(p, q), dot(p, t))
        moved = dot(s, q)
        if t is not None:
            moved += dot(p, t)
        return Pair(dot(p, q), moved)

    def run(self, op: Op, args: tuple[Any, ...]) -> Any:
        values = args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]
        primal = [x.p if x.__class__ is Pair else x for x in values]
        full = derived.replaced(op, args, primal)
        out = derived.invoke(op, NUMPY, full)
        tangents = [x.t if x.__class__ is Pair else None for x in values]
        if all(t is None for t in tangents):
            return out
        if op.many >= 0:
            tangents = [np.zeros_like(p) if t is None else t for p, t in zip(primal, tangents, strict=True)]
        moved = derived.jvp(op, NUMPY, full, tangents, out)
        if moved is NotImplemented:
            raise Unsuited
        if not isinstance(out, (tuple, list)):
            return paired(out, moved)
        return out if moved is None else tuple([paired(p, t) for p, t in zip(out, moved, strict=True)])

    def reshape(self, x: Any, shape: Any) -> Any:
        """Both parts in another shape; one may need a copy where the other does not."""
        return Pair(x.p.reshape(shape), x.t.reshape(shape)) if x.__class__ is Pair else x.reshape(shape)

    view_shape = reshape_copy = unsafe_view = reshape

    def entered(self, x: Any) -> Any:
        """A tensor as an operand."""
        a, flags = x._array, x._flags
        if a.__class__ is not _ndarray or flags & ~(1 | DUAL) & 0xFF or a.dtype.kind not in "fbi":
            raise Unsuited
        if a.dtype.kind == "f" and a.dtype is not F32 and a.dtype is not F64:
            raise Unsuited
        if not flags & DUAL:
            return a
        found = own_duals(x)
        if found is None:
            found = duals_of(x)
        if not found:
            return a
        if len(found) > 1:
            raise Unsuited
        ((level, t),) = found.items()
        if not level.alive:
            return a
        if t._flags or t._array.__class__ is not _ndarray or t._array.dtype is not a.dtype:
            raise Unsuited
        return Pair(a, t._array)

    def kept(self, result: Any) -> Any:
        """A node's own result as an operand."""
        if getattr(result, "extra", None) is None:
            return self.entered(wrap(result._array))
        x = wrap(result._array)
        x._flags, x._extra = result.flags, result.extra
        return self.entered(x)

    def fitted(self, g: Any, shape: Any, dtype: Any) -> Any:
        """A gradient in its input's shape and dtype."""
        if g.__class__ is Pair:
            return Pair(self.fitted(g.p, shape, dtype), self.fitted(g.t, shape, dtype))
        g = np.asarray(g, dtype)
        return g if g.shape == shape else sum_to(g, shape)

    def zeros(self, shape: Any, dtype: Any) -> Any:
        """A gradient that nothing contributed to."""
        return np.zeros(shape, dtype)

    def left(self, x: Any, level: Any, starts: list[Any]) -> Any:
        """An operand as a tensor with its tangent at `level`; a copy if it is one of `starts` still."""
        if any(x is start for start in starts):
            x = Pair(x.p.copy(), x.t.copy()) if x.__class__ is Pair else x.copy()
        if x.__class__ is not Pair:
            return wrap(self.owned(x))
        out = wrap(self.owned(x.p))
        out._extra = extra = Extra()
        extra.marks = {"duals": {level: wrap(self.owned(x.t))}}
        out._flags = DUAL
        return out

    def owned(self, a: Any) -> Any:
        """An array that nobody else sees, as far as its memory tells."""
        return a if a.__class__ is _ndarray and a.base is None else np.array(a)


PAIRS = Pairs()


# ---------------------------------------------------------------- whole batches


class Rows(Operand):
    """The tensor that holds a batch, its dim 0 counting the entries; shape and dtype are those of an entry."""

    __slots__ = ("value", "space")

    def __init__(self, value: Any, space: Any) -> None:
        self.value, self.space = value, space

    shape = property(lambda self: self.value._array.shape[1:])
    ndim = property(lambda self: self.value._array.ndim - 1)
    size = property(lambda self: prod(self.value._array.shape[1:]))
    dtype = property(lambda self: self.value._array.dtype)


class RowSpace(Space):
    """Operators on batches of one size: their batching rules."""

    def __init__(self, level: Level) -> None:
        self.level = level

    def run(self, op: Op, args: tuple[Any, ...]) -> Any:
        values = args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]
        batched = [x.__class__ is Rows for x in values]
        inner = [x.value if b else x for x, b in zip(values, batched, strict=True)]
        full = derived.replaced(op, args, inner)
        if True not in batched:
            return flat_call(op, full)
        found = batchrules.batch(op, full, inner, batched, self.level.size)
        if found.__class__ is batchrules.Same:
            return found.value
        if isinstance(found, (tuple, list)):
            return tuple([Rows(x, self) for x in found])
        return Rows(found, self)

    def reshape(self, x: Any, shape: Any) -> Any:
        """Every entry in another shape."""
        if x.__class__ is not Rows:
            return RECORDED.reshape(x, shape)
        shape = (shape,) if shape.__class__ is int else tuple(shape)
        if -1 in shape:
            raise Unsuited
        return Rows(batchrules.reshaped(x.value, (self.level.size, *shape)), self)

    view_shape = reshape_copy = unsafe_view = reshape

    def entered(self, x: Any) -> Any:
        """A tensor as an operand."""
        flags = x._flags
        if not flags & (BATCHED | DUAL):
            return x
        if flags & DUAL or x._array.level is not self.level:
            raise Unsuited
        array = x._array
        return array.value if array.dim is None else Rows(array.value, self)

    def kept(self, result: Any) -> Any:
        """A node's own result as an operand."""
        x = wrap(result._array)
        x._flags = getattr(result, "flags", 0)
        return self.entered(x)

    def fitted(self, g: Any, shape: Any, dtype: Any) -> Any:
        """A gradient in its input's shape and dtype."""
        if tuple(g.shape) != shape:
            g = self.sum_to(g, shape)
        if g._array.dtype is not dtype and g._array.dtype != dtype:
            g = self.to_dtype(g, dtype)
        return g

    def zeros(self, shape: Any, dtype: Any) -> Any:
        """A gradient that nothing contributed to."""
        return wrap(np.zeros(shape, dtype))

    def left(self, x: Any, level: Any, starts: list[Any]) -> Any:
        """An operand as a tensor of the level."""
        return stands_for(x.value, 0, level) if x.__class__ is Rows else x


Pair.space = PAIRS


def tangent(op: Op, args: tuple[Any, ...], values: list[Any], tangents: list[Any], out: Any) -> Any:
    """The tangent of a result from tangents at one level, as a tensor; NotImplemented: not a case for this.

    values: the tensors of args; tangents: per value its own or None.  Nothing may want a history of what comes out.
    """
    level = None
    for t in tangents:
        if t is None:
            continue
        if t._flags == BATCHED:
            if level is not None and t._array.level is not level:
                return NotImplemented
            level = t._array.level
        elif t._flags or t._array.__class__ is not _ndarray:
            return NotImplemented
    if level is None:
        level = next((x._array.level for x in values if isinstance(x, TensorBase) and x._flags & BATCHED), None)
    try:
        if level is None:
            return raw_tangent(op, args, values, tangents, out)
        return rows_tangent(op, args, values, tangents, out, level)
    except UNFIT:
        return NotImplemented


def raw_tangent(op: Op, args: tuple[Any, ...], values: list[Any], tangents: list[Any], out: Any) -> Any:
    """The kind's rule on raw arrays of one dtype."""
    dtype = out._array.dtype
    if dtype is not F32 and dtype is not F64:
        return NotImplemented
    primal: list[Any] = []
    for x in values:
        if isinstance(x, TensorBase):
            a = x._array
            if a.__class__ is not _ndarray or (a.dtype is not dtype and a.dtype.kind not in "bi"):
                return NotImplemented
            primal.append(a)
        else:
            primal.append(x)
    moving = [None if t is None else t._array for t in tangents]
    if op.many >= 0:
        moving = [np.zeros_like(a) if t is None else t for a, t in zip(primal, moving, strict=True)]
    token = hush()
    try:
        t = derived.jvp(op, NUMPY, derived.replaced(op, args, primal), moving, out._array)
    finally:
        restore(token)
    if t is None or t is NotImplemented:
        return t
    if t.shape != out._array.shape:
        t = np.broadcast_to(t, out._array.shape)
    return wrap(np.asarray(t, dtype))


def rows_tangent(op: Op, args: tuple[Any, ...], values: list[Any], tangents: list[Any], out: Any, level: Level) -> Any:
    """The kind's rule on the tensors that hold the batch of tangents."""
    space = level.rows
    if space is None:
        space = level.rows = RowSpace(level)
    primal = [space.entered(bare(x)) if isinstance(x, TensorBase) else x for x in values]
    moving = [None if t is None else space.entered(t) for t in tangents]
    if op.many >= 0:
        return NotImplemented
    t = derived.jvp(op, space, derived.replaced(op, args, primal), moving, space.entered(bare(out)))
    if t is None or t is NotImplemented:
        return t
    if t.__class__ is not Rows:
        return t
    if t.value._array.dtype is not out._array.dtype or t.shape != out._array.shape:
        return NotImplemented
    return stands_for(t.value, 0, level)


def bare(x: Any) -> Any:
    """A tensor without tangents and without history."""
    if not x._flags & ~BATCHED:
        return x
    out = wrap(x._array)
    out._flags = x._flags & BATCHED
    return out


__all__ = ["PAIRS", "Operand", "Pair", "RowSpace", "Rows", "UNFIT", "Unsuited", "tangent"]
