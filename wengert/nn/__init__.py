"""Neural networks (`torch.nn`)."""

from __future__ import annotations

from wengert.nn import functional

__all__ = ["functional"]
