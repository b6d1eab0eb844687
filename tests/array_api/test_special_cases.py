"""What the standard says of zeros, infinities and NaNs, function by function, in both precisions."""

from __future__ import annotations

import math

import pytest

import wengert.array_api as xp

I, N, PI = math.inf, math.nan, math.pi  # noqa: E741
BIG, SMALL = (1.5, 2.0, 7.25), (0.25, 0.5)
POSITIVE, NEGATIVE = (*BIG, *SMALL, 1.0), tuple(-v for v in (*BIG, *SMALL, 1.0))

UNARY = {
    "abs": [(-0.0, 0.0), (I, I), (-I, I), (N, N)],
    "acos": [(1.5, N), (-1.5, N), (1.0, 0.0), (N, N), (I, N)],
    "acosh": [(0.5, N), (-I, N), (1.0, 0.0), (I, I), (N, N)],
    "asin": [(1.5, N), (-1.5, N), (0.0, 0.0), (-0.0, -0.0), (N, N)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (I, I), (-I, -I), (N, N)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (I, PI / 2), (-I, -PI / 2), (N, N)],
    "atanh": [(1.5, N), (-1.5, N), (1.0, I), (-1.0, -I), (0.0, 0.0), (-0.0, -0.0), (N, N)],
    "ceil": [(I, I), (-I, -I), (0.0, 0.0), (-0.0, -0.0), (-0.5, -0.0), (N, N), (2.0, 2.0)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (I, N), (-I, N), (N, N)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (I, I), (-I, I), (N, N)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (I, I), (-I, 0.0), (N, N)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (I, I), (-I, -1.0), (N, N)],
    "floor": [(I, I), (-I, -I), (0.0, 0.0), (-0.0, -0.0), (N, N), (2.0, 2.0)],
    "isfinite": [(I, False), (-I, False), (N, False), (1.0, True)],
    "isinf": [(I, True), (-I, True), (N, False), (1.0, False)],
    "isnan": [(I, False), (-I, False), (N, True), (1.0, False)],
    "log": [(-1.0, N), (0.0, -I), (-0.0, -I), (1.0, 0.0), (I, I), (N, N)],
    "log10": [(-1.0, N), (0.0, -I), (-0.0, -I), (1.0, 0.0), (I, I), (N, N)],
    "log1p": [(-2.0, N), (-1.0, -I), (0.0, 0.0), (-0.0, -0.0), (I, I), (N, N)],
    "log2": [(-1.0, N), (0.0, -I), (-0.0, -I), (1.0, 0.0), (I, I), (N, N)],
    "negative": [(0.0, -0.0), (-0.0, 0.0), (I, -I)],
    "positive": [(0.0, 0.0), (-0.0, -0.0)],
    "reciprocal": [(I, 0.0), (-I, -0.0), (0.0, I), (-0.0, -I)],
    "round": [(I, I), (-I, -I), (0.0, 0.0), (-0.0, -0.0), (0.5, 0.0), (1.5, 2.0), (-0.5, -0.0), (2.5, 2.0), (N, N)],
    "sign": [(0.0, 0.0), (-0.0, 0.0), (I, 1.0), (-I, -1.0), (N, N)],
    "signbit": [(0.0, False), (-0.0, True), (I, False), (-I, True), (2.0, False), (-2.0, True)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (I, N), (-I, N), (N, N)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (I, I), (-I, -I), (N, N)],
    "sqrt": [(-1.0, N), (0.0, 0.0), (-0.0, -0.0), (I, I), (N, N)],
    "square": [(-0.0, 0.0), (I, I), (-I, I), (N, N)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (I, N), (-I, N), (N, N)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (I, 1.0), (-I, -1.0), (N, N)],
    "trunc": [(I, I), (-I, -I), (0.0, 0.0), (-0.0, -0.0), (-0.5, -0.0), (2.0, 2.0), (N, N)],
}


# Of infinities over numbers the standard lets `floor_divide` give NaN, as Python's `//` does.


def nans(*others):
    """A NaN on either side of any number gives a NaN."""
    numbers = (N, I, -I, 0.0, -0.0, 1.0, *others)
    return [*((N, b, N) for b in numbers), *((a, N, N) for a in numbers)]


