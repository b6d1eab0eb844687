"""The binomial distribution: successes among total_count trials of probability p."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import MissingError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation, randomness
from wengert.distributions import constraints
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Binomial"]


class Binomial(Distribution):
    """The binomial distribution: successes among total_count trials of probability p."""

    arg_constraints: Any = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
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
        new = self._expanded(Binomial, ("total_count", "probs", "logits"), batch_shape, _instance)
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

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """0, ..., total_count."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return randomness.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        falling = m.lgamma(n + 1) - m.lgamma(value + 1) - m.lgamma(n - value + 1)
        positive = self.logits.clamp(min=0)
        normalizer = n * (positive + m.log1p(m.exp(-m.abs(self.logits))))
        return value * self.logits + falling - normalizer

    def enumerate_support(self, expand: bool = True) -> Any:
        """0, ..., total_count."""
        total = int(self.total_count.max())
        if not self.total_count.min() == total:
            raise MissingError("Inhomogeneous total count not supported by `enumerate_support`.")
        values = creation.arange(1 + total, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1, *[1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        total = int(self.total_count.max())
        if not self.total_count.min() == total:
            raise MissingError("Inhomogeneous total count not supported by `entropy`.")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(m.exp(log_prob) * log_prob).sum(0)
