"""The gamma function's family on arrays: log-gamma, digamma, Hurwitz zeta and the polygammas.

Formulas: NIST Digital Library of Mathematical Functions (DLMF), chapters 5 and 25.  Coefficients: Chebyshev series
of the functions named beside them, computed with mpmath at 40 digits from c_k = (2 / N) sum f(x_j) cos(k t_j),
t_j = pi (j + 1/2) / N, and cut where they fall below 1e-18 of the largest value.
"""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.approximation import chebyshev, double, polynomial, regions

# log(gamma(2 + t)) / t in t on [-1/2, 1].
_LGAMMA = (
    0.48362763659842517, 0.22408351337696908, -0.016061611364725618, 0.0016796351005504537, -0.000206207082576848,
    2.7619482587698902e-05, -3.902432064395172e-06, 5.712600238782988e-07, -8.57232441585347e-08,
    1.3098706178370361e-08, -2.0291174319191596e-09, 3.177019404112652e-10, -5.0168902255267044e-11,
    7.977607508944761e-12, -1.2759320707466868e-12, 2.0507506001786822e-13, -3.309998326505828e-14,
    5.362087191185866e-15, -8.714427500704616e-16, 1.4203170417419452e-16, -2.3208252786405174e-17,
    3.801021892031957e-18,
)  # fmt: skip
# digamma(x) / (x - root) in x on [1, 2].
_DIGAMMA = (
    0.983570260441567, -0.2270640863346444, 0.03336889902393011, -0.005320077271596548, 0.0008788656937820505,
    -0.00014773492650606044, 2.5060543468359146e-05, -4.2721034029993324e-06, 7.302769272465923e-07,
    -1.2502886813559594e-07, 2.1425009322359472e-08, -3.673295918565179e-09, 6.299717236108931e-10,
    -1.080593028883266e-10, 1.853735192053638e-11, -3.18023536582553e-12, 5.456147570322795e-13, -9.360993131036438e-14,
    1.606064636295075e-14, -2.7555431377438815e-15, 4.727736178601912e-16, -8.11148420346509e-17, 1.391707769474154e-17,
    -2.3877901082188625e-18,
)  # fmt: skip
# The positive zero of digamma as a double and what it leaves out.
_ROOT, _ROOT_REST = 1.4616321449683622, 9.549995429965697e-17
_HALF_LOG_TAU = 0.9189385332046728  # log(2 pi) / 2
# Bernoulli numbers B_2 ... B_24, DLMF 24.2(iv).
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
    854513 / 138, -236364091 / 2730,
)  # fmt: skip
# B_2k / (2k (2k - 1)) and B_2k / 2k, highest power of 1 / x^2 first: DLMF 5.11.1 and 5.11.2.
_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:9], 1))[::-1]
_DIGAMMA_TAIL = tuple(b / (2 * k) for k, b in enumerate(_BERNOULLI[:9], 1))[::-1]
_ASYMPTOTIC = 10.0


def _fraction(np: Any, x: Any) -> Any:
    """x minus the nearest integer, exactly."""
    return x - np.round(x)


def stirling_rest(x: Any) -> Any:
    """log(gamma(x)) - ((x - 1/2) log x - x + log(2 pi) / 2) for x >= 10, DLMF 5.11.1."""
    return polynomial(1.0 / (x * x), _STIRLING) / x


def _lgamma_large(np: Any, x: Any) -> Any:
    logarithm = np.log(x)
    value = x * (logarithm - 1.0) - 0.5 * logarithm + _HALF_LOG_TAU + stirling_rest(x)
    return np.where(x == np.inf, np.inf, value)


def near_two(t: Any) -> Any:
    """log(gamma(2 + t)) for t in [-1/2, 1]."""
    return t * chebyshev(t, _LGAMMA, -0.5, 1.0)


def _lgamma_middle(np: Any, x: Any) -> Any:
    """3 <= x < 10: down to [2, 3) by gamma(x) = (x - 1) gamma(x - 1)."""
    product = x * 0.0 + 1.0
    for _ in range(7):
        step = x >= 3.0
        x = np.where(step, x - 1.0, x)
        product = np.where(step, product * x, product)
    return np.log(product) + near_two(x - 2.0)


def _lgamma_positive(np: Any, x: Any) -> Any:
    return regions(
        np,
        x,
        (x >= _ASYMPTOTIC, lambda part: _lgamma_large(np, part)),
        (x >= 3.0, lambda part: _lgamma_middle(np, part)),
        (x >= 1.5, lambda part: near_two(part - 2.0)),
        (x >= 0.5, lambda part: near_two(part - 1.0) - np.log(part)),
        otherwise=lambda part: near_two(part) - np.log1p(part) - np.log(part),
    )


def _lgamma(np: Any, x: Any) -> Any:
    def reflected(part: Any) -> Any:
        """DLMF 5.5.3."""
        y = -part
        sine = np.abs(np.sin(math.pi * _fraction(np, y)))
        value = np.log(math.pi / (y * sine)) - _lgamma_positive(np, y)
        return np.where((sine == 0) | (y > 2.0**52), np.inf, value)

    return regions(
        np,
        x,
        (x >= 0.0, lambda part: _lgamma_positive(np, part)),
        (x > -1e-17, lambda part: -np.log(-part)),
        (x < 0.0, reflected),
        otherwise=lambda part: part,
    )


