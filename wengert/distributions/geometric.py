"""The geometric distribution: failures before the first success, (1 - p)^k p."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.dtype import finfo
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints, draws
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all, is_tensor, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Geometric"]


class Geometric(Distribution):
    """The geometric distribution: failures before the first success, (1 - p)^k p."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueRangeError("Either `probs` or `logits` must be specified, but not both.")
        given = logits if probs is None else probs
        if probs is None:
            (self.logits,) = broadcast_all(logits)
        else:
            (self.probs,) = broadcast_all(probs)
        self._param = self.logits if probs is None else self.probs
        shape = self._param.size() if is_tensor(given) else Size()
        super().__init__(shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            value = self.probs
            raise ValueRangeError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                f"{self!r} to be positive but found invalid values:\n{value[value <= 0]}"
            )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._expanded(Geometric, ("probs", "logits"), batch_shape, _instance)
        new._param = new.__dict__["probs"] if self._param is self.__dict__.get("probs") else new.logits
        return new

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self) -> Any:
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """Probabilities."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """Shape of the parameter."""
        return self._param.size()

    @property
    def mean(self) -> Any:
        """Expectation."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Any:
        """Most probable value."""
        return creation.zeros_like(self.probs)

    @property
    def variance(self) -> Any:
        """Variance."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            u = draws.empty(shape, self.probs).uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        never = (probs == 1) & (value == 0)
        return value * (-m.where(never, 0.0, probs)).log1p() + self.probs.log()

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        return m.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs
