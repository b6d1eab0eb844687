"""What a call that makes a tensor asks for, read from its arguments in C where the core is compiled.

A `Wish` (`wishes.pxd`) holds dtype, dims, and whether the tensor records; each reader answers False for what is not
plain: then the function itself reads its arguments, and explains what is wrong with them.
"""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import Size
from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import CARE
from wengert.core.tape.modes import MODE, OFF, PLAIN

SIZE, CPU, DTYPE, DEVICES = Size, devices.cpu, dtypes.dtype, devices._defaults
NAMES = vars(dtypes)
NUMBERS: dict[Any, int] = {own: kind.num for kind, own in dtypes.FROM_NUMPY.items() if kind.num < 24}
"""Dtype -> NumPy's number of it, for those that NumPy itself has."""
WAYS = {
    name: i
    for i, name in enumerate(
        (
            "zeros", "ones", "empty", "full", "arange", "linspace", "eye", "tensor", "as_tensor", "from_numpy", "rand",
            "randn", "randint", "zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones",
            "new_empty", "new_tensor", "new_full", "rand_like", "randn_like", "uniform_", "normal_", "bernoulli_",
            "random_", "zero_", "copy_", "bernoulli", "randperm", "normal",
            "scalar_tensor",
        )
    )
}  # fmt: skip
"""Functions that have a short way, and its number."""


if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.cpython.object import PyObject
    from cython.cimports.wengert.core.arrays.draws import Source
    from cython.cimports.wengert.core.arrays.small import room
    from cython.cimports.wengert.core.tape.core import AccumulateGrad, TensorBase, wrap
    from cython.cimports.wengert.core.tape.interpreter import mode_of
    from cython.cimports.wengert.core.tensor.wishes import DIMS, MOST, Wish, is_known, length

    cnp.import_array()

    @cython.cfunc
    def is_plain() -> cython.bint:
        """Whether nothing is asked of new tensors but that they exist."""
        mode = mode_of(MODE)
        return mode is PLAIN or mode is OFF

    @cython.cfunc
    def here() -> cython.bint:
        """Whether new tensors are made on the CPU where no device is said."""
        return mode_of(DEVICES)[-1] is CPU

    @cython.cfunc
    def default_number() -> cython.int:
        """NumPy's number of the default dtype; -1 for one that is not NumPy's."""
        return NUMBERS.get(NAMES["_default"], -1)

    # ------------------------------------------------------------ what is asked for

    @cython.cfunc
    def asked(kwargs: dict, wish: cython.pointer(Wish), anywhere: cython.bint, random: cython.bint) -> cython.bint:
        """Read dtype, device, requires_grad and, where `random`, generator; False for others and what is not plain.

        anywhere: the default device does not matter.
        """
        named: cython.bint = anywhere
        wish.kind, wish.recorded, wish.source = -1, False, cython.NULL
        if not is_plain():
            return False
        for name, value in kwargs.items():
            if value is None and name != "requires_grad":
                if name != "dtype" and name != "device" and not (random and name == "generator"):
                    return False
            elif name == "dtype":
                if type(value) is not DTYPE:
                    return False
                wish.kind = NUMBERS.get(value, -1)
                if wish.kind < 0:
                    return False
            elif name == "device":
                if value is not CPU and not (type(value) is str and value == "cpu"):
                    return False
                named = True
            elif name == "requires_grad":
                if type(value) is not bool:
                    return False
                wish.recorded = value
            elif random and name == "generator":
                if not isinstance(value, Source):
                    return False
                wish.source = cython.cast(cython.pointer(PyObject), value)
            else:
                return False
        return named or here()

    @cython.cfunc
    def sizes(args: tuple, start: cython.Py_ssize_t, wish: cython.pointer(Wish)) -> cython.bint:
        """Read dims, from argument `start` on: `zeros(2, 3)`, `zeros((2, 3))`."""
        given: tuple = args
        count: cython.Py_ssize_t = len(args) - start
        i: cython.Py_ssize_t
        wish.size = 1
        if count == 1:
            only = args[start]
            if type(only) is tuple or type(only) is SIZE or type(only) is list:
                given, start, count = tuple(only), 0, len(only)
        elif count < 1:
            return False
        if count > DIMS:
            return False
        for i in range(count):
            if not length(given[start + i], cython.address(wish.dims[i]), cython.address(wish.size)):
                return False
        wish.count = count
        return True

    @cython.cfunc
    def after(x: TensorBase, wish: cython.pointer(Wish)) -> cython.bint:
        """Take the shape of a plain tensor, and its dtype unless one is said; False for a layout of its own."""
        a = x._array
        i: cython.int
        if x._flags & CARE or not cnp.PyArray_CheckExact(a) or not cnp.PyArray_IS_C_CONTIGUOUS(a):
            return False
        if cnp.PyArray_NDIM(a) > DIMS or cnp.PyArray_SIZE(a) > MOST or not is_known(cnp.PyArray_TYPE(a)):
            return False
        wish.count, wish.size = cnp.PyArray_NDIM(a), cnp.PyArray_SIZE(a)
        for i in range(wish.count):
            wish.dims[i] = cnp.PyArray_DIM(a, i)
        if wish.kind < 0:
            wish.kind = cnp.PyArray_TYPE(a)
        return True

    @cython.cfunc
    def dtype_of(x: TensorBase, wish: cython.pointer(Wish)) -> cython.bint:
        """Take the dtype of a plain tensor unless one is said."""
        a = x._array
        if x._flags & CARE or not cnp.PyArray_CheckExact(a) or not is_known(cnp.PyArray_TYPE(a)):
            return False
        if wish.kind < 0:
            wish.kind = cnp.PyArray_TYPE(a)
        return True

    @cython.cfunc
    def finished(a: object, wish: cython.pointer(Wish)) -> object:
        """A new array as a leaf."""
        x: TensorBase = wrap(a)
        if wish.recorded:
            node: AccumulateGrad = AccumulateGrad(x)
            node.grad = None
            x._node = node
            x._flags = 1
        return x

    @cython.cfunc
    def memory(wish: cython.pointer(Wish)) -> object:
        """An array of what is asked for, not filled."""
        return room(wish.count, wish.dims, wish.kind)


__all__ = ["WAYS"]
