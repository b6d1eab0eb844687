"""Norms and distances."""

from __future__ import annotations

from math import inf
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.overloads import is_complex, is_number
from wengert.core.operators.library.reduction import added, axes_of, listed_axes, numpy_dtype
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


def norm_of(np: Any, x: Any, p: float, axes: Any, keepdim: bool) -> Any:
    """(sum |x|^p)^(1/p) over `axes`, with its limits at 0 and infinity."""
    if p == 2:
        found = LARGE.squares_sum(x, axes, keepdim) if x.size >= SIZE and x.dtype.kind == "f" else None
        if found is not None:
            return np.sqrt(found[0])
        squares = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
        return np.sqrt(added(np, squares, axes, keepdim))
    if p == 0:
        return added(np, np.not_equal(x, 0).astype(x.real.dtype), axes, keepdim)
    size = np.abs(x)
    if p == inf:
        return np.max(size, axis=axes, keepdims=keepdim)
    if p == -inf:
        return np.min(size, axis=axes, keepdims=keepdim)
    if p == 1:
        return added(np, size, axes, keepdim)
    return np.power(added(np, np.power(size, size.dtype.type(p)), axes, keepdim), size.dtype.type(1 / p))


def norm_gradient(m, g, input, out, shape, p, dim, keepdim):
    """The gradient of a norm; 0 where the norm is 0, ties of the infinite norms share evenly."""
    if p == 0:
        return m.zero_like(input)
    if p == 1:
        return m.sgn(input) * m.spread(g, shape, dim, keepdim)
    if p in (inf, -inf):
        return (
            m.sgn(input) * m.spread(g, shape, dim, keepdim) * m.tie_weights(m.abs(input), out, dim, keepdim, "nothing")
        )
    empty = out == 0
    safe = m.where(empty, 1, out)
    if p == 2:
        return input * m.spread(m.where(empty, 0, g / safe), shape, dim, keepdim)
    scale = m.spread(m.where(empty, 0, g * m.pow(safe, 1 - p)), shape, dim, keepdim)
    if p > 2:
        return input * m.pow(m.abs(input), p - 2) * scale
    nothing = input == 0
    slope = m.pow(m.abs(m.where(nothing, 1, input)), p - 1)
    return m.sgn(input) * m.where(nothing, 0, slope) * scale


def _check_order(shape: tuple[int, ...], order: float, dim: Any) -> None:
    """Negative and infinite norms of nothing do not exist."""
    if order >= 0 and order != inf:
        return
    if dim is None and 0 in shape:
        raise ShapeError(
            f"linalg.vector_norm cannot compute the {order:g} norm on an empty tensor because the operation does not "
            "have an identity"
        )
    for axis in listed_axes(dim, len(shape)):
        if not shape[axis]:
            raise ShapeError(
                f"linalg.vector_norm cannot compute the {order:g} norm on the dimension {axis}because this dimension "
                "is empty and the operation does not have an identity"
            )


def _refuse_integers(x: Any) -> None:
    if x.dtype.kind in "biu":
        raise DtypeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            + dtypes.scalar_name(dtypes.of(x.dtype))
        )


def _converted(array: Any, dtype: Any) -> Any:
    """The input of a norm in the dtype asked for, which may not be narrower."""
    wanted = numpy_dtype(dtype)
    if wanted is None or wanted == array.dtype:
        return array
    given, asked = dtypes.of(array.dtype), dtypes.of(wanted)
    if given.is_complex != asked.is_complex:
        raise DtypeError(
            f"linalg.vector_norm: dtype should be {'complex' if given.is_complex else 'floating point'} for "
            f"{'complex' if given.is_complex else 'real'} inputs, but got {dtypes.scalar_name(asked)}"
        )
    if dtypes.promote_types(given, asked) != asked:
        raise DtypeError(
            f"linalg.vector_norm: the dtype of the input ({dtypes.scalar_name(given)}) should be convertible without "
            f"narrowing to the specified dtype ({dtypes.scalar_name(asked)})"
        )
    return array.astype(wanted)


def vector_norm_rule(m, g, x, out, shape, ord, dim, keepdim):
    """The gradient of `vector_norm`; none at all for the number of elements not 0."""
    return None if ord == 0 else norm_gradient(m, g, x, out, shape, ord, dim, keepdim)


