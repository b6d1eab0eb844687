"""CUDA devices (`torch.cuda`), by CuPy.  Without CuPy or a GPU it answers as a torch built without CUDA does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn

from wengert.core.arrays.cupy_backend import (
    Event,
    Stream,
    current_device,
    current_stream,
    default_stream,
    device_count,
    empty_cache,
    index_of,
    is_available,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    needed,
    set_device,
    synchronize,
)
from wengert.core.arrays.cupy_backend import device_capability as get_device_capability
from wengert.core.arrays.cupy_backend import device_name as get_device_name
from wengert.core.arrays.dtype import TENSOR_TYPES
from wengert.core.base.errors import ArgumentError, DeviceError, OutOfMemoryError
from wengert.core.base.errors import DeviceError as AcceleratorError
from wengert.core.base.submodules import on_demand
from wengert.core.tensor.randomness import get_rng_state as cpu_state
from wengert.core.tensor.randomness import initial_seed as cpu_seed

default_generators: tuple[Any, ...] = ()
has_half, has_magma = True, False
_initialized = False


def is_initialized() -> bool:
    """Whether CUDA can be used at once: as soon as there is a GPU."""
    return is_available()


def init() -> None:
    """Make sure that CUDA can be used.

    Raises: CudaMissingError without CuPy or a GPU.
    """
    needed()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 tensors can be made on the GPU."""
    return is_available()


def get_arch_list() -> list[str]:
    """Architectures that kernels are compiled for in advance: none."""
    return []


def get_device_properties(device: Any = None) -> Any:
    """Name, memory and capability of a device, as attributes."""
    index = index_of(device)
    major, minor = get_device_capability(index)
    found = {"name": get_device_name(index), "major": major, "minor": minor, "total_memory": mem_get_info(index)[1]}
    return type("_CudaDeviceProperties", (), found)()


def manual_seed(seed: int) -> None:
    """Accepted: random numbers come from the CPU's generator on every device."""


def manual_seed_all(seed: int) -> None:
    """Accepted: see `manual_seed`."""


def seed() -> None:
    """Accepted: see `manual_seed`."""


def seed_all() -> None:
    """Accepted: see `manual_seed`."""


def initial_seed() -> int:
    """The seed of the generator that serves every device."""
    needed()
    return cpu_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """State of the generator that serves every device."""
    needed()
    return cpu_state()


def get_rng_state_all() -> list[Any]:
    """The generator's state, once a device."""
    return [get_rng_state() for _ in range(device_count())]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Accepted: see `manual_seed`."""


def set_rng_state_all(new_states: Any) -> None:
    """Accepted: see `manual_seed`."""


def max_memory_allocated(device: Any = None) -> int:
    """Bytes that arrays take now: peaks are not kept."""
    return memory_allocated(device)


def max_memory_reserved(device: Any = None) -> int:
    """Bytes that the pool holds now: peaks are not kept."""
    return memory_reserved(device)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Accepted: peaks are not kept."""


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Bytes in use and held, by torch's names; empty without CUDA."""
    if not is_available():
        return {}
    used, held = memory_allocated(device), memory_reserved(device)
    return {"allocated_bytes.all.current": used, "reserved_bytes.all.current": held}


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Bytes in use and held, in words."""
    return f"allocated: {memory_allocated(device)} bytes, reserved: {memory_reserved(device)} bytes"


def memory_cached(device: Any = None) -> int:
    """Older name of `memory_reserved`."""
    return memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """Older name of `max_memory_reserved`."""
    return max_memory_reserved(device)


def reset_max_memory_allocated(device: Any = None) -> None:
    """Accepted: peaks are not kept."""


def reset_max_memory_cached(device: Any = None) -> None:
    """Accepted: peaks are not kept."""


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Accepted: sums are not kept."""


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """`memory_stats` with a dictionary for each part of the names."""
    found: dict[str, Any] = {}
    for name, value in memory_stats(device).items():
        *path, last = name.split(".")
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return found


def host_memory_stats() -> dict[str, Any]:
    """Pinned memory of the host: none is kept apart."""
    return {}


def get_gencode_flags() -> str:
    """Flags for compilers of kernels: none, as none are compiled in advance."""
    return ""


