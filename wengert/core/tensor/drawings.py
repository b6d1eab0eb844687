"""Short ways of random functions, and of methods that write a tensor's elements anew: the half of `makers.py` that
draws."""

from __future__ import annotations

from wengert.core.arrays import draws
from wengert.core.arrays.generator import default_generator
from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import CARE
from wengert.core.tape.hot import mark_stale
from wengert.core.tape.levels import BATCHES
from wengert.core.tape.modes import MODE, OFF, PLAIN

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc.stdint import int64_t
    from cython.cimports.libc.string import memmove, memset
    from cython.cimports.wengert.core.arrays.draws import (
        Source,
        fill_integers,
        fill_normals,
        fill_places,
        fill_thresholds,
        fill_uniforms,
    )
    from cython.cimports.wengert.core.tape.core import TensorBase, VersionCounter, count_write, wrap
    from cython.cimports.wengert.core.tape.hot import needs_care
    from cython.cimports.wengert.core.tape.interpreter import mode_of
    from cython.cimports.wengert.core.tensor.wishes import (
        BERNOULLI,
        BERNOULLI_OF,
        COPY,
        MOST,
        NORMAL,
        NORMAL_OF,
        RAND,
        RAND_LIKE,
        RANDINT,
        RANDPERM,
        UNIFORM,
        ZERO,
        Wish,
        after,
        default_number,
        finished,
        is_float,
        is_known,
        length,
        memory,
        number,
        sizes,
    )

    cnp.import_array()

    @cython.cfunc
    @cython.inline
    def drawer(wish: cython.pointer(Wish)) -> Source:
        """Whose random numbers are wanted."""
        return default_generator if wish.source is cython.NULL else cython.cast(object, wish.source)

    @cython.cfunc
    def real_drawn(wish: cython.pointer(Wish), uniform: cython.bint, mean: cython.double, std: cython.double) -> object:
        """A leaf of uniform or normal numbers."""
        wish.kind = default_number() if wish.kind < 0 else wish.kind
        if not is_float(wish.kind) or not 0 < wish.size < 4096 or mode_of(BATCHES):
            return None
        a = memory(wish)
        if uniform:
            fill_uniforms(drawer(wish), a, 0.0, 1.0, 1.0)
        else:
            fill_normals(drawer(wish), a, mean, std)
        return finished(a, wish)

    @cython.cfunc
    def whole_drawn(args: tuple, wish: cython.pointer(Wish)) -> object:
        """randint(high, size), randint(low, high, size)."""
        low: cython.double = 0.0
        high: cython.double = 0.0
        given: cython.Py_ssize_t = len(args)
        if not 2 <= given <= 3 or type(args[given - 2]) is not int or type(args[0]) is not int:
            return None
        if not number(args[given - 2], cython.address(high)) or not sizes((args[given - 1],), 0, wish):
            return None
        if given == 3 and not number(args[0], cython.address(low)):
            return None
        wish.kind = cnp.NPY_INT64 if wish.kind < 0 else wish.kind
        if wish.kind == cnp.NPY_INT64:
            if wish.recorded:
                return None
        elif not is_float(wish.kind) or low < -16777216.0 or high > 16777216.0:
            return None
        if not low < high or not 0 < wish.size < 4096 or mode_of(BATCHES) or type(args[given - 1]) is int:
            return None
        a = memory(wish)
        fill_integers(
            drawer(wish), a, cython.cast(int64_t, high - low), cython.cast(int64_t, low), high - low >= 268435456.0
        )
        return finished(a, wish)

    @cython.cfunc
    def order_drawn(args: tuple, wish: cython.pointer(Wish)) -> object:
        """randperm(n)."""
        wish.count, wish.size = 1, 1
        if len(args) != 1 or wish.recorded or (wish.kind >= 0 and wish.kind != cnp.NPY_INT64) or mode_of(BATCHES):
            return None
        if not length(args[0], cython.address(wish.dims[0]), cython.address(wish.size)) or wish.size >= 4096:
            return None
        wish.kind = cnp.NPY_INT64
        a = memory(wish)
        fill_places(drawer(wish), a)
        return finished(a, wish)

    @cython.cfunc
    def chances_drawn(args: tuple, wish: cython.pointer(Wish)) -> object:
        """bernoulli(x) of a tensor without history."""
        if len(args) != 1 or wish.recorded or wish.kind >= 0 or not isinstance(args[0], TensorBase):
            return None
        x: TensorBase = args[0]
        if x._flags & CARE or (x._flags and mode_of(MODE) is not OFF) or mode_of(BATCHES):
            return None
        a = draws.chances(drawer(wish), x._array)
        return None if a is None else wrap(a)

    @cython.cfunc
    def drawn(args: tuple, wish: cython.pointer(Wish), way: cython.int) -> object:
        """What a random function gives; None: not for the short way."""
        mean: cython.double = 0.0
        std: cython.double = 1.0
        if way == RANDINT:
            return whole_drawn(args, wish)
        if way == RANDPERM:
            return order_drawn(args, wish)
        if way == BERNOULLI_OF:
            return chances_drawn(args, wish)
        if way == NORMAL_OF:
            if len(args) != 3 or not number(args[0], cython.address(mean)) or not number(args[1], cython.address(std)):
                return None
            if (
                type(args[2]) is int
                or not sizes((args[2],), 0, wish)
                or not 0.0 <= std < 1e30
                or not -1e30 < mean < 1e30
            ):
                return None
            return real_drawn(wish, False, mean, std)
        if way >= RAND_LIKE:
            if len(args) != 1 or not isinstance(args[0], TensorBase) or not after(args[0], wish):
                return None
            return real_drawn(wish, way == RAND_LIKE, 0.0, 1.0)
        return real_drawn(wish, way == RAND, 0.0, 1.0) if sizes(args, 0, wish) else None

    # ------------------------------------------------------------ in place

    @cython.cfunc
    def written(args: tuple, kwargs: dict, way: cython.int) -> object:
        """x.uniform_(low, high), x.zero_(), x.copy_(y) and so on, where nothing is recorded."""
        if not args or not isinstance(args[0], TensorBase):
            return None
        x: TensorBase = args[0]
        a = x._array
        mode = mode_of(MODE)
        if x._flags > 1 or (mode is not OFF and (x._flags or mode is not PLAIN)):
            return None
        if not cnp.PyArray_CheckExact(a) or not cnp.PyArray_ISCARRAY(a) or not 0 < cnp.PyArray_SIZE(a) < MOST:
            return None
        if not is_known(cnp.PyArray_TYPE(a)) or (x._extra is not None and needs_care(x)):
            return None
        if way == ZERO:
            if len(args) != 1 or kwargs:
                return None
            memset(cnp.PyArray_DATA(a), 0, cnp.PyArray_NBYTES(a))
        elif way == COPY:
            if kwargs or len(args) != 2 or not taken_over(a, args[1], mode is OFF):
                return None
        elif not redrawn(a, args, kwargs, way):
            return None
        vc: VersionCounter = x._vc
        if vc is not None and vc.views:
            mark_stale(vc)
        count_write(x, 3)
        return x

    @cython.cfunc
    def taken_over(a: object, other: object, anyway: cython.bint) -> cython.bint:
        """Copy the elements of a tensor of one shape and dtype, without history unless `anyway`."""
        if not isinstance(other, TensorBase):
            return False
        y: TensorBase = other
        b = y._array
        if y._flags & CARE or (y._flags and not anyway) or not cnp.PyArray_CheckExact(b):
            return False
        if not cnp.PyArray_ISCARRAY_RO(b) or cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b):
            return False
        if not cnp.PyArray_SAMESHAPE(a, b):
            return False
        memmove(cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), cnp.PyArray_NBYTES(a))
        return True

    @cython.cfunc
    def redrawn(a: object, args: tuple, kwargs: dict, way: cython.int) -> cython.bint:
        """Draw the elements anew; False, and nothing drawn, where that is not plain."""
        source: Source = default_generator
        first: cython.double = 0.0
        second: cython.double = 1.0
        given: cython.Py_ssize_t = len(args)
        if kwargs:
            generator = kwargs.get("generator")
            if len(kwargs) > 1 or not isinstance(generator, Source):
                return False
            source = generator
        if given > 3 or not is_float(cnp.PyArray_TYPE(a)) or cnp.PyArray_SIZE(a) >= 4096 or mode_of(BATCHES):
            return False
        if given > 1 and not number(args[1], cython.address(first)):
            return False
        if given > 2 and not number(args[2], cython.address(second)):
            return False
        if not -1e30 < first < 1e30 or not -1e30 < second < 1e30:
            return False
        return refilled(source, a, way, given, first, second)

    @cython.cfunc
    def refilled(
        source: Source,
        a: object,
        way: cython.int,
        given: cython.Py_ssize_t,
        first: cython.double,
        second: cython.double,
    ) -> cython.bint:
        """Draw the numbers of an in-place sampler."""
        low: cython.double = first
        high: cython.double = second
        span: cython.double = second - first
        if way == UNIFORM:
            if first > second:
                return False
            if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT:
                low = cython.cast(cython.float, first)
                high = cython.cast(cython.float, second)
                span = cython.cast(cython.float, high - low)
            return fill_uniforms(source, a, low, high, span)
        if way == NORMAL:
            return second >= 0.0 and fill_normals(source, a, first, second)
        if way == BERNOULLI:
            p: cython.double = 0.5 if given == 1 else first
            return given <= 2 and 0.0 <= p <= 1.0 and fill_thresholds(source, a, p, 1.0)
        if given > 1:
            return False
        if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT:
            return fill_integers(source, a, 16777217, 0, False)
        return fill_integers(source, a, 9007199254740993, 0, True)
