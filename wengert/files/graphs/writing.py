"""A Graph as a file: `graph.json` for the structure, `.npy` records for the numbers, in one plain zip archive.

Small pieces of memory of one dtype stand together in `small/DTYPE.npy`, each large one alone in `large/NUMBER.npy`;
`numpy.load` reads all of them.  bfloat16 and the eight-bit floats are written as the unsigned integers of their bits.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.files.archive import ArchiveWriter, AtomicFile
from wengert.files.graphs import graph as forms
from wengert.files.graphs.attributes import SIMPLE, written
from wengert.files.graphs.graph import Graph, GraphNode, Saved, Value
from wengert.files.graphs.memory import Place, taken_apart
from wengert.version import __version__

FORMAT, VERSION = "wengert graph", 1
RECORD = "graph.json"
SMALL = 4096
"""Bytes from which a piece of memory gets a record of its own."""


def saved(graph: Graph, f: Any) -> None:
    """Write a graph to a path or binary file; a path gets its file only when everything is written."""
    if isinstance(f, (str, os.PathLike)):
        with AtomicFile(f) as file:
            write(graph, file)
        return
    if not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    write(graph, f)


def write(graph: Graph, file: Any) -> None:
    """Write a graph to a binary file."""
    pieces, places = taken_apart([value.array for value in graph.values])
    entries, records = shelved(pieces)
    structure = structured(graph, places, entries)
    text = json.dumps(structure, allow_nan=False, separators=(",", ":")).encode()
    archive = ArchiveWriter(file, "graph")
    try:
        archive.write(RECORD, text)
        for name, parts in records:
            archive.write(name, npy(parts))
    except BaseException:
        archive.abandon()
        raise
    archive.close()


def shelved(pieces: list[Any]) -> tuple[list[Any], list[tuple[str, list[Any]]]]:
    """What stands for each piece in the structure, and the records: name and the arrays that stand in it in turn."""
    entries: list[Any] = []
    small: dict[str, list[Any]] = {}
    filled: dict[str, int] = {}
    records: list[tuple[str, list[Any]]] = []
    for piece in pieces:
        name = dtypes.of(piece.dtype).name
        if piece.nbytes < SMALL:
            start = filled.get(name, 0)
            entries.append([name, piece.size, start])
            small.setdefault(name, []).append(piece)
            filled[name] = start + piece.size
        else:
            entries.append([name, piece.size])
            records.append((f"large/{len(entries) - 1}.npy", [piece]))
    records += [(f"small/{name}.npy", parts) for name, parts in small.items()]
    return entries, records


def npy(parts: list[Any]) -> Any:
    """Arrays of one dtype, one after the other, in NumPy's format."""
    array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    array = plain_bits(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    )
    out = np.empty(header.tell() + array.nbytes, np.uint8)
    out[: header.tell()] = np.frombuffer(header.getbuffer(), np.uint8)
    out[header.tell() :] = np.ascontiguousarray(array).view(np.uint8)
    return out


def plain_bits(array: Any) -> Any:
    """An array of a dtype that NumPy alone does not know as unsigned integers."""
    known = array.dtype.kind in "biufc" and array.dtype.type.__module__ == "numpy"
    return array if known else array.view(f"u{array.dtype.itemsize}")


# ---------------------------------------------------------------- the structure


def structured(graph: Graph, places: list[Place], pieces: list[Any]) -> dict[str, Any]:
    """A graph as what JSON knows."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "library": __version__,
        "byteorder": sys.byteorder,
        "container": graph.container,
        "outputs": graph.outputs,
        "names": {str(index): name for index, name in graph.names.items()},
        "lines": [list(line) for line in graph.lines],
        "counters": [[n, None if line is None else list(line)] for n, line in graph.counters],
        "pieces": pieces,
        "values": [valued(value, place) for value, place in zip(graph.values, places, strict=True)],
        "nodes": [noded(node) for node in graph.nodes],
    }


def valued(value: Value, place: Place) -> list[Any]:
    """A tensor: piece, offset, shape, strides, dtype, then what few have."""
    out: list[Any] = [place.piece, place.offset, place.shape, place.strides, dtypes.of(place.dtype).name]
    more: dict[str, Any] = {}
    if value.node is not None:
        more["node"] = [value.node, value.nr]
    if value.leaf:
        more["leaf"] = True
    if value.counter is not None:
        more["counter"] = value.counter
    if value.name is not None:
        more["name"] = value.name
    if value.device not in ("cpu", "meta"):
        more["device"] = value.device
    if more:
        out.append(more)
    return out


def noded(node: GraphNode) -> dict[str, Any]:
    """A node; what has its usual value is left out."""
    out: dict[str, Any] = {"kind": node.kind, "name": node.name}
    if node.operator:
        out["operator"] = node.operator
    if node.kind == forms.LEAF:
        out.update(node.state)
        return out
    out["inputs"] = node.inputs
    if node.hot:
        out["hot"] = True
    if node.fits is not None:
        out["fits"] = [None if fit is None else fitted(fit) for fit in node.fits]
    if node.saved is None:
        out["freed"] = True
    elif node.saved:
        out["saved"] = [entered(entry) for entry in node.saved]
    if node.arguments:
        out["arguments"] = [x if x.__class__ in SIMPLE else written(x) for x in node.arguments]
    if node.shape is not None:
        out["shape"] = node.shape
    if node.outputs != 1:
        out["outputs"] = node.outputs
    if node.metas is not None:
        out["metas"] = [None if meta is None else fitted(meta) for meta in node.metas]
    if node.line is not None:
        out["line"] = node.line
    if node.operands:
        out["operands"] = node.operands
    if node.state:
        out["state"] = stated(node)
    return out


def fitted(fit: Any) -> Any:
    """Shape and dtype."""
    shape, dtype = fit
    return [None if shape is None else list(shape), None if dtype is None else dtypes.of(dtype).name]


def entered(entry: Any) -> Any:
    """A saved value."""
    if entry is None:
        return None
    if entry.__class__ is Saved:
        out: dict[str, Any] = {"value": entry.value}
        if entry.version:
            out["version"] = entry.version
        if entry.nr is not None:
            out["result"] = entry.nr
        return out
    return {"list" if entry.__class__ is list else "results": [entered(part) for part in entry]}


def stated(node: GraphNode) -> dict[str, Any]:
    """What only some kinds of nodes have."""
    state = dict(node.state)
    if "chain" in state:
        state["chain"] = [
            [x.operator, [written(a) for a in x.arguments], x.nr, None if x.shape is None else list(x.shape), x.outputs]
            for x in state["chain"]
        ]
    if "fits" in state:
        state["fits"] = [fitted(fit) for fit in state["fits"]]
    for key in ("context", "given"):
        if key in state:
            state[key] = {name: written(x) for name, x in state[key].items()}
    return state


def as_json(graph: Graph) -> dict[str, Any]:
    """The structure of a graph, its arrays by shape and dtype."""
    pieces, places = taken_apart([value.array for value in graph.values])
    structure: dict[str, Any] = json.loads(json.dumps(structured(graph, places, shelved(pieces)[0])))
    return structure


forms.FORMS.update(json=as_json, save=saved)

__all__ = ["FORMAT", "RECORD", "VERSION", "as_json", "saved"]
