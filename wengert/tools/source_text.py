"""The backward pass of a tape written out as a Python function in NumPy, with the program's lines as comments."""

from __future__ import annotations

import keyword
import linecache
import os
import re
from heapq import heappop
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.backward import edge_of
from wengert.core.tape.core import (
    HALF,
    NR_SHIFT,
    AccumulateGrad,
    ManyNode,
    Result,
    TensorBase,
    deliver,
    fit_raw,
    freed_error,
    line_of,
    new_node,
    node_name,
    raw_value,
)
from wengert.core.tape.hot_nodes import HOT
from wengert.files.graphs.origins import names_of
from wengert.tools.source_trace import ATOM, COMPARISON, TRACING, Traced, UntraceableError, literal

_WIDEST = 72
"""Expressions longer than this are not put into others."""


class Source:
    """A backward pass as text.

    text: a module with one function `backward(d_out, NAMES...)` that returns the gradients by leaf.  values: what the
    tape had saved, by the function's arguments.  numpy_only: the module imports nothing but NumPy; where a rule does
    what no expression can say (writes in place, compiled code), it is called by name from wengert instead.
    """

    def __init__(self, text: str, values: dict[str, Any], numpy_only: bool) -> None:
        self.text, self.values, self.numpy_only = text, values, numpy_only

    def __str__(self) -> str:
        return self.text

    def function(self) -> Any:
        """The function, made from the text."""
        names: dict[str, Any] = {}
        exec(compile(self.text, "<backward>", "exec"), names)
        return names["backward"]

    def run(self, d_out: Any = None) -> dict[str, Any]:
        """Run it on the saved values: NumPy arrays by leaf.  d_out: gradient of the result, 1 if not given."""
        seed = np.ones(self.shape, self.dtype) if d_out is None else np.asarray(d_out, self.dtype)
        return self.function()(seed, **self.values)

    shape: tuple[int, ...] = ()
    dtype: Any = None

    def save(self, path: Any) -> None:
        """Write the module to `path`, and the saved values beside it as `.npz`."""
        path = os.fspath(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text)
        np.savez(os.path.splitext(path)[0] + ".npz", **self.values)


def source(y: Any, names: Any = None) -> Source:
    """The backward pass of `y` as a function in NumPy.

    names: names of leaves, a mapping or a module; others are called as the program's variables are.  Hooks are not
    part of it.

    Raises: ArgumentError for what is no tensor; GraphError without a history; FreedGraphError after a backward;
    GraphError for a custom Function, whose rule is not known as mathematics.
    """
    if not isinstance(y, TensorBase):
        raise ArgumentError(f"source(): argument 'y' must be Tensor, not {type(y).__name__}")
    if not y._flags & 1:
        raise GraphError("source(): the tensor has no history; ask about a result that requires grad")
    return Writer(y, names).written()


