"""Tables of rows looked up by integers: embedding and one_hot."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE
from wengert.core.base.errors import DtypeError, IndexRangeError, ShapeError
from wengert.core.operators.derived import VALUES
from wengert.core.operators.kinds import composite, linear, opaque, plain
from wengert.core.operators.library.indexing import add_rows, scalar_name
from wengert.core.operators.raw import LATE
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

BATCHED = 32
"""Flag of tensors that hold a batch (core/tape/levels.py)."""


@opaque(
    vjp=(
        lambda m, g, shape, indices, padding_idx, scale_grad_by_freq: m.embedding_backward(
            g, shape, indices, padding_idx, scale_grad_by_freq
        ),
    ),
    space=None,
    method=False,
    backward_name="EmbeddingBackward0",
    samples=lambda s: [
        call(s.array(4, 3), s.integers(2, 3), -1, False),
        call(s.array(4, 3), s.integers(5), -1, False),
    ],
)
def embedding_rows(np, weight: Array, indices: Array, padding_idx, scale_grad_by_freq):
    """weight[indices]: one row for each index."""
    if weight.ndim != 2:
        raise ShapeError(f"'weight' must be 2-D, got {weight.ndim} dims")
    if indices.dtype.kind != "i" or indices.dtype.itemsize < 4:
        raise DtypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{dtypes.tensor_type_name(dtypes.of(indices.dtype))} instead (while checking arguments for embedding)"
        )
    if indices.size and (indices.min() < 0 or indices.max() >= weight.shape[0]):
        raise IndexRangeError(f"index out of range in self: the table has {weight.shape[0]} rows")
    return LARGE.take_rows(weight, indices)


@linear(
    transpose=lambda m, g, indices, padding_idx, scale_grad_by_freq: m.embedding_transposed(
        g, indices, padding_idx, scale_grad_by_freq
    ),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(2, 3, 2), (4, 2), s.integers(2, 3), -1, False),
        call(s.array(5, 2), (4, 2), s.integers(5), 1, True),
    ],
)
def embedding_backward(np, grad: Array, size, indices: Array, padding_idx, scale_grad_by_freq):
    """The rows of `grad` summed per index; the padding row gets 0, `scale_grad_by_freq` makes the sums means."""
    flat = indices.reshape(-1)
    rows = add_rows(np, size[0], flat, grad.reshape(flat.size, size[1]))
    if scale_grad_by_freq:
        counts = np.bincount(flat, minlength=size[0])
        rows = rows / np.maximum(counts, 1).astype(grad.dtype)[:, None]
    if padding_idx >= 0:
        rows[padding_idx] = 0
    return rows


@linear(
    transpose=lambda m, g, shape, indices, padding_idx, scale_grad_by_freq: m.embedding_backward(
        g, shape, indices, padding_idx, scale_grad_by_freq
    ),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(4, 3), s.integers(5), 1, True)],
)
def embedding_transposed(np, weight: Array, indices: Array, padding_idx, scale_grad_by_freq):
    """The transpose of `embedding_backward`: rows of `weight`, those of the padding 0, divided by the counts."""
    out = weight.take(indices, axis=0)
    if scale_grad_by_freq:
        counts = np.bincount(indices.reshape(-1), minlength=weight.shape[0])
        out = out / counts[indices].astype(weight.dtype)[..., None]
    if padding_idx >= 0:
        out[indices == padding_idx] = 0
    return out


@plain(
    space=None, method=False, outputs=2, shape=VALUES, samples=lambda s: [call(s.array(4, 3), s.integers(2), 0.5, 2.0)]
)
def shrunk_rows(np, weight: Array, indices: Array, max_norm, norm_type):
    """The rows that `indices` names, each once, and what they are when scaled to a norm of at most max_norm."""
    rows = np.unique(indices)
    chosen = weight[rows]
    sizes = abs(chosen)
    widest = norm_type == float("inf")
    norms = sizes.max(axis=1) if widest else (sizes**norm_type).sum(axis=1) ** (1 / norm_type)
    scale = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(weight.dtype)
    return rows, chosen * scale[:, None]


@composite(
    space="nn",
    method=False,
    samples=lambda s: [call(s.integers(2, 3), s.array(4, 3)), call(s.integers(5), s.array(4, 3))],
)
def embedding(
    m, input: Array, weight: Array, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
    sparse=False,
):  # fmt: skip
    """weight[input]: a row of the table for each index.

    Shapes: input (*) of int64 or int32, weight (rows, width) -> (*, width).
    padding_idx: this row gets no gradient (negative counts from the end).  max_norm: rows used are first scaled, in
    place, to a norm of at most this.  scale_grad_by_freq: each row's gradient is divided by how often it was used.
    sparse: the gradient of the table is a sparse tensor with the rows that were used (not inside `vmap`).
    Raises: IndexRangeError for an index outside the table.
    """
    if padding_idx is None:
        padding_idx = -1
    else:
        count = weight.shape[0]
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    if max_norm is not None:
        table = weight.detach()
        rows, shrunk = m.shrunk_rows(table, input, float(max_norm), float(norm_type))
        table[rows] = shrunk
    if sparse and not (weight._flags | input._flags) & BATCHED:
        LATE["sparse"]()
        return m.sparse_embedding(weight, input, padding_idx, scale_grad_by_freq)
    return m.embedding_rows(weight, input, padding_idx, scale_grad_by_freq)


@plain(
    space="nn",
    method=False,
    shape=VALUES,
    samples=lambda s: [call(s.integers(2, 3)), call(s.integers(2, 3), 6)],
)
def one_hot(np, input: Array, num_classes=-1):
    """1 at the position that each element names, 0 elsewhere: (*) int64 -> (*, num_classes) int64.

    num_classes: -1 means the largest element + 1.
    """
    if input.dtype.kind != "i" or input.dtype.itemsize != 8:
        raise DtypeError(f"one_hot is only applicable to index tensor of type LongTensor. Got {scalar_name(input)}")
    if not input.size:
        if num_classes <= 0:
            raise ShapeError("Can not infer total number of classes from empty tensor.")
        return np.zeros((*input.shape, num_classes), dtype=np.int64)
    found = LARGE.hot(input, num_classes) if num_classes > 0 else None
    if found is not None:
        return found
    if input.min() < 0:
        raise ShapeError(f"Class values must be non-negative. Got {int(input.min())}")
    if num_classes == -1:
        num_classes = int(input.max()) + 1
    elif input.max() >= num_classes:
        raise ShapeError(f"Class values must be smaller than num_classes. Got {int(input.max())} for {num_classes}")
    out = np.zeros((input.size, num_classes), dtype=np.int64)
    out[np.arange(input.size), input.reshape(-1)] = 1
    return out.reshape((*input.shape, num_classes))
