"""Products of matrices of which one is sparse, or both.

A matrix has its places sorted by rows once (`Pattern.rows`).  With SciPy its loops multiply; without it rows of the
dense matrix are gathered, scaled and summed in blocks that stay in the processor's cache.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays.sparse import PRODUCT, Pattern, SparseArray, taken, transposed, widened

_BLOCK = 1 << 16
"""Elements that are gathered, scaled and summed at a time: they stay in a cache of 512 KiB."""


@lru_cache(maxsize=1)
def scipy_sparse() -> Any:
    """SciPy's module of sparse arrays, None where SciPy is not installed."""
    try:
        import scipy.sparse
    except ImportError:
        return None
    return scipy.sparse


def product(pattern: Pattern, values: Any, dense: Any) -> Any:
    """The matrix with these values times a dense one of shape (columns, width)."""
    kind = values.dtype
    if kind.kind == "V" or kind == np.float16:
        return product(pattern, widened(values), widened(dense)).astype(kind)
    order, pointers, columns = pattern.rows()
    ordered = values if order is None else values[order]
    shape = pattern.sizes
    if len(columns):
        if kind.kind in "fci" and dense.dtype.kind in "fci" and scipy_sparse() is not None:
            return compressed(pattern, values) @ np.ascontiguousarray(dense)
        return gathered(pointers, columns, ordered, dense)
    return np.zeros((shape[0], dense.shape[1]), np.result_type(values, dense))


def compressed(pattern: Pattern, values: Any) -> Any:
    """SciPy's array of a matrix."""
    order, pointers, columns = pattern.rows()
    ordered = values if order is None else values[order]
    return scipy_sparse().csr_array((ordered, columns, pointers), shape=pattern.sizes, copy=False)


def gathered(pointers: Any, columns: Any, values: Any, dense: Any) -> Any:
    """Rows of `dense` gathered by columns, scaled by values and summed for each row of the sparse matrix."""
    width = dense.shape[1]
    out = np.zeros((len(pointers) - 1, width), np.result_type(values, dense))
    if width == 1:
        return added(pointers, values * dense[:, 0].take(columns), out)
    dense = np.ascontiguousarray(dense)
    filled = np.flatnonzero(pointers[1:] > pointers[:-1])
    starts = pointers[filled]
    step = max(1, _BLOCK // max(width, 1))
    cuts = np.unique(np.searchsorted(starts, np.arange(0, len(columns), step)))
    for first, last in zip(cuts, [*cuts[1:], len(filled)], strict=True):
        begin, end = starts[first], starts[last] if last < len(filled) else len(columns)
        part = dense.take(columns[begin:end], axis=0) * values[begin:end, None]
        out[filled[first:last]] = np.add.reduceat(part, starts[first:last] - begin, axis=0)
    return out


def added(pointers: Any, parts: Any, out: Any) -> Any:
    """Sums of parts by rows, into a column."""
    filled = np.flatnonzero(pointers[1:] > pointers[:-1])
    if len(filled):
        out[filled, 0] = np.add.reduceat(parts, pointers[filled])
    return out


def sampled(pattern: Pattern, a: Any, b: Any) -> Any:
    """sum_k a[i, k] b[j, k] at each place (i, j) of a pattern."""
    rows, columns = pattern.indices
    pattern.check()
    width = a.shape[1]
    kind = np.result_type(a, b)
    if kind.kind == "V" or kind == np.float16:
        return sampled(pattern, widened(a), widened(b)).astype(kind)
    out = np.empty(pattern.count, kind)
    step = max(1, _BLOCK // max(width, 1))
    for begin in range(0, pattern.count, step):
        part = slice(begin, begin + step)
        np.einsum("nk,nk->n", a.take(rows[part], axis=0), b.take(columns[part], axis=0), out=out[part])
    return out


def sparse_product(a: SparseArray, b: SparseArray) -> SparseArray:
    """The product of two sparse matrices, as coalesced coordinates."""
    left, right = a.pattern.elements, b.pattern.elements
    if scipy_sparse() is not None and a.values.dtype.kind in "fci" and b.values.dtype.kind in "fci":
        first, second = compressed(left, a.element_values()), compressed(right, b.element_values())
        made = first @ second
        made.sort_indices()
        rows = np.repeat(np.arange(left.sizes[0]), np.diff(made.indptr))
        places = np.stack([rows, made.indices.astype(np.int64)])
        return SparseArray(Pattern(places, (left.sizes[0], right.sizes[1]), True), made.data)
    rows, columns, values = terms(left, a.element_values(), right, b.element_values())
    out = SparseArray(Pattern(np.stack([rows, columns]), (left.sizes[0], right.sizes[1])), values)
    return out.coalesce()


def terms(left: Pattern, left_values: Any, right: Pattern, right_values: Any) -> tuple[Any, Any, Any]:
    """(row, column, product) of every pair of elements that meet in a product of matrices."""
    first, second = pairs(left, right)
    return left.indices[0][first], right.indices[1][second], left_values[first] * right_values[second]


def pairs(left: Pattern, right: Pattern) -> tuple[Any, Any]:
    """Which stored element of the left matrix meets which of the right one."""
    left.check()
    order, pointers, _ = right.rows()
    inner = left.indices[1]
    counts = pointers[inner + 1] - pointers[inner]
    first = np.repeat(np.arange(left.count), counts)
    ends = np.cumsum(counts)
    second = np.arange(len(first)) - np.repeat(ends - counts, counts) + np.repeat(pointers[inner], counts)
    return first, second if order is None else order[second]


def matmul(a: Any, b: Any) -> Any:
    """a @ b; dense unless both are sparse."""
    if not isinstance(b, SparseArray):
        if a.ndim == 2 and b.ndim <= 2 and len(a.pattern.elements.sizes) == 2:
            out = product(a.pattern.elements, a.element_values(), b if b.ndim == 2 else b[:, None])
            return out if b.ndim == 2 else out[:, 0]
        return a.dense() @ b
    if not isinstance(a, SparseArray):
        if a.ndim == b.ndim == 2 and len(b.pattern.elements.sizes) == 2:
            turned = b.pattern.elements.permuted((1, 0))
            return product(turned, b.element_values(), a.T).T
        return a @ b.dense()
    return sparse_product(a, b)


def add_compressed(a: SparseArray, b: SparseArray) -> Any:
    """The sum of two compressed arrays of different patterns, in the layout of the first."""
    parts = [SparseArray(x.pattern.elements, x.element_values()) for x in (a, b)]
    both = parts[0] + parts[1]
    return a.pattern.again(both.coalesce())


PRODUCT["matmul"] = matmul
PRODUCT["add"] = add_compressed

__all__ = ["devices", "gathered", "matmul", "pairs", "product", "sampled", "scipy_sparse", "sparse_product", "taken",
           "transposed"]  # fmt: skip
