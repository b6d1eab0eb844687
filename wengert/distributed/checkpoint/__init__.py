"""State dictionaries in a folder (`torch.distributed.checkpoint`), written and read by a world of one process."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.core.tape.core import TensorBase
from wengert.distributed.checkpoint import filesystem, hf_storage
from wengert.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter


def save(
    state_dict: dict[str, Any], *, checkpoint_id: Any = None, storage_writer: Any = None, planner: Any = None,
    process_group: Any = None, no_dist: bool = False, use_collectives: bool = True,
) -> None:  # fmt: skip
    """Write `state_dict` into the folder `checkpoint_id`, or with a writer.

    Raises: ValueRangeError without either.
    """
    if storage_writer is None and checkpoint_id is None:
        raise ValueRangeError("save needs a checkpoint_id, the folder to write, or a storage_writer")
    (storage_writer or FileSystemWriter(checkpoint_id)).write(state_dict)


def load(
    state_dict: dict[str, Any], *, checkpoint_id: Any = None, storage_reader: Any = None, planner: Any = None,
    process_group: Any = None, no_dist: bool = False,
) -> None:  # fmt: skip
    """Fill the tensors of `state_dict` in place, and replace its other values, from what was saved.

    Raises: ValueRangeError without a folder or a reader; GraphError for a name that was not saved.
    """
    if storage_reader is None and checkpoint_id is None:
        raise ValueRangeError("load needs a checkpoint_id, the folder to read, or a storage_reader")
    fill(state_dict, (storage_reader or FileSystemReader(checkpoint_id)).read())


def fill(target: dict[str, Any], saved: dict[str, Any]) -> None:
    """Take the values of `target` over from `saved`, nested dictionaries entry by entry."""
    for name, value in target.items():
        if name not in saved:
            raise GraphError(f"Missing key in checkpoint state_dict: {name}.")
        if isinstance(value, TensorBase):
            with no_grad():
                value.copy_(saved[name])  # type: ignore[attr-defined]
        elif isinstance(value, dict):
            fill(value, saved[name])
        else:
            target[name] = saved[name]


__all__ = ["FileSystemReader", "FileSystemWriter", "filesystem", "hf_storage", "load", "save"]
