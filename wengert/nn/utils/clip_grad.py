"""Bounding gradients: by their joint norm, or value by value."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tensor import data

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def unrecorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run with recording off."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        token = enter(current().but(grad=False))
        try:
            return function(*args, **kwargs)
        finally:
            leave(token)

    return call


def _listed(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _gradients(parameters: Any) -> list[Any]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


@unrecorded
def get_total_norm(
    tensors: Iterable[Any], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """The p-norm of all elements of several tensors together: the norm of their norms.

    Raises: RuntimeError for a norm that is not finite, with `error_if_nonfinite`.
    """
    listed = _listed(tensors)
    norm_type = float(norm_type)
    if not listed:
        return data.tensor(0.0)
    norms = [m.norm(x, norm_type) for x in listed]
    total = m.norm(m.stack(norms), norm_type)
    if error_if_nonfinite and bool(m.logical_or(m.isnan(total), m.isinf(total))):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@unrecorded
def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Scale gradients in place by min(1, max_norm / (total_norm + 1e-6))."""
    scale = m.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for g in _gradients(parameters):
        g.mul_(scale)


@unrecorded
def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:  # fmt: skip
    """Scale gradients in place so that their joint norm is at most max_norm; gives the norm before.

    Source: R. Pascanu et al., On the difficulty of training recurrent neural networks (2013), section 3.2.
    """
    listed = _listed(parameters)
    if not listed and hasattr(parameters, "__next__"):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:  # fmt: skip
    """Old name of `clip_grad_norm_`."""
    warnings.warn(
        "torch.nn.utils.clip_grad_norm is now deprecated in favor of torch.nn.utils.clip_grad_norm_.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@unrecorded
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clip gradients in place to [-clip_value, clip_value]."""
    bound = float(clip_value)
    for g in _gradients(parameters):
        g.clamp_(min=-bound, max=bound)
