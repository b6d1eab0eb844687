"""In-place forms that change how a tensor looks at its memory: t_, unsqueeze_, resize_, set_, ...

The view operator runs out of place; the tensor then takes over the result's array and
history.  A view keeps its base and gets one more link; what other views have been made of
a tensor that is no view itself is kept true by a hidden base that goes on looking as before.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.layout import RANKS, check_rank
from wengert.core.arrays.shape import contiguous_strides
from wengert.core.base.errors import ArgumentError, DtypeError, GraphError, InferenceError, ShapeError
from wengert.core.tape import core
from wengert.core.tape.core import RECORDED, AccumulateGrad, TensorBase, wrap
from wengert.core.tape.dispatch import new_node_class
from wengert.core.tape.modes import current
from wengert.core.tape.refusals import tensors_only
from wengert.core.tape.views import (
    INFERENCE,
    STALE,
    ViewInfo,
    check_inplace,
    counter_of,
    mark_views_stale,
    refresh,
    released,
    set_view,
    view_info,
    written,
)
from wengert.core.tensor.storage import StorageBase, bounds, memory_of, root_array

_names: dict[str, Any] = {}


def check_mode(x: Any, mode: Any) -> None:
    """Refuse to change an inference tensor outside inference mode."""
    if x._flags & INFERENCE and not mode.inference:
        raise InferenceError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update."
        )


def relooked(x: Any, operator: str, name: str, *args: Any) -> Any:
    """Give x the array and history that a view operator gives; count it as a write."""
    if x._flags & STALE:
        refresh(x)
    mode = current()
    check_mode(x, mode)
    if mode.grad:
        check_inplace(x, mode)
    out = getattr(RECORDED, operator)(x, *args)
    written(x, 3)
    history(x, out, name)
    x._array = out._array
    if x._node.__class__ is AccumulateGrad:
        x._node.array = out._array
    return x


def history(x: Any, out: Any, name: str) -> None:
    """Hang x where its new look hangs."""
    found = view_info(out)
    if view_info(x) is None and found is not None and others(x, out):
        hide_base(x)
    own = view_info(x)
    if own is not None and found is not None:
        set_view(x, ViewInfo(own.base, (*own.chain, found.chain[-1]), own.creation))
    node = out._node
    if node is None or node is x._node or node.__class__ is AccumulateGrad:
        return
    node.__class__ = renamed(node, name)
    retained = released(x)
    x._node = node
    x._flags = x._flags & 0xFE & ~STALE | 1
    if retained:
        core.extra_of(node).retained[0] = retained


def others(x: Any, out: Any) -> bool:
    """Whether views of x live, other than the one just made."""
    refs = counter_of(x).views or ()
    return any(view is not None and view is not out for view in (ref() for ref in refs))


def hide_base(x: Any) -> None:
    """Put a tensor that looks as x does under x and all its views."""
    base = wrap(x._array)
    base._flags, base._node, base._vc = x._flags & ~STALE, x._node, counter_of(x)
    for ref in base._vc.views or ():
        view = ref()
        info = None if view is None else view_info(view)
        if info is not None and info.base is x:
            info.base = base
    set_view(x, ViewInfo(base, (), 0))


def renamed(node: Any, name: str) -> Any:
    """The node class of the in-place form."""
    found = _names.get(name)
    if found is None:
        found = _names[name] = new_node_class(node.op, False, name)
    return found


# ---------------------------------------------------------------- transposing and squeezing


def t_(self: Any) -> Any:
    """Transpose of a matrix, in place."""
    return relooked(self, "t", "TBackward1")


def swapping(name: str) -> Callable[[Any, int, int], Any]:
    """transpose_ under one of its names."""

    def method(self: Any, dim0: int, dim1: int) -> Any:
        return relooked(self, "transpose", "TransposeBackward1", dim0, dim1)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "Swap two dims, in place."
    return method


def unsqueeze_(self: Any, dim: int) -> Any:
    """A dim of size 1 put in at `dim`, in place."""
    return relooked(self, "unsqueeze", "UnsqueezeBackward1", dim)


def squeeze_(self: Any, dim: Any = None) -> Any:
    """Dims of size 1 taken out, in place: all of them, or those of `dim`."""
    number = 3 if dim is None else 4 if isinstance(dim, int) else 5
    return relooked(self, "squeeze", f"SqueezeBackward{number}", dim)


def as_strided_(self: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    """Look at the same storage with given sizes, strides and offset (in elements), in place."""
    return relooked(self, "as_strided", "AsStridedBackward1", tuple(size), tuple(stride), storage_offset)


# ---------------------------------------------------------------- resizing


def exchange(x: Any, array: Any) -> Any:
    """Let x look at another array; its views no longer follow it."""
    x._array = array
    if x._node.__class__ is AccumulateGrad:
        x._node.array = array
    return x


def resize_(self: Any, *sizes: Any, memory_format: Any = None) -> Any:
    """Another shape in row-major order over the same memory; memory is taken anew where it is too small.

    Elements beyond the old ones are uninitialised.  memory_format: the order of dims, where it is not row-major.
    Raises: GraphError for a tensor that requires grad; ShapeError for negative lengths.
    """
    if len(sizes) == 1 and not isinstance(sizes[0], (tuple, list, int)):
        raise ArgumentError(f"resize_(): argument 'size' must be tuple of ints, not {type(sizes[0]).__name__}")
    shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)
    if self._flags & 1:
        raise GraphError("cannot resize variables that require grad")
    check_mode(self, current())
    if any(n < 0 for n in shape):
        raise ShapeError(f"Trying to create tensor with negative dimension in resize_(): {list(shape)}")
    old = self._array
    if old.__class__ is not np.ndarray:
        raise GraphError("cannot resize a tensor that is not on the CPU")
    counter_of(self).n += 1
    if memory_format in RANKS:
        check_rank(len(shape), memory_format)
        resize_(self, shape[0], *shape[2:], shape[1])
        return exchange(self, np.moveaxis(self._array, -1, 1))
    if tuple(shape) == old.shape:
        return self
    start = old.__array_interface__["data"][0] - bounds(old)[0] if old.size else 0
    size = prod(shape) * old.itemsize
    memory = memory_of(old)
    if start + size <= memory.size:
        return exchange(self, np.ndarray(shape, old.dtype, memory, start))
    new = np.zeros(start + size, np.uint8)
    new[: memory.size] = memory
    return exchange(self, np.ndarray(shape, old.dtype, new, start))


def resize_as_(self: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """Resize to another tensor's shape."""
    if not isinstance(the_template, TensorBase):
        tensors_only("resize_as_", input=self, the_template=the_template)
    return resize_(self, the_template._array.shape)