class Writer:
    """Reads the list backwards on traced arrays and notes what each rule does."""

    def __init__(self, y: Any, names: Any) -> None:
        root, nr = edge_of(y)
        self.y, self.root = y, (root, nr)
        self.nodes = nodes_behind(root)
        self.numbers = {node: i for i, node in enumerate(self.nodes)}
        self.arguments: dict[str, Any] = {}
        self.saved: dict[Any, Traced] = {}
        self.blocks: list[tuple[str, list[tuple[Traced, str]]]] = []
        self.gradients: dict[str, Traced] = {}
        self.wants_rules = False
        leaves = {i: node.variable for i, node in enumerate(self.nodes) if node.__class__ is AccumulateGrad}
        given = names_of(leaves, names)
        self.taken = {"np", "rule", "d_out"}
        self.names: dict[Any, str] = {}
        for k, i in enumerate(leaves):
            self.names[self.nodes[i]] = name = unique(identifier(given.get(i, f"leaf_{k}")), self.names.values())
            self.taken.add(name)

    def written(self) -> Source:
        """The text."""
        root, nr = self.root
        seed = Traced(np.ones_like(self.y._array), [], ATOM, "d_out")
        pending, nodes, heap = {}, {}, []  # type: ignore[var-annotated]
        deliver(pending, nodes, heap, root, nr, seed, False)
        while heap:
            seq = -heappop(heap)
            node, g = nodes.pop(seq), pending.pop(seq)
            if node.__class__ is AccumulateGrad:
                self.gradients[self.names[node]] = g
                continue
            grads = self.ruled(node, g)
            results = []
            for i, (target, gi) in enumerate(zip(node._inputs, grads, strict=False)):
                if target is None or gi is None:
                    continue
                nr, shape, dtype = node._fit[i] if node._fit is not None else (0, None, None)
                if gi.__class__ is not Traced:
                    gi = Traced(np.asarray(gi), ["np.asarray(", literal(gi), ")"])
                if shape is not None:
                    gi = fit_raw(gi, shape, dtype)
                results.append((gi, self.label(target)))
                deliver(pending, nodes, heap, target, nr, gi, False)
            self.blocks.append((comment(node), results))
        return self.finished()

    def label(self, node: Any) -> str:
        """A name for what a node gave: that of the leaf, or of the operator with the node's number."""
        if node in self.names:
            return self.names[node]
        op = getattr(node, "op", None)
        return f"{identifier(op.name) if op is not None else 'value'}_{self.numbers[node]}"

    # ------------------------------------------------------------ rules

    def ruled(self, node: Any, g: Any) -> Any:
        """What a node's rule makes of a traced gradient."""
        if node._saved is None:
            raise freed_error(node)
        op = getattr(node, "op", None)
        if op is None or REGISTRY.get(op.name) is not op:
            raise GraphError(f"source(): the rule of {node_name(node)} is a program's own code, not an operator's")
        if isinstance(node, ManyNode):
            g = self.several(node, g)
        dtype = next(x.dtype for x in (g if isinstance(g, tuple) else (g,)) if x is not None)
        if dtype not in HALF:
            for way in (self.by_hand, self.by_record):
                try:
                    found = way(node, g)
                    if all(x is None or x.__class__ in (Traced, int, float) for x in found):
                        return found
                except (UntraceableError, TypeError, ValueError, AttributeError, NotImplementedError):
                    continue
        return self.called(node, op, g)

    def by_hand(self, node: Any, g: Any) -> Any:
        """The rule that a hot node has written out: its rounding is what the engine gives."""
        if node.__class__ not in HOT.values():
            raise UntraceableError("the record has the rule")
        double: Any = new_node(node.__class__)
        for name in {name for cls in node.__class__.__mro__ for name in getattr(cls, "__slots__", ())} - {
            "__weakref__"
        }:
            setattr(double, name, getattr(node, name))
        double._saved = tuple([
            None if kept is None else Stand(self.value(node, k)) for k, kept in enumerate(node._saved)
        ])  # fmt: skip
        return double.vjp(g)

    def by_record(self, node: Any, g: Any) -> Any:
        """The rule of the operator's record."""
        return node.gradients(TRACING, g, self.value)

    def several(self, node: Any, g: Any) -> tuple[Any, ...]:
        """Gradients of several results, zeros for those that got none."""
        gs = g if node._outputs != 1 else (g,)
        return tuple([
            Traced(np.zeros(*meta), [f'np.zeros({meta[0]!r}, "{meta[1].name}")']) if x is None and meta else x
            for x, meta in zip(gs, node.metas, strict=True)
        ])  # fmt: skip

    def value(self, node: Any, k: int) -> Any:
        """A saved value, as an argument of the function."""
        kept = node._saved[k]
        arrays = raw_value(node, k)
        if kept.__class__ is tuple or kept.__class__ is list:
            return arrays.__class__([
                None if part is None else self.argument(node, part, a)
                for part, a in zip(kept, arrays, strict=True)
            ])  # fmt: skip
        return self.argument(node, kept, arrays)

    def argument(self, node: Any, kept: Any, array: Any) -> Traced:
        """The argument that stands for a saved array."""
        made = node if isinstance(kept, Result) else getattr(kept, "_node", None)
        nr = kept.nr if isinstance(kept, Result) else getattr(kept, "_flags", 0) >> NR_SHIFT
        key = (self.numbers[made], nr) if made in self.numbers else id(array)
        if key not in self.saved:
            if made in self.names:
                name = self.names[made]
            elif made in self.numbers:
                name = self.label(made) + f"_{nr}" * bool(nr)
            else:
                found = names_of({0: kept}) if isinstance(kept, TensorBase) else {}
                name = found.get(0, f"constant_{len(self.saved)}")
            if made not in self.names:
                name = unique(identifier(name), self.taken)
                self.taken.add(name)
            self.arguments[name] = array
            self.saved[key] = Traced(array, [], ATOM, name)
        return self.saved[key]

    def called(self, node: Any, op: Any, g: Any) -> list[Any]:
        """The rule called by its operator's name."""
        self.wants_rules = True
        wants = tuple(target is not None for target in node._inputs)
        saved = {
            position: self.value(node, k) for k, position in enumerate(op.saves) if node._saved[k] is not None
        }  # fmt: skip
        parts: list[Any] = [f'rule("{op.name}", {wants!r}, {node.shape!r}, {plain_arguments(node)})(']
        parts += tokens(g) + [", {"]
        for i, (position, value) in enumerate(saved.items()):
            parts += [", "] * bool(i) + [f"{position}: "] + tokens(value)
        values = {position: bare(value) for position, value in saved.items()}
        whole = rule(op.name, wants, node.shape, node.args)(bare(g), values)
        call = Traced(whole, [*parts, "})"])
        return [None if a is None else Traced(a, [call, f"[{i}]"]) for i, a in enumerate(whole)]

    # ------------------------------------------------------------ text

    def finished(self) -> Source:
        """The module."""
        count_uses([*self.gradients.values(), *(g for _, results in self.blocks for g, _ in results)])
        lines: list[str] = []
        last = None
        for text, results in self.blocks:
            own: list[str] = []
            for g, name in results:
                self.settle(g, own, f"d_{name}")
            if own:
                lines += [f"    # {text}"] * (text != last) + own
                last = text
        ends = [f'"{name}": {self.settle(g, lines, f"d_{name}")}' for name, g in self.gradients.items()]
        arguments = "".join(f", {name}" for name in self.arguments)
        head = ['"""Gradients, as a backward pass computes them."""', "", "import numpy as np"]
        if self.wants_rules:
            head += ["", "from wengert.tools.source_text import rule"]
        text = "\n".join([
            *head, "", "", f"def backward(d_out{arguments}):", *lines, f"    return {{{', '.join(ends)}}}", "",
        ])  # fmt: skip
        made = Source(text, self.arguments, not self.wants_rules)
        made.shape, made.dtype = self.y._array.shape, self.y._array.dtype
        return made

    def settle(self, value: Traced, lines: list[str], name: str | None = None) -> str:
        """The text that stands for a value; statements that it needs are added to `lines`."""
        waiting = [value]
        while waiting:
            now = waiting[-1]
            if now.text is None:
                missing = [
                    part for parts in (now.parts, *now.writes) for part in parts
                    if part.__class__ is Traced and part.text is None and part is not now
                ]  # fmt: skip
                if missing:
                    waiting.extend(reversed(missing))
                    continue
                now.text = composed(now)
                if now.writes:
                    self.statement(now, name if now is value and name is not None else "t", lines)
                    for parts in now.writes:
                        lines.append("    " + "".join([str(p.text if p.__class__ is Traced else p) for p in parts]))
                elif now.uses > 1 and now is not value or len(now.text) > _WIDEST and now is not value:
                    self.statement(now, "t", lines)
            waiting.pop()
        if name is not None and not value.text.isidentifier():  # type: ignore[union-attr]
            self.statement(value, name, lines)
        return value.text  # type: ignore[return-value]

    def statement(self, value: Traced, name: str, lines: list[str]) -> None:
        """Give a value a variable."""
        name = unique(name, self.taken)
        self.taken.add(name)
        lines.append(f"    {name} = {value.text}")
        value.text, value.strength = name, ATOM


