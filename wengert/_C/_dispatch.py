"""Keys of torch's dispatcher, for programs that name them: operators here are not chosen by key."""

from __future__ import annotations

from typing import Any


class _Keys(type):
    def __getattr__(cls, name: str) -> DispatchKey:
        if name.startswith("_"):
            raise AttributeError(name)
        found = DispatchKey(name)
        setattr(cls, name, found)
        return found


class DispatchKey(metaclass=_Keys):
    """One key, such as `DispatchKey.AutocastCPU`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"DispatchKey.{self.name}"


class DispatchKeySet:
    """Some keys."""

    def __init__(self, *keys: Any) -> None:
        single = [key for key in keys if not isinstance(key, DispatchKeySet)]
        self.keys: frozenset[Any] = frozenset(single).union(*(s.keys for s in keys if isinstance(s, DispatchKeySet)))

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self, other)

    def has(self, key: Any) -> bool:
        """Whether a key is among them."""
        return key in self.keys


class _ExcludeDispatchKeyGuard:
    """A block without some keys; nothing is chosen by key, so nothing changes."""

    def __init__(self, keys: Any = None) -> None:
        self.keys = keys

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


_IncludeDispatchKeyGuard = _AutoDispatchBelowAutograd = _ForceDispatchKeyGuard = _ExcludeDispatchKeyGuard

__all__ = ["DispatchKey", "DispatchKeySet"]
