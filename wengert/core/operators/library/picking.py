"""Slices and elements by a vector of positions: index_select, index_add, index_copy, index_fill, take, put."""

from __future__ import annotations

from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import DtypeError, IndexRangeError, ShapeError
from wengert.core.operators.derived import VALUES
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.arithmetic import unsigned
from wengert.core.operators.library.copying import moving
from wengert.core.operators.library.destinations import apart, both, of_dtype
from wengert.core.operators.library.indexing import add_at, add_rows, check_range, from_front, scalar_name
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_ALL = slice(None)

# ---------------------------------------------------------------- index_select and kin


def check_vector(name, index):
    """An index vector of int32 or int64, also without dims."""
    if index.dtype.kind != "i" or index.dtype.itemsize < 4:
        raise DtypeError(f"{name}(): Expected dtype int32 or int64 for index, but got: {scalar_name(index)}")
    if index.ndim > 1:
        raise IndexRangeError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: {scalar_name(index)} "
            f"and size: {list(index.shape)}"
        )
    return index.reshape(-1) if index.ndim == 0 else index


def check_long(name, index):
    """An index of int64, for the operators that take nothing else."""
    if index.dtype.kind != "i" or index.dtype.itemsize != 8:
        raise DtypeError(f"{name}(): Expected a long tensor for index, but got {scalar_name(index)}")


@moving(
    transpose=lambda m, g, shape, dim, index: m.index_select_backward(g, shape, dim, index),
    samples=lambda s: [
        call(s.array(4, 3), 0, s.integers(5)),
        call(s.array(2, 4), -1, s.integers(2)),
        call(s.array(), 0, s.integers(1, high=1)),
        call(s.array(4, 3), 0, s.integers(0)),
    ],
)
def index_select(np, input: Array, dim: int, index: Array):
    """The slices of input at the positions of a vector: out[j] = input[index[j]] along `dim`, copied.

    Raises: IndexRangeError for positions outside [0, size); DtypeError unless int32 or int64.
    """
    dim = wrap_dim(dim, input.ndim)
    index = check_vector("index_select", index)
    size = input.shape[dim] if input.ndim else 1
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexRangeError(f"index out of range in self: dim {dim} has size {size}")
    if not input.ndim:
        if index.size != 1:
            raise ShapeError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
        return input.copy()
    found = LARGE.taken(input, dim, index)
    if found is not None:
        return found
    return LARGE.take_rows(input, index) if input.ndim == 2 and not dim else input.take(index, axis=dim)


@moving(
    transpose=lambda m, g, dim, index: m.index_select(g, dim, index),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(5, 3), (4, 3), 0, s.integers(5)),
        call(s.array(2, 3), (2, 4), 1, s.integers(3)),
    ],
)
def index_select_backward(np, grad: Array, size, dim: int, index: Array):
    """Zeros of `size` to which the slices of `grad` are added at `index` along `dim`."""
    if not size:
        return grad.reshape(())
    return add_slices(np, grad, size, wrap_dim(dim, len(size)), index.reshape(-1))


def add_slices(np, values, size, dim, index):
    """Zeros of `size` with values[j] added at index[j] along `dim`."""
    found = LARGE.add_lines(None, values, size, dim, index)
    if found is not None:
        return found
    moved = np.moveaxis(values, dim, 0) if dim else values
    rest = moved.shape[1:]
    width = 1
    for n in rest:
        width *= n
    rows = add_rows(np, size[dim], index, moved.reshape(len(index), width))
    out = rows.reshape((size[dim], *rest))
    return np.moveaxis(out, 0, dim) if dim else out


def _times(g, alpha):
    return g if alpha == 1 else g * alpha


def _scaled(source, alpha, dtype):
    """source * alpha in the dtype of the tensor that it is added to."""
    if dtype.kind in "iu":
        alpha = unsigned(int(alpha), dtype) if dtype.kind == "u" else int(alpha)
    return (source * alpha).astype(dtype)


