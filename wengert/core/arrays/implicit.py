"""How samples move with the parameters of their distribution: dx/da = -(dF(x; a)/da) / f(x; a).

F is the distribution function, f the density (M. Figurnov, S. Mohamed, A. Mnih, Implicit Reparameterization
Gradients, 2018). F's derivative comes from the series that F is computed by, differentiated term by term: the
density is a common factor and cancels, so nothing over- or underflows.
"""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.approximation import double, regions
from wengert.core.arrays.gamma import digamma, stirling_rest
from wengert.core.arrays.incomplete_gamma import _phi, _temme_table

_PRECISION = 1e-17
_LIMIT = 20000
_FRACTION_TERMS = 250
_LARGE, _NEAR = 20.0, 0.3


def _gamma_series(np: Any, a: Any, x: Any) -> Any:
    """From P(a, x) = x f(x) sum of x^n / (a (a + 1) ... (a + n)), DLMF 8.11.4."""
    term = 1.0 / a
    total, harmonic, n = term, 1.0 / a, a
    slope = -term * harmonic
    for _ in range(_LIMIT):
        n = n + 1.0
        term = term * (x / n)
        harmonic = harmonic + 1.0 / n
        step = term * harmonic
        total = total + term
        slope = slope - step
        if not bool((step > _PRECISION * np.abs(slope)).any()):
            break
    return -x * ((np.log(x) - digamma(np, a)) * total + slope)


def _gamma_fraction(np: Any, a: Any, x: Any) -> Any:
    """From Q(a, x) = x f(x) / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), DLMF 8.9.2, taken from its end."""
    value = x + (2 * _FRACTION_TERMS + 1) - a
    slope = -np.ones_like(a)
    for n in range(_FRACTION_TERMS, 0, -1):
        above = n * (n - a)
        slope = -1.0 + n / value + above * slope / (value * value)
        value = x + (2 * n - 1) - a - above / value
    return x * ((np.log(x) - digamma(np, a)) / value - slope / (value * value))


def _gamma_temme(np: Any, a: Any, x: Any) -> Any:
    """From Temme's expansion of Q(a, x) for large a near x, DLMF 8.12.3-4."""
    mu = (x - a) / a
    eta = np.copysign(np.sqrt(2.0 * _phi(np, mu)), mu)
    ratio = np.where(eta == 0, 1.0, mu / np.where(eta == 0, 1.0, eta))
    inverse = 1.0 / a
    value, by_eta, by_order = np.zeros_like(a), np.zeros_like(a), np.zeros_like(a)
    table = _temme_table()
    for k in range(len(table) - 1, -1, -1):
        inner, slope = np.full_like(a, table[k][-1]), np.zeros_like(a)
        for coefficient in table[k][-2::-1]:
            slope = slope * eta + inner
            inner = inner * eta + coefficient
        value = value * inverse + inner
        by_eta = by_eta * inverse + slope
        by_order = by_order * inverse + k * inner
    moved = ratio - 0.5 * eta + value * (np.log1p(mu) - 0.5 * inverse) - inverse * (ratio * by_eta + by_order)
    return x * inverse * moved * np.exp(stirling_rest(a))


def _gamma(np: Any, a: Any, x: Any) -> Any:
    a, x = np.broadcast_arrays(a, x)
    return regions(
        np,
        a,
        (~((a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)), lambda a, x: np.where(x == 0, 0.0, a + x) * 0.0),
        ((a > _LARGE) & (np.abs(x - a) < _NEAR * a), lambda a, x: _gamma_temme(np, a, x)),
        ((x >= 1.5) & (x >= a + 1.0), lambda a, x: _gamma_fraction(np, a, x)),
        otherwise=lambda a, x: _gamma_series(np, a, x),
        extra=(x,),
    )


def gamma_slope(np: Any, a: Any, x: Any) -> Any:
    """dx/da of a sample x of the gamma distribution with shape a and rate 1."""
    return double(np, _gamma, a, x)


def _beta_series(np: Any, a: Any, b: Any, x: Any, lower: Any) -> Any:
    """The sums that both halves share: T = sum t_n and its slope, t_n = ((a + b) ... / (c + 1) ...) z^n.

    lower: c = a, z = x, differentiated also through c; else c = b, z = 1 - x.
    """
    c = np.where(lower, a, b)
    z = np.where(lower, x, 1.0 - x)
    term, harmonic = np.ones_like(a), np.zeros_like(a)
    total, slope = np.ones_like(a), np.zeros_like(a)
    for n in range(_LIMIT):
        above, below = a + b + n, c + (n + 1.0)
        term = term * (above / below * z)
        harmonic = harmonic + 1.0 / above - np.where(lower, 1.0 / below, 0.0)
        total = total + term
        slope = slope + term * harmonic
        if not bool((term > _PRECISION * total).any()):
            break
    return c, total, slope


def _beta(np: Any, x: Any, a: Any, b: Any) -> Any:
    x, a, b = np.broadcast_arrays(x, a, b)
    lower = x <= (a + 1.0) / (a + b + 2.0)
    c, total, slope = _beta_series(np, a, b, x, lower)
    logarithm = np.log(x) - digamma(np, a) + digamma(np, a + b) - np.where(lower, 1.0 / a, 0.0)
    return np.where(lower, -1.0, 1.0) * (x / c) * (logarithm * total + slope)


def dirichlet_slope(np: Any, x: Any, a: Any, total: Any) -> Any:
    """dx/da / (1 - x) of a component x of a Dirichlet sample: x is Beta(a, total - a); DLMF 8.17.7-8."""
    inside = (x > 0) & (x < 1)
    safe = np.where(inside, x, 0.5)
    moved = double(np, lambda np, x, a, t: _beta(np, x, a, t - a), safe, a, total)
    return np.where(inside, moved, 0.0).astype(x.dtype)
