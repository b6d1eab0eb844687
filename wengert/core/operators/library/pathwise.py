"""Random samples that gradients pass through: gamma and Dirichlet, differentiated implicitly.

The values are drawn before; the records only carry the derivative with respect to the parameters.
"""

from __future__ import annotations

from wengert.core.arrays import implicit
from wengert.core.operators.kinds import opaque
from wengert.core.operators.library.overloads import missing_derivative
from wengert.core.operators.record import Array


@opaque(
    vjp=(missing_derivative("_standard_gamma_grad"), missing_derivative("_standard_gamma_grad")),
    space=None,
    method=False,
    samples=lambda s: [],
)
def standard_gamma_slope(np, input: Array, output: Array):
    """dx/da of samples `output` from the gamma distribution of shape a = `input` and rate 1."""
    return implicit.gamma_slope(np, input, output)


@opaque(
    vjp=lambda m, g, input, out: g * m.standard_gamma_slope(input, out),
    space=None,
    method=False,
    backward_name="StandardGammaBackward0",
    samples=lambda s: [],
)
def standard_gamma_sampled(np, input: Array, values):
    """`values`, drawn from the gamma distribution of shape `input`; the gradient is implicit."""
    return values


@opaque(
    vjp=(missing_derivative("_dirichlet_grad"),) * 3,
    space=None,
    method=False,
    samples=lambda s: [],
)
def dirichlet_slope(np, x: Array, alpha: Array, total: Array):
    """How far each component of a Dirichlet sample moves with its own concentration, over 1 - x."""
    return implicit.dirichlet_slope(np, x, alpha, total)


def _dirichlet_rule(m, g, input, out):
    total = m.sum(input, (-1,), True) + m.zero_of(input)
    return m.dirichlet_slope(out, input, total) * (g - m.sum(out * g, (-1,), True))


@opaque(
    vjp=_dirichlet_rule,
    space=None,
    method=False,
    backward_name="SampleDirichletBackward0",
    samples=lambda s: [],
)
def dirichlet_sampled(np, input: Array, values):
    """`values`, drawn from the Dirichlet distribution of concentrations `input`; the gradient is implicit."""
    return values
