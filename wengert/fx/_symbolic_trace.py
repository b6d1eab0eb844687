"""Running a program on proxies to write down what it does (`torch.fx.Tracer`, `symbolic_trace`)."""

from __future__ import annotations

import builtins
import inspect
import math
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.fx.graph import Graph
from wengert.fx.graph_module import GraphModule
from wengert.fx.proxy import Proxy, TracerBase
from wengert.nn.modules.module import Module
from wengert.nn.parameter import Parameter
from wengert.overrides import _assert, exchange

HAS_VARSTUFF = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
PH = object()
"""Marks, in `concrete_args`, what stays an input."""
_wrapped: dict[tuple[int, str], dict[str, Any]] = {}


def wrap(fn_or_name: str | Callable[..., Any]) -> Any:
    """Let calls of a function of the calling module become nodes instead of being traced through.

    Called at module scope with the function's name, or as a decorator.
    """
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    if not isinstance(fn_or_name, str) and not callable(fn_or_name):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    if isinstance(fn_or_name, FunctionType):
        fn_or_name.__dict__["_fx_wrapped"] = True
    _wrapped[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def is_fx_tracing() -> bool:
    """Whether a program is being traced."""
    return bool(_open)


_open: list[Any] = []


class Tracer(TracerBase):
    """Writes down what a module or function does, in `trace(root)`.

    Calls of leaf modules (those of `nn`, except Sequential) become single nodes; functions of the modules in
    `autowrap_modules`, and `autowrap_functions`, become nodes when they are given proxies.
    """

    def __init__(
        self, autowrap_modules: tuple[ModuleType, ...] = (math,), autowrap_functions: tuple[Any, ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:  # fmt: skip
        self.autowrap_modules, self.autowrap_functions = autowrap_modules, autowrap_functions
        self.param_shapes_constant = param_shapes_constant
        self.root: Any = None
        self.tensor_attrs: dict[int, str] = {}
        self.submodule_paths: dict[Any, str] | None = None

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        """Whether a module's call becomes one node; override to choose."""
        from_library = m.__module__.startswith(("wengert.nn", "torch.nn"))
        return (
            (from_library and type(m).__name__ not in ("Sequential", "ModuleList", "ModuleDict"))
            or isinstance(m, GraphModule)
            and bool(getattr(m, "_is_fx_leaf", False))
        )

    def path_of_module(self, mod: Any) -> str:
        """Where a module stands below the root.

        Raises: NameError when it is not there.
        """
        for name, module in self.root.named_modules(remove_duplicate=False):
            if module is mod:
                return str(name)
        raise NameError("module is not installed as a submodule")

    def call_module(self, m: Any, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A module's call: a node for a leaf, else what the module does."""
        name = self.path_of_module(m)
        if self.is_leaf_module(m, name):
            return self.create_proxy("call_module", name, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """An attribute that a module asked for: a proxy where it is a parameter of the root."""
        if isinstance(attr_val, Parameter):
            pairs = self.root.named_parameters(remove_duplicate=False)
        elif self.proxy_buffer_attributes and isinstance(attr_val, TensorBase):
            pairs = self.root.named_buffers(remove_duplicate=False)
        else:
            return attr_val
        for name, value in pairs:
            if value is attr_val:
                if name not in parameter_proxy_cache:
                    parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
                return parameter_proxy_cache[name]
        return attr_val

    def create_arg(self, a: Any) -> Any:
        """An argument as it stands in a node; tensors are attributes of the root, and become such if need be."""
        if isinstance(a, TensorBase):
            return self.create_node("get_attr", self.place_of(a), (), {})
        if isinstance(a, Module):
            for name, module in self.root.named_modules(remove_duplicate=False):
                if module is a:
                    return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)

    def place_of(self, tensor: Any) -> str:
        """The name of a tensor in the root."""
        for pairs in (self.root.named_parameters, self.root.named_buffers):
            for name, value in pairs(remove_duplicate=False):
                if value is tensor:
                    return str(name)
        if id(tensor) not in self.tensor_attrs:
            number = 0
            while hasattr(self.root, f"_tensor_constant{number}"):
                number += 1
            self.tensor_attrs[id(tensor)] = f"_tensor_constant{number}"
            setattr(self.root, f"_tensor_constant{number}", tensor)
        return self.tensor_attrs[id(tensor)]

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function.

        concrete_args: values for some of its parameters, which are then no inputs.
        Raises: TraceError for control flow that depends on inputs.
        """
        is_module = isinstance(root, Module)
        self.root = root if is_module else Module()
        function = type(root).forward if is_module else root
        self.graph = Graph(tracer_cls=type(self))
        self.tensor_attrs = {id(v): k for owner in self.owners() for k, v in tensors_of(owner[1], owner[0])}
        modes = set(self.root.modules()) if is_module else set()
        spaces = [type(m).forward.__globals__ for m in modes if hasattr(type(m).forward, "__globals__")]
        spaces.append(getattr(inspect.unwrap(function), "__globals__", {}))
        exchange().begin()
        _open.append(self)
        try:
            fn, args = self.create_args_for_root(function, is_module, concrete_args)
            with self.patched(spaces):
                result = fn(*args)
            annotation = getattr(inspect.unwrap(fn), "__annotations__", {}).get("return")
            self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=annotation)
        finally:
            _open.pop()
            exchange().end()
        return self.graph

    def owners(self) -> list[tuple[str, Any]]:
        """The modules of the root by their places."""
        return list(self.root.named_modules(remove_duplicate=False))

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: dict[str, Any] | None = None
    ) -> tuple[Callable[..., Any], list[Any]]:
        """The function to run and the proxies to run it on."""
        function: Any = inspect.unwrap(root_fn)
        given = concrete_args or {}
        parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
        args: list[Any] = [self.root] if is_module else []
        notes = getattr(function, "__annotations__", {})
        for parameter in parameters[is_module:]:
            kind, name = parameter.kind, parameter.name
            if kind is parameter.VAR_POSITIONAL or kind is parameter.VAR_KEYWORD:
                star = "*" if kind is parameter.VAR_POSITIONAL else "**"
                args.append(self.proxy(self.create_node("placeholder", star + name, (), {})))
                continue
            args.append(self.input(parameter, notes.get(name), given))
        if function.__code__.co_flags & HAS_VARSTUFF or function.__code__.co_kwonlyargcount:
            return flattened(function), args
        return root_fn, args

    def input(self, parameter: inspect.Parameter, annotation: Any, given: dict[str, Any]) -> Any:
        """The proxy of a parameter; a concrete value is checked by the program and handed on as it is."""
        name = parameter.name
        concrete = name in given and given[name] is not PH
        default = () if parameter.default is parameter.empty else (parameter.default,)
        if concrete and given[name] is not None and isinstance(given[name], (list, tuple, dict)):
            return given[name]
        node = self.create_node("placeholder", name + "_1" if concrete else name, default, {}, type_expr=annotation)
        proxy = self.proxy(node)
        if not concrete:
            return proxy
        message = f"{name} has been specialized to have value {given[name]} but got another value"
        equal = self.create_proxy("call_function", operator.eq, (proxy, given[name]), {})
        self.create_proxy("call_function", _assert, (equal, message), {})
        return given[name]

    @contextmanager
    def patched(self, spaces: list[dict[str, Any]]) -> Iterator[None]:
        """A block in which modules, and functions that are nodes, ask this tracer."""
        cache: dict[str, Any] = {}
        call, fetch = Module.__call__, Module.__getattr__

        def module_call(mod: Any, *args: Any, **kwargs: Any) -> Any:
            return self.call_module(mod, lambda *a, **k: call(mod, *a, **k), args, kwargs)

        def module_getattr(mod: Any, attr: str) -> Any:
            return self.getattr(attr, fetch(mod, attr), cache)

        changed = [*self.functions(spaces)]
        Module.__call__, Module.__getattr__ = module_call, module_getattr  # type: ignore[method-assign,assignment]
        for place, name, _, new in changed:
            place[name] = new
        try:
            yield
        finally:
            Module.__call__, Module.__getattr__ = call, fetch  # type: ignore[method-assign]
            for place, name, old, _ in changed:
                place[name] = old

    def functions(self, spaces: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str, Any, Any]]:
        """(namespace, name, function, what stands for it) of the functions that become nodes on proxies."""
        asking = exchange().wrappers
        for space in {id(space): space for space in spaces}.values():
            for name, value in list(space.items()):
                if id(value) in asking:
                    yield space, name, value, asking[id(value)]
                elif any(value is function for function in self.autowrap_functions):
                    yield space, name, value, node_maker(value)
        for (_, name), space in _wrapped.items():
            original: Any = space.get(name, getattr(builtins, name, None))
            if name in space:
                yield space, name, original, node_maker(original)
            else:
                yield _Builtins(space), name, original, node_maker(original)
        for module in self.autowrap_modules:
            for name, value in list(vars(module).items()):
                if callable(value) and not name.startswith("_") and not isinstance(value, type):
                    yield vars(module), name, value, node_maker(value)


class _Builtins(dict):  # type: ignore[type-arg]
    """A namespace in which a built-in name stands for a moment."""

    def __init__(self, space: dict[str, Any]) -> None:
        super().__init__()
        self.space = space

    def __setitem__(self, name: str, value: Any) -> None:
        if value is getattr(builtins, name, None):
            self.space.pop(name, None)
        else:
            self.space[name] = value


def node_maker(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that becomes a node when it is given a proxy."""

    def call(*args: Any, **kwargs: Any) -> Any:
        proxy = first_proxy((args, kwargs))
        if proxy is None:
            return function(*args, **kwargs)
        return proxy.tracer.create_proxy("call_function", function, args, kwargs)

    call.__name__ = getattr(function, "__name__", "call")
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call


def first_proxy(values: Any) -> Any:
    """A proxy among nested values; None without one."""
    if isinstance(values, Proxy):
        return values
    if isinstance(values, (list, tuple)):
        return next((p for p in map(first_proxy, values) if p is not None), None)
    return first_proxy(list(values.values())) if isinstance(values, dict) else None


def flattened(function: Any) -> Callable[..., Any]:
    """The function with its named and collecting parameters as plain positional ones."""
    code: CodeType = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    plain_code = code.replace(
        co_argcount=count, co_kwonlyargcount=0, co_posonlyargcount=0, co_flags=code.co_flags & ~HAS_VARSTUFF
    )
    # Collecting parameters stand behind the named ones in a code object, in the order of the signature otherwise.
    made = FunctionType(plain_code, function.__globals__, function.__name__, None, function.__closure__)
    order = list(inspect.signature(function, follow_wrapped=False).parameters)
    places = [order.index(name) for name in code.co_varnames[:count]]
    return lambda *args: made(*[args[i] for i in places])


def tensors_of(module: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Tensors that are plain attributes of a module, by their places."""
    for name, value in vars(module).items():
        if isinstance(value, TensorBase):
            yield f"{prefix}.{name}" if prefix else name, value


def symbolic_trace(root: Any, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """A module that does what `root`, a module or function, does when it is run on any inputs."""
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)


__all__ = ["PH", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]
