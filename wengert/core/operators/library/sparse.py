"""What sparse tensors are computed with: values taken out of them and put into them, and products of matrices.

Everything differentiable about sparse tensors is written in these records and in those of dense tensors.  A pattern
(core/arrays/sparse.py) is an attribute; the gradient of values is read off a gradient of either form by `read`, and the
transpose of every record here is another one, so that every order is there.

This module is not imported by the package: it comes in with the first sparse tensor.
"""

from __future__ import annotations

from wengert.core.arrays import sparse, sparse_products
from wengert.core.arrays.compressed import from_dense
from wengert.core.base.errors import GraphError
from wengert.core.operators.kinds import Opaque
from wengert.core.operators.library.copying import moving
from wengert.core.operators.library.nn_bags import bag_factors, bag_rows
from wengert.core.operators.record import REGISTRY, Array, register

ROWS, BAGS = REGISTRY["embedding_rows"], REGISTRY["bag_sums"]


class Kept(Opaque):
    """An operator whose body deals with half precision itself."""

    half = "keep"


def stated(*vjp, **options):
    """State an internal operator by one gradient rule per tensor."""
    rules = tuple(vjp)
    return lambda body: register(Kept(rules), body, {"space": None, "method": False, **options})


def internal(transpose, **options):
    """State an internal operator that moves values about, by its transpose."""
    return moving(transpose, space=None, method=False, **options)


def array_of(x):
    """The array of a tensor; an array itself."""
    return getattr(x, "_array", x)


def read(m, g, pattern):
    """A gradient, dense or sparse, at the places of a pattern."""
    return m.sparse_lookup(g, pattern) if sparse.is_sparse(array_of(g)) else m.sparse_take(g, pattern)


def named(position, default):
    """The node's name: what an argument says."""
    return lambda args: args[position] or default


def placed(m, g, pattern):
    """A gradient of values as that of the tensor: a place that is stored twice counts once, by the mean."""
    unique, groups = pattern.unique() if pattern.__class__ is sparse.Pattern else (pattern, None)
    return m.sparse_of(g if groups is None else m.sparse_means(g, groups), unique, None)


@internal(transpose=lambda m, g, pattern: placed(m, g, pattern), backward_name="ValuesBackward0")
def sparse_values(np, input: Array, pattern):
    """The values of a sparse tensor, whose pattern this is."""
    return input.values


@internal(
    transpose=lambda m, g, pattern: read(m, g, pattern),
    backward_name=named(2, "SparseCooTensorWithDimsAndTensorsBackward0"),
)
def sparse_of(np, values: Array, pattern, name):
    """The sparse tensor with these values; `name` is that of the operation which it is the result of."""
    return pattern.make(values)


@internal(transpose=lambda m, g, pattern: m.sparse_dense(g, pattern, None))
def sparse_take(np, input: Array, pattern):
    """The elements of a dense tensor at the places of a pattern."""
    return sparse.taken(pattern, input)


@internal(transpose=lambda m, g, pattern: m.sparse_of(g, pattern, None))
def sparse_lookup(np, input: Array, pattern):
    """The elements of a sparse tensor at the places of a pattern, 0 where it has none."""
    return sparse.looked_up(pattern, input)


@internal(transpose=lambda m, g, pattern: read(m, g, pattern), backward_name=named(2, "ToDenseBackward0"))
def sparse_dense(np, values: Array, pattern, name):
    """The dense tensor with values at the places of a pattern, summed where a place is there twice."""
    return pattern.dense(values)


@internal(
    transpose=lambda m, g, sparse_dim: g if sparse.is_sparse(array_of(g)) else m.sparsified(g, sparse_dim),
    backward_name="ToDenseBackward0",
)
def sparse_whole(np, input: Array, sparse_dim):
    """The dense tensor of a sparse one, every element of which takes part in its gradient."""
    return input.dense()


def densified(m, g):
    """A gradient as a dense tensor."""
    array = array_of(g)
    if not sparse.is_sparse(array):
        return g
    return m.sparse_dense(m.sparse_values(g, array.pattern), array.pattern, None)


@stated(lambda m, g: densified(m, g), backward_name="ToSparseBackward0")
def sparsified(np, input: Array, sparse_dim):
    """The elements that are not 0 as coordinates, with `sparse_dim` sparse dims."""
    pattern = sparse.nonzero_pattern(input, sparse_dim)
    return sparse.SparseArray(pattern, pattern.take(input))


@stated(
    lambda m, g: densified(m, g),
    backward_name=lambda args: f"ToSparse{args[1].name[7:].title()}Backward0",
)
def sparse_compressed(np, input: Array, layout, block, dense_dim):
    """The elements of a dense tensor that are not 0 in a compressed layout."""
    return from_dense(input, layout, block, dense_dim)


@internal(transpose=lambda m, g, groups: m.sparse_spread(g, groups), backward_name="CoalesceBackward0")
def sparse_groups(np, values: Array, groups):
    """Values of the same place, summed."""
    return groups.summed(values)


