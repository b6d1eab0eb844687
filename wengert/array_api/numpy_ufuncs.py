"""NumPy's ufuncs on recorded tensors: computed by our operators, in NumPy's dtypes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from wengert.array_api.types import dialect, is_tensor
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import GraphError
from wengert.core.tensor.methods import SPACES

_NAMES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "conjugate": "conj", "divide": "div", "equal": "eq", "fabs": "abs",
    "float_power": "pow", "greater": "gt", "greater_equal": "ge", "invert": "bitwise_not", "left_shift":
    "bitwise_left_shift", "less": "lt", "less_equal": "le", "multiply": "mul", "negative": "neg", "not_equal": "ne",
    "positive": "clone", "power": "pow", "rint": "round", "right_shift": "bitwise_right_shift", "subtract": "sub",
    "degrees": "rad2deg", "radians": "deg2rad",
}  # fmt: skip
"""NumPy's name -> ours, where they differ."""

_SAME = (
    "add", "ceil", "copysign", "cos", "cosh", "deg2rad", "exp", "exp2", "expm1", "floor", "floor_divide", "fmax",
    "fmin", "fmod", "heaviside", "hypot", "isfinite", "isinf", "isnan", "ldexp", "log", "log10", "log1p", "log2",
    "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "matmul", "maximum",
    "minimum", "nextafter", "rad2deg", "reciprocal", "remainder", "sign", "signbit", "sin", "sinh", "sqrt", "square",
    "tan", "tanh", "trunc",
)  # fmt: skip
ELEMENTWISE: dict[Any, Any] = {getattr(np, name): getattr(dialect, name) for name in _SAME}
ELEMENTWISE.update({getattr(np, name): getattr(dialect, own) for name, own in _NAMES.items()})
ELEMENTWISE[np.cbrt] = lambda x: dialect.sign(x) * dialect.pow(dialect.abs(x), 1 / 3)
ELEMENTWISE[np.vecdot] = lambda a, b: (dialect.conj(a) * b).sum(-1)
if hasattr(np, "matvec"):  # from NumPy 2.2 on
    ELEMENTWISE[np.matvec] = lambda a, b: dialect.matmul(a, b[..., None])[..., 0]
    ELEMENTWISE[np.vecmat] = lambda a, b: dialect.matmul(dialect.conj(a)[..., None, :], b)[..., 0, :]
ELEMENTWISE[np.divmod] = lambda a, b: (dialect.floor_divide(a, b), dialect.remainder(a, b))
ELEMENTWISE[np.modf] = lambda x: (dialect.frac(x), dialect.trunc(x))
ELEMENTWISE[np.spacing] = lambda x: dialect.nextafter(x, dialect.full_like(x, float("inf"))) - x


SPECIAL: dict[str, Any] = {
    name: SPACES["special"][own]
    for name, own in {"psi": "digamma", "_zeta": "zeta", **{name: name for name in (
        "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln", "i0",
        "i0e", "i1", "i1e", "log1p", "log_ndtr", "logit", "ndtr", "ndtri", "xlog1py", "xlogy",
    )}}.items()
}  # fmt: skip
"""Name of a ufunc of `scipy.special` -> ours."""


def recorded_form(ufunc: Any) -> Any:
    """What computes a ufunc of NumPy's or of `scipy.special` with history; None where nothing does."""
    if ufunc in ELEMENTWISE:
        return ELEMENTWISE[ufunc]
    module, name = sys.modules.get("scipy.special._ufuncs"), ufunc.__name__
    return SPECIAL.get(name) if module is not None and getattr(module, name, None) is ufunc else None


def _product(x: Any, axis: int, keepdims: bool) -> Any:
    return dialect.prod(x, axis, keepdim=keepdims)


