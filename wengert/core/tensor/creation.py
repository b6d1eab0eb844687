"""Making tensors: filled, ranges, and like others."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import layout as layouts
from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.strided import window
from wengert.core.base.errors import ArgumentError, DtypeError, GraphError, ShapeError, ValueRangeError, WengertError
from wengert.core.operators.raw import LATE, namespace_of
from wengert.core.tape.core import TensorBase
from wengert.core.tape.dispatch import TRANSFORMS
from wengert.core.tape.inplace import check_writable
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.refusals import INTS, refuse_kind, type_name
from wengert.core.tensor.data import array_from, finish, on_device, target_device, warn_copy
from wengert.core.tensor.makers import short

# ---------------------------------------------------------------- filled


def size_of(size: Any, name: str) -> tuple[int, ...]:
    """`zeros(2, 3)`, `zeros((2, 3))`, `zeros(torch.Size([2, 3]))` as a tuple of ints."""
    if len(size) == 1:
        only = size[0]
        if isinstance(only, (tuple, list)):
            size = only
        elif only.__class__ is bool or isinstance(only, TensorBase) and only._array.size != 1:
            kind = "bool" if only.__class__ is bool else "Tensor"
            raise ArgumentError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {kind}")
    for n in size:
        if n.__class__ is not int or n < 0:
            break
    else:
        return size if size.__class__ is tuple else tuple(size)
    out = []
    for i, n in enumerate(size):
        if n.__class__ is int and n >= 0:
            out.append(n)
            continue
        if isinstance(n, (float, str, bytes)) or n is None:
            raise ArgumentError(
                f"{name}(): argument 'size' (position 1) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {i}"
            )
        n = operator.index(n)
        if n < 0 and name == "zeros":
            raise ShapeError(f"zeros: Dimension size must be non-negative. Given: {[int(v) for v in size]}")
        if n < 0:
            raise ShapeError(f"Trying to create tensor with negative dimension {n}: {[int(v) for v in size]}")
        out.append(n)
    return tuple(out)


def filled(shape: tuple[int, ...], value: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    """A new tensor with `value` everywhere."""
    where = target_device(device)
    dt = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    value = value if where.type == "meta" else storable(value, dt.numpy)
    return finish(backend_for(where).full(shape, value, dt.numpy, where.index), requires_grad)


_CPP = {"float32": "float", "float64": "double", "int32": "int", "complex64": "c10::complex<float>",
        "float16": "double", "bfloat16": "double"}  # fmt: skip
"""Dtypes that torch's messages call otherwise than name and `_t`."""
_FLOAT_TOP = float(np.finfo(np.float32).max)


class NumberSizeError(WengertError, OverflowError):
    """Raised for a whole number of more than 64 bits."""


def storable(value: Any, dt: Any) -> Any:
    """A number as a dtype stores it: floats lose their fraction, negative ints count back from an unsigned one's top.

    Half precisions and bool take every number.
    Raises: ShapeError, a RuntimeError as in torch, beyond the dtype's range; NumberSizeError beyond 64 bits.
    """
    if value.__class__ is int and not -(1 << 63) <= value < 1 << 64:
        raise NumberSizeError(f"int too big to convert: {value} has more than 64 bits")
    kind = dt.kind
    if kind == "b":
        return bool(value)
    found: Any = value
    fits = True
    if isinstance(value, complex) and kind != "c":
        fits, found = value.imag == 0, value.real
    if kind in "iu" and fits:
        fits = not isinstance(found, float) or math.isfinite(found)
        if fits:
            limits = np.iinfo(dt)
            low = -limits.max if kind == "u" and isinstance(found, int) else limits.min
            whole = int(found)
            fits, found = low <= whole <= limits.max, whole % (1 << 8 * dt.itemsize) if kind == "u" else whole
    elif dt.itemsize == (8 if kind == "c" else 4) and kind in "fc" and fits:
        parts = (found.real, found.imag) if isinstance(found, complex) else (found,)
        fits = all(abs(part) <= _FLOAT_TOP or not math.isfinite(part) for part in parts)
    elif kind in "fV" and fits:
        found = float(found)
    if not fits:
        name = _CPP.get(dt.name, f"{dt.name}_t")
        raise ShapeError(f"value cannot be converted to type {name} without overflow: {value}")
    return found


