"""Commands and tools that use the library: run a torch program, explain and view a tape."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

_HOME = {
    "blame": "blame_report", "history": "why_report", "memory": "ledger", "source": "source_text",
    "view": "viewing", "why": "why_report",
}  # fmt: skip
"""Name -> the module that it is taken from when it is first named."""


__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """A tool on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    setattr(sys.modules[__name__], name, value)
    return value
