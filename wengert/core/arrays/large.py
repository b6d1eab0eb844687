"""Where functions of large arrays are found: NumPy's, until the floor of kernels puts its own in their place.

The hot paths, which stand above kernels but compute through this floor, call `LARGE.tanh(x)` for arrays of `SIZE`
elements or more; what is called there takes plain arrays of one floating dtype and gives what NumPy gives.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

__all__ = ["LARGE", "SIZE", "Functions", "absent", "deposit", "may_grow", "write_plainly"]

SIZE = 4096
"""Elements from which it is worth asking."""


def _none(*given: Any) -> Any:
    return None


def write_plainly(op: int, x: Any, y: Any) -> Any:
    """x, after x = x (op) y in its memory; op: 0 to 3 for addition, subtraction, multiplication, division."""
    return WRITES[op](x, y, out=x)


WRITES = (np.add, np.subtract, np.multiply, np.true_divide)


class Functions:
    """Functions by name; `tanh_slope(g, out)` and `relu_slope(g, out)` are gradients from a result, `cube_slope(g, x)`
    from an operand.

    precision: what `set_float32_matmul_precision` was told.
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
        self.write: Any = write_plainly
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
        self.half_product: Any = _none
        self.precision = "highest"
        self.attend: Any = _none
        self.attend_back: Any = _none
        self.lstm: Any = _none
        self.lstm_back: Any = _none
        self.gru: Any = _none
        self.gru_back: Any = _none
        self.rnn: Any = _none
        self.rnn_back: Any = _none
        self.lstm_cell: Any = _none
        self.lstm_cell_back: Any = _none
        self.gru_cell: Any = _none
        self.gru_cell_back: Any = _none
        self.rnn_cell: Any = _none
        self.rnn_cell_back: Any = _none
        self.add_rows: Any = _none
        self.take_rows: Any = lambda table, index: table.take(index, axis=0)
        self.running_sum: Any = _none
        self.squares_sum: Any = _none
        self.channels: Any = _none
        self.channels_back: Any = _none
        self.channel_slopes: Any = _none
        self.largest: Any = _none
        self.put_back: Any = _none
        self.gather: Any = _none
        self.scatter: Any = _none
        self.hot: Any = _none
        self.taken: Any = _none
        self.add_lines: Any = _none
        self.nonzero: Any = _none
        self.picked: Any = _none
        self.spaced: Any = _none
        self.triangle: Any = _none
        self.steps: Any = _none
        self.window_sums: Any = _none
        self.sampler: Any = _none
        self.known_sampler: Any = _none
        self.stepwise: Any = _none
        self.awaits_losses: Any = _none


LARGE = Functions()


def absent(np: Any, shape: Any, dtype: Any) -> Any:
    """The gradient of a result that nothing came for: zeros, or, for a large one, a single zero seen everywhere."""
    return np.zeros(shape, dtype) if prod(shape) < SIZE else zero_everywhere(np, shape, dtype)


@lru_cache(maxsize=256)
def zero_everywhere(np: Any, shape: Any, dtype: Any) -> Any:
    """A zero that stands at every place of a shape; it cannot be written."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def deposit(have: Any, gi: Any) -> None:
    """have += gi, which may be of another dtype."""
    if type(have) is np.ndarray and type(gi) is np.ndarray and have.dtype is gi.dtype:
        LARGE.write(0, have, gi)
    else:
        np.add(have, gi, out=have, casting="same_kind")


def may_grow(have: Any, gi: Any) -> bool:
    """Whether a gradient that nobody else holds can take up another one in place."""
    return (
        type(have) is np.ndarray
        and have.size >= SIZE
        and have.base is None
        and type(gi) is np.ndarray
        and have.dtype is gi.dtype
        and have.shape == gi.shape
        and have.flags.writeable
    )
