"""Picking and placing elements by tensors of positions: index, index_put, index_select, take, put, embedding."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import ArgumentError, DtypeError, IndexRangeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, opaque, view
from wengert.core.operators.library.copying import moving
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_ALL = slice(None)
SLOTS = 8
"""How many index tensors one operation takes."""


# ---------------------------------------------------------------- positions


def scalar_name(array):
    """torch's name of an array's dtype in messages: `Float`, `Long`."""
    return dtypes.scalar_name(dtypes.of(array.dtype))


def key_of(where, indices):
    """The key that puts each index tensor at its place; all dims in gaps are taken whole."""
    if where == (0,):
        return indices[0]
    key = [_ALL] * (where[-1] + 1)
    for slot, index in zip(where, indices, strict=False):
        key[slot] = index
    return tuple(key)


def check_range(index, size, dim, error=IndexRangeError, negative=True):
    """Raise torch's out-of-bounds error if an entry of `index` lies outside a dim of `size` elements."""
    if not index.size:
        return
    lowest = -size if negative else 0
    if index.max() >= size or index.min() < lowest:
        if negative and not size:
            raise error("index is out of bounds for dimension with size 0; a dim of size 0 has no elements")
        bad = int(index[(index >= size) | (index < lowest)].reshape(-1)[0])
        raise error(f"index {bad} is out of bounds for dimension {dim} with size {size}")


def expanded_indices(input_shape, where, indices):
    """Index tensors with masks turned into positions, as (dims, integer arrays), checked."""
    dims, integers = [], []
    dim = slot = 0
    for place, index in zip(where, indices, strict=False):
        dim += place - slot
        slot = place + 1
        if index.dtype.kind != "b":
            dims.append(dim)
            integers.append(index)
            dim += 1
            continue
        for k, n in enumerate(index.shape):
            if n != input_shape[dim + k]:
                raise IndexRangeError(
                    f"The shape of the mask {list(index.shape)} at index {k} does not match the shape of the indexed "
                    f"tensor {list(input_shape)} at index {dim + k}"
                )
        dims += range(dim, dim + index.ndim)
        integers += index.nonzero()
        dim += index.ndim
    return dims, integers


def refused(input_shape, where, indices):
    """torch's error for index tensors that the array library refused."""
    dims, integers = expanded_indices(input_shape, where, indices)
    try:
        broadcast_shapes(*[index.shape for index in integers])
    except ShapeError:
        shapes = ", ".join(str(list(index.shape)) for index in integers)
        return IndexRangeError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}")
    # The dimension in the message counts the indexed dims only, as torch's does.
    for k, (dim, index) in enumerate(zip(dims, integers, strict=True)):
        check_range(index, input_shape[dim], k)
    return IndexRangeError(f"too many indices for tensor of dimension {len(input_shape)}")


def element_of(value, dtype):
    """A number as an element of `dtype`; refused, in torch's words, where it does not fit."""
    if isinstance(value, complex) and dtype.kind != "c":
        if value.imag:
            raise DtypeError(f"value cannot be converted to type {_c_name(dtype)} without overflow; it is {value}")
        value = value.real
    if dtype.kind not in "iu":
        return value
    value, bits = int(value), 8 * dtype.itemsize
    lowest, highest = (1 - (1 << bits), (1 << bits) - 1) if dtype.kind == "u" else (-1 << bits - 1, (1 << bits - 1) - 1)
    if not lowest <= value <= highest:
        raise DtypeError(f"value cannot be converted to type {_c_name(dtype)} without overflow; it is {value}")
    return value + (1 << bits) if value < 0 and dtype.kind == "u" else value


def _c_name(dtype):
    return (
        f"{dtype.name}_t"
        if dtype.kind in "iu"
        else {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)
    )


def add_at(np, size, index, values):
    """Zeros of `size` elements with values[i] added at index[i] (1-d); duplicates accumulate in order."""
    dtype = values.dtype
    half = dtype.itemsize <= 2 and dtype.kind in "fV"
    out = np.zeros(size, dtype=np.float32 if half else dtype)
    np.add.at(out, index, values.astype(np.float32) if half else values)
    return out.astype(dtype) if half else out


