"""The generalised Pareto distribution: (1 + c z)^(-1 / c - 1) / scale with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints, draws
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """The generalised Pareto distribution: (1 + c z)^(-1 / c - 1) / scale with z = (x - loc) / scale."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(loc) and not is_tensor(scale) and not is_tensor(concentration) else None
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(GeneralizedPareto, ("loc", "scale", "concentration"), batch_shape, _instance)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        return self.icdf(draws.rand(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        flat = m.isclose(self.concentration, self.concentration.new_zeros(()))
        c = m.where(flat, creation.ones_like(self.concentration), self.concentration)
        curved = (1 / c + 1) * m.log1p(c * z)
        return -self.scale.log() - m.where(flat, z, curved)

    def log_survival_function(self, value: Any) -> Any:
        """log(1 - cdf(value))."""
        z = (value - self.loc) / self.scale
        flat = m.isclose(self.concentration, self.concentration.new_zeros(()))
        c = m.where(flat, creation.ones_like(self.concentration), self.concentration)
        return m.where(flat, -z, -m.log1p(c * z) / c)

    def log_cdf(self, value: Any) -> Any:
        """log cdf(value)."""
        return m.log1p(-m.exp(self.log_survival_function(value)))

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return m.exp(self.log_cdf(value))

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        flat = m.isclose(self.concentration, self.concentration.new_zeros(()))
        c = m.where(flat, creation.ones_like(self.concentration), self.concentration)
        logu = m.log1p(-value)
        return m.where(flat, self.loc - self.scale * logu, self.loc + self.scale * m.expm1(-c * logu) / c)

    @property
    def mean(self) -> Any:
        """Expectation, inf for c >= 1."""
        return m.where(self.concentration < 1, self.loc + self.scale / (1 - self.concentration), math.inf)

    @property
    def variance(self) -> Any:
        """Variance, nan for c >= 1/2."""
        c = self.concentration
        return m.where(c < 0.5, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return (m.log(self.scale) + self.concentration + 1).expand(self._batch_shape)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From loc on; up to loc - scale / c where c is negative."""
        upper = m.where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, upper)
