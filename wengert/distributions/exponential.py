"""The exponential distribution: rate exp(-rate x)."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints, draws
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["Exponential"]


class Exponential(ExponentialFamily):
    """The exponential distribution: rate exp(-rate x)."""

    arg_constraints: Any = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(rate) else None
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Exponential, ("rate",), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.rate.reciprocal()

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return creation.zeros_like(self.rate)

    @property
    def stddev(self) -> Any:
        """Standard deviation."""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        return draws.empty(self._extended_shape(sample_shape), self.rate).exponential_() / self.rate

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return 1 - m.exp(-self.rate * value)

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        return -m.log1p(-value) / self.rate

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return 1.0 - m.log(self.rate)

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return (-self.rate,)

    def _log_normalizer(self, x: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return -m.log(-x)

    _mean_carrier_measure = 0
