"""Functions of large float32 and float64 arrays, by kernels once they are ready and by NumPy until then.

They take the places of NumPy's in `arrays/large.py`, where the hot paths call them.  Operands are plain arrays, or a
number as the second; what does not suit a kernel goes to NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from threading import local
from typing import Any
from weakref import ref

import numpy as np

from wengert.core.arrays.dtype import bfloat16
from wengert.core.arrays.large import LARGE as PLACES
from wengert.core.arrays.large import write_plainly
from wengert.core.arrays.recurrent import extent
from wengert.core.kernels.squares import squares
from wengert.core.kernels.workshop import LARGE, Order, order, possible

__all__ = ["FUNCTIONS", "Elementwise", "install", "rows_sum", "total"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_ARRAY = np.ndarray
_F16, _BF16 = np.dtype(np.float16), bfloat16.numpy
NARROW = 16
CHEAP = 65536
"""Elements from which threads pay for what memory limits: sums, products."""


class Elementwise:
    """One function: NumPy's, and the kernel that takes its place from `least` elements on.

    formula(m, operands...): the function in a namespace of expressions.
    """

    __slots__ = ("name", "plain", "formula", "count", "least", "order", "broadcasting")

    def __init__(self, name: str, formula: Callable[..., Any], count: int, least: int = LARGE) -> None:
        self.name, self.formula, self.count, self.least = name, formula, count, least
        self.plain = getattr(PLACES, name)
        self.order: Order | None = None
        self.broadcasting: dict[Any, Order] = {}

    def ready(self) -> Any:
        """The kernel, or None; the first question orders it."""
        placed = self.order
        if placed is None:
            placed = self.order = order(self.name, self.make)
        return placed.function

    def __call__(self, x: Any, *others: Any) -> Any:
        if x.size >= self.least and (x.dtype is _F32 or x.dtype is _F64):
            kernel = self.ready()
            if kernel is not None and all(y.__class__ is float or y.dtype is x.dtype for y in others):
                if x.size >= CHEAP and any(y.__class__ is not float and y.shape != x.shape for y in others):
                    found = self.spread(x, others)
                    if found is not None:
                        return found
                return kernel(x, *others)
        elif others and others[0].__class__ is np.ndarray and others[0].size >= CHEAP and x.dtype is others[0].dtype:
            found = self.spread(x, others) if x.dtype is _F32 or x.dtype is _F64 else None
            if found is not None:
                return found
        return self.plain(x, *others)

    def spread(self, x: Any, others: tuple[Any, ...]) -> Any:
        """The function of operands that broadcast, or None."""
        letter = "float" if x.dtype is _F32 else "double"
        placed = self.broadcasting.get(letter)
        if placed is None:

            def make(factory: Any) -> Any:
                def trace(xs: Any) -> Any:
                    return self.formula(factory.arrays, *xs)

                return factory.spread(self.name, trace, self.count, letter, self.plain, (), (-4.0, 4.0))

            placed = self.broadcasting[letter] = order(f"{self.name} of several shapes", make)
        return None if placed.function is None else placed.function(x, *others)

    def make(self, factory: Any) -> Any:
        """The kernel, for both dtypes."""
        kernel = factory.elementwise(self.name, lambda xs: self.formula(factory.arrays, *xs), self.count)
        factory.accept(self.name, kernel, self.plain, self.count, ("float", "double"), (-4.0, 4.0))
        return kernel


FUNCTIONS: dict[str, Elementwise] = {
    f.name: f
    for f in (
        Elementwise("exp", lambda m, x: m.exp(x), 1),
        Elementwise("tanh", lambda m, x: m.tanh(x), 1),
        Elementwise("relu", lambda m, x: m.maximum(x, 0), 1, CHEAP),
        Elementwise("negative", lambda m, x: -x, 1, CHEAP),
        Elementwise("square", lambda m, x: x * x, 1, CHEAP),
        Elementwise("cube", lambda m, x: x * x * x, 1, CHEAP),
        Elementwise("cube_slope", lambda m, g, x: g * (3 * (x * x)), 2, CHEAP),
        Elementwise("add", lambda m, x, y: x + y, 2, CHEAP),
        Elementwise("subtract", lambda m, x, y: x - y, 2, CHEAP),
        Elementwise("multiply", lambda m, x, y: x * y, 2, CHEAP),
        Elementwise("divide", lambda m, x, y: x / y, 2, CHEAP),
        Elementwise("tanh_slope", lambda m, g, out: g * (1 - out * out), 2),
        Elementwise("relu_slope", lambda m, g, out: m.where(out <= 0, 0, g), 2),
    )
}
"""The elementwise functions by name."""


_writes = [FUNCTIONS[name] for name in ("add", "subtract", "multiply", "divide")]


def write(op: int, x: Any, y: Any) -> Any:
    """x, after x = x (op) y in its memory, of plain arrays or with a number; op: 0 to 3 for + - * /."""
    plain = y.__class__ is float or y.__class__ is int or (y.dtype is x.dtype and y.shape == x.shape)
    if plain and x.size >= CHEAP and (x.dtype is _F32 or x.dtype is _F64):
        kernel = _writes[op].ready()
        if kernel is not None:
            return kernel(x, y, out=x)
    return write_plainly(op, x, y)


_sums: dict[Any, Order] = {}
_total, _rows_sum = PLACES.total, PLACES.rows_sum


def summed(name: str, x: Any) -> Any:
    """A kernel of sums for x if it is ready, else None."""
    dtype = x.dtype
    plain = x.__class__ is np.ndarray and (dtype is _F32 or dtype is _F64)
    if not plain or x.size < LARGE or not x.flags.c_contiguous:
        return None
    placed = _sums.get((name, dtype))
    if placed is None:
        placed = _sums[name, dtype] = order(name, lambda factory: factory.call(name, dtype))
    return placed.function


def total(x: Any) -> Any:
    """Sum of all elements, a scalar."""
    kernel = summed("total", x)
    return _total(x) if kernel is None else kernel(x)


def rows_sum(x: Any) -> Any:
    """Sum of the rows of a matrix."""
    kernel = summed("column_sum", x) if x.ndim == 2 and x.shape[1] >= NARROW else None
    return _rows_sum(x) if kernel is None else kernel(x)


def squares_sum(x: Any, dim: Any, keepdim: bool, centred: bool = False) -> Any:
    """(sum of (x - mean)^2, mean with its dims kept) over all dims (None) or the last; the mean is 0 unless `centred`.

    None where no kernels are ready.
    """
    if dim.__class__ is tuple:
        dim = None if len(dim) == x.ndim else dim[0] if len(dim) == 1 else 0
    whole = dim is None or x.ndim == 1
    if not whole and (dim not in (-1, x.ndim - 1) or x.shape[-1] < NARROW):
        return None
    squares = summed("total_squares" if whole else "row_squares", x)
    sums = summed("total" if whole else "row_sum", x) if centred else squares
    if squares is None or sums is None:
        return None
    if whole:
        mean = x.dtype.type(sums(x) / x.size if centred else 0)
        found, shape = np.asarray(squares(x, mean)), (1,) * x.ndim
        return found.reshape(shape) if keepdim else found, np.asarray(mean).reshape(shape)
    mean = sums(x) / x.dtype.type(x.shape[-1]) if centred else np.zeros(x.shape[:-1], x.dtype)
    found = squares(x, mean)
    return found[..., None] if keepdim else found, mean[..., None]


_layers: dict[Any, Order] = {}


def layer(name: str, dtype: Any) -> Any:
    """The kernel of a layer of this name and dtype (float32 or float64), or None; the first question orders it."""
    placed = _layers.get((name, dtype))
    if placed is None:
        placed = _layers[name, dtype] = order(name.replace("_", " "), lambda factory: factory.layer(name, dtype))
    return placed.function


def alike(arrays: tuple[Any, ...]) -> bool:
    """Whether all that there are are plain arrays of one dtype that kernels compute in, and none is empty."""
    dtype = arrays[0].dtype
    if dtype is not _F32 and dtype is not _F64:
        return False
    for x in arrays:  # a loop: a generator would take as long as many a kernel
        if x is not None and (x.__class__ is not _ARRAY or x.dtype is not dtype or not x.size):
            return False
    return True


def attend(q: Any, k: Any, v: Any, mask: Any, dropped: Any, scale: float, causal: bool) -> Any:
    """Attention of heads, (batch, heads, rows, elements), by a kernel, or None."""
    if prod(q.shape[:3]) * k.shape[2] < LARGE or not alike((q, k, v, dropped)) or not scores(mask, q.dtype):
        return None
    kernel = layer("attention", q.dtype)
    return None if kernel is None else kernel(q, k, v, mask, dropped, scale, causal)


def attend_back(
    g: Any, g_total: Any, q: Any, k: Any, v: Any, mask: Any, dropped: Any, out: Any, total: Any, scale: float,
    causal: bool, wants_mask: bool,
) -> Any:  # fmt: skip
    """The gradients of attention by a kernel, or None."""
    given = (g, g_total, q, k, v, dropped, out, total)
    if prod(q.shape[:3]) * k.shape[2] < LARGE or not alike(given) or not scores(mask, q.dtype):
        return None
    kernel = layer("attention_back", q.dtype)
    if kernel is None:
        return None
    return kernel(g, g_total, q, k, v, mask, dropped, out, total, scale, causal, wants_mask)


def scores(mask: Any, dtype: Any) -> bool:
    """Whether a mask suits the kernels of attention."""
    return mask is None or (mask.__class__ is np.ndarray and (mask.dtype is dtype or mask.dtype.kind == "b"))


class Sums(local):
    """Sums over a gradient that were found on the way, for the rules of the same node that ask for them next.

    They are handed out once, and only to who holds the very arrays; these are not kept alive for it.
    """

    def __init__(self) -> None:
        self.g = self.x = _nothing
        self.found: list[Any] = [None, None]

    def put(self, g: Any, x: Any, slopes: Any, shifts: Any) -> None:
        """Keep the gradients of a weight and a bias."""
        self.g, self.x, self.found = ref(g), ref(x), [slopes, shifts]

    def slopes(self, g: Any, x: Any) -> Any:
        """The gradient of the weight, or None."""
        return self.taken(0) if self.g() is g and self.x() is x else None

    def shifts(self, g: Any) -> Any:
        """The gradient of the bias, or None."""
        return self.taken(1) if self.g() is g else None

    def taken(self, place: int) -> Any:
        """What stands there; afterwards it is gone."""
        found, self.found[place] = self.found[place], None
        return found


def _nothing() -> Any:
    return _nothing


SUMS = Sums()


def channels(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Channels normalised over batch and space by a kernel, or None."""
    if x.size < LARGE or not alike((x, weight, bias)):
        return None
    if any(p is not None and p.size != x.shape[1] for p in (weight, bias)):
        return None
    kernel = layer("channels", x.dtype)
    return None if kernel is None else kernel(x, weight, bias, eps)


