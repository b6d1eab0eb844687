"""Loops for layers and losses of classes: layer norm, batch norm, products of tiny matrices (see loops.py).

Sums are kept in float64: the bodies leave their order to the BLAS, or to NumPy's einsum.
"""

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
        doubles,
        flat,
        floats,
        like,
        longs,
        number,
        pairwise,
        real,
        small,
    )

    cnp.import_array()

    # ------------------------------------------------------------ layer norm

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_layer(x: cython.pointer(real), w: cython.pointer(real), b: cython.pointer(real), r: cython.pointer(real),
                   middle: cython.pointer(real), inverse: cython.pointer(real), rows: cython.Py_ssize_t,
                   n: cython.Py_ssize_t, eps: cython.double) -> cython.void:  # fmt: skip
        """Rows normalised, scaled and moved; their means and 1 / sqrt(variance + eps)."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        s: cython.double
        m: cython.double
        t: cython.double
        for i in range(rows):
            s = 0
            for j in range(n):
                s += x[j]
            m = s / n
            s = 0
            for j in range(n):
                t = x[j] - m
                s += t * t
            t = 1 / math.sqrt(s / n + eps)
            middle[i] = m
            inverse[i] = t
            for j in range(n):
                s = (x[j] - m) * t
                if w != cython.NULL:
                    s = s * w[j]
                if b != cython.NULL:
                    s = s + b[j]
                r[j] = s
            x += n
            r += n

    @cython.cfunc
    def fits(p: object, kind: cython.int, n: cython.Py_ssize_t) -> cython.bint:
        """Whether a weight is None or has n elements of a dtype."""
        return p is None or (flat(p, kind, MANY) and cnp.PyArray_SIZE(p) == n)

    @cython.cfunc
    def row_length(x: object, shape: object) -> cython.Py_ssize_t:
        """Elements of a row whose last dims are `shape`; 0 if they are not x's."""
        i: cython.int
        n: cython.Py_ssize_t = 1
        if type(shape) is not tuple:
            return 0
        count: cython.int = len(shape)
        lead: cython.int = cnp.PyArray_NDIM(x) - count
        if lead < 0 or count == 0:
            return 0
        for i in range(count):
            if type(shape[i]) is not int or shape[i] != cnp.PyArray_DIM(x, lead + i):
                return 0
            n *= cnp.PyArray_DIM(x, lead + i)
        return n

    @cython.cfunc
    def same_sizes(p: object, shape: object) -> cython.bint:
        """Whether a weight is None or has a shape."""
        i: cython.int
        if p is None:
            return True
        if cnp.PyArray_NDIM(p) != len(shape):
            return False
        for i in range(cnp.PyArray_NDIM(p)):
            if cnp.PyArray_DIM(p, i) != shape[i]:
                return False
        return True

    def layer_norm(args: tuple) -> object:
        """(input, normalized_shape, weight, bias, eps)."""
        x: object = args[0]
        shape: object = args[1]
        w: object = args[2]
        b: object = args[3]
        kind: cython.int = small(x, MANY)
        dims: cnp.npy_intp[64]
        i: cython.int
        if not kind or not cnp.PyArray_SIZE(x) or not number(args[4]):
            return None
        n: cython.Py_ssize_t = row_length(x, shape)
        if (
            n == 0
            or not fits(w, kind, n)
            or not fits(b, kind, n)
            or not same_sizes(w, shape)
            or not same_sizes(b, shape)
        ):
            return None
        lead: cython.int = cnp.PyArray_NDIM(x) - cython.cast(cython.int, len(shape))
        for i in range(cnp.PyArray_NDIM(x)):
            dims[i] = cnp.PyArray_DIM(x, i) if i < lead else 1
        out: object = like(x)
        middle: object = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), dims, kind, 0)
        inverse: object = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), dims, kind, 0)
        rows: cython.Py_ssize_t = cnp.PyArray_SIZE(middle)
        if kind == cnp.NPY_FLOAT:
            loop_layer[cython.float](
                floats(x), cython.NULL if w is None else floats(w), cython.NULL if b is None else floats(b),
                floats(out), floats(middle), floats(inverse), rows, n, args[4],
            )  # fmt: skip
        else:
            loop_layer[cython.double](
                doubles(x), cython.NULL if w is None else doubles(w), cython.NULL if b is None else doubles(b),
                doubles(out), doubles(middle), doubles(inverse), rows, n, args[4],
            )  # fmt: skip
        return out, middle, inverse

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_layer_back(g: cython.pointer(real), gm: cython.pointer(real), gi: cython.pointer(real),
                        x: cython.pointer(real), w: cython.pointer(real), middle: cython.pointer(real),
                        inverse: cython.pointer(real), r: cython.pointer(real), rows: cython.Py_ssize_t,
                        n: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """The gradient of rows from those of the result, the means and the inverses."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        first: cython.double
        second: cython.double
        t: cython.double
        a: cython.double
        m: cython.double
        for i in range(rows):
            first = second = 0
            m = middle[i]
            a = inverse[i]
            for j in range(n):
                t = g[j] if w == cython.NULL else cython.cast(cython.double, g[j]) * w[j]
                first += t
                second += t * (x[j] - m)
            second = -(second + gi[i]) * a * a * a / n
            first = (gm[i] - first * a) / n
            for j in range(n):
                t = g[j] if w == cython.NULL else cython.cast(cython.double, g[j]) * w[j]
                r[j] = t * a + (x[j] - m) * second + first
            x += n
            g += n
            r += n

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_weight_back(g: cython.pointer(real), x: cython.pointer(real), middle: cython.pointer(real),
                         inverse: cython.pointer(real), r: cython.pointer(real), rows: cython.Py_ssize_t,
                         n: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """The gradient of the weight, or of the bias where x is NULL."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        s: cython.double
        for j in range(n):
            s = 0
            for i in range(rows):
                if x == cython.NULL:
                    s += g[i * n + j]
                else:
                    s += cython.cast(cython.double, g[i * n + j]) * (x[i * n + j] - middle[i]) * inverse[i]
            r[j] = s

    def layer_rule(environment: list) -> object:
        """The gradient of layer norm's input."""
        gs: object = environment[1]
        out: object = environment[2]
        x: object = environment[4]
        w: object = environment[6]
        kind: cython.int = small(x, MANY)
        if not kind or not cnp.PyArray_SIZE(x) or type(gs) is not tuple or type(out) is not tuple:
            return None
        n: cython.Py_ssize_t = row_length(x, environment[5])
        if n == 0 or not fits(w, kind, n):
            return None
        rows: cython.Py_ssize_t = cnp.PyArray_SIZE(x) // n
        g: object = gs[0]
        gm: object = gs[1]
        gi: object = gs[2]
        middle: object = out[1]
        inverse: object = out[2]
        if not flat(g, kind, MANY) or not cnp.PyArray_SAMESHAPE(g, x) or not flat(gm, kind, MANY):
            return None
        if not flat(gi, kind, MANY) or not flat(middle, kind, MANY) or not flat(inverse, kind, MANY):
            return None
        if cnp.PyArray_SIZE(gm) != rows or cnp.PyArray_SIZE(gi) != rows or cnp.PyArray_SIZE(middle) != rows:
            return None
        r: object = like(x)
        if kind == cnp.NPY_FLOAT:
            loop_layer_back[cython.float](
                floats(g), floats(gm), floats(gi), floats(x), cython.NULL if w is None else floats(w), floats(middle),
                floats(inverse), floats(r), rows, n,
            )  # fmt: skip
        else:
            loop_layer_back[cython.double](
                doubles(g), doubles(gm), doubles(gi), doubles(x), cython.NULL if w is None else doubles(w),
                doubles(middle), doubles(inverse), doubles(r), rows, n,
            )  # fmt: skip
        return r

    @cython.cfunc
    def parameter(environment: list, position: cython.int) -> object:
        """The gradient of layer norm's weight (6) or bias (7)."""
        gs: object = environment[1]
        out: object = environment[2]
        x: object = environment[4]
        p: object = environment[position]
        if type(gs) is not tuple or not cnp.PyArray_CheckExact(p):
            return None
        g: object = gs[0]
        kind: cython.int = small(g, MANY)
        if not kind or not fits(p, kind, cnp.PyArray_SIZE(p)) or not cnp.PyArray_SIZE(g):
            return None
        n: cython.Py_ssize_t = row_length(g, environment[5])
        if n == 0 or cnp.PyArray_SIZE(p) != n:
            return None
        rows: cython.Py_ssize_t = cnp.PyArray_SIZE(g) // n
        middle: object = p
        inverse: object = p
        if position == 6:
            middle = out[1]
            inverse = out[2]
            if not flat(x, kind, MANY) or not cnp.PyArray_SAMESHAPE(g, x):
                return None
            if not flat(middle, kind, MANY) or not flat(inverse, kind, MANY) or cnp.PyArray_SIZE(middle) != rows:
                return None
        else:
            x = None
        r: object = like(p)
        if kind == cnp.NPY_FLOAT:
            loop_weight_back[cython.float](
                floats(g), cython.NULL if x is None else floats(x), floats(middle), floats(inverse), floats(r), rows, n
            )
        else:
            loop_weight_back[cython.double](
                doubles(g), cython.NULL if x is None else doubles(x), doubles(middle), doubles(inverse), doubles(r),
                rows, n,
            )  # fmt: skip
        return r

    # ------------------------------------------------------------ classes

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_classes(x: cython.pointer(real), target: cython.pointer(cnp.npy_int64), w: cython.pointer(real),
                     r: cython.pointer(real), weights: cython.pointer(real), rows: cython.Py_ssize_t,
                     n: cython.Py_ssize_t, ignored: cnp.npy_int64) -> cython.void:  # fmt: skip
        """r = -weight x at the classes of rows, and the weights; 0 where ignored."""
        i: cython.Py_ssize_t
        for i in range(rows):
            weights[i] = 0 if target[i] == ignored else 1 if w == cython.NULL else w[target[i]]
            r[i] = 0 if weights[i] == 0 else -(x[i * n + target[i]] * weights[i])

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_scatter(g: cython.pointer(real), step: cython.Py_ssize_t, target: cython.pointer(cnp.npy_int64),
                     w: cython.pointer(real), r: cython.pointer(real), weights: cython.pointer(real),
                     rows: cython.Py_ssize_t, n: cython.Py_ssize_t, ignored: cnp.npy_int64,
                     mean: cython.bint) -> cython.void:  # fmt: skip
        """The transpose of `loop_classes` and its reduction; r is zero."""
        i: cython.Py_ssize_t
        v: real
        s: real
        for i in range(rows):
            weights[i] = 0 if target[i] == ignored else 1 if w == cython.NULL else w[target[i]]
        s = pairwise(weights, rows)
        for i in range(rows):
            if weights[i] != 0:
                v = -weights[i] * g[i * step]
                r[i * n + target[i]] = v / s if mean else v

    @cython.cfunc
    def suited(target: object, w: object, kind: cython.int, rows: cython.Py_ssize_t, n: cython.Py_ssize_t,
               ignored: object) -> cython.bint:  # fmt: skip
        """Whether targets are classes out of n for rows, or ignored."""
        i: cython.Py_ssize_t
        if type(ignored) is not int or not -(2**62) < ignored < 2**62 or not fits(w, kind, n):
            return False
        if w is not None and cnp.PyArray_NDIM(w) != 1:
            return False
        if not flat(target, cnp.NPY_INT64, MANY) or cnp.PyArray_NDIM(target) != 1 or cnp.PyArray_SIZE(target) != rows:
            return False
        skip: cnp.npy_int64 = ignored
        places: cython.pointer(cnp.npy_int64) = longs(target)
        for i in range(rows):
            if places[i] != skip and (places[i] < 0 or places[i] >= n):
                return False
        return True

    def nll_loss(args: tuple) -> object:
        """(input, target, weight, ignore_index, reduction) of scores (N, C)."""
        x: object = args[0]
        target: object = args[1]
        w: object = args[2]
        way: object = args[4]
        kind: cython.int = small(x, MANY)
        if not kind or cnp.PyArray_NDIM(x) != 2 or not cnp.PyArray_SIZE(x):
            return None
        rows: cython.Py_ssize_t = cnp.PyArray_DIM(x, 0)
        n: cython.Py_ssize_t = cnp.PyArray_DIM(x, 1)
        if way != "mean" and way != "sum" and way != "none":
            return None
        if not suited(target, w, kind, rows, n, args[3]):
            return None
        out: object = cnp.PyArray_EMPTY(1, cnp.PyArray_DIMS(x), kind, 0)
        weights: object = cnp.PyArray_EMPTY(1, cnp.PyArray_DIMS(x), kind, 0)
        total: object = out if way == "none" else cnp.PyArray_EMPTY(0, cython.NULL, kind, 0)
        if kind == cnp.NPY_FLOAT:
            loop_classes[cython.float](
                floats(x), longs(target), cython.NULL if w is None else floats(w), floats(out), floats(weights),
                rows, n, args[3],
            )  # fmt: skip
            if way != "none":
                floats(total)[0] = pairwise(floats(out), rows)
                if way == "mean":
                    floats(total)[0] /= pairwise(floats(weights), rows)
        else:
            loop_classes[cython.double](
                doubles(x), longs(target), cython.NULL if w is None else doubles(w), doubles(out), doubles(weights),
                rows, n, args[3],
            )  # fmt: skip
            if way != "none":
                doubles(total)[0] = pairwise(doubles(out), rows)
                if way == "mean":
                    doubles(total)[0] /= pairwise(doubles(weights), rows)
        return total

    def nll_rule(environment: list) -> object:
        """The gradient of nll_loss's scores (N, C)."""
        g: object = environment[1]
        shape: object = environment[3]
        target: object = environment[5]
        w: object = environment[6]
        way: object = environment[8]
        dims: cnp.npy_intp[2]
        kind: cython.int = small(g, MANY)
        if not kind or type(shape) is not tuple or len(shape) != 2:
            return None
        rows: cython.Py_ssize_t = shape[0]
        n: cython.Py_ssize_t = shape[1]
        if rows * n > MANY or rows * n == 0 or not suited(target, w, kind, rows, n, environment[7]):
            return None
        step: cython.Py_ssize_t = 1 if way == "none" else 0
        if cnp.PyArray_NDIM(g) != step or cnp.PyArray_SIZE(g) != (rows if step else 1):
            return None
        dims[0] = rows
        dims[1] = n
        out: object = cnp.PyArray_ZEROS(2, dims, kind, 0)
        weights: object = cnp.PyArray_EMPTY(1, dims, kind, 0)
        if kind == cnp.NPY_FLOAT:
            loop_scatter[cython.float](
                floats(g), step, longs(target), cython.NULL if w is None else floats(w), floats(out), floats(weights),
                rows, n, environment[7], way == "mean",
            )  # fmt: skip
        else:
            loop_scatter[cython.double](
                doubles(g), step, longs(target), cython.NULL if w is None else doubles(w), doubles(out),
                doubles(weights), rows, n, environment[7], way == "mean",
            )  # fmt: skip
        return out

    LOOPS.update({"layer_norm_kernel": layer_norm, "nll_loss": nll_loss})
    RULES.update(
        {
            "layer_norm_kernel": (
                layer_rule,
                lambda environment: parameter(environment, 6),
                lambda environment: parameter(environment, 7),
            ),
            "nll_loss": (nll_rule, None, None),
        }
    )
