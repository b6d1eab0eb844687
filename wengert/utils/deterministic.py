"""Whether memory that is not set is filled where programs ask for repeatable results (`torch.utils.deterministic`)."""

from __future__ import annotations

import sys
import types
from typing import Any


class _Deterministic(types.ModuleType):
    """The module itself, with its setting as a property."""

    _fills = True

    @property
    def fill_uninitialized_memory(self) -> bool:
        """Kept for programs that set it: memory of `empty` is filled with nothing either way."""
        return type(self)._fills

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode: Any) -> None:
        if not isinstance(mode, bool):
            raise RuntimeError(f"expected a bool, but got {type(mode)}")
        type(self)._fills = mode


sys.modules[__name__].__class__ = _Deterministic
