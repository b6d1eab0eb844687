"""`torch.mtia` where there is no such device."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: Any) -> None:
    """Accepted: there is nothing to seed."""


def empty_cache() -> None:
    """Accepted: there is no cache."""


__all__ = ["device_count", "empty_cache", "is_available", "manual_seed"]
