"""`torch.backends.openmp`: threads are those of NumPy's BLAS."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


__all__ = ["is_available"]