def channels_back(g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any) -> Any:
    """The gradient of x in that by a kernel, or None; those of weight and bias are kept for who asks next."""
    if x.size < LARGE or not alike((g, g_mean, g_inverse, x, mean, inverse, weight)):
        return None
    kernel = layer("channels_back", x.dtype)
    if kernel is None:
        return None
    found, slopes, shifts = kernel(g, g_mean, g_inverse, x, mean, inverse, weight)
    SUMS.put(g, x, slopes, shifts)
    return found


def add_rows(size: int, index: Any, rows: Any) -> Any:
    """Rows added up where an index says, by a kernel, or None."""
    if rows.size < LARGE or not alike((rows,)) or index.__class__ is not np.ndarray or index.dtype != np.int64:
        return None
    kernel = layer("add_rows", rows.dtype)
    if kernel is None or index.min() < 0 or index.max() >= size:
        return None
    return kernel(size, index, rows)


_take_rows = PLACES.take_rows


def take_rows(table: Any, index: Any) -> Any:
    """table[index] of a matrix, for indices within it: by a kernel if it is large."""
    if index.size * table.shape[1] < CHEAP or index.__class__ is not np.ndarray or index.dtype != np.int64:
        return _take_rows(table, index)
    if table.__class__ is not np.ndarray or table.strides[1] != table.itemsize or not alike((table,)):
        return _take_rows(table, index)
    kernel = layer("take_rows", table.dtype)
    return _take_rows(table, index) if kernel is None else kernel(table, index)


