"""Products and sums of sparse tensors whose gradients are sparse too, softmax along a dim, and diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.compressed import COMPRESSED
from wengert.core.arrays.shape import wrap_dim, wrap_dims
from wengert.core.arrays.sparse import Groups, Pattern, joined
from wengert.core.arrays.sparse_products import pairs, scipy_sparse
from wengert.core.base.errors import DimError, GraphError, MissingError, ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.modes import current
from wengert.core.tensor.creation import store_out
from wengert.core.tensor.sparse import is_sparse, missing
from wengert.core.tensor.sparse_matrices import hspmm, smm, spmm, sspaddmm
from wengert.core.tensor.sparse_methods import to_coordinates, to_layout
from wengert.core.tensor.sparse_parts import of_coordinates
from wengert.core.tensor.sparse_rules import (
    check_product,
    coalesced,
    pattern_of,
    rebuilt,
    reduced,
    values_of,
)

REDUCTIONS = ("sum", "mean", "amax", "amin")


def flat_values(x: Any) -> Any:
    """The values of a sparse matrix as one row of single elements, with their history."""
    own = values_of(x)
    return m.reshape(own, (-1,)) if own._array.ndim > 1 else own


def mm(mat1: Any, mat2: Any, reduce: Any = None, *, out: Any = None) -> Any:
    """mat1 @ mat2, with a sparse gradient for a sparse matrix: at its stored places only.

    Shapes: (n, k) and (k, p) give (n, p); sparse where both are, else dense.
    reduce: for a CSR matrix, what becomes of the products of each row: "sum", "mean" (over the stored elements),
    "amax" or "amin" of them.
    Raises: ShapeError, DtypeError.
    """
    if reduce is not None:
        return reduced_product(mat1, mat2, reduce)
    made = m.mm(mat1, mat2) if not is_sparse(mat1) and not is_sparse(mat2) else sparse_mm(mat1, mat2)
    return made if out is None else store_out(out, made)


def sparse_mm(mat1: Any, mat2: Any) -> Any:
    """The product of two matrices of which one is sparse, or both."""
    if mat2._array.ndim != 2:
        raise DimError(f"Dimension out of range (expected to be in range of [-1, 0], but got 1): mat2 has "
                       f"{mat2._array.ndim} dims")  # fmt: skip
    a, b = mat1._array, mat2._array
    check_product(a, b, "addmm")
    if is_sparse(mat1) and is_sparse(mat2):
        return both_sparse(mat1, mat2)
    if is_sparse(mat1):
        return m.sparse_product(flat_values(mat1), mat2, pattern_of(mat1).elements, "SparseAddmmBackward0")
    turned = pattern_of(mat2).elements.permuted((1, 0))
    return m.t(m.sparse_product(flat_values(mat2), m.t(mat1), turned, "SparseAddmmBackward0"))


def both_sparse(mat1: Any, mat2: Any) -> Any:
    """The product of two sparse matrices, each pair of elements that meet being one term."""
    if not (current().grad and (mat1._flags | mat2._flags) & 1) and scipy_sparse() is not None:
        return m.mm(mat1, mat2)
    left, right = pattern_of(mat1).elements, pattern_of(mat2).elements
    first, second = pairs(left, right)
    products = m.mul(
        m.index_select(flat_values(mat1), 0, wrap(first)), m.index_select(flat_values(mat2), 0, wrap(second))
    )
    places = np.stack([left.indices[0][first], right.indices[1][second]])
    whole, groups = Pattern(places, (left.sizes[0], right.sizes[1])).unique()
    sums = products if groups is None else m.sparse_groups(products, groups)
    out = rebuilt(sums, whole, "SparseSparseMatmulBackward0")
    layout = mat1.layout
    return to_layout(layout)(out) if layout is mat2.layout and layout in COMPRESSED[:2] else out


def reduced_product(mat1: Any, mat2: Any, reduce: str) -> Any:
    """Rows of `mat2` scaled by the elements of each row of a CSR matrix and reduced."""
    if mat1.layout is not devices.sparse_csr:
        raise missing("_sparse_mm_reduce_impl", mat1)
    if reduce not in REDUCTIONS:
        raise GraphError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    check_product(mat1._array, mat2._array, "mm")
    if reduce == "sum":
        return sparse_mm(mat1, mat2)
    pattern = pattern_of(mat1)
    rows, columns = pattern.elements.indices
    counts = np.diff(pattern.compressed)
    if reduce == "mean":
        sizes = wrap(np.maximum(counts, 1).astype(mat2._array.dtype)[:, None])
        return m.div(sparse_mm(mat1, mat2), sizes)
    terms = m.mul(m.index_select(mat2, 0, wrap(columns)), m.unsqueeze(flat_values(mat1), 1))
    width = mat2._array.shape[1]
    lowest = -np.inf if reduce == "amax" else np.inf
    start = wrap(np.full((len(counts), width), lowest, mat2._array.dtype))
    at = m.expand(m.unsqueeze(wrap(rows), 1), (len(rows), width))
    found = m.scatter_reduce(start, 0, at, terms, reduce)
    return m.where(wrap((counts == 0)[:, None]), 0.0, found)


def reduced_and_places(mat1: Any, mat2: Any, reduce: str) -> tuple[Any, Any]:
    """`mm` with a reduction, and an empty tensor where torch's operator tells which terms were largest."""
    return reduced_product(mat1, mat2, reduce), wrap(np.zeros(0, np.int64))


