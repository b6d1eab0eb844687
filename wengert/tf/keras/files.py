"""Weights in files: HDF5 where h5py is installed, NumPy's format elsewhere."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file begins."""


def h5py() -> Any:
    """The package h5py, or None."""
    try:
        import h5py as package
    except ImportError:
        return None
    return package


def save_values(filepath: Any, values: list[Any]) -> None:
    """Write arrays in their order. Raises ValueError for another ending than `.weights.h5` and `.npz`."""
    path = os.fspath(filepath)
    if not path.endswith((".weights.h5", ".npz")):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    named = {f"{i:05d}": value for i, value in enumerate(values)}
    package = None if path.endswith(".npz") else h5py()
    if package is not None:
        with package.File(path, "w") as file:
            for key, value in named.items():
                file[key] = value
        return
    if path.endswith(".h5"):
        warnings.warn(f"h5py is not installed: {path!r} is written in NumPy's format", stacklevel=4)
    with open(path, "wb") as file:
        np.savez(file, **named)


def load_values(filepath: Any) -> list[Any]:
    """The arrays of a file. Raises ValueError for one that `save_values` did not write, ImportError without h5py."""
    path = os.fspath(filepath)
    with open(path, "rb") as file:
        hierarchical = file.read(8) == SIGNATURE
    if not hierarchical:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[key] for key in sorted(arrays.files)]
    package = h5py()
    if package is None:
        raise ImportError(f"{path!r} is an HDF5 file: reading it needs the package h5py")
    with package.File(path, "r") as file:
        if not all(isinstance(file[key], package.Dataset) for key in file):
            raise ValueError(f"{path!r} has the layout of another program: weights are read from files of save_weights")
        return [file[key][()] for key in sorted(file)]
