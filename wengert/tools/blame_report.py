"""The operation that brought the first NaN or infinity into a forward or backward pass, from the tape that is there."""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.operators.kinds import Linear
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.backward import SWEEPER, edge_of
from wengert.core.tape.core import (
    AccumulateGrad,
    Plan,
    TensorBase,
    line_of,
    node_name,
    raw_value,
)
from wengert.files.graphs.graph import FUNCTION, OPERATOR, Graph, UnsavedGraphError
from wengert.files.graphs.recording import is_freed, recorded
from wengert.files.graphs.replaying import computed_values
from wengert.profiler.observing import RULE, Observer, observed_sweep


class Statistics:
    """What an operand holds: smallest and largest finite value, how many NaN and infinities."""

    __slots__ = ("name", "shape", "dtype", "low", "high", "nans", "infinities", "size")

    def __init__(self, name: str, array: Any) -> None:
        array = np.asarray(array)
        self.name, self.shape, self.dtype, self.size = name, tuple(array.shape), str(array.dtype), array.size
        values = np.abs(array) if array.dtype.kind == "c" else array
        values = values.astype(np.float64) if values.dtype.kind not in "iub" else values
        finite = values[np.isfinite(values)]
        self.low: float | None = finite.min().item() if finite.size else None
        self.high: float | None = finite.max().item() if finite.size else None
        self.nans, self.infinities = int(np.isnan(values).sum()), int(np.isinf(values).sum())

    @property
    def finite(self) -> bool:
        """Whether every element is."""
        return not (self.nans or self.infinities)

    def __str__(self) -> str:
        held = "no finite value" if self.low is None else f"from {self.low:.6g} to {self.high:.6g}"
        bad = [f"{self.nans} NaN"] * bool(self.nans) + [f"{self.infinities} inf"] * bool(self.infinities)
        of = f", {' and '.join(bad)} of {self.size}" if bad else ""
        return f"{self.name}: {self.dtype}{list(self.shape)} {held}{of}"

    __repr__ = __str__


class Blame:
    """The first operation with a bad result.

    where: "forward", "backward", or "input" for a leaf or constant that was bad from the start.  operation: the name
    of the node.  file, line.  operands, result: Statistics.  chain: names and lines from there to the result that was
    asked about.
    """

    def __init__(self, where: str, node: Any, operands: list[Statistics], result: Statistics, chain: list[Any]) -> None:
        self.where, self.operands, self.result, self.chain = where, operands, result, chain
        self.operation, found = node
        self.file: str | None = None if found is None else found[0]
        self.line: int | None = None if found is None else found[1]

    @property
    def source(self) -> str:
        """The line itself."""
        return "" if self.file is None or self.line is None else linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        what = "an input" if self.where == "input" else self.operation
        parts = [f"The first value that is not finite is in {self.where}: {what} gave {self.result}"]
        if self.file is not None:
            parts.append(f'  File "{self.file}", line {self.line}' + (f"\n    {self.source}" if self.source else ""))
        parts += [f"  {operand}" for operand in self.operands]
        held = " and ".join([operand.name for operand in self.operands if not operand.finite])
        if self.where == "forward" and held:
            parts.append(f"Its {held} held such values already, and has no history: look at how it was made.")
        if self.chain:
            steps = [name + (f" (line {place[1]})" if place else "") for name, place in self.chain]
            shown = steps if len(steps) <= 8 else [*steps[:4], "...", *steps[-3:]]
            parts.append("From there it went through " + " -> ".join(shown))
        return "\n".join(parts)

    __repr__ = __str__


