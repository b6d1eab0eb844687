"""RAdam: Adam that waits until the variance of its step is known."""

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

__all__ = ["RAdam", "radam"]


class RAdam(SteppingOptimizer):
    """RAdam: p = p - lr m' r_t sqrt(1 - b2^t) / (sqrt(v) + eps) once rho_t > 5, before that p = p - lr m'.

    m = b1 m + (1-b1) g, m' = m / (1 - b1^t), v = b2 v + (1-b2) g^2; rho_inf = 2 / (1-b2) - 1,
    rho_t = rho_inf - 2 t b2^t / (1 - b2^t),
    r_t^2 = (rho_t-4)(rho_t-2) rho_inf / ((rho_inf-4)(rho_inf-2) rho_t).
    weight_decay is added to g, or with decoupled_weight_decay shrinks p as in AdamW.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                t, a 0-d float32 tensor
    exp_avg             m
    exp_avg_sq          v
    ==================  =======================================

    Raises: ValueRangeError for negative lr, eps, weight_decay and for betas outside [0, 1).
    Source: Liu et al. (2020), algorithm 2; eps is outside the root as in the authors' program.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_nonnegative(eps, "epsilon value")
        check_betas(betas)
        check_nonnegative(weight_decay, "weight_decay value")
        options: dict[str, Any] = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach
        )
        options.update(capturable=capturable, decoupled_weight_decay=decoupled_weight_decay)
        super().__init__(params, dict(options, differentiable=differentiable))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None, maximize=False, differentiable=False, decoupled_weight_decay=False, capturable=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": new_step(p, group), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        beta1, beta2 = group["betas"]
        radam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "step"),
            beta1=beta1,
            beta2=beta2,
            **{name: group[name] for name in OPTIONS},
        )


OPTIONS = ("lr", "weight_decay", "eps", "maximize", "capturable", "differentiable", "decoupled_weight_decay")


def rule(
    m: Any,
    p: Any,
    g: Any,
    mean: Any,
    square: Any,
    decay: Any,
    shrink: Any,
    beta1: float,
    beta2: float,
    eps: float,
    lr: Any,
    correction: float,
    rectified: tuple[float, float] | None,
) -> None:
    """One parameter; correction = 1 - b1^t, rectified = (sqrt(1 - b2^t), r_t) or None before rho_t > 5."""
    if shrink is not None:
        m.mul_(p, shrink)
    if decay is not None:
        g = m.add(g, p, decay)
    m.lerp_(mean, g, 1 - beta1)
    m.mul_(square, beta2)
    m.addcmul_(square, g, g, 1 - beta2)
    step = m.mul(m.div(mean, correction), lr)
    if rectified is not None:
        root, rectification = rectified
        step = m.mul(m.mul(step, m.div(root, m.add(m.sqrt(square), eps))), rectification)
    m.add_(p, step, -1)


def rectification(step: float, beta2: float) -> tuple[float, float] | None:
    """sqrt(1 - b2^t) and r_t, or None while the variance is intractable."""
    correction = 1 - beta2**step
    limit = 2 / (1 - beta2) - 1
    length = limit - 2 * step * beta2**step / correction
    if length <= 5.0:
        return None
    squared = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
    return correction**0.5, squared**0.5


def radam(
    params: Sequence[Any],
    grads: Sequence[Any],
    exp_avgs: Sequence[Any],
    exp_avg_sqs: Sequence[Any],
    state_steps: Sequence[Any],
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: float | Any,
    weight_decay: float,
    eps: float,
) -> None:
    """RAdam's update of several parameters."""
    check_capturable(params, capturable)
    lr = number(lr, differentiable)
    decay = weight_decay if weight_decay != 0 and not decoupled_weight_decay else None
    shrink = 1 - lr * weight_decay if weight_decay != 0 and decoupled_weight_decay else None
    coefficients = [
        (decay, shrink, beta1, beta2, eps, lr, 1 - beta1**step, rectification(step, beta2))
        for step in advanced(state_steps)
    ]
    update(rule, params, grads, (exp_avgs, exp_avg_sqs), coefficients, maximize, differentiable)
