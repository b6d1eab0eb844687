"""`torch.backends.mkldnn`: products go through NumPy's BLAS."""

from __future__ import annotations

from typing import Any

enabled = False
VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available() -> bool:
    """False."""
    return False


class verbose:  # noqa: N801
    """Accepted as a block; nothing is told."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *failure: Any) -> None:
        return None


__all__ = ["is_available", "verbose"]
