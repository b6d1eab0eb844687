"""Calls of row kernels with NumPy arrays: each `make_*(factory, dtype)` gives a function that has passed its tests.

The functions take contiguous arrays of one dtype (`fit` sees to that) and return new arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.base import uncompiled as cython
from wengert.core.kernels.acceptance import Rejected, difference, excess
from wengert.core.kernels.rows import PIECE

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.arrays.loops_common import like

    cnp.import_array()
else:
    like = np.empty_like

__all__ = ["CALLS"]

_contiguous, _empty = np.ascontiguousarray, np.empty
SHAPES = ((1, 1), (3, 5), (2, 16), (5, 17), (4, 100), (33, 257), (3, 9001), (130, 130))
ROW = 2048
"""Elements that are added up one after the other (in some hundred lanes); their sums are added pairwise."""

COLUMN_PIECES = 16
"""Pieces of a sum over rows at most, whatever the number of threads."""


def part(n: int) -> int:
    """Rows of a piece."""
    return max(1, PIECE // n)


def lines(x: Any, n: int) -> int:
    """Rows of length n."""
    return x.size // n


def softmax(run: Any) -> Callable[..., Any]:
    """softmax(x) over the last dim; also its logarithm."""

    def call(x: Any) -> Any:
        x = _contiguous(x)
        out, n = like(x), x.shape[-1]
        run(out, x, x.size // n, n, part(n))
        return out

    return call


def softmax_back(run: Any) -> Callable[..., Any]:
    """Gradient of a softmax over the last dim from (g, out); also of its logarithm."""

    def call(g: Any, out: Any) -> Any:
        g, out = _contiguous(g), _contiguous(out)
        dx, n = like(out), out.shape[-1]
        run(dx, g, out, lines(out, n), n, part(n))
        return dx

    return call


def layer_norm(run: Any) -> Callable[..., Any]:
    """(out, mean, 1 / sqrt(variance + eps)) of x over rows of length n; kept: the shape of mean and the third."""

    def call(x: Any, weight: Any, bias: Any, n: int, eps: float, kept: Any) -> tuple[Any, Any, Any]:
        x = _contiguous(x)
        rows, dtype = x.size // n, x.dtype
        weight = np.ones(n, dtype) if weight is None else _contiguous(weight)
        bias = np.zeros(n, dtype) if bias is None else _contiguous(bias)
        out, mean, inverse = like(x), _empty(kept, dtype), _empty(kept, dtype)
        run(out, mean, inverse, x, weight, bias, rows, n, part(n), eps)
        return out, mean, inverse

    return call


def column_room(x: Any, n: int) -> tuple[Any, int, int]:
    """Room for the sums of each piece, rows, rows of a piece."""
    rows = lines(x, n)
    some = max(1, -(-rows // max(1, min(COLUMN_PIECES, x.size // PIECE))))
    return _empty((-(-rows // some), n), x.dtype), rows, some


def joined(room: Any) -> Any:
    """The sums of all pieces."""
    return room[0] if len(room) == 1 else np.add.reduce(room, 0)


def layer_norm_back(run: Any) -> Callable[..., Any]:
    """Gradients of x, weight and bias in a layer norm; g_mean and g_inverse are what came for the two statistics."""

    def call(g: Any, x: Any, mean: Any, inverse: Any, weight: Any, g_mean: Any, g_inverse: Any, n: int) -> Any:
        g, x = _contiguous(g), _contiguous(x)
        weight = np.ones(n, x.dtype) if weight is None else _contiguous(weight)
        dx, small = like(x), [_contiguous(a) for a in (mean, inverse, g_mean, g_inverse)]
        slopes, rows, some = column_room(x, n)
        shifts = _empty(slopes.shape, x.dtype)
        run(slopes, shifts, dx, g, x, small[0], small[1], weight, small[2], small[3], rows, n, some)
        return dx, joined(slopes), joined(shifts)

    return call


def layer_norm_weight(run: Any) -> Callable[..., Any]:
    """Sum over rows of g times the normalised x."""

    def call(g: Any, x: Any, mean: Any, inverse: Any, n: int) -> Any:
        g, x = _contiguous(g), _contiguous(x)
        room, rows, some = column_room(x, n)
        run(room, g, x, _contiguous(mean), _contiguous(inverse), rows, n, some)
        return joined(room)

    return call


def column_sum(run: Any) -> Callable[..., Any]:
    """Sum over all dims but the last of a contiguous array."""

    def call(x: Any) -> Any:
        room, rows, some = column_room(x, x.shape[-1])
        run(room, x, rows, x.shape[-1], some)
        return joined(room)

    return call


def row_total(run: Any) -> Callable[..., Any]:
    """A number for each row of a contiguous array: the sum of its elements, or of their exponentials."""

    def call(x: Any) -> Any:
        n = x.shape[-1]
        out = _empty(x.shape[:-1], x.dtype)
        run(out, x, lines(x, n), n, part(n))
        return out

    return call


def total(run: Any) -> Callable[..., Any]:
    """Sum of all elements of a contiguous array, as a scalar."""

    def call(x: Any) -> Any:
        flat = x.reshape(-1)
        rows, rest = divmod(flat.size, ROW)
        sums = _empty(rows + 1, x.dtype)
        run(sums, flat, rows, ROW, part(ROW))
        sums[rows] = np.add.reduce(flat[rows * ROW :]) if rest else 0
        return np.add.reduce(sums)

    return call


def row_squares(run: Any) -> Callable[..., Any]:
    """Sum of (x - shift)^2 over the last dim of a contiguous array; shift: one number for each row."""

    def call(x: Any, shift: Any) -> Any:
        n = x.shape[-1]
        out = _empty(x.shape[:-1], x.dtype)
        run(out, x, _contiguous(shift), lines(x, n), n, part(n))
        return out

    return call


def total_squares(run: Any) -> Callable[..., Any]:
    """Sum of (x - shift)^2 over all elements of a contiguous array, as a scalar; shift: a number."""

    def call(x: Any, shift: Any = 0) -> Any:
        flat = x.reshape(-1)
        rows, rest = divmod(flat.size, ROW)
        sums = _empty(rows + 1, x.dtype)
        run(sums, flat, np.full(rows, shift, x.dtype), rows, ROW, part(ROW))
        last = flat[rows * ROW :] - x.dtype.type(shift)
        sums[rows] = np.dot(last, last) if rest else 0
        return np.add.reduce(sums)

    return call


def rms_norm(run: Any) -> Callable[..., Any]:
    """(out, 1 / sqrt(mean of squares + eps)) of x over rows of length n."""

    def call(x: Any, weight: Any, n: int, eps: float) -> tuple[Any, Any]:
        x, rows = _contiguous(x), lines(x, n)
        weight = np.ones(n, x.dtype) if weight is None else _contiguous(weight)
        out, inverse = like(x), _empty(rows, x.dtype)
        run(out, inverse, x, weight, rows, n, part(n), eps)
        return out, inverse

    return call


def rms_norm_back(run: Any) -> Callable[..., Any]:
    """Gradients of x and weight in rms_norm; g_inverse is what came for the statistic."""

    def call(g: Any, g_inverse: Any, x: Any, inverse: Any, weight: Any, n: int) -> tuple[Any, Any]:
        g, x = _contiguous(g), _contiguous(x)
        weight = np.ones(n, x.dtype) if weight is None else _contiguous(weight)
        dx, (room, rows, some) = like(x), column_room(x, n)
        run(room, dx, g, x, _contiguous(inverse), weight, _contiguous(g_inverse), rows, n, some)
        return dx, joined(room)

    return call


def logsumexp_back(run: Any) -> Callable[..., Any]:
    """exp(x - level) g; level and g: one number for each row."""

    def call(g: Any, x: Any, level: Any) -> Any:
        out, n = like(x), x.shape[-1]
        run(out, x, _contiguous(level), _contiguous(g), lines(x, n), n, part(n))
        return out

    return call


def cross_entropy(run: Any) -> Callable[..., Any]:
    """(loss, level) per row of x: level = log(sum(exp(x))), loss = level - x[target], 0 where target is `ignored`.

    Third: whether any target is ignored, and whether any is neither that nor a class.
    """

    def call(x: Any, target: Any, ignored: int, *smoothing: float) -> tuple[Any, Any, list[int]]:
        x = _contiguous(x)
        rows, n = x.shape
        loss, level, marks = _empty(rows, x.dtype), _empty(rows, x.dtype), np.zeros(2, np.int64)
        run(loss, level, marks, x, _contiguous(target), rows, n, part(n), ignored, *smoothing)
        return loss, level, marks.tolist()

    return call


def cross_entropy_ahead(run: Any) -> Callable[..., Any]:
    """What `cross_entropy` gives, and the gradient of scale times the sum of the losses."""

    def call(x: Any, target: Any, ignored: int, scale: float) -> tuple[Any, Any, list[int], Any]:
        x = _contiguous(x)
        rows, n = x.shape
        dx, loss, level, marks = like(x), _empty(rows, x.dtype), _empty(rows, x.dtype), np.zeros(2, np.int64)
        run(dx, loss, level, marks, x, _contiguous(target), rows, n, part(n), ignored, scale)
        return loss, level, marks.tolist(), dx

    return call


def cross_entropy_back(run: Any) -> Callable[..., Any]:
    """scale (p - one-hot target) + given p per row, p = softmax(x).

    scale has one element, and counts as 0 where target is `ignored`; given has one for each row.
    """

    def call(x: Any, level: Any, target: Any, scale: Any, given: Any, ignored: int, *smoothing: float) -> Any:
        x = _contiguous(x)
        rows, n = x.shape
        dx = like(x)
        run(dx, x, level, _contiguous(target), scale, _contiguous(given), rows, n, part(n), ignored, *smoothing)
        return dx

    return call


# ---------------------------------------------------------------- what they must agree with


def _rows(rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    return rng.standard_normal(shape).astype(dtype)


def soft(x: Any) -> Any:
    """Softmax over the last dim."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_soft(x: Any) -> Any:
    """Logarithm of the softmax over the last dim."""
    c = x - x.max(-1, keepdims=True)
    return c - np.log(np.exp(c).sum(-1, keepdims=True))


