# cython: annotation_typing=False
"""The flat path of operators with a list of tensors, or with several results; see `calls.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import CARE, F32, F64, NR_SHIFT, TensorBase, attach, new_node, to_array, wrap
from wengert.core.tape.dispatch import apply, save
from wengert.core.tape.forms import Form, class_of, led
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.views import register_views

_ndarray = np.ndarray

if cython.compiled:
    from cython.cimports.wengert.core.tape.interpreter import mode_of

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

else:
    _mode_get = MODE.get


def apply_many(form: Form, args: tuple[Any, ...]) -> Any:
    """An operator whose first argument is a list of tensors, of one floating dtype, and whose rule saves nothing."""
    tensors = args[0]
    mode = _mode_get()
    if (type(tensors) is not list and type(tensors) is not tuple) or (mode is not PLAIN and mode is not OFF):
        return apply(form.op, args)
    arrays: list[Any] = []
    flags, dtype = 0, None
    for value in tensors:
        if not isinstance(value, TensorBase):
            return apply(form.op, args)
        x = value
        a = x._array
        flags |= x._flags
        dt = a.dtype
        if dtype is None and (dt is F32 or dt is F64):
            dtype = dt
        if dt is not dtype or type(a) is not _ndarray:
            return apply(form.op, args)
        arrays.append(a)
    if flags & CARE or dtype is None:
        return apply(form.op, args)
    try:
        r = form.compute(led(arrays, args))
    except Exception:
        return apply(form.op, args)
    if type(r) is not _ndarray:
        return apply(form.op, args)
    out = wrap(r)
    if flags and mode is PLAIN and form.differentiable:
        node = new_node(form.node_class or class_of(form, args))
        inputs: list[Any] = []
        fit: list[Any] = []
        shapes: list[Any] = []
        for value in tensors:
            x = value
            shape = x._array.shape
            inputs.append(x._node)
            fit.append((x._flags >> NR_SHIFT, shape, dtype))
            shapes.append(shape)
        node._inputs, node._fit, node._saved = tuple(inputs), tuple(fit), ()
        node._versions = None
        node.args = led(None, args)
        node.shape = shapes
        attach(node, out, 3)
    return out


def several(form: Form, args: tuple[Any, ...], results: Any, flags: Any, mode: Any) -> Any:
    """Several results as tensors: recorded, known as views."""
    outs: list[Any] = []
    for r in results:
        outs.append(wrap(r if type(r) is _ndarray else to_array(r)))
    found = tuple(outs)
    if flags and mode is PLAIN and form.differentiable:
        record_outputs(form, args, found)
    if form.view:
        register_views(outs, args[0], form.op, args, mode)
    return found


def record_outputs(form: Form, args: tuple[Any, ...], outs: tuple[Any, ...]) -> None:
    """The node of several results."""
    op = form.op
    metas: list[Any] = []
    holder = None
    for value in outs:
        out = value
        dt = out._array.dtype
        if dt is F32 or dt is F64 or dt.kind in "fcV":
            metas.append((out._array.shape, dt))
            holder = out
        else:
            metas.append(None)
    if holder is None:
        return
    node = new_node(form.node_class or class_of(form, args, True))
    inputs: list[Any] = []
    fit: list[Any] = []
    kept = list(args)
    node.shape = None
    for i in op.arrays:
        value = args[i]
        if not isinstance(value, TensorBase):
            inputs.append(None)
            fit.append((0, None, None))
            continue
        x = value
        if i == op.arrays[0]:
            node.shape = x._array.shape
        kept[i] = None
        inputs.append(x._node)
        fit.append((x._flags >> NR_SHIFT, x._array.shape, x._array.dtype))
    node._inputs, node._fit = tuple(inputs), tuple(fit)
    node.args, node.metas = tuple(kept), tuple(metas)
    attach(node, holder, 5)
    node._outputs = len(outs)
    for nr, value in enumerate(outs):
        if metas[nr] is not None:
            out = value
            out._node, out._flags = node, 1 | nr << NR_SHIFT
    save(node, op, args, outs)
