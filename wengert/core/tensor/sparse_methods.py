"""Methods of sparse tensors: their parts, conversions between layouts, text and pickles."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.compressed import (
    BLOCKED,
    BY_ROWS,
    COMPRESSED,
    CompressedPattern,
    check_compressed,
    compressed_pattern,
)
from wengert.core.arrays.shape import SIZES
from wengert.core.arrays.sparse import Pattern, SparseArray, taken
from wengert.core.base.errors import ArgumentError, GraphError, MissingError, ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import new_tensor, wrap
from wengert.core.tape.views import written
from wengert.core.tensor import printing
from wengert.core.tensor.overrides import mark
from wengert.core.tensor.sparse import METHODS, begin, guarded, is_sparse, missing
from wengert.core.tensor.sparse_parts import spelt_out
from wengert.core.tensor.sparse_rules import coalesced, pattern_of, rebuilt, values_of
from wengert.core.tensor.tensor import Tensor

COO = devices.sparse_coo
LAYOUT_NAMES = {
    "strided": "Strided", "sparse_coo": "Sparse", "sparse_csr": "SparseCsr", "sparse_csc": "SparseCsc",
    "sparse_bsr": "SparseBsr", "sparse_bsc": "SparseBsc",
}  # fmt: skip


def layout_name(x: Any) -> str:
    """A tensor's layout as torch's messages name it."""
    return LAYOUT_NAMES[x.layout.name]


# ---------------------------------------------------------------- parts


def coalesce(self: Any) -> Any:
    """The tensor with each place stored once, in row-major order; itself where that is so."""
    need_coordinates(self, "coalesce")
    return coalesced(self)


def is_coalesced(self: Any) -> bool:
    """Whether each place is stored once and in order, as far as is known."""
    need_coordinates(self, "is_coalesced")
    return self._array.coalesced  # type: ignore[no-any-return]


def need_coordinates(x: Any, name: str) -> None:
    """Raise for other layouts than coordinates."""
    if not is_sparse(x) or x.layout is not COO:
        raise GraphError(f"{name} expected sparse coordinate tensor layout but got {layout_name(x)}")


def indices(self: Any) -> Any:
    """The places of a coalesced tensor: (sparse dims, stored)."""
    need_coordinates(self, "indices")
    if not self._array.coalesced:
        raise GraphError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
    return wrap(self._array.pattern.indices)


def values(self: Any) -> Any:
    """The values of a coalesced tensor, or of a compressed one, with their history."""
    if self.layout is COO and not self._array.coalesced:
        raise GraphError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
    return values_of(self)


def raw_indices(self: Any) -> Any:
    """The places, coalesced or not, over the tensor's own memory."""
    need_sparse(self, "_indices")
    return wrap(self._array.pattern.indices)


def raw_values(self: Any) -> Any:
    """The values, coalesced or not, over the tensor's own memory and without history."""
    need_sparse(self, "_values")
    return wrap(self._array.values)


def stored_count(self: Any) -> int:
    """How many places are stored."""
    need_sparse(self, "_nnz")
    return self._array.pattern.count  # type: ignore[no-any-return]


def need_sparse(x: Any, name: str) -> None:
    """Raise for dense tensors."""
    if not is_sparse(x):
        raise MissingError(
            f"Could not run 'aten::{name}' with arguments from the 'CPU' backend: only sparse tensors have it"
        )


def sparse_dim(self: Any) -> int:
    """Number of sparse dims; 0 for a dense tensor."""
    if not is_sparse(self):
        return 0
    return len(self._array.pattern.sizes) if self.layout is COO else 2


def dense_dim(self: Any) -> int:
    """Number of dense dims, those of each value."""
    return self._array.ndim - (len(self._array.pattern.sizes) if is_sparse(self) else 0)  # type: ignore[no-any-return]


def mark_coalesced(self: Any, coalesced: bool) -> Any:
    """Say that a tensor is coalesced, or not; nothing is checked."""
    pattern = self._array.pattern
    self._array.pattern = Pattern(pattern.indices, pattern.sizes, coalesced)
    return self


