"""Forward mode: tangents travel with tensors, one per open dual level.

Every operator computes its results as if nothing were dual, recorded if a gradient is wanted;
then each level, outermost first, asks the record's tangent rule.  The rule runs on operators:
tangents can be dual themselves (levels further out), batched, and recorded.
"""

from __future__ import annotations

from contextvars import ContextVar
from math import inf
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import GraphError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators import derived
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import Op
from wengert.core.tape import lightspaces, tangent
from wengert.core.tape.core import MARKS as MARKED
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.levels import DUAL, Level, born, copy_of, duals_of, keep_marks, outside, own_duals, set_duals
from wengert.core.tape.modes import current
from wengert.core.tape.views import Extra, counter_of, set_view, view_info

ENABLED: ContextVar[bool] = ContextVar("wengert_forward_mode", default=True)
"""Whether tangents are propagated at all (`_set_fwd_grad_enabled`)."""

AMEND: ContextVar[Any] = ContextVar("wengert_amend_tangents", default=None)
"""What looks at each tangent once more, or None (`autograd.safe_zeros`)."""


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
    if level in duals_of(direction):
        raise GraphError(
            "Setting a forward grad that itself has a forward gradient at the same level0 is not supported."
        )
    direction = laid_out(direction, primal)
    out = aliased(primal)
    set_duals(out, {**given, level: direction})
    level.wanted = level.wanted or bool(direction._flags & 1)
    return out


def laid_out(direction: Any, primal: Any) -> Any:
    """A tangent in the memory order of its primal: a copy where it had another."""
    a, b = direction._array, primal._array
    if getattr(a, "strides", None) == getattr(b, "strides", None) or a.dtype != b.dtype or direction._flags & MARKED:
        return direction
    made = wrap(namespace_of(b).np.empty_like(b))
    return made.copy_(direction)


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
    if not x._flags & ~DUAL & 0xFF:
        counter_of(x)
        out = copy_of(x)
    else:
        out = RECORDED.view_shape(x, tuple(x._array.shape))
    set_view(out, None)
    set_duals(out, duals_of(x))
    return out


def levels_among(duals: list[dict[Any, Any]]) -> list[Level]:
    """All levels at which something moves, outermost first."""
    return sorted({level for found in duals for level in found})


def carry(op: Op, args: tuple[Any, ...], duals: list[dict[Any, Any]], out: Any) -> None:
    """Give the results of `out = op(*args)` their tangents at every level."""
    values = list(op.values(args))
    if not op.kind.view and out.__class__ is not tuple and carried_lightly(op, args, values, duals, out):
        return
    outs = out if out.__class__ is tuple else (out,)
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


def carried_lightly(op: Op, args: Any, values: list[Any], duals: list[dict[Any, Any]], out: Any) -> bool:
    """The tangent of one result at the only level there is, where nothing wants a history of it."""
    if AMEND.get() is not None:
        return False
    level = None
    tangents: list[Any] = []
    for found in duals:
        if not found:
            tangents.append(None)
            continue
        if len(found) > 1:
            return False
        for key, t in found.items():
            if level is not key and level is not None:
                return False
            level = key
            tangents.append(t)
    assert level is not None
    start = history_start(values) if current().grad else level.number
    if start < level.number:
        return False
    t = lightspaces.tangent(op, args, values, tangents, out)
    if t is NotImplemented:
        return False
    if t is not None:
        extra = out._extra
        if extra is None:
            extra = out._extra = Extra()
        extra.marks = {"duals": {level: t}, "born": start} if out._flags & 1 else {"duals": {level: t}}
        out._flags |= DUAL
        node = out._node
        if node is not None and node._saved:
            keep_marks(node, (out,))
    return True


def history_start(values: list[Any]) -> float:
    """The least of the numbers at which the histories of tensors began (see `mark_born`)."""
    least = inf
    for x in values:
        if isinstance(x, TensorBase) and x._flags & 1:
            least = min(least, born(x))
    return least


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
    amend = AMEND.get()
    if amend is not None and isinstance(made, TensorBase):
        made = amend(op, args, tangents, made, out)
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
        forget_start(x)
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
    forget_start(base)
    flag_views(base)
    x._flags |= DUAL


def forget_start(x: Any) -> None:
    """A write may have joined another history to that of x."""
    x._extra.marks.pop("born", None)


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
