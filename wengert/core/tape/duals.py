"""Forward mode: tangents travel with tensors, one per open dual level.

Every operator computes its results as if nothing were dual, recorded if a gradient is wanted;
then each level, outermost first, asks the record's tangent rule.  The rule runs on operators:
tangents can be dual themselves (levels further out), batched, and recorded.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import GraphError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape import tangent
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tape.levels import DUAL, Level, duals_of, keep_marks, outside, own_duals, set_duals
from wengert.core.tape.views import view_info

ENABLED: ContextVar[bool] = ContextVar("wengert_forward_mode", default=True)
"""Whether tangents are propagated at all (`_set_fwd_grad_enabled`)."""


def make_dual(primal: Any, direction: Any, level: Level) -> Any:
    """primal with the tangent `direction` at `level`: a new tensor on the same memory.

    Raises: ValueRangeError for other than floating tensors, ShapeError for another shape, GraphError for
    a primal that has a tangent at this level.
    """
    for what, x in (("primal", primal), ("tangent", direction)):
        if x._array.dtype.kind not in "fcV":
            raise ValueRangeError(
                f"Expected {what} to be floating point or complex, but got: {dtypes.of(x._array.dtype)}"
            )
    given = duals_of(primal)
    if level in given:
        raise GraphError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level "
            "0 is not supported."
        )
    check_shape(primal, direction)
    out = aliased(primal)
    set_duals(out, {**given, level: direction})
    level.wanted = level.wanted or bool(direction._flags & 1)
    return out


def check_shape(primal: Any, direction: Any) -> None:
    """A tangent has its primal's shape."""
    if primal._array.shape != direction._array.shape:
        raise ShapeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(primal._array.shape)} while the given forward gradient is of size "
            f"{list(direction._array.shape)}."
        )


def unpacked(x: Any, level: Level) -> tuple[Any, Any]:
    """The primal of x (what levels further out see) and its tangent at `level`, or None."""
    found = duals_of(x).get(level)
    if found is None:
        return outside(x, level) if x._flags & DUAL else x, None
    return aliased(outside(x, level)), found


def aliased(x: Any) -> Any:
    """Another tensor on x's memory, with its history and its tangents, that is no view of it."""
    out = RECORDED.alias(x)
    if out._extra is not None:
        out._extra.view = None
    set_duals(out, duals_of(x))
    return out


def levels_among(duals: list[dict[Any, Any]]) -> list[Level]:
    """All levels at which something moves, outermost first."""
    return sorted({level for found in duals for level in found})


def carry(op: Op, args: tuple[Any, ...], duals: list[dict[Any, Any]], out: Any) -> None:
    """Give the results of `out = op(*args)` their tangents at every level."""
    outs = out if out.__class__ is tuple else (out,)
    values = list(op.values(args))
    own = any(isinstance(x, TensorBase) and own_duals(x) and view_info(x) for x in values)
    shared = op.kind.view and not own and all(view_info(x) is not None for x in outs)
    if shared:
        for x in outs:
            x._flags |= DUAL
    else:
        for level in levels_among(duals):
            for x, t in zip(outs, tangents_at(op, args, values, duals, level, out), strict=True):
                if t is not None and x._array.dtype.kind in "fcV":
                    set_duals(x, {**(own_duals(x) or {}), level: fitted(t, x)})
    keep_marks(next((x._node for x in outs if x._node is not None), None), outs)


def tangents_at(op: Op, args: Any, values: list[Any], duals: Any, level: Level, out: Any) -> tuple[Any, ...]:
    """Tangents of all results at one level."""
    count = len(out) if out.__class__ is tuple else 1
    tangents = [found.get(level) for found in duals]
    if all(t is None for t in tangents):
        return (None,) * count
    bare = [outside(x, level) if isinstance(x, TensorBase) else x for x in values]
    made = tangent.jvp(op, derived.replaced(op, args, bare), tangents, out)
    if made is None:
        return (None,) * count
    return made if made.__class__ is tuple else (made,)


def fitted(t: Any, x: Any) -> Any:
    """A tangent in its primal's shape and dtype."""
    if t._array.shape != x._array.shape:
        t = RECORDED.expand(t, x._array.shape)
    if t._array.dtype != x._array.dtype:
        if t._array.dtype.kind == "c" and x._array.dtype.kind != "c":
            t = RECORDED.real(t)
        t = RECORDED.to_dtype(t, x._array.dtype)
    return t


def moved(x: Any, tangents: dict[Any, Any]) -> None:
    """x was written in place: `tangents` are its new ones (None: at rest); its base and all views of it follow."""
    info = view_info(x)
    if info is None or own_duals(x) is not None:
        set_duals(x, {level: fitted(t, x) for level, t in tangents.items() if t is not None})
        flag_views(x)
        return
    base = info.base
    duals = dict(own_duals(base) or {})
    for level, t in tangents.items():
        whole = duals.get(level)
        if whole is None and t is None:
            continue
        whole = RECORDED.clone(tangent.zeros_like(base) if whole is None else whole)
        window = whole
        for link in info.chain:
            window = link.replay(RECORDED, window)
        if t is None:
            window.zero_()
        else:
            window.copy_(fitted(t, x))
        duals[level] = whole
    set_duals(base, duals)
    flag_views(base)
    x._flags |= DUAL


def flag_views(base: Any) -> None:
    """Views of a tensor that has tangents have tangents."""
    for ref in (base._vc.views or ()) if base._vc is not None and base._flags & DUAL else ():
        view = ref()
        if view is not None:
            view._flags |= DUAL


def refuse_out(op: Op) -> None:
    """Tangents cannot be written to an `out=` tensor."""
    raise MissingError(
        f"Trying to use forward AD with {op.name}_out that does not support it because it is an out= function: call "
        f"{op.name}() without out=, and copy_() its result"
    )


__all__ = ["ENABLED", "aliased", "carry", "make_dual", "moved", "refuse_out", "unpacked"]