def blame(x: Any, inputs: Any = None) -> Blame | None:
    """The operation that brought in the first NaN or infinity on the way to x, or on the way back from it.

    The forward pass is looked at first, in the values that the tape holds (what it does not hold is computed again
    from them, without running the program).  If all are finite, the gradients: a sweep towards the leaves (or
    `inputs`) that changes no `.grad` and keeps the graph.  None where everything is finite.

    Raises: GraphError for a tensor without history, or whose graph was freed by a backward (use `retain_graph=True`,
    or ask before).
    """
    if not isinstance(x, TensorBase):
        raise ArgumentError(f"blame(): argument 'x' must be Tensor, not {type(x).__name__}")
    if not x._flags & 1:
        raise GraphError("blame(): the tensor has no history; ask about a result that requires grad")
    if is_freed([x]):
        raise GraphError(
            "blame(): the graph was freed by a backward, and its values are gone: ask before backward, or call it with "
            "retain_graph=True"
        )
    found = blame_forward(x)
    return found if found is not None else blame_backward(x, inputs)


# ---------------------------------------------------------------- forward


def blame_forward(x: Any) -> Blame | None:
    """The first node, in the order in which they ran, whose result is not finite."""
    try:
        graph = recorded([x], "tensor")
    except UnsavedGraphError:
        return blame_saved(x)
    values = computed_values(graph)
    for node in graph.nodes:
        for nr in range(node.outputs):
            array = values.get((node.index, nr))
            if array is None or finite(array):
                continue
            guilty = hidden_source(graph, values, node) or node
            where = "input" if not guilty.inputs else "forward"
            result = Statistics(f"output {nr}" if node.outputs > 1 else "its result", array)
            place = (guilty.name, line_in(graph, guilty))
            return Blame(where, place, operands_of(graph, values, guilty), result, chain_in(graph, guilty))
    return None


def operands_of(graph: Graph, values: dict[tuple[int, int], Any], node: Any) -> list[Statistics]:
    """What is known of a node's operands."""
    operands = [
        Statistics(f"operand {i}", values[edge])
        for i, edge in enumerate(node.inputs) if edge is not None and edge in values
    ]  # fmt: skip
    constants = node.operands
    if node.kind == OPERATOR and node.saved is not None:
        constants = {**node.operands, **saved_constants(graph, node)}
    return operands + [Statistics(name, graph.values[k].array) for name, k in constants.items() if isinstance(k, int)]


def hidden_source(graph: Graph, values: dict[tuple[int, int], Any], node: Any) -> Any:
    """The first of the nodes before a bad one whose values are not known, if it is likelier the one to blame.

    It is where a custom Function is among them (whose argument the tape did not keep), or where the bad node only adds
    and moves elements, which brings in nothing.
    """
    hidden, waiting, seen = [], [node], {node.index}
    while waiting:
        for edge in waiting.pop().inputs:
            if edge is not None and edge not in values and edge[0] not in seen:
                seen.add(edge[0])
                hidden.append(graph.nodes[edge[0]])
                waiting.append(graph.nodes[edge[0]])
    if not hidden:
        return None
    functions = [other for other in hidden if other.kind == FUNCTION]
    if functions:
        return min(functions, key=lambda other: other.index)
    op = REGISTRY.get(node.operator) if node.kind == OPERATOR else None
    if op is not None and isinstance(op.kind, Linear):
        return min(hidden, key=lambda other: other.index)
    return None


def saved_constants(graph: Any, node: Any) -> dict[str, int]:
    """Tensors without history that a node saved: parameter name -> index of the value."""
    from_rule = node.every_operand(REGISTRY[node.operator])
    return {name: k for name, k in from_rule.items() if isinstance(k, int) and graph.values[k].node is None}


def finite(array: Any) -> bool:
    """Whether no element is NaN or infinite."""
    array = np.asarray(array)
    if array.dtype.kind == "V" or array.dtype.itemsize < 2:
        array = array.astype(np.float32) if array.dtype.kind in "Vf" else array
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def line_in(graph: Any, node: Any) -> tuple[str, int] | None:
    """File and line of a node of a recorded graph."""
    if node.line is None:
        return None
    entry = graph.lines[node.line]
    return entry[0], entry[1]


