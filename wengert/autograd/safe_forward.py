"""Forward mode with structural zeros: what does not move stays where it is, whatever its slope."""

from __future__ import annotations

from typing import Any

from wengert.autograd.safe_sweep import has_nan
from wengert.core.tape.core import RECORDED, TensorBase


def kept_still(op: Any, args: Any, tangents: Any, t: Any, out: Any) -> Any:
    """The tangent t of `out = op(*args)` with 0 for NaN at entries none of whose inputs moves.

    tangents: of the tensor arguments, None for what is at rest.  Only elementwise operators are amended, and only
    where the result is finite; a root u**a with a < 1/2 is not: its u may stand still at first order only.
    """
    if not has_nan(t) or not hasattr(op.kind, "d") or steep(op, args):
        return t
    still: Any = None
    for x in tangents:
        if isinstance(x, TensorBase):
            rest = RECORDED.eq(x, 0)
            still = rest if still is None else RECORDED.logical_and(still, rest)
    if still is None:
        return t
    calm = RECORDED.logical_and(still, RECORDED.isfinite(out))
    return RECORDED.where(RECORDED.logical_and(calm, RECORDED.isnan(t)), 0.0, t)


def steep(op: Any, args: Any) -> bool:
    """Whether an operator is a root of a lower exponent than 1/2."""
    return op.name == "pow" and isinstance(args[1], (int, float)) and 0 < args[1] < 0.5


__all__ = ["kept_still"]
