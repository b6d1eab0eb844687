"""Copies and pickles of tensors: `copy.copy`, `copy.deepcopy`, `pickle`."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_of
from wengert.core.base.errors import GraphError
from wengert.core.operators.raw import SPARSE
from wengert.core.tape.core import new_tensor
from wengert.core.tape.views import counter_of
from wengert.core.tensor.leaves import warn_of_hooks
from wengert.core.tensor.overrides import mark
from wengert.core.tensor.storage import bounds, root_array


def bare(cls: type, array: Any) -> Any:
    """A leaf of a class over an array."""
    out: Any = new_tensor(cls)
    out._array, out._flags, out._node, out._vc, out._extra = array, 0, None, None, None
    return out


def shallow_copy(self: Any) -> Any:
    """A leaf over the same memory, with the same requires_grad and attributes."""
    out = bare(self.__class__, self._array)
    out._vc = counter_of(self)
    if self.requires_grad:
        out.requires_grad_()
    mark(out)
    out.__dict__.update(vars(self))
    return out


def deep_copy(self: Any, memo: dict[int, Any]) -> Any:
    """A deep copy of a leaf: elements, gradient and attributes; tensors that share memory share it again.

    Raises: GraphError for a non-leaf, whose history cannot be copied.
    """
    if not self.is_leaf:
        raise GraphError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    out = bare(self.__class__, copied_storage(self._array, memo))
    memo[id(self)] = out
    if self._flags & 1:
        out.requires_grad_()
    mark(out)
    if self.grad is not None:
        out.grad = copy.deepcopy(self.grad, memo)
    for name, value in vars(self).items():
        out.__dict__[name] = copy.deepcopy(value, memo)
    return out


def copied_storage(a: Any, memo: dict[Any, Any]) -> Any:
    """A copy of an array that shares memory with the copies of whatever it shared memory with."""
    if a.__class__ is not np.ndarray:
        return a.copy()
    root = root_array(a)
    if not a.size or not root.flags.forc:
        return np.array(a, order="K", copy=True)
    key = ("storage", *bounds(a))
    new_root = memo.get(key)
    if new_root is None:
        new_root = memo[key] = root.copy(order="K").reshape(-1, order="A").view(np.uint8)
        memo[("kept", id(root))] = root
    offset = a.__array_interface__["data"][0] - bounds(a)[0]
    return np.ndarray(a.shape, a.dtype, new_root, offset, a.strides)


def reduce(self: Any, protocol: int) -> Any:
    """Pickling: elements, strides, requires_grad and attributes; history is not kept."""
    if not getattr(self, "_is_param", False) and self._node is not None:
        warn_of_hooks(self)
    if SPARSE and SPARSE["kind"](self):
        return SPARSE["methods"]["__reduce_ex__"](self)
    a = backend_of(self._array).to_numpy(self._array)
    dense = a.reshape(1) if not a.ndim else a
    raw = np.ascontiguousarray(dense).view(np.uint8).tobytes()
    strides = tuple(s // a.itemsize for s in a.strides)
    return rebuild, (
        self.__class__, dtypes.of(a.dtype), tuple(a.shape), strides, raw, bool(self.requires_grad), dict(vars(self))
    )  # fmt: skip


def rebuild(cls: type, dtype: Any, shape: Any, strides: Any, raw: bytes, requires_grad: bool, state: Any) -> Any:
    """Inverse of `reduce`."""
    array = np.frombuffer(bytearray(raw), dtype.numpy).reshape(shape)
    if array.size and 0 not in strides and array.strides != tuple(s * array.itemsize for s in strides):
        order = np.argsort([-s for s in strides], kind="stable")
        array = np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
    out = bare(cls, array)
    if requires_grad:
        out.requires_grad_()
    mark(out)
    out.__dict__.update(state)
    return out


METHODS: dict[str, Any] = {"__copy__": shallow_copy, "__deepcopy__": deep_copy, "__reduce_ex__": reduce}
