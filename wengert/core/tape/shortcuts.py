# cython: annotation_typing=False
"""Short ways of composites that are called all the time, for plain tensors and positional arguments.

`view`, `reshape` and `flatten` find out what is meant and hand it to the record `view_shape`, `chunk` and `split` to
`split_equal`; on plain tensors and with whole numbers there is little to find out.  Each of these answers None for
everything else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.windows import narrowed, reshaped
from wengert.core.base import uncompiled as cython
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.calls import viewed
from wengert.core.tape.core import CARE, TensorBase
from wengert.core.tape.dispatch import many_results
from wengert.core.tape.forms import Form
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.plans import SHORT

_ndarray = np.ndarray
_VIEW: Form
_SPLIT: Any

if cython.compiled:
    from cython.cimports.wengert.core.tape.interpreter import mode_of

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

else:
    _mode_get = MODE.get


def shaped(args: tuple[Any, ...]) -> Any:
    """x.view(2, -1), x.reshape((2, -1))."""
    if len(args) < 2 or not isinstance(args[0], TensorBase):
        return None
    x = args[0]
    size = args[1] if len(args) == 2 else args[1:]
    if type(size) is int:
        size = args[1:]
    return reshaped_view(x, tuple(size) if type(size) is list else size)


def reshaped_view(x: Any, size: Any) -> Any:
    """x under another shape; None where that is not plain."""
    a = x._array
    mode = _mode_get()
    if x._flags & CARE or type(a) is not _ndarray or (mode is not PLAIN and mode is not OFF):
        return None
    r = reshaped(a, size)
    return None if r is None else viewed(_VIEW, x, r, (None, size), mode, 4)


def flattened(args: tuple[Any, ...]) -> Any:
    """x.flatten(), x.flatten(1)."""
    if not args or len(args) > 2 or not isinstance(args[0], TensorBase):
        return None
    x = args[0]
    start = 0 if len(args) == 1 else args[1]
    shape = x._array.shape
    if type(start) is not int or not 0 <= start < len(shape) - 1:
        return None
    rest = 1
    for n in shape[start:]:
        rest *= n
    return reshaped_view(x, (*shape[:start], rest))


def pieces(x: Any, size: Any, dim: Any) -> Any:
    """Pieces of `size` along `dim`; None where that is not plain."""
    a = x._array
    mode = _mode_get()
    if x._flags & CARE or type(a) is not _ndarray or (mode is not PLAIN and mode is not OFF):
        return None
    if type(size) is not int or type(dim) is not int or size < 1:
        return None
    count = a.ndim
    if dim < -count or dim >= count:
        return None
    n = a.shape[dim]
    results: list[Any] = []
    start, width = 0, size
    while start < n:
        piece = narrowed((a, dim, start, start + width, 1))
        if piece is None:
            return None
        results.append(piece)
        start += width
    recording = x._flags & 1 and mode is PLAIN
    return many_results(_SPLIT, (x, size, dim), results, None, recording, mode) if results else None


def chunked(args: tuple[Any, ...]) -> Any:
    """x.chunk(3), x.chunk(3, 1)."""
    if not 2 <= len(args) <= 3 or not isinstance(args[0], TensorBase):
        return None
    x, chunks, dim = args[0], args[1], args[2] if len(args) == 3 else 0
    shape = x._array.shape
    if type(chunks) is not int or type(dim) is not int or chunks < 1 or not -len(shape) <= dim < len(shape):
        return None
    return pieces(x, (shape[dim] + chunks - 1) // chunks, dim)


def split(args: tuple[Any, ...]) -> Any:
    """x.split(2), x.split(2, 1)."""
    if not 2 <= len(args) <= 3 or not isinstance(args[0], TensorBase):
        return None
    return pieces(args[0], args[1], args[2] if len(args) == 3 else 0)


def install() -> None:
    """Announce the short ways; before `plans.install_all`."""
    global _VIEW, _SPLIT
    _VIEW, _SPLIT = Form(REGISTRY["view_shape"]), REGISTRY["split_equal"]
    if cython.compiled:
        SHORT.update(view=shaped, reshape=shaped, flatten=flattened, chunk=chunked, split=split)
