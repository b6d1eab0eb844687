"""The processes that work together, as one of them sees it: groups, this process's rank, and who set them up.

`torch.distributed` makes groups and runs collectives; modules that train in parallel look here whether there are any.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ValueRangeError

NOT_INITIALIZED = "Default process group has not been initialized, please make sure to call init_process_group."


class ProcessGroup:
    """Some of the processes: `ranks` are their numbers in the whole world, in the order of their numbers here."""

    def __init__(self, name: str, ranks: tuple[int, ...], own: int, backend: str, description: str = "") -> None:
        self.group_name, self.ranks, self.own, self.backend_name = name, ranks, own, backend
        self.group_desc = description or "undefined"

    def rank(self) -> int:
        """The number of this process in the group; -1 outside it."""
        return self.ranks.index(self.own) if self.own in self.ranks else -1

    def size(self) -> int:
        """How many processes there are."""
        return len(self.ranks)

    def name(self) -> str:
        """What carries messages."""
        return self.backend_name

    def __repr__(self) -> str:
        return f"<torch.distributed.distributed_c10d.ProcessGroup object at {id(self):#x}>"


class World:
    """The group of all processes, and the groups made of it."""

    def __init__(self) -> None:
        self.default: ProcessGroup | None = None
        self.groups: dict[str, ProcessGroup] = {}
        self.store: Any = None

    def group(self, group: Any = None) -> ProcessGroup:
        """A group that was made; None is the default one.

        Raises: ValueRangeError when there is none.
        """
        if group is None:
            if self.default is None:
                raise ValueRangeError(NOT_INITIALIZED)
            return self.default
        if not isinstance(group, ProcessGroup) or self.groups.get(group.group_name) is not group:
            raise ValueRangeError(
                f"Group {group} is not registered, please create group with torch.distributed.new_group API"
            )
        return group


WORLD = World()

__all__ = ["WORLD", "ProcessGroup", "World"]
