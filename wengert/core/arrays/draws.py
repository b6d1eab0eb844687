"""Random numbers for small arrays, drawn in C where the core is compiled.

The words come from NumPy's engine by the functions that it offers to C (`numpy/random/bitgen.h`), and become what the
samplers (`sampling.py`) make of them.  Each function answers None for what it is not made for, and always uncompiled;
then the sampler draws, and explains what is wrong.

Note [Same bits]: everything but the normals of 16 and more has the sampler's bits.  Those use the logarithm, sine and
cosine of the C library in place of NumPy's, which may differ in the last place.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.cpython.pycapsule import PyCapsule_GetPointer
    from cython.cimports.libc.math import cos, log1p, sin, sqrt
    from cython.cimports.libc.stdint import int64_t, uint64_t
    from cython.cimports.wengert.core.arrays.draws import (
        BLOCK,
        MOST,
        TURN,
        bitgen_t,
        fraction,
        joined,
        pair,
        single,
        turned,
        turned_doubles,
    )
    from cython.cimports.wengert.core.arrays.small import room

    cnp.import_array()


@cython.cclass
class Source:
    """What a generator draws from, as fields that compiled code reads directly; see `generator.Generator`.

    lock: held while a sampler draws.  made: NumPy's engine, made on first use.  raw: the method that gives its words.
    state: its memory, once it has been looked up.  fresh: no word was taken since the seed.
    """

    __slots__ = ("_fresh", "cached_float", "cached_normal", "lock", "made", "raw", "state")


if cython.compiled:

    @cython.cfunc
    def opened(source: Source) -> cython.pointer(bitgen_t):
        """Take the lock; who gives the words."""
        if source.bits is cython.NULL:
            capsule = source._engine._bit_generator.capsule  # type: ignore[attr-defined]
            source.bits = cython.cast(cython.pointer(bitgen_t), PyCapsule_GetPointer(capsule, "BitGenerator"))
        source.lock.acquire()
        source._fresh = False
        return source.bits

    @cython.cfunc
    def closed(source: Source) -> cython.int:
        """Let the lock go."""
        source.lock.release()
        return 0

    @cython.cfunc
    def room_for(shape: object, kind: object) -> object:
        """Memory for a few numbers, not filled; None for many, for none, and for a shape that is no tuple of ints."""
        dims: cnp.npy_intp[32]
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t
        total: cnp.npy_intp = 1
        if type(shape) is not tuple or not isinstance(kind, cnp.dtype):
            return None
        count = len(shape)
        if count > 32:
            return None
        for i in range(count):
            n = shape[i]
            if type(n) is not int or not 1 <= n <= MOST:
                return None
            dims[i] = n
            total *= dims[i]
            if total > MOST:
                return None
        number: cython.int = cython.cast(cnp.dtype, kind).type_num
        if number > cnp.NPY_DOUBLE or number == cnp.NPY_BOOL or cython.cast(cnp.dtype, kind).byteorder == b">":
            return None
        return room(count, dims, number)

    @cython.cfunc
    def fill_uniforms(
        source: Source, a: object, first: cython.double, last: cython.double, span: cython.double
    ) -> cython.int:
        """first + span * u everywhere, where that rounds to `last` the first; 0 for doubles but those on [0, 1)."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        unit: cython.bint = first == 0.0 and span == 1.0
        bits: cython.pointer(bitgen_t)
        singles: cython.p_float
        doubles: cython.p_double
        if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT:
            singles = cython.cast(cython.p_float, cnp.PyArray_DATA(a))
            bits = opened(source)
            for i in range(n):
                value: cython.float = single(bits)
                if not unit:
                    value = cython.cast(cython.float, cython.cast(cython.double, value) * span + first)
                    if value == last:
                        value = cython.cast(cython.float, first)
                singles[i] = value
        elif cnp.PyArray_TYPE(a) == cnp.NPY_DOUBLE and unit:
            doubles = cython.cast(cython.p_double, cnp.PyArray_DATA(a))
            bits = opened(source)
            for i in range(n):
                doubles[i] = fraction(bits)
        else:
            return 0
        closed(source)
        return 1

    @cython.cfunc
    def fill_few_normals(source: Source, a: object, mean: cython.double, std: cython.double) -> cython.int:
        """Fewer than a block: pairs of doubles, a second one left over is kept for the next call."""
        i: cython.Py_ssize_t = 0
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        values: cython.double[17]
        turn: cython.double
        radius: cython.double
        bits: cython.pointer(bitgen_t) = opened(source)
        if source.cached_normal is not None:
            values[0] = source.cached_normal
            source.cached_normal = None
            i = 1
        while i < n:
            turn = fraction(bits) * TURN
            radius = sqrt(log1p(-fraction(bits)) * -2.0)
            values[i] = radius * cos(turn)
            values[i + 1] = radius * sin(turn)
            i += 2
        if i > n:
            source.cached_normal = values[n]
        closed(source)
        for i in range(n):
            values[i] = joined(values[i], std, mean)
        if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT:
            for i in range(n):
                cython.cast(cython.p_float, cnp.PyArray_DATA(a))[i] = cython.cast(cython.float, values[i])
        else:
            for i in range(n):
                cython.cast(cython.p_double, cnp.PyArray_DATA(a))[i] = values[i]
        return 1

    @cython.cfunc
    def fill_normals(source: Source, a: object, mean: cython.double, std: cython.double) -> cython.int:
        """mean + std * z everywhere; 0 for a dtype other than float32 and float64."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        at: cython.Py_ssize_t = 0
        kind: cython.int = cnp.PyArray_TYPE(a)
        plain: cython.bint = mean == 0.0 and std == 1.0
        singles: cython.p_float
        doubles: cython.p_double
        if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
            return 0
        if n < BLOCK:
            return fill_few_normals(source, a, mean, std)
        bits: cython.pointer(bitgen_t) = opened(source)
        single_std: cython.float = cython.cast(cython.float, std)
        single_mean: cython.float = cython.cast(cython.float, mean)
        while at < n:
            if at + BLOCK > n:  # the last ones are drawn anew with those before them
                for _ in range(n - at):
                    bits.next_uint32(bits.state)
                    if kind == cnp.NPY_DOUBLE:
                        bits.next_uint32(bits.state)
                at = n - BLOCK
            if kind == cnp.NPY_FLOAT:
                singles = cython.cast(cython.p_float, cnp.PyArray_DATA(a)) + at
                for i in range(BLOCK):
                    singles[i] = single(bits)
                turned(singles)
                if not plain:
                    for i in range(BLOCK):
                        wide: cython.double = cython.cast(cython.double, singles[i]) * single_std
                        singles[i] = cython.cast(cython.float, wide + single_mean)
            else:
                doubles = cython.cast(cython.p_double, cnp.PyArray_DATA(a)) + at
                for i in range(BLOCK):
                    doubles[i] = fraction(bits)
                turned_doubles(doubles)
                for i in range(BLOCK):
                    doubles[i] = joined(doubles[i], std, mean)
            at += BLOCK
        closed(source)
        return 1

    @cython.cfunc
    def fill_integers(source: Source, a: object, count: uint64_t, base: int64_t, wide: cython.bint) -> cython.int:
        """base + w mod count everywhere, w a word, or two where `wide`."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        kind: cython.int = cnp.PyArray_TYPE(a)
        size: cython.int = cnp.PyArray_ITEMSIZE(a)
        data: cython.p_void = cnp.PyArray_DATA(a)
        value: int64_t
        bits: cython.pointer(bitgen_t) = opened(source)
        for i in range(n):
            word: uint64_t = pair(bits) if wide else bits.next_uint32(bits.state)
            value = cython.cast(int64_t, word % count + cython.cast(uint64_t, base))
            if kind == cnp.NPY_FLOAT:
                cython.cast(cython.p_float, data)[i] = cython.cast(cython.float, value)
            elif kind == cnp.NPY_DOUBLE:
                cython.cast(cython.p_double, data)[i] = cython.cast(cython.double, value)
            elif size == 8:
                cython.cast(cython.pointer(int64_t), data)[i] = value
            elif size == 4:
                cython.cast(cython.p_int, data)[i] = cython.cast(cython.int, value)
            elif size == 2:
                cython.cast(cython.p_short, data)[i] = cython.cast(cython.short, value)
            else:
                cython.cast(cython.p_char, data)[i] = cython.cast(cython.char, value)
        closed(source)
        return 1

    @cython.cfunc
    def fill_thresholds(source: Source, a: object, p: cython.double, factor: cython.double) -> cython.int:
        """`factor` where a double is below p, else 0; 0 for a dtype other than float32 and float64."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        kind: cython.int = cnp.PyArray_TYPE(a)
        data: cython.p_void = cnp.PyArray_DATA(a)
        if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
            return 0
        bits: cython.pointer(bitgen_t) = opened(source)
        for i in range(n):
            value: cython.double = factor if fraction(bits) < p else 0.0
            if kind == cnp.NPY_FLOAT:
                cython.cast(cython.p_float, data)[i] = cython.cast(cython.float, value)
            else:
                cython.cast(cython.p_double, data)[i] = value
        closed(source)
        return 1

    @cython.cfunc
    def fill_places(source: Source, a: object) -> cython.int:
        """0 .. n-1 in a random order, as `permutations.randperm` has it; `a` is int64."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        places: cython.pointer(int64_t) = cython.cast(cython.pointer(int64_t), cnp.PyArray_DATA(a))
        for i in range(n):
            places[i] = i
        if n < 2:
            return 1
        bits: cython.pointer(bitgen_t) = opened(source)
        for i in range(n - 1):
            other: cython.Py_ssize_t = i + bits.next_uint32(bits.state) % (n - i)
            place: int64_t = places[i]
            places[i] = places[other]
            places[other] = place
        closed(source)
        return 1


