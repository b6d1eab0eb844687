"""Powers of arrays by a number: the shorter ways of exponents such as 3, and negative bases at full speed."""

from __future__ import annotations

from typing import Any

import numpy

from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.small import cube

__all__ = ["power_slope", "powered"]


def powered(np: Any, x: Any, exponent: Any) -> Any:
    """x ** exponent for floating or complex x and a number."""
    if exponent == 2:
        return np.multiply(x, x)
    if exponent == 3:
        return cube(x) if x.__class__ is numpy.ndarray else np.multiply(np.multiply(x, x), x)
    if exponent == 1:
        return np.positive(x)
    if exponent == 0.5:
        return np.sqrt(x)
    if exponent == -1:
        return np.true_divide(1, x)
    if exponent == -0.5:
        return np.true_divide(1, np.sqrt(x))
    if x.dtype.kind == "f" and isinstance(exponent, (int, float)) and exponent % 1 == 0:
        # NumPy takes a negative base apart from the others, one by one.
        size = np.power(np.abs(x), exponent)
        return np.copysign(size, x) if exponent % 2 else size
    return np.power(x, exponent)


def power_slope(np: Any, g: Any, x: Any, exponent: Any) -> Any:
    """The gradient of x in `powered` for a real x; 0 where the exponent is 0."""
    if exponent == 3 and plainly_large(x) and g.shape == x.shape and g.dtype is x.dtype:
        return LARGE.cube_slope(g, x)
    return g * (exponent * powered(np, x, exponent - 1)) if exponent else g * 0.0


def plainly_large(x: Any) -> bool:
    """Whether x is worth the question for a kernel."""
    return x.size >= SIZE and x.dtype.kind == "f"
