# cython: annotation_typing=False
"""The flat path of operators, for the plain call.

`op.call` (see plans.py) is the function, the method and what recorded rules call.  Most calls have one
tensor, or two, of float32 or float64 on the CPU in the plain mode: those run through
`apply_one` and `apply_two`; everything else goes to `dispatch.apply`, which knows all cases.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.base import uncompiled as cython
from wengert.core.operators.record import FIRST, RESULT
from wengert.core.tape.core import (
    CARE,
    F32,
    F64,
    NR_SHIFT,
    Result,
    TensorBase,
    attach,
    new_node,
    numbered,
    to_array,
    wrap,
)
from wengert.core.tape.dispatch import apply
from wengert.core.tape.forms import INPUT_KEPT as _INPUT
from wengert.core.tape.forms import OTHER_KEPT as _OTHER
from wengert.core.tape.forms import RESULT_KEPT as _RESULT
from wengert.core.tape.forms import Form, class_of, led
from wengert.core.tape.hot import versions2
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.severals import several
from wengert.core.tape.views import DEFAULT, link_view, shares_memory

_ndarray = np.ndarray
BOOL, I64 = np.dtype(bool), np.dtype(np.int64)

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.arrays.small import floating as plain_floats
    from cython.cimports.wengert.core.tape.interpreter import mode_of

    cnp.import_array()

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

else:
    from wengert.core.tape.hot import plain_floats

    _mode_get = MODE.get


def apply_one(form: Form, args: tuple[Any, ...]) -> Any:
    """An operator whose only tensor is its first argument."""
    if not isinstance(args[0], TensorBase):
        return apply(form.op, args)
    x = args[0]
    a = x._array
    flags = x._flags
    mode = _mode_get()
    if flags & CARE or type(a) is not _ndarray or not plain_floats(a) or (mode is not PLAIN and mode is not OFF):
        return apply(form.op, args)
    try:
        r = form.compute(led(a, args))
    except Exception:
        return apply(form.op, args)
    if type(r) is not _ndarray:
        if type(r) is tuple or type(r) is list:
            return several(form, args, r, flags, mode)
        r = to_array(r)
    out = wrap(r)
    if flags and mode is PLAIN and form.differentiable and (r.dtype is a.dtype or r.dtype.kind in "fcV"):
        dtype = a.dtype
        node = new_node(form.node_class or class_of(form, args))
        node._inputs = (x._node,)
        node._saved = node._versions = None
        if form.elementwise and r.dtype is dtype and r.shape == a.shape:
            node._fit = None
        else:
            node._fit = ((0, a.shape, dtype),)
        node.args = led(None, args)
        node.shape = a.shape
        attach(node, out, 3)
        if flags > 1:
            numbered(node, (x,))
        keep_one(node, form, x, out)
    return out


def apply_view(form: Form, args: tuple[Any, ...]) -> Any:
    """An operator whose result is a view of its first argument, the only tensor."""
    if not isinstance(args[0], TensorBase):
        return apply(form.op, args)
    x = args[0]
    a = x._array
    flags = x._flags
    mode = _mode_get()
    if flags & CARE or type(a) is not _ndarray or (mode is not PLAIN and mode is not OFF):
        return apply(form.op, args)
    try:
        r = form.seen(a, args)
    except Exception:
        return apply(form.op, args)
    if type(r) is not _ndarray:
        if type(r) is tuple or type(r) is list:
            return several(form, args, r, flags, mode)
        return apply(form.op, args)
    return viewed(form, x, r, led(None, args), mode, 4)


def viewed(form: Form, x: Any, r: Any, args: tuple[Any, ...], mode: Any, depth: int) -> Any:
    """`r` as the tensor that the view operator makes of x (None in its place among `args`)."""
    out = wrap(r)
    if x._flags and mode is PLAIN and form.differentiable:
        node = new_node(form.node_class or class_of(form, args))
        node._inputs = (x._node,)
        node._saved = ()
        node._versions = node._fit = None
        node.args = args
        node.shape = x._array.shape
        attach(node, out, depth)
        if x._flags > 1:
            numbered(node, (x,))
    if shares_memory(out, x):
        link_view(out, x, form.op, args, 0, 0, mode, DEFAULT)
    return out


def keep_one(node: Any, form: Form, x: Any, out: Any) -> None:
    """Save what the rule of the only tensor mentions."""
    keeps = form.keeps
    if not keeps:
        node._saved = ()
    elif keeps == (_INPUT,):
        node._saved = (x,)
        if x._vc is not None and x._vc.n:
            node._versions = (x._vc.n,)
    elif keeps == (_RESULT,):
        node._saved = (Result(out),)
    else:
        node._saved = tuple([Result(out) if k == _RESULT else x for k in keeps])
        if x._vc is not None and x._vc.n:
            node._versions = tuple([0 if k == _RESULT else x._vc.n for k in keeps])


def apply_two(form: Form, args: tuple[Any, ...]) -> Any:
    """An elementwise operator of two tensors, its first two arguments."""
    if not isinstance(args[0], TensorBase):
        return apply_some(form, args)
    if not isinstance(args[1], TensorBase):
        return apply_some(form, args) if form.op.numbers == "none" else apply_number(form, args)
    x, y = args[0], args[1]
    a, b = x._array, y._array
    dtype = a.dtype
    flags = x._flags | y._flags
    mode = _mode_get()
    if (
        flags & CARE
        or dtype is not b.dtype
        or (dtype is not F32 and dtype is not F64)
        or type(a) is not _ndarray
        or type(b) is not _ndarray
        or (mode is not PLAIN and mode is not OFF)
    ):
        return apply(form.op, args)
    try:
        r = form.compute((a, b, *args[2:]))
    except Exception:
        return apply(form.op, args)
    if type(r) is not _ndarray:
        if type(r) is tuple or type(r) is list:
            return several(form, args, r, flags, mode)
        r = to_array(r)
    out = wrap(r)
    if flags and mode is PLAIN and form.differentiable and r.dtype.kind in "fcV":
        node = new_node(form.node_class or class_of(form, args))
        node._inputs = (x._node, y._node)
        node._saved = node._versions = None
        shape = r.shape
        node._fit = None if a.shape == shape and b.shape == shape and r.dtype is dtype else fit2_all(a, b)
        node.args = (None, None, *args[2:])
        node.shape = a.shape
        attach(node, out, 3)
        if flags > 1:
            numbered(node, (x, y))
        keep_two(node, form, x, y, out)
    return out


def apply_number(form: Form, args: tuple[Any, ...]) -> Any:
    """An elementwise operator of a tensor and a number."""
    x, c = args[0], args[1]
    a = x._array
    dtype = a.dtype
    flags = x._flags
    mode = _mode_get()
    if (
        (type(c) is not float and type(c) is not int)
        or flags & CARE
        or (dtype is not F32 and dtype is not F64)
        or type(a) is not _ndarray
        or (mode is not PLAIN and mode is not OFF)
    ):
        return apply(form.op, args)
    try:
        r = form.compute(led(a, args))
    except Exception:
        return apply(form.op, args)
    if type(r) is not _ndarray:
        if type(r) is tuple or type(r) is list:
            return several(form, args, r, flags, mode)
        r = to_array(r)
    out = wrap(r)
    if flags and mode is PLAIN and form.differentiable and r.dtype.kind in "fcV":
        node = new_node(form.node_class or class_of(form, args))
        node._inputs = (x._node, None)
        node._saved = node._versions = None
        node._fit = None if r.dtype is dtype else ((0, a.shape, dtype), (0, None, None))
        node.args = led(None, args)
        node.shape = a.shape
        attach(node, out, 4)
        if flags > 1:
            numbered(node, (x, None))
        keep_first(node, form, x, out)
    return out


def keep_first(node: Any, form: Form, x: Any, out: Any) -> None:
    """Save what the rule of the first tensor mentions (the second is a number)."""
    wanted = form.op.saves_for[0]
    keeps = form.keeps
    if not keeps:
        node._saved = ()
        return
    node._saved = tuple(
        [
            None if position not in wanted or k == _OTHER else Result(out) if k == _RESULT else x
            for k, position in zip(keeps, form.op.saves, strict=True)
        ]
    )
    if x._vc is not None and x._vc.n:
        node._versions = tuple([x._vc.n if k == _INPUT else 0 for k in keeps])


def fit2_all(a: Any, b: Any) -> Any:
    """Both gradients brought to their inputs' shape and dtype."""
    return ((0, a.shape, a.dtype), (0, b.shape, b.dtype))


