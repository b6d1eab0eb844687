"""Large arrays as other dtypes: by kernels once they are ready, else by NumPy.

Floats, integers and booleans become each other as C converts them, numbers beyond the new dtype included; half
precision becomes float32 and comes back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.dtype import bfloat16
from wengert.core.arrays.large import LARGE as PLACES
from wengert.core.kernels.large import layer
from wengert.core.kernels.workshop import LARGE, Order, order

__all__ = ["install"]

_F32, _F16, _BF16 = np.dtype(np.float32), np.dtype(np.float16), bfloat16.numpy
HALVES = {
    (_F32, _BF16): "to_bfloat16", (_BF16, _F32): "of_bfloat16", (_F32, _F16): "to_float16", (_F16, _F32): "of_float16",
}  # fmt: skip
"""From and to -> kernel of `conversions.py`."""

WHOLE = frozenset(map(np.dtype, ("f4", "f8", "i8", "i4", "i2", "i1", "u1", "?")))
"""Dtypes between which mixed kernels convert."""

_orders: dict[Any, Order] = {}


def convert(x: Any, dtype: Any) -> Any:
    """x.astype(dtype)."""
    if x.__class__ is np.ndarray and x.size >= LARGE and x.flags.c_contiguous:
        own = x.dtype
        if own in WHOLE and dtype in WHOLE and own is not dtype:
            kernel = between(own, dtype)
        else:
            name = HALVES.get((own, dtype))
            kernel = None if name is None else layer(name, _F32)
        if kernel is not None:
            return kernel(x)
    return x.astype(dtype)


def between(own: Any, dtype: Any) -> Any:
    """The kernel that converts one dtype to another, or None."""
    placed = _orders.get((own, dtype))
    if placed is None:
        name = f"{own.name} to {dtype.name}"

        def plain(x: Any) -> Any:
            return x.astype(dtype)

        placed = _orders[own, dtype] = order(
            name, lambda factory: factory.mixed(name, lambda xs: plain(*xs), (own,), plain, (-300.0, 300.0))
        )
    return None if placed.function is None else placed.function[0]


def install() -> None:
    """Take the place of NumPy's way."""
    PLACES.convert = convert
