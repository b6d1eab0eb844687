"""The tensor: an array that remembers how it was made.  No mathematics here.

Operators, methods and in-place forms are made from the registry (methods.py).
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import DEVICE_OF
from wengert.core.arrays.shape import SIZES, Size
from wengert.core.base.errors import ArgumentError, GraphError, InferenceError
from wengert.core.tape import core, hot
from wengert.core.tape.backward import backward as run_backward
from wengert.core.tape.core import NR_SHIFT, AccumulateGrad, TensorBase, VersionCounter, new_tensor, wrap
from wengert.core.tape.dispatch import TRANSFORMS
from wengert.core.tape.handles import HookTable, RemovableHandle
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.modes import current
from wengert.core.tape.views import INFERENCE, STALE, counter_of, extra_of, refresh, view_info
from wengert.core.tensor import leaves

_of = dtypes.FROM_NUMPY


class TensorMeta(type):
    """The class of tensor classes: `Tensor` prints as torch's own."""

    def __repr__(cls) -> str:
        return "<class 'torch.Tensor'>" if cls is core.Tensor else super().__repr__()


OVERRIDE = 8
"""Flag of tensors whose class takes part in `__torch_function__` (see dispatch)."""


class Tensor(hot.Operators, metaclass=TensorMeta):
    """A multi-dimensional array of one dtype on one device that can record its history.

    Made by `tensor(data)`, by operators, or in the legacy form `Tensor(2, 3)` (uninitialised
    floats of that shape) and `Tensor([1.0, 2.0])`.
    """

    # ------------------------------------------------------------ what it holds

    @property
    def shape(self) -> Size:
        """Lengths of the dims."""
        return SIZES[self._array.shape]

    @property
    def dtype(self) -> dtypes.dtype:
        """Type of the elements."""
        return _of[self._array.dtype]

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return self._array.ndim

    @property
    def device(self) -> devices.device:
        """Where the elements are."""
        return DEVICE_OF[self._array.__class__](self._array)

    # ------------------------------------------------------------ history

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        if self._flags & STALE:
            refresh(self)
        if self._flags & 1:
            return True
        # A view that was made without recording requires grad as its base does.
        base = self._base
        return base is not None and bool(base._flags & 1)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value.__class__ is not bool:
            raise GraphError(f"requires_grad must be a bool, not {type(value).__name__}")
        if self.grad_fn is not None:
            raise GraphError(LEAVES_ONLY)
        if value and self._array.dtype.kind not in "fcV":
            raise GraphError(
                "only Tensors of floating point and complex dtype can require gradients; "
                f"this tensor has dtype {self.dtype}"
            )
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set `requires_grad` of a leaf; returns the tensor.

        Raises: GraphError for integer dtypes, and when a non-leaf should stop requiring gradients.
        """
        if requires_grad.__class__ is not bool:
            raise ArgumentError(
                "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not "
                + type(requires_grad).__name__
            )
        if requires_grad:
            if self._flags & 1:
                return self
            if self._flags & INFERENCE and not current().inference:
                raise InferenceError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed. You can make "
                    "a clone to get a normal tensor and set requires_grad=True on that."
                )
            if self._array.dtype.kind not in "fcV":
                raise GraphError(
                    f"only Tensors of floating point dtype can require gradients; this tensor has dtype {self.dtype}"
                )
            extra = self._extra
            marks = None if extra is None else extra.marks
            node = self._node = AccumulateGrad(self) if not marks else marks.pop("leaf", None) or AccumulateGrad(self)
            node.grad = None if extra is None else extra.grad
            self._flags |= 1
        elif self._flags & 1:
            node = self._node
            if node.__class__ is not AccumulateGrad:
                raise GraphError(LEAVES_ONLY)
            if node.grad is not None or node._extra is not None or node.post is not None:
                extra = extra_of(self)
                extra.grad = node.grad
                extra.marks = {**(extra.marks or {}), "leaf": node}
            self._node = None
            self._flags &= ~1
        return self

    @property
    def grad_fn(self) -> Any:
        """The node that made this tensor; None for a leaf."""
        if self._flags & STALE:
            refresh(self)
        node = self._node
        return None if node.__class__ is AccumulateGrad else node

    @grad_fn.setter
    def grad_fn(self, value: Any) -> None:
        raise AttributeError(
            "attribute 'grad_fn' of 'torch._C.TensorBase' objects is not writable: history is made by operations"
        )

    @property
    def is_leaf(self) -> bool:
        """True unless an operation on tensors that require gradients made it."""
        return self.grad_fn is None

    @is_leaf.setter
    def is_leaf(self, value: Any) -> None:
        raise AttributeError(
            "attribute 'is_leaf' of 'torch._C.TensorBase' objects is not writable: history is made by operations"
        )

    @property
    def output_nr(self) -> int:
        """Which result of its node this tensor is."""
        return self._flags >> NR_SHIFT

    @property
    def _version(self) -> int:
        if self._flags & INFERENCE:
            raise InferenceError(
                "Inference tensors do not track version counter. Make a clone() to get a normal tensor."
            )
        vc = self._vc
        return 0 if vc is None else vc.n

    @property
    def _base(self) -> Any:
        info = view_info(self)
        return None if info is None else info.base

    def _is_view(self) -> bool:
        return view_info(self) is not None

    # ------------------------------------------------------------ gradients

    @property
    def grad(self) -> Any:
        """Accumulated gradient of a leaf, or of a non-leaf that retains it; else None."""
        node = self._node
        if node.__class__ is AccumulateGrad:
            return node.grad
        extra = self._extra
        if node is not None and (extra is None or not (extra.retains or extra.grad is not None)):
            warnings.warn(NOT_A_LEAF, UserWarning, stacklevel=2)
        return None if extra is None else extra.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            check_assigned(self, value)
        node = self._node
        if node.__class__ is AccumulateGrad:
            node.grad = value
        elif value is not None or self._extra is not None:
            extra_of(self).grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add d(self . gradient)/d(leaf) to `.grad` of every leaf that self depends on."""
        run_backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Keep this non-leaf's gradient in `.grad` at the next backward."""
        if not self.requires_grad:
            raise GraphError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf:
            return
        extra_of(self).retains = True
        core.extra_of(self._node).retained[self.output_nr] = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """True for a non-leaf on which `retain_grad` was called."""
        return not self.is_leaf and self._extra is not None and bool(self._extra.retains)

    def detach(self) -> Any:
        """The same memory without history; in-place writes are still counted for both."""
        if self._flags & BATCHED:
            return TRANSFORMS["detach"](self)
        out = wrap(self._array)
        out._flags = self._flags & INFERENCE
        out._vc = counter_of(self)
        return as_class(out, self.__class__) if self._flags & OVERRIDE else out

    @property
    def data(self) -> Any:
        """The same memory with no history and its own version count: writes are not noticed."""
        if self._flags & BATCHED:
            return TRANSFORMS["detach"](self)
        out = wrap(self._array)
        out._flags = self._flags & INFERENCE
        return as_class(out, self.__class__) if self._flags & OVERRIDE else out

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, TensorBase):
            raise ArgumentError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._flags & 1 and value._array.dtype.kind not in "fcV":
            raise GraphError(
                "data set to a tensor that requires gradients must be floating point or complex dtype; "
                f"this one has dtype {dtypes.of(value._array.dtype)}"
            )
        self._array = value._array
        if self._node.__class__ is AccumulateGrad:
            self._node.array = value._array

    @data.deleter
    def data(self) -> None:
        raise GraphError("Deleting tensor data is not allowed. Delete tensor instead!")

    # ------------------------------------------------------------ hooks

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(gradient)` when this tensor's gradient is known; a returned tensor replaces it."""
        if not self.requires_grad or self._node is None:
            raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
        return core.extra_of(self._node).tensor_hooks.add((self.output_nr, hook))

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call `hook(self)` after a gradient was added to this leaf's `.grad`."""
        if not self.requires_grad:
            raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise GraphError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        node = self._node
        node.post = node.post if node.post is not None else HookTable()
        return node.post.add(hook)


LEAVES_ONLY = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
    "that doesn't require differentiation use var_no_grad = var.detach()."
)
NOT_A_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). Call .retain_grad() on it before backward to keep its gradient, or ask for "
    "the gradient of the leaf it was made from."
)


def check_assigned(x: Any, value: Any) -> None:
    """What may be assigned to `.grad`."""
    if not isinstance(value, TensorBase):
        raise ArgumentError(
            f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
        )
    if value is x:
        raise GraphError("can't assign Variable as its own grad")
    wanted = leaves.wanted_dtype(x)
    if wanted is not None and value.dtype is not wanted:
        raise GraphError(
            f"attempting to assign a gradient with dtype '{leaves.plain_name(value.dtype)}' to a tensor with "
            f"grad_dtype '{dtypes.scalar_name(wanted)}'. The gradient must match the tensor's grad_dtype, which is its "
            "own dtype unless another was set."
        )
    if value.device.type != x.device.type:
        raise GraphError(
            f"attempting to assign a gradient with device type '{value.device.type}' to a tensor with device type "
            f"'{x.device.type}'. Please ensure that the gradient and the tensor are on the same device"
        )
    if value._array.shape != x._array.shape:
        raise GraphError(
            f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size "
            f"'{list(x._array.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )


def as_class(x: Any, cls: type) -> Any:
    """A fresh tensor's storage as an instance of a subclass that takes part in `__torch_function__`."""
    out: Any = new_tensor(cls)
    for name in ("_array", "_flags", "_node", "_vc", "_extra"):
        setattr(out, name, getattr(x, name))
    out._flags |= OVERRIDE
    return out


core.install_tensor(Tensor)
hot.install_tensor(Tensor)

__all__ = ["RemovableHandle", "Tensor", "VersionCounter"]