def compressed_part(name: str) -> Any:
    """The method that gives the pointers or the plain indices of a compressed layout."""
    rows = name in ("crow_indices", "col_indices")
    pointers = name in ("crow_indices", "ccol_indices")

    def method(self: Any) -> Any:
        if not is_sparse(self) or self.layout is COO or (self.layout in BY_ROWS) != rows:
            wants = "row" if rows else "column"
            raise GraphError(f"{name} expected sparse {wants} compressed tensor layout but got {layout_name(self)}")
        pattern = pattern_of(self)
        return wrap(pattern.compressed if pointers else pattern.plain)

    method.__name__ = method.__qualname__ = name
    return method


# ---------------------------------------------------------------- conversions


def to_dense(self: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
    """The dense tensor.

    masked_grad: True (the default) gives gradients only at the stored places; False to all elements.
    """
    if not is_sparse(self):
        out = self
    elif masked_grad is False:
        out = m.sparse_whole(self, sparse_dim(self))
    else:
        out = m.sparse_dense(values_of(self), pattern_of(self), None)
    return out if dtype is None else out.to(dtype)


def to_sparse(
    self: Any, *given: Any, sparse_dim: int | None = None, layout: Any = None, blocksize: Any = None,
    dense_dim: int | None = None,
) -> Any:  # fmt: skip
    """The elements that are not 0 in a sparse layout: coordinates, unless another is said.

    Forms: to_sparse(), to_sparse(sparse_dim), to_sparse(layout=, blocksize=, dense_dim=).
    Raises: ShapeError for a number of sparse dims that the tensor has not.
    """
    if given:
        sparse_dim = given[0]
    if layout is None or layout is COO:
        return to_coordinates(self, sparse_dim)
    if layout is devices.strided:
        return to_dense(self)
    return to_compressed(self, layout, blocksize, dense_dim)


def to_coordinates(self: Any, count: int | None = None) -> Any:
    """The tensor as coordinates with `count` sparse dims (None: all)."""
    ndim = self._array.ndim
    if not is_sparse(self):
        count = ndim if count is None else count
        if not 0 <= count <= ndim or (count == 0 and ndim):
            raise ShapeError(f"dense_to_sparse: sparse_dim argument must be in [0,{ndim}] range, but {count} is given")
        return m.sparsified(self, count)
    if self.layout is COO:
        if count is not None and count != sparse_dim(self):
            raise GraphError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not "
                "supported"
            )
        return self
    if count not in (None, len(pattern_of(self).sizes)):
        raise GraphError(
            f"sparse_compressed_to_sparse: conversion from {layout_name(self)} to Sparse with sparse_dim argument != 2 "
            "is not supported"
        )
    return coalesced(spelt_out(self))


def to_compressed(self: Any, layout: Any, blocksize: Any = None, dense_dim: int | None = None) -> Any:
    """The tensor in a compressed layout."""
    block = () if blocksize is None else (blocksize,) * 2 if isinstance(blocksize, int) else tuple(blocksize)
    name = layout.name[7:].title()
    if (layout in BLOCKED) != bool(block):
        what = "requires" if layout in BLOCKED else "does not take"
        raise GraphError(f"to_sparse: conversion to {LAYOUT_NAMES[layout.name]} {what} a blocksize argument")
    if not is_sparse(self):
        rest = dense_dim or 0
        if self._array.ndim - rest < 2:
            raise GraphError(
                f"to_sparse_{layout.name[7:]}: tensor dimensionality must be at least 2 + dense_dim: it is "
                f"{self._array.ndim}"
            )
        return m.sparse_compressed(self, layout, block, rest)
    if self.layout is layout and pattern_of(self).block == block:
        return self
    x = to_coordinates(self) if self.layout is not COO else coalesced(self)
    pattern = pattern_of(x)
    if len(pattern.sizes) != 2:
        raise GraphError(f"to_sparse_{layout.name[7:]}: only matrices of coordinates are converted to {name}")
    target, order = compressed_pattern(pattern.indices, pattern.sizes, layout, block)
    own = values_of(x)
    if block:
        own = m.sparse_moved(own, pattern, target)
    elif order is not None:
        own = m.index_select(own, 0, wrap(order))
    return rebuilt(own, target, f"ToSparse{name}Backward0")


