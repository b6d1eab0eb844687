"""Operands that no gradient needs, kept so that a graph can be computed again (`keep_operands`).

The tape keeps what derivatives mention: of `x + c` it keeps nothing, so c is gone when the graph is replayed.  Inside
of `keep_operands` every constant operand is copied and remembered beside its node, and so is what each node gave.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any

from wengert.core.operators.record import FIRST
from wengert.core.tape.core import Result, TensorBase, wrap
from wengert.core.tape.dispatch import KEEPER
from wengert.core.tape.views import view_info
from wengert.utils.interception import interception

BASE = "<base>"
"""The name under which the memory is kept that a write through a view changes a part of."""
_kept: Any = weakref.WeakKeyDictionary()
_given: Any = weakref.WeakKeyDictionary()
_open: ContextVar[Any] = ContextVar("wengert_keep_operands", default=None)


def kept_operands(node: Any) -> dict[str, Any]:
    """The constant operands of a node that were kept, by parameter name."""
    return _kept.get(node, {})


def given_values(node: Any) -> tuple[Any, ...]:
    """What a node gave, per output, where it was kept and has not been written since; else None."""
    return tuple(
        [None if array is None or (vc is not None and vc.n != n) else array for array, vc, n in _given.get(node, ())]
    )


class keep_operands:
    """A block in which graphs remember every constant operand, so that `replay` can compute them again.

    Costs a copy of each constant and, while the graph lives, the memory of every intermediate value.
    """

    def __init__(self) -> None:
        self.copies: dict[Any, Any] = {}
        self.block = interception(self.seen)

    def __enter__(self) -> keep_operands:
        KEEPER.update(write=before_write, call=at_call)
        self.token = _open.set(self)
        self.block.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.block.__exit__(*error)
        _open.reset(self.token)

    def seen(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        """An operator on its way."""
        before = {} if op.many >= 0 else {i: args[i] for i in op.arrays if i < len(args)}
        out = run(op, args)
        outs: Any = out if out.__class__ is tuple or out.__class__ is list else (out,)
        node: Any = next((x._node for x in outs if isinstance(x, TensorBase) and x._flags & 1), None)
        owner = None if node is None else getattr(node, "op", None)
        if owner is None or owner.name != op.name:
            return out
        kept: dict[str, Any] = {}
        if op.many >= 0 and any(not x._flags & 1 for x in args[op.many]):
            kept[op.params[op.many]] = [x if x._flags & 1 else self.copy(x) for x in args[op.many]]
        for i, x in before.items():
            if isinstance(x, TensorBase) and not x._flags & 1 and not was_saved(node, op, i):
                kept[op.params[i]] = self.copy(x)
        if kept:
            _kept[node] = kept
        _given[node] = tuple(
            [(x._array, x._vc, 0 if x._vc is None else x._vc.n) if x._flags & 1 else (None, None, 0) for x in outs]
        )
        return out

    def copy(self, x: Any) -> Any:
        """A copy of a constant, one for all uses of the same memory."""
        key = (id(x._array), 0 if x._vc is None else x._vc.n)
        found = self.copies.get(key)
        if found is None:
            # The array is kept, too: its id must not come to stand for another one.
            found = self.copies[key] = (wrap(x._array.copy()), x._array)
        return found[0]


def was_saved(node: Any, op: Any, i: int) -> bool:
    """Whether the rule keeps operand i anyway."""
    if i + FIRST not in op.saves or not node._saved:
        return False
    entry = node._saved[op.saves.index(i + FIRST)]
    return entry is not None and not isinstance(entry, Result)


def before_write(node: Any, op: Any, args: tuple[Any, ...], x: Any) -> None:
    """Keep the constants of a recorded in-place operation, before it writes."""
    keeper = _open.get()
    if keeper is None:
        return
    kept = {
        op.params[i]: wrap(args[i]._array.copy())
        for i in op.arrays
        if isinstance(args[i], TensorBase) and not args[i]._flags & 1
    }
    info = view_info(x)
    if info is not None and not info.base._flags & 1:
        kept[BASE] = wrap(info.base._array.copy())
    if kept:
        _kept[node] = kept


def at_call(node: Any, args: tuple[Any, ...]) -> None:
    """Keep the arguments of a custom Function's call that are no inputs with history."""
    keeper = _open.get()
    if keeper is not None:
        _kept[node] = {
            str(i): keeper.copy(x) if isinstance(x, TensorBase) else Plain(x)
            for i, x in enumerate(args)
            if not (isinstance(x, TensorBase) and x._flags & 1)
        }


class Plain:
    """An argument of a custom Function that is no tensor."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


__all__ = ["BASE", "Plain", "given_values", "keep_operands", "kept_operands"]
