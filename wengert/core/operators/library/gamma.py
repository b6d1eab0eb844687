"""The gamma function's family: log-gamma, polygammas, Hurwitz zeta, incomplete gamma functions."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import gamma as functions
from wengert.core.arrays import incomplete_gamma
from wengert.core.base.errors import ArgumentError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, elementwise
from wengert.core.operators.library.overloads import overload, refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_QUARTER_LOG_PI = 0.28618247146235004  # log(pi) / 4


@elementwise(d=lambda m, input: m.digamma(input), promote="float", aliases=("special.gammaln",), domain=(0.2, 5.0))
def lgamma(np, input: Array):
    """log |gamma(input)|; inf at 0, negative integers and +-inf.

    Source: DLMF 5.11.1 for large input, 5.5.3 for negative, a Chebyshev series between.
    """
    refuse("lgamma_vml_cpu", "c", input)
    return functions.lgamma(np, input)


@elementwise(
    d=lambda m, input: m.polygamma_kernel(input, 1),
    promote="float",
    aliases=("special.digamma", "special.psi"),
    domain=(0.2, 5.0),
)
def digamma(np, input: Array):
    """The derivative of log gamma; -+inf at +-0, nan at negative integers.

    Source: DLMF 5.11.2 for large input, 5.5.4 for negative, a Chebyshev series around the positive zero.
    """
    refuse("digamma", "c", input)
    return functions.digamma(np, input)


@elementwise(
    d=lambda m, input, n: m.polygamma_kernel(input, n + 1),
    promote="float",
    space=None,
    method=False,
    inplace=True,
    backward_name="PolygammaBackward0",
    samples=lambda s: [call(s.array(3, 4, low=0.3, high=4.0), n) for n in (0, 1, 2, 4)],
)
def polygamma_kernel(np, input: Array, n: int):
    """The n-th derivative of digamma.

    Source: DLMF 5.15.1; for n = 1 and input <= 0 the reflection 5.15.6.
    """
    refuse("polygamma", "c", input)
    return functions.polygamma(np, n, input)


@composite(
    aliases=("special.polygamma",),
    inplace=True,
    samples=lambda s: [call(n, s.array(3, 4, low=0.3, high=4.0)) for n in (0, 1, 2, 4)],
)
def polygamma(m, n: int, input: Array):
    """The n-th derivative of digamma; as a method `x.polygamma(n)`.

    Raises: ShapeError for a negative n.  Source: DLMF 5.15.1.
    """
    if hasattr(n, "ndim") and not hasattr(input, "ndim"):
        n, input = input, n
    if not isinstance(n, int):
        raise ArgumentError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    if n < 0:
        raise ShapeError(f"polygamma(n, x) does not support negative n. It is {n}")
    return m.polygamma_kernel(input, n)


def _mvlgamma_gradient(m, g, input, p):
    total = m.digamma(input)
    for i in range(1, p):
        total = total + m.digamma(input - 0.5 * i)
    return g * total


def _mvlgamma_samples(s):
    return [call(s.array(3, 4, low=1.2, high=4.0), p) for p in (1, 2, 3)]


@elementwise(
    d=_mvlgamma_gradient,
    promote="float",
    space=None,
    method=False,
    inplace=True,
    backward_name="MvlgammaBackward0",
    samples=_mvlgamma_samples,
)
def mvlgamma_kernel(np, input: Array, p: int):
    """mvlgamma for p >= 1."""
    refuse("mvlgamma", "c", input)
    total = functions.lgamma(np, input)
    for i in range(1, p):
        total = total + functions.lgamma(np, input - 0.5 * i)
    return total + p * (p - 1) * _QUARTER_LOG_PI


@composite(aliases=("special.multigammaln",), inplace=True, samples=_mvlgamma_samples)
def mvlgamma(m, input: Array, p: int):
    """The multivariate log-gamma: log(pi) p (p - 1) / 4 + sum of lgamma(input - i / 2) over i < p.

    Raises: ShapeError for p < 1, DtypeError for booleans.
    """
    if p < 1:
        raise ShapeError(f"p has to be greater than or equal to 1, it is {p}")
    if dtypes.scalar_name(input.dtype) == "Bool":
        raise DtypeError("The input tensor may not be a boolean tensor. mvlgamma() takes numbers")
    return m.mvlgamma_kernel(input, p)


def _missing(name):
    def rule(g):
        raise MissingError(
            f"the derivative for '{name}' is not implemented.  Only that of the second argument is known"
        )

    return rule


@elementwise(
    d=(_missing("zeta"), lambda m, g, input, other: g * -input * m.zeta(input + 1, other)),
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name=overload("SpecialZeta", 0, 2, 1),
    domain=(1.2, 4.0),
    numbers="one",
)
def zeta(np, input: Array, other: Array):
    """Hurwitz's zeta function, the sum of (n + other)^-input over n >= 0.  Either may be a number.

    Edges: inf for input 1 and other 0, -1, -2, ...; nan for input < 1.  Source: DLMF 25.2.9, 25.11.1.
    """
    refuse("zeta_cpu", "c", input, other)
    return functions.zeta(np, input, other)


def _density(m, input, other):
    return m.exp((input - 1) * m.log(other) - other - m.lgamma(input))


@elementwise(
    d=(_missing("igamma: input"), lambda m, g, input, other: g * _density(m, input, other)),
    aliases=("special.gammainc",),
    domain=(0.3, 4.0),
    numbers="none",
)
def igamma(np, input: Array, other: Array):
    """The regularised lower incomplete gamma function P(input, other); nan for negative arguments.

    Source: DLMF 8.2.4, 8.11, 8.12; S. L. Moshier's Cephes for what is used where.
    """
    refuse("igamma_cpu", "biuc", input, other)
    return incomplete_gamma.lower(np, input, other)


@elementwise(
    d=(_missing("igammac: input"), lambda m, g, input, other: g * -_density(m, input, other)),
    aliases=("special.gammaincc",),
    domain=(0.3, 4.0),
    numbers="none",
)
def igammac(np, input: Array, other: Array):
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other).

    Source: DLMF 8.2.4, 8.11, 8.12; S. L. Moshier's Cephes for what is used where.
    """
    refuse("igammac_cpu", "biuc", input, other)
    return incomplete_gamma.upper(np, input, other)
