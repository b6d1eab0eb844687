"""The Laplace distribution: exp(-|x - loc| / scale) / (2 scale)."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.dtype import finfo
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.distributions import constraints, draws
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["Laplace"]


class Laplace(Distribution):
    """The Laplace distribution: exp(-|x - loc| / scale) / (2 scale)."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(loc) and not is_tensor(scale) else None
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Laplace, ("loc", "scale"), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.loc

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    @property
    def variance(self) -> Any:
        """Variance."""
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Any:
        """Standard deviation."""
        return (2**0.5) * self.scale

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        limits = finfo(self.loc.dtype)
        u = draws.empty(self._extended_shape(sample_shape), self.loc).uniform_(limits.eps - 1, 1)
        return self.loc - self.scale * u.sign() * m.log1p(-u.abs())

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        return -m.log(2 * self.scale) - m.abs(value - self.loc) / self.scale

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 - 0.5 * (value - self.loc).sign() * m.expm1(-(value - self.loc).abs() / self.scale)

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        term = value - 0.5
        return self.loc - self.scale * term.sign() * m.log1p(-2 * term.abs())

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return 1 + m.log(2 * self.scale)
