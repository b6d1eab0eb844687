"""What programs ask about torch's compiler (`torch._dynamo.utils`)."""

from __future__ import annotations

from typing import Any


def is_compile_supported(device_type: Any) -> bool:
    """False: nothing is compiled."""
    return False


__all__ = ["is_compile_supported"]
