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
        WIDE,
        bools,
        data,
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
    from cython.cimports.wengert.core.arrays.loops_elementwise import is_target
    from cython.cimports.wengert.core.arrays.loops_pairs import Pair, Test
    from cython.cimports.wengert.core.arrays.loops_wholes import whole_test
    from cython.cimports.wengert.core.arrays.vectors import (
        WENGERT_ADD,
        WENGERT_DIVIDE,
        WENGERT_EQUAL,
        WENGERT_GREATER,
        WENGERT_GREATER_EQUAL,
        WENGERT_LESS,
        WENGERT_LESS_EQUAL,
        WENGERT_MAXIMUM,
        WENGERT_MINIMUM,
        WENGERT_MULTIPLY,
        WENGERT_SUBTRACT,
        WENGERT_UNEQUAL,
        wengert_choices,
        wengert_ones,
        wengert_pairs,
        wengert_tests,
    )

    cnp.import_array()

    RUN: cython.Py_ssize_t = 16  # elements that repeat from which vectors pay

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
        most: cython.Py_ssize_t = WIDE if op <= Pair.MINIMUM else SOME
        kind: cython.int = small(a, most)
        wide: object = a
        if not kind or not flat(b, kind, most) or not cnp.PyArray_SIZE(a) or not cnp.PyArray_SIZE(b):
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
        if op <= Pair.MINIMUM and na == n and (nb == n or nb >= RUN):
            wengert_pairs(kind, WENGERT_MAXIMUM if op == Pair.MAXIMUM else WENGERT_MINIMUM, data(a), data(b), data(out),
                          n, nb)  # fmt: skip
            return out
        if n > SOME:
            return None
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
    @cython.inline
    @cython.exceptval(check=False)
    def sign(op: cython.int) -> cython.int:
        """What vectors.pxd calls a comparison."""
        if op == Test.GREATER:
            return WENGERT_GREATER
        if op == Test.LESS:
            return WENGERT_LESS
        if op == Test.EQUAL:
            return WENGERT_EQUAL
        if op == Test.UNEQUAL:
            return WENGERT_UNEQUAL
        return WENGERT_GREATER_EQUAL if op == Test.GREATER_EQUAL else WENGERT_LESS_EQUAL

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
        i: cython.Py_ssize_t
        kind: cython.int = small(a, WIDE)
        wide: object = a
        c: cython.double = 0
        nb: cython.Py_ssize_t = 0
        if not kind:
            return whole_test(sign(op), a, b)
        if not cnp.PyArray_SIZE(a):
            return None
        if number(b):
            c = b
            b = a
        else:
            if not flat(b, kind, WIDE) or not cnp.PyArray_SIZE(b):
                return None
            if not ends(a, b):
                if not ends(b, a):
                    return None
                wide = b
            nb = cnp.PyArray_SIZE(b)
            if nb == 1:
                c = floats(b)[0] if kind == cnp.NPY_FLOAT else doubles(b)[0]
                nb = 0
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(wide)
        na: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        even: cython.bint = na == n and (nb == n or nb == 0 or nb >= RUN)
        if n > SOME and not even:
            return None
        out: object = fresh(wide, cnp.NPY_BOOL)
        if even:
            step: cython.Py_ssize_t = nb if nb else n
            width: cython.Py_ssize_t = 4 if kind == cnp.NPY_FLOAT else 8
            for i in range(n // step):
                row: cython.p_char = cython.cast(cython.p_char, data(a)) + i * step * width
                wengert_tests(kind, sign(op), row, data(b) if nb else cython.NULL, c, bools(out) + i * step, step)
            return out
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
        if not truths(k, WIDE) or not cnp.PyArray_SIZE(k):
            return None
        if number(a):
            kind = small(b, WIDE)
            if not kind:
                return None
            c = a
            a = b
            nb = cnp.PyArray_SIZE(b)
        elif number(b):
            kind = small(a, WIDE)
            if not kind:
                return None
            d = b
            b = a
            na = cnp.PyArray_SIZE(a)
        else:
            kind = small(a, WIDE)
            if not kind or not flat(b, kind, WIDE):
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
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(wide)
        nk: cython.Py_ssize_t = cnp.PyArray_SIZE(k)
        even: cython.bint = nk == n and (na == n or na == 0) and (nb == n or nb == 0)
        if n > MANY and not even:
            return None
        out: object = fresh(wide, kind)
        if even:
            wengert_choices(
                kind, bools(k), data(a) if na else cython.NULL, data(b) if nb else cython.NULL, c, d, data(out), n
            )
        elif kind == cnp.NPY_FLOAT:
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

    # ------------------------------------------------------------ products added, the way between two

    def product_added(args: tuple) -> object:
        """(input, tensor1, tensor2, value) of one shape."""
        return both_added(WENGERT_MULTIPLY, args)

    def quotient_added(args: tuple) -> object:
        """(input, tensor1, tensor2, value) of one shape."""
        return both_added(WENGERT_DIVIDE, args)

    @cython.cfunc
    def both_added(op: cython.int, args: tuple) -> object:
        """input + value tensor1 (op) tensor2, or None."""
        a: object = args[0]
        value: object = args[3]
        kind: cython.int = small(a, WIDE)
        if not kind or not number(value):
            return None
        for b in args[1:3]:
            if not flat(b, kind, WIDE) or not cnp.PyArray_SAMESHAPE(a, b):
                return None
        out: object = like(a)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        first: object = args[1]
        if op == WENGERT_DIVIDE and value != 1:
            wengert_ones(kind, WENGERT_MULTIPLY, data(first), value, 0, data(out), n)
            first = out
        wengert_pairs(kind, op, data(first), data(args[2]), data(out), n, n)
        if op == WENGERT_MULTIPLY and value != 1:
            wengert_ones(kind, WENGERT_MULTIPLY, data(out), value, 0, data(out), n)
        last: object = a if is_target(a) else out
        wengert_pairs(kind, WENGERT_ADD, data(a), data(out), data(last), n, n)
        return last

    def between(args: tuple) -> object:
        """(input, end, weight) of one shape, for a number as weight."""
        a: object = args[0]
        b: object = args[1]
        weight: object = args[2]
        kind: cython.int = small(a, WIDE)
        if not kind or not number(weight) or not flat(b, kind, WIDE) or not cnp.PyArray_SAMESHAPE(a, b):
            return None
        out: object = like(a)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        near: cython.bint = -0.5 < weight < 0.5
        wengert_pairs(kind, WENGERT_SUBTRACT, data(b), data(a), data(out), n, n)
        wengert_ones(kind, WENGERT_MULTIPLY, data(out), weight if near else 1 - weight, 0, data(out), n)
        wengert_pairs(
            kind, WENGERT_ADD if near else WENGERT_SUBTRACT, data(a if near else b), data(out), data(out), n, n
        )
        return out

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
            "addcmul": product_added,
            "addcdiv": quotient_added,
            "lerp": between,
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
