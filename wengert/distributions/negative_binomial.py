"""The negative binomial distribution: successes before total_count failures."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import randomness
from wengert.distributions import constraints
from wengert.distributions.distribution import Distribution
from wengert.distributions.gamma import Gamma
from wengert.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Distribution):
    """The negative binomial distribution: successes before total_count failures."""

    arg_constraints: Any = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueRangeError("Either `probs` or `logits` must be specified, but not both.")
        if probs is None:
            self.total_count, self.logits = broadcast_all(total_count, logits)
        else:
            self.total_count, self.probs = broadcast_all(total_count, probs)
        self.total_count = self.total_count.type_as(self.logits if probs is None else self.probs)
        self._param = self.logits if probs is None else self.probs
        shape = self._param.size()
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._expanded(NegativeBinomial, ("total_count", "probs", "logits"), batch_shape, _instance)
        new._param = new.__dict__["probs"] if self._param is self.__dict__.get("probs") else new.logits
        return new

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self) -> Any:
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """Probabilities."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """Shape of the parameter."""
        return self._param.size()

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.total_count * m.exp(self.logits)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.mean / m.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Any:
        return Gamma(concentration=self.total_count, rate=m.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        with no_grad():
            return randomness.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        score = n * m.logsigmoid(-self.logits) + value * m.logsigmoid(self.logits)
        count = -m.lgamma(n + value) + m.lgamma(1.0 + value) + m.lgamma(n)
        return score - count.masked_fill(n + value == 0.0, 0.0)
