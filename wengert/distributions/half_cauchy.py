"""|x| of a Cauchy value around 0."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.cauchy import Cauchy
from wengert.distributions.transformed_distribution import TransformedDistribution
from wengert.distributions.transforms import AbsTransform
from wengert.distributions.utils import is_tensor

__all__ = ["HalfCauchy"]


class HalfCauchy(TransformedDistribution):
    """|x| of a Cauchy value around 0."""

    arg_constraints: Any = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(HalfCauchy, _instance)
        return super().expand(batch_shape, _instance=new)

    @property
    def scale(self) -> Any:
        """Scale of x."""
        return self.base_dist.scale

    @property
    def mean(self) -> Any:
        """Expectation."""
        return creation.full(self._extended_shape(), math.inf, dtype=self.scale.dtype, device=self.scale.device)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return creation.zeros_like(self.scale)

    @property
    def variance(self) -> Any:
        """inf."""
        return self.base_dist.variance

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        value = value if is_tensor(value) else self.scale.new_tensor(value)
        return m.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return self.base_dist.entropy() - math.log(2)
