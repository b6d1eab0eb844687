"""Compressed layouts: rows (CSR, BSR) or columns (CSC, BSC) told by pointers, elements or blocks of them.

A compressed array has dims (batch..., rows, columns, dense...).  `compressed` (batch..., rows + 1) says where each row
begins among the `plain` indices (batch..., stored) of columns; by columns it is the other way round.  What is computed
with single elements goes by `elements`, the pattern of coordinates of all of them in the order in which values lie.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays.sparse import Pattern, SparseArray, nonzero_pattern
from wengert.core.base.errors import ShapeError

BY_ROWS = (devices.sparse_csr, devices.sparse_bsr)
BLOCKED = (devices.sparse_bsr, devices.sparse_bsc)
COMPRESSED = (devices.sparse_csr, devices.sparse_csc, devices.sparse_bsr, devices.sparse_bsc)


class CompressedPattern:
    """The places of a compressed array; `sizes` are those of batch, rows and columns, `block` that of a block or ()."""

    __slots__ = ("layout", "compressed", "plain", "sizes", "block", "_elements")
    coalesced = True

    def __init__(self, layout: Any, compressed: Any, plain: Any, sizes: tuple[int, ...], block: Any = ()) -> None:
        self.layout, self.compressed, self.plain = layout, compressed, plain
        self.sizes, self.block = tuple(sizes), tuple(block)
        self._elements: Any = None

    @property
    def count(self) -> int:
        """How many elements or blocks are stored (in each batch)."""
        return self.plain.shape[-1]  # type: ignore[no-any-return]

    def shape_of(self, values: Any) -> tuple[int, ...]:
        """The shape of the array with these values."""
        return (*self.sizes, *values.shape[self.plain.ndim + len(self.block) :])

    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the values of an array of this pattern and a shape."""
        return (*self.plain.shape, *self.block, *shape[len(self.sizes) :])

    def make(self, values: Any) -> SparseArray:
        """The array with values at these places."""
        return SparseArray(self, values)

    def again(self, array: SparseArray) -> SparseArray:
        """Coordinates in this layout (places anew)."""
        return compressed_from(array, self.layout, self.block)

    @property
    def elements(self) -> Pattern:
        """The pattern of single elements, in the order in which values hold them."""
        if self._elements is None:
            self._elements = self._spelt_out()
        return self._elements  # type: ignore[no-any-return]

    def _spelt_out(self) -> Pattern:
        batch, (rows, columns) = self.sizes[:-2], self.sizes[-2:]
        pointers = self.compressed.reshape(-1, self.compressed.shape[-1]).astype(np.int64, copy=False)
        plain = self.plain.reshape(len(pointers), -1).astype(np.int64, copy=False)
        lead = np.concatenate([np.repeat(np.arange(len(p) - 1), np.diff(p)) for p in pointers] or [plain[:0].ravel()])
        pair = [lead, plain.reshape(-1)]
        pair = pair if self.layout in BY_ROWS else pair[::-1]
        if self.block:
            tall, wide = self.block
            inner = np.indices((tall, wide)).reshape(2, -1)
            pair = [(p[:, None] * n + i).reshape(-1) for p, n, i in zip(pair, self.block, inner, strict=True)]
        if not batch:
            simple = self.layout is devices.sparse_csr
            out = Pattern(np.stack(pair), (rows, columns))
            if simple and self.compressed.ndim == 1:
                out._rows = None, pointers[0], np.ascontiguousarray(plain[0])
            return out
        each = len(pair[0]) // max(len(pointers), 1)
        places = np.repeat(np.stack(np.unravel_index(np.arange(prod(batch)), batch)), each, axis=1)
        return Pattern(np.concatenate([places, np.stack(pair)]), self.sizes)

    def permuted(self, dims: tuple[int, ...]) -> CompressedPattern:
        """The transpose: rows become columns."""
        if tuple(dims) == tuple(range(len(self.sizes))):
            return self
        n = len(self.sizes)
        if tuple(dims) != (*range(n - 2), n - 1, n - 2):
            raise ShapeError("transpose(): only the rows and columns of a compressed tensor are exchanged")
        sizes = (*self.sizes[:-2], self.sizes[-1], self.sizes[-2])
        return CompressedPattern(TRANSPOSED[self.layout], self.compressed, self.plain, sizes, self.block[::-1])

    def emptied(self) -> CompressedPattern:
        """The pattern of the same sizes with nothing stored."""
        return CompressedPattern(
            self.layout, np.zeros_like(self.compressed), self.plain[..., :0], self.sizes, self.block
        )

    def dense(self, values: Any) -> Any:
        """A dense array with these values."""
        rest = values.shape[self.plain.ndim + len(self.block) :]
        return self.elements.dense(values.reshape(self.elements.count, *rest))