def keep_two(node: Any, form: Form, x: Any, y: Any, out: Any) -> None:
    """Save what the rules of the wanted tensors mention."""
    keeps = form.keeps
    if not keeps:
        node._saved = ()
        return
    needs = form.op.saves_for
    if x._flags:
        wanted = needs[0] | needs[1] if y._flags else needs[0]
    else:
        wanted = needs[1]
    saved: list[Any] = []
    for k, position in zip(keeps, form.op.saves, strict=True):
        if position not in wanted:
            saved.append(None)
        elif k == _RESULT:
            saved.append(Result(out))
        else:
            saved.append(x if k == _INPUT else y)
    node._saved = tuple(saved)
    if x._vc is not None or y._vc is not None:
        vx, vy = versions2(x, y)
        if vx or vy:
            node._versions = tuple([0 if k == _RESULT else vx if k == _INPUT else vy for k in keeps])


def apply_some(form: Form, args: tuple[Any, ...]) -> Any:
    """An operator of several tensors, numbers and Nones, its floating tensors of one dtype."""
    op = form.op
    raw = list(args)
    flags, dtype = 0, None
    mixed, first = form.mixed, op.arrays[0]
    for i in op.arrays:
        value = args[i]
        if isinstance(value, TensorBase):
            x = value
            a = raw[i] = x._array
            flags |= x._flags
            dt = a.dtype
            if (dt is F32 or dt is F64) and (dtype is None or dtype is dt):
                dtype = dt
            elif not (mixed and (dt is I64 or dt is BOOL)):
                return apply(op, args)
            if type(a) is not _ndarray:
                return apply(op, args)
        elif value is not None and (
            not form.numbers
            or (type(value) is not float and type(value) is not int)
            or (i == first and op.numbers == "last")
        ):
            return apply(op, args)
    mode = _mode_get()
    if flags & CARE or dtype is None or (mode is not PLAIN and mode is not OFF):
        return apply(op, args)
    try:
        r = form.compute(tuple(raw))
    except Exception:
        return apply(op, args)
    if type(r) is not _ndarray:
        if type(r) is tuple or type(r) is list:
            return several(form, args, r, flags, mode)
        r = to_array(r)
    out = wrap(r)
    if flags and mode is PLAIN and form.differentiable:
        dt = r.dtype
        if dt is F32 or dt is F64 or dt.kind in "fc":
            record_some(form, args, out)
    return out