@internal(transpose=lambda m, g, groups: m.sparse_groups(g, groups))
def sparse_spread(np, values: Array, groups):
    """The sum of its group for each stored place: transpose of `sparse_groups`."""
    return groups.spread(values)


@internal(transpose=lambda m, g, groups: m.sparse_shares(g, groups))
def sparse_means(np, values: Array, groups):
    """The mean of the values of each place."""
    return groups.means(values)


@internal(transpose=lambda m, g, groups: m.sparse_means(g, groups))
def sparse_shares(np, values: Array, groups):
    """An equal share for each stored place: transpose of `sparse_means`."""
    return groups.spread(groups.divided(values))


@internal(transpose=lambda m, g, source, target: m.sparse_moved(g, target, source))
def sparse_moved(np, values: Array, source, target):
    """Values of one pattern at the places of another, 0 where the first has none."""
    return sparse.looked_up(target, source.make(values))


@stated(
    lambda m, g, dense, pattern: m.sparse_sampled(g, m.conjugated(dense), pattern),
    lambda m, g, values, pattern: m.sparse_product(m.conjugated(values), g, pattern.permuted((1, 0)), None),
    backward_name=named(3, "SparseAddmmBackward0"),
)
def sparse_product(np, values: Array, dense: Array, pattern, name):
    """The matrix with these values times a dense one."""
    return sparse_products.product(pattern, values, dense)


@stated(
    lambda m, g, b, pattern: m.sparse_product(g, m.conjugated(b), pattern, None),
    lambda m, g, a, pattern: m.sparse_product(g, m.conjugated(a), pattern.permuted((1, 0)), None),
    backward_name="SparseSampledAddmmBackward0",
)
def sparse_sampled(np, a: Array, b: Array, pattern):
    """sum_k a[i, k] b[j, k] at each place (i, j) of a pattern."""
    return sparse_products.sampled(pattern, a, b)


@stated(
    lambda m, g, indices, padding_idx: m.embedding_transposed(g, indices, padding_idx, False),
    backward_name="EmbeddingBackward0",
)
def sparse_embedding_backward(np, grad: Array, size, indices: Array, padding_idx):
    """The rows of `grad` at the rows of a table that `indices` names, as coordinates; no sum is made."""
    flat = indices.reshape(-1)
    rows = grad.reshape(flat.size, size[1])
    if padding_idx >= 0:
        kept = flat != padding_idx
        flat, rows = flat[kept], rows[kept]
    return sparse.made_of(flat[None].astype(np.int64, copy=False), rows, (size[0],))


def table_gradient(m, g, shape, indices, padding_idx, scale_grad_by_freq):
    """The gradient of a table as coordinates."""
    if scale_grad_by_freq:
        raise GraphError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
    return m.sparse_embedding_backward(g, shape, indices, padding_idx)


@stated(
    lambda m, g, shape, indices, padding_idx, scale_grad_by_freq: table_gradient(
        m, g, shape, indices, padding_idx, scale_grad_by_freq
    ),
    backward_name="EmbeddingBackward0",
)
def sparse_embedding(np, weight: Array, indices: Array, padding_idx, scale_grad_by_freq):
    """weight[indices], with a sparse gradient for the table."""
    return ROWS.body(np, weight, indices, padding_idx, scale_grad_by_freq)


@stated(
    lambda m, g, shape, indices, bags, factors, sizes, scale_grad_by_freq: table_gradient(
        m, bag_rows(m, g, bags, factors, sizes), shape, indices, -1, scale_grad_by_freq
    ),
    None,
    None,
    bag_factors,
    backward_name="EmbeddingBagBackward0",
)
def sparse_bag_sums(
    np, weight: Array, indices: Array, bags: Array, factors: Array | None, sizes: Array | None, count,
    scale_grad_by_freq,
):  # fmt: skip
    """Sums or means of rows for each bag, with a sparse gradient for the table; half precision is rounded once."""
    factors = None if factors is None else sparse.widened(factors)
    out = BAGS.body(np, sparse.widened(weight), indices, bags, factors, sizes, count, scale_grad_by_freq)
    return out.astype(weight.dtype, copy=False)


@stated(lambda m, g, dim, index: m.gather(densified(m, g), dim, index), backward_name="GatherBackward0")
def sparse_gather_backward(np, grad: Array, size, dim, index: Array):
    """The elements of `grad` at the places that `gather` took them from, as coordinates."""
    if not len(size):
        return sparse.made_of(np.zeros((0, 1), np.int64), grad.reshape(1), ())
    places = np.indices(index.shape).reshape(index.ndim, -1)
    places[dim] = index.reshape(-1)
    return sparse.made_of(places.astype(np.int64, copy=False), grad.reshape(-1), tuple(size))


__all__ = ["array_of", "densified", "read"]
