"""Rarely used operators that belong to no other topic: finite differences, segments, membership, diagonals."""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import wrap_dim, wrap_dims
from wengert.core.base.errors import ArgumentError, DimError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- finite differences


def _edges(order, h0, h1):
    """Weights of the first places of a one-sided difference: 2 for order 1, 3 for order 2."""
    if order == 1:
        return (-1 / h0, 1 / h0)
    both = h0 + h1
    return (-(h0 + both) / (h0 * both), both / (h0 * h1), -h0 / (h1 * both))


def _steps(coordinate, n):
    """Distances between neighbouring places, from a number or the places themselves."""
    if isinstance(coordinate, (int, float, complex)):
        return [coordinate] * (n - 1)
    places = coordinate.tolist()
    if len(places) != n:
        raise ShapeError(
            f"torch.gradient expected each element of spacing to have the same length as the input's dimension: {n} "
            f"places are needed, {len(places)} were given"
        )
    return [b - a for a, b in zip(places, places[1:])]


def _weighted(m, input, dim, start, weights):
    """The sum of `weights[k]` times the place start + k."""
    parts = [m.narrow(input, dim, start + k, 1) * w for k, w in enumerate(weights)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _differences(m, input, dim, coordinate, order):
    n = input.shape[dim]
    if input.dtype is dtypes.bool_:
        raise DtypeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if n < order + 1:
        raise ShapeError(
            f"torch.gradient expected each dimension size to be at least edge_order+1; dim {dim} has size {n}"
        )
    h = _steps(coordinate, n)
    second = h[1] if n > 2 else None
    first = _weighted(m, input, dim, 0, _edges(order, h[0], second))
    back = [-w for w in reversed(_edges(order, h[-1], h[-2] if n > 2 else None))]
    last = _weighted(m, input, dim, n - len(back), back)
    if n == 2:
        return m.cat([first, last], dim)
    left, middle, right = (m.narrow(input, dim, k, n - 2) for k in range(3))
    if len(set(h)) == 1:
        inner = (right - left) / (2 * h[0])
    else:
        weights = [_interior(a, b) for a, b in zip(h, h[1:])]
        shape = (-1,) + (1,) * (len(input.shape) - 1 - dim)
        a, b, c = (m.reshape(_column(input, w), shape) for w in zip(*weights))
        inner = left * a + middle * b + right * c
    return m.cat([first, inner, last], dim)


def _interior(a, b):
    """Weights of a central difference with distances a before and b behind."""
    return (-b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b)))


def _column(like, values):
    """Fractions as a tensor beside another one, in its dtype unless that is an integer one."""
    exact = like.dtype.is_floating_point or like.dtype.is_complex
    return like.new_tensor(values, dtype=like.dtype if exact else dtypes.get_default_dtype())


@composite(
    method=False,
    outputs=2,
    samples=lambda s: [
        call(s.array(4, 5)), call(s.array(5), spacing=2.0), call(s.array(4, 3), dim=0, edge_order=2), call(s.array(2)),
    ],
)  # fmt: skip
def gradient(m, input: Array, *, spacing=None, dim=None, edge_order: int = 1):
    """Central differences along every dim (or those of `dim`), one-sided at the ends: a tuple with one tensor a dim.

    `spacing` is a distance for all dims, one number a dim, or one tensor of places a dim.
    Raises: ShapeError unless each dim has at least edge_order + 1 places.
    """
    if edge_order not in (1, 2):
        raise ShapeError(f"torch.gradient only supports edge_order=1 and edge_order=2. Got {edge_order}")
    n = len(input.shape)
    if input.dtype is dtypes.uint8:
        raise DtypeError("torch.gradient does not support uint8 input.")
    dims = wrap_dims(dim, n)
    if dims and not n:
        raise DimError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    spacings = [1] * len(dims) if spacing is None else spacing
    if isinstance(spacings, (int, float, complex)):
        spacings = [spacings] * len(dims)
    if len(spacings) != len(dims):
        raise ShapeError(
            "torch.gradient expected spacing to be unspecified, a scalar or a list, its length equal to the number of "
            f"dimensions, {len(dims)}, but got a list of length {len(spacings)}"
        )
    return tuple(_differences(m, input, d, h, edge_order) for d, h in zip(dims, spacings))


