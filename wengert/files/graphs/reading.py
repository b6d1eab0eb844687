"""A graph file as a Graph: every word of it is checked before anything is made, and nothing of it is run."""

from __future__ import annotations

import io
import json
import os
import sys
from math import prod
from typing import Any

import numpy as np

from wengert.core.base.errors import WengertError
from wengert.core.operators.kinds import Composite
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.function import FunctionNode
from wengert.core.tape.hot_nodes import HOT
from wengert.files.archive import ArchiveReader
from wengert.files.graphs import graph as forms
from wengert.files.graphs.attributes import SIMPLE, Held, read
from wengert.files.graphs.graph import Graph, GraphFileError, GraphNode, Link, Saved, Value
from wengert.files.graphs.memory import Place, element_type, put_together
from wengert.files.graphs.writing import FORMAT, RECORD, VERSION

_LARGEST = 1 << 48
_TROUBLE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError, EOFError)


def read_graph(f: Any) -> Graph:
    """The graph in a file: a path, or a binary file that can be sought in.

    Nothing of it is run, and custom Functions are only names in it: see `Graph.restore`.

    Raises: GraphFileError for a damaged or hostile file, or another version of the format.
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return from_archive(ArchiveReader(file))
    return from_archive(ArchiveReader(f))


def from_archive(archive: ArchiveReader) -> Graph:
    """The graph in an archive."""
    if RECORD not in archive:
        raise GraphFileError(f"the file holds no graph: it has no record {RECORD!r}")
    try:
        return Reader(archive).graph
    except GraphFileError:
        raise
    except (*_TROUBLE, MemoryError) as error:
        if isinstance(error, WengertError) and not isinstance(error, _TROUBLE):
            raise
        raise GraphFileError(f"the graph file is damaged: {type(error).__name__}: {str(error)[:200]}") from None


def wrong(what: str) -> GraphFileError:
    """The error of a file that says what cannot be."""
    return GraphFileError(f"the graph file is damaged: {what}")


def number(x: Any, end: int, what: str) -> int:
    """A whole number from 0 up to `end`, which is left out."""
    if x.__class__ is not int or not 0 <= x < end:
        raise wrong(f"{what} is {str(x)[:40]!r}, not a number below {end}")
    return x


def text(x: Any, what: str, length: int = 4096) -> str:
    """Some text."""
    if x.__class__ is not str or len(x) > length:
        raise wrong(f"{what} is {str(x)[:40]!r}, not a short text")
    x.encode()  # half a character is no text
    return x


def sequence(x: Any, what: str) -> list[Any]:
    """A list."""
    if x.__class__ is not list:
        raise wrong(f"{what} is {str(x)[:40]!r}, not a list")
    return x


def shape_of(x: Any, what: str = "a shape") -> tuple[int, ...]:
    """A shape whose elements can be counted."""
    shape = tuple([number(n, _LARGEST, what) for n in sequence(x, what)])
    if len(shape) > 64 or prod([n for n in shape if n]) > _LARGEST:
        raise wrong(f"{what} {str(list(shape))[:80]} is absurd")
    return shape


class Reader:
    """Reads one archive."""

    def __init__(self, archive: ArchiveReader) -> None:
        self.archive, self.graph = archive, Graph()
        found = json.loads(archive.text(RECORD).decode(), parse_constant=refuse)
        if found.__class__ is not dict or found.get("format") != FORMAT:
            raise wrong(f"{RECORD} does not begin as a graph does")
        if found.get("version") != VERSION:
            raise GraphFileError(
                f"the graph file has version {str(found.get('version'))[:40]!r} of the format, this library reads "
                f"version {VERSION}: it was written by {str(found.get('library'))[:40]!r}"
            )
        self.foreign = found["byteorder"] != sys.byteorder
        if found["byteorder"] not in ("little", "big"):
            raise wrong("unknown byte order")
        self.found = found
        self.fill()

    def fill(self) -> None:
        """Everything, the simple parts first."""
        found, graph = self.found, self.graph
        if found["container"] not in ("tensor", "tuple", "list"):
            raise wrong("unknown container")
        graph.container = found["container"]
        graph.lines = [line_of(line) for line in sequence(found["lines"], "lines")]
        graph.counters = [
            [number(n, 1 << 62, "a version"), None if line is None else line_of(line)]
            for n, line in sequence(found["counters"], "counters")
        ]
        self.node_count = len(sequence(found["nodes"], "nodes"))
        self.value_count = len(sequence(found["values"], "values"))
        self.outputs_of = [
            number(node.get("outputs", 1), 1 << 24, "outputs") if node.__class__ is dict else 1
            for node in found["nodes"]
        ]
        self.values()
        for index, node in enumerate(found["nodes"]):
            graph.nodes.append(self.node(index, node))
        graph.outputs = [number(k, self.value_count, "an output") for k in sequence(found["outputs"], "outputs")]
        if not graph.outputs or (graph.container == "tensor" and len(graph.outputs) != 1):
            raise wrong("wrong count of outputs")
        self.check_histories()
        names = {int(k): text(name, "a name") for k, name in found["names"].items()}
        leaves = {node.index for node in graph.leaf_nodes()}
        graph.name_leaves({k: name for k, name in names.items() if k in leaves})

    # ------------------------------------------------------------ numbers

    def values(self) -> None:
        """The tensors, over pieces that are read when one of them lies there."""
        pieces = self.pieces()
        places = [self.place(value, len(pieces)) for value in self.found["values"]]
        for given, array in zip(self.found["values"], put_together(pieces, places), strict=True):
            value = Value(array)
            more = given[5] if len(given) > 5 else {}
            if "node" in more:
                node, nr = more["node"]
                value.node = number(node, self.node_count, "a node")
                value.nr = number(nr, self.outputs_of[value.node], "an output")
            if "counter" in more:
                value.counter = number(more["counter"], len(self.graph.counters), "a counter")
            if "name" in more:
                value.name = text(more["name"], "a name")
            value.device = text(more.get("device", "cpu" if given[0] >= 0 else "meta"), "a device", 40)
            value.leaf = more.get("leaf") is True
            self.graph.values.append(value)

    def place(self, given: Any, count: int) -> Place:
        """Where one tensor lies."""
        piece, offset, shape, strides, dtype = sequence(given, "a value")[:5]
        if piece != -1:
            number(piece, count, "a piece")
        shape = shape_of(shape)
        if strides is not None:
            strides = tuple(sequence(strides, "strides"))
            if len(strides) != len(shape) or not all(s.__class__ is int and abs(s) < 1 << 60 for s in strides):
                raise wrong("strides do not fit their shape")
        return Place(piece, number(offset, 1 << 60, "an offset"), shape, strides, element_type(dtype))

    def pieces(self) -> list[Any]:
        """The memory: small pieces cut out of their record, large ones from records of their own."""
        small: dict[str, Any] = {}
        out = []
        for index, entry in enumerate(sequence(self.found["pieces"], "pieces")):
            name, size, *start = sequence(entry, "a piece")
            dtype = element_type(name)
            number(size, _LARGEST, "the size of a piece")
            if not start:
                array = self.numbers(f"large/{index}.npy", dtype)
                if array.size != size:
                    raise wrong(f"large/{index}.npy has {array.size} elements, {size} are named")
            else:
                if name not in small:
                    small[name] = self.numbers(f"small/{name}.npy", dtype)
                first = number(start[0], small[name].size + 1, "the start of a piece")
                if first + size > small[name].size:
                    raise wrong(f"a piece reaches past the end of small/{name}.npy")
                array = small[name][first : first + size].copy()
            out.append(array)
        return out

    def numbers(self, name: str, dtype: Any) -> Any:
        """A `.npy` record of one dimension."""
        raw = self.archive.array(name)
        head = io.BytesIO(raw[:16384].tobytes())
        version = np.lib.format.read_magic(head)
        if version != (1, 0):
            raise wrong(f"{name} has version {version} of NumPy's format")
        shape, fortran, given = np.lib.format.read_array_header_1_0(head)
        if given.hasobject or len(shape) != 1 or fortran or given.itemsize != dtype.itemsize:
            raise wrong(f"{name} holds {given} of shape {shape}")
        data = raw[head.tell() :]
        if shape[0] < 0 or data.size != shape[0] * given.itemsize:
            raise wrong(f"{name} has {data.size} bytes of data, its header names {shape[0]} elements of {given}")
        if head.tell() % 16:
            data = data.copy()
        if self.foreign:
            unit = dtype.itemsize // (2 if dtype.kind == "c" else 1)
            data = np.ascontiguousarray(data.reshape(-1, unit)[:, ::-1]).reshape(-1)
        return data.view(dtype)

    # ------------------------------------------------------------ nodes

    def node(self, index: int, given: Any) -> GraphNode:
        """One node."""
        kind = given["kind"]
        if kind not in forms.KINDS:
            raise wrong(f"unknown kind of node {str(kind)[:40]!r}")
        name = text(given["name"], "the name of a node", 200)
        if not name.isidentifier():
            raise wrong(f"a node cannot be named {name[:40]!r}")
        node = GraphNode(index, kind, name, text(given.get("operator", ""), "an operator"))
        if kind == forms.LEAF:
            return self.leaf(node, given)
        node.inputs = tuple([self.edge(edge, index) for edge in sequence(given["inputs"], "inputs")])
        node.hot = given.get("hot") is True
        node.outputs = self.outputs_of[index]
        if "fits" in given:
            node.fits = tuple([fit_of(fit) for fit in sequence(given["fits"], "fits")])
            if len(node.fits) != len(node.inputs):
                raise wrong("a node has more or fewer fits than inputs")
        self.contents(node, given)
        if "metas" in given:
            node.metas = tuple([fit_of(meta) for meta in sequence(given["metas"], "metas")])
            if len(node.metas) != node.outputs or any(half(meta) for meta in node.metas):
                raise wrong("a node has more or fewer results than it says")
        if "line" in given:
            node.line = number(given["line"], len(self.graph.lines), "a line")
        for key, k in given.get("operands", {}).items():
            several = k.__class__ is list
            node.operands[key] = [self.number_of(j) for j in k] if several else self.number_of(k)
        shape = given.get("shape")
        many = shape.__class__ is list and bool(shape) and shape[0].__class__ is list
        node.shape = None if shape is None else [shape_of(s) for s in shape] if many else shape_of(shape)
        getattr(self, kind)(node, given.get("state", {}))
        return node

    def contents(self, node: GraphNode, given: Any) -> None:
        """What a node saved, and its arguments."""
        if given.get("freed") is True:
            node.saved = None
        else:
            node.saved = tuple([self.entry(entry, node) for entry in sequence(given.get("saved", []), "saved values")])
        arguments = sequence(given.get("arguments", []), "arguments")
        for x in arguments:
            if x.__class__ not in SIMPLE:
                arguments = self.checked([read(x) for x in arguments], node.index)
                break
        node.arguments = tuple(arguments)

    def leaf(self, node: GraphNode, given: Any) -> GraphNode:
        """The node of a leaf; leaves stand first."""
        if node.index and self.graph.nodes[node.index - 1].kind != forms.LEAF:
            raise wrong("a leaf stands behind another node")
        node.name = "AccumulateGrad"
        value = self.number_of(given["value"])
        if self.graph.values[value].node != node.index or self.graph.values[value].array.dtype.kind not in "fcV":
            raise wrong("the value of a leaf is not its own")
        node.state = {"value": value, "mark": text(given["mark"], "a mark", 200)}
        if given.get("parameter") is True:
            node.state["parameter"] = True
        return node

    def edge(self, edge: Any, index: int) -> Any:
        """An input: None, or an earlier node and one of its outputs (so there are no circles)."""
        if edge is None:
            return None
        node, nr = sequence(edge, "an edge")
        return number(node, index, "an edge to an earlier node"), number(nr, self.outputs_of[node], "an output")

    def number_of(self, k: Any) -> int:
        """A value's place."""
        return number(k, self.value_count, "a value")

    def checked(self, given: Any, index: int) -> Any:
        """Attributes whose tensors are there, and come from no node behind that which has them."""
        for k in tensors_in(given):
            source = self.graph.values[self.number_of(k)].node
            if source is not None and source > index:
                raise wrong(f"node {index} refers to a value of the later node {source}")
        return given

    def entry(self, entry: Any, node: GraphNode) -> Any:
        """A saved value."""
        if entry is None:
            return None
        if "list" in entry or "results" in entry:
            several = "list" in entry
            parts = [self.entry(x, node) for x in sequence(entry["list" if several else "results"], "saved values")]
            for part in parts:
                if (
                    part.__class__ is not Saved
                    and (several or part is not None)
                    or part
                    and (part.nr is None) != several
                ):
                    raise wrong("saved values of two kinds in one place")
            return parts if several else tuple(parts)
        nr = entry.get("result")
        return Saved(
            self.number_of(entry["value"]),
            number(entry.get("version", 0), 1 << 62, "a version"),
            None if nr is None else number(nr, node.outputs, "an output"),
        )

    def operator(self, node: GraphNode, state: Any) -> None:
        """The node of an operator: there must be one that fits."""
        op: Any = REGISTRY.get(node.operator)
        if op is None or not op.kind.differentiable or isinstance(op.kind, Composite):
            raise GraphFileError(
                f"the graph file names the operator {node.operator[:80]!r}, which this library has not"
            )
        if node.hot and op.name not in HOT:
            raise wrong(f"{op.name} has no such node")
        if len(node.arguments) > len(op.params):
            raise wrong(f"{op.name} has more arguments than parameters")
        if op.many < 0 and len(node.inputs) > len(op.arrays):
            raise wrong(f"{op.name} has {len(node.inputs)} inputs, it takes {len(op.arrays)} tensors")
        if node.saved is not None and len(node.saved) != len(op.saves):
            raise wrong(f"{op.name} saved {len(node.saved)} values, its rule needs {len(op.saves)}")
        if node.metas is None and node.outputs != 1:
            raise wrong(f"{op.name} has one result")
        if not node.hot and not node.arguments:
            raise wrong(f"{op.name} has no arguments")

    def strided(self, node: GraphNode, state: Any) -> None:
        """A view made anew on a rewritten base."""
        node.state = {"chain": self.chain(state, node.index), "shape": shape_of(state["shape"])}

    def slices(self, node: GraphNode, state: Any) -> None:
        """A write through a view."""
        inner = number(state["inner"], node.index, "the inner node of a write")
        if self.graph.nodes[inner].kind not in (forms.OPERATOR, forms.FUNCTION):
            raise wrong("the inner node of a write is no operation")
        node.state = {"chain": self.chain(state, node.index), "inner": inner}

    def error(self, node: GraphNode, state: Any) -> None:
        """The end of what can be differentiated."""

    def chain(self, state: Any, index: int) -> list[Link]:
        """The views between a base and a view."""
        out = []
        for name, given, nr, shape, outputs in sequence(state["chain"], "a chain of views"):
            op = REGISTRY.get(text(name, "a view"))
            if op is None or not op.kind.view:
                raise GraphFileError(f"the graph file names the view {name[:80]!r}, which this library has not")
            arguments = self.checked(tuple([read(x) for x in sequence(given, "arguments")]), index)
            if len(arguments) != len(op.params):
                raise wrong(f"{name} has more or fewer arguments than parameters")
            if outputs.__class__ is not int or not -1 <= outputs < 1 << 24:
                raise wrong("a view of an unknown count of results")
            out.append(Link(name, arguments, number(nr, 1 << 24, "an output"), shape_of(shape), outputs))
        return out

    def function(self, node: GraphNode, state: Any) -> None:
        """The call of a custom Function."""
        context = {}
        for name, value in state["context"].items():
            if not name.isidentifier() or (hasattr(FunctionNode, name) and name != "materialize_grads"):
                raise wrong(f"a context cannot have the attribute {name[:80]!r}")
            context[name] = self.checked(read(value), node.index)
        needs = tuple([x is True for x in sequence(state["needs"], "inputs that need a gradient")])
        places = state["places"]
        if places is not None:
            places = tuple([number(i, len(needs), "a place") for i in sequence(places, "places")])
        fits = [fit_of(fit) for fit in sequence(state["fits"], "fits")]
        if len(fits) != len(node.inputs) or any(fit is None or half(fit) for fit in fits):
            raise wrong("a call has more or fewer tensors than inputs")
        if node.metas is None:
            raise wrong("a call without results")
        node.state = {"fits": fits, "places": places, "needs": needs, "context": context}
        if "given" in state:
            node.state["given"] = {k: self.checked(read(x), node.index) for k, x in state["given"].items()}

    def check_histories(self) -> None:
        """No value may come from a node behind the one that saved it, and a leaf's tensor only from a leaf."""
        values, nodes = self.graph.values, self.graph.nodes
        for value in values:
            if value.leaf and (value.node is None or nodes[value.node].kind != forms.LEAF):
                raise wrong("a tensor is called a leaf and is none")
        for node in nodes:
            if not node.saved:
                continue
            for entry in flat(node.saved):
                source = values[entry.value].node
                if (
                    source is not None
                    and entry.nr is None
                    and source >= node.index
                    and nodes[source].kind != forms.LEAF
                ):
                    raise wrong(f"node {node.index} saved a value of the later node {source}")