def resize(self: Any, *sizes: int) -> Any:
    """Deprecated in torch: a view of another shape with as many elements."""
    import warnings

    warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=2)
    shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    if prod(shape) != self._array.size:
        raise ShapeError(
            f"requested resize to {'x'.join(map(str, shape))} ({prod(shape)} elements in total), but the given tensor "
            f"has a size of {'x'.join(map(str, self._array.shape))} ({self._array.size} elements). resize can only "
            "change the shape, not the number of elements"
        )
    return RECORDED.view_shape(self, shape)


def resize_as(self: Any, tensor: Any) -> Any:
    """Deprecated in torch: a view of another tensor's shape."""
    return resize(self, *tensor._array.shape)


# ---------------------------------------------------------------- other memory


def set_(self: Any, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Any:
    """Look at the memory of a tensor or storage; with nothing given, at no memory.

    Raises: DtypeError unless dtypes agree; ShapeError where the storage is too small.
    """
    mode = current()
    check_mode(self, mode)
    if mode.grad:
        check_inplace(self, mode)
    own = self._array.dtype
    counter_of(self).n += 1
    if source is None:
        return exchange(self, np.empty((0,), own))
    if isinstance(source, StorageBase):
        given = getattr(source, "_dtype", None)
        if given is not None and given.numpy != own:
            raise ArgumentError(f"Expected a Storage of type {dtypes.of(own)} or an UntypedStorage, but got {given}")
        return exchange(self, looked_at(source._bytes, own, storage_offset, size, stride))
    if not isinstance(source, TensorBase):
        raise ArgumentError(f"set_(): argument 'source' must be Tensor or Storage, not {type(source).__name__}")
    if source._array.dtype != own:
        raise DtypeError(
            f"Could not set tensor of type {c_name(source._array.dtype)} to a tensor of type {c_name(own)}"
        )
    if size is None:
        return exchange(self, source._array)
    return exchange(self, looked_at(memory_of(source._array), own, storage_offset, size, stride))


_C_NAME = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int", "int16": "short",
           "int8": "signed char", "uint8": "unsigned char", "bfloat16": "c10::BFloat16", "float16": "c10::Half",
           "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}  # fmt: skip


def c_name(kind: Any) -> str:
    """The name of an element type that torch's messages use."""
    return _C_NAME.get(str(kind), str(kind))


def looked_at(memory: Any, kind: Any, offset: int, size: Any, stride: Any) -> Any:
    """An array over bytes, by offset, size and stride in elements."""
    item = kind.itemsize
    if size is None:
        size, stride = (memory.size // item - offset,), (1,)
    size = (size,) if isinstance(size, int) else tuple(size)
    stride = contiguous_strides(size) if stride is None else (stride,) if isinstance(stride, int) else tuple(stride)
    need = (1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) + offset) * item if all(size) else 0
    if offset < 0:
        raise ShapeError(f"Tensor: invalid storage offset {offset}")
    if need > memory.size:
        raise ShapeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {item} "
            f"requiring a storage size of {need} are out of bounds for storage of size {memory.size}"
        )
    if not memory.flags.c_contiguous:
        raise ShapeError("set_() needs a storage without gaps")
    return np.ndarray(size, kind, memory if all(size) else None, offset * item if all(size) else 0,
                      tuple(s * item for s in stride))  # fmt: skip


def detach_(self: Any) -> Any:
    """Forget the history of this tensor; it becomes a leaf that requires no gradient.

    Raises: GraphError for a view.
    """
    if self._is_view():
        raise GraphError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
            "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
            "detach_() cannot be called on these gradients. To fix this error, please refer to the "
            "Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution."
        )
    if self._flags & 1 and self._node.__class__ is not AccumulateGrad:
        mark_views_stale(counter_of(self))
    self._node = None
    self._flags &= 0xFE
    return self


METHODS: dict[str, Any] = {
    "t_": t_, "transpose_": swapping("transpose_"), "swapdims_": swapping("swapdims_"),
    "swapaxes_": swapping("swapaxes_"), "unsqueeze_": unsqueeze_, "squeeze_": squeeze_, "as_strided_": as_strided_,
    "resize_": resize_, "resize_as_": resize_as_, "resize": resize, "resize_as": resize_as, "set_": set_,
    "detach_": detach_,
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {"as_strided_": as_strided_, "resize_as_": resize_as_, "detach_": detach_}

__all__ = ["FUNCTIONS", "METHODS", "root_array"]
