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


def _needed() -> None:
    if not is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")


def current_stream(device: Any = None, /) -> Any:
    """The current queue of work of the accelerator."""
    _needed()
    return cupy_backend.current_stream(device)


def get_device_capability(device: Any = None, /) -> Any:
    """What the accelerator can do: for CUDA its capability as two numbers."""
    _needed()
    return cupy_backend.device_capability(device)


def get_memory_info(device: Any = None, /) -> tuple[int, int]:
    """Bytes of the accelerator that are free, and all of them."""
    _needed()
    return cupy_backend.mem_get_info(device)


def memory_allocated(device: Any = None, /) -> int:
    """Bytes that tensors take."""
    _needed()
    return cupy_backend.memory_allocated(device)


def memory_reserved(device: Any = None, /) -> int:
    """Bytes that are held for tensors."""
    _needed()
    return cupy_backend.memory_reserved(device)


def max_memory_allocated(device: Any = None, /) -> int:
    """Bytes that tensors take now: peaks are not kept."""
    return memory_allocated(device)


def max_memory_reserved(device: Any = None, /) -> int:
    """Bytes that are held now: peaks are not kept."""
    return memory_reserved(device)


def memory_stats(device: Any = None, /) -> dict[str, Any]:
    """Bytes in use and held, by torch's names."""
    used, held = memory_allocated(device), memory_reserved(device)
    return {"allocated_bytes.all.current": used, "reserved_bytes.all.current": held}


def reset_peak_memory_stats(device: Any = None, /) -> None:
    """Accepted where there is an accelerator: peaks are not kept."""
    _needed()


def reset_accumulated_memory_stats(device: Any = None, /) -> None:
    """Accepted where there is an accelerator: sums are not kept."""
    _needed()


class device_index:  # noqa: N801
    """A block in which another accelerator is the current one; nothing for None."""

    def __init__(self, device: int | None, /) -> None:
        self.index = device
        self.before: int | None = None

    def __enter__(self) -> None:
        if self.index is not None:
            _needed()
            self.before = current_device_index()
            set_device_index(self.index)

    def __exit__(self, *error: Any) -> None:
        if self.before is not None:
            set_device_index(self.before)


current_device_idx, set_device_idx = current_device_index, set_device_index


def synchronize(device: Any = None, /) -> None:
    """Wait until the accelerator has done everything that was asked of it."""
    cupy_backend.synchronize(device)


def empty_cache() -> None:
    """Give unused memory back; nothing without an accelerator."""
    if is_available():
        cupy_backend.empty_cache()


__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "empty_cache", "get_device_capability", "get_device_module", "get_memory_info", "is_available",
    "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved", "memory_stats",
    "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx", "set_device_index", "synchronize",
]  # fmt: skip
