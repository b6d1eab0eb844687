"""The backward pass of a tape written out as a Python function in NumPy, with the program's lines as comments."""

from __future__ import annotations

import keyword
import linecache
import os
import re
from bisect import bisect
from collections.abc import Iterable, Mapping
from heapq import heappop
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.backward import SWEEPER, edge_of, grad
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
    next_seq,
    node_name,
    raw_value,
)
from wengert.core.tape.hot_nodes import HOT
from wengert.core.tape.views import CopySlices
from wengert.files.graphs.origins import names_of
from wengert.profiler.observing import ACTIVE, VISIT, Observer, observed_sweep
from wengert.tools.source_loops import Names, Statement, lines_of, wrapped
from wengert.tools.source_trace import ATOM, COMPARISON, TRACING, Traced, UntraceableError, literal

_WIDEST = 72
"""Expressions longer than this are not put into others."""


class Source:
    """A backward pass as text.

    text: a module with one function `backward(d_out, NAMES...)` that returns the gradients by leaf.  values: what the
    tape had saved, by the function's arguments.  numpy_only: the module imports nothing but NumPy; where a rule does
    what no expression can say (writes in place, compiled code), it is called by name from wengert instead.
    statements: how many it has, loops written out; rolled: how many of them loops saved.  seeds: argument -> (shape,
    dtype) of the gradients that it begins with.
    """

    def __init__(self, text: str, values: dict[str, Any], numpy_only: bool, seeds: dict[str, Any]) -> None:
        self.text, self.values, self.numpy_only, self.seeds = text, values, numpy_only, seeds
        self.statements = self.rolled = 0

    def __str__(self) -> str:
        return self.text

    def function(self) -> Any:
        """The function, made from the text."""
        names: dict[str, Any] = {}
        exec(compile(self.text, "<backward>", "exec"), names)
        return names["backward"]

    def run(self, d_out: Any = None) -> dict[str, Any]:
        """Run it on the saved values: NumPy arrays by leaf.

        d_out: gradient of the result, 1 if not given; of order 2, a mapping from leaf to the direction there.
        """
        if isinstance(d_out, Mapping):
            given = {f"along_{name}": value for name, value in d_out.items()}
        else:
            given = {} if d_out is None else dict.fromkeys(self.seeds, d_out)
        seeds = {
            name: np.ones(shape, dtype) if given.get(name) is None else np.asarray(given[name], dtype)
            for name, (shape, dtype) in self.seeds.items()
        }
        return self.function()(**seeds, **self.values)

    def save(self, path: Any) -> None:
        """Write the module to `path`, and the saved values beside it as `.npz`."""
        path = os.fspath(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text)
        np.savez(os.path.splitext(path)[0] + ".npz", **self.values)


def source(y: Any, names: Any = None, order: int = 1) -> Source:
    """The backward pass of `y` as a function in NumPy.

    names: names of leaves, a mapping or a module; others are called as the program's variables are.  order: 2 writes
    out the backward of backward of one number: the function takes a direction `along_NAME` for each leaf, and returns
    the Hessian times these.  Stretches that repeat are loops.  Hooks are not part of it.

    Raises: ArgumentError for what is no tensor, or another order; GraphError without a history, for a y of several
    elements with order 2, and for a custom Function, whose rule is not known as mathematics; FreedGraphError after a
    backward.
    """
    if not isinstance(y, TensorBase):
        raise ArgumentError(f"source(): argument 'y' must be Tensor, not {type(y).__name__}")
    if order not in (1, 2):
        raise ArgumentError(f"source(): argument 'order' must be 1 or 2, got {order!r}")
    if not y._flags & 1:
        raise GraphError("source(): the tensor has no history; ask about a result that requires grad")
    return Writer(y, names, order).written()


class Origins(Observer):
    """A block around a recorded sweep, so that the nodes of second order are known by the line of the program, too."""

    def __init__(self) -> None:
        self.starts: list[Any] = []
        self.nodes: list[Any] = []

    def __enter__(self) -> None:
        # Only the sweep is watched: operators keep to the ways that they go without a watcher.
        self.before = ACTIVE.set((self,)), SWEEPER.set(observed_sweep)

    def __exit__(self, *error: Any) -> None:
        ACTIVE.reset(self.before[0])
        SWEEPER.reset(self.before[1])
        self.stop: Any = next_seq()

    def begin(self, kind: str, subject: Any, args: Any) -> Any:
        """Something begins."""
        if kind is VISIT and hasattr(subject, "_code"):
            self.starts.append(next_seq())
            self.nodes.append(subject)

    def comment(self, node: Any) -> str:
        """The user's line of a node, or of the node whose rule recorded it."""
        k = bisect(self.starts, node._seq) - 1
        if k >= 0 and node._seq < self.stop:
            return f"backward of {comment(self.nodes[k])}"
        return comment(node)


def comment(node: Any) -> str:
    """The user's line of a node."""
    found = line_of(node._code, node._lasti)
    if found is None:
        return node_name(node)
    text = linecache.getline(*found).strip()
    return f"{os.path.basename(found[0])}:{found[1]}: {text or node_name(node)}"


