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
        WIDE,
        added,
        data,
        doubles,
        fit,
        flat,
        floats,
        like,
        longs,
        number,
        reach,
        real,
        small,
        without,
    )
    from cython.cimports.wengert.core.arrays.loops_reductions import Reduction
    from cython.cimports.wengert.core.arrays.loops_wholes import counted, whole_extremum
    from cython.cimports.wengert.core.arrays.vectors import (
        WENGERT_ABS,
        WENGERT_ADD,
        WENGERT_DIVIDE,
        WENGERT_MAXIMUM,
        WENGERT_MINIMUM,
        WENGERT_MULTIPLY,
        WENGERT_SQRT,
        WENGERT_SQUARE,
        WENGERT_SUBTRACT,
        wengert_column_places,
        wengert_columns,
        wengert_extremes,
        wengert_ones,
        wengert_pairs,
        wengert_places,
        wengert_sums,
    )

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
    def log_sum_exp(x: cython.pointer(real), w: cython.pointer(real), n: cython.Py_ssize_t,
                    step: cython.Py_ssize_t) -> real:  # fmt: skip
        """The logarithm of the sum of exponentials of n elements, `step` apart; w is room for as many."""
        i: cython.Py_ssize_t
        s: real = x[place(x, n, step, True) * step]
        if s - s != 0:
            s = 0
        for i in range(n):
            w[i * step] = x[i * step] - s
            w[i * step] = fit(s, math.exp(w[i * step]))
        return fit(s, math.log(added(w, n, step))) + s

    @cython.cfunc
    @cython.exceptval(check=False)
    def every(x: cython.pointer(real), w: cython.pointer(real), r: cython.pointer(real),
              s: cython.pointer(cython.Py_ssize_t)) -> cython.void:  # fmt: skip
        """The same of all runs."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for i in range(s[0]):
            for j in range(s[2]):
                k = i * s[1] * s[2] + j
                r[i * s[2] + j] = log_sum_exp(x + k, w + k, s[1], s[2])

    @cython.cfunc
    @cython.inline
    def at(a: object, i: cython.Py_ssize_t, width: cython.Py_ssize_t) -> cython.p_void:
        """Where the element i of an array is."""
        return cython.cast(cython.p_char, data(a)) + i * width

    @cython.cfunc
    def plain(op: cython.int, kind: cython.int, x: object, out: object,
              s: cython.pointer(cython.Py_ssize_t)) -> cython.void:  # fmt: skip
        """The sums, means, products or extrema of all runs."""
        i: cython.Py_ssize_t
        run: cython.Py_ssize_t = s[1] * s[2]
        width: cython.Py_ssize_t = 4 if kind == cnp.NPY_FLOAT else 8
        what: cython.int = WENGERT_ADD
        if op == Reduction.PRODUCT:
            what = WENGERT_MULTIPLY
        elif op == Reduction.LARGEST or op == Reduction.SMALLEST:
            what = WENGERT_MAXIMUM if op == Reduction.LARGEST else WENGERT_MINIMUM
        if s[2] > 1:
            for i in range(s[0]):
                wengert_columns(kind, what, at(x, i * run, width), at(out, i * s[2], width), s[1], s[2])
        elif what == WENGERT_ADD:
            wengert_sums(kind, data(x), data(out), s[0], s[1])
        else:
            wengert_extremes(kind, what, data(x), data(out), s[0], s[1])
        if op == Reduction.MEAN:
            wengert_ones(kind, WENGERT_DIVIDE, data(out), s[1], 0, data(out), s[0] * s[2])

    @cython.cfunc
    def squared(op: cython.int, kind: cython.int, x: object, room: object, out: object,
                s: cython.pointer(cython.Py_ssize_t), free: cython.double) -> cython.void:  # fmt: skip
        """The variances, deviations or norms of all runs; room: for as many elements as x has."""
        i: cython.Py_ssize_t
        run: cython.Py_ssize_t = s[1] * s[2]
        n: cython.Py_ssize_t = s[0] * run
        width: cython.Py_ssize_t = 4 if kind == cnp.NPY_FLOAT else 8
        if op == Reduction.VARIANCE or op == Reduction.DEVIATION:
            plain(Reduction.MEAN, kind, x, out, s)
            for i in range(s[0]):
                wengert_pairs(
                    kind, WENGERT_SUBTRACT, at(x, i * run, width), at(out, i * s[2], width), at(room, i * run, width),
                    run, s[2],
                )  # fmt: skip
            wengert_ones(kind, WENGERT_SQUARE, data(room), 0, 0, data(room), n)
        else:
            wengert_ones(
                kind, WENGERT_ABS if op == Reduction.ABSOLUTE else WENGERT_SQUARE, data(x), 0, 0, data(room), n
            )
        plain(Reduction.TOTAL, kind, room, out, s)
        if op == Reduction.VARIANCE or op == Reduction.DEVIATION:
            wengert_ones(kind, WENGERT_DIVIDE, data(out), free, 0, data(out), s[0] * s[2])
        if op == Reduction.DEVIATION or op == Reduction.EUCLIDEAN:
            wengert_ones(kind, WENGERT_SQRT, data(out), 0, 0, data(out), s[0] * s[2])

    @cython.cfunc
    def apart(op: cython.int, x: object, dim: tuple, keepdim: cython.bint) -> object:
        """A sum, mean or extremum over dims that do not stand side by side: those that do at a time; or None."""
        i: cython.int
        axis: cython.int
        end: cython.int
        n: cython.int = cnp.PyArray_NDIM(x)
        gone: cython.bint[64]
        for i in range(n):
            gone[i] = False
        for one in dim:
            if type(one) is not int or not -n <= one < n:
                return None
            axis = one
            if axis < 0:
                axis += n
            if gone[axis]:
                return None
            gone[axis] = True
        out: object = x
        end = n
        while end > 0:
            if not gone[end - 1]:
                end -= 1
                continue
            axis = end
            while axis > 0 and gone[axis - 1]:
                axis -= 1
            out = reduction(
                Reduction.TOTAL if op == Reduction.MEAN else op, out, tuple([i for i in range(axis, end)]), True, 0
            )
            end = axis
        kind: cython.int = cnp.PyArray_TYPE(out)
        if op == Reduction.MEAN:
            wengert_ones(kind, WENGERT_DIVIDE, data(out), cnp.PyArray_SIZE(x) // cnp.PyArray_SIZE(out), 0, data(out),
                         cnp.PyArray_SIZE(out))  # fmt: skip
        if keepdim:
            return out
        return out.reshape(tuple([cnp.PyArray_DIM(out, i) for i in range(n) if not gone[i]]))

    @cython.cfunc
    def reduction(op: cython.int, x: object, dim: object, keepdim: cython.bint, correction: cython.double) -> object:
        """A reduction of a small array, or None."""
        kind: cython.int = small(x, MANY if op == Reduction.LOG_SUM_EXP else WIDE)
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        out: object
        room: object
        free: cython.double
        if not kind or not cnp.PyArray_SIZE(x):
            return None
        if not reach(x, dim, s, gone):
            return apart(op, x, dim, keepdim) if op < Reduction.VARIANCE and type(dim) is tuple else None
        free = s[1] - correction
        if free < 0:
            free = 0
        out = without(x, gone, keepdim, kind)
        if op < Reduction.VARIANCE:
            plain(op, kind, x, out, s)
            return out
        room = like(x)
        if op != Reduction.LOG_SUM_EXP:
            squared(op, kind, x, room, out, s, free)
        elif kind == cnp.NPY_FLOAT:
            every(floats(x), floats(room), floats(out), s)
        else:
            every(doubles(x), doubles(room), doubles(out), s)
        return out

    @cython.cfunc
    def positions(x: object, dim: object, keepdim: cython.bint, largest: cython.bint) -> object:
        """Where extrema of a small array are, or None."""
        i: cython.Py_ssize_t
        kind: cython.int = small(x, WIDE)
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        out: object
        if not kind or not cnp.PyArray_SIZE(x) or not (dim is None or type(dim) is int) or not reach(x, dim, s, gone):
            return None
        out = without(x, gone, keepdim, cnp.NPY_INT64)
        what: cython.int = WENGERT_MAXIMUM if largest else WENGERT_MINIMUM
        if s[2] == 1:
            wengert_places(kind, what, data(x), longs(out), s[0], s[1])
            return out
        width: cython.Py_ssize_t = 4 if kind == cnp.NPY_FLOAT else 8
        for i in range(s[0]):
            wengert_column_places(kind, what, at(x, i * s[1] * s[2], width), longs(out) + i * s[2], s[1], s[2])
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
            if args[3] is not None:
                return None
            found: object = reduction(op, args[0], args[1], args[2], 0)
            return counted(args[0], args[1], args[2]) if found is None and op == Reduction.TOTAL else found

        return apply

    def product(args: tuple) -> object:
        """(input, dim, keepdim, dtype)."""
        return reduction(Reduction.PRODUCT, args[0], args[1], args[2], 0) if args[3] is None else None

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
        found: object = reduction(Reduction.LARGEST if args[1] else Reduction.SMALLEST, args[0], None, False, 0)
        return whole_extremum(args[0], args[1]) if found is None else found

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
            "prod": product,
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
