"""The Wishart distribution of positive definite matrices: sums of outer products of normal vectors."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size, common_shape
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation, randomness
from wengert.distributions import constraints
from wengert.distributions.chi2 import Chi2
from wengert.distributions.exp_family import ExponentialFamily
from wengert.distributions.multivariate_normal import _precision_to_scale_tril
from wengert.distributions.utils import is_tensor, lazy_property

__all__ = ["Wishart"]


class Wishart(ExponentialFamily):
    """The Wishart distribution of positive definite matrices: sums of outer products of normal vectors."""

    arg_constraints: Any = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }
    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        names = ("scale_tril", "covariance_matrix", "precision_matrix")
        values = (scale_tril, covariance_matrix, precision_matrix)
        given = [(n, v) for n, v in zip(names, values, strict=True) if v is not None]
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = given[0]
        if matrix.dim() < 2:
            # torch names scale_tril whichever was given
            raise ValueRangeError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = df if is_tensor(df) else matrix.new_tensor(df)
        batch, event = Size(common_shape(tuple(matrix.shape[:-2]), tuple(df.shape))), matrix.shape[-2:]
        if df.le(event[-1] - 1).any():
            raise ValueRangeError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        self.df = df.expand(batch)
        setattr(self, name, matrix.expand(batch + Size((-1, -1))))
        super().__init__(batch, event, validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = m.linalg_cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = _precision_to_scale_tril(matrix)
        self._dist_chi2 = self._chi2_of(self.df)

    def _chi2_of(self, df: Any) -> Any:
        p = self._event_shape[-1]
        return Chi2(df.unsqueeze(-1) - creation.arange(p, dtype=df.dtype, device=df.device))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(Wishart, _instance)
        batch = Size(batch_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril.expand(batch + self.event_shape)
        new.df = self.df.expand(batch)
        for name in ("covariance_matrix", "scale_tril", "precision_matrix"):
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(batch + self.event_shape))
        self._finish(new, Wishart, batch, self.event_shape)
        new._dist_chi2 = new._chi2_of(new.df)
        return new

    def _square(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._square(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self._square(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._square(m.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.df.view(self._batch_shape + Size((1, 1))) * self.covariance_matrix

    @property
    def mode(self) -> Any:
        """Most probable matrix, nan for df <= p + 1."""
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = m.where(factor <= 0, math.nan, factor)
        return factor.view(self._batch_shape + Size((1, 1))) * self.covariance_matrix

    @property
    def variance(self) -> Any:
        """Variance of each entry."""
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.view(self._batch_shape + Size((1, 1))) * (v.pow(2) + outer)

    def _bartlett(self, shape: Any) -> Any:
        """Samples by Bartlett's decomposition: chi values on the diagonal, normal ones below."""
        p = self._event_shape[-1]
        noise = self._dist_chi2.rsample(shape).sqrt().diag_embed()
        below = creation.ones((p, p), device=noise.device).tril(-1) != 0
        size = (*shape, *self._batch_shape, p * (p - 1) // 2)
        noise[..., below] = randomness.randn(size, dtype=noise.dtype, device=noise.device)
        chol = self._unbroadcasted_scale_tril @ noise
        return chol @ chol.mT

    def _any_of_batch(self, flags: Any) -> Any:
        return flags.flatten(-len(self._batch_shape)).any(-1) if len(self._batch_shape) else flags

    def rsample(self, sample_shape: Any = Size(), max_try_correction: int | None = None) -> Any:
        """Samples with gradient.  Those that are positive definite are drawn once more, as torch's stream has it."""
        sample = self._bartlett(Size(sample_shape))
        again = self._any_of_batch(self.support.check(sample))
        for _ in range(10 if max_try_correction is None else max_try_correction):
            if not again.any():
                break
            new = self._bartlett(again[again].shape)
            sample[again.clone()] = new
            again[again.clone()] = ~self._any_of_batch(self.support.check(new))
        return sample

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        factor = self._unbroadcasted_scale_tril
        trace = m.cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        logs = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        norm = -nu * p * math.log(2) / 2 - nu * logs - m.mvlgamma(nu / 2, p)
        return norm + (nu - p - 1) / 2 * m.linalg_slogdet(value)[1] - trace / 2

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        nu, p = self.df, self._event_shape[-1]
        logs = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        half = nu.unsqueeze(-1) / 2 - creation.arange(p, dtype=nu.dtype, device=nu.device) / 2
        digammas = m.digamma(half).sum(-1)
        return (p + 1) * (logs + p * math.log(2) / 2) + m.mvlgamma(nu / 2, p) - (nu - p - 1) / 2 * digammas + nu * p / 2

    @property
    def _natural_params(self) -> Any:
        nu, p = self.df, self._event_shape[-1]
        return -self.precision_matrix / 2, (nu - p - 1) / 2

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        """Log-normaliser of the natural parameters."""
        p = self._event_shape[-1]
        shifted = y + (p + 1) / 2
        return shifted * (-m.linalg_slogdet(-2 * x)[1] + math.log(2) * p) + m.mvlgamma(shifted, p)

    _mean_carrier_measure = 0
