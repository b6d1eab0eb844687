"""The Bernoulli distribution: 1 with probability p, else 0."""

from __future__ import annotations

import math
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation, randomness
from wengert.distributions import constraints
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import broadcast_all, is_tensor, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Bernoulli"]


class Bernoulli(ExponentialFamily):
    """The Bernoulli distribution: 1 with probability p, else 0."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueRangeError("Either `probs` or `logits` must be specified, but not both.")
        given = logits if probs is None else probs
        if probs is None:
            (self.logits,) = broadcast_all(logits)
        else:
            (self.probs,) = broadcast_all(probs)
        self._param = self.logits if probs is None else self.probs
        shape = self._param.size() if is_tensor(given) else Size()
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._expanded(Bernoulli, ("probs", "logits"), batch_shape, _instance)
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
        return self.probs

    @property
    def mode(self) -> Any:
        """The likelier event, nan where both are equally likely."""
        mode = (self.probs >= 0.5).to(self.probs)
        return m.where(self.probs == 0.5, math.nan, mode)

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return randomness.bernoulli(self.probs.expand(shape))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -m.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return m.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Any:
        """0 and 1."""
        values = creation.arange(2, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1, *[1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return (m.logit(self.probs),)

    def _log_normalizer(self, x: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return m.log1p(m.exp(x))

    _mean_carrier_measure = 0
