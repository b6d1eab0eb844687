"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.tensor import creation
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
    store_scalar,
    zeros_like,
)

__all__ = ["ASGD", "asgd"]


class ASGD(SteppingOptimizer):
    """Averaged SGD: p = (1 - lambd eta) p - eta g, a = a + mu (p - a).

    After t steps eta = lr / (1 + lambd lr t)^alpha and mu = 1 / max(1, t - t0); while mu is 1, a is a copy of p.
    weight_decay is added to g as weight_decay * p.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                t, a 0-d float32 tensor
    eta                 eta, a 0-d tensor
    mu                  mu, a 0-d tensor
    ax                  a, the average
    ==================  =======================================

    Raises: ValueRangeError for negative lr or weight_decay.
    Source: Polyak and Juditsky (1992), eq. 5; the schedule is Bottou's (2010), section 4.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_nonnegative(weight_decay, "weight_decay value")
        options: dict[str, Any] = dict(
            lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach
        )
        options.update(maximize=maximize, differentiable=differentiable, capturable=capturable)
        super().__init__(params, options)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None, maximize=False, differentiable=False, capturable=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        lr = number(group["lr"])
        return {
            "step": new_step(p, {"capturable": group["capturable"]}),
            "eta": creation.full((), float(lr), device=p.device),
            "mu": creation.full((), 1.0, device=p.device),
            "ax": zeros_like(p),
        }

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        asgd(
            params,
            grads,
            column(states, "ax"),
            column(states, "mu"),
            column(states, "eta"),
            column(states, "step"),
            **{name: group[name] for name in OPTIONS},
        )


OPTIONS = ("lambd", "lr", "t0", "alpha", "weight_decay", "maximize", "differentiable", "capturable")


def rule(m: Any, p: Any, g: Any, average: Any, decay: float, eta: float, shrink: float, mu: float) -> None:
    """One parameter; shrink = 1 - lambd eta."""
    if decay != 0:
        g = m.add(g, p, decay)
    m.mul_(p, shrink)
    m.add_(p, g, -eta)
    if mu == 1:
        m.copy_(average, p)
    else:
        m.add_(average, m.mul(m.add(p, average, -1), mu))


def asgd(
    params: Sequence[Any],
    grads: Sequence[Any],
    axs: Sequence[Any],
    mus: Sequence[Any],
    etas: Sequence[Any],
    state_steps: Sequence[Any],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lambd: float,
    lr: float | Any,
    t0: float,
    alpha: float,
    weight_decay: float,
) -> None:
    """ASGD's update of several parameters."""
    check_capturable(params, capturable, ", mus, etas,")
    rate, now = number(lr), [(eta._array.item(), mu._array.item()) for eta, mu in zip(etas, mus, strict=True)]
    coefficients = [(weight_decay, eta, 1 - lambd * eta, mu) for eta, mu in now]
    update(rule, params, grads, [axs], coefficients, maximize, differentiable)
    for step, eta, mu in zip(advanced(state_steps), etas, mus, strict=True):
        store_scalar(eta, rate / (1 + lambd * rate * step) ** alpha)
        store_scalar(mu, 1 / max(1, step - t0))
