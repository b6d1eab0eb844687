"""Steps of paths into trees of Python containers (`torch.utils._pytree`)."""

from __future__ import annotations

from typing import Any, NamedTuple


class MappingKey(NamedTuple):
    """A step of a path into a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """What the step leads to."""
        return mapping[self.key]


class SequenceKey(NamedTuple):
    """A step of a path into a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """What the step leads to."""
        return sequence[self.idx]


class GetAttrKey(NamedTuple):
    """A step of a path to an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """What the step leads to."""
        return getattr(obj, self.name)


__all__ = ["GetAttrKey", "MappingKey", "SequenceKey"]
