"""The device `cuda`: CuPy's arrays, imported when the first CUDA tensor is asked for.

Whether CuPy is installed and a GPU present is asked once; without either every request fails
with torch's words for a build without CUDA.  The rest is what `wengert.cuda` is made of:
counts, the current device, memory, streams.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays.backend import Backend
from wengert.core.base.errors import DeviceError, OutOfMemoryError

NOT_COMPILED = "Torch not compiled with CUDA enabled"
MISSING = f"{NOT_COMPILED}: it needs CuPy (pip install wengert[gpu]) and an NVIDIA driver with a GPU"

_found: dict[str, Any] = {}


class CudaMissingError(DeviceError, AssertionError):
    """Raised when a CUDA device is asked for and CuPy or the GPU is missing (torch raises AssertionError)."""


def library() -> Any:
    """The cupy module where it is installed and a device is there, else None; looked for once."""
    if "cupy" not in _found:
        _found["cupy"] = None
        try:
            import cupy
        except ImportError:
            return None
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError:
            count = 0
        if count:
            _found.update(cupy=cupy, count=count)
    return _found["cupy"]


def needed() -> Any:
    """The cupy module.

    Raises: CudaMissingError where there is none.
    """
    cupy = library()
    if cupy is None:
        raise CudaMissingError(MISSING)
    return cupy


def forget() -> None:
    """Look for CuPy anew at the next request."""
    _found.clear()


class Scanning:
    """A ufunc of CuPy with the methods that NumPy's has and CuPy's lacks."""

    def __init__(self, ufunc: Any, cupy: Any) -> None:
        self.ufunc, self.cupy = ufunc, cupy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.ufunc(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ufunc, name)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None) -> Any:
        """Running results along `axis` by doubling: step k joins what lies 2^k apart."""
        out = self.cupy.moveaxis(array.astype(array.dtype if dtype is None else dtype), axis, -1)
        step = 1
        while step < out.shape[-1]:
            joined = self.ufunc(out[..., :-step], out[..., step:])
            out = self.cupy.concatenate([out[..., :step], joined], axis=-1)
            step *= 2
        return self.cupy.moveaxis(out, -1, axis)

    def at(self, array: Any, indices: Any, values: Any) -> None:
        """array[indices] = ufunc(array[indices], values), one time for each time a place is named."""
        if self.ufunc is not self.cupy.multiply:
            self.ufunc.at(array, indices, values)
            return
        cupy = self.cupy
        indices = cupy.broadcast_arrays(*(indices if isinstance(indices, tuple) else (indices,)))
        places = cupy.ravel_multi_index(indices, array.shape[: len(indices)]).ravel()
        order = cupy.argsort(places)
        found = places[order]
        starts = cupy.searchsorted(found, found)
        rank = cupy.arange(found.size) - starts
        values = cupy.broadcast_to(values, array[indices].shape).reshape(found.size, *array.shape[len(indices) :])
        rows = cupy.ascontiguousarray(array).reshape(-1, *array.shape[len(indices) :])
        for k in range(int(rank.max()) + 1 if found.size else 0):
            now = rank == k
            rows[found[now]] = self.ufunc(rows[found[now]], values[order[now]])
        array[...] = rows.reshape(array.shape)


class Library:
    """The module cupy, with what bodies use of NumPy's that it lacks."""

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        for name in ("maximum", "minimum", "logaddexp", "multiply"):
            setattr(self, name, Scanning(getattr(cupy, name), cupy))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.cupy, name)
        setattr(self, name, value)
        return value


class CudaBackend(Backend):
    """CuPy arrays; `index` None is the current device."""

    name = "cuda"

    def __init__(self, cupy: Any) -> None:
        self.library, self.array_class = cupy, cupy.ndarray
        self.devices = tuple(devices.device("cuda", i) for i in range(_found["count"]))

    def at(self, index: int | None) -> Any:
        """A context in which arrays are made on a device."""
        if index is not None and index >= len(self.devices):
            raise DeviceError(
                f"CUDA error: invalid device ordinal: device {index} was asked for, there are {len(self.devices)}"
            )
        return self.library.cuda.Device(index)

    def made(self, index: int | None, function: Any, *arguments: Any, **options: Any) -> Any:
        """What `function` allocates on a device.

        Raises: OutOfMemoryError with torch's words.
        """
        with self.at(index):
            try:
                return function(*arguments, **options)
            except self.library.cuda.memory.OutOfMemoryError as error:
                raise OutOfMemoryError(f"CUDA out of memory. {error}") from None

    def empty(self, shape: tuple[int, ...], dtype: Any, index: int | None = None) -> Any:
        """An uninitialised array in row-major order."""
        return self.made(index, self.library.empty, shape, dtype)

    def full(self, shape: tuple[int, ...], value: Any, dtype: Any, index: int | None = None) -> Any:
        """An array with `value` everywhere."""
        if value == 0:
            return self.made(index, self.library.zeros, shape, dtype)
        return self.made(index, self.library.full, shape, np.asarray(value).astype(dtype)[()], dtype)

    def from_numpy(self, array: Any, index: int | None = None) -> Any:
        """A copy of a NumPy array on the device, in the same order of dims."""
        return self.made(index, self.library.asarray, array)

    def to_numpy(self, array: Any) -> Any:
        """A copy on the host, when the work that makes the array is done."""
        return array.get()

    def resolve(self, device: devices.device) -> devices.device:
        """The device by its index; the current one where it has none."""
        index = self.library.cuda.runtime.getDevice() if device.index is None else device.index
        if index >= len(self.devices):
            with self.at(index):
                pass
        return self.devices[index]

    def device_of(self, array: Any) -> devices.device:
        """The device that an array lies on."""
        return self.devices[array.device.id]