def to_layout(layout: Any) -> Any:
    """The method that converts to one compressed layout."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        names = ("blocksize", "dense_dim") if layout in BLOCKED else ("dense_dim",)
        return to_compressed(self, layout, **dict(zip(names, args)), **kwargs)

    method.__name__ = method.__qualname__ = f"to_{layout.name}"
    return method


def sparse_mask(self: Any, mask: Any) -> Any:
    """The elements of a tensor, dense or sparse, at the places of a sparse one."""
    if not is_sparse(mask):
        raise MissingError("Could not run 'aten::sparse_mask' with arguments from the 'CPU' backend: the mask is dense")
    if self._array.shape != mask._array.shape:
        raise ShapeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size "
            f"{list(mask.shape)}"
        )
    pattern = pattern_of(mask)
    at = m.sparse_lookup(self, pattern) if is_sparse(self) else m.sparse_take(self, pattern)
    return rebuilt(at, pattern, "SparseMaskBackward0")


# ---------------------------------------------------------------- sizes


def sparse_resize_(self: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Another size, with the stored values kept; no dim may shrink where there are any."""
    size = tuple(size)
    array = self._array
    pattern = array.pattern
    check_resizing(self, size, sparse_dim, dense_dim)
    own = array.values
    if own.shape[1:] != size[sparse_dim:]:
        wider = np.zeros((own.shape[0], *size[sparse_dim:]), own.dtype)
        wider[tuple(slice(n) for n in own.shape)] = own
        own = wider
    places = (
        pattern.indices if pattern.count or sparse_dim == len(pattern.sizes) else np.zeros((sparse_dim, 0), np.int64)
    )
    array.pattern, array.values = Pattern(places, size[:sparse_dim], pattern.coalesced), own
    written(self, 3)
    return self


def check_resizing(x: Any, size: tuple[int, ...], sparse: int, dense: int) -> None:
    """Whether a sparse tensor can take another size."""
    if sparse + dense != len(size):
        raise ShapeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse}, "
            f"dense_dim = {dense}"
        )
    if not x._array.pattern.count:
        return
    have = x._array.shape
    count = len(x._array.pattern.sizes)
    for what, own, new in (("sparse", count, sparse), ("dense", len(have) - count, dense)):
        if own != new:
            raise ShapeError(
                f"changing the number of {what} dimensions (from {own} to {new}) on a non-empty sparse tensor is not "
                "supported."
            )
    for what, before, after in (("sparse", have[:count], size[:count]), ("dense", have[count:], size[count:])):
        if any(b < a for a, b in zip(before, after, strict=True)):
            raise ShapeError(
                f"shrinking the size of {what} dimensions (from {list(before)} to {list(after)}) on a non-empty sparse "
                "tensor is not supported."
            )


