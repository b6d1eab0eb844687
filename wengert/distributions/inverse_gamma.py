"""1 / x of a gamma value."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints
from wengert.distributions.gamma import Gamma
from wengert.distributions.transformed_distribution import TransformedDistribution
from wengert.distributions.transforms import PowerTransform

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """1 / x of a gamma value."""

    arg_constraints: Any = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(InverseGamma, _instance)
        return super().expand(batch_shape, _instance=new)

    @property
    def concentration(self) -> Any:
        """Shape."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Any:
        """Rate."""
        return self.base_dist.rate

    @property
    def mean(self) -> Any:
        """Expectation, inf for c <= 1."""
        return m.where(self.concentration > 1, self.rate / (self.concentration - 1), math.inf)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        """Variance, inf for c <= 2."""
        c = self.concentration
        return m.where(c > 2, self.rate.square() / ((c - 1).square() * (c - 2)), math.inf)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        c = self.concentration
        return c + self.rate.log() + c.lgamma() - (1 + c) * c.digamma()