def record_some(form: Form, args: tuple[Any, ...], out: Any) -> None:
    """The node of `apply_some`."""
    op, r = form.op, out._array
    node = new_node(form.node_class or class_of(form, args))
    shape, dtype = r.shape, r.dtype
    inputs, fit, kept, plain = [], [], list(args), form.elementwise
    node.shape = None
    for i in op.arrays:
        value = args[i]
        if isinstance(value, TensorBase):
            x = value
            a = x._array
            if i == op.arrays[0]:
                node.shape = a.shape
            kept[i] = None
            inputs.append(x._node)
            same = form.elementwise and a.dtype is dtype and a.shape == shape
            nr = x._flags >> NR_SHIFT
            plain = plain and same and not nr
            fit.append((nr, None if same else a.shape, a.dtype))
        else:
            inputs.append(None)
            fit.append((0, None, None))
    node._inputs = tuple(inputs)
    node._fit = None if plain else tuple(fit)
    node.args = tuple(kept)
    attach(node, out, 4)
    keep_some(node, form, args, out)


def keep_some(node: Any, form: Form, args: tuple[Any, ...], out: Any) -> None:
    """Save what the rules of the wanted tensors mention."""
    saved: list[Any] = []
    versions: list[int] = []
    dirty = False
    op, inputs = form.op, node._inputs
    for position in op.saves:
        wanted = False
        for k, needs in enumerate(op.saves_for):
            if inputs[k] is not None and position in needs:
                wanted = True
                break
        version = 0
        value = None
        if not wanted:
            pass
        elif position == RESULT:
            value = Result(out)
        else:
            value = args[position - FIRST]
            if not isinstance(value, TensorBase):
                value = None
            else:
                x = value
                if x._vc is not None and x._vc.n:
                    version = x._vc.n
                    dirty = True
        saved.append(value)
        versions.append(version)
    node._saved = tuple(saved)
    node._versions = tuple(versions) if dirty else None
