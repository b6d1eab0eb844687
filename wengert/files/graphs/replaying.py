"""A graph computed again: with the recorded values of its leaves, or with new ones, or after a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.record import FIRST, REGISTRY
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.modes import OFF, enter, leave
from wengert.files.graphs import graph as forms
from wengert.files.graphs.attributes import with_values
from wengert.files.graphs.functions import function_at
from wengert.files.graphs.graph import Graph, GraphNode, Saved, operator_of
from wengert.files.graphs.operands import BASE


class MissingOperandError(GraphError):
    """Raised where a graph is computed again and the tape had not kept a constant operand."""


def replay(graph: Graph, values: Any = None, *, weights_only: bool = True) -> Any:
    """Run the operations of a graph again, recorded anew: its outputs, with a tape that leads to the new values.

    values: tensors by name of a leaf or input (`graph.leaves`, `graph.inputs`), or a sequence of them in that order;
    what is not given has its recorded value.  A constant that the tape did not keep can be given as
    "NODE.PARAMETER", such as "3.other".  weights_only: custom Functions are not imported.

    Raises: MissingOperandError for such a constant that is not given: record under `keep_operands()`, or by
    `record(fn, ...)`; ArgumentError for a name that is none.
    """
    player = Player(graph, values, not weights_only)
    for node in graph.nodes:
        player.run(node)
    outputs = [player.output(k) for k in graph.outputs]
    if graph.container == "tensor":
        return outputs[0]
    return tuple(outputs) if graph.container == "tuple" else outputs


class Player:
    """Computes a graph's nodes in order; `results` holds what each gave, one tensor per output."""

    def __init__(self, graph: Graph, values: Any = None, may_import: bool = False) -> None:
        self.graph, self.may_import = graph, may_import
        self.inner = {node.state["inner"] for node in graph.nodes if node.kind == forms.SLICES}
        self.results: list[Any] = []
        self.given = given_by_name(graph, values)
        self.constants: dict[int, Any] = {}

    # ------------------------------------------------------------ operands

    def run(self, node: GraphNode) -> None:
        """Compute one node."""
        out = None if node.index in self.inner else getattr(self, node.kind)(node)
        self.results.append(out if out is None or out.__class__ is tuple else (out,))

    def edge(self, edge: Any) -> Any:
        """What came along an edge."""
        found = self.results[edge[0]]
        if found is None:
            raise GraphError(f"node %{edge[0]} cannot be computed apart from the write that it is a part of")
        return found[edge[1]]

    def constant(self, place: int) -> Any:
        """A tensor that no operation of the graph made."""
        value = self.graph.values[place]
        if value.name is not None and value.name in self.given:
            return self.given[value.name]
        if value.node is not None:
            return self.edge((value.node, value.nr))
        if place not in self.constants:
            self.constants[place] = wrap(value.array)
        return self.constants[place]

    def output(self, place: int) -> Any:
        """One of the graph's outputs."""
        value = self.graph.values[place]
        return self.constant(place) if value.node is None else self.edge((value.node, value.nr))

    def arguments(self, node: GraphNode, op: Any, first: Any = None) -> list[Any]:
        """The full arguments of an operator's call; `first` stands for the first tensor, where it is given."""
        args = list(with_values(node.arguments, self.constant))
        args += [op.defaults.get(name) for name in op.params[len(args) :]]
        if op.many >= 0:
            args[op.many] = self.several(node, op)
            return args
        edges = list(node.inputs)
        if len(edges) == len(op.arrays):
            waiting = dict(zip(op.arrays, edges, strict=True))
        else:
            tensors = [i for i in op.arrays if args[i] is None]
            waiting = dict(zip(tensors, edges, strict=False))
        for place, i in enumerate(op.arrays):
            edge = waiting.get(i)
            if place == 0 and first is not None:
                args[i] = first
            elif edge is not None:
                args[i] = self.edge(edge)
            elif args[i] is None:
                args[i] = self.operand(node, op, i, place)
        return args

    def several(self, node: GraphNode, op: Any) -> list[Any]:
        """The operand of an operator that takes a list of tensors."""
        name = op.params[op.many]
        kept = node.operands.get(name)
        found = []
        for i, edge in enumerate(node.inputs):
            if edge is not None:
                found.append(self.edge(edge))
                continue
            key = f"{node.index}.{name}.{i}"
            saved = self.saved(node, op, op.many)
            if key in self.given:
                found.append(self.given[key])
            elif kept is not None:
                found.append(self.constant(kept[i]))
            elif saved is not None:
                found.append(self.constant(saved[i].value))
            else:
                raise self.missing(node, f"{name}.{i}")
        return found

    def saved(self, node: GraphNode, op: Any, i: int) -> Any:
        """What the rule saved of operand i."""
        if node.saved is None or i + FIRST not in op.saves:
            return None
        return node.saved[op.saves.index(i + FIRST)]

    def operand(self, node: GraphNode, op: Any, i: int, place: int) -> Any:
        """A tensor operand that has no history; None where it was not given in the first place."""
        name = op.params[i]
        key = f"{node.index}.{name}"
        if key in self.given:
            return self.given[key]
        if name in node.operands:
            return self.constant(node.operands[name])
        entry = self.saved(node, op, i)
        if entry.__class__ is Saved:
            return self.constant(entry.value)
        if was_absent(node, op, place):
            return None
        if name in op.defaults and (node.saved is not None or not op.saves):
            return op.defaults[name]  # every optional tensor that is given is saved
        raise self.missing(node, name)

    def missing(self, node: GraphNode, name: str) -> MissingOperandError:
        """The error of a constant that nobody kept."""
        place = self.graph.place(node)
        return MissingOperandError(
            f"node %{node.index} ({node.name}) cannot be computed again: its operand {name!r} wanted no gradient and "
            "no derivative needs it, so the tape did not keep it. Record the graph inside of "
            "`with torch.autograd.graph.keep_operands():` or by `autograd.graph.record(fn, ...)`, or give it: "
            f"replay(graph, {{{str(node.index) + '.' + name!r}: tensor}})"
            + (f"\nIt was recorded at:\n  {place}" if place else "")
        )

    # ------------------------------------------------------------ kinds of nodes

    def leaf(self, node: GraphNode) -> Any:
        """A leaf: its new value, or the recorded one."""
        name = self.graph.names[node.index]
        return self.given[name] if name in self.given else self.graph.leaf(node.index)

    def operator(self, node: GraphNode) -> Any:
        """An operator's call."""
        op = operator_of(node)
        return self.called(node, op, self.arguments(node, op))

    def called(self, node: GraphNode, op: Any, args: list[Any]) -> Any:
        """The operator on full arguments, by the way by which it was recorded."""
        if node.hot:
            given = args[: 3 if op.name == "linear_bias" else 1 if len(op.arrays) == 1 and op.name != "pow" else 2]
            return getattr(RECORDED, op.name)(*given)
        return op.call(
            *args[: op.positional], **dict(zip(op.params[op.positional :], args[op.positional :], strict=True))
        )

    def strided(self, node: GraphNode) -> Any:
        """A view of a rewritten base."""
        return self.window(node, self.edge(node.inputs[0]))

    def window(self, node: GraphNode, base: Any) -> Any:
        """The chain of views on a base."""
        for link in node.state["chain"]:
            op = REGISTRY[link.operator]
            args = list(with_values(link.arguments, self.constant))
            args[op.arrays[0]] = base
            base = op.call(
                *args[: op.positional], **dict(zip(op.params[op.positional :], args[op.positional :], strict=True))
            )
            if base.__class__ is tuple or base.__class__ is list:
                base = base[link.nr]
        return base

    def slices(self, node: GraphNode) -> Any:
        """A write through a view: the same write into a copy of the base."""
        inner = self.graph.nodes[node.state["inner"]]
        key = f"{inner.index}.{BASE}"
        if node.inputs[0] is not None:
            base = self.edge(node.inputs[0])
        elif BASE in inner.operands:
            base = self.constant(inner.operands[BASE])
        elif key in self.given:
            base = self.given[key]
        else:
            raise self.missing(inner, BASE)
        base = RECORDED.clone(base)
        window = self.window(node, base)
        if inner.kind != forms.OPERATOR:
            raise GraphError(f"node %{node.index} cannot be computed again: a custom Function wrote through a view")
        op = operator_of(inner)
        window.copy_(self.called(inner, op, self.arguments(inner, op, RECORDED.clone(window))))
        return base

    def function(self, node: GraphNode) -> Any:
        """The call of a custom Function."""
        cls = function_at(node.operator, self.may_import, {})
        state = node.state
        count = len(state["needs"])
        places = state["places"] or tuple(range(count))
        edges = dict(zip(places, node.inputs, strict=True))
        args = []
        for i in range(count):
            name = str(i)
            if edges.get(i) is not None:
                args.append(self.edge(edges[i]))
            elif f"{node.index}.{name}" in self.given:
                args.append(self.given[f"{node.index}.{name}"])
            elif name in node.operands:
                args.append(self.constant(node.operands[name]))
            elif name in state.get("given", {}):
                args.append(with_values(state["given"][name], self.constant))
            else:
                raise self.missing(node, name)
        return cls.apply(*args)

    def error(self, node: GraphNode) -> Any:
        """Gradients of a rule that cannot be differentiated are not computed again."""
        raise GraphError(
            f"node %{node.index} stands behind a once_differentiable gradient and cannot be computed again"
        )


