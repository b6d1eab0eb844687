"""Student's t distribution with location and scale."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints
from wengert.distributions.chi2 import Chi2
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import _standard_normal, broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t distribution with location and scale."""

    arg_constraints: Any = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._expanded(StudentT, ("df", "loc", "scale"), batch_shape, _instance)
        new._chi2 = self._chi2.expand(batch_shape)
        return new

    @property
    def mean(self) -> Any:
        """Expectation, nan for df <= 1."""
        return m.where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    @property
    def variance(self) -> Any:
        """Variance: inf for 1 < df <= 2, nan below."""
        finite = self.scale.pow(2) * self.df / m.where(self.df > 2, self.df - 2, 1.0)
        return m.where(self.df > 2, finite, m.where(self.df > 1, math.inf, math.nan))

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        shape = self._extended_shape(sample_shape)
        z = _standard_normal(shape, self.df.dtype, self.df.device)
        return self.loc + self.scale * z * m.rsqrt(self._chi2.rsample(sample_shape) / self.df)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        norm = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi) + m.lgamma(0.5 * self.df)
        return -0.5 * (self.df + 1.0) * m.log1p(y**2.0 / self.df) - norm + m.lgamma(0.5 * (self.df + 1.0))

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        beta = m.lgamma(half) + math.lgamma(0.5) - m.lgamma(more)
        return self.scale.log() + more * (m.digamma(more) - m.digamma(half)) + 0.5 * self.df.log() + beta
