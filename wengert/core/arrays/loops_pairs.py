"""Loops for operators of two or three tensors, element by element, and for squared differences (see loops.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Any] = {}
RULES: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.arrays.loops_common import (
        MANY,
        SOME,
        bools,
        doubles,
        ends,
        flat,
        floats,
        fresh,
        like,
        lowered,
        number,
        pairwise,
        raised,
        real,
        small,
        truths,
    )
    from cython.cimports.wengert.core.arrays.loops_pairs import Pair, Test

    cnp.import_array()

    # ------------------------------------------------------------ the larger, the smaller

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def share(g: real, lost: cython.bint, tie: cython.bint) -> real:
        """g, nothing where the other won, half of it at ties."""
        return 0 if lost else g / 2 if tie else g

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_pair(op: cython.int, a: cython.pointer(real), b: cython.pointer(real), g: cython.pointer(real),
                  r: cython.pointer(real), n: cython.Py_ssize_t, na: cython.Py_ssize_t,
                  nb: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r = a function of a and b, which repeat after na and nb elements, or its slope times g."""
        i: cython.Py_ssize_t
        x: real
        y: real
        for i in range(n):
            x = a[i] if na == n else a[i % na]
            y = b[i] if nb == n else b[i % nb]
            if op == Pair.MAXIMUM:
                r[i] = raised(x, y)
            elif op == Pair.MINIMUM:
                r[i] = lowered(x, y)
            elif op == Pair.MAXIMUM_LEFT or op == Pair.MINIMUM_RIGHT:
                r[i] = share(g[i], x < y, x == y)
            else:
                r[i] = share(g[i], x > y, x == y)

    @cython.cfunc
    def pair(op: cython.int, a: object, b: object, g: object) -> object:
        """A function of two small arrays, or its slope times g, or None."""
        kind: cython.int = small(a, SOME)
        wide: object = a
        if not kind or not flat(b, kind, SOME) or not cnp.PyArray_SIZE(a) or not cnp.PyArray_SIZE(b):
            return None
        if not ends(a, b):
            if not ends(b, a):
                return None
            wide = b
        if g is None:
            g = wide
        elif not flat(g, kind, SOME) or not cnp.PyArray_SAMESHAPE(g, wide):
            return None
        out: object = like(wide)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(wide)
        na: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        nb: cython.Py_ssize_t = cnp.PyArray_SIZE(b)
        if kind == cnp.NPY_FLOAT:
            loop_pair(op, floats(a), floats(b), floats(g), floats(out), n, na, nb)
        else:
            loop_pair(op, doubles(a), doubles(b), doubles(g), doubles(out), n, na, nb)
        return out

    def pair_of(op: cython.int) -> Any:
        """The loop of a function of two tensors."""

        def apply(args: tuple) -> object:
            return pair(op, args[0], args[1], None)

        return apply

    def pair_slope(op: cython.int) -> Any:
        """The slope of a function of two tensors."""

        def apply(environment: list) -> object:
            g: object = environment[1]
            return None if g is None else pair(op, environment[4], environment[5], g)

        return apply

    # ------------------------------------------------------------ comparisons

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def holds(op: cython.int, x: real, y: real) -> cython.bint:
        """A comparison."""
        if op == Test.GREATER:
            return x > y
        if op == Test.LESS:
            return x < y
        if op == Test.EQUAL:
            return x == y
        if op == Test.UNEQUAL:
            return x != y
        return x >= y if op == Test.GREATER_EQUAL else x <= y

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_test(op: cython.int, a: cython.pointer(real), b: cython.pointer(real), c: real,
                  r: cython.pointer(cnp.npy_bool), n: cython.Py_ssize_t, na: cython.Py_ssize_t,
                  nb: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r = a compared with b, or with c if nb is 0."""
        i: cython.Py_ssize_t
        for i in range(n):
            r[i] = holds(op, a[i] if na == n else a[i % na], c if nb == 0 else b[i] if nb == n else b[i % nb])

    @cython.cfunc
    def compared(op: cython.int, a: object, b: object) -> object:
        """A comparison of a small array with another or a number, or None."""
        kind: cython.int = small(a, SOME)
        wide: object = a
        c: cython.double = 0
        nb: cython.Py_ssize_t = 0
        if not kind or not cnp.PyArray_SIZE(a):
            return None
        if number(b):
            c = b
            b = a
        else:
            if not flat(b, kind, SOME) or not cnp.PyArray_SIZE(b):
                return None
            if not ends(a, b):
                if not ends(b, a):
                    return None
                wide = b
            nb = cnp.PyArray_SIZE(b)
        out: object = fresh(wide, cnp.NPY_BOOL)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(wide)
        na: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        if kind == cnp.NPY_FLOAT:
            loop_test(op, floats(a), floats(b), c, bools(out), n, na, nb)
        else:
            loop_test(op, doubles(a), doubles(b), c, bools(out), n, na, nb)
        return out

    def test_of(op: cython.int) -> Any:
        """The loop of a comparison."""

        def apply(args: tuple) -> object:
            return compared(op, args[0], args[1])

        return apply

    # ------------------------------------------------------------ choices

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_choice(k: cython.pointer(cnp.npy_bool), a: cython.pointer(real), b: cython.pointer(real), c: real, d: real,
                    r: cython.pointer(real), n: cython.Py_ssize_t, nk: cython.Py_ssize_t, na: cython.Py_ssize_t,
                    nb: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r = a (or the number c if na is 0) where k holds, else b (or d)."""
        i: cython.Py_ssize_t
        for i in range(n):
            if k[i if nk == n else i % nk]:
                r[i] = c if na == 0 else a[i] if na == n else a[i % na]
            else:
                r[i] = d if nb == 0 else b[i] if nb == n else b[i % nb]

    @cython.cfunc
    def choice(k: object, a: object, b: object) -> object:
        """a where k holds, else b: small arrays, or one of them a number; or None."""
        kind: cython.int
        wide: object
        c: cython.double = 0
        d: cython.double = 0
        na: cython.Py_ssize_t = 0
        nb: cython.Py_ssize_t = 0
        if not truths(k, MANY) or not cnp.PyArray_SIZE(k):
            return None
        if number(a):
            kind = small(b, MANY)
            if not kind:
                return None
            c = a
            a = b
            nb = cnp.PyArray_SIZE(b)
        elif number(b):
            kind = small(a, MANY)
            if not kind:
                return None
            d = b
            b = a
            na = cnp.PyArray_SIZE(a)
        else:
            kind = small(a, MANY)
            if not kind or not flat(b, kind, MANY):
                return None
            na = cnp.PyArray_SIZE(a)
            nb = cnp.PyArray_SIZE(b)
            if nb == 0 or na == 0:
                return None
        wide = a if ends(a, b) else b
        if not ends(wide, k):
            wide = k
        if not ends(wide, a) or not ends(wide, b) or not ends(wide, k) or not cnp.PyArray_SIZE(wide):
            return None
        out: object = fresh(wide, kind)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(wide)
        nk: cython.Py_ssize_t = cnp.PyArray_SIZE(k)
        if kind == cnp.NPY_FLOAT:
            loop_choice(bools(k), floats(a), floats(b), c, d, floats(out), n, nk, na, nb)
        else:
            loop_choice(bools(k), doubles(a), doubles(b), c, d, doubles(out), n, nk, na, nb)
        return out

    def chosen(args: tuple) -> object:
        """input where condition holds, else other."""
        return choice(args[0], args[1], args[2])

    def masked_fill(args: tuple) -> object:
        """value where the mask holds, else input; the result has input's shape where the loop takes it."""
        if not (number(args[2]) or cnp.PyArray_CheckExact(args[2]) and cnp.PyArray_NDIM(args[2]) == 0):
            return None
        return choice(args[1], args[2], args[0])

    def kept_first(environment: list) -> object:
        """g where the condition holds."""
        return choice(environment[4], environment[1], 0)

    def kept_second(environment: list) -> object:
        """g where the condition does not hold."""
        return choice(environment[4], 0, environment[1])

    def unfilled(environment: list) -> object:
        """g outside the mask."""
        return choice(environment[5], 0, environment[1])

    def filled(environment: list) -> object:
        """g in the mask."""
        return choice(environment[5], environment[1], 0)

    # ------------------------------------------------------------ squared differences

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_squares(a: cython.pointer(real), b: cython.pointer(real), r: cython.pointer(real),
                     n: cython.Py_ssize_t) -> cython.void:  # fmt: skip
        """r = (a - b)^2."""
        i: cython.Py_ssize_t
        t: real
        for i in range(n):
            t = a[i] - b[i]
            r[i] = t * t

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_difference(g: real, a: cython.pointer(real), b: cython.pointer(real), r: cython.pointer(real),
                        n: cython.Py_ssize_t, sign: real) -> cython.void:  # fmt: skip
        """r = sign g 2 (a - b)."""
        i: cython.Py_ssize_t
        for i in range(n):
            r[i] = sign * (g * ((a[i] - b[i]) * 2))

    def squared_difference(args: tuple) -> object:
        """mse_loss of one shape."""
        a: object = args[0]
        b: object = args[1]
        way: object = args[2]
        kind: cython.int = small(a, MANY)
        if not kind or not flat(b, kind, MANY) or not cnp.PyArray_SAMESHAPE(a, b) or not cnp.PyArray_SIZE(a):
            return None
        if way != "mean" and way != "sum" and way != "none":
            return None
        out: object = like(a)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        f: cython.float
        d: cython.double
        if kind == cnp.NPY_FLOAT:
            loop_squares(floats(a), floats(b), floats(out), n)
        else:
            loop_squares(doubles(a), doubles(b), doubles(out), n)
        if way == "none":
            return out
        total: object = cnp.PyArray_EMPTY(0, cython.NULL, kind, 0)
        if kind == cnp.NPY_FLOAT:
            f = pairwise(floats(out), n)
            floats(total)[0] = f / n if way == "mean" else f
        else:
            d = pairwise(doubles(out), n)
            doubles(total)[0] = d / n if way == "mean" else d
        return total

    @cython.cfunc
    def difference(environment: list, sign: cython.int) -> object:
        """The gradient of mse_loss reduced to one number."""
        g: object = environment[1]
        a: object = environment[4]
        b: object = environment[5]
        way: object = environment[6]
        kind: cython.int = small(a, MANY)
        if not kind or not flat(b, kind, MANY) or not flat(g, kind, 1) or not cnp.PyArray_SAMESHAPE(a, b):
            return None
        if cnp.PyArray_NDIM(g) or not cnp.PyArray_SIZE(a) or (way != "mean" and way != "sum"):
            return None
        out: object = like(a)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        f: cython.float
        d: cython.double
        if kind == cnp.NPY_FLOAT:
            f = floats(g)[0]
            loop_difference[cython.float](f / n if way == "mean" else f, floats(a), floats(b), floats(out), n, sign)
        else:
            d = doubles(g)[0]
            loop_difference[cython.double](d / n if way == "mean" else d, doubles(a), doubles(b), doubles(out), n, sign)
        return out

    LOOPS.update(
        {
            "maximum": pair_of(Pair.MAXIMUM),
            "minimum": pair_of(Pair.MINIMUM),
            "eq": test_of(Test.EQUAL),
            "ne": test_of(Test.UNEQUAL),
            "lt": test_of(Test.LESS),
            "le": test_of(Test.LESS_EQUAL),
            "gt": test_of(Test.GREATER),
            "ge": test_of(Test.GREATER_EQUAL),
            "chosen": chosen,
            "masked_fill": masked_fill,
            "mse_loss": squared_difference,
        }
    )
    RULES.update(
        {
            "maximum": (pair_slope(Pair.MAXIMUM_LEFT), pair_slope(Pair.MAXIMUM_RIGHT)),
            "minimum": (pair_slope(Pair.MINIMUM_LEFT), pair_slope(Pair.MINIMUM_RIGHT)),
            "chosen": (None, kept_first, kept_second),
            "masked_fill": (unfilled, None, filled),
            "mse_loss": (
                lambda environment: difference(environment, 1),
                lambda environment: difference(environment, -1),
            ),
        }
    )
