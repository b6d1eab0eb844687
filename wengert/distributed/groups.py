"""Setting up the processes that work together: one process, which stands for the whole world.

A program written for several processes runs here as the only one: collectives have one contribution.  Asking for more
processes is an error that says so.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from wengert.core.base.errors import DeviceError, MissingError, ValueRangeError
from wengert.distributed.stores import HashStore
from wengert.utils.world import NOT_INITIALIZED, WORLD, ProcessGroup

default_pg_timeout = timedelta(minutes=30)
default_pg_nccl_timeout = timedelta(minutes=10)
KNOWN = ("undefined", "gloo", "nccl", "xccl", "ucc", "mpi", "fake")


class Backend(str):
    """What carries messages, by its name in lower case."""

    UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE = KNOWN
    backend_list = list(KNOWN)

    def __new__(cls, name: str) -> Backend:
        """The backend of a name.

        Raises: ValueRangeError when it is no string.
        """
        if not isinstance(name, str):
            raise ValueRangeError("Backend constructor parameter must be string-ish")
        return super().__new__(cls, name.lower())


class GroupMember:
    """Who is in a group: WORLD is the default group once there is one."""

    NON_GROUP_MEMBER = -100


class _Groups(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return WORLD.default


class group(metaclass=_Groups):
    """`group.WORLD` is the default group, None before there is one."""


def is_available() -> bool:
    """True: a world of one process can be set up."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return WORLD.default is not None


def is_gloo_available() -> bool:
    """True: the name is accepted for a world of one process."""
    return True


def is_mpi_available() -> bool:
    """False."""
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


def is_ucc_available() -> bool:
    """False."""
    return False


def is_xccl_available() -> bool:
    """False."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether `init_process_group` accepts a backend."""
    return backend.lower() == "gloo"


def is_torchelastic_launched() -> bool:
    """Whether torchrun started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def from_environment(rank: int, world_size: int) -> tuple[int, int]:
    """Rank and world size, those that are -1 from the environment as launchers set it.

    Raises: ValueRangeError for a variable that is not set.
    """

    def variable(name: str) -> int:
        if name not in os.environ:
            raise ValueRangeError(
                "Error initializing torch.distributed using env:// rendezvous: environment variable "
                f"{name} expected, but not set"
            )
        return int(os.environ[name])

    rank = variable("RANK") if rank < 0 else rank
    return rank, variable("WORLD_SIZE") if world_size < 0 else world_size


def init_process_group(
    backend: str | None = None, init_method: str | None = None, timeout: timedelta | None = None,
    world_size: int = -1, rank: int = -1, store: Any = None, group_name: str = "", pg_options: Any = None,
    device_id: Any = None, _ranks: Any = None,
) -> None:  # fmt: skip
    """Make the default group, of one process.

    Rank and world size are given, or come from RANK and WORLD_SIZE (init_method "env://" or None).
    Raises: ValueRangeError the second time, and when a number is missing; DeviceError for nccl, mpi, ucc and xccl;
    MissingError for more than one process.
    """
    if WORLD.default is not None:
        raise ValueRangeError("trying to initialize the default process group twice!")
    name = parsed_backend(backend)
    if store is None and (init_method is None or init_method.startswith("env://")):
        rank, world_size = from_environment(rank, world_size)
    if world_size > 1:
        raise MissingError(
            f"init_process_group: a world of {world_size} processes was asked for, and messages between processes are "
            "not available: run the program as one process (WORLD_SIZE=1)"
        )
    if rank != 0 or world_size != 1:
        raise ValueRangeError(f"init_process_group needs rank=0 and world_size=1, got rank={rank} and {world_size=}")
    WORLD.store = HashStore() if store is None else store
    WORLD.default = ProcessGroup("0", (0,), 0, name, "default_pg")
    WORLD.groups = {"0": WORLD.default}


def parsed_backend(backend: str | None) -> Backend:
    """The backend of a name such as "gloo" or "cpu:gloo,cuda:nccl".

    Raises: DeviceError for one that would need another library, ValueRangeError for an unknown one.
    """
    parts = [part.rpartition(":")[2] for part in (backend or "gloo").split(",")]
    if "gloo" in parts or "fake" in parts:
        return Backend("gloo")
    name = Backend(parts[0])
    if name not in KNOWN:
        raise ValueRangeError(f"Unknown c10d backend type {name.upper()}: use gloo")
    raise DeviceError(f"Distributed package doesn't have {name.upper()} built in: use gloo, in a world of one process")


def destroy_process_group(group: Any = None) -> None:
    """Forget a group; without one, all of them."""
    assert WORLD.default is not None, "Process group cannot be None"
    if group is None or group is WORLD.default:
        WORLD.default, WORLD.groups, WORLD.store = None, {}, None
    else:
        del WORLD.groups[WORLD.group(group).group_name]


def get_rank(group: Any = None) -> int:
    """The number of this process in a group: 0, or -1 outside it."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    return WORLD.group(group).rank()


