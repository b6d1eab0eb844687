"""A NumPy-backed stand-in for the module `cupy`, strict where CuPy is strict.

Its arrays refuse to mix with NumPy's, with CuPy's own messages; results without dims stay
arrays on the device; what CuPy does not have is not there.  `traffic` counts bytes that travel.
"""

from __future__ import annotations

import sys
import types
import weakref
from typing import Any

import numpy as np

MIXED = "Unsupported type <class 'numpy.ndarray'>"
IMPLICIT = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
)
traffic = {"h2d": 0, "d2h": 0}
current = 0

# Functions of NumPy's main namespace that CuPy 14 does not have.
ABSENT = frozenset(
    [
        "block",
        "einsum_path",
        "frompyfunc",
        "geomspace",
        "histogram_bin_edges",
        "insert",
        "isnat",
        "matvec",
        "nanpercentile",
        "nanquantile",
        "nested_iters",
        "polyder",
        "polydiv",
        "polyint",
        "spacing",
        "unstack",
        "vecdot",
        "vecmat",
        "geterr",
        "seterr",
    ]
)
ABSENT_LINALG = frozenset(
    ["diagonal", "matrix_norm", "multi_dot", "outer", "svdvals", "tensordot", "trace", "vecdot", "vector_norm"]
)


class Memory:
    """An allocation, one object for all arrays that look at it."""

    known: weakref.WeakValueDictionary[int, Memory] = weakref.WeakValueDictionary()

    def __init__(self, root: Any) -> None:
        self.root, self.ptr, self.size = root, root.__array_interface__["data"][0], root.nbytes

    @classmethod
    def of(cls, a: Any) -> Memory:
        while isinstance(a.base, (np.ndarray, Window)):
            a = a.base.root if isinstance(a.base, Window) else a.base
        found = cls.known.get(id(a))
        if found is None:
            found = cls.known[id(a)] = cls(a)
        return found


class Window:
    """Memory of another array, offered by NumPy's interface."""

    def __init__(self, root: Any, interface: dict[str, Any]) -> None:
        self.root, self.__array_interface__ = root, interface


class Pointer:
    """`array.data`: memory and an offset in bytes."""

    def __init__(self, owner: Any, offset: int) -> None:
        self.owner, self.offset, self.mem = owner, offset, Memory.of(owner)
        self.ptr = owner.__array_interface__["data"][0] + offset

    def __add__(self, count: int) -> Pointer:
        return Pointer(self.owner, self.offset + count)


class _Flags:
    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata
        self.forc = self.c_contiguous or self.f_contiguous


