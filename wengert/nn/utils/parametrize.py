"""Parameters computed from others by modules: `register_parametrization(layer, "weight", Symmetric())`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wengert.core.base.errors import GraphError, ShapeError, ValueRangeError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import current, enter, leave
from wengert.nn.modules.container import ModuleDict, ModuleList
from wengert.nn.modules.module import Module
from wengert.nn.parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_depth = 0
_cache: dict[Any, Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """A block in which every parametrized tensor is computed once."""
    global _depth, _cache
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cache = {}


class ParametrizationList(ModuleList):
    """The chain of modules that computes one tensor from `original` (or original0, original1, ...)."""

    def __init__(self, modules: Any, original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueRangeError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        token = enter(current().but(grad=False))
        try:
            new = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    new = module.right_inverse(new)  # type: ignore[operator]
        finally:
            leave(token)
        self.is_tensor = isinstance(new, TensorBase)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            keep(self, "original", original, new)
        else:
            for i, part in enumerate(new):
                keep(self, f"original{i}", original, part, same=False)
        if not unsafe:
            check(self(), shape, dtype)

    def right_inverse(self, value: Any) -> None:
        """Set the originals so that the parametrized tensor becomes `value`, as far as the modules can invert."""
        token = enter(current().but(grad=False))
        try:
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise GraphError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)  # type: ignore[operator]
            for target, part in zip(originals(self), [value] if self.is_tensor else value, strict=True):
                target.data = part.data if isinstance(part, Parameter) else part.detach()
        finally:
            leave(token)

    def forward(self) -> Any:
        """The parametrized tensor."""
        modules = iter(self)
        x = next(modules)(*originals(self))
        for module in modules:
            x = module(x)
        return x


def originals(chain: ParametrizationList) -> list[Any]:
    """The tensors that a chain starts from."""
    return [chain.original] if chain.is_tensor else [getattr(chain, f"original{i}") for i in range(chain.ntensors)]


def keep(chain: Module, name: str, original: Any, new: Any, same: bool = True) -> None:
    """Register what a chain starts from, as parameter or buffer like the tensor it replaces."""
    if not isinstance(original, Parameter):
        chain.register_buffer(name, new)
    elif same:
        if new is not original:
            original.data = new.detach()
        chain.register_parameter(name, original)
    else:
        chain.register_parameter(name, Parameter(new.detach(), original.requires_grad))


def check(made: Any, shape: Any, dtype: Any) -> None:
    """A parametrized tensor must look like the one it replaces."""
    if not isinstance(made, TensorBase):
        raise ValueRangeError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
    if made.dtype != dtype:  # type: ignore[attr-defined]
        raise ValueRangeError(
            "Registering a parametrization may not change the dtype of the tensor, unless the `unsafe` flag is "
            f"enabled: {dtype} became {made.dtype}"  # type: ignore[attr-defined]
        )
    if made.shape != shape:  # type: ignore[attr-defined]
        raise ValueRangeError(
            "Registering a parametrization may not change the shape of the tensor, unless the `unsafe` flag is "
            f"enabled: {shape} became {made.shape}"  # type: ignore[attr-defined]
        )


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module has a parametrization, or one of that tensor."""
    chains = getattr(module, "parametrizations", None)
    if chains is None or not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


def parametrized_class(module: Module) -> None:
    """Give a module a class of its own, on which properties can be set."""
    cls = module.__class__

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): save that and make "
            "the module anew."
        )

    def deep_copy(self: Any, memo: dict[int, Any]) -> Any:
        made = self.__new__(self.__class__)
        memo[id(self)] = made
        made.__dict__ = copy.deepcopy(self.__dict__, memo)
        return made

    space = {"__getstate__": getstate, "__deepcopy__": deep_copy, "__module__": cls.__module__}
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), space)


def add_property(module: Module, name: str) -> None:
    """Make the attribute of a parametrized tensor compute it."""

    def value(self: Any) -> Any:
        if not _depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def assign(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(module.__class__, name, property(value, assign))


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Replace a parameter or buffer by parametrization(original); a second one is applied to the first one's result.

    unsafe: allow another shape or dtype.  Raises: ValueRangeError for a name that is no tensor of the module.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            check(parametrization(before), before.shape, before.dtype)
            if hasattr(parametrization, "right_inverse"):
                token = enter(current().but(grad=False))
                try:
                    inverse = parametrization.right_inverse(before)
                finally:
                    leave(token)
                if chain.is_tensor and inverse.shape == before.shape:
                    chain.right_inverse(inverse)
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueRangeError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    chain = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        parametrized_class(module)
        module.parametrizations = ModuleDict()
    add_property(module, tensor_name)
    module.parametrizations[tensor_name] = chain
    return module


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Turn a parametrized tensor into an ordinary one: its present value, or else the original."""
    if not is_parametrized(module, tensor_name):
        raise ValueRangeError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if not chain.is_tensor and not leave_parametrized:
        raise ShapeError("Cannot leave unparametrized a tensor that is parametrized by a sequence of tensors.")
    kept = isinstance(originals(chain)[0], Parameter)
    requires = originals(chain)[0].requires_grad
    if leave_parametrized:
        token = enter(current().but(grad=False))
        try:
            value = getattr(module, tensor_name)
        finally:
            leave(token)
        if chain.is_tensor:
            original = chain.original
            original.data = value.detach()
        else:
            original = Parameter(value.detach(), requires) if kept else value
    else:
        original = chain.original
    delattr(module.__class__, tensor_name)
    del module.parametrizations[tensor_name]
    (module.register_parameter if kept else module.register_buffer)(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = module.__class__.__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The class that a module had before it was parametrized."""
    return module.__class__.__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Any, to_module: Any, tensor_name: str | None = None) -> Any:
    """Give another module the same parametrizations with the same values."""
    if not is_parametrized(from_module):
        return to_module
    for name in [tensor_name] if tensor_name is not None else list(from_module.parametrizations):
        if name is None or not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for module in from_module.parametrizations[name]:
            register_parametrization(to_module, name, module)
        chain = to_module.parametrizations[name]
        for target, source in zip(originals(chain), originals(from_module.parametrizations[name]), strict=True):
            target.data = source.data
    return to_module
