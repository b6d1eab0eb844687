"""The arithmetic in which update rules are written, twice: on tensors and on flat NumPy arrays.

A rule is one function `rule(m, p, g, *state, *coefficients)` for one parameter; `m` is the
namespace it computes in.  A name with a trailing underscore writes its first argument (a
parameter or state), the others return a temporary.  `x` and `y` are of the namespace; `c`,
`alpha`, `value` are numbers, or 0-d tensors where the step is recorded.

=================  =====================================================================
TENSORS            any device, dtype and layout; recorded if recording is on
RECORDED_STEP      the same, keeping copies of state that backward will need
ArrayForms         float32/float64 on the CPU: a few ufunc calls into memory kept between steps
=================  =====================================================================

Note [One order of rounding]: every operation of ArrayForms rounds where the tensor operation of the
same name rounds: `addcmul` is x + (value * a) * b, `addcdiv` is x + (value * a) / b, `lerp` is
x + w (y - x) below w = 1/2 and y - (y - x)(1 - w) from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import local
from typing import Any

import numpy as np

from wengert.core.arrays.quiet import hush, restore
from wengert.core.tape.core import F32, F64, RECORDED, TensorBase, VersionCounter, count_write
from wengert.core.tape.modes import OFF, current
from wengert.core.tape.views import mark_views_stale
from wengert.optim import fused

__all__ = ["RECORDED_STEP", "TENSORS", "ArrayForms", "update"]

BLOCK = 131072
"""Bytes of each array that a rule works on at a time: all it touches stays in a second-level cache of 1 MB."""

_ndarray = np.ndarray
_add, _subtract, _multiply, _divide = np.add, np.subtract, np.multiply, np.true_divide
_sqrt, _maximum, _absolute, _sign, _copyto = np.sqrt, np.maximum, np.absolute, np.sign, np.copyto


class TensorForms:
    """The arithmetic on tensors, by their public methods."""

    def kept(self, x: Any) -> Any:
        """x as an operand that may be saved."""
        return x

    def constant(self, x: Any) -> Any:
        """x, through which no derivative goes."""
        return x

    def mul_(self, x: Any, c: Any) -> Any:
        """x = c x."""
        return x.mul_(c)

    def add_(self, x: Any, y: Any, alpha: Any = 1) -> Any:
        """x = x + alpha y."""
        return x.add_(y * alpha) if isinstance(alpha, TensorBase) else x.add_(y, alpha=alpha)

    def lerp_(self, x: Any, y: Any, w: Any) -> Any:
        """x = x + w (y - x)."""
        return x.lerp_(y, w)

    def addcmul_(self, x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        """x = x + value a b."""
        if isinstance(value, TensorBase):
            return x.addcmul_(a * value, self.kept(b))
        return x.addcmul_(self.kept(a), self.kept(b), value=value)

    def addcdiv_(self, x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        """x = x + value a / b."""
        if isinstance(value, TensorBase):
            return x.addcdiv_(self.kept(a) * value, self.kept(b))
        return x.addcdiv_(self.kept(a), self.kept(b), value=value)

    def maximum_(self, x: Any, y: Any) -> Any:
        """x = max(x, y)."""
        return x.copy_(RECORDED.maximum(self.kept(x), self.kept(y)))

    def copy_(self, x: Any, y: Any) -> Any:
        """x = y."""
        return x.copy_(y)

    def mul(self, x: Any, c: Any) -> Any:
        """c x, or x y."""
        return self.kept(x) * c

    def div(self, x: Any, y: Any) -> Any:
        """x / y; either may be a number."""
        return x / y

    def add(self, x: Any, y: Any, alpha: Any = 1) -> Any:
        """x + alpha y."""
        if isinstance(alpha, TensorBase):
            return x + self.kept(y) * alpha
        return x + y if alpha == 1 else x.add(y, alpha=alpha)

    def addcmul(self, x: Any, a: Any, b: Any, value: Any) -> Any:
        """x + value a b."""
        return x.addcmul(self.kept(a), self.kept(b), value=value)

    def lerp(self, x: Any, y: Any, w: Any) -> Any:
        """x + w (y - x)."""
        return x.lerp(y, w)

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return self.kept(x).sqrt()

    def abs(self, x: Any) -> Any:
        """Absolute value."""
        return x.abs()

    def sign(self, x: Any) -> Any:
        """-1, 0 or 1."""
        return x.sign()

    def clamp(self, x: Any, low: float, high: float) -> Any:
        """x within [low, high]."""
        return x.clamp(low, high)

    def choice(self, s: Any, positive: float, negative: float) -> Any:
        """Per element of a sign s: `positive`, `negative`, or 1 where it is 0."""
        return s.masked_fill(s.gt(0), positive).masked_fill(s.lt(0), negative).masked_fill(s.eq(0), 1)

    def unless_negative(self, x: Any, s: Any) -> Any:
        """x, 0 where s < 0."""
        return x.masked_fill(s.lt(0), 0)


class RecordedForms(TensorForms):
    """The arithmetic of a differentiable step: the next one overwrites state that this one's backward needs."""

    def kept(self, x: Any) -> Any:
        """x as an operand that may be saved: a copy, with its history."""
        return x.clone()

    def constant(self, x: Any) -> Any:
        """x without its history."""
        return x.detach()


