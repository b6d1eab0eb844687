"""The gamma distribution: rate^c x^(c - 1) exp(-rate x) / gamma(c)."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.dtype import finfo
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints, draws
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """The gamma distribution: rate^c x^(c - 1) exp(-rate x) / gamma(c)."""

    arg_constraints: Any = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(concentration) and not is_tensor(rate) else None
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Gamma, ("concentration", "rate"), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        shape = self._extended_shape(sample_shape)
        value = draws.standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=finfo(value.dtype).tiny)
        return value

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        if not is_tensor(value):
            value = self.rate.new_tensor(value)
        return (
            m.xlogy(self.concentration, self.rate)
            + m.xlogy(self.concentration - 1, value)
            - self.rate * value
            - m.lgamma(self.concentration)
        )

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return m.igamma(self.concentration, self.rate * value)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        c = self.concentration
        return c - m.log(self.rate) + m.lgamma(c) + (1.0 - c) * m.digamma(c)

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return m.lgamma(x + 1) + (x + 1) * m.log(-y.reciprocal())

    _mean_carrier_measure = 0
