"""Arrays without elements: shape, dtype and strides, and NumPy's rules for what comes of them.

What an arithmetic operator gives follows from broadcasting and promotion.  Everything else is
asked of NumPy itself on a stand-in: an array of the same shape and strides over reserved
memory that reads as zeros and takes no room.  A result that is a window on the stand-in is a
view here too, at the same offset and with the same strides.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable
from typing import Any

import numpy

from wengert.core.arrays import device as devices
from wengert.core.arrays.backend import Backend
from wengert.core.base.errors import DeviceError, MissingError

_ndarray = numpy.ndarray
_generic = numpy.generic
NO_DATA = "Cannot copy out of meta tensor; no data!"
NO_ITEM = "Tensor.item() cannot be called on meta tensors"

# ---------------------------------------------------------------- stand-ins


# Private read-only pages are charged to nobody; shared ones, the default, are.
_PRIVATE: dict[str, int] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, "prot": mmap.PROT_READ}
    if hasattr(mmap, "MAP_PRIVATE")
    else {"access": mmap.ACCESS_READ}
)


class _Reserve:
    """Read-only zero pages, grown by doubling; nothing is committed until it is read."""

    __slots__ = ("size", "bytes")

    def __init__(self) -> None:
        self.size, self.bytes = 0, numpy.empty(0, numpy.uint8)

    def of(self, size: int) -> Any:
        """At least `size` bytes."""
        if size > self.size:
            self.size = max(1 << 16, 1 << (size - 1).bit_length())
            self.bytes = numpy.frombuffer(mmap.mmap(-1, self.size, **_PRIVATE), numpy.uint8)
        return self.bytes


_reserve = _Reserve()


def dense_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Strides in bytes of a row-major array."""
    strides, step = [], itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def stand_in(a: MetaArray) -> Any:
    """A NumPy array of the same shape and strides that reads as zeros."""
    extent = a.itemsize + sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)) if a.size else a.itemsize
    return _ndarray(a.shape, a.dtype, _reserve.of(extent), 0, a.strides)


