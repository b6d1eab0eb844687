"""The multinomial distribution: counts of total_count categorical draws."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.base.errors import MissingError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.binomial import Binomial
from wengert.distributions.categorical import Categorical
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """The multinomial distribution: counts of total_count categorical draws."""

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise MissingError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        inner = self._categorical
        super().__init__(inner.batch_shape, inner.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(Multinomial, _instance)
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(Size(batch_shape))
        return self._finish(new, Multinomial, batch_shape, self.event_shape)

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

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Counts that add up to total_count."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        shape = Size(sample_shape)
        drawn = self._categorical.sample(Size((self.total_count,)) + shape)
        order = list(range(1, drawn.dim())) + [0]
        drawn = drawn.permute(*order)
        counts = drawn.new(self._extended_shape(shape)).zero_()
        counts.scatter_add_(-1, drawn, creation.ones_like(drawn))
        return counts.type_as(self.probs)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        ways = m.lgamma(value.sum(-1) + 1) - m.lgamma(value + 1).sum(-1)
        logits = logits.masked_fill((value == 0) & (logits == -math.inf), 0)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        n = self.probs.new_tensor(self.total_count)
        each = Binomial(total_count=self.total_count, probs=self.probs)
        support = each.enumerate_support(expand=False)[1:]
        term = m.exp(each.log_prob(support)) * m.lgamma(support + 1)
        return self.total_count * self._categorical.entropy() - m.lgamma(n + 1) + term.sum((0, -1))
