"""Loops for products of tiny matrices and vectors, for which the BLAS takes longer to be called (see loops.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Any] = {}
RULES: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.arrays.loops_common import MANY, doubles, flat, floats, real, small

    cnp.import_array()

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_product(a: cython.pointer(real), ai: cython.Py_ssize_t, ak: cython.Py_ssize_t, b: cython.pointer(real),
                     bk: cython.Py_ssize_t, bj: cython.Py_ssize_t, r: cython.pointer(real), n: cython.Py_ssize_t,
                     k: cython.Py_ssize_t, p: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r = a @ b, (n, k) @ (k, p), with the steps of their dims."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        t: cython.Py_ssize_t
        s: cython.double
        for i in range(n):
            for j in range(p):
                s = 0
                for t in range(k):
                    s += cython.cast(cython.double, a[i * ai + t * ak]) * b[t * bk + j * bj]
                r[i * p + j] = s

    @cython.cfunc
    def product(a: object, b: object, left: cython.bint, right: cython.bint, batches: cython.Py_ssize_t,
                n: cython.Py_ssize_t, k: cython.Py_ssize_t, p: cython.Py_ssize_t, ndim: cython.int,
                d0: cython.Py_ssize_t, d1: cython.Py_ssize_t, d2: cython.Py_ssize_t) -> object:  # fmt: skip
        """Batches of (n, k) @ (k, p), a or b stored transposed; or None where they are not small."""
        kind: cython.int = small(a, MANY)
        dims: cnp.npy_intp[3]
        i: cython.Py_ssize_t
        if not kind or not flat(b, kind, MANY) or batches * n * k * p > MANY or batches * n * k * p == 0:
            return None
        if cnp.PyArray_SIZE(a) != batches * n * k or cnp.PyArray_SIZE(b) != batches * k * p:
            return None
        dims[0] = d0
        dims[1] = d1
        dims[2] = d2
        out: object = cnp.PyArray_EMPTY(ndim, dims, kind, 0)
        ai: cython.Py_ssize_t = 1 if left else k
        ak: cython.Py_ssize_t = n if left else 1
        bk: cython.Py_ssize_t = 1 if right else p
        bj: cython.Py_ssize_t = k if right else 1
        for i in range(batches):
            if kind == cnp.NPY_FLOAT:
                loop_product[cython.float](
                    floats(a) + i * n * k, ai, ak, floats(b) + i * k * p, bk, bj, floats(out) + i * n * p, n, k, p
                )
            else:
                loop_product[cython.double](
                    doubles(a) + i * n * k, ai, ak, doubles(b) + i * k * p, bk, bj, doubles(out) + i * n * p, n, k, p
                )
        return out

    @cython.cfunc
    def dims_are(a: object, n: cython.int) -> cython.bint:
        """Whether a is a plain array of n dims."""
        return cnp.PyArray_CheckExact(a) and cnp.PyArray_NDIM(a) == n

    @cython.cfunc
    def size(a: object, i: cython.int) -> cython.Py_ssize_t:
        """The length of a dim."""
        return cnp.PyArray_DIM(a, i)

    def bmm(args: tuple) -> object:
        """(b, n, k) @ (b, k, p)."""
        x: object = args[0]
        y: object = args[1]
        if not dims_are(x, 3) or not dims_are(y, 3) or size(x, 0) != size(y, 0) or size(x, 2) != size(y, 1):
            return None
        b: cython.Py_ssize_t = size(x, 0)
        n: cython.Py_ssize_t = size(x, 1)
        p: cython.Py_ssize_t = size(y, 2)
        return product(x, y, False, False, b, n, size(x, 2), p, 3, b, n, p)

    def bmm_left(environment: list) -> object:
        """g @ mat2.T."""
        g: object = environment[1]
        y: object = environment[5]
        if not dims_are(g, 3) or not dims_are(y, 3) or size(g, 0) != size(y, 0) or size(g, 2) != size(y, 2):
            return None
        b: cython.Py_ssize_t = size(g, 0)
        return product(g, y, False, True, b, size(g, 1), size(g, 2), size(y, 1), 3, b, size(g, 1), size(y, 1))

    def bmm_right(environment: list) -> object:
        """input.T @ g."""
        g: object = environment[1]
        x: object = environment[4]
        if not dims_are(g, 3) or not dims_are(x, 3) or size(g, 0) != size(x, 0) or size(g, 1) != size(x, 1):
            return None
        b: cython.Py_ssize_t = size(g, 0)
        return product(x, g, True, False, b, size(x, 2), size(x, 1), size(g, 2), 3, b, size(x, 2), size(g, 2))

    def mv(args: tuple) -> object:
        """(n, k) @ (k,)."""
        x: object = args[0]
        y: object = args[1]
        if not dims_are(x, 2) or not dims_are(y, 1) or size(x, 1) != size(y, 0):
            return None
        return product(x, y, False, False, 1, size(x, 0), size(x, 1), 1, 1, size(x, 0), 0, 0)

    def mv_left(environment: list) -> object:
        """The outer product of g and the vector."""
        g: object = environment[1]
        y: object = environment[5]
        if not dims_are(g, 1) or not dims_are(y, 1):
            return None
        return product(g, y, False, False, 1, size(g, 0), 1, size(y, 0), 2, size(g, 0), size(y, 0), 0)

    def mv_right(environment: list) -> object:
        """input.T @ g."""
        g: object = environment[1]
        x: object = environment[4]
        if not dims_are(g, 1) or not dims_are(x, 2) or size(g, 0) != size(x, 0):
            return None
        return product(x, g, True, False, 1, size(x, 1), size(x, 0), 1, 1, size(x, 1), 0, 0)

    def dot(args: tuple) -> object:
        """The sum of the products of two vectors."""
        x: object = args[0]
        y: object = args[1]
        if not dims_are(x, 1) or not dims_are(y, 1) or size(x, 0) != size(y, 0):
            return None
        return product(x, y, False, False, 1, 1, size(x, 0), 1, 0, 0, 0, 0)

    LOOPS.update({"bmm": bmm, "mv": mv, "dot": dot})
    RULES.update({"bmm": (bmm_left, bmm_right), "mv": (mv_left, mv_right)})