def flat(saved: Any) -> list[Saved]:
    """Every saved value."""
    out: list[Saved] = []
    for entry in saved or ():
        out.extend(flat(entry) if entry.__class__ in (tuple, list) else [] if entry is None else [entry])
    return out


def tensors_in(given: Any) -> list[int]:
    """The numbers of the tensors among attributes."""
    if isinstance(given, Held):
        return [given.value]
    if given.__class__ is dict:
        given = given.values()
    elif given.__class__ not in (tuple, list):
        return []
    return [k for x in given if x.__class__ not in SIMPLE for k in tensors_in(x)]


def fit_of(fit: Any) -> Any:
    """Shape and dtype, each of which may be missing."""
    if fit is None:
        return None
    shape, dtype = sequence(fit, "a fit")
    return None if shape is None else shape_of(shape), None if dtype is None else element_type(dtype)


def half(fit: Any) -> bool:
    """Whether shape or dtype is missing (a dtype may not be asked with `in`: to NumPy None is one)."""
    return fit is not None and (fit[0] is None or fit[1] is None)


def line_of(line: Any) -> tuple[str, int, str]:
    """A line of the user's program."""
    file, place, function = sequence(line, "a line")
    return text(file, "a file"), number(place, 1 << 30, "a line's number"), text(function, "a function")


def refuse(constant: str) -> Any:
    """JSON has no infinities."""
    raise wrong(f"{constant} is no number of JSON")


__all__ = ["from_archive", "read_graph"]
