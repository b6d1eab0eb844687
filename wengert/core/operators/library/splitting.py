"""One tensor cut into several along a dim; the pieces share its memory."""

from __future__ import annotations

from operator import index as as_index

from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ArgumentError, DimError, ShapeError
from wengert.core.operators.kinds import composite, view
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

_ALL = slice(None)


def _cut(input, sizes, dim):
    """The pieces of the given sizes."""
    lead = (_ALL,) * dim
    out, start = [], 0
    for n in sizes:
        out.append(input[(*lead, slice(start, start + n))])
        start += n
    return tuple(out)


def _joined(m, g, shape, sizes, dim):
    """The gradient of what was cut: its pieces put together, zeros where one is missing."""
    dim %= len(shape)
    if all(piece is not None for piece in g):
        return m.cat(list(g), dim)
    total, start = None, 0
    for piece, n in zip(g, sizes, strict=True):
        if piece is not None:
            part = m.slice_backward(piece, shape, dim, start, start + n, 1)
            total = part if total is None else total + part
        start += n
    return total


def _equal_sizes(n, size):
    """Sizes of pieces of `size`, the last one possibly smaller."""
    if not size:
        return (0,)
    count = max((n + size - 1) // size, 1)
    return (*(size,) * (count - 1), n - size * (count - 1))


@view(
    transpose=lambda m, g, shape, split_size, dim: _joined(m, g, shape, _equal_sizes(shape[dim], split_size), dim),
    space=None,
    method=False,
    backward_name="SplitBackward0",
    samples=lambda s: [call(s.array(5, 2), 2, 0), call(s.array(2, 4), 2, -1), call(s.array(0, 2), 1, 0)],
)
def split_equal(np, input: Array, split_size: int, dim: int):
    """Pieces of `split_size` along `dim`, the last one possibly smaller."""
    if not input.ndim:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, input.ndim)
    n = input.shape[dim]
    if split_size < 0:
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    if not split_size and n:
        raise ShapeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    return _cut(input, _equal_sizes(n, split_size), dim)


@view(
    transpose=lambda m, g, shape, split_sizes, dim: _joined(m, g, shape, split_sizes, dim),
    samples=lambda s: [call(s.array(5, 2), (2, 3)), call(s.array(2, 4), (1, 0, 3), -1)],
)
def split_with_sizes(np, input: Array, split_sizes: Ints, dim: int = 0):
    """Pieces of the given sizes, which add up to the size of `dim`."""
    if not input.ndim:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, input.ndim)
    if any(n < 0 for n in split_sizes):
        raise ShapeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes="
            f"{list(split_sizes)}"
        )
    if sum(split_sizes) != input.shape[dim]:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]} (input tensor's size at "
            f"dimension {dim}), but got split_sizes={list(split_sizes)}"
        )
    return _cut(input, split_sizes, dim)


@composite(samples=lambda s: [call(s.array(5, 2), 2), call(s.array(2, 4), [1, 3], -1), call(s.array(2, 4), 3, dim=1)])
def split(m, tensor: Array, split_size_or_sections=None, dim: int = 0, *, split_size=None):
    """Pieces along `dim`: of one size (the last possibly smaller), or of the sizes given."""
    sizes = split_size if split_size_or_sections is None else split_size_or_sections
    if isinstance(sizes, (tuple, list)):
        return m.split_with_sizes(tensor, tuple(sizes), dim)
    if not hasattr(sizes, "__index__"):
        raise ArgumentError(
            f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not {type(sizes).__name__}"
        )
    return m.split_equal(tensor, as_index(sizes), dim)


def _unbound_gradient(m, g, shape, dim):
    """The gradient of a tensor from those of its slices."""
    if all(piece is not None for piece in g):
        return m.stack(list(g), dim)
    total = None
    for i, piece in enumerate(g):
        if piece is not None:
            part = m.select_backward(piece, shape, dim, i)
            total = part if total is None else total + part
    return total


@view(
    transpose=_unbound_gradient,
    samples=lambda s: [call(s.array(3, 2)), call(s.array(3, 2), -1), call(s.array(2))],
)
def unbind(np, input: Array, dim: int = 0):
    """The slices along `dim`, that dim removed."""
    if not input.ndim:
        raise DimError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, input.ndim)
    lead = (_ALL,) * dim
    return tuple([input[(*lead, i, ...)] for i in range(input.shape[dim])])