def count_uses(values: list[Traced]) -> None:
    """How many expressions refer to each, of those that are written out (tracing may have given some up)."""
    reached: dict[int, Traced] = {}
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if id(value) in reached:
            continue
        reached[id(value)] = value
        waiting += [part for parts in (value.parts, *value.writes) for part in parts if part.__class__ is Traced]
    for value in reached.values():
        value.uses = 0
    for value in reached.values():
        for parts in (value.parts, *value.writes):
            for part in parts:
                if part.__class__ is Traced and part is not value:
                    part.uses += 1


def composed(value: Traced) -> str:
    """The text of an expression whose parts have theirs, with the parentheses that it needs."""
    pieces = []
    for i, part in enumerate(value.parts):
        if part.__class__ is not Traced:
            pieces.append(part)
            continue
        loose = value.strength < ATOM and part.strength < value.strength + (i > 0 or value.strength <= COMPARISON)
        attached = i == 0 and len(value.parts) > 1 and str(value.parts[1])[:1] in ".["
        pieces.append(f"({part.text})" if loose or attached and part.strength < ATOM else part.text)
    return "".join(pieces)


class Stand:
    """What a node saved, with a traced array."""

    __slots__ = ("_array",)
    _vc = None

    def __init__(self, array: Any) -> None:
        self._array = array


