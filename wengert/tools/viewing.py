"""`tools.view`: the tape as one HTML file that opens anywhere without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wengert.autograd import grad
from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase, next_seq
from wengert.files.graphs.collecting import collector_paused
from wengert.files.graphs.graph import Graph
from wengert.files.graphs.origins import leaves
from wengert.files.graphs.reading import read_graph
from wengert.tools.view_difference import Difference
from wengert.tools.view_folds import folds_of, paths_from_calls, paths_from_parameters, watched
from wengert.tools.view_page import page
from wengert.tools.view_tape import Tape, measure_gradients, tape_of_graph, tape_of_tensors

__all__ = ["view"]

ENDINGS = (".html", ".htm")


def view(
    *what: Any,
    path: str | os.PathLike[str] | None = None,
    gradients: bool = False,
    model: Any = None,
    inputs: Any = None,
    names: Mapping[str, Any] | None = None,
    title: str | None = None,
) -> str:
    """Write the graph behind a tensor as one HTML page, and return the page's path.

    `view(y, "graph.html")` shows one graph, `view(before, after, "graph.html")` two as one with their differences
    painted. A graph is a tensor, a tuple or list of tensors, a recorded `Graph`, or the path of a saved one. The page
    needs no network and no other file.

    - `path`: where to write, "graph.html" if it is given neither here nor as the last argument.
    - `gradients`: run backward with ones from the outputs, and show the norm of what arrives at every node. Gradients
      of leaves stay as they are and the tape is kept; hooks of the program run.
    - `model`: a module, whose parameters' names tell which nodes belong to which submodule.
    - `inputs`: a tensor or tuple with which `model` is called; its graph is shown, with the modules as they ran.
    - `names`: tensors by name, for leaves that no variable of the program names.

    Raises ArgumentError for what is no graph or for more than two; with `gradients`, what backward raises.
    """
    graphs = list(what)
    if len(graphs) > (0 if inputs is not None else 1) and is_page(graphs[-1]):
        target = graphs.pop()
        if path is not None:
            raise ArgumentError(f"view: the page's path is given twice, {str(target)!r} and {str(path)!r}")
        path = target
    spans = None
    if inputs is not None:
        output, spans = called(model, inputs)
        graphs.insert(0, output)
    if not 1 <= len(graphs) <= 2:
        raise ArgumentError(f"view: one or two graphs are needed (tensors, graphs or their files), got {len(graphs)}")
    written = Path(path if path is not None else "graph.html")
    with collector_paused():
        tapes = [tape_of(graph, gradients, names if names is not None else model) for graph in graphs]
        text = page_of(tapes, spans, title or written.stem)
    written.write_text(text, encoding="utf-8")
    return str(written)


def is_page(x: Any) -> bool:
    """Whether an argument names a page to write."""
    return isinstance(x, (str, os.PathLike)) and str(x).lower().endswith(ENDINGS)


def called(model: Any, inputs: Any) -> tuple[Any, list[tuple[int, int, str]]]:
    """Output of a module, and the places on the tape at which each of its modules began and ended."""
    if not hasattr(model, "named_modules"):
        raise ArgumentError(f"view: inputs need a model that is a module, got {type(model).__name__}")
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    own = type(model).__name__
    modules = [(f"{own}.{name}" if name else own, module) for name, module in model.named_modules()]
    return watched(modules, next_seq, lambda: model(*given))


def tape_of(graph: Any, gradients: bool, names: Any) -> Tape:
    """The tape of what `view` was given."""
    if isinstance(graph, (str, os.PathLike)):
        graph = read_graph(graph)
    if isinstance(graph, Graph):
        if not gradients:
            return tape_of_graph(graph)
        graph = graph.restore()
        names = names if names is not None else leaves(*tensors_of(graph))
    tensors = tensors_of(graph)
    tape = tape_of_tensors(tensors, names)
    if gradients:
        measure_gradients(tape, tensors, grad)
    return tape


def tensors_of(graph: Any) -> list[Any]:
    """The tensors of an argument, at least one of which has a history."""
    tensors = list(graph) if isinstance(graph, (tuple, list)) else [graph]
    for x in tensors:
        if not isinstance(x, TensorBase):
            raise ArgumentError(
                f"view: a tensor with history, several, a Graph or the path of one is needed, got {type(x).__name__}"
            )
    if not any(x.requires_grad for x in tensors):
        raise ArgumentError("view: the tensor has no history: it does not require grad and does not have a grad_fn")
    return tensors


def page_of(tapes: Sequence[Tape], spans: Any, title: str) -> str:
    """The page of one tape or of two."""
    if len(tapes) == 1:
        tape = tapes[0]
        paths = paths_from_parameters(tape) if spans is None else paths_from_calls(tape, spans)
        return page(tape, folds_of(tape, paths), title)
    difference = Difference(*tapes)
    return page(difference.tape, folds_of(difference.tape, paths_from_parameters(difference.tape)), title, difference)
