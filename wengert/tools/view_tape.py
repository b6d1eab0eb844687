"""A tape as the viewer shows it: what each node is, where it stands in the program, what it keeps and for how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.operators.kinds import Elementwise, Linear
from wengert.core.operators.record import FIRST, REGISTRY
from wengert.core.tape.core import NR_SHIFT, AccumulateGrad, Packed, Result, TensorBase, line_of, node_name
from wengert.core.tape.views import STALE, CopySlices, refresh
from wengert.files.graphs.graph import LEAF, Graph, GraphNode, Saved
from wengert.files.graphs.origins import names_of

NAN, INFINITE, GRADIENT_NAN, GRADIENT_INFINITE, FREED, OUTPUT = 1, 2, 4, 8, 16, 32
"""Marks of a node, added up."""

ATTRIBUTE = 60
"""How many characters of an attribute are shown."""


Facts = tuple[bool, list[Any], Any, Any]
"""Of a node: is it elementwise; (source, its output, shape or None, dtype or None) of each input; shape of the first;
the dtype that its call asked for."""


class Shown:
    """One node.

    name: as `grad_fn` prints it; of a leaf what the program calls it.  line: index into `Tape.lines` or -1.
    linear: whether it is a linear operator of one tensor.  shape: of its first output, None where unknown.
    inputs: indices of nodes.  form: `float32[3, 4]` of its first output, "" where nothing on the tape tells it.
    saved: (label, form, bytes, shared) of each value kept for backward.  size: bytes that no earlier node keeps.
    value: array of its first output where the tape has it.  norm: of the gradient that arrives, None if not asked for.
    """

    __slots__ = (
        "name", "leaf", "line", "inputs", "form", "attributes", "saved", "size", "marks", "value", "norm", "sequence",
        "linear", "shape",
    )  # fmt: skip

    def __init__(self, name: str, leaf: bool = False, sequence: int = 0) -> None:
        self.name, self.leaf, self.sequence = name, leaf, sequence
        self.line, self.form, self.attributes = -1, "", ""
        self.inputs: list[int] = []
        self.saved: list[tuple[str, str, int, bool]] = []
        self.size = self.marks = 0
        self.value: Any = None
        self.norm: float | None = None
        self.linear = False
        self.shape: tuple[int, ...] | None = None


class Tape:
    """Nodes in the order in which they ran, leaves first, and the lines of the program (file, number, function)."""

    def __init__(self) -> None:
        self.nodes: list[Shown] = []
        self.lines: list[tuple[str, int, str]] = []
        self.live: list[Any] = []
        self.memory: set[int] = set()
        self.judged: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def keep(self, node: Shown, label: str, array: Any) -> None:
        """Enter a saved value; memory of leaves and of values that an earlier node keeps costs nothing more."""
        size = prod(array.shape) * array.dtype.itemsize
        key = memory_of(array)
        shared = key in self.memory
        self.memory.add(key)
        node.saved.append((label, form_of(array), size, shared))
        node.size += 0 if shared else size

    def judge(self, array: Any) -> int:
        """Marks of an array that holds NaN or Inf."""
        if array.__class__ is not np.ndarray or array.dtype.kind not in "fcV":
            return 0
        key = id(array)
        if key not in self.judged:
            self.judged[key] = marks_of(array)
            self.live.append(array)
        return self.judged[key]

    def produced(self, place: int, number: int, array: Any) -> None:
        """Note what a node gave."""
        node = self.nodes[place]
        node.marks |= self.judge(array)
        if number == 0 and node.value is None:
            node.value, node.form, node.shape = array, form_of(array), array.shape


def memory_of(array: Any) -> int:
    """What stands for the memory of an array: views share that of their base."""
    while getattr(array, "base", None) is not None and hasattr(array.base, "dtype"):
        array = array.base
    return id(array)


def marks_of(array: Any) -> int:
    """Marks of the values of a NumPy array."""
    if array.dtype.kind == "V" and not array.dtype.isbuiltin:
        try:
            array = array.astype(np.float32)
        except (TypeError, ValueError):
            return 0
    if np.isfinite(array).all():
        return 0
    return (NAN if np.isnan(array).any() else 0) | (INFINITE if np.isinf(array).any() else 0)


def form_of(array: Any) -> str:
    """`float32[3, 4]`."""
    return form_text(array.dtype, array.shape)


def form_text(dtype: Any, shape: Sequence[int]) -> str:
    """A dtype of NumPy's and a shape as one word; "?" stands for a dtype that nothing tells."""
    known = dtypes.FROM_NUMPY.get(dtype) if dtype is not None else None
    name = "?" if dtype is None else str(dtype) if known is None else known.name
    return f"{name}[{', '.join(str(int(extent)) for extent in shape)}]"


