"""A record called with its full argument tuple, through its flat form where it has one that takes these arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape.core import RECORDED

_forms: dict[str, tuple[Any, int, tuple[Any, ...]]] = {}


def form_of(op: Op) -> tuple[Any, int, tuple[Any, ...]]:
    """(flat form or None, how many arguments it takes, what the others must be)."""
    form = getattr(RECORDED, op.name, None)
    code = getattr(form, "__code__", None)
    if form is None or form is op.call or code is None:
        form, count = (op.call, op.positional) if op.positional == len(op.params) else (None, 0)
    else:
        count = code.co_argcount
    found = _forms[op.name] = (form, count, tuple(op.defaults.get(name) for name in op.params[count:]))
    return found


def flat_call(op: Op, args: Sequence[Any]) -> Any:
    """The operator on tensors."""
    form, count, tail = _forms.get(op.name) or form_of(op)
    if form is not None and tuple(args[count:]) == tail:
        return form(*args[:count])
    return derived.invoke(op, RECORDED, args)
