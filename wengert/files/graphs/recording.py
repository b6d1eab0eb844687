"""A live tape read into a Graph: its nodes in order, what they saved, where they stand in the program.

Arrays are not copied here.  What no file can hold (a function among a context's attributes, a value under vmap) is an
error that names the node and its line; hooks are left out, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from wengert.core.arrays.backend import DEVICE_OF
from wengert.core.tape.core import (
    MARKS,
    NR_SHIFT,
    AccumulateGrad,
    ManyNode,
    MarkedResult,
    Node,
    OpNode,
    Packed,
    Result,
    TensorBase,
    line_of,
    node_name,
    where_text,
    wrap,
)
from wengert.core.tape.function import FunctionNode, OnceNode
from wengert.core.tape.hot_nodes import HOT
from wengert.core.tape.modes import OFF, enter, leave
from wengert.core.tape.views import STALE, AsStridedBackward0, CopySlices, refresh
from wengert.files.graphs import graph as forms
from wengert.files.graphs.attributes import SIMPLE, with_tensors, written
from wengert.files.graphs.functions import note_local
from wengert.files.graphs.graph import Graph, GraphNode, Link, Saved, UnsavedGraphError, Value
from wengert.files.graphs.operands import kept_operands
from wengert.files.graphs.origins import is_parameter, mark_of

_CONTEXT = {"to_save", "dirty_tensors", "non_differentiable", "saved_for_forward", "_in_jvp"}
"""What a Function's context holds only while forward runs, or for forward mode."""


def recorded(outputs: list[Any], container: str) -> Graph:
    """The graph behind tensors, at least one of which has a history.

    Raises: UnsavedGraphError for nodes that no file can hold.
    """
    for x in outputs:
        if x._flags & STALE:
            refresh(x)
    return Recorder(outputs, container).graph


