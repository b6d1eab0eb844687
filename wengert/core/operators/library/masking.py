"""Elements by a boolean mask: masked_select and masked_scatter (masked_fill is a choice: selection.py)."""

from __future__ import annotations

from wengert.core.arrays.large import LARGE
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.derived import VALUES
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.copying import moving
from wengert.core.operators.library.destinations import apart, both, of_dtype
from wengert.core.operators.library.indexing import scalar_name
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _same_dtype(result, given):
    return (
        f"masked_select(): self and result must have the same scalar type, not {scalar_of(result)}, {scalar_of(given)}"
    )


@moving(
    transpose=lambda m, g, shape, mask: m.masked_select_backward(g, shape, mask),
    shape=VALUES,
    errors=both(of_dtype(_same_dtype), apart),
    samples=lambda s: [
        call(s.array(3, 4), s.booleans(3, 4)),
        call(s.array(3, 4), s.booleans(4)),
        call(s.array(3, 1), s.booleans(2, 1, 4)),
        call(s.array(), s.booleans()),
    ],
)
def masked_select(np, input: Array, mask: Array):
    """The elements of input where `mask`, as a vector; mask and input broadcast."""
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_select: expected BoolTensor for mask, got {scalar_name(mask)}")
    if input.shape != mask.shape:
        shape = broadcast_shapes(mask.shape, input.shape)
        input, mask = np.broadcast_to(input, shape), np.broadcast_to(mask, shape)
    found = LARGE.picked(input, mask)
    return input[mask] if found is None else found


def half_true(s):
    """A mask of two rows and three columns with three true elements, for samples."""
    return s.distinct(2, 3) > 0


@moving(
    transpose=lambda m, g, mask: m.masked_select(g, mask),
    shape=lambda grad, size, *indices: type(grad)(tuple(size), grad.dtype),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3), (2, 3), half_true(s)), call(s.array(3), (3,), half_true(s))],
)
def masked_select_backward(np, grad: Array, size, mask: Array):
    """Zeros of `size`, broadcast with `mask`, with the elements of `grad` where `mask`, summed back to `size`."""
    shape = broadcast_shapes(mask.shape, size)
    found = LARGE.spaced(grad, mask) if shape == tuple(size) == mask.shape else None
    if found is not None:
        return found
    out = np.zeros(shape, dtype=grad.dtype)
    out[np.broadcast_to(mask, shape)] = grad
    if shape == size:
        return out
    lead = len(shape) - len(size)
    axes = tuple(range(lead)) + tuple(lead + d for d, n in enumerate(size) if n == 1 and shape[lead + d] != 1)
    wide = np.float32 if grad.dtype.itemsize <= 2 and grad.dtype.kind in "fV" else grad.dtype
    return out.astype(wide).sum(axis=axes, keepdims=True).reshape(size).astype(grad.dtype)


@opaque(
    vjp=(
        lambda m, g, mask: m.masked_fill(g, mask, 0),
        None,
        lambda m, g, mask, source_shape: m.masked_scatter_backward(g, mask, source_shape),
    ),
    space=None,
    method=False,
    inplace=True,
    backward_name="MaskedScatterBackward0",
    samples=lambda s: [call(s.array(3, 4), s.booleans(4), s.array(15), (15,))],
)
def masked_write(np, input: Array, mask: Array, source: Array, source_shape):
    """input with the elements of `source`, one after the other, where `mask`."""
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {scalar_name(mask)}")
    if input.dtype != source.dtype:
        raise DtypeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{scalar_name(input)} and {scalar_name(source)}"
        )
    shape = broadcast_shapes(mask.shape, input.shape)
    mask = np.broadcast_to(mask, shape)
    out = np.broadcast_to(input, shape).copy()
    count = int(mask.sum())
    if count > source.size:
        raise ShapeError(
            f"Number of elements of source < number of ones in mask: {source.size} elements for {count} places"
        )
    out[mask] = source.reshape(-1)[:count]
    return out


@moving(
    transpose=lambda m, g, shape, mask: m.masked_write(m.zeros_of(g, shape), mask, g, tuple(g.shape)),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 4), s.booleans(4), (15,))],
)
def masked_scatter_backward(np, grad: Array, mask: Array, source_shape):
    """Zeros of `source_shape` that begin with the elements of `grad` where `mask`."""
    out = np.zeros(source_shape, dtype=grad.dtype)
    chosen = grad[np.broadcast_to(mask, grad.shape)]
    out.reshape(-1)[: chosen.size] = chosen
    return out


@plain(space=None, method=False, samples=lambda s: [call(s.array(3), (2, 3))])
def zeros_of(np, like: Array, size):
    """Zeros of a shape, in the dtype and on the device of `like`.  Internal, for rules."""
    return np.zeros(size, dtype=like.dtype)


@composite(inplace=True, samples=lambda s: [call(s.array(3, 4), s.booleans(4), s.array(15))])
def masked_scatter(m, input: Array, mask: Array, source: Array):
    """input with the elements of `source`, in order, where `mask`; mask and input broadcast.

    Raises: ShapeError if source has fewer elements than mask has true ones; DtypeError.
    """
    return m.masked_write(input, mask, source, tuple(source.shape))
