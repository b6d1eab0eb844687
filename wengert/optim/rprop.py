"""Rprop: step lengths of their own for every element, grown and shrunk by the sign of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.tensor import creation
from wengert.optim.blocks import update
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import (
    SteppingOptimizer,
    advanced,
    check_capturable,
    check_lr,
    column,
    new_step,
    number,
    zeros_like,
)

__all__ = ["Rprop", "rprop"]


class Rprop(SteppingOptimizer):
    """Rprop: d = clamp(eta d), p = p - sign(g) d, with eta = etas[1] where g keeps its sign, etas[0] where it turned.

    Where the sign turned, g counts as 0 in this step and as the previous gradient of the next one.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                steps done, a 0-d float32 tensor
    prev                the last gradient, 0 where it turned
    step_size           d, lr at first
    ==================  =======================================

    Raises: ValueRangeError for negative lr and unless 0 < etas[0] < 1 < etas[1].
    Source: Riedmiller and Braun (1993), eq. 4-7, without the step back (iRprop-, Igel and Huesken 2000).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueRangeError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        options: dict[str, Any] = dict(lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize)
        super().__init__(params, dict(options, differentiable=differentiable, capturable=capturable))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None, maximize=False, differentiable=False, capturable=False)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        lr = number(group["lr"])
        start = complex(lr, lr) if p.is_complex() else lr
        return {
            "step": new_step(p, group),
            "prev": zeros_like(p),
            "step_size": creation.full_like(p.detach(), start),
        }

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        rprop(
            params,
            grads,
            column(states, "prev"),
            column(states, "step_size"),
            column(states, "step"),
            step_size_min=least,
            step_size_max=most,
            etaminus=shrink,
            etaplus=grow,
            **{name: group[name] for name in ("maximize", "differentiable", "capturable")},
        )


def rule(
    m: Any, p: Any, g: Any, previous: Any, size: Any, shrink: float, grow: float, least: float, most: float
) -> None:
    """One parameter."""
    turned = m.sign(m.mul(previous, g))
    m.copy_(size, m.clamp(m.mul(size, m.choice(turned, grow, shrink)), least, most))
    g = m.unless_negative(g, turned)
    m.addcmul_(p, m.sign(g), size, -1)
    m.copy_(previous, g)


def rprop(
    params: Sequence[Any],
    grads: Sequence[Any],
    prevs: Sequence[Any],
    step_sizes: Sequence[Any],
    state_steps: Sequence[Any],
    foreach: bool | None = None,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    step_size_min: float,
    step_size_max: float,
    etaminus: float,
    etaplus: float,
) -> None:
    """Rprop's update of several parameters."""
    check_capturable(params, capturable)
    advanced(state_steps)
    coefficients = (etaminus, etaplus, step_size_min, step_size_max)
    update(rule, params, grads, (prevs, step_sizes), [coefficients] * len(params), maximize, differentiable)
