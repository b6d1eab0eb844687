"""Short ways of what a tensor is asked all the time, in C where the core is compiled: what it is, and itself as it is.

`method(name, function)` gives the form of a method that answers plain tensors on the CPU at once and hands all others
to `function`; `install(cls)` does the same for properties.  There is nothing a short way knows that the ordinary one
does not.  Uncompiled there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import SIZES as KNOWN_SIZES
from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import CARE, RECORDED
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.shortcuts import chunked, split, unbound

CPU, DTYPE, SIZES = devices.cpu, dtypes.dtype, KNOWN_SIZES
DTYPES: list[Any] = [None] * 24
"""NumPy's number of a dtype -> the dtype, for those that NumPy itself has."""
for _letter in "?bBhHiIlLqQefdFD":
    DTYPES[np.dtype(_letter).num] = dtypes.FROM_NUMPY.get(np.dtype(_letter))
NUMBERS: dict[Any, int] = {own: kind.num for kind, own in dtypes.FROM_NUMPY.items() if kind.num < 24}
GENERAL: dict[str, Any] = {}
"""Name -> the ordinary method."""
ACCESS: dict[str, Any] = {}
"""Name -> the ordinary getter of a property."""
QUICK: dict[str, Any] = {}
"""Name -> the short way of a method."""
QUICK_ACCESS: dict[str, Any] = {}
"""Name -> the short way of a property."""
CASTS = {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "int": dtypes.int32,
    "long": dtypes.int64, "short": dtypes.int16, "bool": dtypes.bool_, "byte": dtypes.uint8, "char": dtypes.int8,
}  # fmt: skip

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.cpython.dict import PyDict_GetItemWithError
    from cython.cimports.cpython.object import PyObject
    from cython.cimports.libc.math import isfinite
    from cython.cimports.libc.stdint import int64_t
    from cython.cimports.wengert.core.tape.core import AccumulateGrad, TensorBase, VersionCounter, wrap
    from cython.cimports.wengert.core.tape.interpreter import mode_of
    from cython.cimports.wengert.core.tensor.wishes import is_known

    cnp.import_array()

    @cython.cfunc
    @cython.inline
    def ordinary(x: object) -> cython.bint:
        """Whether a value is a tensor with nothing special about it, over NumPy's memory."""
        if not isinstance(x, TensorBase):
            return False
        return not cython.cast(TensorBase, x)._flags & CARE and cnp.PyArray_CheckExact(
            cython.cast(TensorBase, x)._array
        )

    @cython.cfunc
    @cython.inline
    def recording_or_not() -> cython.bint:
        """Whether the mode is one of the two common ones."""
        mode = mode_of(MODE)
        return mode is PLAIN or mode is OFF

    @cython.cfunc
    def size_of(a: object) -> object:
        """The Size of an array."""
        shape = a.shape
        found: cython.pointer(PyObject) = PyDict_GetItemWithError(SIZES, shape)
        return SIZES[shape] if found is cython.NULL else cython.cast(object, found)

    # ------------------------------------------------------------ properties

    def shape(self: TensorBase) -> Any:
        """Lengths of the dims."""
        return size_of(self._array)

    def dtype(self: TensorBase) -> Any:
        """Type of the elements."""
        a = self._array
        if cnp.PyArray_CheckExact(a) and cnp.PyArray_TYPE(a) < 24:
            found = DTYPES[cnp.PyArray_TYPE(a)]
            if found is not None:
                return found
        return ACCESS["dtype"](self)

    def ndim(self: TensorBase) -> Any:
        """Number of dims."""
        a = self._array
        return cnp.PyArray_NDIM(a) if cnp.PyArray_CheckExact(a) else a.ndim

    def device(self: TensorBase) -> Any:
        """Where the elements are."""
        return CPU if cnp.PyArray_CheckExact(self._array) else ACCESS["device"](self)

    def requires_grad(self: TensorBase) -> Any:
        """Whether operations on this tensor are recorded."""
        if not self._flags & CARE:
            if self._flags & 1:
                return True
            if self._extra is None:
                return False
        return ACCESS["requires_grad"](self)

    def is_leaf(self: TensorBase) -> Any:
        """True unless an operation on tensors that require gradients made it."""
        if not self._flags & CARE:
            return self._node is None or type(self._node) is AccumulateGrad
        return ACCESS["is_leaf"](self)

    def grad_fn(self: TensorBase) -> Any:
        """The node that made this tensor; None for a leaf."""
        if not self._flags & CARE:
            return None if type(self._node) is AccumulateGrad else self._node
        return ACCESS["grad_fn"](self)

    def grad(self: TensorBase) -> Any:
        """Accumulated gradient of a leaf, or of a non-leaf that retains it; else None."""
        node = self._node
        if type(node) is AccumulateGrad:
            return cython.cast(AccumulateGrad, node).grad
        return None if node is None and self._extra is None else ACCESS["grad"](self)

    def data(self: TensorBase) -> Any:
        """The same memory with no history and its own version count."""
        return wrap(self._array) if not self._flags & CARE else ACCESS["data"](self)

    def transposed(self: TensorBase) -> Any:
        """Dims in reverse order."""
        if ordinary(self) and cnp.PyArray_NDIM(self._array) == 2:
            return RECORDED.permute(self, (1, 0))
        return ACCESS["T"](self)

    # ------------------------------------------------------------ numbers

    def dim(self: TensorBase) -> Any:
        """Number of dims."""
        a = self._array
        return cnp.PyArray_NDIM(a) if cnp.PyArray_CheckExact(a) else GENERAL["dim"](self)

    def numel(self: TensorBase) -> Any:
        """Number of elements."""
        a = self._array
        return cnp.PyArray_SIZE(a) if cnp.PyArray_CheckExact(a) else GENERAL["numel"](self)

    def element_size(self: TensorBase) -> Any:
        """Bytes of one element."""
        a = self._array
        return cnp.PyArray_ITEMSIZE(a) if cnp.PyArray_CheckExact(a) else GENERAL["element_size"](self)

    def is_floating_point(self: TensorBase) -> Any:
        """Whether the elements are floating-point numbers."""
        a = self._array
        if cnp.PyArray_CheckExact(a) and cnp.PyArray_TYPE(a) <= cnp.NPY_DOUBLE:
            return cnp.PyArray_TYPE(a) >= cnp.NPY_FLOAT
        return GENERAL["is_floating_point"](self)

    def is_contiguous(self: TensorBase, memory_format: Any = None) -> Any:
        """Whether the elements lie in row-major order without gaps."""
        a = self._array
        if memory_format is None and cnp.PyArray_CheckExact(a):
            return cnp.PyArray_IS_C_CONTIGUOUS(a)
        return GENERAL["is_contiguous"](self, memory_format)

    def data_ptr(self: TensorBase) -> Any:
        """Address of the first element."""
        a = self._array
        if cnp.PyArray_CheckExact(a) and cnp.PyArray_SIZE(a):
            return cython.cast(cython.size_t, cnp.PyArray_DATA(a))
        return GENERAL["data_ptr"](self)

    def size(self: TensorBase, dim: Any = None) -> Any:
        """Shape, or the length of one dim."""
        a = self._array
        if ordinary(self):
            if dim is None:
                return size_of(a)
            if type(dim) is int and -64 <= dim < 64:
                place: cython.int = dim
                place = place + cnp.PyArray_NDIM(a) if place < 0 else place
                if 0 <= place < cnp.PyArray_NDIM(a):
                    return cnp.PyArray_DIM(a, place)
        return GENERAL["size"](self, dim)

    def stride(self: TensorBase, dim: Any = None) -> Any:
        """Strides in elements, or that of one dim."""
        a = self._array
        i: cython.int
        if dim is not None or not ordinary(self):
            return GENERAL["stride"](self, dim)
        count: cython.int = cnp.PyArray_NDIM(a)
        steps: list = [None] * count
        if cnp.PyArray_BASE(a) is cython.NULL and cnp.PyArray_IS_C_CONTIGUOUS(a):
            step: cython.Py_ssize_t = 1
            for i in range(count - 1, -1, -1):
                steps[i] = step
                step *= cnp.PyArray_DIM(a, i) or 1
            return tuple(steps)
        for i in range(count):
            if not cnp.PyArray_STRIDE(a, i):
                return GENERAL["stride"](self)
            steps[i] = cnp.PyArray_STRIDE(a, i) // cnp.PyArray_ITEMSIZE(a)
        return tuple(steps)

    # ------------------------------------------------------------ Python's numbers

    @cython.cfunc
    def number_in(self: TensorBase) -> object:
        """The only element of a plain tensor as a Python number; None for others."""
        a = self._array
        if not ordinary(self) or cnp.PyArray_SIZE(a) != 1 or not cnp.PyArray_ISBEHAVED_RO(a):
            return None
        kind: cython.int = cnp.PyArray_TYPE(a)
        data: cython.p_void = cnp.PyArray_DATA(a)
        if kind == cnp.NPY_FLOAT:
            return cython.cast(cython.double, cython.cast(cython.p_float, data)[0])
        if kind == cnp.NPY_DOUBLE:
            return cython.cast(cython.p_double, data)[0]
        if kind == cnp.NPY_INT64:
            return cython.cast(cython.pointer(int64_t), data)[0]
        if kind == cnp.NPY_BOOL:
            return cython.cast(cython.p_char, data)[0] != 0
        return None

    def item(self: TensorBase) -> Any:
        """The only element as a Python number."""
        found = number_in(self)
        return GENERAL["item"](self) if found is None else found

    def to_bool(self: TensorBase) -> Any:
        """Truth of the only element."""
        found = number_in(self)
        return GENERAL["__bool__"](self) if found is None else bool(found)

    def to_float(self: TensorBase) -> Any:
        """The only element as a float."""
        found = number_in(self)
        return GENERAL["__float__"](self) if found is None else float(found)

    def to_int(self: TensorBase) -> Any:
        """The only element as an int."""
        found = number_in(self)
        if found is None or (type(found) is float and not isfinite(found)):
            return GENERAL["__int__"](self)
        return int(found)

    def tolist(self: TensorBase) -> Any:
        """Nested lists of Python numbers; a number for a 0-d tensor."""
        a = self._array
        if ordinary(self) and is_known(cnp.PyArray_TYPE(a)):
            return a.tolist()
        return GENERAL["tolist"](self)

    # ------------------------------------------------------------ the tensor again

    def detach(*args: Any, **kwargs: Any) -> Any:
        """The same memory without history; in-place writes are still counted for both."""
        if len(args) != 1 or kwargs or not ordinary(args[0]):
            return GENERAL["detach"](*args, **kwargs)
        x: TensorBase = args[0]
        out: TensorBase = wrap(x._array)
        if x._vc is None:
            x._vc = VersionCounter.__new__(VersionCounter)
        out._vc = x._vc
        return out

    def contiguous(*args: Any, **kwargs: Any) -> Any:
        """The tensor itself where it is row-major, else a copy that is."""
        plain: cython.bint = len(args) == 1 and not kwargs and ordinary(args[0]) and recording_or_not()
        if plain and cnp.PyArray_IS_C_CONTIGUOUS(cython.cast(TensorBase, args[0])._array):
            return args[0]
        return GENERAL["contiguous"](*args, **kwargs)

    @cython.cfunc
    def as_dtype(x: object, wanted: object) -> object:
        """A plain tensor in another dtype; None where that is not plain."""
        if wanted not in NUMBERS:
            return None
        own: cython.int = cnp.PyArray_TYPE(cython.cast(TensorBase, x)._array)
        if own < 24 and DTYPES[own] is wanted:
            return x
        return RECORDED.to_dtype(x, wanted.numpy)

    @cython.cfunc
    def meant(x: object, args: tuple, kwargs: dict) -> object:
        """to(dtype), to(cpu), to(other), to(cpu, dtype) of a plain tensor; None for other forms."""
        dtype: object = None
        given: cython.Py_ssize_t = len(args)
        if not ordinary(x) or not recording_or_not() or given > 2 or (given and kwargs):
            return None
        for name, value in kwargs.items():
            if name == "dtype":
                dtype = value
            elif name != "device" or not is_here(value):
                return None
        if given == 1 and ordinary(args[0]):
            like: cython.int = cnp.PyArray_TYPE(cython.cast(TensorBase, args[0])._array)
            dtype = DTYPES[like] if is_known(like) else 0
        elif given == 1 and type(args[0]) is DTYPE:
            dtype = args[0]
        elif given and not is_here(args[0]):
            return None
        if given == 2:
            dtype = args[1]
        if dtype is None:
            return x if given or kwargs else None
        return as_dtype(x, dtype) if type(dtype) is DTYPE else None

    @cython.cfunc
    @cython.inline
    def is_here(value: object) -> cython.bint:
        """Whether a device is the CPU."""
        return value is CPU or (type(value) is str and value == "cpu")

    def to(*args: Any, **kwargs: Any) -> Any:
        """The tensor in another dtype, on another device or in another memory format; itself when nothing changes."""
        found = meant(args[0], args[1:], kwargs) if args else None
        return GENERAL["to"](*args, **kwargs) if found is None else found

    def cpu(*args: Any, **kwargs: Any) -> Any:
        """The tensor on the CPU."""
        if len(args) == 1 and not kwargs and ordinary(args[0]) and recording_or_not():
            return args[0]
        return GENERAL["cpu"](*args, **kwargs)

    def type_(*args: Any, **kwargs: Any) -> Any:
        """The name of the tensor's type; with a dtype, the tensor in it."""
        found = None
        if len(args) == 2 and not kwargs and type(args[1]) is DTYPE:
            found = meant(args[0], (args[1],), kwargs)
        return GENERAL["type"](*args, **kwargs) if found is None else found

    def type_as(*args: Any, **kwargs: Any) -> Any:
        """The tensor in the dtype of another."""
        found = None
        if len(args) == 2 and not kwargs and isinstance(args[1], TensorBase):
            found = meant(args[0], (args[1],), kwargs)
        return GENERAL["type_as"](*args, **kwargs) if found is None else found

    def cast(name: str, wanted: Any) -> Any:
        """The method that gives the tensor in one dtype."""

        def call(*args: Any, **kwargs: Any) -> Any:
            found = None
            if len(args) == 1 and not kwargs and ordinary(args[0]) and recording_or_not():
                found = as_dtype(args[0], wanted)
            return GENERAL[name](*args, **kwargs) if found is None else found

        return call

    def cut(name: str, short: Any, count: int) -> Any:
        """A function that cuts a tensor into several along a dim, the last of `count` arguments."""

        def call(*args: Any, **kwargs: Any) -> Any:
            given = args
            if kwargs:
                if len(args) != count - 1 or len(kwargs) > 1 or "dim" not in kwargs:
                    return GENERAL[name](*args, **kwargs)
                given = (*args, kwargs["dim"])
            found = short(given)
            return GENERAL[name](*args, **kwargs) if found is None else found

        return call

    QUICK.update(
        {
            "dim": dim, "numel": numel, "is_floating_point": is_floating_point, "is_contiguous": is_contiguous,
            "data_ptr": data_ptr, "size": size, "stride": stride, "item": item, "__bool__": to_bool,
            "__float__": to_float, "__int__": to_int, "tolist": tolist, "detach": detach, "contiguous": contiguous,
            "to": to, "cpu": cpu, "type_as": type_as, "type": type_,
            "element_size": element_size,
        },
        chunk=cut("chunk", chunked, 3), split=cut("split", split, 3), unbind=cut("unbind", unbound, 2),
        **{name: cast(name, wanted) for name, wanted in CASTS.items()},
    )  # fmt: skip
    QUICK_ACCESS.update(
        shape=shape, dtype=dtype, ndim=ndim, device=device, requires_grad=requires_grad, is_leaf=is_leaf,
        grad_fn=grad_fn, grad=grad, data=data, T=transposed,
    )  # fmt: skip


def method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A method with its short way before it; the method itself where there is none."""
    quick = QUICK.get(name)
    if quick is None or name in GENERAL:
        return function
    GENERAL[name] = function
    quick.__name__, quick.__qualname__ = function.__name__, function.__qualname__
    quick.__module__, quick.__doc__ = function.__module__, function.__doc__
    quick.__dict__.update(function.__dict__)
    return quick  # type: ignore[no-any-return]


def install(cls: Any) -> None:
    """Give the properties of the tensor class their short ways."""
    for name, quick in QUICK_ACCESS.items():
        made = vars(cls)[name]
        ACCESS[name] = made.fget
        setattr(cls, name, property(quick, made.fset, made.fdel, made.__doc__))


__all__ = ["install", "method"]
