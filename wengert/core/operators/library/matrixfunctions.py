"""Functions of whole matrices: exponential and powers, norms, condition, rank, Vandermonde matrices."""

from __future__ import annotations

from math import inf

from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.decomposition import check_matrix_like, singular
from wengert.core.operators.library.matrices import array_of, check_matrix, check_square, full_precision, scalar_of
from wengert.core.operators.library.solving import tolerance
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

# --- Exponential ---------------------------------------------------------------------------------------------------

_PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
_THETA = 5.371920351148152  # 1-norm up to which the [13/13] approximant is exact to double precision


def _exponential(np, a):
    """Scaling and squaring with the [13/13] Pade approximant (N. Higham, 2005)."""
    sums = abs(a).sum(axis=-2)
    norm = sums.max(axis=-1) if a.shape[-1] else sums.sum(axis=-1)
    norm = np.where(np.isfinite(norm), norm, 0)
    steps = np.maximum(np.ceil(np.log2(np.maximum(norm, 1e-300) / _THETA)), 0).astype("int64")
    x = a * (0.5**steps).astype(a.real.dtype)[..., None, None]
    one = np.eye(a.shape[-1], dtype=a.dtype)
    b = [c / _PADE[0] for c in _PADE]  # scaled so that float32 does not overflow
    x2 = np.matmul(x, x)
    x4 = np.matmul(x2, x2)
    x6 = np.matmul(x4, x2)
    odd = np.matmul(x6, b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one
    odd = np.matmul(x, odd)
    even = np.matmul(x6, b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + one
    out = np.linalg.solve(even - odd, even + odd)
    for step in range(int(steps.max()) if steps.size else 0):
        out = np.where((steps > step)[..., None, None], np.matmul(out, out), out)
    return out


def _exponential_rule(m, g, input):
    """Frechet derivative at A^H in direction g, a block of exp([[A^H, g], [0, A^H]]) (N. Higham, 2008, 10.6)."""
    n = input.shape[-1]
    first, second, size = (0, n), (n, 2 * n), (2 * n, 2 * n)
    turned = m.conj_transpose(input)
    block = m.put_block(turned, size, first, first) + m.put_block(turned, size, second, second)
    return m.take_block(m.linalg_matrix_exp(block + m.put_block(g, size, first, second)), first, second)


@opaque(
    vjp=_exponential_rule,
    space=None,
    method=False,
    batch="leading",
    aliases=("linalg.matrix_exp",),
    samples=lambda s: [call(s.array(3, 3)), call(s.array(2, 2, 2)), call(s.array(0, 0))],
)
def linalg_matrix_exp(np, input: Array):
    """e^A = sum of A^k / k! for square matrices, batched."""
    check_square(input, "linalg.matrix_exp")
    return _exponential(np, input) if input.size else input.copy()


@composite(samples=lambda s: [call(s.array(3, 3))])
def matrix_exp(m, input: Array):
    """e^A for square matrices, see `linalg.matrix_exp`."""
    return m.linalg_matrix_exp(input)


@composite(
    aliases=("linalg.matrix_power",),
    samples=lambda s: [call(s.invertible(3), n) for n in (0, 1, 2, 5, -2)] + [call(s.invertible(2, 3), 3)],
)
def matrix_power(m, input: Array, n: int):
    """A^n for square matrices and whole n, batched; a negative n takes the inverse first, 0 gives the identity.

    Raises: LinAlgError for a negative power of a singular matrix.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise ArgumentError(f"matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    check_matrix_like(array_of(input), "linalg.matrix_power")
    if n == 0:
        return m.copy(m.clone(input), m.identity_like(input))
    if n < 0:
        input, n = m.linalg_inv(input), -n
        if n == 1:
            return input
    if n == 1:
        return m.clone(input)
    result = None
    square = input
    while True:
        if n & 1:
            result = square if result is None else m.matmul(result, square)
        n >>= 1
        if not n:
            return result
        square = m.matmul(square, square)


# --- Norms ---------------------------------------------------------------------------------------------------------


def _two_dims(dim, ndim):
    name = "linalg.matrix_norm"
    if not isinstance(dim, (int, tuple, list)) and not hasattr(dim, "__index__"):
        raise ArgumentError(f"linalg_matrix_norm(): argument 'dim' must be tuple of ints, not {type(dim).__name__}")
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(given) != 2:
        raise ShapeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, given))}")
    first, second = wrap_dim(given[0], ndim), wrap_dim(given[1], ndim)
    if first == second:
        raise ShapeError(f"{name}: dims must be different. Got ({given[0]}, {given[1]})")
    return first, second


def _spectral(m, input, ord, first, second, keepdim):
    """Norms that are functions of the singular values."""
    rest = [d for d in range(input.ndim) if d not in (first, second)]
    values = m.singular_values(m.permute(input, (*rest, first, second)))
    empty = not values.shape[-1] and (ord == "nuc" or ord > 0)
    reduce = m.sum if ord == "nuc" or empty else m.amax if ord > 0 else m.amin
    out = reduce(values, -1)
    if keepdim:
        for d in sorted((first, second)):
            out = m.unsqueeze(out, d)
    return out


@composite(
    space=None,
    method=False,
    aliases=("linalg.matrix_norm",),
    samples=lambda s: (
        [call(s.distinct(3, 4), o) for o in ("fro", "nuc", 2, -2, 1, -1, inf, -inf)]
        + [call(s.distinct(2, 3, 4), 2, (0, 2), True), call(s.distinct(2, 3, 4), 1, (0, 2), True)]
    ),
)
def linalg_matrix_norm(m, input: Array, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """Norm of matrices in two dims.

    ord: "fro" - Frobenius, "nuc" - sum of singular values, 2, -2 - largest, smallest singular value,
    inf, -inf - largest, smallest sum of |row|, 1, -1 - the same of columns.
    """
    name = "linalg.matrix_norm"
    if input.ndim < 2 or array_of(input).dtype.kind in "biu":
        check_matrix(input, name)
    if dtype is not None:
        input = m.to_dtype(input, dtype.numpy)
    first, second = _two_dims(dim, input.ndim)
    if ord == "fro" or (isinstance(ord, str) and ord == "f"):
        return m.vector_norm(input, 2, (first, second), keepdim)
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        return _spectral(m, input, ord, first, second, keepdim)
    if isinstance(ord, str) or abs(ord) not in (1, inf):
        raise ShapeError(f"{name}: Order {ord} not supported.")
    if abs(ord) == inf:
        first, second = second, first
    sums = m.vector_norm(input, 1, first, keepdim)
    if not keepdim and first < second:
        second -= 1
    if ord > 0 and not sums.shape[second]:
        return m.sum(sums, second, keepdim)
    return m.amax(sums, second, keepdim) if ord > 0 else m.amin(sums, second, keepdim)


@composite(
    space=None,
    method=False,
    aliases=("linalg.norm",),
    samples=lambda s: [
        call(s.distinct(3, 4)),
        call(s.distinct(3, 4), 2),
        call(s.distinct(5), 3),
        call(s.distinct(3, 4), None, 0),
    ],
)
def linalg_norm(m, input: Array, ord=None, dim: Ints | None = None, keepdim=False, *, dtype=None):
    """A vector norm for one dim or 1-d input, a matrix norm for two; without `ord` the 2-norm of all elements."""
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if ord is None:
        return m.vector_norm(input, 2, dim, keepdim, dtype=dtype)
    if dim is None and input.ndim not in (1, 2):
        raise ShapeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.ndim}D."
        )
    if isinstance(ord, str):
        return m.linalg_matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if (len(dim) if dim is not None else input.ndim) == 2:
        return m.linalg_matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return m.vector_norm(input, ord, dim, keepdim, dtype=dtype)


@composite(
    space=None,
    method=False,
    aliases=("linalg.cond",),
    samples=lambda s: [call(s.invertible(3), p) for p in (None, 2, -2, 1, inf, "fro", "nuc")],
)
def linalg_cond(m, input: Array, p=None):
    """Condition number |A| |A^-1| of matrices in the norm p; None and 2: largest over smallest singular value.

    Edges: inf for singular matrices where the inverse is needed.
    """
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        check_matrix(input, "linalg.svd")
        values = m.singular_values(input)
        k = values.shape[-1]
        if not k:
            return m.sum(values, -1)
        largest, smallest = m.select(values, -1, 0), m.select(values, -1, k - 1)
        return m.div(smallest, largest) if p == -2 else m.div(largest, smallest)
    if p not in ("fro", "nuc", 1, -1, inf, -inf):
        raise ShapeError(f"linalg.cond got an invalid norm type: {p}")
    if not isinstance(p, str) and not array_of(input).size and input.ndim > 1:
        return m.sum(input, (-2, -1))
    check_square(input, f"linalg.cond(ord={p})")
    inverse = m.inverse_parts(input)[0]
    made = m.mul(m.linalg_matrix_norm(input, p), m.linalg_matrix_norm(inverse, p))
    return m.nan_to_num(made, inf, inf, -inf)


# --- Rank, Vandermonde, diagonals ----------------------------------------------------------------------------------


@full_precision(None, space=None, method=False, samples=lambda s: [call(s.array(3, 4)), call(s.array(2, 3, 3))])
def ranks(np, input: Array, atol=None, rtol=None, hermitian=False):
    """Number of singular values above the tolerance."""
    if input.dtype.kind not in "fc" or input.dtype.char == "e":
        raise DtypeError("This function doesn't handle types other than float and double")
    check_matrix(input, "torch.linalg.matrix_rank", "input")
    values = abs(np.linalg.eigvalsh(input)) if hermitian else singular(np, input, False)
    return np.asarray((values > tolerance(np, values, input.shape, atol, rtol)).sum(axis=-1), "int64")


@composite(
    space=None,
    method=False,
    aliases=("linalg.matrix_rank",),
    samples=lambda s: [call(s.array(3, 4)), call(s.array(2, 3, 3))],
)
def linalg_matrix_rank(m, input: Array, tol=None, hermitian=False, *, atol=None, rtol=None):
    """Number of singular values above max(atol, rtol * largest), batched, as int64; `tol` is atol alone.

    rtol: by default max(m, n) * eps, and 0 if a positive atol is given.
    """
    if tol is not None:
        atol, rtol = tol, 0.0
    return m.ranks(input, array_of(atol), array_of(rtol), hermitian)


def _powers(m, x, count):
    """x^0, x^1, ... along a new last dim."""
    column = m.unsqueeze(x, -1)
    one = m.one_like(column)
    if count == 1:
        return one
    rest = m.cumprod(m.expand(column, (*x.shape, count - 1)), -1)
    return m.cat([one, rest], -1)


@composite(
    space=None, method=False, aliases=("linalg.vander",), samples=lambda s: [call(s.array(3)), call(s.array(2, 3), N=4)]
)
def linalg_vander(m, x: Array, *, N=None):
    """Vandermonde matrices: rows 1, x_i, x_i^2, ... with N columns (by default as many as rows), batched."""
    count = (x.shape[-1] if x.ndim else 0) if N is None else N
    if count <= 1:
        raise ShapeError("N must be greater than 1.")
    kind = array_of(x).dtype
    if kind.kind in "bV" or kind.char == "e":
        raise DtypeError(f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_of(x)}")
    if not x.ndim:
        x = m.unsqueeze(x, 0)
    return _powers(m, x, count)


@composite(method=False, samples=lambda s: [call(s.array(3)), call(s.array(3), 2, True), call(s.array(3), 4)])
def vander(m, x: Array, N=None, increasing=False):
    """Vandermonde matrix of a vector: columns x^(N-1), ..., x, 1, or the other way round with `increasing`."""
    if x.ndim != 1:
        raise ShapeError("x must be a one-dimensional tensor.")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ShapeError("N must be non-negative.")
    if count == 0:
        return m.expand(m.unsqueeze(x, -1), (x.shape[0], 1)).narrow(1, 0, 0)
    made = _powers(m, x, count)
    return made if increasing else m.flip(made, (1,))


@composite(space=None, method=False, aliases=("linalg.diagonal",), samples=lambda s: [call(s.array(2, 3, 4), offset=1)])
def linalg_diagonal(m, A: Array, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices as a view, by default of the last two dims."""
    return m.diagonal(A, offset, dim1, dim2)