def attribute_text(names: Sequence[str], arguments: Sequence[Any], skipped: Any) -> str:
    """Arguments that are no tensors, one a line."""
    rows = []
    for index, argument in enumerate(arguments):
        if index in skipped or index >= len(names) or isinstance(argument, TensorBase):
            continue
        text = repr(argument)
        rows.append(f"{names[index]} = {text if len(text) <= ATTRIBUTE else text[: ATTRIBUTE - 3] + '...'}")
    return "\n".join(rows)


# ---------------------------------------------------------------- of live tensors


def tape_of_tensors(tensors: Sequence[Any], names: Any = None) -> Tape:
    """The tape behind tensors; nothing of it is changed, and nodes that no file could hold are shown too."""
    for x in tensors:
        if x._flags & STALE:
            refresh(x)
    tape = Tape()
    nodes = ordered([x._node for x in tensors if x._flags & 1])
    places = {node: index for index, node in enumerate(nodes)}
    leaves = {index: node.variable for index, node in enumerate(nodes) if node.__class__ is AccumulateGrad}
    called = names_of(leaves, names)
    lines: dict[Any, int] = {}
    for index, node in enumerate(nodes):
        leaf = index in leaves
        shown = Shown(called.get(index, f"leaf_{index}") if leaf else node_name(node), leaf, node._seq)
        shown.inputs = [places[target] for target in node._inputs if target is not None]
        if node._code is not None:
            key = (node._code, node._lasti)
            if key not in lines:
                lines[key] = line_number(tape, (*line_of(*key), node._code.co_name))  # type: ignore[misc]
            shown.line = lines[key]
        tape.nodes.append(shown)
    for index, leaf in leaves.items():
        tape.memory.add(memory_of(leaf._array))
        tape.produced(index, 0, leaf._array)
    for index, node in enumerate(nodes):
        enter_saved(tape, index, node, places)
    for x in tensors:
        if x._flags & 1:
            tape.produced(places[x._node], x._flags >> NR_SHIFT, x._array)
            tape.nodes[places[x._node]].marks |= OUTPUT
    infer(tape, [facts_of(node, places) for node in nodes])
    tape.live = [tape.live, nodes]
    return tape


def ordered(roots: Sequence[Any]) -> list[Any]:
    """All nodes that lead to `roots`: leaves first, then as they ran."""
    seen = set(roots)
    waiting = list(seen)
    while waiting:
        for target in waiting.pop()._inputs:
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    found = sorted(seen, key=attrgetter("_seq"))
    return [x for x in found if x.__class__ is AccumulateGrad] + [x for x in found if x.__class__ is not AccumulateGrad]


def line_number(tape: Tape, line: tuple[str, int, str]) -> int:
    """Index of a line of the program; two instructions of one line share it."""
    if line not in tape.lines[-32:]:
        if line in tape.lines:
            return tape.lines.index(line)
        tape.lines.append(line)
    return len(tape.lines) - 1 - tape.lines[::-1].index(line)


def enter_saved(tape: Tape, index: int, node: Any, places: dict[Any, int]) -> None:
    """What a node keeps, and its attributes."""
    shown = tape.nodes[index]
    op = None if node.__class__ is AccumulateGrad else getattr(node, "op", None)
    holders = [node, node.inner] if node.__class__ is CopySlices and node.inner is not None else [node]
    for holder in holders:
        if holder._saved is None:
            shown.marks |= FREED
            continue
        labels = saved_labels(getattr(holder, "op", None))
        for k, entry in enumerate(holder._saved or ()):
            label = labels[k] if k < len(labels) else f"saved {k}"
            for part in entry if entry.__class__ in (tuple, list) else (entry,):
                enter_value(tape, index, label, part, places)
    if op is not None:
        shown.linear = isinstance(op.kind, Linear)
        shown.attributes = attribute_text(op.params, node.args, {*op.arrays, op.many})


