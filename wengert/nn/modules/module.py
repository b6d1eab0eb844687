# cython: annotation_typing=False
"""Module: a function with parameters, built from modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError, MissingError, WengertError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.handles import RemovableHandle
from wengert.core.tensor.queries import typename
from wengert.nn.modules.conversion import Convertible
from wengert.nn.modules.hooks import (  # noqa: F401
    _FULL,
    CALLS,
    BackwardHook,
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_buffer_registration_hooks,
    _global_forward_hooks,
    _global_forward_hooks_always_called,
    _global_forward_hooks_with_kwargs,
    _global_forward_pre_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    backward_hooks,
    call_with_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from wengert.nn.modules.naming import name_layer
from wengert.nn.modules.state import (  # noqa: F401
    _EXTRA_STATE_KEY_SUFFIX,
    Stateful,
    _IncompatibleKeys,
    _WrappedHook,
)
from wengert.nn.modules.traversal import Traversable
from wengert.nn.parameter import Buffer, Parameter

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

_TABLES = (
    "_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_state_dict_hooks",
    "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


def _has_any_global_hook() -> bool:
    return bool(CALLS)


def _addindent(s_: str, numSpaces: int) -> str:
    """Indent all lines but the first."""
    return s_.replace("\n", "\n" + " " * numSpaces)


def _forward_unimplemented(self: Any, *input: Any) -> None:
    """Compute the module; every subclass writes its own.

    Raises: MissingError.
    """
    raise MissingError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(Traversable, Convertible, Stateful):
    """A function with parameters; derive from it, make the parts in `__init__`, write `forward`.

    Parameters, buffers and modules that are assigned as attributes are found by `parameters()`, `buffers()`,
    `modules()`, `state_dict()`, `to()` and the rest.  `training` is the flag that `train()` and `eval()` set.
    """

    dump_patches = False
    call_super_init = False
    training: bool
    _is_full_backward_hook: bool | None
    _compiled_call_impl: Any = None
    _modules: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            if kwargs:
                raise ArgumentError(f"Module.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            raise ArgumentError(f"Module.__init__() takes 1 positional argument but {len(args) + 1} were given")
        d = self.__dict__
        d["training"] = True
        d["_parameters"] = {}
        d["_buffers"] = {}
        d["_non_persistent_buffers_set"] = set()
        d["_is_full_backward_hook"] = None
        for name in _TABLES:
            d[name] = OrderedDict()
        d["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward: Callable[..., Any] = _forward_unimplemented

    # ------------------------------------------------------------ calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or CALLS
            or self._compiled_call_impl is not None
        ):
            if self._compiled_call_impl is not None:
                return self._compiled_call_impl(*args, **kwargs)
            return call_with_hooks(self, args, kwargs)
        try:
            return self.forward(*args, **kwargs)
        except (WengertError, AttributeError) as error:
            name_layer(error, self, args)
            raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return call_with_hooks(self, args, kwargs)

    _wrapped_call_impl = __call__

    def _slow_forward(self, *input: Any, **kwargs: Any) -> Any:
        return self.forward(*input, **kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accepted; the module runs as it is."""

    # ------------------------------------------------------------ registration

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; None reserves the name.

        persistent: whether it belongs to the state dict.
        """
        _check_name(self, "buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, TensorBase):
            raise ArgumentError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        for hook in _global_buffer_registration_hooks.values():
            result = hook(self, name, tensor)
            tensor = tensor if result is None else result
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Any) -> None:
        """Add a parameter; None reserves the name.

        Raises: ArgumentError for what is no Parameter, ValueError for a non-leaf, KeyError for names in use.
        """
        _check_name(self, "parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise ArgumentError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None "
                    "required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    "explicitly. To express '{0}' as a function of another Tensor, compute the value in the forward() "
                    "method."
                )
        for hook in _global_parameter_registration_hooks.values():
            result = hook(self, name, param)
            param = param if result is None else result
        self._parameters[name] = param

    def add_module(self, name: str, module: Any) -> None:
        """Add a submodule; None reserves the name."""
        if not isinstance(module, Module) and module is not None:
            raise ArgumentError(f"{typename(module)} is not a Module subclass")
        _check_text_and_use(self, name)
        self._modules[name] = _registered_module(self, name, module)

    def register_module(self, name: str, module: Any) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    # ------------------------------------------------------------ attributes

    def __getattr__(self, name: str) -> Any:
        d = self.__dict__
        for table in ("_parameters", "_buffers", "_modules"):
            if table in d and name in d[table]:
                return d[table][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        d = self.__dict__
        if isinstance(value, TensorBase) and isinstance(value, Parameter):
            if "_parameters" not in d:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            _forget(self, name, "_buffers", "_modules")
            self.register_parameter(name, value)
            return
        params = d.get("_parameters")
        if params is not None and name in params:
            if value is not None:
                raise ArgumentError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
            return
        modules = d.get("_modules")
        if isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            _forget(self, name, "_parameters", "_buffers")
            modules[name] = _registered_module(self, name, value)
        elif modules is not None and name in modules:
            if value is not None:
                raise ArgumentError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            modules[name] = _registered_module(self, name, value)
        elif (isinstance(value, TensorBase) and isinstance(value, Buffer)) or name in d.get("_buffers", ()):
            _set_buffer(self, name, value)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _TABLES:  # pickles of older versions lack some of the tables
            if name not in self.__dict__:
                self.__dict__[name] = OrderedDict()
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted({name for name in names if not name[0].isdigit()})

    # ------------------------------------------------------------ hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; a result replaces the arguments.

        with_kwargs: the hook is `hook(module, args, kwargs)` and gives `(args, kwargs)`.  prepend: run before others.
        """
        extra = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return _hooked(self._forward_pre_hooks, hook, prepend, extra)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; a result replaces the output.

        with_kwargs: the hook is `hook(module, args, kwargs, output)`.  always_call: also when forward raises.
        """
        extra = [self._forward_hooks_with_kwargs] if with_kwargs else []
        if always_call:
            extra.append(self._forward_hooks_always_called)
        return _hooked(self._forward_hooks, hook, prepend, extra)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the module's backward; a result replaces grad_output."""
        return _hooked(self._backward_pre_hooks, hook, prepend, [])

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        A result replaces them.  Raises: GraphError beside hooks of the old form.
        """
        _only(self, True)
        return _hooked(self._backward_hooks, hook, prepend, [])

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The old form of `register_full_backward_hook`: sees the gradients of the output's last node only."""
        _only(self, False)
        return _hooked(self._backward_hooks, hook, False, [])

    def _get_backward_hooks(self) -> tuple[list[Any], list[Any]]:
        return backward_hooks(self)

    def _get_backward_pre_hooks(self) -> list[Any]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    # ------------------------------------------------------------ text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the text of the module says between its brackets; override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({key}): " + _addindent(repr(module), 2) for key, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


