"""Adafactor: the running mean of squares kept as a row and a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.arrays.dtype import finfo
from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.optim.optimizer import ParamsT
from wengert.optim.stepping import SteppingOptimizer, advanced, check_one_element, column, new_step, number

__all__ = ["Adafactor", "adafactor"]


class Adafactor(SteppingOptimizer):
    """Adafactor: p = p - alpha u / max(1, rms(u) / d), with u = g / sqrt(V) and alpha = max(eps2, rms(p)) rho.

    V = R C / mean(R) from running means R of rows and C of columns of g^2 (vectors: of g^2 itself), with the decay
    1 - t^beta2_decay; rho = min(lr, 1 / sqrt(t)).  eps = (eps1, eps2): least V (None: that of the dtype), least
    scale.  weight_decay shrinks p by lr * weight_decay * p first.

    ==================  =================================================
    state               meaning
    ==================  =================================================
    step                t, a 0-d float32 tensor
    row_var, col_var    R (..., n, 1) and C (..., 1, m) of matrices
    variance            the running mean of g^2 of vectors and scalars
    ==================  =================================================

    Raises: ValueRangeError for options out of range; GraphError for complex parameters.
    Source: Shazeer and Stern (2018), algorithms 4 and 5; the learning rate bounds the relative step.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_one_element(lr)
        if not lr >= 0.0:
            raise ValueRangeError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueRangeError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for i, value in enumerate((eps[0], eps[1])):
            if not (value is None and i == 0) and not value >= 0.0:  # type: ignore[operator]
                raise ValueRangeError(f"epsilon{i + 1} should be >= 0 but is: {value}")
        if not d >= 1.0:
            raise ValueRangeError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueRangeError(f"weight_decay should be >= 0 but is: {weight_decay}")
        options: dict[str, Any] = dict(lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay)
        super().__init__(params, dict(options, foreach=foreach, maximize=maximize))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._filled(foreach=None)

    def _new_state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        g = p.grad
        if p.is_complex():
            raise GraphError("Adafactor does not support complex parameters")
        shape = list(g.shape)
        if g.dim() < 2:
            return {"step": new_step(p, {}), "variance": g.new_zeros(shape)}
        row, col = [*shape[:-1], 1], [*shape[:-2], 1, shape[-1]]
        return {"step": new_step(p, {}), "row_var": g.new_zeros(row), "col_var": g.new_zeros(col)}

    def _update(self, group: dict[str, Any], params: list[Any], grads: list[Any], states: list[dict[str, Any]]) -> None:
        names = ("lr", "beta2_decay", "d", "weight_decay", "maximize")
        adafactor(
            params,
            grads,
            column(states, "row_var"),
            column(states, "col_var"),
            column(states, "variance"),
            column(states, "step"),
            eps1=group["eps"][0],
            eps2=group["eps"][1],
            **{name: group[name] for name in names},
        )


def estimate(g: Any, row: Any, col: Any, variance: Any, weight: float, least: float) -> Any:
    """V, after its running means took in g with this weight; a tensor that may be overwritten."""
    if row is None:
        return variance.lerp_(g * g, weight).clone()
    row.lerp_(g.norm(dim=-1, keepdim=True).square_().div_(g.size(-1)), weight)
    col.lerp_(g.norm(dim=-2, keepdim=True).square_().div_(g.size(-2)), weight)
    return (row @ col).div_(row.mean(dim=-2, keepdim=True).clamp_(min=least))


def adafactor(
    params: Sequence[Any],
    grads: Sequence[Any],
    row_vars: Sequence[Any],
    col_vars: Sequence[Any],
    variances: Sequence[Any],
    state_steps: Sequence[Any],
    foreach: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    *,
    d: float,
    lr: float | Any,
    beta2_decay: float,
    weight_decay: float,
    eps1: float | None,
    eps2: float,
    maximize: bool,
) -> None:
    """Adafactor's update of several parameters."""
    lr = number(lr)
    for p, g, row, col, variance, step in zip(
        params, grads, row_vars, col_vars, variances, advanced(state_steps), strict=True
    ):
        if maximize:
            g = -g
        least = finfo(p.dtype).eps if eps1 is None else eps1
        rate = min(lr, 1.0 / step**0.5)
        scale = max(eps2, p.norm(2).item() / p.numel() ** 0.5) * rate
        if weight_decay != 0:
            p.mul_(1 - lr * weight_decay)
        change = estimate(g, row, col, variance, step**beta2_decay, least).clamp_(min=least * least).rsqrt_()
        change.mul_(g)
        clipped = max(1.0, change.norm(2).item() / (change.numel() ** 0.5 * d))
        p.add_(change, alpha=-scale / clipped)
