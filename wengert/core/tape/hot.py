"""The hottest operators, each laid out flat for one or two float32/float64 arrays of equal dtype.

Whatever else comes (numbers apart) goes to GENERAL, the path of every operator.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import (
    F32,
    F64,
    GENERAL,
    SPECIAL,
    Result,
    TensorBase,
    VersionCounter,
    attach,
    count_write,
    to_array,
    wrap,
)
from wengert.core.tape.hot_nodes import (
    AddBackward0,
    AddNumber,
    DivBackward0,
    DivNumber,
    ExpBackward0,
    LinearBias,
    MeanBackward0,
    MmBackward0,
    MulBackward0,
    MulNumber,
    NegBackward0,
    PowBackward0,
    ReluBackward0,
    SubBackward0,
    SubNumber,
    SumBackward0,
    TanhBackward0,
)
from wengert.core.tape.modes import MODE, OFF, PLAIN

Tensor: Any = TensorBase
_new = object.__new__
_ndarray = np.ndarray
_asarray = np.asarray
_generic = np.generic
_mode_get = MODE.get
_multiply, _add, _subtract, _divide, _negative = np.multiply, np.add, np.subtract, np.true_divide, np.negative
_dot, _tanh, _exp, _sum = np.dot, np.tanh, np.exp, np.add.reduce
_NONE2 = (None, None)


def install_tensor(cls: type) -> None:
    """Make `cls` the class of the tensors that hot operators return."""
    global Tensor
    Tensor = cls


def versions2(a: Any, b: Any) -> Any:
    """Versions of two saved tensors, None if both are zero."""
    va, vb = a._vc, b._vc
    return ((0 if va is None else va.n), (0 if vb is None else vb.n))


def fit2(x: Any, y: Any, shape: Any) -> Any:
    """What broadcasting asks of the two gradients."""
    return (
        (0, None if x.shape == shape else x.shape, x.dtype),
        (0, None if y.shape == shape else y.shape, y.dtype),
    )


def number_kind(c: Any) -> bool:
    """A Python float or int that a floating array takes without changing its dtype."""
    cls = c.__class__
    return cls is float or cls is int


_OPERANDS = (TensorBase, bool, int, float, complex, _generic)


def foreign(general: Any, a: Any, b: Any) -> Any:
    """A tensor and whatever stands right of it; NotImplemented, as Python wants it, for what is no number."""
    if b.__class__ is _ndarray:
        b = wrap(b)
    elif not isinstance(b, _OPERANDS):
        return NotImplemented
    return general(a, b)


def mul(a: Any, b: Any) -> Any:
    """a * b (methods `*` and `mul` of tensors)."""
    if b.__class__ is not Tensor and not isinstance(b, TensorBase):
        return mul_number(a, b)
    x, y = a._array, b._array
    dtype = x.dtype
    flags = a._flags | b._flags
    if dtype is not y.dtype or (dtype is not F32 and dtype is not F64) or flags > 1:
        return GENERAL.mul(a, b)
    mode = _mode_get()
    if mode is not PLAIN:
        if mode is not OFF:
            return GENERAL.mul(a, b)
        flags = 0
    try:
        r = _multiply(x, y)
    except Exception:
        return GENERAL.mul(a, b)
    if r.__class__ is not _ndarray:
        r = to_array(r)
    out = _new(Tensor)
    out._array = r
    out._vc = None
    out._extra = None
    if flags:
        node = _new(MulBackward0)
        node.inputs = (a._node, b._node)
        node.saved = (a if b._flags else None, b if a._flags else None)
        node.versions = None if a._vc is None and b._vc is None else versions2(a, b)
        shape = r.shape
        node.fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
    else:
        out._flags = 0
        out._node = None
    return out


def mul_number(a: Any, c: Any) -> Any:
    """a * number."""
    x = a._array
    dtype = x.dtype
    flags = a._flags
    if (
        (c.__class__ is not float and c.__class__ is not int)
        or (dtype is not F32 and dtype is not F64)
        or flags > 1
        or ((mode := _mode_get()) is not PLAIN and mode is not OFF)
    ):
        return foreign(GENERAL.mul, a, c)
    try:
        r = _multiply(x, c)
    except Exception:
        return GENERAL.mul(a, c)
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        number_node(_new(MulNumber), out, a, (None, c), _NONE2)
    return out


def number_node(node: Any, out: Any, a: Any, args: Any, saved: Any, depth: int = 4) -> None:
    """Fill in the node of an operator between a tensor and a number."""
    node.inputs = (a._node,)
    node.saved = saved
    node.versions = None
    node.fit = None
    node.args = args
    node.shape = a._array.shape
    attach(node, out, depth)


def add(a: Any, b: Any) -> Any:
    """a + b."""
    if b.__class__ is not Tensor and not isinstance(b, TensorBase):
        return add_number(a, b, False)
    x, y = a._array, b._array
    dtype = x.dtype
    flags = a._flags | b._flags
    if dtype is not y.dtype or (dtype is not F32 and dtype is not F64) or flags > 1:
        return GENERAL.add(a, b)
    mode = _mode_get()
    if mode is not PLAIN:
        if mode is not OFF:
            return GENERAL.add(a, b)
        flags = 0
    try:
        r = _add(x, y)
    except Exception:
        return GENERAL.add(a, b)
    if r.__class__ is not _ndarray:
        r = to_array(r)
    out = _new(Tensor)
    out._array = r
    out._vc = None
    out._extra = None
    if flags:
        node = _new(AddBackward0)
        node.inputs = (a._node, b._node)
        node.saved = ()
        node.versions = None
        shape = r.shape
        node.fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
    else:
        out._flags = 0
        out._node = None
    return out


def add_number(a: Any, c: Any, subtract: bool) -> Any:
    """a + number, or a - number."""
    x = a._array
    dtype = x.dtype
    flags = a._flags
    if (
        (c.__class__ is not float and c.__class__ is not int)
        or (dtype is not F32 and dtype is not F64)
        or flags > 1
        or ((mode := _mode_get()) is not PLAIN and mode is not OFF)
    ):
        return foreign(GENERAL.sub if subtract else GENERAL.add, a, c)
    try:
        r = _subtract(x, c) if subtract else _add(x, c)
    except Exception:
        return GENERAL.sub(a, c) if subtract else GENERAL.add(a, c)
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        number_node(_new(SubNumber if subtract else AddNumber), out, a, (None, c, 1), ())
    return out


def sub(a: Any, b: Any) -> Any:
    """a - b."""
    if b.__class__ is not Tensor and not isinstance(b, TensorBase):
        return add_number(a, b, True)
    x, y = a._array, b._array
    dtype = x.dtype
    flags = a._flags | b._flags
    if dtype is not y.dtype or (dtype is not F32 and dtype is not F64) or flags > 1:
        return GENERAL.sub(a, b)
    mode = _mode_get()
    if mode is not PLAIN:
        if mode is not OFF:
            return GENERAL.sub(a, b)
        flags = 0
    try:
        r = _subtract(x, y)
    except Exception:
        return GENERAL.sub(a, b)
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags:
        node = _new(SubBackward0)
        node.inputs = (a._node, b._node)
        node.saved = ()
        node.versions = None
        shape = r.shape
        node.fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
    return out


def div(a: Any, b: Any) -> Any:
    """a / b."""
    number = b.__class__ is float or b.__class__ is int
    if not number and not isinstance(b, TensorBase):
        return foreign(GENERAL.div, a, b)
    x = a._array
    y = b if number else b._array
    dtype = x.dtype
    flags = a._flags if number else a._flags | b._flags
    if (not number and dtype is not y.dtype) or (dtype is not F32 and dtype is not F64) or flags > 1:
        return GENERAL.div(a, b)
    mode = _mode_get()
    if mode is not PLAIN:
        if mode is not OFF:
            return GENERAL.div(a, b)
        flags = 0
    try:
        r = _divide(x, y)
    except Exception:
        return GENERAL.div(a, b)
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags:
        if number:
            number_node(_new(DivNumber), out, a, (None, b, None), _NONE2, 3)
            return out
        node = _new(DivBackward0)
        node.inputs = (a._node, b._node)
        node.saved = (a if b._flags else None, b)
        node.versions = None if a._vc is None and b._vc is None else versions2(a, b)
        shape = r.shape
        node.fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
    return out


def mm(a: Any, b: Any) -> Any:
    """Product of two matrices."""
    if b.__class__ is not Tensor and not isinstance(b, TensorBase):
        return GENERAL.mm(a, b)
    x, y = a._array, b._array
    dtype = x.dtype
    flags = a._flags | b._flags
    if (
        dtype is not y.dtype
        or (dtype is not F32 and dtype is not F64)
        or flags > 1
        or x.ndim != 2
        or y.ndim != 2
        or ((mode := _mode_get()) is not PLAIN and mode is not OFF)
    ):
        return GENERAL.mm(a, b)
    try:
        r = _dot(x, y)
    except Exception:
        return GENERAL.mm(a, b)
    out = wrap(r)
    if flags and mode is PLAIN:
        node = _new(MmBackward0)
        node.inputs = (a._node, b._node)
        node.saved = (a if b._flags else None, b if a._flags else None)
        node.versions = None if a._vc is None and b._vc is None else versions2(a, b)
        node.fit = None
        attach(node, out, 2)
    return out


def linear_bias(a: Any, w: Any, b: Any) -> Any:
    """a @ w.T + b for matrices and a vector."""
    if not (isinstance(a, TensorBase) and isinstance(w, TensorBase) and isinstance(b, TensorBase)):
        return GENERAL.linear_bias(a, w, b)
    x, y, z = a._array, w._array, b._array
    dtype = x.dtype
    flags = a._flags | w._flags | b._flags
    if (
        dtype is not y.dtype
        or dtype is not z.dtype
        or (dtype is not F32 and dtype is not F64)
        or flags > 1
        or x.ndim != 2
        or y.ndim != 2
        or z.ndim != 1
        or y.shape[0] != z.shape[0]
        or ((mode := _mode_get()) is not PLAIN and mode is not OFF)
    ):
        return GENERAL.linear_bias(a, w, b)
    try:
        r = _dot(x, y.T)
        r += z
    except Exception:
        return GENERAL.linear_bias(a, w, b)
    out = wrap(r)
    if flags and mode is PLAIN:
        node = _new(LinearBias)
        node.inputs = (a._node, w._node, b._node)
        node.saved = (a if w._flags else None, w if a._flags else None)
        node.versions = None if a._vc is None and w._vc is None else versions2(a, w)
        node.fit = None
        attach(node, out, 4)
    return out


def matmul(a: Any, b: Any) -> Any:
    """a @ b: matrices here, every other case in the general operator."""
    if isinstance(b, TensorBase) and a._array.ndim == 2 and b._array.ndim == 2:
        return mm(a, b)
    return foreign(GENERAL.matmul, a, b) if isinstance(b, (TensorBase, _ndarray)) else NotImplemented


def unary(a: Any, function: Any, node_class: Any) -> Any:
    """A one-tensor operator whose rule needs its own result; None: not for the fast path."""
    x = a._array
    flags = a._flags
    if (x.dtype is not F32 and x.dtype is not F64) or flags > 1:
        return None
    mode = _mode_get()
    if mode is not PLAIN:
        if mode is not OFF:
            return None
        flags = 0
    try:
        r = function(x)
    except Exception:
        return None
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags:
        node = _new(node_class)
        node.inputs = (a._node,)
        node.versions = None
        node.fit = None
        attach(node, out, 3)
        node.saved = (Result(out),)
    return out


def tanh(a: Any) -> Any:
    """tanh a."""
    out = unary(a, _tanh, TanhBackward0)
    return GENERAL.tanh(a) if out is None else out


def exp(a: Any) -> Any:
    """e^a."""
    out = unary(a, _exp, ExpBackward0)
    return GENERAL.exp(a) if out is None else out


def _relu(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0))


def relu(a: Any) -> Any:
    """max(a, 0)."""
    out = unary(a, _relu, ReluBackward0)
    return GENERAL.relu(a) if out is None else out


def neg(a: Any) -> Any:
    """-a."""
    x = a._array
    flags = a._flags
    if (
        (x.dtype is not F32 and x.dtype is not F64)
        or flags > 1
        or ((mode := _mode_get()) is not PLAIN and mode is not OFF)
    ):
        return GENERAL.neg(a)
    r = _negative(x)
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        node = _new(NegBackward0)
        node.inputs = (a._node,)
        node.saved = ()
        node.versions = node.fit = None
        attach(node, out, 2)
    return out


def total(a: Any, mean: bool) -> Any:
    """Sum or mean of all elements; None: not for the fast path."""
    x = a._array
    flags = a._flags
    if (
        x.__class__ is not _ndarray
        or (x.dtype is not F32 and x.dtype is not F64)
        or flags > 1
        or ((mode := _mode_get()) is not PLAIN and mode is not OFF)
    ):
        return None
    r = _sum(x, None)
    if mean:
        size = x.size
        r = r / size if size else r * np.nan
    out = wrap(_asarray(r))
    if flags and mode is PLAIN:
        node = _new(MeanBackward0 if mean else SumBackward0)
        node.inputs = (a._node,)
        node.saved = ()
        node.versions = node.fit = None
        node.args = (None, None, False, None)
        node.shape = x.shape
        attach(node, out, 3)
    return out


def pow(a: Any, c: Any) -> Any:
    """a ** number."""
    if c.__class__ is not int and c.__class__ is not float or not isinstance(a, TensorBase):
        return foreign(GENERAL.pow, a, c)
    x = a._array
    dtype = x.dtype
    flags = a._flags
    if (dtype is not F32 and dtype is not F64) or flags > 1 or ((mode := _mode_get()) is not PLAIN and mode is not OFF):
        return GENERAL.pow(a, c)
    try:
        r = _multiply(x, x) if c == 2 else x**c
    except Exception:
        return GENERAL.pow(a, c)
    out = wrap(r if r.__class__ is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        number_node(_new(PowBackward0), out, a, (None, c), (None, a, None), 3)
        if a._vc is not None and a._vc.n:
            out._node.versions = (0, a._vc.n, 0)
    return out


def needs_care(x: Any) -> bool:
    """Whether x lies on expanded memory or is a view of a tensor with history that is being recorded."""
    view = x._extra.view
    return 0 in x._array.strides or (view is not None and view.base._flags != 0 and _mode_get() is not OFF)


def write2(x: Any, other: Any, ufunc: Any, depth: int) -> bool:
    """x = ufunc(x, other) in x's memory where nothing is recorded; False: not for the fast path."""
    a = x._array
    dtype = a.dtype
    flags = x._flags
    if other.__class__ is float or other.__class__ is int:
        b = other
    elif isinstance(other, TensorBase):
        b = other._array
        flags |= other._flags
        if b.dtype is not dtype or b.__class__ is not _ndarray:
            return False
    else:
        return False
    if (
        (dtype is not F32 and dtype is not F64)
        or a.__class__ is not _ndarray
        or (x._extra is not None and needs_care(x))
        or flags > 1
        or (flags and _mode_get() is not OFF)
    ):
        return False
    try:
        ufunc(a, b, out=a)
    except Exception:
        return False
    vc = x._vc
    if vc is not None and vc.views:
        mark_stale(vc)
    count_write(x, depth)
    return True


def fill_memory(x: Any, value: Any, depth: int) -> bool:
    """x[...] = number where nothing is recorded; False: not for the fast path."""
    a = x._array
    if (
        (a.dtype is not F32 and a.dtype is not F64)
        or a.__class__ is not _ndarray
        or x._flags > 1
        or (x._flags and _mode_get() is not OFF)
        or (x._extra is not None and needs_care(x))
    ):
        return False
    a.fill(value)
    vc = x._vc
    if vc is not None and vc.views:
        mark_stale(vc)
    count_write(x, depth)
    return True


def mark_stale(vc: VersionCounter) -> None:
    """Every live view of rewritten memory must look at its base again."""
    for ref in vc.views or ():
        view = ref()
        if view is not None:
            view._flags |= SPECIAL
