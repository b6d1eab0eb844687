"""Replacing every occurrence of a pattern in a graph by something else (`torch.fx.replace_pattern`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from wengert.fx._symbolic_trace import symbolic_trace
from wengert.fx.graph import Graph
from wengert.fx.graph_module import GraphModule, copy_attribute
from wengert.fx.node import Node, map_arg


class Match(NamedTuple):
    """An occurrence: the node of the graph that ends it, and pattern's node -> graph's node."""

    anchor: Node
    nodes_map: dict[Node, Node]


def graph_of(pattern: Any) -> Graph:
    """The graph of a GraphModule, a Graph, a module or a function."""
    if isinstance(pattern, GraphModule):
        return pattern.graph
    return pattern if isinstance(pattern, Graph) else symbolic_trace(pattern).graph


def results_of(graph: Graph) -> list[Node]:
    """The nodes that a graph returns."""
    return graph.output_node().all_input_nodes


class Matcher:
    """Looks for one pattern in one graph."""

    def __init__(self, module: GraphModule, pattern: Graph) -> None:
        self.module, self.pattern = module, pattern
        self.ends = results_of(pattern)

    def at(self, anchor: Node) -> dict[Node, Node] | None:
        """The occurrence that ends in `anchor`; None if there is none."""
        found: dict[Node, Node] = {}
        if len(self.ends) != 1 or not self.same(self.ends[0], anchor, found):
            return None
        inner = {node for p, node in found.items() if p.op not in ("placeholder", "get_attr")}
        for node in inner - {anchor}:
            if any(user not in inner for user in node.users):
                return None
        return found

    def same(self, p: Any, g: Any, found: dict[Node, Node]) -> bool:
        """Whether a value of the pattern stands for one of the graph."""
        if not isinstance(p, Node):
            return self.same_value(p, g, found)
        if p in found:
            return found[p] is g
        if p.op == "placeholder":
            found[p] = g
            return True
        if not isinstance(g, Node) or p.op != g.op or p.target != g.target:
            return False
        found[p] = g
        return self.same(p.args, g.args, found) and self.same(dict(p.kwargs), dict(g.kwargs), found)

    def same_value(self, p: Any, g: Any, found: dict[Node, Node]) -> bool:
        """`same` of nested values without nodes at the top."""
        if isinstance(p, (list, tuple)):
            fits = isinstance(g, (list, tuple)) and len(p) == len(g)
            return fits and all(self.same(a, b, found) for a, b in zip(p, g, strict=True))
        if isinstance(p, dict):
            fits = isinstance(g, dict) and p.keys() == g.keys()
            return fits and all(self.same(p[key], g[key], found) for key in p)
        return type(p) is type(g) and bool(p == g)


def replace_pattern(gm: GraphModule, pattern: Any, replacement: Any) -> list[Match]:
    """Replace each occurrence of `pattern` in `gm` by `replacement`; the occurrences.

    Pattern and replacement are functions or modules of the same inputs.  An occurrence whose inner results are used
    elsewhere is left; occurrences that overlap are replaced from the beginning.
    """
    return replaced(gm, graph_of(pattern), replacement, [])


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Any,
    replacement: Any,
    match_filters: list[Callable[..., bool]] | None = None,
    **options: Any,
) -> list[Match]:
    """`replace_pattern` of the occurrences that every filter agrees to: filter(match, graph, pattern graph)."""
    return replaced(gm, graph_of(pattern), replacement, match_filters or [])


def replaced(gm: GraphModule, pattern: Graph, replacement: Any, filters: list[Callable[..., bool]]) -> list[Match]:
    """The work of `replace_pattern`."""
    if not isinstance(replacement, (GraphModule, Graph)):
        replacement = symbolic_trace(replacement)
    new = graph_of(replacement)
    matcher = Matcher(gm, pattern)
    taken: set[Node] = set()
    matches = []
    for node in list(gm.graph.nodes):
        found = matcher.at(node)
        if found is None or not all(keep(Match(node, found), gm.graph, pattern) for keep in filters):
            continue
        inner = {g for p, g in found.items() if p.op != "placeholder" and isinstance(g, Node)}
        if inner & taken:
            continue
        taken |= inner
        matches.append(Match(node, found))
    stands_for: dict[Any, Any] = {}
    for match in matches:
        insert(gm, match, pattern, new, stands_for)
    if isinstance(replacement, GraphModule):
        for node in new.nodes:
            if node.op in ("get_attr", "call_module"):
                copy_attribute(replacement, gm, node.target)
    gm.recompile()
    return matches


def insert(gm: GraphModule, match: Match, pattern: Graph, new: Graph, stands_for: dict[Any, Any]) -> None:
    """Put the replacement in the place of one occurrence.

    stands_for: node that was replaced -> its replacement, for occurrences that begin where another ended.
    """
    inputs = [match.nodes_map[p] for p in pattern.nodes if p.op == "placeholder" and p in match.nodes_map]
    given = [node for node in new.nodes if node.op == "placeholder"]
    assert len(inputs) == len(given), "pattern and replacement need the same inputs"
    known = {p: stands_for.get(value, value) for p, value in zip(given, inputs, strict=True)}
    with gm.graph.inserting_before(match.anchor):
        for node in new.nodes:
            if node.op not in ("placeholder", "output"):
                known[node] = gm.graph.node_copy(node, lambda n: known[n])
    result = map_arg(new.output_node().args[0], lambda n: known[n])
    match.anchor.replace_all_uses_with(result)
    stands_for[match.anchor] = result
    for p in reversed(pattern.nodes):
        old = match.nodes_map.get(p)
        if p.op not in ("placeholder", "output") and isinstance(old, Node) and not old.users:
            gm.graph.erase_node(old)


__all__ = ["Match", "replace_pattern", "replace_pattern_with_filters"]