def stepping(name: str, gates: int, rows: Any, parts: Any, w_hh: Any, arrays: tuple[Any, ...]) -> Any:
    """The kernel of all steps of a layer, or None; rows: what has so many gates; arrays: states and the rest."""
    wide, size = w_hh.shape
    if rows.size < LARGE or wide != gates * size or arrays[0].shape[1] != size or not alike((rows, w_hh, *arrays)):
        return None
    reach, most = extent(parts)
    return layer(name, rows.dtype) if reach == rows.shape[0] and most <= arrays[0].shape[0] else None


def lstm(gates: Any, parts: Any, h0: Any, c0: Any, w_hh: Any) -> Any:
    """The steps of an LSTM by a kernel, or None."""
    fits = gates.flags.c_contiguous and gates.shape[1] == w_hh.shape[0] and c0.shape == h0.shape
    kernel = stepping("lstm", 4, gates, parts, w_hh, (h0, c0)) if fits else None
    return None if kernel is None else kernel(gates, parts, h0, c0, w_hh)


def lstm_back(gates: Any, cells: Any, before: Any, g: Any, parts: Any, w_hh: Any) -> Any:
    """The steps of an LSTM backwards by a kernel, or None."""
    kernel = stepping("lstm_back", 4, gates, parts, w_hh, (g[1], g[2], g[0], cells, before))
    return None if kernel is None else kernel(gates, cells, before, g, parts, w_hh)


