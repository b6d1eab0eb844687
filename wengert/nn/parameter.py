"""Tensors that modules own: parameters, buffers, and those whose shape is not known yet."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.device import preserve_format
from wengert.core.base.errors import ShapeError, ValueRangeError
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.views import INFERENCE, counter_of
from wengert.core.tensor import creation
from wengert.core.tensor.overrides import _disabled_torch_function_impl
from wengert.core.tensor.properties import make_subclass
from wengert.core.tensor.tensor import Tensor, TensorMeta

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class ParameterMeta(TensorMeta):
    """Recognises custom tensors that were made parameters beside instances of the class."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, TensorBase) and getattr(instance, "_is_param", False)


_ParameterMeta = ParameterMeta


class Parameter(Tensor, metaclass=ParameterMeta):
    """A leaf that a Module lists among its parameters when assigned to it.

    Shares the memory of `data` (default: an empty tensor) and has no history.  Operations on it give plain tensors.
    Data of a Tensor subclass stay of that subclass and are marked as a parameter.
    Raises: DtypeError for integers that should require gradients.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = creation.empty(0)
        kind = type(data)
        if kind is Tensor or kind is Parameter:
            return make_subclass(cls, data, requires_grad)
        made = data.detach().requires_grad_(requires_grad)
        if type(made) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that detach() returns an "
                f"instance of the same type, but return type {type(made).__name__} was found instead."
            )
        made._is_param = True
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copy of the elements; the gradient is not copied."""
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(memory_format=preserve_format), self.requires_grad)
        memo[id(self)] = result
        return result

    def __reduce_ex__(self, protocol: int) -> Any:  # type: ignore[override]
        return rebuilt, (type(self), self.data, self.requires_grad, dict(vars(self)))

    @property
    def data(self) -> Any:
        """The same memory as a plain tensor without history, whose changes are not counted."""
        out = wrap(self._array)
        out._flags = self._flags & INFERENCE
        return out

    @data.setter
    def data(self, value: Any) -> None:
        Tensor.data.fset(self, value)  # type: ignore[attr-defined]

    def detach(self) -> Any:
        """The same memory as a plain tensor without history."""
        out = wrap(self._array)
        out._flags, out._vc = self._flags & INFERENCE, counter_of(self)
        return out

    __torch_function__ = _disabled_torch_function_impl


def rebuilt(cls: type, data: Any, requires_grad: bool, state: dict[str, Any]) -> Any:
    """Inverse of pickling."""
    made = cls(data, requires_grad)
    made.__dict__.update(state)
    return made


class BufferMeta(TensorMeta):
    """Recognises every tensor that was marked as a buffer."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is not Buffer:
            return type.__instancecheck__(cls, instance)
        return isinstance(instance, TensorBase) and bool(getattr(instance, "_is_buffer", False))


class Buffer(Tensor, metaclass=BufferMeta):
    """A tensor that a Module registers as a buffer when assigned to it: state that is not trained.

    The result is a plain tensor over the memory of `data`.  persistent: whether it belongs to the state dict.
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = (
            (creation.empty(0) if data is None else data)
            .detach()
            .requires_grad_(False if data is None else data.requires_grad)
        )
        made.persistent = persistent
        made._is_buffer = True
        return made


class UninitializedTensorMixin:
    """A tensor whose shape will be known later; until then it can only be moved, converted and materialized."""

    cls_to_become: Any
    _allowed = frozenset((
        "copy_", "is_complex", "is_floating_point", "half", "float", "double", "bfloat16", "char", "short", "int",
        "long", "cuda", "cpu", "to", "get_device", "detach", "requires_grad_", "type", "size",
    ))  # fmt: skip

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it memory of `shape` (uninitialised) and turn it into an ordinary parameter or buffer."""
        device = self.data.device if device is None else device  # type: ignore[has-type]
        dtype = self.data.dtype if dtype is None else dtype  # type: ignore[has-type]
        self.data = creation.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self._flags &= ~8  # type: ignore[attr-defined]

    @property
    def shape(self) -> Any:
        """Not known yet."""
        raise ShapeError(
            "Can't access the shape of an uninitialized parameter or buffer. A forward pass with an input gives it its "
            "shape; `load_state_dict` cannot copy it into an initialized one before that."
        )

    def share_memory_(self) -> Any:
        """There is no memory yet."""
        raise ShapeError(
            "Can't share memory on an uninitialized parameter or buffer. Run `forward` once before `share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)  # type: ignore[attr-defined]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in cls._allowed:
            return _disabled_torch_function_impl(func, types, args, kwargs)
        raise ValueRangeError(
            f"Attempted to use an uninitialized parameter in {name or func}. A lazy module gets the shapes of its "
            "parameters from its first input: call it once before using them."
        )


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose shape is not known yet; `materialize(shape)` makes it a Parameter."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return make_subclass(cls, creation.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        memo[id(self)] = result
        return result


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer whose shape is not known yet; `materialize(shape)` makes it a plain tensor."""

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        made = make_subclass(cls, creation.empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made
