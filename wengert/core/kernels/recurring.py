"""Calls of the kernels of recurrent layers with NumPy arrays, and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from wengert.core.arrays import recurrent as plain
from wengert.core.kernels import recurrences as texts
from wengert.core.kernels import threads
from wengert.core.kernels.amx_splitting import SIDE
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

_contiguous = np.ascontiguousarray

LEAST_TILED, SIZES_TILED = 24, range(96, 385, SIDE)
"""Sequences from which, and sizes of the state for which, steps on AMX are faster: larger weights leave the core."""


@lru_cache(maxsize=256)
def table(parts: Any) -> tuple[Any, Any, int]:
    """(first rows, counts, how many) of the steps, for kernels."""
    rows = np.array(parts, np.int64).reshape(-1, 2)
    return _contiguous(rows[:, 0]), _contiguous(rows[:, 1] - rows[:, 0]), len(parts)


def steps_of(parts: Any, batch: int, size: int, weight: Any, trouble: Any) -> tuple[Any, ...]:
    """The arguments that all kernels begin with."""
    starts, counts, steps = table(tuple(parts))
    rows = -(-batch // threads.count())  # a sequence is computed the same in any piece
    tiled = batch >= LEAST_TILED and size in SIZES_TILED
    if tiled:
        rows = -(-rows // SIDE) * SIDE
    return starts, counts, trouble, steps, batch, size, rows or 1, int(tiled), _contiguous(weight)


def checked(trouble: Any) -> None:
    """Raise if a kernel found no memory."""
    if trouble[0]:
        raise MemoryError("no memory for the weights of a recurrent layer")


def lstm(run: Any) -> Callable[..., Any]:
    """arrays.recurrent.lstm from what comes from the inputs, (rows, 4 size), which becomes the gates."""

    def call(gates: Any, parts: Any, h0: Any, c0: Any, w_hh: Any) -> tuple[Any, ...]:
        size = w_hh.shape[1]
        trouble, h, c = np.zeros(1, np.int64), h0.copy("C"), c0.copy("C")
        cells, out = np.empty((len(gates), size), gates.dtype), np.empty((len(gates), size), gates.dtype)
        run(*steps_of(parts, len(h), size, w_hh, trouble), gates, cells, out, h, c)
        checked(trouble)
        return out, h, c, gates, cells

    return call


def lstm_back(run: Any) -> Callable[..., Any]:
    """(gradient of the gates before their functions, of h0, of c0)."""

    def call(gates: Any, cells: Any, before: Any, g: tuple[Any, Any, Any], parts: Any, w_hh: Any) -> tuple[Any, ...]:
        trouble, dh, dc = np.zeros(1, np.int64), g[1].copy("C"), g[2].copy("C")
        d, given = np.empty(gates.shape, gates.dtype), [_contiguous(x) for x in (gates, cells, before, g[0])]
        run(*steps_of(parts, len(dh), cells.shape[1], w_hh, trouble), *given, dh, dc, d)
        checked(trouble)
        return d, dh, dc

    return call


def gru(run: Any) -> Callable[..., Any]:
    """arrays.recurrent.gru from what comes from the inputs, (rows, 3 size)."""

    def call(given: Any, parts: Any, h0: Any, w_hh: Any, b_hh: Any) -> tuple[Any, ...]:
        rows, size, dtype = len(given), w_hh.shape[1], given.dtype
        trouble, h = np.zeros(1, np.int64), h0.copy("C")
        gates, out = np.empty((rows, 4 * size), dtype), np.empty((rows, size), dtype)
        bias = np.zeros(3 * size, dtype) if b_hh is None else _contiguous(b_hh)
        run(*steps_of(parts, len(h), size, w_hh, trouble), given, bias, gates, out, h)
        checked(trouble)
        return out, h, gates

    return call


def gru_back(run: Any) -> Callable[..., Any]:
    """(gradient of the gates' input parts, of their hidden parts, of h0)."""

    def call(gates: Any, before: Any, g: tuple[Any, Any], parts: Any, w_hh: Any) -> tuple[Any, ...]:
        size = w_hh.shape[1]
        trouble, dh = np.zeros(1, np.int64), g[1].copy("C")
        d, hidden = (np.empty((len(gates), 3 * size), gates.dtype) for _ in range(2))
        given = [_contiguous(x) for x in (gates, before, g[0])]
        run(*steps_of(parts, len(dh), size, w_hh, trouble), *given, dh, d, hidden)
        checked(trouble)
        return d, hidden, dh

    return call


def rnn(run: Any) -> Callable[..., Any]:
    """arrays.recurrent.rnn from what comes from the inputs, (rows, size), which becomes the outputs."""

    def call(relu: bool, out: Any, parts: Any, h0: Any, w_hh: Any) -> tuple[Any, ...]:
        trouble, h = np.zeros(1, np.int64), h0.copy("C")
        run(*steps_of(parts, len(h), w_hh.shape[1], w_hh, trouble), int(relu), out, h)
        checked(trouble)
        return out, h

    return call


def rnn_back(run: Any) -> Callable[..., Any]:
    """(gradient of what the function was given, of h0)."""

    def call(relu: bool, out: Any, g: tuple[Any, Any], parts: Any, w_hh: Any) -> tuple[Any, ...]:
        trouble, dh, d = np.zeros(1, np.int64), g[1].copy("C"), np.empty(out.shape, out.dtype)
        first = steps_of(parts, len(dh), w_hh.shape[1], w_hh, trouble)
        run(*first, int(relu), _contiguous(out), _contiguous(g[0]), dh, d)
        checked(trouble)
        return d, dh

    return call


# ---------------------------------------------------------------- trials

CASES = (
    # batch sizes of the steps, size, reversed
    ((3, 3, 3), 5, False), ((1,), 1, False), ((7, 7, 4, 4, 1), 20, False), ((5, 2, 1), 17, True), ((33, 33), 40, True),
    ((13,), 66, False), ((40, 40, 33, 17, 2), 112, False), ((64, 25), 96, True),
)  # fmt: skip

BOTH = tuple((*case, relu) for case in CASES for relu in (False, True))
"""With tanh and with relu."""

WIDE = np.dtype(np.float64)


def operands(rng: Any, case: Any, dtype: Any, gates: int) -> tuple[Any, ...]:
    """What comes from the inputs, steps, states as parts of larger arrays, and the weight."""
    sizes, size, reverse = case[:3]

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    h0, c0 = draw(size, sizes[0]).T, draw(sizes[0], size + 1)[:, 1:]
    given = draw(sum(sizes), gates * size) * dtype.type(2)
    weight = draw(gates * size, size) / dtype.type(size**0.5)
    return given, plain.steps(sizes, reverse), h0, c0, weight


def widened(*arrays: Any) -> list[Any]:
    """The same in float64."""
    return [x.astype(WIDE) for x in arrays]


def narrowed(dtype: Any, *arrays: Any) -> tuple[Any, ...]:
    """The same in another dtype."""
    return tuple([x.astype(dtype) for x in arrays])


def drawn_gradients(rng: Any, results: Any, dtype: Any) -> tuple[Any, ...]:
    """A gradient for each result, the first a part of a larger array."""
    first = rng.standard_normal((len(results[0]), results[0].shape[1] + 2)).astype(dtype)[:, 1:-1]
    return first, *[rng.standard_normal(x.shape).astype(dtype) for x in results[1:]]


def lstm_reference(given: Any, parts: Any, h0: Any, c0: Any, w_hh: Any) -> tuple[Any, ...]:
    """The steps by NumPy in float64: the gates are the inputs of a unit weight."""
    given, h0, c0, w_hh = widened(given, h0, c0, w_hh)
    return plain.lstm(np, given, parts, h0, c0, np.eye(given.shape[1]), w_hh, None, None, None)


def try_lstm(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype, 4)
    wanted = lstm_reference(*given)
    return call(*given), narrowed(dtype, *wanted)


def try_lstm_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype, 4)
    out, h, c, gates, cells = lstm_reference(*given)
    before = rng.standard_normal(cells.shape)
    g = drawn_gradients(rng, (out, h, c), dtype)
    d, slope = plain.lstm_slopes(np, gates, before, np.tanh(cells))
    forget = gates[:, cells.shape[1] : 2 * cells.shape[1]]
    weight = given[4].astype(WIDE)
    dh, dc, _ = plain.lstm_back(np, d, slope, forget, (None, None), widened(*g), given[1], weight, None)
    found = call(*narrowed(dtype, gates, cells, before), g, given[1], given[4])
    return found, narrowed(dtype, d, dh, dc)


