"""The beta distribution on [0, 1]: x^(c1 - 1) (1 - x)^(c0 - 1), normalised."""

from __future__ import annotations

from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints
from wengert.distributions.dirichlet import Dirichlet
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import broadcast_all

__all__ = ["Beta"]


class Beta(ExponentialFamily):
    """The beta distribution on [0, 1]: x^(c1 - 1) (1 - x)^(c0 - 1), normalised."""

    arg_constraints: Any = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        both = m.stack(broadcast_all(concentration1, concentration0), -1)
        self._dirichlet = Dirichlet(both, validate_args=validate_args)
        super().__init__(self._dirichlet._batch_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(Beta, _instance)
        new._dirichlet = self._dirichlet.expand(batch_shape)
        return self._finish(new, Beta, batch_shape)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Any:
        """Variance."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Samples with gradient."""
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet.log_prob(m.stack([value, 1.0 - value], -1))

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return self._dirichlet.entropy()

    @property
    def concentration1(self) -> Any:
        """Weight of 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Any:
        """Weight of 0."""
        return self._dirichlet.concentration[..., 1]

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return m.lgamma(x) + m.lgamma(y) - m.lgamma(x + y)

    _mean_carrier_measure = 0
