"""Operators on dual and batched tensors: who answers, in which order (see levels.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape import batching, duals, inplace, lightcalls
from wengert.core.tape.batchedfunction import batched_call
from wengert.core.tape.core import MARKS, TensorBase
from wengert.core.tape.dispatch import TRANSFORMS, apply, first_tensor, refresh_all
from wengert.core.tape.function import INTERCEPT, with_tangents
from wengert.core.tape.levels import BATCHED, DUAL, copy_of, duals_of, keep_marks, outside
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tape.packedmarks import remembering
from wengert.core.tape.packing import MARKED, pack_saved
from wengert.core.tape.views import STALE, set_view, view_info


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
    values = args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]
    flags, level = 0, None
    for x in values:
        if isinstance(x, TensorBase):
            flags |= x._flags
            if x._flags & BATCHED and (level is None or level < x._array.level):
                level = x._array.level
    if flags & STALE:
        refresh_all(op, args)
    if not flags & DUAL:
        return apply(op, args, 0) if level is None else batching.apply(op, args, level)
    if level is None and duals.ENABLED.get():
        found = lightcalls.dual_call(op, args)
        if found is not NotImplemented:
            return found
    tangents = moving(values, level)
    if not any(tangents):
        return apply(op, args, 0) if level is None else batching.apply(op, args, level)
    mode = current()
    token = enter(mode.but(hooks=())) if mode.hooks else None
    try:
        out = apply(op, args, 0) if level is None else batching.apply(op, args, level)
    finally:
        if token is not None:
            leave(token)
    duals.carry(op, args, tangents, out)
    if token is not None:
        pack_results(out, mode)
    return out


def pack_results(out: Any, mode: Any) -> None:
    """Pack what the node of a call saved, now that its results have their tangents."""
    first = out[0] if out.__class__ is tuple else out
    if first._node is not None and first._node._saved:
        pack_saved(first._node, mode.hooks[-1])


def answer_inplace(op: Op, args: tuple[Any, ...], depth: int) -> Any:
    """The in-place form: tangents are worked out first, from what is about to be overwritten."""
    values = list(op.values(args))
    if any(isinstance(x, TensorBase) and x._flags & STALE for x in values):
        refresh_all(op, args)
    level = batching.level_of(values)
    tangents = moving(values, level)
    changed = None
    if any(tangents):
        made = answer(op, apart(op, args, values))
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


def apart(op: Op, args: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    """The arguments with a copy of what is about to be overwritten."""
    x = first_tensor(op, args)
    before = original(x)
    return tuple(derived.replaced(op, args, [before if value is x else value for value in values]))


def answer_out(op: Op, args: tuple[Any, ...], call: Any, out: Any) -> Any:
    """The form with `out=`: for batches computed and copied, for tangents refused as in torch."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if any(isinstance(x, TensorBase) and duals_of(x) for x in (*op.values(args), *outs)):
        duals.refuse_out(op)
    made = call(*args)
    for target, value in zip(outs, made if isinstance(made, (tuple, list)) else (made,), strict=True):
        target.copy_(value)
    return out


def called(cls: Any, args: tuple[Any, ...]) -> Any:
    """`cls.apply(*args)` of a custom Function: the innermost level among the arguments answers."""
    values = list(args)
    level = batching.level_of(values)
    tangents = moving(values, level)
    levels = duals.levels_among(tangents)
    if levels:
        return dual_call(cls, args, [d.get(levels[-1]) for d in tangents], levels[-1])
    return NotImplemented if level is None else batched_call(cls, args, level)


def dual_call(cls: Any, args: tuple[Any, ...], tangents: list[Any], level: Any) -> Any:
    """A custom Function on dual tensors: its outputs with what its `jvp` makes of the tangents."""
    bare = tuple([outside(x, level) if isinstance(x, TensorBase) else x for x in args])
    out, moved = with_tangents(cls, bare, tuple(tangents), args)
    outs = out if isinstance(out, tuple) else (out,)
    given = moved if isinstance(moved, tuple) else (moved,)
    if len(given) != len(outs):
        raise GraphError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(outs)} but got "
            f"{len(given)}): {cls.__name__}.jvp gives one per output"
        )
    final = list(outs)
    for i, (x, t) in enumerate(zip(outs, given, strict=True)):
        if isinstance(x, TensorBase) and not cls.derived:
            written = changed_input(x, t, bare, args, tangents)
            final[i] = x = x if written is None else written
            check_view(x, t, bare, tangents)
        if isinstance(x, TensorBase) and t is not None:
            if not isinstance(t, TensorBase):
                raise GraphError(
                    f"expected Variable or None (got {type(t).__name__}) for grad output: {cls.__name__}.jvp gives "
                    "tensors"
                )
            duals.check_shape(x, t)
            duals.set_duals(x, {**duals_of(x), level: duals.fitted(t, x)})
    outs = tuple(final)
    keep_marks(next((x._node for x in outs if isinstance(x, TensorBase) and x._node is not None), None), outs)
    return outs if isinstance(out, tuple) else outs[0]


def changed_input(x: Any, t: Any, bare: tuple[Any, ...], args: tuple[Any, ...], tangents: list[Any]) -> Any:
    """The argument that an output is, where forward changed it in place; its tangent must have been changed so too."""
    for given, arg, direction in zip(bare, args, tangents, strict=True):
        if x is given and arg is not given:
            if direction is not None and t is not direction:
                raise GraphError(
                    "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward "
                    "is modifying an input inplace, then the jvp function must modify the corresponding gradient "
                    "inplace."
                )
            arg._node, arg._flags = x._node, x._flags | arg._flags & MARKS
            return arg
    return None


def check_view(x: Any, t: Any, bare: tuple[Any, ...], tangents: list[Any]) -> None:
    """Where an output is a view of an input, so must its tangent be of the input's."""
    info = view_info(x)
    if info is None or not isinstance(t, TensorBase):
        return
    for given, direction in zip(bare, tangents, strict=True):
        if direction is None or not isinstance(given, TensorBase) or info.base is not root_of(given):
            continue
        if view_info(t) is None:
            raise GraphError(
                "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a "
                "view."
            )
        if root_of(t) is not root_of(direction):
            raise GraphError(
                "A custom Function is returning a view but the jvp is not returning a view of the given grad input."
            )


def root_of(x: Any) -> Any:
    """The base of a view, any other tensor itself."""
    info = view_info(x)
    return x if info is None else info.base


def original(x: Any) -> Any:
    """A marked tensor as it was before it is written."""
    found = duals_of(x)
    out = copy_of(x)
    out._array, out._vc = x._array.copy(), None
    set_view(out, None)
    if found:
        out._extra = None
        duals.set_duals(out, found)
    return out


def connect() -> None:
    """Make operators, their in-place forms and custom Functions answer for marked tensors."""
    TRANSFORMS.update(
        {
            "apply": answer, "inplace": answer_inplace, "out": answer_out, "original": original,
            "like": batching.made_like,
            "detach": batching.detached,
        }
    )  # fmt: skip
    MARKED["remembering"] = remembering
    if called not in INTERCEPT:
        INTERCEPT.append(called)
