"""Operators on dual and batched tensors: who answers, in which order (see levels.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.operators.record import Op
from wengert.core.tape import batching, duals, inplace
from wengert.core.tape.core import TensorBase
from wengert.core.tape.dispatch import TRANSFORMS, apply, first_tensor, refresh_all
from wengert.core.tape.levels import DUAL, copy_of, duals_of, keep_marks
from wengert.core.tape.views import STALE, view_info


def moving(values: list[Any], level: Any) -> list[dict[Any, Any]]:
    """The tangents of each argument that lie inside `level` (None: all)."""
    if not duals.ENABLED.get():
        return [{} for _ in values]
    found = [duals_of(x) if isinstance(x, TensorBase) and x._flags & DUAL else {} for x in values]
    if level is None:
        return found
    return [{k: t for k, t in d.items() if level < k} for d in found]


def answer(op: Op, args: tuple[Any, ...]) -> Any:
    """An operator of which some arguments are dual or batched."""
    values = list(op.values(args))
    if any(isinstance(x, TensorBase) and x._flags & STALE for x in values):
        refresh_all(op, args)
    level = batching.level_of(values)
    tangents = moving(values, level)
    out = apply(op, args, 0) if level is None else batching.apply(op, args, level)
    if any(tangents):
        duals.carry(op, args, tangents, out)
    return out


def answer_inplace(op: Op, args: tuple[Any, ...], depth: int) -> Any:
    """The in-place form: tangents are worked out first, from what is about to be overwritten."""
    values = list(op.values(args))
    if any(isinstance(x, TensorBase) and x._flags & STALE for x in values):
        refresh_all(op, args)
    level = batching.level_of(values)
    tangents = moving(values, level)
    changed = None
    if any(tangents):
        made = answer(op, args)
        found = duals_of(made)
        changed = {k: found.get(k) for k in duals.levels_among(tangents)}
    x = first_tensor(op, args)
    if level is None:
        inplace.apply_inplace(op, args, depth + 2, 0)
    else:
        batching.apply_inplace(op, args, level, depth + 2)
    if changed is not None:
        if x._flags & STALE:
            refresh_all(op, (x, *args[1:]))
        duals.moved(x, changed)
        info = view_info(x)
        node = x._node if info is None else getattr(info.base._node, "inner", None)
        keep_marks(node, (x,))
    return x


def answer_out(op: Op, args: tuple[Any, ...], call: Any, out: Any) -> Any:
    """The form with `out=`: for batches computed and copied, for tangents refused as in torch."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if any(isinstance(x, TensorBase) and duals_of(x) for x in (*op.values(args), *outs)):
        duals.refuse_out(op)
    made = call(*args)
    for target, value in zip(outs, made if isinstance(made, (tuple, list)) else (made,), strict=True):
        target.copy_(value)
    return out


def original(x: Any) -> Any:
    """A marked tensor as it was before it is written."""
    found = duals_of(x)
    out = copy_of(x)
    out._array, out._vc = x._array.copy(), None
    if out._extra is not None:
        out._extra.view = None
    if found:
        out._extra = None
        duals.set_duals(out, found)
    return out


TRANSFORMS.update(
    {"apply": answer, "inplace": answer_inplace, "out": answer_out, "original": original, "detach": batching.detached}
)
