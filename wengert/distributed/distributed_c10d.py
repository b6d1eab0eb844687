"""Groups and collectives under the name of the module that holds them in torch."""

from __future__ import annotations

from wengert.distributed import collectives, groups, stores
from wengert.distributed.collectives import *  # noqa: F403
from wengert.distributed.collectives import _coalescing_manager  # noqa: F401
from wengert.distributed.groups import *  # noqa: F403
from wengert.distributed.groups import (  # noqa: F401
    _get_default_group,
    _get_default_store,
    _rank_not_in_group,
)
from wengert.distributed.stores import *  # noqa: F403

__all__ = [*collectives.__all__, *groups.__all__, *stores.__all__]
