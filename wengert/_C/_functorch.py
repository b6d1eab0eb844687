"""What programs ask about tensors inside transforms (`torch._C._functorch`)."""

from __future__ import annotations

from typing import Any

from wengert.core.tape.levels import BATCHED


def is_batchedtensor(tensor: Any) -> bool:
    """Whether a tensor stands for a batch of them, inside vmap."""
    return bool(tensor._flags & BATCHED)


__all__ = ["is_batchedtensor"]