class Recorder:
    """Fills one Graph; `values` and `places` know which tensors and nodes are already in it."""

    def __init__(self, outputs: list[Any], container: str) -> None:
        self.graph = Graph()
        self.graph.container = container
        self.places: dict[Any, int] = {}
        self.values: dict[int, int] = {}
        self.counters: dict[int, int] = {}
        self.lines: dict[Any, int] = {}
        self.kept: list[Any] = [outputs]
        self.unpacked: dict[tuple[int, int], Any] = {}
        nodes = self.closure([x._node for x in outputs if x._flags & 1])
        for index, node in enumerate(nodes):
            self.places[node] = index
        for node in nodes:
            self.graph.nodes.append(self.node(node))
        self.graph.outputs = [self.value(x, len(nodes)) for x in outputs]
        self.drop_counters()
        warn_of_hooks(nodes)

    # ------------------------------------------------------------ which nodes

    def closure(self, roots: list[Any]) -> list[Any]:
        """All nodes that the roots lead to: the leaves first, then by their place on the list."""
        seen: set[Any] = set()
        waiting = [node for node in roots if node is not None]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            waiting.extend([target for target in node._inputs if target is not None and target not in seen])
            if node._saved or node.__class__ is CopySlices or isinstance(node, FunctionNode):
                waiting.extend(self.behind(node))
        ordered = sorted(seen, key=attrgetter("_seq"))
        self.ends = [node for node in ordered if node.__class__ is AccumulateGrad]
        return self.ends + [node for node in ordered if node.__class__ is not AccumulateGrad]

    def leaves(self) -> dict[int, Any]:
        """The leaves by the index of their nodes."""
        return {index: node.variable for index, node in enumerate(self.ends)}

    def behind(self, node: Any) -> list[Any]:
        """Nodes that a node refers to other than by its edges."""
        found = [node.inner] if node.__class__ is CopySlices else []
        tensors = self.saved_tensors(node)
        if isinstance(node, FunctionNode):
            context = {name: value for name, value in vars(node).items() if name not in _CONTEXT}
            with_tensors(context, noted(tensors))
        for x in tensors:
            source = x._node if x._flags & 1 else None
            if source is not None and source is not node and self.earlier(source, node):
                found.append(source)
        return found

    @staticmethod
    def earlier(source: Any, node: Any) -> bool:
        """Whether a node may stand before another: leaves may, whenever they began to want a gradient."""
        return source.__class__ is AccumulateGrad or source._seq < node._seq

    def saved_tensors(self, node: Any) -> list[Any]:
        """Saved values of a node that are tensors of their own."""
        found: list[Any] = []
        for k, entry in enumerate(node._saved or ()):
            parts = entry if entry.__class__ in (tuple, list) else (entry,)
            for i, part in enumerate(parts):
                if part.__class__ is Packed:
                    part = self.opened(node, k, i, part)
                if isinstance(part, TensorBase):
                    found.append(part)
        return found

    def opened(self, node: Any, k: int, i: int, packed: Any) -> Any:
        """What a saved-value hook gives back for a saved value, asked for once; a Result for a node's own output."""
        key = (id(packed), id(node))
        if key not in self.unpacked:
            token = enter(OFF)
            try:
                x = packed.recorded(node)
            finally:
                leave(token)
            self.unpacked[key] = Result(wrap(x._array), packed.nr) if packed.own else x
        return self.unpacked[key]

    # ------------------------------------------------------------ nodes

    def node(self, node: Any) -> GraphNode:
        """One node."""
        kind = kind_of(node)
        if kind is None:
            raise unsaved(node, "it belongs to a transform (vmap, jvp) and has no form in a file")
        index = self.places[node]
        out = GraphNode(index, kind, node_name(node))
        if kind == forms.LEAF:
            leaf = node.variable
            self.kept.append(leaf)
            out.state = {"value": self.value(leaf, index), "mark": mark_of(node)}
            if is_parameter(node.kind):
                out.state["parameter"] = True
            return out
        out.line = self.line(node)
        self.edges(node, out)
        out.outputs = node._outputs
        try:
            getattr(self, kind)(node, out, index)
            if node.__class__ is not CopySlices:
                self.saved(node, out, index)
            self.operands(node, out, index)
        except UnsavedGraphError as error:
            if error.args and "recorded at" in str(error):
                raise
            raise unsaved(node, str(error)) from None
        return out

    def operands(self, node: Any, out: GraphNode, index: int) -> None:
        """Constants that were kept for replaying."""
        for name, x in kept_operands(node).items():  # empty but for graphs made under keep_operands
            if x.__class__ is list:
                out.operands[name] = [self.value(y, index) for y in x]
            elif isinstance(x, TensorBase):
                out.operands[name] = self.value(x, index)
            else:
                try:
                    given = with_tensors(x.value, lambda y: self.value(y, index))
                    written(given)
                    out.state.setdefault("given", {})[name] = given
                except UnsavedGraphError:
                    continue  # the graph can be stored without it, only not computed again

    def edges(self, node: Any, out: GraphNode) -> None:
        """Inputs, and what their gradients are fitted to."""
        places, fits = self.places, node._fit
        if fits is None:
            out.inputs = tuple([None if target is None else (places[target], 0) for target in node._inputs])
            return
        out.inputs = tuple(
            [
                None if target is None else (places[target], fit[0])
                for target, fit in zip(node._inputs, fits, strict=True)
            ]
        )
        out.fits = tuple([None if shape is None and dtype is None else (shape, dtype) for _, shape, dtype in fits])

    def line(self, node: Any) -> int | None:
        """The user's line."""
        code = node._code
        if code is None:
            return None
        key = (code, node._lasti)
        if key not in self.lines:
            found = line_of(code, node._lasti)
            self.lines[key] = len(self.graph.lines)
            self.graph.lines.append((*found, code.co_name))  # type: ignore[misc]
        return self.lines[key]

    def operator(self, node: Any, out: GraphNode, index: int) -> None:
        """The node of an operator."""
        op = node.op
        out._operator = op.name
        out.hot = node.__class__ is HOT.get(op.name)
        given = tuple(node.args)
        for x in given:
            if x.__class__ not in SIMPLE:
                given = with_tensors(given, lambda x: self.value(x, index))
                written(given)
                break
        out.arguments = given
        out.shape = node.shape
        if isinstance(node, ManyNode):
            out.metas = tuple(node.metas or ())

    def strided(self, node: Any, out: GraphNode, index: int) -> None:
        """A view made anew on a rewritten base."""
        out.state = {"chain": [self.link(x, index) for x in node.chain], "shape": node.base_shape}

    def slices(self, node: Any, out: GraphNode, index: int) -> None:
        """A write through a view."""
        out.state = {"chain": [self.link(x, index) for x in node.chain], "inner": self.places[node.inner]}

    def error(self, node: Any, out: GraphNode, index: int) -> None:
        """The end of what can be differentiated."""

    def link(self, link: Any, index: int) -> Link:
        """One view of a chain."""
        given = with_tensors(tuple(link.args), lambda x: self.value(x, index))
        written(given)
        return Link(link.op.name, given, link.nr, link.shape, link.outputs)

    def function(self, node: Any, out: GraphNode, index: int) -> None:
        """The call of a custom Function."""
        cls = node._forward_cls
        out._operator = f"{cls.__module__}.{cls.__qualname__}"
        note_local(out._operator, cls)
        context = {}
        for name, value in vars(node).items():
            if name in _CONTEXT:
                continue
            try:
                context[name] = with_tensors(value, lambda x: self.value(x, index, own=node))
                written(context[name])
            except UnsavedGraphError as error:
                hint = "; give checkpoint() use_reentrant=False" if name == "run" and "heckpoint" in out.name else ""
                raise UnsavedGraphError(f"ctx.{name} is no plain data: {error}{hint}") from None
        out.metas = None if node._metas is None else tuple(node._metas)
        out.state = {"fits": [tuple(fit) for fit in node._fits], "places": node._places,
                     "needs": tuple(node.needs_input_grad), "context": context}  # fmt: skip

    # ------------------------------------------------------------ values

    def saved(self, node: Any, out: GraphNode, index: int) -> None:
        """What the rule needs."""
        if node._saved is None:
            out.saved = None
            return
        versions = node._versions
        out.saved = tuple(
            [self.entry(node, k, x, 0 if versions is None else versions[k], index) for k, x in enumerate(node._saved)]
        )

    def entry(self, node: Any, k: int, x: Any, version: Any, index: int) -> Any:
        """One saved value: None, Saved, or several of them."""
        if x is None:
            return None
        if x.__class__ is tuple:
            return tuple([None if part is None else self.entry(node, k, part, 0, index) for part in x])
        if x.__class__ is list:
            return [self.entry(node, k, part, version[i] if version else 0, index) for i, part in enumerate(x)]
        if x.__class__ is Packed:
            x = self.opened(node, k, 0, x)
            version = 0 if x._vc is None else x._vc.n
        if x.__class__ is MarkedResult:
            raise UnsavedGraphError("it saved a value under vmap or with a tangent")
        if x.__class__ is Result:
            return Saved(self.result(x, index), x.version, x.nr)
        return Saved(self.value(x, index), version)

    def result(self, x: Any, index: int) -> int:
        """The value of a node's own output."""
        key = id(x)
        if key not in self.values:
            self.kept.append(x)
            value = Value(x._array)
            value.device = device_of(x._array)
            value.counter = self.counter(x)
            self.add(key, value)
        return self.values[key]

    def value(self, x: Any, index: int, own: Any = None) -> int:
        """A tensor: its place among the graph's values."""
        key = id(x)
        if key in self.values:
            return self.values[key]
        if x._flags & MARKS:
            raise UnsavedGraphError("it holds a value under vmap or with a tangent")
        self.kept.append(x)
        value = Value(x._array)
        value.device = device_of(x._array)
        value.counter = self.counter(x)
        if x._flags & 1:
            place = self.places.get(x._node)
            if place is not None and (place <= index or x._node.__class__ is AccumulateGrad):
                value.node, value.nr = place, x._flags >> NR_SHIFT
                value.leaf = x._node.__class__ is AccumulateGrad and x._node.ref() is x
        return self.add(key, value)

    def add(self, key: int, value: Value) -> int:
        """Enter a value."""
        place = self.values[key] = len(self.graph.values)
        self.graph.values.append(value)
        return place

    def counter(self, x: Any) -> int | None:
        """The version counter of a tensor's memory."""
        vc = x._vc
        if vc is None:
            return None
        key = id(vc)
        if key not in self.counters:
            self.kept.append(vc)
            self.counters[key] = len(self.graph.counters)
            found = line_of(vc.code, vc.lasti)
            self.graph.counters.append([vc.n, None if found is None else (*found, vc.code.co_name)])
        return self.counters[key]

    def drop_counters(self) -> None:
        """Forget counters that stand at 0 and belong to one tensor: nobody else could ever raise them."""
        graph = self.graph
        users = [0] * len(graph.counters)
        for value in graph.values:
            if value.counter is not None:
                users[value.counter] += 1
        for k in graph.outputs:
            counter = graph.values[k].counter
            if counter is not None:
                users[counter] += 1
        kept: dict[int, int] = {}
        for value in graph.values:
            c = value.counter
            if c is not None and users[c] == 1 and not graph.counters[c][0]:
                value.counter = None
            elif c is not None:
                value.counter = kept.setdefault(c, len(kept))
        graph.counters = [graph.counters[c] for c in kept]


