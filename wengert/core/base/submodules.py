"""Submodules that are imported when somebody first names them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def on_demand(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose submodules are its attributes without having been imported.

    Raises: AttributeError for a name that is no submodule; what a submodule itself cannot import stays an ImportError.
    """

    def find(name: str) -> Any:
        path = f"{package}.{name}"
        if not name.startswith("__"):
            try:
                return import_module(path)
            except ModuleNotFoundError as error:
                if error.name != path:
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find


__all__ = ["on_demand"]
