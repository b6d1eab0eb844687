"""Calls of the kernels of recurrent cells with NumPy arrays, and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import recurrent as plain
from wengert.core.kernels import cells as texts
from wengert.core.kernels import threads
from wengert.core.kernels.recurring import checked, narrowed, widened
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

_contiguous, _empty = np.ascontiguousarray, np.empty

NONE = np.zeros(1)
"""What stands for an operand that there is not."""


def begun(x: Any, w_ih: Any, w_hh: Any, h0: Any, trouble: Any) -> tuple[Any, ...]:
    """The arguments that all kernels begin with."""
    batch, inputs = x.shape
    rows = -(-batch // threads.count())  # a sequence is computed the same in any piece
    first = trouble, batch, inputs, w_hh.shape[1], rows, _contiguous(x)
    return *first, _contiguous(w_ih), _contiguous(w_hh), _contiguous(h0)


def bias_of(b_ih: Any, b_hh: Any) -> tuple[int, Any]:
    """Whether there is one, and the sum of both."""
    return (0, NONE) if b_ih is None else (1, b_ih + b_hh)


def lstm(run: Any) -> Callable[..., Any]:
    """(h, c, gates i f g o) after one step."""

    def call(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
        trouble, size = np.zeros(1, np.int64), (len(x), w_hh.shape[1])
        h, c, gates = _empty(size, x.dtype), _empty(size, x.dtype), _empty((len(x), len(w_hh)), x.dtype)
        run(*begun(x, w_ih, w_hh, h0, trouble), *bias_of(b_ih, b_hh), _contiguous(c0), gates, h, c)
        checked(trouble)
        return h, c, gates

    return call


def gru(run: Any) -> Callable[..., Any]:
    """(h, gates r z n q) after one step."""

    def call(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
        trouble, rows, size = np.zeros(1, np.int64), len(x), w_hh.shape[1]
        h, gates = _empty((rows, size), x.dtype), _empty((rows, 4 * size), x.dtype)
        biases = (0, NONE, NONE) if b_ih is None else (1, _contiguous(b_ih), _contiguous(b_hh))
        run(*begun(x, w_ih, w_hh, h0, trouble), *biases, gates, h)
        checked(trouble)
        return h, gates

    return call


def rnn(run: Any) -> Callable[..., Any]:
    """h after one step."""

    def call(relu: bool, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        trouble, h = np.zeros(1, np.int64), _empty((len(x), w_hh.shape[1]), x.dtype)
        run(*begun(x, w_ih, w_hh, h0, trouble), *bias_of(b_ih, b_hh), int(relu), h)
        checked(trouble)
        return h

    return call


class Slopes:
    """What the gradients of all cells share: arguments and results."""

    __slots__ = ("trouble", "arguments", "dx", "dh", "weights")

    def __init__(self, g: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool, wants_weights: bool) -> None:
        dtype, wide = x.dtype, len(w_hh)
        self.trouble = np.zeros(1, np.int64)
        self.dx = _empty(x.shape, dtype) if wants_x else None
        self.dh = _empty(h0.shape, dtype)
        d = _empty((len(x), wide), dtype)
        self.weights: tuple[Any, ...] = (None, None, None)
        if wants_weights:
            self.weights = _empty(w_ih.shape, dtype), _empty(w_hh.shape, dtype), _empty(wide, dtype)
        block = -(-wide // threads.count() // 6) * 6
        self.arguments = (
            *begun(x, w_ih, w_hh, h0, self.trouble), block, int(wants_x), int(wants_weights),
            NONE if self.dx is None else self.dx, *(self.weights if wants_weights else (NONE, NONE, NONE)),
            _contiguous(g), d, self.dh,
        )  # fmt: skip


def lstm_back(run: Any) -> Callable[..., Any]:
    """(gradients of x, h0, c0, w_ih, w_hh, b_ih, b_hh); None for those of x and of weights that are not wanted."""

    def call(g: Any, gates: Any, c: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
             wants_weights: bool) -> tuple[Any, ...]:  # fmt: skip
        slopes, dc = Slopes(g[0], x, h0, w_ih, w_hh, wants_x, wants_weights), g[1].copy("C")
        run(*slopes.arguments, _contiguous(gates), _contiguous(c), _contiguous(c0), dc)
        checked(slopes.trouble)
        dw_ih, dw_hh, db = slopes.weights
        return slopes.dx, slopes.dh, dc, dw_ih, dw_hh, db, db

    return call


def gru_back(run: Any) -> Callable[..., Any]:
    """(gradients of x, h0, w_ih, w_hh, b_ih, b_hh)."""

    def call(g: Any, gates: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
             wants_weights: bool) -> tuple[Any, ...]:  # fmt: skip
        slopes = Slopes(g, x, h0, w_ih, w_hh, wants_x, wants_weights)
        hidden, hidden_db = _empty((len(x), len(w_hh)), x.dtype), _empty(len(w_hh), x.dtype)
        run(*slopes.arguments, _contiguous(gates), hidden, hidden_db)
        checked(slopes.trouble)
        return slopes.dx, slopes.dh, *slopes.weights, hidden_db if wants_weights else None

    return call


def rnn_back(run: Any) -> Callable[..., Any]:
    """(gradients of x, h0, w_ih, w_hh, b_ih, b_hh)."""

    def call(relu: bool, g: Any, h: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
             wants_weights: bool) -> tuple[Any, ...]:  # fmt: skip
        slopes = Slopes(g, x, h0, w_ih, w_hh, wants_x, wants_weights)
        run(*slopes.arguments, int(relu), _contiguous(h))
        checked(slopes.trouble)
        return slopes.dx, slopes.dh, *slopes.weights, slopes.weights[2]

    return call


# ---------------------------------------------------------------- trials

CASES = ((1, 1, 1, True), (3, 5, 7, False), (32, 20, 33, True), (7, 66, 17, False), (13, 9, 66, True))
"""Sequences, inputs, size, whether there are biases."""


def operands(rng: Any, case: Any, dtype: Any, gates: int) -> tuple[Any, ...]:
    """x, h0, c0, weights and biases, most of them parts of larger arrays."""
    batch, inputs, size, biased = case[:4]

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    biases = (draw(2 * gates * size)[::2], draw(gates * size)) if biased else (None, None)
    weights = draw(inputs, gates * size).T, draw(gates * size, size) / dtype.type(size**0.5)
    return draw(batch, 2 * inputs)[:, ::2], draw(size, batch).T, draw(batch, size + 1)[:, 1:], *weights, *biases


def wide_operands(given: tuple[Any, ...]) -> list[Any]:
    """The same in float64."""
    return [x if x is None else x.astype(np.float64) for x in given]


def weight_slopes(d: Any, hidden: Any, x: Any, h0: Any, w_ih: Any) -> tuple[Any, ...]:
    """(gradients of x, w_ih, w_hh, b_ih, b_hh) from those of the gates' input and hidden parts."""
    return d @ w_ih, d.T @ x, hidden.T @ h0, d.sum(0), hidden.sum(0)


