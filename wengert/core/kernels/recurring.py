"""Calls of the kernels of recurrent layers with NumPy arrays, and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import recurrent as plain
from wengert.core.kernels import threads
from wengert.core.kernels.recurrences import BACKWARD, FORWARD, gradients_text, lstm_text
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

_contiguous = np.ascontiguousarray


def steps_of(parts: Any, batch: int, size: int, weight: Any, trouble: Any) -> tuple[Any, ...]:
    """The arguments that both kernels begin with."""
    table = np.array(parts, np.int64).reshape(-1, 2)
    starts, counts = _contiguous(table[:, 0]), _contiguous(table[:, 1] - table[:, 0])
    rows = -(-batch // threads.count())  # a sequence is computed the same in any piece
    return starts, counts, trouble, len(parts), batch, size, max(rows, 1), _contiguous(weight)


def checked(trouble: Any) -> None:
    """Raise if a kernel found no memory."""
    if trouble[0]:
        raise MemoryError("no memory for the weights of a recurrent layer")


def lstm(run: Any) -> Callable[..., Any]:
    """arrays.recurrent.lstm from what comes from the inputs, (rows, 4 size), which becomes the gates."""

    def call(gates: Any, parts: Any, h0: Any, c0: Any, w_hh: Any) -> tuple[Any, ...]:
        size = w_hh.shape[1]
        trouble, h, c = np.zeros(1, np.int64), h0.copy(order="C"), c0.copy(order="C")
        cells, out = (np.empty((len(gates), size), gates.dtype) for _ in range(2))
        run(*steps_of(parts, len(h), size, w_hh, trouble), gates, cells, out, h, c)
        checked(trouble)
        return out, h, c, gates, cells

    return call


def lstm_back(run: Any) -> Callable[..., Any]:
    """(gradient of the gates before their functions, of h0, of c0)."""

    def call(gates: Any, cells: Any, before: Any, g: tuple[Any, Any, Any], parts: Any, w_hh: Any) -> tuple[Any, ...]:
        trouble, dh, dc = np.zeros(1, np.int64), g[1].copy(order="C"), g[2].copy(order="C")
        d, given = np.empty(gates.shape, gates.dtype), [_contiguous(x) for x in (gates, cells, before, g[0])]
        run(*steps_of(parts, len(dh), cells.shape[1], w_hh, trouble), *given, dh, dc, d)
        checked(trouble)
        return d, dh, dc

    return call


CASES = (
    # batch sizes of the steps, size, reversed
    ((3, 3, 3), 5, False), ((1,), 1, False), ((7, 7, 4, 4, 1), 20, False), ((5, 2, 1), 17, True), ((33, 33), 40, True),
)  # fmt: skip


def operands(rng: Any, case: Any, dtype: Any) -> tuple[Any, ...]:
    """gates, parts, h0, c0, w_hh; states are parts of larger arrays."""
    sizes, size, reverse = case

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    h0, c0 = draw(size, sizes[0]).T, draw(sizes[0], size + 1)[:, 1:]
    return draw(sum(sizes), 4 * size) * dtype.type(2), plain.steps(sizes, reverse), h0, c0, draw(4 * size, size)


def reference(gates: Any, parts: Any, h0: Any, c0: Any, w_hh: Any) -> tuple[Any, ...]:
    """The steps by NumPy in float64: the gates are the inputs of a unit weight."""
    gates, h0, c0, w_hh = (x.astype(np.float64) for x in (gates, h0, c0, w_hh))
    return plain.lstm(np, gates, parts, h0, c0, np.eye(gates.shape[1]), w_hh, None, None, None)


def try_lstm(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype)
    wanted = reference(*given)
    return call(*given), tuple([x.astype(dtype) for x in wanted])


def try_lstm_back(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted."""
    given = operands(rng, case, dtype)
    out, h, c, gates, cells = reference(*given)
    before = rng.standard_normal(cells.shape)
    g = [rng.standard_normal(x.shape).astype(dtype) for x in (out, h, c)]
    wide = [x.astype(np.float64) for x in g]
    d, slope = plain.lstm_slopes(np, gates, before, np.tanh(cells))
    forget = gates[:, cells.shape[1] : 2 * cells.shape[1]]
    weight = given[4].astype(np.float64)
    dh, dc, _ = plain.lstm_back(np, d, slope, forget, (None, None), wide, given[1], weight, None)
    found = call(*[x.astype(dtype) for x in (gates, cells, before)], tuple(g), given[1], given[4])
    return found, tuple([x.astype(dtype) for x in (d, dh, dc)])


CALLS: dict[str, Call] = {
    "lstm": Call(lstm_text, FORWARD, lstm, try_lstm, CASES, 100),
    "lstm_back": Call(gradients_text, BACKWARD, lstm_back, try_lstm_back, CASES, 300),
}
"""Name -> kernel."""
