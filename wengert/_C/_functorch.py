"""The steps of batching by themselves, and what programs ask about tensors inside transforms (`torch._C._functorch`).

A level is told by its place among the open ones, counted from 1.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape import transforms
from wengert.core.tape.batching import at, entered, left, whole
from wengert.core.tape.core import RECORDED
from wengert.core.tape.levels import BATCHED, DUAL, Level, close_level, open_level, open_levels

transforms.connect()


def is_batchedtensor(tensor: Any) -> bool:
    """Whether a tensor stands for a batch of them, inside vmap."""
    return bool(tensor._flags & BATCHED)


def is_functorch_wrapped_tensor(tensor: Any) -> bool:
    """Whether a tensor belongs to a transform that is under way."""
    return bool(tensor._flags & (BATCHED | DUAL))


def maybe_current_level() -> int | None:
    """The innermost level, or None outside all transforms."""
    return len(open_levels()) or None


def current_level() -> int:
    """The innermost level.

    Raises: GraphError outside all transforms.
    """
    level = maybe_current_level()
    if level is None:
        raise GraphError("No active functorch transform, so there is no current level")
    return level


def level_at(place: int) -> Level:
    """The open level at a place.

    Raises: GraphError where there is none.
    """
    levels = open_levels()
    if not 0 < place <= len(levels):
        raise GraphError(f"level {place} is not open; there are {len(levels)} levels")
    return levels[place - 1]


def maybe_get_level(tensor: Any) -> int:
    """The level of a batched tensor; -1 for any other, and where it has ended."""
    levels = open_levels()
    if not tensor._flags & BATCHED or tensor._array.level not in levels:
        return -1
    return levels.index(tensor._array.level) + 1


def maybe_get_bdim(tensor: Any) -> int:
    """Which dim of `get_unwrapped(tensor)` counts the entries: 0, since it is moved there; -1 where none does."""
    return -1 if not tensor._flags & BATCHED or tensor._array.dim is None else tensor._array.dim


def get_unwrapped(tensor: Any) -> Any:
    """The tensor that holds the whole batch.

    Raises: GraphError for a tensor that is not batched.
    """
    if not tensor._flags & BATCHED:
        raise GraphError("No wrappers present!")
    return tensor._array.value


def _vmap_increment_nesting(batch_size: int, randomness: str) -> int:
    """Open a level for batches of `batch_size` entries, and return its place."""
    open_level(Level(batch_size, randomness), True)
    return current_level()


def _vmap_decrement_nesting() -> int:
    """End the innermost level, and return the place it had."""
    place = current_level()
    close_level(level_at(place))
    return place


def _add_batch_dim(tensor: Any, batch_dim: int, level: int) -> Any:
    """The tensor as one entry of itself along a dim, at a level."""
    return entered(tensor, batch_dim % tensor._array.ndim, level_at(level))


def _remove_batch_dim(tensor: Any, level: int, batch_size: int, out_dim: int) -> Any:
    """All entries of a tensor at a level, along a new dim `out_dim`; equal ones where it is not batched there."""
    value = whole(tensor, level_at(level))
    return RECORDED.movedim(value, 0, out_dim) if out_dim else value


def _unwrap_batched(tensor: Any, level: int) -> tuple[Any, int | None]:
    """The whole batch of a tensor at a level and the dim of its entries; itself and None where it is not batched."""
    return left(tensor, level_at(level)) if at(tensor, level_at(level)) else (tensor, None)


__all__ = [
    "current_level", "get_unwrapped", "is_batchedtensor", "is_functorch_wrapped_tensor", "maybe_current_level",
    "maybe_get_bdim", "maybe_get_level",
]  # fmt: skip
