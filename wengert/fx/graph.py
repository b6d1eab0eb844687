"""A traced program as a list of nodes (`torch.fx.Graph`)."""

from __future__ import annotations

import builtins
import copy
import keyword
import re
from collections.abc import Callable, Iterator
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.fx.codegen import CodeGen, PythonCode
from wengert.fx.node import Node, map_arg

_custom = {"inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree"}


class _Namespace:
    """Names that are taken, and new ones made from wishes."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._owners: dict[int, str] = {}

    def create_name(self, candidate: str, obj: Any = None) -> str:
        """A free name that resembles `candidate`; the same object is named once."""
        if obj is not None and id(obj) in self._owners:
            return self._owners[id(obj)]
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        candidate = f"_{candidate}" if candidate[0].isdigit() else candidate
        name = candidate
        if self.taken(name, obj):
            found = re.match(r"(.*)_(\d+)$", candidate)
            base, number = (found.group(1), int(found.group(2))) if found else (candidate, 0)
            while True:
                number += 1
                name = f"{base}_{number}"
                if not self.taken(name, obj):
                    break
        self._names[name] = obj
        if obj is not None:
            self._owners[id(obj)] = name
        return name

    def taken(self, name: str, obj: Any) -> bool:
        """Whether a name is in use or means something else in Python."""
        illegal = keyword.iskeyword(name) or hasattr(builtins, name) or name in _custom
        return name in self._names or illegal


class _node_list:
    def __init__(self, graph: Graph, direction: str = "_next") -> None:
        self.graph, self.direction = graph, direction

    def __len__(self) -> int:
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        node = getattr(root, self.direction)
        while node is not root:
            following = getattr(node, self.direction)
            if not node._erased:
                yield node
            node = following if node._erased else getattr(node, self.direction)

    def __reversed__(self) -> _node_list:
        return _node_list(self.graph, "_prev" if self.direction == "_next" else "_next")


class _InsertPoint:
    def __init__(self, graph: Graph, insert: Callable[[Node], None]) -> None:
        self.graph, self.before = graph, graph._insert
        graph._insert = insert

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        self.graph._insert = self.before


class Graph:
    """The steps of a traced program in order, each a `Node`."""

    def __init__(self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: Any = None) -> None:
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend
        self._len = 0
        self._graph_namespace = _Namespace()
        self.owning_module = owning_module
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras
        self._codegen = CodeGen()

    @property
    def nodes(self) -> _node_list:
        """The nodes in order; `reversed` gives them backwards.  Nodes may be erased and added on the way."""
        return _node_list(self)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes of an op, and of a target if given."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def create_node(
        self, op: str, target: Any, args: Any = None, kwargs: Any = None, name: str | None = None,
        type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """A new node at the insertion point."""
        args, kwargs = () if args is None else args, {} if kwargs is None else kwargs
        assert isinstance(args, tuple), "args must be a tuple"
        assert isinstance(kwargs, dict), "kwargs must be a dict"
        candidate = name if name is not None else self._target_to_str(target)
        node = Node(self, self._graph_namespace.create_name(candidate, None), op, target, args, kwargs, type_expr)
        self._insert(node)
        self._len += 1
        return node

    def _target_to_str(self, target: Any) -> str:
        name = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
        if isinstance(target, str) and name.startswith("__") and name.endswith("__"):
            name = name[2:-2]
        name = re.sub(r"[^0-9a-zA-Z_]+", "_", name)
        return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """An input of the program."""
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter, buffer or other attribute of the module, such as "layer.weight"."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of a submodule."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self, the_function: Callable[..., Any], args: Any = None, kwargs: Any = None, type_expr: Any = None,
        name: str | None = None,
    ) -> Node:  # fmt: skip
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """The end of the program, which returns `result`."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def output_node(self) -> Node:
        """The node that ends the program."""
        node = next(iter(reversed(self.nodes)))
        assert node.op == "output"
        return node

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """A copy of another graph's node here, whose arguments are what `arg_transform` gives for the originals."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, tuple(args), dict(kwargs), node.name, node.type)
        made.meta = copy.copy(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Copies of another graph's nodes here; the result is what that graph returns."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def erase_node(self, to_erase: Node) -> None:
        """Take a node away.

        Raises: GraphError when others use it.
        """
        if to_erase.users:
            raise GraphError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: "
                f"{to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise GraphError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1
        to_erase._take((), {})

    def inserting_before(self, n: Node | None = None) -> _InsertPoint:
        """A point, or block, in which new nodes are put before `n` (None: at the beginning)."""
        if n is None:
            return self.inserting_after(self._root)
        assert n.graph is self, "Node to insert before is not in graph."
        return _InsertPoint(self, n.prepend)

    def inserting_after(self, n: Node | None = None) -> _InsertPoint:
        """A point, or block, in which new nodes are put after `n` (None: at the end)."""
        if n is None:
            return self.inserting_before(self._root)
        assert n.graph is self, "Node to insert after is not in graph."
        last = [n]

        def insert(node: Node) -> None:
            last[0].append(node)
            last[0] = node

        return _InsertPoint(self, insert)

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erase the steps whose results nobody uses; whether there were any."""
        changed = False
        for node in reversed(self.nodes):
            impure = is_impure_node(node) if is_impure_node else node.is_impure()
            if not impure and not node.users:
                self.erase_node(node)
                changed = True
        return changed

    def lint(self) -> None:
        """Check that nodes are used only after they were made, that names differ, and that targets exist.

        Raises: GraphError at the first fault.
        """
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise GraphError(f"Node '{node}' does not belong to this Graph!")
            for used in node.all_input_nodes:
                if used not in seen:
                    raise GraphError(f"Argument '{used}' of Node '{node}' was used before it has been defined!")
            if node.name in names:
                raise GraphError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                self.check_target(node)

    def check_target(self, node: Node) -> None:
        """Refuse a node whose target the module does not have."""
        place = self.owning_module
        for part in node.target.split("."):
            if not hasattr(place, part):
                raise GraphError(f"Node {node} target {node.target} references nonexistent attribute {part} of {place}")
            place = getattr(place, part)

    def python_code(self, root_module: str = "self", **options: Any) -> PythonCode:
        """The program as text, with the globals that it needs."""
        return self._codegen.generate(self, root_module)

    def set_codegen(self, codegen: CodeGen) -> None:
        """Let another object write the text."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer: Callable[[Any], Any]) -> Any:
        """Let `make_transformer(current)` change the lines of the text before it is compiled."""
        self._codegen.transform = make_transformer(self._codegen.transform)

    def print_tabular(self) -> None:
        """Print the nodes as a table."""
        head = ("opcode", "name", "target", "args", "kwargs")
        rows = [head, *((n.op, n.name, str(n.target), str(n.args), str(n.kwargs)) for n in self.nodes)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        print("\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]]))

    def process_inputs(self, *args: Any) -> Any:
        """The inputs as the placeholders take them."""
        return args

    def process_outputs(self, out: Any) -> Any:
        """The output as the program returns it."""
        return out

    def __deepcopy__(self, memo: Any = None) -> Graph:
        memo = {} if memo is None else memo
        made = Graph(tracer_cls=self._tracer_cls)
        made._codegen = self._codegen
        known: dict[Node, Node] = {}
        out = made.graph_copy(self, known, return_output_node=True)
        if out is not None:
            result, old = out
            made.output(result, type_expr=getattr(old, "type", None)).meta = copy.copy(old.meta)
        return made

    def __str__(self) -> str:
        lines = [text for node in self.nodes if (text := node.format_node()) is not None]
        return "graph():" + "".join(f"\n    {line}" for line in lines)


__all__ = ["CodeGen", "Graph", "PythonCode"]
