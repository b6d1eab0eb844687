"""Variances, medians, quantiles, modes and covariances."""

from __future__ import annotations

from math import inf
from typing import Any
from warnings import warn

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import return_types
from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.extrema import check_not_empty, shared_with_nan
from wengert.core.operators.library.overloads import is_number, refuse
from wengert.core.operators.library.reduction import added, axes_of, count_of
from wengert.core.operators.library.sorting import order_of, rank_index
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- variance


def moments(np: Any, x: Any, dim: Any, correction: float, keepdim: bool) -> tuple[Any, Any]:
    """Variance and mean over `dim`, in two passes."""
    axes = axes_of(dim, x.ndim)
    n = count_of(x.shape, dim)
    found = LARGE.squares_sum(x, axes, keepdim, True) if x.size >= SIZE and x.dtype.kind == "f" else None
    if found is not None:
        total, middle = found
    else:
        middle = added(np, x, axes, True) / x.real.dtype.type(n)
        apart = x - middle
        squares = apart.real * apart.real + apart.imag * apart.imag if x.dtype.kind == "c" else apart * apart
        total = added(np, squares, axes, keepdim)
    variance = np.true_divide(total, total.dtype.type(max(n - correction, 0)))
    return variance, middle if keepdim else middle.reshape(variance.shape)


def variance_gradient(m, g, input, shape, dim, correction, keepdim):
    """2 g (x - mean) / (n - correction)."""
    free = max(count_of(shape, dim) - correction, 0)
    apart = input - m.spread(m.mean(input, dim, True), shape, dim, True)
    scale = 2 / free if free else inf
    return m.spread(g * scale, shape, dim, keepdim) * apart


def deviation_gradient(m, g, input, out, shape, dim, correction, keepdim):
    """The gradient of the variance over twice the deviation; 0 where nothing deviates."""
    still = out == 0
    g = m.where(still, 0, g / (m.where(still, 1, out) * 2))
    return variance_gradient(m, g, input, shape, dim, correction, keepdim)


def _with_mean(rule: Any) -> Any:
    """The rule of (variance or deviation, mean)."""

    def both(m, g, input, out, shape, dim, correction, keepdim):
        first = rule(m, g[0], input, out, shape, dim, correction, keepdim)
        return first + m.spread(g[1] / max(count_of(shape, dim), 1), shape, dim, keepdim)

    return both


_deviation_and_mean_rule = _with_mean(
    lambda m, g, input, out, shape, dim, correction, keepdim: deviation_gradient(
        m, g, input, out[0], shape, dim, correction, keepdim
    )
)
_variance_and_mean_gradient = _with_mean(
    lambda m, g, input, out, shape, dim, correction, keepdim: variance_gradient(
        m, g, input, shape, dim, correction, keepdim
    )
)


def _variance_and_mean_rule(m, g, input, shape, dim, correction, keepdim):
    return _variance_and_mean_gradient(m, g, input, None, shape, dim, correction, keepdim)


def _spread_samples(s: Any) -> list[Any]:
    return [
        call(s.array(3, 4), None, 1, False),
        call(s.array(3, 4), (-1,), 0, True),
        call(s.array(2, 3, 4), (0, 2), 1.5, False),
        call(s.complex(3, 2), 0, 1, False),
    ]


@opaque(vjp=variance_gradient, space=None, method=False, backward_name="VarBackward0", samples=_spread_samples)
def variance(np, input: Array, dim: Ints | None, correction, keepdim):
    """sum |x - mean|^2 / (n - correction) over `dim`."""
    return moments(np, input, dim, correction, keepdim)[0]


@opaque(vjp=deviation_gradient, space=None, method=False, backward_name="StdBackward0", samples=_spread_samples)
def deviation(np, input: Array, dim: Ints | None, correction, keepdim):
    """The square root of the variance over `dim`."""
    return np.sqrt(moments(np, input, dim, correction, keepdim)[0])


@opaque(
    vjp=_variance_and_mean_rule,
    space=None,
    method=False,
    outputs=2,
    backward_name="VarMeanBackward0",
    samples=_spread_samples,
)
def variance_and_mean(np, input: Array, dim: Ints | None, correction, keepdim):
    """Variance and mean over `dim`."""
    return moments(np, input, dim, correction, keepdim)


