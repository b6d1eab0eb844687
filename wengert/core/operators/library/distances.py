"""Distances between the rows of matrices."""

from __future__ import annotations

from math import inf

from wengert.core.base.errors import DtypeError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import linear, opaque
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
_MANY = 25  # rows from which on Euclidean distances come from one matrix product


def _distances(np, delta, p):
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


def _euclidean(np, x1, x2):
    """Distances by |x|^2 + |y|^2 - 2 x.y: no difference array, a few digits fewer."""
    square = (
        np.einsum("...i,...i->...", x1, x1)[..., :, None]
        + np.einsum("...i,...i->...", x2, x2)[..., None, :]
        - 2 * np.matmul(x1, x2.swapaxes(-1, -2))
    )
    return np.sqrt(np.maximum(square, 0))


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
    delta = m.unsqueeze(x1, -2) - m.unsqueeze(x2, -3)
    slope = m.unsqueeze(g, -1) * _slopes(m, delta, m.unsqueeze(out, -1), p)
    total = m.sum(slope, axis)
    return total if axis == -2 else -total


@opaque(
    vjp=(
        lambda m, g, x1, x2, out, p: _pair_gradient(m, g, x1, x2, out, p, -2),
        lambda m, g, x1, x2, out, p: _pair_gradient(m, g, x1, x2, out, p, -3),
    ),
    method=False,
    samples=lambda s: [
        call(s.array(3, 4), s.array(2, 4)),
        call(s.array(2, 3, 4), s.array(1, 2, 4), p=1.0),
        call(s.array(3, 2), s.array(2, 2), p=3.0),
        call(s.array(3, 2), s.array(2, 2), p=inf),
        call(s.array(3, 2), s.array(2, 2), p=1.5),
        call(s.array(0, 2), s.array(2, 2)),
    ],
)
def cdist(np, x1: Array, x2: Array, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """out[i, j] = p-norm of x1[i] - x2[j].

    Shapes: (..., n, k) and (..., r, k) give (..., n, r), batches broadcast.  Floating dtypes.
    Edges: the slope at distance 0 is 0; p = 0 counts differing places; p = inf is the largest difference.
    Raises: ShapeError, DtypeError, ValueRangeError for an unknown compute_mode.
    """
    if compute_mode is None:
        compute_mode = _MODES[0]
    if compute_mode not in _MODES:
        raise ValueRangeError(f"{compute_mode} is not a valid value for compute_mode; it is one of {_MODES}")
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
    many = x1.shape[-2] > _MANY or x2.shape[-2] > _MANY
    if p == 2 and (compute_mode == _MODES[1] or (many and compute_mode == _MODES[0])):
        return _euclidean(np, x1, x2)
    return _distances(np, x1[..., :, None, :] - x2[..., None, :, :], p)


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
    return _distances(np, input[rows] - input[columns], p)


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