@opaque(
    vjp=vector_norm_rule,
    space="linalg",
    method=False,
    backward_name="LinalgVectorNormBackward0",
    samples=lambda s: [
        call(s.distinct(3, 4)),
        call(s.distinct(3, 4), 1, 1),
        call(s.distinct(3, 4), 3, (0, -1), True),
        call(s.distinct(3, 4), 1.5, 0),
        call(s.distinct(3, 4), 0.5),
        call(s.distinct(3, 4), inf, 1),
        call(s.distinct(3, 4), -inf),
        call(s.distinct(3), 0),
        call(s.distinct(), 2),
        call(s.complex(3, 2), 3, 0),
    ],
)
def vector_norm(np, x: Array, ord=2, dim: Ints | None = None, keepdim=False, *, dtype=None):
    """(sum |x|^ord)^(1/ord) over `dim`, all for None; inf: max |x|, -inf: min |x|, 0: the number of elements not 0.

    Real for complex input.  The gradient is 0 where the norm is 0.
    Raises: DtypeError for integers and for a narrower `dtype`; ShapeError for no elements and ord inf or below 0.
    """
    if not is_number(ord):
        raise ArgumentError(
            f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}"
        )
    _refuse_integers(x)
    x = _converted(x, dtype)
    _check_order(x.shape, ord, dim)
    return norm_of(np, x, ord, axes_of(dim, x.ndim), keepdim)


@composite(samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3, 4), 1, 0, True), call(s.distinct(3), inf)])
def norm(m, input: Array, p="fro", dim: Ints | None = None, keepdim=False, *, dtype=None):
    """Vector norm of the elements over `dim` (all for None), or the nuclear norm of matrices.

    p: the order, "fro" for 2, "nuc" for the sum of singular values.  For the rest see `linalg.vector_norm`.
    Raises: ShapeError for another word or for "nuc" unless two dims are named.
    """
    if p is None or is_number(p):
        return m.vector_norm(input, 2 if p is None else p, dim, keepdim, dtype=dtype)
    dims = listed_axes(dim, input.ndim)
    if p == "fro" and (dim is None or len(dims) <= 2):
        return m.vector_norm(input, 2, dim, keepdim, dtype=dtype)
    if not isinstance(p, str):
        raise ArgumentError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(p).__name__}")
    if p not in ("fro", "nuc"):
        raise ShapeError(f'linalg.matrix_norm: Order {p} not supported; p is a number, "fro" or "nuc"')
    if len(dims) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
    return m.linalg_matrix_norm(input, p, dims, keepdim, dtype=dtype)


def _dist_gradient(m, g, input, other, out, p):
    """The gradient of `dist` by its first tensor."""
    apart = input - other
    return norm_gradient(m, g, apart, out, apart.shape, p, None, False)


@opaque(
    vjp=(_dist_gradient, lambda m, g, input, other, out, p: -_dist_gradient(m, g, input, other, out, p)),
    promote="common",
    samples=lambda s: [
        call(s.array(3, 4), s.array(3, 4)),
        call(s.array(3, 4), s.array(4), 3),
        call(s.array(3), s.array(3), 1),
    ],
    numbers="none",
)
def dist(np, input: Array, other: Array, p=2):
    """The p-norm of input - other over all elements; shapes broadcast."""
    apart = input - other
    if apart.dtype.kind in "iu":
        name = dtypes.scalar_name(dtypes.of(apart.dtype))
        raise DtypeError(f"norm(): input dtype should be either floating point or complex. Got {name} instead.")
    _check_order(apart.shape, p, None)
    return norm_of(np, apart, p, None, False)


def renorm_rule(m, g, input, p, dim, maxnorm):
    """g scaled like the slices, less its part along the gradient of their norms."""
    others = tuple(axis for axis in range(input.ndim) if axis != wrap_dim(dim, input.ndim))
    norms = m.vector_norm(input, p, others, True)
    over = norms > maxnorm
    factor = m.where(over, maxnorm / (norms + 1e-7), 1)
    along = m.sum(m.real(g * m.conj(input)) if is_complex(input) else g * input, others, True)
    pull = m.where(over, -maxnorm * along / ((norms + 1e-7) * (norms + 1e-7)), 0)
    return g * factor + norm_gradient(m, pull, input, norms, input.shape, p, others, True)


@opaque(
    vjp=renorm_rule,
    inplace=True,
    batch="loop",
    samples=lambda s: [
        call(s.distinct(3, 4), 2, 0, 1.0),
        call(s.distinct(2, 3, 2), 3, 1, 2.0),
        call(s.distinct(3, 2), 1, -1, 1.5),
    ],
)
def renorm(np, input: Array, p, dim: int, maxnorm):
    """Every slice along `dim` whose p-norm exceeds `maxnorm` scaled down to it.

    Raises: ShapeError for fewer than 2 dims, p not above 0 or a negative maxnorm.
    """
    if p <= 0:
        raise ShapeError(f"renorm: non-positive-norm not supported, got p={p}")
    if maxnorm < 0:
        raise ShapeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    dim = wrap_dim(dim, input.ndim)
    _refuse_integers(input)
    norms = norm_of(np, input, p, tuple(axis for axis in range(input.ndim) if axis != dim), True)
    kind = norms.dtype.type
    return input * np.where(norms > maxnorm, kind(maxnorm) / (norms + kind(1e-7)), kind(1))
