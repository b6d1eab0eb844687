"""State dictionaries as a file in a folder (`torch.distributed.checkpoint.filesystem`)."""

from __future__ import annotations

import os
from typing import Any

from wengert.serialization import load, save

NAME = "__0_0.distcp"


class FileSystemWriter:
    """Writes a state dictionary into the folder `path`, which is made if it is not there."""

    def __init__(self, path: Any, **options: Any) -> None:
        self.path = os.fspath(path)

    def write(self, state_dict: dict[str, Any]) -> None:
        """Write tensors and whatever else `wengert.save` takes."""
        os.makedirs(self.path, exist_ok=True)
        save(state_dict, os.path.join(self.path, NAME))


class FileSystemReader:
    """Reads what a FileSystemWriter wrote into the folder `path`."""

    def __init__(self, path: Any) -> None:
        self.path = os.fspath(path)

    def read(self) -> dict[str, Any]:
        """The whole state dictionary."""
        saved: dict[str, Any] = load(os.path.join(self.path, NAME), weights_only=True)
        return saved


__all__ = ["FileSystemReader", "FileSystemWriter"]
