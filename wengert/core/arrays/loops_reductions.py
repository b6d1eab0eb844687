"""Loops that reduce dims - sums, extrema, variances, norms - and their slopes (see loops.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Any] = {}
RULES: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc import math
    from cython.cimports.wengert.core.arrays.loops_common import (
        MANY,
        added,
        doubles,
        fit,
        flat,
        floats,
        like,
        number,
        reach,
        real,
        root,
        small,
        without,
    )
    from cython.cimports.wengert.core.arrays.loops_reductions import Reduction

    cnp.import_array()

    @cython.cfunc
    @cython.exceptval(check=False)
    def place(x: cython.pointer(real), n: cython.Py_ssize_t, step: cython.Py_ssize_t,
              largest: cython.bint) -> cython.Py_ssize_t:  # fmt: skip
        """Where the first of the largest or smallest elements is; a nan is both."""
        i: cython.Py_ssize_t
        found: cython.Py_ssize_t = 0
        best: real = x[0]
        if best != best:
            return 0
        for i in range(1, n):
            v: real = x[i * step]
            if v != v:
                return i
            if (v > best) if largest else (v < best):
                best = v
                found = i
        return found

    @cython.cfunc
    @cython.exceptval(check=False)
    def one(op: cython.int, x: cython.pointer(real), w: cython.pointer(real), n: cython.Py_ssize_t,
            step: cython.Py_ssize_t, c: real) -> real:  # fmt: skip
        """A reduction of n elements, `step` apart; w is room for as many."""
        i: cython.Py_ssize_t
        s: real
        if op == Reduction.TOTAL:
            return added(x, n, step)
        if op == Reduction.MEAN:
            return added(x, n, step) / n
        if op == Reduction.LARGEST:
            return x[place(x, n, step, True) * step]
        if op == Reduction.SMALLEST:
            return x[place(x, n, step, False) * step]
        if op == Reduction.EUCLIDEAN:
            for i in range(n):
                w[i * step] = x[i * step] * x[i * step]
            return root(added(w, n, step))
        if op == Reduction.ABSOLUTE:
            for i in range(n):
                w[i * step] = fit(x[0], math.fabs(x[i * step]))
            return added(w, n, step)
        if op == Reduction.LOG_SUM_EXP:
            s = x[place(x, n, step, True) * step]
            if s - s != 0:
                s = 0
            for i in range(n):
                w[i * step] = x[i * step] - s
                w[i * step] = fit(s, math.exp(w[i * step]))
            return fit(s, math.log(added(w, n, step))) + s
        s = added(x, n, step) / n
        for i in range(n):
            w[i * step] = x[i * step] - s
            w[i * step] = w[i * step] * w[i * step]
        s = added(w, n, step) / c
        return s if op == Reduction.VARIANCE else root(s)

    @cython.cfunc
    @cython.exceptval(check=False)
    def every(op: cython.int, x: cython.pointer(real), w: cython.pointer(real), r: cython.pointer(real),
              s: cython.pointer(cython.Py_ssize_t), c: real) -> cython.void:  # fmt: skip
        """A reduction of all runs."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for i in range(s[0]):
            for j in range(s[2]):
                k = i * s[1] * s[2] + j
                r[i * s[2] + j] = one(op, x + k, w + k, s[1], s[2], c)

    @cython.cfunc
    def reduction(op: cython.int, x: object, dim: object, keepdim: cython.bint, correction: cython.double) -> object:
        """A reduction of a small array, or None."""
        kind: cython.int = small(x, MANY)
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        out: object
        room: object = x
        free: cython.double
        if not kind or not cnp.PyArray_SIZE(x) or not reach(x, dim, s, gone):
            return None
        free = s[1] - correction
        if free < 0:
            free = 0
        out = without(x, gone, keepdim, kind)
        if op >= Reduction.VARIANCE:
            room = like(x)
        if kind == cnp.NPY_FLOAT:
            every(op, floats(x), floats(room), floats(out), s, free)
        else:
            every(op, doubles(x), doubles(room), doubles(out), s, free)
        return out

    @cython.cfunc
    @cython.exceptval(check=False)
    def places(x: cython.pointer(real), r: cython.pointer(cnp.npy_int64), s: cython.pointer(cython.Py_ssize_t),
               largest: cython.bint) -> cython.void:  # fmt: skip
        """Where the extrema of all runs are."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        for i in range(s[0]):
            for j in range(s[2]):
                r[i * s[2] + j] = place(x + i * s[1] * s[2] + j, s[1], s[2], largest)

    @cython.cfunc
    def positions(x: object, dim: object, keepdim: cython.bint, largest: cython.bint) -> object:
        """Where extrema of a small array are, or None."""
        kind: cython.int = small(x, MANY)
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        out: object
        if not kind or not cnp.PyArray_SIZE(x) or not (dim is None or type(dim) is int) or not reach(x, dim, s, gone):
            return None
        out = without(x, gone, keepdim, cnp.NPY_INT64)
        r: cython.pointer(cnp.npy_int64) = cython.cast(cython.pointer(cnp.npy_int64), cnp.PyArray_DATA(out))
        if kind == cnp.NPY_FLOAT:
            places(floats(x), r, s, largest)
        else:
            places(doubles(x), r, s, largest)
        return out

    @cython.cfunc
    @cython.exceptval(check=False)
    def back(op: cython.int, g: real, x: cython.pointer(real), y: real, r: cython.pointer(real), n: cython.Py_ssize_t,
             step: cython.Py_ssize_t, c: real, ties: cython.bint) -> cython.void:  # fmt: skip
        """The gradient of one run's elements from that of its result y."""
        i: cython.Py_ssize_t
        v: real
        middle: real
        one_: real = 1
        if op == Reduction.TOTAL or op == Reduction.MEAN:
            v = g if op == Reduction.TOTAL else g / n
            for i in range(n):
                r[i * step] = v
        elif op == Reduction.LARGEST:
            v = 0
            for i in range(n):
                if x[i * step] == y or (ties and y != y and x[i * step] != x[i * step]):
                    v += 1
            for i in range(n):
                if x[i * step] == y or (ties and y != y and x[i * step] != x[i * step]):
                    r[i * step] = g * (one_ / v)
                else:
                    r[i * step] = g * ((one_ - one_) / v)
        elif op == Reduction.EUCLIDEAN:
            v = 0 if y == 0 else g / y
            for i in range(n):
                r[i * step] = x[i * step] * v
        elif op == Reduction.ABSOLUTE:
            for i in range(n):
                v = 1 if x[i * step] > 0 else -1 if x[i * step] < 0 else 0
                r[i * step] = v * g
        elif op == Reduction.LOG_SUM_EXP:
            for i in range(n):
                v = x[i * step] - y
                r[i * step] = g * fit(g, math.exp(v))
        else:
            if op == Reduction.DEVIATION:
                g = 0 if y == 0 else g / (y * 2)
            middle = added(x, n, step) / n
            v = g * c
            for i in range(n):
                r[i * step] = v * (x[i * step] - middle)

    @cython.cfunc
    @cython.exceptval(check=False)
    def every_back(op: cython.int, g: cython.pointer(real), x: cython.pointer(real), y: cython.pointer(real),
                   r: cython.pointer(real), s: cython.pointer(cython.Py_ssize_t), c: real,
                   ties: cython.bint) -> cython.void:  # fmt: skip
        """The gradients of all runs."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for i in range(s[0]):
            for j in range(s[2]):
                k = i * s[1] * s[2] + j
                back(op, g[i * s[2] + j], x + k, y[i * s[2] + j], r + k, s[1], s[2], c, ties)

    @cython.cfunc
    def slope(op: cython.int, g: object, x: object, y: object, dim: object, correction: object,
              ties: cython.bint) -> object:  # fmt: skip
        """The gradient of a reduction from input x and result y, or None."""
        kind: cython.int = small(x, MANY)
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        free: cython.double
        if not kind or not cnp.PyArray_SIZE(x) or not reach(x, dim, s, gone):
            return None
        if not flat(g, kind, MANY) or not flat(y, kind, MANY) or not number(correction):
            return None
        if cnp.PyArray_SIZE(g) != s[0] * s[2] or cnp.PyArray_SIZE(y) != s[0] * s[2]:
            return None
        free = s[1] - correction
        if free <= 0:
            return None
        out: object = like(x)
        if kind == cnp.NPY_FLOAT:
            every_back(op, floats(g), floats(x), floats(y), floats(out), s, 2 / free, ties)
        else:
            every_back(op, doubles(g), doubles(x), doubles(y), doubles(out), s, 2 / free, ties)
        return out

    @cython.cfunc
    def spread(op: cython.int, g: object, shape: object, dim: object) -> object:
        """The gradient of a sum or mean from the input's shape, or None."""
        kind: cython.int = small(g, MANY)
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        dims: cnp.npy_intp[64]
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t
        size: cython.Py_ssize_t = 1
        if not kind or type(shape) is not tuple:
            return None
        count = len(shape)
        for i in range(count):
            dims[i] = shape[i]
            size *= dims[i]
        if size > MANY or size == 0:
            return None
        out: object = cnp.PyArray_EMPTY(cython.cast(cython.int, count), dims, kind, 0)
        if not reach(out, dim, s, gone) or cnp.PyArray_SIZE(g) != s[0] * s[2]:
            return None
        if kind == cnp.NPY_FLOAT:
            every_back(op, floats(g), floats(out), floats(g), floats(out), s, 1, False)
        else:
            every_back(op, doubles(g), doubles(out), doubles(g), doubles(out), s, 1, False)
        return out

    # ------------------------------------------------------------ what the tables hold

    def summed(op: cython.int) -> Any:
        """A sum or mean, (input, dim, keepdim, dtype)."""

        def apply(args: tuple) -> object:
            return reduction(op, args[0], args[1], args[2], 0) if args[3] is None else None

        return apply

    def reduced(op: cython.int) -> Any:
        """A reduction, (input, dim, keepdim)."""

        def apply(args: tuple) -> object:
            return reduction(op, args[0], args[1], args[2], 0)

        return apply

    def varied(op: cython.int) -> Any:
        """Variance or deviation, (input, dim, correction, keepdim)."""

        def apply(args: tuple) -> object:
            return reduction(op, args[0], args[1], args[3], args[2]) if number(args[2]) else None

        return apply

    def extremum(args: tuple) -> object:
        """The largest or smallest of all."""
        return reduction(Reduction.LARGEST if args[1] else Reduction.SMALLEST, args[0], None, False, 0)

    def extremum_indices(args: tuple) -> object:
        """Where the extrema along a dim are."""
        return positions(args[0], args[1], args[2], args[3]) if type(args[1]) is int else None

    def vector_norm(args: tuple) -> object:
        """The norms of order 1 and 2."""
        order: object = args[1]
        if args[4] is not None or (order != 2 and order != 1):
            return None
        return reduction(Reduction.EUCLIDEAN if order == 2 else Reduction.ABSOLUTE, args[0], args[2], args[3], 0)

    def spread_rule(op: cython.int) -> Any:
        """The gradient of a sum or mean."""

        def apply(environment: list) -> object:
            return spread(op, environment[1], environment[3], environment[5])

        return apply

    def shared_rule(environment: list) -> object:
        """The gradient of amax and amin, shared by ties."""
        return slope(Reduction.LARGEST, environment[1], environment[4], environment[2], environment[5], 0, False)

    def extremum_rule(environment: list) -> object:
        """The gradient of the extremum of all, shared by ties."""
        return slope(Reduction.LARGEST, environment[1], environment[4], environment[2], None, 0, True)

    def varied_rule(op: cython.int) -> Any:
        """The gradient of variance or deviation."""

        def apply(environment: list) -> object:
            out: object = environment[2] if op == Reduction.DEVIATION else environment[1]
            return slope(op, environment[1], environment[4], out, environment[5], environment[6], False)

        return apply

    def norm_rule(environment: list) -> object:
        """The gradient of the norms of order 1 and 2."""
        order: object = environment[5]
        if order != 2 and order != 1:
            return None
        op: cython.int = Reduction.EUCLIDEAN if order == 2 else Reduction.ABSOLUTE
        return slope(op, environment[1], environment[4], environment[2], environment[6], 0, False)

    def log_sum_exp_rule(environment: list) -> object:
        """g times the softmax."""
        return slope(Reduction.LOG_SUM_EXP, environment[1], environment[4], environment[2], environment[5], 0, False)

    LOOPS.update(
        {
            "sum": summed(Reduction.TOTAL),
            "mean": summed(Reduction.MEAN),
            "amax": reduced(Reduction.LARGEST),
            "amin": reduced(Reduction.SMALLEST),
            "logsumexp": reduced(Reduction.LOG_SUM_EXP),
            "variance": varied(Reduction.VARIANCE),
            "deviation": varied(Reduction.DEVIATION),
            "extremum": extremum,
            "extremum_indices": extremum_indices,
            "argmax": lambda args: positions(args[0], args[1], args[2], True),
            "argmin": lambda args: positions(args[0], args[1], args[2], False),
            "vector_norm": vector_norm,
        }
    )
    RULES.update(
        {
            "sum": (spread_rule(Reduction.TOTAL),),
            "mean": (spread_rule(Reduction.MEAN),),
            "amax": (shared_rule,),
            "amin": (shared_rule,),
            "extremum": (extremum_rule,),
            "variance": (varied_rule(Reduction.VARIANCE),),
            "deviation": (varied_rule(Reduction.DEVIATION),),
            "vector_norm": (norm_rule,),
            "logsumexp": (log_sum_exp_rule,),
        }
    )
