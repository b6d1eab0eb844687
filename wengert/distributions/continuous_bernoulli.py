"""The continuous Bernoulli: C p^x (1 - p)^(1 - x) on [0, 1] (G. Loaiza-Ganem, J. Cunningham, 2019)."""

from __future__ import annotations

import math
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints, draws
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.utils import (
    broadcast_all,
    clamp_probs,
    is_tensor,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(ExponentialFamily):
    """The continuous Bernoulli: C p^x (1 - p)^(1 - x) on [0, 1] (G. Loaiza-Ganem, J. Cunningham, 2019)."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: Any = (0.499, 0.501), validate_args: bool | None = None
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueRangeError("Either `probs` or `logits` must be specified, but not both.")
        given = logits if probs is None else probs
        if probs is None:
            (self.logits,) = broadcast_all(logits)
        else:
            (self.probs,) = broadcast_all(probs)
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueRangeError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        self._param = self.logits if probs is None else self.probs
        shape = self._param.size() if is_tensor(given) else Size()
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._expanded(ContinuousBernoulli, ("probs", "logits"), batch_shape, _instance)
        new._lims = self._lims
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

    def _outside_unstable_region(self) -> Any:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut_probs(self) -> Any:
        return m.where(self._outside_unstable_region(), self.probs, self._lims[0] * creation.ones_like(self.probs))

    def _cont_bern_log_norm(self) -> Any:
        """log C, by its Taylor series around p = 1/2."""
        cut = self._cut_probs()
        below = m.where(cut <= 0.5, cut, creation.zeros_like(cut))
        above = m.where(cut >= 0.5, cut, creation.ones_like(cut))
        inner = m.where(cut <= 0.5, m.log1p(-2.0 * below), m.log(2.0 * above - 1.0))
        exact = m.log(m.abs(m.log1p(-cut) - m.log(cut))) - inner
        x = m.pow(self.probs - 0.5, 2)
        return m.where(self._outside_unstable_region(), exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Any:
        """Expectation."""
        cut = self._cut_probs()
        exact = cut / (2.0 * cut - 1.0) + 1.0 / (m.log1p(-cut) - m.log(cut))
        x = self.probs - 0.5
        return m.where(self._outside_unstable_region(), exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * m.pow(x, 2)) * x)

    @property
    def variance(self) -> Any:
        """Variance."""
        cut = self._cut_probs()
        exact = cut * (cut - 1.0) / m.pow(1.0 - 2.0 * cut, 2) + 1.0 / m.pow(m.log1p(-cut) - m.log(cut), 2)
        x = m.pow(self.probs - 0.5, 2)
        return m.where(self._outside_unstable_region(), exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    @property
    def stddev(self) -> Any:
        """Standard deviation."""
        return m.sqrt(self.variance)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return self.icdf(draws.rand(shape, self.probs))

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        return self.icdf(draws.rand(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -m.binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value: Any) -> Any:
        """Probability up to value."""
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut_probs()
        inner = (m.pow(cut, value) * m.pow(1.0 - cut, 1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        unbounded = m.where(self._outside_unstable_region(), inner, value)
        zero, one = creation.zeros_like(value), creation.ones_like(value)
        return m.where(m.le(value, 0.0), zero, m.where(m.ge(value, 1.0), one, unbounded))

    def icdf(self, value: Any) -> Any:
        """The value that probability `value` lies below."""
        cut = self._cut_probs()
        odds = m.log1p(-cut)
        moved = (m.log1p(-cut + value * (2.0 * cut - 1.0)) - odds) / (m.log(cut) - odds)
        return m.where(self._outside_unstable_region(), moved, value)

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        rest = m.log1p(-self.probs)
        return self.mean * (rest - m.log(self.probs)) - self._cont_bern_log_norm() - rest

    @property
    def _natural_params(self) -> Any:
        """Natural parameters."""
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:
        """log((exp(x) - 1) / x), by its Taylor series around 0."""
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = m.where(outside, x, (self._lims[0] - 0.5) * creation.ones_like(x))
        exact = m.log(m.abs(m.expm1(cut))) - m.log(m.abs(cut))
        return m.where(outside, exact, 0.5 * x + m.pow(x, 2) / 24.0 - m.pow(x, 4) / 2880.0)

    _mean_carrier_measure = 0
