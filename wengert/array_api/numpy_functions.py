"""NumPy's functions on recorded tensors, by NumPy's names and arguments.

`RECORDED` maps each function to its recorded form.  Dtypes are NumPy's where several operands meet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.array_api import creation, linalg, manipulation, searching, statistics
from wengert.array_api.manipulation import axes_of
from wengert.array_api.numpy_ufuncs import refused, ufunc_result
from wengert.array_api.types import dialect, is_tensor
from wengert.core.arrays import dtype as dtypes

RECORDED: dict[Any, Callable[..., Any]] = {}
"""NumPy's function -> what is called in its place for recorded tensors."""


def stands_for(*functions: Any) -> Callable[[Any], Any]:
    """Enter the decorated function as the recorded form of NumPy's."""

    def enter(own: Any) -> Any:
        RECORDED.update(dict.fromkeys(functions, own))
        return own

    return enter


def _own(dtype: Any) -> Any:
    """NumPy's dtype, or ours, as ours."""
    return dtype if dtype is None or isinstance(dtype, dtypes.dtype) else dtypes.of(np.dtype(dtype))


def _tensor(x: Any) -> Any:
    return x if is_tensor(x) else creation.asarray(x)


def _together(values: Any) -> list[Any]:
    """Tensors of the operands in NumPy's common dtype."""
    given = [_tensor(x) for x in values]
    wanted = dtypes.of(np.result_type(*(x.dtype.numpy for x in given)))
    return [x.to(wanted) for x in given]


def _whole_where(where: Any, name: str) -> None:
    if where is not np._NoValue and where is not True:
        raise refused(f"np.{name} with where=")


def _reduction(name: str, compute: Callable[..., Any]) -> None:
    """Enter a reduction whose arguments are `axis`, `dtype`, `keepdims`, `initial` and `where`."""

    def own(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = np._NoValue,
        where: Any = np._NoValue, **options: Any,
    ) -> Any:  # fmt: skip
        _whole_where(where, name)
        if initial is not np._NoValue:
            raise refused(f"np.{name} with initial=")
        x = _tensor(a) if dtype is None else _tensor(a).to(_own(dtype))
        return compute(x, axis=axis, keepdims=keepdims is True, **options)

    RECORDED[getattr(np, name)] = own


def _spread(root: bool) -> Callable[..., Any]:
    def own(x: Any, axis: Any, keepdims: bool, ddof: float = 0, correction: Any = np._NoValue) -> Any:
        options = {"axis": axis, "keepdims": keepdims, "correction": ddof if correction is np._NoValue else correction}
        if x.is_complex():
            real, imag = (statistics.var(part, **options) for part in (x.real, x.imag))
            return dialect.sqrt(real + imag) if root else real + imag
        x = x if x.is_floating_point() else x.double()
        return (statistics.std if root else statistics.var)(x, **options)

    return own


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    return statistics.mean(x if x.is_floating_point() or x.is_complex() else x.double(), axis=axis, keepdims=keepdims)


def _without_nans(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, **options: compute(dialect.where(dialect.isnan(x), dialect.zeros_like(x), x), **options)


def _nanmean(x: Any, **options: Any) -> Any:
    return _without_nans(statistics.sum)(x, **options) / statistics.sum(~dialect.isnan(x), **options)


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": statistics.sum, "prod": statistics.prod, "mean": _mean, "std": _spread(True), "var": _spread(False),
    "max": statistics.max, "min": statistics.min, "all": statistics.all, "any": statistics.any,
    "nansum": _without_nans(statistics.sum), "nanmean": _nanmean, "count_nonzero": statistics.count_nonzero,
    "ptp": lambda x, **options: statistics.max(x, **options) - statistics.min(x, **options),
}  # fmt: skip
for _name, _compute in _REDUCTIONS.items():
    _reduction(_name, _compute)
RECORDED[np.amax], RECORDED[np.amin] = RECORDED[np.max], RECORDED[np.min]


