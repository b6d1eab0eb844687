"""Elements moved along one dim by a tensor of positions: gather, scatter and its reductions."""

from __future__ import annotations

from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ArgumentError, DtypeError, IndexRangeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.copying import moving
from wengert.core.operators.library.destinations import apart, both, expected_dtype, of_dtype
from wengert.core.operators.library.indexing import check_range, element_of, scalar_name
from wengert.core.operators.library.positions import added, combined, grid, picked, same_in_all_lanes
from wengert.core.operators.raw import LATE
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- positions


def _checked(name, input_shape, dim, index, source_shape=None):
    """Dim and index of a gather or scatter, checked; arrays without dims count as one element."""
    if index.size and (index.dtype.kind != "i" or index.dtype.itemsize < 4):
        raise DtypeError(f"{name}(): Expected dtype int32/int64 for index, but got {scalar_name(index)}")
    dim = wrap_dim(dim, len(input_shape))
    if not index.size:
        return dim, index
    own = input_shape or (1,)
    shape = index.shape or (1,)
    if len(own) != len(shape):
        to = "input" if name == "gather" else "self"
        raise ShapeError(
            f"Index tensor must have the same number of dimensions as {to} tensor: "
            f"index has shape {list(index.shape)}, {to} {list(input_shape)}"
        )
    if source_shape is not None and len(source_shape or (1,)) != len(shape):
        raise ShapeError(
            "Index tensor must have the same number of dimensions as src tensor: "
            f"index has shape {list(index.shape)}, src {list(source_shape)}"
        )
    _check_extents(own, dim, shape, source_shape)
    vector = same_in_all_lanes(dim, index) if index.ndim > 1 else None
    check_range(index if vector is None else vector, own[dim], dim, ShapeError, negative=False)
    return dim, index.reshape(shape)


def _check_extents(own, dim, shape, source_shape):
    larger = [d for d, n in enumerate(shape) if d != dim and n > own[d]]
    if source_shape is None:
        if larger:
            raise ShapeError(
                f"Size does not match at dimension {larger[0]} expected index {list(shape)} to be no larger than self "
                f"{list(own)} apart from dimension {dim}"
            )
    elif larger or any(n > k for n, k in zip(shape, source_shape or (1,), strict=True)):
        raise ShapeError(
            f"Expected index {list(shape)} to be no larger than self {list(own)} apart from dimension {dim} "
            f"and to be no larger size than src {list(source_shape)}"
        )


def _same_dtype(input, src):
    if input.dtype != src.dtype:
        raise DtypeError(
            "scatter(): Expected self.dtype to be equal to src.dtype; "
            f"they are {scalar_name(input)} and {scalar_name(src)}"
        )


def _corner(src, shape):
    """The part of src that an index of `shape` uses."""
    return src if src.shape == shape else src.reshape(shape) if not src.ndim else src[tuple(slice(n) for n in shape)]


# ---------------------------------------------------------------- gather


def gathered_back(m, g, shape, dim, index, sparse_grad):
    """The gradient of what was gathered from."""
    if not sparse_grad:
        return m.gather_backward(g, shape, dim, index)
    LATE["sparse"]()
    return m.sparse_gather_backward(g, shape, dim, index)


@moving(
    transpose=lambda m, g, shape, dim, index, sparse_grad: gathered_back(m, g, shape, dim, index, sparse_grad),
    errors=both(of_dtype(expected_dtype), apart),
    samples=lambda s: [
        call(s.array(4, 3), 0, s.integers(5, 3)),
        call(s.array(3, 4), -1, s.integers(2, 6)),
        call(s.array(2, 4, 3), 1, s.integers(2, 2, 3)),
        call(s.array(4), 0, s.integers(6)),
        call(s.array(), 0, s.integers(high=1)),
    ],
)
def gather(np, input: Array, dim: int, index: Array, *, sparse_grad=False):
    """out[i, j] = input[index[i, j], j] for dim 0, and so on: of index's shape.

    index: int64 or int32, of input's number of dims, no larger than input apart from `dim`.
    sparse_grad: the gradient is a sparse tensor of the places gathered from.
    Raises: DtypeError, ShapeError; also for positions outside [0, size), as torch does.
    """
    found = LARGE.gather(input, dim, index)
    if found is not None:
        return found
    shape = index.shape
    dim, index = _checked("gather", input.shape, dim, index)
    if not index.size:
        return np.zeros(shape, dtype=input.dtype)
    source = input if input.ndim else input.reshape(1)
    return picked(np, source, dim, index).reshape(shape)


