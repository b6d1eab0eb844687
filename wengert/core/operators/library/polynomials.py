"""Orthogonal polynomials of an integer degree n, which is a tensor or a number like x.

As in torch: degrees are cut to integers, negative ones give 0, and there is no derivative.
"""

from __future__ import annotations

from wengert.core.arrays import polynomials
from wengert.core.operators.kinds import plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _samples(s):
    return [
        call(s.array(3, 4), s.integers(3, 4, low=0, high=12)),
        call(s.array(2, 1), s.integers(4, low=-1, high=4)),
        call(s.array(), s.integers()),
        call(s.array(0, 3), s.integers(3)),
    ]


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def chebyshev_polynomial_t(np, x: Array, n: Array):
    """Chebyshev polynomial of the first kind: cos(n t) for x = cos(t).  Source: DLMF 18.5.1."""
    refuse("chebyshev_polynomial_t_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_t, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def chebyshev_polynomial_u(np, x: Array, n: Array):
    """Chebyshev polynomial of the second kind: sin((n + 1) t) / sin(t) for x = cos(t).  Source: DLMF 18.5.2."""
    refuse("chebyshev_polynomial_u_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_u, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def chebyshev_polynomial_v(np, x: Array, n: Array):
    """Chebyshev polynomial of the third kind: cos((n + 1/2) t) / cos(t / 2) for x = cos(t).

    Source: J. C. Mason and D. C. Handscomb, Chebyshev Polynomials (2003), section 1.2.3.
    """
    refuse("chebyshev_polynomial_v_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_v, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def chebyshev_polynomial_w(np, x: Array, n: Array):
    """Chebyshev polynomial of the fourth kind: sin((n + 1/2) t) / sin(t / 2) for x = cos(t).

    Source: J. C. Mason and D. C. Handscomb, Chebyshev Polynomials (2003), section 1.2.3.
    """
    refuse("chebyshev_polynomial_w_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_w, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def shifted_chebyshev_polynomial_t(np, x: Array, n: Array):
    """`chebyshev_polynomial_t` at 2 x - 1, so that [0, 1] takes the part of [-1, 1]."""
    refuse("shifted_chebyshev_polynomial_t_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_t, 2 * x - 1, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def shifted_chebyshev_polynomial_u(np, x: Array, n: Array):
    """`chebyshev_polynomial_u` at 2 x - 1, so that [0, 1] takes the part of [-1, 1]."""
    refuse("shifted_chebyshev_polynomial_u_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_u, 2 * x - 1, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def shifted_chebyshev_polynomial_v(np, x: Array, n: Array):
    """`chebyshev_polynomial_v` at 2 x - 1, so that [0, 1] takes the part of [-1, 1]."""
    refuse("shifted_chebyshev_polynomial_v_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_v, 2 * x - 1, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def shifted_chebyshev_polynomial_w(np, x: Array, n: Array):
    """`chebyshev_polynomial_w` at 2 x - 1, so that [0, 1] takes the part of [-1, 1]."""
    refuse("shifted_chebyshev_polynomial_w_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.chebyshev_w, 2 * x - 1, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def hermite_polynomial_h(np, x: Array, n: Array):
    """Physicists' Hermite polynomial; nan above degree 512 (128 for float32).  Source: DLMF 18.9.1."""
    refuse("hermite_polynomial_h_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.hermite_h, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def hermite_polynomial_he(np, x: Array, n: Array):
    """Probabilists' Hermite polynomial; nan above degree 512 (128 for float32).  Source: DLMF 18.9.1."""
    refuse("hermite_polynomial_he_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.hermite_he, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def laguerre_polynomial_l(np, x: Array, n: Array):
    """Laguerre polynomial.  Source: DLMF 18.9.1."""
    refuse("laguerre_polynomial_l_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.laguerre, x, n)


@plain(promote="float", space="special", method=False, samples=_samples, numbers="one")
def legendre_polynomial_p(np, x: Array, n: Array):
    """Legendre polynomial.  Source: DLMF 18.9.1."""
    refuse("legendre_polynomial_p_cpu", "c", x, n)
    return polynomials.evaluate(np, polynomials.legendre, x, n)
