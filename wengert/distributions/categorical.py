"""The categorical distribution over 0, ..., k - 1; logits are log-probabilities up to a constant."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.dtype import finfo
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation, randomness
from wengert.distributions import constraints
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
    """The categorical distribution over 0, ..., k - 1; logits are log-probabilities up to a constant."""

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueRangeError("Either `probs` or `logits` must be specified, but not both.")
        given, name = (logits, "logits") if probs is None else (probs, "probs")
        if given.dim() < 1:
            raise ValueRangeError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is None:
            self.logits = logits - logits.logsumexp(-1, True)
        else:
            self.probs = probs / probs.sum(-1, True)
        self._param = self.logits if probs is None else self.probs
        self._num_events = self._param.size()[-1]
        super().__init__(self._param.size()[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        events = Size((self._num_events,))
        new = self._get_checked_instance(Categorical, _instance)
        for name in ("probs", "logits"):
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(Size(batch_shape) + events))
        new._param = new.__dict__["probs"] if self._param is self.__dict__.get("probs") else new.logits
        new._num_events = self._num_events
        return self._finish(new, Categorical, batch_shape)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """0, ..., k - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self) -> Any:
        """Log-probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Any:
        """Probabilities."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Any:
        """Shape of the parameter."""
        return self._param.size()

    @property
    def mean(self) -> Any:
        """nan: categories have no mean."""
        return creation.full(self._extended_shape(), math.nan, dtype=self.probs.dtype, device=self.probs.device)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Any:
        """nan: categories have no variance."""
        return creation.full(self._extended_shape(), math.nan, dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        shape = Size(sample_shape)
        flat = self.probs.reshape(-1, self._num_events)
        drawn = randomness.multinomial(flat.detach(), shape.numel(), True).T
        return drawn.reshape(self._extended_shape(shape))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        value = value.long().unsqueeze(-1)
        value, log_pmf = m.broadcast_tensors(value, self.logits)
        return log_pmf.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        logits = m.clamp(self.logits, min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        """All categories."""
        values = creation.arange(self._num_events, device=self._param.device)
        values = values.view((-1, *[1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
