"""Tables of rows: embedding, bags of embeddings, one_hot; distances between rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DtypeError, IndexRangeError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators.raw import LATE
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.refusals import tensor_or_none, tensors_only
from wengert.core.tensor.creation import store_out

__all__ = [
    "bilinear", "cosine_similarity", "embedding", "embedding_bag", "linear", "normalize", "one_hot",
    "pairwise_distance", "pdist",
]  # fmt: skip

linear, bilinear, one_hot, pdist = m.linear, m.bilinear, m.one_hot, m.pdist
cosine_similarity, pairwise_distance, embedding = m.cosine_similarity, m.pairwise_distance, m.embedding


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """input / max(its p-norm over dim, eps)."""
    size = m.clamp_min(m.norm(input, p, dim, True), eps)
    value = m.div(input, size)
    return value if out is None else store_out(out, value)


def _check_bags(input: Any, weight: Any, offsets: Any, mode: str, samples: Any) -> None:
    if samples is not None and input.size() != samples.size():
        raise ValueRangeError(
            f"embedding_bag: If per_sample_weights ({samples.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        )
    if input.dim() == 2 and offsets is not None:
        raise ValueRangeError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
            f"sequences. However, found offsets of type {type(offsets)}"
        )
    if input.dim() == 1 and not isinstance(offsets, TensorBase):
        raise ValueRangeError(f"offsets has to be a 1D Tensor but got {type(offsets) if offsets is not None else None}")
    if input.dim() == 1 and offsets.dim() != 1:
        raise ValueRangeError("offsets has to be a 1D Tensor")
    if input.dim() not in (1, 2):
        raise ValueRangeError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if mode not in ("sum", "mean", "max"):
        raise ValueRangeError("mode has to be one of sum, mean or max")
    if samples is not None and mode != "sum":
        raise MissingError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}')."
        )


def flat_bags(input: Any, offsets: Any, last: bool) -> tuple[Any, Any, int]:
    """Indices in one row, the bag of each, and the number of bags."""
    indices = input._array
    if indices.dtype.kind != "i" or indices.dtype.itemsize < 4:
        raise DtypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{dtypes.tensor_type_name(input.dtype)} instead (while checking arguments for embedding_bag)"
        )
    if indices.ndim == 2:
        rows, width = indices.shape
        return indices.reshape(-1), np.repeat(np.arange(rows), width), rows
    starts = offsets._array
    if starts.size and starts[0] != 0:
        raise ShapeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
            f"got {int(starts[0])}"
        )
    if starts.size and starts[-1] > indices.size:
        raise ShapeError(
            f"offsets[-1] can not be greater than input's length {indices.size} but got offsets[-1] of "
            f"{int(starts[-1])}"
        )
    count = max(starts.size - 1, 0) if last else starts.size
    bags = np.searchsorted(starts[:count], np.arange(indices.size), side="right") - 1
    return indices, bags, count


def mapped_bags(
    input: Any, weight: Any, offsets: Any, mode: str, by_frequency: bool, factors: Any, last: bool, padding: Any
) -> Any:
    """`embedding_bag` of indices that are batched: bags of one shape for all entries, their rows looked up first."""
    shape = input._array.shape
    stand_in = wrap(np.zeros(shape, np.int64))
    _, bags, count = flat_bags(stand_in, offsets, last)
    flat = m.reshape(input, (-1,))
    rows = m.embedding_rows(weight, flat, -1, by_frequency)
    if factors is not None:
        rows = rows * m.unsqueeze(m.reshape(factors, (-1,)), 1)
    counts = wrap(np.bincount(bags, minlength=count).astype(weight._array.dtype))
    if padding is not None:
        kept = m.unsqueeze(m.ne(flat, padding % weight.shape[0]), 1)
        rows = m.where(kept, rows, -np.inf if mode == "max" else 0.0)
        counts = m.index_add(counts * 0, 0, wrap(bags), m.to_dtype(m.squeeze(kept, 1), counts._array.dtype))
    start = wrap(np.full((count, weight.shape[1]), -np.inf if mode == "max" else 0.0, weight._array.dtype))
    if mode == "max":
        places = m.expand(m.unsqueeze(wrap(bags), 1), (bags.size, weight.shape[1]))
        tops = m.scatter_reduce(start, 0, places, rows, "amax")
        return m.where(m.unsqueeze(counts, 1) == 0, 0.0, tops)
    out = m.index_add(start, 0, wrap(bags), rows)
    return out if mode == "sum" else out / m.unsqueeze(m.clamp_min(counts, 1), 1)


def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Any:  # fmt: skip
    """The sum, mean or maximum of weight[i] over each bag of indices i.

    Shapes: input (bags, n), or (N,) with offsets (bags,) where each bag starts; weight (rows, width) ->
    (bags, width).  An empty bag gives 0.  padding_idx: indices that do not count.  per_sample_weights: a factor for
    each index, with mode "sum".  sparse: the gradient of the table is sparse.
    """
    tensors_only("embedding_bag", input=input, weight=weight)
    tensor_or_none("embedding_bag", offsets=offsets, per_sample_weights=per_sample_weights)
    if weight.dtype in (dtypes.int64, dtypes.int32) and input.is_floating_point():
        weight, input = input, weight
    _check_bags(input, weight, offsets, mode, per_sample_weights)
    if input._flags & BATCHED:
        return mapped_bags(input, weight, offsets, mode, scale_grad_by_freq, per_sample_weights, include_last_offset,
                           padding_idx)  # fmt: skip
    indices, bags, count = flat_bags(input, offsets, include_last_offset)
    if mode == "max" and (sparse or scale_grad_by_freq):
        what = "scaling the gradient by the frequency" if scale_grad_by_freq else "sparse weights"
        raise ValueRangeError(f"max mode does not support {what}")
    rows = weight.shape[0]
    if indices.size and (indices.min() < 0 or indices.max() >= rows):
        raise IndexRangeError(f"index out of range in self: the table has {rows} rows")
    if max_norm is not None:
        m.embedding(wrap(indices), weight.detach(), None, max_norm, norm_type)
    factors = None if per_sample_weights is None else m.reshape(per_sample_weights, (-1,))
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("padding_idx must be within the number of embeddings")
        kept = np.flatnonzero(indices != padding_idx % rows)
        indices, bags = indices[kept], bags[kept]
        factors = None if factors is None else m.index_select(factors, 0, wrap(kept))
    if mode == "max":
        tops = m.bag_tops(weight.detach(), wrap(indices), wrap(bags), count)
        return m.bag_maxima(weight, tops)
    sizes = None
    if mode == "mean":
        sizes = wrap(np.maximum(np.bincount(bags, minlength=count), 1).astype(weight._array.dtype))
    if sparse:
        LATE["sparse"]()
    sums = m.sparse_bag_sums if sparse else m.bag_sums
    return sums(weight, wrap(indices), wrap(bags), factors, sizes, count, scale_grad_by_freq)
