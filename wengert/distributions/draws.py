"""Draws that the families share, in torch's order of random words."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import distributions as samplers
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import wrap
from wengert.core.tensor import creation, randomness
from wengert.core.tensor.interchange import host


def standard_gamma(alpha: Any) -> Any:
    """Gamma values of shape `alpha` and rate 1; the gradient is implicit."""
    return m.standard_gamma_sampled(alpha, np.asarray(samplers.standard_gamma(host(alpha))))


def dirichlet(alpha: Any) -> Any:
    """Dirichlet values over the last dim; the gradient is implicit."""
    return m.dirichlet_sampled(alpha, np.asarray(samplers.dirichlet(host(alpha))))


def rand(shape: Any, like: Any) -> Any:
    """Uniform in [0, 1), with the dtype and device of a tensor."""
    return randomness.rand(tuple(shape), dtype=like.dtype, device=like.device)


def empty(shape: Any, like: Any) -> Any:
    """Room for samples, with the dtype and device of a tensor."""
    return creation.empty(tuple(shape), dtype=like.dtype, device=like.device)


def constant(values: Any) -> Any:
    """An array as a tensor without history."""
    return wrap(np.asarray(values))
