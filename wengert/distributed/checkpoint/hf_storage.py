"""State dictionaries of tensors as a safetensors file in a folder (`torch.distributed.checkpoint.hf_storage`)."""

from __future__ import annotations

import os
from typing import Any

from wengert.files.safetensors import load_file, save_file

NAME = "model.safetensors"


class HuggingFaceStorageWriter:
    """Writes `model.safetensors` into the folder `path`; a single process needs no consolidation."""

    def __init__(self, path: Any, *args: Any, **options: Any) -> None:
        self.path = os.fspath(path)

    def write(self, state_dict: dict[str, Any]) -> None:
        """Write tensors by their names."""
        os.makedirs(self.path, exist_ok=True)
        save_file({name: value.detach().contiguous() for name, value in state_dict.items()},
                  os.path.join(self.path, NAME))  # fmt: skip


class HuggingFaceStorageReader:
    """Reads every safetensors file of the folder `path`."""

    def __init__(self, path: Any, *args: Any, **options: Any) -> None:
        self.path = os.fspath(path)

    def read(self) -> dict[str, Any]:
        """The tensors of all files by their names."""
        tensors: dict[str, Any] = {}
        for name in sorted(os.listdir(self.path)):
            if name.endswith(".safetensors"):
                tensors.update(load_file(os.path.join(self.path, name)))
        return tensors


__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]
