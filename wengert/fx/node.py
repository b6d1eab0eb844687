"""The nodes of a traced program (`torch.fx.Node`)."""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tensor.overridable import plain
from wengert.fx.immutable_collections import immutable_dict, immutable_list
from wengert.overrides import resolve_name

Target = Any
Argument = Any
_EFFECTS: set[Any] = set()


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Say that calls of a function count even when nobody uses the result."""
    _EFFECTS.add(fn)
    return fn


def is_builtin(value: Any) -> bool:
    """Whether a value is what its name means in every Python program."""
    name = getattr(value, "__name__", "")
    return value is not None and getattr(builtins, str(name), None) is value


def _get_qualified_name(func: Callable[..., Any]) -> str:
    if is_builtin(func):
        return str(func.__name__)
    named = resolve_name(func)
    if named is not None:
        return named
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None) or str(func)
    module = getattr(func, "__module__", None) or "builtins"
    module = {"_operator": "operator"}.get(module, module)
    return f"{module}.{name}"


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn` of each leaf in nested tuples, lists, dicts and slices; lists and dicts come back immutable."""
    if isinstance(a, tuple):
        mapped = [map_aggregate(item, fn) for item in a]
        return type(a)(*mapped) if hasattr(a, "_fields") else tuple(mapped)
    if isinstance(a, list):
        return immutable_list(map_aggregate(item, fn) for item in a)
    if isinstance(a, dict):
        return immutable_dict((key, map_aggregate(item, fn)) for key, item in a.items())
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """`fn` of each Node in nested arguments; the rest as it is."""
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def type_repr(obj: Any) -> str:
    """How a type is written in a program."""
    if isinstance(obj, type) and not isinstance(obj, types.GenericAlias):
        return obj.__qualname__ if obj.__module__ == "builtins" else f"{obj.__module__}.{obj.__qualname__}"
    if obj is ...:
        return "..."
    return obj.__name__ if isinstance(obj, types.FunctionType) else repr(obj)


class Node:
    """One step of a traced program.

    op: "placeholder", "get_attr", "call_function", "call_module", "call_method" or "output".
    target: what is called or fetched; args, kwargs: its arguments, in which Nodes stand for their results.
    users: the nodes that use this one (as keys); meta: anything that passes want to note.
    """

    def __init__(
        self, graph: Any, name: str, op: str, target: Any, args: Any, kwargs: Any, return_type: Any = None
    ) -> None:
        assert op in ("placeholder", "get_attr", "call_function", "call_module", "call_method", "output", "root")
        if op == "call_function" and not callable(target):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target!r} must be a Callable")
        if op != "call_function" and not isinstance(target, str):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target!r} must be a str")
        self.graph, self.name, self.op, self.target = graph, name, op, target
        self.type = return_type
        self.meta: dict[str, Any] = {}
        self.users: dict[Node, None] = {}
        self._input_nodes: dict[Node, None] = {}
        self._prev = self._next = self
        self._erased = False
        self._args: Any = ()
        self._kwargs: Any = {}
        self._take(args, kwargs)

    def _take(self, args: Any, kwargs: Any) -> None:
        for old in self._input_nodes:
            old.users.pop(self, None)
        self._input_nodes = {}

        def note(node: Node) -> Node:
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args, self._kwargs = map_arg(tuple(args), note), map_arg(dict(kwargs), note)

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments; assign a new tuple to change them."""
        found: tuple[Any, ...] = self._args
        return found

    @args.setter
    def args(self, a: Any) -> None:
        self._take(a, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The named arguments; assign a new dict to change them."""
        found: dict[str, Any] = self._kwargs
        return found

    @kwargs.setter
    def kwargs(self, k: Any) -> None:
        self._take(self._args, k)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes that this one uses."""
        return list(self._input_nodes)

    @property
    def next(self) -> Node:
        """The node after this one."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    @property
    def stack_trace(self) -> str | None:
        """Where in the program the step was recorded, if the tracer notes it."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def _remove_from_list(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    def prepend(self, x: Node) -> None:
        """Move node `x` to just before this one."""
        assert self.graph is x.graph, "Attempting to move a Node into a different Graph"
        if x is self:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x: Node) -> None:
        """Move node `x` to just after this one."""
        self._next.prepend(x)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Put an argument before position `idx`."""
        assert 0 <= idx <= len(self.args), "insert_args index must be between 0 and len(self.args)"
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_arg(self, idx: int, arg: Any) -> None:
        """Replace the argument at position `idx`."""
        given = list(self.args)
        given[idx] = arg
        self.args = tuple(given)

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Replace, or add, a named argument."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_all_uses_with(
        self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True, *,
        propagate_meta: bool = False,
    ) -> list[Node]:  # fmt: skip
        """Let every user (that `delete_user_cb` agrees to) use another node; the users that were changed."""
        if propagate_meta:
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use one node instead of another."""

        def other(node: Node) -> Node:
            return new_input if node is old_input else node

        self._take(map_arg(self._args, other), map_arg(self._kwargs, other))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether the step counts even when nobody uses its result."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return self.target in _EFFECTS or getattr(self.target, "__name__", "").startswith("_assert")
        if self.op == "call_module" and self.graph.owning_module is not None:
            return bool(getattr(self.graph.owning_module.get_submodule(self.target), "is_impure", False))
        return False

    def _rename(self, candidate: str) -> None:
        if candidate != self.name:
            self.name = self.graph._graph_namespace.create_name(candidate, None)

    def _pretty_print_target(self, target: Any) -> str:
        if isinstance(target, str):
            return target
        if is_builtin(target):
            return f"builtins.{_get_qualified_name(target)}"
        return _get_qualified_name(target)

    def format_node(self, placeholder_names: Any = None, maybe_return_typename: Any = None) -> str | None:
        """The line of this node in the text of its graph."""
        kind = f"{type_repr(self.type)} " if self.type is not None else ""
        head = f"%{self.name} : {kind}[num_users={len(self.users)}] = {self.op}"
        if self.op == "placeholder":
            default = f"(default={self.args[0]})" if self.args else ""
            return f"{head}[target={self.target}]{default}"
        target = self._pretty_print_target(self.target)
        if self.op == "get_attr":
            return f"{head}[target={target}]"
        if self.op == "output":
            return f"return {self.args[0]}"
        return f"{head}[target={target}](args = {_format_arg(self.args)}, kwargs = {_format_arg(self.kwargs)})"

    def __repr__(self) -> str:
        return self.name

    def __deepcopy__(self, memo: Any) -> Node:
        raise GraphError("A Node cannot be copied by itself: copy its Graph")


def _format_arg(arg: Any) -> str:
    if isinstance(arg, tuple):
        items = ", ".join(_format_arg(a) for a in arg)
        return f"({items},)" if len(arg) == 1 else f"({items})"
    if isinstance(arg, list):
        return f"[{', '.join(_format_arg(a) for a in arg)}]"
    if isinstance(arg, dict):
        return "{" + ", ".join(f"{k}: {_format_arg(v)}" for k, v in arg.items()) + "}"
    return f"%{arg.name}" if isinstance(arg, Node) else str(plain(arg))


__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg", "type_repr"]
