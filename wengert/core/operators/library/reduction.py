"""Sums, products, truth and logsumexp over dims."""

from __future__ import annotations

from math import prod as product
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import reduced_shape, wrap_dim, wrap_dims
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, linear, opaque, plain
from wengert.core.operators.library.overloads import is_complex
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

BLOCK = 16
"""Rows added one after another before partial sums meet; bounds the rounding error of sums over outer dims."""


def axes_of(dim: Any, ndim: int) -> Any:
    """The axes that `dim` names, for NumPy: None (all) for None, () and 0-d arrays."""
    if dim is None:
        return None
    if type(dim) is int:
        axis = wrap_dim(dim, ndim)
        return axis if ndim else None
    axes = wrap_dims(dim, ndim)
    return axes if axes and ndim else None


def listed_axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The axes that `dim` names, as a tuple."""
    axes = axes_of(dim, ndim)
    return tuple(range(ndim)) if axes is None else (axes,) if type(axes) is int else axes


def count_of(shape: tuple[int, ...], dim: Any) -> int:
    """How many elements meet in one result."""
    return product([shape[axis] for axis in listed_axes(dim, len(shape))])


def numpy_dtype(dtype: Any) -> Any:
    """The NumPy dtype that a `dtype=` argument asks for; None stays."""
    return None if dtype is None else dtypes.as_dtype(dtype).numpy


def accumulator(array: Any, dtype: Any) -> Any:
    """The dtype of a sum or product: as asked for, int64 for integers and booleans, else the array's own."""
    wanted = numpy_dtype(dtype)
    if wanted is None:
        return dtypes.int64.numpy if array.dtype.kind in "biu" else array.dtype
    return wanted


def added(np: Any, x: Any, axes: Any, keepdim: bool, dtype: Any = None) -> Any:
    """x summed over `axes`, with a rounding error that grows slowly whatever the memory order.

    NumPy adds pairwise only along the dim that is contiguous; a long outer dim is first summed in blocks.
    """
    if (
        axes is not None
        and x.size > 65536
        and x.dtype.kind in "fc"
        and x.dtype.itemsize <= 4 * (1 + (x.dtype.kind == "c"))
    ):
        for axis in (axes,) if type(axes) is int else axes:
            while x.shape[axis] >= 4 * BLOCK and x.strides[axis] != x.itemsize:
                x = folded(np, x, axis)
    return x.sum(axes, dtype, None, keepdim)


def folded(np: Any, x: Any, axis: int) -> Any:
    """x with every BLOCK elements along `axis` added up."""
    blocks = x.shape[axis] // BLOCK
    lead = (slice(None),) * axis
    parts = (
        x[(*lead, slice(blocks * BLOCK))].reshape(*x.shape[:axis], blocks, BLOCK, *x.shape[axis + 1 :]).sum(axis + 1)
    )
    rest = x[(*lead, slice(blocks * BLOCK, None))]
    return np.concatenate((parts, rest), axis) if rest.shape[axis] else parts


@linear(
    transpose=lambda m, g, dim, keepdim: m.sum(g, dim, keepdim),
    space=None,
    method=False,
    backward_name="ExpandBackward0",
    samples=lambda s: [
        call(s.array(3), (2, 3), 0, False),
        call(s.array(2, 1), (2, 3), 1, True),
        call(s.array(), (2, 3), None, False),
        call(s.array(3), (2, 3, 4), (0, -1), False),
    ],
)
def spread(np, input: Array, size, dim, keepdim):
    """A reduced array at every place of the shape `size` that it was reduced from; shares memory where it can."""
    if not keepdim and dim is not None:
        input = input.reshape(reduced_shape(size, listed_axes(dim, len(size)), True))
    return np.broadcast_to(input, size)


def _reductions(s: Any) -> list[Any]:
    """Sample calls of an operator with `dim` (one, several or all) and `keepdim`."""
    return [
        call(s.array(3, 4)),
        call(s.array(3, 4), 1),
        call(s.array(3, 4), -2, True),
        call(s.array(2, 3, 4), (0, 2)),
        call(s.array(2, 3), ()),
        call(s.array()),
        call(s.array(), 0),
        call(s.array(0, 3), 0),
    ]


