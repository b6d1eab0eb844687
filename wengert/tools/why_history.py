"""What a program did to its tensors, kept while a block is open: which came from which, at what line, by what.

Nothing of the tensors' data is kept, only which operation made them, their shape and dtype, and whether they had a
history.  `why` (why_report.py) reads it.
"""

from __future__ import annotations

import sys
import threading
import weakref
from contextvars import ContextVar
from typing import Any

import numpy as np

from wengert.core.tape.core import AccumulateGrad, TensorBase, line_of, node_name, raw_value, user_frame
from wengert.core.tape.modes import MODE
from wengert.core.tensor.tensor import Tensor
from wengert.profiler.observing import FUNCTION, INDEX, RULE, VISIT, Observer

HISTORY: ContextVar[history | None] = ContextVar("wengert_history", default=None)
CUTS = {"detach": "detach()", "detach_": "detach_()", "data": ".data"}
"""Methods whose result has no history any more, and how they are written."""
EXITS = {
    "numpy": "numpy()", "item": "item()", "tolist": "tolist()", "__array__": "numpy.asarray()", "__float__": "float()",
    "__int__": "int()", "__index__": "int()", "__complex__": "complex()",
}  # fmt: skip
"""Methods whose result is no tensor, and how they are written."""


class Entry:
    """A tensor at one time: how it was made, of which others, and whether it had a history.

    operation: name of what made it, "" for one that the block has not seen being made.  grad: whether recording was
    on.  reached: whether a backward has passed the node that made it.
    """

    __slots__ = (
        "operation", "place", "parents", "children", "live", "leaf", "grad", "shape", "dtype", "seq", "exits", "order",
    )  # fmt: skip

    def __init__(self, operation: str, place: Any, parents: list[Entry], x: Any, order: int) -> None:
        self.operation, self.place, self.parents, self.order = operation, place, parents, order
        self.children: list[Entry] = []
        self.exits: list[tuple[str, Any, int]] = []
        self.grad = MODE.get().grad
        self.refresh(x)
        for parent in parents:
            parent.children.append(self)

    def refresh(self, x: Any) -> None:
        """Note what the tensor is now."""
        self.live = bool(x._flags & 1)
        node = x._node if self.live else None
        self.leaf = node is None or node.__class__ is AccumulateGrad
        self.seq = node._seq if node is not None else -1
        self.shape, self.dtype = tuple(x._array.shape), str(x._array.dtype)

    @property
    def line(self) -> tuple[str, int] | None:
        """File and line where it was made."""
        return None if self.place is None else line_of(*self.place)

    @property
    def floating(self) -> bool:
        """Whether a tensor of this dtype can have a gradient."""
        return np.dtype(self.dtype).kind in "fcV" if self.dtype not in ("bfloat16",) else True


class Rule:
    """A rule that a backward ran: the node, its line, and how the gradients were that arrived and left.

    arrived, sent: "zero", "nan" or "" for others; sent by number of the target node.  operands: (min, max) of what
    the rule reads.  hooked: gradients went through hooks before they arrived.
    """

    __slots__ = ("name", "place", "seq", "arrived", "sent", "operands", "hooked", "leaf", "sweep")

    def __init__(self, node: Any, arrived: str, sweep: int) -> None:
        self.name, self.seq, self.arrived, self.sweep = node_name(node), node._seq, arrived, sweep
        self.place = None if node._code is None else (node._code, node._lasti)
        self.sent: dict[int, str] = {}
        self.operands = ranges(node)
        self.hooked = node._extra is not None and bool(node._extra.tensor_hooks or node._extra.prehooks)
        self.leaf = node.__class__ is AccumulateGrad


