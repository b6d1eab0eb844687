"""Recurrent layers on raw arrays: one pass over time each.

Everything is flat: the rows of `x` are the entries of all sequences, ordered by time; step t holds the rows
parts[t] = (start, stop) and the first stop - start sequences of the batch (longer sequences come first).
`parts` lists the steps in the order in which they are computed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from wengert.core.arrays.large import LARGE, SIZE

Parts = tuple[tuple[int, int], ...]

AT_ONCE = 1 << 25
"""Multiplications from which two products that share a side are made one."""

BAND = 1 << 15
"""Elements that are worked on at once."""


def steps(sizes: Any, reverse: bool) -> Parts:
    """The rows of each step in the order of computation."""
    return parts_of(tuple(sizes), reverse)


@lru_cache(maxsize=256)
def parts_of(sizes: tuple[int, ...], reverse: bool) -> Parts:
    """The same, kept: a network meets the same sizes again and again."""
    parts, start = [], 0
    for n in sizes:
        parts.append((start, start + n))
        start += n
    return tuple(parts[::-1] if reverse else parts)


@lru_cache(maxsize=256)
def extent(parts: Parts) -> tuple[int, int]:
    """(rows that steps reach to, sequences of the largest)."""
    return max([stop for _, stop in parts], default=0), max([stop - start for start, stop in parts], default=0)


def product(a: Any, b: Any) -> Any:
    """a @ b of two matrices."""
    return LARGE.dot(a, b)


def weight_slopes(np: Any, d: Any, x: Any, before: Any) -> tuple[Any, Any]:
    """(d.T @ x, d.T @ before), the gradients of both weights of a layer: large ones in one product."""
    inputs, size = x.shape[1], before.shape[1]
    if d.size * (inputs + size) < AT_ONCE:
        return product(d.T, x), product(d.T, before)
    both = product(d.T, np.concatenate([x, before], 1))
    return np.ascontiguousarray(both[:, :inputs]), np.ascontiguousarray(both[:, inputs:])


def projected(x: Any, weight: Any, *biases: Any) -> Any:
    """x @ weight.T plus the biases that there are."""
    given = [b for b in biases if b is not None]
    if not given:
        return product(x, weight.T)
    bias = given[0] if len(given) == 1 else given[0] + given[1]
    out = LARGE.dot_bias(x, weight.T, bias)
    if out is None:
        out = product(x, weight.T)
        out += bias
    return out


def gate_scale(np: Any, gates: int, size: int, plain: int, dtype: Any) -> tuple[Any, Any]:
    """(scale, shift) with sigmoid(a) = scale * tanh(scale * a) + shift; gate number `plain` is tanh itself."""
    scale = np.full(gates * size, 0.5, dtype=dtype)
    shift = np.full(gates * size, 0.5, dtype=dtype)
    scale[plain * size : (plain + 1) * size] = 1
    shift[plain * size : (plain + 1) * size] = 0
    return scale, shift


def lstm(np: Any, x: Any, parts: Parts, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
    """(outputs, last h, last c, gates i f g o, cells) of long short-term memory.

    One tanh serves all four gates: sigmoid(a) = (1 + tanh(a / 2)) / 2, the halves are taken into the weights.
    """
    size = w_hh.shape[0] // 4
    gates = projected(x, w_ih, b_ih, b_hh)
    found: tuple[Any, ...] | None = LARGE.lstm(gates, parts, h0, c0, w_hh) if w_hr is None else None
    if found is not None:
        return found
    scale, shift = gate_scale(np, 4, size, 2, x.dtype)
    gates *= scale
    recurrent = np.ascontiguousarray((w_hh * scale[:, None]).T)
    projection = None if w_hr is None else w_hr.T
    cells = np.empty((len(x), size), dtype=x.dtype)
    out = np.empty((len(x), h0.shape[1]), dtype=x.dtype)
    h, c = h0.copy(), c0.copy()
    room, product = np.empty((len(h), 4 * size), dtype=x.dtype), np.empty((len(h), size), dtype=x.dtype)
    for start, stop in parts:
        n = stop - start
        a, cell, hidden = gates[start:stop], cells[start:stop], product[:n]
        a += np.matmul(h[:n], recurrent, out=room[:n])
        np.tanh(a, out=a)
        a *= scale
        a += shift
        np.multiply(a[:, size : 2 * size], c[:n], out=cell)
        cell += np.multiply(a[:, :size], a[:, 2 * size : 3 * size], out=hidden)
        c[:n] = cell
        np.tanh(cell, out=hidden)
        hidden *= a[:, 3 * size :]
        out[start:stop] = h[:n] = hidden if projection is None else hidden @ projection
    return out, h, c, gates, cells


def gru(np: Any, x: Any, parts: Parts, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """(outputs, last h, gates r z n q) of gated recurrent units; q is the hidden part of n before r is applied."""
    size = h0.shape[1]
    given = projected(x, w_ih, b_ih)
    found: tuple[Any, ...] | None = LARGE.gru(given, parts, h0, w_hh, b_hh)
    if found is not None:
        return found
    recurrent = np.ascontiguousarray(w_hh.T)
    gates = np.empty((len(x), 4 * size), dtype=x.dtype)
    out = np.empty((len(x), size), dtype=x.dtype)
    h = h0.copy()
    for start, stop in parts:
        n = stop - start
        a, own = given[start:stop], gates[start:stop]
        q = h[:n] @ recurrent
        if b_hh is not None:
            q += b_hh
        rz, new = own[:, : 2 * size], own[:, 2 * size : 3 * size]
        np.add(a[:, : 2 * size], q[:, : 2 * size], out=rz)
        rz *= 0.5
        np.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        own[:, 3 * size :] = q[:, 2 * size :]
        np.multiply(rz[:, :size], q[:, 2 * size :], out=new)
        new += a[:, 2 * size :]
        np.tanh(new, out=new)
        state = h[:n] - new
        state *= rz[:, size:]
        state += new
        out[start:stop] = h[:n] = state
    return out, h, gates


def rnn(np: Any, relu: bool, x: Any, parts: Parts, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """(outputs, last h) of the plain recurrent network."""
    out = projected(x, w_ih, b_ih, b_hh)
    found: tuple[Any, ...] | None = LARGE.rnn(relu, out, parts, h0, w_hh)
    if found is not None:
        return found
    recurrent = np.ascontiguousarray(w_hh.T)
    h = h0.copy()
    for start, stop in parts:
        n, state = stop - start, out[start:stop]
        state += h[:n] @ recurrent
        if relu:
            np.maximum(state, 0, out=state)
        else:
            np.tanh(state, out=state)
        h[:n] = state
    return out, h


def cell_step(np: Any, cell: str, given: Any) -> Any:
    """One step of one layer: (h, c, gates) of an LSTM, (h, gates) of a GRU, (h,) of a plain cell.

    given: x, h0, c0 or None, w_ih, w_hh, b_ih, b_hh, the last two perhaps None.
    """
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = given
    parts = ((0, len(x)),)
    if cell == "lstm":
        found = LARGE.lstm_cell(x, h0, c0, w_ih, w_hh, b_ih, b_hh)
        if found is None:
            _, h, c, gates, _ = lstm(np, x, parts, h0, c0, w_ih, w_hh, b_ih, b_hh, None)
            found = h, c, gates
        return found
    if cell == "gru":
        found = LARGE.gru_cell(x, h0, w_ih, w_hh, b_ih, b_hh)
        return gru(np, x, parts, h0, w_ih, w_hh, b_ih, b_hh)[1:] if found is None else found
    relu = cell == "rnn_relu"
    found = LARGE.rnn_cell(relu, x, h0, w_ih, w_hh, b_ih, b_hh)
    return rnn(np, relu, x, parts, h0, w_ih, w_hh, b_ih, b_hh)[1:] if found is None else (found,)


def cell_back(cell: str, g: Any, out: Any, given: Any, wants_x: bool, wants_weights: bool) -> Any:
    """Gradients of what `cell_step` was given but of c0 where there is none; None where no kernel computes them."""
    x, h0, c0, w_ih, w_hh = given[:5]
    if cell == "lstm":
        return LARGE.lstm_cell_back(g[:2], out[2], out[1], x, h0, c0, w_ih, w_hh, wants_x, wants_weights)
    if cell == "gru":
        return LARGE.gru_cell_back(g[0], out[1], x, h0, w_ih, w_hh, wants_x, wants_weights)
    return LARGE.rnn_cell_back(cell == "rnn_relu", g[0], out[0], x, h0, w_ih, w_hh, wants_x, wants_weights)


def column_sums(np: Any, x: Any) -> Any:
    """Sums of the columns of a matrix: small ones by BLAS."""
    return LARGE.rows_sum(x) if x.size >= SIZE else np.matmul(np.ones(len(x), dtype=x.dtype), x)


def lstm_slopes(np: Any, gates: Any, before: Any, saturated: Any) -> tuple[Any, Any]:
    """(what the gates' gradient is per gradient of cell or output, what the cell's is per gradient of output).

    before: the cells that the steps started from; saturated: tanh of those that they ended with.
    """
    rows, size = saturated.shape
    d, slope = np.empty(gates.shape, gates.dtype), np.empty(saturated.shape, saturated.dtype)
    step = max(1, BAND // (4 * size or 1))
    for r in range(0, rows, step):
        band = slice(r, r + step)
        some, into, end = gates[band], d[band], slope[band]
        i, _, n, o = (some[:, k : k + size] for k in range(0, 4 * size, size))
        np.subtract(1, some, out=into)
        into *= some
        np.multiply(n, n, out=end)
        np.subtract(1, end, out=end)
        np.multiply(i, end, out=into[:, 2 * size : 3 * size])
        for k, factor in ((0, n), (1, before[band]), (3, saturated[band])):
            into[:, k * size : (k + 1) * size] *= factor
        np.multiply(saturated[band], saturated[band], out=end)
        np.subtract(1, end, out=end)
        end *= o
    return d, slope


def lstm_back(np: Any, d: Any, slope: Any, forget: Any, extra: Any, g: Any, parts: Parts, w_hh: Any, w_hr: Any) -> Any:
    """(gradient of h0, of c0, what arrived at each output) of `lstm`; `d`, the gates' slopes, becomes their gradient.

    g: gradients of the outputs, the last h and the last c; extra: gradients of the gates and the cells, or None.
    """
    g_out, dh, dc = g[0], g[1].copy(), g[2].copy()
    of_gates, of_cells = extra
    size = slope.shape[1]
    arrived: Any = np.empty_like(g_out) if w_hr is not None else None
    room = np.empty(dc.shape, dtype=dc.dtype)
    for start, stop in reversed(parts):
        n = stop - start
        h, c, own = dh[:n], dc[:n], d[start:stop]
        h += g_out[start:stop]
        hidden = h
        if w_hr is not None:
            arrived[start:stop] = h
            hidden = h @ w_hr
        c += np.multiply(hidden, slope[start:stop], out=room[:n])
        if of_cells is not None:
            c += of_cells[start:stop]
        a = own.reshape(n, 4, size)
        a[:, :3] *= c[:, None]
        a[:, 3] *= hidden
        if of_gates is not None:
            own += of_gates[start:stop]
        c *= forget[start:stop]
        np.matmul(own, w_hh, out=h)
    return dh, dc, arrived


def all_zero(x: Any) -> bool:
    """Whether there are only zeros; where one stands for all of them, only that is looked at."""
    if x.size and not any(x.strides):
        return not x[(0,) * x.ndim]
    return not x.size or not (x.max() or x.min())


def lstm_back_at_once(gates: Any, cells: Any, before: Any, g: Any, parts: Parts, w_hh: Any) -> Any:
    """(gradient of the gates before their functions, of h0, of c0) from the five gradients of `lstm`'s results.

    None where no kernel computes that, or where gradients came for the gates or cells themselves.
    """
    if not all_zero(g[3]) or not all_zero(g[4]):
        return None
    return LARGE.lstm_back(gates, cells, before, (g[0].reshape(cells.shape), g[1], g[2]), parts, w_hh)


def gru_back_at_once(gates: Any, before: Any, g: Any, parts: Parts, w_hh: Any) -> Any:
    """(gradient of the gates' input parts, of their hidden parts, of h0) from the three gradients of `gru`'s results.

    None where no kernel computes that, or where gradients came for the gates themselves.
    """
    return LARGE.gru_back(gates, before, (g[0].reshape(before.shape), g[1]), parts, w_hh) if all_zero(g[2]) else None


def gru_back(np: Any, d: Any, update: Any, extra: Any, g: Any, parts: Parts, w_hh: Any) -> Any:
    """(gradient of h0, what arrived at each output) of `gru`; `d`, the gates' slopes, becomes their gradient."""
    g_out, dh = g[0], g[1].copy()
    arrived = np.empty_like(g_out)
    size = g_out.shape[1]
    for start, stop in reversed(parts):
        n = stop - start
        h, own, came = dh[:n], d[start:stop], arrived[start:stop]
        np.add(h, g_out[start:stop], out=came)
        a = own.reshape(n, 3, size)
        a *= came[:, None]
        if extra is not None:
            own += extra[start:stop]
        np.multiply(came, update[start:stop], out=h)
        h += own @ w_hh
    return dh, arrived


def rnn_back(np: Any, relu: bool, out: Any, g: Any, parts: Parts, w_hh: Any) -> Any:
    """(gradient of what the function was given, of h0) of `rnn` from the gradients of its results."""
    found: tuple[Any, ...] | None = LARGE.rnn_back(relu, out, g, parts, w_hh)
    if found is not None:
        return found
    g_out, dh = g[0], g[1].copy()
    d = (out > 0).astype(out.dtype) if relu else 1 - out * out
    for start, stop in reversed(parts):
        h, own = dh[: stop - start], d[start:stop]
        h += g_out[start:stop]
        if relu:
            own[...] = np.where(own, h, 0)  # not a product: what is infinite stays out where the slope is 0
        else:
            own *= h
        np.matmul(own, w_hh, out=h)
    return d, dh
