"""Waiting for processes that have more to do (`torch.distributed.algorithms.join`); a single one waits for nobody."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from wengert.core.base.errors import ValueRangeError


class JoinHook:
    """What a process does for others while it waits, and once all are done."""

    def main_hook(self) -> None:
        """Answer the collectives of one step of the others."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Bring everybody to one state."""


class Joinable(ABC):
    """An object that takes part in `Join`."""

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """Its hook."""

    @property
    @abstractmethod
    def join_device(self) -> Any:
        """Where its collectives happen."""

    @property
    @abstractmethod
    def join_process_group(self) -> Any:
        """Who takes part."""


class Join:
    """A block at whose end the `joinables` meet those of other processes: here, each of their hooks runs once.

    Raises: ValueRangeError without joinables.
    """

    def __init__(
        self,
        joinables: Sequence[Joinable],
        enable: bool = True,
        throw_on_early_termination: bool = False,
        **kwargs: Any,
    ) -> None:
        if len(joinables) == 0:
            raise ValueRangeError("The join context manager requires at least one joinable")
        self.hooks = [joinable.join_hook(**kwargs) for joinable in joinables]
        self.enable = enable

    def __enter__(self) -> Join:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.enable and kind is None:
            for hook in self.hooks:
                hook.post_hook(is_last_joiner=True)

    @staticmethod
    def notify_join_context(joinable: Joinable) -> None:
        """Say that a step begins: there is nobody to tell, so None."""
        return None


__all__ = ["Join", "JoinHook", "Joinable"]
