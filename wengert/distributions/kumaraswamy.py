"""The Kumaraswamy distribution on [0, 1]: cdf 1 - (1 - x^a)^b."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.transformed_distribution import TransformedDistribution
from wengert.distributions.transforms import AffineTransform, PowerTransform
from wengert.distributions.uniform import Uniform
from wengert.distributions.utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


def _moment(a: Any, b: Any, n: int) -> Any:
    """E[x^n] = b B(1 + n / a, b)."""
    first = 1 + n / a
    return m.exp(m.lgamma(first) + m.lgamma(b) - m.lgamma(first + b) + b.log())


class Kumaraswamy(TransformedDistribution):
    """The Kumaraswamy distribution on [0, 1]: cdf 1 - (1 - x^a)^b."""

    arg_constraints: Any = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        ones = creation.ones_like(self.concentration0)
        base = Uniform(creation.zeros_like(ones), ones, validate_args=validate_args)
        steps = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(Kumaraswamy, _instance)
        new.concentration1 = self.concentration1.expand(batch_shape)
        new.concentration0 = self.concentration0.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return _moment(self.concentration1, self.concentration0, 1)

    @property
    def mode(self) -> Any:
        """Most probable value, nan where there is none inside."""
        a, b = self.concentration1, self.concentration0
        log_mode = a.reciprocal() * (-b).log1p() - (-a * b).log1p()
        return m.where((a < 1) | (b < 1), math.nan, log_mode.exp())

    @property
    def variance(self) -> Any:
        """Variance."""
        return _moment(self.concentration1, self.concentration0, 2) - m.pow(self.mean, 2)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        t1, t0 = 1 - self.concentration1.reciprocal(), 1 - self.concentration0.reciprocal()
        harmonic = m.digamma(self.concentration0 + 1) + euler_constant
        return t0 + t1 * harmonic - m.log(self.concentration1) - m.log(self.concentration0)