def uniforms(source: Any, shape: Any, kind: Any, first: Any, last: Any, span: Any) -> Any:
    """first + span * u on [first, last), or None; the three as `kind` has them."""
    if not cython.compiled:
        return None
    out = room_for(shape, kind)
    return out if out is not None and fill_uniforms(source, out, first, last, span) else None


def normals(source: Any, shape: Any, kind: Any, mean: Any, std: Any) -> Any:
    """mean + std * z, or None."""
    if not cython.compiled:
        return None
    out = room_for(shape, kind)
    return out if out is not None and fill_normals(source, out, mean, std) else None


def integers(source: Any, shape: Any, kind: Any, count: Any, base: Any, wide: Any) -> Any:
    """base + w mod count, w one word or two, or None; the numbers fit into `kind`."""
    if not cython.compiled:
        return None
    out = room_for(shape, kind)
    return out if out is not None and fill_integers(source, out, count, base, wide) else None


def thresholds(source: Any, shape: Any, kind: Any, p: Any, factor: Any) -> Any:
    """`factor` where a double is below p, else 0, or None."""
    if not cython.compiled:
        return None
    out = room_for(shape, kind)
    return out if out is not None and fill_thresholds(source, out, p, factor) else None


def chances(source: Any, p: Any) -> Any:
    """1 where a number of p's precision is below p, else 0, or None: for another kind of array, and p beyond [0, 1]."""
    if not cython.compiled:
        return None
    i: cython.Py_ssize_t
    if not cnp.PyArray_CheckExact(p) or not cnp.PyArray_ISCARRAY_RO(p):
        return None
    n: cython.Py_ssize_t = cnp.PyArray_SIZE(p)
    kind: cython.int = cnp.PyArray_TYPE(p)
    if not 0 < n <= MOST or (kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE):
        return None
    one: cython.bint = kind == cnp.NPY_FLOAT
    given: cython.p_void = cnp.PyArray_DATA(p)
    for i in range(n):
        chance: cython.double = cython.cast(cython.p_float, given)[i] if one else cython.cast(cython.p_double, given)[i]
        if not (0.0 <= chance <= 1.0):
            return None
    out = room(cnp.PyArray_NDIM(p), cnp.PyArray_DIMS(p), kind)
    data: cython.p_void = cnp.PyArray_DATA(out)
    bits: cython.pointer(bitgen_t) = opened(source)
    for i in range(n):
        if one:
            below: cython.bint = single(bits) < cython.cast(cython.p_float, given)[i]
            cython.cast(cython.p_float, data)[i] = 1.0 if below else 0.0
        else:
            below = fraction(bits) < cython.cast(cython.p_double, given)[i]
            cython.cast(cython.p_double, data)[i] = 1.0 if below else 0.0
    closed(source)
    return out


__all__ = ["Source", "chances", "integers", "normals", "thresholds", "uniforms"]