def normal(x: Any, eps: float) -> tuple[Any, Any, Any]:
    """(normalised, mean, inverse) over the last dim."""
    mean = x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt(x.var(-1, keepdims=True) + x.dtype.type(eps))
    return (x - mean) * inverse, mean, inverse


def try_softmax(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x = _rows(rng, shape, dtype) * 8
    return call(x), soft(x)


def try_log_softmax(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x = _rows(rng, shape, dtype) * 8
    return call(x), log_soft(x)


def try_softmax_back(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    g, out = _rows(rng, shape, dtype), soft(_rows(rng, shape, dtype))
    return call(g, out), out * (g - (g * out).sum(-1, keepdims=True))


def try_log_softmax_back(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    g, out = _rows(rng, shape, dtype), log_soft(_rows(rng, shape, dtype))
    return call(g, out), g - np.exp(out) * g.sum(-1, keepdims=True)


def try_layer_norm(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x, w, b = _rows(rng, shape, dtype), _rows(rng, shape, dtype)[0], _rows(rng, shape, dtype)[0]
    found, mean, inverse = normal(x, 1e-2)
    return call(x, w, b, shape[1], 1e-2, shape[0]), (found * w + b, mean.reshape(-1), inverse.reshape(-1))


def try_layer_norm_back(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    g, x, w = _rows(rng, shape, dtype), _rows(rng, shape, dtype), _rows(rng, shape, dtype)[0]
    given = [_rows(rng, (shape[0], 1), dtype) for _ in range(2)]
    centred, mean, inverse = normal(x, 1e-2)
    gw, n = g * w, shape[1]
    wanted = inverse * (gw - gw.mean(-1, keepdims=True) - centred * (gw * centred).mean(-1, keepdims=True))
    wanted += (given[0] - given[1] * inverse * inverse * centred) / dtype.type(n)
    return call(g, x, mean, inverse, w, *given, n), (wanted, (g * centred).sum(0), g.sum(0))


def try_layer_norm_weight(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    g, x = _rows(rng, shape, dtype), _rows(rng, shape, dtype)
    centred, mean, inverse = normal(x, 1e-2)
    return call(g, x, mean, inverse, shape[1]), (g * centred).sum(0)


def try_column_sum(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x = _rows(rng, shape, dtype)
    return call(x), x.sum(0)


def try_row_sum(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x = _rows(rng, shape, dtype)
    return call(x), x.sum(-1)


def try_total(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x = _rows(rng, shape, dtype)
    return np.asarray(call(x)), np.asarray(x.sum())


def try_row_squares(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x, shift = _rows(rng, shape, dtype), _rows(rng, (shape[0], 1), dtype)
    return call(x, shift.reshape(-1)), np.square(x - shift).sum(-1)


def try_total_squares(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x = _rows(rng, shape, dtype)
    return np.asarray(call(x, 0.5)), np.asarray(np.square(x - dtype.type(0.5)).sum())


def try_rms_norm(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x, w = _rows(rng, shape, dtype), _rows(rng, shape, dtype)[0]
    inverse = 1 / np.sqrt(np.square(x).mean(-1, keepdims=True) + dtype.type(1e-2))
    return call(x, w, shape[1], 1e-2), (x * inverse * w, inverse.reshape(-1))


def try_rms_norm_back(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    g, x, w = _rows(rng, shape, dtype), _rows(rng, shape, dtype), _rows(rng, shape, dtype)[0]
    given = _rows(rng, (shape[0], 1), dtype)
    inverse = 1 / np.sqrt(np.square(x).mean(-1, keepdims=True) + dtype.type(1e-2))
    normal, n = x * inverse, dtype.type(shape[1])
    wanted = inverse * (g * w - normal * (g * w * normal).mean(-1, keepdims=True))
    wanted -= given * inverse * inverse * normal / n
    return call(g, given, x, inverse, w, shape[1]), (wanted, (g * normal).sum(0))


def try_logsumexp(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted, with rows of infinities among them."""
    x = _rows(rng, shape, dtype) * 8
    x[0], x[-1, 0] = -np.inf, np.nan if shape[0] > 1 else -np.inf
    if shape[0] > 2:
        x[1, 0] = np.inf
    top = x.max(-1, keepdims=True)
    top = np.where(np.isfinite(top), top, dtype.type(0))
    with np.errstate(all="ignore"):
        return call(x), np.log(np.exp(x - top).sum(-1)) + top[:, 0]


def try_logsumexp_back(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    g, x = _rows(rng, (shape[0], 1), dtype), _rows(rng, shape, dtype)
    level = np.log(np.exp(x).sum(-1))
    return call(g, x, level), np.exp(x - level[:, None]) * g


def _targets(rng: Any, shape: tuple[int, int]) -> Any:
    target = rng.integers(0, shape[1], shape[0])
    target[::3] = -100
    return target


def try_cross_entropy(call: Any, rng: Any, shape: tuple[int, int], dtype: Any, *smoothing: float) -> Any:
    """Found and wanted."""
    x, target = _rows(rng, shape, dtype), _targets(rng, shape)
    level = np.log(np.exp(x).sum(-1))
    score = x[np.arange(len(x)), np.where(target < 0, 0, target)]
    for s in smoothing:
        score = (1 - s) * score + s * x.mean(-1)
    loss, found, _ = call(x, target, -100, *smoothing)
    return (loss, found), (np.where(target < 0, dtype.type(0), level - score), level)


def try_cross_entropy_ahead(call: Any, rng: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """Found and wanted."""
    x, target = _rows(rng, shape, dtype), _targets(rng, shape)
    level, share = np.log(np.exp(x).sum(-1)), soft(x)
    place = np.where(target < 0, 0, target)
    share[np.arange(len(x)), place] -= 1
    share[target < 0] = 0
    loss, found, _, slopes = call(x, target, -100, 0.25)
    losses = np.where(target < 0, dtype.type(0), level - x[np.arange(len(x)), place])
    return (loss, found, slopes), (losses, level, share * dtype.type(0.25))


def try_cross_entropy_back(call: Any, rng: Any, shape: tuple[int, int], dtype: Any, *smoothing: float) -> Any:
    """Found and wanted."""
    x, target, scale = _rows(rng, shape, dtype), _targets(rng, shape), _rows(rng, (1, 1), dtype)[0]
    share, given = soft(x), _rows(rng, (shape[0], 1), dtype)
    wanted = share.copy()
    for s in smoothing:
        wanted -= dtype.type(s / shape[1])
    wanted[np.arange(len(x)), np.where(target < 0, 0, target)] -= 1 - sum(smoothing)
    wanted[target < 0] = 0
    found = call(x, np.log(np.exp(x).sum(-1)), target, scale, given.reshape(-1), -100, *smoothing)
    return found, wanted * scale + share * given


def smoothed(trial: Any) -> Any:
    """The trial with smoothed labels."""
    return lambda *given: trial(*given, 0.25)


CALLS: dict[str, tuple[str, Any, Any]] = {
    "softmax": ("softmax", softmax, try_softmax),
    "log_softmax": ("log_softmax", softmax, try_log_softmax),
    "softmax_back": ("softmax_back", softmax_back, try_softmax_back),
    "log_softmax_back": ("log_softmax_back", softmax_back, try_log_softmax_back),
    "layer_norm": ("layer_norm", layer_norm, try_layer_norm),
    "layer_norm_back": ("layer_norm_back", layer_norm_back, try_layer_norm_back),
    "layer_norm_weight": ("layer_norm_weight", layer_norm_weight, try_layer_norm_weight),
    "logsumexp": ("logsumexp", row_total, try_logsumexp),
    "logsumexp_back": ("logsumexp_back", logsumexp_back, try_logsumexp_back),
    "rms_norm": ("rms_norm", rms_norm, try_rms_norm),
    "rms_norm_back": ("rms_norm_back", rms_norm_back, try_rms_norm_back),
    "column_sum": ("column_sum", column_sum, try_column_sum),
    "row_sum": ("row_sum", row_total, try_row_sum),
    "total": ("row_sum", total, try_total),
    "row_squares": ("row_squares", row_squares, try_row_squares),
    "total_squares": ("row_squares", total_squares, try_total_squares),
    "cross_entropy": ("cross_entropy", cross_entropy, try_cross_entropy),
    "cross_entropy_ahead": ("cross_entropy_ahead", cross_entropy_ahead, try_cross_entropy_ahead),
    "cross_entropy_back": ("cross_entropy_back", cross_entropy_back, try_cross_entropy_back),
    "cross_entropy_smooth": ("cross_entropy_smooth", cross_entropy, smoothed(try_cross_entropy)),
    "cross_entropy_smooth_back": ("cross_entropy_smooth_back", cross_entropy_back, smoothed(try_cross_entropy_back)),
}
"""Name -> kernel, what makes the call from its builtin function, and a trial of it."""


def make(factory: Any, name: str, dtype: Any) -> Callable[..., Any]:
    """The call of a row kernel for a dtype. Raises: Rejected."""
    kernel, wrap, trial = CALLS[name]
    call = wrap(factory.rows(kernel, "float" if dtype == np.float32 else "double"))
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        found, wanted = trial(call, rng, shape, dtype)
        pairs = zip(found, wanted, strict=True) if isinstance(found, tuple) else [(found, wanted)]
        room = np.full((), 8 * max(shape) ** 0.5, dtype)  # sums of many terms
        for one, other in pairs:
            if one.shape != other.shape or one.dtype != other.dtype or (excess(one, other, (room,)) > 1).any():
                raise Rejected(difference(f"{name} on {shape}", one, other, ()))
    return call
