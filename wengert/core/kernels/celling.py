"""Calls of the kernels of recurrent cells with NumPy arrays, and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert.core.arrays import recurrent as plain
from wengert.core.kernels import cells as texts
from wengert.core.kernels import threads
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.recurring import checked, narrowed, widened
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

_contiguous, _empty, _zeros = np.ascontiguousarray, np.empty, np.zeros
_I64 = np.dtype(np.int64)

NONE = np.zeros(1)
"""What stands for an operand that there is not."""


def begun(x: Any, w_ih: Any, w_hh: Any, h0: Any) -> tuple[Any, ...]:
    """The arguments that all kernels begin with."""
    batch, inputs = x.shape
    rows = -(-batch // threads.count())  # a sequence is computed the same in any piece
    return (
        batch, inputs, w_hh.shape[1], rows, _contiguous(x), _contiguous(w_ih), _contiguous(w_hh), _contiguous(h0),
    )  # fmt: skip


def lstm(run: Any) -> Callable[..., Any]:
    """(h, c, gates i f g o) after one step."""

    def call(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
        dtype, trouble, wide = x.dtype, _zeros(1, _I64), w_hh.shape[0]
        h, c, gates = _empty(h0.shape, dtype), _empty(h0.shape, dtype), _empty((x.shape[0], wide), dtype)
        biased, bias = (0, NONE) if b_ih is None else (1, b_ih + b_hh)
        run(*begun(x, w_ih, w_hh, h0), trouble, biased, bias, _contiguous(c0), gates, h, c)
        checked(trouble)
        return h, c, gates

    return call


def gru(run: Any) -> Callable[..., Any]:
    """(h, gates r z n q) after one step."""

    def call(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
        dtype, trouble, (rows, size) = x.dtype, _zeros(1, _I64), h0.shape
        h, gates = _empty((rows, size), dtype), _empty((rows, 4 * size), dtype)
        biases = (0, NONE, NONE) if b_ih is None else (1, _contiguous(b_ih), _contiguous(b_hh))
        run(*begun(x, w_ih, w_hh, h0), trouble, *biases, gates, h)
        checked(trouble)
        return h, gates

    return call


def rnn(run: Any) -> Callable[..., Any]:
    """h after one step."""

    def call(relu: bool, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        trouble, h = _zeros(1, _I64), _empty(h0.shape, x.dtype)
        biased, bias = (0, NONE) if b_ih is None else (1, b_ih + b_hh)
        run(*begun(x, w_ih, w_hh, h0), trouble, biased, bias, int(relu), h)
        checked(trouble)
        return h

    return call


def slopes(g: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool, wants_weights: bool) -> tuple[Any, ...]:
    """(arguments that all kernels of gradients begin with, gradients of x, h0, w_ih, w_hh and the bias)."""
    dtype, wide = x.dtype, w_hh.shape[0]
    dh, d = _empty(h0.shape, dtype), _empty((x.shape[0], wide), dtype)
    dx = _empty(x.shape, dtype) if wants_x else None
    dw_ih = dw_hh = db = None
    if wants_weights:
        dw_ih, dw_hh, db = _empty(w_ih.shape, dtype), _empty(w_hh.shape, dtype), _empty(wide, dtype)
    arguments = (
        *begun(x, w_ih, w_hh, h0), -(-wide // threads.count() // 6) * 6, int(wants_x), int(wants_weights),
        NONE if dx is None else dx, NONE if dw_ih is None else dw_ih, NONE if dw_hh is None else dw_hh,
        NONE if db is None else db, _contiguous(g), d, dh,
    )  # fmt: skip
    return arguments, dx, dh, dw_ih, dw_hh, db


def lstm_back(run: Any) -> Callable[..., Any]:
    """(gradients of x, h0, c0, w_ih, w_hh, b_ih, b_hh); None for those of x and of weights that are not wanted."""

    def call(g: Any, gates: Any, c: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
             wants_weights: bool) -> tuple[Any, ...]:  # fmt: skip
        arguments, dx, dh, dw_ih, dw_hh, db = slopes(g[0], x, h0, w_ih, w_hh, wants_x, wants_weights)
        dc = g[1].copy("C")
        run(*arguments, _contiguous(gates), _contiguous(c), _contiguous(c0), dc)
        return dx, dh, dc, dw_ih, dw_hh, db, db

    return call


def gru_back(run: Any) -> Callable[..., Any]:
    """(gradients of x, h0, w_ih, w_hh, b_ih, b_hh)."""

    def call(g: Any, gates: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
             wants_weights: bool) -> tuple[Any, ...]:  # fmt: skip
        arguments, *found = slopes(g, x, h0, w_ih, w_hh, wants_x, wants_weights)
        hidden, hidden_db = _empty((x.shape[0], w_hh.shape[0]), x.dtype), _empty(w_hh.shape[0], x.dtype)
        run(*arguments, _contiguous(gates), hidden, hidden_db)
        return *found, hidden_db if wants_weights else None

    return call


def rnn_back(run: Any) -> Callable[..., Any]:
    """(gradients of x, h0, w_ih, w_hh, b_ih, b_hh)."""

    def call(relu: bool, g: Any, h: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
             wants_weights: bool) -> tuple[Any, ...]:  # fmt: skip
        arguments, *found = slopes(g, x, h0, w_ih, w_hh, wants_x, wants_weights)
        run(*arguments, int(relu), _contiguous(h))
        return *found, found[-1]

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


def asked(call: Callable[[bool], Any], wanted: tuple[Any, ...], states: int, name: str) -> tuple[Any, Any]:
    """Found and wanted with all gradients, then only those of the states. Raises: Rejected."""
    found, few = call(True), call(False)
    if any((x is None) is (0 < k <= states) for k, x in enumerate(few)):
        raise Rejected(f"{name} gives gradients that are not wanted, or too few")
    return (*few[1 : states + 1], *found), (*wanted[1 : states + 1], *wanted)


def try_lstm(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype, 4)
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = wide_operands(given)
    _, h, c, gates, _ = plain.lstm(np, x, ((0, len(x)),), h0, c0, w_ih, w_hh, b_ih, b_hh, None)
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
    wanted = dx, dh, dc, *rest
    found, wanted = asked(lambda all_: call(g, *first, *given[:5], all_, all_), wanted, 2, "lstm_cell_back")
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
    wanted, own = (dx, g * z + hidden @ w_hh, *rest), (gates.astype(dtype), *own)
    found, wanted = asked(lambda all_: call(g, *own, all_, all_), wanted, 1, "gru_cell_back")
    return found, narrowed(dtype, *wanted)


def try_rnn(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for tanh and relu."""
    x, h0, _, *weights = given = operands(rng, case, dtype, 1)
    a, b, _, *wide = wide_operands(given)
    wanted = [plain.rnn(np, relu, a, ((0, len(a)),), b, *wide)[1] for relu in (False, True)]
    return tuple([call(relu, x, h0, *weights) for relu in (False, True)]), narrowed(dtype, *wanted)


def rnn_asked(call: Any, *given: Any) -> Any:
    """The gradients of a plain cell, all of them or those of the states, as the last says."""
    return call(*given, given[-1])


def try_rnn_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for tanh and relu."""
    x, h0, _, w_ih, w_hh, *_ = given = operands(rng, case, dtype, 1)
    a, b, _, v_ih, v_hh, *_ = wide_operands(given)
    found: list[Any] = []
    wanted: list[Any] = []
    for relu in (False, True):
        h, g = (rng.standard_normal(h0.shape).astype(dtype) for _ in range(2))
        d = np.where(h > 0, g, 0).astype(np.float64) if relu else g * (1 - h.astype(np.float64) ** 2)
        dx, *rest = weight_slopes(d, d, a, b, v_ih)
        ask = partial(rnn_asked, call, relu, g, h, x, h0, w_ih, w_hh)
        more = asked(ask, (dx, d @ v_hh, *rest), 1, "rnn_cell_back")
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
