"""Products of tensors beyond matrices: tensordot, Kronecker and cross products, chains, vector and trace forms."""

from __future__ import annotations

from wengert.core.arrays.shape import broadcast_shapes, wrap_dim
from wengert.core.base.errors import DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import bilinear, composite, linear
from wengert.core.operators.library.matrices import array_of, check_has_dims, check_inexact, scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _contracted(input, other, dims):
    """The two lists of dims that tensordot sums over, counted from the front."""
    a, b = input.ndim, other.ndim
    if hasattr(dims, "_array"):
        dims = dims._array.tolist()
    if dims.__class__ is int:
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a, b):
            raise ShapeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a - dims, a)), list(range(dims)), list(range(-dims, 0)), list(range(dims))
    first, second = ([d] if d.__class__ is int else list(d) for d in dims)
    if len(first) != len(second):
        raise ShapeError(f"both dimension lists should have same length, got {first} and {second}")
    return [wrap_dim(d, a) for d in first], [wrap_dim(d, b) for d in second], first, second


@composite(
    method=False,
    samples=lambda s: [
        call(s.array(2, 3), s.array(3, 4), 1),
        call(s.array(2, 3), s.array(2, 3)),
        call(s.array(2, 3), s.array(4), 0),
        call(s.array(2, 3, 4), s.array(4, 2), ([0, 2], [1, 0])),
    ],
)
def tensordot(m, a: Array, b: Array, dims=2):
    """Sum over pairs of dims: the last `dims` of a with the first of b, or the two lists given.

    Shapes: the remaining dims of a, then those of b.  One dtype.  Raises: ShapeError, DtypeError.
    """
    first, second, given, given_other = _contracted(a, b, dims)
    if a.dtype != b.dtype:
        raise DtypeError(f"both inputs should have same dtype, got {a.dtype} and {b.dtype}")
    sizes, others = tuple(a.shape), tuple(b.shape)
    for d, e, one, two in zip(first, second, given, given_other, strict=True):
        if sizes[d] != others[e] and sizes[d] != 1 and others[e] != 1:
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {sizes[d]} in dim {one} "
                f"and second has size {others[e]} in dim {two}"
            )
    for d, e in zip(first, second, strict=True):
        if sizes[d] != others[e]:
            wide = a.dtype
            a, b = (m.sum(a, d, True, dtype=wide), b) if others[e] == 1 else (a, m.sum(b, e, True, dtype=wide))
    return _flat_product(m, a, b, first, second)


def _flat_product(m, input, other, first, second):
    """Both tensors as matrices, and one product."""
    a, b = input.shape, other.shape
    left = [d for d in range(len(a)) if d not in first]
    right = [d for d in range(len(b)) if d not in second]
    rows = columns = summed = 1
    for d in left:
        rows *= a[d]
    for d in right:
        columns *= b[d]
    for d in first:
        summed *= a[d]
    x = m.permute(input, (*left, *first))
    y = m.permute(other, (*second, *right))
    shape = (*[a[d] for d in left], *[b[d] for d in right])
    if not shape:
        return m.reshape(m.dot(m.reshape(x, (summed,)), m.reshape(y, (summed,))), shape)
    return m.reshape(m.mm(m.reshape(x, (rows, summed)), m.reshape(y, (summed, columns))), shape)


@composite(
    samples=lambda s: [call(s.array(2, 2), s.array(3, 2)), call(s.array(2), s.array(2, 3)), call(s.array(), s.array(2))]
)
def kron(m, input: Array, other: Array):
    """Kronecker product: every element of input times all of other, laid out in blocks.

    Shapes: sizes multiply dim by dim, aligned at the back.  Dtypes meet as in a product of tensors.
    """
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    left = tuple(size for d in a for size in (d, 1))
    right = tuple(size for d in b for size in (1, d))
    product = m.mul(m.reshape(input, left), m.reshape(other, right))
    return m.unsafe_view(product, tuple(p * q for p, q in zip(a, b, strict=True)))


# --- Cross product -------------------------------------------------------------------------------------------------


@bilinear(
    lambda m, g, other, dim: m.linalg_cross(m.conjugated(other), g, dim=dim),
    lambda m, g, input, dim: m.linalg_cross(g, m.conjugated(input), dim=dim),
    space=None,
    method=False,
    aliases=("linalg.cross",),
    promote="common",
    samples=lambda s: [
        call(s.array(3), s.array(3)),
        call(s.array(2, 3), s.array(1, 3)),
        call(s.array(3, 2), s.array(3, 2), dim=0),
    ],
)
def linalg_cross(np, input: Array, other: Array, *, dim=-1):
    """Cross product of vectors of length 3 along `dim`; the other dims broadcast.

    Raises: ShapeError for a different number of dims or a length other than 3, DimError.
    """
    if input.ndim != other.ndim:
        raise ShapeError(
            "linalg.cross: inputs must have the same number of dimensions. "
            f"Got shapes {list(input.shape)} and {list(other.shape)}"
        )
    if not input.ndim:
        check_has_dims(input, dim)
    d = wrap_dim(dim, input.ndim)
    if input.shape[d] != 3 or other.shape[d] != 3:
        sizes = f"{input.shape[d]} and {other.shape[d]}"
        raise ShapeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes}")
    shape = broadcast_shapes(input.shape, other.shape)
    a0, a1, a2 = np.moveaxis(input, d, 0)
    b0, b1, b2 = np.moveaxis(other, d, 0)
    out = np.empty(shape, input.dtype)
    o = np.moveaxis(out, d, 0)
    o[0], o[1], o[2] = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
    return out


