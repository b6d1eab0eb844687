"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.optim.blocks import update
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import (
    SteppingOptimizer,
    advanced,
    check_capturable,
    check_lr,
    check_nonnegative,
    column,
    new_step,
    number,
    zeros_like,
)

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(SteppingOptimizer):
    """RMSprop: v = alpha v + (1-alpha) g^2, then p = p - lr g / (sqrt(v) + eps).

    momentum mu > 0: b = mu b + g / (sqrt(v) + eps), p = p - lr b.  centered: v - a^2 stands for v, with
    a = alpha a + (1-alpha) g.  weight_decay is added to g as weight_decay * p.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                steps done, a 0-d float32 tensor
    square_avg          v
    momentum_buffer     b; only with momentum
    grad_avg            a; only if centered
    ==================  =======================================

    Raises: ValueRangeError for negative options.
    Source: Hinton, lecture 6e of "Neural Networks for Machine Learning" (2012); centered: Graves (2013), eq. 38-41
    (eps here is added to the root).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_nonnegative(eps, "epsilon value")
        check_nonnegative(momentum, "momentum value")
        check_nonnegative(weight_decay, "weight_decay value")
        check_nonnegative(alpha, "alpha value")
        options: dict[str, Any] = dict(
            lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay
        )
        options.update(capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable)
        super().__init__(params, options)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(momentum=0, centered=False, foreach=None, maximize=False, differentiable=False, capturable=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": new_step(p, group), "square_avg": zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)
        return state

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        rmsprop(
            params,
            grads,
            column(states, "square_avg"),
            column(states, "grad_avg"),
            column(states, "momentum_buffer"),
            column(states, "step"),
            **{name: group[name] for name in OPTIONS},
        )


OPTIONS = (
    "lr",
    "alpha",
    "eps",
    "weight_decay",
    "momentum",
    "centered",
    "maximize",
    "differentiable",
    "capturable",
)


def rule(
    m: Any,
    p: Any,
    g: Any,
    square: Any,
    mean: Any,
    buffer: Any,
    decay: float,
    alpha: float,
    eps: float,
    momentum: float,
    lr: Any,
) -> None:
    """One parameter; `mean` is None unless centered, `buffer` is None without momentum."""
    if decay != 0:
        g = m.add(g, p, decay)
    m.mul_(square, alpha)
    m.addcmul_(square, g, g, 1 - alpha)
    spread = square
    if mean is not None:
        m.lerp_(mean, g, 1 - alpha)
        spread = m.addcmul(square, mean, mean, -1)
    scale = m.add(m.sqrt(spread), eps)
    if buffer is None:
        m.addcdiv_(p, g, scale, -lr)
        return
    m.mul_(buffer, momentum)
    m.addcdiv_(buffer, g, scale)
    m.add_(p, buffer, -lr)


def rmsprop(
    params: Sequence[Any],
    grads: Sequence[Any],
    square_avgs: Sequence[Any],
    grad_avgs: Sequence[Any],
    momentum_buffer_list: Sequence[Any],
    state_steps: Sequence[Any],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lr: float | Any,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    """RMSprop's update of several parameters."""
    check_capturable(params, capturable)
    advanced(state_steps)
    nothing = [None] * len(params)
    states = (square_avgs, grad_avgs if centered else nothing, momentum_buffer_list if momentum > 0 else nothing)
    coefficients = (weight_decay, alpha, eps, momentum, number(lr, differentiable))
    update(rule, params, grads, states, [coefficients] * len(params), maximize, differentiable)
