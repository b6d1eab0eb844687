"""The Poisson distribution: rate^k exp(-rate) / k!."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import randomness
from wengert.distributions import constraints
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import broadcast_all, is_tensor

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    """The Poisson distribution: rate^k exp(-rate) / k!."""

    arg_constraints: Any = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        shape = Size() if not is_tensor(rate) else None
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.size() if shape is None else shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        return self._expanded(Poisson, ("rate",), batch_shape, _instance)

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.rate

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return self.rate.floor()

    @property
    def variance(self) -> Any:
        """Variance."""
        return self.rate

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        with no_grad():
            return randomness.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return (m.log(self.rate),)

    def _log_normalizer(self, x: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        return m.exp(x)
