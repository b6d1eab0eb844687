"""A directed graph as DOT text, with the methods by which programs use `graphviz.Digraph`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.tools.drawing import draw

__all__ = ["Digraph"]

PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*|-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)")
MARKUP = re.compile(r"<.*>", re.DOTALL)
KEYWORDS = frozenset({"node", "edge", "graph", "digraph", "subgraph", "strict"})
SOURCE_FORMATS = ("dot", "gv")


class Digraph:
    """Directed graph, written line by line: `body` holds the lines, `graph_attr`, `node_attr`, `edge_attr` the defaults.

    Methods, arguments and defaults are those of `graphviz.Digraph`, with two differences: a picture needs no `dot`
    program (see `wengert.tools.drawing.draw`), and `view` only writes the file. Lines that a program puts into `body`
    itself reach Graphviz, but not the small drawing of our own.
    """

    def __init__(
        self,
        name: str | None = None,
        comment: str | None = None,
        filename: Any = None,
        directory: Any = None,
        format: str | None = None,
        engine: str | None = None,
        encoding: str | None = "utf-8",
        graph_attr: Mapping[str, str] | None = None,
        node_attr: Mapping[str, str] | None = None,
        edge_attr: Mapping[str, str] | None = None,
        body: Iterable[str] | None = None,
        strict: bool = False,
    ):
        self.name, self.comment, self.strict = name, comment, strict
        self.filename = str(filename) if filename is not None else f"{name or 'Digraph'}.gv"
        self.directory = str(directory) if directory is not None else ""
        self.format = format if format is not None else "pdf"
        self.engine = engine if engine is not None else "dot"
        self.encoding = encoding or "utf-8"
        self.graph_attr = dict(graph_attr or {})
        self.node_attr = dict(node_attr or {})
        self.edge_attr = dict(edge_attr or {})
        self.body = list(body or ())
        self.boxes: dict[str, dict[str, str]] = {}
        self.arrows: list[tuple[str, str, dict[str, str]]] = []

    def node(
        self, name: str, label: str | None = None, _attributes: Mapping[str, str] | None = None, **attrs: str
    ) -> None:
        """Add a box, or more attributes to one that is there."""
        given = attributes(label, attrs, _attributes)
        self.boxes.setdefault(name, {}).update(given)
        self.body.append(f"\t{quoted(name)}{attribute_list(given)}\n")

    def edge(
        self,
        tail_name: str,
        head_name: str,
        label: str | None = None,
        _attributes: Mapping[str, str] | None = None,
        **attrs: str,
    ) -> None:
        """Add an arrow; a name may carry a port behind a colon."""
        given = attributes(label, attrs, _attributes)
        ends = [name.partition(":")[0] for name in (tail_name, head_name)]
        for end in ends:
            self.boxes.setdefault(end, {})
        self.arrows.append((ends[0], ends[1], given))
        tail, head = (":".join(map(quoted, name.split(":"))) for name in (tail_name, head_name))
        self.body.append(f"\t{tail} -> {head}{attribute_list(given)}\n")

    def edges(self, tail_head_iter: Iterable[Any]) -> None:
        """Add an arrow for each pair of names."""
        for tail, head in tail_head_iter:
            self.edge(tail, head)

    def attr(self, kw: str | None = None, _attributes: Mapping[str, str] | None = None, **attrs: str) -> None:
        """Add a line of defaults for `kw`, one of "graph", "node" and "edge"; without `kw`, for the graph itself."""
        if kw is not None and kw.lower() not in ("graph", "node", "edge"):
            raise ArgumentError(f"attr statement must target graph, node, or edge: got {kw!r}")
        given = attributes(None, attrs, _attributes)
        if not given:
            return
        if kw is None:
            self.body.append("\t" + " ".join(assignments(given)) + "\n")
        else:
            self.body.append(f"\t{kw}{attribute_list(given)}\n")
        {"node": self.default_box, "edge": self.default_arrow}.get(str(kw).lower(), {}).update(given)

    @property
    def default_box(self) -> dict[str, str]:
        """Attributes of a box that says nothing else, for the drawing of our own."""
        return self.boxes.setdefault(DEFAULT, {})

    @property
    def default_arrow(self) -> dict[str, str]:
        """Attributes of an arrow that says nothing else, for the drawing of our own."""
        return self.boxes.setdefault(DEFAULT, {})