TRANSPOSED = dict(zip(COMPRESSED, (COMPRESSED[1], COMPRESSED[0], COMPRESSED[3], COMPRESSED[2]), strict=True))
"""The layout that the transpose of a layout has."""


def compressed_from(array: SparseArray, layout: Any, block: tuple[int, ...] = ()) -> SparseArray:
    """Coalesced coordinates of a matrix (or batch of them) in a compressed layout."""
    values, indices, sizes = array.values, array.pattern.indices, array.pattern.sizes
    if len(sizes) > 2:
        return batched_from(array, layout, block)
    pattern, target = compressed_pattern(indices, sizes, layout, block)
    if target is None:
        return SparseArray(pattern, values)
    if not block:
        return SparseArray(pattern, values[target])
    out = np.zeros((pattern.count * prod(block), *values.shape[1:]), values.dtype)
    out[target] = values
    return SparseArray(pattern, out.reshape(pattern.count, *block, *values.shape[1:]))


def compressed_pattern(indices: Any, sizes: Any, layout: Any, block: Any = ()) -> tuple[CompressedPattern, Any]:
    """The pattern of coalesced coordinates in a layout, and how values get there.

    For elements: the order in which they stand there (None: as they are); for blocks: the place of each.
    """
    rows, columns = indices
    if not block:
        order = None if layout in BY_ROWS else np.lexsort((rows, columns))
        lead, plain = (rows, columns) if order is None else (columns[order], rows[order])
        made = CompressedPattern(layout, pointers_of(lead, sizes[0 if order is None else 1]), plain.copy(), sizes)
        return made, order
    tall, wide = block
    if sizes[0] % tall or sizes[1] % wide:
        shapes = "({},{})".format(*sizes), "({},{})".format(*block)
        raise ShapeError(
            f"dense_to_{layout.name}: tensor sparse size {shapes[0]} must be divisible by given blocksize {shapes[1]}"
        )
    counts = (sizes[0] // tall, sizes[1] // wide)
    lead, plain = rows // tall, columns // wide
    if layout not in BY_ROWS:
        lead, plain, counts = plain, lead, counts[::-1]
    keys, at = np.unique(lead * counts[1] + plain, return_inverse=True)
    made = CompressedPattern(
        layout, pointers_of(keys // max(counts[1], 1), counts[0]), keys % max(counts[1], 1), sizes, block
    )
    return made, at.reshape(-1) * (tall * wide) + rows % tall * wide + columns % wide


def pointers_of(lead: Any, count: int) -> Any:
    """Where each of `count` rows begins in a sorted list of rows."""
    out = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(lead, minlength=count), out=out[1:])
    return out


def batched_from(array: SparseArray, layout: Any, block: tuple[int, ...]) -> SparseArray:
    """A batch of matrices, each with as many stored elements as the others."""
    sizes = array.pattern.sizes
    batch, count = sizes[:-2], prod(sizes[:-2])
    keys = np.zeros(array.pattern.count, np.int64)
    for row, size in zip(array.pattern.indices[:-2], batch, strict=True):
        keys = keys * size + row
    parts = []
    for k in range(count):
        own = keys == k
        part = Pattern(array.pattern.indices[-2:, own], sizes[-2:], True)
        parts.append(compressed_from(SparseArray(part, array.values[own]), layout, block))
    if len({part.pattern.count for part in parts}) > 1:
        raise ShapeError("Expect the same number of specified elements per batch.")
    if not parts:
        made = CompressedPattern(layout, np.zeros((*batch, 1), np.int64), np.zeros((*batch, 0), np.int64), sizes, block)
        return SparseArray(made, np.zeros(made.values_shape(array.shape), array.values.dtype))
    compressed, plain, values = (
        np.stack([get(p) for p in parts])
        for get in (lambda p: p.pattern.compressed, lambda p: p.pattern.plain, lambda p: p.values)
    )
    pattern = CompressedPattern(layout, compressed.reshape(*batch, -1), plain.reshape(*batch, -1), sizes, block)
    return SparseArray(pattern, values.reshape(*batch, *values.shape[1:]))


def from_dense(dense: Any, layout: Any, block: tuple[int, ...] = (), dense_dim: int = 0) -> SparseArray:
    """The elements of a dense array that are not 0, in a compressed layout."""
    pattern = nonzero_pattern(dense, dense.ndim - dense_dim)
    return compressed_from(SparseArray(pattern, pattern.take(dense)), layout, block)


# ---------------------------------------------------------------- invariants


def check_compressed(layout: Any, compressed: Any, plain: Any, values: Any, sizes: tuple[int, ...]) -> None:
    """What holds of every compressed array, in torch's words.

    Raises: ShapeError naming the condition that fails.
    """
    by_rows = layout in BY_ROWS
    first, second = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
    extra = 2 if layout in BLOCKED else 0
    batch = compressed.ndim - 1
    dense = values.ndim - batch - 1 - extra
    require(
        len(sizes) == batch + 2 + dense,
        f"tensor dimensionality must be sum of batch, base, and dense dimensionalities (={batch} + 2 + {dense})",
        len(sizes),
    )
    require(compressed.ndim >= 1, f"{first} must have dimensionality >= 1 but got 0", None)
    require(plain.ndim == batch + 1, f"{first} and {second} dimensionalities must be equal", plain.ndim)
    require(values.ndim > batch + extra, "values must have dimensionality > sum of batch and block dimensionalities",
            values.ndim)  # fmt: skip
    whole = plain.strides[-1] in (0, plain.itemsize) or plain.size < 2
    require(whole, f"expected {second} to be a contiguous tensor per batch", None)
    rows, columns = sizes[batch], sizes[batch + 1]
    if extra:
        tall, wide = values.shape[batch + 1 : batch + 3]
        for k, (length, part) in enumerate(((rows, tall), (columns, wide))):
            text = (
                f"tensor shape[{batch + k}] (={length}) must be divisible with blocksize[{k}] (={part}) as defined by "
                "values shape"
            )
            require(part > 0 and length % part == 0, text, None)
        rows, columns = rows // tall, columns // wide
    many, most, what = (rows, columns, "ncols") if by_rows else (columns, rows, "nrows")
    count = plain.shape[-1]
    lines = "rows" if by_rows else "columns"
    require(
        compressed.shape[-1] == many + 1,
        f"{first}.shape[-1] must be equal to the number of {lines} + 1 as required by size",
        f"{compressed.shape[-1]} for {many}",
    )
    stored = values.shape[batch]
    require(
        stored == count,
        f"{second}.shape[-1] must be equal to nnz (={stored}) as defined by values.shape[{batch}]",
        count,
    )
    same_indices(compressed, plain, first, second)
    check_pointers(compressed, plain, first, second, most, what, count)


def same_indices(compressed: Any, plain: Any, first: str, second: str) -> None:
    """That both kinds of indices have one dtype."""
    names = " and ".join({4: "Int", 8: "Long"}[a.dtype.itemsize] for a in (compressed, plain))
    require(
        compressed.dtype == plain.dtype,
        f"{first} and {second} must have the same dtype, bot got {names}, respectively",
        None,
    )


def check_pointers(compressed: Any, plain: Any, first: str, second: str, most: int, what: str, count: int) -> None:
    """That pointers rise from 0 to the number of elements, and that the indices of each row rise within their dim."""
    require(bool((compressed[..., 0] == 0).all()), f"`{first}[..., 0] == 0` is not satisfied.", None)
    require(bool((compressed[..., -1] == count).all()), f"`{first}[..., -1] == nnz` is not satisfied.", None)
    lengths = np.diff(compressed, axis=-1)
    require(
        bool(((lengths >= 0) & (lengths <= most)).all()),
        f"`0 <= {first}[..., 1:] - {first}[..., :-1] <= {what}` is not satisfied.",
        None,
    )
    require(bool(((plain >= 0) & (plain < most)).all()), f"`0 <= {second} < {what}` is not satisfied.", None)
    for pointers, row in zip(compressed.reshape(-1, compressed.shape[-1]), plain.reshape(-1, count), strict=False):
        rising = np.diff(row) > 0
        inner = pointers[1:-1]
        rising[inner[(inner > 0) & (inner < count)] - 1] = True
        require(
            bool(rising.all()),
            f"`{second}[..., {first}[..., i - 1]:{first}[..., i]] for all i = 1, ..., {first[1:4]} are sorted and "
            "distinct along the last dimension values` is not satisfied.",
            None,
        )


def require(holds: bool, text: str, given: Any) -> None:
    """Raise unless a condition holds."""
    if not holds:
        raise ShapeError(text if given is None else f"{text}, got {given}")


__all__ = [
    "BLOCKED", "BY_ROWS", "COMPRESSED", "CompressedPattern", "check_compressed", "compressed_from",
    "compressed_pattern", "from_dense", "pointers_of", "same_indices",
]  # fmt: skip
