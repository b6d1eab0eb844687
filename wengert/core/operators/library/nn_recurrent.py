"""Recurrent layers: one record, one node, for all time steps of one layer in one direction; and the cells."""

from __future__ import annotations

from math import prod

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import recurrent as arrays
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- gradients, written once for raw and recorded sweeps


def unpacked(tensors, cell, bias):
    """(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr) with None for what there is not."""
    parts = list(tensors)
    x, h0 = parts.pop(0), parts.pop(0)
    c0 = parts.pop(0) if cell == "lstm" else None
    w_ih, w_hh = parts.pop(0), parts.pop(0)
    b_ih, b_hh = (parts.pop(0), parts.pop(0)) if bias else (None, None)
    return x, h0, c0, w_ih, w_hh, b_ih, b_hh, parts[0] if parts else None


def _flat(x):
    return x.reshape(prod(x.shape[:-1]), x.shape[-1]) if x.ndim == 3 else x


def _joined(m, pieces):
    return pieces[0] if len(pieces) == 1 else m.cat(pieces, 0)


def _previous(m, first, flat, parts, reverse):
    """Per row the state that its step started from."""
    n = first.shape[0]
    if flat.shape[0] == n:
        return first
    if all(stop - start == n for start, stop in parts):
        between = flat[n:] if reverse else flat[: flat.shape[0] - n]
        return m.cat([between, first] if reverse else [first, between], 0)
    pieces, last = [], None
    for start, stop in parts:
        n = stop - start
        if last is None:
            piece = first[:n]
        else:
            have = last[1] - last[0]
            piece = flat[last[0] : last[0] + min(n, have)]
            if n > have:
                piece = m.cat([piece, first[have:n]], 0)
        pieces.append(piece)
        last = start, stop
    return _joined(m, pieces[::-1] if reverse else pieces)


class _Carry:
    """The gradient of a state on its way back: sequences that end at a step join, those that begin there leave."""

    __slots__ = ("m", "last", "value", "left")

    def __init__(self, m, last):
        self.m, self.last, self.value, self.left = m, last, None, []

    def rows(self, n):
        """The gradient for the first n sequences."""
        have = 0 if self.value is None else self.value.shape[0]
        if n > have:
            more = self.last[have:n]
            self.value = more if not have else self.m.cat([self.value, more], 0)
        elif n < have:
            self.left.append(self.value[n:])
            self.value = self.value[:n]
        return self.value

    def first(self):
        """The gradient of the initial state."""
        return _joined(self.m, [self.value, *self.left[::-1]])


def _direct(m):
    """Whether `m` computes on arrays at once."""
    return not m.recorded and m.run is None


def _present(m, g):
    """A gradient of intermediate values, None if a sweep on raw arrays brought only zeros."""
    return None if _direct(m) and arrays.all_zero(g) else g


def _columns(x, size):
    return [x[:, k : k + size] for k in range(0, x.shape[1], size)]


def _in_time_order(m, pieces, reverse):
    """What a loop from the last step computed to the first has collected, by row."""
    return _joined(m, pieces if reverse else pieces[::-1])


def _lstm_back(m, g, out, parts, reverse, given):
    """(gradient of the gates before their functions, the same again, of h0, of c0, of w_hr)."""
    c0, w_hh, w_hr = given[2], given[4], given[7]
    gates, cells = out[3], out[4]
    before = _previous(m, c0, cells, parts, reverse)
    found = arrays.lstm_back_at_once(gates, cells, before, g, parts, w_hh) if _direct(m) and w_hr is None else None
    if found is not None:
        return found[0], found[0], *found[1:], None
    i, f, n, o = _columns(gates, cells.shape[1])
    saturated = m.tanh(cells)
    if _direct(m):
        d, slope = arrays.lstm_slopes(m.np, gates, before, saturated)
    else:
        slope = o * (1 - saturated * saturated)
        d = m.cat([n * i * (1 - i), before * f * (1 - f), i * (1 - n * n), saturated * o * (1 - o)], 1)
    of_gates, of_cells = _present(m, g[3]), _present(m, g[4])
    if of_gates is not None:
        of_gates = of_gates * m.cat([i * (1 - i), f * (1 - f), 1 - n * n, o * (1 - o)], 1)
    g = (_flat(g[0]), g[1], g[2])
    if not _direct(m):
        d, dh, dc, arrived = _lstm_steps(m, d, slope, f, (of_gates, of_cells), g, parts, w_hh, w_hr, reverse)
    else:
        dh, dc, arrived = arrays.lstm_back(m.np, d, slope, f, (of_gates, of_cells), g, parts, w_hh, w_hr)
    return d, d, dh, dc, None if w_hr is None else _turned(m, arrived) @ (o * saturated)