def _check_source(input, dim, index, source):
    """The rules of index_add for the shape of its source."""
    given = source.shape[dim] if source.ndim > dim else 1
    if input.ndim != source.ndim or any(
        a != b for d, (a, b) in enumerate(zip(input.shape, source.shape, strict=True)) if d != dim
    ):
        if source.ndim and index.size != given:
            raise ShapeError(
                f"index_add_(): Number of indices ({index.size}) should be equal to source.size(dim): ({given}), "
                f"for dim: {dim}"
            )
        raise ShapeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    if index.size != given:
        raise ShapeError(
            f"index_add_(): Number of indices ({index.size}) should be equal to source.size(dim): ({given}), "
            f"for dim: {dim}"
        )


@opaque(
    vjp=(
        lambda g: g,
        None,
        lambda m, g, dim, index, alpha: _times(m.index_select(g, dim, index), alpha),
    ),
    inplace=True,
    samples=lambda s: [
        call(s.array(4, 3), 0, s.integers(5), s.array(5, 3)),
        call(s.array(2, 4), -1, s.integers(2), s.array(2, 2), alpha=0.5),
        call(s.array(4), 0, s.integers(0), s.array(0)),
    ],
)  # fmt: skip
def index_add(np, input: Array, dim: int, index: Array, source: Array, *, alpha=1):
    """input with alpha * source[j] added to the slice index[j] along `dim`; duplicates accumulate.

    Raises: ShapeError for a source that does not fit, DtypeError for one of another dtype, and for positions outside.
    """
    dim = wrap_dim(dim, input.ndim)
    if index.dtype.kind != "i" or index.dtype.itemsize < 4:
        raise DtypeError(f"index_add_(): Expected dtype int32/int64 for index but got: {scalar_name(index)}")
    index = check_vector("index_add_", index)
    if input.dtype != source.dtype:
        raise DtypeError(
            f"index_add_(): self ({scalar_name(input)}) and source ({scalar_name(source)}) must have the same scalar "
            "type"
        )
    _check_source(input, dim, index, source)
    if not input.ndim:
        if index.size and (index.min() < 0 or index.max() > 0):
            raise IndexRangeError("index out of range in self: a tensor without dims has one element")
        return input + (source if alpha == 1 else _scaled(source, alpha, input.dtype)).reshape(())
    check_range(index, input.shape[dim], dim, ShapeError, negative=False)
    if alpha != 1:
        source = _scaled(source, alpha, input.dtype)
    found = LARGE.add_lines(input, source, input.shape, dim, index)
    if found is not None:
        return found
    if input.dtype.kind == "b":
        return input | add_slices(np, source.astype(np.uint8), input.shape, dim, index).astype(bool)
    return input + add_slices(np, source, input.shape, dim, index)


@opaque(
    vjp=(
        lambda m, g, dim, index: m.index_fill_number(g, dim, index, 0),
        None,
        lambda m, g, dim, index: m.index_select(g, dim, index),
    ),
    inplace=True,
    samples=lambda s: [
        call(s.array(4, 3), 0, s.array(2).argsort(), s.array(2, 3)),
        call(s.array(2, 4), -1, s.array(3).argsort(), s.array(2, 3)),
    ],
)
def index_copy(np, input: Array, dim: int, index: Array, source: Array):
    """input with the slice index[j] along `dim` replaced by source[j].

    Edges: of positions named twice the last wins.  Raises: IndexRangeError, ShapeError, DtypeError.
    """
    dim = wrap_dim(dim, input.ndim)
    check_long("index_copy_", index)
    if index.ndim > 1:
        raise IndexRangeError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if input.dtype != source.dtype:
        raise DtypeError(
            "index_copy_(): self and source expected to have the same dtype, "
            f"but got (self) {scalar_name(input)} and (source) {scalar_name(source)}"
        )
    _check_copied(input, dim, index, source)
    index = index.reshape(-1)
    out = np.array(input)
    if not out.ndim:
        if index.size and (index[0] != 0):
            raise IndexRangeError(f"index_copy_(): index {int(index[0])} is out of bounds for dimension 0 with size 1")
        out[...] = source.reshape(())
        return out
    check_range(index, input.shape[dim], dim, lambda words: IndexRangeError("index_copy_(): " + words), negative=False)
    out[(_ALL,) * dim + (index,)] = source
    return out