class Writer:
    """Reads the list backwards on traced arrays and notes what each rule does."""

    def __init__(self, y: Any, names: Any, order: int) -> None:
        self.origins = Origins()
        edges = [edge_of(y)]
        leaves = [node for node in nodes_behind(edges) if node.__class__ is AccumulateGrad]
        given = names_of({i: node.variable for i, node in enumerate(leaves)}, names)
        self.taken = {"np", "rule", "d_out"}
        self.names: dict[Any, str] = {}
        for i, node in enumerate(leaves):
            self.names[node] = name = unique(identifier(given.get(i, f"leaf_{i}")), self.names.values())
            self.taken.add(name)
        self.roots = {"d_out": (*edges[0], y._array)}
        if order == 2:
            variables = [node.variable for node in leaves]
            with self.origins:
                firsts = grad(y, variables, retain_graph=True, create_graph=True, allow_unused=True)
            self.roots = {
                f"along_{self.names[node]}": (*edge_of(g), g._array)
                for node, g in zip(leaves, firsts, strict=True) if g is not None and g._flags & 1
            }  # fmt: skip
            self.taken.update(self.roots)
        self.nodes = nodes_behind([(node, nr) for node, nr, _ in self.roots.values()])
        self.numbers = {node: i for i, node in enumerate(self.nodes)}
        self.arguments: dict[str, Any] = {}
        self.saved: dict[Any, Traced] = {}
        self.blocks: list[tuple[str, list[tuple[Traced, str]]]] = []
        self.gradients: dict[str, Traced] = {}
        self.wants_rules = False

    def written(self) -> Source:
        """The text."""
        pending: dict[int, Any] = {}
        nodes: dict[int, Any] = {}
        heap: list[int] = []
        for name, (root, nr, array) in self.roots.items():
            deliver(pending, nodes, heap, root, nr, Traced(np.ones_like(array), [], ATOM, name), False)
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
                deliver(pending, nodes, heap, target, nr, gi, False)
                whole = pending[target._seq]
                results.append((whole[nr] if target._outputs != 1 else whole, self.label(target)))
            self.blocks.append((self.origins.comment(node), results))
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
        if node.__class__ is CopySlices:
            return self.window(node, g)
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

    def window(self, node: Any, g: Any) -> list[Any]:
        """The rule of a write through a view: the gradient of what was written, and the rest with a hole there."""
        looked, base = g, Traced(g.array.copy(), [g, ".copy()"])
        for link in node.chain:
            looked = link.replay(TRACING, looked)
        grads = list(self.ruled(node.inner, Traced(looked.array.copy(), [looked, ".copy()"])))
        hole: Any = grads[0] if node.inner._inputs[0] is not None and grads[0] is not None else 0
        written = base
        for link in node.chain:
            written = link.replay(TRACING, written)
        if hole.__class__ is Traced:
            hole = fit_raw(hole, written.shape, written.dtype)
        filling = hole if hole.__class__ is Traced else "0"
        place = flattened(written, base)
        if writable(place, base):
            base.writes.append([*place, "[...] = ", filling])
        else:
            shape = base.array.shape
            numbers = f"np.arange({base.array.size}).reshape({shape!r})"
            where = [numbers if part is base else part for part in place]
            base.writes.append(["np.put(", base, ", ", *where, ", ", filling, ")"])
        written.array[...] = bare(hole)
        return [base, *grads[1:]]

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
        statements: list[Statement] = []
        for text, results in self.blocks:
            for g, name in results:
                self.settle(g, statements, f"d_{name}", text)
        ends = {name: self.settle(g, statements, f"d_{name}", "The gradients") for name, g in self.gradients.items()}
        made = [s.target for s in statements if s.target is not None]
        names = Names(made, [*self.arguments, *self.roots], self.taken)
        lines, rolled = lines_of(statements, names, ends.values())
        head = ['"""Gradients, as a backward pass computes them."""', "", "import numpy as np"]
        if self.wants_rules:
            head += ["", "from wengert.tools.source_text import rule"]
        lines += wrapped("return ", [f'"{name}": {names.now(text)}' for name, text in ends.items()], "", "{}")
        text = "\n".join([
            *head, "", "", *wrapped("def backward", [*self.roots, *self.arguments], ":", "()"),
            *[f"    {line}" for line in lines], "",
        ])  # fmt: skip
        seeds = {name: (array.shape, array.dtype) for name, (_, _, array) in self.roots.items()}
        found = Source(text, self.arguments, not self.wants_rules, seeds)
        found.statements, found.rolled = len(statements), rolled
        return found

    def settle(self, value: Traced, lines: list[Statement], name: str, note: str) -> str:
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
                    self.statement(now, name if now is value else "t", lines, note)
                    for parts in now.writes:
                        text = "".join([str(p.text if p.__class__ is Traced else p) for p in parts])
                        lines.append(Statement(None, text, note))
                elif now.uses > 1 and now is not value or len(now.text) > _WIDEST and now is not value:
                    self.statement(now, "t", lines, note)
            waiting.pop()
        if not value.text.isidentifier():  # type: ignore[union-attr]
            self.statement(value, name, lines, note)
        return value.text  # type: ignore[return-value]

    def statement(self, value: Traced, name: str, lines: list[Statement], note: str) -> None:
        """Give a value a variable."""
        name = unique(name, self.taken)
        self.taken.add(name)
        lines.append(Statement(name, value.text or "", note))
        value.text, value.strength = name, ATOM


def flattened(value: Traced, base: Traced) -> list[Any]:
    """An expression of views of `base` as one row of pieces."""
    if value is base:
        return [base]
    return [piece for part in value.parts for piece in (flattened(part, base) if part.__class__ is Traced else [part])]


def writable(place: list[Any], base: Traced) -> bool:
    """Whether NumPy lets a view be written: not the diagonals."""
    text = "".join(["base" if part is base else part for part in place])
    return bool(eval(text, {"np": np, "base": np.empty_like(base.array)}).flags.writeable)


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
            environment.append(wants)
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


def nodes_behind(edges: Iterable[tuple[Any, int]]) -> list[Any]:
    """Every node of a graph, in the order of recording."""
    waiting = [node for node, _ in edges]
    seen = set(waiting)
    while waiting:
        for target in waiting.pop()._inputs:
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    return sorted(seen, key=lambda node: node._seq)


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
