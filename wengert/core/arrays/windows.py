"""Other looks at the memory of an array, made in C where the core is compiled.

Each function answers None where it is not at home (another kind of array, an argument out of bounds, memory that
would have to be copied), and always uncompiled; then the body of the record looks, and explains what is wrong.
`WINDOWS[name](args)` takes the full argument tuple of the record `name`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base import uncompiled as cython

FAR = 1 << 40
"""No index and no length lies further out."""

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.arrays.windows import MOST, looked, shaped_as

    cnp.import_array()


def reshaped(a: Any, size: Any) -> Any:
    """The elements of `a`, which is contiguous, under the shape `size` (one length may be -1)."""
    if not cython.compiled:
        return None
    if not cnp.PyArray_CheckExact(a) or not cnp.PyArray_IS_C_CONTIGUOUS(a) or not isinstance(size, tuple):
        return None
    try:
        return shaped_as(a, size if type(size) is tuple else tuple(size))
    except OverflowError:
        return None


def expanded(args: tuple[Any, ...]) -> Any:
    """Dims of length 1 stretched, new dims in front: expand(input, size)."""
    if not cython.compiled:
        return None
    shape: cnp.npy_intp[64]
    steps: cnp.npy_intp[64]
    i: cython.int
    length: cnp.npy_intp
    own: cnp.npy_intp
    a, size = args[0], args[1]
    if not cnp.PyArray_CheckExact(a) or type(size) is not tuple:
        return None
    count: cython.int = len(size)
    lead: cython.int = count - cnp.PyArray_NDIM(a)
    if lead < 0 or count > MOST:
        return None
    for i in range(count):
        value = size[i]
        if type(value) is not int or not -1 <= value <= FAR:
            return None
        length = value
        if i < lead:
            if length < 0:
                return None
            shape[i], steps[i] = length, 0
            continue
        own = cnp.PyArray_DIM(a, i - lead)
        if length == -1 or length == own:
            shape[i], steps[i] = own, cnp.PyArray_STRIDE(a, i - lead)
        elif own == 1 and length >= 0:
            shape[i], steps[i] = length, 0
        else:
            return None
    return looked(a, count, shape, steps, 0)


def selected(args: tuple[Any, ...]) -> Any:
    """One place of a dim, which goes: select(input, dim, index)."""
    if not cython.compiled:
        return None
    a, at, index = args[0], args[1], args[2]
    if not cnp.PyArray_CheckExact(a) or type(at) is not int or type(index) is not int:
        return None
    shape: cnp.npy_intp[64]
    steps: cnp.npy_intp[64]
    count: cython.int = cnp.PyArray_NDIM(a)
    if not -FAR <= at <= FAR or not -FAR <= index <= FAR:
        return None
    dim: cnp.npy_intp = at
    place: cnp.npy_intp = index
    i: cython.int
    dim = dim + count if dim < 0 else dim
    if dim < 0 or dim >= count or count > MOST:
        return None
    place = place + cnp.PyArray_DIM(a, dim) if place < 0 else place
    if place < 0 or place >= cnp.PyArray_DIM(a, dim):
        return None
    for i in range(count - 1):
        own: cython.int = i + 1 if i >= dim else i
        shape[i], steps[i] = cnp.PyArray_DIM(a, own), cnp.PyArray_STRIDE(a, own)
    return looked(a, count - 1, shape, steps, place * cnp.PyArray_STRIDE(a, dim))


def narrowed(args: tuple[Any, ...]) -> Any:
    """Every `step`-th place of a dim from `start` to before `end`: slice(input, dim, start, end, step)."""
    if not cython.compiled:
        return None
    a, at, start, end, by = args
    if not cnp.PyArray_CheckExact(a) or type(at) is not int or type(by) is not int or cnp.PyArray_NDIM(a) > MOST:
        return None
    if (start is not None and type(start) is not int) or (end is not None and type(end) is not int):
        return None
    shape: cnp.npy_intp[64]
    steps: cnp.npy_intp[64]
    count: cython.int = cnp.PyArray_NDIM(a)
    if not -FAR <= at <= FAR or not 1 <= by <= FAR:
        return None
    dim: cnp.npy_intp = at
    step: cnp.npy_intp = by
    i: cython.int
    dim = dim + count if dim < 0 else dim
    if dim < 0 or dim >= count:
        return None
    n: cnp.npy_intp = cnp.PyArray_DIM(a, dim)
    low: cnp.npy_intp = 0
    high: cnp.npy_intp = n
    if start is not None:
        low = within(start, n)
    if end is not None:
        high = within(end, n)
    if high < low:
        high = low
    for i in range(count):
        shape[i], steps[i] = cnp.PyArray_DIM(a, i), cnp.PyArray_STRIDE(a, i)
    shape[dim] = (high - low + step - 1) // step
    steps[dim] *= step
    return looked(a, count, shape, steps, low * cnp.PyArray_STRIDE(a, dim) if shape[dim] else 0)


def within(index: Any, n: Any) -> Any:
    """A bound of a slice inside a dim of length n."""
    if index < 0:
        return max(index + n, 0)
    return min(index, n)


def inserted(args: tuple[Any, ...]) -> Any:
    """A dim of length 1 put in: unsqueeze(input, dim)."""
    if not cython.compiled:
        return None
    a, at = args[0], args[1]
    if not cnp.PyArray_CheckExact(a) or type(at) is not int or cnp.PyArray_NDIM(a) >= MOST or not -FAR <= at <= FAR:
        return None
    shape: cnp.npy_intp[64]
    steps: cnp.npy_intp[64]
    count: cython.int = cnp.PyArray_NDIM(a)
    dim: cnp.npy_intp = at
    i: cython.int
    dim = dim + count + 1 if dim < 0 else dim
    if dim < 0 or dim > count:
        return None
    for i in range(count):
        own: cython.int = i + 1 if i >= dim else i
        shape[own], steps[own] = cnp.PyArray_DIM(a, i), cnp.PyArray_STRIDE(a, i)
    shape[dim] = 1
    steps[dim] = cnp.PyArray_DIM(a, dim) * cnp.PyArray_STRIDE(a, dim) if dim < count else cnp.PyArray_ITEMSIZE(a)
    return looked(a, count + 1, shape, steps, 0)


WINDOWS: dict[str, Callable[[tuple[Any, ...]], Any]] = {}
if cython.compiled:
    WINDOWS.update(
        view_shape=lambda args: reshaped(args[0], args[1]),
        expand=expanded,
        select=selected,
        slice=narrowed,
        unsqueeze=inserted,
    )