@moving(
    transpose=lambda m, g, dim, index: m.gather(g, dim, index),
    space=None,
    method=False,
    backward_name="ScatterAddBackward0",
    samples=lambda s: [
        call(s.array(5, 3), (4, 3), 0, s.integers(5, 3)),
        call(s.array(2, 6), (3, 4), -1, s.integers(2, 6)),
    ],
)
def gather_backward(np, grad: Array, size, dim: int, index: Array):
    """Zeros of `size` to which `grad` is added where `gather` took from."""
    return added(np, size, wrap_dim(dim, len(size)), index, grad)


# ---------------------------------------------------------------- scatter


def _stored(np, input, dim, index, values):
    out = np.array(input)
    if index.size:
        target = out if out.ndim else out.reshape(1)
        target[grid(np, dim, index)] = values
    return out


@opaque(
    vjp=(
        lambda m, g, dim, index: m.scatter_number(g, dim, index, 0),
        None,
        lambda m, g, dim, index: m.gather(g, dim, index),
    ),
    space=None,
    method=False,
    inplace=True,
    backward_name="ScatterBackward0",
    samples=lambda s: [
        call(s.array(4, 3), 0, s.array(2, 3).argsort(0), s.array(2, 3)),
        call(s.array(3, 4), -1, s.array(2, 3).argsort(1), s.array(2, 3)),
        call(s.array(), 0, s.integers(high=1), s.array()),
    ],
)
def scatter_source(np, input: Array, dim: int, index: Array, src: Array):
    """input with src[i, j] stored at [index[i, j], j] for dim 0, and so on."""
    found = LARGE.scatter("put", input, src, input.shape, dim, index)
    if found is not None:
        return found
    dim, index = _checked("scatter", input.shape, dim, index, src.shape)
    _same_dtype(input, src)
    return _stored(np, input, dim, index, _corner(src, index.shape))


@moving(
    transpose=lambda m, g, dim, index: m.scatter_number(g, dim, index, 0),
    space=None,
    method=False,
    inplace=True,
    backward_name="ScatterBackward1",
    samples=lambda s: [call(s.array(4, 3), 0, s.integers(2, 3), 0), call(s.array(3, 4), -1, s.integers(2, 3), 0)],
)
def scatter_number(np, input: Array, dim: int, index: Array, value):
    """input with a number stored at the places of `scatter`."""
    value = element_of(value, input.dtype)
    if index.size >= SIZE:
        found = LARGE.scatter("fill", input, np.asarray([value], dtype=input.dtype), input.shape, dim, index)
        if found is not None:
            return found
    dim, index = _checked("scatter", input.shape, dim, index)
    return _stored(np, input, dim, index, value)


@moving(
    transpose=lambda m, g, dim, index, value, reduce: (
        g if reduce == "add" else m.scatter_combined(g, dim, index, value, reduce)
    ),
    space=None,
    method=False,
    inplace=True,
    backward_name="ScatterBackward3",
    samples=lambda s: [call(s.array(4, 3), 0, s.integers(2, 3), 1.5, "multiply")],
)
def scatter_combined(np, input: Array, dim: int, index: Array, value, reduce):
    """input with a number added or multiplied in, once for each time a place is named."""
    dim, index = _checked("scatter", input.shape, dim, index)
    counts = added(np, input.shape, dim, index, np.ones(index.shape, dtype=np.int64))
    value = element_of(value, input.dtype)
    if reduce == "add":
        return (input + counts * value).astype(input.dtype)
    return (input * np.power(np.asarray(value, dtype=input.dtype), counts)).astype(input.dtype)


