"""Constructors of sparse tensors, and whether they check what they are given."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert.core.tensor.sparse_checks  # noqa: F401 (fills a table)
from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.compressed import (
    BLOCKED,
    BY_ROWS,
    COMPRESSED,
    CompressedPattern,
    check_compressed,
    pointers_of,
    same_indices,
)
from wengert.core.arrays.sparse import Pattern
from wengert.core.base.errors import ArgumentError, GraphError, ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor.data import tensor
from wengert.core.tensor.sparse_methods import unlike

CHECKING = {"always": False}
"""Whether constructors check their arguments where a call does not say (check_sparse_tensor_invariants)."""


def index_array(given: Any) -> Any:
    """Indices as an array of int64 or int32."""
    a = given._array if isinstance(given, TensorBase) else np.asarray(given)
    return a if a.dtype in (np.int64, np.int32) else a.astype(np.int64)


def value_tensor(given: Any, dtype: Any) -> Any:
    """Values as a tensor of a dtype, with its history."""
    made: Any = given if isinstance(given, TensorBase) else tensor(given)
    return made if dtype is None or made.dtype is dtype else made.to(dtype)


def check_device(device: Any) -> None:
    """Sparse tensors live on the CPU."""
    if device is not None and devices.as_device(device).type != "cpu":
        raise GraphError(f"sparse tensors are made on the CPU only, not on {device}")


def leaf(values: Any, pattern: Any, name: str, requires_grad: bool) -> Any:
    """The sparse tensor of values; as a leaf that requires grad, without their history."""
    if not requires_grad:
        return m.sparse_of(values, pattern, name)
    return m.sparse_of(values.detach(), pattern, name).requires_grad_()


def sparse_coo_tensor(*given: Any, indices: Any = None, values: Any = None, size: Any = None, dtype: Any = None,
                      device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None, is_coalesced: bool | None = None) -> Any:  # fmt: skip
    """A tensor of coordinates: values (stored, dense dims...) at indices (sparse dims, stored), 0 elsewhere.

    Values of a place that is there twice are added up.  size: that of the tensor, found from the indices where it is
    not given; `sparse_coo_tensor(size)` stores nothing.  Gradients flow to values.
    check_invariants: whether indices are compared with the size now.
    Raises: ShapeError for indices, values and size that do not fit.
    """
    check_device(device)
    args: Any = given
    if len(args) == 1 and indices is None and values is None:
        if isinstance(args[0], TensorBase):
            raise ArgumentError("sparse_coo_tensor(): argument 'size' (position 1) must be tuple of ints, not Tensor")
        args, size = (), args[0]
    named = dict(zip(("indices", "values", "size"), args))
    indices, values = named.get("indices", indices), named.get("values", values)
    size = named.get("size", size)
    if indices is None:
        kind = dtypes.get_default_dtype() if dtype is None else dtype
        return unlike(kind.numpy, tuple(size), requires_grad)
    own, places = value_tensor(values, dtype), index_array(indices).astype(np.int64, copy=False)
    sizes = coordinate_sizes(places, own._array, size)
    pattern = Pattern(places, sizes, bool(is_coalesced))
    if size is None or (CHECKING["always"] if check_invariants is None else check_invariants):
        pattern.check()
        if is_coalesced and not np.all(np.diff(Pattern(places, sizes).keys()) > 0):
            raise ShapeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")
    return leaf(own, pattern, "SparseCooTensorWithDimsAndTensorsBackward0", requires_grad)


def coordinate_sizes(places: Any, values: Any, size: Any) -> tuple[int, ...]:
    """The sizes of the sparse dims, from a size or from the indices."""
    if size is not None:
        size = tuple(size)
        sparse, dense = places.shape[0] if places.ndim else 0, max(values.ndim - 1, 0)
        if len(size) != sparse + dense:
            raise ShapeError(
                f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
                f"{sparse}, dense_dim = {dense}"
            )
    if places.ndim != 2:
        raise ShapeError(f"indices must be sparse_dim x nnz, but got: {list(places.shape)}")
    count = values.shape[0] if values.ndim else 1
    if places.shape[1] != count or not values.ndim:
        raise ShapeError(
            f"indices and values must have same nnz, but got nnz from indices: {places.shape[1]}, nnz from values: "
            f"{count}"
        )
    if size is None:
        return tuple(int(n) + 1 for n in places.max(axis=1)) if count else (0,) * places.shape[0]
    if tuple(values.shape[1:]) != size[places.shape[0] :]:
        wanted = [count, *size[places.shape[0] :]]
        raise ShapeError(f"values has incorrect size, expected {wanted}, got {list(values.shape)}")
    return size[: places.shape[0]]


def sparse_compressed_tensor(compressed_indices: Any, plain_indices: Any, values: Any, size: Any = None, *,
                             dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
                             requires_grad: bool = False, check_invariants: bool | None = None) -> Any:  # fmt: skip
    """A tensor in a compressed layout: pointers into plain indices, and values, which gradients flow to.

    Shapes: compressed_indices (batch..., rows + 1), plain_indices (batch..., stored), values (batch..., stored,
    block..., dense...).  size: found from the indices where it is not given.
    Raises: ShapeError for parts that do not fit, with `check_invariants` also for pointers and indices that are no
    matrix's.
    """
    if layout not in COMPRESSED:
        raise GraphError(
            f"sparse_compressed_tensor expected sparse compressed tensor layout but got {layout or 'none'}"
        )
    check_device(device)
    own = value_tensor(values, dtype)
    compressed, plain = index_array(compressed_indices), index_array(plain_indices)
    same_indices(compressed, plain, *PARTS[layout in BY_ROWS])
    batch = compressed.ndim - 1
    block = tuple(own._array.shape[batch + 1 : batch + 3]) if layout in BLOCKED else ()
    if size is None:
        size = inferred_size(layout, compressed, plain, own._array, block)
    if CHECKING["always"] if check_invariants is None else check_invariants:
        check_compressed(layout, compressed, plain, own._array, tuple(size))
    pattern = CompressedPattern(layout, compressed, plain, tuple(size)[: batch + 2], block)
    return leaf(own, pattern, "SparseCompressedTensorBackward0", requires_grad)


PARTS = {True: ("crow_indices", "col_indices"), False: ("ccol_indices", "row_indices")}
"""What the indices of layouts by rows are called, and those of layouts by columns."""


def inferred_size(layout: Any, compressed: Any, plain: Any, values: Any, block: Any) -> tuple[int, ...]:
    """The size that indices and values need."""
    lead, other = compressed.shape[-1] - 1, int(plain.max()) + 1 if plain.size else 0
    rows, columns = (lead, other) if layout in BY_ROWS else (other, lead)
    tall, wide = block or (1, 1)
    batch = compressed.shape[:-1]
    return (*batch, rows * tall, columns * wide, *values.shape[len(batch) + 1 + len(block) :])


def of_layout(layout: Any, first: str, second: str) -> Any:
    """The constructor of one compressed layout."""

    def construct(*args: Any, **kwargs: Any) -> Any:
        names = (first, second, "values", "size")
        given = dict(zip(names, args)) | {k: kwargs.pop(k) for k in names if k in kwargs}
        absent = [n for n in names[:3] if n not in given]
        if absent or len(args) > 4:
            raise ArgumentError(f"{layout.name}_tensor(): missing argument '{(absent or ['size'])[0]}'")
        return sparse_compressed_tensor(given[first], given[second], given["values"], given.get("size"), layout=layout,
                                        **kwargs)  # fmt: skip

    construct.__name__ = construct.__qualname__ = f"{layout.name}_tensor"
    construct.__doc__ = f"A tensor of layout {layout} from {first}, {second}, values and a size; see the general form."
    return construct


sparse_csr_tensor = of_layout(devices.sparse_csr, "crow_indices", "col_indices")
sparse_csc_tensor = of_layout(devices.sparse_csc, "ccol_indices", "row_indices")
sparse_bsr_tensor = of_layout(devices.sparse_bsr, "crow_indices", "col_indices")
sparse_bsc_tensor = of_layout(devices.sparse_bsc, "ccol_indices", "row_indices")


def validate_coordinates(indices: Any, values: Any, size: Any, *rest: Any, **options: Any) -> None:
    """Raise unless indices, values and size make a tensor of coordinates."""
    sizes = coordinate_sizes(index_array(indices), values._array, size)
    Pattern(index_array(indices), sizes).check()


def validate_compressed(compressed: Any, plain: Any, values: Any, size: Any, layout: Any) -> None:
    """Raise unless the parts make a tensor of a compressed layout."""
    check_compressed(layout, index_array(compressed), index_array(plain), values._array, tuple(size))


def _convert_indices_from_coo_to_csr(input: Any, size: int, *, out_int32: bool = False, out: Any = None) -> Any:
    """Where each of `size` rows begins in a sorted vector of row indices."""
    made = pointers_of(input._array, size).astype(np.int32 if out_int32 else np.int64)
    return wrap(made) if out is None else out.copy_(wrap(made))


def _convert_indices_from_csr_to_coo(
    crow_indices: Any, col_indices: Any, *, out_int32: bool = False, transpose: bool = False, out: Any = None
) -> Any:
    """Row and column indices (2, stored) of pointers and columns; transpose: columns first."""
    rows = np.repeat(np.arange(crow_indices._array.shape[-1] - 1), np.diff(crow_indices._array))
    pair = (col_indices._array, rows) if transpose else (rows, col_indices._array)
    made = np.stack(pair).astype(np.int32 if out_int32 else np.int64)
    return wrap(made) if out is None else out.copy_(wrap(made))


_validate_sparse_coo_tensor_args = validate_coordinates
_validate_sparse_compressed_tensor_args = validate_compressed

__all__ = [
    "CHECKING", "sparse_bsc_tensor", "sparse_bsr_tensor", "sparse_compressed_tensor", "sparse_coo_tensor",
    "sparse_csc_tensor", "sparse_csr_tensor", "validate_compressed", "validate_coordinates", "wrap",
]  # fmt: skip
