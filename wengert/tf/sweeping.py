"""Gradients along one tape: a reverse sweep that keeps to what the tape recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape import backward
from wengert.core.tape.batching import entered, whole
from wengert.core.tape.core import NR_SHIFT, RECORDED, Plan, next_seq, sweep, to_array, wrap
from wengert.core.tape.levels import Level, close_level, open_level
from wengert.core.tape.modes import MODE
from wengert.tf.calling import sizes
from wengert.tf.errors import invalid
from wengert.tf.recording import STATE, TensorBase
from wengert.tf.slices import RecordedRows, Rows
from wengert.tf.tensor import EagerTensor, alias
from wengert.tf.variable import Variable


class Record:
    """What a tape has recorded: spans of node numbers, and the leaves that it watches.

    alone: no other tape ran at the same time, so that everything recorded in the spans is this tape's.
    """

    __slots__ = ("spans", "open", "leaves", "moved", "alone")

    def __init__(self) -> None:
        self.spans: list[tuple[Any, Any]] = []
        self.open: Any = None
        self.leaves: dict[int, tuple[Any, Any, int]] = {}
        self.moved: dict[int, tuple[Any, Any, int]] = {}
        self.alone = True

    @property
    def first(self) -> int:
        """Number from which nodes may be on this tape."""
        return self.spans[0][0] if self.spans else self.open or 0

    def begin(self) -> None:
        """Start a span."""
        self.open = next_seq()

    def end(self) -> None:
        """Close the span."""
        if self.open is not None:
            self.spans.append((self.open, next_seq()))
            self.open = None

    def covers(self, node: Any) -> bool:
        """Whether a node was recorded while the tape ran."""
        seq = node._seq
        if self.open is not None and seq >= self.open:
            return True
        return any([start <= seq < end for start, end in self.spans])

    def edge(self, x: Any) -> tuple[Any, int] | None:
        """The node and output number that tensor x has on this tape; None if it is not on it."""
        if isinstance(x, Variable):
            return None if x._leaf is None else (x._leaf, 0)
        found = self.leaves.get(id(x)) or self.moved.get(id(x))
        if found is not None:
            return found[1], found[2]
        if not x._flags & 1:
            return None
        return x._node, x._flags >> NR_SHIFT


class TapePlan(Plan):
    """A plan that goes only through nodes of one tape. `watched`: its leaves, where other tapes ran beside it."""

    __slots__ = ("record", "watched")

    def __init__(self, roots: Any, targets: Any, record: Record, watched: Any):
        self.record, self.watched = record, watched
        super().__init__(roots, targets, False)

    def reaching(self, roots: list[Any]) -> set[Any]:
        """Nodes of the tape from which a captured node can be reached."""
        if not self.captured:
            return set()
        covers, captured = self.record.covers, self.captured
        floor = min(node._seq for node in captured) if self.watched is None else 0
        seen: set[Any] = set()
        stack = [node for node in roots if covers(node)]
        order = []
        while stack:
            node = stack.pop()
            if node in seen or node._seq < floor:
                continue
            seen.add(node)
            order.append(node)
            stack.extend([x for x in node._inputs if x is not None and x not in seen and covers(x)])
        order.sort(key=lambda node: node._seq)
        own = seen if self.watched is None else self.derived(order)
        needed: set[Any] = set()
        for node in order:
            if node in own:
                for target in node._inputs:
                    if target in needed or (target in captured and (target in own or self.leaf(target))):
                        needed.add(node)
                        break
        for node in [x for x in captured if x not in own and not self.leaf(x)]:
            del captured[node]
        return needed

    def leaf(self, node: Any) -> bool:
        """Whether a captured node is where the tape starts from."""
        return self.watched is None or node in self.watched

    def derived(self, order: list[Any]) -> set[Any]:
        """Nodes that depend on what this tape watches."""
        own: set[Any] = set()
        for node in order:
            if node in self.watched or any([x in own or x in self.watched for x in node._inputs if x is not None]):
                own.add(node)
        return own


def gradients(
    targets: list[Any], sources: list[Any], given: list[Any], record: Record, watched: Any, retain: bool
) -> list[Any]:
    """Gradients of the sum of `targets` (weighted by `given`) at `sources`: tensors, IndexedSlices, None."""
    edges = [record.edge(x) for x in sources]
    wanted = [(i, edge) for i, edge in enumerate(edges) if edge is not None]
    create, level = backward.within_levels(tuple(targets), bool(STATE.get().live) and MODE.get().grad)
    roots = []
    for x, g in zip(targets, given, strict=True):
        edge = record.edge(x)
        if edge is not None:
            roots.append((*edge, first_gradient(x, g, create)))
    found: list[Any] = [None] * len(sources)
    if not roots or not wanted:
        return found
    before = None if level is None else level.recording
    if level is not None:
        level.recording = False
    try:
        plan = TapePlan(roots, [edge for _, edge in wanted], record, watched)
        roots = [root for root in roots if root[0] in plan.needed or root[0] in plan.captured]
        sweep(roots, retain or bool(create), create, plan)
    finally:
        if level is not None:
            level.recording = before
    firsts = [root[2] for root in roots]
    for (i, _), g in zip(wanted, plan.found, strict=True):
        if g is not None:
            found[i] = public(g, firsts)
    return found


def first_gradient(x: Any, g: Any, create: Any) -> Any:
    """The gradient that a sweep starts with at target x: ones if none is given."""
    a = x._array
    if g is None:
        ones = np.ones(a.shape, a.dtype)
        return wrap(ones) if create else ones
    if g._array.dtype != a.dtype:
        g = RECORDED.to_dtype(g, a.dtype)
    if g._array.shape != a.shape:
        try:
            g = RECORDED.expand(g, a.shape)
        except Exception:
            raise invalid("Mul", f"Incompatible shapes: {sizes(g._array.shape)} vs. {sizes(a.shape)}") from None
    return g if create else g._array


def public(g: Any, firsts: list[Any]) -> Any:
    """A gradient as the program sees it."""
    if isinstance(g, (Rows, RecordedRows)):
        return g.public()
    if not isinstance(g, TensorBase):
        g = to_array(g)
        if not isinstance(g, np.ndarray) and not hasattr(g, "shape"):
            return g
        if getattr(g, "base", None) is not None or any([g is x for x in firsts]):
            g = g.copy()
        g = wrap(g)
        g.__class__ = EagerTensor
        return g
    if isinstance(g, EagerTensor):
        return g
    if any([g is x for x in firsts]):
        return alias(g)
    g.__class__ = EagerTensor
    return g


def batched(target: Any, sources: list[Any], rows: Any, record: Record, watched: Any) -> list[Any]:
    """Gradients for every row of `rows` in one sweep; the results count the rows in dim 0."""
    level = Level(rows._array.shape[0])
    create = bool(STATE.get().live) and MODE.get().grad
    edges = [record.edge(x) for x in sources]
    wanted = [(i, edge) for i, edge in enumerate(edges) if edge is not None]
    root = record.edge(target)
    found: list[Any] = [None] * len(sources)
    if root is None or not wanted:
        return found
    open_level(level, True)
    try:
        first = (*root, entered(rows, 0, level))
        plan = TapePlan([first], [edge for _, edge in wanted], record, watched)
        if root[0] in plan.needed or root[0] in plan.captured:
            sweep([first], True, create or backward.VALUES, plan)
        for (i, _), g in zip(wanted, plan.found, strict=True):
            found[i] = None if g is None else public(whole(g, level), [])
    finally:
        close_level(level)
    return found
