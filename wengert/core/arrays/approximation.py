"""How approximations of functions are evaluated: polynomials, Chebyshev series, one formula per region.

Every function takes the array namespace `np` first and loops over coefficients or regions, never over elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Region = tuple[Any, Callable[..., Any]]


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's rule, highest power first."""
    result = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        result += coefficient
        result *= x
    result += coefficients[-1]
    return result


def ratio(x: Any, above: Sequence[float], below: Sequence[float]) -> Any:
    """The quotient of two polynomials, each highest power first."""
    result = polynomial(x, above)
    result /= polynomial(x, below)
    return result


def chebyshev(x: Any, coefficients: Sequence[float], low: float, high: float) -> Any:
    """The sum of c_k T_k(t), where t in [-1, 1] is x scaled from [low, high]; Clenshaw (1955)."""
    twice = (x - 0.5 * (low + high)) * (4.0 / (high - low))
    after, current = 0.0, twice * 0.0 + coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        after, current = current, twice * current - after + coefficient
    return 0.5 * twice * current - after + coefficients[0]


def regions(np: Any, x: Any, *parts: Region, otherwise: Callable[..., Any], extra: tuple[Any, ...] = ()) -> Any:
    """A function put together from formulas: the first mask that holds says which one an element takes.

    Each formula sees only its own elements, as a vector, and may overwrite it; `extra` are arrays of the shape of x
    handed to the formulas too.  The masks have the shape of x.
    """
    x = np.asarray(x)
    result = np.empty(x.shape, dtype=x.dtype)
    rest = None
    for mask, formula in parts:
        if rest is not None:
            mask = mask & rest
        count = int(np.count_nonzero(mask))
        if count == x.size:
            return formula(x.copy(), *extra)
        if count:
            result[mask] = formula(x[mask], *[e[mask] for e in extra])
        rest = ~mask if rest is None else rest & ~mask
    if rest is None:
        return otherwise(x.copy(), *extra)
    if bool(rest.any()):
        result[rest] = otherwise(x[rest], *[e[rest] for e in extra])
    return result


# Elements treated at once: the dozen temporaries of a formula stay in the processor's cache.
_BLOCK = 1 << 14


def double(np: Any, function: Callable[..., Any], *arrays: Any) -> Any:
    """`function` of the arrays in float64, the result in the dtype they had (float32, say)."""
    dtype = np.result_type(*arrays)
    if dtype.kind in "iub":
        dtype = np.dtype("float64")
    if len(arrays) == 1 and np.__name__ == "numpy" and getattr(arrays[0], "size", 0) > _BLOCK:
        return _by_blocks(np, function, arrays[0], dtype)
    result = function(np, *[np.asarray(a, dtype=np.float64) for a in arrays])
    return result if dtype == np.float64 else result.astype(dtype)


def _by_blocks(np: Any, function: Callable[..., Any], array: Any, dtype: Any) -> Any:
    flat = array.reshape(-1)
    result = np.empty(flat.shape, dtype=dtype)
    for start in range(0, flat.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        result[part] = function(np, flat[part].astype(np.float64, copy=False))
    return result.reshape(array.shape)