def try_gru(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted; a bias of every other element of an array, or none."""
    given, parts, h0, _, w_hh = operands(rng, case, dtype, 3)
    bias = None if case[2] else rng.standard_normal(2 * len(w_hh)).astype(dtype)[::2]
    a, h, w = widened(given, h0, w_hh)
    wide = None if bias is None else bias.astype(WIDE)
    wanted = plain.gru(np, a, parts, h, np.eye(a.shape[1]), w, None, wide)
    return call(given, parts, h0, w_hh, bias), narrowed(dtype, *wanted)


def try_gru_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given, parts, h0, _, w_hh = operands(rng, case, dtype, 3)
    a, h, w = widened(given, h0, w_hh)
    out, h, gates = plain.gru(np, a, parts, h, np.eye(a.shape[1]), w, None, None)
    before, g = rng.standard_normal(out.shape), drawn_gradients(rng, (out, h), dtype)
    r, z, n, q = np.split(gates, 4, 1)
    new = (1 - z) * (1 - n * n)
    hidden = np.concatenate([new * q * r * (1 - r), (before - n) * z * (1 - z), new * r], 1)
    dh, arrived = plain.gru_back(np, hidden, z, None, widened(*g), parts, w)
    d = np.concatenate([hidden[:, : 2 * len(w) // 3], new * arrived], 1)
    return call(*narrowed(dtype, gates, before), g, parts, w_hh), narrowed(dtype, d, hidden, dh)


def try_rnn(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given, parts, h0, _, w_hh = operands(rng, case, dtype, 1)
    a, h, w = widened(given, h0, w_hh)
    wanted = plain.rnn(np, case[3], a, parts, h, np.eye(len(w)), w, None, None)
    return call(case[3], given, parts, h0, w_hh), narrowed(dtype, *wanted)


def try_rnn_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given, parts, h0, _, w_hh = operands(rng, case, dtype, 1)
    out = np.maximum(given, 0) if case[3] else np.tanh(given)
    g = drawn_gradients(rng, (out, h0), dtype)
    wanted = plain.rnn_back(np, case[3], out.astype(WIDE), widened(*g), parts, w_hh.astype(WIDE))
    return call(case[3], out, g, parts, w_hh), narrowed(dtype, *wanted)


CALLS: dict[str, Call] = {
    "lstm": Call(texts.lstm_text, texts.LSTM, lstm, try_lstm, CASES, 100),
    "lstm_back": Call(texts.lstm_back_text, texts.LSTM_BACK, lstm_back, try_lstm_back, CASES, 300),
    "gru": Call(texts.gru_text, texts.GRU, gru, try_gru, CASES, 100),
    "gru_back": Call(texts.gru_back_text, texts.GRU_BACK, gru_back, try_gru_back, CASES, 300),
    "rnn": Call(texts.rnn_text, texts.RNN, rnn, try_rnn, BOTH, 100),
    "rnn_back": Call(texts.rnn_back_text, texts.RNN_BACK, rnn_back, try_rnn_back, BOTH, 300),
}
"""Name -> kernel."""