def add_rows(np, size, index, rows):
    """Zeros of (size, k) with rows[i] added to row index[i].

    One flat `add.at` over elements: NumPy's fast path is for one dim only.
    """
    k = rows.shape[1]
    found = LARGE.add_rows(size, index, rows) if k > 1 else LARGE.add_lines(None, rows, (size, k), 0, index)
    if found is not None:
        return found
    if k == 1:
        return add_at(np, size, index, rows[:, 0])[:, None]
    flat = index[:, None] * k + np.arange(k)
    return add_at(np, size * k, flat.reshape(-1), rows.reshape(-1)).reshape(size, k)


def from_front(np, index, size):
    """Positions counted from the front: negative ones wrapped."""
    if index.size and index.min() < 0:
        return np.where(index < 0, index + size, index)
    return index


def add_into_zeros(np, values, size, where, indices):
    """Zeros of shape `size` to which `values` is added at the index tensors."""
    dims, integers = expanded_indices(size, where, indices)
    flat, count = None, 1
    for dim, index in zip(dims, integers, strict=True):
        check_range(index, size[dim], dim)
        index = from_front(np, index, size[dim])
        flat = index if flat is None else flat * size[dim] + index
        count *= size[dim]
    together = where[-1] - where[0] == len(where) - 1
    start = dims[0] if together else 0
    moved = tuple(range(flat.ndim))
    if start:
        values = np.moveaxis(values, tuple(start + k for k in moved), moved)
    rest = [n for d, n in enumerate(size) if d not in dims]
    width = 1
    for n in rest:
        width *= n
    rows = add_rows(np, count, flat.reshape(-1), values.reshape(flat.size, width))
    out = rows.reshape([size[d] for d in dims] + rest)
    return out if not start and dims == list(range(len(dims))) else np.moveaxis(out, tuple(range(len(dims))), dims)


# ---------------------------------------------------------------- index


def leading(array, index):
    """array[index] for one tensor of positions, or a mask."""
    found = LARGE.picked(array, index) if index.dtype.kind == "b" else LARGE.taken(array, 0, index)
    return array[index] if found is None else found


def in_order(array):
    """Whether the dims lie in memory in the order of their numbers, with or without gaps."""
    if array.flags.c_contiguous:
        return True
    strides = [k for k, n in zip(array.strides, array.shape, strict=True) if n > 1]
    return all(a >= b for a, b in zip(strides, strides[1:], strict=False))


def _present(*indices):
    return [index for index in indices if index is not None]


def _index_spec(input, where, *indices):
    """Shape and dtype of `index` without computing."""
    indices = _present(*indices)
    if any(index.dtype.kind == "b" for index in indices):
        raise MissingError("index(): the shape of the result depends on the values of a mask")
    broadcast = broadcast_shapes(*[index.shape for index in indices])
    start = where[0] if where[-1] - where[0] == len(where) - 1 else 0
    rest = tuple(n for d, n in enumerate(input.shape) if d not in where)
    return type(input)(rest[:start] + broadcast + rest[start:], input.dtype)


def _index_samples(s):
    return [
        call(s.array(4, 3), (0,), s.integers(5)),
        call(s.array(4, 4), (1,), s.integers(2, 3, low=-4)),
        call(s.array(4, 2, 5), (0, 2), s.integers(3), s.integers(3)),
        call(s.array(3, 4, 5), (1, 2), s.integers(3, 1), s.integers(2)),
        call(s.array(4, 3), (0,), s.booleans(4)),
        call(s.array(2, 3, 4), (1,), s.booleans(3, 4)),
        call(s.array(4, 3), (0,), s.integers(0)),
    ]


