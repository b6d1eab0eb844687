"""Custom Functions by import path: found among what the program has, imported only where that is allowed."""

from __future__ import annotations

import sys
import weakref
from importlib import import_module
from typing import Any

from wengert.core.tape.function import FunctionMeta
from wengert.files.graphs.graph import GraphFileError

_local: Any = weakref.WeakValueDictionary()
"""Functions defined inside of functions, which no import path leads to, by the path under which they were stored."""


def note_local(path: str, cls: Any) -> None:
    """Remember a class that was stored under a path that leads nowhere."""
    if "<locals>" in path:
        _local[path] = cls


def function_at(path: str, may_import: bool, safe: dict[str, Any]) -> Any:
    """The custom Function at an import path.

    may_import: modules may be imported, which runs their code.  safe: classes declared safe, by the name in the file.

    Raises: GraphFileError where there is none, or its module would have to be imported first.
    """
    found = safe.get(path)
    if found is None:
        found = _local.get(path)
    if found is None and "<locals>" not in path:
        found = reached(path, may_import)
    if found is None:
        raise GraphFileError(
            f"the graph file calls the custom Function {path!r}, which is not there. "
            + (
                "It was defined inside a function, so only the process that saved it can find it: define it at the top "
                "level of a module."
                if "<locals>" in path
                else "Import the module that defines it first, or declare the class with "
                "torch.serialization.add_safe_globals, or let load import it with weights_only=False (which runs the "
                "module's code)."
            )
        )
    if not isinstance(found, FunctionMeta):
        raise GraphFileError(f"the graph file calls {path!r}, which is no autograd.Function but {found!r:.80}")
    return found


def reached(path: str, may_import: bool) -> Any:
    """What an import path leads to, None for nothing."""
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for cut in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:cut])
        module = sys.modules.get(name)
        if module is None and may_import:
            try:
                module = import_module(name)
            except ImportError:
                continue
        if module is None:
            continue
        value: Any = module
        for part in parts[cut:]:
            value = value.__dict__.get(part) if hasattr(value, "__dict__") else None
            if value is None:
                break
        if value is not None:
            return value
    return None


__all__ = ["function_at", "note_local"]