def _check_copied(input, dim, index, source):
    if source.ndim != input.ndim and source.ndim and input.ndim:
        raise IndexRangeError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. "
            f"Source dimensionality ({source.ndim}), destination dimensionality ({input.ndim})"
        )
    own = input.shape[:dim] + input.shape[dim + 1 :]
    given = source.shape[:dim] + source.shape[dim + 1 :]
    if own != given:
        raise ShapeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, own))} at dimension {dim} and source slice shape: {' '.join(map(str, given))} "
            f"at dimension {dim if source.ndim else 0}."
        )
    count = source.shape[dim] if source.ndim else 1
    if index.size != count:
        raise IndexRangeError(
            f"index_copy_(): Number of indices ({index.size}) should be equal to source.size(dim) ({count})"
        )


def _filled(np, input, dim, index, value):
    dim = wrap_dim(dim, input.ndim)
    if index.dtype.kind != "i" or index.dtype.itemsize != 8:
        raise IndexRangeError(f"index_fill_(): Expected dtype int64 for index. Got {scalar_name(index)}")
    if index.ndim > 1:
        raise ShapeError(f"Index has to be a vector/scalar, got {index.ndim} dims")
    index = index.reshape(-1)
    check_range(index, input.shape[dim] if input.ndim else 1, dim)
    out = np.array(input)
    if input.ndim:
        out[(_ALL,) * dim + (index,)] = value
    elif index.size:
        out[...] = value
    return out


def fill_value(value, dtype, name="index_fill_"):
    """A number as an element of `dtype`; complex for real is refused."""
    if isinstance(value, complex) and dtype.kind != "c":
        raise DtypeError(f"{name}(): Converting complex Scalar to non-complex type is not supported")
    return int(value) if dtype.kind in "iu" else value


@moving(
    transpose=lambda m, g, dim, index: m.index_fill_number(g, dim, index, 0),
    space=None,
    method=False,
    inplace=True,
    backward_name="IndexFillBackward0",
    samples=lambda s: [call(s.array(4, 3), 0, s.integers(2), 0), call(s.array(2, 4), -1, s.integers(3), 0)],
)
def index_fill_number(np, input: Array, dim: int, index: Array, value):
    """input with a number in the slices `index` along `dim`."""
    return _filled(np, input, dim, index, fill_value(value, input.dtype))


@opaque(
    vjp=(
        lambda m, g, dim, index: m.index_fill_number(g, dim, index, 0),
        None,
        # A slice named twice is filled once.
        lambda m, g, dim, index: m.sum_to(m.index_select(g, dim, m.unique(index)), ()),
    ),
    space=None,
    method=False,
    inplace=True,
    backward_name="IndexFillBackward1",
    samples=lambda s: [call(s.array(4, 3), 0, s.array(2).argsort(), s.array())],
)
def index_fill_tensor(np, input: Array, dim: int, index: Array, value: Array):
    """input with the one element of `value` in the slices `index` along `dim`."""
    if value.ndim:
        raise ShapeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    return _filled(np, input, dim, index, value.astype(input.dtype))


@composite(inplace=True, samples=lambda s: [call(s.array(4, 3), 0, s.integers(2), 1.5)])
def index_fill(m, input: Array, dim: int, index: Array, value):
    """input with `value`, a number or a tensor without dims, in the slices `index` along `dim`."""
    if hasattr(value, "ndim"):
        return m.index_fill_tensor(input, dim, index, value)
    return m.index_fill_number(input, dim, index, value)


# ---------------------------------------------------------------- take and put: positions in the flattened tensor


