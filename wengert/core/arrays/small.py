"""Arithmetic on raw arrays as the hot core wants it: NumPy's functions, and loops of our own for small arrays.

Uncompiled, NumPy computes, or a kernel from 65536 elements on.  Compiled, a call with contiguous `float32` or
`float64` arrays of at most 32768 elements runs a typed loop, which saves the price of a ufunc call
(about 0.25 microseconds) and of threads; everything else still goes to NumPy.  Sums add in NumPy's order and the
four operations round once, so that both forms give the same bits; products of tiny matrices may
differ from BLAS in the last place.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays.activation import FEW, chosen
from wengert.core.arrays.large import LARGE, SIZE, write_plainly
from wengert.core.base import uncompiled as cython

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.cpython.object import PyObject
    from cython.cimports.libc.string import memmove
    from cython.cimports.wengert.core.arrays.reuse import wengert_put, wengert_room
    from cython.cimports.wengert.core.arrays.small import ADD, DIVIDE, LOOP, MULTIPLY, SUBTRACT, WORK
    from cython.cimports.wengert.core.arrays.vectors import (
        WENGERT_ADD,
        WENGERT_CUBE,
        WENGERT_NEGATE,
        WENGERT_RELU,
        WENGERT_RELU_SLOPE,
        WENGERT_TANH_SLOPE,
        wengert_columns,
        wengert_lines,
        wengert_ones,
        wengert_pairs,
        wengert_sums,
    )

    cnp.import_array()

_ndarray, _asarray, _NUMBERS = np.ndarray, np.asarray, (np.generic, float, int, complex)
WIDE = 1 << 16
"""Elements from which plain Python asks for kernels of arithmetic."""
_KNOWN = {float, np.ndarray}
_ufuncs = (np.add, np.subtract, np.multiply, np.true_divide)
_negative, _dot, _sum, _maximum = np.negative, np.dot, np.add.reduce, np.maximum
_broadcast_to, _empty = np.broadcast_to, np.empty

DOT_SIZE = 1024
"""Elements of a matrix from which `LARGE` is asked about products."""

WRITTEN = 4096
"""Up to this size a constant gradient is written out, above it is broadcast without memory."""


def _where(condition: Any, a: Any, b: Any) -> Any:
    """np.where; for large arrays bit by bit."""
    return np.where(condition, a, b) if condition.size < FEW else chosen(np, condition, a, b)


def as_array(value: Any) -> Any:
    """NumPy's scalars, which its functions return for arrays without dims, as arrays."""
    return value if value.__class__ is _ndarray or not isinstance(value, _NUMBERS) else _asarray(value)


def broadcast_shape(shape: Any, value: Any) -> Any:
    """`value` (without dims) at every place of `shape`."""
    if prod(shape) > WRITTEN:
        return _broadcast_to(value, shape)
    out = _empty(shape, value.dtype)
    out.fill(value)
    return out