@composite(
    inplace=True,
    samples=lambda s: [
        call(s.array(4, 3), 0, s.array(2, 3).argsort(0), s.array(3, 3)),
        call(s.array(4, 3), 1, s.integers(2, 3, high=3), 1.5),
    ],
)
def scatter(m, input: Array, dim: int, index: Array, src=None, *, value=None, reduce=None):
    """input with src[i, j], or a number, stored at [index[i, j], j] for dim 0, and so on.

    reduce: "add" or "multiply" combine with what is there instead (see `scatter_reduce` for more).
    Edges: of places named twice one wins.  Raises: as `gather`; DtypeError for a src of another dtype.
    """
    if src is None:
        src = value
    if reduce is not None and reduce not in ("add", "multiply"):
        raise ShapeError(f"reduce argument must be either add or multiply. Got {reduce!r}")
    if not hasattr(src, "ndim"):
        if src is None:
            raise ArgumentError("scatter() received an invalid combination of arguments: src or value is needed")
        if reduce is None:
            return m.scatter_number(input, dim, index, src)
        return m.scatter_combined(input, dim, index, src, reduce)
    src = narrowed_source(m, src, index)
    if reduce is None:
        return m.scatter_source(input, dim, index, src)
    if reduce == "add":
        return m.scatter_added(input, dim, index, src)
    return m.scatter_reduced(input, dim, index, src, "prod", True)


def narrowed_source(m, src, index):
    """src as far as index reaches, so that its gradient is 0 beyond."""
    own, wanted = tuple(src.shape), tuple(index.shape)
    if own == wanted or len(own) != len(wanted) or any(a < b for a, b in zip(own, wanted, strict=True)):
        return src
    for d, (a, b) in enumerate(zip(own, wanted, strict=True)):
        if a != b:
            src = m.slice(src, d, 0, b, 1)
    return src


@opaque(
    vjp=(lambda g: g, None, lambda m, g, dim, index: m.gather(g, dim, index)),
    space=None,
    method=False,
    inplace=True,
    backward_name="ScatterAddBackward0",
    samples=lambda s: [
        call(s.array(4, 3), 0, s.integers(5, 3), s.array(5, 3)),
        call(s.array(3, 4), -1, s.integers(2, 6), s.array(2, 6)),
    ],
)
def scatter_added(np, input: Array, dim: int, index: Array, src: Array):
    """input with src added at the places of `scatter`; duplicates accumulate."""
    found = LARGE.scatter("add", input, src, input.shape, dim, index)
    if found is not None:
        return found
    dim, index = _checked("scatter", input.shape, dim, index, src.shape)
    _same_dtype(input, src)
    values = _corner(src, index.shape) if index.size else src.reshape(-1)[:0]
    if input.dtype.kind == "b":
        return input | added(np, input.shape, dim, index, values.astype(np.int64)).astype(bool)
    return input + added(np, input.shape, dim, index, values)


@composite(inplace=True, samples=lambda s: [call(s.array(4, 3), 0, s.integers(5, 2), s.array(6, 3))])
def scatter_add(m, input: Array, dim: int, index: Array, src: Array):
    """input with src[i, j] added at [index[i, j], j] for dim 0, and so on; duplicates accumulate.

    Raises: as `scatter`.
    """
    return m.scatter_added(input, dim, index, narrowed_source(m, src, index))


# ---------------------------------------------------------------- scatter_reduce


def _reduced(np, input, dim, index, src, reduce, include_self):
    dim, index = _checked("scatter", input.shape, dim, index, src.shape)
    _same_dtype(input, src)
    _check_order(input, reduce)
    if not index.size:
        return input.copy()
    src = _corner(src, index.shape)
    size = input.shape
    out = np.array(input, order="C").reshape(size or (1,))
    if reduce in ("sum", "mean"):
        hits = None
        if not include_self:
            out[grid(np, dim, index)] = 0
        out = out.reshape(size)
        out = out | added(np, size, dim, index, src).astype(bool) if out.dtype.kind == "b" else (
            out + added(np, size, dim, index, src)
        )  # fmt: skip
        if reduce == "mean":
            hits = added(np, size, dim, index, np.ones(index.shape, dtype=np.int64)) + (1 if include_self else 0)
            hits = np.maximum(hits, 1)
            out = out // hits if out.dtype.kind in "iu" else out / hits.astype(_real(out.dtype))
        return out.astype(input.dtype)
    ufunc = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    start = None
    if not include_self:
        start = 1 if reduce == "prod" else _start(np, out.dtype, reduce)
    return combined(np, ufunc, out, dim, index, src, start).reshape(size)


def _check_order(input, reduce):
    if reduce in ("amax", "amin") and input.dtype.kind == "c" or reduce == "mean" and input.dtype.kind == "b":
        word = "div_floor_cpu" if reduce == "mean" else f"scatter_gather_tensor_cpu_reduce_{reduce}"
        raise MissingError(f"\"{word}\" not implemented for '{scalar_name(input)}'")