@composite(
    samples=lambda s: [
        call(s.array(3), s.array(3)),
        call(s.array(3, 2), s.array(3, 2)),
        call(s.array(2, 3), s.array(2, 3), 1),
    ]
)
def cross(m, input: Array, other: Array, dim=None):
    """Cross product along `dim`, by default the first dim of size 3.  Raises: ShapeError, DimError."""
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise ShapeError(f"no dimension of size 3 in input of shape {list(input.shape)}")
    return m.linalg_cross(input, other, dim=dim)


# --- Chains --------------------------------------------------------------------------------------------------------


def _best_order(sizes):
    """Where to split every sub-chain: the classical dynamic programme over matrix sizes (Cormen et al., ch. 15)."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], split[i][j] = min(options)
    return split


def _chained(m, matrices, split, i, j):
    if i == j:
        return matrices[i]
    k = split[i][j]
    return m.mm(_chained(m, matrices, split, i, k), _chained(m, matrices, split, k + 1, j))


@composite(
    space=None,
    method=False,
    aliases=("linalg.multi_dot",),
    samples=lambda s: [
        call([s.array(2, 3), s.array(3, 4), s.array(4, 2)]),
        call([s.array(3), s.array(3, 4), s.array(4)]),
        call([s.array(2, 3), s.array(3)]),
    ],
)
def linalg_multi_dot(m, tensors: list[Array]):
    """Product of a chain of matrices in the order of least work; first and last may be vectors.

    Raises: ShapeError for fewer than two tensors, wrong ranks or sizes.
    """
    tensors = list(tensors)
    n = len(tensors)
    if n < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    shape: list = []
    for i, x in enumerate(tensors):
        if x.ndim != 2 and (i not in (0, n - 1) or x.ndim != 1):
            wanted = "1D or 2D" if i in (0, n - 1) else "2D"
            raise ShapeError(f"multi_dot(): tensor {i} must be {wanted} but got {x.ndim}D")
    first, last = tensors[0], tensors[-1]
    if first.ndim == 1:
        tensors[0] = m.unsqueeze(first, 0)
    else:
        shape.append(first.shape[0])
    if last.ndim == 1:
        tensors[-1] = m.unsqueeze(last, 1)
    else:
        shape.append(last.shape[1])
    for i in range(n - 1):
        a, b = tensors[i], tensors[i + 1]
        if a.shape[1] != b.shape[0]:
            raise ShapeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} "
                "cannot be multiplied"
            )
    split = _best_order([tensors[0].shape[0], *(x.shape[1] for x in tensors)])
    return m.view_shape(_chained(m, tensors, split, 0, n - 1), tuple(shape))


@composite(method=False, samples=lambda s: [call(s.array(2, 3), s.array(3, 4), s.array(4, 2)), call(s.array(2, 2))])
def chain_matmul(m, *matrices):
    """Product of a chain of matrices in the order of least work (older name of linalg.multi_dot)."""
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    for x in matrices:
        if x.ndim != 2:
            raise ShapeError(f"Tensor dimension is {x.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else m.linalg_multi_dot(matrices)


@composite(
    space=None,
    method=False,
    aliases=("linalg.vecdot",),
    samples=lambda s: [call(s.array(2, 3), s.array(3)), call(s.complex(3, 2), s.complex(3, 2), dim=0)],
)
def linalg_vecdot(m, x: Array, y: Array, *, dim=-1):
    """Sum over `dim` of conj(x) * y; the other dims broadcast.  One dtype."""
    if array_of(x).dtype.kind in "biu":
        check_inexact(x, "linalg.vecdot")
    if x.dtype != y.dtype:
        raise DtypeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {scalar_of(x)} "
            f"and y of type {scalar_of(y)} instead"
        )
    return m.sum(m.mul(m.conjugated(x) if array_of(x).dtype.kind == "c" else x, y), dim)


@linear(
    transpose=lambda m, g, shape: m.trace_backward(g, shape),
    samples=lambda s: [call(s.array(3, 3)), call(s.array(2, 3)), call(s.array(0, 0))],
)
def trace(np, input: Array):
    """Sum of the diagonal of a matrix; integers sum in int64.  Raises: ShapeError unless 2-d."""
    if input.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input.dtype.kind == "b":
        raise MissingError("\"trace\" not implemented for 'Bool'; convert to an integer dtype first")
    return np.trace(input, dtype="int64" if input.dtype.kind in "iu" else None)


@linear(
    transpose=lambda m, g: m.trace(g),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(), (2, 3))],
)
def trace_backward(np, input: Array, size):
    """A matrix of the given size with `input` on its diagonal, zeros elsewhere."""
    out = np.zeros(size, input.dtype)
    np.einsum("ii->i", out[: min(size), : min(size)])[...] = input
    return out
