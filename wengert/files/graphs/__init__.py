"""Graphs as files and as data: what `torch.save` does with a tensor that has a history, and `autograd.graph.record`.

>>> import io
>>> import wengert as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> file = io.BytesIO()
>>> torch.save((x**3).sum(), file)
>>> _ = file.seek(0)
>>> torch.load(file).backward()
>>> x.grad
tensor([ 3., 12.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor.tensor import Tensor
from wengert.files.archive import ArchiveReader
from wengert.files.graphs import graph as forms
from wengert.files.graphs import writing
from wengert.files.graphs.collecting import collector_paused
from wengert.files.graphs.comparing import Difference, compare
from wengert.files.graphs.graph import Graph, GraphEdit, GraphFileError, GraphNode, UnsavedGraphError
from wengert.files.graphs.memory import apart
from wengert.files.graphs.operands import given_values, keep_operands
from wengert.files.graphs.origins import is_parameter, leaves, names_of
from wengert.files.graphs.reading import from_archive, read_graph
from wengert.files.graphs.recording import Recorder, is_freed
from wengert.files.graphs.replaying import MissingOperandError, replay
from wengert.files.graphs.restoring import restored

RECORD = writing.RECORD


# ---------------------------------------------------------------- for torch.save and torch.load


def container_of(obj: Any) -> str | None:
    """How an object is saved with its graph: "tensor", "tuple", "list", or None where it is saved as ever.

    That is a tensor with history, or a tuple or list of nothing but tensors of which one has a history.  A graph from
    which a backward took everything is not saved: it can give no gradient any more.
    """
    if plain_tensor(obj):
        kind, tensors = "tensor", [obj]
    elif obj.__class__ in (tuple, list) and obj and all(plain_tensor(x) for x in obj):
        kind, tensors = obj.__class__.__name__, list(obj)
    else:
        return None
    if not any(x.requires_grad and not x.is_leaf for x in tensors) or is_freed(tensors):
        return None
    return kind


def plain_tensor(x: Any) -> bool:
    """A tensor of no class of the user's own."""
    if not isinstance(x, TensorBase):
        return False
    cls = type(x)
    return cls is Tensor or (is_parameter(cls) and cls.__module__.startswith(__name__.partition(".")[0] + "."))


def save_graph(obj: Any, container: str, f: Any) -> None:
    """Write tensors and their graph to a path or binary file."""
    with collector_paused():
        writing.saved(graph_of([obj] if container == "tensor" else list(obj), container), f)


def load_graph(archive: ArchiveReader, where: Any, weights_only: bool, safe: dict[str, Any]) -> Any:
    """The tensors in a graph file on a live tape; leaves of this process that are still alive take the gradients."""
    try:
        with collector_paused():
            graph = from_archive(archive)
            moved(graph, where)
            return restored(graph, True, not weights_only, safe)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise GraphFileError(f"the graph file is damaged: {type(error).__name__}: {str(error)[:200]}") from None


def moved(graph: Graph, where: Any) -> None:
    """Bring the graph's tensors to their devices, or to `where`."""
    if callable(where) and not hasattr(where, "type"):
        raise ArgumentError("map_location for a graph must be a device or a dictionary of devices, not a function")
    for value in graph.values:
        wanted = where.get(value.device, value.device) if isinstance(where, dict) else where or value.device
        if str(wanted) != "cpu" and value.device != "meta":
            value.array = wrap(value.array).to(wanted)._array


def graph_of(tensors: list[Any], container: str, names: Any = None) -> Graph:
    """The graph behind tensors; arrays are not copied."""
    recorder = Recorder(tensors, container)
    graph = recorder.graph
    graph.name_leaves(names_of(recorder.leaves(), names))
    return graph


# ---------------------------------------------------------------- for autograd.graph


