# cython: annotation_typing=False
"""Short ways of composites that are called all the time, for plain tensors and positional arguments.

`view`, `reshape` and `flatten` find out what is meant and hand it to the record `view_shape`, `chunk` and `split` to
`split_equal` and `split_with_sizes`; on plain tensors and with whole numbers there is little to find out.  `unbind` is
a record itself; its results are made here as those of the others are.  Each of these answers None for everything else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.windows import narrowed, reshaped, selected
from wengert.core.base import uncompiled as cython
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.calls import viewed
from wengert.core.tape.core import CARE, NR_SHIFT, TensorBase, attach, new_node, wrap
from wengert.core.tape.dispatch import node_class_of
from wengert.core.tape.forms import Form
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.plans import SHORT
from wengert.core.tape.views import MULTIPLE, link_view

_ndarray = np.ndarray
_VIEW: Form
_SPLIT: Any
_SIZED: Any
_UNBIND: Any

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
    if type(start) is int and start == 0 and len(shape) == 1:
        return x if plain_mode(x, 0) is not None else None
    if type(start) is not int or not 0 <= start < len(shape) - 1:
        return None
    rest = 1
    for n in shape[start:]:
        rest *= n
    return reshaped_view(x, (*shape[:start], rest))


def results_of(op: Any, x: Any, args: tuple[Any, ...], arrays: list[Any], mode: Any) -> Any:
    """Windows on the memory of x as the results of `op`, which saves nothing; `args` has None in the place of x."""
    count = len(arrays)
    outs: list[Any] = [wrap(a) for a in arrays]
    outputs = -1
    if x._flags & 1 and mode is PLAIN:
        node = new_node(op.node_class or node_class_of(op, True, args))
        nr = x._flags >> NR_SHIFT
        node._inputs, node._fit = (x._node,), ((nr, None, None),) if nr else None
        node._saved, node._versions = (), None
        node.args, node.shape = args, x._array.shape
        node.metas = tuple([(a.shape, a.dtype) for a in arrays])
        attach(node, outs[0], 4)
        node._outputs = outputs = count
        for i in range(count):
            out = outs[i]
            out._node, out._flags = node, 1 | i << NR_SHIFT
    for i in range(count):
        link_view(outs[i], x, op, args, i, outputs, mode, MULTIPLE)
    return tuple(outs)


def plain_mode(x: Any, dim: Any) -> Any:
    """The mode, where x is a plain tensor that has this dim and the mode a common one; else None."""
    a = x._array
    mode = _mode_get()
    if x._flags & CARE or type(a) is not _ndarray or (mode is not PLAIN and mode is not OFF):
        return None
    return mode if type(dim) is int and -a.ndim <= dim < a.ndim else None


def pieces(x: Any, size: Any, dim: Any) -> Any:
    """Pieces of `size` along `dim`; None where that is not plain."""
    mode = plain_mode(x, dim)
    if mode is None or type(size) is not int or size < 1:
        return None
    a = x._array
    n = a.shape[dim]
    results: list[Any] = []
    start, width = 0, size
    while start < n:
        piece = narrowed((a, dim, start, start + width, 1))
        if piece is None:
            return None
        results.append(piece)
        start += width
    return results_of(_SPLIT, x, (None, size, dim), results, mode) if results else None


def sized(x: Any, sizes: Any, dim: Any) -> Any:
    """Pieces of the sizes given along `dim`; None where that is not plain."""
    mode = plain_mode(x, dim)
    if mode is None or not sizes:
        return None
    a = x._array
    results: list[Any] = []
    start = 0
    for n in sizes:
        if type(n) is not int or n < 1:
            return None
        piece = narrowed((a, dim, start, start + n, 1))
        if piece is None:
            return None
        results.append(piece)
        start += n
    return results_of(_SIZED, x, (None, tuple(sizes), dim), results, mode) if start == a.shape[dim] else None


def unbound(args: tuple[Any, ...]) -> Any:
    """x.unbind(), x.unbind(1)."""
    if not 1 <= len(args) <= 2 or not isinstance(args[0], TensorBase):
        return None
    x, dim = args[0], args[1] if len(args) == 2 else 0
    mode = plain_mode(x, dim)
    if mode is None:
        return None
    a = x._array
    results: list[Any] = []
    for i in range(a.shape[dim]):
        piece = selected((a, dim, i))
        if piece is None:
            return None
        results.append(piece)
    return results_of(_UNBIND, x, (None, dim), results, mode) if results else None


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
    dim = args[2] if len(args) == 3 else 0
    if type(args[1]) is list or type(args[1]) is tuple:
        return sized(args[0], args[1], dim)
    return pieces(args[0], args[1], dim)


def install() -> None:
    """Announce the short ways; before `plans.install_all`."""
    global _VIEW, _SPLIT, _SIZED, _UNBIND
    _VIEW, _SPLIT = Form(REGISTRY["view_shape"]), REGISTRY["split_equal"]
    _SIZED, _UNBIND = REGISTRY["split_with_sizes"], REGISTRY["unbind"]
    if cython.compiled:
        SHORT.update(view=shaped, reshape=shaped, flatten=flattened, chunk=chunked, split=split)
