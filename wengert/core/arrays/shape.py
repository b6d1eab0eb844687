"""Shapes and strides: the public `Size`, and pure functions on plain tuples of ints.

Strides count elements, not bytes. A function takes any tuple (a `Size` is one) and gives a plain tuple back, which
costs less than a `Size`; what the user sees is wrapped at the door, by `size`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from operator import index
from typing import Any, SupportsIndex, overload

from ..base.errors import ArgumentError, DimError, ShapeError, ValueRangeError

Shape = tuple[int, ...]

MAX_DIMS = 64  # PyTorch's own limit on dimensions in a reduction: it keeps them in a 64-bit mask.


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of ints whose slices, sums and multiples are again sizes.

    Raises: ArgumentError for items that are not integers.
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SupportsIndex] = (), /) -> Size:
        self = tuple.__new__(cls, sizes)
        for item in self:
            if type(item) is not int:
                return tuple.__new__(cls, _integers(self))
        return self

    def numel(self) -> int:
        """The number of elements: the product of the sizes, 1 for no dimensions."""
        return prod(self)

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> Size: ...
    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return tuple.__new__(Size, found) if type(found) is tuple else found

    def __add__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise ArgumentError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise ArgumentError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count: SupportsIndex) -> Size:
        try:
            return tuple.__new__(Size, tuple.__mul__(self, count))
        except TypeError:
            raise ArgumentError(f"can't multiply sequence by non-int of type '{type(count).__name__}'") from None

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(repr, self))}])"

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


class Sizes(dict[Shape, Size]):
    """The Size of an array's shape: looking one up costs a third of making it."""

    def __missing__(self, shape: Shape) -> Size:
        if len(self) == MOST_SIZES:
            self.clear()
        made = self[shape] = tuple.__new__(Size, shape)
        return made


MOST_SIZES = 4096
SIZES = Sizes()


def _integers(items: Sequence[Any]) -> list[int]:
    sizes = []
    for position, item in enumerate(items):
        try:
            sizes.append(index(item))
        except TypeError:
            raise ArgumentError(
                f"torch.Size() takes an iterable of 'int' (item {position} is '{type(item).__name__}')"
            ) from None
    return sizes


def size(shape: Iterable[int]) -> Size:
    """A `Size` of ints that need no check."""
    return tuple.__new__(Size, shape)