def _lstm_steps(m, slopes, slope, forget, extra, g, parts, w_hh, w_hr, reverse):
    """arrays.lstm_back in operators: (gradient of the gates, of h0, of c0, what arrived at each output)."""
    size = slope.shape[1]
    h, c, pieces, arrived = _Carry(m, g[1]), _Carry(m, g[2]), [], []
    for start, stop in reversed(parts):
        dh = h.rows(stop - start) + g[0][start:stop]
        arrived.append(dh)
        if w_hr is not None:
            dh = dh @ w_hr
        dc = c.rows(stop - start) + dh * slope[start:stop] + extra[1][start:stop]
        own = slopes[start:stop]
        d = m.cat([own[:, : 3 * size] * m.cat([dc, dc, dc], 1), own[:, 3 * size :] * dh], 1) + extra[0][start:stop]
        pieces.append(d)
        c.value = dc * forget[start:stop]
        h.value = d @ w_hh
    return _in_time_order(m, pieces, reverse), h.first(), c.first(), _in_time_order(m, arrived, reverse)


def _gru_back(m, g, out, parts, reverse, given, states):
    """(gradient of the gates' input parts, of their hidden parts, of h0, None, None)."""
    w_hh, gates = given[4], out[2]
    found = arrays.gru_back_at_once(gates, states, g, parts, w_hh) if _direct(m) else None
    if found is not None:
        return *found, None, None
    size = states.shape[1]
    r, z, n, q = _columns(gates, size)
    slope_r, slope_z, slope_n = r * (1 - r), z * (1 - z), 1 - n * n
    new = (1 - z) * slope_n
    d = m.cat([new * q * slope_r, (states - n) * slope_z, new * r], 1)
    extra = _present(m, g[2])
    if extra is not None:
        e_r, e_z, e_n, e_q = _columns(extra, size)
        e_n = e_n * slope_n
        extra = m.cat([(e_n * q + e_r) * slope_r, e_z * slope_z, e_n * r + e_q], 1)
    g = (_flat(g[0]), g[1])
    if not _direct(m):
        d, dh, arrived = _gru_steps(m, d, z, extra, g, parts, w_hh, reverse)
    else:
        dh, arrived = arrays.gru_back(m.np, d, z, extra, g, parts, w_hh)
    of_new = new * arrived
    if extra is not None:
        of_new = of_new + e_n
    return m.cat([d[:, : 2 * size], of_new], 1), d, dh, None, None


def _gru_steps(m, slopes, update, extra, g, parts, w_hh, reverse):
    """arrays.gru_back in operators: (gradient of the gates' hidden parts, of h0, what arrived at each output)."""
    h, pieces, arrived = _Carry(m, g[1]), [], []
    for start, stop in reversed(parts):
        dh = h.rows(stop - start) + g[0][start:stop]
        d = slopes[start:stop] * m.cat([dh, dh, dh], 1) + extra[start:stop]
        pieces.append(d)
        arrived.append(dh)
        h.value = dh * update[start:stop] + d @ w_hh
    return _in_time_order(m, pieces, reverse), h.first(), _in_time_order(m, arrived, reverse)


