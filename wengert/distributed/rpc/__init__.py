"""Calling functions in other processes (`torch.distributed.rpc`): not there, and each use says so."""

from __future__ import annotations

from typing import Any, NoReturn

from wengert.core.base.errors import MissingError
from wengert.distributed.rpc import api
from wengert.distributed.rpc.api import _is_current_rpc_agent_set, _require_initialized


def is_available() -> bool:
    """False: there are no other processes to call."""
    return False


def init_rpc(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Not available.

    Raises: MissingError always.
    """
    raise MissingError("torch.distributed.rpc is not available: there are no messages between processes")


__all__ = ["_is_current_rpc_agent_set", "_require_initialized", "api", "init_rpc", "is_available"]
