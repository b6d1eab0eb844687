"""Modules whose parameters are divided among processes (`torch.distributed.fsdp`), for a world of one process."""

from wengert.distributed.fsdp import fully_sharded_data_parallel
from wengert.distributed.fsdp.sharding import *  # noqa: F403
from wengert.distributed.fsdp.sharding import __all__ as names

__all__ = ["fully_sharded_data_parallel", *names]
