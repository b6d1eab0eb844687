"""The normal distribution: exp(-((x - loc) / scale)^2 / 2) / (scale sqrt(2 pi))."""

from __future__ import annotations

import math
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import randomness
from wengert.distributions import constraints
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import _standard_normal, broadcast_all, is_tensor

__all__ = ["Normal"]


class Normal(ExponentialFamily):
    """The normal distribution: exp(-((x - loc) / scale)^2 / 2) / (scale sqrt(2 pi))."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(loc) and not is_tensor(scale) else None
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Normal, ("loc", "scale"), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.loc

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.loc

    @property
    def stddev(self) -> Any:
        """Standard deviation."""
        return self.scale

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.stddev.pow(2)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return randomness.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        shape = self._extended_shape(sample_shape)
        return self.loc + _standard_normal(shape, self.loc.dtype, self.loc.device) * self.scale

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 * (1 + m.erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        return self.loc + self.scale * m.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + m.log(self.scale)

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return self.loc / self.scale.pow(2), -0.5 * self.scale.pow(2).reciprocal()

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return -0.25 * x.pow(2) / y + 0.5 * m.log(-math.pi / y)

    _mean_carrier_measure = 0
