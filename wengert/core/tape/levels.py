"""Levels of transforms: who is inside whom, and what marks a tensor carries.

A transform that works on values (forward mode, batching) opens a Level and numbers it; a level
opened later lies inside those opened before.  Tensors that belong to one leave the fast path by
their flags (DUAL, BATCHED) and operators on them are answered in this order:

    the batch level with the largest number computes: it unwraps its tensors and runs the operator
    on the whole batch, which is an ordinary call one level further out;
    dual levels inside it then add their tangents, outermost first.

The reverse sweep needs no level: nested gradients live on one tape, told apart by their nodes.
Inside a batch level it starts from tensors of that level, so what it records is recorded there.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import count
from typing import Any

from wengert.core.tape import core
from wengert.core.tape.core import MarkedResult, Result, TensorBase, new_tensor
from wengert.core.tape.views import Extra, extra_of, twin, view_info

DUAL, BATCHED = 16, 32
MARKED = DUAL | BATCHED

_number = count(1).__next__


class Level:
    """One open transform.

    size: entries of a batch, 0 for a dual level.  randomness: what random operators of a batch do.
    recording: whether operators on this batch's tensors are recorded.  wanted: whether a tangent of
    this level has a history of its own.  rows: the namespace of rules on whole batches, made on demand.
    """

    __slots__ = ("number", "size", "randomness", "alive", "recording", "wanted", "rows")

    def __init__(self, size: int = 0, randomness: str = "error") -> None:
        self.number, self.size, self.randomness = _number(), size, randomness
        self.alive = self.recording = True
        self.wanted = False
        self.rows: Any = None

    def __lt__(self, other: Level) -> bool:
        return self.number < other.number


LEVELS: ContextVar[tuple[Any, ...]] = ContextVar("wengert_levels", default=())
BATCHES: ContextVar[tuple[Any, ...]] = ContextVar("wengert_batches", default=())
open_levels = LEVELS.get


def open_level(level: Level, batch: bool) -> None:
    """Put a level inside all that are open."""
    LEVELS.set((*LEVELS.get(), level))
    if batch:
        BATCHES.set((*BATCHES.get(), level))


def close_level(level: Level) -> None:
    """End a level; its tangents are gone."""
    level.alive, level.rows = False, None
    LEVELS.set(tuple([x for x in LEVELS.get() if x is not level]))
    BATCHES.set(tuple([x for x in BATCHES.get() if x is not level]))


def innermost_batch() -> Any:
    """The batch level that is inside all others, or None."""
    batches = BATCHES.get()
    return batches[-1] if batches else None


# ---------------------------------------------------------------- tangents of a tensor


def own_duals(x: Any) -> Any:
    """Tangents kept on the tensor itself: {level: tangent}, or None where it has no say of its own."""
    extra = x._extra
    return None if extra is None or extra.marks is None else extra.marks.get("duals")


def duals_of(x: Any) -> dict[Any, Any]:
    """The tangents of a tensor by level; a view's are the same views of its base's."""
    if not x._flags & DUAL:
        return {}
    found = own_duals(x)
    if found is not None:
        return {level: t for level, t in found.items() if level.alive}
    info = view_info(x)
    if info is None:
        return {}
    given = own_duals(info.base)
    if not given:
        return {}
    recording = core.MODE.get().grad
    marks = x._extra.marks
    if marks is None or marks.get("source") is not given or marks["recording"] is not recording:
        duals = {}
        for level, t in given.items():
            if level.alive:
                for link in info.chain:
                    t = link.replay(core.RECORDED, t)
                duals[level] = t
        marks = x._extra.marks = {**(marks or {}), "source": given, "seen": duals, "recording": recording}
    return {level: t for level, t in marks["seen"].items() if level.alive}


def set_duals(x: Any, duals: dict[Any, Any]) -> None:
    """Give a tensor tangents of its own."""
    extra = extra_of(x)
    extra.marks = {**(extra.marks or {}), "duals": duals}
    x._flags = x._flags | DUAL if duals else x._flags & ~DUAL


def mark_born(x: Any) -> Any:
    """Note that the history of x starts here: levels that are open now do not want their tangents followed along it."""
    extra = extra_of(x)
    extra.marks = {**(extra.marks or {}), "born": _number()}
    return x


def born(x: Any) -> int:
    """The number of the start of x's history, greater than that of every level open at that time; 0: unknown."""
    info = view_info(x)
    extra = x._extra if info is None else info.base._extra
    return 0 if extra is None or extra.marks is None else extra.marks.get("born", 0)


def copy_of(x: Any) -> Any:
    """Another tensor on the same memory with the same history and marks."""
    out = new_tensor(core.Tensor)
    out._array, out._node, out._flags, out._vc = x._array, x._node, x._flags & ~8, x._vc
    out._extra = None
    if x._extra is not None:
        info = view_info(x)
        extra = out._extra = Extra() if info is None else twin(info)
        marks = x._extra.marks
        if marks and "duals" in marks:
            extra.marks = {"duals": dict(marks["duals"]), "born": marks.get("born", 0)}
    return out


def outside(x: Any, level: Level) -> Any:
    """x as levels further out see it: without the tangents of `level` and of what is inside it."""
    if not x._flags & DUAL:
        return x
    duals = duals_of(x)
    kept = {k: t for k, t in duals.items() if k < level}
    if len(kept) == len(duals) and duals:
        return x
    out = copy_of(x)
    set_duals(out, kept)
    return out


def fresh(x: Any) -> Any:
    """x without history, marks kept: the start of a graph."""
    duals = duals_of(x)
    out = core.wrap(x._array)
    out._flags = x._flags & BATCHED
    if x._vc is None:
        x._vc = core.VersionCounter()
    out._vc = x._vc
    if duals:
        set_duals(out, duals)
    return out


# ---------------------------------------------------------------- results that a node keeps


def keep_marks(node: Any, outs: Any) -> None:
    """Let the results that a node saved come back with the marks of `outs`."""
    if node is None or not node._saved:
        return
    for value in node._saved:
        if isinstance(value, Result) or value.__class__ is tuple:
            node._saved = tuple([marked(value, outs) for value in node._saved])
            return


def marked(value: Any, outs: Any) -> Any:
    """A saved value; results with the marks of `outs`."""
    if value.__class__ is tuple:
        return tuple([marked(part, outs) for part in value])
    if isinstance(value, Result) and outs[value.nr]._flags & MARKED:
        return MarkedResult(value, outs[value.nr])
    return value


def tensors_among(values: Any) -> list[Any]:
    """The tensors of a list of arguments."""
    return [x for x in values if isinstance(x, TensorBase)]
