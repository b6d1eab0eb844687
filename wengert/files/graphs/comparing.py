"""The first place where two graphs differ: operator, attribute, edge or value, with the line of the program."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.files.graphs import graph as forms
from wengert.files.graphs.attributes import written
from wengert.files.graphs.graph import Graph, GraphNode, described
from wengert.files.graphs.operands import BASE
from wengert.files.graphs.replaying import computed_values


class Difference:
    """Where two graphs begin to differ.

    index: of the node (-1: the outputs).  what: "operator", "attribute NAME", "inputs", "operand NAME", "value",
    "missing" or "outputs".  a, b: what stands there in each graph.  place_a, place_b: the user's lines.  position: of
    the first element that differs, ulps: by how many representable numbers (None where that means nothing).
    """

    def __init__(self, index: int, what: str, node: str, a: Any, b: Any, places: tuple[str, str]) -> None:
        self.index, self.what, self.node, self.a, self.b = index, what, node, a, b
        self.place_a, self.place_b = places
        self.position: tuple[int, ...] | None = None
        self.ulps: int | None = None

    def __str__(self) -> str:
        lines = [f"the graphs first differ at node %{self.index} ({self.node}): {self.what}"]
        if self.index < 0:
            lines = [f"the graphs differ in their {self.what}"]
        shown = [shown_value(x, self.position) for x in (self.a, self.b)]
        for label, value, place in zip("ab", shown, (self.place_a, self.place_b), strict=True):
            lines.append(f"  {label}: {value}" + (f"   {place}" if place else ""))
        if self.position is not None:
            off = "" if self.ulps is None else f", {self.ulps} ulp apart"
            lines.append(f"  first at element {list(self.position)}{off}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Difference at %{self.index}: {self.what}>"


def shown_value(x: Any, position: Any) -> str:
    """One side of a difference."""
    if not isinstance(x, np.ndarray):
        return repr(x)
    if position is None:
        return described(x)
    element = x[position]
    return f"{described(x)} with {element.item()!r}" if hasattr(element, "item") else described(x)


def compare(a: Graph, b: Graph) -> Difference | None:
    """The first difference in the order of the nodes, None for graphs that are the same to the bit."""
    values_a, values_b = computed_values(a), computed_values(b)
    for node, other in zip(a.nodes, b.nodes, strict=False):
        found = structure(a, b, node, other) or operands(a, b, node, other)
        found = found or results(a, b, node, other, values_a, values_b)
        if found is not None:
            return found
    if len(a.nodes) != len(b.nodes):
        longer, k = (a, len(b.nodes)) if len(a.nodes) > len(b.nodes) else (b, len(a.nodes))
        node, place = longer.nodes[k], longer.place(longer.nodes[k])
        text = longer.text(node)
        if longer is a:
            return Difference(k, "missing", node.name, text, None, (place, ""))
        return Difference(k, "missing", node.name, None, text, ("", place))
    return outputs(a, b)


def differing(a: Graph, b: Graph, node: GraphNode, other: GraphNode, what: str, x: Any, y: Any) -> Difference:
    """A difference at a node."""
    name = node.name if node.name == other.name else f"{node.name} / {other.name}"
    return Difference(node.index, what, name, x, y, (a.place(node), b.place(other)))


def structure(a: Graph, b: Graph, node: GraphNode, other: GraphNode) -> Difference | None:
    """Operator, attributes and edges."""
    if (node.kind, node.operator) != (other.kind, other.operator):
        return differing(a, b, node, other, "operator", a.text(node), b.text(other))
    if node.inputs != other.inputs:
        return differing(a, b, node, other, "inputs", node.inputs, other.inputs)
    mine, theirs = node.attributes, other.attributes
    for name in {**mine, **theirs}:
        if name not in mine or name not in theirs or written(mine[name]) != written(theirs[name]):
            return differing(a, b, node, other, f"attribute {name}", mine.get(name), theirs.get(name))
    views = [[(x.operator, written(x.arguments), x.nr) for x in n.state.get("chain", ())] for n in (node, other)]
    if views[0] != views[1]:
        return differing(a, b, node, other, "views", *views)
    contexts = [{k: written(v) for k, v in n.state.get("context", {}).items()} for n in (node, other)]
    for name in {**contexts[0], **contexts[1]}:
        x, y = contexts[0].get(name), contexts[1].get(name)
        if x != y and not (x.__class__ is dict and y.__class__ is dict and "tensor" in x and "tensor" in y):
            return differing(a, b, node, other, f"attribute {name}", x, y)
    return None


def operands(a: Graph, b: Graph, node: GraphNode, other: GraphNode) -> Difference | None:
    """Operands without history, as far as both graphs kept them."""
    if node.kind == forms.OPERATOR:
        op = forms.operator_of(node)
        mine, theirs = node.every_operand(op), other.every_operand(op)
    else:
        mine, theirs = node.operands, other.operands
    for name in mine:
        if name not in theirs or mine[name].__class__ is list:
            continue
        x, y = a.values[mine[name]], b.values[theirs[name]]
        if x.node is None and y.node is None and name != BASE:
            found = unequal(x.array, y.array)
            if found is not None:
                return located(differing(a, b, node, other, f"operand {name}", x.array, y.array), found)
    return None


def results(
    a: Graph, b: Graph, node: GraphNode, other: GraphNode, values_a: dict[Any, Any], values_b: dict[Any, Any]
) -> Difference | None:
    """What the node gave."""
    for nr in range(node.outputs):
        x, y = values_a.get((node.index, nr)), values_b.get((other.index, nr))
        if x is None or y is None:
            continue
        found = unequal(x, y)
        if found is not None:
            return located(differing(a, b, node, other, "value", x, y), found)
    return None


def outputs(a: Graph, b: Graph) -> Difference | None:
    """What the graphs return."""
    ends = [[(g.values[k].node, g.values[k].nr) for k in g.outputs] for g in (a, b)]
    if ends[0] != ends[1]:
        return Difference(-1, "outputs", "", ends[0], ends[1], ("", ""))
    for j, k in zip(a.outputs, b.outputs, strict=True):
        x, y = a.values[j].array, b.values[k].array
        found = unequal(x, y)
        if found is not None:
            return located(Difference(-1, "outputs", "", x, y, ("", "")), found)
    return None


def located(difference: Difference, found: Any) -> Difference:
    """A difference between arrays with the place of its first element."""
    difference.position, difference.ulps = found
    return difference


def unequal(x: Any, y: Any) -> Any:
    """None for arrays that are the same to the bit, else the position of the first difference and its size in ulp."""
    if x is y:
        return None
    if x.shape != y.shape or x.dtype != y.dtype:
        return None, None
    if not isinstance(x, np.ndarray):
        return None
    bits = [np.ascontiguousarray(v).reshape(-1).view(np.uint8).reshape(v.size, v.itemsize) for v in (x, y)]
    rows = np.flatnonzero((bits[0] != bits[1]).any(1))
    if not rows.size:
        return None
    place = np.unravel_index(rows[0], x.shape)
    return tuple([int(i) for i in place]), ulps_between(x[place], y[place])


def ulps_between(x: Any, y: Any) -> int | None:
    """How many steps of the floating-point numbers lie between two of them."""
    if x.dtype.kind == "c" or x.dtype.kind not in "fV" or not (np.isfinite(x) and np.isfinite(y)):
        return None
    kind = np.dtype(f"i{x.dtype.itemsize}")
    ends = []
    for v in (x, y):
        n = int(np.asarray(v).view(kind)[()])
        ends.append(n if n >= 0 else -(n & ((1 << (8 * x.dtype.itemsize - 1)) - 1)))
    return abs(ends[0] - ends[1])


__all__ = ["Difference", "compare", "unequal"]
