"""How long processes wait for each other (`torch.distributed.constants`)."""

from __future__ import annotations

from wengert.distributed.groups import default_pg_nccl_timeout, default_pg_timeout

__all__ = ["default_pg_nccl_timeout", "default_pg_timeout"]
