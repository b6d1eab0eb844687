"""A recorded graph as data: nodes in the order in which they ran, the tensors they refer to, and who wrote them.

Nothing here is a live tape: a Graph is printed, compared, changed and written to a file, and made live again by
`restored` or `replay`.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import GraphError, ValueRangeError, WengertError
from wengert.core.operators.kinds import Composite
from wengert.core.operators.record import FIRST, REGISTRY
from wengert.files.archive import FileFormatError

LEAF, OPERATOR, STRIDED, SLICES, FUNCTION, ERROR = "leaf", "operator", "strided", "slices", "function", "error"
KINDS = (LEAF, OPERATOR, STRIDED, SLICES, FUNCTION, ERROR)


class GraphFileError(FileFormatError):
    """Raised for a graph file that is damaged, hostile, of another version, or names what is not there."""


class UnsavedGraphError(GraphError):
    """Raised for a graph that holds what no file can: a function, an object, a transform."""


class GraphEdit(WengertError, ValueError):
    """Raised for a change that makes a graph meaningless."""


class Value:
    """A tensor of the graph: an array, and the output of a node that it is.

    node, nr: None and 0 for a tensor without history.  leaf: it is the leaf of its node, not only a tensor of equal
    memory.  counter: index into `Graph.counters` (tensors that share memory share one), None for memory that nothing
    counted.  name: what `replay` calls it, where it was an input.
    """

    __slots__ = ("array", "node", "nr", "leaf", "counter", "name", "device")

    def __init__(self, array: Any, node: int | None = None, nr: int = 0, leaf: bool = False) -> None:
        self.array, self.node, self.nr, self.leaf = array, node, nr, leaf
        self.counter: int | None = None
        self.name: str | None = None
        self.device = "cpu"


class Link:
    """One view on the way from a base to a view: operator, arguments, which of its results, shape it was given."""

    __slots__ = ("operator", "arguments", "nr", "shape", "outputs")

    def __init__(self, operator: str, arguments: tuple[Any, ...], nr: int, shape: Any, outputs: int) -> None:
        self.operator, self.arguments, self.nr, self.shape, self.outputs = operator, arguments, nr, shape, outputs


class Saved:
    """A value that a node's rule needs.

    value: index into `Graph.values`.  version: the version at which it was saved.  nr: for the node's own result which
    output it is, else None.
    """

    __slots__ = ("value", "version", "nr")

    def __init__(self, value: int, version: int = 0, nr: int | None = None) -> None:
        self.value, self.version, self.nr = value, version, nr


class Attributes(MutableMapping[str, Any]):
    """The attributes of a node by name; setting one changes the graph, and `replay` computes with it."""

    def __init__(self, node: GraphNode) -> None:
        self.node = node

    def places(self) -> dict[str, int]:
        """Name of each attribute -> place among the arguments."""
        op = REGISTRY.get(self.node.operator) if self.node.kind == OPERATOR else None
        if op is None:
            return {}
        given = self.node.arguments
        return {
            name: i
            for i, name in enumerate(op.params)
            if i != op.many and i < len(given) and not (i in op.arrays and given[i] is None)
        }

    def __getitem__(self, name: str) -> Any:
        return self.node.arguments[self.places()[name]]

    def __setitem__(self, name: str, value: Any) -> None:
        places = self.places()
        if name not in places:
            raise GraphEdit(
                f"{self.node.operator} has no attribute {name!r} here; it has {', '.join(places) or 'none'}"
            )
        changed = list(self.node.arguments)
        changed[places[name]] = tuple(value) if isinstance(value, list) else value
        self.node.arguments = tuple(changed)
        self.node.edited = True

    def __delitem__(self, name: str) -> None:
        raise GraphEdit("an attribute can be changed, not taken away")

    def __iter__(self) -> Iterator[str]:
        return iter(self.places())

    def __len__(self) -> int:
        return len(self.places())

    def __repr__(self) -> str:
        return repr(dict(self))


class GraphNode:
    """One recorded operation.

    index: place in `Graph.nodes`.  name: as `grad_fn` prints it.  operator: the record's name; for a custom Function
    the import path of the class.  inputs: (node, output number) for each input, None where no gradient goes.
    arguments: all arguments, None in place of tensors.  saved: aligned with what the record saves; None once freed.
    fits: per input (shape or None, dtype or None) that its gradient gets; None for none.
    operands: tensors without history by parameter name, as indices of values, where they were kept.
    state: what only some kinds have.
    """

    __slots__ = (
        "index", "kind", "name", "_operator", "hot", "inputs", "fits", "saved", "arguments", "shape", "outputs",
        "metas", "line", "operands", "state", "edited",
    )  # fmt: skip

    def __init__(self, index: int, kind: str, name: str, operator: str = "") -> None:
        self.index, self.kind, self.name, self._operator = index, kind, name, operator
        self.hot = self.edited = False
        self.inputs: tuple[Any, ...] = ()
        self.fits: tuple[Any, ...] | None = None
        self.saved: tuple[Any, ...] | None = ()
        self.arguments: tuple[Any, ...] = ()
        self.shape: Any = None
        self.outputs = 1
        self.metas: tuple[Any, ...] | None = None
        self.line: int | None = None
        self.operands: dict[str, Any] = {}
        self.state: dict[str, Any] = {}

    @property
    def operator(self) -> str:
        """The record's name; setting another one changes the graph, and `replay` computes with it."""
        return self._operator

    @operator.setter
    def operator(self, name: str) -> None:
        old, new = REGISTRY.get(self._operator), REGISTRY.get(name)
        if self.kind != OPERATOR or old is None:
            raise GraphEdit(f"{self.name} is no operator's node: its operator cannot be changed")
        if new is None or isinstance(new.kind, Composite):
            raise GraphEdit(f"there is no single operator {name!r}")
        if len(new.arrays) != len(old.arrays) or (new.many < 0) != (old.many < 0):
            raise GraphEdit(f"{name} takes {len(new.arrays)} tensors, {old.name} took {len(old.arrays)}")
        known = dict(self.attributes)
        missing = [
            p for i, p in enumerate(new.params)
            if p in new.required and p not in known and i not in new.arrays and i != new.many
        ]  # fmt: skip
        if missing:
            raise GraphEdit(f"{name} needs {', '.join(missing)}, which {old.name} has not")
        placed = {new.params[j]: self.arguments[i] for i, j in zip(old.arrays, new.arrays, strict=True)
                  if i < len(self.arguments)}  # fmt: skip
        self.operands = {new.params[new.arrays[old.arrays.index(old.params.index(p))]]: v
                         for p, v in self.every_operand(old).items()}  # fmt: skip
        self.arguments = tuple([placed.get(p, known.get(p, new.defaults.get(p))) for p in new.params])
        self._operator, self.name, self.hot, self.edited = name, name, False, True

    def every_operand(self, op: Any) -> dict[str, Any]:
        """Tensors without history by parameter name: those that were kept, and those that the rule saved."""
        found = dict(self.operands)
        for k, position in enumerate(op.saves):
            entry = self.saved[k] if self.saved is not None and k < len(self.saved) else None
            if position >= FIRST and entry.__class__ is Saved and entry.nr is None:
                found.setdefault(op.params[position - FIRST], entry.value)
        return found

    @property
    def attributes(self) -> Attributes:
        """The arguments that are no tensors, by name; they can be set."""
        return Attributes(self)

    def __repr__(self) -> str:
        return f"<{self.name} %{self.index}>"


