"""Elementwise mathematics: `tf.add`, `tf.math.sin`, ... as thin names over the operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.tape import hot
from wengert.core.tape.core import RECORDED
from wengert.tf import dtypes
from wengert.tf.calling import alike, binary, checked, documented, invalid, run, sizes, strict, unary
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.recording import TensorBase
from wengert.tf.rules import ruled
from wengert.tf.tensor import bare, dress, from_array

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The operations of the tables below."""


def flat(function: Any) -> Any:
    """A NumPy function that has no gradient."""
    return lambda x: from_array(np.asarray(function(x._array)))


def signs(x: Any) -> Any:
    """The sign; its gradient is zero, that of complex numbers the one of x/|x|."""
    if x._array.dtype.kind == "c":
        return RECORDED.sgn(x)
    return ruled([from_array(np.asarray(np.sign(x._array)))], [x], lambda g: (RECORDED.mul(g, 0),), "Sign")[0]


UNARY: Any = {
    "abs": ("Abs", "abs", "signed", "|x|; the modulus of complex numbers."),
    "acos": ("Acos", "acos", "fc", "Angle whose cosine is x."),
    "acosh": ("Acosh", "acosh", "fc", "Inverse hyperbolic cosine."),
    "asin": ("Asin", "asin", "fc", "Angle whose sine is x."),
    "asinh": ("Asinh", "asinh", "fc", "Inverse hyperbolic sine."),
    "atan": ("Atan", "atan", "fc", "Angle whose tangent is x."),
    "atanh": ("Atanh", "atanh", "fc", "Inverse hyperbolic tangent."),
    "bessel_i0": ("BesselI0", "i0", "f", "Modified Bessel function of order 0."),
    "bessel_i0e": ("BesselI0e", "i0e", "f", "Modified Bessel function of order 0, times e^-|x|."),
    "bessel_i1": ("BesselI1", "i1", "f", "Modified Bessel function of order 1."),
    "bessel_i1e": ("BesselI1e", "i1e", "f", "Modified Bessel function of order 1, times e^-|x|."),
    "ceil": ("Ceil", flat(np.ceil), "f", "Smallest integer not below x."),
    "cos": ("Cos", "cos", "fc", "Cosine."),
    "cosh": ("Cosh", "cosh", "fc", "Hyperbolic cosine."),
    "digamma": ("Digamma", "digamma", "f", "Derivative of the logarithm of the gamma function."),
    "erf": ("Erf", "erf", "f", "Error function."),
    "erfc": ("Erfc", "erfc", "f", "1 - erf(x)."),
    "erfinv": ("Erfinv", "erfinv", "f", "Inverse of the error function."),
    "exp": ("Exp", "exp", "fc", "e^x."),
    "expm1": ("Expm1", "expm1", "fc", "e^x - 1."),
    "floor": ("Floor", flat(np.floor), "f", "Largest integer not above x."),
    "is_finite": ("IsFinite", "isfinite", "f", "Whether x is neither infinite nor NaN."),
    "is_inf": ("IsInf", "isinf", "f", "Whether x is infinite."),
    "is_nan": ("IsNan", "isnan", "f", "Whether x is NaN."),
    "lgamma": ("Lgamma", "lgamma", "f", "Logarithm of |gamma(x)|."),
    "log": ("Log", "log", "fc", "Natural logarithm."),
    "log1p": ("Log1p", "log1p", "fc", "log(1 + x)."),
    "logical_not": ("LogicalNot", "logical_not", "b", "Not x."),
    "ndtri": ("Ndtri", "ndtri", "f", "Inverse of the normal distribution function."),
    "negative": ("Neg", "neg", "signed", "-x."),
    "reciprocal": ("Reciprocal", "reciprocal", "fc", "1 / x."),
    "rint": ("Rint", flat(np.rint), "f", "Nearest integer, halves to the even one."),
    "rsqrt": ("Rsqrt", "rsqrt", "fc", "1 / sqrt(x)."),
    "sigmoid": ("Sigmoid", "sigmoid", "fc", "1 / (1 + e^-x)."),
    "sign": ("Sign", signs, "signed", "-1, 0 or 1 as x is negative, zero or positive; x/|x| for complex numbers."),
    "sin": ("Sin", "sin", "fc", "Sine."),
    "sinh": ("Sinh", "sinh", "fc", "Hyperbolic sine."),
    "sqrt": ("Sqrt", "sqrt", "fc", "Square root."),
    "square": ("Square", "square", "signed", "x * x."),
    "tan": ("Tan", "tan", "fc", "Tangent."),
    "tanh": ("Tanh", "tanh", "fc", "Hyperbolic tangent."),
}  # fmt: skip
"""Public name -> TensorFlow's operation, our operator, the dtypes it takes, what it is."""