# ---------------------------------------------------------------- membership


@plain(method=False, space=None, samples=lambda s: [call(s.integers(3, 4), s.integers(2), False, False)])
def member(np, elements: Array, test_elements: Array, assume_unique: bool, invert: bool):
    """Whether each element is among the test elements."""
    return np.isin(elements, test_elements, assume_unique=assume_unique, invert=invert)


@composite(
    method=False,
    samples=lambda s: [call(s.integers(3, 4), s.integers(2)), call(s.integers(3), 1, invert=True)],
)
def isin(m, elements: Array, test_elements: Array, *, assume_unique: bool = False, invert: bool = False):
    """Whether each of `elements` is among `test_elements`; one of them may be a number."""
    tensor = elements if hasattr(elements, "_array") else test_elements
    if not hasattr(tensor, "_array"):
        raise ArgumentError("isin() received an invalid combination of arguments: one of the two must be a tensor")
    elements, test_elements = (x if hasattr(x, "_array") else _column(tensor, x) for x in (elements, test_elements))
    return m.member(elements, test_elements, assume_unique, invert)


# ---------------------------------------------------------------- indices


@composite(method=False, outputs=2, samples=lambda s: [call(s.integers(5), (2, 3)), call(s.integers(), (4,))])
def unravel_index(m, indices: Array, shape: Ints):
    """Flat indices into `shape` as one index tensor per dim, row-major; indices wrap around."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if indices.dtype.is_floating_point or indices.dtype.is_complex:
        raise ArgumentError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    indices = m.to_dtype(indices, dtypes.int64.numpy)
    found = []
    for n in reversed(shape):
        found.append(m.remainder(indices, n))
        indices = m.floor_divide(indices, n)
    return tuple(reversed(found))


@composite(samples=lambda s: [call(s.integers(3, 2), size=4)])
def nonzero_static(m, input: Array, *, size: int, fill_value: int = -1):
    """The first `size` index rows of nonzero elements, filled up with `fill_value`."""
    found = m.nonzero(input)
    n = found.shape[0]
    if n >= size:
        return m.narrow(found, 0, 0, size)
    return m.cat([found, found.new_full((size - n, found.shape[1]), fill_value)], 0)


# ---------------------------------------------------------------- norms


@composite(method=False, samples=lambda s: [call(s.array(3, 4), (0, 1)), call(s.array(3, 4), 1, True)])
def frobenius_norm(m, input: Array, dim: Ints, keepdim: bool = False):
    """sqrt(sum |x|^2) over one or two dims."""
    return m.norm(input, 2, dim, keepdim)


@composite(method=False, samples=lambda s: [call(s.array(3, 4)), call(s.array(2, 3, 4), (1, 2), True)])
def nuclear_norm(m, input: Array, dim: Ints | None = None, keepdim: bool = False):
    """Sum of the singular values of a matrix, or of the matrices in two dims."""
    if len(input.shape) < 2:
        raise ShapeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions; this one has {len(input.shape)}"
        )
    return m.norm(input, "nuc", (0, 1) if dim is None else dim, keepdim)


@composite(method=False, samples=lambda s: [call(s.array(3, 4), 2, 0), call(s.array(3, 4), 2, 1)])
def norm_except_dim(m, v: Array, pow: int = 2, dim: int = 0):
    """Norm over all dims but `dim`; every dim stays, with size 1 where it was reduced."""
    if dim == -1:
        return m.norm(v, pow)
    n = len(v.shape)
    dim = wrap_dim(dim, n)
    if not n:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not v.shape[dim]:
        raise ShapeError(
            f"cannot reshape tensor of 0 elements into shape [{v.shape[dim]}, -1] because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    return m.norm(v, pow, tuple(d for d in range(n) if d != dim), True)


# ---------------------------------------------------------------- segments


_EMPTY = {"sum": 0.0, "prod": 1.0, "max": float("-inf"), "min": float("inf"), "mean": float("nan")}


def _reduced_segment(m, part, reduce, axis, initial):
    """One segment's reduction."""
    if not part.shape[axis]:
        shape = [n for d, n in enumerate(part.shape) if d != axis]
        return part.new_full(shape, _EMPTY[reduce] if initial is None else initial)
    if reduce in ("max", "min"):
        out = (m.amax if reduce == "max" else m.amin)(part, axis)
        clamp = m.clamp_min if reduce == "max" else m.clamp_max
        return out if initial is None else clamp(out, initial)
    out = {"sum": m.sum, "prod": m.prod, "mean": m.sum}[reduce](part, axis)
    if initial is not None:
        out = out * initial if reduce == "prod" else out + initial
    return out / part.shape[axis] if reduce == "mean" else out