def noted(tensors: list[Any]) -> Callable[[Any], int]:
    """What puts tensors into a list, as `with_tensors` asks for."""

    def put(x: Any) -> int:
        tensors.append(x)
        return 0

    return put


def device_of(array: Any) -> str:
    """The device of an array by name."""
    return "cpu" if array.__class__ is np.ndarray else str(DEVICE_OF[array.__class__](array))


def kind_of(node: Any) -> str | None:
    """Which kind of node this is, None for one that has no form in a file."""
    cls = node.__class__
    if cls is AccumulateGrad:
        return forms.LEAF
    if cls is CopySlices:
        return forms.SLICES
    if cls is AsStridedBackward0:
        return forms.STRIDED
    if cls is OnceNode:
        return forms.ERROR
    if isinstance(node, FunctionNode):
        return forms.FUNCTION
    if isinstance(node, OpNode) or (isinstance(node, Node) and node.op is not None):
        return forms.OPERATOR
    return None


def unsaved(node: Any, why: str) -> UnsavedGraphError:
    """The error of a node that no file can hold."""
    place = where_text(node._code, node._lasti)
    return UnsavedGraphError(
        f"{node_name(node)} cannot be stored: {why}. Save `y.detach()` to keep the value alone."
        + (f"\nIt was recorded at:\n  {place}" if place else "\nIt was recorded at an unknown line")
    )