globals().update({name: unary(op, record, kinds, doc, name) for name, (op, record, kinds, doc) in UNARY.items()})

HOT = {"exp": hot.exp, "tanh": hot.tanh}


def chosen(x: Any, y: Any, compare: Any, recorded: Any) -> Any:
    """Truth per element: whether x stands the comparison with y, or is NaN."""
    a, b = x._array, y._array
    if a.__class__ is np.ndarray is b.__class__:
        return from_array(np.asarray(compare(a, b) | (a != a)))
    x = bare(x)
    return RECORDED.logical_or(recorded(x, bare(y)), RECORDED.ne(x, x))


def chosen_larger(x: Any, y: Any) -> Any:
    """The larger of each pair; where they are equal the gradient is all x's."""
    return RECORDED.where(chosen(x, y, np.greater_equal, RECORDED.ge), x, y)


def chosen_smaller(x: Any, y: Any) -> Any:
    """The smaller of each pair; where they are equal the gradient is all x's."""
    return RECORDED.where(chosen(x, y, np.less_equal, RECORDED.le), x, y)


def powers(x: Any, y: Any) -> Any:
    """x^y; the exponent has no gradient where x is not positive, and 0^0 one of NaN."""
    if x._array.dtype.kind in "iu" and y._array.dtype.kind == "i" and (y._array < 0).any():
        raise invalid("Pow", "Integers to negative integer powers are not allowed")
    wanted = y._flags & 1
    if not wanted and not (x._flags & 1 and not np.all(y._array)):
        return RECORDED.pow(x, y)

    def rule(g: Any) -> Any:
        slope = RECORDED.conj(y * RECORDED.pow(x, y - 1)) * g
        if not wanted:
            return slope, None
        mask = RECORDED.gt(bare(x), 0) if x._array.dtype.kind != "c" else RECORDED.ne(bare(x), 0)
        log = RECORDED.where(mask, RECORDED.log(RECORDED.where(mask, x, 1.0)), 0.0)
        return slope, RECORDED.conj(RECORDED.pow(x, y) * log) * g

    return ruled([RECORDED.pow(bare(x), bare(y))], [x, y], rule, "Pow")[0]


def divided_whole(x: Any, y: Any) -> Any:
    """floor(x / y). Raises InvalidArgumentError for an integer divided by zero."""
    if y._array.dtype.kind in "iu" and not y._array.all():
        raise invalid("FloorDiv", "Integer division by zero")
    return from_array(np.asarray(np.floor_divide(x._array, y._array)))


def remaining(x: Any, y: Any) -> Any:
    """x - floor(x / y) * y. Raises InvalidArgumentError for an integer divided by zero."""
    if y._array.dtype.kind in "iu" and not y._array.all():
        raise invalid("FloorMod", "Integer division by zero")
    return RECORDED.remainder(x, y)


def divided_toward_zero(x: Any, y: Any) -> Any:
    """x / y cut off at the point. Raises InvalidArgumentError for an integer divided by zero."""
    if y._array.dtype.kind in "iu" and not y._array.all():
        raise invalid("TruncateDiv", "Integer division by zero")
    a, b = x._array, y._array
    if a.dtype.kind in "iu":
        quotient = np.abs(a) // np.abs(b)
        return from_array(np.asarray(np.where((a < 0) == (b < 0), quotient, -quotient)).astype(a.dtype))
    return from_array(np.asarray(np.trunc(a / b)))


def bitwise_or_logical(logical: str, bits: str) -> Any:
    """An operation that is logical on truth values and bitwise on integers."""
    on_truth, on_bits = getattr(RECORDED, logical), getattr(RECORDED, bits)
    return lambda x, y: on_truth(x, y) if x._array.dtype.kind == "b" else on_bits(x, y)


