"""The categorical distribution over unit vectors."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.categorical import Categorical
from wengert.distributions.distribution import Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(Distribution):
    """The categorical distribution over unit vectors."""

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        inner = self._categorical
        super().__init__(inner.batch_shape, inner.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(OneHotCategorical, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return self._finish(new, OneHotCategorical, batch_shape, self.event_shape)

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._categorical._new(*args, **kwargs)

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @property
    def logits(self) -> Any:
        """Log-probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Any:
        """Probabilities."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Any:
        """Shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self._categorical.probs

    @property
    def mode(self) -> Any:
        """Most probable vector."""
        return m.one_hot(self._categorical.mode, self.event_shape[0]).to(self.probs)

    @property
    def variance(self) -> Any:
        """Variance."""
        return self._categorical.probs * (1 - self._categorical.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        return m.one_hot(self._categorical.sample(Size(sample_shape)), self.event_shape[0]).to(self.probs)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        """All unit vectors."""
        n = self.event_shape[0]
        values = creation.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n, *[1] * len(self.batch_shape), n))
        return values.expand((n, *self.batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot samples with the gradient of the probabilities (Y. Bengio et al., 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples whose gradient is that of `probs`."""
        probs = self._categorical.probs
        return self.sample(sample_shape) + (probs - probs.detach())
