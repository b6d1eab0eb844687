"""Saved values under hooks: `pack` when they are saved, `unpack` when a gradient needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape.core import MARKS, NR_SHIFT, MarkedResult, Packed, Result, recorded_value, wrap
from wengert.core.tape.modes import current, enter, leave

MARKED: dict[str, Any] = {}
"""What keeps the histories further out of dual and batched values: "remembering" (set by transforms.py)."""

Hooks = tuple[Callable[[Any], Any], Callable[[Any], Any]]


def pack_saved(node: Any, hooks: Hooks) -> None:
    """Replace a node's saved values by what the pack hook makes of them."""

    def each(value: Any) -> Any:
        if value is None or value.__class__ is Packed:
            return value
        if value.__class__ is tuple or value.__class__ is list:
            return value.__class__([None if x is None else packed(x, hooks) for x in value])
        return packed(value, hooks)

    node._saved = tuple([each(value) for value in node._saved])


def packed(value: Any, hooks: Hooks) -> Packed:
    """A saved value given to a pack hook, which may not write to it."""
    pack, unpack = hooks
    own = isinstance(value, Result)
    tensor = value
    if own:
        tensor = wrap(value._array)
        tensor._vc = value._vc
        if value.__class__ is MarkedResult:
            tensor._flags, tensor._extra = value.flags, value.extra
    before = 0 if tensor._vc is None else tensor._vc.n
    token = enter(current().but(grad=False, hooks=()))
    try:
        made = pack(tensor)
    finally:
        leave(token)
    if tensor._vc is not None and tensor._vc.n != before:
        raise GraphError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can not "
            "be modified by in-place operations: give back a changed copy instead."
        )
    if tensor._flags & MARKS:
        unpack = MARKED["remembering"](unpack, tensor)
    if own:
        return Packed(made, unpack, True, value.nr)
    return Packed(made, unpack, False, value._flags >> NR_SHIFT, value._node if value._flags & 1 else None)


class SavedTensor:
    """One saved value of a node (`node._raw_saved_self`), on which hooks can be set."""

    __slots__ = ("node", "place")

    def __init__(self, node: Any = None, place: int = 0) -> None:
        if node is None:
            raise GraphError("Trying to create a SavedTensor object from Python is forbidden.")
        self.node, self.place = node, place

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Replace the value by `pack_hook(value)`, from which `unpack_hook` must make a tensor again.

        Raises: GraphError if hooks are set already, nothing was saved, or the value has been freed.
        """
        if not (callable(pack_hook) and callable(unpack_hook)):
            raise ArgumentError(
                "register_hooks(): incompatible function arguments. The following argument types are supported: "
                "(pack_hook: Callable, unpack_hook: Callable)"
            )
        saved = self.node._saved
        if saved is None:
            raise GraphError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad()."
            )
        value = saved[self.place]
        if value is None:
            raise GraphError("Calling register_hooks on a saved tensor with value None is forbidden")
        if value.__class__ is Packed:
            raise GraphError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of "
                "hooks is allowed at a time."
            )
        self.node._saved = (*saved[: self.place], packed(value, (pack_hook, unpack_hook)), *saved[self.place + 1 :])

    @property
    def data(self) -> Any:
        """What is stored: the value itself, or what the pack hook made of it; None once freed."""
        saved = self.node._saved
        if saved is None:
            return None
        value = saved[self.place]
        return value.packed if value.__class__ is Packed else recorded_value(self.node, self.place)

    @property
    def unpack_hook(self) -> Any:
        """The unpack hook, None where none is set."""
        value = (self.node._saved or {self.place: None})[self.place]
        return value.unpack if value.__class__ is Packed else None


__all__ = ["SavedTensor", "pack_saved", "packed"]