@opaque(
    vjp=_deviation_and_mean_rule,
    space=None,
    method=False,
    outputs=2,
    backward_name="StdMeanBackward0",
    samples=_spread_samples,
)
def deviation_and_mean(np, input: Array, dim: Ints | None, correction, keepdim):
    """Standard deviation and mean over `dim`."""
    found, middle = moments(np, input, dim, correction, keepdim)
    return np.sqrt(found), middle


def _spread_arguments(name: str, input: Any, dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    """The dims and the correction that the overloads of var and std name."""
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        names = name if "mean" in name else "std and var"
        raise DtypeError(f"{names} only support floating point and complex dtypes, got {input.dtype}")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{name}() received an invalid combination of arguments - got both unbiased and correction")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if dim is not None and not isinstance(dim, int):
        dim = tuple(dim)
    if count_of(tuple(input.shape), dim) - correction <= 0:
        warn(
            f"{name}(): degrees of freedom is <= 0. Correction ({correction}) should be less than the number of "
            "elements that meet in one result",
            UserWarning,
            stacklevel=4,
        )
    return dim, correction


def _overload_samples(s: Any) -> list[Any]:
    return [
        call(s.array(3, 4)),
        call(s.array(3, 4), 1),
        call(s.array(3, 4), False),
        call(s.array(3, 4), (0, 1), True, True),
        call(s.array(3, 4), dim=-1, correction=2, keepdim=True),
    ]


@composite(samples=_overload_samples)
def var(m, input: Array, dim: Ints | None = None, unbiased=None, keepdim=False, *, correction=None):
    """Variance over `dim`, sum |x - mean|^2 / (n - correction).

    correction: 1 (Bessel) if not given; unbiased=False means 0.  Real for complex input; nan or inf, with a warning,
    unless n exceeds the correction.  Raises: DtypeError for integers.
    """
    dim, correction = _spread_arguments("var", input, dim, unbiased, correction)
    return m.variance(input, dim, correction, keepdim)


@composite(samples=_overload_samples)
def std(m, input: Array, dim: Ints | None = None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation over `dim`, the root of `var`; slope 0 where nothing deviates."""
    dim, correction = _spread_arguments("std", input, dim, unbiased, correction)
    return m.deviation(input, dim, correction, keepdim)


@composite(method=False, samples=_overload_samples)
def var_mean(m, input: Array, dim: Ints | None = None, unbiased=None, keepdim=False, *, correction=None):
    """Variance and mean over `dim`, see `var`."""
    dim, correction = _spread_arguments("var_mean", input, dim, unbiased, correction)
    return m.variance_and_mean(input, dim, correction, keepdim)


@composite(method=False, samples=_overload_samples)
def std_mean(m, input: Array, dim: Ints | None = None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation and mean over `dim`, see `std`."""
    dim, correction = _spread_arguments("std_mean", input, dim, unbiased, correction)
    return m.deviation_and_mean(input, dim, correction, keepdim)


# ---------------------------------------------------------------- median and mode


def _median_name(args: tuple[Any, ...]) -> str:
    return "NanmedianBackward0" if args[1] else "MedianBackward0"


@opaque(
    vjp=shared_with_nan,
    space=None,
    method=False,
    backward_name=_median_name,
    samples=lambda s: [call(s.distinct(3, 4), False), call(s.distinct(5), True), call(s.distinct(), False)],
)
def whole_median(np, input: Array, skip):
    """The lower median of all elements; nan if there is one, or without them if `skip`."""
    refuse("median_cpu", "cb", input)
    flat = input.reshape(-1)
    if not flat.size:
        return np.full((), np.nan if input.dtype.kind == "f" else np.iinfo(input.dtype).min, input.dtype)
    if flat.dtype.kind == "f":
        broken = np.isnan(flat)
        if broken.any():
            flat = flat[~broken] if skip else flat
            if not skip or not flat.size:
                return np.full((), np.nan, input.dtype)
    k = (flat.size - 1) // 2
    return np.partition(flat, k)[k]


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.distinct(3, 4), 1, False, False), call(s.distinct(3), 0, True, True)],
)
def median_index(np, input: Array, dim: int, keepdim, skip):
    """Where the lower median along `dim` is; the first nan if there is one, or past them if `skip`."""
    refuse("median_out", "cb", input)
    dim = wrap_dim(dim, input.ndim)
    check_not_empty("median", input.shape, dim)
    if not input.ndim:
        return np.zeros((), dtype="int64")
    n = input.shape[dim]
    if input.dtype.kind == "f" and np.isnan(input).any():
        order = order_of(np, input, dim)
        valid = n - np.isnan(input).sum(axis=dim, keepdims=True)
        middle = np.maximum(valid - 1, 0) // 2 if skip else np.where(valid < n, np.minimum(valid, n - 1), (n - 1) // 2)
        found = np.take_along_axis(order, middle, axis=dim)
        return found if keepdim else found.reshape(found.shape[:dim] + found.shape[dim + 1 :])
    found = rank_index(np, input, (n - 1) // 2, dim)
    return np.expand_dims(found, dim) if keepdim else found


def _median(m: Any, input: Any, dim: Any, keepdim: bool, skip: bool) -> Any:
    if dim is None:
        return m.whole_median(input, skip)
    name = "nanmedian" if skip else "median"
    indices = m.median_index(input, dim, keepdim, skip)
    values = m.picked(input, indices, dim, keepdim, name.title() + "Backward1")
    return getattr(return_types, name)((values, indices))


@composite(samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3, 4), 1), call(s.distinct(3, 5), 0, True)])
def median(m, input: Array, dim: int | None = None, keepdim=False):
    """Median of all elements, or along `dim` as (values, indices): the lower of the middle two, nan if there is one.

    Over all elements ties share the gradient evenly; along `dim` it goes to the index.
    """
    return _median(m, input, dim, keepdim, False)


