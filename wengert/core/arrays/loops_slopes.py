"""Loops for the slopes of operators of one tensor: g times the derivative, in one pass (see loops.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.base import uncompiled as cython

RULES: dict[str, Any] = {}

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.libc import math
    from cython.cimports.wengert.core.arrays.loops_common import (
        MANY,
        SOME,
        bend,
        doubles,
        fit,
        flat,
        floats,
        like,
        normal,
        number,
        power,
        real,
        root,
        sigmoid,
        small,
    )
    from cython.cimports.wengert.core.arrays.loops_slopes import Slope
    from cython.cimports.wengert.core.arrays.vectors import wengert_silu_slopes

    cnp.import_array()

    @cython.cfunc
    @cython.exceptval(check=False)
    def simple_slope(op: cython.int, g: real, y: real, c: real, d: real) -> real:
        """g times a slope without exponentials; y is the operator's input or result."""
        one: real = 1
        if op == Slope.SIGMOID_SLOPE:
            return g * (y * (one - y))
        if op == Slope.ABS_SLOPE:
            return g if y > 0 else -g if y < 0 else g * 0
        if op == Slope.SQUARE_SLOPE:
            return g * (y * 2)
        if op == Slope.OPEN_SLOPE:
            return 0 if y <= c or y >= d else g
        if op == Slope.CLOSED_SLOPE:
            return g if y >= c and y <= d else 0
        if op == Slope.ABOVE_SLOPE:
            return 0 if y <= c else g
        if op == Slope.LEAKY_SLOPE:
            return g if y > 0 else g * c
        if op == Slope.SHRINK_SLOPE:
            return 0 if y >= -c and y <= c else g
        if op == Slope.BY_RESULT:
            return g * y
        if op == Slope.CONSTANT:
            return c
        if op == Slope.EXP2_SLOPE:
            return g * (y * c)
        if op == Slope.EXPM1_SLOPE:
            return g * (y + one)
        if op == Slope.LOG_SLOPE:
            return g / (y * c)
        if op == Slope.LOG1P_SLOPE:
            return g / (y + one)
        if op == Slope.SQRT_SLOPE:
            return g / (y * 2)
        if op == Slope.RSQRT_SLOPE:
            return g * (y * y * y * c)
        if op == Slope.RECIPROCAL_SLOPE:
            return g * (-y * y)
        if op == Slope.TAN_SLOPE:
            return g * (y * y + one)
        if op == Slope.ATAN_SLOPE:
            return g / (y * y + one)
        if op == Slope.ATANH_SLOPE:
            return g / (one - y * y)
        if op == Slope.ASIN_SLOPE:
            return g * (one / root[real](one - y * y))
        if op == Slope.ACOS_SLOPE:
            return g * -(one / root[real](one - y * y))
        if op == Slope.ASINH_SLOPE:
            return g * (one / root[real](y * y + one))
        if op == Slope.ACOSH_SLOPE:
            return g * (one / root[real](y * y - one))
        if op == Slope.HARDSIGMOID_SLOPE:
            return g / 6 if y > -3 and y < 3 else 0
        return 0 if y <= -3 else g * (y / 3 + fit(y, 0.5)) if y < 3 else g

    @cython.cfunc
    @cython.exceptval(check=False)
    def curved_slope(op: cython.int, g: real, x: real, c: real, d: real, e: real) -> real:
        """g times a slope with exponentials; x is the operator's input."""
        one: real = 1
        s: real
        t: real
        w: cython.double = x
        v: cython.double
        if op == Slope.SILU_SLOPE:
            s = sigmoid(x)
            return g * (s * (one + x * (one - s)))
        if op == Slope.SOFTPLUS_SLOPE:
            t = x * c
            return g if t > d else g * sigmoid(t)
        if op == Slope.LOGSIGMOID_SLOPE:
            return g * sigmoid(-x)
        if op == Slope.ELU_SLOPE:
            if x <= 0:
                t = (x if x < 0 else 0) * e
                return g * (fit(x, math.exp(t)) * c)
            return g * d
        if op == Slope.MISH_SLOPE:
            t = x if x > 20 else fit(x, math.log1p(math.exp(x)))
            t = fit(x, math.tanh(t))
            return g * (t + x * sigmoid(x) * (one - t * t))
        if op == Slope.GELU_SLOPE:
            return g * fit(x, normal(x) + w * (0.3989422804014327 * math.exp(-0.5 * w * w)))
        if op == Slope.BENT_GELU_SLOPE:
            v = bend(x)
            w = w * (0.5 * 0.7978845608028654 + w * w * (1.5 * 0.7978845608028654 * 0.044715))
            return g * fit(x, (1 + v) * (0.5 + (1 - v) * w))
        if op == Slope.ERF_SLOPE:
            t = -x * x
            t = fit(x, math.exp(t))
            return g * (t * c)
        if op == Slope.SIN_SLOPE:
            return g * fit(x, math.cos(x))
        if op == Slope.COS_SLOPE:
            return g * -fit(x, math.sin(x))
        if op == Slope.SINH_SLOPE:
            return g * fit(x, math.cosh(x))
        if op == Slope.COSH_SLOPE:
            return g * fit(x, math.sinh(x))
        return g * (c * power[real](x, d))

    @cython.cfunc
    @cython.exceptval(check=False)
    def loop_slopes(
        op: cython.int,
        simple: cython.bint,
        g: cython.pointer(real),
        y: cython.pointer(real),
        r: cython.pointer(real),
        n: cython.Py_ssize_t,
        c: real,
        d: real,
        e: real,
    ) -> cython.void:
        """r = g times the slope `op` at y."""
        i: cython.Py_ssize_t
        if simple:
            for i in range(n):
                r[i] = simple_slope(op, g[i], y[i], c, d)
        else:
            for i in range(n):
                r[i] = curved_slope(op, g[i], y[i], c, d, e)

    @cython.cfunc
    def slopes(
        op: cython.int, simple: cython.bint, g: object, y: object, c: cython.double, d: cython.double, e: cython.double
    ) -> object:
        """A gradient from g and the operator's input or result, or None."""
        kind: cython.int = small(g, MANY if simple else SOME)
        out: object
        if not kind or not flat(y, kind, MANY) or not cnp.PyArray_SAMESHAPE(g, y):
            return None
        out = like(g)
        n: cython.Py_ssize_t = cnp.PyArray_SIZE(g)
        if op == Slope.SILU_SLOPE and kind == cnp.NPY_FLOAT:
            wengert_silu_slopes(floats(g), floats(y), floats(out), n)
        elif kind == cnp.NPY_FLOAT:
            loop_slopes[cython.float](op, simple, floats(g), floats(y), floats(out), n, c, d, e)
        else:
            loop_slopes[cython.double](op, simple, doubles(g), doubles(y), doubles(out), n, c, d, e)
        return out

    # ------------------------------------------------------------ what the table holds

    INFINITY: Any = float("inf")
    # Klambauer et al., Self-normalizing neural networks (2017), equation 14.
    SELU_ALPHA: Any = 1.6732632423543772848170429916717
    SELU_SCALE: Any = 1.0507009873554804934193349852946

    def slope_of(op: cython.int, simple: cython.bint, position: cython.int, c: cython.double = 0) -> Any:
        """The slope of a function without attributes from input (4) or result (2)."""

        def run(environment: list) -> object:
            return slopes(op, simple, environment[1], environment[position], c, 0, 0)

        return run

    def slope_with(op: cython.int, simple: cython.bint, count: cython.int) -> Any:
        """The slope of a function with one number or two from its input."""

        def run(environment: list) -> object:
            c: object = environment[5]
            d: object = environment[6] if count > 1 else 0.0
            if not number(c) or not number(d):
                return None
            return slopes(op, simple, environment[1], environment[4], c, d, 0)

        return run

    def flat_slope(environment: list) -> object:
        """The slope of a step function."""
        return slopes(Slope.CONSTANT, True, environment[1], environment[1], 0, 0, 0)

    def exponential_slope(alpha: object, scale: cython.double, exponent: cython.double, environment: list) -> object:
        """The slope of elu and its kin."""
        if not number(alpha):
            return None
        return slopes(Slope.ELU_SLOPE, False, environment[1], environment[4], alpha * scale * exponent, scale, exponent)

    def elu_slope(environment: list) -> object:
        """The slope of elu."""
        return exponential_slope(environment[5], 1, 1, environment)

    def selu_slope(environment: list) -> object:
        """The slope of selu."""
        return exponential_slope(SELU_ALPHA, SELU_SCALE, 1, environment)

    def clamp_slope(environment: list) -> object:
        """g where the input was within bounds."""
        low: object = environment[5]
        high: object = environment[6]
        if (low is not None and not number(low)) or (high is not None and not number(high)):
            return None
        return slopes(
            Slope.CLOSED_SLOPE,
            True,
            environment[1],
            environment[4],
            -INFINITY if low is None else low,
            INFINITY if high is None else high,
            0,
        )

    def gelu_slope(environment: list) -> object:
        """The slope of gelu in both forms."""
        op: cython.int = Slope.BENT_GELU_SLOPE if environment[5] == "tanh" else Slope.GELU_SLOPE
        return slopes(op, False, environment[1], environment[4], 0, 0, 0)

    def pow_slope(environment: list) -> object:
        """The slope of a power."""
        e: object = environment[5]
        if not number(e):
            return None
        if e == 0:
            return flat_slope(environment)
        if e == 2:
            return slopes(Slope.SQUARE_SLOPE, True, environment[1], environment[4], 0, 0, 0)
        return slopes(Slope.POWER_SLOPE, False, environment[1], environment[4], e, e - 1, 0)

    for name, op, position in (
        ("exp", Slope.BY_RESULT, 2),
        ("expm1", Slope.EXPM1_SLOPE, 2),
        ("log1p", Slope.LOG1P_SLOPE, 4),
        ("sqrt", Slope.SQRT_SLOPE, 2),
        ("reciprocal", Slope.RECIPROCAL_SLOPE, 2),
        ("square", Slope.SQUARE_SLOPE, 4),
        ("tan", Slope.TAN_SLOPE, 2),
        ("asin", Slope.ASIN_SLOPE, 4),
        ("acos", Slope.ACOS_SLOPE, 4),
        ("atan", Slope.ATAN_SLOPE, 4),
        ("asinh", Slope.ASINH_SLOPE, 4),
        ("acosh", Slope.ACOSH_SLOPE, 4),
        ("atanh", Slope.ATANH_SLOPE, 4),
        ("abs", Slope.ABS_SLOPE, 4),
        ("sigmoid", Slope.SIGMOID_SLOPE, 2),
        ("hardsigmoid", Slope.HARDSIGMOID_SLOPE, 4),
        ("hardswish", Slope.HARDSWISH_SLOPE, 4),
    ):
        RULES[name] = (slope_of(op, True, position),)
    for name, op in (
        ("sin", Slope.SIN_SLOPE),
        ("cos", Slope.COS_SLOPE),
        ("sinh", Slope.SINH_SLOPE),
        ("cosh", Slope.COSH_SLOPE),
        ("silu", Slope.SILU_SLOPE),
        ("mish", Slope.MISH_SLOPE),
        ("logsigmoid", Slope.LOGSIGMOID_SLOPE),
    ):
        RULES[name] = (slope_of(op, False, 4),)
    for name in ("sign", "floor", "ceil", "trunc", "round"):
        RULES[name] = (flat_slope,)
    RULES.update(
        {
            "exp2": (slope_of(Slope.EXP2_SLOPE, True, 2, 0.6931471805599453),),
            "log": (slope_of(Slope.LOG_SLOPE, True, 4, 1),),
            "log2": (slope_of(Slope.LOG_SLOPE, True, 4, 0.6931471805599453),),
            "log10": (slope_of(Slope.LOG_SLOPE, True, 4, 2.302585092994046),),
            "erf": (slope_of(Slope.ERF_SLOPE, False, 4, 1.1283791670955126),),
            "erfc": (slope_of(Slope.ERF_SLOPE, False, 4, -1.1283791670955126),),
            "rsqrt": (slope_of(Slope.RSQRT_SLOPE, True, 2, -0.5),),
            "softplus": (slope_with(Slope.SOFTPLUS_SLOPE, False, 2),),
            "elu": (elu_slope,),
            "selu": (selu_slope,),
            "hardtanh": (slope_with(Slope.OPEN_SLOPE, True, 2),),
            "relu6": (lambda environment: slopes(Slope.OPEN_SLOPE, True, environment[1], environment[4], 0, 6, 0),),
            "leaky_relu": (slope_with(Slope.LEAKY_SLOPE, True, 1),),
            "threshold": (slope_with(Slope.ABOVE_SLOPE, True, 1),),
            "hardshrink": (slope_with(Slope.SHRINK_SLOPE, True, 1),),
            "softshrink": (slope_with(Slope.SHRINK_SLOPE, True, 1),),
            "clamp": (clamp_slope, None, None),
            "gelu": (gelu_slope,),
            "pow": (pow_slope, None),
        }
    )
