"""Loops that move values: picking by index, looking up rows, joining, scattering back (see loops.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Any] = {}
RULES: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc.string import memcpy, memset
    from cython.cimports.wengert.core.arrays.loops_common import (
        MANY,
        WIDE,
        doubles,
        flat,
        floats,
        longs,
        real,
        small,
        spans,
    )

    cnp.import_array()

    @cython.cfunc
    def within(index: object, n: cython.Py_ssize_t) -> cython.bint:
        """Whether all of a plain array of int64 lie in [0, n)."""
        i: cython.Py_ssize_t
        if not flat(index, cnp.NPY_INT64, MANY):
            return False
        places: cython.pointer(cnp.npy_int64) = longs(index)
        for i in range(cnp.PyArray_SIZE(index)):
            if places[i] < 0 or places[i] >= n:
                return False
        return True

    @cython.cfunc
    def shaped(shape: object, kind: cython.int, most: cython.Py_ssize_t) -> object:
        """Zeros of a shape, or None."""
        dims: cnp.npy_intp[64]
        i: cython.Py_ssize_t
        size: cython.Py_ssize_t = 1
        if type(shape) is not tuple:
            return None
        count: cython.Py_ssize_t = len(shape)
        for i in range(count):
            dims[i] = shape[i]
            size *= dims[i]
        if size > most or size == 0:
            return None
        return cnp.PyArray_ZEROS(cython.cast(cython.int, count), dims, kind, 0)

    # ------------------------------------------------------------ one place, or some, of each run

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_pick(x: cython.pointer(real), places: cython.pointer(cnp.npy_int64), r: cython.pointer(real),
                  s: cython.pointer(cython.Py_ssize_t), count: cython.Py_ssize_t,
                  back: cython.bint) -> cython.void:  # fmt: skip
        """r = x at `count` places of each run; or x added there to r, if `back`."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        to: cython.Py_ssize_t
        for i in range(s[0]):
            for k in range(count):
                for j in range(s[2]):
                    to = (i * count + k) * s[2] + j
                    if back and count == 1:
                        r[(i * s[1] + places[to]) * s[2] + j] = x[to]
                    elif back:
                        r[(i * s[1] + places[to]) * s[2] + j] += x[to]
                    else:
                        r[to] = x[(i * s[1] + places[to]) * s[2] + j]

    @cython.cfunc
    def picked_count(wide: object, index: object, dim: object, keepdim: cython.bint,
                     s: cython.pointer(cython.Py_ssize_t)) -> cython.Py_ssize_t:  # fmt: skip
        """How many places an index names in each run along a dim, 0 where it does not fit."""
        n: cython.int = cnp.PyArray_NDIM(wide)
        i: cython.int
        if not spans(wide, dim, s) or not within(index, s[1]) or n == 0:
            return 0
        axis: cython.int = dim
        if axis < 0:
            axis += n
        if cnp.PyArray_NDIM(index) != (n if keepdim else n - 1) or not cnp.PyArray_SIZE(index):
            return 0
        for i in range(n):
            if i < axis or (i > axis and keepdim):
                if cnp.PyArray_DIM(index, i) != cnp.PyArray_DIM(wide, i):
                    return 0
            elif i > axis and cnp.PyArray_DIM(index, i - 1) != cnp.PyArray_DIM(wide, i):
                return 0
        return cnp.PyArray_DIM(index, axis) if keepdim else 1

    @cython.cfunc
    def pick(x: object, index: object, dim: object, keepdim: cython.bint) -> object:
        """The elements of x at an index along a dim, or None."""
        kind: cython.int = small(x, WIDE)
        s: cython.Py_ssize_t[3]
        if not kind:
            return None
        count: cython.Py_ssize_t = picked_count(x, index, dim, keepdim, s)
        if not count:
            return None
        out: object = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(index), cnp.PyArray_DIMS(index), kind, 0)
        if kind == cnp.NPY_FLOAT:
            loop_pick(floats(x), longs(index), floats(out), s, count, False)
        else:
            loop_pick(doubles(x), longs(index), doubles(out), s, count, False)
        return out

    @cython.cfunc
    def put(g: object, index: object, shape: object, dim: object, keepdim: cython.bint) -> object:
        """Zeros of a shape with g added at an index along a dim, or None."""
        kind: cython.int = small(g, MANY)
        s: cython.Py_ssize_t[3]
        if not kind or not cnp.PyArray_CheckExact(index) or not cnp.PyArray_SAMESHAPE(g, index):
            return None
        out: object = shaped(shape, kind, MANY)
        if out is None:
            return None
        count: cython.Py_ssize_t = picked_count(out, index, dim, keepdim, s)
        if not count:
            return None
        if kind == cnp.NPY_FLOAT:
            loop_pick(floats(g), longs(index), floats(out), s, count, True)
        else:
            loop_pick(doubles(g), longs(index), doubles(out), s, count, True)
        return out

    def picked(args: tuple) -> object:
        """(input, indices, dim, keepdim, label)."""
        return pick(args[0], args[1], args[2], args[3])

    def picked_rule(environment: list) -> object:
        """The transpose of `picked`."""
        return put(environment[1], environment[5], environment[3], environment[6], environment[7])

    def given_back(args: tuple) -> object:
        """(input, indices, size, dim, keepdim)."""
        return put(args[0], args[1], args[2], args[3], args[4])

    def gather(args: tuple) -> object:
        """(input, dim, index, sparse_grad) where index has input's other sizes."""
        return pick(args[0], args[2], args[1], True)

    def gather_rule(environment: list) -> object:
        """The transpose of `gather`; None for a sparse gradient."""
        return None if environment[7] else put(environment[1], environment[6], environment[3], environment[5], True)

    # ------------------------------------------------------------ slices by a vector of places

    @cython.cfunc
    def taken(x: object, index: object, dim: object) -> object:
        """x.take(index, dim): slices of a small array, or None."""
        kind: cython.int = small(x, WIDE)
        s: cython.Py_ssize_t[3]
        dims: cnp.npy_intp[64]
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        n: cython.int
        k: cython.int
        if not kind or cnp.PyArray_NDIM(x) == 0 or not spans(x, dim, s) or not within(index, s[1]):
            return None
        axis: cython.int = dim
        n = cnp.PyArray_NDIM(x)
        if axis < 0:
            axis += n
        wide: cython.int = cnp.PyArray_NDIM(index)
        if n + wide > 60:
            return None
        for k in range(axis):
            dims[k] = cnp.PyArray_DIM(x, k)
        for k in range(wide):
            dims[axis + k] = cnp.PyArray_DIM(index, k)
        for k in range(axis + 1, n):
            dims[wide + k - 1] = cnp.PyArray_DIM(x, k)
        count: cython.Py_ssize_t = cnp.PyArray_SIZE(index)
        out: object = cnp.PyArray_EMPTY(n + wide - 1, dims, kind, 0)
        if not cnp.PyArray_SIZE(out):
            return out
        width: cython.Py_ssize_t = s[2] * (4 if kind == cnp.NPY_FLOAT else 8)
        source: cython.p_char = cython.cast(cython.p_char, cnp.PyArray_DATA(x))
        target: cython.p_char = cython.cast(cython.p_char, cnp.PyArray_DATA(out))
        places: cython.pointer(cnp.npy_int64) = longs(index)
        for i in range(s[0]):
            for j in range(count):
                memcpy(target, source + (i * s[1] + places[j]) * width, width)
                target += width
        return out

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_rows(g: cython.pointer(real), places: cython.pointer(cnp.npy_int64), r: cython.pointer(real),
                  s: cython.pointer(cython.Py_ssize_t), count: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r += the slices of g at their places."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for i in range(s[0]):
            for j in range(count):
                for k in range(s[2]):
                    r[(i * s[1] + places[j]) * s[2] + k] += g[(i * count + j) * s[2] + k]

    @cython.cfunc
    def laid(g: object, index: object, shape: object, dim: object) -> object:
        """Zeros of a shape to which the slices of g are added at an index, or None."""
        kind: cython.int = small(g, MANY)
        s: cython.Py_ssize_t[3]
        if not kind:
            return None
        out: object = shaped(shape, kind, MANY)
        if out is None or cnp.PyArray_NDIM(out) == 0 or not spans(out, dim, s) or not within(index, s[1]):
            return None
        count: cython.Py_ssize_t = cnp.PyArray_SIZE(index)
        if cnp.PyArray_SIZE(g) != s[0] * count * s[2]:
            return None
        if kind == cnp.NPY_FLOAT:
            loop_rows(floats(g), longs(index), floats(out), s, count)
        else:
            loop_rows(doubles(g), longs(index), doubles(out), s, count)
        return out

    def embedding_rows(args: tuple) -> object:
        """(weight, indices, padding_idx, scale_grad_by_freq)."""
        x: object = args[0]
        return taken(x, args[1], 0) if cnp.PyArray_CheckExact(x) and cnp.PyArray_NDIM(x) == 2 else None

    def embedding_rule(environment: list) -> object:
        """The rows of g summed per index."""
        if environment[7]:
            return None
        out: object = laid(environment[1], environment[5], environment[3], 0)
        padding: cython.Py_ssize_t = environment[6]
        if out is not None and padding >= 0:
            width: cython.Py_ssize_t = cnp.PyArray_STRIDE(out, 0)
            memset(cython.cast(cython.p_char, cnp.PyArray_DATA(out)) + padding * width, 0, width)
        return out

    def index_select(args: tuple) -> object:
        """(input, dim, index)."""
        index: object = args[2]
        return (
            taken(args[0], index, args[1]) if cnp.PyArray_CheckExact(index) and cnp.PyArray_NDIM(index) == 1 else None
        )

    def index_select_rule(environment: list) -> object:
        """The slices of g added at their places."""
        return laid(environment[1], environment[6], environment[3], environment[5])

    # ------------------------------------------------------------ joining

    @cython.cfunc
    def joined(arrays: object, dim: object, new: cython.bint) -> object:
        """Arrays one after the other along a dim, or along a `new` one; or None."""
        dims: cnp.npy_intp[64]
        size: cython.Py_ssize_t = 0
        k: cython.int
        i: cython.Py_ssize_t
        outer: cython.Py_ssize_t = 1
        if (type(arrays) is not list and type(arrays) is not tuple) or type(dim) is not int or not -32 < dim < 32:
            return None
        count: cython.Py_ssize_t = len(arrays)
        if count == 0:
            return None
        first: object = arrays[0]
        if not cnp.PyArray_CheckExact(first):
            return None
        kind: cython.int = cnp.PyArray_TYPE(first)
        n: cython.int = cnp.PyArray_NDIM(first)
        axis: cython.int = dim
        top: cython.int = n + 1 if new else n
        if axis < 0:
            axis += top
        if kind >= cnp.NPY_OBJECT or axis < 0 or axis >= top:
            return None
        for a in arrays:
            if not flat(a, kind, WIDE) or cnp.PyArray_NDIM(a) != n or cnp.PyArray_SIZE(a) == 0:
                return None
            for k in range(n):
                if (new or k != axis) and cnp.PyArray_DIM(a, k) != cnp.PyArray_DIM(first, k):
                    return None
            size += 1 if new else cnp.PyArray_DIM(a, axis)
        for k in range(axis):
            dims[k] = cnp.PyArray_DIM(first, k)
            outer *= dims[k]
        dims[axis] = size
        for k in range(axis + 1, top):
            dims[k] = cnp.PyArray_DIM(first, k - 1 if new else k)
        out: object = cnp.PyArray_EMPTY(top, dims, kind, 0)
        target: cython.p_char = cython.cast(cython.p_char, cnp.PyArray_DATA(out))
        width: cython.Py_ssize_t
        whole: cython.Py_ssize_t = cnp.PyArray_NBYTES(out) // outer
        for a in arrays:
            width = cnp.PyArray_NBYTES(a) // outer
            for i in range(outer):
                memcpy(target + i * whole, cython.cast(cython.p_char, cnp.PyArray_DATA(a)) + i * width, width)
            target += width
        return out

    def cat(args: tuple) -> object:
        """(tensors, dim)."""
        return joined(args[0], args[1], False)

    def stack(args: tuple) -> object:
        """(tensors, dim)."""
        return joined(args[0], args[1], True)

    LOOPS.update(
        {
            "picked": picked,
            "given_back": given_back,
            "gather": gather,
            "embedding_rows": embedding_rows,
            "index_select": index_select,
            "cat": cat,
            "stack": stack,
        }
    )
    RULES.update(
        {
            "picked": (picked_rule, None),
            "gather": (gather_rule, None),
            "embedding_rows": (embedding_rule, None),
            "index_select": (index_select_rule, None),
        }
    )
