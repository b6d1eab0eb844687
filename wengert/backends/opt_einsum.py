"""`torch.backends.opt_einsum`: the order of an einsum's products."""

from __future__ import annotations

enabled = False
strategy = None


def is_available() -> bool:
    """False: products are taken from left to right."""
    return False


__all__ = ["is_available"]