@composite(samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct(3, 4), 1), call(s.distinct(3, 5), 0, True)])
def nanmedian(m, input: Array, dim: int | None = None, keepdim=False):
    """Median of what is not nan, see `median`; nan where nothing is left."""
    return _median(m, input, dim, keepdim, True)


@plain(space=None, method=False, samples=lambda s: [call(s.integers(3, 4), 1, False), call(s.integers(3), 0, True)])
def mode_index(np, input: Array, dim: int, keepdim):
    """Where the most frequent element along `dim` occurs last; of several the smallest element."""
    refuse("mode_cpu", "c", input)
    dim = wrap_dim(dim, input.ndim)
    check_not_empty("mode", input.shape, dim)
    if not input.ndim:
        return np.zeros((), dtype="int64")
    order = order_of(np, np.moveaxis(input, dim, -1), -1)
    placed = np.take_along_axis(np.moveaxis(input, dim, -1), order, axis=-1)
    steps = np.arange(placed.shape[-1])
    new = np.not_equal(placed[..., 1:], placed[..., :-1])
    starts = np.zeros(placed.shape, dtype="int64")
    starts[..., 1:] = np.where(new, steps[1:], 0)
    run = steps - np.maximum.accumulate(starts, axis=-1)
    found = np.take_along_axis(order, np.argmax(run, axis=-1, keepdims=True), axis=-1)
    return np.moveaxis(found, -1, dim) if keepdim else found[..., 0]


@composite(samples=lambda s: [call(s.integers(3, 4)), call(s.array(3, 4), 0, True), call(s.array())])
def mode(m, input: Array, dim=-1, keepdim=False):
    """Most frequent element along `dim`, the smallest of several, as (values, indices of its last occurrence)."""
    indices = m.mode_index(input, dim, keepdim)
    return return_types.mode((m.picked(input, indices, dim, keepdim, "ModeBackward0"), indices))


# ---------------------------------------------------------------- quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 4), s.array(2, low=0.0, high=1.0), None, "linear", False)],
)
def quantile_places(np, input: Array, q: Array | None, number, interpolation, skip):
    """Positions of quantiles in sorted rows: the lower places, the upper places, the weights of the upper.

    A row with nan points at its end, where the nans are; `skip` counts without them.
    """
    n = input.shape[-1]
    kind = input.dtype.type
    wanted = np.full(1, number, input.dtype) if q is None else q.reshape(-1)
    broken = np.isnan(input).sum(axis=-1, keepdims=True)
    if skip:
        ranks = wanted * np.maximum(n - broken - 1, 0).astype(input.dtype)
    else:
        ranks = np.where(broken > 0, kind(n - 1), wanted * kind(n - 1))
    if interpolation == "lower":
        ranks = np.floor(ranks)
    elif interpolation == "higher":
        ranks = np.ceil(ranks)
    elif interpolation == "nearest":
        ranks = np.round(ranks)
    low = np.floor(ranks)
    high = np.ceil(ranks)
    weight = np.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - low
    return low.astype("int64"), high.astype("int64"), np.where(high == low, kind(0), weight)


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 4), False)])
def quantile_scale(np, input: Array, skip):
    """How far a row's positions move with q: by its last index, of what is not nan if `skip`; not if it has a nan."""
    broken = np.isnan(input).sum(axis=-1, keepdims=True)
    last = input.shape[-1] - 1
    return (np.maximum(last - broken, 0) if skip else np.where(broken > 0, 0, last)).astype(input.dtype)