@composite(
    method=False,
    samples=lambda s: [
        call(s.array(5), "sum", lengths=s.integers(2) * 0 + (2, 3)),
        call(s.distinct(5, 2), "max", lengths=s.integers(2) * 0 + (4, 1)),
        call(s.array(5), "mean", lengths=s.integers(3) * 0 + (1, 2, 2)),
    ],
)
def segment_reduce(
    m, data: Array, reduce: str, *, lengths: Array | None = None, indices: Array | None = None,
    offsets: Array | None = None, axis: int = 0, unsafe: bool = False, initial=None,
):  # fmt: skip
    """Reduce consecutive segments along `axis` with "sum", "mean", "max", "min" or "prod".

    The segments are given by their `lengths` or by `offsets`; empty ones give `initial`.
    Raises: ShapeError unless the segments cover the axis.
    """
    if reduce not in _EMPTY:
        raise ShapeError(f"unsupported reduction given! {reduce}: it is one of {', '.join(_EMPTY)}")
    if not data.dtype.is_floating_point:
        raise MissingError(f"\"_segment_reduce_cpu\" not implemented for '{data.dtype.scalar}'")
    if lengths is None and offsets is None:
        raise ShapeError("segment_reduce(): Either lengths or offsets must be defined.")
    given = lengths if lengths is not None else offsets
    if axis != len(given.shape) - 1:
        raise ShapeError(
            f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}. The lengths have "
            f"{len(given.shape)} dims"
        )
    if lengths is not None:
        sizes = lengths.tolist()
    else:
        ends = offsets.tolist()
        sizes = [b - a for a, b in zip(ends, ends[1:])]
    if not unsafe and (any(n < 0 for n in sizes) or sum(sizes) != data.shape[axis]):
        raise ShapeError("segment_reduce(): Expected all rows of lengths along axis to sum to data.size(axis)")
    parts = m.split_with_sizes(data, tuple(sizes), axis)
    return m.stack([_reduced_segment(m, part, reduce, axis, initial) for part in parts], axis)


# ---------------------------------------------------------------- diagonals


def _diagonal_mask(np, shape, wrap):
    """Where `fill_diagonal_` writes."""
    if len(shape) < 2:
        raise ShapeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError(f"all dimensions of input must be of equal length, got {list(shape)}")
    mask = np.zeros(shape, dtype=bool)
    flat = mask.reshape(-1)
    step = sum(flat.size // _product(shape[: i + 1]) for i in range(len(shape)))
    end = flat.size if wrap or len(shape) > 2 else min(shape[0], shape[1]) * step
    rows = shape[1] if len(shape) == 2 and shape[0] > shape[1] and wrap else None
    flat[:end:step] = True
    if rows is not None:
        mask[:] = False
        lines = np.arange(shape[0])
        column = lines % (rows + 1)
        keep = column < rows
        mask[lines[keep], column[keep]] = True
    return mask


def _product(sizes):
    total = 1
    for n in sizes:
        total *= n
    return total


@opaque(
    vjp=lambda m, g, wrap: m.fill_diagonal(g, 0, wrap),
    space=None,
    method=False,
    inplace="only",
    samples=lambda s: [call(s.array(3, 4), 2.0), call(s.array(5, 2), 1.0, True), call(s.array(2, 2, 2), 3.0)],
)
def fill_diagonal(np, input: Array, fill_value, wrap: bool = False):
    """The input with `fill_value` on its main diagonal; tall matrices may start again below (`wrap`)."""
    out = input.copy()
    out[_diagonal_mask(np, input.shape, wrap)] = fill_value
    return out