def _check_flat(index, count):
    if index.size and (index.max() >= count or index.min() < -count):
        bad = int(index[(index >= count) | (index < -count)].reshape(-1)[0])
        raise IndexRangeError(f"out of range: tried to access index {bad} on a tensor of {count} elements.")


def _taken_dtype(result, given):
    return (
        f"take(): self and out expected to have the same dtype, but got self.dtype = {scalar_of(result)} and "
        f"out.dtype = {scalar_of(given)}"
    )


@moving(
    transpose=lambda m, g, shape, index: m.take_backward(g, shape, index),
    errors=both(of_dtype(_taken_dtype), apart),
    samples=lambda s: [call(s.array(2, 3), s.integers(4, low=-6, high=6)), call(s.array(4), s.integers(2, 2))],
)
def take(np, input: Array, index: Array):
    """input.flatten()[index], of index's shape."""
    check_long("take", index)
    _check_flat(index, input.size)
    return input.take(index)


@moving(
    transpose=lambda m, g, index: m.take(g, index),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(4), (2, 3), s.integers(4, low=-6, high=6))],
)
def take_backward(np, grad: Array, size, index: Array):
    """Zeros of `size` to which `grad` is added at flat positions."""
    count = 1
    for n in size:
        count *= n
    return add_at(np, count, from_front(np, index.reshape(-1), count), grad.reshape(-1)).reshape(size)


@opaque(
    vjp=(
        lambda m, g, index, accumulate: g if accumulate else m.put_zero(g, index),
        None,
        lambda m, g, index: m.take(g, index),
    ),
    space=None,
    method=False,
    inplace=True,
    backward_name="PutBackward0",
    samples=lambda s: [
        call(s.array(2, 3), s.array(3).argsort(), s.array(3), False),
        call(s.array(2, 3), s.integers(4), s.array(4), True),
    ],
)
def put_values(np, input: Array, index: Array, source: Array, accumulate):
    """input with `source`, of index's shape, at (or added at) flat positions."""
    check_long("put_", index)
    if input.dtype != source.dtype:
        raise DtypeError(
            "put_(): self and source expected to have the same dtype, "
            f"but got self.dtype = {scalar_name(input)} and source.dtype = {scalar_name(source)}"
        )
    _check_flat(index, input.size)
    if accumulate:
        sums = take_backward.body(np, source, input.shape, index)
        return input + sums
    out = np.array(input, order="C")
    out.reshape(-1)[index.reshape(-1)] = source.reshape(-1)
    return out


@moving(
    transpose=lambda m, g, index: m.put_zero(g, index),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 3), s.integers(3))],
)
def put_zero(np, input: Array, index: Array):
    """input with 0 at flat positions."""
    out = np.array(input, order="C")
    out.reshape(-1)[index.reshape(-1)] = 0
    return out


@composite(inplace=True, samples=lambda s: [call(s.array(2, 3), s.array(3).argsort(), s.array(3))])
def put(m, input: Array, index: Array, source: Array, accumulate=False):
    """input with source at (accumulate: added at) the positions `index` of the flattened input."""
    own, given = index.shape, source.shape
    if own != given:
        if _count(own) != _count(given):
            raise IndexRangeError(
                "put_(): Expected source and index to have the same number of elements, "
                f"but got source.numel() = {_count(given)}, index.numel() = {_count(own)}"
            )
        source = m.reshape(source, tuple(own))
    return m.put_values(input, index, source, accumulate)


def _count(shape):
    count = 1
    for n in shape:
        count *= n
    return count


@plain(shape=VALUES, samples=lambda s: [call(s.integers(3, 4, high=2)), call(s.integers(high=2)), call(s.array(0, 2))])
def argwhere(np, input: Array):
    """Positions of the elements that are not 0, one row each: int64 of shape (count, ndim)."""
    if not input.ndim:
        return np.zeros((1 if input else 0, 0), dtype=np.int64)
    return np.argwhere(input)
