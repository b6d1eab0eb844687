"""Largest and smallest elements over dims, and where they are."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import return_types
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ArgumentError, DimError, DtypeError, ShapeError
from wengert.core.operators.kinds import composite, linear, opaque, plain
from wengert.core.operators.library.destinations import expected_dtype, matching_dtype, of_dtype
from wengert.core.operators.library.overloads import is_number, refuse
from wengert.core.operators.library.reduction import axes_of, listed_axes
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


def check_not_empty(name: str, shape: tuple[int, ...], dim: Any, whole: type[Exception] = ShapeError) -> None:
    """An empty set has no extremum: refuse dims without elements."""
    if dim is None or dim == ():
        if 0 in shape:
            raise whole(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        return
    for axis in listed_axes(dim, len(shape)):
        if shape[axis] == 0:
            raise DimError(f"{name}(): Expected reduction dim {axis} to have non-zero size, the shape is {list(shape)}")


# ---------------------------------------------------------------- choosing by index


def aligned(np: Any, indices: Any, dim: int, keepdim: bool) -> Any:
    """Indices with the dim they point along, also where it was reduced away."""
    return indices if keepdim else np.expand_dims(indices, dim)


@linear(
    transpose=lambda m, g, indices, shape, dim, keepdim: m.given_back(g, indices, shape, dim, keepdim),
    space=None,
    method=False,
    backward_name=lambda args: args[4],
    samples=lambda s: [
        call(s.array(3, 4), s.integers(3, high=4), 1, False, "MaxBackward0"),
        call(s.array(3, 4), s.integers(3, 2, high=4), -1, True, "SortBackward0"),
        call(s.array(3, 4), s.integers(3, 4, high=3), 0, True, "CummaxBackward0"),
    ],
)
def picked(np, input: Array, indices: Array, dim: int, keepdim, label):
    """The elements of `input` at `indices` along `dim`: the values of max, sort, median and their kin.

    keepdim: whether `indices` still has the dim.  label: how the node is called.
    """
    if not input.ndim:
        return input[...].reshape(indices.shape)
    dim = wrap_dim(dim, input.ndim)
    width = input.shape[-1]
    if dim == input.ndim - 1 and width and indices.size * width == input.size and input.flags.c_contiguous:
        rows = np.arange(0, input.size, width)
        return input.reshape(-1).take(rows + indices.reshape(-1)).reshape(indices.shape)
    values = np.take_along_axis(input, aligned(np, indices, dim, keepdim), axis=dim)
    return values if keepdim else values.reshape(indices.shape)


@linear(
    transpose=lambda m, g, indices, dim, keepdim: m.picked(g, indices, dim, keepdim, "GatherBackward0"),
    space=None,
    method=False,
    backward_name="ValueSelectingReductionBackward0",
    samples=lambda s: [
        call(s.array(3), s.integers(3, high=4), (3, 4), 1, False),
        call(s.array(3, 4), s.integers(3, 4, high=3), (3, 4), 0, True),
    ],
)
def given_back(np, input: Array, indices: Array, size, dim: int, keepdim):
    """Zeros of shape `size` with `input` added at `indices` along `dim`, the transpose of `picked`."""
    if not size:
        return input.reshape(())
    dim = wrap_dim(dim, len(size))
    indices = aligned(np, indices, dim, keepdim)
    values = input if keepdim else np.expand_dims(input, dim)
    out = np.zeros(size, input.dtype)
    if indices.shape[dim] == 1:
        if dim == len(size) - 1 and indices.shape[:-1] == tuple(size[:-1]) and out.size:
            out.reshape(-1)[np.arange(0, out.size, size[dim]) + indices.reshape(-1)] = values.reshape(-1)
        else:
            np.put_along_axis(out, indices, values, axis=dim)
        return out
    grid = list(np.ogrid[tuple([slice(n) for n in indices.shape])])
    grid[dim] = indices
    np.add.at(out, tuple(grid), values)
    return out


# ---------------------------------------------------------------- values


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 2), s.array(), None, False, "nan")])
def tie_weights(np, input: Array, out: Array, dim, keepdim, nan):
    """1 / (number of ties) where `input` equals the extremum `out`, else 0.

    nan: what an extremum of nan gives: "nan", its own places ("ties") or "nothing".
    """
    axes = axes_of(dim, input.ndim)
    if not keepdim and dim is not None and input.ndim:
        out = out.reshape([1 if axis in listed_axes(dim, input.ndim) else n for axis, n in enumerate(input.shape)])
    same = np.equal(input, out)
    if nan == "ties":
        same = same | (np.isnan(input) & np.isnan(out))
    count = same.sum(axis=axes, keepdims=True).astype(input.dtype)
    return same / (np.maximum(count, input.dtype.type(1)) if nan == "nothing" else count)


def shared(m, g, input, out, shape, dim, keepdim):
    """g in equal parts to all ties; nan where the extremum is nan."""
    return m.spread(g, shape, dim, keepdim) * m.tie_weights(input, out, dim, keepdim, "nan")


def shared_with_nan(m, g, input, out, shape):
    """g in equal parts to all ties of a whole tensor; nan ties with nan."""
    return m.spread(g, shape, None, False) * m.tie_weights(input, out, None, False, "ties")


def _samples(s: Any) -> list[Any]:
    return [
        call(s.distinct(3, 4)),
        call(s.distinct(3, 4), 1),
        call(s.distinct(3, 4), (-2,), True),
        call(s.distinct(2, 3, 4), (0, 2)),
        call(s.distinct()),
        call(s.distinct(), 0),
        call(s.distinct(0, 3), 1),
    ]


@opaque(vjp=shared, samples=_samples, errors=of_dtype(matching_dtype))
def amax(np, input: Array, dim: Ints = (), keepdim=False):
    """Largest element over `dim`, all for (); nan if there is one.  Ties share the gradient evenly.

    Raises: DimError or ShapeError for no elements; MissingError for complex input.
    """
    refuse("max_values_cpu", "c", input)
    check_not_empty("amax", input.shape, dim)
    return np.max(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@opaque(vjp=shared, samples=_samples, errors=of_dtype(matching_dtype))
def amin(np, input: Array, dim: Ints = (), keepdim=False):
    """Smallest element over `dim`, all for (); nan if there is one.  Ties share the gradient evenly.

    Raises: DimError or ShapeError for no elements; MissingError for complex input.
    """
    refuse("min_values_cpu", "c", input)
    check_not_empty("amin", input.shape, dim)
    return np.min(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)


def _both(m, g, input, out, shape, dim, keepdim):
    low, high = (shared(m, part, input, value, shape, dim, keepdim) for part, value in zip(g, out, strict=True))
    return low + high


@opaque(
    vjp=_both,
    space=None,
    method=False,
    outputs=2,
    backward_name="AminmaxBackward0",
    samples=lambda s: [
        call(s.distinct(3, 4), None, False),
        call(s.distinct(3, 4), 1, True),
        call(s.distinct(), 0, False),
    ],
)
def extremes(np, input: Array, dim, keepdim):
    """Smallest and largest element over one dim, or of all."""
    refuse("aminmax_cpu", "c", input)
    if dim is None and not input.size:
        raise ShapeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
    axes = axes_of(dim, input.ndim)
    if axes is not None and not input.shape[axes]:
        raise DimError(f"aminmax: Expected reduction dim {axes} to have non-zero size.")
    return np.min(input, axis=axes, keepdims=keepdim), np.max(input, axis=axes, keepdims=keepdim)


@composite(
    samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3, 4), dim=1, keepdim=True)],
    errors=of_dtype(expected_dtype),
)
def aminmax(m, input: Array, *, dim: int | None = None, keepdim=False):
    """Smallest and largest element over `dim` or of all, as (min, max).  Ties share the gradient evenly.

    Raises: DimError or ShapeError for no elements; MissingError for complex input.
    """
    return return_types.aminmax(m.extremes(input, dim, keepdim))


# ---------------------------------------------------------------- max and min


@opaque(
    vjp=shared_with_nan,
    space=None,
    method=False,
    backward_name=lambda args: "MaxBackward1" if args[1] else "MinBackward1",
    samples=lambda s: [call(s.distinct(3, 4), True), call(s.distinct(2, 3), False), call(s.distinct(), True)],
)
def extremum(np, input: Array, largest):
    """Largest or smallest element of all."""
    name = "max" if largest else "min"
    refuse(name + "_all", "c", input)
    check_not_empty(name, input.shape, None)
    return np.max(input) if largest else np.min(input)


def _extremum(m: Any, name: str, input: Any, dim: Any, keepdim: Any) -> Any:
    """The overloads of max and min."""
    largest = name == "max"
    if is_number(input):
        raise ArgumentError(
            f"{name}() received an invalid combination of arguments - got a number for input; it takes (input), "
            "(input, other) or (input, dim, keepdim=False)"
        )
    if dim is None:
        if keepdim is not None:
            raise ArgumentError(
                f"{name}() received an invalid combination of arguments - got keepdim without dim; it takes (input), "
                "(input, other) or (input, dim, keepdim=False)"
            )
        return m.extremum(input, largest)
    if not is_number(dim):
        return m.maximum(input, dim) if largest else m.minimum(input, dim)
    kept = bool(keepdim)
    indices = m.extremum_indices(input, dim, kept, largest, name)
    values = m.picked(input, indices, dim, kept, "MaxBackward0" if largest else "MinBackward0")
    return getattr(return_types, name)((values, indices))


def _overload_samples(s: Any) -> list[Any]:
    return [
        call(s.distinct(3, 4)),
        call(s.distinct(3, 4), 1),
        call(s.distinct(3, 4), -2, True),
        call(s.distinct(), 0),
        call(s.distinct(3), s.distinct(3) + 0.1),
    ]


def second(dim: Any, other: Any) -> Any:
    """The argument that is a dim or another tensor, by either name."""
    return dim if other is None else other


@composite(samples=_overload_samples)
def max(m, input: Array, dim=None, keepdim=None, *, other=None):
    """Largest element: of all, over `dim` as (values, indices), or elementwise against another tensor.

    nan is larger than everything.  Over all elements ties share the gradient evenly; over `dim` it goes to the first.
    Raises: ShapeError or DimError for no elements; DtypeError for complex input.
    """
    return _extremum(m, "max", input, second(dim, other), keepdim)


@composite(samples=_overload_samples)
def min(m, input: Array, dim=None, keepdim=None, *, other=None):
    """Smallest element: of all, over `dim` as (values, indices), or elementwise against another tensor.

    nan is smaller than everything.  Over all elements ties share the gradient evenly; over `dim` it goes to the first.
    Raises: ShapeError or DimError for no elements; DtypeError for complex input.
    """
    return _extremum(m, "min", input, second(dim, other), keepdim)


def _indices(np: Any, input: Any, dim: Any, keepdim: bool, largest: bool) -> Any:
    find = np.argmax if largest else np.argmin
    if not input.ndim:
        return np.zeros((), dtype="int64")
    if dim is not None:
        dim = wrap_dim(dim, input.ndim)
    return find(input, axis=dim, keepdims=keepdim)


@plain(space=None, method=False, samples=lambda s: [call(s.distinct(3, 4), 1, False, True, "max")])
def extremum_indices(np, input: Array, dim: int, keepdim, largest, name):
    """Where the first of the largest or smallest elements along `dim` is."""
    if input.dtype.kind == "c":
        raise DtypeError(f"{name}(): does not support complex input")
    check_not_empty(name, input.shape, dim)
    return _indices(np, input, dim, keepdim, largest)


def _argument(np: Any, name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    for kind, word in (("c", "complex"), ("b", "bool")):
        if input.dtype.kind == kind:
            raise DtypeError(f"{name}(): does not support {word} input")
    check_not_empty(name, input.shape, dim, DimError)
    return _indices(np, input, dim, keepdim, name == "argmax")


@plain(samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3, 4), 1, True)])
def argmax(np, input: Array, dim: int | None = None, keepdim=False):
    """Index of the first largest element along `dim`, or in the flattened tensor; nan is largest."""
    return _argument(np, "argmax", input, dim, keepdim)


@plain(samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3, 4), 1, True)])
def argmin(np, input: Array, dim: int | None = None, keepdim=False):
    """Index of the first smallest element along `dim`, or in the flattened tensor; nan is smallest."""
    return _argument(np, "argmin", input, dim, keepdim)