class Graph:
    """A recorded graph as data: `nodes`, `values`, `outputs`, `leaves`.

    container: "tensor", "tuple" or "list", what `outputs` stand in.  lines: (file, number, function) of the user's
    program.  counters: for each counted memory [writes so far, line of the last one].  names: of leaves, by node.
    print(graph) shows one node a line.
    """

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.values: list[Value] = []
        self.outputs: list[int] = []
        self.container = "tensor"
        self.lines: list[tuple[str, int, str]] = []
        self.counters: list[Any] = []
        self.names: dict[int, str] = {}
        self.made: dict[int, Any] = {}

    # ------------------------------------------------------------ leaves

    def leaf_value(self, index: int) -> Value:
        """The recorded value of a leaf's node."""
        return self.values[self.nodes[index].state["value"]]

    @property
    def leaves(self) -> dict[str, Any]:
        """Tensors with the recorded values of the leaves, by name; `replay` starts from them."""
        return {name: self.leaf(index) for index, name in self.names.items()}

    @property
    def inputs(self) -> dict[str, Any]:
        """The values of the inputs without history that `record(fn, ...)` was given, by name."""
        return {value.name: LEAVES["plain"](value.array) for value in self.values if value.name is not None}

    def leaf(self, index: int) -> Any:
        """The tensor that stands for a leaf."""
        if index not in self.made:
            from_value = self.leaf_value(index)
            self.made[index] = fresh_leaf(from_value.array, self.nodes[index].state.get("parameter", False))
        return self.made[index]

    def name_leaves(self, given: dict[int, str]) -> None:
        """Name every leaf: as given, else `leaf_0`, `leaf_1` ... in the order in which they were made."""
        used = set(given.values())
        for count, node in enumerate(self.leaf_nodes()):
            name = given.get(node.index) or f"leaf_{count}"
            while node.index not in given and name in used:
                name += "_"
            used.add(name)
            self.names[node.index] = name

    def leaf_nodes(self) -> list[GraphNode]:
        """The nodes of the leaves, which come first."""
        found = []
        for node in self.nodes:
            if node.kind != LEAF:
                break
            found.append(node)
        return found

    # ------------------------------------------------------------ files and JSON

    def to_json(self) -> dict[str, Any]:
        """The graph without its arrays, as what `json.dumps` takes."""
        return FORMS["json"](self)

    def save(self, f: Any) -> None:
        """Write the graph to a path or binary file; `torch.load` and `load` read it."""
        FORMS["save"](self, f)

    def restore(self, weights_only: bool = True) -> Any:
        """The outputs as live tensors on a new tape with leaves of its own.

        Raises: GraphError for a graph that was changed: its saved values are those of the old one; `replay` it.
        """
        return FORMS["restore"](self, weights_only)

    # ------------------------------------------------------------ text

    def place(self, node: GraphNode) -> str:
        """`File "x.py", line 3, in f`, or nothing."""
        if node.line is None:
            return ""
        file, number, function = self.lines[node.line]
        return f'File "{file}", line {number}, in {function}'

    def text(self, node: GraphNode) -> str:
        """One line for a node."""
        if node.kind == LEAF:
            return (
                f"%{node.index} = leaf {self.names.get(node.index, '')}  {described(self.leaf_value(node.index).array)}"
            )
        sources = ", ".join("_" if edge is None else f"%{edge[0]}" + (f".{edge[1]}" if edge[1] else "")
                            for edge in node.inputs)  # fmt: skip
        attributes = ", ".join(f"{k}={v!r}" for k, v in node.attributes.items())
        operator = node.operator or node.name
        where = (
            "" if node.line is None else f"  # {self.lines[node.line][0].rpartition('/')[2]}:{self.lines[node.line][1]}"
        )
        return f"%{node.index} = {operator}({sources}{'; ' if attributes else ''}{attributes}){where}"

    def __str__(self) -> str:
        lines = [self.text(node) for node in self.nodes]
        ends = [self.values[k] for k in self.outputs]
        lines.append("return " + ", ".join(
            f"%{v.node}" + (f".{v.nr}" if v.nr else "") if v.node is not None else "value" for v in ends
        ))  # fmt: skip
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes, leaves {', '.join(self.names.values()) or 'none'}>"

    def __len__(self) -> int:
        return len(self.nodes)


FORMS: dict[str, Any] = {}
"""What the modules above do with a graph: "json", "save", "restore"."""
LEAVES: dict[str, Any] = {}


def fresh_leaf(array: Any, parameter: bool) -> Any:
    """A new leaf over a copy of an array."""
    return LEAVES["make"](array.copy(), parameter)


def described(array: Any) -> str:
    """`float32[3, 4]`."""
    dtype = dtypes.FROM_NUMPY.get(array.dtype)
    return f"{array.dtype if dtype is None else dtype.name}{list(array.shape)}"


def operator_of(node: GraphNode) -> Any:
    """The record of an operator's node.

    Raises: ValueRangeError where there is none of that name.
    """
    op = REGISTRY.get(node.operator)
    if op is None:
        raise ValueRangeError(f"there is no operator {node.operator!r}")
    return op


__all__ = ["Graph", "GraphEdit", "GraphFileError", "GraphNode", "Link", "Saved", "UnsavedGraphError", "Value"]