REDUCTIONS = {
    np.add: lambda x, axis, keepdims: dialect.sum(x, axis, keepdim=keepdims), np.multiply: _product,
    np.maximum: lambda x, axis, keepdims: dialect.amax(x, axis, keepdim=keepdims),
    np.minimum: lambda x, axis, keepdims: dialect.amin(x, axis, keepdim=keepdims),
    np.logical_and: lambda x, axis, keepdims: dialect.all(x, axis, keepdim=keepdims),
    np.logical_or: lambda x, axis, keepdims: dialect.any(x, axis, keepdim=keepdims),
    np.logaddexp: lambda x, axis, keepdims: dialect.logsumexp(x, axis, keepdim=keepdims),
}  # fmt: skip
SCANS = {
    np.add: dialect.cumsum, np.multiply: dialect.cumprod, np.maximum: lambda x, axis: dialect.cummax(x, axis)[0],
    np.minimum: lambda x, axis: dialect.cummin(x, axis)[0], np.logaddexp: dialect.logcumsumexp,
}  # fmt: skip


def refused(what: str) -> GraphError:
    """The error of a NumPy function that has no recorded form."""
    return GraphError(
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead. "
        f"({what} is not recorded.)"
    )


def ufunc_result(ufunc: Any, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """A ufunc, or its reduce, accumulate or outer, on tensors that are recorded.

    Raises: GraphError for one that has no recorded form, and for `out`, an array that cannot hold history.
    """
    what = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    out = options.pop("out", None)
    if out is not None and any(place is not None for place in out):
        raise refused(f"{what} with out=")
    if method == "__call__" and recorded_form(ufunc) is not None:
        return _called(ufunc, inputs, what, **options)
    if method == "reduce" and ufunc in REDUCTIONS:
        return _reduced(REDUCTIONS[ufunc], inputs[0], what, *inputs[1:], **options)
    if method == "accumulate" and ufunc in SCANS:
        return _scanned(SCANS[ufunc], *inputs, **options)
    if method == "outer" and recorded_form(ufunc) is not None:
        a, b = (dialect.as_tensor(x) for x in inputs)
        return _called(ufunc, (a.reshape(a.shape + (1,) * b.ndim), b), what, **options)
    raise refused(what)


def _called(ufunc: Any, inputs: Any, what: str, *, dtype: Any = None, where: Any = True, **options: Any) -> Any:
    if where is not True or options.get("casting", "same_kind") != "same_kind":
        raise refused(f"{what} with where= or casting=")
    asked = (*(_numpy_type(x) for x in inputs), *(None,) * ufunc.nout)
    signature = {} if dtype is None else {"signature": (*(None,) * ufunc.nin, np.dtype(dtype))}
    wanted = ufunc.resolve_dtypes(asked, **signature)
    device = next(x.device for x in inputs if is_tensor(x))
    given = [_operand(x, dtypes.of(t), device) for x, t in zip(inputs, wanted, strict=False)]
    result = recorded_form(ufunc)(*given)
    if isinstance(result, tuple):
        return tuple(r.to(dtypes.of(t)) for r, t in zip(result, wanted[ufunc.nin :], strict=True))
    return result.to(dtypes.of(wanted[ufunc.nin]))


def _numpy_type(x: Any) -> Any:
    """How NumPy counts an operand when it looks for a common dtype: Python's numbers by their class."""
    if is_tensor(x):
        return x.dtype.numpy
    return x.__class__ if x.__class__ in (int, float, complex) else np.asarray(x).dtype


def _operand(x: Any, dtype: Any, device: Any) -> Any:
    return x.to(dtype) if is_tensor(x) else dialect.as_tensor(x, dtype=dtype, device=device)


def _reduced(
    reduce: Any, x: Any, what: str, axis: Any = 0, dtype: Any = None, keepdims: bool = False, **options: Any
) -> Any:
    if options.get("where", True) is not True or options.get("initial") is not None:
        raise refused(f"{what} with where= or initial=")
    x = x if dtype is None else x.to(dtypes.of(np.dtype(dtype)))
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    for place in sorted((place % x.ndim for place in axes), reverse=True):
        x = reduce(x, place, keepdims)
    return x


def _scanned(scan: Any, x: Any, axis: int = 0, dtype: Any = None) -> Any:
    return scan(x if dtype is None else x.to(dtypes.of(np.dtype(dtype))), axis)
