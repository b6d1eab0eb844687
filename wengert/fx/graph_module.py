"""A module whose `forward` is a traced program (`torch.fx.GraphModule`)."""

from __future__ import annotations

import copy
import itertools
import linecache
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.core.tensor.overridable import plain, public_function
from wengert.fx.graph import Graph
from wengert.fx.node import Node, _get_qualified_name, map_aggregate, map_arg
from wengert.nn.modules.module import Module

_numbers = itertools.count()


def compiled(source: str, spaces: dict[str, Any]) -> Any:
    """The function `forward` of a text, whose lines tracebacks can show."""
    name = f"<eval_with_key>.{next(_numbers)}"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    found = dict(spaces)
    exec(compile(source, name, "exec"), found)
    return found["forward"]


def copy_attribute(source: Any, target: Any, path: str) -> None:
    """Give `target` what `source` has at a place such as "layers.0.weight", with empty modules on the way."""
    *prefix, field = path.split(".")
    for name in prefix:
        below = getattr(source, name, None)
        if below is getattr(target, name, None) and below is not None:
            return
        if getattr(target, name, None) is None:
            setattr(target, name, Module())
        source, target = below, getattr(target, name)
    value = getattr(source, field)
    registered = field in getattr(source, "_buffers", {})
    if isinstance(value, TensorBase) and registered and field not in target._buffers:
        target.register_buffer(field, value, persistent=field not in source._non_persistent_buffers_set)
    else:
        setattr(target, field, value)


_copy_attr = copy_attribute
_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"


class _CodeOnlyModule(Module):
    """A module whose attributes are another's."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__ = body


class GraphModule(Module):
    """A module made of a Graph: `code` is its text, and running it runs that text.

    root: the module (or dict) from which the attributes that the graph names are taken.
    After a change of the graph, `recompile()`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # Every object has a class of its own, because `forward` belongs to the class.
        for base in cls.__mro__:
            if base.__qualname__ == "GraphModule.__new__.<locals>.GraphModuleImpl":
                return super().__new__(cls)

        class GraphModuleImpl(cls):  # type: ignore[valid-type,misc]
            pass

        return super().__new__(GraphModuleImpl)

    def __init__(self, root: Any, graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        if isinstance(root, Module):
            self.training = getattr(root, "training", True)
            for node in graph.nodes:
                if node.op in ("get_attr", "call_module"):
                    copy_attribute(root, self, node.target)
        elif isinstance(root, dict):
            self.take(root, graph)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta: dict[str, Any] = {}
        self.graph = graph

    def take(self, root: dict[str, Any], graph: Graph) -> None:
        """Take the graph's attributes from a dict of places."""
        wanted = [node.target for node in graph.nodes if node.op in ("get_attr", "call_module")]
        for target in sorted(set(wanted), key=lambda target: target.count(".")):
            if target not in root:
                raise RuntimeError(f"Node referenced target {target} but that target was not provided in ``root``!")
            *prefix, field = target.split(".")
            place: Any = self
            for name in prefix:
                if not hasattr(place, name):
                    setattr(place, name, Module())
                place = getattr(place, name)
            setattr(place, field, root[target])

    @property
    def graph(self) -> Graph:
        """The program as nodes; assigning another compiles it."""
        found: Graph = self._graph
        return found

    @graph.setter
    def graph(self, g: Graph) -> None:
        assert isinstance(g, Graph), f"Expected a Graph instance, but got {type(g)}"
        self._graph = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The program as text."""
        if not hasattr(self, "_code"):
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return str(self._code)

    def recompile(self) -> Any:
        """Make the module do what its graph says now; the text and its globals."""
        written = self._graph.python_code("self")
        self._code = written.src
        type(self).forward = compiled(written.src, written.globals)
        return written

    def add_submodule(self, target: str, m: Any) -> bool:
        """Put a module at a place; whether that was possible."""
        *prefix, field = target.split(".")
        place: Any = self
        for name in prefix:
            below = getattr(place, name, None)
            if below is None:
                setattr(place, name, Module())
                below = getattr(place, name)
            if not isinstance(below, Module):
                return False
            place = below
        place.add_module(field, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take the module at a place away; whether there was one."""
        prefix, _, field = target.rpartition(".")
        try:
            place = self.get_submodule(prefix)
        except AttributeError:
            return False
        if not isinstance(getattr(place, field, None), Module):
            return False
        delattr(place, field)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take away the modules that no node names."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used.update(".".join(parts[: i + 1]) for i in range(len(parts)))
                if node.op == "call_module":
                    below = self.get_submodule(node.target).named_modules()
                    used.update(f"{node.target}.{name}" for name, _ in below if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    def print_readable(self, print_output: bool = True, **options: Any) -> str:
        """The program as the text of a class, which is also printed."""
        body = "".join(f"    {line}\n" if line.strip() else "\n" for line in self.code.strip().splitlines())
        text = f"class {type(self).__name__}(torch.nn.Module):\n{body}"
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        tip = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__str__(), self._code, tip])

    def __deepcopy__(self, memo: Any) -> GraphModule:
        source = Module()
        source.__dict__ = copy.deepcopy({k: v for k, v in vars(self).items() if k not in ("_graph", "_code")}, memo)
        made = GraphModule.__new__(type(self).__mro__[1])
        made.__dict__.update(source.__dict__)
        type(made).__name__ = type(self).__name__
        made.graph = copy.deepcopy(self._graph)
        memo[id(self)] = made
        return made

    def __copy__(self) -> GraphModule:
        made = GraphModule(self, copy.deepcopy(self._graph), type(self).__name__)
        made.meta = self.meta
        return made

    def __reduce__(self) -> Any:
        state = {k: v for k, v in vars(self).items() if k not in ("_graph", "_code")}
        return revived, (type(self).__mro__[1], type(self).__name__, state, steps_of(self._graph))


class Step:
    """A node that is used, in the steps of a pickled graph."""

    def __init__(self, number: int) -> None:
        self.number = number


class Public:
    """A function of ours by its public name, in the steps of a pickled graph."""

    def __init__(self, name: str) -> None:
        self.name = name


def steps_of(graph: Graph) -> list[tuple[Any, ...]]:
    """The nodes of a graph as plain values."""
    numbers = {node: i for i, node in enumerate(graph.nodes)}
    return [
        (node.op, node.name, packed(node.target), node.type, *(
            map_arg(values, lambda n: Step(numbers[n])) for values in (node.args, node.kwargs)
        ))
        for node in graph.nodes
    ]  # fmt: skip


def packed(target: Any) -> Any:
    """A target that pickles: a function of ours goes by its name."""
    name = _get_qualified_name(plain(target)) if callable(target) else ""
    return Public(name) if name.startswith("torch.") else target


def taken(nodes: list[Node], x: Any) -> Any:
    """The node that a step stands for; other values as they are."""
    return nodes[x.number] if isinstance(x, Step) else x


def revived(cls: type, name: str, state: dict[str, Any], steps: list[tuple[Any, ...]]) -> Any:
    """The module of a pickled state and its steps."""
    graph = Graph()
    nodes: list[Node] = []
    for op, node_name, target, kind, args, kwargs in steps:
        function = plain(public_function(target.name)) if isinstance(target, Public) else target
        given, named = (
            map_aggregate(v, lambda x: nodes[x.number] if isinstance(x, Step) else x) for v in (args, kwargs)
        )
        nodes.append(graph.create_node(op, function, tuple(given), dict(named), node_name, kind))
    made = GraphModule.__new__(cls)
    made.__dict__.update(state)
    type(made).__name__ = name
    made.graph = graph
    return made


__all__ = ["GraphModule"]