@stands_for(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sums, of the flattened tensor for None."""
    x = _tensor(a).reshape(-1) if axis is None else _tensor(a)
    return dialect.cumsum(x, axis or 0, dtype=_own(dtype))


@stands_for(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running products, of the flattened tensor for None."""
    x = _tensor(a).reshape(-1) if axis is None else _tensor(a)
    return dialect.cumprod(x, axis or 0, dtype=_own(dtype))


@stands_for(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """Mean of the two middle elements."""
    return quantile(a, 0.5, axis=axis, keepdims=keepdims)


@stands_for(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """Quantiles between 0 and 1, those of several q along a new first axis."""
    x = _tensor(a)
    places = axes_of(axis, x.ndim, "quantile")
    merged = statistics._merged(x, places)
    at = dialect.as_tensor(q, dtype=x.dtype)
    out = dialect.quantile(merged, at, -1, interpolation=method)
    if not keepdims:
        return out
    return out.reshape([*at.shape, *(1 if i in places else n for i, n in enumerate(x.shape))])


@stands_for(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """Quantiles between 0 and 100."""
    return quantile(a, np.asarray(q) / 100, axis=axis, method=method, keepdims=keepdims)


@stands_for(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """Mean with weights of the same shape, or one weight for each place along an axis."""
    if weights is None:
        weights = dialect.ones_like(_tensor(a))
    x, w = _together((a, weights))
    if w.ndim == 1 and x.ndim != 1:
        w = w.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]).expand(x.shape)
    total = statistics.sum(w, axis=axis, keepdims=keepdims is True)
    out = statistics.sum(x * w, axis=axis, keepdims=keepdims is True) / total
    return (out, total) if returned else out


# ---------------------------------------------------------------- products


@stands_for(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Product over the last axis of a and the last but one of b."""
    x, y = _together((a, b))
    if not x.ndim or not y.ndim:
        return x * y
    return dialect.tensordot(x, y, dims=([x.ndim - 1], [max(y.ndim - 2, 0)]))


@stands_for(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Product over the last axes."""
    x, y = _together((a, b))
    return x * y if not x.ndim or not y.ndim else dialect.tensordot(x, y, dims=([x.ndim - 1], [y.ndim - 1]))


@stands_for(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Sum of conj(a) * b over all elements."""
    x, y = _together((a, b))
    return (dialect.conj(x) * y).sum()


@stands_for(np.outer, np.linalg.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Products of every element with every."""
    return dialect.outer(*(x.reshape(-1) for x in _together((a, b))))


@stands_for(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Kronecker product."""
    return dialect.kron(*_together((a, b)))


@stands_for(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes."""
    pairs = axes if isinstance(axes, int) else [[x] if isinstance(x, int) else list(x) for x in axes]
    return dialect.tensordot(*_together((a, b)), dims=pairs)


@stands_for(np.einsum)
def einsum(subscripts: str, *operands: Any, out: Any = None, optimize: Any = False) -> Any:
    """Sum of products in Einstein's notation."""
    return dialect.einsum(subscripts, *_together(operands))


@stands_for(np.cross)
def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """Cross product of vectors of three elements."""
    return linalg.cross(*_together((a, b)), axis=axis)


@stands_for(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """Sum of a diagonal."""
    return dialect.diagonal(_tensor(a), offset, axis1, axis2).sum(-1, dtype=_own(dtype))


# ---------------------------------------------------------------- joining and choosing


@stands_for(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """The tensors joined along an axis, flattened for None."""
    joined = manipulation.concat(_together(arrays), axis=axis)
    return joined if dtype is None else joined.to(_own(dtype))


@stands_for(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """The tensors joined along a new axis."""
    joined = dialect.stack(_together(arrays), axis)
    return joined if dtype is None else joined.to(_own(dtype))


def _joining(numpy_function: Any, own: Any) -> None:
    RECORDED[numpy_function] = lambda tup, **options: own(_together(tup))


for _numpy, _dialect in {
    np.hstack: dialect.hstack, np.vstack: dialect.vstack, np.dstack: dialect.dstack,
    np.column_stack: dialect.column_stack,
}.items():  # fmt: skip
    _joining(_numpy, _dialect)


@stands_for(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """The values behind the elements."""
    x, y = _together((arr, values))
    return manipulation.concat([x, y] if axis is not None else [x.reshape(-1), y.reshape(-1)], axis=axis or 0)


@stands_for(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """x where the condition holds, else y; the indices of what is not zero for the condition alone."""
    if x is None or y is None:
        return dialect.nonzero(_tensor(condition), as_tuple=True)
    mask = _tensor(condition)
    numbers = (int, float, complex)
    wanted = np.result_type(*(v.dtype.numpy if is_tensor(v) else v for v in (x, y)))
    device = next(v.device for v in (x, y, condition) if is_tensor(v))
    a, b = (
        dialect.as_tensor(v, dtype=dtypes.of(wanted), device=device) if not is_tensor(v) or v.__class__ in numbers
        else v.to(dtypes.of(wanted))
        for v in (x, y)
    )  # fmt: skip
    return dialect.where(mask != 0, a, b)


@stands_for(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> Any:
    """Each element brought between two bounds, `min` and `max` by their newer names."""
    low, high = options.get("min", a_min), options.get("max", a_max)
    x = _tensor(a)
    if low is not None and low is not np._NoValue:
        x = ufunc_result(np.maximum, "__call__", (x, low), {})
    if high is not None and high is not np._NoValue:
        x = ufunc_result(np.minimum, "__call__", (x, high), {})
    return x


@stands_for(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Nearest numbers of that many decimals."""
    return dialect.round(_tensor(a), decimals=decimals)


@stands_for(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """The elements in order, flattened for None."""
    x = a.reshape(-1) if axis is None else a
    return dialect.sort(x, dim=-1 if axis is None else axis, stable=True)[0]


@stands_for(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """The indices that sort."""
    x = a.reshape(-1) if axis is None else a
    return dialect.argsort(x, dim=-1 if axis is None else axis, stable=True)


@stands_for(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """The slices of these indices, of the flattened tensor for None."""
    if mode != "raise":
        raise refused("np.take with mode=")
    x, places = (a.reshape(-1), 0) if axis is None else (a, axis % a.ndim)
    return x[(slice(None),) * places + (_tensor(indices).long(),)]


@stands_for(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Along an axis the element that each index names."""
    if axis is None:
        return searching.take_along_axis(arr.reshape(-1), _tensor(indices), axis=0)
    return searching.take_along_axis(arr, _tensor(indices), axis=axis)


@stands_for(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """n-th differences between neighbours."""
    given = {"prepend": prepend, "append": append}
    return statistics.diff(
        a, n=n, axis=axis, **{k: _tensor(v).to(a.dtype) for k, v in given.items() if v is not np._NoValue}
    )


@stands_for(*([np.trapezoid] if hasattr(np, "trapezoid") else []))
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Area below the points by trapezoids."""
    return dialect.trapezoid(y, dx=dx, dim=axis) if x is None else dialect.trapezoid(*_together((y, x)), dim=axis)


@stands_for(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Polynomial whose first coefficient is that of the highest power."""
    p, x = _together((p, x))
    out = dialect.zeros_like(x)
    for coefficient in dialect.unbind(p):
        out = out * x + coefficient
    return out


@stands_for(np.isclose)
def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """|a - b| <= atol + rtol * |b|."""
    return dialect.isclose(*_together((a, b)), rtol=rtol, atol=atol, equal_nan=equal_nan)


@stands_for(np.allclose)
def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(isclose(a, b, rtol, atol, equal_nan).all())


@stands_for(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Whether shapes and elements are equal."""
    x, y = _together((a1, a2))
    same = (x == y) | (dialect.isnan(x) & dialect.isnan(y)) if equal_nan and x.shape == y.shape else None
    return x.shape == y.shape and bool((x == y if same is None else same).all())


@stands_for(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Numbers in place of NaN and infinities."""
    return dialect.nan_to_num(x, nan, posinf, neginf)


@stands_for(np.unique)
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The values without repetition, in order."""
    found = searching.unique_all(ar)
    asked = (True, return_index, return_inverse, return_counts)
    parts = tuple(part for part, wanted in zip(found, asked, strict=True) if wanted)
    return parts if len(parts) > 1 else parts[0]
