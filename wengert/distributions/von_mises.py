"""The von Mises distribution of angles: exp(k cos(x - loc)) / (2 pi I0(k))."""

from __future__ import annotations

import math
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints, draws
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, is_tensor, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """The von Mises distribution of angles: exp(k cos(x - loc)) / (2 pi I0(k))."""

    arg_constraints: Any = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(loc) and not is_tensor(concentration) else None
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(VonMises, ("loc", "concentration"), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.loc

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    @lazy_property
    def variance(self) -> Any:
        """Circular variance, 1 - I1(k) / I0(k)."""
        return 1 - m.i1e(self.concentration) / m.i0e(self.concentration)

    @lazy_property
    def _proposal_r(self) -> Any:
        kappa = self.concentration.double()
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return m.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples by rejection from a wrapped Cauchy distribution (D. Best, N. Fisher, 1979)."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            loc, kappa = self.loc.double(), self.concentration.double()
            x = creation.zeros(shape, dtype=loc.dtype, device=loc.device)
            done = creation.zeros_like(x) != 0
            while not done.all():
                u1, u2, u3 = draws.rand((3, *shape), loc).unbind()
                z = m.cos(math.pi * u1)
                f = (1 + self._proposal_r * z) / (self._proposal_r + z)
                c = kappa * (self._proposal_r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = m.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * m.cos(value - self.loc) - math.log(2 * math.pi) - (m.log(m.i0e(k)) + k)
