"""Bessel functions of orders 0 and 1, modified or not, the spherical one of order 0, and Airy's function.

As in torch only i0, i0e, i1 and i1e have derivatives.
"""

from __future__ import annotations

from wengert.core.arrays import bessel, modified_bessel
from wengert.core.operators.kinds import elementwise, plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array


def _less_quotient(m, out, input, value):
    """value - out / input, and the limit 1/2 where input is 0."""
    zero = input == 0
    return m.where(zero, 0.5, value - out / m.where(zero, 1, input))


@elementwise(d=lambda m, input: m.i1(input), promote="float", aliases=("special.i0",))
def i0(np, input: Array):
    """The modified Bessel function of the first kind, I0(input).  Source: DLMF 10.25.2, 10.40.1."""
    refuse("i0_vml_cpu", "c", input)
    return modified_bessel.i0(np, input)


@elementwise(
    d=lambda m, input, out: m.i1e(input) - m.sgn(input) * out,
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name="SpecialI0EBackward0",
    domain=(0.1, 9.0),
)
def i0e(np, input: Array):
    """exp(-|input|) I0(input).  Source: DLMF 10.25.2, 10.40.1."""
    refuse("i0e_cpu", "c", input)
    return modified_bessel.i0e(np, input)


@elementwise(
    d=lambda m, input, out: _less_quotient(m, out, input, m.i0(input)),
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name="SpecialI1Backward0",
    domain=(0.1, 9.0),
)
def i1(np, input: Array):
    """The modified Bessel function of the first kind, I1(input).  Source: DLMF 10.25.2, 10.40.1."""
    refuse("i1_cpu", "c", input)
    return modified_bessel.i1(np, input)


@elementwise(
    d=lambda m, input, out: _less_quotient(m, out, input, m.i0e(input) - m.sgn(input) * out),
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name="SpecialI1EBackward0",
    domain=(0.1, 9.0),
)
def i1e(np, input: Array):
    """exp(-|input|) I1(input).  Source: DLMF 10.25.2, 10.40.1."""
    refuse("i1e_cpu", "c", input)
    return modified_bessel.i1e(np, input)


@plain(promote="float", space="special", method=False)
def bessel_j0(np, input: Array):
    """The Bessel function of the first kind, J0(input); nan at +-inf.  Source: DLMF 10.2.2, 10.17.3."""
    refuse("bessel_j0_cpu", "c", input)
    return bessel.j(np, input, 0)


@plain(promote="float", space="special", method=False)
def bessel_j1(np, input: Array):
    """The Bessel function of the first kind, J1(input); nan at +-inf.  Source: DLMF 10.2.2, 10.17.3."""
    refuse("bessel_j1_cpu", "c", input)
    return bessel.j(np, input, 1)


@plain(promote="float", space="special", method=False, domain=(0.1, 9.0))
def bessel_y0(np, input: Array):
    """The Bessel function of the second kind, Y0(input); -inf at 0, nan below.  Source: DLMF 10.8.2, 10.17.4."""
    refuse("bessel_y0_cpu", "c", input)
    return bessel.y(np, input, 0)


@plain(promote="float", space="special", method=False, domain=(0.1, 9.0))
def bessel_y1(np, input: Array):
    """The Bessel function of the second kind, Y1(input); -inf at 0, nan below.  Source: DLMF 10.8.1, 10.17.4."""
    refuse("bessel_y1_cpu", "c", input)
    return bessel.y(np, input, 1)


@plain(promote="float", space="special", method=False)
def modified_bessel_i0(np, input: Array):
    """I0(input), as `i0` but without derivative.  Source: DLMF 10.25.2, 10.40.1."""
    refuse("modified_bessel_i0_cpu", "c", input)
    return modified_bessel.i0(np, input)


@plain(promote="float", space="special", method=False)
def modified_bessel_i1(np, input: Array):
    """I1(input), as `i1` but without derivative.  Source: DLMF 10.25.2, 10.40.1."""
    refuse("modified_bessel_i1_cpu", "c", input)
    return modified_bessel.i1(np, input)


@plain(promote="float", space="special", method=False, domain=(0.1, 9.0))
def modified_bessel_k0(np, input: Array):
    """The modified Bessel function of the second kind, K0(input); inf at 0, nan below.  Source: DLMF 10.31.2."""
    refuse("modified_bessel_k0_cpu", "c", input)
    return modified_bessel.k(np, input, 0)


@plain(promote="float", space="special", method=False, domain=(0.1, 9.0))
def modified_bessel_k1(np, input: Array):
    """The modified Bessel function of the second kind, K1(input); inf at 0, nan below.  Source: DLMF 10.31.1."""
    refuse("modified_bessel_k1_cpu", "c", input)
    return modified_bessel.k(np, input, 1)


@plain(promote="float", space="special", method=False, domain=(0.1, 9.0))
def scaled_modified_bessel_k0(np, x: Array):
    """exp(x) K0(x); inf at 0, nan below.  Source: DLMF 10.31.2, 10.40.2."""
    refuse("scaled_modified_bessel_k0_cpu", "c", x)
    return modified_bessel.k(np, x, 0, scaled=True)


@plain(promote="float", space="special", method=False, domain=(0.1, 9.0))
def scaled_modified_bessel_k1(np, x: Array):
    """exp(x) K1(x); inf at 0, nan below.  Source: DLMF 10.31.1, 10.40.2."""
    refuse("scaled_modified_bessel_k1_cpu", "c", x)
    return modified_bessel.k(np, x, 1, scaled=True)


@plain(promote="float", space="special", method=False)
def spherical_bessel_j0(np, x: Array):
    """The spherical Bessel function of order 0, sin(x) / x; 1 at 0, 0 at +-inf.  Source: DLMF 10.49.3."""
    refuse("spherical_bessel_j0_cpu", "c", x)
    return bessel.spherical_j0(np, x)


@plain(promote="float", space="special", method=False)
def airy_ai(np, x: Array):
    """Airy's function Ai(x); nan at +-inf.  Source: DLMF 9.4.1, 9.7.5, 9.7.9."""
    refuse("airy_ai_cpu", "c", x)
    return bessel.airy(np, x)