def check_target(out: Any, dtype: Any = None) -> Any:
    """`out=`, which must be a tensor, of the dtype asked for if there is one."""
    if not isinstance(out, TensorBase):
        raise ArgumentError(f"argument 'out' must be Tensor, not {type_name(out)}")
    if dtype is not None and dtypes.as_dtype(dtype) is not dtypes.of(out._array.dtype):
        given, wanted = dtypes.as_dtype(dtype), dtypes.of(out._array.dtype)
        raise DtypeError(
            f"dtype {dtypes.scalar_name(given)} does not match dtype of out parameter ({dtypes.scalar_name(wanted)})"
        )
    return out


def store_out(out: Any, value: Any, dtype: Any = None) -> Any:
    """Put a new tensor's elements into `out=`, resized to fit; `dtype` is the one asked for, if any."""
    check_target(out, dtype)
    backend, a = backend_of(out._array), value._array
    check_writable(out._array)
    if a.__class__ is not out._array.__class__:
        a = backend.from_numpy(backend_of(a).to_numpy(a), out.device.index)
    if out._array.shape != a.shape:
        out._array = backend.empty(a.shape, out._array.dtype, out.device.index)
    out._array[...] = a.astype(out._array.dtype)
    return out


@short
def zeros(*sizes: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          pin_memory: bool = False, requires_grad: bool = False, names: Any = None) -> Any:  # fmt: skip
    """Zeros of shape `size`, in the default dtype unless given."""
    size = sizes if size is None else (size,)
    shape = shape_argument(size, "zeros")
    if layout is not None and layout is not devices.strided:
        return LATE["sparse"]()["empty"](shape, dtype, layout, requires_grad)
    made = filled(shape, 0, dtype if out is None else check_target(out, dtype).dtype, device, requires_grad)
    return made if out is None else store_out(out, made, dtype)


@short
def ones(*sizes: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         pin_memory: bool = False, requires_grad: bool = False, names: Any = None) -> Any:  # fmt: skip
    """Ones of shape `size`, in the default dtype unless given."""
    size = sizes if size is None else (size,)
    shape = shape_argument(size, "ones")
    if layout is not None and layout is not devices.strided:
        raise GraphError("full(...) is not implemented for sparse layout")
    made = filled(shape, 1, dtype if out is None else check_target(out, dtype).dtype, device, requires_grad)
    return made if out is None else store_out(out, made, dtype)


def shape_argument(size: Any, name: str) -> tuple[int, ...]:
    """The shape, with torch's complaint when it is missing."""
    if not size:
        raise ArgumentError(f'{name}() missing 1 required positional arguments: "size"')
    return size_of(size, name)


@short
def empty(*sizes: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None,
          names: Any = None) -> Any:  # fmt: skip
    """Uninitialised memory of shape `size`."""
    size = sizes if size is None else (size,)
    shape = shape_argument(size, "empty")
    if layout is not None and layout is not devices.strided:
        return LATE["sparse"]()["empty"](shape, dtype, layout, requires_grad)
    where = target_device(device)
    dt = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if memory_format in layouts.RANKS and where.type == "cpu":
        made = finish(layouts.empty_in(shape, dt.numpy, memory_format), requires_grad)
    else:
        made = finish(backend_for(where).empty(shape, dt.numpy, where.index), requires_grad)
    return made if out is None else store_out(out, made, dtype)


@short
def full(size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         pin_memory: bool = False, requires_grad: bool = False, names: Any = None) -> Any:  # fmt: skip
    """`fill_value` everywhere; its Python type chooses the dtype unless given."""
    if isinstance(size, int):
        raise ArgumentError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value = fill_number(fill_value, "full")
    if dtype is None:
        dtype = check_target(out).dtype if out is not None else number_dtype(value)
    made = filled(size_of((size,), "full"), value, dtype, device, requires_grad)
    return made if out is None else store_out(out, made, dtype)


def number_of(value: Any) -> Any:
    """A 0-d tensor or NumPy scalar as a Python number; numbers stay."""
    return value.item() if isinstance(value, (TensorBase, np.generic)) else value  # type: ignore[union-attr]


def fill_number(value: Any, name: str) -> Any:
    """The number that fills a new tensor.

    Raises: ArgumentError for what is none, such as a tensor with dims.
    """
    if isinstance(value, TensorBase) and value._array.ndim == 0:
        return number_of(value)
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, (bool, int, float, complex)):
        kind = "Tensor" if isinstance(value, TensorBase) else type(value).__name__
        raise ArgumentError(f"{name}(): argument 'fill_value' (position 2) must be Number, not {kind}")
    return value