def is_freed(outputs: list[Any]) -> bool:
    """Whether a backward has taken everything that the graph behind tensors had saved."""
    seen: set[Any] = set()
    waiting = [x._node for x in outputs if x._flags & 1]
    freed = False
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node._saved:
            return False
        inner = node.inner if node.__class__ is CopySlices else None
        if inner is not None and inner._saved:
            return False
        freed = freed or node._saved is None or (inner is not None and inner._saved is None)
        waiting.extend([target for target in node._inputs if target is not None and target not in seen])
    return freed


def warn_of_hooks(nodes: list[Any]) -> None:
    """Say that hooks, which are functions, stay behind."""
    dressed = [node for node in nodes if has_hooks(node)]
    if dressed:
        place = where_text(dressed[0]._code, dressed[0]._lasti)
        warnings.warn(
            f"hooks and retain_grad() are not stored with a graph: {len(dressed)} of its nodes have some, the first is "
            f"{node_name(dressed[0])}{' at ' + place if place else ''}. Register them again after loading.",
            stacklevel=6,
        )


def has_hooks(node: Any) -> bool:
    """Whether a node has hooks of any kind."""
    extra = node._extra
    if node.__class__ is AccumulateGrad and node.post:
        return True
    return extra is not None and bool(extra.tensor_hooks or extra.retained or extra.prehooks or extra.posthooks)


__all__ = ["is_freed", "recorded"]