@moving(
    transpose=lambda m, g, shape, where, first, second, third, fourth, fifth, sixth, seventh, eighth: m.index_backward(
        g, shape, where, first, second, third, fourth, fifth, sixth, seventh, eighth
    ),
    space=None,
    method=False,
    shape=_index_spec,
    samples=_index_samples,
)
def index(
    np, input: Array, where, first: Array, second: Array | None = None, third: Array | None = None,
    fourth: Array | None = None, fifth: Array | None = None, sixth: Array | None = None,
    seventh: Array | None = None, eighth: Array | None = None,
):  # fmt: skip
    """input[..., first, ..., second, ...]: index tensors and masks at the places `where`, other dims whole.

    Index tensors broadcast together; their dims stand where they stood if side by side, else in front.
    """
    if second is None and where[0] and first.dtype.kind == "i" and input.flags.c_contiguous and where[0] < input.ndim:
        dim = where[0]
        found = LARGE.taken(input, dim, first)
        if found is not None:
            return found
        check_range(first, input.shape[dim], 0)
        return input.take(first, axis=dim)
    indices = _present(first, second, third, fourth, fifth, sixth, seventh, eighth)
    try:
        out = input[key_of(where, indices)] if second is not None or where[0] else leading(input, first)
    except IndexError:
        raise refused(input.shape, where, indices) from None
    # NumPy leaves indexed dims in front in memory; torch keeps the order in memory of its input's dims.
    return np.ascontiguousarray(out) if where[0] and out.ndim and in_order(input) else out


@moving(
    transpose=lambda m, g, where, first, second, third, fourth, fifth, sixth, seventh, eighth: m.index(
        g, where, first, second, third, fourth, fifth, sixth, seventh, eighth
    ),
    shape=lambda grad, size, *indices: type(grad)(tuple(size), grad.dtype),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(5, 3), (4, 3), (0,), s.integers(5)),
        call(s.array(3, 2), (4, 2, 5), (0, 2), s.integers(3), s.integers(3)),
        call(s.array(3, 3, 2), (3, 4, 5), (1, 2), s.integers(3, 1), s.integers(2)),
    ],
)
def index_backward(
    np, grad: Array, size, where, first: Array, second: Array | None = None, third: Array | None = None,
    fourth: Array | None = None, fifth: Array | None = None, sixth: Array | None = None,
    seventh: Array | None = None, eighth: Array | None = None,
):  # fmt: skip
    """Zeros of `size` to which `grad` is added at the index tensors."""
    indices = _present(first, second, third, fourth, fifth, sixth, seventh, eighth)
    if len(indices) == 1 and first.dtype.kind == "b":
        found = LARGE.spaced(grad, first) if first.shape == tuple(size) else None
        if found is not None:
            return found
        out = np.zeros(size, dtype=grad.dtype)
        out[key_of(where, indices)] = grad
        return out
    if second is None:
        found = LARGE.add_lines(None, grad, size, where[0], first)
        if found is not None:
            return found
    return add_into_zeros(np, grad, size, where, indices)


# ---------------------------------------------------------------- index_put


def write_at(np, target, where, indices, values, accumulate):
    """target[indices] = values, or += with duplicates accumulating; refuses before anything is written."""
    if getattr(values, "dtype", target.dtype) != target.dtype:
        raise DtypeError(
            "Index put requires the source and destination dtypes match, "
            f"got {scalar_name(target)} for the destination and {scalar_name(values)} for the source."
        )
    key = key_of(where, indices)
    try:
        if not accumulate:
            target[key] = values
            return
        wanted = target[key].shape
        values = np.broadcast_to(values, wanted)
    except IndexError:
        raise refused(target.shape, where, indices) from None
    except ValueError:
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(getattr(values, 'shape', ()))} cannot be broadcast to "
            f"indexing result of shape {list(target[key].shape)}"
        ) from None
    if target.dtype.kind == "b":
        target |= add_into_zeros(np, values.astype(np.uint8), target.shape, where, indices).astype(bool)
    else:
        target += add_into_zeros(np, values, target.shape, where, indices)


def _shed(values, wanted):
    """Leading dims of size 1 that the indexing result does not have, taken off."""
    while values.ndim > wanted and values.shape[0] == 1:
        values = values[0]
    return values


