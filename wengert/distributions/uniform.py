"""The uniform distribution on [low, high)."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints, draws
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["Uniform"]


class Uniform(Distribution):
    """The uniform distribution on [low, high)."""

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(low) and not is_tensor(high) else None
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Uniform, ("low", "high"), batch_shape, _instance)

    @property
    def arg_constraints(self) -> Any:
        """Low below high."""
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    @property
    def mean(self) -> Any:
        """Expectation."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return math.nan * self.high

    @property
    def stddev(self) -> Any:
        """Standard deviation."""
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> Any:
        """Variance."""
        return (self.high - self.low).pow(2) / 12

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """[low, high]."""
        return constraints.interval(self.low, self.high)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        return self.low + draws.rand(self._extended_shape(sample_shape), self.low) * (self.high - self.low)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        inside = self.low.le(value).type_as(self.low) * self.high.gt(value).type_as(self.low)
        return m.log(inside) - m.log(self.high - self.low)

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return m.log(self.high - self.low)