if not cython.compiled:
    negative, filled = np.negative, broadcast_shape

    def arithmetic(name: str, plain: Any) -> Any:
        """A function of two arrays, or an array and a number, that asks for kernels of large ones."""

        def call(a: Any, b: Any) -> Any:
            return plain(a, b) if a.size < WIDE or b.__class__ not in _KNOWN else getattr(LARGE, name)(a, b)

        return call

    add, subtract = arithmetic("add", np.add), arithmetic("subtract", np.subtract)
    multiply, divide = arithmetic("multiply", np.multiply), arithmetic("divide", np.true_divide)

    def dot(a: Any, b: Any) -> Any:
        """a @ b."""
        return LARGE.dot(a, b) if a.size >= DOT_SIZE or b.size >= DOT_SIZE else _dot(a, b)

    def relu(a: Any) -> Any:
        """max(a, 0)."""
        return LARGE.relu(a) if a.size >= SIZE else _maximum(a, a.dtype.type(0))

    def square(a: Any) -> Any:
        """a * a."""
        return multiply(a, a)

    def cube(a: Any) -> Any:
        """a * a * a."""
        return LARGE.cube(a) if a.size >= SIZE and a.dtype.kind == "f" else np.multiply(np.multiply(a, a), a)

    def dot_right(g: Any, b: Any) -> Any:
        """g @ b.T."""
        return dot(g, b.T)

    def dot_left(a: Any, g: Any) -> Any:
        """a.T @ g."""
        return dot(a.T, g)

    def dot_bias(a: Any, w: Any, b: Any) -> Any:
        """a @ w.T + b."""
        found = LARGE.dot_bias(a, w.T, b) if a.size >= DOT_SIZE else None
        if found is not None:
            return found
        r = dot(a, w.T)
        r += b
        return r

    def total(a: Any) -> Any:
        """Sum of all elements."""
        return LARGE.total(a) if a.size >= SIZE else _sum(a, None)

    def rows_sum(a: Any) -> Any:
        """Sum over the first dim."""
        return _sum(a, 0)

    def tanh_slope(g: Any, out: Any) -> Any:
        """g * (1 - out²)."""
        return LARGE.tanh_slope(g, out) if out.size >= SIZE else g * (1.0 - out * out)

    def relu_slope(g: Any, out: Any) -> Any:
        """g where the result was positive; a masked inf or nan leaves 0."""
        return LARGE.relu_slope(g, out) if out.size >= SIZE else _where(out <= 0, g.dtype.type(0), g)

    def write(op: Any, a: Any, b: Any) -> None:
        """a = a (op) b in a's memory; op is 0 to 3: add, subtract, multiply, divide."""
        (LARGE.write if a.size >= WIDE else write_plainly)(op, a, b)

    def transfer(target: Any, result: Any) -> bool:
        """target[...] = result for an array of the same dtype and shape; False: it is another."""
        if result.__class__ is not _ndarray or result.dtype is not target.dtype or result.shape != target.shape:
            return False
        np.copyto(target, result)
        return True

    def in_one_piece(a: Any) -> bool:
        """Whether an array may be written and lies in one piece."""
        return a.flags.carray