def _one_dim(s: Any) -> list[Any]:
    """Sample calls of an operator that reduces one dim or all."""
    return [
        call(s.array(3, 4)),
        call(s.array(3, 4), 1),
        call(s.array(2, 3), -2, True),
        call(s.array()),
        call(s.array(), 0),
    ]


@linear(
    transpose=lambda m, g, shape, dim, keepdim: m.spread(g, shape, dim, keepdim),
    backward_name=lambda args: "SumBackward0" if args[1] is None and not args[2] else "SumBackward1",
    samples=_reductions,
)
def sum(np, input: Array, dim: Ints | None = None, keepdim=False, *, dtype=None):
    """Sum over `dim`: one, several, or all for None and ().

    Integers and booleans add up in int64 unless `dtype` says otherwise.  The empty sum is 0.
    """
    axes = axes_of(dim, input.ndim)
    if dtype is None and input.dtype.kind in "fc":
        return added(np, input, axes, keepdim)
    wanted = accumulator(input, dtype)
    return added(np, input.astype(wanted) if wanted.kind in "fcV" else input, axes, keepdim, wanted)


@opaque(
    vjp=lambda m, g, input, shape, dim, keepdim: m.spread(g, shape, dim, keepdim) * m.logical_not(m.isnan(input)),
    samples=_reductions,
)
def nansum(np, input: Array, dim: Ints | None = None, keepdim=False, *, dtype=None):
    """Sum over `dim` with nan counted as 0.  Dtypes as for `sum`.  Raises DtypeError for complex input."""
    if input.dtype.kind == "c":
        raise DtypeError("nansum on CPU does not support complex inputs; real dtypes only")
    axes = axes_of(dim, input.ndim)
    wanted = accumulator(input, dtype)
    if input.dtype.kind == "f":
        input = np.where(np.isnan(input), input.dtype.type(0), input)
    return added(np, input.astype(wanted) if input.dtype != wanted else input, axes, keepdim, wanted)


def _float_needed(name: str, array: Any, dtype: Any) -> None:
    which, given = ("Optional", numpy_dtype(dtype)) if dtype is not None else ("Input", array.dtype)
    if given.kind in "biu":
        raise DtypeError(
            f"{name}(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
            f"Got: {dtypes.scalar_name(dtypes.of(given))}"
        )


@linear(
    transpose=lambda m, g, shape, dim, keepdim: m.spread(g / max(count_of(shape, dim), 1), shape, dim, keepdim),
    backward_name=lambda args: "MeanBackward0" if args[1] is None and not args[2] else "MeanBackward1",
    samples=_reductions,
)
def mean(np, input: Array, dim: Ints | None = None, keepdim=False, *, dtype=None):
    """Mean over `dim`: one, several, or all for None and (); nan for no elements.

    Raises: DtypeError for integers and booleans unless `dtype` is a floating or complex dtype.
    """
    if dtype is not None or input.dtype.kind in "biu":
        _float_needed("mean", input, dtype)
    wanted = numpy_dtype(dtype)
    if wanted is not None and wanted != input.dtype:
        input = input.astype(wanted)
    total = added(np, input, axes_of(dim, input.ndim), keepdim)
    return np.true_divide(total, total.dtype.type(count_of(input.shape, dim)))


@composite(samples=lambda s: [call(s.array(3, 4)), call(s.array(3, 4), 1), call(s.array(2, 3), (0, -1), True)])
def nanmean(m, input: Array, dim: Ints | None = None, keepdim=False, *, dtype=None):
    """Mean over `dim` of what is not nan; nan where nothing is left.  Raises DtypeError for integers."""
    kind = input.dtype
    if not (kind.is_floating_point or kind.is_complex):
        raise DtypeError(
            "nanmean(): expected input to have floating point or complex dtype but got " + dtypes.scalar_name(kind)
        )
    counted = m.sum(m.logical_not(m.isnan(input)), dim, keepdim)
    return m.div(m.nansum(input, dim, keepdim, dtype=dtype), counted)


@plain(space=None, method=False, samples=lambda s: [call(s.array(3)), call(s.array(0))])
def has_zero(np, input: Array):
    """Whether any element is 0."""
    return np.any(np.equal(input, 0))


def _conjugate(m: Any, x: Any) -> Any:
    return m.conj(x) if is_complex(x) else x


