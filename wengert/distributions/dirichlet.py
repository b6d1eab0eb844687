"""The Dirichlet distribution on the simplex: product of x_i^(c_i - 1), normalised."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints, draws
from wengert.distributions.exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """The Dirichlet distribution on the simplex: product of x_i^(c_i - 1), normalised."""

    arg_constraints: Any = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueRangeError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Dirichlet, ("concentration",), batch_shape, _instance, self.event_shape)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        return draws.dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        c = self.concentration
        return m.xlogy(c - 1.0, value).sum(-1) + m.lgamma(c.sum(-1)) - m.lgamma(c).sum(-1)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Any:
        """Most probable point; one corner where all concentrations are below 1."""
        less = (self.concentration - 1).clamp(min=0.0)
        mode = less / less.sum(-1, True)
        corner = (self.concentration < 1).all(-1)
        peak = m.one_hot(mode.argmax(-1), self.concentration.shape[-1]).to(mode)
        return m.where(corner.unsqueeze(-1), peak, mode)

    @property
    def variance(self) -> Any:
        """Variance of each component."""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        c, k = self.concentration, self.concentration.size(-1)
        total = c.sum(-1)
        inner = m.lgamma(c).sum(-1) - m.lgamma(total) - (k - total) * m.digamma(total)
        return inner - ((c - 1.0) * m.digamma(c)).sum(-1)

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return (self.concentration,)

    def _log_normalizer(self, x: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return x.lgamma().sum(-1) - m.lgamma(x.sum(-1))

    _mean_carrier_measure = 0