def addmm(mat: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """beta * mat + alpha * (mat1 @ mat2), with a sparse gradient for a sparse mat1.

    Shapes: mat1 (n, k), mat2 (k, p), mat (n, p).
    """
    product = sparse_mm(mat1, mat2) if is_sparse(mat1) or is_sparse(mat2) else m.mm(mat1, mat2)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return m.add(mat if beta == 1 else mat * beta, scaled)


def sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum over some dims (None: all); sparse unless all sparse dims are summed over.

    The gradient is sparse, at the places that are stored.
    Raises: GraphError for a dense tensor.
    """
    if not is_sparse(input):
        raise GraphError("coalesce expected sparse coordinate tensor layout but got Strided")
    x = coalesced(input) if input.layout is devices.sparse_coo else to_coordinates(input)
    own = values_of(x)
    if dtype is not None:
        own = own.to(dtype)
    elif own._array.dtype.kind in "iub":
        own = own.to(dtypes.int64)
    if dim is None:
        return m.sum(own)
    pattern, count = pattern_of(x), len(pattern_of(x).sizes)
    dims = wrap_dims(dim, x._array.ndim)
    dense = tuple(d - count + 1 for d in dims if d >= count)
    own = m.sum(own, dense) if dense else own
    kept = [d for d in range(count) if d not in dims]
    if not kept:
        return m.sum(own, (0,))
    if len(kept) == count:
        return rebuilt(own, pattern, "SparseSumBackward0")
    left, groups = reduced(pattern, kept, False).unique()
    own = own if groups is None else m.sparse_groups(own, groups)
    return rebuilt(own, left, "SparseSumBackward0")


# ---------------------------------------------------------------- softmax


def lines(pattern: Pattern, dim: int) -> Groups:
    """The stored places that share all indices but that of a dim."""
    kept = [d for d in range(len(pattern.sizes)) if d != dim]
    keys = joined(pattern.indices[kept], tuple(pattern.sizes[d] for d in kept))
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(order) else order
    return Groups(order, starts)


def normalised(input: Any, dim: int, dtype: Any, name: str) -> Any:
    """Softmax or its logarithm over the stored elements along a dim."""
    if not is_sparse(input):
        raise MissingError(
            f"Could not run 'aten::_sparse_{name}' with arguments from the 'CPU' backend: it is for sparse tensors"
        )
    of_coordinates(f"_sparse_{name}", input)
    x = coalesced(input)
    own = values_of(x) if dtype is None else values_of(x).to(dtype)
    pattern, count = pattern_of(x), len(pattern_of(x).sizes)
    dim = wrap_dim(dim, x._array.ndim)
    title = "SparseSoftmaxBackward0" if name == "softmax" else "SparseLogSoftmaxBackward0"
    if dim >= count:
        return rebuilt(getattr(m, name)(own, dim - count + 1), pattern, title)
    if not pattern.count:
        return rebuilt(own, pattern, title)
    groups = lines(pattern, dim)
    highest = np.maximum.reduceat(own._array[groups.order], groups.starts, axis=0)
    shifted = m.sub(own, wrap(groups.spread(highest)))
    sums = m.sparse_groups(m.exp(shifted), groups)
    if name == "softmax":
        return rebuilt(m.div(m.exp(shifted), m.sparse_spread(sums, groups)), pattern, title)
    return rebuilt(m.sub(shifted, m.sparse_spread(m.log(sums), groups)), pattern, title)


def softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """exp(x) / sum of exp(x) over the stored elements along `dim`; what is not stored counts as -inf."""
    return normalised(input, dim, dtype, "softmax")


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The logarithm of `softmax`, over the stored elements along `dim`."""
    return normalised(input, dim, dtype, "log_softmax")


# ---------------------------------------------------------------- samples and diagonals


def sampled_addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0, out: Any = None) -> Any:
    """beta * input + alpha * (mat1 @ mat2) at the stored places of a CSR matrix only.

    Shapes: input (n, p), mat1 (n, k), mat2 (k, p).  Work is in proportion to the stored places times k.
    Raises: MissingError for other layouts; ShapeError.
    """
    if not is_sparse(input) or input.layout is not devices.sparse_csr:
        raise (
            missing("sparse_sampled_addmm", input)
            if is_sparse(input)
            else MissingError(
                "Could not run 'aten::sparse_sampled_addmm' with arguments from the 'CPU' backend: input is to be CSR"
            )
        )
    a, b = mat1._array.shape, mat2._array.shape
    if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a))} and {'x'.join(map(str, b))})"
        )
    if tuple(input._array.shape) != (a[0], b[1]):
        raise ShapeError(f"sampled_addmm: Expected self.shape[-2:] == [{a[0]}, {b[1]}], got {list(input.shape)}")
    pattern = pattern_of(input)
    products = m.sparse_sampled(mat1, m.t(mat2), pattern.elements)
    own = products if alpha == 1 else products * alpha
    if beta != 0:
        own = m.add(own, values_of(input) if beta == 1 else values_of(input) * beta)
    made = rebuilt(own, pattern, "SparseSampledAddmmBackward0")
    return made if out is None else out.copy_(made)