class ndarray:  # noqa: N801
    """An array on the pretended device: `a` is what NumPy holds for it."""

    __slots__ = ("a", "base", "device_id", "__weakref__")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None) -> None:
        self.base, self.device_id = None, current
        if memptr is None:
            self.a = np.empty(shape, dtype)
            return
        dtype = np.dtype(dtype)
        if strides is None:
            strides = np.empty(shape, dtype).strides if np.prod(shape) < 1 << 20 else None
        typestr = f"|u{dtype.itemsize}" if dtype.kind == "V" else dtype.str
        self.a = np.asarray(
            Window(
                memptr.mem.root,
                {
                    "data": (memptr.ptr, False),
                    "shape": tuple(shape),
                    "strides": strides,
                    "typestr": typestr,
                    "version": 3,
                },
            )
        )
        if dtype.kind == "V":
            self.a = self.a.view(dtype)

    shape = property(lambda self: self.a.shape)
    dtype = property(lambda self: self.a.dtype)
    strides = property(lambda self: self.a.strides)
    ndim = property(lambda self: self.a.ndim)
    size = property(lambda self: self.a.size)
    itemsize = property(lambda self: self.a.itemsize)
    nbytes = property(lambda self: self.a.nbytes)
    flags = property(lambda self: _Flags(self.a.flags))
    data = property(lambda self: Pointer(self.a, 0))
    device = property(lambda self: Device(self.device_id))
    T = property(lambda self: lifted(self.a.T, self))
    real = property(lambda self: lifted(self.a.real, self))
    imag = property(lambda self: lifted(self.a.imag, self))
    flat = property(lambda self: self.a.flat)

    def get(self, *options: Any, **named: Any) -> Any:
        traffic["d2h"] += self.a.nbytes
        return self.a.copy(order="K")

    def item(self) -> Any:
        traffic["d2h"] += self.a.nbytes
        return self.a.item()

    def tolist(self) -> Any:
        traffic["d2h"] += self.a.nbytes
        return self.a.tolist()

    def __bool__(self) -> bool:
        traffic["d2h"] += self.a.nbytes
        return bool(self.a)

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        return self.a.__index__()

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"cupy.{self.a!r}"

    def __array__(self, *options: Any, **named: Any) -> Any:
        raise TypeError(IMPLICIT)

    @property
    def __cuda_array_interface__(self) -> Any:
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self.data.ptr, False), "version": 3}

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return called(getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, kinds: Any, args: Any, kwargs: Any) -> Any:
        if any(kind is not ndarray for kind in kinds):
            return NotImplemented
        if function.__name__ in ABSENT:
            return NotImplemented
        return called(function, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return lifted(self.a[lowered(key)], self)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self.a[lowered(key)] = value.a if isinstance(value, ndarray) else value

    def fill(self, value: Any) -> None:
        if isinstance(value, ndarray):
            value = value.a
        self.a.fill(value)

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", copy: bool = True) -> Any:
        return lifted(self.a.astype(dtype, order=order, casting=casting, copy=copy), self)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        return called(np.searchsorted, (self, v, side), {"sorter": sorter})


def lifted(value: Any, source: Any = None) -> Any:
    """What NumPy returned, on the device; windows on `source` know it as their base."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        if source is not None and value is source.a:
            return source
        out = ndarray.__new__(ndarray)
        out.a, out.base, out.device_id = value, None, current if source is None else source.device_id
        if source is not None and value.base is not None and np.may_share_memory(value, source.a):
            out.base = source if source.base is None else source.base
        return out
    if isinstance(value, tuple):
        parts = tuple(lifted(part, source) for part in value)
        return parts if type(value) is tuple else type(value)(*parts)
    if isinstance(value, list):
        return [lifted(part, source) for part in value]
    return value


def lowered(value: Any) -> Any:
    """Device arrays as what NumPy holds for them; a NumPy array with dims is an error."""
    if isinstance(value, ndarray):
        return value.a
    if isinstance(value, np.ndarray):
        raise TypeError(MIXED)
    if isinstance(value, (tuple, list)):
        return type(value)([lowered(part) for part in value]) if type(value) in (tuple, list) else value
    if isinstance(value, slice):
        return slice(*(None if v is None else int(v) for v in (value.start, value.stop, value.step)))
    return value


def source_of(args: Any) -> Any:
    """The first device array among arguments."""
    for x in args:
        if isinstance(x, ndarray):
            return x
        if isinstance(x, (tuple, list)):
            found = source_of(x)
            if found is not None:
                return found
    return None


def called(function: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function on device arrays."""
    out = kwargs.get("out")
    if len({x.device_id for x in args if isinstance(x, ndarray)}) > 1:
        raise ValueError("Array device must be same as the current device")
    given = [lowered(x) for x in args]
    named = {name: lowered(x) for name, x in kwargs.items()}
    with np.errstate(all="ignore"):
        result = function(*given, **named)
    if out is not None:
        return out[0] if isinstance(out, tuple) else out
    return lifted(result, source_of(args))


_OPERATORS = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "divmod",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
]
_METHODS = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "choose",
    "clip",
    "conj",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "flatten",
    "max",
    "mean",
    "min",
    "nonzero",
    "partition",
    "prod",
    "ravel",
    "repeat",
    "reshape",
    "round",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "transpose",
    "var",
    "view",
    "copy",
    "sort",
    "put",
    "compress",
]