def prod_rule(m, g, input, out, shape, dim, keepdim):
    """g times the product of the others: out / input where nothing is 0, else from both sides."""
    g = m.spread(g, shape, dim, keepdim)
    if not bool(m.has_zero(input)):
        return g * _conjugate(m, m.spread(out, shape, dim, keepdim)) / _conjugate(m, input)
    if dim is None:
        flat = m.reshape(input, (product(shape),))
        return g * _conjugate(m, m.reshape(m.products_of_others(flat, 0), shape))
    return g * _conjugate(m, m.products_of_others(input, dim))


@composite(space=None, method=False, samples=lambda s: [call(s.array(3, 2), 0), call(s.array(), 0)])
def products_of_others(m, input: Array, dim: int):
    """At each place along `dim` the product of all other elements: those before times those after."""
    before = m.cumprod(m.shifted(input, dim, 1, 1), dim)
    after = m.backwards(m.cumprod(m.backwards(m.shifted(input, dim, -1, 1), dim), dim), dim)
    return before * after


@opaque(
    vjp=prod_rule,
    backward_name=lambda args: "ProdBackward0" if args[1] is None else "ProdBackward1",
    samples=_one_dim,
)
def prod(np, input: Array, dim: int | None = None, keepdim=False, *, dtype=None):
    """Product over `dim`, or of all elements.

    Integers multiply in int64 unless `dtype` says otherwise.  The empty product is 1.  The gradient is right at zeros
    too, in every order.
    """
    wanted = accumulator(input, dtype)
    return np.prod(input, axis=axes_of(dim, input.ndim), dtype=wanted, keepdims=keepdim)


def _truth(np: Any, function: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    if isinstance(dim, tuple) and not dim:
        found = np.not_equal(input, 0)
    else:
        found = function(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)
    return found.astype(input.dtype) if input.dtype == dtypes.uint8.numpy else found


@plain(samples=_reductions)
def all(np, input: Array, dim: Ints | None = None, keepdim=False):
    """Whether all elements over `dim` are true (not 0); True for none.  uint8 gives uint8; () reduces nothing."""
    return _truth(np, np.all, input, dim, keepdim)


@plain(samples=_reductions)
def any(np, input: Array, dim: Ints | None = None, keepdim=False):
    """Whether any element over `dim` is true (not 0); False for none.  uint8 gives uint8; () reduces nothing."""
    return _truth(np, np.any, input, dim, keepdim)


@plain(
    samples=lambda s: [
        call(s.integers(3, 4)),
        call(s.integers(3, 4), 1),
        call(s.integers(2, 3), (0, 1)),
        call(s.array()),
    ]
)
def count_nonzero(np, input: Array, dim: Ints | None = None):
    """How many elements over `dim` are not 0, as int64."""
    return np.not_equal(input, 0).sum(axis=axes_of(dim, input.ndim), dtype=dtypes.int64.numpy)


def logsumexp_rule(m, g, input, out, shape, dim, keepdim):
    """g times the softmax, exp(input - out)."""
    slope = m.exp(input - m.spread(out, shape, dim, keepdim))
    return m.spread(g, shape, dim, keepdim) * _conjugate(m, slope)


@opaque(
    vjp=logsumexp_rule,
    promote="float",
    aliases=("special.logsumexp",),
    samples=lambda s: [
        call(s.array(3, 4), 1),
        call(s.array(3, 4), (0, -1), True),
        call(s.array(), 0),
        call(s.array(2, 0), 1),
        call(s.complex(3, 2), 0),
    ],
)
def logsumexp(np, input: Array, dim: Ints, keepdim=False):
    """log(sum(exp(input))) over `dim` without overflow; -inf for no elements.  Integers become the default float.

    Raises: ShapeError for an empty tuple of dims.
    """
    if isinstance(dim, tuple) and not dim and input.ndim:
        raise ShapeError(f"output with shape [] doesn't match the broadcast shape {[1] * input.ndim}; name a dim")
    axes = axes_of(dim, input.ndim)
    if not count_of(input.shape, dim):
        return np.log(input.sum(axis=axes, keepdims=keepdim))
    top = np.max(input.real, axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, top.dtype.type(0))
    total = np.log(np.exp(input - top).sum(axis=axes, keepdims=keepdim))
    return total + (top if keepdim else top.reshape(total.shape))
