"""Averages of models over training: stochastic weight averaging, exponential moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.base.errors import ValueRangeError
from wengert.core.tensor import creation
from wengert.nn.modules.module import Module
from wengert.optim.lr_scheduler.base import LRScheduler, per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def check_decay(decay: float) -> None:
    """A decay lies in [0, 1]."""
    if decay < 0.0 or decay > 1.0:
        raise ValueRangeError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """The update a = decay a + (1 - decay) p of lists of tensors."""
    check_decay(decay)
    average = get_ema_avg_fn(decay)

    def ema_update(ema_param_list: Any, current_param_list: Any, _: Any) -> None:
        with no_grad():
            for a, p in zip(ema_param_list, current_param_list, strict=True):
                if a.is_floating_point() or a.is_complex():
                    a.lerp_(p, 1 - decay)
                else:
                    a.copy_(average(a, p, _))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """The update a = a + (p - a) / (n + 1) of lists of tensors."""
    average = get_swa_avg_fn()

    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        with no_grad():
            weight = 1 / (float(num_averaged) + 1)
            for a, p in zip(averaged_param_list, current_param_list, strict=True):
                if a.is_floating_point() or a.is_complex():
                    a.lerp_(p, weight)
                else:
                    a.copy_(average(a, p, num_averaged))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Any]:
    """The average decay a + (1 - decay) p of one tensor."""
    check_decay(decay)

    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[..., Any]:
    """The average a + (p - a) / (n + 1) of one tensor."""

    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's: over all updates (SWA), or as avg_fn says.

    avg_fn(a, p, n): the new average of one tensor after n updates; multi_avg_fn(averages, params, n) writes lists.
    use_buffers: buffers are averaged too; otherwise they are copied at each update.
    Calling it runs the averaged model.  Parameters of the copy need no `.grad`; the model is not touched.

    Raises: AssertionError if both functions are given.
    Source: Izmailov et al. (2018), algorithm 1; moving average: Polyak and Juditsky (1992).
    """

    n_averaged: Any

    def __init__(
        self,
        model: Any,
        device: Any = None,
        avg_fn: Callable[..., Any] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", creation.full((), 0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's result."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Any) -> None:
        """Take the model's present parameters into the average."""
        if self.use_buffers:
            own: Any = chain(self.module.parameters(), self.module.buffers())
            other: Any = chain(model.parameters(), model.buffers())
        else:
            own, other = self.module.parameters(), model.parameters()
        averages = [a.detach() for a in own]
        values = [p.detach().to(a.device) for a, p in zip(averages, other, strict=True)]
        count = self.n_averaged
        if count == 0:
            for a, p in zip(averages, values, strict=True):
                a.copy_(p)
        elif self.avg_fn is not None:
            for a, p in zip(averages, values, strict=True):
                a.copy_(self.avg_fn(a, p, count.to(a.device)))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, values, count)
        if not self.use_buffers:
            for a, b in zip(self.module.buffers(), model.buffers(), strict=True):
                a.detach().copy_(b.detach().to(a.device))
        self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Any, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisation anew from the batches of `loader`.

    A batch is a tensor, or a list or tuple whose first entry is one.  The model is left in the mode it was in.
    """
    momenta: dict[Any, Any] = {}
    for module in model.modules():
        if hasattr(module, "running_mean") and hasattr(module, "reset_running_stats"):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    with no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """lr goes from where it is to swa_lr in anneal_epochs epochs, then stays.

    anneal_strategy: "cos" or "linear".
    Raises: ValueRangeError for an unknown strategy, negative anneal_epochs, a list of another length than the groups.
    """

    def __init__(
        self,
        optimizer: Any,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueRangeError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueRangeError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _linear_anneal(t: float) -> float:
        return t

    @staticmethod
    def _cosine_anneal(t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2

    def _share(self, step: int) -> float:
        """The weight of swa_lr after this many steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return self._cosine_anneal(t) if self._anneal_strategy == "cos" else self._linear_anneal(t)

    def get_lr(self) -> list[Any]:
        """The mixture of swa_lr and the first rate, which is found from the present one."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        lrs = []
        for group in self.optimizer.param_groups:
            target, lr = group["swa_lr"], group["lr"]
            first = target if before == 1 else (lr - before * target) / (1 - before)
            lrs.append(target * now + first * (1 - now))
        return lrs
