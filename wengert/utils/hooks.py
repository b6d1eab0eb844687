"""What registering a hook gives back (`torch.utils.hooks`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tape.handles import RemovableHandle


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: mark a hook that is left out, with a warning, when its tensor is saved."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


__all__ = ["RemovableHandle", "unserializable_hook"]
