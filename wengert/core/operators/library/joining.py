"""Joining tensors: cat, stack and their relatives."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import broadcast_shapes, wrap_dim
from wengert.core.base.errors import ArgumentError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.destinations import apart, both, castable
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def common(arrays):
    """The arrays in their common dtype."""
    first = arrays[0].dtype
    if all(a.dtype == first for a in arrays):
        return arrays
    operands = tuple((dtypes.of(a.dtype), "dim" if a.ndim else "zero") for a in arrays)
    dtype = dtypes.result_type(operands).numpy
    return [a if a.dtype == dtype else a.astype(dtype) for a in arrays]


def _cat_gradients(m, g, shape, dim):
    """The pieces of g; an empty 1-d tensor took no part."""
    dim = wrap_dim(dim, g.ndim)
    out, start = [], 0
    for s in shape:
        if s == (0,) and g.ndim != 1:
            out.append(m.zero_like(m.slice(m.reshape(g, (-1,)), 0, 0, 0)))
            continue
        out.append(m.slice(g, dim, start, start + s[dim], 1))
        start += s[dim]
    return out


def _uncast(given):
    """Words for a destination that cannot hold the result."""
    return f"torch.cat(): input types can't be cast to the desired output type {scalar_of(given)}"


@opaque(
    vjp=_cat_gradients,
    aliases=("concat", "concatenate"),
    method=False,
    errors=both(castable(_uncast), apart),
    samples=lambda s: [
        call([s.array(2, 3), s.array(1, 3)]), call([s.array(2, 3), s.array(2, 1)], dim=-1), call([s.array(3)]),
        call([s.array(0), s.array(2, 3)]), call([s.array(2, 0), s.array(2, 3)], dim=1),
    ],
)  # fmt: skip
def cat(np, tensors: list[Array], dim: int = 0):
    """The tensors one after the other along `dim`; all other sizes agree.  Empty 1-d tensors are skipped.

    Mixed dtypes meet in their common one.
    """
    if not tensors:
        raise ValueRangeError("torch.cat(): expected a non-empty list of Tensors")
    arrays = common(tensors)
    kept = [a for a in arrays if a.shape != (0,)] or arrays[:1]
    n = kept[0].ndim
    for i, a in enumerate(arrays):
        if not a.ndim:
            raise ShapeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    dim = wrap_dim(dim, n)
    try:
        out = np.concatenate(kept, axis=dim)
    except ValueError:
        raise _cat_error(kept, dim) from None
    return out if out.flags.c_contiguous else out.copy(order="C")


def _cat_error(arrays, dim):
    first = arrays[0].shape
    for i, a in enumerate(arrays):
        if a.ndim != len(first):
            return ShapeError(f"Tensors must have same number of dimensions: got {len(first)} and {a.ndim}")
        for d, n in enumerate(a.shape):
            if d != dim and n != first[d]:
                return ShapeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {first[d]} but got size {n} "
                    f"for tensor number {i} in the list."
                )
    return ShapeError(f"Sizes of tensors must match except in dimension {dim}.")


@opaque(
    vjp=lambda m, g, shape, dim: [m.select(g, dim, i) for i in range(len(shape))],
    method=False,
    samples=lambda s: [
        call([s.array(2, 3), s.array(2, 3)]), call([s.array(2, 3), s.array(2, 3)], dim=-1), call([s.array()] * 2),
        call([s.array(0, 2)], dim=1),
    ],
)  # fmt: skip
def stack(np, tensors: list[Array], dim: int = 0):
    """The tensors, all of one shape, along a new dim."""
    if not tensors:
        raise ShapeError("stack expects a non-empty TensorList")
    arrays = common(tensors)
    first = arrays[0].shape
    dim = wrap_dim(dim, len(first) + 1)
    for i, a in enumerate(arrays):
        if a.shape != first:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(a.shape)} at "
                f"entry {i}"
            )
    index = (slice(None),) * dim + (None,)
    out = np.concatenate([a[index] for a in arrays], axis=dim)
    return out if out.flags.c_contiguous else out.copy(order="C")


# ---------------------------------------------------------------- in one direction


def _listed(name, tensors):
    if not tensors:
        raise ShapeError(f"{name} expects a non-empty TensorList")
    return list(_tensors(tensors))


def _tensors(given):
    """What is given as a list of tensors.

    Raises: ArgumentError for an element that is none.
    """
    for i, x in enumerate(given):
        if not hasattr(x, "ndim"):
            raise ArgumentError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return given


@composite(method=False, samples=lambda s: [call([s.array(2, 3), s.array(2, 1)]), call([s.array(2), s.array()])])
def hstack(m, tensors: list[Array]):
    """Joined along dim 1, vectors along dim 0."""
    parts = [m.atleast_1d(x) for x in _listed("hstack", tensors)]
    return m.cat(parts, 0 if parts[0].ndim == 1 else 1)


@composite(
    method=False, aliases=("row_stack",), samples=lambda s: [call([s.array(2, 3), s.array(3)]), call([s.array()] * 2)]
)
def vstack(m, tensors: list[Array]):
    """Joined along dim 0; a vector is a row."""
    return m.cat([m.atleast_2d(x) for x in _listed("vstack", tensors)], 0)


@composite(method=False, samples=lambda s: [call([s.array(2, 3), s.array(2, 3)]), call([s.array(2), s.array(2)])])
def dstack(m, tensors: list[Array]):
    """Joined along dim 2."""
    return m.cat([m.atleast_3d(x) for x in _listed("dstack", tensors)], 2)


@composite(method=False, samples=lambda s: [call([s.array(2, 3), s.array(2)]), call([s.array()] * 2)])
def column_stack(m, tensors: list[Array]):
    """Joined along dim 1; a vector is a column."""
    parts = _listed("column_stack", tensors)
    return m.cat([x if x.ndim > 1 else m.reshape(x, (-1, 1)) for x in parts], 1)


# ---------------------------------------------------------------- dims made up


def _each(m, function, tensors):
    """`function` of one tensor, or a tuple for several or a list."""
    if len(tensors) == 1:
        given = tensors[0]
        if not isinstance(given, (tuple, list)):
            return function(m, given)
        tensors = given
    return tuple([function(m, x) for x in tensors])


def _to_1d(m, x):
    return x if x.ndim else m.reshape(x, (1,))


def _to_2d(m, x):
    return x if x.ndim > 1 else m.unsqueeze(x, 0) if x.ndim else m.reshape(x, (1, 1))


def _to_3d(m, x):
    if x.ndim > 2:
        return x
    if x.ndim == 2:
        return m.unsqueeze(x, -1)
    return m.unsqueeze(m.unsqueeze(x, 0), -1) if x.ndim else m.reshape(x, (1, 1, 1))


@composite(method=False, samples=lambda s: [call(s.array()), call(s.array(2), s.array())])
def atleast_1d(m, *tensors):
    """Tensors without dims get one; one tensor gives one, several give a tuple."""
    return _each(m, _to_1d, tensors)


@composite(method=False, samples=lambda s: [call(s.array()), call(s.array(2), s.array(2, 3))])
def atleast_2d(m, *tensors):
    """Tensors with fewer than two dims get dims in front."""
    return _each(m, _to_2d, tensors)


@composite(method=False, samples=lambda s: [call(s.array()), call(s.array(2), s.array(2, 3))])
def atleast_3d(m, *tensors):
    """Tensors with fewer than three dims get dims: a vector one on each side, a matrix one behind."""
    return _each(m, _to_3d, tensors)


# ---------------------------------------------------------------- grids


def _spread(tensors):
    """`f(a, b)` and `f([a, b])` mean the same."""
    return _tensors(tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors)


@composite(method=False, samples=lambda s: [call(s.array(2, 3), s.array(3)), call(s.array(), s.array(2))])
def broadcast_tensors(m, *tensors):
    """All tensors expanded to their common shape."""
    tensors = _spread(tensors)
    shape = broadcast_shapes(*[tuple(x.shape) for x in tensors])
    return tuple([x if tuple(x.shape) == shape else m.expand(x, shape) for x in tensors])


@composite(
    method=False,
    samples=lambda s: [call(s.array(2), s.array(3)), call(s.array(2), s.array(3), s.array(), indexing="xy")],
)
def meshgrid(m, *tensors, indexing=None):
    """The coordinates of a grid: out[k][i_0, i_1, ...] = tensors[k][i_k]; "xy" swaps the first two dims.

    The results are expanded views.
    """
    tensors = list(_spread(tensors))
    if not tensors:
        raise ShapeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.ndim > 1:
            raise ShapeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: shape {list(x.shape)}"
            )
    if indexing is not None and not isinstance(indexing, str):
        raise ArgumentError(f"meshgrid(): argument 'indexing' must be str, not {type(indexing).__name__}")
    if indexing not in (None, "xy", "ij"):
        raise ShapeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) > 1
    if swap:
        tensors[:2] = tensors[1::-1]
    shape = tuple([x.shape[0] if x.ndim else 1 for x in tensors])
    n = len(tensors)
    grids = [
        m.expand(m.view_shape(x, (1,) * k + (shape[k],) + (1,) * (n - 1 - k)), shape) for k, x in enumerate(tensors)
    ]
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@composite(method=False, samples=lambda s: [call(s.array(2), s.array(3)), call(s.array(2))])
def cartesian_prod(m, *tensors):
    """All ways to take one element of each vector, one per row; one vector alone stays as it is."""
    tensors = _spread(tensors)
    for x in tensors:
        if x.ndim != 1:
            raise ShapeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return m.stack([m.flatten(x) for x in m.meshgrid(*tensors, indexing="ij")], 1)


def _block_sizes(shapes):
    return [((1,) * (2 - len(s)) + tuple(s)) for s in shapes]


def _block_gradients(m, g, shape):
    out, row, column = [], 0, 0
    for own, (rows, columns) in zip(shape, _block_sizes(shape), strict=True):
        part = m.slice(m.slice(g, 0, row, row + rows, 1), 1, column, column + columns, 1)
        out.append(m.reshape(part, tuple(own)))
        row, column = row + rows, column + columns
    return out


@opaque(
    vjp=_block_gradients,
    space=None,
    method=False,
    backward_name="BlockDiagBackward0",
    samples=lambda s: [call([s.array(2, 3), s.array(2), s.array()])],
)
def block_diagonal(np, tensors: list[Array]):
    """A matrix of zeros with the given matrices along its diagonal; a vector is a row."""
    arrays = common(tensors)
    for i, a in enumerate(arrays):
        if a.ndim > 2:
            raise ShapeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {a.ndim} dimensions"
            )
    sizes = _block_sizes([a.shape for a in arrays])
    out = np.zeros((sum(s[0] for s in sizes), sum(s[1] for s in sizes)), dtype=arrays[0].dtype)
    row = column = 0
    for a, (rows, columns) in zip(arrays, sizes, strict=True):
        out[row : row + rows, column : column + columns] = a
        row, column = row + rows, column + columns
    return out


@composite(method=False, samples=lambda s: [call(s.array(2, 3), s.array(2), s.array())])
def block_diag(m, *tensors):
    """A matrix of zeros with the given matrices along its diagonal; a vector is a row, a number 1 x 1."""
    return m.block_diagonal(list(_spread(tensors)))
