"""NAdam: Adam with Nesterov momentum."""

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
    store_scalar,
    zeros_like,
)

__all__ = ["NAdam", "nadam"]


class NAdam(SteppingOptimizer):
    """NAdam: p = p - lr ((1-mu_t) / (1-M_t) g + mu_{t+1} / (1-M_{t+1}) m) / (sqrt(v / (1-b2^t)) + eps).

    m = b1 m + (1-b1) g and v = b2 v + (1-b2) g^2; mu_t = b1 (1 - 0.96^(t * momentum_decay) / 2), M_t their product.
    weight_decay is added to g, or with decoupled_weight_decay shrinks p as in AdamW.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                t, a 0-d float32 tensor
    mu_product          M_t, a 0-d float32 tensor
    exp_avg             m
    exp_avg_sq          v
    ==================  =======================================

    Raises: ValueRangeError for negative lr, eps, weight_decay, momentum_decay and for betas outside [0, 1).
    Source: Dozat (2016), algorithm 2, with the momentum schedule of its section 3.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_nonnegative(momentum_decay, "momentum_decay value")
        options: dict[str, Any] = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
        )
        options.update(decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach)
        super().__init__(params, dict(options, capturable=capturable, differentiable=differentiable))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(maximize=False, foreach=None, capturable=False, differentiable=False, decoupled_weight_decay=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": new_step(p, group),
            "mu_product": new_step(p, group, 1.0),
            "exp_avg": zeros_like(p),
            "exp_avg_sq": zeros_like(p),
        }

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        beta1, beta2 = group["betas"]
        nadam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "mu_product"),
            column(states, "step"),
            beta1=beta1,
            beta2=beta2,
            **{name: group[name] for name in OPTIONS},
        )


OPTIONS = (
    "lr",
    "weight_decay",
    "momentum_decay",
    "eps",
    "maximize",
    "decoupled_weight_decay",
    "capturable",
    "differentiable",
)


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
    correction: float,
    eps: float,
    of_gradient: Any,
    of_mean: Any,
) -> None:
    """One parameter; correction = 1 - b2^t, the last two are the factors of g and m."""
    if shrink is not None:
        m.mul_(p, shrink)
    if decay is not None:
        g = m.add(g, p, decay)
    m.lerp_(mean, g, 1 - beta1)
    m.mul_(square, beta2)
    m.addcmul_(square, g, g, 1 - beta2)
    scale = m.add(m.sqrt(m.div(square, correction)), eps)
    m.addcdiv_(p, g, scale, of_gradient)
    m.addcdiv_(p, mean, scale, of_mean)


def nadam(
    params: Sequence[Any],
    grads: Sequence[Any],
    exp_avgs: Sequence[Any],
    exp_avg_sqs: Sequence[Any],
    mu_products: Sequence[Any],
    state_steps: Sequence[Any],
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: float | Any,
    weight_decay: float,
    momentum_decay: float,
    eps: float,
) -> None:
    """NAdam's update of several parameters."""
    check_capturable(params, capturable, ", mu_products")
    lr = number(lr, differentiable)
    decay = weight_decay if weight_decay != 0 and not decoupled_weight_decay else None
    shrink = 1 - lr * weight_decay if weight_decay != 0 and decoupled_weight_decay else None
    coefficients = []
    for step, product in zip(advanced(state_steps), mu_products, strict=True):
        mu, following = [beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step, step + 1)]
        store_scalar(product, product._array * product._array.dtype.type(mu))
        so_far = product._array.item()
        of_gradient, of_mean = -lr * (1 - mu) / (1 - so_far), -lr * following / (1 - so_far * following)
        coefficients.append((decay, shrink, beta1, beta2, 1 - beta2**step, eps, of_gradient, of_mean))
    update(rule, params, grads, (exp_avgs, exp_avg_sqs), coefficients, maximize, differentiable)
