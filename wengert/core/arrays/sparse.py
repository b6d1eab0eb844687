"""Sparse arrays: stored elements, and a pattern that says where they are.

A `SparseArray` is a pattern and an array of values, one (or one block) for each stored place; dims after the sparse
ones are dense and lie in the values.  Patterns are never changed, so that results share them, and keep what was worked
out of them: the order of their places, their rows, their transpose.  Every layout has its pattern: `Pattern` here is
that of coordinates, `CompressedPattern` (compressed.py) that of compressed rows and columns.

Note [Sums of sparse arrays]: two arrays with the same places have a sum with these places; two coalesced ones have a
coalesced sum; of others the places are put one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import GraphError, ShapeError

_TWINS = {np.dtype(kind): np.dtype(kind, copy=True) for kind in (np.float32, np.float64)}
"""Equal to the hottest dtypes but other objects: flat ways, which ask for identity, hand sparse arrays on."""
_LARGEST = 2**62
"""Beyond this many places two dims are not joined in one number."""
HALVES = "Ve"
"""Kinds of dtypes in which nothing is summed: they are widened first ("e" stands for float16)."""


class Groups:
    """Stored places that are the same place: `order` sorts them, each group begins at one of `starts`."""

    __slots__ = ("order", "starts", "count")

    def __init__(self, order: Any, starts: Any) -> None:
        self.order, self.starts, self.count = order, starts, len(order)

    def summed(self, values: Any) -> Any:
        """One value for each group."""
        ordered = values[self.order]
        if values.dtype.kind == "b":
            return np.logical_or.reduceat(ordered, self.starts, axis=0)
        total = np.add.reduceat(widened(ordered), self.starts, axis=0)
        return total.astype(values.dtype, copy=False)

    @property
    def lengths(self) -> Any:
        """How many places each group has."""
        return np.diff(self.starts, append=self.count)

    def means(self, values: Any) -> Any:
        """The mean of each group."""
        return self.divided(self.summed(values))

    def divided(self, sums: Any) -> Any:
        """The sum of each group by its number of places."""
        lengths = self.lengths.reshape(len(self.starts), *(1,) * (sums.ndim - 1))
        return (widened(sums) / lengths).astype(sums.dtype)

    def spread(self, sums: Any) -> Any:
        """The value of its group for each place."""
        lengths = self.lengths
        out = np.empty((self.count, *sums.shape[1:]), sums.dtype)
        out[self.order] = np.repeat(sums, lengths, axis=0)
        return out


class Pattern:
    """The places of coordinates: indices (sparse dims, stored places), within the sizes of the sparse dims.

    coalesced: no place is there twice and they are in row-major order.
    """

    __slots__ = ("indices", "sizes", "coalesced", "_keys", "_unique", "_rows", "_turned")
    layout = devices.sparse_coo

    def __init__(self, indices: Any, sizes: tuple[int, ...], coalesced: bool = False) -> None:
        self.indices, self.sizes = indices, tuple(sizes)
        self.coalesced = coalesced or indices.shape[1] < 2
        self._keys: Any = None
        self._unique: Any = None
        self._rows: Any = None
        self._turned: Any = None

    @property
    def count(self) -> int:
        """How many places are stored."""
        return self.indices.shape[1]

    @property
    def elements(self) -> Pattern:
        """The pattern of single elements, in the order in which values hold them."""
        return self

    def shape_of(self, values: Any) -> tuple[int, ...]:
        """The shape of the array with these values."""
        return (*self.sizes, *values.shape[1:])

    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the values of an array of this pattern and a shape."""
        return (self.count, *shape[len(self.sizes) :])

    def make(self, values: Any) -> SparseArray:
        """The array with values at these places."""
        return SparseArray(self, values)

    def like(self, sizes: tuple[int, ...]) -> Pattern:
        """The same places in other sizes."""
        return self if sizes == self.sizes else Pattern(self.indices, sizes, self.coalesced)

    # ------------------------------------------------------------ order

    def check(self) -> None:
        """Raise unless every index lies within its dim."""
        if not self.count:
            return
        for dim, (row, size) in enumerate(zip(self.indices, self.sizes, strict=True)):
            low, high = int(row.min()), int(row.max())
            if low < 0:
                raise ShapeError(f"found negative index {low} for dim {dim}")
            if high >= size:
                raise ShapeError(
                    f"size is inconsistent with indices: for dim {dim}, size is {size} but found index {high}"
                )

    def keys(self) -> Any:
        """One number for each place, in row-major order."""
        if self._keys is None:
            self.check()
            if prod(self.sizes) < _LARGEST:
                self._keys = joined(self.indices, self.sizes)
            else:
                self._keys = np.unique(self.indices, axis=1, return_inverse=True)[1].reshape(-1)
        return self._keys

    def unique(self) -> tuple[Pattern, Groups | None]:
        """The coalesced pattern, and which stored places become one (None: it is this one already)."""
        if self._unique is None:
            self._unique = self._coalesced()
        return self._unique  # type: ignore[no-any-return]

    def _coalesced(self) -> tuple[Pattern, Groups | None]:
        if self.coalesced:
            return self, None
        keys = self.keys()
        if (keys[1:] > keys[:-1]).all():
            return Pattern(self.indices, self.sizes, True), None
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        return Pattern(self.indices[:, order[starts]], self.sizes, True), Groups(order, starts)

    def rows(self) -> tuple[Any, Any, Any]:
        """(order or None, pointers, columns) of a matrix: places of row i are from pointers[i] to pointers[i+1]."""
        if self._rows is None:
            self.check()
            rows, columns = self.indices
            order = None
            if not self.coalesced and not (rows[1:] >= rows[:-1]).all():
                order = np.argsort(rows, kind="stable")
                columns = columns[order]
            pointers = np.zeros(self.sizes[0] + 1, np.int64)
            np.cumsum(np.bincount(rows, minlength=self.sizes[0]), out=pointers[1:])
            self._rows = order, pointers, np.ascontiguousarray(columns)
        return self._rows  # type: ignore[no-any-return]

    def permuted(self, dims: tuple[int, ...]) -> Pattern:
        """The places with their sparse dims in another order; a matrix remembers its transpose."""
        if self._turned is not None and dims == (1, 0):
            return self._turned  # type: ignore[no-any-return]
        out = Pattern(self.indices[list(dims)], tuple(self.sizes[d] for d in dims), dims == tuple(range(len(dims))))
        if dims == (1, 0):
            self._turned, out._turned = out, self
        return out

    # ------------------------------------------------------------ between patterns and arrays

    def same_places(self, other: Any) -> bool:
        """Whether another pattern of coordinates has the same places in the same order."""
        if other is self:
            return True
        if other.__class__ is not Pattern or other.count != self.count:
            return False
        return other.indices is self.indices or bool(np.array_equal(other.indices, self.indices))

    def take(self, dense: Any) -> Any:
        """The elements of a dense array at these places."""
        if len(self.sizes) == 1:
            self.check()
            return dense.take(self.indices[0], axis=0)
        self.keys()
        return dense[tuple(self.indices)] if len(self.sizes) else dense[None].repeat(self.count, axis=0)

    def places_in(self, other: Pattern) -> tuple[Any, Any]:
        """Where each place stands in a coalesced pattern, and whether it is there at all."""
        if prod(self.sizes) < _LARGEST:
            mine, theirs = self.keys(), other.keys()
        else:
            both = np.unique(np.concatenate([other.indices, self.indices], 1), axis=1, return_inverse=True)[1]
            theirs, mine = both.reshape(-1)[: other.count], both.reshape(-1)[other.count :]
        if not other.count:
            return np.zeros(len(mine), np.int64), np.zeros(len(mine), bool)
        at = np.minimum(np.searchsorted(theirs, mine), other.count - 1)
        return at, theirs[at] == mine

    def lookup(self, array: SparseArray) -> Any:
        """The elements of a sparse array at these places, 0 where it has none."""
        if array.pattern is self and self.coalesced:
            return array.values
        theirs, groups = array.pattern.elements.unique()
        values = array.element_values()
        values = values if groups is None else groups.summed(values)
        if self.same_places(theirs):
            return values
        at, found = self.places_in(theirs)
        if not theirs.count:
            return np.zeros((self.count, *values.shape[1:]), values.dtype)
        out = values[at]
        out[~found] = 0
        return out

    def dense(self, values: Any) -> Any:
        """A dense array with these values, summed where a place is there twice, and 0 elsewhere."""
        pattern, groups = self.unique()
        out = np.zeros(self.shape_of(values), values.dtype)
        summed = values if groups is None else groups.summed(values)
        if not len(self.sizes):
            out[...] = summed[0] if self.count else 0
        elif self.count:
            pattern.keys()
            out[tuple(pattern.indices)] = summed
        return out


