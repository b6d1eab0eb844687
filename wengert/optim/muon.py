"""Muon: momentum made orthogonal, for the matrices of hidden layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wengert.core.arrays.dtype import bfloat16
from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.core.tape.core import RECORDED
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import SteppingOptimizer, check_one_element, column, number, zeros_like

__all__ = ["Muon", "muon"]


class Muon(SteppingOptimizer):
    """Muon: b = mu b + (1-mu) g, p = (1 - lr * weight_decay) p - lr' orthogonal(b), for parameters of 2 dims.

    orthogonal: nearest semi-orthogonal matrix, by ns_steps Newton-Schulz iterations x = a x + (b + c x x^T) x x^T x
    in bfloat16 with ns_coefficients (a, b, c).  nesterov: of (1-mu) g + mu b.  adjust_lr_fn: lr' = lr max(1, n/m)^1/2
    ("original", None) or 0.2 lr max(n, m)^1/2 ("match_rms_adamw") for n rows and m columns.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    momentum_buffer     b
    ==================  =======================================

    Raises: ValueRangeError for options out of range and parameters that are no matrices; GraphError for complex ones.
    Source: Jordan et al. (2024), "Muon: an optimizer for hidden layers";
    Liu et al. (2025), eq. 4, for "match_rms_adamw".
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_one_element(lr)
        if not lr >= 0.0:
            raise ValueRangeError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueRangeError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueRangeError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueRangeError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        options: dict[str, Any] = dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov)
        options.update(ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn)
        super().__init__(params, options)
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueRangeError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        if p.is_complex():
            raise GraphError("Muon does not support complex parameters")
        return {"momentum_buffer": zeros_like(p.grad)}

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        names = ("lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "ns_steps", "eps", "adjust_lr_fn")
        muon(
            params, grads, column(states, "momentum_buffer"), has_complex=False, **{name: group[name] for name in names}
        )


def orthogonal(g: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """Almost the nearest semi-orthogonal matrix, in bfloat16: its singular values lie between 0.7 and 1.2."""
    if steps >= 100:
        raise ValueRangeError(
            f"Number of steps must be less than 100 for computational efficiency, ns_steps is {steps}"
        )
    if g.dim() != 2:
        raise ValueRangeError(f"Input tensor gradient must be a 2D matrix, this one has {g.dim()} dims")
    if len(coefficients) != 3:
        raise ValueRangeError(f"Coefficients must be a tuple of exactly 3 values, {len(coefficients)} given")
    a, b, c = coefficients
    x = g.to(bfloat16)
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = RECORDED.addmm(x, RECORDED.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def adjusted_rate(lr: float, kind: str | None, shape: Any) -> float:
    """The learning rate for a matrix of this shape."""
    rows, columns = shape[0], shape[1]
    if kind == "match_rms_adamw":
        return lr * 0.2 * math.sqrt(max(rows, columns))
    return lr * math.sqrt(max(1, rows / columns))


def muon(
    params: Sequence[Any],
    grads: Sequence[Any],
    muon_momentum_bufs: Sequence[Any],
    *,
    foreach: bool | None = None,
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    ns_coefficients: tuple[float, float, float],
    ns_steps: int,
    eps: float,
    adjust_lr_fn: str | None,
    has_complex: bool,
) -> None:
    """Muon's update of several matrices."""
    if has_complex:
        raise GraphError("Complex parameters are not supported")
    rate = number(lr)
    for p, g, buffer in zip(params, grads, muon_momentum_bufs, strict=True):
        buffer.lerp_(g, 1 - momentum)
        update = orthogonal(g.lerp(buffer, momentum) if nesterov else buffer, ns_coefficients, ns_steps, eps)
        p.mul_(1 - rate * weight_decay)
        p.add_(update, alpha=-adjusted_rate(rate, adjust_lr_fn, p.shape))
