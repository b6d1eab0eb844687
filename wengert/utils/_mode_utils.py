"""Blocks without operator modes (`torch.utils._mode_utils`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from wengert.utils._python_dispatch import _disable_current_modes

Value = TypeVar("Value")


@contextmanager
def no_dispatch() -> Iterator[None]:
    """A block whose operators no TorchDispatchMode sees."""
    with _disable_current_modes():
        yield


def all_same_mode(modes: Any) -> bool:
    """Whether all modes are equal."""
    return all(mode == modes[0] for mode in modes)
