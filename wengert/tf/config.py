"""`tf.config`: what devices there are, and switches, most of which have nothing to switch here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple


class PhysicalDevice(NamedTuple):
    """A device of the machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device as operations name it."""

    name: str
    device_type: str


class LogicalDeviceConfiguration:
    """Limits of a device; nothing heeds them."""

    def __init__(
        self, memory_limit: Any = None, experimental_priority: Any = None, experimental_device_ordinal: Any = None
    ):
        self.memory_limit = memory_limit


CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")
SWITCHES: dict[str, Any] = {"functions": False, "placement": True, "inter": 0, "intra": 0}


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of a type: one CPU."""
    return [CPU] if device_type in (None, "CPU") else []


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of a type that are used."""
    return list_physical_devices(device_type)


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices of a type as operations name them."""
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Nothing to choose among."""


def get_logical_device_configuration(device: Any) -> None:
    """None: devices are not divided."""


def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Nothing: devices are not divided."""


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Functions run eagerly always; the setting is kept."""
    SWITCHES["functions"] = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """What was last set."""
    return bool(SWITCHES["functions"])


experimental_run_functions_eagerly, experimental_functions_run_eagerly = run_functions_eagerly, functions_run_eagerly


def set_soft_device_placement(enabled: bool) -> None:
    """Keep the setting."""
    SWITCHES["placement"] = bool(enabled)


def get_soft_device_placement() -> bool:
    """What was last set."""
    return bool(SWITCHES["placement"])


def kept(name: str) -> tuple[Any, Any]:
    """A pair of functions that keep a number."""

    def change(num_threads: int) -> None:
        SWITCHES[name] = num_threads

    def tell() -> int:
        return int(SWITCHES[name])

    return change, tell


def nothing(*args: Any, **kwargs: Any) -> None:
    """Nothing to switch."""


_inter, _intra = kept("inter"), kept("intra")
threading = SimpleNamespace(
    set_inter_op_parallelism_threads=_inter[0], get_inter_op_parallelism_threads=_inter[1],
    set_intra_op_parallelism_threads=_intra[0], get_intra_op_parallelism_threads=_intra[1],
)  # fmt: skip
optimizer = SimpleNamespace(
    set_jit=nothing, get_jit=lambda: "", set_experimental_options=nothing, get_experimental_options=lambda: {}
)
experimental = SimpleNamespace(
    set_memory_growth=nothing, get_memory_growth=lambda device: False, enable_op_determinism=nothing,
    list_physical_devices=list_physical_devices, get_visible_devices=get_visible_devices,
    enable_tensor_float_32_execution=nothing,
    tensor_float_32_execution_enabled=lambda: False, set_virtual_device_configuration=nothing,
    VirtualDeviceConfiguration=LogicalDeviceConfiguration, get_device_details=lambda device: {},
    reset_memory_stats=nothing,
    set_synchronous_execution=nothing, get_synchronous_execution=lambda: True,
)  # fmt: skip


def experimental_connect_to_host(remote_host: Any = None, job_name: str = "worker") -> None:
    """Refused: there are no remote devices. Raises ValueError."""
    raise ValueError(
        "Must provide at least one remote_host" if remote_host is None else "remote hosts are not available"
    )
