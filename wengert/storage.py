"""Memory under tensors as objects (`torch.storage`)."""

from __future__ import annotations

import io
from typing import Any

from wengert.core.tensor.storage import StorageBase, TypedStorage, UntypedStorage
from wengert.serialization import load

_StorageBase = StorageBase
_LegacyStorage = TypedStorage


def _load_from_bytes(b: bytes) -> Any:
    """What `torch.save` wrote into these bytes; pickles of old storages name this function."""
    return load(io.BytesIO(b), weights_only=False)


__all__ = ["TypedStorage", "UntypedStorage"]