def through(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """`function` on stand-ins; arrays that come out become MetaArrays."""
    if function is numpy.copyto:
        source = numpy.broadcast_to(numpy.empty((), "b"), getattr(args[1], "shape", ()))
        numpy.broadcast_to(source, args[0].shape)
        return None
    first: list[Any] = []

    def lowered(value: Any) -> Any:
        if value.__class__ is MetaArray:
            made = stand_in(value)
            if not first:
                first.append((value, made))
            return made
        if value.__class__ is tuple or value.__class__ is list:
            return value.__class__([lowered(part) for part in value])
        return value

    args = [lowered(x) for x in args]
    kwargs = {name: lowered(x) for name, x in kwargs.items()}
    with numpy.errstate(all="ignore"):
        result = function(*args, **kwargs)
    return raised(result, *first[0]) if first else result


def raised(result: Any, source: Any, given: Any) -> Any:
    """What came out of a call on stand-ins: arrays without elements, views of `source` where they look at `given`."""
    if isinstance(result, _generic):
        return MetaArray((), result.dtype)
    if not isinstance(result, _ndarray):
        if isinstance(result, (tuple, list)):
            parts = [raised(part, source, given) for part in result]
            return tuple(parts) if isinstance(result, tuple) else parts
        return result
    if result is given:
        return source
    owner = result
    while isinstance(owner.base, _ndarray):
        owner = owner.base
    if owner is not _reserve.bytes:
        return MetaArray(result.shape, result.dtype, result.strides)
    offset = source.offset + address(result) - address(given)
    return MetaArray(result.shape, result.dtype, result.strides, source.owner(), offset)


def address(a: Any) -> int:
    """Where a NumPy array begins."""
    return a.__array_interface__["data"][0]


# ---------------------------------------------------------------- the array


class Flags:
    """What NumPy says of an array's memory order."""

    __slots__ = ("c_contiguous", "f_contiguous", "writeable")

    def __init__(self, a: MetaArray) -> None:
        self.c_contiguous = is_dense(a.shape, a.strides, a.itemsize)
        self.f_contiguous = is_dense(a.shape[::-1], a.strides[::-1], a.itemsize)
        self.writeable = True

    @property
    def forc(self) -> bool:
        """Row- or column-major."""
        return self.c_contiguous or self.f_contiguous


def is_dense(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> bool:
    """Whether strides are those of a row-major array; dims of length 1 may have any."""
    step = itemsize
    if 0 in shape:
        return True
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1:
            if s != step:
                return False
            step *= n
    return True


class Memory:
    """Memory that does not exist, of `size` bytes: what an array and its views share."""

    __slots__ = ("size",)
    ptr = 0

    def __init__(self, size: int) -> None:
        self.size = size


class Place:
    """A position in such memory, as CuPy has it: `array.data + bytes`; `mem.ptr` is the address where it begins."""

    __slots__ = ("owner", "ptr", "mem")

    def __init__(self, owner: Any, offset: int) -> None:
        self.owner, self.ptr, self.mem = owner, offset, owner.memory

    def __add__(self, count: int) -> Place:
        return Place(self.owner, self.ptr + count)


class MetaArray:
    """Shape, dtype and strides (in bytes) of an array; `base` owns the memory that it would look at."""

    __slots__ = ("shape", "dtype", "strides", "base", "offset", "memory", "__weakref__")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: Any, dtype: Any, strides: Any = None, base: Any = None, offset: int = 0) -> None:
        self.shape, self.dtype = tuple(shape), numpy.dtype(dtype)
        self.strides = dense_strides(self.shape, self.dtype.itemsize) if strides is None else tuple(strides)
        self.base, self.offset = base, offset
        self.memory = Memory(math.prod(self.shape) * self.dtype.itemsize) if base is None else base.memory

    def __repr__(self) -> str:
        return f"MetaArray({self.shape}, {self.dtype})"

    def owner(self) -> Any:
        """The array whose memory this one looks at."""
        return self if self.base is None else self.base

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.dtype.itemsize)
    flags = property(Flags)
    data = property(lambda self: Place(self.owner(), self.offset))
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))
    real = property(lambda self: through(lambda a: a.real, (self,), {}))
    imag = property(lambda self: through(lambda a: a.imag, (self,), {}))

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", copy: bool = True) -> MetaArray:
        """The same shape in another dtype."""
        dtype = numpy.dtype(dtype)
        return self if not copy and dtype == self.dtype else like(self, dtype)

    def copy(self, order: str = "C") -> MetaArray:
        """A new array of the same shape, row-major unless order is "K"."""
        return MetaArray(self.shape, self.dtype) if order == "C" else like(self, self.dtype)

    def fill(self, value: Any) -> None:
        """Nothing to fill."""

    def reshape(self, *shape: Any, copy: bool | None = None) -> MetaArray:
        """Another shape: a view where strides allow, else a new array, unless copy is False."""
        wanted = shape[0] if len(shape) == 1 else shape
        try:
            return through(lambda a: numpy.reshape(a, wanted, copy=False), (self,), {})
        except ValueError:
            if copy is False:
                raise
            return MetaArray(resolved(wanted, self.shape), self.dtype)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if any(k.__class__ is MetaArray and k.dtype.kind == "b" for k in keys):
            raise MissingError(
                "aten::nonzero: attempted to run this operator with Meta tensors, but how many elements a mask takes "
                "depends on its values"
            )
        return through(lambda a, k: a[k], (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, _ndarray) and value.ndim:
            numpy.broadcast_shapes(value.shape, self[key].shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if any(isinstance(x, _ndarray) and x.ndim for x in inputs):
            raise TypeError("arrays with and without elements do not mix")
        if out is not None:
            return out[0] if len(out) == 1 else out
        if method == "__call__" and not options and ufunc.signature is None:
            return elementwise(ufunc, *inputs)
        return through(getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if _ndarray in types:
            raise TypeError("arrays with and without elements do not mix")
        return through(function, args, kwargs)

    def __array__(self, *options: Any, **named: Any) -> Any:
        raise MissingError(NO_DATA)

    def __bool__(self) -> bool:
        # What a rule asks before it takes a special way (is any element 0?): the general way serves for shapes.
        return False

    def _no_item(self, *arguments: Any) -> Any:
        raise DeviceError(NO_ITEM)

    item = __int__ = __float__ = __complex__ = __index__ = _no_item

    def tolist(self) -> Any:
        """There is nothing to list."""
        raise MissingError(NO_DATA)

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("Cannot pack tensors on meta")

    __dlpack_device__ = __dlpack__


def resolved(wanted: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape asked of `reshape`, its -1 worked out; NumPy's complaint if sizes differ."""
    wanted = (wanted,) if isinstance(wanted, int) else tuple(wanted)
    size, known = math.prod(shape), math.prod(n for n in wanted if n != -1)
    if (size % known if -1 in wanted and known else size != known) or wanted.count(-1) > 1:
        raise ValueError(f"cannot reshape array of size {size} into shape {wanted}")
    return tuple(size // known if n == -1 else n for n in wanted)


def like(a: MetaArray, dtype: Any) -> MetaArray:
    """A new array of the same shape and, if `a` is dense, in the same order of dims."""
    order = sorted(range(len(a.shape)), key=lambda i: -a.strides[i])
    if not is_dense([a.shape[i] for i in order], [a.strides[i] for i in order], a.itemsize):  # type: ignore[arg-type]
        return MetaArray(a.shape, dtype)
    return MetaArray(a.shape, dtype, [s // a.itemsize * dtype.itemsize for s in a.strides])


def elementwise(ufunc: Any, *inputs: Any) -> Any:
    """The result of an elementwise ufunc: its dtype comes from arrays of size 0."""
    arrays = [x for x in inputs if isinstance(x, (MetaArray, _ndarray))]
    shape = numpy.broadcast_shapes(*[a.shape for a in arrays])
    same = next((a for a in arrays if a.shape == shape and a.__class__ is MetaArray), None)
    results = ufunc(*[numpy.empty((0,) if a.shape else (), a.dtype) if isinstance(a, MetaArray) else a for a in inputs])
    made = []
    for r in results if isinstance(results, tuple) else (results,):
        found = r.dtype
        made.append(MetaArray(shape, found) if same is None else like(same, found).copy("K"))
    return tuple(made) if isinstance(results, tuple) else made[0]


def _binary(ufunc: Any) -> tuple[Any, Any, Any]:
    def plain(a: Any, b: Any) -> Any:
        return a.__array_ufunc__(ufunc, "__call__", a, b)

    def reflected(a: Any, b: Any) -> Any:
        return a.__array_ufunc__(ufunc, "__call__", b, a)

    def inplace(a: Any, b: Any) -> Any:
        plain(a, b)
        return a

    return plain, reflected, inplace


def _reduction(name: str) -> Any:
    def method(self: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        axes = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        gone = {a + self.ndim if a < 0 else a for a in axes}
        options = {} if dtype is None else {"dtype": dtype}
        found = getattr(numpy.ones((1,) * self.ndim, self.dtype), name)(axis=axis, **options).dtype
        shape = [1 if i in gone else n for i, n in enumerate(self.shape) if keepdims or i not in gone]
        return MetaArray(shape, found)

    return method


def _method(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return through(getattr(_ndarray, name), (self, *args), kwargs)

    return method


_BINARY = {
    "add": numpy.add, "sub": numpy.subtract, "mul": numpy.multiply, "truediv": numpy.true_divide,
    "floordiv": numpy.floor_divide, "mod": numpy.remainder, "pow": numpy.power, "and": numpy.bitwise_and,
    "or": numpy.bitwise_or, "xor": numpy.bitwise_xor, "lshift": numpy.left_shift, "rshift": numpy.right_shift,
    "matmul": numpy.matmul,
}  # fmt: skip
_COMPARE = {
    "lt": numpy.less, "le": numpy.less_equal, "gt": numpy.greater, "ge": numpy.greater_equal, "eq": numpy.equal,
    "ne": numpy.not_equal,
}  # fmt: skip
_UNARY = {"neg": numpy.negative, "abs": numpy.absolute, "invert": numpy.invert}
_METHODS = (
    "argmax", "argmin", "argsort", "clip", "conj", "cumprod", "cumsum", "diagonal", "dot", "flatten", "ravel", "repeat",
    "round", "squeeze", "std", "swapaxes", "take", "trace", "transpose", "var", "view",
)  # fmt: skip
_REDUCTIONS = ("sum", "mean", "prod", "max", "min", "any", "all")


def _fill_in() -> None:
    """Give MetaArray NumPy's operators and methods."""
    for name, ufunc in _BINARY.items():
        forms = _binary(ufunc)
        for prefix, form in zip(("__", "__r", "__i"), forms, strict=True):
            setattr(MetaArray, f"{prefix}{name}__", form)
    for name, ufunc in _COMPARE.items():
        setattr(MetaArray, f"__{name}__", _binary(ufunc)[0])
    for name, ufunc in _UNARY.items():
        setattr(MetaArray, f"__{name}__", lambda a, ufunc=ufunc: elementwise(ufunc, a))
    for name in _REDUCTIONS:
        setattr(MetaArray, name, _reduction(name))
    for name in _METHODS:
        setattr(MetaArray, name, _method(name))


_fill_in()


# ---------------------------------------------------------------- the namespace and the device


class MetaNumPy:
    """NumPy's functions on arrays without elements."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(numpy, name)
        if callable(value) and not isinstance(value, type):
            value = Function(value, name in ("zeros", "ones", "empty", "full"))
        setattr(self, name, value)
        return value

    @staticmethod
    def ndarray(shape: Any, dtype: Any, memptr: Any, strides: Any) -> MetaArray:
        """An array over memory that another one owns."""
        return MetaArray(shape, dtype, strides, memptr.owner, memptr.ptr)


class Function:
    """One NumPy function, and the methods of a ufunc."""

    def __init__(self, function: Any, makes: bool) -> None:
        self.function, self.makes = function, makes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = through(self.function, args, kwargs)
        return MetaArray(result.shape, result.dtype) if self.makes else result

    def __getattr__(self, name: str) -> Any:
        return Function(getattr(self.function, name), False)


class MetaBackend(Backend):
    """The device `meta`."""

    name = "meta"
    array_class = MetaArray

    def empty(self, shape: tuple[int, ...], dtype: Any, index: int | None = None) -> Any:
        """An array without elements."""
        return MetaArray(shape, dtype)

    def full(self, shape: tuple[int, ...], value: Any, dtype: Any, index: int | None = None) -> Any:
        """An array without elements; the value is forgotten."""
        return MetaArray(shape, dtype)

    def from_numpy(self, array: Any, index: int | None = None) -> Any:
        """Shape, dtype and strides of a NumPy array."""
        return MetaArray(array.shape, array.dtype, array.strides)

    def to_numpy(self, array: Any) -> Any:
        """Raises: MissingError, for there is nothing to copy."""
        raise MissingError(NO_DATA)

    def resolve(self, device: devices.device) -> devices.device:
        """The one meta device."""
        return META_DEVICE

    def item(self, array: Any) -> Any:
        """Raises: DeviceError, for there is no element."""
        raise DeviceError(NO_ITEM)

    def device_of(self, array: Any) -> devices.device:
        """The one meta device."""
        return META_DEVICE


META_DEVICE = devices.device("meta")
