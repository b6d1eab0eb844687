"""Values of a program that is being traced: they stand for results and record what is done with them."""

from __future__ import annotations

import operator
import sys
import weakref
from collections.abc import Callable, Iterator
from dis import opmap
from typing import Any

from wengert.core.arrays.device import device, layout, memory_format
from wengert.core.arrays.dtype import dtype
from wengert.core.base.errors import MissingError, WengertError
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.overridable import Overridable, plain
from wengert.core.tensor.overrides import ARMING
from wengert.fx.graph import Graph
from wengert.fx.node import Node, map_aggregate
from wengert.overrides import exchange, is_tensor_method_or_property

base_types = (str, int, float, bool, complex, dtype, device, memory_format, layout, type(None), type(...), bytes)
_UNPACKS = {opmap[name] for name in ("UNPACK_SEQUENCE", "UNPACK_EX") if name in opmap}


class TraceError(WengertError, ValueError):
    """Raised when a program cannot be traced, such as for a branch on a value."""


class ParameterProxy:
    """A name for annotations: parameters are ordinary proxies."""


class TracerBase:
    """What makes nodes and proxies; see `Tracer`."""

    graph: Graph
    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None
    ) -> Node:
        """A node at the end of the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """The value that stands for a node's result."""
        return Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:  # fmt: skip
        """The value that stands for a new node's result."""
        given, named = self.create_arg(args), self.create_arg(kwargs)
        assert isinstance(given, tuple) and isinstance(named, dict)
        node = self.create_node(kind, target, given, named, name, type_expr)
        return self.proxy(node) if proxy_factory_fn is None else proxy_factory_fn(node)

    def create_arg(self, a: Any) -> Any:
        """An argument as it stands in a node.

        Raises: MissingError for a value that cannot.
        """
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return type(a)(*(self.create_arg(item) for item in a))
        if isinstance(a, tuple):
            return tuple(self.create_arg(item) for item in a)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            if any(isinstance(key, Proxy) for key in a):
                raise RuntimeError(
                    f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {list(a)}"
                )
            return {key: self.create_arg(item) for key, item in a.items()}
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, (*base_types, type, Node)):
            return a
        if callable(a) and not isinstance(a, TensorBase):
            return plain(a)
        raise MissingError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """What a branch on a proxy gives.

        Raises: TraceError.
        """
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """What a loop over a proxy gives: as many elements as the assignment around it takes.

        Raises: TraceError elsewhere.
        """
        count = unpacked_count(sys._getframe(2))
        if count is None:
            raise TraceError(
                "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args "
                "or **kwargs function argument: the number of elements is not known while tracing"
            )
        value: Any = obj
        return (value[i] for i in range(count))

    def keys(self, obj: Proxy) -> Any:
        """What `**proxy` gives."""
        return Attribute(obj, "keys")()


def unpacked_count(frame: Any) -> int | None:
    """How many names `a, b = proxy` assigns to in a frame; None where it is no such statement."""
    code, at = frame.f_code.co_code, frame.f_lasti
    if code[at] in _UNPACKS and code[at] == opmap["UNPACK_SEQUENCE"]:
        return int(code[at + 1])
    return None


class GraphAppendingTracer(TracerBase):
    """A tracer for nodes that are added to a graph which exists.

    As long as there is one, public functions ask whether they are given proxies.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        exchange().begin()
        weakref.finalize(self, exchange().end).atexit = False


class Proxy:
    """Stands for a node's result: operators, methods and attributes of it become nodes."""

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Any:
        if k.startswith("__") and k.endswith("__"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute {k!r}")
        return Attribute(self, k)

    def __deepcopy__(self, memo: Any) -> Proxy:
        return type(self)(self.node, self.tracer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def __contains__(self, item: Any) -> bool:
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow: `in` needs a value")

    def keys(self) -> Any:
        """The keys of what this stands for."""
        return self.tracer.keys(self)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})

    def __rpow__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.pow, (other, self), {})

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = None, kwargs: Any = None) -> Any:
        args, kwargs = args or (), kwargs or {}
        tracer = tracer_of((args, kwargs))
        if is_method(orig_method):
            return tracer.create_proxy("call_method", orig_method.__name__, args, kwargs)
        target = plain(orig_method) if ARMING else orig_method
        return tracer.create_proxy("call_function", target, args, kwargs)


def is_method(function: Any) -> bool:
    """Whether a function that was called is known as a method only."""
    if isinstance(function, Overridable):
        return function.name.startswith("torch.Tensor.")
    return not hasattr(function, "op") and is_tensor_method_or_property(function)


def tracer_of(values: Any) -> TracerBase:
    """The tracer of the proxies among nested values."""
    found: list[TracerBase] = []

    def note(x: Any) -> Any:
        if isinstance(x, Proxy):
            found.append(x.tracer)
        return x

    map_aggregate(values, note)
    if any(tracer is not found[0] for tracer in found):
        raise RuntimeError("Found multiple different tracers while trying to trace operations on their Proxies")
    return found[0]


class Attribute(Proxy):
    """Stands for an attribute of what a proxy stands for; becomes a node when it is used other than as a method."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node of the attribute, made when it is first asked for."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


_OPERATORS = (
    "add", "sub", "mul", "matmul", "floordiv", "truediv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor", "eq",
    "ne", "lt", "gt", "le", "ge", "pos", "neg", "invert", "getitem",
)  # fmt: skip
_REFLECTED = ("add", "sub", "mul", "floordiv", "truediv", "mod", "lshift", "rshift", "and_", "or_", "xor", "matmul")


def recorded(function: Any) -> Callable[..., Any]:
    """The method of Proxy for one of Python's operators."""

    def method(*args: Any) -> Any:
        return tracer_of(args).create_proxy("call_function", function, args, {})

    return method


def reflected(function: Any) -> Callable[..., Any]:
    """The method of Proxy for an operator whose left side is no proxy."""

    def method(self: Proxy, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (other, self), {})

    return method


def install_operators() -> None:
    """Let Python's operators on proxies become nodes."""
    for name in _OPERATORS:
        setattr(Proxy, f"__{name.strip('_')}__", recorded(getattr(operator, name)))
    for name in _REFLECTED:
        setattr(Proxy, f"__r{name.strip('_')}__", reflected(getattr(operator, name)))
    Proxy.__hash__ = lambda self: id(self)  # type: ignore[method-assign]


install_operators()

__all__ = ["Attribute", "GraphAppendingTracer", "Proxy", "TraceError", "TracerBase"]
