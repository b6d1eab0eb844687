"""The CPU under the names of an accelerator (`torch.cpu`), for programs that are written for any device."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Accepted: there is one CPU."""


def synchronize(device: Any = None) -> None:
    """Returns at once: everything asked of the CPU is done."""


__all__ = ["current_device", "device_count", "is_available", "is_initialized", "set_device", "synchronize"]
