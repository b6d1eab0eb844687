"""`tf.experimental`: what of it works on tensors in memory."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from wengert.tf.conversion import tensor_of
from wengert.tf.tensor import from_array


def to_dlpack(tf_tensor: Any) -> Any:
    """A tensor's value for another library, through DLPack."""
    return tensor_of(tf_tensor)._array.copy().__dlpack__()


def from_dlpack(dlcapsule: Any) -> Any:
    """A tensor of another library's value, through DLPack."""
    return from_array(np.from_dlpack(dlcapsule if hasattr(dlcapsule, "__dlpack__") else Held(dlcapsule)).copy())


class Held:
    """A capsule in the form that NumPy asks for."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def async_clear_error() -> None:
    """Nothing runs asynchronously."""


def enable_strict_mode() -> None:
    """Nothing is deprecated yet."""


def function_executor_type(executor_type: Any) -> Any:
    """A scope without effect."""
    return nullcontext()


dlpack = SimpleNamespace(to_dlpack=to_dlpack, from_dlpack=from_dlpack)