def _real(dtype):
    return dtype.type(0).real.dtype


def _start(np, dtype, reduce):
    """The neutral element of a maximum or minimum."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if reduce == "amax" else np.iinfo(dtype).max
    if dtype.kind == "b":
        return reduce == "amin"
    return -float("inf") if reduce == "amax" else float("inf")


@plain(space=None, method=False, samples=lambda s: [call(s.array(4, 3), 0, s.integers(5, 3), 1)])
def scatter_hits(np, like: Array, dim: int, index: Array, start):
    """`start` plus how often each place is named, in the shape and dtype of `like`, at least 1."""
    dim = wrap_dim(dim, like.ndim)
    hits = added(np, like.shape, dim, index, np.ones(index.shape, dtype=np.int64)) + start
    return np.maximum(hits, 1).astype(like.dtype)


@plain(
    space=None,
    method=False,
    outputs=3,
    samples=lambda s: [call(s.array(4), s.array(4), 0, s.integers(5), s.array(5), True)],
)
def scatter_shares(np, out: Array, input: Array, dim: int, index: Array, src: Array, include_self):
    """How many elements reached the extremum at each place, and which they are: of input, of src (as 0 or 1)."""
    dim = wrap_dim(dim, input.ndim)
    own = input == out
    if not include_self:
        own = _stored(np, own, dim, index.reshape(index.shape or (1,)), False)
    best = picked(np, out.reshape(out.shape or (1,)), dim, index.reshape(index.shape or (1,))).reshape(index.shape)
    theirs = src == best
    count = own + added(np, out.shape, dim, index, theirs.astype(np.int64))
    return np.maximum(count, 1).astype(out.dtype), own.astype(out.dtype), theirs.astype(out.dtype)


@plain(space=None, method=False, outputs=2, samples=lambda s: [call(s.array(4), 0, s.integers(5), s.array(5))])
def scatter_zero_parts(np, input: Array, dim: int, index: Array, src: Array):
    """Masks of a product's zeros: those of src, and those that are the only zero src brings to its place."""
    zero = src == 0
    dim = wrap_dim(dim, input.ndim)
    zeros = added(np, input.shape, dim, index, zero.astype(np.int64))
    shape = index.shape or (1,)
    there = picked(np, zeros.reshape(zeros.shape or (1,)), dim, index.reshape(shape)).reshape(index.shape)
    return zero, zero & (there == 1)


def _reduce_self(m, g, out, input, dim, index, src, reduce, include_self):
    """Gradient of `scatter_reduce`'s input."""
    if reduce == "sum":
        grad = g
    elif reduce == "mean":
        grad = g / m.scatter_hits(g, dim, index, 1 if include_self else 0)
    elif reduce == "prod":
        zero = input == 0
        masked = m.masked_fill(input, zero, 1)
        grad = g * m.scatter_reduced(masked, dim, index, src, "prod", include_self) / masked
    else:
        count, own, _ = m.scatter_shares(out, input, dim, index, src, include_self)
        grad = own * (g / count)
    return grad if include_self else m.scatter_number(grad, dim, index, 0)


def _reduce_src(m, g, out, input, dim, index, src, reduce, include_self):
    """Gradient of `scatter_reduce`'s src."""
    if reduce == "sum":
        return m.gather(g, dim, index)
    if reduce == "mean":
        return m.gather(g / m.scatter_hits(g, dim, index, 1 if include_self else 0), dim, index)
    if reduce == "prod":
        zero, single = m.scatter_zero_parts(input, dim, index, src)
        masked = m.masked_fill(src, single, 1)
        others = m.scatter_reduced(input, dim, index, masked, "prod", include_self)
        usual = m.gather(g * out, dim, index) / m.masked_fill(src, zero, 1)
        return m.where(single, m.gather(g * others, dim, index), usual)
    count, _, theirs = m.scatter_shares(out, input, dim, index, src, include_self)
    return theirs * m.gather(g / count, dim, index)


def _reduce_samples(s):
    return [
        call(s.distinct(4, 3), 0, s.integers(5, 3), s.distinct(5, 3) + 0.11, reduce, include)
        for reduce in ("sum", "prod", "mean", "amax", "amin")
        for include in (True, False)
    ]


def _check_reduce(reduce):
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ShapeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")


