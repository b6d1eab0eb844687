"""Loops along one dim: softmax, its logarithm, running sums, and their slopes (see loops.py)."""

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
        doubles,
        fit,
        flat,
        floats,
        like,
        real,
        small,
        spans,
    )
    from cython.cimports.wengert.core.arrays.loops_rows import SOFT, Row

    cnp.import_array()

    _soft_limit = cython.declare(cython.int, SOFT)

    def leave_softmax(size: cython.int) -> None:
        """From now on arrays of more elements are for kernels."""
        global _soft_limit
        _soft_limit = size

    @cython.cfunc
    @cython.exceptval(check=False)
    def soft(op: cython.int, x: cython.pointer(real), r: cython.pointer(real), w: cython.pointer(real),
             n: cython.Py_ssize_t, step: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r = softmax of one row, or its logarithm; w is room for one more."""
        i: cython.Py_ssize_t
        top: real = x[0]
        s: real
        for i in range(1, n):
            if not (x[i * step] <= top):
                top = x[i * step]
                if top != top:
                    break
        for i in range(n):
            r[i * step] = x[i * step] - top
            w[i * step] = fit(top, math.exp(r[i * step]))
        s = added(w, n, step)
        if op == Row.SOFTMAX:
            for i in range(n):
                r[i * step] = w[i * step] / s
        else:
            s = fit(top, math.log(s))
            for i in range(n):
                r[i * step] -= s

    @cython.cfunc
    @cython.exceptval(check=False)
    def soft_back(op: cython.int, g: cython.pointer(real), y: cython.pointer(real), r: cython.pointer(real),
                  n: cython.Py_ssize_t, step: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """The gradient of `soft` from its result."""
        i: cython.Py_ssize_t
        s: real
        if op == Row.SOFTMAX:
            for i in range(n):
                r[i * step] = g[i * step] * y[i * step]
            s = added(r, n, step)
            for i in range(n):
                r[i * step] -= y[i * step] * s
        else:
            s = added(g, n, step)
            for i in range(n):
                r[i * step] = g[i * step] - fit(s, math.exp(y[i * step])) * s

    @cython.cfunc
    @cython.exceptval(check=False)
    def run(op: cython.int, x: cython.pointer(real), r: cython.pointer(real), n: cython.Py_ssize_t,
            step: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """Running sums or products in float64, sums from the end too."""
        i: cython.Py_ssize_t
        s: cython.double
        if op == Row.SUMS:
            s = x[0]
            r[0] = x[0]
            for i in range(1, n):
                s += x[i * step]
                r[i * step] = fit(x[0], s)
        elif op == Row.PRODUCTS:
            s = x[0]
            r[0] = x[0]
            for i in range(1, n):
                s *= x[i * step]
                r[i * step] = fit(x[0], s)
        else:
            s = x[(n - 1) * step]
            r[(n - 1) * step] = x[(n - 1) * step]
            for i in range(n - 2, -1, -1):
                s += x[i * step]
                r[i * step] = fit(x[0], s)

    @cython.cfunc
    @cython.exceptval(check=False)
    def every(op: cython.int, x: cython.pointer(real), y: cython.pointer(real), r: cython.pointer(real),
              w: cython.pointer(real), outer: cython.Py_ssize_t, n: cython.Py_ssize_t,
              inner: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """One of the above for all rows."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for i in range(outer):
            for j in range(inner):
                k = i * n * inner + j
                if op == Row.SOFTMAX or op == Row.LOG_SOFTMAX:
                    soft(op, x + k, r + k, w + k, n, inner)
                elif op == Row.SOFTMAX_BACK:
                    soft_back(Row.SOFTMAX, x + k, y + k, r + k, n, inner)
                elif op == Row.LOG_SOFTMAX_BACK:
                    soft_back(Row.LOG_SOFTMAX, x + k, y + k, r + k, n, inner)
                else:
                    run(op, x + k, r + k, n, inner)

    @cython.cfunc
    def rows(op: cython.int, x: object, y: object, dim: object) -> object:
        """A function along a dim of a small array, or None; y has x's shape."""
        kind: cython.int = small(x, WIDE if op >= Row.SUMS else MANY)
        s: cython.Py_ssize_t[3]
        out: object
        room: object
        if not kind or not cnp.PyArray_SIZE(x) or not spans(x, dim, s):
            return None
        if op < Row.SUMS and kind == cnp.NPY_FLOAT and cnp.PyArray_SIZE(x) > _soft_limit:
            return None
        if not flat(y, kind, WIDE) or not cnp.PyArray_SAMESHAPE(x, y):
            return None
        out = like(x)
        room = like(x) if op <= Row.LOG_SOFTMAX else out
        if kind == cnp.NPY_FLOAT:
            every(op, floats(x), floats(y), floats(out), floats(room), s[0], s[1], s[2])
        else:
            every(op, doubles(x), doubles(y), doubles(out), doubles(room), s[0], s[1], s[2])
        return out

    def along(op: cython.int) -> Any:
        """The loop of a function of (input, dim)."""

        def apply(args: tuple) -> object:
            return rows(op, args[0], args[0], args[1])

        return apply

    def running(op: cython.int) -> Any:
        """The loop of a running sum or product, (input, dim, dtype)."""

        def apply(args: tuple) -> object:
            return rows(op, args[0], args[0], args[1]) if args[2] is None else None

        return apply

    def slope(op: cython.int) -> Any:
        """The rule of softmax or its logarithm: from g, result and dim."""

        def apply(environment: list) -> object:
            return rows(op, environment[1], environment[2], environment[5])

        return apply

    def given(op: cython.int) -> Any:
        """The loop of a gradient: (grad, output, dim)."""

        def apply(args: tuple) -> object:
            return rows(op, args[0], args[1], args[2])

        return apply

    def cumsum_rule(environment: list) -> object:
        """Sums from each place on."""
        return rows(Row.SUMS_FROM, environment[1], environment[1], environment[5])

    LOOPS.update(
        {
            "_softmax": along(Row.SOFTMAX),
            "_log_softmax": along(Row.LOG_SOFTMAX),
            "softmax_back": given(Row.SOFTMAX_BACK),
            "log_softmax_back": given(Row.LOG_SOFTMAX_BACK),
            "cumsum": running(Row.SUMS),
            "cumprod": running(Row.PRODUCTS),
            "sum_from_here": along(Row.SUMS_FROM),
        }
    )
    RULES.update(
        {
            "_softmax": (slope(Row.SOFTMAX_BACK),),
            "_log_softmax": (slope(Row.LOG_SOFTMAX_BACK),),
            "cumsum": (cumsum_rule,),
        }
    )
else:

    def leave_softmax(size: int) -> None:
        """There are no loops."""
