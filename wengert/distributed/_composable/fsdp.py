"""The earlier name of `torch.distributed.fsdp`."""

from wengert.distributed.fsdp import *  # noqa: F403
from wengert.distributed.fsdp.sharding import __all__ as __all__
