"""Loops over booleans and int64, to other dtypes, and of sums with a factor (see loops.py)."""

from __future__ import annotations

from typing import Any

import numpy

from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc.string import memchr
    from cython.cimports.wengert.core.arrays.loops_common import (
        WIDE,
        bools,
        data,
        doubles,
        ends,
        flat,
        floats,
        fresh,
        like,
        longs,
        number,
        reach,
        small,
        truths,
        without,
    )
    from cython.cimports.wengert.core.arrays.loops_elementwise import is_target
    from cython.cimports.wengert.core.arrays.vectors import (
        WENGERT_ADD,
        WENGERT_AND,
        WENGERT_MAXIMUM,
        WENGERT_MINIMUM,
        WENGERT_MULTIPLY,
        WENGERT_OR,
        WENGERT_SUBTRACT,
        WENGERT_UNEQUAL,
        WENGERT_XOR,
        wengert_count,
        wengert_narrowed,
        wengert_scaled,
        wengert_tests,
        wengert_truth_doubles,
        wengert_truth_floats,
        wengert_truths,
        wengert_whole_doubles,
        wengert_whole_floats,
        wengert_whole_ones,
        wengert_whole_pairs,
        wengert_whole_tests,
        wengert_whole_total,
        wengert_widened,
    )

    cnp.import_array()
    _int64 = numpy.int64

    # ------------------------------------------------------------ element by element

    @cython.cfunc
    def pair(op: cython.int, a: object, b: object) -> object:
        """A function of two arrays of booleans of one shape, or None."""
        if not truths(a, WIDE) or not truths(b, WIDE) or not cnp.PyArray_SAMESHAPE(a, b):
            return None
        out: object = fresh(a, cnp.NPY_BOOL)
        wengert_truths(op, bools(a), bools(b), bools(out), cnp.PyArray_SIZE(a))
        return out

    def both(args: tuple) -> object:
        """Where both hold."""
        return pair(WENGERT_AND, args[0], args[1])

    def either(args: tuple) -> object:
        """Where one or both hold."""
        return pair(WENGERT_OR, args[0], args[1])

    def one_alone(args: tuple) -> object:
        """Where exactly one holds."""
        return pair(WENGERT_XOR, args[0], args[1])

    def turned(args: tuple) -> object:
        """Where a boolean does not hold."""
        a: object = args[0]
        if not truths(a, WIDE):
            return None
        out: object = fresh(a, cnp.NPY_BOOL)
        wengert_truths(WENGERT_XOR, bools(a), cython.NULL, bools(out), cnp.PyArray_SIZE(a))
        return out

    @cython.cfunc
    @cython.inline
    def whole(a: object) -> cython.bint:
        """Whether a is a plain contiguous array of int64."""
        return flat(a, cnp.NPY_INT64, WIDE)

    @cython.cfunc
    @cython.inline
    def plain_number(c: object) -> cython.bint:
        """Whether c is an int far from the ends of int64, or NumPy's."""
        return type(c) is _int64 or (type(c) is int and -4503599627370496 < c < 4503599627370496)

    @cython.cfunc
    def whole_pair(op: cython.int, a: object, b: object) -> object:
        """A function of arrays of int64, or of such an array and an int; or None."""
        out: object
        if not whole(a):
            return None
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        if plain_number(b):
            out = like(a)
            wengert_whole_ones(op, longs(a), b, longs(out), n)
            return out
        if not whole(b) or not n or not ends(a, b):
            return None
        out = like(a)
        if cnp.PyArray_SIZE(b) == 1:
            wengert_whole_ones(op, longs(a), longs(b)[0], longs(out), n)
        else:
            wengert_whole_pairs(op, longs(a), longs(b), longs(out), n, cnp.PyArray_SIZE(b))
        return out

    @cython.cfunc
    def scaled_pair(op: cython.int, a: object, b: object, alpha: object) -> object:
        """a (op) alpha b for arrays of floats of one shape, or None."""
        kind: cython.int = small(a, WIDE)
        if not kind or not number(alpha) or not flat(b, kind, WIDE) or not cnp.PyArray_SAMESHAPE(a, b):
            return None
        x: cython.p_char = cython.cast(cython.p_char, data(a))
        y: cython.p_char = cython.cast(cython.p_char, data(b))
        apart: cython.bint = x == y or x + cnp.PyArray_NBYTES(a) <= y or y + cnp.PyArray_NBYTES(b) <= x
        out: object = a if apart and is_target(a) else like(a)
        c: cython.double = alpha
        if op == WENGERT_SUBTRACT:
            c = -c
        wengert_scaled(kind, data(a), data(b), c, data(out), cnp.PyArray_SIZE(a))
        return out

    def added(args: tuple) -> object:
        """(input, other, alpha)."""
        if type(args[2]) is int and args[2] == 1:
            return whole_pair(WENGERT_ADD, args[0], args[1])
        return scaled_pair(WENGERT_ADD, args[0], args[1], args[2])

    def subtracted(args: tuple) -> object:
        """(input, other, alpha)."""
        if type(args[2]) is int and args[2] == 1:
            return whole_pair(WENGERT_SUBTRACT, args[0], args[1])
        return scaled_pair(WENGERT_SUBTRACT, args[0], args[1], args[2])

    def multiplied(args: tuple) -> object:
        """(input, other)."""
        return whole_pair(WENGERT_MULTIPLY, args[0], args[1])

    @cython.cfunc
    def whole_test(op: cython.int, a: object, b: object) -> object:
        """A comparison (as vectors.pxd calls it) of arrays of int64 of one shape, or with an int; or None."""
        if not whole(a):
            return None
        c: cython.longlong = 0
        given: cython.bint = plain_number(b)
        if given:
            c = b
        elif not whole(b) or not cnp.PyArray_SAMESHAPE(a, b):
            return None
        out: object = fresh(a, cnp.NPY_BOOL)
        wengert_whole_tests(op, longs(a), cython.NULL if given else longs(b), c, bools(out), cnp.PyArray_SIZE(a))
        return out

    # ------------------------------------------------------------ over dims

    @cython.cfunc
    def found(a: object, dim: object, keepdim: cython.bint, wanted: cython.int) -> object:
        """Whether one of the two truths is among the elements of each run, or None."""
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        i: cython.Py_ssize_t
        kind: cython.int = small(a, WIDE)
        if not (kind or truths(a, WIDE)) or not (dim is None or type(dim) is int) or not reach(a, dim, s, gone):
            return None
        if s[2] != 1:
            return None
        out: object = without(a, gone, keepdim, cnp.NPY_BOOL)
        if kind:
            b: object = fresh(a, cnp.NPY_BOOL)
            wengert_tests(kind, WENGERT_UNEQUAL, data(a), cython.NULL, 0, bools(b), cnp.PyArray_SIZE(a))
            a = b
        x: cython.pointer(cnp.npy_bool) = bools(a)
        r: cython.pointer(cnp.npy_bool) = bools(out)
        for i in range(s[0]):
            seen: cython.bint = s[1] > 0 and memchr(x + i * s[1], wanted, s[1]) != cython.NULL
            r[i] = seen if wanted else not seen
        return out

    def any_of(args: tuple) -> object:
        """(input, dim, keepdim)."""
        return found(args[0], args[1], args[2], 1)

    def all_of(args: tuple) -> object:
        """(input, dim, keepdim)."""
        return found(args[0], args[1], args[2], 0)

    @cython.cfunc
    def counted(a: object, dim: object, keepdim: cython.bint) -> object:
        """The sums of runs of booleans or int64, or None."""
        s: cython.Py_ssize_t[3]
        gone: cython.bint[64]
        i: cython.Py_ssize_t
        if not (truths(a, WIDE) or whole(a)) or not reach(a, dim, s, gone) or s[2] != 1:
            return None
        out: object = without(a, gone, keepdim, cnp.NPY_INT64)
        if cnp.PyArray_TYPE(a) == cnp.NPY_BOOL:
            for i in range(s[0]):
                longs(out)[i] = wengert_count(bools(a) + i * s[1], s[1])
        else:
            for i in range(s[0]):
                longs(out)[i] = wengert_whole_total(WENGERT_ADD, longs(a) + i * s[1], s[1])
        return out

    @cython.cfunc
    def whole_extremum(a: object, largest: cython.bint) -> object:
        """The largest or smallest of an array of int64, or None."""
        if not whole(a) or not cnp.PyArray_SIZE(a):
            return None
        out: object = cnp.PyArray_EMPTY(0, cython.NULL, cnp.NPY_INT64, 0)
        op: cython.int = WENGERT_MAXIMUM if largest else WENGERT_MINIMUM
        longs(out)[0] = wengert_whole_total(op, longs(a), cnp.PyArray_SIZE(a))
        return out

    # ------------------------------------------------------------ other dtypes

    def converted(args: tuple) -> object:
        """(input, dtype): floats and booleans as each other, int64 as floats."""
        a: object = args[0]
        wanted: object = args[1]
        if not isinstance(wanted, cnp.dtype):
            return None
        to: cython.int = cython.cast(cnp.dtype, wanted).type_num
        own: cython.int = small(a, WIDE)
        if not own and not truths(a, WIDE) and not whole(a):
            return None
        if own == to or (to != cnp.NPY_FLOAT and to != cnp.NPY_DOUBLE and not (own and to == cnp.NPY_BOOL)):
            return None
        out: object = fresh(a, to)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        if to == cnp.NPY_BOOL:
            wengert_tests(own, WENGERT_UNEQUAL, data(a), cython.NULL, 0, bools(out), n)
        elif own == cnp.NPY_FLOAT:
            wengert_widened(floats(a), doubles(out), n)
        elif own == cnp.NPY_DOUBLE:
            wengert_narrowed(doubles(a), floats(out), n)
        elif cnp.PyArray_TYPE(a) == cnp.NPY_INT64:
            if to == cnp.NPY_FLOAT:
                wengert_whole_floats(longs(a), floats(out), n)
            else:
                wengert_whole_doubles(longs(a), doubles(out), n)
        elif to == cnp.NPY_FLOAT:
            wengert_truth_floats(bools(a), floats(out), n)
        else:
            wengert_truth_doubles(bools(a), doubles(out), n)
        return out

    LOOPS.update(
        {
            "add": added,
            "sub": subtracted,
            "mul": multiplied,
            "bitwise_and": both,
            "bitwise_or": either,
            "bitwise_xor": one_alone,
            "bitwise_not": turned,
            "logical_and": both,
            "logical_or": either,
            "logical_xor": one_alone,
            "logical_not": turned,
            "any": any_of,
            "all": all_of,
            "to_dtype": converted,
        }
    )