def spdiags(diagonals: Any, offsets: Any, shape: Any, layout: Any = None) -> Any:
    """A sparse matrix with the rows of `diagonals` on its diagonals.

    offsets: which diagonal each row is for (0 the main one, above it positive): column j of a row stands in column j of
    the matrix.  layout: coordinates unless CSR or CSC.
    Raises: ShapeError.
    """
    rows = diagonals if diagonals._array.ndim == 2 else m.unsqueeze(diagonals, 0)
    ks = np.atleast_1d(offsets._array if isinstance(offsets, TensorBase) else np.asarray(offsets))
    if rows._array.ndim != 2:
        raise ShapeError("Diagonals must be vector or matrix")
    if len(shape) != 2:
        raise ShapeError(f"Output shape must be 2d, got {list(shape)}")
    if ks.ndim != 1:
        raise ShapeError("Offsets must be scalar or vector")
    if len(ks) != rows._array.shape[0]:
        raise ShapeError(
            f"Number of diagonals ({rows._array.shape[0]}) does not match the number of offsets ({len(ks)})"
        )
    if len(np.unique(ks)) != len(ks):
        raise ShapeError("Offset tensor contains duplicate values")
    height, width = shape
    columns = [np.arange(max(0, k), min(rows._array.shape[1], width, height + k)) for k in ks]
    at = np.repeat(np.arange(len(ks)), [len(c) for c in columns])
    along = np.concatenate(columns) if columns else np.zeros(0, np.int64)
    own = m.index_select(m.reshape(rows, (-1,)), 0, wrap(at * rows._array.shape[1] + along))
    pattern = Pattern(np.stack([along - ks[at], along]).astype(np.int64), (height, width))
    made = rebuilt(own, pattern, None)
    return made if layout in (None, devices.sparse_coo) else to_layout(layout)(made)


def spsolve(input: Any, other: Any, *, left: bool = True) -> Any:
    """x of input @ x = other, for a sparse matrix: there is none on the CPU, as in torch."""
    raise missing("_spsolve", input)


saddmm = addmm
dsmm = hsmm = spmm

__all__ = [
    "addmm", "dsmm", "hsmm", "hspmm", "log_softmax", "mm", "saddmm", "sampled_addmm", "smm", "softmax",
    "spdiags", "spmm", "spsolve", "sspaddmm", "sum",
]  # fmt: skip