def quotient_or_zero(x: Any, y: Any) -> Any:
    """x / y, zero where y is zero."""
    zero = RECORDED.eq(bare(y), 0)
    return RECORDED.where(zero, 0.0, RECORDED.div(x, RECORDED.where(zero, 1.0, y)))


def product_or_zero(x: Any, y: Any) -> Any:
    """x * y, zero where y is zero whatever x is."""
    out = kept_product(bare(x), bare(y))
    return ruled(
        [out], [x, y], lambda g: (kept_product(g, RECORDED.conj(y)), kept_product(RECORDED.conj(x), g)), "MulNoNan"
    )[0]


def kept_product(x: Any, y: Any) -> Any:
    """x * y, zero where y is zero."""
    return RECORDED.where(RECORDED.eq(bare(y), 0), 0.0, RECORDED.mul(x, y))


def log_product(shift: str) -> Any:
    """x times a logarithm of y, zero (as its gradients) where x is zero."""
    function = getattr(RECORDED, shift)

    def compute(x: Any, y: Any) -> Any:
        zero = RECORDED.eq(bare(x), 0)
        return RECORDED.where(zero, 0.0, RECORDED.mul(x, function(RECORDED.where(zero, 1.0, y))))

    return compute


def difference_squared(x: Any, y: Any) -> Any:
    """(x - y) * conj(x - y)."""
    d = RECORDED.sub(x, y)
    return RECORDED.mul(d, RECORDED.conj(d)) if d._array.dtype.kind == "c" else RECORDED.square(d)


def quotient_x(x: Any, y: Any) -> Any:
    """x / y, zero where x is zero."""
    zero = RECORDED.eq(bare(x), 0)
    return RECORDED.where(zero, 0.0, RECORDED.div(x, RECORDED.where(zero, 1.0, y)))


BINARY = {
    "add": ("AddV2", hot.add, "number", "x + y."),
    "subtract": ("Sub", hot.sub, "number", "x - y."),
    "multiply": ("Mul", hot.mul, "number", "x * y."),
    "realdiv": ("RealDiv", hot.div, "fc", "x / y."),
    "floordiv": ("FloorDiv", divided_whole, "number", "floor(x / y); no gradient."),
    "floormod": ("FloorMod", remaining, "number", "x - floor(x / y) * y."),
    "truncatediv": ("TruncateDiv", divided_toward_zero, "number", "x / y towards zero; no gradient."),
    "truncatemod": ("TruncateMod", "fmod", "number", "Remainder of division towards zero, with the sign of x."),
    "maximum": ("Maximum", chosen_larger, "real", "The larger of x and y; the gradient of equal ones is x's."),
    "minimum": ("Minimum", chosen_smaller, "real", "The smaller of x and y; the gradient of equal ones is x's."),
    "atan2": ("Atan2", "atan2", "f", "Angle of the point (x, y), given as atan2(y, x)."),
    "squared_difference": ("SquaredDifference", difference_squared, "signed", "(x - y)^2, conjugated on one side."),
    "divide_no_nan": ("DivNoNan", quotient_or_zero, "fc", "x / y, 0 where y is 0."),
    "multiply_no_nan": ("MulNoNan", product_or_zero, "fc", "x * y, 0 where y is 0 whatever x is."),
    "xlogy": ("Xlogy", log_product("log"), "f", "x log(y), 0 where x is 0."),
    "xlog1py": ("Xlog1py", log_product("log1p"), "f", "x log(1 + y), 0 where x is 0."),
    "xdivy": ("Xdivy", quotient_x, "fc", "x / y, 0 where x is 0."),
    "igamma": ("Igamma", "igamma", "f", "Lower regularised incomplete gamma function."),
    "igammac": ("Igammac", "igammac", "f", "Upper regularised incomplete gamma function."),
    "zeta": ("Zeta", "zeta", "f", "Hurwitz zeta function."),
    "nextafter": ("NextAfter", "nextafter", "f", "Next number after x towards y."),
    "less": ("Less", "lt", "real", "Whether x < y."),
    "less_equal": ("LessEqual", "le", "real", "Whether x <= y."),
    "greater": ("Greater", "gt", "real", "Whether x > y."),
    "greater_equal": ("GreaterEqual", "ge", "real", "Whether x >= y."),
    "equal": ("Equal", "eq", "any", "Whether x == y."),
    "not_equal": ("NotEqual", "ne", "any", "Whether x != y."),
    "logical_and": ("LogicalAnd", "logical_and", "b", "Whether both hold."),
    "logical_or": ("LogicalOr", "logical_or", "b", "Whether one holds."),
    "bitwise_and": ("BitwiseAnd", "bitwise_and", "int", "Bits that are set in both."),
    "bitwise_or": ("BitwiseOr", "bitwise_or", "int", "Bits that are set in one or both."),
    "bitwise_xor": ("BitwiseXor", "bitwise_xor", "int", "Bits that are set in just one."),
    "left_shift": ("LeftShift", "bitwise_left_shift", "int", "x shifted left by y bits."),
    "right_shift": ("RightShift", "bitwise_right_shift", "int", "x shifted right by y bits."),
}  # fmt: skip
"""Public name -> TensorFlow's operation, how it is computed, the dtypes it takes, what it is."""