def was_absent(node: GraphNode, op: Any, place: int) -> bool:
    """Whether a tensor was left out (None): then nothing is known of its shape, where of every other something is."""
    if isinstance(op.kind, Elementwise) or op.kind.view or node.fits is None or len(node.fits) != len(op.arrays):
        return False
    return node.fits[place] is None


def given_by_name(graph: Graph, values: Any) -> dict[str, Any]:
    """New values by name."""
    if values is None:
        return {}
    known = [*graph.names.values(), *graph.inputs]
    if isinstance(values, TensorBase):
        values = [values]
    if not isinstance(values, Mapping):
        values = list(values)
        if len(values) > len(known):
            raise ArgumentError(
                f"replay(): {len(values)} values for {len(known)} leaves and inputs: {', '.join(known)}"
            )
        values = dict(zip(known, values, strict=False))
    for name, x in values.items():
        if not isinstance(x, TensorBase):
            raise ArgumentError(f"replay(): the value of {name!r} must be a Tensor, not {type(x).__name__}")
        if name not in known and "." not in name:
            raise ArgumentError(f"replay(): the graph has no leaf or input {name!r}; it has {', '.join(known)}")
    return dict(values)


def known_values(graph: Graph) -> dict[tuple[int, int], Any]:
    """Arrays of node outputs that the graph holds, by (node, output)."""
    found: dict[tuple[int, int], Any] = {}
    for value in graph.values:
        if value.node is not None:
            found.setdefault((value.node, value.nr), value.array)
    for node in graph.nodes:
        for entry in node.saved or ():
            for part in entry if entry.__class__ is tuple else (entry,):
                if part.__class__ is Saved and part.nr is not None:
                    found.setdefault((node.index, part.nr), graph.values[part.value].array)
    return found


def computed_values(graph: Graph) -> dict[tuple[int, int], Any]:
    """The same for as many nodes as possible: what the graph does not hold is computed from what it holds."""
    found = known_values(graph)
    player = Player(graph)
    token = enter(OFF)
    try:
        for node in graph.nodes:
            held = [found.get((node.index, nr)) for nr in range(node.outputs)]
            if all(a is not None for a in held):
                player.results.append(tuple([wrap(a) for a in held]))
                continue
            try:
                player.run(node)
            except Exception:  # a constant is missing: the values behind it stay unknown
                player.results[node.index :] = [None]
                continue
            for nr, x in enumerate(player.results[-1] or ()):
                if isinstance(x, TensorBase):
                    found.setdefault((node.index, nr), x._array)
    finally:
        leave(token)
    return found


__all__ = ["MissingOperandError", "computed_values", "known_values", "replay"]