else:

    @cython.cfunc
    @cython.inline
    def small_pair(a: object, b: object) -> cython.int:
        """The type number of two contiguous small arrays of one floating dtype and shape, else 0."""
        kind: cython.int
        if not (cnp.PyArray_CheckExact(a) and cnp.PyArray_CheckExact(b)):
            return 0
        kind = cnp.PyArray_TYPE(a)
        if (
            (kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE)
            or cnp.PyArray_TYPE(b) != kind
            or cnp.PyArray_SIZE(a) >= LOOP
            or not cnp.PyArray_ISCARRAY_RO(a)
            or not cnp.PyArray_ISCARRAY_RO(b)
        ):
            return 0
        return kind

    @cython.cfunc
    @cython.inline
    def small_one(a: object) -> cython.int:
        """The type number of a contiguous small floating array, else 0."""
        kind: cython.int
        if not cnp.PyArray_CheckExact(a):
            return 0
        kind = cnp.PyArray_TYPE(a)
        if (
            (kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE)
            or cnp.PyArray_SIZE(a) >= LOOP
            or not cnp.PyArray_ISCARRAY_RO(a)
        ):
            return 0
        return kind

    @cython.cfunc
    def room(nd: cython.int, dims: cython.pointer(cnp.npy_intp), kind: cython.int) -> object:
        """Memory of a shape and type, not filled."""
        return wengert_room(nd, dims, kind)

    @cython.cfunc
    def like(a: object) -> object:
        """Memory of a's shape and dtype, not filled."""
        return wengert_room(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a))

    @cython.cfunc
    @cython.exceptval(check=False)
    def put_away(array: cython.pointer(PyObject)) -> cython.void:
        """Keep a small array for a later result; the caller owns it and is about to let go."""
        wengert_put(array)

    @cython.cfunc
    @cython.inline
    def plainly_large(a: object) -> cython.bint:
        """Whether `LARGE` takes an array."""
        kind: cython.int
        if not cnp.PyArray_CheckExact(a) or cnp.PyArray_SIZE(a) < LOOP:
            return False
        kind = cnp.PyArray_TYPE(a)
        return (kind == cnp.NPY_FLOAT or kind == cnp.NPY_DOUBLE) and cnp.PyArray_ISNOTSWAPPED(a)

    @cython.cfunc
    def repeats(a: object, b: object) -> cython.Py_ssize_t:
        """How many elements of b repeat along a: all where the shapes agree, b's where it has a's last dims; else 0."""
        i: cython.int
        na: cython.int = cnp.PyArray_NDIM(a)
        nb: cython.int = cnp.PyArray_NDIM(b)
        if nb > na:
            return 0
        for i in range(1, nb + 1):
            if cnp.PyArray_DIM(a, na - i) != cnp.PyArray_DIM(b, nb - i):
                return 0
        return cnp.PyArray_SIZE(b)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def pairs(
        kind: cython.int, op: cython.int, a: object, b: object, r: object, step: cython.Py_ssize_t
    ) -> cython.void:
        """r = a (op) b; `step` is how many elements of b repeat along a."""
        wengert_pairs(
            kind, op, cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), cnp.PyArray_DATA(r), cnp.PyArray_SIZE(a), step
        )

    @cython.cfunc
    def one(kind: cython.int, op: cython.int, a: object) -> object:
        """A function of one array."""
        out: object = like(a)
        wengert_ones(kind, op, cnp.PyArray_DATA(a), 0, 0, cnp.PyArray_DATA(out), cnp.PyArray_SIZE(a))
        return out

    @cython.cfunc
    def apart(a: object, b: object) -> cython.bint:
        """Whether two contiguous arrays share no memory."""
        x: cython.p_char = cython.cast(cython.p_char, cnp.PyArray_DATA(a))
        y: cython.p_char = cython.cast(cython.p_char, cnp.PyArray_DATA(b))
        return x + cnp.PyArray_NBYTES(a) <= y or y + cnp.PyArray_NBYTES(b) <= x

    @cython.cfunc
    def rows_with(a: object, b: object) -> cython.Py_ssize_t:
        """The length of a's rows, where b has a number for each of them and they are long; else 0."""
        i: cython.int
        n: cython.int = cnp.PyArray_NDIM(a)
        if n < 2 or cnp.PyArray_NDIM(b) != n or cnp.PyArray_DIM(b, n - 1) != 1 or cnp.PyArray_DIM(a, n - 1) < 16:
            return 0
        for i in range(n - 1):
            if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
                return 0
        return cnp.PyArray_DIM(a, n - 1)

    @cython.cfunc
    def arithmetic(op: cython.int, a: object, b: object) -> object:
        """a (op) b of two arrays, or of an array and a number."""
        kind: cython.int
        step: cython.Py_ssize_t
        c: cython.double
        out: object
        if isinstance(b, float):
            kind = small_one(a)
            if kind:
                c = b
                if kind == cnp.NPY_DOUBLE or -3.0e38 < c < 3.0e38 or c != c:
                    out = like(a)
                    wengert_ones(kind, op, cnp.PyArray_DATA(a), c, 0, cnp.PyArray_DATA(out), cnp.PyArray_SIZE(a))
                    return out
        else:
            kind = small_pair(a, b)
            if kind:
                step = repeats(a, b)
                if step == 0 and (op == MULTIPLY or op == ADD):
                    step = repeats(b, a)
                    if step and cnp.PyArray_SIZE(b) < LOOP:
                        a, b = b, a
                    else:
                        step = 0
                if step:
                    out = like(a)
                    pairs(kind, op, a, b, out, step)
                    return out
                step = rows_with(a, b)
                if step:
                    out = like(a)
                    wengert_lines(kind, op, cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), cnp.PyArray_DATA(out),
                                  cnp.PyArray_SIZE(b), step)  # fmt: skip
                    return out
        if (not cnp.PyArray_Check(b) or floating(b)) if plainly_large(a) else (plainly_large(b) and floating(a)):
            return as_array((LARGE.add, LARGE.subtract, LARGE.multiply, LARGE.divide)[op](a, b))
        return as_array(_ufuncs[op](a, b))

    def add(a: object, b: object) -> object:
        """a + b."""
        return arithmetic(ADD, a, b)

    def subtract(a: object, b: object) -> object:
        """a - b."""
        return arithmetic(SUBTRACT, a, b)

    def multiply(a: object, b: object) -> object:
        """a * b."""
        return arithmetic(MULTIPLY, a, b)

    def divide(a: object, b: object) -> object:
        """a / b."""
        return arithmetic(DIVIDE, a, b)

    def square(a: object) -> object:
        """a * a."""
        return arithmetic(MULTIPLY, a, a)

    def cube(a: object) -> object:
        """a * a * a."""
        kind: cython.int = small_one(a)
        if not kind:
            return LARGE.cube(a) if plainly_large(a) else np.multiply(np.multiply(a, a), a)
        return one(kind, WENGERT_CUBE, a)

    @cython.cfunc
    def slope(op: cython.int, g: object, y: object) -> object:
        """The gradient of an operator from its result, by a loop; None: not for small arrays."""
        kind: cython.int = small_pair(g, y)
        if not kind or not cnp.PyArray_SAMESHAPE(g, y):
            return None
        out: object = like(g)
        pairs(kind, op, g, y, out, cnp.PyArray_SIZE(g))
        return out

    def tanh_slope(g: object, out: object) -> object:
        """g * (1 - out²)."""
        r: object = slope(WENGERT_TANH_SLOPE, g, out)
        if r is None:
            r = LARGE.tanh_slope(g, out) if plainly_large(out) and plainly_large(g) else g * (1.0 - out * out)
        return as_array(r)

    def relu_slope(g: object, out: object) -> object:
        """g where the result was positive; a masked inf or nan leaves 0."""
        r: object = slope(WENGERT_RELU_SLOPE, g, out)
        if r is None:
            large: cython.bint = plainly_large(out) and plainly_large(g)
            r = LARGE.relu_slope(g, out) if large else _where(out <= 0, g.dtype.type(0), g)
        return as_array(r)

    def relu(a: object) -> object:
        """max(a, 0), NaN stays."""
        kind: cython.int = small_one(a)
        if not kind:
            return as_array(LARGE.relu(a) if plainly_large(a) else _maximum(a, a.dtype.type(0)))
        return one(kind, WENGERT_RELU, a)

    def negative(a: object) -> object:
        """-a."""
        kind: cython.int = small_one(a)
        if not kind:
            return as_array(LARGE.negative(a) if plainly_large(a) else _negative(a))
        return one(kind, WENGERT_NEGATE, a)

    def total(a: object) -> object:
        """Sum of all elements."""
        kind: cython.int = small_one(a)
        out: object
        if not kind or cnp.PyArray_SIZE(a) == 0:
            return as_array(LARGE.total(a) if plainly_large(a) else _sum(a, None))
        out = wengert_room(0, cython.NULL, kind)
        wengert_sums(kind, cnp.PyArray_DATA(a), cnp.PyArray_DATA(out), 1, cnp.PyArray_SIZE(a))
        return out

    def rows_sum(a: object) -> object:
        """Sum over the first dim."""
        kind: cython.int = small_one(a)
        m: cython.Py_ssize_t
        n: cython.Py_ssize_t
        if not kind or cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 0) == 0:
            return as_array(LARGE.rows_sum(a) if plainly_large(a) and cnp.PyArray_NDIM(a) == 2 else _sum(a, 0))
        m = cnp.PyArray_DIM(a, 0)
        n = cnp.PyArray_DIM(a, 1)
        out: object = wengert_room(1, cython.address(cnp.PyArray_DIMS(a)[1]), kind)
        wengert_columns(kind, WENGERT_ADD, cnp.PyArray_DATA(a), cnp.PyArray_DATA(out), m, n)
        return out

    def dot(a: object, b: object) -> object:
        """a @ b."""
        if large_matrices(a, b):
            return LARGE.dot(a, b)
        return cnp.PyArray_MatrixProduct(a, b)

    @cython.cfunc
    @cython.inline
    def large_matrices(a: object, b: object) -> cython.bint:
        """Whether `LARGE` multiplies two arrays."""
        if not cnp.PyArray_CheckExact(a) or not cnp.PyArray_CheckExact(b):
            return False
        if cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_NDIM(b) != 2:
            return False
        return cnp.PyArray_DIM(a, 0) * cnp.PyArray_SIZE(b) >= WORK

    def dot_right(g: object, b: object) -> object:
        """g @ b.T."""
        return dot(g, cnp.PyArray_Transpose(b, cython.NULL))

    def dot_left(a: object, g: object) -> object:
        """a.T @ g."""
        return dot(cnp.PyArray_Transpose(a, cython.NULL), g)

    def dot_bias(a: object, w: object, b: object) -> object:
        """a @ w.T + b."""
        turned: object = cnp.PyArray_Transpose(w, cython.NULL)
        if large_matrices(a, turned):
            found = LARGE.dot_bias(a, turned, b)
            if found is not None:
                return found
        r: object = cnp.PyArray_MatrixProduct(a, turned)
        write(ADD, r, b)
        return r

    def write(op: cython.int, a: object, b: object) -> None:
        """a = a (op) b in a's memory; op is 0 to 3: add, subtract, multiply, divide."""
        kind: cython.int = small_pair(a, b)
        step: cython.Py_ssize_t
        if kind and cnp.PyArray_ISWRITEABLE(a):
            step = repeats(a, b)
            if step and (step == cnp.PyArray_SIZE(a) if cnp.PyArray_DATA(a) == cnp.PyArray_DATA(b) else apart(a, b)):
                pairs(kind, op, a, b, a, step)
                return
        (LARGE.write if cnp.PyArray_CheckExact(a) and cnp.PyArray_SIZE(a) >= 65536 else write_plainly)(op, a, b)

    def transfer(target: object, result: object) -> cython.bint:
        """target[...] = result for an array of the same dtype and shape, both in one piece; False: it is another."""
        if not (cnp.PyArray_CheckExact(target) and cnp.PyArray_CheckExact(result)):
            return False
        if cnp.PyArray_TYPE(target) != cnp.PyArray_TYPE(result) or not cnp.PyArray_ISCARRAY(target):
            return False
        if not cnp.PyArray_ISCARRAY_RO(result) or not cnp.PyArray_SAMESHAPE(target, result):
            return False
        memmove(cnp.PyArray_DATA(target), cnp.PyArray_DATA(result), cnp.PyArray_NBYTES(target))
        return True

    def in_one_piece(a: object) -> cython.bint:
        """Whether a plain array may be written and lies in one piece."""
        return cnp.PyArray_CheckExact(a) and cnp.PyArray_ISCARRAY(a)

    def filled(shape: object, value: object) -> object:
        """`value` (without dims) at every place of `shape`."""
        size: cython.Py_ssize_t = 1
        i: cython.Py_ssize_t
        dims: cnp.npy_intp[32]
        out: object
        count: cython.Py_ssize_t = len(shape)
        kind: cython.int = small_one(value)
        if not kind or count > 32:
            return broadcast_shape(shape, value)
        for i in range(count):
            dims[i] = shape[i]
            size *= dims[i]
        if size > WRITTEN:
            return broadcast_shape(shape, value)
        out = wengert_room(cython.cast(cython.int, count), dims, kind)
        if kind == cnp.NPY_FLOAT:
            for i in range(size):
                cython.cast(cython.p_float, cnp.PyArray_DATA(out))[i] = cython.cast(
                    cython.p_float, cnp.PyArray_DATA(value)
                )[0]
        else:
            for i in range(size):
                cython.cast(cython.p_double, cnp.PyArray_DATA(out))[i] = cython.cast(
                    cython.p_double, cnp.PyArray_DATA(value)
                )[0]
        return out