def gru(given: Any, parts: Any, h0: Any, w_hh: Any, b_hh: Any) -> Any:
    """The steps of a GRU by a kernel, or None."""
    fits = given.flags.c_contiguous and given.shape[1] == w_hh.shape[0] and suits(h0, h0, w_hh, b_hh)
    kernel = stepping("gru", 3, given, parts, w_hh, (h0, b_hh)) if fits else None
    return None if kernel is None else kernel(given, parts, h0, w_hh, b_hh)


def gru_back(gates: Any, before: Any, g: Any, parts: Any, w_hh: Any) -> Any:
    """The steps of a GRU backwards by a kernel, or None."""
    kernel = stepping("gru_back", 3, gates, parts, w_hh, (g[1], g[0], before))
    return None if kernel is None else kernel(gates, before, g, parts, w_hh)


def rnn(relu: bool, out: Any, parts: Any, h0: Any, w_hh: Any) -> Any:
    """The steps of a plain recurrent layer by a kernel, or None."""
    fits = out.flags.c_contiguous and out.shape[1] == w_hh.shape[0]
    kernel = stepping("rnn", 1, out, parts, w_hh, (h0,)) if fits else None
    return None if kernel is None else kernel(relu, out, parts, h0, w_hh)


def rnn_back(relu: bool, out: Any, g: Any, parts: Any, w_hh: Any) -> Any:
    """The steps of a plain recurrent layer backwards by a kernel, or None."""
    kernel = stepping("rnn_back", 1, out, parts, w_hh, (g[1], g[0]))
    return None if kernel is None else kernel(relu, out, g, parts, w_hh)


CELL, WEIGHTS = 1024, 1 << 19
"""Elements of gates from which one step is for a kernel, and elements of weights up to which."""