globals().update({name: binary(op, how, kinds, doc, name) for name, (op, how, kinds, doc) in BINARY.items()})
add, subtract, multiply, realdiv = (globals()[name] for name in ("add", "subtract", "multiply", "realdiv"))
pow_tensors = binary("Pow", powers, "number", "x^y.", "pow")
mod, log, exp, sqrt, square, negative, reciprocal, sigmoid = (
    globals()[name] for name in ("floormod", "log", "exp", "sqrt", "square", "negative", "reciprocal", "sigmoid")
)
logical_and, logical_or, logical_not = (globals()[name] for name in ("logical_and", "logical_or", "logical_not"))

WIDER = {
    "int8": "float32",
    "uint8": "float32",
    "int16": "float32",
    "uint16": "float32",
    "int32": "float64",
    "uint32": "float64",
    "int64": "float64",
    "uint64": "float64",
    "bool": None,
}
"""The floating dtype in which integers are divided."""


def truediv(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y; integers are divided as floats (float32 up to 16 bits, float64 above)."""
    x, y = strict("RealDiv", x, y)
    wider = WIDER.get(dtypes.OF[x._array.dtype].name)
    if wider is not None:
        x, y = cast(x, wider), cast(y, wider)
    return realdiv(x, y)


divide = truediv


def pow(x: Any, y: Any, name: str | None = None) -> Any:
    """x^y. The exponent gets no gradient where x is not positive.

    Raises InvalidArgumentError for a negative exponent of integers.
    """
    if isinstance(x, TensorBase) and x._array.dtype.kind in "fV" and (y.__class__ is float or y.__class__ is int) and y:
        x = tensor_of(x)
        return run("Pow", hot.pow, (x,), y)
    return pow_tensors(x, y)


def round(x: Any, name: str | None = None) -> Any:
    """Nearest integer, halves to the even one."""
    x = checked("Round", x, "signed")
    return dress(x, x) if x._array.dtype.kind in "iu" else from_array(np.asarray(np.round(x._array)))


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Any:
    """Whether just one of both holds."""
    return logical_and(logical_or(x, y), logical_not(logical_and(x, y)))


def add_n(inputs: Any, name: str | None = None) -> Any:
    """Sum of a list of tensors of one shape. Raises ValueError for an empty list, InvalidArgumentError for shapes."""
    if isinstance(inputs, TensorBase):
        x = tensor_of(inputs)
        return dress(x, x)
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(
            "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype and shape."
        )
    parts = alike("AddN", inputs)
    for i, x in enumerate(parts):
        if x._array.shape != parts[0]._array.shape:
            raise invalid(
                "AddN",
                f"Inputs to operation AddN must have the same size and shape.  Input 0: "
                f"{sizes(parts[0]._array.shape)} != input {i}: {sizes(x._array.shape)}",
            )
    total = parts[0]
    for x in parts[1:]:
        total = add(total, x)
    return dress(total, *parts)


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Any:
    """Sum of a list of tensors of one shape."""
    return add_n(inputs)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """A number times a tensor. Raises ValueError if `scalar` has dims."""
    x = tensor_of(x)
    scalar = tensor_of(scalar, x._array.dtype)
    if scalar._array.ndim:
        raise ValueError(f"The input scalar must be a 0-D value. Received shape {scalar.shape}.")
    return multiply(scalar, x)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """1 / x, 0 where x is 0."""
    x = checked("DivNoNan", x, "fc")
    return globals()["divide_no_nan"](from_array(np.ones((), x._array.dtype)), x)


def complex(real: Any, imag: Any, name: str | None = None) -> Any:
    """real + i imag. Raises TypeError for other than two float32 or two float64."""
    x, y = strict("Complex", real, imag)
    if x._array.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"The `real` and `imag` components have incorrect types: {dtypes.OF[x._array.dtype].name} "
            f"{dtypes.OF[y._array.dtype].name}. They must be consistent, and one of [tf.float32, tf.float64]"
        )
    return run("Complex", RECORDED.complex, (x, y))


def real(input: Any, name: str | None = None) -> Any:
    """The real part; a real tensor itself."""
    x = tensor_of(input)
    return run("Real", RECORDED.real, (x,)) if x._array.dtype.kind == "c" else dress(x, x)


def imag(input: Any, name: str | None = None) -> Any:
    """The imaginary part; zeros for a real tensor."""
    x = tensor_of(input)
    return run("Imag", RECORDED.imag, (x,)) if x._array.dtype.kind == "c" else from_array(np.zeros_like(x._array))


def conj(x: Any, name: str | None = None) -> Any:
    """The complex conjugate; a real tensor itself."""
    x = tensor_of(x)
    return run("Conj", RECORDED.conj, (x,)) if x._array.dtype.kind == "c" else dress(x, x)


def angle(input: Any, name: str | None = None) -> Any:
    """Argument of complex numbers; 0 or pi for real ones."""
    x = tensor_of(input)
    return run("Angle", RECORDED.angle, (x,))


def polygamma(a: Any, x: Any, name: str | None = None) -> Any:
    """Derivative of order a of the digamma function."""
    a, x = strict("Polygamma", a, x)
    orders = np.unique(a._array)
    if len(orders) == 1:
        return run("Polygamma", RECORDED.polygamma, (int(orders[0]), x))
    one = from_array(np.ones((), x._array.dtype))
    sign = from_array(np.where(a._array % 2 == 0, -1.0, 1.0).astype(x._array.dtype))
    n = add(a, one)
    return multiply(sign, multiply(exp(globals()["lgamma"](n)), globals()["zeta"](n, x)))


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Any:
    """The polynomial with these coefficients (highest first) at x, by Horner's rule. Raises ValueError for no list."""
    if not isinstance(coeffs, list):
        raise ValueError(f"Argument coeffs must be list type. Received type {type(coeffs)}.")
    x = tensor_of(x)
    if not coeffs:
        return from_array(np.zeros_like(x._array))
    total = tensor_of(coeffs[0])
    for c in coeffs[1:]:
        total = add(c, multiply(total, x))
    return total


def erfcinv(x: Any, name: str | None = None) -> Any:
    """Inverse of erfc."""
    half = multiply(0.5, checked("Ndtri", x, "f"))
    return multiply(-float(np.sqrt(0.5)), globals()["ndtri"](half))


def invert(x: Any, name: str | None = None) -> Any:
    """All bits flipped."""
    return run("Invert", RECORDED.bitwise_not, (checked("Invert", x, "int"),))


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """max(min(t, clip_value_max), clip_value_min); at the bounds the gradient passes."""
    t = tensor_of(t)
    dtype = t._array.dtype
    high, low = tensor_of(clip_value_max, dtype), tensor_of(clip_value_min, dtype)
    out = globals()["maximum"](globals()["minimum"](t, high), low)
    if out._array.shape != t._array.shape:
        raise ValueError(f"Shapes {t.shape} and {out.shape} are incompatible")
    return out


def sign_bits(x: Any) -> Any:
    """Truth per element: whether it is negative."""
    return from_array(x._array < 0)


floormod = mod
floordiv = globals()["floordiv"]
documented(divide, "truediv", str(truediv.__doc__))
