"""Helpers around tensors (`torch.utils`): exchange with other libraries, checkpointing, data."""

from __future__ import annotations

from wengert.utils import dlpack

__all__ = ["dlpack"]