def _digamma_positive(np: Any, x: Any) -> Any:
    def near(part: Any) -> Any:
        return ((part - _ROOT) - _ROOT_REST) * chebyshev(part, _DIGAMMA, 1.0, 2.0)

    def large(part: Any) -> Any:
        correction = 0.0
        for _ in range(8):
            step = part < _ASYMPTOTIC
            correction = correction + np.where(step, 1.0 / part, 0.0)
            part = np.where(step, part + 1.0, part)
        inverse = 1.0 / (part * part)
        return np.log(part) - 0.5 / part - inverse * polynomial(inverse, _DIGAMMA_TAIL) - correction

    return regions(np, x, (x < 1.0, lambda part: near(part + 1.0) - 1.0 / part), (x <= 2.0, near), otherwise=large)


def _digamma(np: Any, x: Any) -> Any:
    def reflected(part: Any) -> Any:
        """DLMF 5.5.4."""
        fraction = _fraction(np, part)
        value = _digamma_positive(np, 1.0 - part) - math.pi / np.tan(math.pi * fraction)
        return np.where(fraction == 0, np.nan, value)

    return regions(
        np,
        x,
        (x == 0.0, lambda part: np.copysign(np.inf, -part)),
        (x < 0.0, reflected),
        otherwise=lambda part: _digamma_positive(np, part),
    )


_TAIL_FACTORS = tuple(b / math.factorial(2 * k) for k, b in enumerate(_BERNOULLI, 1))


def _zeta_sum(np: Any, x: Any, q: Any) -> Any:
    """Euler-Maclaurin, DLMF 25.2.9 for Hurwitz's function: terms first, then the tail once q + n is large beside x.

    An element is done without a tail when its terms (which fall once q + n > 0) no longer count.
    """
    enough = 9.0 + 0.5 * x
    total = q * 0.0
    counts = q == q
    while True:
        adding = counts & (q <= enough)
        if not bool(adding.any()):
            break
        term = np.where(adding, np.power(q, -x), 0.0)
        total = total + term
        q = np.where(adding, q + 1.0, q)
        counts = counts & ~(adding & (q > 1.0) & (np.abs(term) <= 1e-18 * np.abs(total)))
    power = np.power(q, -x)
    tail = q * power / (x - 1.0) + 0.5 * power
    factor, shrinking = x, power / q
    for k, coefficient in enumerate(_TAIL_FACTORS):
        tail = tail + coefficient * factor * shrinking
        factor = factor * (x + (2 * k + 1)) * (x + (2 * k + 2))
        shrinking = shrinking / (q * q)
    # Where the power underflows, the growing factors would make nan of nothing.
    return total + np.where(counts & (power > 0), tail, 0.0)


def _zeta(np: Any, x: Any, q: Any) -> Any:
    x, q = np.broadcast_arrays(x, q)
    pole = (q <= 0) & (q == np.floor(q))
    undefined = (x < 1) | np.isnan(x) | np.isnan(q) | (q == -np.inf) | ((q <= 0) & (x != np.floor(x)))
    infinite = (x == 1) | ((x > 1) & pole)
    return regions(
        np,
        x,
        (infinite, lambda part, other: np.full_like(part, np.inf)),
        (undefined, lambda part, other: np.full_like(part, np.nan)),
        (x == np.inf, lambda part, other: np.where(other < 1, np.inf, np.where(other == 1, 1.0, 0.0))),
        (q == np.inf, lambda part, other: np.zeros_like(part)),
        otherwise=lambda part, other: _zeta_sum(np, part, other),
        extra=(q,),
    )


def _trigamma(np: Any, x: Any) -> Any:
    def reflected(part: Any) -> Any:
        """DLMF 5.15.6."""
        sine = np.sin(math.pi * _fraction(np, part))
        return (math.pi / sine) ** 2 - _zeta(np, np.full_like(part, 2.0), 1.0 - part)

    return regions(np, x, (x > 0.0, lambda part: _zeta(np, np.full_like(part, 2.0), part)), otherwise=reflected)


def lgamma(np: Any, x: Any) -> Any:
    """log |gamma(x)|; inf at 0, the negative integers and +-inf."""
    return double(np, _lgamma, x)


def digamma(np: Any, x: Any) -> Any:
    """The derivative of log gamma; nan at negative integers, -+inf at +-0."""
    return double(np, _digamma, x)


def zeta(np: Any, x: Any, q: Any) -> Any:
    """Hurwitz's zeta function, the sum of (n + q)^-x over n >= 0."""
    return double(np, _zeta, x, q)


def at_poles(np: Any, x: Any, value: Any) -> Any:
    """trigamma with what the reflection DLMF 5.15.6 gives, in the dtype of x, at negative integers: large, not inf."""
    poles = (x < 0) & (x == np.floor(x))
    if not poles.any():
        return value
    ratio = math.pi / np.where(poles, np.sin(x.dtype.type(math.pi) * x), 1)
    return np.where(poles, ratio * ratio, value).astype(x.dtype)


def polygamma(np: Any, n: int, x: Any) -> Any:
    """The n-th derivative of digamma; for n >= 1 by DLMF 5.15.1, (-1)^(n + 1) n! zeta(n + 1, x)."""
    if n == 0:
        return digamma(np, x)
    if n == 1:
        return at_poles(np, x, double(np, _trigamma, x))
    try:
        factor = math.gamma(n + 1.0)
    except OverflowError:
        factor = math.inf
    return double(np, lambda np, y: _zeta(np, np.full_like(y, n + 1.0), y) * (factor if n % 2 else -factor), x)
