"""The Cauchy distribution: 1 / (pi scale (1 + ((x - loc) / scale)^2)); no mean, no variance."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints, draws
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["Cauchy"]


class Cauchy(Distribution):
    """The Cauchy distribution: 1 / (pi scale (1 + ((x - loc) / scale)^2)); no mean, no variance."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(loc) and not is_tensor(scale) else None
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Cauchy, ("loc", "scale"), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return creation.full_like(self.loc, math.nan)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    @property
    def variance(self) -> Any:
        """Variance."""
        return creation.full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        return self.loc + draws.empty(self._extended_shape(sample_shape), self.loc).cauchy_() * self.scale

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return m.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        return m.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return math.log(4 * math.pi) + self.scale.log()
