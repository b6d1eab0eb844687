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


def _none(*given: Any) -> Any:
    return None


class Functions:
    """Functions by name; `tanh_slope(g, out)` and `relu_slope(g, out)` are gradients from a result, `cube_slope(g, x)`
    from an operand.

    `attend` and what follows are whole layers; they give None for what they are not for.
    """

    def __init__(self) -> None:
        self.exp: Any = np.exp
        self.tanh: Any = np.tanh
        self.relu: Any = lambda x: np.maximum(x, x.dtype.type(0))
        self.negative: Any = np.negative
        self.square: Any = np.square
        self.cube: Any = lambda x: np.multiply(np.multiply(x, x), x)
        self.cube_slope: Any = lambda g, x: g * (3 * (x * x))
        self.add: Any = np.add
        self.subtract: Any = np.subtract
        self.multiply: Any = np.multiply
        self.divide: Any = np.true_divide
        self.tanh_slope: Any = lambda g, out: g * (1.0 - out * out)
        self.relu_slope: Any = lambda g, out: np.where(out <= 0, g.dtype.type(0), g)
        self.total: Any = lambda x: np.add.reduce(x, None)
        self.rows_sum: Any = lambda x: np.add.reduce(x, 0)
        self.convert: Any = lambda x, dtype: x.astype(dtype)
        self.row_major: Any = lambda x: x.copy(order="C")
        self.dot: Any = np.dot
        self.dot_bias: Any = _none
        self.matmul: Any = _none
        self.attend: Any = _none
        self.attend_back: Any = _none
        self.lstm: Any = _none
        self.lstm_back: Any = _none
        self.add_rows: Any = _none
        self.running_sum: Any = _none
        self.channels: Any = _none
        self.channels_back: Any = _none
        self.channel_slopes: Any = _none


LARGE = Functions()
