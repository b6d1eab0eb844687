"""A Graph made into a live tape again: the same nodes, saved values and versions, under new numbers."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.operators.record import REGISTRY
from wengert.core.tape import views
from wengert.core.tape.core import (
    NR_SHIFT,
    Result,
    VersionCounter,
    new_node,
    next_seq,
    wrap,
)
from wengert.core.tape.dispatch import new_node_class, node_class_of
from wengert.core.tape.function import OnceNode
from wengert.core.tape.hot_nodes import HOT
from wengert.core.tape.views import AsStridedBackward0, CopySlices
from wengert.files.graphs import graph as forms
from wengert.files.graphs import origins
from wengert.files.graphs.attributes import SIMPLE, with_values
from wengert.files.graphs.functions import function_at
from wengert.files.graphs.graph import Graph, GraphNode, Saved

_TEMPLATE = (lambda: None).__code__


def restored(graph: Graph, attach: bool, may_import: bool, safe: dict[str, Any]) -> Any:
    """The outputs of a graph as live tensors.

    attach: leaves of this process that are still alive take the gradients.  may_import, safe: which custom Functions
    may be called, see `function_at`.  The tensors use the graph's arrays themselves.

    Raises: GraphError for a changed graph; GraphFileError for a custom Function that is not there.
    """
    edited = next((node for node in graph.nodes if node.edited), None)
    if edited is not None:
        raise GraphError(
            f"node %{edited.index} ({edited.name}) was changed, and the graph's values are those from before: "
            "call autograd.graph.replay(graph), which computes them again"
        )
    functions = {
        node.operator: function_at(node.operator, may_import, safe) for node in graph.nodes if node.kind == "function"
    }
    builder = Restorer(graph, attach, functions)
    outputs = [builder.output(k) for k in graph.outputs]
    if graph.container == "tensor":
        return outputs[0]
    return tuple(outputs) if graph.container == "tuple" else outputs


class Restorer:
    """Makes the nodes of one graph in order, and tensors when they are first needed."""

    def __init__(self, graph: Graph, attach: bool, functions: dict[str, Any]) -> None:
        self.graph, self.attach, self.functions = graph, attach, functions
        self.tensors: list[Any] = [None] * len(graph.values)
        self.counters = [counter(found) for found in graph.counters]
        self.codes = [code_for(*line) for line in graph.lines]
        self.classes: dict[Any, Any] = {}
        self.nodes: list[Any] = []
        self.kept: list[Any] = []
        for node in graph.nodes:
            if node.kind == forms.LEAF:
                self.nodes.append(self.leaf(node))
            else:
                getattr(self, node.kind)(node)

    # ------------------------------------------------------------ tensors

    def tensor(self, place: int) -> Any:
        """A value as a tensor with its history."""
        found = self.tensors[place]
        if found is None:
            value = self.graph.values[place]
            found = wrap(value.array)
            if value.counter is not None:
                found._vc = self.counters[value.counter]
            if value.node is not None:
                found._node = self.nodes[value.node]
                found._flags = 1 | value.nr << NR_SHIFT
            self.tensors[place] = found
        return found

    def output(self, place: int) -> Any:
        """An output; a leaf among them is the leaf itself."""
        value: Any = self.graph.values[place]
        return self.nodes[value.node].variable if value.leaf else self.tensor(place)

    def result(self, node: Any, entry: Saved) -> Result:
        """A node's own output."""
        value = self.graph.values[entry.value]
        holder = wrap(value.array)
        if value.counter is not None:
            holder._vc = self.counters[value.counter]
        made = Result(holder, entry.nr or 0)
        made.version = entry.version
        return made

    # ------------------------------------------------------------ nodes

    def leaf(self, node: GraphNode) -> Any:
        """A leaf's node: one of this process that is still alive, or a new one."""
        place = node.state["value"]
        value = self.graph.values[place]
        made = origins.living(node.state["mark"], value.array) if self.attach else None
        if made is None:
            leaf = origins.made(value.array, node.state.get("parameter", False))
            if value.counter is not None:
                leaf._vc = self.counters[value.counter]
            made = leaf._node
            self.tensors[place] = leaf
            self.kept.append(leaf)
        origins.remember(made, self.graph.names.get(node.index, ""))
        return made

    def begun(self, cls: Any, node: GraphNode) -> Any:
        """A node with the fields that every class has."""
        made: Any = new_node(cls)
        made._seq = next_seq()
        made._extra = None
        made._outputs = node.outputs
        made._code = None if node.line is None else self.codes[node.line]
        made._lasti = 0
        nodes = self.nodes
        made._inputs = tuple([None if edge is None else nodes[edge[0]] for edge in node.inputs])
        if node.fits is None:
            made._fit = None
        else:
            made._fit = tuple(
                [
                    (edge[1] if edge else 0, *(fit or (None, None)))
                    for edge, fit in zip(node.inputs, node.fits, strict=True)
                ]
            )
        if node.fits is None and any([edge is not None and edge[1] for edge in node.inputs]):
            made._fit = tuple([(edge[1] if edge else 0, None, None) for edge in node.inputs])
        self.nodes.append(made)
        return made

    def keep(self, made: Any, node: GraphNode) -> None:
        """Saved values and their versions."""
        made._versions = None
        if node.saved is None:
            made._saved = None
            return
        saved: list[Any] = []
        versions: list[Any] = []
        dirty = False
        for entry in node.saved:
            version: Any = 0
            if entry.__class__ is list:
                saved.append([self.tensor(part.value) for part in entry])
                version = [part.version for part in entry]
                dirty = True
            elif entry.__class__ is tuple:
                saved.append(tuple([None if part is None else self.result(made, part) for part in entry]))
            elif entry is None:
                saved.append(None)
            elif entry.nr is not None:
                saved.append(self.result(made, entry))
            else:
                saved.append(self.tensor(entry.value))
                version = entry.version
                dirty = dirty or version != 0
            versions.append(version)
        made._saved = tuple(saved)
        if dirty:
            made._versions = tuple(versions)

    def operator(self, node: GraphNode) -> None:
        """The node of an operator."""
        key = (node.operator, node.name, node.hot, node.metas is None)
        cls = self.classes.get(key)
        if cls is None:
            found = class_of(node)
            cls = self.classes[key] = (found, settable(found, "args"), settable(found, "shape"))
        kind, has_args, has_shape = cls
        made = self.begun(kind, node)
        if node.metas is not None:
            made.metas = node.metas
        if has_args:
            given = node.arguments
            for x in given:
                if x.__class__ not in SIMPLE:
                    given = with_values(given, self.tensor)
                    break
            made.args = given
        if has_shape:
            made.shape = node.shape
        self.keep(made, node)

    def strided(self, node: GraphNode) -> None:
        """A view made anew on a rewritten base."""
        made = self.begun(AsStridedBackward0, node)
        made.chain, made.base_shape = self.chain(node), node.state["shape"]
        self.keep(made, node)

    def slices(self, node: GraphNode) -> None:
        """A write through a view."""
        made = self.begun(CopySlices, node)
        made.chain, made.inner = self.chain(node), self.nodes[node.state["inner"]]
        made._saved, made._versions = (), None

    def error(self, node: GraphNode) -> None:
        """The end of what can be differentiated."""
        self.keep(self.begun(OnceNode, node), node)

    def chain(self, node: GraphNode) -> tuple[Any, ...]:
        """The views between a base and a view."""
        return tuple(
            [
                views.Link(REGISTRY[x.operator], with_values(x.arguments, self.tensor), x.nr, x.shape, x.outputs)
                for x in node.state["chain"]
            ]
        )

    def function(self, node: GraphNode) -> None:
        """The call of a custom Function."""
        made = self.begun(self.functions[node.operator]._backward_cls, node)
        state = node.state
        made._metas, made._fits, made._places = node.metas, state["fits"], state["places"]
        made.needs_input_grad = state["needs"]
        made.__dict__.update({name: with_values(x, self.tensor) for name, x in state["context"].items()})
        self.keep(made, node)


def counter(found: Any) -> VersionCounter:
    """A version counter as it stood."""
    made = VersionCounter()
    made.n = found[0]
    if found[1] is not None:
        made.code = code_for(*found[1])
    return made


def code_for(file: str, line: int, function: str) -> Any:
    """What stands for a line of the user's program: a code object that is never run."""
    return _TEMPLATE.replace(co_filename=file, co_firstlineno=line, co_name=function)


_made: dict[Any, Any] = {}


def class_of(node: GraphNode) -> Any:
    """The node class of an operator's node, with the name that it had."""
    op = REGISTRY[node.operator]
    if node.hot:
        return HOT[op.name]
    many = node.metas is not None
    if not callable(op.backward_name):
        return node_class_of(op, many)
    known = (op.node_class or {}).get(node.name)
    if known is None:
        key = (op.name, node.name)
        known = _made.get(key)
        if known is None:
            known = _made[key] = new_node_class(op, many, node.name)
    return known


def settable(cls: Any, name: str) -> bool:
    """Whether nodes of a class have a field of this name, not only the class."""
    return any(hasattr(base.__dict__.get(name), "__set__") for base in cls.__mro__)


__all__ = ["restored"]