def get_world_size(group: Any = None) -> int:
    """How many processes a group has; -1 outside it."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    return WORLD.group(group).size()


def get_backend(group: Any = None) -> Backend:
    """What carries the messages of a group."""
    return Backend(WORLD.group(group).backend_name)


def get_backend_config(group: Any = None) -> str:
    """The backend of each kind of device."""
    return f"cpu:{get_backend(group)},cuda:{get_backend(group)}"


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The numbers that a group's processes have in the whole world."""
    return list(WORLD.group(group).ranks)


def get_global_rank(group: Any, group_rank: int) -> int:
    """The number in the whole world of process `group_rank` of a group."""
    ranks = WORLD.group(group).ranks
    if not 0 <= group_rank < len(ranks):
        raise ValueRangeError(f"Group rank {group_rank} is not part of group {group}")
    return ranks[group_rank]


def get_group_rank(group: Any, global_rank: int) -> int:
    """The number in a group of process `global_rank` of the whole world."""
    ranks = WORLD.group(group).ranks
    if global_rank not in ranks:
        raise ValueRangeError(f"Global rank {global_rank} is not part of group {group}")
    return ranks.index(global_rank)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """$LOCAL_RANK, else `fallback_rank`.

    Raises: RuntimeError without either.
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError("LOCAL_RANK is not in the environment. Consider passing fallback_rank")


def new_group(
    ranks: Any = None, timeout: timedelta | None = None, backend: str | None = None, pg_options: Any = None,
    use_local_synchronization: bool = False, group_desc: str | None = None, device_id: Any = None,
) -> Any:  # fmt: skip
    """A group of some processes; outside it, GroupMember.NON_GROUP_MEMBER.

    Raises: ValueRangeError before `init_process_group`, and for numbers that no process has.
    """
    everybody = WORLD.group()
    chosen = everybody.ranks if ranks is None else tuple(sorted(ranks))
    wrong = [rank for rank in chosen if rank not in everybody.ranks]
    if wrong:
        raise ValueRangeError(
            f"The new group's rank should be within the world_size set by init_process_group: {wrong}"
        )
    if everybody.own not in chosen:
        return GroupMember.NON_GROUP_MEMBER
    name = str(max(map(int, WORLD.groups)) + 1)
    made = WORLD.groups[name] = ProcessGroup(name, chosen, everybody.own, everybody.backend_name, group_desc or "")
    return made


def _get_default_group() -> ProcessGroup:
    return WORLD.group()


def _get_default_store() -> Any:
    if WORLD.store is None:
        raise ValueRangeError(NOT_INITIALIZED)
    return WORLD.store


def _rank_not_in_group(group: Any) -> bool:
    return group == GroupMember.NON_GROUP_MEMBER


__all__ = [
    "Backend", "GroupMember", "ProcessGroup", "default_pg_timeout", "destroy_process_group", "get_backend",
    "get_backend_config", "get_global_rank", "get_group_rank", "get_node_local_rank", "get_process_group_ranks",
    "get_rank", "get_world_size", "group", "init_process_group", "is_available", "is_backend_available",
    "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available", "is_torchelastic_launched",
    "is_ucc_available", "is_xccl_available", "new_group",
]  # fmt: skip
