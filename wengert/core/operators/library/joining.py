"""Joining tensors: cat, stack and their relatives."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import IndexRangeError, ShapeError
from wengert.core.operators.kinds import composite, opaque
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


@opaque(
    vjp=_cat_gradients,
    aliases=("concat", "concatenate"),
    method=False,
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
        raise ShapeError("torch.cat(): expected a non-empty list of Tensors")
    arrays = common(tensors)
    kept = [a for a in arrays if a.shape != (0,)] or arrays[:1]
    n = kept[0].ndim
    for i, a in enumerate(arrays):
        if not a.ndim:
            raise ShapeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    dim = wrap_dim(dim, n)
    try:
        return np.concatenate(kept, axis=dim)
    except ValueError:
        raise _cat_error(kept, dim) from None


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
    return np.concatenate([a[index] for a in arrays], axis=dim)
