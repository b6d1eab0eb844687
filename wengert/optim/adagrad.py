"""Adagrad: steps divided by the root of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tensor import creation
from wengert.optim.blocks import update
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import (
    SteppingOptimizer,
    advanced,
    check_implementation,
    check_lr,
    check_nonnegative,
    column,
    new_step,
    number,
)

__all__ = ["Adagrad", "adagrad"]


class Adagrad(SteppingOptimizer):
    """Adagrad: s = s + g^2, then p = p - lr / (1 + (t-1) lr_decay) g / (sqrt(s) + eps).

    weight_decay is added to g as weight_decay * p.  State is made when the optimizer is.

    ==================  ===================================================
    state               meaning
    ==================  ===================================================
    step                t, a 0-d float32 tensor
    sum                 s, initial_accumulator_value at first
    ==================  ===================================================

    Raises: ValueRangeError for negative options.
    Source: Duchi, Hazan and Singer (2011), the diagonal form of figure 1.
    """

    sparse_gradients = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_nonnegative(lr_decay, "lr_decay value")
        check_nonnegative(weight_decay, "weight_decay value")
        check_nonnegative(initial_accumulator_value, "initial_accumulator_value value")
        check_nonnegative(eps, "epsilon value")
        check_implementation(foreach, fused, differentiable)
        options: dict[str, Any] = dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay)
        options.update(initial_accumulator_value=initial_accumulator_value, foreach=foreach, maximize=maximize)
        super().__init__(params, dict(options, differentiable=differentiable, fused=fused))
        if fused:
            self._need_device_dtype_check_for_fused = True
            self._step_supports_amp_scaling = True
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self._new_state(p, group)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None, maximize=False, differentiable=False, fused=None)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        start = group["initial_accumulator_value"]
        if p.is_complex():
            start = complex(start, start)
        return {"step": new_step(p, {"fused": group["fused"]}), "sum": creation.full_like(p.detach(), start)}

    def share_memory(self) -> None:
        """Move the sums to shared memory."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        names = ("lr", "weight_decay", "lr_decay", "eps", "maximize", "differentiable")
        adagrad(
            params,
            grads,
            column(states, "sum"),
            column(states, "step"),
            has_sparse_grad=any(g.is_sparse for g in grads),
            **{name: group[name] for name in names},
        )


def rule(m: Any, p: Any, g: Any, total: Any, decay: float, size: Any, eps: float) -> None:
    """One parameter; size = lr / (1 + (t-1) lr_decay)."""
    if decay != 0:
        g = m.add(g, p, decay)
    m.addcmul_(total, g, g, 1)
    m.addcdiv_(p, g, m.add(m.sqrt(total), eps), -size)


def sparse_rule(p: Any, g: Any, total: Any, size: float, eps: float) -> None:
    """The rows that a sparse gradient names; the others stay."""
    g = g.coalesce()
    rows, values = tuple(g._indices()), g._values()
    seen = total[rows] + values * values
    total[rows] = seen
    p[rows] = p[rows] - size * values / (seen.sqrt() + eps)


def adagrad(
    params: Sequence[Any],
    grads: Sequence[Any],
    state_sums: Sequence[Any],
    state_steps: Sequence[Any],
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: float | Any,
    weight_decay: float,
    lr_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """Adagrad's update of several parameters."""
    lr = number(lr, differentiable)
    sizes = [lr / (1 + (step - 1) * lr_decay) for step in advanced(state_steps)]
    dense = list(range(len(params)))
    if has_sparse_grad:
        dense = [i for i in dense if not grads[i].is_sparse]
        for i in set(range(len(params))) - set(dense):
            if weight_decay != 0:
                raise GraphError("weight_decay option is not compatible with sparse gradients")
            sparse_rule(params[i], -grads[i] if maximize else grads[i], state_sums[i], sizes[i], eps)
    chosen = [[values[i] for i in dense] for values in (params, grads, state_sums)]
    coefficients = [(weight_decay, sizes[i], eps) for i in dense]
    update(rule, chosen[0], chosen[1], [chosen[2]], coefficients, maximize, differentiable)