def _rnn_back(m, g, out, parts, reverse, given, relu):
    """(gradient of what the activation was given, the same again, of h0, None, None)."""
    w_hh, states, g_out = given[4], _flat(out[0]), _flat(g[0])
    if _direct(m):
        d, dh = arrays.rnn_back(m.np, relu, states, (g_out, g[1]), parts, w_hh)
        return d, d, dh, None, None
    slope = None if relu else 1 - states * states
    h, pieces = _Carry(m, g[1]), []
    for start, stop in reversed(parts):
        dh = h.rows(stop - start) + g_out[start:stop]
        d = m.where(states[start:stop] > 0, dh, 0.0) if relu else dh * slope[start:stop]
        pieces.append(d)
        h.value = d @ w_hh
    d = _in_time_order(m, pieces, reverse)
    return d, d, h.first(), None, None


def _summed(m, x):
    return arrays.column_sums(m.np, x) if _direct(m) else m.sum(x, 0)


def _product(m, a, b):
    return arrays.product(a, b) if _direct(m) else a @ b


def _turned(m, x):
    return m.transpose(x, 0, 1)


def _layer_gradients(m, g, out, tensors, cell, sizes, reverse, bias, wanted):
    given = unpacked(tensors, cell, bias)
    x, h0, _, w_ih, w_hh, _, _, w_hr = given
    parts = arrays.steps(_sizes(x, sizes), reverse)
    before = _previous(m, h0, _flat(out[0]), parts, reverse)
    if cell == "lstm":
        d, hidden, dh, dc, projection = _lstm_back(m, g, out, parts, reverse, given)
    elif cell == "gru":
        d, hidden, dh, dc, projection = _gru_back(m, g, out, parts, reverse, given, before)
    else:
        d, hidden, dh, dc, projection = _rnn_back(m, g, out, parts, reverse, given, cell == "rnn_relu")
    dx = _product(m, d, w_ih) if wanted[0] else None
    gradients = [dx.reshape(tuple(x.shape)) if dx is not None and x.ndim == 3 else dx, dh]
    if dc is not None:
        gradients.append(dc)
    if _direct(m) and hidden is d:
        gradients += arrays.weight_slopes(m.np, d, _flat(x), before)
    else:
        gradients += [_product(m, _turned(m, d), _flat(x)), _product(m, _turned(m, hidden), before)]
    if bias:
        first = _summed(m, d)
        gradients += [first, first if hidden is d else _summed(m, hidden)]
    return gradients if w_hr is None else [*gradients, projection]


# ---------------------------------------------------------------- the record


def _sizes(x, sizes):
    return (x.shape[1],) * x.shape[0] if sizes is None else sizes


def _samples(s):
    def tensors(cell, shape, batch, projection=0, bias=True):
        gates = {"lstm": 4, "gru": 3}.get(cell, 1)
        size, out = 3, projection or 3
        found = [s.array(*shape, low=-1, high=1), s.array(batch, out, low=-1, high=1)]
        if cell == "lstm":
            found.append(s.array(batch, size, low=-1, high=1))
        found += [s.array(gates * size, shape[-1], low=-1, high=1), s.array(gates * size, out, low=-1, high=1)]
        if bias:
            found += [s.array(gates * size, low=-1, high=1), s.array(gates * size, low=-1, high=1)]
        return found + ([s.array(projection, size)] if projection else [])

    kinds = ("lstm", "gru", "rnn_tanh")
    found = [call(tensors(cell, (3, 2, 2), 2), cell) for cell in kinds]
    found += [call(tensors(cell, (6, 2), 3, 0, False), cell, (3, 2, 1), True, False) for cell in kinds]
    found.append(call(tensors("lstm", (5, 2), 3, 2), "lstm", (3, 2)))
    return [*found, call(tensors("lstm", (2, 2, 2), 2, 2, False), "lstm", None, True, False)]


_HALF = (dtypes.float16.numpy, dtypes.bfloat16.numpy)