def both(call: Callable[[bool], Any], wanted: tuple[Any, ...], states: int) -> tuple[Any, Any]:
    """Found and wanted with all gradients, then only those of the states."""
    found, few = call(True), call(False)
    kept = [k for k in range(len(few)) if 0 < k <= states]
    if any(few[k] is not None for k in range(len(few)) if k not in kept):
        few = (None,) * len(few)
    return (*[few[k] for k in kept], *found), (*[wanted[k] for k in kept], *wanted)


def try_lstm(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype, 4)
    x, h0, c0, *weights = wide_operands(given)
    _, h, c, gates, _ = plain.lstm(np, x, ((0, len(x)),), h0, c0, *weights, None)
    return call(*given), narrowed(dtype, h, c, gates)


def try_lstm_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype, 4)
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = wide_operands(given)
    parts = ((0, len(x)),)
    _, h, c, gates, _ = plain.lstm(np, x, parts, h0, c0, w_ih, w_hh, b_ih, b_hh, None)
    g = tuple([rng.standard_normal(h.shape).astype(dtype) for _ in range(2)])
    d, slope = plain.lstm_slopes(np, gates, c0, np.tanh(c))
    forget, came = gates[:, h.shape[1] : 2 * h.shape[1]], (np.zeros(h.shape), *widened(*g))
    dh, dc, _ = plain.lstm_back(np, d, slope, forget, (None, None), came, parts, w_hh, None)
    dx, *rest = weight_slopes(d, d, x, h0, w_ih)
    first = narrowed(dtype, gates, c)
    found, wanted = both(lambda all_: call(g, *first, *given[:5], all_, all_), (dx, dh, dc, *rest), 2)
    return found, narrowed(dtype, *wanted)


