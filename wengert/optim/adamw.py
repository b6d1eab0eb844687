"""AdamW: Adam with weight decay apart from the gradient."""

from __future__ import annotations

from typing import Any

from wengert.optim.adam import Adam, adam
from wengert.optim.optimizer import ParamsT

__all__ = ["AdamW", "adamw"]


class AdamW(Adam):
    """AdamW: p = (1 - lr * weight_decay) p, then Adam's step on the bare gradient.

    State, options and errors are Adam's.
    Source: Loshchilov and Hutter (2019), algorithm 2, with the schedule multiplier inside lr.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Any = 1e-3,
        betas: tuple[float | Any, float | Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def adamw(*args: Any, **kwargs: Any) -> None:
    """AdamW's update of several parameters: `adam` with decoupled weight decay."""
    adam(*args, **{**kwargs, "decoupled_weight_decay": True})