def record(what: Any, *inputs: Any, names: Any = None) -> Graph:
    """A graph as data: that behind tensors, or that of `what(*inputs)`.

    what: a tensor, a tuple or list of tensors, or a function.  A function runs with every constant operand kept, so
    its graph can always be replayed, and its floating-point inputs become leaves named after its parameters.  Of a tape
    that is already there only what derivatives need is known.  names: for leaves, a mapping from name to tensor or a
    module; else the names of the program's variables.  The graph has memory of its own.

    Raises: GraphError where nothing has a history; UnsavedGraphError for what no file can hold.
    """
    if not callable(what) or isinstance(what, TensorBase):
        if inputs:
            raise ArgumentError("record(): inputs are for a function; the graph of tensors is given by them alone")
        tensors, container = outputs_of(what)
        with collector_paused():
            graph = graph_of(tensors, container, names)
            apart(graph)
        return graph
    given, named = leaves_from(what, inputs)
    with keep_operands():
        out = what(*given)
    tensors, container = outputs_of(out)
    recorder_names = dict(named)
    if names is not None:
        pairs = names.named_parameters() if hasattr(names, "named_parameters") else names.items()
        recorder_names.update(pairs)
    elif hasattr(what, "named_parameters"):
        recorder_names.update(what.named_parameters())
    graph = graph_of_call(tensors, container, recorder_names)
    apart(graph)
    return graph


def outputs_of(out: Any) -> tuple[list[Any], str]:
    """The tensors whose graph is meant."""
    tensors: list[Any]
    if isinstance(out, TensorBase):
        tensors, container = [out], "tensor"
    elif isinstance(out, (tuple, list)) and out and all(isinstance(x, TensorBase) for x in out):
        tensors, container = list(out), "list" if isinstance(out, list) else "tuple"
    else:
        raise ArgumentError(f"record(): a graph stands behind a tensor or a tuple of them, not {type(out).__name__}")
    if not any(x.requires_grad and not x.is_leaf for x in tensors):
        raise GraphError("record(): none of the tensors has a grad_fn, so there is no graph")
    return tensors, container


def leaves_from(function: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
    """The inputs of a call, with leaves in place of floating-point tensors without history, and their names."""
    code = getattr(getattr(function, "forward", function), "__code__", None)
    labels = [] if code is None else list(code.co_varnames[: code.co_argcount])
    if labels and labels[0] == "self":
        labels = labels[1:]
    given, named = [], {}
    for k, value in enumerate(inputs):
        x: Any = value
        if isinstance(value, TensorBase):
            label = labels[k] if k < len(labels) else f"input_{k}"
            if not x.requires_grad and x._array.dtype.kind in "fcV":
                x = x.detach().requires_grad_()
            if x.is_leaf:
                named[label] = x
        given.append(x)
    return given, named


def graph_of_call(tensors: list[Any], container: str, names: dict[str, Any]) -> Graph:
    """The graph of a call under `keep_operands`: with the values of all nodes, and names of constant inputs."""
    recorder = Recorder(tensors, container)
    graph = recorder.graph
    graph.name_leaves(names_of(recorder.leaves(), names))
    for name, x in names.items():
        if not x.requires_grad and id(x) in recorder.values:
            graph.values[recorder.values[id(x)]].name = name
    for node, place in recorder.places.items():
        for nr, array in enumerate(given_values(node)):
            if array is not None:
                value = forms.Value(array, place, nr)
                graph.values.append(value)
    return graph


def diff(a: Any, b: Any) -> Difference | None:
    """Where two graphs first differ (operator, attribute, edge, constant or value, with both lines), None for nowhere.

    a, b: graphs, tensors with history, or tuples of them.  Values are compared to the bit; those that a graph does not
    hold are computed again where that is possible.
    """
    return compare(*[x if isinstance(x, Graph) else record(x) for x in (a, b)])


def load(f: Any) -> Graph:
    """The graph in a file as data; see `read_graph`."""
    return read_graph(f)


def live(graph: Graph, weights_only: bool = True) -> Any:
    """A graph's outputs on a live tape with memory of its own."""
    copy = Graph()
    copy.__dict__.update(graph.__dict__)
    copy.values = []
    for value in graph.values:
        twin = forms.Value(value.array, value.node, value.nr, value.leaf)
        twin.counter, twin.name, twin.device = value.counter, value.name, value.device
        copy.values.append(twin)
    apart(copy)
    return restored(copy, False, not weights_only, {})


forms.FORMS["restore"] = live

__all__ = [
    "Difference", "Graph", "GraphEdit", "GraphFileError", "GraphNode", "MissingOperandError", "RECORD",
    "UnsavedGraphError", "container_of", "diff", "keep_operands", "leaves", "load", "load_graph", "read_graph",
    "record", "replay", "save_graph",
]  # fmt: skip
