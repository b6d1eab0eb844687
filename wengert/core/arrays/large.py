"""Where functions of large arrays are found: NumPy's, until the floor of kernels puts its own in their place.

The hot paths, which stand above kernels but compute through this floor, call `LARGE.tanh(x)` for arrays of `SIZE`
elements or more; what is called there takes plain arrays of one floating dtype and gives what NumPy gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LARGE", "SIZE", "Functions"]

SIZE = 4096
"""Elements from which it is worth asking."""


class Functions:
    """Functions by name; `tanh_slope(g, out)` and `relu_slope(g, out)` are gradients from a result."""

    def __init__(self) -> None:
        self.exp: Any = np.exp
        self.tanh: Any = np.tanh
        self.relu: Any = lambda x: np.maximum(x, x.dtype.type(0))
        self.negative: Any = np.negative
        self.square: Any = np.square
        self.add: Any = np.add
        self.subtract: Any = np.subtract
        self.multiply: Any = np.multiply
        self.divide: Any = np.true_divide
        self.tanh_slope: Any = lambda g, out: g * (1.0 - out * out)
        self.relu_slope: Any = lambda g, out: np.where(out <= 0, g.dtype.type(0), g)
        self.total: Any = lambda x: np.add.reduce(x, None)
        self.rows_sum: Any = lambda x: np.add.reduce(x, 0)
        self.dot: Any = np.dot


LARGE = Functions()