def quotient_signs(zero, infinity):
    """+-0 over numbers is `zero`, numbers over +-0 are `infinity`, by the signs."""
    return [
        (0.0, 2.0, zero), (-0.0, 2.0, -zero), (0.0, -2.0, -zero), (-0.0, -2.0, zero),
        (2.0, 0.0, infinity), (2.0, -0.0, -infinity), (-2.0, 0.0, -infinity), (-2.0, -0.0, infinity),
    ]  # fmt: skip


BINARY = {
    "add": [*nans(), (I, -I, N), (-I, I, N), (I, I, I), (-I, -I, -I), (I, 1.0, I), (1.0, -I, -I), (-0.0, -0.0, -0.0),
            (-0.0, 0.0, 0.0), (0.0, -0.0, 0.0), (-0.0, 2.0, 2.0), (2.0, -2.0, 0.0)],
    "subtract": [*nans(), (I, I, N), (-I, -I, N), (I, -I, I), (-0.0, 0.0, -0.0), (0.0, 0.0, 0.0), (2.0, 2.0, 0.0)],
    "multiply": [*nans(), (I, 0.0, N), (-0.0, I, N), (I, -I, -I), (-I, -I, I), (I, -2.0, -I), (-2.0, 0.0, -0.0)],
    "divide": [*nans(), (I, I, N), (-I, I, N), (0.0, 0.0, N), (-0.0, 0.0, N), *quotient_signs(0.0, I), (I, 2.0, I),
               (I, -2.0, -I), (-I, 2.0, -I), (-I, -2.0, I), (2.0, I, 0.0), (2.0, -I, -0.0), (-2.0, I, -0.0),
               (-2.0, -I, 0.0)],
    "floor_divide": [*nans(), (I, I, N), (-I, I, N), (0.0, 0.0, N), (0.0, -0.0, N), *quotient_signs(0.0, I),
                     (I, 2.0, N),
                     (-I, 2.0, N), (2.0, I, 0.0), (2.0, -I, -1.0), (-2.0, I, -1.0),
                     (-2.0, -I, 0.0)],
    "remainder": [*nans(), (I, I, N), (-I, I, N), (0.0, 0.0, N), (0.0, 2.0, 0.0), (-0.0, 2.0, 0.0), (0.0, -2.0, -0.0),
                  (-0.0, -2.0, -0.0), (2.0, 0.0, N), (2.0, -0.0, N), (-2.0, 0.0, N), (I, 2.0, N), (I, -2.0, N),
                  (-I, 2.0, N), (2.0, I, 2.0), (2.0, -I, -I), (-2.0, I, I), (-2.0, -I, -2.0)],
    "atan2": [*nans(), (2.0, 0.0, PI / 2), (2.0, -0.0, PI / 2), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0), (0.0, -0.0, PI),
              (0.0, -2.0, PI), (-0.0, 2.0, -0.0), (-0.0, 0.0, -0.0), (-0.0, -0.0, -PI), (-0.0, -2.0, -PI),
              (-2.0, 0.0, -PI / 2), (-2.0, -0.0, -PI / 2), (2.0, I, 0.0), (2.0, -I, PI), (-2.0, I, -0.0),
              (-2.0, -I, -PI), (I, 2.0, PI / 2), (-I, 2.0, -PI / 2), (I, I, PI / 4), (I, -I, 3 * PI / 4),
              (-I, I, -PI / 4), (-I, -I, -3 * PI / 4)],
    "hypot": [(I, N, I), (N, -I, I), (-I, 2.0, I), (1.0, N, N), (N, 1.0, N), (-3.0, 4.0, 5.0)],
    "logaddexp": [*nans(), (I, 1.0, I), (-I, I, I), (-I, -I, -I), (-I, 2.0, 2.0)],
    "maximum": nans(I, -I), "minimum": nans(I, -I),
    "copysign": [(2.0, -0.0, -2.0), (-2.0, 0.0, 2.0), (I, -1.0, -I), (0.0, -3.0, -0.0)],
    "nextafter": [*nans(), (1.0, 1.0, 1.0), (I, I, I)],
    "equal": [(N, N, False), (0.0, -0.0, True), (I, I, True), (I, -I, False)],
    "not_equal": [(N, N, True), (0.0, -0.0, False), (I, -I, True)],
    "less": [(N, 1.0, False), (-0.0, 0.0, False), (-I, I, True)],
    "greater_equal": [(N, N, False), (-0.0, 0.0, True), (I, I, True)],
    "pow": [
        (2.0, N, N), *((a, z, 1.0) for a in (N, I, -I, 0.0, -2.0) for z in (0.0, -0.0)), (N, 2.0, N), (N, -0.5, N),
        *((s * a, I, I) for a in BIG for s in (1, -1)), *((s * a, -I, 0.0) for a in BIG for s in (1, -1)),
        *((s * 1.0, e, 1.0) for s in (1, -1) for e in (I, -I)), *((s * a, I, 0.0) for a in SMALL for s in (1, -1)),
        *((s * a, -I, I) for a in SMALL for s in (1, -1)), (I, 2.0, I), (I, 0.5, I), (I, -2.0, 0.0), (-I, 3.0, -I),
        (-I, 2.0, I), (-I, 0.5, I), (-I, -3.0, -0.0), (-I, -2.0, 0.0), (0.0, 2.0, 0.0), (0.0, -2.0, I),
        (-0.0, 3.0, -0.0),
        (-0.0, 2.0, 0.0), (-0.0, 0.5, 0.0), (-0.0, -3.0, -I), (-0.0, -2.0, I), (-2.0, 0.5, N),
    ],
}  # fmt: skip