def _operator(name: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            raise TypeError(MIXED)
        if not isinstance(other, (ndarray, int, float, complex, np.generic)):
            return NotImplemented
        with np.errstate(all="ignore"):
            return lifted(getattr(self.a, name)(lowered(other)), None)

    return method


def _inplace(name: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            raise TypeError(MIXED)
        getattr(self.a, name)(lowered(other))
        return self

    return method


def _method(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name in ("max", "min", "sum", "prod", "any", "all", "mean") and kwargs.keys() & {"initial", "where"}:
            raise TypeError(f"{name}() got an unexpected keyword argument 'initial' or 'where'")
        return called(getattr(np.ndarray, name), (self, *args), kwargs)

    return method


for _name in _OPERATORS:
    for _prefix in ("__",) if _name in ("lt", "le", "gt", "ge", "eq", "ne") else ("__", "__r"):
        setattr(ndarray, f"{_prefix}{_name}__", _operator(f"{_prefix}{_name}__"))
    if hasattr(np.ndarray, f"__i{_name}__"):
        setattr(ndarray, f"__i{_name}__", _inplace(f"__i{_name}__"))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _method(f"__{_name}__"))
for _name in _METHODS:
    setattr(ndarray, _name, _method(_name))


def _diagonal(self: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    found = self.a.diagonal(offset, axis1, axis2)
    found.flags.writeable = True  # CuPy's can be written, NumPy's cannot
    return lifted(found, self)


ndarray.diagonal = _diagonal  # type: ignore[attr-defined]


# ---------------------------------------------------------------- the module


class Function:
    """A function or ufunc of the module."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.__name__ = getattr(function, "__name__", "")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return called(self.function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "accumulate" and self.__name__ not in ("add", "multiply"):
            raise TypeError(f"cupy.{self.__name__}.accumulate is not supported")
        if name == "at" and self.__name__ not in ("add", "subtract", "maximum", "minimum"):
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        value = getattr(self.function, name)
        return Function(value) if callable(value) else value


def asarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """Anything as a device array: the explicit way from the host."""
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else a.astype(dtype)
    if isinstance(a, np.ndarray):
        traffic["h2d"] += a.nbytes
    elif isinstance(a, (list, tuple)) and source_of(a) is not None:
        return lifted(np.array(lowered(a), dtype=dtype))
    return lifted(np.array(a, dtype=dtype, order="K"))


def array(a: Any, dtype: Any = None, copy: bool = True, order: str = "K", **options: Any) -> Any:
    """A copy of anything as a device array."""
    made = asarray(a, dtype)
    return made.copy(order="K") if copy and made is a else made


class Grid:
    """`ogrid` and `mgrid`."""

    def __init__(self, grid: Any) -> None:
        self.grid = grid

    def __getitem__(self, key: Any) -> Any:
        return lifted(self.grid[key])


class Namespace(types.ModuleType):
    """A module whose names are NumPy's, less those that CuPy lacks."""

    source: Any = np
    absent: frozenset[str] = ABSENT

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in self.absent:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        value = getattr(self.source, name)
        if callable(value) and not isinstance(value, type):
            value = Function(value)
        setattr(self, name, value)
        return value


class OutOfMemoryError(MemoryError):
    """As CuPy's."""


class CUDARuntimeError(RuntimeError):
    """As CuPy's."""


class Device:
    """`cupy.cuda.Device(i)`: a context, and `use()`."""

    def __init__(self, index: int | None = None) -> None:
        self.id = current if index is None else index

    def use(self) -> None:
        global current
        current = self.id

    def synchronize(self) -> None:
        pass

    def __enter__(self) -> Device:
        self.before = current
        self.use()
        return self

    def __exit__(self, *failure: Any) -> None:
        global current
        current = self.before


class Stream:
    """`cupy.cuda.Stream()`: all work is done at once."""

    null: Any = None
    ptr, done = 0, True

    def __init__(self, non_blocking: bool = False) -> None:
        pass

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *failure: Any) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def wait_event(self, event: Any) -> None:
        pass


Stream.null = Stream()


class Event:
    """`cupy.cuda.Event()`."""

    done = True

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        pass

    def record(self, stream: Any = None) -> None:
        pass

    def synchronize(self) -> None:
        pass


class Pool:
    """The memory pool."""

    def used_bytes(self) -> int:
        return 0

    def total_bytes(self) -> int:
        return 0

    def free_all_blocks(self) -> None:
        pass


def module(devices: int = 2) -> Any:
    """The stand-in, to be put into sys.modules under the name `cupy`."""
    made = Namespace("cupy")
    made.ndarray, made.asarray, made.array = ndarray, asarray, array
    made.ogrid, made.mgrid = Grid(np.ogrid), Grid(np.mgrid)
    made.asnumpy = lambda a: a.get()
    made.ascontiguousarray = lambda a, dtype=None: lifted(np.ascontiguousarray(lowered(a), dtype), a)
    made.get_default_memory_pool = Pool
    made.traffic = traffic
    linalg = Namespace("cupy.linalg")
    linalg.source, linalg.absent = np.linalg, ABSENT_LINALG
    made.linalg = linalg
    fft = Namespace("cupy.fft")
    fft.source = np.fft
    made.fft = fft
    runtime = types.SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError, getDeviceCount=lambda: devices, getDevice=lambda: current,
        memGetInfo=lambda: (1 << 30, 1 << 31),
        getDeviceProperties=lambda i: {"name": b"Stand-in", "major": 9, "minor": 0},
    )  # fmt: skip
    made.cuda = types.SimpleNamespace(
        Device=Device, Stream=Stream, Event=Event, runtime=runtime, get_current_stream=lambda: Stream.null,
        get_elapsed_time=lambda a, b: 0.0, memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    )  # fmt: skip
    made.__spec__ = types.SimpleNamespace(name="cupy", loader=None)  # type: ignore[assignment]
    return made


def install() -> Any:
    """Put the stand-in where `import cupy` finds it."""
    sys.modules["cupy"] = made = module()
    return made
