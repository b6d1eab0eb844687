"""What can be found out about a graph (`torch.fx.passes`)."""

from __future__ import annotations

from wengert.fx.passes import shape_prop

__all__ = ["shape_prop"]