def saved_labels(op: Any) -> list[str]:
    """What the values that a record saves are called."""
    if op is None:
        return []
    from_first = len(op.params)
    return [op.params[p - FIRST] if FIRST <= p < FIRST + from_first else "result" for p in op.saves]


def enter_value(tape: Tape, index: int, label: str, part: Any, places: dict[Any, int]) -> None:
    """One saved value; a packed one is not unpacked, that would run the program's hooks."""
    if part.__class__ is Packed:
        part, label = part.packed, f"{label} (packed)"
    array = getattr(part, "_array", None)
    if array is None or not hasattr(array, "dtype"):
        return
    tape.keep(tape.nodes[index], label, array)
    if isinstance(part, Result):
        tape.produced(index, part.nr, array)
    elif isinstance(part, TensorBase) and part._flags & 1 and part._node in places:
        tape.produced(places[part._node], part._flags >> NR_SHIFT, array)


def facts_of(node: Any, places: dict[Any, int]) -> Facts:
    """What a live node tells of shapes."""
    op = None if node.__class__ is AccumulateGrad else getattr(node, "op", None)
    fits = node._fit if node._fit is not None else [(0, None, None)] * len(node._inputs)
    edges = [(places[target], *fit) for target, fit in zip(node._inputs, fits) if target is not None]
    first = node.shape if op is not None and op.many < 0 and node._inputs[:1] != (None,) else None
    return (
        op is not None and isinstance(op.kind, Elementwise),
        edges,
        first,
        None if op is None else asked_type(node.args),
    )


def asked_type(arguments: Sequence[Any]) -> Any:
    """NumPy's dtype of a call's argument that is a dtype, None without one."""
    kinds = (dtypes.dtype, np.dtype)
    asked: Any = next((x for x in arguments or () if isinstance(x, kinds)), None)
    return asked.numpy if isinstance(asked, dtypes.dtype) else asked


def infer(tape: Tape, facts: Sequence[Facts]) -> None:
    """Forms of outputs that nobody saved, as far as the nodes that use them tell.

    A rule that fits its gradient to a shape names the input's shape; an elementwise one that fits nothing had an input
    of the shape of its output. Walks from the end, so what a node learns from its users it hands to its inputs.
    """
    known: dict[int, tuple[Any, Any]] = {}
    for index, node in enumerate(tape.nodes):
        if node.value is not None:
            known[index] = (node.value.dtype, node.value.shape)
    for index in range(len(tape.nodes) - 1, -1, -1):
        elementwise, edges, first, asked = facts[index]
        own_type, own_shape = known.get(index, (None, None))
        for k, (source, number, shape, dtype) in enumerate(edges):
            if number or tape.nodes[source].value is not None:
                continue
            if shape is None and k == 0 and first is not None:
                shape = first
            if shape is None and elementwise:
                shape = own_shape
            if dtype is None and elementwise and asked is None:
                dtype = own_type
            old_type, old_shape = known.get(source, (None, None))
            known[source] = (dtype if old_type is None else old_type, shape if old_shape is None else old_shape)
    for index, node in enumerate(tape.nodes):
        if index not in known:
            continue
        dtype, shape = known[index]
        if dtype is None:
            dtype = facts[index][3] or only_type(known[source][0] for source in node.inputs if source in known)
            known[index] = (dtype, shape)
        if shape is not None and not node.form:
            node.form, node.shape = form_text(dtype, shape), tuple(shape)


def only_type(types: Iterable[Any]) -> Any:
    """The dtype of all inputs, None where they differ or one is unknown."""
    found = set(types)
    return found.pop() if len(found) == 1 else None


# ---------------------------------------------------------------- of a graph in a file


