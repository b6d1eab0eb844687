"""The viewer's page: one HTML file with the tape, the program that shows it, and the program that places its boxes."""

from __future__ import annotations

import base64
import html
import json
import linecache
import zlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from wengert.tools.view_folds import Fold
from wengert.tools.view_tape import Tape

AROUND = 4
"""How many lines of the program are shown above and below a node's line."""

SCRIPTS = ("data.js", "layered.js", "graphviz_layout.js", "canvas.js", "panel.js", "main.js")

WITH_SUMMARY = 20_000
"""Tapes of more nodes than this are shown without the smallest and largest value of each node."""


class Words:
    """Texts, each stored once."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.places: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self.places:
            self.places[text] = len(self.all)
            self.all.append(text)
        return self.places[text]


def page(tape: Tape, folds: Sequence[Fold], title: str, difference: Any = None) -> str:
    """The page as text."""
    folder = files("wengert.tools") / "viewer"

    def part(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    packed = base64.b64encode(
        zlib.compress(json.dumps(content(tape, folds, title, difference), separators=(",", ":")).encode(), 6)
    ).decode()
    pieces = {
        "TITLE": html.escape(title),
        "STYLE": part("style.css"),
        "DATA": packed,
        "GRAPHVIZ": part("graphviz/graphviz.js").replace("</script", "<\\/script"),
        "PROGRAM": "\n".join(part(name) for name in SCRIPTS),
    }
    written = []
    for piece in part("page.html").split("@@"):
        written.append(pieces.get(piece, piece))
    return "".join(written)


def content(tape: Tape, folds: Sequence[Fold], title: str, difference: Any) -> dict[str, Any]:
    """What the page knows, by columns."""
    words = Words()
    nodes = tape.nodes
    inputs: list[list[int]] = [node.inputs for node in nodes]
    found = {
        "title": title,
        "count": len(nodes),
        "name": [words(node.name) for node in nodes],
        "leaf": [index for index, node in enumerate(nodes) if node.leaf],
        "line": [node.line for node in nodes],
        "degree": [len(sources) for sources in inputs],
        # Distances compress better than places.
        "inputs": [index - source for index, sources in enumerate(inputs) for source in sources],
        "form": [words(node.form) for node in nodes],
        "attributes": [words(node.attributes) for node in nodes],
        "size": [node.size for node in nodes],
        "saved": [words(saved_text(node.saved)) for node in nodes],
        "marks": {str(index): node.marks for index, node in enumerate(nodes) if node.marks},
        "norms": norms(tape),
        "values": {} if len(nodes) > WITH_SUMMARY else summaries(tape),
        "lines": [[words(file), number, words(function)] for file, number, function in tape.lines],
        "sources": sources_of(tape.lines, words),
        "folds": [
            {
                "name": fold.name,
                "title": fold.title,
                "parents": fold.parents,
                "labels": [words(label) for label in fold.labels],
                "kinds": [words(kind) for kind in fold.kinds],
                "lines": fold.lines,
                "of": fold.of,
            }
            for fold in folds
        ],
    }
    if difference is not None:
        found["states"] = difference.states
        found["rewired"] = {str(index): states for index, states in difference.rewired.items()}
        found["remarks"] = {str(index): text for index, text in difference.remarks.items()}
    found["words"] = words.all
    return found


def saved_text(saved: Iterable[tuple[str, str, int, bool]]) -> str:
    """Saved values, one a line: label, form, bytes, and whether an earlier node or a leaf keeps the memory anyway."""
    return "\n".join(f"{label}\t{form}\t{size}\t{int(shared)}" for label, form, size, shared in saved)


def norms(tape: Tape) -> list[Any] | None:
    """Norms of gradients to four digits, null where none arrived; nothing at all if they were not asked for."""
    if all(node.norm is None for node in tape.nodes):
        return None
    return [None if node.norm is None else number_text(node.norm) for node in tape.nodes]


def number_text(value: float) -> Any:
    """A number as JSON takes it: NaN and Inf as words."""
    return float(f"{value:.4g}") if np.isfinite(value) else str(value)


def summaries(tape: Tape) -> dict[str, list[Any]]:
    """Smallest and largest value of nodes whose value is on the tape."""
    found = {}
    for index, node in enumerate(tape.nodes):
        array = node.value
        if array.__class__ is np.ndarray and array.dtype.kind in "fiub" and array.size:
            found[str(index)] = [number_text(float(array.min())), number_text(float(array.max()))]
    return found


def sources_of(lines: Sequence[tuple[str, int, str]], words: Words) -> dict[str, dict[str, int]]:
    """Text around every line, by file and number.

    Only Python's files and what was typed into a session are read: a graph from elsewhere may name any file.
    """
    found: dict[str, dict[str, int]] = {}
    for file, number, _ in lines:
        if not (file.endswith(".py") or file.startswith("<")):
            continue
        texts = linecache.getlines(file)
        own = found.setdefault(file, {})
        for near in range(max(number - AROUND, 1), min(number + AROUND, len(texts)) + 1):
            own[str(near)] = words(texts[near - 1].rstrip()[:200])
    return {file: texts for file, texts in found.items() if texts}