class SparseArray:
    """A pattern and the values at its places; answers NumPy's functions, the rarer ones by a dense array."""

    __slots__ = ("pattern", "values")
    base = None

    def __init__(self, pattern: Any, values: Any) -> None:
        self.pattern, self.values = pattern, values

    # ------------------------------------------------------------ what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the dims, the dense ones last."""
        return self.pattern.shape_of(self.values)  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        own = self.values.dtype
        return _TWINS.get(own, own) if own.kind == "f" else own

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements, those that are not stored included."""
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.values.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Not told: indices and values have bytes of their own."""
        raise GraphError(
            "nbytes is not defined for sparse tensors.  Add up those of the indices and of the values, or multiply "
            "numel by the element size for a dense tensor of this size."
        )

    @property
    def layout(self) -> devices.layout:
        """How it is kept."""
        return self.pattern.layout  # type: ignore[no-any-return]

    @property
    def coalesced(self) -> bool:
        """Whether coordinates are sorted and each place is there once."""
        return bool(getattr(self.pattern, "coalesced", True))

    def element_values(self) -> Any:
        """The values as one row of single elements."""
        first = len(self.pattern.values_shape(self.shape)) - (self.ndim - len(self.pattern.elements.sizes))
        return self.values.reshape(self.pattern.elements.count, *self.values.shape[first:])

    # ------------------------------------------------------------ other forms

    def is_own(self) -> bool:
        """Whether its memory is its own and in row-major order, so that it can be kept as it is."""
        places = getattr(self.pattern, "indices", None)
        return self.values.flags.c_contiguous and (places is None or places.flags.c_contiguous)

    def become(self, other: SparseArray) -> None:
        """Hold what another array holds, in this one's dtype."""
        self.pattern, self.values = other.pattern, other.values.astype(self.values.dtype, copy=False)

    def astype(self, dtype: Any, copy: bool = True) -> SparseArray:
        """The same in another dtype."""
        dtype = np.dtype(dtype)
        if dtype == self.values.dtype:
            return self.copy() if copy else self
        return SparseArray(self.pattern, self.values.astype(dtype.type if dtype.kind == "f" else dtype))

    def copy(self, order: str = "C") -> SparseArray:
        """A copy of the values; the pattern is shared."""
        return SparseArray(self.pattern, np.array(self.values, order="C", copy=True))

    def dense(self) -> Any:
        """The dense array."""
        return self.pattern.dense(self.values)

    def coalesce(self) -> SparseArray:
        """The same with each place once and in order."""
        pattern, groups = self.pattern.unique()
        return SparseArray(pattern, self.values if groups is None else groups.summed(self.values))

    def conj(self) -> SparseArray:
        """Complex conjugates."""
        return SparseArray(self.pattern, self.values.conj())

    @property
    def real(self) -> SparseArray:
        """Real parts."""
        return SparseArray(self.pattern, self.values.real)

    @property
    def imag(self) -> SparseArray:
        """Imaginary parts."""
        return SparseArray(self.pattern, self.values.imag)

    @property
    def T(self) -> Any:
        """The transpose of a matrix."""
        return transposed(self)

    def __float__(self) -> float:
        return float(self.dense())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        made = self.dense()
        return made if dtype is None else made.astype(dtype, copy=False)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum of all elements, or of a dense copy over some dims."""
        return widened(self.values).sum() if axis is None else self.dense().sum(axis=axis, keepdims=keepdims)

    # ------------------------------------------------------------ arithmetic

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        target = None if out is None else out[0]
        sums = method == "__call__" and (ufunc is np.add or ufunc is np.subtract)
        if sums and target is inputs[0] and not isinstance(target, SparseArray):
            return add_into(target, inputs[1] if ufunc is np.add else -inputs[1])
        rule = UFUNCS.get(ufunc) if method == "__call__" else None
        if rule is None:
            given = [x.dense() if isinstance(x, SparseArray) else x for x in inputs]
            result = getattr(ufunc, method)(*given, **options)
        else:
            result = rule(*inputs)
        if target is None:
            return result
        if isinstance(target, SparseArray):
            target.become(result)
        else:
            target[...] = np.asarray(result)
        return target

    def __add__(self, other: Any) -> Any:
        return add(self, other)

    def __radd__(self, other: Any) -> Any:
        return add(other, self)

    def __sub__(self, other: Any) -> Any:
        return add(self, -other)

    def __rsub__(self, other: Any) -> Any:
        return add(other, -self)

    def __mul__(self, other: Any) -> Any:
        return multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.dense()

    def __pow__(self, other: Any) -> Any:
        return self.dense() ** other

    def __neg__(self) -> SparseArray:
        return SparseArray(self.pattern, -self.values)

    def __matmul__(self, other: Any) -> Any:
        return PRODUCT["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return PRODUCT["matmul"](other, self)


PRODUCT: dict[str, Callable[[Any, Any], Any]] = {}
"""How matrices with a sparse one among them are multiplied: "matmul" (sparse_products.py)."""


def widened(values: Any) -> Any:
    """Half precision as float32; all others as they are."""
    return values.astype(np.float32) if values.dtype.kind == "V" or values.dtype == np.float16 else values


def joined(indices: Any, sizes: tuple[int, ...]) -> Any:
    """One number for each column of indices, in row-major order of the sizes."""
    if not len(sizes):
        return np.zeros(indices.shape[1], np.int64)
    keys = indices[0]
    for row, size in zip(indices[1:], sizes[1:], strict=True):
        keys = keys * size + row
    return keys


def is_sparse(x: Any) -> bool:
    """Whether a value is a sparse array."""
    return isinstance(x, SparseArray)


def made_of(indices: Any, values: Any, sizes: tuple[int, ...], coalesced: bool = False) -> SparseArray:
    """The array of coordinates with these indices, values and sizes of its sparse dims."""
    return SparseArray(Pattern(indices, sizes, coalesced), values)


def nonzero_pattern(dense: Any, sparse_dim: int) -> Pattern:
    """The places of a dense array at which not all of the dense dims are 0."""
    sizes = dense.shape[:sparse_dim]
    used = (dense != 0).any(axis=tuple(range(sparse_dim, dense.ndim)))
    if not sparse_dim:
        return Pattern(np.zeros((0, 1), np.int64), (), True)
    return Pattern(np.stack(np.nonzero(used)).astype(np.int64, copy=False), sizes, True)


def transposed(array: SparseArray) -> Any:
    """The transpose of a sparse matrix."""
    return permuted(array, (1, 0)) if array.ndim == 2 else array


def permuted(array: SparseArray, dims: tuple[int, ...]) -> SparseArray:
    """Dims in another order; sparse ones stay before dense ones."""
    sparse_dim = len(array.pattern.sizes)
    if sorted(dims[:sparse_dim]) != list(range(sparse_dim)):
        raise ShapeError(
            f"sparse transpose: transposed dimensions must all be sparse or all be dense; got the order {list(dims)} "
            f"with {sparse_dim} sparse dims"
        )
    pattern = array.pattern.permuted(tuple(dims[:sparse_dim]))
    lead = len(array.pattern.values_shape(array.shape)) - (array.ndim - sparse_dim)
    order = [*range(lead), *[d - sparse_dim + lead for d in dims[sparse_dim:]]]
    if getattr(pattern, "block", ()) and pattern is not array.pattern:
        order[lead - 2 : lead] = lead - 1, lead - 2
    values = array.values
    return SparseArray(pattern, values if order == list(range(values.ndim)) else values.transpose(order))


# ---------------------------------------------------------------- sums and products, element by element


def add(a: Any, b: Any, alpha: Any = 1) -> Any:
    """a + alpha b, dense where one of them is; see Note [Sums of sparse arrays]."""
    if not isinstance(b, SparseArray):
        b = b if alpha == 1 else b * alpha
        return add_into(np.array(np.broadcast_to(b, a.shape), np.result_type(a.values, b)), a)
    if not isinstance(a, SparseArray):
        kind = np.result_type(a, b.values)
        return add_into(np.array(np.broadcast_to(a, b.shape), kind), b if alpha == 1 else b * alpha)
    right = b.values if alpha == 1 else b.values * alpha
    if a.pattern is b.pattern or a.layout is b.layout is devices.sparse_coo and a.pattern.same_places(b.pattern):
        return SparseArray(a.pattern, a.values + right)
    if a.layout is not devices.sparse_coo:
        return PRODUCT["add"](a, SparseArray(b.pattern, right))
    indices = np.concatenate([a.pattern.indices, b.pattern.indices], axis=1)
    out = made_of(indices, np.concatenate([a.values, right]), a.pattern.sizes)
    return out.coalesce() if a.pattern.coalesced and b.pattern.coalesced else out


def add_into(dense: Any, array: SparseArray) -> Any:
    """dense += array, in place; work in proportion to what is stored."""
    pattern, groups = array.pattern.elements.unique()
    values = array.element_values()
    if pattern.count:
        pattern.keys()
        values = values if groups is None else groups.summed(values)
        at = tuple(pattern.indices) if len(pattern.sizes) else ...
        dense[at] += values if len(pattern.sizes) else values[0]
    return dense


def multiply(a: Any, b: Any) -> Any:
    """a * b: stored where all sparse operands are; a dense operand broadcasts to the sparse one."""
    if not isinstance(a, SparseArray):
        a, b = b, a
    if isinstance(b, SparseArray):
        return common(a, b)
    if getattr(b, "ndim", 0) == 0:
        return SparseArray(a.pattern, a.values * b)
    shape = broadcast_shapes(a.shape, b.shape)
    if shape != a.shape:
        return a.dense() * b
    return SparseArray(a.pattern, a.values * taken(a.pattern, np.broadcast_to(b, shape)))


def taken(pattern: Any, dense: Any) -> Any:
    """The elements of a dense array at a pattern's places, shaped as its values are."""
    found = pattern.elements.take(dense)
    return found.reshape(pattern.values_shape(dense.shape))


