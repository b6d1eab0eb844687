"""Exponential families: entropy from the log-normaliser."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import MissingError
from wengert.core.tape.backward import grad
from wengert.distributions.distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(t(x) . theta - F(theta) + k(x)) with natural parameters theta and log-normaliser F."""

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        raise MissingError(f"{type(self).__name__} does not state natural parameters")

    def _log_normalizer(self, *natural_params: Any) -> Any:
        raise MissingError(f"{type(self).__name__} does not state a log-normaliser")

    @property
    def _mean_carrier_measure(self) -> Any:
        raise MissingError(f"{type(self).__name__} does not state the expectation of its carrier measure")

    def entropy(self) -> Any:
        """F(theta) - theta . grad F(theta) - E[k(x)] (F. Nielsen, R. Nock, Entropies of exponential families, 2010)."""
        result = -self._mean_carrier_measure
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*params)
        gradients = grad(normalizer.sum(), params, create_graph=True)
        result = result + normalizer
        for p, g in zip(params, gradients, strict=True):
            result = result - (p * g).reshape((*self._batch_shape, -1)).sum(-1)
        return result
