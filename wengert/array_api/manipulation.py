"""Shapes and order of elements, in the standard's names.  Everything is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.array_api.types import dialect, is_tensor, result_type, tensor
from wengert.core.arrays.shape import common_shape
from wengert.core.base.errors import DimError, ShapeError, ValueRangeError

Axes = int | tuple[int, ...] | None


def axes_of(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Axes as a tuple of numbers that are not negative; all of them for None.

    Raises: DimError for one that does not exist; ValueRangeError for one given twice.
    """
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    for each in given:
        if not -ndim <= each < ndim:
            raise DimError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {each}) in {name}()"
            )
    out = tuple(each % ndim for each in given)
    if len(set(out)) < len(out):
        raise ValueRangeError(f"{name}(): an axis appears multiple times in {given}")
    return out


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all of them broadcast to.

    Raises: ShapeError where two lengths differ and neither is 1.
    """
    return tuple(common_shape(*shapes)) if shapes else ()


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Views of the tensors in their common shape."""
    return tuple(dialect.broadcast_tensors(*arrays)) if arrays else ()


def broadcast_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """A view of x in a shape that it broadcasts to."""
    return dialect.broadcast_to(tensor(x, "broadcast_to"), tuple(shape))


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    """The tensors joined along an axis, in their common dtype; flattened first for `axis=None`.

    Raises: ShapeError where other lengths differ, also for empty tensors.
    """
    dtype = result_type(*(tensor(x, "concat") for x in arrays))
    given = [x.to(dtype) for x in arrays]
    if axis is None:
        return dialect.cat([x.reshape(-1) for x in given])
    (axis,) = axes_of(axis, given[0].ndim, "concat")
    for x in given:
        if x.ndim != given[0].ndim or any(
            a != b for i, (a, b) in enumerate(zip(x.shape, given[0].shape, strict=True)) if i != axis
        ):
            raise ShapeError(f"concat(): shapes {tuple(given[0].shape)} and {tuple(x.shape)} differ beside axis {axis}")
    return dialect.cat(given, axis)


def expand_dims(x: Any, /, axis: int | tuple[int, ...]) -> Any:
    """A view with new axes of length 1 at these places of the result."""
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    for place in sorted(axes_of(given, tensor(x, "expand_dims").ndim + len(given), "expand_dims")):
        x = dialect.unsqueeze(x, place)
    return x


def flip(x: Any, /, *, axis: Axes = None) -> Any:
    """The elements in reverse order along these axes, all for None."""
    return dialect.flip(x, axes_of(axis, tensor(x, "flip").ndim, "flip"))


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """A view with axes moved to other places, the others in their order."""
    return dialect.moveaxis(tensor(x, "moveaxis"), source, destination)


def permute_dims(x: Any, /, axes: tuple[int, ...]) -> Any:
    """A view with the axes in another order."""
    return dialect.permute(tensor(x, "permute_dims"), tuple(axes))


def matrix_transpose(x: Any, /) -> Any:
    """A view of the matrices with rows for columns, x.mT.

    Raises: ShapeError for fewer than two dims.
    """
    if tensor(x, "matrix_transpose").ndim < 2:
        raise ShapeError(f"matrix_transpose(): expected matrices, but got {x.ndim} dims")
    return x.mT


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element, or each slice along an axis, that many times; of the flattened tensor for None."""
    if axis is None:
        x, axis = tensor(x, "repeat").reshape(-1), 0
    (axis,) = axes_of(axis, x.ndim, "repeat")
    if is_tensor(repeats):
        return dialect.repeat_interleave(x, repeats.long().reshape(-1).expand(x.shape[axis]), axis)
    return dialect.repeat_interleave(x, repeats, axis)


def reshape(x: Any, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Any:
    """The elements in another shape, with one length -1 for what is left.

    A view where the memory allows it; `copy=True` always copies.
    Raises: ValueRangeError where `copy=False` and the memory does not allow a view.
    """
    shape = tuple(shape)
    if copy:
        return dialect.reshape(tensor(x, "reshape").clone(), shape)
    if copy is False:
        try:
            return x.view(shape)
        except RuntimeError as error:
            raise ValueRangeError(f"reshape(): copy=False, but {tuple(x.shape)} to {shape} needs a copy") from error
    return dialect.reshape(tensor(x, "reshape"), shape)


def roll(x: Any, /, shift: Any, *, axis: Axes = None) -> Any:
    """The elements moved round by `shift` places along these axes; flattened and shaped back for None."""
    if axis is not None and isinstance(axis, tuple) and isinstance(shift, int):
        shift = (shift,) * len(axis)
    return dialect.roll(tensor(x, "roll"), shift) if axis is None else dialect.roll(x, shift, axis)


def squeeze(x: Any, /, axis: int | tuple[int, ...]) -> Any:
    """A view without these axes of length 1.

    Raises: ValueRangeError for an axis of another length.
    """
    places = axes_of(axis, tensor(x, "squeeze").ndim, "squeeze")
    for place in places:
        if x.shape[place] != 1:
            raise ValueRangeError(f"squeeze(): axis {place} has length {x.shape[place]}, not 1")
    return dialect.squeeze(x, places) if places else x


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
    """The tensors joined along a new axis, in their common dtype."""
    dtype = result_type(*(tensor(x, "stack") for x in arrays))
    return dialect.stack([x.to(dtype) for x in arrays], axis)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Views of the slices along an axis."""
    return tuple(dialect.unbind(tensor(x, "unstack"), axis))


def tile(x: Any, repetitions: tuple[int, ...], /) -> Any:
    """x repeated as a whole along each axis, the axes counted from the last."""
    return dialect.tile(tensor(x, "tile"), tuple(repetitions))
