# cython: annotation_typing=False, c_api_binop_methods=True
"""The hottest operators, each laid out flat for one or two float32/float64 arrays of equal dtype.

Whatever else comes (numbers apart) goes to GENERAL, the path of every operator.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.powers import powered
from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import (
    CARE,
    F32,
    F64,
    GENERAL,
    SPECIAL,
    Result,
    TensorBase,
    VersionCounter,
    attach,
    count_write,
    new_node,
    numbered,
    to_array,
    wrap,
)
from wengert.core.tape.hot_nodes import (
    AddBackward0,
    AddmmBackward0,
    DivBackward0,
    ExpBackward0,
    MeanBackward0,
    MmBackward0,
    MulBackward0,
    NegBackward0,
    PowBackward0,
    ReluBackward0,
    SubBackward0,
    SumBackward0,
    TanhBackward0,
)
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.views import view_info

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.arrays.small import add as _add
    from cython.cimports.wengert.core.arrays.small import (
        dims_of,
        length_of,
        same_floats,
        same_shape,
        square,
        write,
    )
    from cython.cimports.wengert.core.arrays.small import divide as _divide
    from cython.cimports.wengert.core.arrays.small import dot as _dot
    from cython.cimports.wengert.core.arrays.small import dot_bias as _dot_bias
    from cython.cimports.wengert.core.arrays.small import floating as plain_floats
    from cython.cimports.wengert.core.arrays.small import multiply as _multiply
    from cython.cimports.wengert.core.arrays.small import negative as _negative
    from cython.cimports.wengert.core.arrays.small import relu as _relu
    from cython.cimports.wengert.core.arrays.small import subtract as _subtract
    from cython.cimports.wengert.core.arrays.small import total as _total
    from cython.cimports.wengert.core.tape.interpreter import adopt, made, mode_of

    cnp.import_array()

    @cython.cfunc
    @cython.inline
    def _new(cls: object) -> object:
        return made(TensorBase, cls)

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

else:
    from wengert.core.arrays.small import add as _add
    from wengert.core.arrays.small import divide as _divide
    from wengert.core.arrays.small import dot as _dot
    from wengert.core.arrays.small import dot_bias as _dot_bias
    from wengert.core.arrays.small import multiply as _multiply
    from wengert.core.arrays.small import negative as _negative
    from wengert.core.arrays.small import relu as _relu
    from wengert.core.arrays.small import square, write
    from wengert.core.arrays.small import subtract as _subtract
    from wengert.core.arrays.small import total as _total

    _new = TensorBase.__new__
    _mode_get = MODE.get

_kind: Any = TensorBase
_ndarray = np.ndarray
_asarray = np.asarray
_generic = np.generic
_tanh, _exp = np.tanh, np.exp
ADD, SUBTRACT, MULTIPLY, DIVIDE = 0, 1, 2, 3
"""Numbers of in-place writes, see `small.write`."""
_NONE2, _NONE3, _ONE = (None, None), (None, None, None), (None, None, 1)


def install_tensor(cls: type) -> None:
    """Make `cls` the class of the tensors that hot operators return."""
    global _kind
    _kind = cls
    if cython.compiled:
        adopt(cls, Operators)


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
    if type(b) is _ndarray:
        b = wrap(b)
    elif not isinstance(b, _OPERANDS):
        return NotImplemented
    return general(a, b)


if not cython.compiled:

    def plain_floats(x: Any) -> bool:
        """Whether an array is one of float32 or float64 on the CPU."""
        dtype = x.dtype
        return dtype is F32 or dtype is F64


def mul(a: Any, other: Any) -> Any:
    """a * b (methods `*` and `mul` of tensors)."""
    if type(other) is not _kind and not isinstance(other, TensorBase):
        return mul_number(a, other)
    b = other
    x, y = a._array, b._array
    flags = a._flags | b._flags
    if cython.compiled:
        if flags & CARE or not same_floats(x, y):
            return GENERAL.mul(a, b)
    else:
        dtype = x.dtype
        if dtype is not y.dtype or (dtype is not F32 and dtype is not F64) or flags & CARE:
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
    if not cython.compiled and type(r) is not _ndarray:
        r = to_array(r)
    out = _new(_kind)
    out._array = r
    out._vc = None
    out._extra = None
    if flags:
        node = new_node(MulBackward0)
        node.args = _NONE2
        node._inputs = (a._node, b._node)
        node._saved = (a if b._flags else None, b if a._flags else None)
        node._versions = None if a._vc is None and b._vc is None else versions2(a, b)
        if cython.compiled:
            node._fit = None if same_shape(x, r) and same_shape(y, r) else fit2(x, y, r.shape)
        else:
            shape = r.shape
            node._fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a, b))
    else:
        out._flags = 0
        out._node = None
    return out


def mul_number(a: Any, c: Any) -> Any:
    """a * number."""
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if (
        (type(c) is not float and type(c) is not int)
        or flags & CARE
        or not plain_floats(x)
        or (mode is not PLAIN and mode is not OFF)
    ):
        return foreign(GENERAL.mul, a, c)
    try:
        r = _multiply(x, c)
    except Exception:
        return GENERAL.mul(a, c)
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        number_node(new_node(MulBackward0), out, a, (None, c), _NONE2)
    return out


def number_node(node: Any, out: Any, a: Any, args: Any, saved: Any, depth: int = 4) -> None:
    """Fill in the node of an operator between a tensor and a number."""
    node._inputs = (a._node,)
    node._saved = saved
    node._versions = None
    node._fit = None
    node.args = args
    attach(node, out, depth)
    if a._flags > 1:
        numbered(node, (a,))


def add(a: Any, other: Any) -> Any:
    """a + b."""
    if type(other) is not _kind and not isinstance(other, TensorBase):
        return add_number(a, other, False)
    b = other
    x, y = a._array, b._array
    flags = a._flags | b._flags
    if cython.compiled:
        if flags & CARE or not same_floats(x, y):
            return GENERAL.add(a, b)
    else:
        dtype = x.dtype
        if dtype is not y.dtype or (dtype is not F32 and dtype is not F64) or flags & CARE:
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
    if not cython.compiled and type(r) is not _ndarray:
        r = to_array(r)
    out = _new(_kind)
    out._array = r
    out._vc = None
    out._extra = None
    if flags:
        node = new_node(AddBackward0)
        node.args = _ONE
        node._inputs = (a._node, b._node)
        node._saved = ()
        node._versions = None
        if cython.compiled:
            node._fit = None if same_shape(x, r) and same_shape(y, r) else fit2(x, y, r.shape)
        else:
            shape = r.shape
            node._fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a, b))
    else:
        out._flags = 0
        out._node = None
    return out


def add_number(a: Any, c: Any, subtract: bool) -> Any:
    """a + number, or a - number."""
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if (
        (type(c) is not float and type(c) is not int)
        or flags & CARE
        or not plain_floats(x)
        or (mode is not PLAIN and mode is not OFF)
    ):
        return foreign(GENERAL.sub if subtract else GENERAL.add, a, c)
    try:
        r = _subtract(x, c) if subtract else _add(x, c)
    except Exception:
        return GENERAL.sub(a, c) if subtract else GENERAL.add(a, c)
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        number_node(new_node(SubBackward0 if subtract else AddBackward0), out, a, (None, c, 1), ())
    return out


def sub(a: Any, other: Any) -> Any:
    """a - b."""
    if type(other) is not _kind and not isinstance(other, TensorBase):
        return add_number(a, other, True)
    b = other
    x, y = a._array, b._array
    flags = a._flags | b._flags
    if cython.compiled:
        if flags & CARE or not same_floats(x, y):
            return GENERAL.sub(a, b)
    else:
        dtype = x.dtype
        if dtype is not y.dtype or (dtype is not F32 and dtype is not F64) or flags & CARE:
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
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags:
        node = new_node(SubBackward0)
        node.args = _ONE
        node._inputs = (a._node, b._node)
        node._saved = ()
        node._versions = None
        if cython.compiled:
            node._fit = None if same_shape(x, r) and same_shape(y, r) else fit2(x, y, r.shape)
        else:
            shape = r.shape
            node._fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a, b))
    return out


def div(a: Any, other: Any) -> Any:
    """a / b."""
    if type(other) is float or type(other) is int:
        return div_number(a, other)
    if not isinstance(other, TensorBase):
        return foreign(GENERAL.div, a, other)
    b = other
    x, y = a._array, b._array
    flags = a._flags | b._flags
    if flags & CARE or not plain_floats(x) or x.dtype is not y.dtype:
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
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags:
        node = new_node(DivBackward0)
        node.args = _NONE3
        node._inputs = (a._node, b._node)
        node._saved = (a if b._flags else None, b)
        node._versions = None if a._vc is None and b._vc is None else versions2(a, b)
        if cython.compiled:
            node._fit = None if same_shape(x, r) and same_shape(y, r) else fit2(x, y, r.shape)
        else:
            shape = r.shape
            node._fit = None if x.shape == shape and y.shape == shape else fit2(x, y, shape)
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a, b))
    return out


def div_number(a: Any, c: Any) -> Any:
    """a / number."""
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if flags & CARE or not plain_floats(x) or (mode is not PLAIN and mode is not OFF):
        return GENERAL.div(a, c)
    try:
        r = _divide(x, c)
    except Exception:
        return GENERAL.div(a, c)
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        number_node(new_node(DivBackward0), out, a, (None, c, None), _NONE2)
    return out


def mm(a: Any, other: Any) -> Any:
    """Product of two matrices."""
    if type(other) is not _kind and not isinstance(other, TensorBase):
        return GENERAL.mm(a, other)
    b = other
    x, y = a._array, b._array
    flags = a._flags | b._flags
    mode = _mode_get()
    if cython.compiled:
        if (
            flags & CARE
            or not same_floats(x, y)
            or dims_of(x) != 2
            or dims_of(y) != 2
            or (mode is not PLAIN and mode is not OFF)
        ):
            return GENERAL.mm(a, b)
    else:
        dtype = x.dtype
        if (
            dtype is not y.dtype
            or (dtype is not F32 and dtype is not F64)
            or flags & CARE
            or x.ndim != 2
            or y.ndim != 2
            or (mode is not PLAIN and mode is not OFF)
        ):
            return GENERAL.mm(a, b)
    try:
        r = _dot(x, y)
    except Exception:
        return GENERAL.mm(a, b)
    out = wrap(r)
    if flags and mode is PLAIN:
        node = new_node(MmBackward0)
        node._inputs = (a._node, b._node)
        node._saved = (a if b._flags else None, b if a._flags else None)
        node._versions = None if a._vc is None and b._vc is None else versions2(a, b)
        node._fit = None
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a, b))
    return out


def linear_bias(input: Any, weight: Any, bias: Any) -> Any:
    """a @ w.T + b for matrices and a vector."""
    if not (isinstance(input, TensorBase) and isinstance(weight, TensorBase) and isinstance(bias, TensorBase)):
        return GENERAL.linear_bias(input, weight, bias)
    a, w, b = input, weight, bias
    x, y, z = a._array, w._array, b._array
    flags = a._flags | w._flags | b._flags
    mode = _mode_get()
    if cython.compiled:
        if (
            flags & CARE
            or not same_floats(x, y)
            or not same_floats(x, z)
            or dims_of(x) != 2
            or dims_of(y) != 2
            or dims_of(z) != 1
            or length_of(y, 0) != length_of(z, 0)
            or (mode is not PLAIN and mode is not OFF)
        ):
            return GENERAL.linear_bias(a, w, b)
    else:
        dtype = x.dtype
        if (
            dtype is not y.dtype
            or dtype is not z.dtype
            or (dtype is not F32 and dtype is not F64)
            or flags & CARE
            or x.ndim != 2
            or y.ndim != 2
            or z.ndim != 1
            or y.shape[0] != z.shape[0]
            or (mode is not PLAIN and mode is not OFF)
        ):
            return GENERAL.linear_bias(a, w, b)
    try:
        r = _dot_bias(x, y, z)
    except Exception:
        return GENERAL.linear_bias(a, w, b)
    out = wrap(r)
    if flags and mode is PLAIN:
        node = new_node(AddmmBackward0)
        node._inputs = (a._node, w._node, b._node)
        node._saved = (a if w._flags else None, w if a._flags else None)
        node._versions = None if a._vc is None and w._vc is None else versions2(a, w)
        node._fit = None
        attach(node, out, 4)
        if flags > 1:
            numbered(node, (a, w, b))
    return out


def matmul(a: Any, b: Any) -> Any:
    """a @ b: matrices here, every other case in the general operator."""
    if isinstance(b, TensorBase) and isinstance(a, TensorBase) and a._array.ndim == 2 and b._array.ndim == 2:
        return mm(a, b)
    return foreign(GENERAL.matmul, a, b) if isinstance(b, (TensorBase, _ndarray)) else NotImplemented


def unary(a: Any, function: Any, large: Any, node_class: Any) -> Any:
    """A one-tensor operator whose rule needs its own result; None: not for the fast path."""
    x = a._array
    flags = a._flags
    if flags & CARE or not plain_floats(x):
        return None
    mode = _mode_get()
    if mode is not PLAIN:
        if mode is not OFF:
            return None
        flags = 0
    try:
        r = function(x) if x.size < SIZE or type(x) is not _ndarray else large(x)
    except Exception:
        return None
    out = wrap(r if type(r) is _ndarray else to_array(r))
    if flags:
        node = new_node(node_class)
        node._inputs = (a._node,)
        node._versions = None
        node._fit = None
        attach(node, out, 3)
        if flags > 1:
            numbered(node, (a,))
        node._saved = (Result(out),)
    return out


def tanh(a: Any) -> Any:
    """tanh a."""
    out = unary(a, _tanh, LARGE.tanh, TanhBackward0) if isinstance(a, TensorBase) else None
    return GENERAL.tanh(a) if out is None else out


def exp(a: Any) -> Any:
    """e^a."""
    out = unary(a, _exp, LARGE.exp, ExpBackward0) if isinstance(a, TensorBase) else None
    return GENERAL.exp(a) if out is None else out


def relu(input: Any) -> Any:
    """max(a, 0)."""
    if not isinstance(input, TensorBase):
        return GENERAL.relu(input)
    a = input
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if flags & CARE or not plain_floats(x) or (mode is not PLAIN and mode is not OFF):
        return GENERAL.relu(a)
    r = _relu(x)
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        node = new_node(ReluBackward0)
        node._inputs = (a._node,)
        node._versions = node._fit = None
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a,))
        node._saved = (Result(out),)
    return out


def neg(a: Any) -> Any:
    """-a."""
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if flags & CARE or not plain_floats(x) or (mode is not PLAIN and mode is not OFF):
        return GENERAL.neg(a)
    r = _negative(x)
    out = wrap(r if cython.compiled or type(r) is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        node = new_node(NegBackward0)
        node._inputs = (a._node,)
        node._saved = ()
        node._versions = node._fit = None
        attach(node, out, 2)
        if flags > 1:
            numbered(node, (a,))
    return out


def total(a: Any, mean: bool) -> Any:
    """Sum or mean of all elements; None: not for the fast path."""
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if type(x) is not _ndarray or flags & CARE or not plain_floats(x) or (mode is not PLAIN and mode is not OFF):
        return None
    r = _total(x)
    if mean:
        size = x.size
        r = r / size if size else r * np.nan
    out = wrap(_asarray(r))
    if flags and mode is PLAIN:
        node = new_node(MeanBackward0 if mean else SumBackward0)
        node._inputs = (a._node,)
        node._saved = ()
        node._versions = node._fit = None
        node.args = (None, None, False, None)
        node.shape = x.shape
        attach(node, out, 3)
        if flags > 1:
            numbered(node, (a,))
    return out


def pow(a: Any, c: Any) -> Any:
    """a ** number."""
    if type(c) is not int and type(c) is not float or not isinstance(a, TensorBase):
        return foreign(GENERAL.pow, a, c)
    x = a._array
    flags = a._flags
    mode = _mode_get()
    if flags & CARE or not plain_floats(x) or (mode is not PLAIN and mode is not OFF):
        return GENERAL.pow(a, c)
    try:
        r = square(x) if c == 2 else powered(np, x, c)
    except Exception:
        return GENERAL.pow(a, c)
    out = wrap(r if type(r) is _ndarray else to_array(r))
    if flags and mode is PLAIN:
        node = new_node(PowBackward0)
        node.shape = None
        number_node(node, out, a, (None, c), (None, a, None), 3)
        if a._vc is not None and a._vc.n:
            out._node._versions = (0, a._vc.n, 0)
    return out


def needs_care(x: Any) -> bool:
    """Whether x lies on expanded memory or is a view of a tensor with history that is being recorded."""
    view = view_info(x)
    return 0 in x._array.strides or (view is not None and view.base._flags != 0 and _mode_get() is not OFF)


def write2(x: Any, other: Any, operation: Any, depth: int) -> bool:
    """x = x (operation) other in x's memory where nothing is recorded; False: not for the fast path."""
    a = x._array
    dtype = a.dtype
    flags = x._flags
    if type(other) is float or type(other) is int:
        b = other
    elif isinstance(other, TensorBase):
        b = other._array
        flags |= other._flags
        if b.dtype is not dtype or type(b) is not _ndarray:
            return False
    else:
        return False
    mode = _mode_get()
    if (
        (dtype is not F32 and dtype is not F64)
        or type(a) is not _ndarray
        or (x._extra is not None and needs_care(x))
        or flags > 1
        or (mode is not OFF and (flags or mode is not PLAIN))
    ):
        return False
    try:
        write(operation, a, b)
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
    mode = _mode_get()
    if (
        (a.dtype is not F32 and a.dtype is not F64)
        or type(a) is not _ndarray
        or x._flags > 1
        or (mode is not OFF and (x._flags or mode is not PLAIN))
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


# ---------------------------------------------------------------- Python's operators

REFLECTED: dict[str, Any] = {}
"""The forms of operators that floor 5 adds: other - tensor, other / tensor, other @ tensor, and writes in general."""


@cython.cclass
class Operators(TensorBase):
    """Python's arithmetic on tensors.  Compiled, these are slots of the type, which no lookup of names precedes.

    A slot is called with its operands in the order in which they were written: either may be the tensor.
    Uncompiled, floor 5 puts the functions themselves in their place: one call less.
    """

    __slots__ = ()

    def __mul__(self, other: Any) -> Any:
        return mul(self, other) if isinstance(self, TensorBase) else mul(other, self)

    def __add__(self, other: Any) -> Any:
        return add(self, other) if isinstance(self, TensorBase) else add(other, self)

    def __sub__(self, other: Any) -> Any:
        return sub(self, other) if isinstance(self, TensorBase) else REFLECTED["__rsub__"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return div(self, other) if isinstance(self, TensorBase) else REFLECTED["__rtruediv__"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other) if isinstance(self, TensorBase) else REFLECTED["__rmatmul__"](other, self)

    def __neg__(self) -> Any:
        return neg(self)

    def __iadd__(self, other: Any) -> Any:
        return self if write2(self, other, ADD, 3) else REFLECTED["__iadd__"](self, other)

    def __isub__(self, other: Any) -> Any:
        return self if write2(self, other, SUBTRACT, 3) else REFLECTED["__isub__"](self, other)

    def __imul__(self, other: Any) -> Any:
        return self if write2(self, other, MULTIPLY, 3) else REFLECTED["__imul__"](self, other)

    def __itruediv__(self, other: Any) -> Any:
        return self if write2(self, other, DIVIDE, 3) else REFLECTED["__itruediv__"](self, other)


SLOTS = cython.compiled
"""Whether the operators are slots, which floor 5 must leave alone."""
SLOTTED = frozenset(
    f"__{kind}{name}__" for name in ("mul", "add", "sub", "truediv", "matmul") for kind in ("", "r", "i")
) - {"__imatmul__"} | {"__neg__"}
"""The operators that are."""