def number_dtype(value: Any) -> Any:
    """Dtype of a tensor made of a Python number."""
    if isinstance(value, bool):
        return dtypes.bool_
    if isinstance(value, int):
        return dtypes.int64
    return dtypes.get_default_complex_dtype() if isinstance(value, complex) else dtypes.get_default_dtype()


def empty_strided(size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Any:  # fmt: skip
    """Uninitialised memory with the given strides (in elements)."""
    refuse_kind("empty_strided", "size", 1, INTS, size)
    refuse_kind("empty_strided", "stride", 2, INTS, stride)
    if len(size) != len(stride):
        raise ShapeError(f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})")
    if min((*size, *stride), default=0) < 0:
        raise ShapeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    dt = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    extent = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0
    where = target_device(device)
    base = backend_for(where).empty((extent,), dt.numpy, where.index)
    a = window(namespace_of(base).np, base, tuple(size), tuple(s * dt.itemsize for s in stride))
    return finish(a, requires_grad)


@short
def arange(*args: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
           pin_memory: bool = False, requires_grad: bool = False, **named: Any) -> Any:  # fmt: skip
    """start, start + step, ... below `end`: ceil((end - start) / step) values.

    dtype: int64 if all are ints, else the default dtype.
    Raises: GraphError-free RuntimeError for a zero step or bounds on the wrong side.
    """
    start, end, step = range_arguments(args, named)
    start, end, step = (number_of(x) for x in (start, end, step))
    for label, value in (("end", end), ("start", start), ("step", step)):
        if not isinstance(value, (int, float, complex)):
            raise ArgumentError(f"arange(): argument '{label}' (position 1) must be Number, not {type(value).__name__}")
        if isinstance(value, complex):
            raise DtypeError(f"value cannot be converted to type double without overflow: {value}")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if not all(math.isfinite(x) for x in (start, end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    dt = dtypes.as_dtype(dtype) if dtype is not None else check_target(out).dtype if out is not None else None
    if dt is None:
        ints = all(isinstance(x, int) for x in (start, end, step))
        dt = dtypes.int64 if ints else dtypes.get_default_dtype()
    if dt is dtypes.int64:  # forgets the fractions first, narrower integers only once the values are counted
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueRangeError("step must be nonzero, also as an integer")
    whole = all(isinstance(x, int) for x in (start, end, step))
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    if dt.numpy.kind in "iu" and not whole:
        start, step = int(start), int(step)
    a = LARGE.steps(start, step, count, dt.numpy)
    if a is None:
        steps = np.arange(count, dtype=np.int64 if whole or dt.numpy.kind in "iu" else np.float64)
        a = (start + steps * step).astype(dt.numpy, copy=False)
    where = target_device(device)
    made = finish(backend_for(where).from_numpy(a, where.index), requires_grad)
    return made if out is None else store_out(out, made, dtype)


def range_arguments(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any, Any]:
    """arange(end), arange(start, end), arange(start, end, step), by position or name."""
    values = {"start": 0, "step": 1}
    names = ("end",) if len(args) == 1 and "end" not in named else ("start", "end", "step")
    values.update(zip(names, args, strict=False))
    values.update(named)
    if "end" not in values or len(args) > 3 or values.keys() - {"start", "end", "step"}:
        raise ArgumentError("arange() received an invalid combination of arguments: it takes (start=0, end, step=1)")
    return values["start"], values["end"], values["step"]


def spaced(start: Any, end: Any, steps: int, dt: Any, name: str) -> Any:
    """`steps` equally spaced values from both ends, as torch: the second half counts back from `end`."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise ArgumentError(
            f"{name}() received an invalid combination of arguments: 'steps' must be int, not {type(steps).__name__}"
        )
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    for x in (start, end):
        if isinstance(x, (str, list, tuple, dict)):
            raise ArgumentError(
                f"{name}() received an invalid combination of arguments: start and end must be Number or Tensor, not "
                f"{type(x).__name__}"
            )
    dims = [getattr(x, "ndim", 0) for x in (start, end)]
    if any(dims):
        raise ShapeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {dims[0]} dimension(s) and "
            f"end with {dims[1]} dimension(s)."
        )
    start, end = (number_of(x) for x in (start, end))
    if dt.kind in "iu":  # integral ranges forget the fractions first
        start, end = int(start), int(end)
    if steps == 1:
        return np.array([start]).astype(dt)
    work = dt if dt.kind in "fc" and dt.itemsize >= 4 else np.dtype(np.float64 if dt.kind in "iu" else np.float32)
    first, last = work.type(start), work.type(end)
    step = (last - first) / work.type(max(steps - 1, 1))
    i = np.arange(steps)
    half = i < steps // 2
    out = np.where(half, first + step * i.astype(work), last - step * (steps - 1 - i).astype(work))
    return out.astype(dt)


@short
def linspace(start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None,
             device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Any:  # fmt: skip
    """`steps` values from start to end, both included."""
    dt = range_dtype(dtype, out, start, end)
    where = target_device(device)
    made = finish(backend_for(where).from_numpy(spaced(start, end, steps, dt.numpy, "linspace"), where.index))
    if out is not None:
        return store_out(out, made, dtype)
    return made.requires_grad_() if requires_grad else made


def range_dtype(dtype: Any, out: Any, start: Any, end: Any) -> Any:
    """Dtype of linspace and logspace."""
    if dtype is not None:
        return dtypes.as_dtype(dtype)
    if out is not None:
        return check_target(out).dtype
    is_complex = any(isinstance(x, complex) for x in (start, end))
    return dtypes.get_default_complex_dtype() if is_complex else dtypes.get_default_dtype()


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: Any = None,
             layout: Any = None, device: Any = None, pin_memory: bool = False,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """base ** linspace(start, end, steps)."""
    dt = range_dtype(dtype, out, start, end)
    work = dt.numpy if dt.numpy.kind in "fc" else np.dtype(np.float64)
    if dt.numpy.kind in "iu":  # integral ranges forget the fractions first
        start, end = (x if getattr(x, "ndim", 0) else int(number_of(x)) for x in (start, end))
    a = np.power(work.type(base), spaced(start, end, steps, work, "logspace")).astype(dt.numpy)
    made = on_device(a, device if out is None else check_target(out, dtype).device, requires_grad and out is None)
    return made if out is None else store_out(out, made, dtype)


@short
def eye(n: int, m: int | None = None, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        pin_memory: bool = False, requires_grad: bool = False) -> Any:  # fmt: skip
    """n x m matrix with ones on the diagonal."""
    for label, value in (("n", n), ("m", n if m is None else m)):
        if not hasattr(value, "__index__"):
            raise ArgumentError(f"eye(): argument '{label}' (position 1) must be int, not {type(value).__name__}")
        if value < 0:
            raise RuntimeError(f"{label} must be greater or equal to 0, got {value}")
    if dtype is None:
        dt = dtypes.get_default_dtype() if out is None else check_target(out).dtype
    else:
        dt = dtypes.as_dtype(dtype)
    where = target_device(device)
    a = np.eye(n, n if m is None else m, dtype=dt.numpy)
    made = finish(backend_for(where).from_numpy(a, where.index), requires_grad)
    return made if out is None else store_out(out, made, dtype)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
                 layout: Any = None) -> Any:  # fmt: skip
    """Row and column indices of the lower triangle, shape (2, n)."""
    dt = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return on_device(np.array(np.tri(row, col, offset, bool).nonzero(), dt.numpy), device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
                 layout: Any = None) -> Any:  # fmt: skip
    """Row and column indices of the upper triangle, shape (2, n)."""
    dt = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return on_device(np.array((~np.tri(row, col, offset - 1, bool)).nonzero(), dt.numpy), device)


@short
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, layout: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Any:  # fmt: skip
    """A 0-d tensor of a number, in the default dtype unless given."""
    return filled((), s, dtype, device, requires_grad)


# ---------------------------------------------------------------- like others


def like_array(input: Any, value: Any, dtype: Any, device: Any, memory_format: Any = None) -> Any:
    """A new array with the shape (and, where dense, the layout) of another."""
    a = input._array
    dt = a.dtype if dtype is None else dtypes.as_dtype(dtype).numpy
    if a.__class__ is np.ndarray and (device is None or target_device(device).type == "cpu"):
        preserve = memory_format is None or str(memory_format) == "torch.preserve_format"
        out = layouts.empty_like(a, dt) if preserve else layouts.empty_in(a.shape, dt, memory_format)
        if value is not None:
            out.fill(storable(value, dt))
        return out
    where = input.device if device is None else devices.as_device(device)
    backend = backend_for(where)
    if value is None:
        return backend.empty(a.shape, dt, where.index)
    return backend.full(a.shape, value if where.type == "meta" else storable(value, dt), dt, where.index)


def made_like(input: Any, array: Any, requires_grad: bool) -> Any:
    """A new tensor after the example of `input`; of a batched one a batch."""
    made = finish(array, requires_grad)
    return TRANSFORMS["like"](input, made) if input._flags & BATCHED else made


def check_like(input: Any, name: str) -> None:
    """`*_like` wants a tensor."""
    if not isinstance(input, TensorBase):
        raise ArgumentError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")


def zeros_like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
               requires_grad: bool = False, memory_format: Any = None) -> Any:  # fmt: skip
    """Zeros with the shape and dtype of `input`."""
    check_like(input, "zeros_like")
    return made_like(input, like_array(input, 0, dtype, device, memory_format), requires_grad)


def ones_like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
              requires_grad: bool = False, memory_format: Any = None) -> Any:  # fmt: skip
    """Ones with the shape and dtype of `input`."""
    check_like(input, "ones_like")
    return made_like(input, like_array(input, 1, dtype, device, memory_format), requires_grad)


def full_like(input: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
              pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None) -> Any:  # fmt: skip
    """`fill_value` with the shape and dtype of `input`."""
    check_like(input, "full_like")
    value = fill_number(fill_value, "full_like")
    return made_like(input, like_array(input, value, dtype, device, memory_format), requires_grad)


def empty_like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
               requires_grad: bool = False, memory_format: Any = None) -> Any:  # fmt: skip
    """Uninitialised memory with the shape and dtype of `input`."""
    check_like(input, "empty_like")
    return made_like(input, like_array(input, None, dtype, device, memory_format), requires_grad)


def new_options(self: Any, dtype: Any, device: Any) -> tuple[Any, Any]:
    """dtype and device of `x.new_*`: x's own unless given."""
    return (self.dtype if dtype is None else dtype), (self.device if device is None else device)


def new_tensor(self: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
               layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """A tensor of `data` with self's dtype and device."""
    if isinstance(data, TensorBase):
        warn_copy(data)
    dtype, device = new_options(self, dtype, device)
    return on_device(array_from(data, dtype), device, requires_grad)


def new_zeros(self: Any, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
              requires_grad: bool = False, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """Zeros of shape `size` with self's dtype and device."""
    size = sizes if size is None else (size,)
    dtype, device = new_options(self, dtype, device)
    return filled(size_of(size, "new_zeros"), 0, dtype, device, requires_grad)


def new_ones(self: Any, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
             requires_grad: bool = False, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """Ones of shape `size` with self's dtype and device."""
    size = sizes if size is None else (size,)
    dtype, device = new_options(self, dtype, device)
    return filled(size_of(size, "new_ones"), 1, dtype, device, requires_grad)


def new_empty(self: Any, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
              requires_grad: bool = False, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """Uninitialised memory of shape `size` with self's dtype and device."""
    size = sizes if size is None else (size,)
    dtype, device = new_options(self, dtype, device)
    return empty(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def new_full(self: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
             requires_grad: bool = False, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """`fill_value` everywhere in shape `size`, with self's dtype and device."""
    dtype, device = new_options(self, dtype, device)
    return full(size, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)


def new_empty_strided(self: Any, size: Any, stride: Any, dtype: Any = None, device: Any = None,
                      requires_grad: bool = False, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """Uninitialised memory with given strides and self's dtype."""
    dtype, device = new_options(self, dtype, device)
    return empty_strided(size, stride, dtype=dtype, device=device, requires_grad=requires_grad)


FUNCTIONS: tuple[str, ...] = (
    "zeros", "ones", "empty", "full",
    "empty_strided", "arange", "linspace", "logspace", "eye", "tril_indices", "triu_indices", "scalar_tensor",
    "zeros_like", "ones_like", "full_like", "empty_like",
)  # fmt: skip
METHODS: tuple[str, ...] = (
    "new_tensor", "new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided",
)  # fmt: skip

__all__ = ["FUNCTIONS", "METHODS"]
