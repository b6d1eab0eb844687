"""What every learning rate schedule shares: counting epochs, writing rates into groups, state dictionaries."""

from __future__ import annotations

import warnings
import weakref
from functools import wraps
from typing import Any

from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.optim.optimizer import Optimizer, is_tensor

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler; a given epoch takes the closed form of the schedule where it has one."
)
ORDER_WARNING = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: the schedule "
    "has left its first learning rate before any step was made with it."
)
OVERRIDDEN_WARNING = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make "
    "sure to call `optimizer.step()` before `lr_scheduler.step()`: whether it was cannot be seen any more."
)
GET_LR_WARNING = (
    "To get the last learning rate computed by the scheduler, please use `get_last_lr()`; `get_lr()` computes the "
    "next one."
)


def own_copy(value: Any) -> Any:
    """A tensor's copy; anything else as it is."""
    return value.clone() if is_tensor(value) else value


def set_option(group: dict[str, Any], key: str, value: Any) -> None:
    """Write an option of a group; a tensor keeps its identity."""
    if is_tensor(group[key]):
        group[key].detach().fill_(value.item() if is_tensor(value) else value)
    else:
        group[key] = value


def options(optimizer: Any, key: str) -> list[Any]:
    """One option of every group; tensors are copied."""
    return [own_copy(group[key]) for group in optimizer.param_groups]


def per_group(name: str, optimizer: Any, value: Any) -> list[Any]:
    """An option that may be one for all groups, as a list of one for each.

    Raises: ValueRangeError if a list of another length is given.
    """
    if not isinstance(value, (list, tuple)):
        return [own_copy(value) for _ in optimizer.param_groups]
    if len(value) != len(optimizer.param_groups):
        raise ValueRangeError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {len(optimizer.param_groups)}."
        )
    return [own_copy(x) for x in value]


def track_step(optimizer: Any) -> None:
    """Let the optimizer remember that its step was called."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    reference, function = weakref.ref(optimizer), step.__func__

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        owner: Any = reference()
        owner._opt_called = True
        return function.__get__(owner, type(owner))(*args, **kwargs)

    wrapper._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = wrapper


class LRScheduler:
    """Base of the schedules: `step()` once an epoch writes `get_lr()` into the groups of the optimizer.

    last_epoch: number of the last epoch done; -1 starts anew, anything else resumes and needs "initial_lr" in
    every group.

    Raises: ArgumentError for what is no Optimizer; KeyError when resuming without "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        self.optimizer: Any = checked_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", own_copy(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0.\nLoad the optimizer's state first, or start with last_epoch=-1."
                )
        self.base_lrs: list[Any] = options(optimizer, "initial_lr")
        self.last_epoch: Any = last_epoch
        track_step(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """The step that sets the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything the schedule knows, without the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates that the last step set."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates that follow those in the groups."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to `epoch` (deprecated)."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(OVERRIDDEN_WARNING, UserWarning, stacklevel=2)
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(ORDER_WARNING, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Write the rates of the next epoch, or of `epoch`, into the groups."""
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                values = self.get_lr() if closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        self._write(values)

    def _write(self, values: list[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_option(group, "lr", value)
        self._last_lr: list[Any] = options(self.optimizer, "lr")

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(GET_LR_WARNING, UserWarning, stacklevel=3)


class _LRScheduler(LRScheduler):
    """The former name of LRScheduler."""


def checked_optimizer(optimizer: Any) -> Any:
    """What a schedule may steer.

    Raises: ArgumentError for what is no Optimizer.
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer
