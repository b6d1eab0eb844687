"""Mixtures of one family."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints
from wengert.distributions.categorical import Categorical
from wengert.distributions.distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture: the last batch dim of the components is chosen by a categorical distribution."""

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None
    ) -> None:
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueRangeError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueRangeError(
                "The Component distribution needs to be an instance of torch.distributions.Distribution"
            )
        own, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(own), reversed(batch), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueRangeError(
                    f"`mixture_distribution.batch_shape` ({own}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch})"
                )
        weights, count = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if weights != count:
            raise ValueRangeError(
                f"`mixture_distribution component` ({weights}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({count})"
            )
        self._num_component = count
        event = component_distribution.event_shape
        self._event_ndims = len(event)
        super().__init__(batch, event, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new._component_distribution = self._component_distribution.expand(
            Size(batch_shape) + Size((self._num_component,))
        )
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component, new._event_ndims = self._num_component, self._event_ndims
        return self._finish(new, MixtureSameFamily, batch_shape, new._component_distribution.event_shape)

    @constraints.dependent_property
    def support(self) -> Any:
        """The components' support."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Any:
        """The weights."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    @property
    def mean(self) -> Any:
        """Expectation."""
        probs = self._pad_mixture_dimensions(self.mixture_distribution.probs)
        return m.sum(probs * self.component_distribution.mean, (-1 - self._event_ndims,))

    @property
    def variance(self) -> Any:
        """Variance: within the components and between them."""
        probs = self._pad_mixture_dimensions(self.mixture_distribution.probs)
        dim = (-1 - self._event_ndims,)
        within = m.sum(probs * self.component_distribution.variance, dim)
        between = m.sum(probs * (self.component_distribution.mean - self._pad(self.mean)).pow(2.0), dim)
        return within + between

    def cdf(self, x: Any) -> Any:
        """Probability up to x."""
        x = self._pad(x)
        return m.sum(self.component_distribution.cdf(x) * self.mixture_distribution.probs, (-1,))

    def log_prob(self, x: Any) -> Any:
        """Log-density at x."""
        if self._validate_args:
            self._validate_sample(x)
        x = self._pad(x)
        inner = self.component_distribution.log_prob(x)
        weights = m.log_softmax(self.mixture_distribution.logits, -1)
        return m.logsumexp(inner + weights, -1)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        with no_grad():
            dim = len(Size(sample_shape)) + len(self.batch_shape)
            event = tuple(self.event_shape)
            chosen = self.mixture_distribution.sample(sample_shape)
            shape = tuple(chosen.shape)
            samples = self.component_distribution.sample(sample_shape)
            index = chosen.reshape((*shape, *[1] * (len(event) + 1))).expand((*shape, 1, *event))
            return m.gather(samples, dim, index).squeeze(dim)

    def _pad(self, x: Any) -> Any:
        return x.unsqueeze(-1 - self._event_ndims)

    def _pad_mixture_dimensions(self, x: Any) -> Any:
        lead = len(self.batch_shape) - len(self.mixture_distribution.batch_shape)
        shape = x.shape
        return x.reshape((*shape[:-1], *[1] * lead, *shape[-1:], *[1] * self._event_ndims))

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
