"""Who holds memory: what a tape keeps for backward, and what was alive at the peak, by line, operator and module."""

from __future__ import annotations

import linecache
import os
import sys
import weakref
from collections.abc import Iterator
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape.core import AccumulateGrad, Packed, TensorBase, line_of, node_name, user_frame
from wengert.core.tape.views import CopySlices
from wengert.nn.modules.hooks import register_module_forward_hook, register_module_forward_pre_hook
from wengert.profiler.figures import memory_text, shortened, text_table
from wengert.profiler.memory import Holdings, memory_of
from wengert.profiler.observing import FUNCTION, INDEX, RULE, VISIT, Observer

BY = ("line", "operator", "module")
LEAVES, TAPE, GRADIENTS = "leaves", "tape", "gradients"
_modules: Any = weakref.WeakKeyDictionary()
"""Node -> path of the module in whose forward it was recorded, for programs that ran in a block."""


class Holding:
    """Memory that one operator at one line holds.

    kind: "tape" for results and saved values, "leaves" for parameters and inputs, "gradients" for what backward made.
    """

    __slots__ = ("kind", "operator", "place", "module", "bytes", "count")

    def __init__(self, kind: str, operator: str, place: Any, module: str) -> None:
        self.kind, self.operator, self.place, self.module = kind, operator, place, module
        self.bytes = self.count = 0

    @property
    def line(self) -> tuple[str, int] | None:
        """File and line."""
        return None if self.place is None or self.place[0] is None else line_of(*self.place)

    def __repr__(self) -> str:
        where = "" if self.line is None else f" at {os.path.basename(self.line[0])}:{self.line[1]}"
        return f"<{self.operator}{where}: {memory_text(self.bytes)} in {self.count} ({self.kind})>"


class Ledger:
    """Holdings with their sums; printed as a table.

    total: bytes of memory, shared memory counted once.  saved: the part that only the tape keeps alive for backward
    (no leaves).
    """

    def __init__(self) -> None:
        self.rows: dict[Any, Holding] = {}

    def add(self, size: int, kind: str, operator: str, place: Any, module: str) -> None:
        """Count memory."""
        key = (kind, operator, place, module)
        if key not in self.rows:
            self.rows[key] = Holding(*key)
        self.rows[key].bytes += size
        self.rows[key].count += 1

    def __iter__(self) -> Iterator[Holding]:
        return iter(sorted(self.rows.values(), key=lambda row: row.bytes, reverse=True))

    @property
    def total(self) -> int:
        """Bytes altogether."""
        return sum(row.bytes for row in self.rows.values())

    @property
    def saved(self) -> int:
        """Bytes without those of leaves."""
        return sum(row.bytes for row in self.rows.values() if row.kind != LEAVES)

    def by(self, what: str) -> dict[Any, int]:
        """Bytes by "line" (file, number), "operator" or "module", the most first.

        Raises: ArgumentError for anything else.
        """
        if what not in BY:
            raise ArgumentError(f"by(): argument must be one of {', '.join(BY)}, got {what!r}")
        found: dict[Any, int] = {}
        for row in self:
            key = getattr(row, what)
            found[key] = found.get(key, 0) + row.bytes
        return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))

    def table(self, row_limit: int = 20) -> str:
        """The rows as text, the largest first (row_limit -1: all)."""
        rows = []
        whole = self.total
        for row in list(self)[: None if row_limit < 0 else row_limit]:
            place = row.line
            where = "" if place is None else f"{os.path.basename(place[0])}:{place[1]}"
            text = "" if place is None else shortened(linecache.getline(*place).strip(), 50)
            share = f"{row.bytes * 100 / whole:.1f}%" if whole else "0.0%"
            rows.append(
                [memory_text(row.bytes), share, str(row.count), row.kind, row.operator, row.module, where, text]
            )
        titles = ["Bytes", "Share", "Arrays", "Kind", "Operator", "Module", "Line", "Source"]
        widths = [max([len(titles[i]) + 1, *(len(row[i]) for row in rows)]) for i in range(len(titles))]
        return text_table(titles, widths, rows) + f"\nTotal: {memory_text(whole)}\n"

    def __str__(self) -> str:
        return self.table()


def memory(*tensors: Any) -> Any:
    """What the tape behind tensors holds, as a Ledger; without tensors a block that tracks what is alive (Tracking).

    Counted is what nodes saved for backward, each piece of memory once and at the first node that saved it.

    Raises: ArgumentError for what is no tensor, GraphError for tensors without history.
    """
    if not tensors:
        return Tracking()
    for x in tensors:
        if not isinstance(x, TensorBase):
            raise ArgumentError(f"memory(): arguments must be Tensors, not {type(x).__name__}")
    roots = [x._node for x in tensors if x._flags & 1]
    if not roots:
        raise GraphError("memory(): none of the tensors has a history")
    ledger, nodes = Ledger(), nodes_behind(roots)
    leaves = {id(memory_of(node.array)) for node in nodes if node.__class__ is AccumulateGrad}
    seen: set[int] = set()
    for node in nodes:
        for array in saved_arrays(node):
            owner = memory_of(array)
            if id(owner) in seen:
                continue
            seen.add(id(owner))
            kind = LEAVES if id(owner) in leaves else TAPE
            place = (node._code, node._lasti)
            ledger.add(owner.nbytes, kind, node_name(node), place, _modules.get(node, ""))
    return ledger


def nodes_behind(roots: list[Any]) -> list[Any]:
    """Every node of a graph, in the order of recording."""
    seen, waiting = set(roots), list(roots)
    while waiting:
        node = waiting.pop()
        inner = node.inner if node.__class__ is CopySlices else None
        for target in (*node._inputs, inner):
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    return sorted(seen, key=lambda node: node._seq)