@opaque(
    vjp=(
        lambda m, g, where, accumulate, first, second, third, fourth, fifth, sixth, seventh, eighth: (
            g if accumulate else m.index_clear(g, where, first, second, third, fourth, fifth, sixth, seventh, eighth)
        ),
        lambda m, g, where, first, second, third, fourth, fifth, sixth, seventh, eighth: m.index(
            g, where, first, second, third, fourth, fifth, sixth, seventh, eighth
        ),
    ),
    space=None,
    method=False,
    inplace=True,
    backward_name="IndexPutBackward0",
    samples=lambda s: [
        call(s.array(4, 3), s.array(2, 3), (0,), False, s.array(2).argsort()),
        call(s.array(4, 3), s.array(), (0,), False, s.array(3).argsort()),
        call(s.array(4, 3), s.array(5, 1), (0,), True, s.integers(5)),
        call(s.array(4, 2, 5), s.array(3, 2), (0, 2), True, s.integers(3), s.integers(3)),
    ],
)
def index_write(
    np, input: Array, values: Array, where, accumulate, first: Array, second: Array | None = None,
    third: Array | None = None, fourth: Array | None = None, fifth: Array | None = None,
    sixth: Array | None = None, seventh: Array | None = None, eighth: Array | None = None,
):  # fmt: skip
    """input with `values` at the index tensors (see `index`), or added there.  Values broadcast."""
    out = input.copy()
    indices = _present(first, second, third, fourth, fifth, sixth, seventh, eighth)
    write_at(np, out, where, indices, values, accumulate)
    return out


@moving(
    transpose=lambda m, g, where, first, second, third, fourth, fifth, sixth, seventh, eighth: m.index_clear(
        g, where, first, second, third, fourth, fifth, sixth, seventh, eighth
    ),
    space=None,
    method=False,
    samples=_index_samples,
)
def index_clear(
    np, input: Array, where, first: Array, second: Array | None = None, third: Array | None = None,
    fourth: Array | None = None, fifth: Array | None = None, sixth: Array | None = None,
    seventh: Array | None = None, eighth: Array | None = None,
):  # fmt: skip
    """input with 0 at the index tensors."""
    out = input.copy()
    out[key_of(where, _present(first, second, third, fourth, fifth, sixth, seventh, eighth))] = 0
    return out


def check_indices(indices, ndim):
    """Places and tensors of a sequence with None gaps, checked for dtype and number of dims."""
    where, tensors, used = [], [], 0
    for slot, index in enumerate(indices):
        if index is None:
            used += 1
            continue
        array = getattr(index, "_array", index)
        if not hasattr(array, "dtype"):
            raise ArgumentError(f"expected Tensor as element {slot} in argument 0, but got {type(index).__name__}")
        if array.dtype.kind not in "iub" or array.dtype.itemsize not in (1, 4, 8) or array.dtype.name == "int8":
            raise IndexRangeError("tensors used as indices must be long, int, byte or bool tensors")
        where.append(slot)
        tensors.append(index)
        used += array.ndim if array.dtype.kind == "b" else 1
    if not tensors:
        raise IndexRangeError("index_put(): indices holds no tensor; at least one is needed")
    if used > ndim:
        raise IndexRangeError(f"too many indices for tensor of dimension {ndim} (got {used})")
    if len(tensors) > SLOTS:
        raise MissingError(f"indexing with more than {SLOTS} index tensors at once, got {len(tensors)}")
    return tuple(where), tensors


@composite(inplace=True, samples=lambda s: [call(s.array(4, 3), [s.integers(5)], s.array(5, 3), True)])
def index_put(m, input: Array, indices, values: Array, accumulate=False):
    """input with `values` at the positions that `indices`, a sequence of tensors, name together.

    indices: integer tensors that broadcast together, or masks, one for each leading dim (None: the whole dim).
    accumulate: add instead of store; duplicates then count each, otherwise which of them wins is not promised.
    Raises: IndexRangeError, ShapeError for values that do not broadcast, DtypeError for values of another dtype.
    """
    where, tensors = check_indices(indices, input.ndim)
    return m.index_write(input, values, where, accumulate, *tensors)


@view(transpose=lambda g: g, space=None, method=False, samples=lambda s: [call(s.array(2, 3)), call(s.array())])
def alias(np, input: Array):
    """The whole of input, looked at again."""
    return input.view()
