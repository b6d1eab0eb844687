"""Short ways of functions that make or fill tensors, in C where the core is compiled.

`@short` puts one before a function: calls with plain arguments (whole numbers, lists of numbers, a dtype, the CPU) in a
plain mode, for a few elements, are answered at once; all others, and those with something wrong in them, reach the
function itself.  There is nothing a short way knows that the function does not.  Uncompiled there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import CARE
from wengert.core.tensor.wishes import WAYS

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc.math import ceil, isfinite, signbit
    from cython.cimports.libc.stdint import int64_t
    from cython.cimports.libc.string import memset
    from cython.cimports.wengert.core.tape.core import TensorBase, wrap
    from cython.cimports.wengert.core.tensor.drawings import drawn, written
    from cython.cimports.wengert.core.tensor.wishes import (
        ARANGE,
        AS_TENSOR,
        BERNOULLI_OF,
        COPY,
        DIMS,
        EMPTY,
        EMPTY_LIKE,
        EYE,
        FROM_NUMPY,
        FULL,
        FULL_LIKE,
        LINSPACE,
        MOST,
        NEW_EMPTY,
        NEW_FULL,
        NEW_TENSOR,
        NEW_ZEROS,
        RAND,
        RAND_LIKE,
        RANDINT,
        RANDPERM,
        SCALAR,
        TENSOR,
        UNIFORM,
        ZEROS_LIKE,
        Wish,
        after,
        asked,
        default_number,
        dtype_of,
        finished,
        is_float,
        is_known,
        is_plain,
        length,
        memory,
        number,
        sizes,
        whole,
    )

    cnp.import_array()

    # ------------------------------------------------------------ filled

    @cython.cfunc
    def constant(a: object, value: cython.double) -> cython.bint:
        """Fill an array with a number that its dtype holds; False for what is rarer."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        kind: cython.int = cnp.PyArray_TYPE(a)
        data: cython.p_void = cnp.PyArray_DATA(a)
        if value == 0.0 and not signbit(value):
            memset(data, 0, cnp.PyArray_NBYTES(a))
        elif kind == cnp.NPY_FLOAT:
            if isfinite(value) and not -1e38 < value < 1e38:
                return False
            single: cython.float = value
            for i in range(n):
                cython.cast(cython.p_float, data)[i] = single
        elif kind == cnp.NPY_DOUBLE:
            for i in range(n):
                cython.cast(cython.p_double, data)[i] = value
        elif kind == cnp.NPY_INT64 and value == cython.cast(cython.double, cython.cast(int64_t, value)):
            for i in range(n):
                cython.cast(cython.pointer(int64_t), data)[i] = cython.cast(int64_t, value)
        elif kind == cnp.NPY_BOOL and value == 1.0:
            memset(data, 1, n)
        else:
            return False
        return True

    @cython.cfunc
    def filled(wish: cython.pointer(Wish), value: cython.double) -> object:
        """A leaf with a number everywhere."""
        if wish.kind < 0:
            wish.kind = default_number()
        if wish.kind < 0 or (wish.recorded and not is_float(wish.kind)):
            return None
        a = memory(wish)
        return finished(a, wish) if constant(a, value) else None

    @cython.cfunc
    def unfilled(wish: cython.pointer(Wish)) -> object:
        """A leaf with anything in it."""
        if wish.kind < 0:
            wish.kind = default_number()
        if wish.kind < 0 or (wish.recorded and not is_float(wish.kind)):
            return None
        return finished(memory(wish), wish)

    @cython.cfunc
    def full_of(wish: cython.pointer(Wish), value: object, infer: cython.bint) -> object:
        """A leaf with one of Python's numbers everywhere, in the dtype of its class where none is said."""
        given: cython.double = 0.0
        if type(value) is bool:
            given = value
        elif not number(value, cython.address(given)):
            return None
        if infer and wish.kind < 0 and type(value) is not float:
            wish.kind = cnp.NPY_BOOL if type(value) is bool else cnp.NPY_INT64
        if type(value) is float and wish.kind >= 0 and not is_float(wish.kind):
            return None
        return filled(wish, given)

    @cython.cfunc
    def identity(args: tuple, wish: cython.pointer(Wish)) -> object:
        """eye(n), eye(n, m)."""
        i: cython.Py_ssize_t
        wish.size, wish.count = 1, 2
        if not 1 <= len(args) <= 2 or (wish.kind >= 0 and not is_float(wish.kind)):
            return None
        for i in range(2):
            n = args[0] if i == 0 or len(args) == 1 or args[1] is None else args[1]
            if not length(n, cython.address(wish.dims[i]), cython.address(wish.size)):
                return None
        out = filled(wish, 0.0)
        if out is None or not is_float(wish.kind):
            return None
        data: cython.p_void = cnp.PyArray_DATA(cython.cast(TensorBase, out)._array)
        for i in range(min(wish.dims[0], wish.dims[1])):
            if wish.kind == cnp.NPY_FLOAT:
                cython.cast(cython.p_float, data)[i * (wish.dims[1] + 1)] = 1.0
            else:
                cython.cast(cython.p_double, data)[i * (wish.dims[1] + 1)] = 1.0
        return out

    # ------------------------------------------------------------ ranges

    @cython.cfunc
    def steps(args: tuple, wish: cython.pointer(Wish)) -> object:
        """arange(end), arange(start, end), arange(start, end, step)."""
        start: cython.double = 0.0
        end: cython.double = 0.0
        step: cython.double = 1.0
        i: cython.Py_ssize_t
        given: cython.Py_ssize_t = len(args)
        if not 1 <= given <= 3 or not number(args[0 if given == 1 else 1], cython.address(end)):
            return None
        if given > 1 and not number(args[0], cython.address(start)):
            return None
        if given > 2 and not number(args[2], cython.address(step)):
            return None
        whole_numbers: cython.bint = True
        for value in args:
            whole_numbers = whole_numbers and type(value) is int
        if wish.kind < 0:
            wish.kind = cnp.NPY_INT64 if whole_numbers else default_number()
        if wish.kind == cnp.NPY_INT64:
            if not whole_numbers or wish.recorded:
                return None
        elif not is_float(wish.kind):
            return None
        if step == 0.0 or not (end - start) * step >= 0.0 or not isfinite(start) or not isfinite(end):
            return None
        count: cython.double = ceil((end - start) / step)
        if whole_numbers:  # exactly
            far: int64_t = cython.cast(int64_t, end) - cython.cast(int64_t, start)
            by: int64_t = cython.cast(int64_t, step)
            count = cython.cast(cython.double, far // by + (1 if far % by else 0))
        if not 0.0 <= count < 4096.0:
            return None
        wish.count, wish.size = 1, cython.cast(cnp.npy_intp, count)
        wish.dims[0] = wish.size
        a = memory(wish)
        data: cython.p_void = cnp.PyArray_DATA(a)
        for i in range(wish.size):
            place: cython.double = start + i * step
            if wish.kind == cnp.NPY_FLOAT:
                cython.cast(cython.p_float, data)[i] = cython.cast(cython.float, place)
            elif wish.kind == cnp.NPY_DOUBLE:
                cython.cast(cython.p_double, data)[i] = place
            else:
                cython.cast(cython.pointer(int64_t), data)[i] = cython.cast(int64_t, place)
        return finished(a, wish)

    @cython.cfunc
    def between(args: tuple, wish: cython.pointer(Wish)) -> object:
        """linspace(start, end, steps): each half counts from its own end, in the dtype of the result."""
        start: cython.double = 0.0
        end: cython.double = 0.0
        i: cython.Py_ssize_t
        wish.size, wish.count = 1, 1
        if len(args) != 3 or not number(args[0], cython.address(start)) or not number(args[1], cython.address(end)):
            return None
        if not length(args[2], cython.address(wish.dims[0]), cython.address(wish.size)) or wish.size > 4096:
            return None
        wish.kind = default_number() if wish.kind < 0 else wish.kind
        if not is_float(wish.kind):
            return None
        a = memory(wish)
        n: cython.Py_ssize_t = wish.size
        if wish.kind == cnp.NPY_FLOAT:
            singles: cython.p_float = cython.cast(cython.p_float, cnp.PyArray_DATA(a))
            first: cython.float = start
            last: cython.float = end
            single: cython.float = (last - first) / cython.cast(cython.float, max(n - 1, 1))
            for i in range(n):
                if i < n // 2 or n == 1:
                    singles[i] = first + single * cython.cast(cython.float, i)
                else:
                    singles[i] = last - single * cython.cast(cython.float, n - 1 - i)
        else:
            doubles: cython.p_double = cython.cast(cython.p_double, cnp.PyArray_DATA(a))
            step: cython.double = (end - start) / cython.cast(cython.double, max(n - 1, 1))
            for i in range(n):
                if i < n // 2 or n == 1:
                    doubles[i] = start + step * cython.cast(cython.double, i)
                else:
                    doubles[i] = end - step * cython.cast(cython.double, n - 1 - i)
        return finished(a, wish)

    # ------------------------------------------------------------ of data

    @cython.cfunc
    def poured(
        data: object, level: cython.int, wish: cython.pointer(Wish), at: cython.Py_ssize_t, out: cython.p_void
    ) -> cython.Py_ssize_t:
        """Write nested lists of numbers from element `at` on; the next free element, -2 for what is not alike."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t
        value: cython.double = 0.0
        over: cython.int = 0
        if level == wish.count:
            if wish.kind == cnp.NPY_INT64:
                if type(data) is not int:
                    return -2
                cython.cast(cython.pointer(int64_t), out)[at] = whole(data, cython.address(over))
                return -2 if over else at + 1
            if wish.kind == cnp.NPY_BOOL:
                if type(data) is not bool:
                    return -2
                cython.cast(cython.p_char, out)[at] = 1 if data is True else 0
                return at + 1
            if not number(data, cython.address(value)):
                return -2
            if wish.kind == cnp.NPY_FLOAT:
                cython.cast(cython.p_float, out)[at] = cython.cast(cython.float, value)
            else:
                cython.cast(cython.p_double, out)[at] = value
            return at + 1
        n = wish.dims[level]
        if type(data) is list:
            items: list = data
            if len(items) != n:
                return -2
            for i in range(n):
                at = poured(items[i], level + 1, wish, at, out)
                if at < 0:
                    return -2
        elif type(data) is tuple:
            values: tuple = data
            if len(values) != n:
                return -2
            for i in range(n):
                at = poured(values[i], level + 1, wish, at, out)
                if at < 0:
                    return -2
        else:
            return -2
        return at

    @cython.cfunc
    def of_numbers(data: object, wish: cython.pointer(Wish)) -> object:
        """A leaf of a number or nested lists of numbers, all of one class, or ints among floats."""
        inner = data
        wish.count, wish.size = 0, 1
        while type(inner) is list or type(inner) is tuple:
            if wish.count == DIMS or not len(inner):
                return None
            wish.dims[wish.count] = len(inner)
            wish.size *= wish.dims[wish.count]
            wish.count += 1
            if wish.size > MOST:
                return None
            inner = inner[0]
        if type(inner) is float:
            wish.kind = default_number() if wish.kind < 0 else wish.kind
            if not is_float(wish.kind):
                return None
        elif type(inner) is int:
            wish.kind = cnp.NPY_INT64 if wish.kind < 0 else wish.kind
            if wish.kind != cnp.NPY_INT64 and not is_float(wish.kind):
                return None
        elif type(inner) is bool and (wish.kind < 0 or wish.kind == cnp.NPY_BOOL):
            wish.kind = cnp.NPY_BOOL
        else:
            return None
        if wish.recorded and not is_float(wish.kind):
            return None
        a = memory(wish)
        return finished(a, wish) if poured(data, 0, wish, 0, cnp.PyArray_DATA(a)) >= 0 else None

    @cython.cfunc
    def over(a: object) -> object:
        """A tensor over the memory of an ordinary array; None for what must be looked at."""
        i: cython.int
        if not cnp.PyArray_CheckExact(a) or not cnp.PyArray_ISBEHAVED(a) or not is_known(cnp.PyArray_TYPE(a)):
            return None
        for i in range(cnp.PyArray_NDIM(a)):
            if cnp.PyArray_STRIDE(a, i) < 0 or cnp.PyArray_STRIDE(a, i) % cnp.PyArray_ITEMSIZE(a):
                return None
        return wrap(a)

    # ------------------------------------------------------------ all of them

    @cython.cfunc
    def made(way: cython.int, args: tuple, kwargs: dict) -> object:
        """What a function gives; None: not for the short way."""
        wish: Wish
        given: cython.Py_ssize_t = len(args)
        if UNIFORM <= way <= COPY:
            return written(args, kwargs, way)
        if way == FROM_NUMPY:
            return over(args[0]) if given == 1 and not kwargs and is_plain() else None
        random: cython.bint = RAND_LIKE <= way < SCALAR or RAND <= way <= RANDINT
        anywhere: cython.bint = way >= ZEROS_LIKE and way != RANDPERM and way != SCALAR
        if not given or not asked(kwargs, cython.address(wish), anywhere, random):
            return None
        if random:
            if way == BERNOULLI_OF and kwargs and (len(kwargs) > 1 or "generator" not in kwargs):
                return None
            return drawn(args, cython.address(wish), way)
        if way <= EMPTY:
            if not sizes(args, 0, cython.address(wish)):
                return None
            return unfilled(cython.address(wish)) if way == EMPTY else filled(cython.address(wish), way)
        if way == TENSOR or way == AS_TENSOR:
            return of_data(args, kwargs, cython.address(wish), way)
        if way == FULL:
            if given != 2 or type(args[0]) is int or not sizes((args[0],), 0, cython.address(wish)):
                return None
            return full_of(cython.address(wish), args[1], True)
        if way == SCALAR:
            wish.count, wish.size = 0, 1
            return full_of(cython.address(wish), args[0], False) if given == 1 else None
        if way == ARANGE:
            return steps(args, cython.address(wish))
        if way == LINSPACE:
            return between(args, cython.address(wish))
        if way == EYE:
            return identity(args, cython.address(wish))
        return made_after(way, args, cython.address(wish))

    @cython.cfunc
    def of_data(args: tuple, kwargs: dict, wish: cython.pointer(Wish), way: cython.int) -> object:
        """tensor(data), as_tensor(data)."""
        if len(args) != 1:
            return None
        data = args[0]
        if way == AS_TENSOR and not kwargs:
            if isinstance(data, TensorBase):
                return data if not cython.cast(TensorBase, data)._flags & CARE else None
            if cnp.PyArray_Check(data):
                return over(data)
        return None if way == AS_TENSOR and wish.recorded else of_numbers(data, wish)

    @cython.cfunc
    def made_after(way: cython.int, args: tuple, wish: cython.pointer(Wish)) -> object:
        """`*_like` functions and `new_*` methods: after the example of a tensor."""
        given: cython.Py_ssize_t = len(args)
        if not isinstance(args[0], TensorBase):
            return None
        if way <= FULL_LIKE:
            if given != (2 if way == FULL_LIKE else 1) or not after(args[0], wish):
                return None
            if way == FULL_LIKE:
                return full_of(wish, args[1], False)
            return unfilled(wish) if way == EMPTY_LIKE else filled(wish, way - ZEROS_LIKE)
        if not dtype_of(args[0], wish):
            return None
        if way == NEW_TENSOR:
            return of_numbers(args[1], wish) if given == 2 else None
        if way == NEW_FULL:
            if given != 3 or type(args[1]) is int or not sizes((args[1],), 0, wish):
                return None
            return full_of(wish, args[2], False)
        if not sizes(args, 1, wish):
            return None
        return unfilled(wish) if way == NEW_EMPTY else filled(wish, way - NEW_ZEROS)


F = TypeVar("F", bound=Callable[..., Any])


def short(function: F) -> F:
    """A function with the short way of its name before it; the function itself where there is none."""
    if not cython.compiled or function.__name__ not in WAYS:
        return function
    way: cython.int = WAYS[function.__name__]

    def call(*args: Any, **kwargs: Any) -> Any:
        found = made(way, args, kwargs)
        return function(*args, **kwargs) if found is None else found

    call.__name__ = function.__name__
    call.__qualname__, call.__module__, call.__doc__ = function.__qualname__, function.__module__, function.__doc__
    call.__dict__.update(function.__dict__)
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


__all__ = ["short"]
