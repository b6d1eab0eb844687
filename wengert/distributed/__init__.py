"""Several processes that work together (`torch.distributed`), for a world of one process.

A program that is written for many processes runs here as the only one; asking for more is an error that says so.
"""

from __future__ import annotations

import enum

from wengert.core.base.submodules import on_demand
from wengert.distributed import collectives, constants, device_mesh, distributed_c10d, groups, nn, optim, rpc, stores
from wengert.distributed.collectives import *  # noqa: F403
from wengert.distributed.device_mesh import *  # noqa: F403
from wengert.distributed.groups import *  # noqa: F403
from wengert.distributed.stores import *  # noqa: F403


class DebugLevel(enum.Enum):
    """How much torch checks of its collectives."""

    OFF, INFO, DETAIL = range(3)


def get_debug_level() -> DebugLevel:
    """OFF."""
    return DebugLevel.OFF


__all__ = [
    "DebugLevel", "constants", "device_mesh", "distributed_c10d", "get_debug_level", "nn", "optim", "rpc",
    *collectives.__all__, *device_mesh.__all__, *groups.__all__, *stores.__all__,
]  # fmt: skip

__getattr__ = on_demand(__name__)
