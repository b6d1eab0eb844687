"""Distances between the rows of matrices."""

from __future__ import annotations

from math import inf, prod

from wengert.core.arrays.large import LARGE
from wengert.core.base.errors import DtypeError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, linear, opaque
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
_MANY = 25  # rows up to which Euclidean distances come from differences
_TOGETHER = 1 << 18  # differences that are held at once


def _norms(np, delta, p):
    """p-norm over the last dim."""
    if p == 2:
        return np.sqrt(np.einsum("...i,...i->...", delta, delta))
    delta = np.abs(delta)
    if p == 1:
        return delta.sum(axis=-1)
    if p == 0:
        return (delta != 0).sum(axis=-1).astype(delta.dtype)
    if p == inf:
        return delta.max(axis=-1) if delta.shape[-1] else delta.sum(axis=-1)
    return np.power(np.power(delta, p).sum(axis=-1), 1 / p)


def _blocks(x1, x2):
    """Parts of x1's rows whose differences from all rows of x2 fit a cache, (start, stop); None: all at once."""
    rows, width = x1.shape[-2], x2.shape[-2] * x2.shape[-1]
    batch = max(prod(x1.shape[:-2]), prod(x2.shape[:-2]))
    some = max(1, _TOGETHER // max(1, batch * width))
    return None if some >= rows else [(k, min(k + some, rows)) for k in range(0, rows, some)]


def _slopes(m, delta, distance, p):
    """d distance / d delta, with 0 where the distance has no slope; `distance` has a last dim of size 1."""
    if p == 0:
        return delta * 0.0
    if p == 1:
        return m.sign(delta)
    zero = distance == 0
    safe = m.where(zero, 1.0, distance)
    if p == 2:
        return m.where(zero, 0.0, delta / safe)
    size = m.abs(delta)
    if p == inf:
        return m.where(size == distance, m.sign(delta), 0.0)
    rest = delta == 0
    power = m.pow(m.where(rest, 1.0, size) / safe, p - 1)
    return m.where(rest, 0.0, m.where(zero, 0.0, m.sign(delta) * power))


def _pair_gradient(m, g, x1, x2, out, p, axis):
    """Gradient for one side of all pairs: x1 (axis -2) or x2 (axis -3)."""
    blocks = _blocks(x1, x2)
    if blocks is None:
        return _block_gradient(m, g, x1, x2, out, p, axis)
    parts = []
    for start, stop in blocks:
        own, given, distances = [m.slice(x, -2, start, stop) for x in (x1, g, out)]
        parts.append(_block_gradient(m, given, own, x2, distances, p, axis))
    if axis == -2:
        return m.cat(parts, -2)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _block_gradient(m, g, x1, x2, out, p, axis):
    """That for some of x1's rows."""
    delta = m.unsqueeze(x1, -2) - m.unsqueeze(x2, -3)
    slope = m.unsqueeze(g, -1) * _slopes(m, delta, m.unsqueeze(out, -1), p)
    total = m.sum(slope, axis)
    return total if axis == -2 else -total


def _by_products(m, g, x1, x2, out):
    """Gradient of x1 for Euclidean distances: sums of x1[i] - x2[j], each over its distance, by one product."""
    zero = out == 0
    ratio = m.where(zero, 0.0, g / m.where(zero, 1.0, out))
    return x1 * m.sum(ratio, -1, True) - m.matmul(ratio, x2)


def _turned(m, x):
    return m.transpose(x, -2, -1)


@opaque(
    vjp=(
        lambda m, g, x1, x2, out: _by_products(m, g, x1, x2, out),
        lambda m, g, x1, x2, out: _by_products(m, _turned(m, g), x2, x1, _turned(m, out)),
    ),
    space=None,
    method=False,
    backward_name="EuclideanDistBackward0",
    samples=lambda s: [call(s.array(3, 4), s.array(2, 4)), call(s.array(2, 3, 4), s.array(1, 2, 4))],
)
def euclidean_distances(np, x1: Array, x2: Array):
    """Distances by |x|^2 + |y|^2 - 2 x.y: one product and no differences, a few digits fewer."""
    first = np.einsum("...i,...i->...", x1, x1)[..., :, None]
    second = np.einsum("...i,...i->...", x2, x2)[..., None, :]
    turned = x2.swapaxes(-1, -2)
    square = LARGE.dot(x1, turned) if x1.ndim == x2.ndim == 2 else np.matmul(x1, turned)
    square *= -2
    square += first
    square += second
    return np.sqrt(np.maximum(square, 0, out=square), out=square)


@opaque(
    vjp=(
        lambda m, g, x1, x2, out, p: _pair_gradient(m, g, x1, x2, out, p, -2),
        lambda m, g, x1, x2, out, p: _pair_gradient(m, g, x1, x2, out, p, -3),
    ),
    space=None,
    method=False,
    backward_name="CdistBackward0",
    samples=lambda s: [
        call(s.array(3, 4), s.array(2, 4), 2.0),
        call(s.array(2, 3, 4), s.array(1, 2, 4), 1.0),
        call(s.array(3, 2), s.array(2, 2), 3.0),
        call(s.array(3, 2), s.array(2, 2), inf),
        call(s.array(3, 2), s.array(2, 2), 1.5),
        call(s.array(0, 2), s.array(2, 2), 2.0),
    ],
)
def pair_distances(np, x1: Array, x2: Array, p):
    """p-norms of the differences of all rows of x1 from all rows of x2."""

    def part(x):
        return _norms(np, x[..., :, None, :] - x2[..., None, :, :], p)

    blocks = _blocks(x1, x2)
    if blocks is None:
        return part(x1)
    return np.concatenate([part(x1[..., start:stop, :]) for start, stop in blocks], axis=-2)


@composite(
    method=False,
    samples=lambda s: [
        call(s.array(3, 4), s.array(2, 4)),
        call(s.array(2, 3, 4), s.array(1, 2, 4), p=1.0),
        call(s.array(3, 4), s.array(27, 4)),
    ],
)
def cdist(m, x1: Array, x2: Array, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """out[i, j] = p-norm of x1[i] - x2[j].

    Shapes: (..., n, k) and (..., r, k) give (..., n, r), batches broadcast.  Floating dtypes.
    Edges: the slope at distance 0 is 0; p = 0 counts differing places; p = inf is the largest difference.
    With more than 25 rows on a side, Euclidean distances come from one matrix product, which leaves fewer digits of
    small ones; compute_mode="donot_use_mm_for_euclid_dist" subtracts instead.
    Raises: ShapeError, DtypeError, ValueRangeError for an unknown compute_mode.
    """
    if compute_mode is None:
        compute_mode = _MODES[0]
    if compute_mode not in _MODES:
        raise ValueRangeError(f"{compute_mode} is not a valid value for compute_mode; it is one of {_MODES}")
    _check_pairs(getattr(x1, "_array", x1), getattr(x2, "_array", x2), p)
    rows, others = x1.shape[-2], x2.shape[-2]
    many = rows > _MANY or others > _MANY
    products = compute_mode == _MODES[1] or (many and compute_mode == _MODES[0])
    if p == 2 and products and rows and others and x1.shape[-1]:
        found = m.euclidean_distances(x1, x2)
        return m.view(found, tuple(found.shape))
    return m.pair_distances(x1, x2, p)


def _check_pairs(x1, x2, p):
    """Refuse what has no distances."""
    for x, name in ((x1, "X1"), (x2, "X2")):
        if x.dtype.kind not in "fV":
            raise DtypeError(f"cdist only supports floating-point dtypes, {name} got: {scalar_of(x)}")
        if x.ndim < 2:
            raise ShapeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise ShapeError(f"cdist only supports non-negative p values, got {p}")
    if x1.dtype != x2.dtype:
        raise DtypeError(f"expected scalar type {scalar_of(x1)} but found {scalar_of(x2)}")


def _condensed_gradient(m, g, input, out, p):
    """Every pair once, as the upper triangle of all pairs."""
    n = input.shape[0]
    square, distances = m.pairs_matrix(g, n), m.pairs_matrix(out, n)
    first = _pair_gradient(m, square, input, input, distances, p, -2)
    return first + _pair_gradient(m, square, input, input, distances, p, -3)


@opaque(
    vjp=lambda m, g, input, out, p: _condensed_gradient(m, g, input, out, p),
    method=False,
    aliases=("nn.pdist",),
    samples=lambda s: [
        call(s.array(4, 3)),
        call(s.array(4, 3), p=1.0),
        call(s.array(4, 3), p=3.0),
        call(s.array(1, 3)),
    ],
)
def pdist(np, input: Array, p=2.0):
    """p-norms of all differences between two rows of a matrix: the upper triangle of cdist(input, input), row by row.

    Raises: ShapeError unless 2-d.
    """
    if input.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if input.dtype.kind not in "fV":
        raise DtypeError(f"pdist only supports floating-point dtypes, got {scalar_of(input)}")
    if p < 0:
        raise ShapeError(f"pdist only supports non-negative p values, got {p}")
    rows, columns = np.triu_indices(input.shape[0], 1)
    return _norms(np, input[rows] - input[columns], p)


@linear(transpose=lambda m, g: m.pairs_vector(g), space=None, method=False, samples=lambda s: [call(s.array(3), 3)])
def pairs_matrix(np, input: Array, n: int):
    """A square matrix with `input` in its strict upper triangle, row by row."""
    out = np.zeros((n, n), input.dtype)
    out[np.triu_indices(n, 1)] = input
    return out


@linear(
    transpose=lambda m, g, shape: m.pairs_matrix(g, shape[0]),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 3))],
)
def pairs_vector(np, input: Array):
    """The strict upper triangle of a square matrix, row by row."""
    return input[np.triu_indices(input.shape[0], 1)]
