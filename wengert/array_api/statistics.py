"""Sums, means and other reductions, in the standard's names and dtype rules.

Sums and products of small integers are made in int64, of small unsigned ones in uint64; floats keep their dtype.
"""

from __future__ import annotations

from typing import Any

from wengert.array_api.manipulation import Axes, axes_of
from wengert.array_api.types import category, dialect, expected, is_tensor, tensor
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ShapeError, ValueRangeError


def wide(dtype: Any) -> Any:
    """The dtype in which elements of this one are summed."""
    if category(dtype) > 1:
        return dtype
    return dtypes.ALL["uint64" if dtype.numpy.kind == "u" else "int64"]


def _merged(x: Any, places: tuple[int, ...]) -> Any:
    """x with these axes behind the others as a single one."""
    kept = [i for i in range(x.ndim) if i not in places]
    count = 1
    for place in places:
        count *= x.shape[place]
    return dialect.permute(x, (*kept, *places)).reshape([x.shape[i] for i in kept] + [count])


def _shaped(out: Any, x: Any, places: tuple[int, ...], keepdims: bool) -> Any:
    """A result over merged axes with these put back at length 1."""
    return out.reshape([1 if i in places else n for i, n in enumerate(x.shape)]) if keepdims else out


def sum(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum over these axes, all for None; zero of nothing."""
    expected(x, "0123", "sum")
    target = dtype or wide(x.dtype)
    places = axes_of(axis, x.ndim, "sum")
    return dialect.sum(x, places, keepdim=keepdims, dtype=target) if places else x.to(target, copy=True)


def prod(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Product over these axes, all for None; one of nothing."""
    places = axes_of(axis, tensor(x, "prod").ndim, "prod")
    target = dtype or wide(x.dtype)
    if not places:
        return x.to(target, copy=True)
    return _shaped(dialect.prod(_merged(x, places), -1, dtype=target), x, places, keepdims)


def mean(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Mean of floats over these axes; NaN of nothing."""
    places = axes_of(axis, expected(x, "23", "mean").ndim, "mean")
    return dialect.mean(x, places, keepdim=keepdims) if places else x.clone()


def var(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Variance of real floats, sum of |x - mean|^2 / (N - correction)."""
    places = axes_of(axis, expected(x, "2", "var").ndim, "var")
    if not places:
        x, places = x.reshape(*x.shape, 1), (x.ndim,)
        return dialect.var(x, places, correction=correction)
    return dialect.var(x, places, correction=correction, keepdim=keepdims)


def std(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Standard deviation, the root of `var`."""
    return dialect.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def max(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Largest element over these axes; NaN where there is one.  Equal largest ones share the gradient.

    Raises: ValueRangeError for no element.
    """
    return _extreme(dialect.amax, x, axis, keepdims, "max")


def min(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Smallest element over these axes; NaN where there is one.  Equal smallest ones share the gradient.

    Raises: ValueRangeError for no element.
    """
    return _extreme(dialect.amin, x, axis, keepdims, "min")


def _extreme(reduce: Any, x: Any, axis: Axes, keepdims: bool, name: str) -> Any:
    places = axes_of(axis, expected(x, "12", name).ndim, name)
    if 0 in [x.shape[place] for place in places]:
        raise ValueRangeError(f"{name}(): expected an element to reduce, but an axis of {tuple(x.shape)} is empty")
    return reduce(x, places, keepdim=keepdims) if places else x.clone()


def all(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Whether every element over these axes is true, or not zero; true of nothing."""
    return _truth(dialect.all, x, axis, keepdims, "all")


def any(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Whether an element over these axes is true, or not zero; false of nothing."""
    return _truth(dialect.any, x, axis, keepdims, "any")


def _truth(reduce: Any, x: Any, axis: Axes, keepdims: bool, name: str) -> Any:
    places = axes_of(axis, tensor(x, name).ndim, name)
    held = x if x.dtype.name == "bool" else x != 0
    return reduce(held, places, keepdim=keepdims) if places else held.clone()


def count_nonzero(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """How many elements over these axes are not zero, int64."""
    return sum(tensor(x, "count_nonzero") != 0, axis=axis, keepdims=keepdims)


def _cumulative(scan: Any, first: Any, x: Any, axis: int | None, dtype: Any, initial: bool, name: str) -> Any:
    expected(x, "0123", name)
    if axis is None:
        if x.ndim != 1:
            raise ValueRangeError(f"{name}(): axis is needed for a tensor of {x.ndim} dims")
        axis = 0
    (axis,) = axes_of(axis, x.ndim, name)
    out = scan(x, axis, dtype=dtype or wide(x.dtype))
    if not initial:
        return out
    shape = [1 if i == axis else n for i, n in enumerate(x.shape)]
    return dialect.cat([first(shape, dtype=out.dtype, device=out.device), out], axis)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Sums up to each element along an axis, which only 1-d tensors may leave out; `include_initial` puts 0 before."""
    return _cumulative(dialect.cumsum, dialect.zeros, x, axis, dtype, include_initial, "cumulative_sum")


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Products up to each element along an axis, as `cumulative_sum`; `include_initial` puts 1 before."""
    return _cumulative(dialect.cumprod, dialect.ones, x, axis, dtype, include_initial, "cumulative_prod")


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """n-th differences between neighbours along an axis, with other tensors put before or behind it first.

    Raises: ValueRangeError for a negative n.
    """
    if n < 0:
        raise ValueRangeError(f"diff(): expected n to be non-negative, but got {n}")
    if tensor(x, "diff").ndim == 0:
        raise ShapeError("diff(): expected a tensor of at least one dim")
    if n == 0:
        return x
    given = {name: part for name, part in (("prepend", prepend), ("append", append)) if is_tensor(part)}
    return dialect.diff(x, n, axis, **given)
