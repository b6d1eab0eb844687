"""All kernels of layers by name: products, convolutions, attention, recurrent layers, normalised channels, and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels import (
    amx_convolving,
    amx_products,
    arrangements,
    attending,
    bunches,
    celling,
    conversions,
    convolving,
    grouping,
    levels,
    masking,
    multiplying,
    normalising,
    placing,
    pooling,
    recurring,
    running,
    sampling,
    scatters,
    sequences,
    winograding,
)
from wengert.core.kernels.trials import Call, accepted

__all__ = ["CALLS", "make"]

CALLS: dict[str, Call] = {
    name: call
    for module in (
        amx_convolving,
        amx_products,
        arrangements,
        attending,
        bunches,
        celling,
        conversions,
        convolving,
        grouping,
        levels,
        masking,
        multiplying,
        normalising,
        placing,
        pooling,
        recurring,
        running,
        sampling,
        scatters,
        sequences,
        winograding,
    )  # fmt: skip
    for name, call in module.CALLS.items()
}
"""Name -> kernel."""


def make(factory: Any, name: str, dtype: Any) -> Callable[..., Any]:
    """The call of a kernel for a dtype. Raises: Rejected."""
    kernel = CALLS[name]
    letter = "float" if dtype == np.float32 else "double"
    return accepted(name, kernel, kernel.wrap(factory.tables(kernel.text, kernel.arguments, letter)), dtype)