class history(Observer):
    """A block in which the origin of every tensor is noted, so that `why` can name the line that cut a gradient.

    The errors of `backward` and `grad` about results without history and inputs that were not used say it, too.

    Costs time for every operation, and a few hundred bytes; use it to look for a fault, not in production.
    """

    def __init__(self) -> None:
        self.entries: dict[int, tuple[Any, Entry]] = {}
        self.leaves: dict[int, Entry] = {}
        self.rules: list[Rule] = []
        self.sweeps = 0
        self.order = 0

    def __enter__(self) -> history:
        self.open()
        self.before = HISTORY.get()
        HISTORY.set(self)
        note_methods(1)
        return self

    def __exit__(self, *error: Any) -> None:
        note_methods(-1)
        HISTORY.set(self.before)
        LAST[:] = [self]
        self.close()

    # ------------------------------------------------------------ operators

    def begin(self, kind: str, subject: Any, args: Any) -> Any:
        """Something begins."""
        if kind == VISIT:
            return None
        if kind == RULE:
            return self.ruled(subject, args)
        name = subject[0].__name__ if kind == FUNCTION else "index" if kind == INDEX else subject.name
        frame = user_frame(sys._getframe(2))
        parents = [self.entry(x) for x in tensors_in(args)]
        return name, (frame.f_code, frame.f_lasti), parents, kind, subject

    def end(self, token: Any, result: Any) -> None:
        """It ended."""
        if token is None or result is None:
            return
        if token[0].__class__ is Rule:
            self.sent(token[0], token[1], result)
            return
        name, place, parents, kind, _ = token
        for x in result if result.__class__ in (tuple, list) else (result,):
            if isinstance(x, TensorBase):
                self.add(x, name, place, parents)

    def entry(self, x: Any) -> Entry:
        """What is known of a tensor now."""
        found = self.entries.get(id(x))
        if found is not None and found[0]() is x:
            entry = found[1]
            if entry.live != bool(x._flags & 1) or entry.seq != (x._node._seq if x._flags & 1 else -1):
                entry.refresh(x)
            return entry
        # Several tensors may stand for one leaf: reading a variable gives a new one.
        leaf = self.leaves.get(x._node._seq) if x._flags & 1 and x._node.__class__ is AccumulateGrad else None
        return self.add(x, "", None, []) if leaf is None else leaf

    def add(self, x: Any, name: str, place: Any, parents: list[Entry]) -> Entry:
        """Note how a tensor was made."""
        self.order += 1
        entry = Entry(name, place, [p for p in parents if p is not None], x, self.order)
        key = id(x)
        self.entries[key] = (weakref.ref(x), entry)
        if entry.live and entry.leaf:
            self.leaves.setdefault(entry.seq, entry)
        return entry

    # ------------------------------------------------------------ rules

    def ruled(self, node: Any, g: Any) -> tuple[Rule, Any]:
        """A rule begins."""
        rule = Rule(node, state(g), self.sweeps)
        self.rules.append(rule)
        return rule, node

    def swept(self, roots: Any) -> None:
        """A backward begins."""
        self.sweeps += 1

    def sent(self, rule: Rule, node: Any, grads: Any) -> None:
        """It ended."""
        for target, g in zip(node._inputs, grads, strict=False):
            if target is not None:
                now = "none" if g is None else state(g)
                before = rule.sent.get(target._seq)
                rule.sent[target._seq] = now if before in (None, "none", "zero") else before


LAST: list[history] = []
"""The block that was closed last: what it noted can be asked for after its end."""


def current_history() -> history | None:
    """The block that is open, or that was closed last."""
    return HISTORY.get() or (LAST[0] if LAST else None)


def tensors_in(args: Any) -> list[Any]:
    """The tensors among arguments, those in lists too."""
    found: list[Any] = []
    for x in args:
        if isinstance(x, TensorBase):
            found.append(x)
        elif x.__class__ is list or x.__class__ is tuple:
            found.extend(part for part in x if isinstance(part, TensorBase))
    return found


def state(g: Any) -> str:
    """Whether a gradient (or each of several) is zero, or holds a NaN or an infinity."""
    if g.__class__ is list or g.__class__ is tuple:
        states = {state(part) for part in g if part is not None}
        return "nan" if "nan" in states else "zero" if states == {"zero"} else ""
    a = np.asarray(g._array if isinstance(g, TensorBase) else g)
    if a.dtype.kind not in "fciub":
        a = a.astype(np.float32)
    if not a.any():
        return "zero"
    return "" if a.dtype.kind not in "fc" or np.isfinite(a).all() else "nan"


def ranges(node: Any) -> list[tuple[float, float]]:
    """(min, max) of what a node saved."""
    found = []
    for k, kept in enumerate(node._saved or ()):
        if kept is None or kept.__class__ is list or kept.__class__ is tuple or node.__class__ is AccumulateGrad:
            continue
        try:
            a = np.asarray(raw_value(node, k))
        except (RuntimeError, TypeError):
            continue
        if a.size and a.dtype.kind in "fiu":
            found.append((float(a.min()), float(a.max())))
    return found


# ---------------------------------------------------------------- what leaves the tape


_plain: dict[str, Any] = {}
_open = [0]
_lock = threading.Lock()


def note_methods(change: int) -> None:
    """Put noted forms in place of the methods that cut histories while a block is open in any thread."""
    with _lock:
        if not _open[0]:
            _plain.update({name: Tensor.__dict__[name] for name in (*CUTS, *EXITS) if name in Tensor.__dict__})
        before, _open[0] = _open[0], _open[0] + change
        if bool(before) == bool(_open[0]):
            return
        for name, method in _plain.items():
            form = method if not _open[0] else noted_data(method) if name == "data" else noted(name, method)
            setattr(Tensor, name, form)


def noted(name: str, method: Any) -> Any:
    """A method of tensors that cuts the history, noted where a block is open."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        block = HISTORY.get()
        if block is None or not isinstance(self, TensorBase):
            return method(self, *args, **kwargs)
        entry = block.entry(self)
        out = method(self, *args, **kwargs)
        note_cut(block, entry, name, out)
        return out

    return call


def noted_data(prop: Any) -> Any:
    """The property `data`, noted where a block is open."""

    def get(self: Any) -> Any:
        block = HISTORY.get()
        out = prop.fget(self)
        if block is not None:
            note_cut(block, block.entry(self), "data", out)
        return out

    return property(get, prop.fset, prop.fdel, prop.__doc__)


def note_cut(block: history, entry: Entry, name: str, out: Any) -> None:
    """A tensor's values went on without its history."""
    frame = user_frame(sys._getframe(2))
    place = (frame.f_code, frame.f_lasti)
    if name in CUTS:
        block.add(out, CUTS[name], place, [entry])
    else:
        block.order += 1
        entry.exits.append((EXITS[name], place, block.order))
