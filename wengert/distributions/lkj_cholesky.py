"""The LKJ distribution of Cholesky factors of correlation matrices: det^(concentration - 1)."""

from __future__ import annotations

import math
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.dtype import finfo
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation, randomness
from wengert.distributions import constraints
from wengert.distributions.beta import Beta
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """The LKJ distribution of Cholesky factors of correlation matrices: det^(concentration - 1)."""

    arg_constraints: Any = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueRangeError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        if not isinstance(dim, int):
            raise ArgumentError(f"dim must be int, not {type(dim).__name__}")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        marginal = self.concentration + 0.5 * (dim - 2)
        offset = creation.arange(dim, dtype=self.concentration.dtype, device=self.concentration.device)
        offset = (offset - 1).clamp(min=0)
        self._beta = Beta((offset + 0.5).clone(), marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(LKJCholesky, _instance)
        new.dim = self.dim
        new.concentration = self.concentration.expand(batch_shape)
        new._beta = self._beta.expand(Size(batch_shape) + Size((self.dim,)))
        return self._finish(new, LKJCholesky, batch_shape, self.event_shape)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Samples without gradient."""
        with no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            normal = randomness.randn(tuple(shape), dtype=y.dtype, device=y.device).tril(-1)
            direction = normal / normal.pow(2).sum(-1, True).sqrt()
            direction[..., 0, :].fill_(0.0)
            w = m.sqrt(y) * direction
            diagonal = m.clamp(1 - m.sum(w**2, (-1,)), min=finfo(w.dtype).tiny).sqrt()
            return w + m.diag_embed(diagonal)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        logs = value.diagonal(dim1=-1, dim2=-2)[..., 1:].log()
        order = creation.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        rest = self.dim - 1
        alpha = self.concentration + 0.5 * rest
        norm = 0.5 * rest * math.log(math.pi) + m.mvlgamma(alpha - 0.5, rest) - m.lgamma(alpha) * rest
        return m.sum(order * logs, (-1,)) - norm
