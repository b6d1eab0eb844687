"""Stands for the `cython` module where the hot core runs as plain Python.

The build replaces the import of this module by `import cython`: what the sources ask of it is
answered there by the compiler, and here by nothing at all.
"""

from __future__ import annotations

from typing import Any, Final

compiled: Final = False
"""Whether the code that asks was compiled."""


def cclass(decorated: Any) -> Any:
    """A class whose attributes are fields of a C structure."""
    return decorated


cfunc = inline = final = cclass


def trashcan(wanted: bool) -> Any:
    """A class whose long chains of objects are freed without recursion."""
    return cclass


def exceptval(*args: Any, **kwargs: Any) -> Any:
    """What a C function returns when it raises."""
    return cclass


__all__ = ["cclass", "cfunc", "compiled", "exceptval", "final", "inline", "trashcan"]
