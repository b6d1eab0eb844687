"""Adamax: Adam with the maximum norm of past gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.optim.blocks import update
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import (
    SteppingOptimizer,
    advanced,
    check_betas,
    check_capturable,
    check_lr,
    check_nonnegative,
    column,
    new_step,
    number,
    zeros_like,
)

__all__ = ["Adamax", "adamax"]


class Adamax(SteppingOptimizer):
    """Adamax: m = b1 m + (1-b1) g, u = max(b2 u, |g| + eps), then p = p - lr / (1 - b1^t) m / u.

    weight_decay is added to g as weight_decay * p.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                t, a 0-d float32 tensor
    exp_avg             m
    exp_inf             u
    ==================  =======================================

    Raises: ValueRangeError for negative lr, eps, weight_decay and for betas outside [0, 1).
    Source: Kingma and Ba (2015), algorithm 2.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_nonnegative(eps, "epsilon value")
        check_betas(betas)
        check_nonnegative(weight_decay, "weight_decay value")
        options: dict[str, Any] = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach, maximize=maximize
        )
        super().__init__(params, dict(options, differentiable=differentiable, capturable=capturable))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None, maximize=False, differentiable=False, capturable=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": new_step(p, group), "exp_avg": zeros_like(p), "exp_inf": zeros_like(p)}

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        beta1, beta2 = group["betas"]
        adamax(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_inf"),
            column(states, "step"),
            beta1=beta1,
            beta2=beta2,
            **{name: group[name] for name in OPTIONS},
        )


OPTIONS = ("eps", "lr", "weight_decay", "maximize", "differentiable", "capturable")


def rule(
    m: Any, p: Any, g: Any, mean: Any, norm: Any, decay: float, beta1: float, beta2: float, eps: float, size: Any
) -> None:
    """One parameter; size = lr / (1 - b1^t)."""
    if decay != 0:
        g = m.add(g, p, decay)
    m.lerp_(mean, g, 1 - beta1)
    m.mul_(norm, beta2)
    m.maximum_(norm, m.add(m.abs(g), eps))
    m.addcdiv_(p, mean, norm, -size)


def adamax(
    params: Sequence[Any],
    grads: Sequence[Any],
    exp_avgs: Sequence[Any],
    exp_infs: Sequence[Any],
    state_steps: Sequence[Any],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    eps: float,
    beta1: float,
    beta2: float,
    lr: float | Any,
    weight_decay: float,
) -> None:
    """Adamax's update of several parameters."""
    check_capturable(params, capturable)
    lr = number(lr, differentiable)
    coefficients = [(weight_decay, beta1, beta2, eps, lr / (1 - beta1**step)) for step in advanced(state_steps)]
    update(rule, params, grads, (exp_avgs, exp_infs), coefficients, maximize, differentiable)
