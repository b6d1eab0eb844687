"""What a test file leaves as it found it: switches of the library, its public names, the interpreter's own state."""

import builtins
import os
import sys
from typing import Any

import numpy as np

from tests.backend import torch

SWITCHES = (
    "get_default_dtype", "get_default_device", "is_grad_enabled", "is_inference_mode_enabled", "is_anomaly_enabled",
    "are_deterministic_algorithms_enabled", "is_deterministic_algorithms_warn_only_enabled", "is_warn_always_enabled",
    "is_autocast_enabled", "get_num_threads", "get_float32_matmul_precision",
)  # fmt: skip
NAMESPACES = ("", "nn", "nn.functional", "optim", "autograd", "linalg", "special", "fft")


def state() -> dict[str, Any]:
    """Description -> what must be equal again afterwards."""
    found: dict[str, Any] = {f"torch.{name}()": getattr(torch, name)() for name in SWITCHES if hasattr(torch, name)}
    found["the current folder"] = os.getcwd()
    found["the limit of recursion"] = sys.getrecursionlimit()
    found["what traces the program"] = (sys.gettrace(), sys.getprofile(), sys.excepthook)
    found["NumPy's errors"] = np.geterr()
    found["NumPy's printing"] = np.get_printoptions()
    found["the library's modules"] = sys.modules.get(torch.__name__)
    for name, value in vars(builtins).items():
        if name != "_":  # the last value of an interactive session
            found[f"builtins.{name}"] = id(value)
    for space in NAMESPACES:
        found.update(public_classes(space))
    return found


def public_classes(space: str) -> dict[str, int]:
    """The classes of a public namespace, as far as they are loaded; functions may ask modes and classes first."""
    owner: Any = torch
    for part in space.split(".") if space else ():
        owner = getattr(owner, part)
    place = f"torch.{space}".rstrip(".")
    return {f"{place}.{name}": id(value) for name, value in vars(owner).items() if isinstance(value, type)}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is no longer as it was; names that were added are no change."""
    return [what for what, value in before.items() if what not in after or after[what] != value]
