"""Functions of each element, in the standard's names and dtype rules.

Every function is recorded.  Those of two operands take tensors of different dtypes, which are promoted by the
standard's table, and Python numbers, which are weak.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wengert.array_api.types import category, default_float, dialect, expected, is_tensor, operand, pair, tensor
from wengert.core.arrays.shape import common_shape
from wengert.core.base.errors import DtypeError


def _named(function: Any, name: str, text: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


def _unary(name: str, levels: str, text: str, compute: Callable[[Any], Any] | None = None) -> Any:
    """A function of one tensor whose dtype is of these categories (see `expected`)."""
    forward = compute or getattr(dialect, name)

    def function(x: Any, /) -> Any:
        return forward(expected(x, levels, name))

    return _named(function, name, text)


def _binary(name: str, levels: str, text: str, compute: Callable[[Any, Any], Any] | None = None) -> Any:
    """A function of two operands whose common dtype is of these categories."""
    forward = compute or getattr(dialect, name)

    def function(x1: Any, x2: Any, /) -> Any:
        a, b = pair(x1, x2, name)
        expected(a, levels, name)
        return forward(a, b)

    return _named(function, name, text)


def _whole(compute: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A rounding: integers are what they are."""
    return lambda x: x.clone() if category(x.dtype) == 1 else compute(x)


def _complex_sign(x: Any) -> Any:
    return dialect.sgn(x) if category(x.dtype) == 3 else _real_sign(x)


def _real_sign(x: Any) -> Any:
    out = dialect.sign(x)
    return dialect.where(x != x, x, out) if category(x.dtype) == 2 else out


def _expm1(x: Any) -> Any:
    out = dialect.expm1(x)
    if category(x.dtype) < 3:
        return out
    # Not inf * sin(0), nan * sin(0) and 0 * sin(inf), which are NaN.
    axis, endless = x.imag == 0, x.real == math.inf
    out = dialect.where(axis & (endless | dialect.isnan(x.real)) | endless & dialect.isnan(x.imag), x, out)
    return dialect.where(x.real == -math.inf, dialect.full_like(x, -1), out)


def _pow(x1: Any, x2: Any) -> Any:
    """A power in full: of an exponent that is repeated, NumPy takes 0.5 for a root, which differs for -inf and -0."""
    shape = common_shape(x1.shape, x2.shape)
    exponents = x2 + dialect.zeros(shape or (1,), dtype=x2.dtype, device=x2.device)
    return dialect.pow(x1, exponents) if shape else dialect.pow(x1.reshape(1), exponents)[0]


abs = _unary("abs", "123", "Magnitude of each element, |x|.")
acos = _unary("acos", "23", "Inverse cosine, in [0, pi].")
acosh = _unary("acosh", "23", "Inverse hyperbolic cosine.")
asin = _unary("asin", "23", "Inverse sine, in [-pi/2, pi/2].")
asinh = _unary("asinh", "23", "Inverse hyperbolic sine.")
atan = _unary("atan", "23", "Inverse tangent, in [-pi/2, pi/2].")
atanh = _unary("atanh", "23", "Inverse hyperbolic tangent.")
bitwise_invert = _unary("bitwise_invert", "01", "Every bit turned over; `not` of booleans.", dialect.bitwise_not)
ceil = _unary("ceil", "12", "Smallest whole number not below each element.", _whole(dialect.ceil))
conj = _unary("conj", "123", "Complex conjugate; real tensors as they are.")
cos = _unary("cos", "23", "Cosine.")
cosh = _unary("cosh", "23", "Hyperbolic cosine.")
exp = _unary("exp", "23", "e to the power of each element.")
expm1 = _unary("expm1", "23", "exp(x) - 1, exact near zero.", _expm1)
floor = _unary("floor", "12", "Largest whole number not above each element.", _whole(dialect.floor))
imag = _unary("imag", "3", "Imaginary part, a view.")
isfinite = _unary("isfinite", "123", "Whether each element is neither infinite nor NaN.")
isinf = _unary("isinf", "123", "Whether each element is infinite.")
isnan = _unary("isnan", "123", "Whether each element is NaN.")
log = _unary("log", "23", "Natural logarithm.")
log10 = _unary("log10", "23", "Logarithm to base 10.")
log1p = _unary("log1p", "23", "log(1 + x), exact near zero.")
log2 = _unary("log2", "23", "Logarithm to base 2.")
logical_not = _unary("logical_not", "0", "`not` of each element.")
negative = _unary("negative", "123", "-x.", dialect.neg)
positive = _unary("positive", "123", "+x, a copy.", lambda x: x.clone())
real = _unary("real", "123", "Real part; real tensors as they are.")
reciprocal = _unary("reciprocal", "23", "1 / x.")
round = _unary("round", "123", "Nearest whole number, halves to even.", _whole(dialect.round))
sign = _unary("sign", "123", "-1, 0 or 1; NaN for NaN; x / |x| of complex.", _complex_sign)
signbit = _unary("signbit", "2", "Whether the sign bit is set, also of -0 and NaN.")
sin = _unary("sin", "23", "Sine.")
sinh = _unary("sinh", "23", "Hyperbolic sine.")
sqrt = _unary("sqrt", "23", "Square root; NaN for negative reals.")
square = _unary("square", "123", "x * x.")
tan = _unary("tan", "23", "Tangent.")
tanh = _unary("tanh", "23", "Hyperbolic tangent.")
trunc = _unary("trunc", "12", "Whole part, towards zero.", _whole(dialect.trunc))