def _registered_module(owner: Module, name: str, module: Any) -> Any:
    """A submodule as the registration hooks leave it."""
    for hook in _global_module_registration_hooks.values():
        result = hook(owner, name, module)
        module = module if result is None else result
    return module


def _hooked(table: Any, hook: Any, prepend: bool, extra: list[Any]) -> RemovableHandle:
    """Enter a hook in its table and in those that mark it."""
    handle = RemovableHandle(table, extra_dict=extra or None)
    table[handle.id] = hook
    for other in extra:
        other[handle.id] = True
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def _check_name(module: Any, kind: str, table: str, name: Any) -> None:
    if table not in module.__dict__:
        raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
    _check_text(kind, name)
    if hasattr(module, name) and name not in module.__dict__[table]:
        raise KeyError(f"attribute '{name}' already exists")


def _check_text_and_use(module: Any, name: Any) -> None:
    if not isinstance(name, str):
        raise ArgumentError(f"module name should be a string. Got {typename(name)}")
    if hasattr(module, name) and name not in module._modules:
        raise KeyError(f"attribute '{name}' already exists")
    _check_text("module", name)


def _check_text(kind: str, name: Any) -> None:
    if not isinstance(name, str):
        raise ArgumentError(f"{kind} name should be a string. Got {typename(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')


def _set_buffer(module: Any, name: str, value: Any) -> None:
    """Assign to a buffer's name, or assign a Buffer."""
    if "_buffers" not in module.__dict__:
        raise AttributeError("cannot assign buffer before Module.__init__() call")
    if value is not None and not isinstance(value, TensorBase):
        raise ArgumentError(
            f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
        )
    if isinstance(value, Buffer):
        _forget(module, name, "_parameters", "_modules")
        module.register_buffer(name, value, value.persistent)  # type: ignore[attr-defined]
        return
    for hook in _global_buffer_registration_hooks.values():
        result = hook(module, name, value)
        value = value if result is None else result
    module._buffers[name] = value


def _forget(module: Any, name: str, *tables: str) -> None:
    """Take a name away from wherever else it stands."""
    d = module.__dict__
    d.pop(name, None)
    for table in tables:
        if table in d:
            d[table].pop(name, None)
    if "_non_persistent_buffers_set" in d:
        d["_non_persistent_buffers_set"].discard(name)


def _only(module: Any, full: bool) -> None:
    """Full backward hooks and those of the old form do not mix."""
    if module._is_full_backward_hook is (not full):
        raise GraphError(
            "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
            "one of them."
        )
    module.__dict__["_is_full_backward_hook"] = full
