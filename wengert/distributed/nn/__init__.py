"""Collectives that are differentiable (`torch.distributed.nn`), with the one contribution that there is."""

from __future__ import annotations

from wengert.distributed.nn import functional
from wengert.distributed.nn.functional import all_gather, all_reduce, all_to_all, broadcast, gather, reduce, scatter

__all__ = ["all_gather", "all_reduce", "all_to_all", "broadcast", "functional", "gather", "reduce", "scatter"]
