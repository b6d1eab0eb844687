"""Adadelta: steps in the units of the parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import ValueRangeError
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

__all__ = ["Adadelta", "adadelta"]


class Adadelta(SteppingOptimizer):
    """Adadelta: v = rho v + (1-rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u = rho u + (1-rho) d^2, p = p - lr d.

    weight_decay is added to g as weight_decay * p.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                steps done, a 0-d float32 tensor
    square_avg          v
    acc_delta           u
    ==================  =======================================

    Raises: ValueRangeError for negative lr, eps, weight_decay and for rho outside [0, 1].
    Source: Zeiler (2012), algorithm 1; lr is an addition.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueRangeError(f"Invalid rho value: {rho}")
        check_nonnegative(eps, "epsilon value")
        check_nonnegative(weight_decay, "weight_decay value")
        options: dict[str, Any] = dict(
            lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable
        )
        super().__init__(params, dict(options, foreach=foreach, differentiable=differentiable))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None, maximize=False, differentiable=False, capturable=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": new_step(p, group), "square_avg": zeros_like(p), "acc_delta": zeros_like(p)}

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        adadelta(
            params,
            grads,
            column(states, "square_avg"),
            column(states, "acc_delta"),
            column(states, "step"),
            **{name: group[name] for name in OPTIONS},
        )


OPTIONS = ("lr", "rho", "eps", "weight_decay", "maximize", "differentiable", "capturable")


def rule(m: Any, p: Any, g: Any, square: Any, moved: Any, decay: float, rho: float, eps: float, lr: Any) -> None:
    """One parameter."""
    if decay != 0:
        g = m.add(g, p, decay)
    m.mul_(square, rho)
    m.addcmul_(square, g, g, 1 - rho)
    step = m.mul(m.div(m.sqrt(m.add(moved, eps)), m.sqrt(m.add(square, eps))), g)
    m.mul_(moved, rho)
    m.addcmul_(moved, step, step, 1 - rho)
    m.add_(p, step, -lr)


def adadelta(
    params: Sequence[Any],
    grads: Sequence[Any],
    square_avgs: Sequence[Any],
    acc_deltas: Sequence[Any],
    state_steps: Sequence[Any],
    capturable: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: float | Any,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adadelta's update of several parameters."""
    check_capturable(params, capturable)
    advanced(state_steps)
    coefficients = (weight_decay, rho, eps, number(lr, differentiable))
    update(rule, params, grads, (square_avgs, acc_deltas), [coefficients] * len(params), maximize, differentiable)
