"""The check that comes before every call to another process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError


def _is_current_rpc_agent_set() -> bool:
    return False


def _require_initialized(func: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not _is_current_rpc_agent_set():
            raise GraphError(
                "RPC has not been initialized. Call torch.distributed.rpc.init_rpc first, which is not available here."
            )
        return func(*args, **kwargs)

    return wrapper


__all__ = ["_is_current_rpc_agent_set", "_require_initialized"]
