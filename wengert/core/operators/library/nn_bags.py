"""Sums, means and maxima of rows of a table, one for each bag of indices; and the noisy rectifier."""

from __future__ import annotations

from wengert.core.operators.kinds import elementwise, opaque, plain
from wengert.core.operators.library.indexing import add_rows
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def bag_rows(m, g, bags, factors, sizes):
    """The gradient of each row that was looked up."""
    rows = m.index_select(g if sizes is None else g / m.unsqueeze(sizes, 1), 0, bags)
    return rows if factors is None else rows * m.unsqueeze(factors, 1)


def _bag_weight(m, g, shape, indices, bags, factors, sizes, scale_grad_by_freq):
    rows = bag_rows(m, g, bags, factors, sizes)
    return m.embedding_backward(rows, shape, indices, -1, scale_grad_by_freq)


def bag_factors(m, g, weight, indices, bags):
    """The gradient of the factor of each index."""
    return m.sum(m.index_select(g, 0, bags) * m.index_select(weight, 0, indices), 1)


@opaque(
    vjp=(_bag_weight, None, None, bag_factors),
    space=None,
    method=False,
    backward_name="EmbeddingBagBackward0",
    samples=lambda s: [
        call(s.array(4, 3), s.integers(5), s.integers(5, high=2), s.array(5), None, 2, False),
        call(s.array(4, 3), s.integers(5), s.integers(5, high=2), None, s.array(2, low=1.0, high=2.0), 2, False),
    ],
)
def bag_sums(
    np, weight: Array, indices: Array, bags: Array, factors: Array | None, sizes: Array | None, count,
    scale_grad_by_freq,
):  # fmt: skip
    """For each bag the sum of factors[i] weight[indices[i]] over its indices, divided by its size if sizes are given.

    bags[i]: the bag of indices[i].  count: number of bags.
    """
    rows = weight.take(indices, axis=0)
    if factors is not None:
        rows = rows * factors[:, None]
    out = add_rows(np, count, bags, rows)
    return out.astype(weight.dtype) if sizes is None else (out / sizes[:, None]).astype(weight.dtype)


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.distinct(4, 3), s.integers(5), s.integers(5, high=2), 2)],
)
def bag_tops(np, weight: Array, indices: Array, bags: Array, count):
    """For each bag and column the first index whose row is largest there; -1 for an empty bag."""
    best = np.full((count, weight.shape[1]), -np.inf, dtype=weight.dtype)
    values = weight.take(indices, axis=0)
    np.maximum.at(best, bags, values)
    length = indices.shape[0]
    places = np.where(values == best[bags], np.arange(length)[:, None], length)
    first = np.full(best.shape, length, dtype=np.int64)
    np.minimum.at(first, bags, places)
    if not length:
        return first - 1
    return np.where(first < length, indices.take(np.minimum(first, length - 1)), -1).astype(np.int64)


def _top_weight(m, g, shape, tops):
    return m.gather_backward(m.where(tops < 0, 0.0, g), shape, 0, m.clamp_min(tops, 0))


@opaque(
    vjp=(_top_weight,),
    space=None,
    method=False,
    backward_name="EmbeddingBagBackward0",
    samples=lambda s: [call(s.array(4, 3), s.integers(2, 3))],
)
def bag_maxima(np, weight: Array, tops: Array):
    """weight[tops[b, k], k], 0 where tops is -1."""
    return np.where(tops < 0, weight.dtype.type(0), np.take_along_axis(weight, np.maximum(tops, 0), 0))


@elementwise(
    d=(lambda g, noise: g * noise, None),
    space=None,
    method=False,
    inplace=True,
    backward_name="RreluWithNoiseBackward0",
    samples=lambda s: [call(s.distinct(3, 4), s.array(3, 4, low=0.2, high=1.0))],
)
def rrelu_noise(np, input: Array, noise: Array):
    """input * noise: a rectifier whose slopes (1 for positive inputs) were drawn before."""
    return input * noise