def try_gru(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    x, h0, _, *weights = given = operands(rng, case, dtype, 3)
    a, b, _, *wide = wide_operands(given)
    _, h, gates = plain.gru(np, a, ((0, len(a)),), b, *wide)
    return call(x, h0, *weights), narrowed(dtype, h, gates)


def try_gru_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype, 3)
    x, h0, _, w_ih, w_hh, b_ih, b_hh = wide_operands(given)
    _, h, gates = plain.gru(np, x, ((0, len(x)),), h0, w_ih, w_hh, b_ih, b_hh)
    g = rng.standard_normal(h.shape).astype(dtype)
    r, z, n, q = np.split(gates, 4, 1)
    new = g * (1 - z) * (1 - n * n)
    d = np.concatenate([new * q * r * (1 - r), g * (h0 - n) * z * (1 - z), new], 1)
    hidden = np.concatenate([d[:, : 2 * h.shape[1]], new * r], 1)
    dx, *rest = weight_slopes(d, hidden, x, h0, w_ih)
    own = (*given[:2], *given[3:5])
    found, wanted = both(
        lambda all_: call(g, gates.astype(dtype), *own, all_, all_), (dx, g * z + hidden @ w_hh, *rest), 1
    )
    return found, narrowed(dtype, *wanted)


def try_rnn(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for tanh and relu."""
    x, h0, _, *weights = given = operands(rng, case, dtype, 1)
    a, b, _, *wide = wide_operands(given)
    wanted = [plain.rnn(np, relu, a, ((0, len(a)),), b, *wide)[1] for relu in (False, True)]
    return tuple([call(relu, x, h0, *weights) for relu in (False, True)]), narrowed(dtype, *wanted)


def try_rnn_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for tanh and relu."""
    x, h0, _, w_ih, w_hh, *_ = given = operands(rng, case, dtype, 1)
    a, b, _, v_ih, v_hh, *_ = wide_operands(given)
    found, wanted = [], []
    for relu in (False, True):
        h, g = (rng.standard_normal(h0.shape).astype(dtype) for _ in range(2))
        d = np.where(h > 0, g, 0).astype(np.float64) if relu else g * (1 - h.astype(np.float64) ** 2)
        dx, *rest = weight_slopes(d, d, a, b, v_ih)
        more = both(lambda all_: call(relu, g, h, x, h0, w_ih, w_hh, all_, all_), (dx, d @ v_hh, *rest), 1)  # noqa: B023
        found, wanted = [*found, *more[0]], [*wanted, *more[1]]
    return tuple(found), narrowed(dtype, *wanted)


CALLS: dict[str, Call] = {
    "lstm_cell": Call(texts.lstm_text, texts.LSTM, lstm, try_lstm, CASES, 100),
    "lstm_cell_back": Call(texts.lstm_back_text, texts.LSTM_BACK, lstm_back, try_lstm_back, CASES, 300),
    "gru_cell": Call(texts.gru_text, texts.GRU, gru, try_gru, CASES, 100),
    "gru_cell_back": Call(texts.gru_back_text, texts.GRU_BACK, gru_back, try_gru_back, CASES, 300),
    "rnn_cell": Call(texts.rnn_text, texts.RNN, rnn, try_rnn, CASES, 100),
    "rnn_cell_back": Call(texts.rnn_back_text, texts.RNN_BACK, rnn_back, try_rnn_back, CASES, 300),
}
"""Name -> kernel."""
