# cython: annotation_typing=False
"""Update rules on flat arrays of the CPU, a block at a time: the way of most optimizer steps.

`update` applies a rule (arithmetic.py) to every parameter: plain contiguous ones go through `ArrayForms`, or a kernel
made of the rule (fused.py), all others through tensors.  Uncompiled, an operation is one or two NumPy calls; compiled,
on float32 and float64, it is one loop.  Both round alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import local
from typing import Any

import numpy as np

from wengert.core.arrays.quiet import hush, restore
from wengert.core.arrays.windows import reshaped
from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import F32, F64, RECORDED, VersionCounter, count_write
from wengert.core.tape.modes import OFF, current
from wengert.core.tape.views import mark_views_stale
from wengert.optim import fused
from wengert.optim.arithmetic import RECORDED_STEP, TENSORS

__all__ = ["ArrayForms", "update"]

BLOCK = 131072
"""Bytes of each array that a rule works on at a time: all it touches stays in a second-level cache of 1 MB."""

FEW = 1024
"""Up to so many elements a temporary has memory of its own length, kept for the next parameter of that length."""

_ndarray = np.ndarray
_add, _subtract, _multiply, _divide = np.add, np.subtract, np.multiply, np.true_divide
_sqrt, _maximum, _absolute, _sign, _copyto = np.sqrt, np.maximum, np.absolute, np.sign, np.copyto
_FLAT = (-1,)

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.optim.blocks import divided, lerped, multiplied, quotient, root, summed

    cnp.import_array()

Rule = Callable[..., None]


@cython.cclass
class ArrayForms:
    """The arithmetic on flat arrays; temporaries come from memory that is used again for every block."""

    __slots__ = ("memory", "buffers", "used", "length")

    def __init__(self) -> None:
        self.memory: dict[Any, list[Any]] = {}
        self.buffers: list[Any] = []
        self.used = self.length = 0

    def open(self, like: Any) -> None:
        """Begin a block: all temporaries are free again."""
        dtype, n = like.dtype, like.size
        few = n <= FEW
        self.length = n if few else BLOCK // dtype.itemsize
        key = (dtype, n) if few else dtype
        buffers = self.memory.get(key)
        if buffers is None:
            buffers = self.memory[key] = []
        self.buffers = buffers
        self.used = 0

    def temporary(self, like: Any) -> Any:
        """Uninitialised memory of the block's length."""
        k = self.used
        n = like.size
        self.used = k + 1
        if k == len(self.buffers):
            self.buffers.append(np.empty(self.length, like.dtype))
        buffer = self.buffers[k]
        return buffer if n == buffer.size else buffer[:n]

    def constant(self, x: Any) -> Any:
        """x."""
        return x

    def mul_(self, x: Any, c: Any) -> Any:
        """x = c x."""
        if cython.compiled and multiplied(x, x, c):
            return x
        return _multiply(x, c, x)

    def add_(self, x: Any, y: Any, alpha: Any = 1) -> Any:
        """x = x + alpha y."""
        if cython.compiled and summed(x, x, y, None, alpha):
            return x
        return _add(x, y if alpha == 1 else _multiply(y, alpha, self.temporary(x)), x)

    def lerp_(self, x: Any, y: Any, w: Any) -> Any:
        """x = x + w (y - x)."""
        return self.lerp(x, y, w, x)

    def addcmul_(self, x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        """x = x + value a b."""
        return self.addcmul(x, a, b, value, x)

    def addcdiv_(self, x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        """x = x + value a / b."""
        if cython.compiled and divided(x, x, a, b, value):
            return x
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
        t = self.temporary(x)
        if cython.compiled and multiplied(t, x, c):
            return t
        return _multiply(x, c, t)

    def div(self, x: Any, y: Any) -> Any:
        """x / y; x may be a number."""
        t = self.temporary(y if x.__class__ is float else x)
        if cython.compiled and quotient(t, x, y):
            return t
        return _divide(x, y, t)

    def add(self, x: Any, y: Any, alpha: Any = 1) -> Any:
        """x + alpha y."""
        t = self.temporary(x)
        if cython.compiled and summed(t, x, y, None, alpha):
            return t
        return _add(x, y if alpha == 1 else _multiply(y, alpha, t), t)

    def addcmul(self, x: Any, a: Any, b: Any, value: Any, out: Any = None) -> Any:
        """x + value a b, into `out` if given."""
        t = self.temporary(x) if out is None or not cython.compiled else out
        if cython.compiled and summed(t, x, a, b, value):
            return t
        t = t if t is not out else self.temporary(x)
        return _add(x, _multiply(a if value == 1 else _multiply(a, value, t), b, t), t if out is None else out)

    def lerp(self, x: Any, y: Any, w: Any, out: Any = None) -> Any:
        """x + w (y - x), into `out` if given."""
        if cython.compiled and out is not None and lerped(out, x, y, w):
            return out
        t = self.temporary(x)
        _subtract(y, x, t)
        if w < 0.5:
            return _add(x, _multiply(t, w, t), t if out is None else out)
        return _subtract(y, _multiply(t, 1 - w, t), t if out is None else out)

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        t = self.temporary(x)
        if cython.compiled and root(t, x):
            return t
        return _sqrt(x, t)

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


_thread = local()


def array_forms() -> ArrayForms:
    """ARRAYS of this thread: two optimizers may step at the same time."""
    forms = getattr(_thread, "forms", None)
    if forms is None:
        forms = _thread.forms = ArrayForms()
    return forms


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


def flattened(array: Any) -> Any:
    """A contiguous array without its dims."""
    found = reshaped(array, _FLAT)
    return array.reshape(-1) if found is None else found


def flat_arrays(p: Any, g: Any, state: list[Any]) -> list[Any] | None:
    """Parameter, gradient and state as flat real arrays over the same memory; None if they have to go as tensors."""
    return flat_parts(p, g, state)


def flat_parts(p: Any, g: Any, state: list[Any]) -> list[Any] | None:
    """`flat_arrays`, by C calls where the core is compiled."""
    array = p._array
    dtype = array.dtype if array.__class__ is _ndarray else None
    if dtype not in PART or p._flags > 1 or not array.flags.c_contiguous:
        return None
    gradient = g._array
    if gradient.__class__ is not _ndarray or gradient.dtype != dtype or gradient.shape != array.shape or g._flags > 1:
        return None
    flat = [flattened(array), flattened(gradient)]
    for value in state:
        if value is None:
            flat.append(None)
            continue
        x = value
        part = x._array
        if part.__class__ is not _ndarray or part.dtype != dtype or part.shape != array.shape:
            return None
        if x._flags > 1 or not part.flags.c_contiguous:
            return None
        flat.append(flattened(part))
    part_type = PART[dtype]
    return flat if part_type is dtype else [None if a is None else a.view(part_type) for a in flat]


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