@opaque(
    vjp=_layer_gradients,
    space=None,
    method=False,
    backward_name="MkldnnRnnLayerBackward0",
    samples=_samples,
)
def recurrent_layer(np, tensors: list[Array], cell: str, sizes: Ints | None = None, reverse: bool = False,
                    bias: bool = True):  # fmt: skip
    """All steps of one recurrent layer in one direction: (outputs, last h, intermediate values that its rule needs).

    tensors: x, h0, c0 (lstm), w_ih, w_hh, b_ih and b_hh (bias), w_hr (lstm with projection).  x is (T, B, F), or
    (rows, F) ordered by time with the batch sizes of the steps in `sizes`.  Results: outputs (T, B, H) or (rows, H),
    h (B, H); for lstm c, gates i f g o and the cells of all rows; for gru gates r z n and the hidden part of n.
    Sources: S. Hochreiter and J. Schmidhuber (1997), long short-term memory; K. Cho et al. (2014), gated units.
    """
    refuse("recurrent_layer", "biuc", tensors[0])
    dtype = tensors[0].dtype
    if dtype in _HALF:
        tensors = [x.astype(np.float32) for x in tensors]
    x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr = unpacked(tensors, cell, bias)
    parts = arrays.steps(_sizes(x, sizes), reverse)
    flat = _flat(x)
    if cell == "lstm":
        results = arrays.lstm(np, flat, parts, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)
    elif cell == "gru":
        results = arrays.gru(np, flat, parts, h0, w_ih, w_hh, b_ih, b_hh)
    else:
        results = arrays.rnn(np, cell == "rnn_relu", flat, parts, h0, w_ih, w_hh, b_ih, b_hh)
    if dtype in _HALF:
        results = [part.astype(dtype) for part in results]
    out = results[0]
    return (out.reshape(*x.shape[:-1], out.shape[-1]) if x.ndim == 3 else out, *results[1:])


# ---------------------------------------------------------------- cells


def _cell_slopes(m, g, out, given, cell):
    """(gradient of the gates' input parts, of their hidden parts, of the states but through the gates)."""
    h0, c0 = given[1:3]
    h, g_h = out[0], g[0]
    if cell == "rnn_tanh" or cell == "rnn_relu":
        d = m.where(h > 0, g_h, 0.0) if cell == "rnn_relu" else g_h * (1 - h * h)
        return d, d, [None]
    size, extra = h.shape[1], _present(m, g[-1])
    extra = [None] * 4 if extra is None else _columns(extra, size)
    if cell == "lstm":
        (i, f, n, o), saturated = _columns(out[2], size), m.tanh(out[1])
        of_cell = g[1] + g_h * o * (1 - saturated * saturated)
        found = [of_cell * n, of_cell * c0, of_cell * i, g_h * saturated]
        found = [x if e is None else x + e for x, e in zip(found, extra, strict=True)]
        d = m.cat([x * y for x, y in zip(found, (i * (1 - i), f * (1 - f), 1 - n * n, o * (1 - o)), strict=True)], 1)
        return d, d, [None, of_cell * f]
    r, z, n, q = _columns(out[1], size)
    e_r, e_z, e_n, e_q = extra
    new = g_h * (1 - z)
    new = (new if e_n is None else new + e_n) * (1 - n * n)
    of_r, of_z, of_q = new * q, g_h * (h0 - n), new * r
    if e_r is not None:
        of_r, of_z, of_q = of_r + e_r, of_z + e_z, of_q + e_q
    first = [of_r * r * (1 - r), of_z * z * (1 - z)]
    return m.cat([*first, new], 1), m.cat([*first, of_q], 1), [g_h * z]


def _cell_parts(tensors, cell, bias):
    """x, h0, c0, w_ih, w_hh, b_ih, b_hh with None for what there is not."""
    found = list(tensors)
    if cell != "lstm":
        found.insert(2, None)
    if not bias:
        found += (None, None)
    return found


