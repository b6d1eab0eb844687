# cython: annotation_typing=False
"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.operators.raw import SPARSE
from wengert.optim.blocks import update
from wengert.optim.optimizer import ParamsT, is_tensor
from wengert.optim.stepping import (
    SteppingOptimizer,
    check_implementation,
    check_lr,
    check_nonnegative,
    column,
    number,
)

__all__ = ["SGD", "sgd"]


class SGD(SteppingOptimizer):
    """Stochastic gradient descent: b = mu b + (1 - tau) g, then p = p - lr b.

    g: the gradient plus weight_decay * p; mu: momentum (0: p = p - lr g); tau: dampening, not applied to
    the first gradient.  nesterov: p = p - lr (g + mu b).

    ==================  ================================================
    state               meaning
    ==================  ================================================
    momentum_buffer     b, a copy of the first g at first; only with momentum
    ==================  ================================================

    Raises: ValueRangeError for negative lr, momentum or weight_decay, and for nesterov without momentum or
    with dampening.
    Source: Robbins and Monro (1951), eq. 4; momentum: Polyak (1964), eq. 9; nesterov: Sutskever et al. (2013), eq. 3-4,
    in the form that evaluates gradients at the stepped point.
    """

    sparse_gradients = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_nonnegative(momentum, "momentum value")
        check_nonnegative(weight_decay, "weight_decay value")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueRangeError(
                f"Nesterov momentum requires a momentum and zero dampening: given momentum={momentum}, "
                f"dampening={dampening}"
            )
        check_implementation(foreach, fused, differentiable)
        options: dict[str, Any] = dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )
        super().__init__(
            params, dict(options, maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused)
        )
        if fused:
            self._step_supports_amp_scaling = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(nesterov=False, maximize=False, foreach=None, differentiable=False, fused=False)

    def _collect(self, group: dict[str, Any]) -> tuple[list[Any], list[Any], list[dict[str, Any]]]:
        if group["momentum"] != 0:
            return super()._collect(group)
        pairs = [(p, p.grad) for p in group["params"]]
        scale = getattr(self, "grad_scale", None)
        grads = [g for _, g in pairs if g is not None]
        if scale is not None:
            for g in grads:
                g.div_(scale)
        return [p for p, g in pairs if g is not None], grads, []

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": None}

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        buffers = column(states, "momentum_buffer") if states else [None] * len(params)
        sgd(
            params,
            grads,
            buffers,
            differentiable=group["differentiable"],
            **{name: group[name] for name in ("weight_decay", "momentum", "lr", "dampening", "nesterov", "maximize")},
        )
        for state, buffer in zip(states, buffers, strict=False):
            state["momentum_buffer"] = buffer


def rule(
    m: Any, p: Any, g: Any, buffer: Any, decay: Any, momentum: float, damped: float, lr: Any, nesterov: bool
) -> None:
    """One parameter; `buffer` is None without momentum, `damped` is 1 - dampening."""
    if not is_zero(decay):
        g = m.add(g, p, decay)
    if buffer is not None:
        m.mul_(buffer, momentum)
        m.add_(buffer, g, damped)
        g = m.add(g, buffer, momentum) if nesterov else buffer
    m.add_(p, g, -lr)


def first_rule(m: Any, p: Any, g: Any, buffer: Any, decay: Any, momentum: float, lr: Any, nesterov: bool) -> None:
    """The first step of one parameter: the buffer becomes its gradient, without history in a recorded step."""
    if not is_zero(decay):
        g = m.add(g, p, decay)
    m.copy_(buffer, m.constant(g))
    m.add_(p, m.add(g, buffer, momentum) if nesterov else buffer, -lr)


def sparse_rule(
    p: Any, g: Any, buffer: Any, decay: Any, momentum: float, damped: float, lr: Any, nesterov: bool
) -> Any:
    """One parameter with a sparse gradient, written only at the rows that it names; its buffer, which is sparse too."""
    if not is_zero(decay):
        g = g.add(p, alpha=decay)
    step = g
    if momentum != 0:
        buffer = g.detach().clone() if buffer is None else buffer.mul_(momentum).add_(g, alpha=damped)
        step = g.add(buffer, alpha=momentum) if nesterov else buffer
    p.add_(step, alpha=-lr)
    return buffer


def is_zero(x: Any) -> bool:
    """Whether a coefficient is the number 0 (a tensor takes part, for its gradient's sake)."""
    return not is_tensor(x) and x == 0


def sgd(
    params: Sequence[Any],
    d_p_list: Sequence[Any],
    momentum_buffer_list: list[Any],
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    *,
    weight_decay: float | Any,
    momentum: float,
    lr: float | Any,
    dampening: float,
    nesterov: bool,
    maximize: bool,
    differentiable: bool = False,
) -> None:
    """SGD's update of several parameters; missing buffers are put into `momentum_buffer_list`."""
    decay, rate = number(weight_decay, differentiable), number(lr, differentiable)
    if SPARSE and any(g.is_sparse for g in d_p_list):
        dense = [i for i, g in enumerate(d_p_list) if not g.is_sparse]
        coefficients = (decay, momentum, 1 - dampening, rate, nesterov)
        for i in range(len(params)):
            if i not in dense:
                g = -d_p_list[i] if maximize else d_p_list[i]
                momentum_buffer_list[i] = sparse_rule(params[i], g, momentum_buffer_list[i], *coefficients)
        params, d_p_list = [params[i] for i in dense], [d_p_list[i] for i in dense]
        buffers = [momentum_buffer_list[i] for i in dense]
        sgd(params, d_p_list, buffers, weight_decay=weight_decay, momentum=momentum, lr=lr, dampening=dampening,
            nesterov=nesterov, maximize=maximize, differentiable=differentiable)  # fmt: skip
        for i, buffer in zip(dense, buffers, strict=True):
            momentum_buffer_list[i] = buffer
        return
    settings: dict[str, Any] = dict(maximize=maximize, differentiable=differentiable)
    if momentum == 0:
        nothing = [None] * len(params)
        update(rule, params, d_p_list, [nothing], [(decay, momentum, 1, rate, nesterov)] * len(params), **settings)
        return
    fresh = {i for i, buffer in enumerate(momentum_buffer_list) if buffer is None}
    for i in fresh:
        momentum_buffer_list[i] = d_p_list[i].detach().clone()
    later = [i for i in range(len(params)) if i not in fresh]
    forms: Any = (
        (rule, later, (decay, momentum, 1 - dampening, rate, nesterov)),
        (first_rule, sorted(fresh), (decay, momentum, rate, nesterov)),
    )
    for form, chosen, coefficients in forms:
        if chosen:
            p, g, buffers = [[values[i] for i in chosen] for values in (params, d_p_list, momentum_buffer_list)]
            update(form, p, g, [buffers], [coefficients] * len(chosen), **settings)
