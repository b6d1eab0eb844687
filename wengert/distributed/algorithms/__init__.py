"""Ways of working together (`torch.distributed.algorithms`), for a world of one process."""

from wengert.distributed.algorithms import join
from wengert.distributed.algorithms.join import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable", "join"]
