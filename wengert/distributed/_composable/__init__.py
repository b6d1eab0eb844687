"""The earlier home of what `torch.distributed.fsdp` has."""

from wengert.distributed._composable import fsdp

__all__ = ["fsdp"]
