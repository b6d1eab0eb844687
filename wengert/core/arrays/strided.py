"""Windows on an array's memory with any strides: what expand, as_strided and unfold are made of.

`numpy.lib.stride_tricks.as_strided` and `numpy.broadcast_to` take microseconds and the latter gives read-only arrays;
these take a fraction of that and stay writeable. Strides and offsets are in bytes here.
"""

from __future__ import annotations

from typing import Any

import numpy

_ndarray = numpy.ndarray


class _Window:
    """What NumPy asks for memory; keeps the array that owns it alive and known as `base`."""

    __slots__ = ("__array_interface__", "base")


def window(np: Any, array: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Any:
    """An array of `shape` and `strides` over the memory of `array`, `offset` bytes after its first element.

    The caller answers for the bounds where `array` itself is not contiguous.
    """
    if not isinstance(array, _ndarray):
        if not isinstance(array, numpy.generic):
            return np.ndarray(shape, array.dtype, array.data + offset, strides)
        array = numpy.asarray(array)
    if offset >= 0:
        flags = array.flags
        try:
            if flags.c_contiguous:
                return _ndarray(shape, array.dtype, array, offset, strides)
            if flags.f_contiguous:
                return _ndarray(shape, array.dtype, array.T, offset, strides)
        except (ValueError, TypeError):
            pass
    return _beyond(array, shape, strides, offset)


def _beyond(array: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
    """The same where memory outside `array`, but inside its owner, is looked at."""
    interface = array.__array_interface__
    address, read_only = interface["data"]
    interface["data"] = (address + offset, read_only)
    interface["shape"], interface["strides"] = shape, strides
    holder: Any = _Window()
    holder.__array_interface__, holder.base = interface, array
    made = numpy.asarray(holder)
    return made if made.dtype == array.dtype else made.view(array.dtype)


def expanded(np: Any, array: Any, shape: tuple[int, ...]) -> Any:
    """`array` at every place of `shape`, to which it broadcasts: a writeable view with strides 0."""
    lead = len(shape) - array.ndim
    if not lead and array.shape == shape:
        return array[...] if array.ndim else array.view()
    own = array.shape
    strides = (0,) * lead + tuple(
        [s if n == m else 0 for s, n, m in zip(array.strides, own, shape[lead:], strict=True)]
    )
    return window(np, array, shape, strides)


def storage_of(array: Any) -> Any:
    """The array that owns the memory on which `array` is a window."""
    found = base = array
    while base is not None:
        if isinstance(base, array.__class__):
            found = base
        base = getattr(base, "base", None)
    return found


def storage_bytes(array: Any) -> int:
    """Size of the memory that `array` looks at."""
    return storage_of(array).nbytes if isinstance(array, _ndarray) else array.data.mem.size


def address_of(array: Any) -> int:
    """Where the first element lies."""
    return array.__array_interface__["data"][0] if isinstance(array, _ndarray) else array.data.ptr


def storage_offset(array: Any) -> int:
    """How many elements lie between the start of the storage and the first element of `array`."""
    if not isinstance(array, _ndarray):
        if hasattr(array, "entry"):
            return storage_offset(array.entry)
        return (array.data.ptr - array.data.mem.ptr) // array.dtype.itemsize
    base = array.base
    if base is None or not array.size:
        return 0
    return (address_of(array) - address_of(storage_of(array))) // array.dtype.itemsize
