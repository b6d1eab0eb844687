# cython: annotation_typing=False
"""x[key] and x[key] = value.

A key is read from the left: ints select, slices narrow, None and truth values insert a dim,
`...` skips - each a view of what came before - and index tensors and masks are collected with
their places.  Without any the result is the view; else `index` gathers from it, `index_write`
stores into it.  The same reading works on tensors, recorded, and on bare arrays when
nothing is to be recorded.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import windows
from wengert.core.arrays.backend import DEVICE_OF
from wengert.core.base.errors import ArgumentError, DeviceError, IndexRangeError, ValueRangeError
from wengert.core.operators.library import indexing as records
from wengert.core.operators.library import views
from wengert.core.operators.raw import FOREIGN, SPARSE, namespace_of
from wengert.core.operators.record import REGISTRY
from wengert.core.tape import core
from wengert.core.tape.calls import viewed
from wengert.core.tape.core import CARE, NR_SHIFT, RECORDED, TensorBase, attach, new_node, type_name, wrap
from wengert.core.tape.forms import Form, class_of
from wengert.core.tape.inplace import apply_inplace, check_writable
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.modes import OFF, PLAIN, current
from wengert.core.tape.views import Link, view_info, written

SELECT, SLICE, UNSQUEEZE = Form(REGISTRY["select"]), Form(REGISTRY["slice"]), Form(REGISTRY["unsqueeze"])
INDEX, WRITE = records.index, records.index_write

_new = core.new_tensor
_ALL = slice(None)
_MANY = 4096
_NUMBERS = (bool, int, float, complex, np.generic)
_PADDING = (None,) * records.SLOTS
_LOOSE = ((0, None, None),) * records.SLOTS
_UNWRITTEN = (0,) * (records.SLOTS - 1)
_FIRST = (None, (0,), *_PADDING)
GATHERED = Form(INDEX)


# ---------------------------------------------------------------- views


def seen(form: Any, x: Any, array: Any, *args: Any) -> Any:
    """`array` as the view of x that the operator of `form` with `args` makes: recorded if wanted, known as a view."""
    return viewed(form, x, array, (None, *args), current(), 4)


def plain(x: Any) -> bool:
    """Whether x may take the short way: no stale view, no inference, no override, no special mode."""
    if x._flags & CARE:
        return False
    mode = current()
    return mode is PLAIN or mode is OFF


def select_array(a: Any, dim: int, index: int) -> Any:
    """`a` without `dim`, at `index`."""
    found = windows.selected((a, dim, index))
    return a[(_ALL,) * dim + (index, ...)] if found is None else found


def cut_array(a: Any, dim: int, start: int | None, stop: int | None, step: int) -> Any:
    """a[start:stop:step] along `dim`."""
    found = windows.narrowed((a, dim, start, stop, step))
    return a[(_ALL,) * dim + (slice(start, stop, step),)] if found is None else found


def widened_array(a: Any, dim: int) -> Any:
    """`a` with a dim of length 1 put in."""
    found = windows.inserted((a, dim))
    return a[(_ALL,) * dim + (None, ...)] if found is None else found


class TensorSteps:
    """The steps of a key on tensors: differentiable views."""

    @staticmethod
    def select(x: Any, dim: int, index: int) -> Any:
        """x without `dim`, at `index`."""
        if plain(x):
            return seen(SELECT, x, select_array(x._array, dim, index), dim, index)
        return RECORDED.select(x, dim, index)

    @staticmethod
    def cut(x: Any, dim: int, start: int | None, stop: int | None, step: int) -> Any:
        """x[start:stop:step] along `dim`."""
        if plain(x):
            return seen(SLICE, x, cut_array(x._array, dim, start, stop, step), dim, start, stop, step)
        return RECORDED.slice(x, dim, start, stop, step)

    @staticmethod
    def insert(x: Any, dim: int) -> Any:
        """x with a dim of size 1 put in."""
        if plain(x):
            return seen(UNSQUEEZE, x, widened_array(x._array, dim), dim)
        return RECORDED.unsqueeze(x, dim)

    @staticmethod
    def shape(x: Any) -> Any:
        """Lengths of the dims."""
        return x._array.shape


class ArraySteps:
    """The same steps on bare arrays."""

    select = staticmethod(select_array)
    cut = staticmethod(cut_array)
    insert = staticmethod(widened_array)

    @staticmethod
    def shape(x: Any) -> Any:
        """Lengths of the dims."""
        return x.shape


# ---------------------------------------------------------------- reading a key


def items_of(key: Any) -> tuple[Any, ...]:
    """A key as the tuple of its items; torch takes some lists for tuples."""
    if key.__class__ is tuple:
        return key
    if isinstance(key, tuple):
        return tuple(key)
    if isinstance(key, TensorBase) or hasattr(key, "dtype") or not isinstance(key, Sequence) or len(key) >= 32:
        return (key,)
    if any(v is None or v is ... or isinstance(v, (slice, Sequence, TensorBase, np.ndarray)) for v in key):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9;"
            " use x[tuple(seq)] instead of x[seq].",
            UserWarning,
            stacklevel=3,
        )
        return tuple(key)
    return (key,)


def read(x: Any, items: tuple[Any, ...], steps: Any) -> tuple[Any, tuple[int, ...], list[Any]]:
    """Apply the basic items of a key; the view, and the places and arrays or tensors of the others."""
    items = tuple([resolved(item) for item in items])
    ndim = len(steps.shape(x))
    used = sum(map(dims_used, items))
    if used > ndim:
        raise IndexRangeError(f"too many indices for tensor of dimension {ndim}")
    dim = consumed = 0
    where: list[int] = []
    tensors: list[Any] = []
    for item in items:
        kind = item.__class__
        if kind is int:
            x = steps.select(x, dim, checked(item, steps.shape(x)[dim], consumed))
            consumed += 1
        elif kind is slice:
            x = narrowed(x, dim, item, steps)
            dim += 1
            consumed += 1
        elif item is ...:
            dim += ndim - used
            consumed += ndim - used
        elif item is None:
            x = steps.insert(x, dim)
            dim += 1
        else:
            if kind is bool or not item._array.ndim and item._array.dtype.kind == "b":
                x = steps.insert(x, dim)
                truth = np.asarray(item) if kind is bool else item._array.astype(bool)
                item = wrap(truth.reshape(1))
            else:
                consumed += dims_used(item)
            where.append(dim)
            tensors.append(item)
            dim += 1
    return x, tuple(where), tensors


def resolved(item: Any) -> Any:
    """An item as int, slice, bool, None, Ellipsis or a tensor of an index dtype."""
    kind = item.__class__
    if kind is int or kind is slice or item is None or item is ... or kind is bool:
        return item
    if isinstance(item, TensorBase):
        return checked_tensor(item)
    if isinstance(item, np.ndarray):
        if not item.ndim and item.dtype.kind in "iu":
            return int(item)
        return checked_tensor(wrap(item if item.dtype.kind == "b" or item.dtype == np.uint8 else item.astype(np.int64)))
    if isinstance(item, Sequence):
        return checked_tensor(wrap(sequence_array(item)))
    if not isinstance(item, (np.bool_, float, complex)):
        try:
            return operator.index(item)
        except TypeError:
            pass
    given = "numpy.bool" if isinstance(item, np.bool_) else type(item).__name__
    raise IndexRangeError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {given})"
    )


def checked_tensor(item: Any) -> Any:
    """An index tensor; one integer without dims as int, bytes as the mask they stand for."""
    array = item._array
    name = array.dtype.name
    if name == "bool" or array.ndim and name in ("int64", "int32"):
        return item
    if array.dtype.kind in "iu" and not array.ndim and name != "uint8":
        return item if item._flags & BATCHED else int(array)
    if name == "uint8":
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
            UserWarning,
            stacklevel=5,
        )
        return wrap(array.astype(bool))
    raise IndexRangeError(
        f"tensors used as indices must be long, int, byte or bool tensors, not {dtypes.of(array.dtype)}"
    )


def sequence_array(sequence: Any) -> Any:
    """A list of numbers, truth values or tensors of one element as an index array."""
    if isinstance(sequence, str):
        raise ArgumentError("new(): invalid data type 'str'; an index is a number")
    try:
        array = np.asarray([nested(v) for v in sequence])
    except ValueError as error:
        raise ValueRangeError(f"expected sequence of equal length: {error}") from None
    if array.dtype.kind in "US":
        raise ArgumentError("new(): invalid data type 'str'; an index is a number")
    return array if array.dtype.kind == "b" or array.dtype == np.uint8 else array.astype(np.int64)


def nested(value: Any) -> Any:
    """Tensors in a list as what they hold."""
    if isinstance(value, TensorBase):
        return value._array.tolist()
    if isinstance(value, (list, tuple)):
        return [nested(v) for v in value]
    return value


def dims_used(item: Any) -> int:
    """How many dims of the tensor an item of a key speaks for."""
    if item is None or item is ... or item.__class__ is bool:
        return 0
    if isinstance(item, TensorBase) and item._array.dtype.kind == "b":
        return item._array.ndim
    return 1


def checked(index: int, size: int, dim: int) -> int:
    """An int inside its dim."""
    if not -size <= index < size:
        if not -(1 << 63) <= index < 1 << 63:
            raise ValueRangeError(f"Overflow when unpacking long long: {index} is no index")
        raise IndexRangeError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    return index


def narrowed(x: Any, dim: int, item: Any, steps: Any) -> Any:
    """x narrowed by a slice; x itself if the slice takes all."""
    start, stop, step = bounds(item)
    if step == 1 and not start and (stop is None or stop >= steps.shape(x)[dim]):
        return x
    return steps.cut(x, dim, start, stop, step)


def bounds(item: Any) -> tuple[int | None, int | None, int]:
    """Start, stop and step of a slice as ints."""
    start, stop, step = item.start, item.stop, item.step
    try:
        step = 1 if step is None else operator.index(step)
        start = start if start is None or start.__class__ is int else operator.index(start)
        stop = stop if stop is None or stop.__class__ is int else operator.index(stop)
    except TypeError:
        raise ArgumentError(f"slice indices must be integers or None or have an __index__ method; got {item}") from None
    if step <= 0:
        raise ValueRangeError("step must be greater than zero" if step else "slice step cannot be zero")
    return start, stop, step


# ---------------------------------------------------------------- x[key]


def getitem(x: Any, key: Any) -> Any:
    """x[key]: a view for ints, slices, None and `...`; with index tensors, lists or masks a copy."""
    kind = key.__class__
    if SPARSE and SPARSE["kind"](x):
        return SPARSE["methods"]["__getitem__"](x, items_of(key))
    if x._flags & CARE:
        return general(x, items_of(key))
    if kind is int:
        a = x._array
        if plain(x):
            try:
                return seen(SELECT, x, select_array(a, 0, key), 0, key)
            except IndexError:
                pass
        if not a.ndim:
            check_dims(x, key)
        return TensorSteps.select(x, 0, checked(key, a.shape[0], 0))
    if kind is slice:
        check_dims(x, key)
        return TensorSteps.cut(x, 0, *bounds(key))
    if kind is core.Tensor and key._array.ndim:
        out = gathered(x, key)
        if out is not None:
            return out
    elif kind is tuple:
        out = basic(x, key)
        if out is not None:
            return out
    return general(x, items_of(key))


def basic(x: Any, key: tuple[Any, ...]) -> Any:
    """x[key] for ints, slices, None and one `...` in bounds, x being plain; None: not this way."""
    used, dots = 0, 0
    for item in key:
        kind = type(item)
        if kind is int or kind is slice:
            used += 1
        elif item is ...:
            dots += 1
        elif item is not None:
            return None
    mode = current()
    shape = x._array.shape
    ndim = len(shape)
    if used > ndim or dots > 1 or (mode is not PLAIN and mode is not OFF):
        return None
    if not x._flags and used == len(key) > 1:
        out = selected(x, key)
        if out is not None:
            return out
    out, dim, place = x, 0, 0
    for item in key:
        kind = type(item)
        if kind is int:
            n = shape[place]
            if item < -n or item >= n:
                return None
            out = viewed(SELECT, out, select_array(out._array, dim, item), (None, dim, item), mode, 4)
            place += 1
        elif kind is slice:
            start, stop, step = bounds(item)
            n = shape[place]
            if step != 1 or start or (stop is not None and stop < n):
                array = cut_array(out._array, dim, start, stop, step)
                out = viewed(SLICE, out, array, (None, dim, start, stop, step), mode, 4)
            dim += 1
            place += 1
        elif item is None:
            out = viewed(UNSQUEEZE, out, widened_array(out._array, dim), (None, dim), mode, 4)
            dim += 1
        else:
            dim += ndim - used
            place += ndim - used
    return RECORDED.alias(x) if out is x else out


_DIRECT = frozenset(np.dtype(t) for t in (np.int64, np.int32, np.bool_))


def gathered(x: Any, key: Any) -> Any:
    """x[key] for one index tensor or mask; None: not this way."""
    a, index = x._array, key._array
    if index.dtype not in _DIRECT or not plain(x) or index.__class__ is not a.__class__:
        return None
    if (index.ndim if index.dtype.kind == "b" else 1) > a.ndim:
        raise IndexRangeError(f"too many indices for tensor of dimension {a.ndim}")
    try:
        out = wrap(a[index] if a.size < _MANY else records.leading(a, index))
    except IndexError:
        raise records.refused(a.shape, (0,), [index]) from None
    if x._flags and current() is PLAIN:
        if key._flags:
            return None
        node = new_node(GATHERED.node_class or class_of(GATHERED, ()))
        node._inputs, node._fit = (x._node, *_PADDING), ((x._flags >> NR_SHIFT, a.shape, a.dtype), *_LOOSE)
        node._saved, node._versions = (key, *_PADDING[1:]), None
        if key._vc is not None and key._vc.n:
            node._versions = (key._vc.n, *_UNWRITTEN)
        node.args, node.shape = _FIRST, a.shape
        attach(node, out, 3)
    return out


def selected(x: Any, key: tuple[Any, ...]) -> Any:
    """x[i, j, ...] for ints only when nothing is recorded; None: not this way."""
    for item in key:
        if item.__class__ is not int:
            return None
    if len(key) < 2:
        return None
    a = x._array
    try:
        array = a[(*key, ...)]
    except IndexError:
        return None
    above, shape = view_info(x), a.shape
    out = seen(SELECT, x, array, 0, key[0])
    links = [Link(SELECT.op, (None, 0, index), 0, shape[k:], 0) for k, index in enumerate(key)]
    out._extra.links = tuple(links) if above is None else (*above.chain, *links)
    return out


def general(x: Any, items: tuple[Any, ...]) -> Any:
    """x[key] for any key."""
    if x._flags > 1 or x._flags and current().grad or has_marked(items):
        found, where, tensors = read(x, items, TensorSteps)
        if where:
            check_count(tensors)
            return RECORDED.index(found, where, *tensors)
        return RECORDED.alias(x) if found is x else found
    if not has_tensors(items):
        found, _, _ = read(x, items, TensorSteps)
        return RECORDED.alias(x) if found is x else found
    if not plain(x):
        found, where, tensors = read(x, items, TensorSteps)
        if not where:
            return RECORDED.alias(x) if found is x else found
        check_count(tensors)
        return RECORDED.index(found, where, *tensors)
    array, where, tensors = read(x._array, items, ArraySteps)
    if not where:
        return read(x, items, TensorSteps)[0]
    check_count(tensors)
    if FOREIGN:
        return RECORDED.index(wrap(array), where, *[near(t, array) for t in tensors])
    return wrap(INDEX.body(namespace_of(array).np, array, where, *[t._array for t in tensors]))


def has_marked(items: tuple[Any, ...]) -> bool:
    """Whether a tensor of a key is batched."""
    return any(isinstance(item, TensorBase) and item._flags & BATCHED for item in items)


def near(index: Any, array: Any) -> Any:
    """An index tensor on the device of what it indexes; from the CPU it may come.

    Raises: DeviceError for one on another device.
    """
    own, target = index.device, DEVICE_OF[array.__class__](array)
    if own is target:
        return index
    if own.type != "cpu":
        raise DeviceError(
            f"indices should be either on cpu or on the same device as the indexed tensor ({target}); "
            f"this one is on {own}"
        )
    return RECORDED.to_device(index, target, own)


def has_tensors(items: tuple[Any, ...]) -> bool:
    """Whether a key may hold more than basic items."""
    for item in items:
        kind = item.__class__
        if kind is not int and kind is not slice and item is not None and item is not ...:
            return True
    return False


def check_count(tensors: list[Any]) -> None:
    """No more index tensors than the record takes."""
    if len(tensors) > records.SLOTS:
        records.check_indices(tensors, len(tensors))


# ---------------------------------------------------------------- x[key] = value


def setitem(x: Any, key: Any, value: Any) -> None:
    """x[key] = value, in place: a number or a tensor that broadcasts to x[key], taken in x's dtype.

    Raises: ShapeError; DtypeError for index tensors and a value of another dtype; IndexRangeError; GraphError.
    """
    tensor = isinstance(value, TensorBase)
    if not tensor and not isinstance(value, _NUMBERS):
        name = "numpy.ndarray" if isinstance(value, np.ndarray) else type(value).__name__
        raise ArgumentError(f"can't assign a {name} to a {type_name(x._array)}; a tensor or a number is needed")
    if key is False:
        return
    items = items_of(key)
    if key.__class__ is int or key.__class__ is slice:
        check_dims(x, key)
    if FOREIGN and tensor and value._array.__class__ is not x._array.__class__:
        value = RECORDED.to_device(value, x.device, value.device)
    if unrecorded(x, value if tensor else None) and not has_marked(items):
        overwrite(x, items, value._array if tensor else value)
        return
    found, where, tensors = read(x, items, TensorSteps)
    if not where:
        assign(found, value, tensor)
        return
    check_count(tensors)
    if tensor:
        value = RECORDED.reshape(value, shed(value._array.shape, x._array.ndim + len(items)))
    else:
        array = found._array
        np_ = namespace_of(array).np
        value = wrap(np_.asarray(records.element_of(scalar(value), array.dtype), dtype=array.dtype))
    apply_inplace(WRITE, (found, value, where, False, *tensors, *_PADDING[len(tensors) :]))


def check_dims(x: Any, key: Any) -> None:
    """torch's words for a tensor without dims."""
    if not x._array.ndim:
        raise IndexRangeError(
            "slice() cannot be applied to a 0-dim tensor."
            if key.__class__ is slice
            else "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number"
        )


