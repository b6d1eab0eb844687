"""The accelerator present, whatever its kind (`torch.accelerator`): a CUDA device through CuPy, or none."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wengert.core.arrays import cupy_backend
from wengert.core.arrays.device import as_device, device


def is_available() -> bool:
    """Whether there is one."""
    return cupy_backend.is_available()


def device_count() -> int:
    """How many there are."""
    return cupy_backend.device_count()


def current_accelerator(check_available: bool = False) -> Any:
    """The kind of accelerator as a device without index; None where there is none."""
    return device("cuda") if is_available() else None


def current_device_index() -> int:
    """Index of the current accelerator."""
    return cupy_backend.current_device()


def set_device_index(device: Any, /) -> None:
    """Make an accelerator the current one."""
    cupy_backend.set_device(device)


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device, such as `torch.cuda`; of the accelerator present, else of the CPU.

    Raises: RuntimeError for a kind without a module.
    """
    kind = ("cuda" if is_available() else "cpu") if device is None else as_device(device).type
    try:
        return import_module(f"wengert.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(f"Invalid device string or device type {kind!r}: no module of that name") from None


def synchronize(device: Any = None, /) -> None:
    """Wait until the accelerator has done everything that was asked of it."""
    cupy_backend.synchronize(device)


def empty_cache() -> None:
    """Give unused memory back; nothing without an accelerator."""
    if is_available():
        cupy_backend.empty_cache()


__all__ = [
    "current_accelerator", "current_device_index", "device_count", "empty_cache", "get_device_module", "is_available",
    "set_device_index", "synchronize",
]  # fmt: skip