def rule(name: str, wants: tuple[bool, ...], shape: Any, arguments: tuple[Any, ...]) -> Any:
    """The gradient rule of an operator on arrays, `f(gradient, {position: saved value})`, for written backward passes.

    wants: of which inputs gradients are computed.  shape: that of the first input.  arguments: the operator's, None in
    place of arrays.
    """
    op: Any = REGISTRY[name]

    def run(g: Any, saved: dict[int, Any]) -> Any:
        some = next(x for x in (g if isinstance(g, tuple) else (g,)) if x is not None)
        half = some.dtype if some.dtype in HALF and op.kind.half == "upcast" else None
        if half is not None:
            g, saved = wide(g), {position: wide(value) for position, value in saved.items()}
        environment = [NUMPY, g, None, shape, *arguments]
        for position, value in saved.items():
            environment[position] = value
        if op.many >= 0:
            found = list(op.rules[0](environment))
        else:
            found = [None if not wanted or r is None else r(environment) for wanted, r in zip(wants, op.rules)]  # noqa: B905
        return [x if half is None or x is None or x.dtype != np.float32 else x.astype(half) for x in found]

    return run


def wide(x: Any) -> Any:
    """Half precision as float32."""
    if x.__class__ in (tuple, list):
        return x.__class__([wide(part) for part in x])
    return x.astype(np.float32) if x is not None and x.dtype in HALF else x


def plain_arguments(node: Any) -> str:
    """A node's attributes as text."""
    text = repr(tuple(node.args))
    if "<" in text or "array(" in text:
        raise GraphError(f"source(): an argument of {node_name(node)} cannot be written: {text[:80]}")
    return text.replace("nan", 'float("nan")').replace("inf", 'float("inf")')


def bare(x: Any) -> Any:
    """Traced arrays as the arrays themselves."""
    if x.__class__ in (tuple, list):
        return x.__class__([bare(part) for part in x])
    return x.array if x.__class__ is Traced else x


def tokens(x: Any) -> list[Any]:
    """One traced array or several, as an argument."""
    if x.__class__ not in (tuple, list):
        return ["None" if x is None else x]
    parts: list[Any] = ["("]
    for part in x:
        parts += [*tokens(part), ", "]
    return [*parts, ")"]


def nodes_behind(root: Any) -> list[Any]:
    """Every node of a graph, in the order of recording."""
    seen, waiting = {root}, [root]
    while waiting:
        for target in waiting.pop()._inputs:
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    return sorted(seen, key=lambda node: node._seq)


def comment(node: Any) -> str:
    """The user's line of a node."""
    found = line_of(node._code, node._lasti)
    if found is None:
        return node_name(node)
    text = linecache.getline(*found).strip()
    return f"{os.path.basename(found[0])}:{found[1]}: {text or node_name(node)}"


def identifier(name: str) -> str:
    """A name that Python takes."""
    name = re.sub(r"\W", "_", name)
    return f"_{name}" if not name or name[0].isdigit() else f"{name}_" if keyword.iskeyword(name) else name


def unique(name: str, taken: Any) -> str:
    """A name that is not taken."""
    found, k = name, 2
    while found in taken:
        found, k = f"{name}_{k}", k + 1
    return found


__all__ = ["Source", "rule", "source"]