@opaque(
    vjp=(_reduce_self, None, _reduce_src),
    space=None,
    method=False,
    inplace=True,
    backward_name="ScatterReduceBackward0",
    samples=_reduce_samples,
)
def scatter_reduced(np, input: Array, dim: int, index: Array, src: Array, reduce, include_self):
    """`scatter_reduce` of a src that index reaches all of."""
    return _reduced(np, input, dim, index, src, reduce, include_self)


@opaque(
    vjp=(_reduce_self, None, _reduce_src),
    space=None,
    method=False,
    inplace=True,
    backward_name="IndexReduceBackward0",
    samples=_reduce_samples,
)
def index_reduced(np, input: Array, dim: int, index: Array, src: Array, reduce, include_self):
    """`index_reduce` with its vector of positions expanded to src's shape."""
    return _reduced(np, input, dim, index, src, reduce, include_self)


@composite(
    inplace=True,
    samples=lambda s: [
        call(s.distinct(4, 3), 0, s.integers(5, 2), s.distinct(6, 3) + 0.11, "prod"),
        call(s.distinct(3, 4), -1, s.integers(3, 5), s.distinct(3, 5) + 0.11, "amax", include_self=False),
    ],
)
def scatter_reduce(m, input: Array, dim: int, index: Array, src: Array, reduce, *, include_self=True):
    """input combined with src[i, j] at [index[i, j], j] for dim 0, and so on.

    reduce: "sum", "prod", "mean", "amax" or "amin".  include_self: what input held takes part.
    Edges: places never named keep input; the gradient of an extremum is shared equally among ties.
    """
    _check_reduce(reduce)
    return m.scatter_reduced(input, dim, index, narrowed_source(m, src, index), reduce, include_self)


@composite(
    inplace=True,
    samples=lambda s: [
        call(s.distinct(4, 3), 0, s.integers(5), s.distinct(5, 3) + 0.11, reduce)
        for reduce in ("prod", "mean", "amax", "amin")
    ],
)
def index_reduce(m, input: Array, dim: int, index: Array, source: Array, reduce, *, include_self=True):
    """input combined with the slices source[j] at index[j] along `dim`; reduce as in `scatter_reduce` but "sum"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ShapeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.ndim > 1:
        raise IndexRangeError(f"index_reduce_(): Index is supposed to be a vector, but got dim: {index.ndim}")
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        array = getattr(index, "_array", index)
        if array.size and (array.min() < 0 or array.max() > 0):
            raise IndexRangeError("index out of range in self: a tensor without dims has one element")
    shape = tuple(source.shape)
    if source.ndim and index.ndim and index.shape[0] != shape[dim]:
        raise ShapeError(
            f"index_reduce_(): Number of indices ({index.shape[0]}) should be equal to source.size(dim): ({shape[dim]})"
        )
    lined = m.reshape(index, tuple(shape[d] if d == dim else 1 for d in range(source.ndim)))
    return m.index_reduced(input, dim, m.expand(lined, shape), source, reduce, include_self)


@composite(
    samples=lambda s: [
        call(s.array(3, 4), s.integers(3, 2), 1),
        call(s.array(3, 4), s.integers(1, 2), 1),
        call(s.array(3, 4), s.integers(5)),
    ]
)
def take_along_dim(m, input: Array, indices: Array, dim=None):
    """input's elements at `indices` along `dim` (None: of the flattened input); other dims broadcast.

    It undoes argsort and argmax(keepdim=True).  Along a `dim` positions wrap around: -1 is the last element.
    Raises: DtypeError, ShapeError.
    """
    kind = getattr(indices, "_array", indices).dtype
    if kind.kind != "i" or kind.itemsize < 4:
        given = scalar_name(getattr(indices, "_array", indices))
        raise DtypeError(f"torch.take_along_dim(): dtype of indices should be Long but got {given}")
    if dim is None:
        return m.gather(m.reshape(input, (-1,)), 0, m.reshape(indices, (-1,)))
    if input.ndim != indices.ndim:
        raise ShapeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input.ndim)
    own, wanted = list(input.shape), list(indices.shape)
    for d, (a, b) in enumerate(zip(input.shape, indices.shape, strict=True)):
        if d != dim and a != b:
            own[d] = wanted[d] = b if a == 1 else a
    if own != list(input.shape):
        input = m.expand(input, tuple(own))
    if wanted != list(indices.shape):
        indices = m.expand(indices, tuple(wanted))
    return m.gather(input, dim, m.remainder(indices, own[dim]) if own[dim] else indices)