@composite(samples=lambda s: [call(s.array(5, 2), 2), call(s.array(2, 4), 3, -1), call(s.array(0, 2), 3)])
def chunk(m, input: Array, chunks: int, dim: int = 0):
    """At most `chunks` pieces of one size along `dim`, the last possibly smaller."""
    if not hasattr(chunks, "__index__"):
        raise ArgumentError(f"chunk(): argument 'chunks' (position 1) must be int, not {type(chunks).__name__}")
    if not input.ndim:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[wrap_dim(dim, input.ndim)]
    if not n:
        return m.split_with_sizes(input, (0,) * chunks, dim)
    return m.split_equal(input, (n + chunks - 1) // chunks, dim)


def _sliced(m, input, bounds, dim):
    """Independent slices between consecutive bounds (NumPy's array_split)."""
    edges = [0, *bounds, None]
    return tuple([m.slice(input, dim, a, b, 1) for a, b in zip(edges, edges[1:], strict=False)])


@composite(
    samples=lambda s: [call(s.array(5, 2), 3), call(s.array(2, 4), (1, 3), -1), call(s.array(2, 4), 3, dim=1)],
)
def tensor_split(m, input: Array, indices_or_sections=None, dim: int = 0, *, sections=None, indices=None):
    """Pieces as equal as possible, or cut at the given places."""
    where = next((x for x in (indices_or_sections, sections, indices) if x is not None), None)
    if not input.ndim:
        raise ShapeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = wrap_dim(dim, input.ndim)
    if getattr(where, "ndim", None):
        where = [as_index(i) for i in where]
    if isinstance(where, (tuple, list)):
        return _sliced(m, input, [as_index(i) for i in where], dim)
    count = as_index(where)
    if count <= 0:
        raise ShapeError(f"number of sections must be larger than 0, got {count}")
    size, larger = divmod(input.shape[dim], count)
    return _sliced(m, input, [i * size + min(i, larger) for i in range(1, count)], dim)


def _directed(m, input, where, dim, name, least):
    """hsplit, vsplit and dsplit: a number of pieces must divide the size."""
    if isinstance(where, (str, float)):
        raise ArgumentError(
            f"{name}() received an invalid combination of arguments - got (Tensor, {type(where).__name__}), but "
            "expected one of: (input, sections), (input, indices)"
        )
    if input.ndim < least:
        raise ShapeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} "
            "dimensions!"
        )
    if isinstance(where, int):
        n = input.shape[dim]
        if where <= 0 or n % where:
            raise ShapeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {n} is not "
                f"divisible by the split_size {where}!"
            )
    return m.tensor_split(input, where, dim)


@composite(samples=lambda s: [call(s.array(2, 4), 2), call(s.array(4), (1,))])
def hsplit(m, input: Array, indices_or_sections):
    """Pieces along dim 1, or dim 0 of a vector."""
    return _directed(m, input, indices_or_sections, 0 if input.ndim == 1 else 1, "hsplit", 1)


@composite(samples=lambda s: [call(s.array(4, 2), 2), call(s.array(4, 1), (1,))])
def vsplit(m, input: Array, indices_or_sections):
    """Pieces along dim 0."""
    return _directed(m, input, indices_or_sections, 0, "vsplit", 2)


@composite(samples=lambda s: [call(s.array(1, 2, 4), 2), call(s.array(1, 1, 4), (1,))])
def dsplit(m, input: Array, indices_or_sections):
    """Pieces along dim 2."""
    return _directed(m, input, indices_or_sections, 2, "dsplit", 3)


def _copies(m, pieces):
    return tuple([m.clone(piece) for piece in pieces])


@composite(samples=lambda s: [call(s.array(5, 2), 2)])
def unsafe_split(m, tensor: Array, split_size: int, dim: int = 0):
    """`split` whose pieces own their memory."""
    return _copies(m, m.split(tensor, split_size, dim))


@composite(samples=lambda s: [call(s.array(5, 2), (2, 3))])
def unsafe_split_with_sizes(m, input: Array, split_sizes: Ints, dim: int = 0):
    """`split_with_sizes` whose pieces own their memory."""
    return _copies(m, m.split_with_sizes(input, tuple(split_sizes), dim))


@composite(samples=lambda s: [call(s.array(5, 2), 2)])
def unsafe_chunk(m, input: Array, chunks: int, dim: int = 0):
    """`chunk` whose pieces own their memory."""
    return _copies(m, m.chunk(input, chunks, dim))