C = complex
COMPLEX = {
    "exp": [(C(0, 0), 1), (C(-0.0, 0), 1), (C(2, I), C(N, N)), (C(2, N), C(N, N)), (C(I, 0), C(I, 0)),
            (C(-I, 2), C(0, 0)),
            (C(I, N), C(I, N)), (C(-I, I), C(0, 0)), (C(N, 0), C(N, 0)), (C(N, 1), C(N, N)), (C(N, N), C(N, N))],
    "log": [(C(-0.0, 0), C(-I, PI)), (C(0, 0), C(-I, 0)), (C(2, I), C(I, PI / 2)), (C(2, N), C(N, N)),
            (C(-I, 2), C(I, PI)), (C(I, 2), C(I, 0)), (C(-I, I), C(I, 3 * PI / 4)), (C(I, I), C(I, PI / 4)),
            (C(I, N), C(I, N)), (C(N, 1), C(N, N)), (C(N, I), C(I, N)), (C(N, N), C(N, N))],
    "sqrt": [(C(0, 0), C(0, 0)), (C(-0.0, 0), C(0, 0)), (C(2, I), C(I, I)), (C(2, N), C(N, N)), (C(-I, 2), C(0, I)),
             (C(I, 2), C(I, 0)), (C(I, N), C(I, N)), (C(N, 1), C(N, N)), (C(N, N), C(N, N))],
    "sinh": [(C(0, 0), C(0, 0)), (C(2, I), C(N, N)), (C(2, N), C(N, N)), (C(I, 0), C(I, 0)), (C(N, 0), C(N, 0)),
             (C(N, 1), C(N, N)), (C(N, N), C(N, N))],
    "cosh": [(C(0, 0), C(1, 0)), (C(2, I), C(N, N)), (C(2, N), C(N, N)), (C(I, 0), C(I, 0)), (C(N, 1), C(N, N)),
             (C(N, N), C(N, N))],
    "tanh": [(C(0, 0), C(0, 0)), (C(2, I), C(N, N)), (C(2, N), C(N, N)), (C(I, 2), C(1, 0)), (C(I, N), C(1, 0)),
             (C(N, 0), C(N, 0)), (C(N, 1), C(N, N)), (C(N, N), C(N, N))],
    "acos": [(C(0, 0), C(PI / 2, -0.0)), (C(0, N), C(PI / 2, N)), (C(2, I), C(PI / 2, -I)), (C(2, N), C(N, N)),
             (C(-I, 1), C(PI, -I)), (C(I, 1), C(0, -I)), (C(-I, I), C(3 * PI / 4, -I)), (C(I, I), C(PI / 4, -I)),
             (C(N, 1), C(N, N)), (C(N, I), C(N, -I)), (C(N, N), C(N, N))],
    "acosh": [(C(0, 0), C(0, PI / 2)), (C(2, I), C(I, PI / 2)), (C(2, N), C(N, N)), (C(-I, 1), C(I, PI)),
              (C(I, 1), C(I, 0)), (C(-I, I), C(I, 3 * PI / 4)), (C(I, I), C(I, PI / 4)), (C(I, N), C(I, N)),
              (C(N, 1), C(N, N)), (C(N, I), C(I, N)), (C(N, N), C(N, N))],
    "asinh": [(C(0, 0), C(0, 0)), (C(2, I), C(I, PI / 2)), (C(2, N), C(N, N)), (C(I, 1), C(I, 0)),
              (C(I, I), C(I, PI / 4)),
              (C(I, N), C(I, N)), (C(N, 0), C(N, 0)), (C(N, 1), C(N, N)), (C(N, N), C(N, N))],
    "atanh": [(C(0, 0), C(0, 0)), (C(0, N), C(0, N)), (C(1, 0), C(I, 0)), (C(2, I), C(0, PI / 2)), (C(2, N), C(N, N)),
              (C(I, 2), C(0, PI / 2)), (C(I, I), C(0, PI / 2)), (C(I, N), C(0, N)), (C(N, 2), C(N, N)),
              (C(N, N), C(N, N))],
    "expm1": [(C(0, 0), C(0, 0)), (C(-0.0, 0), C(0, 0)), (C(2, I), C(N, N)), (C(2, N), C(N, N)), (C(I, 0), C(I, 0)),
              (C(-I, 2), C(-1, 0)), (C(-I, I), C(-1, 0)), (C(I, N), C(I, N)), (C(-I, N), C(-1, 0)), (C(N, 0), C(N, 0)),
              (C(N, 1), C(N, N)), (C(N, N), C(N, N))],
    "log1p": [(C(-1, 0), C(-I, 0)), (C(2, I), C(I, PI / 2)), (C(2, N), C(N, N)), (C(-I, 2), C(I, PI)),
              (C(I, 2), C(I, 0)),
              (C(-I, I), C(I, 3 * PI / 4)), (C(I, I), C(I, PI / 4)), (C(I, N), C(I, N)), (C(N, 2), C(N, N)),
              (C(N, I), C(I, N)), (C(N, N), C(N, N))],
    "abs": [(C(I, N), I), (C(N, -I), I), (C(1, N), N), (C(0, 0), 0.0), (C(N, N), N), (C(-I, 1), I)],
    "isnan": [(C(N, 1), True), (C(1, N), True), (C(I, 1), False)],
    "isinf": [(C(I, N), True), (C(N, -I), True), (C(1, 1), False)],
    "isfinite": [(C(1, I), False), (C(N, 1), False), (C(1, 1), True)],
    "sign": [(C(0, 0), C(0, 0)), (C(3, 4), C(0.6, 0.8)), (C(N, 1), C(N, N)), (C(1, N), C(N, N))],
}  # fmt: skip