def _cell_gradients(m, g, out, tensors, cell, bias, wanted):
    given = _cell_parts(tensors, cell, bias)
    x, h0, c0, w_ih, w_hh = given[:5]
    states = 1 if c0 is None else 2
    wants_weights = True in wanted[states + 1 :]
    if _direct(m) and (cell == "rnn_tanh" or cell == "rnn_relu" or arrays.all_zero(g[-1])):
        found = arrays.cell_back(cell, g, out, given, wanted[0], wants_weights)
        if found is not None:
            return found if bias else found[:-2]
    d, hidden, of_states = _cell_slopes(m, g, out, given, cell)
    through = _product(m, hidden, w_hh)
    of_states[0] = through if of_states[0] is None else of_states[0] + through
    gradients = [_product(m, d, w_ih) if wanted[0] else None, *of_states]
    if not wants_weights:
        return gradients + [None] * (len(wanted) - len(gradients))
    gradients += [_product(m, _turned(m, d), x), _product(m, _turned(m, hidden), h0)]
    if bias:
        first = _summed(m, d)
        gradients += [first, first if hidden is d else _summed(m, hidden)]
    return gradients


def _step_samples(s):
    found = []
    for cell, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1)):
        for bias in (True, False):
            shapes = [(2, 4), (2, 3), *[(2, 3)] * (cell == "lstm"), (gates * 3, 4), (gates * 3, 3)]
            shapes += [(gates * 3,)] * 2 * bias
            found.append(call([s.array(*shape, low=-1, high=1) for shape in shapes], cell, bias))
    return found


_LAST = {"lstm": "Mul", "gru": "Add", "rnn_tanh": "Tanh", "rnn_relu": "Relu"}
"""The last operation of each cell, by which torch names what it recorded."""


@opaque(
    vjp=_cell_gradients,
    space=None,
    method=False,
    backward_name=lambda args: f"{_LAST[args[1]]}Backward0",
    samples=_step_samples,
)
def recurrent_cell(np, tensors: list[Array], cell: str, bias: bool = True):
    """One step of one recurrent layer: (h, c, gates) for "lstm", (h, gates) for "gru", (h,) for a plain one.

    tensors: x (B, F), h0 (B, H), c0 (lstm), w_ih, w_hh, b_ih and b_hh (bias).  Gates are those of `recurrent_layer`.
    """
    refuse("recurrent_cell", "biuc", tensors[0])
    dtype = tensors[0].dtype
    if dtype in _HALF:
        tensors = [x.astype(np.float32) for x in tensors]
    results = arrays.cell_step(np, cell, _cell_parts(tensors, cell, bias))
    if dtype in _HALF:
        results = tuple([x.astype(dtype) for x in results])
    return results


def _fitting(input, states, w_ih, w_hh, gates):
    """Whether everything fits at a glance; what does not may still, or is told by `_check_cell`."""
    x, weight, own = input._array, w_ih._array, w_hh._array
    if x.ndim != 2 or weight.ndim != 2 or own.ndim != 2 or x.dtype is not weight.dtype or x.dtype.kind != "f":
        return False
    rows, wide = x.shape
    size = own.shape[1]
    if wide != weight.shape[1] or own.shape[0] != gates * size or weight.shape[0] != own.shape[0]:
        return False
    shape = rows, size
    return states[0]._array.shape == shape and states[-1]._array.shape == shape


def _check_cell(input, states, w_ih, w_hh, gates):
    if input.dtype != w_ih.dtype:
        raise DtypeError(f"expected m1 and m2 to have the same dtype, but got: {input.dtype} != {w_ih.dtype}")
    if input.shape[1] != w_ih.shape[1]:
        raise ShapeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}")
    if gates != 3:
        _check_rows(w_ih, w_hh, gates)
    for k, state in enumerate(states):
        size = w_hh.shape[1] if k == 0 else w_hh.shape[0] // gates
        if state.shape[0] != input.shape[0]:
            raise ShapeError(f"Input batch size {input.shape[0]} doesn't match hidden{k} batch size {state.shape[0]}")
        if state.shape[1] != size:
            raise ShapeError(f"hidden{k} has inconsistent hidden_size: got {state.shape[1]}, expected {size}")
    _check_rows(w_ih, w_hh, gates)


def _check_rows(w_ih, w_hh, gates):
    """Refuse weights that have not as many rows as gates."""
    rows = gates * w_hh.shape[1]
    for name, weight in (("weight_ih", w_ih), ("weight_hh", w_hh)):
        if weight.shape[0] != rows:
            raise ShapeError(f"{name} first dim must be {gates} * hidden_size = {rows}, but got {weight.shape[0]}")


