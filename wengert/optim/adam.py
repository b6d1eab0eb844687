# cython: annotation_typing=False
"""Adam: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.optim.blocks import update
from wengert.optim.optimizer import ParamsT, is_tensor
from wengert.optim.stepping import (
    SteppingOptimizer,
    advanced,
    check_betas,
    check_capturable,
    check_implementation,
    check_lr,
    check_nonnegative,
    column,
    new_step,
    number,
    zeros_like,
)

__all__ = ["Adam", "adam"]


class Adam(SteppingOptimizer):
    """Adam: m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, then p = p - lr m' / (sqrt(v') + eps).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) after t steps.  amsgrad: v' is made of the largest v so far.
    weight_decay is added to g as weight_decay * p; with decoupled_weight_decay, p shrinks by lr * weight_decay * p
    first (AdamW).  Complex parameters are pairs of reals.

    ==================  =======================================
    state               meaning
    ==================  =======================================
    step                t, a 0-d float32 tensor
    exp_avg             m
    exp_avg_sq          v
    max_exp_avg_sq      largest v so far; only with amsgrad
    ==================  =======================================

    Raises: ValueRangeError for negative lr, eps, weight_decay and for betas outside [0, 1).
    Source: Kingma and Ba (2015), algorithm 1; amsgrad: Reddi et al. (2018), algorithm 2.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-3,
        betas: tuple[float | Any, float | Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr, capturable, foreach)
        check_nonnegative(eps, "epsilon value")
        check_betas(betas)
        check_nonnegative(weight_decay, "weight_decay value")
        check_tensor_betas(betas, capturable, foreach)
        check_implementation(foreach, fused, differentiable)
        options: dict[str, Any] = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )
        options.update(foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused)
        super().__init__(params, dict(options, decoupled_weight_decay=decoupled_weight_decay))
        if fused:
            self._step_supports_amp_scaling = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(
            amsgrad=False,
            maximize=False,
            foreach=None,
            capturable=False,
            differentiable=False,
            decoupled_weight_decay=False,
            fused=None,
        )

    def _sparse_message(self) -> str:
        return "Adam does not support sparse gradients, please consider SparseAdam instead"

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": new_step(p, group), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(p)
        return state

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        names = ("amsgrad", "lr", "weight_decay", "eps", "maximize")
        adam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "max_exp_avg_sq"),
            column(states, "step"),
            capturable=group["capturable"],
            differentiable=group["differentiable"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            **{name: group[name] for name in names},
        )


def check_tensor_betas(betas: Any, capturable: bool, foreach: bool | None) -> None:
    """Decay rates are two numbers or two tensors of one element."""
    given = [is_tensor(beta) for beta in betas]
    if any(given) and not all(given):
        raise ValueRangeError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if given[i]:
            if foreach and not capturable:
                raise ValueRangeError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if beta.numel() != 1:
                raise ValueRangeError(f"Tensor betas[{i}] must be 1-element")


def rule(
    m: Any,
    p: Any,
    g: Any,
    mean: Any,
    square: Any,
    largest: Any,
    decay: Any,
    shrink: Any,
    beta1: Any,
    beta2: Any,
    root: Any,
    size: Any,
    eps: float,
) -> None:
    """One parameter: decay * p is added to g, p is multiplied by shrink, if not None.

    root = sqrt(1 - b2^t), size = lr / (1 - b1^t).
    """
    if shrink is not None:
        m.mul_(p, shrink)
    if decay is not None:
        g = m.add(g, p, decay)
    m.lerp_(mean, g, 1 - beta1)
    m.mul_(square, beta2)
    m.addcmul_(square, g, g, 1 - beta2)
    if largest is not None:
        m.maximum_(largest, square)
        square = largest
    m.addcdiv_(p, mean, m.add(m.div(m.sqrt(square), root), eps), -size)


def adam(
    params: Sequence[Any],
    grads: Sequence[Any],
    exp_avgs: Sequence[Any],
    exp_avg_sqs: Sequence[Any],
    max_exp_avg_sqs: Sequence[Any],
    state_steps: Sequence[Any],
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad: bool,
    beta1: float | Any,
    beta2: float | Any,
    lr: float | Any,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """Adam's update of several parameters."""
    check_capturable(params, capturable)
    lr, beta1, beta2 = [number(x, differentiable) for x in (lr, beta1, beta2)]
    decay = weight_decay if weight_decay != 0 and not decoupled_weight_decay else None
    shrink = 1 - lr * weight_decay if weight_decay != 0 and decoupled_weight_decay else None
    coefficients = [
        (decay, shrink, beta1, beta2, (1 - beta2**step) ** 0.5, lr / (1 - beta1**step), eps)
        for step in advanced(state_steps)
    ]
    states = (exp_avgs, exp_avg_sqs, max_exp_avg_sqs if amsgrad else [None] * len(params))
    update(rule, params, grads, states, coefficients, maximize, differentiable)