def saved_arrays(node: Any) -> Iterator[Any]:
    """Arrays that a node keeps: saved values, and tensors among the attributes of a custom Function's context."""
    for kept in node._saved or ():
        for part in kept if kept.__class__ is list or kept.__class__ is tuple else (kept,):
            if part is None:
                continue
            array = part.packed if part.__class__ is Packed else part._array
            array = array._array if isinstance(array, TensorBase) else array
            if hasattr(array, "nbytes"):
                yield array
    for value in getattr(node, "__dict__", {}).values():
        if isinstance(value, TensorBase) and hasattr(value._array, "nbytes"):
            yield value._array


# ---------------------------------------------------------------- a block


class Tracking(Observer):
    """A block in which every array that an operator or rule makes is followed until it is let go.

    peak: the most bytes that were alive at once.  at_peak: a Ledger of what was alive then.  now: a Ledger of what is
    alive.  Memory that existed before the block, and scratch memory inside of one operator, is not counted.
    """

    def __init__(self) -> None:
        self.owners: dict[Any, list[int]] = {}
        self.highest: dict[Any, tuple[int, int]] = {}
        self.holdings = Holdings(self.freed, self.rose)
        self.at_top = False
        self.stack: list[str] = []
        self.path: list[Any] = []

    @property
    def peak(self) -> int:
        """The most bytes that were alive at once."""
        return self.holdings.peak

    @property
    def total(self) -> int:
        """Bytes alive now."""
        return self.holdings.total

    @property
    def now(self) -> Ledger:
        """What is alive now."""
        return ledger_of({owner: (size, count) for owner, (size, count) in self.owners.items()})

    @property
    def at_peak(self) -> Ledger:
        """What was alive at the peak."""
        if self.at_top:
            self.keep(None, 0)
        return ledger_of(self.highest)

    def table(self, row_limit: int = 20) -> str:
        """What was alive at the peak, as text."""
        return self.at_peak.table(row_limit)

    __str__ = table

    def __enter__(self) -> Tracking:
        self.hooks = (register_module_forward_pre_hook(self.before), register_module_forward_hook(self.after))
        self.open()
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
        for hook in self.hooks:
            hook.remove()

    # ------------------------------------------------------------ modules

    def before(self, module: Any, args: Any) -> None:
        """The forward of a module begins."""
        name = type(module).__name__
        if self.path:
            name = next((key for key, child in self.path[-1]._modules.items() if child is module), name)
        self.path.append(module)
        self.stack.append(f"{self.stack[-1]}.{name}" if self.stack else name)

    def after(self, module: Any, args: Any, result: Any) -> None:
        """It ends (and those within it that ended by an error)."""
        while self.path:
            self.stack.pop()
            if self.path.pop() is module:
                break

    # ------------------------------------------------------------ arrays

    def begin(self, kind: str, subject: Any, args: Any) -> Any:
        """Something begins."""
        if kind is VISIT:
            return None
        if kind is RULE:
            return kind, node_name(subject), (subject._code, subject._lasti), _modules.get(subject, ""), subject, ()
        name = subject[0].__name__ if kind is FUNCTION else "index" if kind is INDEX else subject.name
        frame = user_frame(sys._getframe(2))
        given = {id(memory_of(x._array)) for x in tensors_in(args)}
        return kind, name, (frame.f_code, frame.f_lasti), self.stack[-1] if self.stack else "", subject, given

    def end(self, token: Any, result: Any) -> None:
        """It ended."""
        if token is None or result is None:
            return
        kind, name, place, module, subject, given = token
        outs = result if result.__class__ is tuple or result.__class__ is list else (result,)
        if kind is RULE:
            if subject.__class__ is AccumulateGrad:
                outs, place = (subject.grad,), None
            self.take(outs, (GRADIENTS, name, place, module), given)
            return
        self.take(outs, (TAPE, name, place, module), given)
        for x in outs:
            if isinstance(x, TensorBase) and x._flags & 1:
                _modules[x._node] = module

    def take(self, outs: Any, owner: Any, given: Any) -> None:
        """Count what is new among results."""
        for x in outs:
            array = x._array if isinstance(x, TensorBase) else x
            if hasattr(array, "nbytes") and id(memory_of(array)) not in given:
                before = self.owners.setdefault(owner, [0, 0])
                held = memory_of(array)
                if id(held) not in self.holdings.live:
                    before[0] += held.nbytes
                    before[1] += 1
                    if not self.holdings.add(held, owner):
                        before[0] -= held.nbytes
                        before[1] -= 1

    def rose(self) -> None:
        """There was never more than now."""
        self.at_top = True

    def freed(self, size: int, owner: Any) -> None:
        """Memory was let go."""
        if self.at_top:
            self.keep(owner, size)
        held = self.owners[owner]
        held[0] -= size
        held[1] -= 1

    def keep(self, owner: Any, size: int) -> None:
        """Note what is alive: it is the peak."""
        self.highest = {key: (held[0], held[1]) for key, held in self.owners.items() if held[0]}
        self.at_top = False


def ledger_of(owners: dict[Any, tuple[int, int]]) -> Ledger:
    """A ledger of bytes and counts by owner."""
    ledger = Ledger()
    for owner, (size, count) in owners.items():
        if size:
            ledger.add(size, *owner)
            ledger.rows[owner].count = count
    return ledger


def tensors_in(args: Any) -> list[Any]:
    """The tensors among arguments, those in lists too."""
    found: list[Any] = []
    for x in args:
        for part in x if x.__class__ is list or x.__class__ is tuple else (x,):
            if isinstance(part, TensorBase):
                found.append(part)
    return found