class ArrayForms:
    """The arithmetic on flat arrays; temporaries come from memory that is used again for every block."""

    def __init__(self) -> None:
        self.memory: dict[Any, list[Any]] = {}
        self.buffers: list[Any] = []
        self.used = 0

    def open(self, like: Any) -> None:
        """Begin a block: all temporaries are free again."""
        self.buffers = self.memory.setdefault(like.dtype, [])
        self.used = 0

    def temporary(self, like: Any) -> Any:
        """Uninitialised memory of the block's length."""
        k = self.used
        self.used = k + 1
        if k == len(self.buffers):
            self.buffers.append(np.empty(BLOCK // like.dtype.itemsize, like.dtype))
        buffer = self.buffers[k]
        n = like.size
        return buffer if n == buffer.size else buffer[:n]

    def constant(self, x: Any) -> Any:
        """x."""
        return x

    def mul_(self, x: Any, c: Any) -> Any:
        """x = c x."""
        return _multiply(x, c, x)

    def add_(self, x: Any, y: Any, alpha: float = 1) -> Any:
        """x = x + alpha y."""
        return _add(x, y if alpha == 1 else _multiply(y, alpha, self.temporary(x)), x)

    def lerp_(self, x: Any, y: Any, w: float) -> Any:
        """x = x + w (y - x)."""
        return self.lerp(x, y, w, x)

    def addcmul_(self, x: Any, a: Any, b: Any, value: float = 1) -> Any:
        """x = x + value a b."""
        return self.addcmul(x, a, b, value, x)

    def addcdiv_(self, x: Any, a: Any, b: Any, value: float = 1) -> Any:
        """x = x + value a / b."""
        t = self.temporary(x)
        return _add(x, _divide(a if value == 1 else _multiply(a, value, t), b, t), x)

    def maximum_(self, x: Any, y: Any) -> Any:
        """x = max(x, y)."""
        return _maximum(x, y, out=x)

    def copy_(self, x: Any, y: Any) -> Any:
        """x = y."""
        _copyto(x, y)
        return x

    def mul(self, x: Any, c: Any) -> Any:
        """c x, or x y."""
        return _multiply(x, c, self.temporary(x))

    def div(self, x: Any, y: Any) -> Any:
        """x / y; x may be a number."""
        return _divide(x, y, self.temporary(y if x.__class__ is float else x))

    def add(self, x: Any, y: Any, alpha: float = 1) -> Any:
        """x + alpha y."""
        t = self.temporary(x)
        return _add(x, y if alpha == 1 else _multiply(y, alpha, t), t)

    def addcmul(self, x: Any, a: Any, b: Any, value: float, out: Any = None) -> Any:
        """x + value a b, into `out` if given."""
        t = self.temporary(x)
        return _add(x, _multiply(a if value == 1 else _multiply(a, value, t), b, t), t if out is None else out)

    def lerp(self, x: Any, y: Any, w: float, out: Any = None) -> Any:
        """x + w (y - x), into `out` if given."""
        t = self.temporary(x)
        _subtract(y, x, t)
        if w < 0.5:
            return _add(x, _multiply(t, w, t), t if out is None else out)
        return _subtract(y, _multiply(t, 1 - w, t), t if out is None else out)

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return _sqrt(x, self.temporary(x))

    def abs(self, x: Any) -> Any:
        """Absolute value."""
        return _absolute(x, self.temporary(x))

    def sign(self, x: Any) -> Any:
        """-1, 0 or 1."""
        return _sign(x, self.temporary(x))

    def clamp(self, x: Any, low: float, high: float) -> Any:
        """x within [low, high]."""
        t = self.temporary(x)
        return np.minimum(_maximum(x, low, out=t), high, out=t)

    def choice(self, s: Any, positive: float, negative: float) -> Any:
        """Per element of a sign s: `positive`, `negative`, or 1 where it is 0."""
        t = self.temporary(s)
        t.fill(1)
        _copyto(t, positive, where=s > 0)
        _copyto(t, negative, where=s < 0)
        return t

    def unless_negative(self, x: Any, s: Any) -> Any:
        """x, 0 where s < 0."""
        t = self.temporary(x)
        _copyto(t, x)
        _copyto(t, 0, where=s < 0)
        return t


TENSORS, RECORDED_STEP = TensorForms(), RecordedForms()
_thread = local()


def array_forms() -> ArrayForms:
    """ARRAYS of this thread: two optimizers may step at the same time."""
    forms = getattr(_thread, "forms", None)
    if forms is None:
        forms = _thread.forms = ArrayForms()
    return forms


Rule = Callable[..., None]


def update(
    rule: Rule,
    params: Sequence[Any],
    grads: Sequence[Any],
    states: Sequence[Sequence[Any]],
    coefficients: Sequence[tuple[Any, ...]],
    maximize: bool = False,
    differentiable: bool = False,
) -> None:
    """Apply `rule` to every parameter.

    states: one list per kind of state, aligned with params; an entry may be None.
    coefficients: per parameter what the rule takes after the state.
    A parameter goes through ArrayForms if nothing is recorded and it, its gradient and its state are plain
    contiguous arrays of one floating or complex dtype; else through tensors.  Complex values are pairs of reals.
    """
    fast = current() is OFF and not differentiable
    forms: Any = RECORDED_STEP if differentiable else TENSORS
    written: list[Any] = []
    arrays = array_forms()
    token = hush()
    try:
        for i, p in enumerate(params):
            state = [None if column is None else column[i] for column in states]
            flat = flat_arrays(p, grads[i], state) if fast else None
            if flat is not None:
                if maximize:
                    flat[1] = -flat[1]
                if p._array.size < fused.SMALLEST or not fused.step(rule, flat, coefficients[i], partial(blocks, rule)):
                    in_blocks(rule, arrays, flat, coefficients[i])
                written.append(p)
                written.extend([x for x in state if x is not None])
                continue
            g = -grads[i] if maximize else grads[i]
            rule(forms, *[as_real(x) for x in (p, g, *state)], *coefficients[i])
    finally:
        restore(token)
        if written:
            count_writes(written)


def flat_arrays(p: Any, g: Any, state: list[Any]) -> list[Any] | None:
    """Parameter, gradient and state as flat real arrays over the same memory; None if they have to go as tensors."""
    array = p._array
    dtype = array.dtype if array.__class__ is _ndarray else None
    if dtype not in PART or p._flags > 1 or not array.flags.c_contiguous:
        return None
    gradient = g._array
    if gradient.__class__ is not _ndarray or gradient.dtype != dtype or gradient.shape != array.shape or g._flags > 1:
        return None
    flat = [array.reshape(-1), gradient.reshape(-1)]
    for x in state:
        if x is None:
            flat.append(None)
            continue
        part = x._array
        if part.__class__ is not _ndarray or part.dtype != dtype or part.shape != array.shape:
            return None
        if x._flags > 1 or not part.flags.c_contiguous:
            return None
        flat.append(part.reshape(-1))
    part_type = PART[dtype]
    return flat if part_type is dtype else [None if x is None else x.view(part_type) for x in flat]


PART = {F32: F32, F64: F64, np.dtype(np.complex64): F32, np.dtype(np.complex128): F64}
"""Dtypes that the array path takes, with the dtype of their real parts."""


def in_blocks(rule: Rule, arrays: ArrayForms, flat: list[Any], coefficients: tuple[Any, ...]) -> None:
    """Apply an elementwise rule to flat arrays, a block at a time."""
    p = flat[0]
    step = BLOCK // p.itemsize
    if p.size <= step:
        arrays.open(p)
        rule(arrays, *flat, *coefficients)
        return
    for start in range(0, p.size, step):
        end = start + step
        arrays.open(p)
        rule(arrays, *[None if x is None else x[start:end] for x in flat], *coefficients)


def blocks(rule: Rule, flat: list[Any], coefficients: tuple[Any, ...]) -> None:
    """`in_blocks` with the memory of the thread that calls it."""
    in_blocks(rule, array_forms(), flat, coefficients)


def as_real(x: Any) -> Any:
    """Complex tensors as pairs of reals, others as they are."""
    return RECORDED.view_as_real(x) if x is not None and x._array.dtype.kind == "c" else x


def count_writes(tensors: list[Any]) -> None:
    """Count one in-place write into each tensor, all by the line that asked for the step."""
    first = tensors[0]
    count_write(first, 2)
    code, lasti = first._vc.code, first._vc.lasti
    for i, x in enumerate(tensors):
        counter = x._vc
        if counter is None:
            counter = x._vc = VersionCounter()
        if i:
            counter.n += 1
            counter.code, counter.lasti = code, lasti
        if counter.views:
            mark_views_stale(counter)
