"""`torch.backends.mps`: there is none."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """False: asked of machines with such a device."""
    return False


__all__ = ["is_available", "is_built", "is_macos_or_newer"]
