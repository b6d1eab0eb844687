"""A directed graph as DOT text, with the methods by which programs use `graphviz.Digraph`."""

import copy
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
    """Directed graph, line by line: `body` holds the lines, `graph_attr`, `node_attr`, `edge_attr` the defaults.

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
        self.defaults: dict[str, dict[str, str]] = {}

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
            self.defaults.setdefault(kw.lower(), {}).update(given)

    def clear(self, keep_attrs: bool = False) -> None:
        """Take all lines out, and the defaults too unless `keep_attrs`."""
        if not keep_attrs:
            for defaults in (self.graph_attr, self.node_attr, self.edge_attr):
                defaults.clear()
        for held in (self.body, self.boxes, self.arrows, self.defaults):
            held.clear()

    def copy(self) -> "Digraph":
        """A graph of the same lines that can be changed on its own."""
        return copy.deepcopy(self)

    def __iter__(self) -> Iterator[str]:
        """Lines of the DOT text."""
        if self.comment:
            yield from (f"// {line}\n" for line in self.comment.splitlines())
        yield f"{'strict ' if self.strict else ''}digraph {quoted(self.name) + ' ' if self.name else ''}{{\n"
        for kind, given in (("graph", self.graph_attr), ("node", self.node_attr), ("edge", self.edge_attr)):
            if given:
                yield f"\t{kind}{attribute_list(dict(sorted(given.items())))}\n"
        yield from (line if line.endswith("\n") else f"{line}\n" for line in self.body)
        yield "}\n"

    @property
    def source(self) -> str:
        """The DOT text."""
        return "".join(self)

    def __str__(self) -> str:
        return self.source

    @property
    def filepath(self) -> str:
        """Where `save` writes."""
        return str(Path(self.directory, self.filename))

    def save(self, filename: Any = None, directory: Any = None, *, skip_existing: bool | None = False) -> str:
        """Write the DOT text; return the path, which later calls use unless told otherwise."""
        if filename is not None:
            self.filename = str(filename)
        if directory is not None:
            self.directory = str(directory)
        path = Path(self.filepath)
        if not (skip_existing and path.exists()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.source, encoding=self.encoding)
        return str(path)

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        renderer: str | None = None,
        formatter: str | None = None,
        neato_no_op: bool | int | None = None,
        quiet: bool = False,
        quiet_view: bool = False,
        *,
        outfile: Any = None,
        engine: str | None = None,
        raise_if_result_exists: bool = False,
        overwrite_source: bool = False,
    ) -> str:
        """Write the DOT text to `filename` and the picture beside it; return the path of the picture.

        The picture is called as the text with `.format` behind it, or `outfile`, whose ending then tells the format;
        the text then goes beside it with the ending `.gv`. `cleanup` deletes the text. `view` is accepted and opens
        nothing, nor do the arguments for Graphviz's plug-ins change anything.

        Raises FileExistsError for a picture that is there if `raise_if_result_exists`, and what `draw` raises.
        """
        if outfile is not None:
            target = Path(outfile)
            if filename is None:
                filename, directory = target.with_suffix(".gv").name, target.parent
            format = format or target.suffix.removeprefix(".") or None
        chosen = (format or self.format).lower()
        text = self.save(filename, directory)
        path = Path(outfile) if outfile is not None else Path(f"{text}.{chosen}")
        if raise_if_result_exists and path.exists():
            raise FileExistsError(f"output file exists: {str(path)!r}")
        path.write_bytes(self.drawn(chosen, engine))
        if cleanup and path != Path(text):
            Path(text).unlink()
        return str(path)

    def view(
        self,
        filename: Any = None,
        directory: Any = None,
        cleanup: bool = False,
        quiet: bool = False,
        quiet_view: bool = False,
    ) -> str:
        """Write text and picture as `render` does; return the path of the picture. No viewer is opened."""
        return self.render(filename, directory, cleanup=cleanup)

    def pipe(
        self,
        format: str | None = None,
        renderer: str | None = None,
        formatter: str | None = None,
        neato_no_op: bool | int | None = None,
        quiet: bool = False,
        *,
        engine: str | None = None,
        encoding: str | None = None,
    ) -> Any:
        """The picture as bytes, or as text if an `encoding` is given."""
        picture = self.drawn((format or self.format).lower(), engine)
        return picture if encoding is None else picture.decode(encoding)

    def drawn(self, format: str, engine: str | None = None) -> bytes:
        """The graph in `format`."""
        if format in SOURCE_FORMATS:
            return self.source.encode(self.encoding)
        box = {**self.node_attr, **self.defaults.get("node", {})}
        arrow = {**self.edge_attr, **self.defaults.get("edge", {})}
        boxes = {name: {**box, **given} for name, given in self.boxes.items()}
        arrows = [(tail, head, {**arrow, **given}) for tail, head, given in self.arrows]
        return draw(self.source, boxes, arrows, format, engine or self.engine)

    def _repr_svg_(self) -> str:
        return self.drawn("svg").decode("utf-8")

    _repr_image_svg_xml = _repr_svg_


def attributes(label: str | None, given: Mapping[str, Any], more: Mapping[str, Any] | None) -> dict[str, str]:
    """Attributes of one statement in the order in which they are written."""
    first = {} if label is None else {"label": label}
    return {key: str(value) for key, value in {**first, **given, **(more or {})}.items() if value is not None}


def assignments(given: Mapping[str, str]) -> list[str]:
    """Attributes as `key=value`."""
    return [f"{quoted(key)}={quoted(value)}" for key, value in given.items()]


def attribute_list(given: Mapping[str, str]) -> str:
    """Attributes as DOT writes them behind a name; nothing for none."""
    return f" [{' '.join(assignments(given))}]" if given else ""


def quoted(name: str) -> str:
    """`name` as an identifier of DOT: bare where DOT allows it, markup between angle brackets left alone."""
    name = str(name)
    if MARKUP.fullmatch(name) or (PLAIN.fullmatch(name) and name.lower() not in KEYWORDS):
        return name
    # A backslash begins one of DOT's own escapes and stays; only a quote without one would end the text.
    inner = re.sub(r'(?<!\\)((?:\\\\)*)"', r'\1\\"', name)
    if (len(inner) - len(inner.rstrip("\\"))) % 2:
        inner += "\\"
    return f'"{inner}"'
