"""Processes that share tensors (`torch.multiprocessing`): Python's `multiprocessing`, whose queues send memory.

A tensor that goes through a queue or a pipe, or to a process that is spawned, arrives over the same memory: what one
side writes, the other sees.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403
from multiprocessing import process
from typing import Any

from wengert.multiprocessing import reductions
from wengert.multiprocessing.reductions import init_reductions
from wengert.multiprocessing.spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext",
    "get_all_sharing_strategies", "get_sharing_strategy", "init_reductions", "reductions", "set_sharing_strategy",
    "spawn", "start_processes", *multiprocessing.__all__,  # type: ignore[attr-defined]
]  # fmt: skip

_strategies = {"file_descriptor", "file_system"}
_strategy = ["file_descriptor"]
active_children = process.active_children


def get_all_sharing_strategies() -> set[str]:
    """Names that `set_sharing_strategy` accepts."""
    return set(_strategies)


def get_sharing_strategy() -> str:
    """The name that was set last."""
    return _strategy[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Accept a strategy of torch; memory is always shared by descriptors, which leave nothing behind."""
    assert new_strategy in _strategies
    _strategy[0] = new_strategy


def _set_thread_name(name: str) -> None:
    """Accepted: threads keep their names."""


def __getattr__(name: str) -> Any:
    return getattr(multiprocessing, name)


init_reductions()