def is_tf32_supported() -> bool:
    """Whether products may be rounded to TensorFloat-32: on GPUs of capability 8 and later."""
    return is_available() and get_device_capability()[0] >= 8


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether a device reads the memory of another."""
    cupy = needed()
    return bool(cupy.cuda.runtime.deviceCanAccessPeer(index_of(device), index_of(peer_device)))


def set_stream(stream: Stream | None) -> None:
    """Make a stream the current one; nothing for None."""
    if stream is not None:
        stream.own.use()


def is_current_stream_capturing() -> bool:
    """Whether work is being recorded for a graph.

    Raises: CudaMissingError without CuPy or a GPU.
    """
    return bool(needed().cuda.get_current_stream().is_capturing())


class CudaError(RuntimeError):
    """An error of the driver, by its number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CUDA error ({code})")


class DeferredCudaCallError(Exception):
    """Kept for programs that catch it: nothing is put off here."""


def ipc_collect() -> None:
    """Accepted: no memory is shared between processes."""
    needed()


class device:  # noqa: N801
    """A block in which another device is the current one; nothing for None or a negative index."""

    def __init__(self, device: Any) -> None:
        skip = device is None or isinstance(device, int) and device < 0
        self.index = -1 if skip else index_of(device)
        self.before = -1

    def __enter__(self) -> None:
        if self.index >= 0:
            self.before = current_device()
            set_device(self.index)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.index >= 0:
            set_device(self.before)


class device_of(device):  # noqa: N801
    """A block in which a tensor's device is the current one; nothing for tensors on the CPU."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.device.index if obj.device.type == "cuda" else None)


class CUDAGraph:
    """Work on a GPU that is recorded and replayed: not offered, as in a torch without CUDA.

    Raises: DeviceError whenever one is made.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> CUDAGraph:
        raise DeviceError("Tried to instantiate dummy base class CUDAGraph")


class graph:  # noqa: N801
    """A block whose work on a GPU is recorded into a CUDAGraph: not offered.

    Raises: DeviceError whenever one is made.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> graph:
        raise DeviceError("Tried to instantiate dummy base class CUDAGraph")


class StreamContext:
    """A block whose work goes on a stream; nothing for None."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> Any:
        return None if self.stream is None else self.stream.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self.stream is not None:
            self.stream.__exit__(*error)


def stream(stream: Stream | None) -> StreamContext:
    """The StreamContext of a stream."""
    return StreamContext(stream)


def unavailable(name: str) -> type:
    """A legacy tensor class of the GPU: names the dtype, makes nothing."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise ArgumentError(
            f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled; give device='cuda' to a "
            "factory function instead"
        )

    return type(name, (), {"__new__": refuse, "is_cuda": True, "__doc__": "A legacy class; raises when called."})


for _full, _dtype in TENSOR_TYPES.items():
    if not _dtype.is_complex:
        _name = _full.rsplit(".", 1)[1]
        globals()[_name] = unavailable(_name)
del _full, _dtype, _name

__all__ = [
    "CUDAGraph", "Event", "OutOfMemoryError", "Stream", "StreamContext", "graph",
    "current_device", "current_stream", "default_generators", "default_stream",
    "device", "device_count", "device_of", "empty_cache", "get_arch_list", "get_device_capability", "get_device_name",
    "get_device_properties", "get_rng_state", "get_rng_state_all", "has_half", "has_magma", "init", "initial_seed",
    "ipc_collect", "is_available", "is_bf16_supported", "is_initialized", "manual_seed", "manual_seed_all",
    "max_memory_allocated", "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_reserved",
    "CudaError", "DeferredCudaCallError", "can_device_access_peer", "get_gencode_flags", "host_memory_stats",
    "is_current_stream_capturing", "is_tf32_supported", "max_memory_cached", "memory_cached",
    "memory_stats_as_nested_dict", "reset_accumulated_memory_stats", "reset_max_memory_allocated",
    "reset_max_memory_cached", "set_stream",
    "memory_stats", "memory_summary", "reset_peak_memory_stats", "seed", "seed_all", "set_device", "set_rng_state",
    "set_rng_state_all", "stream", "synchronize",
]  # fmt: skip

__getattr__ = on_demand(__name__)