def unrecorded(x: Any, value: Any) -> bool:
    """Whether a write into x is of no interest to the tape but for its count."""
    flags = x._flags if value is None else x._flags | value._flags
    if flags > 1:
        return False
    mode = current()
    if mode is OFF:
        return True
    if flags or mode is not PLAIN:
        return False
    info = view_info(x)
    return info is None or not info.base._flags


def scalar(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def shed(shape: tuple[int, ...], ndim: int = 0) -> tuple[int, ...]:
    """A shape without the leading dims of size 1, as torch drops them from an assigned value."""
    k = 0
    while k < len(shape) and shape[k] == 1:
        k += 1
    return shape[k:]


def overwrite(x: Any, items: tuple[Any, ...], value: Any) -> None:
    """Store a number or an array at a key, unrecorded."""
    target, where, tensors = read(x._array, items, ArraySteps)
    namespace = namespace_of(target).np
    array = hasattr(value, "dtype") and not isinstance(value, np.generic)
    value = value.reshape(shed(value.shape)) if array else records.element_of(scalar(value), target.dtype)
    if where:
        check_count(tensors)
        if FOREIGN:
            tensors = [near(t, target) for t in tensors]
        records.write_at(namespace, target, where, [t._array for t in tensors], value, False)
    else:
        check_writable(target)
        if array:
            value = views.expand.body(namespace, value, target.shape)
            if value.dtype.kind == "c" and target.dtype.kind not in "cb":
                value = value.real
        namespace.copyto(target, value, casting="unsafe")
    written(x, 3)


def assign(target: Any, value: Any, tensor: bool) -> None:
    """Store a number or a tensor in a view, recorded."""
    if not tensor:
        target.fill_(records.element_of(scalar(value), target._array.dtype))
        return
    shape = shed(value._array.shape)
    if shape != value._array.shape:
        value = RECORDED.reshape(value, shape)
    if shape != target._array.shape:
        value = RECORDED.expand(value, target._array.shape)
    target.copy_(value)
