"""Kernels of layers with their tests: what makes each, what it must agree with, and on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from wengert.core.kernels.acceptance import Rejected, difference, excess

__all__ = ["Call", "accepted"]


class Call(NamedTuple):
    """A kernel as a function of arrays.

    text: writes its module; arguments: its table; wrap: builtin function -> function of arrays; trial(call, rng, case,
    dtype) -> results found and wanted; cases: what is tried; terms: size of the sums, whose rounding is allowed for.
    """

    text: Any
    arguments: Any
    wrap: Callable[[Any], Callable[..., Any]]
    trial: Callable[..., Any]
    cases: Iterable[Any]
    terms: float


def accepted(name: str, kernel: Call, call: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """The call, tested on all cases. Raises: Rejected."""
    rng = np.random.default_rng(0)
    room = np.full((), kernel.terms, dtype)
    for case in kernel.cases:
        with np.errstate(all="ignore"):
            found, wanted = kernel.trial(call, rng, case, dtype)
        pairs = zip(found, wanted, strict=True) if isinstance(found, tuple) else [(found, wanted)]
        for one, other in pairs:
            if one.shape != other.shape or one.dtype != other.dtype or (excess(one, other, (room,)) > 1).any():
                raise Rejected(difference(f"{name} on {case}", one, other, ()))
    return call
