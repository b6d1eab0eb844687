"""Memory under tensors as objects (`torch.storage`)."""

from __future__ import annotations

from wengert.core.tensor.storage import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