def looked_up(pattern: Any, array: SparseArray) -> Any:
    """The elements of a sparse array at a pattern's places, 0 where it has none; shaped as the pattern's values are."""
    if array.pattern is pattern and array.coalesced:
        return array.values
    found = pattern.elements.lookup(array)
    return found.reshape(pattern.values_shape(array.shape))


def common(a: SparseArray, b: SparseArray) -> SparseArray:
    """The product of two sparse arrays: a's places that b has too."""
    if a.pattern is b.pattern and a.coalesced:
        return SparseArray(a.pattern, a.values * b.values)
    if a.layout is not devices.sparse_coo:
        other = a.pattern.elements.lookup(b)
        return SparseArray(a.pattern, a.values * other.reshape(a.values.shape))
    theirs, groups = b.pattern.elements.unique()
    at, found = a.pattern.places_in(theirs)
    values = b.element_values() if groups is None else groups.summed(b.element_values())
    if found.all():
        return SparseArray(a.pattern, a.values * (values[at] if theirs.count else values[:0]))
    left = Pattern(a.pattern.indices[:, found], a.pattern.sizes, a.pattern.coalesced)
    return SparseArray(left, a.values[found] * values[at[found]])


def divide(a: Any, b: Any) -> Any:
    """a / b for a sparse dividend and a number; for others a dense quotient."""
    if isinstance(a, SparseArray) and not isinstance(b, SparseArray) and getattr(b, "ndim", 0) == 0:
        return SparseArray(a.pattern, a.values / b)
    if isinstance(a, SparseArray) and not isinstance(b, SparseArray) and b.shape == a.shape:
        return SparseArray(a.pattern, a.values / taken(a.pattern, b))
    return (a.dense() if isinstance(a, SparseArray) else a) / (b.dense() if isinstance(b, SparseArray) else b)


UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: add, np.subtract: lambda a, b: add(a, -b), np.multiply: multiply, np.true_divide: divide,
    np.negative: lambda a: -a, np.conjugate: lambda a: a.conj(),
    np.matmul: lambda a, b: PRODUCT["matmul"](a, b),
}  # fmt: skip

__all__ = [
    "Groups", "Pattern", "SparseArray", "add", "add_into", "common", "is_sparse", "joined", "looked_up", "made_of",
    "multiply", "nonzero_pattern", "permuted", "taken", "transposed", "widened",
]  # fmt: skip
