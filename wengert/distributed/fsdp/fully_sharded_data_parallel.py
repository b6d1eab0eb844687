"""The module that `torch.distributed.fsdp` keeps its older interface in."""

from wengert.distributed.fsdp.sharding import FullyShardedDataParallel

__all__ = ["FullyShardedDataParallel"]
