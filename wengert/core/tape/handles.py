"""What registering a hook gives back."""

from __future__ import annotations

import weakref
from itertools import count
from typing import Any


class RemovableHandle:
    """Takes a hook away again: `handle.remove()`, or at the end of a `with handle:` block.

    hooks_dict: the table that holds the hook under `id`; kept weakly, as are the tables in
    `extra_dict` that hold something under the same id.
    """

    next_id = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref: Any = weakref.ref(hooks_dict)
        self.id = next(_ids)
        RemovableHandle.next_id = self.id + 1
        if extra_dict is None:
            self.extra_dict_ref: tuple[Any, ...] = ()
        else:
            tables = extra_dict if isinstance(extra_dict, list) else [extra_dict]
            self.extra_dict_ref = tuple([weakref.ref(table) for table in tables])

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self) -> Any:
        tables = tuple([ref() for ref in self.extra_dict_ref])
        return (self.hooks_dict_ref(), self.id, tables) if tables else (self.hooks_dict_ref(), self.id)

    def __setstate__(self, state: Any) -> None:
        # A table that was gone when the handle was pickled stays gone.
        table = HookTable() if state[0] is None else state[0]
        self.hooks_dict_ref = weakref.ref(table)
        self.id = state[1]
        self.extra_dict_ref = tuple(
            [weakref.ref(HookTable() if extra is None else extra) for extra in (state[2] if len(state) > 2 else ())]
        )
        while RemovableHandle.next_id <= self.id:
            RemovableHandle.next_id = next(_ids) + 1

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, type: Any, value: Any, tb: Any) -> None:
        self.remove()


_ids = count()


class HookTable(dict):
    """Hooks by the id of their handles; unlike a plain dictionary it can be referred to weakly."""

    def add(self, hook: Any) -> RemovableHandle:
        """Enter a hook; its handle."""
        handle = RemovableHandle(self)
        self[handle.id] = hook
        return handle


class NodeExtra:
    """What few nodes have: hooks, metadata, retained gradients, the anomaly mode's traceback."""

    __slots__ = ("tensor_hooks", "retained", "prehooks", "posthooks", "metadata", "traceback", "parent", "__weakref__")

    def __init__(self) -> None:
        self.tensor_hooks: dict[int, tuple[int, Any]] = HookTable()
        self.retained: dict[int, Any] = {}
        self.prehooks: dict[int, Any] = HookTable()
        self.posthooks: dict[int, Any] = HookTable()
        self.metadata: dict[str, Any] = {}
        self.traceback: Any = None
        self.parent: Any = None


__all__ = ["HookTable", "NodeExtra", "RemovableHandle"]
