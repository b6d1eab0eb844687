"""Array libraries by device: who makes arrays on `cpu`, `meta`, `cuda`, and how they travel.

One Backend a device type.  `cpu` is NumPy; others announce themselves with `use_backend`,
imported on first use of their device.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.base.errors import MissingError


class Backend:
    """What a device owes: empty arrays, filled arrays, and copies from and to NumPy."""

    name = "cpu"
    array_class: type = np.ndarray

    def empty(self, shape: tuple[int, ...], dtype: Any, index: int | None = None) -> Any:
        """An uninitialised array in row-major order."""
        return np.empty(shape, dtype)

    def full(self, shape: tuple[int, ...], value: Any, dtype: Any, index: int | None = None) -> Any:
        """An array with `value` everywhere."""
        if value == 0 and not isinstance(value, complex) and copysign(1.0, value) > 0:
            return np.zeros(shape, dtype)
        out = np.empty(shape, dtype)
        out.fill(value)
        return out

    def from_numpy(self, array: Any, index: int | None = None) -> Any:
        """A NumPy array on this device (the same array on the CPU)."""
        return array

    def to_numpy(self, array: Any) -> Any:
        """This device's array as a NumPy array."""
        return array

    def device_of(self, array: Any) -> devices.device:
        """The device object of an array."""
        return devices.cpu

    def resolve(self, device: devices.device) -> devices.device:
        """The device that tensors have which are made on `device`: the current one where it has no index."""
        return devices.cpu

    def item(self, array: Any) -> Any:
        """The only element of an array as a Python number."""
        found = self.to_numpy(array)
        return (found.astype(np.float32) if found.dtype.kind == "V" else found).item()


CPU = Backend()
_BACKENDS: dict[str, Backend] = {"cpu": CPU}
_BY_CLASS: dict[type, Backend] = {np.ndarray: CPU}
_LATE: dict[str, Callable[[], Backend]] = {}
DEVICE_OF: dict[type, Callable[[Any], devices.device]] = {np.ndarray: CPU.device_of}
"""Array class -> function that tells an array's device."""


def use_backend(backend: Backend) -> Backend:
    """Announce a backend for its device type."""
    _BACKENDS[backend.name] = backend
    _BY_CLASS[backend.array_class] = backend
    DEVICE_OF[backend.array_class] = backend.device_of
    return backend


def use_late(name: str, make: Callable[[], Backend]) -> None:
    """Announce a backend that is made when its device is first asked for."""
    _LATE[name] = make


def backend_for(device: devices.device) -> Backend:
    """The backend of a device.

    Raises: whatever the late maker raises where the device does not exist; MissingError for device types we lack.
    """
    found = _BACKENDS.get(device.type)
    if found is not None:
        return found
    make = _LATE.get(device.type)
    if make is None:
        raise MissingError(
            f"Could not run 'aten::empty.memory_format' with arguments from the '{device.type.upper()}' backend: "
            "wengert computes on cpu, cuda (by CuPy) and meta tensors"
        )
    return use_backend(make())


def backend_of(array: Any) -> Backend:
    """The backend that an array belongs to."""
    return _BY_CLASS.get(array.__class__, CPU)