def _listed(shape: Iterable[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"


# --- Dimensions ----------------------------------------------------------------------------------------------------


def wrap_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; negative counts from the back, and no dimensions count as one.

    Raises: DimError outside `[-ndim, ndim - 1]`; ArgumentError unless `dim` is an integer.
    """
    if type(dim) is not int:
        try:
            dim = index(dim)
        except TypeError:
            raise ArgumentError(f"argument 'dim' must be int, not {type(dim).__name__}") from None
    if 0 <= dim < ndim:
        return dim
    count = ndim or 1
    if -count <= dim < count:
        return dim + count if dim < 0 else dim
    raise DimError(f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], but got {dim})")


def wrap_dims(dims: int | Iterable[int] | None, ndim: int) -> Shape:
    """Dimensions counted from the front, in the order given; `None` is all of them, an int is one.

    Edges: an empty sequence gives `()`; whether that means none or all is the operator's to say.
    Raises: DimError as `wrap_dim`; ShapeError for one given twice.
    """
    if dims is None:
        return tuple(range(ndim))
    if type(dims) is int:
        return (wrap_dim(dims, ndim),)
    try:
        given = tuple(dims)  # type: ignore[arg-type]
    except TypeError:
        return (wrap_dim(dims, ndim),)  # type: ignore[arg-type]
    if ndim > MAX_DIMS:
        raise ShapeError(f"only tensors with up to {MAX_DIMS} dims are supported, got {ndim}")
    wrapped = tuple([wrap_dim(dim, ndim) for dim in given])
    if len(set(wrapped)) < len(wrapped):
        twice = next(dim for position, dim in enumerate(wrapped) if dim in wrapped[:position])
        raise ShapeError(f"dim {twice} appears multiple times in the list of dims, got {given} for {ndim} dimensions")
    return wrapped


def reduced_shape(shape: Shape, dims: Iterable[int], keepdim: bool = False) -> Shape:
    """The shape left when `dims` (counted from the front) are reduced: dropped, or kept with size 1."""
    gone = frozenset(dims)
    if keepdim:
        return tuple([1 if dim in gone else extent for dim, extent in enumerate(shape)])
    return tuple([extent for dim, extent in enumerate(shape) if dim not in gone])


# --- Broadcasting --------------------------------------------------------------------------------------------------


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that operands broadcast to: aligned at the back, equal or 1 in each dimension.

    Raises: ShapeError naming the two sizes and the dimension of the result where they differ.
    """
    if not shapes:
        return ()
    result = shapes[0]
    for shape in shapes[1:]:
        if shape != result:
            result = _broadcast_pair(result, shape)
    return tuple(result)


def _broadcast_pair(a: Shape, b: Shape) -> Shape:
    ndim = max(len(a), len(b))
    result = list(a if len(a) == ndim else b)
    for back in range(1, min(len(a), len(b)) + 1):
        left, right = a[-back], b[-back]
        if left != right and left != 1 and right != 1:
            raise ShapeError(
                f"The size of tensor a ({left}) must match the size of tensor b ({right}) "
                f"at non-singleton dimension {ndim - back}; the shapes are {_listed(a)} and {_listed(b)}"
            )
        result[-back] = right if left == 1 else left
    return tuple(result)


def common_shape(*shapes: int | Sequence[int]) -> Size:
    """The public `broadcast_shapes`: as above for shapes given as ints, lists or tuples, with its own errors.

    Raises: ShapeError for a mismatch, naming the argument; ValueRangeError for a negative size; ArgumentError for
    sizes that are not integers.
    """
    given = [(shape,) if isinstance(shape, int) else shape for shape in shapes]
    result = [1] * max(map(len, given), default=0)
    for position, shape in enumerate(given):
        extents = _integers(shape)
        for back in range(1, len(extents) + 1):
            extent = extents[-back]
            if extent in (1, result[-back]):
                continue
            if result[-back] != 1:
                raise ShapeError(
                    f"Attempting to broadcast a dimension of length {extent} at {-back}! Mismatching argument at index "
                    f"{position} had {shape}; but expected shape should be broadcastable to {result}"
                )
            if extent < 0:
                raise ValueRangeError(
                    f"Attempting to broadcast a dimension with negative length! Got {extent} in {shape}"
                )
            result[-back] = extent
    return size(result)


def unbroadcast_axes(shape: Shape, to: Shape) -> Shape:
    """The axes of `shape` to sum over so that, reshaped to `to`, broadcasting `to` up to `shape` is undone."""
    lead = len(shape) - len(to)
    stretched = [lead + axis for axis, extent in enumerate(to) if extent == 1 and shape[lead + axis] != 1]
    return (*range(lead), *stretched)


# --- Strides and views ---------------------------------------------------------------------------------------------


def infer_size(shape: Sequence[int], numel: int) -> Shape:
    """`shape` with its one -1, if any, replaced by what `numel` elements leave for it.

    Raises: ShapeError for a second -1, a size below -1, a product other than `numel`, or a -1 beside a size 0.
    """
    inferred = None
    known = 1
    for position, extent in enumerate(shape):
        if extent >= 0:
            known *= extent
        elif extent != -1:
            raise ShapeError(f"invalid shape dimension {extent} at index {position} of shape {_listed(shape)}")
        elif inferred is not None:
            raise ShapeError(f"only one dimension can be inferred, got shape {_listed(shape)}")
        else:
            inferred = position
    if inferred is None:
        if known == numel:
            return tuple(shape)
    elif known == 0 and numel == 0:
        raise ShapeError(
            f"cannot reshape tensor of 0 elements into shape {_listed(shape)} because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    elif known and numel % known == 0:
        return (*shape[:inferred], numel // known, *shape[inferred + 1 :])
    raise ShapeError(f"shape '{_listed(shape)}' is invalid for input of size {numel}")


def contiguous_strides(shape: Sequence[int]) -> Shape:
    """Row-major strides; a size of 0 counts as 1."""
    strides = [1] * len(shape)
    step = 1
    for dim in range(len(shape) - 1, -1, -1):
        strides[dim] = step
        step *= shape[dim] or 1
    return tuple(strides)


def is_contiguous(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements lie in row-major order without gaps; the stride of a size 1 does not matter."""
    step = 1
    gap = False
    for extent, stride in zip(reversed(shape), reversed(strides), strict=True):
        if extent == 0:
            return True
        if extent != 1:
            gap = gap or stride != step
            step *= extent
    return not gap


def _runs(shape: Shape, strides: Shape) -> list[tuple[int, int]]:
    """Neighbouring dimensions that one stride walks through, last first, each run as (elements, stride)."""
    runs = []
    elements, step = shape[-1], strides[-1]
    for extent, stride in zip(shape[-2::-1], strides[-2::-1], strict=True):
        if extent == 1 or stride == elements * step:
            elements *= extent
        else:
            runs.append((elements, step))
            elements, step = extent, stride
    runs.append((elements, step))
    return runs


def compute_view_strides(old_shape: Shape, old_strides: Shape, new_shape: Shape) -> Shape | None:
    """The strides with which `new_shape` views the same elements in the same order, or None where a copy is needed.

    A view exists when the new dimensions split the runs of the old ones without crossing from one into the next.
    The shapes have the same number of elements.
    """
    if 0 in old_shape:
        return old_strides if old_shape == new_shape else contiguous_strides(new_shape)
    if not old_shape:
        return (1,) * len(new_shape)
    strides = [0] * len(new_shape)
    dim = len(new_shape) - 1
    for elements, step in _runs(old_shape, old_strides):
        filled = 1
        while dim >= 0 and (filled < elements or new_shape[dim] == 1):
            strides[dim] = filled * step
            filled *= new_shape[dim]
            dim -= 1
        if filled != elements:
            return None
    return tuple(strides)
