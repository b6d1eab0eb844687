"""Running sums, products and extrema, differences and the trapezoid rule."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import return_types
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, linear, opaque, plain
from wengert.core.operators.library.overloads import is_complex, is_number, refuse
from wengert.core.operators.library.reduction import accumulator
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_WIDE = {"float16": "float32", "bfloat16": "float32", "float32": "float64", "complex64": "complex128"}
"""Running totals are kept in the next wider precision."""


def _samples(s: Any) -> list[Any]:
    return [call(s.array(3, 4), 0), call(s.array(3, 4), -1), call(s.array(), 0), call(s.array(0, 3), 0)]


def running(np: Any, function: Any, input: Any, dim: int, dtype: Any) -> Any:
    """np.cumsum or np.cumprod along `dim`, in int64 for integers and in double for single precision."""
    wanted = accumulator(input, dtype)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return input.astype(wanted)
    if wanted.kind in "fcV":
        input = input if input.dtype == wanted else input.astype(wanted)
        found = LARGE.running_sum(input, dim, False) if function is np.cumsum else None
        if found is not None:
            return found
        return function(input, axis=dim, dtype=_WIDE.get(wanted.name, wanted)).astype(wanted, copy=False)
    return function(input, axis=dim, dtype=wanted)


# ---------------------------------------------------------------- moving along a dim


@linear(
    transpose=lambda m, g, dim: m.backwards(g, dim),
    space=None,
    method=False,
    backward_name="FlipBackward0",
    samples=_samples,
)
def backwards(np, input: Array, dim: int):
    """The elements along `dim` in reverse order."""
    return np.flip(input, wrap_dim(dim, input.ndim)) if input.ndim else input


@linear(
    transpose=lambda m, g, dim, by: m.shifted(g, dim, -by, 0),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 2), 0, 1, 0), call(s.array(3, 2), -1, -1, 0), call(s.array(), 0, 1, 0)],
)
def shifted(np, input: Array, dim: int, by: int, fill):
    """The elements moved one place along `dim`, forward (by=1) or back (by=-1); `fill` enters at the end left free."""
    out = np.empty(input.shape, input.dtype)
    if not input.ndim:
        out.fill(fill)
        return out
    lead = (slice(None),) * wrap_dim(dim, input.ndim)
    ahead, behind, first, last = slice(1, None), slice(None, -1), slice(0, 1), slice(-1, None)
    out[(*lead, ahead if by > 0 else behind)] = input[(*lead, behind if by > 0 else ahead)]
    out[(*lead, first if by > 0 else last)] = fill
    return out


def backward_recurrence(m, decay, g, dim):
    """h[i] = g[i] + decay[i + 1] h[i + 1]: the recurrence run from the end."""
    late = m.backwards(m.shifted(decay, dim, -1, 0), dim)
    return m.backwards(m.recurrence(late, m.backwards(g, dim), dim), dim)


def _conjugate(m: Any, x: Any) -> Any:
    return m.conj(x) if is_complex(x) else x


@opaque(
    vjp=(
        lambda m, g, decay, out, dim: (
            backward_recurrence(m, _conjugate(m, decay), g, dim) * _conjugate(m, m.shifted(out, dim, 1, 0))
        ),
        lambda m, g, decay, dim: backward_recurrence(m, _conjugate(m, decay), g, dim),
    ),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(4, 2), s.array(4, 2), 0),
        call(s.array(3), s.array(3), -1),
        call(s.array(), s.array(), 0),
    ],
)
def recurrence(np, decay: Array, input: Array, dim: int):
    """out[i] = input[i] + decay[i] out[i - 1] along `dim`, from out[-1] = 0: a linear recurrence.  One step a place."""
    out = np.array(input)
    if not out.ndim:
        return out
    values, factors = np.moveaxis(out, dim, 0), np.moveaxis(decay, dim, 0)
    for i in range(1, values.shape[0]):
        values[i, ...] += factors[i] * values[i - 1]
    return out


# ---------------------------------------------------------------- sums and products


@linear(transpose=lambda m, g, dim: m.sum_from_here(g, dim), inplace=True, samples=_samples)
def cumsum(np, input: Array, dim: int, *, dtype=None):
    """Running sum, out[i] = input[0] + ... + input[i] along `dim`.

    Integers and booleans add up in int64 unless `dtype` says otherwise; single precision is added in double.
    """
    return running(np, np.cumsum, input, dim, dtype)


@linear(
    transpose=lambda m, g, dim: m.cumsum(g, dim),
    space=None,
    method=False,
    backward_name="CumsumBackward0",
    samples=_samples,
)
def sum_from_here(np, input: Array, dim: int):
    """out[i] = input[i] + ... + input[-1] along `dim`, the transpose of `cumsum`."""
    if not input.ndim:
        return input
    dim = wrap_dim(dim, input.ndim)
    found = LARGE.running_sum(input, dim, True)
    if found is not None:
        return found
    return np.flip(running(np, np.cumsum, np.flip(input, dim), dim, None), dim)


def cumprod_rule(m, g, input, out, dim):
    """Sums of g * out / input where nothing is 0, else the products before times a recurrence over those after."""
    x = _conjugate(m, input)
    if not bool(m.has_zero(input)):
        return m.sum_from_here(g * _conjugate(m, out), dim) / x
    return m.cumprod(m.shifted(x, dim, 1, 1), dim) * backward_recurrence(m, x, g, dim)


@opaque(vjp=cumprod_rule, inplace=True, samples=_samples)
def cumprod(np, input: Array, dim: int, *, dtype=None):
    """Running product, out[i] = input[0] * ... * input[i] along `dim`.

    Dtypes as for `cumsum`.  The gradient is right at zeros too, in every order.
    """
    return running(np, np.cumprod, input, dim, dtype)


def logcumsumexp_rule(m, g, input, out, dim):
    """exp(input) * sum over later places of g exp(-out), as logarithms of its positive and its negative part."""
    if is_complex(input):
        decay = m.conj(m.exp(m.shifted(out, dim, 1, 0) - out))
        return m.conj(m.exp(input - out)) * backward_recurrence(m, decay, g, dim)
    # The logarithm of nothing is finite here: -inf less another -inf would poison the second order with nan.
    positive, low = g > 0, -1e300 if input.dtype.itemsize == 8 else -1e38
    up = m.where(positive, m.log(m.where(positive, g, 1)), low)
    negative = g < 0
    down = m.where(negative, m.log(m.where(negative, -g, 1)), low)
    return _later(m, up - out, input, dim) - _later(m, down - out, input, dim)


def _later(m: Any, x: Any, input: Any, dim: int) -> Any:
    return m.exp(m.backwards(m.logcumsumexp(m.backwards(x, dim), dim), dim) + input)


@opaque(vjp=logcumsumexp_rule, samples=_samples)
def logcumsumexp(np, input: Array, dim: int):
    """log(exp(input[0]) + ... + exp(input[i])) along `dim`, without overflow.  Raises MissingError for integers."""
    refuse("logcumsumexp_out_cpu", "biu", input)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim or not input.size:
        return np.array(input)
    if input.dtype.kind == "c":
        out = np.array(input)
        values = np.moveaxis(out, dim, 0)
        for i in range(1, values.shape[0]):
            above = values[i].real >= values[i - 1].real
            high, low = np.where(above, values[i], values[i - 1]), np.where(above, values[i - 1], values[i])
            values[i] = high + np.log1p(np.exp(low - high))
        return out
    return np.logaddexp.accumulate(input, axis=dim, dtype=_WIDE.get(input.dtype.name)).astype(input.dtype, copy=False)


# ---------------------------------------------------------------- extrema


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 4), 0, True), call(s.array(), 0, False)])
def running_indices(np, input: Array, dim: int, largest):
    """Where the extremum so far along `dim` was last met; the first nan stays until the next."""
    refuse("cummax_cpu" if largest else "cummin_cpu", "c", input)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim or not input.size:
        return np.zeros(input.shape, dtype="int64")
    best = (np.maximum if largest else np.minimum).accumulate(input, axis=dim)
    met = np.equal(input, best)
    if input.dtype.kind == "f":
        met = met | np.isnan(input)
    places = np.arange(input.shape[dim]).reshape([-1 if axis == dim else 1 for axis in range(input.ndim)])
    return np.maximum.accumulate(np.where(met, places, 0), axis=dim)


@composite(samples=lambda s: [call(s.distinct(3, 4), 0), call(s.distinct(), 0)])
def cummax(m, input: Array, dim: int):
    """Largest element so far along `dim`, as (values, indices); of equal ones the last.  nan is larger than all."""
    indices = m.running_indices(input, dim, True)
    return return_types.cummax((m.picked(input, indices, dim, True, "CummaxBackward0"), indices))


@composite(samples=lambda s: [call(s.distinct(3, 4), 0), call(s.distinct(), 0)])
def cummin(m, input: Array, dim: int):
    """Smallest element so far along `dim`, as (values, indices); of equal ones the last.  nan is smaller than all."""
    indices = m.running_indices(input, dim, False)
    return return_types.cummin((m.picked(input, indices, dim, True, "CumminBackward0"), indices))


# ---------------------------------------------------------------- differences and integrals


def _neighbours(m: Any, x: Any, dim: int) -> tuple[Any, Any]:
    """The elements along `dim` without the first, and without the last."""
    n = x.shape[dim]
    return m.slice(x, dim, 1, n), m.slice(x, dim, 0, max(n - 1, 0))


@composite(samples=lambda s: [call(s.array(3, 4)), call(s.array(5), 2), call(s.array(3, 2), 1, 0), call(s.array(2), 4)])
def diff(m, input: Array, n=1, dim=-1, prepend: Array | None = None, append: Array | None = None):
    """input[i + 1] - input[i] along `dim`, `n` times; booleans give exclusive or.

    prepend, append: put before and after input first, unless n is 0.
    Raises: ShapeError for 0-d input and for a negative `n`.
    """
    if not input.ndim:
        raise ShapeError("diff expects input to be at least one-dimensional, got a 0-d tensor")
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    if n == 0:
        return m.clone(input)
    dim = wrap_dim(dim, input.ndim)
    ends = [x for x in (prepend, input, append) if x is not None]
    if any(x.ndim != input.ndim for x in ends):
        raise ShapeError("diff expects prepend or append to be the same dimension as input")
    out = m.cat(ends, dim) if len(ends) > 1 else input
    boolean = out.dtype == dtypes.bool_
    for _ in range(min(n, out.shape[dim])):
        ahead, behind = _neighbours(m, out, dim)
        out = m.logical_xor(ahead, behind) if boolean else m.sub(ahead, behind)
    return out


def _spacing(m: Any, name: str, y: Any, x: Any, dx: Any, dim: int) -> Any:
    """The distances between neighbouring sample points along `dim`."""
    if x is None:
        return 1 if dx is None else dx
    if is_number(x):
        return x
    wide = x.ndim == 1 and y.ndim > 1
    if x.shape[0 if wide else wrap_dim(dim - y.ndim, x.ndim)] != y.shape[dim]:
        raise ShapeError(f"{name}: There must be one `x` value for each sample point, got {x.shape[-1]} of them")
    if wide:
        ahead, behind = _neighbours(m, x, 0)
        return m.reshape(ahead - behind, (-1, *(1,) * (y.ndim - dim - 1)))
    ahead, behind = _neighbours(m, x, wrap_dim(dim - y.ndim, x.ndim))
    return ahead - behind


def _refuse_booleans(name: str, y: Any, x: Any) -> None:
    given = "`y`" if x is None or is_number(x) else "`x` or `y`"
    if y.dtype == dtypes.bool_ or getattr(x, "dtype", None) == dtypes.bool_:
        raise DtypeError(f"{name}: received a bool input for {given}, but bool is not supported")


def _areas(m: Any, name: str, y: Any, x: Any, dx: Any, dim: int) -> Any:
    """Twice the areas under the segments, along `dim`."""
    ahead, behind = _neighbours(m, y, dim)
    return (ahead + behind) * _spacing(m, name, y, x, dx, dim)


@composite(
    aliases=("trapz",),
    method=False,
    samples=lambda s: [call(s.array(3, 4)), call(s.array(4), s.array(4)), call(s.array(4, 2), dx=0.5, dim=0)],
)
def trapezoid(m, y: Array, x: Array | None = None, *, dx=None, dim=-1):
    """Integral along `dim` by the trapezoid rule: sum of (y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]).

    x: the sample points, or a number as for dx.  dx: their distance, 1 if not given.
    Raises: ShapeError unless there is one x for each sample.
    """
    _refuse_booleans("trapezoid", y, x)
    dim = wrap_dim(dim, y.ndim)
    if not y.shape[dim]:
        return m.sum(y, dim) * 1.0
    if x is None or is_number(x):
        ahead, behind = _neighbours(m, y, dim)
        return m.sum(ahead + behind, dim) * (_spacing(m, "trapezoid", y, x, dx, dim) / 2)
    return m.sum(_areas(m, "trapezoid", y, x, dx, dim), dim) / 2.0


@composite(
    method=False,
    samples=lambda s: [call(s.array(3, 4)), call(s.array(4), s.array(4)), call(s.array(4, 2), dx=0.5, dim=0)],
)
def cumulative_trapezoid(m, y: Array, x: Array | None = None, *, dx=None, dim=-1):
    """Running integral along `dim` by the trapezoid rule, one element fewer than `y`.

    Raises: ShapeError unless there is one x for each sample.
    """
    _refuse_booleans("cumulative_trapezoid", y, x)
    dim = wrap_dim(dim, y.ndim)
    areas = _areas(m, "cumulative_trapezoid", y, x, dx, dim)
    return m.cumsum(areas / 2.0, dim) if x is None or is_number(x) else m.cumsum(areas, dim) / 2.0
