"""The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x) on arrays.

Which method where follows S. L. Moshier's Cephes library (igam.c); the methods are those of the NIST Digital Library
of Mathematical Functions (DLMF): 8.11.4 a series, 8.9.2 a continued fraction, 8.12 an expansion for large a
(N. M. Temme, Math. Comp. 29 (1975), 1109-1114), and 8.7.1 for small x.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from wengert.core.arrays.approximation import double, regions
from wengert.core.arrays.erf import erfc
from wengert.core.arrays.gamma import lgamma, near_two, stirling_rest

_PRECISION = 1.2e-16
_LIMIT = 3000  # terms; a below 20 needs about 100, larger a meets the expansion before it meets slow convergence
_LARGE = 20.0
_NEAR = 0.3
_POWERS, _ORDERS = 20, 13  # of eta and of 1 / a: enough for 1e-17 at a = 20 and |eta| = 0.36


@cache
def _temme_table() -> tuple[tuple[float, ...], ...]:
    """d[k][n], c_k(eta) = sum_n d[k][n] eta^n of DLMF 8.12.8, by Temme's recurrences.

    lambda = 1 + sum alpha_n eta^n gives alpha; gamma_k = (2k + 1)!! alpha_(2k + 1) are Stirling's coefficients.
    """
    count = _POWERS + 2 * _ORDERS + 4
    alpha = [0.0, 1.0, 1.0 / 3.0]
    for n in range(3, count):
        inner = math.fsum(j * alpha[j] * alpha[n + 1 - j] for j in range(2, n))
        alpha.append((alpha[n - 1] - inner) / (n + 1))
    first = [-1.0 / 3.0] + [(n + 2) * alpha[n + 2] for n in range(1, count - 2)]
    table = [first]
    double_factorial = 1.0
    for k in range(1, _ORDERS):
        double_factorial *= 2 * k + 1
        stirling = (-1) ** k * double_factorial * alpha[2 * k + 1]
        before = table[-1]
        table.append([stirling * first[n] + (n + 2) * before[n + 2] for n in range(len(before) - 2)])
    return tuple(tuple(row[:_POWERS]) for row in table)


def _phi(np: Any, mu: Any) -> Any:
    """mu - log(1 + mu) for |mu| <= 1/2 without cancellation, from log(1 + mu) = 2 artanh(mu / (2 + mu))."""
    r = mu / (2.0 + mu)
    square = r * r
    series = square * 0.0
    for k in range(14, -1, -1):
        series = series * square + 1.0 / (2 * k + 3)
    return r * (mu - 2.0 * square * series)


def _density(np: Any, a: Any, x: Any) -> Any:
    """x^a exp(-x) / gamma(a)."""

    def large(part: Any, other: Any) -> Any:
        mu = (other - part) / part
        near = -part * _phi(np, np.clip(mu, -0.5, 0.5))
        exponent = np.where(np.abs(mu) < 0.5, near, part * np.log(other / part) + (part - other))
        return np.exp(exponent - stirling_rest(part)) * np.sqrt(part / (2.0 * math.pi))

    return regions(
        np,
        a,
        (a >= 10.0, large),
        otherwise=lambda part, other: np.exp(part * np.log(other) - other - lgamma(np, part)),
        extra=(x,),
    )


def _lower_series(np: Any, a: Any, x: Any) -> Any:
    """P(a, x), DLMF 8.11.4."""
    term = 1.0 / a
    total = term
    n = a
    for _ in range(_LIMIT):
        n = n + 1.0
        term = term * (x / n)
        total = total + term
        if not bool((term > _PRECISION * total).any()):
            break
    return total * _density(np, a, x)


def _upper_fraction(np: Any, a: Any, x: Any) -> Any:
    """Q(a, x) by Legendre's continued fraction, DLMF 8.9.2, evaluated forward (Lentz)."""
    b = x + 1.0 - a
    c = np.full_like(x, 1e300)
    d = 1.0 / b
    value = d
    for n in range(1, _LIMIT):
        factor = n * (a - n)
        b = b + 2.0
        d = 1.0 / _nonzero(np, factor * d + b)
        c = _nonzero(np, b + factor / c)
        step = c * d
        value = value * step
        if not bool((np.abs(step - 1.0) > 2.0 * _PRECISION).any()):
            break
    return value * _density(np, a, x)