def cell(name: str, gates: int, arrays: tuple[Any, ...]) -> Any:
    """The kernel of one step of a cell from (x, h0, w_ih, w_hh, more states and gradients, biases), or None."""
    x, h0, w_ih, w_hh = arrays[:4]
    if x.shape[0] * w_hh.shape[0] < CELL or w_ih.size + w_hh.size > WEIGHTS or not alike(arrays):
        return None
    rows, size = h0.shape
    wide = gates * size
    if w_hh.shape != (wide, size) or w_ih.shape != (wide, x.shape[1]) or x.shape[0] != rows or x.ndim != 2:
        return None
    return layer(name, x.dtype)


def lstm_cell(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """One step of an LSTM, (h, c, gates), by a kernel, or None."""
    kernel = cell("lstm_cell", 4, (x, h0, w_ih, w_hh, c0, b_ih, b_hh)) if suits(c0, h0, w_hh, b_ih, b_hh) else None
    return None if kernel is None else kernel(x, h0, c0, w_ih, w_hh, b_ih, b_hh)


def suits(c0: Any, h0: Any, w_hh: Any, *biases: Any) -> bool:
    """Whether states have one shape, and each bias an element per row of the weight."""
    rows = w_hh.shape[:1]
    for bias in biases:
        if bias is not None and bias.shape != rows:
            return False
    return bool(c0.shape == h0.shape)


def lstm_cell_back(g: Any, gates: Any, c: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
                   wants_weights: bool) -> Any:  # fmt: skip
    """The gradients of all that by a kernel, or None."""
    kernel = cell("lstm_cell_back", 4, (x, h0, w_ih, w_hh, c0, c, gates, *g))
    return None if kernel is None else kernel(g, gates, c, x, h0, c0, w_ih, w_hh, wants_x, wants_weights)


def gru_cell(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """One step of a GRU, (h, gates), by a kernel, or None."""
    kernel = cell("gru_cell", 3, (x, h0, w_ih, w_hh, b_ih, b_hh)) if suits(h0, h0, w_hh, b_ih, b_hh) else None
    return None if kernel is None else kernel(x, h0, w_ih, w_hh, b_ih, b_hh)


def gru_cell_back(g: Any, gates: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool, wants_weights: bool) -> Any:
    """The gradients of all that by a kernel, or None."""
    kernel = cell("gru_cell_back", 3, (x, h0, w_ih, w_hh, gates, g))
    return None if kernel is None else kernel(g, gates, x, h0, w_ih, w_hh, wants_x, wants_weights)


def rnn_cell(relu: bool, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """One step of a plain cell by a kernel, or None."""
    kernel = cell("rnn_cell", 1, (x, h0, w_ih, w_hh, b_ih, b_hh)) if suits(h0, h0, w_hh, b_ih, b_hh) else None
    return None if kernel is None else kernel(relu, x, h0, w_ih, w_hh, b_ih, b_hh)


def rnn_cell_back(relu: bool, g: Any, h: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, wants_x: bool,
                  wants_weights: bool) -> Any:  # fmt: skip
    """The gradients of all that by a kernel, or None."""
    kernel = cell("rnn_cell_back", 1, (x, h0, w_ih, w_hh, h, g))
    return None if kernel is None else kernel(relu, g, h, x, h0, w_ih, w_hh, wants_x, wants_weights)


def running_sum(x: Any, dim: int, last: bool) -> Any:
    """Running sums of float32 along a dim, kept in double, by a kernel, or None; last: from the last element."""
    if x.__class__ is not np.ndarray or x.size < LARGE or x.dtype is not _F32 or not x.flags.c_contiguous:
        return None
    kernel = layer("running", _F32)
    return None if kernel is None else kernel(x, dim, last)


MOVED = 1 << 14
"""Elements from which a copy in another order is faster by a kernel."""


def row_major(x: Any) -> Any:
    """x.copy(order="C"): by a kernel where the elements of the last dim are not neighbours."""
    if x.__class__ is np.ndarray and x.size >= MOVED and not x.flags.c_contiguous:
        given = squares(x)
        kernel = None if given is None else layer("arranged", _F32 if x.itemsize == 4 else _F64)
        if kernel is not None:
            return kernel(x, given)
    return x.copy(order="C")


FEW, MOST = 512, 1 << 18
"""Elements from which windows are for a kernel, and windows of a plane up to which there are tables of them."""


@lru_cache(maxsize=512)
def tabled(spans: Any) -> bool:
    """Whether tables of these windows are not too large."""
    return 0 < prod([span[-1] for span in spans]) <= MOST and prod([span[0] for span in spans]) <= 4 * MOST


def pooled(x: Any, spans: Any) -> bool:
    """Whether windows of x (N, C, *spatial), or what they gave, suit kernels of pooling."""
    return bool(x.size >= FEW and alike((x,)) and len(spans) == x.ndim - 2 and tabled(spans))


def largest(x: Any, spans: Any, indexed: bool) -> Any:
    """Largest elements of windows, and their indices if wanted, by a kernel, or None."""
    kernel = layer("largest" if indexed else "largest_values", x.dtype) if pooled(x, spans) else None
    return None if kernel is None else kernel(x, spans)


def window_sums(x: Any, spans: Any, shares: Any, back: bool) -> Any:
    """Sums of windows over shares, or the transpose of sums (back), by a kernel, or None."""
    kernel = layer("window_sums", x.dtype) if pooled(x, spans) else None
    return None if kernel is None else kernel(x, spans, shares, back)


def put_back(g: Any, index: Any, size: Any) -> Any:
    """Zeros with elements added up at their indices, by a kernel, or None."""
    if g.size < FEW // 4 or not alike((g,)) or index.__class__ is not np.ndarray or index.dtype != np.int64:
        return None
    kernel = layer("put_back", g.dtype) if index.shape == g.shape and 0 not in size else None
    return None if kernel is None else kernel(g, index, size)


_stepwise: dict[Any, bool] = {}


def stepwise(name: str, dtype: Any) -> bool:
    """Whether numbers without the kernel of this sampler are made by its steps: where kernels may come.

    The first answer stands, because what a seed gives may not depend on when a kernel is ready.
    """
    known = _stepwise.get((name, dtype))
    return _stepwise.setdefault((name, dtype), possible()) if known is None else known


def known_sampler(name: str, dtype: Any) -> Any:
    """The kernel of a sampler if it is ready; it is not ordered."""
    placed = _layers.get((name, dtype))
    return None if placed is None else placed.function


def install() -> None:
    """Take the places of NumPy's functions."""
    for name, function in FUNCTIONS.items():
        setattr(PLACES, name, function)
    PLACES.total, PLACES.rows_sum, PLACES.write, PLACES.row_major = total, rows_sum, write, row_major
    PLACES.attend, PLACES.attend_back = attend, attend_back
    PLACES.running_sum, PLACES.squares_sum = running_sum, squares_sum
    PLACES.lstm, PLACES.lstm_back, PLACES.add_rows = lstm, lstm_back, add_rows
    PLACES.gru, PLACES.gru_back, PLACES.rnn, PLACES.rnn_back = gru, gru_back, rnn, rnn_back
    PLACES.lstm_cell, PLACES.lstm_cell_back = lstm_cell, lstm_cell_back
    PLACES.gru_cell, PLACES.gru_cell_back = gru_cell, gru_cell_back
    PLACES.rnn_cell, PLACES.rnn_cell_back = rnn_cell, rnn_cell_back
    PLACES.take_rows, PLACES.sampler = take_rows, layer
    PLACES.known_sampler, PLACES.stepwise = known_sampler, stepwise
    PLACES.channels, PLACES.channels_back, PLACES.channel_slopes = channels, channels_back, SUMS.slopes
    PLACES.largest, PLACES.put_back, PLACES.window_sums = largest, put_back, window_sums