def sparse_resize_and_clear_(self: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Another size, with nothing stored."""
    size = tuple(size)
    array = self._array
    array.pattern = Pattern(np.zeros((sparse_dim, 0), np.int64), size[:sparse_dim], True)
    array.values = np.zeros((0, *size[sparse_dim:]), array.values.dtype)
    written(self, 3)
    return self


# ---------------------------------------------------------------- reading by a key


def item_of(x: Any, items: tuple[Any, ...]) -> Any:
    """x[key] for integers, `:`, `...` and None; there are no views of other parts."""
    skipped = x._array.ndim - sum(k is not None and k is not ... for k in items)
    dim = 0
    for key in items:
        if key is None:
            x, dim = m.unsqueeze(x, dim), dim + 1
        elif key is ...:
            dim += skipped
        elif isinstance(key, slice) and key == slice(None):
            dim += 1
        elif hasattr(key, "__index__") and not isinstance(key, bool) and not getattr(key, "ndim", 0):
            x = m.select(x, dim, key.__index__())
        else:
            raise missing("slice" if isinstance(key, slice) else "index", x)
    return x


# ---------------------------------------------------------------- text


def part_text(name: str, part: Any, indent: int) -> str:
    """One of the tensors that a sparse tensor is written with."""
    opening = f"{name}=tensor("
    text = printing.array_text(part, indent + len(opening))
    return opening + text + (f", size={tuple(part.shape)}" if not part.size else "") + ")"


def text(self: Any) -> str:
    """torch's printed form."""
    array, own = self._array, printing._own_class(self)
    opening = ("tensor" if own else type(self).__name__) + "("
    indent = len(opening)
    pattern = array.pattern
    if self.layout is COO:
        parts = [part_text("indices", pattern.indices, indent)]
    else:
        by_rows = self.layout in BY_ROWS
        names = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
        parts = [part_text(n, a, indent) for n, a in zip(names, (pattern.compressed, pattern.plain), strict=True)]
    parts.append(part_text("values", array.values, indent))
    body = opening + (",\n" + " " * indent).join(parts)
    suffixes = [f"size={tuple(array.shape)}", f"nnz={pattern.count}"]
    default = dtypes.get_default_dtype()
    partner = dtypes.complex128 if default is dtypes.float64 else dtypes.complex64
    if self.dtype not in (default, dtypes.int64, dtypes.bool_, partner):
        suffixes.append(f"dtype={self.dtype}")
    suffixes += [f"layout={self.layout}", *printing._gradient_suffix(self)]
    written_out = closed(body, suffixes, indent, self.layout is COO)
    if not any(kind.__name__ == "Parameter" for kind in type(self).__mro__):
        return written_out
    return "Parameter containing:\n" + (written_out if own else f"Parameter({written_out})")


def closed(text: str, suffixes: list[str], indent: int, anew: bool) -> str:
    """`text` and its suffixes, on lines as long as may be; anew: the first begins a line."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if anew or column + len(suffix) + 2 > printing.get_printoptions()["linewidth"]:
            text += ",\n" + " " * indent + suffix
            column, anew = indent + len(suffix), False
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


# ---------------------------------------------------------------- pickles


def reduce(self: Any) -> Any:
    """Pickling: layout, indices, values and size; history is not kept."""
    pattern = self._array.pattern
    coordinates = self.layout is COO
    places: Any = (pattern.indices, pattern.coalesced) if coordinates else (pattern.compressed, pattern.plain)
    return rebuild, (
        self.__class__, self.layout, places, self._array.values, pattern.sizes, getattr(pattern, "block", ()),
        bool(self.requires_grad), dict(vars(self)),
    )  # fmt: skip


def rebuild(
    cls: type, layout: Any, places: Any, own: Any, sizes: Any, block: Any, requires_grad: bool, state: Any
) -> Any:
    """Inverse of `reduce`."""
    pattern: Any = Pattern(places[0], sizes, places[1]) if layout is COO else None
    if pattern is None:
        pattern = CompressedPattern(layout, places[0], places[1], sizes, block)
    out: Any = new_tensor(cls)
    out._array, out._flags, out._node, out._vc, out._extra = SparseArray(pattern, own), 0, None, None, None
    if requires_grad:
        out.requires_grad_()
    mark(out)
    out.__dict__.update(state)
    return out


def parts(self: Any) -> tuple[Any, ...]:
    """What a file holds of a sparse tensor: its indices, values and size; for coordinates also whether coalesced."""
    pattern, own = self._array.pattern, wrap(self._array.values)
    if self.layout is COO:
        return wrap(pattern.indices), own, SIZES[self._array.shape], bool(pattern.coalesced)
    return wrap(pattern.compressed), wrap(pattern.plain), own, SIZES[self._array.shape]


def of_parts(layout: Any, *given: Any) -> Any:
    """Inverse of `parts`; indices are checked.

    Raises: ShapeError for parts that make no tensor.
    """
    if layout is COO:
        places, own, size = (given[0]._array, given[1]._array, tuple(given[2]))
        if places.ndim != 2 or own.ndim < 1 or places.shape[1] != own.shape[0]:
            raise ShapeError(f"indices of shape {list(places.shape)} and values of shape {list(own.shape)}")
        pattern = Pattern(places, size[: places.shape[0]], len(given) > 3 and bool(given[3]))
        pattern.check()
        return wrap(SparseArray(pattern, own))
    compressed, plain, own, size = given[0]._array, given[1]._array, given[2]._array, tuple(given[3])
    check_compressed(layout, compressed, plain, own, size)
    batch = compressed.ndim - 1
    block = own.shape[batch + 1 : batch + 3] if layout in BLOCKED else ()
    return wrap(SparseArray(CompressedPattern(layout, compressed, plain, size[: batch + 2], block), own))


# ---------------------------------------------------------------- what a sparse tensor answers otherwise


def unlike(dtype: Any, shape: Any, requires_grad: bool = False) -> Any:
    """An empty tensor of coordinates."""
    shape = tuple(shape)
    out = wrap(SparseArray(Pattern(np.zeros((len(shape), 0), np.int64), shape, True), np.zeros((0,), dtype)))
    return out.requires_grad_() if requires_grad else out


def zeros_like(input: Any, *, dtype: Any = None, layout: Any = None, requires_grad: bool = False, **rest: Any) -> Any:
    """Nothing stored, in the size and layout of input."""
    kind = input._array.values.dtype if dtype is None else dtype.numpy
    if layout is devices.strided:
        return wrap(np.zeros(input._array.shape, kind))
    pattern = input._array.pattern
    if input.layout is COO:
        own = np.zeros((0, *input._array.values.shape[1:]), kind)
        out = wrap(SparseArray(Pattern(pattern.indices[:, :0], pattern.sizes, True), own))
    else:
        none = pattern.emptied()
        out = wrap(SparseArray(none, np.zeros(none.values_shape(input._array.shape), kind)))
    return out.requires_grad_() if requires_grad else out


def filled(name: str) -> Any:
    """A function that would fill every element."""

    def method(self: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if self.layout is COO or name != "fill":
            raise missing(name, self)
        own = self._array.values
        value = args[0] if args else kwargs.get("fill_value", 1)
        return wrap(SparseArray(self._array.pattern, np.full_like(own, value, None if dtype is None else dtype.numpy)))

    return method


def new_zeros(self: Any, *size: Any, dtype: Any = None, requires_grad: bool = False, **rest: Any) -> Any:
    """Nothing stored, in the tensor's dtype."""
    shape = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    return unlike(self._array.values.dtype if dtype is None else dtype.numpy, shape, requires_grad)


def empty(shape: Any, dtype: Any, layout: Any, requires_grad: bool = False) -> Any:
    """`zeros(..., layout=)` and `empty(..., layout=)`: nothing stored."""
    kind = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy
    if layout is COO:
        return unlike(kind, shape, requires_grad)
    if layout not in COMPRESSED or layout in BLOCKED:
        raise GraphError(f"empty: unsupported layout {layout} without a blocksize")
    lead = shape[-2 if layout in BY_ROWS else -1]
    batch = tuple(shape[:-2])
    pattern = CompressedPattern(
        layout, np.zeros((*batch, lead + 1), np.int64), np.zeros((*batch, 0), np.int64), tuple(shape)
    )
    out = wrap(SparseArray(pattern, np.zeros((*batch, 0), kind)))
    return out.requires_grad_() if requires_grad else out


def no_array(self: Any, *, force: bool = False) -> Any:
    """Sparse tensors are no NumPy arrays."""
    raise ArgumentError(f"can't convert {layout_name(self)} layout tensor to numpy. Use Tensor.to_dense() first.")


def refused(name: str) -> Any:
    """A method that there is not for sparse tensors."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise missing(name, self)

    return method


def no_memory(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Sparse tensors have no single memory."""
    raise GraphError("Cannot access data pointer of Tensor that doesn't have storage")


def is_contiguous(self: Any, *args: Any, **kwargs: Any) -> bool:
    """False; not told of compressed layouts."""
    if self.layout is not COO:
        raise GraphError(f"Sparse {self.layout.name[7:].upper()} tensors do not have is_contiguous")
    return False


def no_storage(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Sparse tensors have no storage."""
    kind = "SparseTensorImpl" if self.layout is COO else "SparseCsrTensorImpl"
    raise MissingError(f"Cannot access storage of {kind}")


def type_name(self: Any, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    """`x.type()`: the legacy name; with a dtype the tensor in it."""
    if dtype is None:
        space = "sparse" if self.layout is COO else self.layout.name
        return dtypes.tensor_type_name(self.dtype).replace("torch.", f"torch.{space}.")
    if not isinstance(dtype, dtypes.dtype):
        raise ValueRangeError(f"invalid type: {dtype!r}")
    return self.to(dtype)


def only_item(self: Any) -> Any:
    """The only element as a Python number."""
    if self._array.size != 1:
        raise GraphError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
    return self._array.dense().item()


def resize_as(self: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """Another size, that of a sparse tensor."""
    if self.layout is not COO:
        if self.shape != the_template.shape:
            raise missing("resize_", self)
        return self
    return sparse_resize_(self, the_template._array.shape, sparse_dim(the_template), dense_dim(the_template))


METHODS.update(
    coalesce=coalesce, is_coalesced=is_coalesced, indices=indices, values=values, _indices=raw_indices,
    _values=raw_values, _nnz=stored_count, sparse_dim=sparse_dim, dense_dim=dense_dim, _dimI=sparse_dim,
    _dimV=dense_dim, _coalesced_=mark_coalesced, to_dense=to_dense, _to_dense=to_dense, to_sparse=to_sparse,
    _to_sparse=to_sparse, to_sparse_coo=to_sparse, sparse_mask=sparse_mask, sparse_resize_=sparse_resize_,
    sparse_resize_and_clear_=sparse_resize_and_clear_, __repr__=text, __getitem__=item_of, __reduce_ex__=reduce,
    zeros_like=zeros_like, empty_like=zeros_like, new_zeros=new_zeros, new_empty=new_zeros, numpy=no_array,
    tolist=no_memory, item=only_item, stride=lambda self, dim=None: self_strides(self, dim),
    empty=empty, resize_as_=resize_as, parts=parts, of_parts=of_parts,
)  # fmt: skip
METHODS.update({name: filled("fill") for name in ("ones_like", "full_like", "new_ones", "new_full")})
METHODS.update(rand_like=filled("uniform_"), randn_like=filled("normal_"))
METHODS.update({f"to_{layout.name}": to_layout(layout) for layout in COMPRESSED})
METHODS.update({n: compressed_part(n) for n in ("crow_indices", "col_indices", "ccol_indices", "row_indices")})


def self_strides(x: Any, dim: Any) -> Any:
    """Strides are all 0; there are none for compressed layouts."""
    if x.layout is not COO:
        raise GraphError(f"Sparse {x.layout.name[7:].upper()} tensors do not have strides")
    return (0,) * x._array.ndim if dim is None else 0


def unwritable(self: Any, index: Any, value: Any) -> None:
    """Parts of sparse tensors are not written."""
    raise ArgumentError("Cannot assign to a sparse tensor")


UNSTORED = {
    "__setitem__": unwritable, "resize_": refused("resize_"), "set_": refused("set_.source_Tensor"),
    "is_contiguous": is_contiguous, "data_ptr": no_memory, "storage": no_storage,
    "untyped_storage": no_storage, "share_memory_": no_storage, "is_shared": no_storage,
    "storage_offset": lambda self: 0, "type": type_name, "new": lambda self, *size, **options: new_zeros(self, *size),
}  # fmt: skip
"""Methods of memory, for which the class of tensors is changed when sparse ones come in."""

__all__ = ["UNSTORED", "METHODS", "layout_name", "taken", "text", "to_compressed", "to_coordinates", "to_dense"]

begin()
for _name, _special in UNSTORED.items():
    guarded(Tensor, _name, _special)