def chain_in(graph: Any, start: Any) -> list[Any]:
    """Names and lines of the nodes from `start` to the output, along the shortest way."""
    users: dict[int, list[Any]] = {}
    for node in graph.nodes:
        for edge in node.inputs:
            if edge is not None:
                users.setdefault(edge[0], []).append(node)
    last = {value.node for value in (graph.values[k] for k in graph.outputs)}
    came: dict[int, Any] = {start.index: None}
    waiting = [start]
    for node in waiting:
        if node.index in last:
            path = []
            while node is not None:
                path.append((node.name, line_in(graph, node)))
                node = came[node.index]
            return path[::-1][1:]
        for user in users.get(node.index, ()):
            if user.index not in came:
                came[user.index] = node
                waiting.append(user)
    return []


def blame_saved(x: Any) -> Blame | None:
    """The same for a graph that cannot be read as data: from what the nodes saved alone."""
    for node in sorted(nodes_behind(x), key=lambda node: node._seq):
        kept = []
        for k, value in enumerate(node._saved or ()):
            if value is not None and value.__class__ is not list and value.__class__ is not tuple:
                kept.append(Statistics(f"saved value {k}", raw_value(node, k)))
        if any(not s.finite for s in kept):
            bad = next(s for s in kept if not s.finite)
            return Blame("forward", (node_name(node), place_of(node)), kept, bad, [])
    return None


def nodes_behind(x: Any) -> list[Any]:
    """Every node of a graph."""
    seen, waiting = {x._node}, [x._node]
    while waiting:
        for target in waiting.pop()._inputs:
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    return list(seen)


def place_of(node: Any) -> tuple[str, int] | None:
    """File and line of a node of the tape."""
    return line_of(node._code, node._lasti)


# ---------------------------------------------------------------- backward


class Watch(Observer):
    """Notes the first rule that makes a gradient that is not finite out of one that is."""

    def __init__(self) -> None:
        self.found: Any = None
        self.path: list[Any] = []

    def begin(self, kind: str, subject: Any, args: Any) -> Any:
        """A rule begins."""
        return (subject, args) if kind is RULE and self.found is None else None

    def end(self, token: Any, result: Any) -> None:
        """It ended."""
        if token is None or result is None or self.found is not None:
            return
        node, g = token
        self.path.append((node_name(node), place_of(node)))
        arrived = [part for part in (g if g.__class__ in (list, tuple) else (g,)) if part is not None]
        for i, (target, sent) in enumerate(zip(node._inputs, result, strict=False)):
            if target is None or sent is None or finite(array_of(sent)):
                continue
            operands = [Statistics("the gradient that arrived", array_of(part)) for part in arrived]
            for k, kept in enumerate(node._saved or ()):
                if kept is not None and kept.__class__ is not list and kept.__class__ is not tuple:
                    operands.append(Statistics(f"saved value {k}", raw_value(node, k)))
            self.found = (node, operands, Statistics(f"the gradient of input {i}", array_of(sent)))
            return


def array_of(x: Any) -> Any:
    """The array of a tensor, or the array itself."""
    return x._array if isinstance(x, TensorBase) else x


def blame_backward(x: Any, inputs: Any) -> Blame | None:
    """The first rule of a private sweep that brings in a value that is not finite."""
    if inputs is None:
        ends = [(node, 0) for node in nodes_behind(x) if node.__class__ is AccumulateGrad]
    else:
        ends = [edge_of(t) for t in ((inputs,) if isinstance(inputs, TensorBase) else inputs)]
    root, nr = edge_of(x)
    roots = [(root, nr, np.ones_like(x._array))]
    watch = Watch()
    token = SWEEPER.set(observed_sweep)
    watch.open()
    try:
        observed_sweep(roots, True, False, Plan(roots, ends, False))
    finally:
        watch.close()
        SWEEPER.reset(token)
    if watch.found is None:
        return None
    node, operands, result = watch.found
    return Blame("backward", (node_name(node), place_of(node)), operands, result, watch.path[-2::-1][:8])


__all__ = ["Blame", "Statistics", "blame"]