def tape_of_graph(graph: Graph) -> Tape:
    """The tape in a recorded graph; nothing of it is made live."""
    tape = Tape()
    tape.lines = [tuple(line) for line in graph.lines]  # type: ignore[misc]
    for place, node in enumerate(graph.nodes):
        leaf = node.kind == LEAF
        shown = Shown(graph.names.get(place, f"leaf_{place}") if leaf else node.name, leaf, place)
        shown.line = -1 if node.line is None else node.line
        op = REGISTRY.get(node.operator)
        shown.linear = op is not None and isinstance(op.kind, Linear)
        edges = [edge for edge in node.inputs if edge is not None]
        shown.inputs = [edge[0] for edge in edges]
        shown.attributes = "\n".join(f"{name} = {value!r:.{ATTRIBUTE}}" for name, value in node.attributes.items())
        tape.nodes.append(shown)
    for place, node in enumerate(graph.nodes):
        if node.kind == LEAF:
            tape.memory.add(memory_of(graph.leaf_value(place).array))
            tape.produced(place, 0, graph.leaf_value(place).array)
    for place, node in enumerate(graph.nodes):
        if node.kind != LEAF:
            graph_saved(tape, graph, place, node)
    for index in graph.outputs:
        value = graph.values[index]
        if value.node is not None:
            tape.produced(value.node, value.nr, value.array)
            tape.nodes[value.node].marks |= OUTPUT
    infer(tape, [facts_of_recorded(node) for node in graph.nodes])
    return tape


def facts_of_recorded(node: GraphNode) -> Facts:
    """What a recorded node tells of shapes."""
    op = REGISTRY.get(node.operator)
    fits = node.fits if node.fits is not None else [(None, None)] * len(node.inputs)
    edges = [(*edge, *fit) for edge, fit in zip(node.inputs, fits) if edge is not None]
    first = node.shape if op is not None and op.many < 0 and node.inputs[:1] != (None,) else None
    return op is not None and isinstance(op.kind, Elementwise), edges, first, asked_type(node.arguments)


def graph_saved(tape: Tape, graph: Graph, place: int, holder: Any) -> None:
    """What one recorded node keeps."""
    if holder.saved is None:
        tape.nodes[place].marks |= FREED
        return
    labels = saved_labels(REGISTRY.get(holder.operator))
    for k, entry in enumerate(holder.saved):
        for part in entry if entry.__class__ in (tuple, list) else (entry,):
            if part.__class__ is not Saved:
                continue
            value = graph.values[part.value]
            tape.keep(tape.nodes[place], labels[k] if k < len(labels) else f"saved {k}", value.array)
            if part.nr is not None:
                tape.produced(place, part.nr, value.array)
            elif value.node is not None:
                tape.produced(value.node, value.nr, value.array)


# ---------------------------------------------------------------- gradients


def measure_gradients(tape: Tape, tensors: Sequence[Any], sweep: Callable[..., Any]) -> None:
    """Run backward from `tensors` with ones, keeping the tape; note the norm of what arrives at every node.

    Gradients of leaves are not touched.  sweep: `autograd.grad`.
    """
    nodes = tape.live[1]
    places = {node: index for index, node in enumerate(nodes)}
    handles = []
    for node in nodes:
        if node.__class__ is not AccumulateGrad:
            handles.append(node.register_prehook(listener(tape.nodes[places[node]])))
    leaves = [(places[node], node.variable) for node in nodes if node.__class__ is AccumulateGrad]
    roots = [x for x in tensors if x._flags & 1]
    try:
        found = sweep(
            roots, [leaf for _, leaf in leaves], [wrapped_ones(x) for x in roots], retain_graph=True, allow_unused=True
        )
    finally:
        for handle in handles:
            handle.remove()
    for (place, _), gradient in zip(leaves, found):
        if gradient is not None:
            note(tape.nodes[place], (gradient,))


def wrapped_ones(x: Any) -> Any:
    """A gradient of ones for an output."""
    return x.detach().clone().fill_(1)


def listener(shown: Shown) -> Callable[[Any], None]:
    """A hook that notes what arrives at a node."""

    def arrived(gradients: Any) -> None:
        note(shown, gradients)

    return arrived


def note(shown: Shown, gradients: Any) -> None:
    """Norm and marks of the gradients of one node."""
    total = 0.0
    for gradient in gradients:
        array = getattr(gradient, "_array", None)
        if array.__class__ is not np.ndarray:
            continue
        marks = marks_of(array)
        shown.marks |= (GRADIENT_NAN if marks & NAN else 0) | (GRADIENT_INFINITE if marks & INFINITE else 0)
        wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64).ravel()
        with np.errstate(all="ignore"):
            total += float(np.vdot(wide, wide).real)
        if not shown.form:
            shown.form = form_of(array)
    shown.norm = total**0.5
