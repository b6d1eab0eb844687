"""The Gumbel distribution: exp(-z - exp(-z)) / scale with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.dtype import finfo
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.transformed_distribution import TransformedDistribution
from wengert.distributions.transforms import AffineTransform, ExpTransform
from wengert.distributions.uniform import Uniform
from wengert.distributions.utils import broadcast_all, euler_constant, is_tensor

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """The Gumbel distribution: exp(-z - exp(-z)) / scale with z = (x - loc) / scale."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        if is_tensor(loc) or is_tensor(scale):
            low, high = creation.full_like(self.loc, limits.tiny), creation.full_like(self.loc, 1 - limits.eps)
        else:
            low, high = limits.tiny, 1 - limits.eps
        steps = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-creation.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=self.loc, scale=-self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(Gumbel, _instance)
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    @property
    def stddev(self) -> Any:
        """Standard deviation."""
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.stddev.pow(2)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return self.scale.log() + (1 + euler_constant)