def _cell(m, cell, gates, input, states, w_ih, w_hh, b_ih, b_hh):
    """One step of one layer: results that begin with its states."""
    if not _fitting(input, states, w_ih, w_hh, gates):
        _check_cell(input, states, w_ih, w_hh, gates)
        if not input.is_floating_point():
            return _plain_cell(m, cell, input, states, w_ih, w_hh, b_ih, b_hh)
    if b_ih is None and b_hh is None:
        return m.recurrent_cell([input, *states, w_ih, w_hh], cell, False)
    if b_ih is None or b_hh is None:
        b_ih, b_hh = [w_ih.new_zeros(w_ih.shape[0]) if b is None else b for b in (b_ih, b_hh)]
    return m.recurrent_cell([input, *states, w_ih, w_hh, b_ih, b_hh], cell, True)


def _plain_cell(m, cell, input, states, w_ih, w_hh, b_ih, b_hh):
    """The same in single operators, for complex numbers and, without gates, integers."""
    a, b = m.linear(input, w_ih, b_ih), m.linear(states[0], w_hh, b_hh)
    if cell in ("lstm", "gru") and not input.is_complex():
        name = dtypes.of(input._array.dtype).scalar
        raise DtypeError(f"result type Float can't be cast to the desired output type {name}: the gates are fractions")
    if cell == "lstm":
        i, f, g, o = m.chunk(a + b, 4, 1)
        c = m.sigmoid(f) * states[1] + m.sigmoid(i) * m.tanh(g)
        return m.sigmoid(o) * m.tanh(c), c
    if cell == "gru":
        (r, z, n), (s, y, q) = m.chunk(a, 3, 1), m.chunk(b, 3, 1)
        n = m.tanh(n + m.sigmoid(r + s) * q)
        return (n + m.sigmoid(z + y) * (states[0] - n),)
    return (m.tanh(a + b) if cell == "rnn_tanh" else m.relu(a + b),)


def _cell_samples(gates):
    def samples(s):
        weights = s.array(3 * gates, 4), s.array(3 * gates, 3)
        state = (s.array(2, 3), s.array(2, 3)) if gates == 4 else s.array(2, 3)
        return [call(s.array(2, 4), state, *weights, s.array(3 * gates), s.array(3 * gates))]

    return samples


@composite(method=False, samples=_cell_samples(4))
def lstm_cell(m, input: Array, hx, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None):
    """(h, c) after one step: c = f c0 + i g, h = o tanh(c), gates i f g o of x @ w_ih.T + b_ih + h0 @ w_hh.T + b_hh.

    Shapes: input (B, F), hx = (h0, c0) each (B, H), w_ih (4 H, F), w_hh (4 H, H).  Raises: ShapeError.
    """
    if len(hx) != 2:
        raise ShapeError(f"lstm_cell expects two hidden states, got {len(hx)}")
    return _cell(m, "lstm", 4, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)[:2]


@composite(method=False, samples=_cell_samples(3))
def gru_cell(m, input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None,
             b_hh: Array | None = None):  # fmt: skip
    """h = (1 - z) n + z h0 with gates r, z and n = tanh(x part + r * hidden part).

    Shapes: input (B, F), hx (B, H), w_ih (3 H, F), w_hh (3 H, H).  Raises: ShapeError.
    """
    return _cell(m, "gru", 3, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite(method=False, samples=_cell_samples(1))
def rnn_tanh_cell(m, input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None,
                  b_hh: Array | None = None):  # fmt: skip
    """h = tanh(x @ w_ih.T + b_ih + h0 @ w_hh.T + b_hh).  Raises: ShapeError."""
    return _cell(m, "rnn_tanh", 1, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite(method=False, samples=_cell_samples(1))
def rnn_relu_cell(m, input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None,
                  b_hh: Array | None = None):  # fmt: skip
    """h = relu(x @ w_ih.T + b_ih + h0 @ w_hh.T + b_hh).  Raises: ShapeError."""
    return _cell(m, "rnn_relu", 1, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
