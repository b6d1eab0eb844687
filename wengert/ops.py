"""Operators by namespace (`torch.ops.aten.add`), importable as a module."""

from __future__ import annotations

from typing import Any

from wengert._ops import ops


def __getattr__(name: str) -> Any:
    return getattr(ops, name)
