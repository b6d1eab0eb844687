"""Autocast's state by functions of one device type each: torch's names before `get_autocast_dtype(device_type)`."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.amp.autocast_mode import (
    get_autocast_dtype,
    is_autocast_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)

_DEVICES = {"cpu": "cpu", "gpu": "cuda", "ipu": "ipu", "xla": "xla"}


def _warn(name: str, instead: str) -> None:
    warnings.warn(f"torch.{name} is deprecated. Please use torch.{instead} instead.", DeprecationWarning, stacklevel=3)


def _getter(kind: str) -> Any:
    device = _DEVICES[kind]

    def get() -> Any:
        """The dtype of autocast blocks of one device type."""
        _warn(f"get_autocast_{kind}_dtype()", f"get_autocast_dtype('{device}')")
        return get_autocast_dtype(device)

    return get


def _setter(kind: str) -> Any:
    device = _DEVICES[kind]

    def set_dtype(dtype: Any) -> None:
        """Set the dtype of autocast blocks of one device type."""
        _warn(f"set_autocast_{kind}_dtype(dtype)", f"set_autocast_dtype('{device}', dtype)")
        set_autocast_dtype(device, dtype)

    return set_dtype


def _asker(kind: str) -> Any:
    device = _DEVICES[kind]

    def is_enabled() -> bool:
        """Whether the program is in an autocast block of one device type."""
        _warn(f"is_autocast_{kind}_enabled()", f"is_autocast_enabled('{device}')")
        return is_autocast_enabled(device)

    return is_enabled


def _switch(kind: str) -> Any:
    device = _DEVICES[kind]

    def set_enabled(enabled: bool) -> None:
        """Turn autocast on or off for one device type."""
        _warn(f"set_autocast_{kind}_enabled(enabled)", f"set_autocast_enabled('{device}', enabled)")
        set_autocast_enabled(device, enabled)

    return set_enabled


def _named(function: Any, name: str) -> Any:
    function.__name__ = function.__qualname__ = name
    return function


get_autocast_cpu_dtype = _named(_getter("cpu"), "get_autocast_cpu_dtype")
get_autocast_gpu_dtype = _named(_getter("gpu"), "get_autocast_gpu_dtype")
get_autocast_ipu_dtype = _named(_getter("ipu"), "get_autocast_ipu_dtype")
get_autocast_xla_dtype = _named(_getter("xla"), "get_autocast_xla_dtype")
set_autocast_cpu_dtype = _named(_setter("cpu"), "set_autocast_cpu_dtype")
set_autocast_gpu_dtype = _named(_setter("gpu"), "set_autocast_gpu_dtype")
set_autocast_ipu_dtype = _named(_setter("ipu"), "set_autocast_ipu_dtype")
set_autocast_xla_dtype = _named(_setter("xla"), "set_autocast_xla_dtype")
is_autocast_cpu_enabled = _named(_asker("cpu"), "is_autocast_cpu_enabled")
is_autocast_ipu_enabled = _named(_asker("ipu"), "is_autocast_ipu_enabled")
is_autocast_xla_enabled = _named(_asker("xla"), "is_autocast_xla_enabled")
set_autocast_cpu_enabled = _named(_switch("cpu"), "set_autocast_cpu_enabled")
set_autocast_ipu_enabled = _named(_switch("ipu"), "set_autocast_ipu_enabled")
set_autocast_xla_enabled = _named(_switch("xla"), "set_autocast_xla_enabled")

__all__ = [
    "get_autocast_cpu_dtype", "get_autocast_gpu_dtype", "get_autocast_ipu_dtype", "get_autocast_xla_dtype",
    "is_autocast_cpu_enabled", "is_autocast_ipu_enabled", "is_autocast_xla_enabled", "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled", "set_autocast_gpu_dtype", "set_autocast_ipu_dtype", "set_autocast_ipu_enabled",
    "set_autocast_xla_dtype", "set_autocast_xla_enabled",
]  # fmt: skip
