"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.arrays.shape import common_shape as broadcast_shapes
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.distributions import constraints
from wengert.distributions.distribution import Distribution
from wengert.distributions.utils import _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def _batch_mv(matrix: Any, vector: Any) -> Any:
    """Matrix times vector, batches broadcast."""
    return m.matmul(matrix, vector.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(factor: Any, x: Any) -> Any:
    """|L^-1 x|^2 for a lower triangular L, batches broadcast."""
    solved = m.linalg_solve_triangular(*_broadcast(factor, x.unsqueeze(-1)), upper=False)
    return solved.pow(2).sum((-2, -1))


def _broadcast(a: Any, b: Any) -> tuple[Any, Any]:
    batch = broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    return a.expand((*batch, *a.shape[-2:])), b.expand((*batch, *b.shape[-2:]))


def _precision_to_scale_tril(precision: Any) -> Any:
    """The Cholesky factor of a precision matrix's inverse, without forming it."""
    flipped = m.linalg_cholesky(m.flip(precision, (-2, -1)))
    inverse = m.transpose(m.flip(flipped, (-2, -1)), -2, -1)
    eye = creation.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return m.linalg_solve_triangular(*_broadcast(inverse, eye), upper=False)


class MultivariateNormal(Distribution):
    """The normal distribution of vectors, given by a covariance, its inverse, or its Cholesky factor."""

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueRangeError("loc must be at least one-dimensional.")
        names = ("scale_tril", "covariance_matrix", "precision_matrix")
        given = [
            (n, v)
            for n, v in zip(names, (scale_tril, covariance_matrix, precision_matrix), strict=True)
            if v is not None
        ]
        if len(given) != 1:
            raise ValueRangeError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        name, matrix = given[0]
        if matrix.dim() < 2:
            raise ValueRangeError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = Size(broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1])))
        setattr(self, name, matrix.expand(batch + Size((-1, -1))))
        self.loc = loc.expand(batch + Size((-1,)))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = m.linalg_cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = _precision_to_scale_tril(matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with parameters expanded."""
        new = self._get_checked_instance(MultivariateNormal, _instance)
        batch = Size(batch_shape)
        new.loc = self.loc.expand(batch + self.event_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        for name in ("covariance_matrix", "scale_tril", "precision_matrix"):
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(batch + self.event_shape + self.event_shape))
        return self._finish(new, MultivariateNormal, batch, self.event_shape)

    def _square(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._square(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self._square(m.matmul(self._unbroadcasted_scale_tril, self._unbroadcasted_scale_tril.mT))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._square(m.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> Any:
        """Expectation."""
        return self.loc

    @property
    def mode(self) -> Any:
        """Most probable vector."""
        return self.loc

    @property
    def variance(self) -> Any:
        """Variance of each component."""
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Samples with gradient."""
        eps = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, eps)

    def _half_log_det(self) -> Any:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Any) -> Any:
        """Log-density at value."""
        if self._validate_args:
            self._validate_sample(value)
        distance = _batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Any:
        """Expectation of -log_prob."""
        result = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return result if len(self._batch_shape) == 0 else result.expand(self._batch_shape)