add = _binary("add", "123", "x1 + x2.")
atan2 = _binary("atan2", "2", "Angle of the point (x2, x1), in [-pi, pi].")
bitwise_and = _binary("bitwise_and", "01", "Bits set in both.")
bitwise_left_shift = _binary("bitwise_left_shift", "1", "Bits of x1 moved up by x2.")
bitwise_or = _binary("bitwise_or", "01", "Bits set in either.")
bitwise_right_shift = _binary("bitwise_right_shift", "1", "Bits of x1 moved down by x2, the sign kept.")
bitwise_xor = _binary("bitwise_xor", "01", "Bits set in one only.")
copysign = _binary("copysign", "2", "Magnitude of x1 with the sign of x2.")
divide = _binary("divide", "23", "x1 / x2, of floats.", dialect.div)
equal = _binary("equal", "0123", "Whether the elements are equal.", dialect.eq)
floor_divide = _binary("floor_divide", "12", "Floor of x1 / x2.")
greater = _binary("greater", "12", "x1 > x2.", dialect.gt)
greater_equal = _binary("greater_equal", "12", "x1 >= x2.", dialect.ge)
hypot = _binary("hypot", "2", "sqrt(x1^2 + x2^2) without overflow on the way.")
less = _binary("less", "12", "x1 < x2.", dialect.lt)
less_equal = _binary("less_equal", "12", "x1 <= x2.", dialect.le)
logaddexp = _binary("logaddexp", "2", "log(exp(x1) + exp(x2)) without overflow.")
logical_and = _binary("logical_and", "0", "Both.")
logical_or = _binary("logical_or", "0", "Either.")
logical_xor = _binary("logical_xor", "0", "One only.")
maximum = _binary("maximum", "12", "The larger of each pair; NaN where either is NaN.")
minimum = _binary("minimum", "12", "The smaller of each pair; NaN where either is NaN.")
multiply = _binary("multiply", "123", "x1 * x2.", dialect.mul)
nextafter = _binary("nextafter", "2", "The float next to x1 in the direction of x2.")
not_equal = _binary("not_equal", "0123", "Whether the elements differ.", dialect.ne)
pow = _binary("pow", "123", "x1 to the power of x2.", _pow)
remainder = _binary("remainder", "12", "x1 - x2 * floor(x1 / x2): the sign is that of x2.")
subtract = _binary("subtract", "123", "x1 - x2.", dialect.sub)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """Each element brought into [min, max]; the dtype is that of x, None leaves a side open, NaN stays.

    Bounds are numbers or tensors that broadcast with x; the gradient is that of `clamp`.
    Raises: DtypeError for bounds of another kind than x.
    """
    dtype = expected(x, "12", "clip").dtype
    for bound in (min, max):
        level = 0 if bound is None else category(bound.dtype) if is_tensor(bound) else 2 * isinstance(bound, float)
        if level > category(dtype):
            raise DtypeError(f"clip(): bounds of a floating kind cannot hold a tensor of {dtype}")
    low = None if min is None else operand(min, dtype, x)
    high = None if max is None else operand(max, dtype, x)
    if low is None and high is None:
        return x.clone()
    return dialect.clamp(x, low, high)


def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """x1 where the condition holds, else x2, all broadcast."""
    if category(tensor(condition, "where", "condition").dtype):
        raise DtypeError(f"where(): expected condition to be a boolean tensor, but got {condition.dtype}")
    if not is_tensor(x1) and not is_tensor(x2):
        x1 = dialect.tensor(x1, dtype=default_float() if isinstance(x1, float) else None, device=condition.device)
    return dialect.where(condition, *pair(x1, x2, "where"))
