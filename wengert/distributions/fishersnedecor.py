"""Fisher's and Snedecor's F: the ratio of two chi-squared means."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.dtype import finfo
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints
from wengert.distributions.distribution import Distribution
from wengert.distributions.gamma import Gamma
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """Fisher's and Snedecor's F: the ratio of two chi-squared means."""

    arg_constraints: Any = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(df1) and not is_tensor(df2) else None
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2)
        super().__init__(self.df1.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._expanded(FisherSnedecor, ("df1", "df2"), batch_shape, _instance)
        new._gamma1, new._gamma2 = self._gamma1.expand(batch_shape), self._gamma2.expand(batch_shape)
        return new

    @property
    def mean(self) -> Any:
        """Expectation, nan for df2 <= 2."""
        return self._above(2) / (self._above(2) - 2)

    @property
    def mode(self) -> Any:
        """Most probable value, for df1 > 2."""
        value = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)

        return m.where(self.df1 <= 2, math.nan, value)

    def _above(self, limit: int) -> Any:
        return m.where(self.df2 > limit, self.df2, math.nan)

    @property
    def variance(self) -> Any:
        """Variance, nan for df2 <= 4."""
        d = self._above(4)
        return 2 * d.pow(2) * (self.df1 + d - 2) / (self.df1 * (d - 2).pow(2) * (d - 4))

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        shape = Size(sample_shape)
        above = self._gamma1.rsample(shape).view(self._extended_shape(shape))
        below = self._gamma2.rsample(shape).view(self._extended_shape(shape))
        tiny = finfo(below.dtype).tiny
        below.detach().clamp_(min=tiny)
        ratio = above / below
        ratio.clamp_(min=tiny)
        return ratio

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        a, b = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        beta = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return beta + a * ratio.log() + (a - 1) * m.log(value) - (a + b) * m.log1p(ratio * value)