def _nonzero(np: Any, x: Any) -> Any:
    return np.where(np.abs(x) < 1e-300, 1e-300, x)


def _upper_series(np: Any, a: Any, x: Any) -> Any:
    """Q(a, x) for small a and x, DLMF 8.7.1 with the 1 - x^a / gamma(1 + a) taken together."""
    factor = np.ones_like(x)
    total = np.zeros_like(x)
    for n in range(1, 60):
        factor = factor * (-x / n)
        term = factor / (a + n)
        total = total + term
        if not bool((np.abs(term) > _PRECISION * np.abs(total)).any()):
            break
    power = a * np.log(x)
    log_gamma = np.where(a < 1.0, near_two(np.minimum(a, 1.0)) - np.log1p(a), lgamma(np, a + 1.0))
    return -np.expm1(power - log_gamma) - np.exp(power - log_gamma) * a * total


def _temme(np: Any, a: Any, x: Any, upper: bool) -> Any:
    """DLMF 8.12.3-4 with the sums over powers of eta and 1 / a."""
    mu = (x - a) / a
    phi = _phi(np, mu)
    eta = np.copysign(np.sqrt(2.0 * phi), mu)
    total = np.zeros_like(a)
    inverse = 1.0 / a
    for row in reversed(_temme_table()):
        inner = np.full_like(a, row[-1])
        for coefficient in row[-2::-1]:
            inner = inner * eta + coefficient
        total = total * inverse + inner
    rest = np.exp(-a * phi) / np.sqrt(2.0 * math.pi * a) * total
    sign = 1.0 if upper else -1.0
    return 0.5 * erfc(np, sign * eta * np.sqrt(0.5 * a)) + sign * rest


def _incomplete(np: Any, a: Any, x: Any, upper: bool) -> Any:
    a, x = np.broadcast_arrays(a, x)

    def direct(of_upper: bool, method: Any) -> Any:
        if of_upper == upper:
            return lambda part, other: method(np, part, other)
        return lambda part, other: 1.0 - method(np, part, other)

    def constant(lower: Any) -> Any:
        return lambda part, other: np.full_like(part, 1.0 - lower if upper else lower)

    invalid = ~((x >= 0) & (a >= 0)) | ((a == 0) & (x == 0)) | (np.isinf(a) & np.isinf(x))
    # Beside Cephes' rule: its continued fraction is slow, hence inexact, for x below 2 or below a + 1.
    small = (
        ((x <= 2.0) & (x > 0.5) & (a <= 0.5))
        | ((x <= 0.5) & (a * -np.log(x) <= 0.4))
        | ((x > 0.5) & (x <= 1.1) & (a <= 1.1 * x))
    )
    return regions(
        np,
        a,
        (invalid, lambda part, other: np.full_like(part, np.nan)),
        (np.isinf(a) | (x == 0), constant(0.0)),
        (np.isinf(x) | (a == 0), constant(1.0)),
        ((a > _LARGE) & (np.abs(x - a) < _NEAR * a), lambda part, other: _temme(np, part, other, upper)),
        (small if upper else small & (x > a), direct(True, _upper_series)),
        ((x > 1.1) & (x >= a + 1.0), direct(True, _upper_fraction)),
        otherwise=direct(False, _lower_series),
        extra=(x,),
    )


def lower(np: Any, a: Any, x: Any) -> Any:
    """P(a, x)."""
    return double(np, lambda np, a, x: _incomplete(np, a, x, False), a, x)


def upper(np: Any, a: Any, x: Any) -> Any:
    """Q(a, x)."""
    return double(np, lambda np, a, x: _incomplete(np, a, x, True), a, x)