def agrees(got, wanted, signs=True):
    """The same number; of zeros the same sign."""
    if wanted != wanted:
        return got != got
    if signs and wanted == 0 and isinstance(wanted, float):
        return got == 0 and math.copysign(1, got) == math.copysign(1, wanted)
    return got == wanted or got == pytest.approx(wanted, rel=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_one_real_operand(name, dtype):
    for given, wanted in UNARY[name]:
        many = xp.asarray([given] * 9, dtype=getattr(xp, dtype))
        for got in (getattr(xp, name)(many).tolist()[0], getattr(xp, name)(many[0]).item()):
            assert agrees(got, wanted), f"{name}({given}) = {got}, not {wanted}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_two_real_operands(name, dtype):
    for left, right, wanted in BINARY[name]:
        a, b = (xp.asarray([v] * 9, dtype=getattr(xp, dtype)) for v in (left, right))
        for got in (getattr(xp, name)(a, b).tolist()[0], getattr(xp, name)(a[0], b[0]).item(),
                    getattr(xp, name)(a, right).tolist()[0], getattr(xp, name)(left, b).tolist()[0]):  # fmt: skip
            assert agrees(got, wanted), f"{name}({left}, {right}) = {got}, not {wanted}"


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", COMPLEX)
def test_one_complex_operand(name, dtype):
    for given, wanted in COMPLEX[name]:
        got = getattr(xp, name)(xp.asarray([given] * 3, dtype=getattr(xp, dtype))).tolist()[0]
        parts = zip((got.real, got.imag), (wanted.real, wanted.imag), strict=True)
        assert all(agrees(*part, signs=False) for part in parts), f"{name}({given}) = {got}, not {wanted}"