def _check_quantile(input: Any, q: Any, interpolation: str) -> None:
    if interpolation not in _INTERPOLATIONS:
        raise ShapeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DtypeError(f"quantile() input tensor must be either float or double dtype, got {input.dtype}")
    if not input.numel():
        raise ShapeError("quantile() input tensor must be non-empty")
    if is_number(q):
        if not 0 <= q <= 1:
            raise ShapeError(f"quantile() q must be in the range [0, 1] but got {q}")
        return
    if not hasattr(q, "ndim"):
        raise ArgumentError(
            "quantile() received an invalid combination of arguments - q must be float or Tensor, not "
            f"{type(q).__name__}"
        )
    if q.ndim > 1:
        raise ShapeError(f"quantile() q must be a scalar or 1D tensor, got {q.ndim} dims")
    if q.dtype != input.dtype:
        raise DtypeError(f"quantile() q tensor must be same dtype as the input tensor, {q.dtype} is not {input.dtype}")


def _quantile(m: Any, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip: bool) -> Any:
    _check_quantile(input, q, interpolation)
    inside = True if is_number(q) else (q >= 0) & (q <= 1)
    if inside is not True and not bool(getattr(inside, "_array", inside).all()):
        raise ShapeError("quantile() q values must be in the range [0, 1]")
    ndim = input.ndim
    dim = dim if dim is None else wrap_dim(dim, ndim)
    rows = m.reshape(input, (-1,)) if dim is None else input if not ndim else m.movedim(input, dim, -1)
    if rows.ndim == 0:
        rows = m.reshape(rows, (1,))
    number = is_number(q)
    placed = m.sort(rows, -1)[0]
    low, high, weight = m.quantile_places(rows, None if number else q, q if number else None, interpolation, skip)
    below = m.picked(placed, low, -1, True, "GatherBackward0")
    found = below
    if not number and interpolation == "linear":
        weight = q * m.quantile_scale(rows, skip) - low
    if interpolation in ("linear", "midpoint"):
        found = m.lerp(below, m.picked(placed, high, -1, True, "GatherBackward0"), weight)
    if keepdim:
        shape = [1] * ndim if dim is None else [*rows.shape[:-1]]
        if dim is not None and ndim:
            shape.insert(wrap_dim(dim, ndim), 1)
    else:
        shape = [] if dim is None else [*rows.shape[:-1]]
    if number or not q.ndim:
        return m.reshape(found, tuple(shape))
    return m.reshape(m.movedim(found, -1, 0), (q.shape[0], *shape))


def _quantile_samples(s: Any) -> list[Any]:
    q = s.array(3, low=0.05, high=0.95)
    return [
        call(s.distinct(3, 4), 0.3),
        call(s.distinct(3, 4), q, 1),
        call(s.distinct(3, 4), q, 0, True),
        call(s.distinct(3, 5), 0.4, -1, interpolation="midpoint"),
        call(s.distinct(3, 5), 0.4, None, True, interpolation="higher"),
    ]


@composite(samples=_quantile_samples)
def quantile(m, input: Array, q, dim: int | None = None, keepdim=False, *, interpolation="linear"):
    """The q-th quantile along `dim` or of all elements, 0 <= q <= 1; nan where there is a nan.

    q: a number, or a vector that makes a new first dim.  Between two elements `interpolation` says what to take.
    Raises: DtypeError unless input is float32 or float64; ShapeError for no elements or q out of range.
    """
    return _quantile(m, input, q, dim, keepdim, interpolation, False)


@composite(samples=_quantile_samples)
def nanquantile(m, input: Array, q, dim: int | None = None, keepdim=False, *, interpolation="linear"):
    """The q-th quantile of what is not nan, see `quantile`; nan where nothing is left."""
    return _quantile(m, input, q, dim, keepdim, interpolation, True)
