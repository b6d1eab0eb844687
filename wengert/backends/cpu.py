"""`torch.backends.cpu`: what the processor can do."""

from __future__ import annotations


def get_cpu_capability() -> str:
    """ "DEFAULT": the vector instructions used are NumPy's choice."""
    return "DEFAULT"


__all__ = ["get_cpu_capability"]