def make_cuda() -> CudaBackend:
    """The backend of the CUDA devices.

    Raises: CudaMissingError without CuPy or a GPU.
    """
    return CudaBackend(needed())


def probe() -> str | None:
    """The accelerator that a bare device index means."""
    return "cuda" if library() is not None else None


# ---------------------------------------------------------------- what wengert.cuda offers


def is_available() -> bool:
    """Whether CUDA tensors can be made."""
    return library() is not None


def device_count() -> int:
    """Number of GPUs; 0 without CuPy or a driver."""
    return _found["count"] if library() is not None else 0


def index_of(device: Any = None) -> int:
    """A device, index, string or None (the current one) as an index.

    Raises: CudaMissingError; DeviceError for a device that is no CUDA device or not there.
    """
    cupy = needed()
    if device is None:
        return cupy.cuda.runtime.getDevice()
    if not isinstance(device, int):
        device = devices.as_device(device)
        if device.type != "cuda":
            raise DeviceError(f"Expected a cuda device, but got: {device}")
        device = device.index
    if device is None:
        return cupy.cuda.runtime.getDevice()
    if not 0 <= device < device_count():
        raise DeviceError(f"Invalid device id: {device} was asked for, there are {device_count()} CUDA devices")
    return device


def current_device() -> int:
    """Index of the device that new CUDA tensors are made on."""
    return index_of()


def set_device(device: Any) -> None:
    """Choose the device that new CUDA tensors are made on, for this thread."""
    needed().cuda.Device(index_of(device)).use()


def synchronize(device: Any = None) -> None:
    """Wait until a device has done all that it was given."""
    needed().cuda.Device(index_of(device)).synchronize()


def memory_pool(device: Any = None) -> tuple[Any, Any]:
    """CuPy's memory pool and the context of the device that it serves."""
    cupy = needed()
    return cupy.get_default_memory_pool(), cupy.cuda.Device(index_of(device))


def memory_allocated(device: Any = None) -> int:
    """Bytes that arrays on a device take; 0 without CUDA."""
    if library() is None:
        return 0
    pool, where = memory_pool(device)
    with where:
        return int(pool.used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes that the pool of a device holds, used or kept for later; 0 without CUDA."""
    if library() is None:
        return 0
    pool, where = memory_pool(device)
    with where:
        return int(pool.total_bytes())


def empty_cache() -> None:
    """Give memory that is kept for later back to the driver."""
    if library() is not None:
        pool, where = memory_pool()
        with where:
            pool.free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of a device."""
    cupy = needed()
    with cupy.cuda.Device(index_of(device)):
        free, total = cupy.cuda.runtime.memGetInfo()
    return int(free), int(total)


def device_name(device: Any = None) -> str:
    """Name of a device as its driver gives it."""
    name = needed().cuda.runtime.getDeviceProperties(index_of(device))["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def device_capability(device: Any = None) -> tuple[int, int]:
    """Compute capability of a device, such as (9, 0)."""
    given = needed().cuda.runtime.getDeviceProperties(index_of(device))
    return int(given["major"]), int(given["minor"])


class Stream:
    """A queue of work on a device: `with Stream(): ...` puts what is computed inside on it.

    Raises: CudaMissingError without CuPy or a GPU.
    """

    def __init__(self, device: Any = None, priority: int = 0, own: Any = None) -> None:
        cupy = needed()
        self.device = devices.device("cuda", index_of(device))
        with cupy.cuda.Device(self.device.index):
            self.own = cupy.cuda.Stream(non_blocking=True) if own is None else own
        self.priority = priority

    def __enter__(self) -> Stream:
        self.own.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self.own.__exit__(*failure)

    @property
    def cuda_stream(self) -> int:
        """The driver's handle."""
        return int(self.own.ptr)

    def synchronize(self) -> None:
        """Wait until all work on this stream is done."""
        self.own.synchronize()

    def query(self) -> bool:
        """Whether all work on this stream is done."""
        return bool(self.own.done)

    def record_event(self, event: Event | None = None) -> Event:
        """Put a mark on the stream, `event` or a new one."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """What is put on this stream from now on waits for a mark."""
        self.own.wait_event(event.own)

    def wait_stream(self, stream: Stream) -> None:
        """What is put on this stream from now on waits for what is on another."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Stream) and self.cuda_stream == other.cuda_stream and self.device == other.device

    def __hash__(self) -> int:
        return hash((self.cuda_stream, self.device))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class Event:
    """A mark on a stream: wait for it, or measure the time between two.

    Raises: CudaMissingError without CuPy or a GPU.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        self.own = needed().cuda.Event(block=blocking, disable_timing=not enable_timing)

    def record(self, stream: Stream | None = None) -> None:
        """Put the mark on a stream, the current one unless given."""
        self.own.record(None if stream is None else stream.own)

    def wait(self, stream: Stream | None = None) -> None:
        """What is put on a stream from now on waits for this mark."""
        (stream or current_stream()).wait_event(self)

    def query(self) -> bool:
        """Whether the mark was reached."""
        return bool(self.own.done)

    def synchronize(self) -> None:
        """Wait until the mark is reached."""
        self.own.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this mark to another."""
        return float(needed().cuda.get_elapsed_time(self.own, end_event.own))


def current_stream(device: Any = None) -> Stream:
    """The stream that this thread's work goes to."""
    cupy = needed()
    return Stream(device, own=cupy.cuda.get_current_stream())


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to unless another is chosen."""
    return Stream(device, own=needed().cuda.Stream.null)
