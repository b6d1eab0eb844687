"""Loops for operators of one tensor, element by element (see loops.py; their slopes are in loops_slopes.py).

Functions such as exp are C's, in float64, rounded once, but for the logistic function of float32, which vectors.pxd
has; everything else follows the bodies step by step.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc import math
    from cython.cimports.wengert.core.arrays.loops_common import (
        FEW,
        MANY,
        SOME,
        WIDE,
        bend,
        data,
        doubles,
        fit,
        floats,
        like,
        lowered,
        normal,
        number,
        power,
        raised,
        real,
        root,
        sigmoid,
        small,
    )
    from cython.cimports.wengert.core.arrays.loops_elementwise import Value
    from cython.cimports.wengert.core.arrays.vectors import (
        WENGERT_ABS,
        WENGERT_CEIL,
        WENGERT_CLIP,
        WENGERT_CUBE,
        WENGERT_FLOOR,
        WENGERT_FROM,
        WENGERT_LEAKY,
        WENGERT_LOWER,
        WENGERT_NEGATE,
        WENGERT_RAISE,
        WENGERT_RECIPROCAL,
        WENGERT_RELU,
        WENGERT_ROUND,
        WENGERT_RSQRT,
        WENGERT_SIGN,
        WENGERT_SQRT,
        WENGERT_SQUARE,
        WENGERT_TRUNC,
        wengert_ones,
        wengert_sigmoids,
    )

    cnp.import_array()

    _target = cython.declare(object, None)

    def written_over(run: object, args: tuple) -> object:
        """What a loop gives, in the memory of its first array if it is a loop that can."""
        global _target
        _target = args[0]
        try:
            return run(args)
        finally:
            _target = None

    @cython.cfunc
    def is_target(a: object) -> cython.bint:
        """Whether the result of the present loop belongs where a is."""
        return a is _target and cnp.PyArray_ISWRITEABLE(a)

    @cython.cfunc
    @cython.exceptval(check=False)
    def simple_value(op: cython.int, x: real, c: real, d: real) -> real:
        """The functions that move, cut or round."""
        one: real = 1
        t: real
        if op == Value.ABS:
            return fit(x, math.fabs(x))
        if op == Value.SIGN:
            return 1 if x > 0 else -1 if x < 0 else 0
        if op == Value.NEGATE:
            return -x
        if op == Value.SQRT:
            return root(x)
        if op == Value.RSQRT:
            return one / root(x)
        if op == Value.RECIPROCAL:
            return one / x
        if op == Value.SQUARE:
            return x * x
        if op == Value.FLOOR:
            return fit(x, math.floor(x))
        if op == Value.CEIL:
            return fit(x, math.ceil(x))
        if op == Value.TRUNC:
            return fit(x, math.trunc(x))
        if op == Value.ROUND:
            return fit(x, math.rint(x))
        if op == Value.CLIP:
            return lowered(raised(x, c), d)
        if op == Value.RAISE:
            return raised(x, c)
        if op == Value.LOWER:
            return lowered(x, c)
        if op == Value.LEAKY:
            return x if x > 0 else x * c
        if op == Value.THRESHOLD:
            return d if x <= c else x
        if op == Value.HARDSIGMOID:
            t = x + 3
            return lowered(raised[real](t, 0), 6) / 6
        if op == Value.HARDSWISH:
            t = x + 3
            return x * lowered(raised[real](t, 0), 6) / 6
        if op == Value.HARDSHRINK:
            return 0 if x >= -c and x <= c else x
        if op == Value.SOFTSHRINK:
            return x - lowered(raised[real](x, -c), c)
        return c - d * x

    @cython.cfunc
    @cython.exceptval(check=False)
    def curved_value(op: cython.int, x: real, c: real, d: real, e: real) -> real:
        """The functions made of exponentials, logarithms and circles."""
        t: real
        one: real = 1
        if op == Value.SIGMOID:
            return sigmoid(x)
        if op == Value.SILU:
            t = fit(x, math.exp(-x))
            return x / (t + one)
        if op == Value.SOFTPLUS:
            t = x * c
            if t > d:
                return x
            t = fit(x, math.exp(t))
            t = fit(x, math.log1p(t))
            return t / c
        if op == Value.LOGSIGMOID:
            t = fit(x, math.exp(-math.fabs(x)))
            t = fit(x, math.log1p(t))
            return lowered[real](x, 0) - t
        if op == Value.ELU:
            if x <= 0:
                t = x * e
                return fit(x, math.expm1(t)) * c
            return x if d == 1 else x * d
        if op == Value.GELU:
            return fit(x, normal(x) * x)
        if op == Value.ERF:
            return fit(x, math.erf(x))
        if op == Value.ERFC:
            return fit(x, math.erfc(x))
        if op == Value.BENT_GELU:
            return fit(x, 0.5 * (1 + bend(x)) * x)
        if op == Value.MISH:
            t = fit(x, math.exp(x))
            t = fit(x, math.log1p(t))
            return x * fit(x, math.tanh(t))
        if op == Value.POWER:
            return power(x, c)
        return fit(x, plain_function(op, x))

    @cython.cfunc
    @cython.exceptval(check=False)
    def plain_function(op: cython.int, x: cython.double) -> cython.double:
        """C's functions of one number."""
        if op == Value.LOG:
            return math.log(x)
        if op == Value.SIN:
            return math.sin(x)
        if op == Value.COS:
            return math.cos(x)
        if op == Value.EXP2:
            return math.exp2(x)
        if op == Value.EXPM1:
            return math.expm1(x)
        if op == Value.LOG2:
            return math.log2(x)
        if op == Value.LOG10:
            return math.log10(x)
        if op == Value.LOG1P:
            return math.log1p(x)
        if op == Value.TAN:
            return math.tan(x)
        if op == Value.ASIN:
            return math.asin(x)
        if op == Value.ACOS:
            return math.acos(x)
        if op == Value.ATAN:
            return math.atan(x)
        if op == Value.SINH:
            return math.sinh(x)
        if op == Value.COSH:
            return math.cosh(x)
        if op == Value.ASINH:
            return math.asinh(x)
        if op == Value.ACOSH:
            return math.acosh(x)
        return math.atanh(x)

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_values(
        op: cython.int,
        simple: cython.bint,
        a: cython.pointer(real),
        r: cython.pointer(real),
        n: cython.Py_ssize_t,
        c: real,
        d: real,
        e: real,
    ) -> cython.void:
        """r = the function `op` of a."""
        i: cython.Py_ssize_t
        if simple:
            for i in range(n):
                r[i] = simple_value(op, a[i], c, d)
        else:
            for i in range(n):
                r[i] = curved_value(op, a[i], c, d, e)

    @cython.cfunc
    @cython.exceptval(check=False)
    def vectors(op: cython.int, c: cython.double, d: cython.double) -> cython.int:
        """What vectors.pxd calls a function, or -1."""
        if op == Value.CLIP:
            return WENGERT_CLIP if c <= d else -1
        if op == Value.RAISE:
            return WENGERT_RAISE
        if op == Value.LOWER:
            return WENGERT_LOWER
        if op == Value.RELU:
            return WENGERT_RELU
        if op == Value.ABS:
            return WENGERT_ABS
        if op == Value.NEGATE:
            return WENGERT_NEGATE
        if op == Value.SQRT:
            return WENGERT_SQRT
        if op == Value.RSQRT:
            return WENGERT_RSQRT
        if op == Value.SQUARE:
            return WENGERT_SQUARE
        if op == Value.RECIPROCAL:
            return WENGERT_RECIPROCAL
        if op == Value.LEAKY:
            return WENGERT_LEAKY
        if op == Value.FLOOR:
            return WENGERT_FLOOR
        if op == Value.CEIL:
            return WENGERT_CEIL
        if op == Value.TRUNC:
            return WENGERT_TRUNC
        if op == Value.ROUND:
            return WENGERT_ROUND
        if op == Value.FROM:
            return WENGERT_FROM
        if op == Value.SIGN:
            return WENGERT_SIGN
        return WENGERT_CUBE if op == Value.POWER and c == 3 else -1

    @cython.cfunc
    def values(
        op: cython.int, simple: cython.bint, a: object, c: cython.double, d: cython.double, e: cython.double
    ) -> object:
        """A function of a small array, or None."""
        quick: cython.int = vectors(op, c, d)
        kind: cython.int = small(a, WIDE if quick >= 0 else MANY if simple else FEW if op < Value.ABS else SOME)
        logistic: cython.bint = kind == cnp.NPY_FLOAT and (op == Value.SIGMOID or op == Value.SILU)
        out: object
        if not kind:
            return None
        out = a if is_target(a) else like(a)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(a)
        if quick >= 0:
            wengert_ones(kind, quick, data(a), c, d, data(out), n)
        elif logistic:
            wengert_sigmoids(op == Value.SILU, floats(a), floats(out), n)
        elif kind == cnp.NPY_FLOAT:
            loop_values[cython.float](op, simple, floats(a), floats(out), n, c, d, e)
        else:
            loop_values[cython.double](op, simple, doubles(a), doubles(out), n, c, d, e)
        return out

    # ------------------------------------------------------------ what the tables hold

    # Klambauer et al., Self-normalizing neural networks (2017), equation 14.
    SELU_ALPHA: Any = 1.6732632423543772848170429916717
    SELU_SCALE: Any = 1.0507009873554804934193349852946

    def value_of(op: cython.int, simple: cython.bint) -> Any:
        """The loop of a function without attributes."""

        def run(args: tuple) -> object:
            return values(op, simple, args[0], 0, 0, 0)

        return run

    def value_with(op: cython.int, simple: cython.bint, count: cython.int) -> Any:
        """The loop of a function with one number or two."""

        def run(args: tuple) -> object:
            c: object = args[1]
            d: object = args[2] if count > 1 else 0.0
            if not number(c) or not number(d):
                return None
            return values(op, simple, args[0], c, d, 0)

        return run

    def softplus(args: tuple) -> object:
        """log(1 + exp(beta x)) / beta."""
        c: object = args[1]
        if not number(c) or not number(args[2]) or c == 0:
            return None
        return values(Value.SOFTPLUS, False, args[0], c, args[2], 0)

    def exponential_unit(alpha: object, scale: cython.double, exponent: cython.double, args: tuple) -> object:
        """elu and its kin."""
        if not number(alpha):
            return None
        return values(Value.ELU, False, args[0], alpha * scale, scale, exponent)

    def elu(args: tuple) -> object:
        """The exponential linear unit."""
        return exponential_unit(args[1], 1, 1, args)

    def selu(args: tuple) -> object:
        """elu with its two constants."""
        return exponential_unit(SELU_ALPHA, SELU_SCALE, 1, args)

    def hardtanh(args: tuple) -> object:
        """The input clipped."""
        low: object = args[1]
        high: object = args[2]
        if not number(low) or not number(high) or low > high:
            return None
        return values(Value.CLIP, True, args[0], low, high, 0)

    def clamp(args: tuple) -> object:
        """The input brought between numbers or Nones."""
        low: object = args[1]
        high: object = args[2]
        if low is None:
            return values(Value.LOWER, True, args[0], high, 0, 0) if number(high) else None
        if not number(low):
            return None
        if high is None:
            return values(Value.RAISE, True, args[0], low, 0, 0)
        return values(Value.CLIP, True, args[0], low, high, 0) if number(high) else None

    def gelu(args: tuple) -> object:
        """gelu in both forms."""
        form: object = args[1]
        if form == "none":
            return values(Value.GELU, False, args[0], 0, 0, 0)
        return values(Value.BENT_GELU, False, args[0], 0, 0, 0) if form == "tanh" else None

    def pow_number(args: tuple) -> object:
        """The input to the power of a number."""
        e: object = args[1]
        if not number(e):
            return None
        return values(Value.SQUARE if e == 2 else Value.POWER, e == 2, args[0], e, 0, 0)

    def rounded(args: tuple) -> object:
        """The nearest integers."""
        return values(Value.ROUND, True, args[0], 0, 0, 0) if args[1] == 0 else None

    def shrunk(args: tuple) -> object:
        """The input moved towards 0."""
        c: object = args[1]
        return values(Value.SOFTSHRINK, True, args[0], c, 0, 0) if number(c) and c >= 0 else None

    def difference_from(args: tuple) -> object:
        """other - alpha * input for numbers."""
        if not number(args[1]) or not number(args[2]):
            return None
        return values(Value.FROM, True, args[0], args[1], args[2], 0)

    LOOPS.update(
        {
            name: value_of(op, True)
            for name, op in (
                ("relu", Value.RELU),
                ("abs", Value.ABS),
                ("sign", Value.SIGN),
                ("neg", Value.NEGATE),
                ("sqrt", Value.SQRT),
                ("rsqrt", Value.RSQRT),
                ("reciprocal", Value.RECIPROCAL),
                ("square", Value.SQUARE),
                ("floor", Value.FLOOR),
                ("ceil", Value.CEIL),
                ("trunc", Value.TRUNC),
                ("hardsigmoid", Value.HARDSIGMOID),
                ("hardswish", Value.HARDSWISH),
            )
        }
    )
    # exp and tanh are left to NumPy, as the hot forms of the tape have them: both ways give the same bits.
    LOOPS.update(
        {
            name: value_of(op, False)
            for name, op in (
                ("exp2", Value.EXP2),
                ("expm1", Value.EXPM1),
                ("log", Value.LOG),
                ("log2", Value.LOG2),
                ("log10", Value.LOG10),
                ("log1p", Value.LOG1P),
                ("sin", Value.SIN),
                ("cos", Value.COS),
                ("tan", Value.TAN),
                ("asin", Value.ASIN),
                ("acos", Value.ACOS),
                ("atan", Value.ATAN),
                ("sinh", Value.SINH),
                ("cosh", Value.COSH),
                ("asinh", Value.ASINH),
                ("acosh", Value.ACOSH),
                ("atanh", Value.ATANH),
                ("erf", Value.ERF),
                ("erfc", Value.ERFC),
                ("sigmoid", Value.SIGMOID),
                ("silu", Value.SILU),
                ("mish", Value.MISH),
                ("logsigmoid", Value.LOGSIGMOID),
            )
        }
    )
    LOOPS.update(
        {
            "softplus": softplus,
            "elu": elu,
            "selu": selu,
            "hardtanh": hardtanh,
            "relu6": lambda args: values(Value.CLIP, True, args[0], 0, 6, 0),
            "leaky_relu": value_with(Value.LEAKY, True, 1),
            "threshold": value_with(Value.THRESHOLD, True, 2),
            "hardshrink": value_with(Value.HARDSHRINK, True, 1),
            "softshrink": shrunk,
            "clamp": clamp,
            "clamp_min": value_with(Value.RAISE, True, 1),
            "clamp_max": value_with(Value.LOWER, True, 1),
            "gelu": gelu,
            "pow": pow_number,
            "round": rounded,
            "rsub": difference_from,
        }
    )
else:

    def written_over(run: Any, args: tuple[Any, ...]) -> Any:
        """There are no loops."""
        return None
