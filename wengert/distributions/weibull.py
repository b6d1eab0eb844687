"""The Weibull distribution: cdf 1 - exp(-(x / scale)^concentration)."""

from __future__ import annotations

from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.exponential import Exponential
from wengert.distributions.transformed_distribution import TransformedDistribution
from wengert.distributions.transforms import AffineTransform, PowerTransform
from wengert.distributions.utils import broadcast_all, euler_constant

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    """The Weibull distribution: cdf 1 - exp(-(x / scale)^concentration)."""

    arg_constraints: Any = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(creation.ones_like(self.scale), validate_args=validate_args)
        steps = [PowerTransform(exponent=self.concentration_reciprocal), AffineTransform(loc=0, scale=self.scale)]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(Weibull, _instance)
        new.scale, new.concentration = self.scale.expand(batch_shape), self.concentration.expand(batch_shape)
        new.concentration_reciprocal = new.concentration.reciprocal()
        return super().expand(batch_shape, _instance=new)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.scale * m.exp(m.lgamma(1 + self.concentration_reciprocal))

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration.reciprocal()

    @property
    def variance(self) -> Any:
        """Variance."""
        r = self.concentration_reciprocal
        return self.scale.pow(2) * (m.exp(m.lgamma(1 + 2 * r)) - m.exp(2 * m.lgamma(1 + r)))

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return (
            euler_constant * (1 - self.concentration_reciprocal) + m.log(self.scale * self.concentration_reciprocal) + 1
        )
