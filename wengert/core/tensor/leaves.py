"""What a program may ask and set on a leaf: the dtype of its gradient, the tables of its hooks."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import GraphError
from wengert.core.tape.core import CASTS, RECORDED, AccumulateGrad, wrap
from wengert.core.tape.core import extra_of as node_extra
from wengert.core.tape.handles import HookTable
from wengert.core.tape.views import extra_of

KEPT = "_grad_dtype"
"""Where a tensor keeps the dtype that its gradient shall have, if that is not its own."""


def grad_dtype(self: Any) -> Any:
    """Dtype that the gradient has: the tensor's own unless another was set; None admits any.

    Raises: GraphError for a non-leaf.
    """
    if not self.is_leaf:
        raise GraphError("grad_dtype can only be accessed on leaf tensors.")
    return wanted_dtype(self)


def wanted_dtype(x: Any) -> Any:
    """The dtype that x's gradient shall have, None for any."""
    return vars(x).get(KEPT, x.dtype)


def set_grad_dtype(self: Any, value: Any) -> None:
    """`x.grad_dtype = float64`: gradients are cast to it before hooks see them and before they are added up."""
    if not self.is_leaf:
        raise GraphError("grad_dtype can only be set on leaf tensors.")
    if value is not None and not isinstance(value, dtypes.dtype):
        raise GraphError(f"grad_dtype must be a torch.dtype or None, but got {type(value).__name__}")
    have = self.grad
    if have is not None and value is not None and have.dtype is not value:
        raise GraphError(
            f"Cannot set grad_dtype to '{dtypes.scalar_name(value)}' because there is already a gradient with dtype "
            f"'{plain_name(have.dtype)}'. Please clear the gradient (.grad = None) before changing grad_dtype, or "
            "ensure the new grad_dtype matches the existing gradient's dtype."
        )
    vars(self)[KEPT] = value
    node = accumulator(self)
    if node is None:
        return
    hooks = node_extra(node).tensor_hooks
    others = {key: hook for key, hook in hooks.items() if key != KEPT}
    hooks.clear()
    if value is not None and value is not self.dtype:
        hooks[KEPT] = (0, GradientCast(value.numpy))  # type: ignore[index]
    hooks.update(others)


class GradientCast:
    """A hook that brings a leaf's gradient to another dtype than the leaf's."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __call__(self, g: Any) -> Any:
        if g is None:
            return None
        return RECORDED.to_dtype(g, self.dtype) if g._flags else wrap(g._array.astype(self.dtype, copy=False))


CASTS.add(GradientCast)


def accumulator(x: Any) -> Any:
    """The node that owns a leaf's gradient, also one that it will have once it requires grad."""
    if x._node.__class__ is AccumulateGrad:
        return x._node
    if x.dtype.numpy.kind not in "fcV":
        return None
    extra = extra_of(x)
    extra.marks = dict(extra.marks or {})
    return extra.marks.setdefault("leaf", AccumulateGrad(x))


PLAIN_NAMES = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
               "complex64": "c10::complex<float>", "complex128": "c10::complex<double>", "int64": "long",
               "int32": "int", "int16": "short", "int8": "signed char", "uint8": "unsigned char"}  # fmt: skip


def plain_name(dtype: Any) -> str:
    """A dtype as C++ calls it, for messages."""
    name = str(dtype).rpartition(".")[2]
    return PLAIN_NAMES.get(name, name)


# ---------------------------------------------------------------- tables of hooks


def backward_hooks(self: Any) -> Any:
    """The hooks registered on this tensor by `register_hook`, by the id of their handles; None without any."""
    node = self._node
    extra = None if node is None else node._extra
    if extra is None:
        return None
    nr = self.output_nr
    found = [(key, hook) for key, (place, hook) in extra.tensor_hooks.items() if place == nr and key != KEPT]
    return OrderedDict(found) if found else None


def set_backward_hooks(self: Any, hooks: Any) -> None:
    """Replace the tensor's hooks by those of a dictionary."""
    if self._node is None:
        return
    extra = node_extra(self._node)
    nr = self.output_nr
    for key in [key for key, (place, _) in extra.tensor_hooks.items() if place == nr and key != KEPT]:
        del extra.tensor_hooks[key]
    for key, hook in (hooks or {}).items():
        extra.tensor_hooks[key] = (nr, hook)


def accumulate_hooks(self: Any) -> Any:
    """The hooks registered by `register_post_accumulate_grad_hook`; None without any."""
    node = self._node
    return OrderedDict(node.post) if node.__class__ is AccumulateGrad and node.post else None


def set_accumulate_hooks(self: Any, hooks: Any) -> None:
    """Replace the hooks that run after accumulation by those of a dictionary."""
    node = self._node
    if node.__class__ is AccumulateGrad:
        node.post = None if not hooks else HookTable(hooks)


def warn_of_hooks(x: Any) -> None:
    """Say of each hook of a tensor that a pickle does not keep it."""
    for hook in (backward_hooks(x) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the "
                "function with @torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=4,
            )


PROPERTIES: dict[str, property] = {
    "grad_dtype": property(grad_dtype, set_grad_dtype, doc=grad_dtype.__doc__),
    "_backward_hooks": property(backward_hooks, set_backward_hooks, doc=backward_hooks.__doc__),
    "_post_accumulate_grad_hooks": property(accumulate_hooks, set_accumulate_hooks, doc=accumulate_hooks.__doc__),
}

__all__ = ["PROPERTIES", "plain_name", "wanted_dtype", "warn_of_hooks"]
