"""Objects by their names: `get("relu")`, `get(Class)`, `get({"class_name": ..., "config": ...})`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.tf.keras.state import snake

CUSTOM: dict[str, Any] = {}


def getter(kind: str, names: Callable[[], dict[str, Any]], make: bool = True) -> Callable[[Any], Any]:
    """The function `get` of a module: `names()` are what identifiers stand for; classes are called if `make`."""

    def get(identifier: Any) -> Any:
        """The object that a name, a config or an object stands for. Raises ValueError for an unknown one."""
        found: Any = identifier
        options: dict[str, Any] = {}
        if identifier is None:
            return None
        if isinstance(identifier, dict) and "class_name" in identifier:
            found, options = identifier["class_name"], identifier.get("config") or {}
        if isinstance(found, str):
            table = {**names(), **CUSTOM}
            found = table.get(found, table.get(snake(found)))
        if isinstance(found, type) and make:
            return found.from_config(options) if options and hasattr(found, "from_config") else found(**options)
        if callable(found) or (found is not None and not isinstance(found, (str, dict))):
            return found
        raise ValueError(f"Could not interpret {kind} identifier: {identifier}")

    return get


def table_of(namespace: dict[str, Any], names: Any) -> dict[str, Any]:
    """Classes and functions under their own names and in snake case."""
    return {key: namespace[name] for name in names for key in (name, snake(name))}


def described(value: Any, module: str) -> Any:
    """An object as configs hold it."""
    if value is None or isinstance(value, str):
        return value
    if not hasattr(value, "get_config"):
        return getattr(value, "__name__", str(value))
    return {"module": module, "class_name": type(value).__name__, "config": value.get_config(), "registered_name": None}


class Configured:
    """Base of objects that are made again from their config."""

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object from its config."""
        return cls(**config)
