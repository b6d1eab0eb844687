"""Gaussian elimination: triangular systems, LU factors with partial pivoting, and systems solved by them.

Source of the gradients: M. Giles, "Collected matrix derivative results for forward and reverse mode AD" (2008);
for matrices that are not square the part beyond the square one is a triangular solve of its own.
"""

from __future__ import annotations

from math import prod

from numpy.linalg import LinAlgError as _Failure

from wengert.core.arrays import return_types
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import DtypeError, LinAlgError, ShapeError
from wengert.core.operators.kinds import composite, plain
from wengert.core.operators.library.matrices import check_matrix, check_square, full_precision, scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _packed_samples(s, *more):
    """A packed factor with valid row exchanges, and what else the call takes."""
    return [call(s.invertible(3), s.integers(3, low=3, high=4).astype("int32"), *more)]


# --- Triangular systems --------------------------------------------------------------------------------------------


def substituted(np, a, b, upper):
    """X with A X = B by substitution for a triangular A; a zero on the diagonal gives inf or nan, as IEEE has it."""
    shape = (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])
    x = np.array(np.broadcast_to(b, shape))
    n = a.shape[-1]
    for i in range(n - 1, -1, -1) if upper else range(n):
        x[..., i, :] /= a[..., i, i, None]
        rest = slice(0, i) if upper else slice(i + 1, n)
        x[..., rest, :] -= a[..., rest, i, None] * x[..., i, None, :]
    return x


def triangular(np, a, b, upper, unit=False):
    """X with A X = B, A the named triangle of `a`; `unit` takes its diagonal as ones."""
    a = np.triu(a, 1 if unit else 0) if upper else np.tril(a, -1 if unit else 0)
    if unit:
        n = np.arange(a.shape[-1])
        a[..., n, n] = 1
    try:
        return np.linalg.solve(a, b)
    except _Failure:
        return substituted(np, a, b, upper)


def _fits(a, b, left, name):
    """Raise unless the sizes of a system fit."""
    n = b.shape[-2] if left else b.shape[-1]
    if a.shape[-1] != n:
        equation = "AX = B" if left else "XA = B"
        raise ShapeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


def _triangle(m, x, upper, unit):
    """The part of a gradient that reaches the named triangle."""
    if unit:
        return m.strictly_upper(x) if upper else m.strictly_lower(x)
    return m.upper(x) if upper else m.lower(x)


def _triangular_b(m, g, input, upper, left, unitriangular):
    return m.linalg_solve_triangular(
        m.conj_transpose(input), g, upper=not upper, left=left, unitriangular=unitriangular
    )


def _triangular_a(m, g, input, out, upper, left, unitriangular):
    right = _triangular_b(m, g, input, upper, left, unitriangular)
    other = m.conj_transpose(out)
    return _triangle(m, -(right @ other) if left else -(other @ right), upper, unitriangular)


@full_precision(
    vjp=(_triangular_a, _triangular_b),
    space=None,
    method=False,
    aliases=("linalg.solve_triangular",),
    samples=lambda s: [
        call(s.invertible(3), s.array(3, 2), upper=True),
        call(s.invertible(3), s.array(2, 3), upper=False, left=False),
        call(s.invertible(2, 3), s.array(3, 2), upper=True, unitriangular=True),
    ],
)
def linalg_solve_triangular(np, input: Array, B: Array, *, upper, left=True, unitriangular=False):
    """X with A X = B (left) or X A = B, A the upper or lower triangle of `input`, batches broadcast.

    unitriangular: the diagonal counts as ones.  Edges: a zero on the diagonal gives inf or nan, no error.
    Raises: ShapeError, DtypeError.
    """
    name = "linalg.solve_triangular"
    check_square(input, name, "triangular_solve_cpu")
    check_matrix(B, name, "B")
    _fits(input, B, left, name)
    if left:
        return triangular(np, input, B, upper, unitriangular)
    turned = triangular(np, input.swapaxes(-1, -2), B.swapaxes(-1, -2), not upper, unitriangular)
    return turned.swapaxes(-1, -2)


def _older_gradient(m, g, input, A, upper, transpose, unitriangular):
    """Gradient of b; the system may be that of the transposed A."""
    a = m.conjugated(A) if transpose else m.conj_transpose(A)
    return m.linalg_solve_triangular(a, g, upper=upper if transpose else not upper, unitriangular=unitriangular)


def _older_a(m, g, input, A, out, upper, transpose, unitriangular):
    right = _older_gradient(m, g[0], input, A, upper, transpose, unitriangular)
    x = out[0]
    made = -(m.conjugated(x) @ m.transpose(right, -2, -1)) if transpose else -(right @ m.conj_transpose(x))
    return _triangle(m, made, upper, unitriangular) + g[1]


@full_precision(
    vjp=(
        lambda m, g, input, A, upper, transpose, unitriangular: _older_gradient(
            m, g[0], input, A, upper, transpose, unitriangular
        ),
        _older_a,
    ),
    outputs=2,
    space=None,
    method=False,
    batch="loop",
    backward_name="TriangularSolveBackward0",
    samples=lambda s: [call(s.array(3, 2), s.invertible(3)), call(s.array(3, 2), s.invertible(3), False, True)],
)
def triangular_solve_parts(np, input: Array, A: Array, upper=True, transpose=False, unitriangular=False):
    """The solution and a copy of the coefficients."""
    check_square(A, "triangular_solve", "triangular_solve_cpu")
    _fits(A, input, True, "triangular_solve")
    a = A.swapaxes(-1, -2) if transpose else A
    return triangular(np, a, input, upper != transpose, unitriangular), A.copy()


@composite(samples=lambda s: [call(s.array(3, 2), s.invertible(3))])
def triangular_solve(m, input: Array, A: Array, upper=True, transpose=False, unitriangular=False):
    """(solution, cloned_coefficient) of A X = input (older form of `linalg.solve_triangular`)."""
    return return_types.triangular_solve(m.triangular_solve_parts(input, A, upper, transpose, unitriangular))


# --- LU factors ----------------------------------------------------------------------------------------------------

_PANEL = 32


def _swap_rows(np, work, here, there):
    """Exchange row `here` with row `there[b]` in every matrix."""
    which = np.arange(work.shape[0])
    kept = work[:, here].copy()
    work[:, here] = work[which, there]
    work[which, there] = kept


def _eliminate_panel(np, work, pivots, first, last):
    """Columns first..last-1 reduced, rows exchanged over the whole width."""
    for j in range(first, last):
        size = work[:, j:, j]
        size = abs(size.real) + abs(size.imag) if work.dtype.kind == "c" else abs(size)
        there = size.argmax(axis=1) + j
        pivots[:, j] = there + 1
        _swap_rows(np, work, j, there)
        pivot = work[:, j, j, None]
        work[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)
        work[:, j + 1 :, j + 1 : last] -= work[:, j + 1 :, j, None] * work[:, j, None, j + 1 : last]


def lu_factors(np, a):
    """(LU, pivots from 1, info) of a batch by blocked elimination with partial pivoting (right-looking, as getrf)."""
    rows, columns = a.shape[-2:]
    count = min(rows, columns)
    batch = a.shape[:-2]
    size = prod(batch)
    work = np.array(a.reshape(size, rows, columns))
    pivots = np.zeros((size, count), "int32")
    for first in range(0, count, _PANEL):
        last = min(first + _PANEL, count)
        _eliminate_panel(np, work, pivots, first, last)
        if last < columns:
            top = triangular(np, work[:, first:last, first:last], work[:, first:last, last:], False, True)
            work[:, first:last, last:] = top
            work[:, last:, last:] -= np.matmul(work[:, last:, first:last], top)
    zero = np.diagonal(work, 0, 1, 2) == 0
    info = np.where(zero.any(axis=1), zero.argmax(axis=1) + 1, 0) if count else np.zeros(size)
    return work.reshape(a.shape), pivots.reshape(*batch, count), info.astype("int32").reshape(batch)


def permutation(np, pivots, rows):
    """Row order that the exchanges make: row i of the product L U is row order[i] of the matrix."""
    flat = pivots.reshape(prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.tile(np.arange(rows), (flat.shape[0], 1))
    for j in range(flat.shape[1]):
        _swap_rows(np, order, j, flat[:, j] - 1)
    return order.reshape(*pivots.shape[:-1], rows)


def permutation_matrix(np, pivots, rows, dtype):
    """P with A = P L U."""
    order = permutation(np, pivots, rows)
    return np.eye(rows, dtype=dtype)[order].swapaxes(-1, -2)


def split_factors(np, lu):
    """L with ones on the diagonal, and U."""
    rows, columns = lu.shape[-2:]
    k = min(rows, columns)
    low = np.tril(lu[..., :, :k], -1)
    low[..., np.arange(k), np.arange(k)] = 1
    return low, np.triu(lu[..., :k, :])


def _factors_of(m, lu, shape):
    """The same in operators."""
    rows, columns = shape[-2:]
    k = min(rows, columns)
    first = m.take_block(lu, (0, rows), (0, k))
    one = m.identity_like(m.take_block(lu, (0, 1), (0, k)))
    low = m.strictly_lower(first) + m.put_block(one, (rows, k), (0, k), (0, k))
    return low, m.upper(m.take_block(lu, (0, k), (0, columns)))


def _lu_gradient(m, g_low, g_up, p, low, up, shape):
    """Gradient of A = P L U."""
    rows, columns = shape[-2:]
    k = min(rows, columns)
    whole = (0, k)
    low1, up1 = m.take_block(low, whole, whole), m.take_block(up, whole, whole)
    g_low1, g_up1 = m.take_block(g_low, whole, whole), m.take_block(g_up, whole, whole)
    beyond = None
    if columns > k:
        rest = (k, columns)
        g_rest = m.linalg_solve_triangular(
            m.conj_transpose(low1), m.take_block(g_up, whole, rest), upper=True, unitriangular=True
        )
        g_low1 = g_low1 - g_rest @ m.conj_transpose(m.take_block(up, whole, rest))
        beyond = m.put_block(g_rest, (rows, columns), whole, rest)
    elif rows > k:
        rest = (k, rows)
        g_rest = m.linalg_solve_triangular(
            m.conj_transpose(up1), m.take_block(g_low, rest, whole), upper=False, left=False
        )
        g_up1 = g_up1 - m.conj_transpose(m.take_block(low, rest, whole)) @ g_rest
        beyond = m.put_block(g_rest, (rows, columns), rest, whole)
    inner = m.strictly_lower(m.conj_transpose(low1) @ g_low1) + m.upper(g_up1 @ m.conj_transpose(up1))
    left = m.linalg_solve_triangular(m.conj_transpose(low1), inner, upper=True, unitriangular=True)
    square = m.linalg_solve_triangular(m.conj_transpose(up1), left, upper=False, left=False)
    made = square if beyond is None else m.put_block(square, (rows, columns), whole, whole) + beyond
    return p @ made


def _check_lu(a, pivot, name):
    if a.ndim < 2:
        raise ShapeError(
            f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} instead"
        )
    check_matrix(a, name, "A", "lu_cpu")
    if not pivot:
        raise ShapeError(f"{name}: LU without pivoting is not implemented on the CPU")


def _lu_rule(m, g, out, shape):
    return _lu_gradient(m, g[1], g[2], out[0], out[1], out[2], shape)


@full_precision(
    vjp=_lu_rule,
    outputs=3,
    space=None,
    method=False,
    backward_name="LinalgLuBackward0",
    samples=lambda s: [call(s.array(3, 3)), call(s.array(2, 4, 3)), call(s.array(2, 3))],
)
def lu_parts(np, A: Array):
    """P, L and U as arrays."""
    _check_lu(A, True, "linalg.lu")
    lu, pivots, _ = lu_factors(np, A)
    low, up = split_factors(np, lu)
    return permutation_matrix(np, pivots, A.shape[-2], A.dtype), low, up


@composite(
    space=None, method=False, aliases=("linalg.lu",), samples=lambda s: [call(s.array(3, 3)), call(s.array(4, 3))]
)
def linalg_lu(m, A: Array, *, pivot=True):
    """(P, L, U) with A = P L U: P a permutation, L lower triangular with ones on the diagonal, U upper; batched.

    Shapes: (m, n) gives (m, m), (m, k), (k, n) with k = min(m, n).
    """
    if not pivot:
        raise ShapeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    p, low, up = m.lu_parts(A)
    return return_types.linalg_lu((p.detach(), low, up))


def _lu_factor_rule(m, g, out, shape):
    lu, pivots = out[0], out[1]
    g_low, g_up = _packed_gradient(m, g[0], shape)
    low, up = _factors_of(m, lu, shape)
    return _lu_gradient(m, g_low, g_up, m.pivots_matrix(lu, pivots), low, up, shape)


def _packed_gradient(m, g, shape):
    rows, columns = shape[-2:]
    k = min(rows, columns)
    return m.strictly_lower(m.take_block(g, (0, rows), (0, k))), m.upper(m.take_block(g, (0, k), (0, columns)))


@plain(space=None, method=False, samples=lambda s: _packed_samples(s))
def pivots_matrix(np, input: Array, pivots: Array):
    """P with A = P L U in the dtype of `input`; constant."""
    return permutation_matrix(np, pivots, input.shape[-2], input.dtype)


@full_precision(
    vjp=_lu_factor_rule,
    outputs=3,
    space=None,
    method=False,
    backward_name="LinalgLuFactorExBackward0",
    samples=lambda s: [call(s.array(3, 3)), call(s.array(2, 4, 3)), call(s.array(2, 3))],
)
def lu_factor_parts(np, A: Array, pivot=True):
    """LU, pivots and info as arrays."""
    _check_lu(A, pivot, "linalg.lu_factor")
    return lu_factors(np, A)


@composite(space=None, method=False, aliases=("linalg.lu_factor_ex",), samples=lambda s: [call(s.array(3, 3))])
def linalg_lu_factor_ex(m, A: Array, *, pivot=True, check_errors=False):
    """(LU, pivots, info): L below and U on and above the diagonal of one matrix, row exchanges counted from 1.

    info > 0 is the first zero on the diagonal of U.
    """
    made = return_types.linalg_lu_factor_ex(m.lu_factor_parts(A, pivot))
    if check_errors:
        _check_info(made[2], "torch.linalg.lu_factor_ex")
    return made


def _check_info(info, name):
    flat = info._array.reshape(-1)
    if flat.any():
        k = int(flat[(flat != 0).argmax()])
        raise LinAlgError(
            f"{name}: U[{k},{k}] is zero and using it on lu_solve would result in a division by zero. If you still "
            "want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


@composite(
    space=None,
    method=False,
    aliases=("linalg.lu_factor",),
    samples=lambda s: [call(s.array(3, 3)), call(s.array(3, 2))],
)
def linalg_lu_factor(m, A: Array, *, pivot=True):
    """(LU, pivots) as `linalg.lu_factor_ex`.  Raises: LinAlgError if U has a zero on its diagonal."""
    lu, pivots, info = m.lu_factor_parts(A, pivot)
    _check_info(info, "torch.linalg.lu_factor")
    return return_types.linalg_lu_factor((lu, pivots))


_lu_with_info = return_types.structseq("_lu_with_info", "LU", "pivots", "info")


@composite(samples=lambda s: [call(s.array(3, 3))])
def lu(m, input: Array, pivot=True, get_infos=False):
    """(LU, pivots), with get_infos also info (older form of `linalg.lu_factor_ex`)."""
    made = m.lu_factor_parts(input, pivot)
    return _lu_with_info(made) if get_infos else tuple(made[:2])


def _unpack_rule(m, g, shape):
    rows, columns = shape[-2:]
    k = min(rows, columns)
    low = m.put_block(m.strictly_lower(g[1]), (rows, columns), (0, rows), (0, k))
    return low + m.put_block(m.upper(g[2]), (rows, columns), (0, k), (0, columns))


@full_precision(
    vjp=(_unpack_rule, None),
    outputs=3,
    space=None,
    method=False,
    batch="loop",
    backward_name="LuUnpackBackward0",
    samples=lambda s: _packed_samples(s),
)
def unpacked(np, LU_data: Array, LU_pivots: Array, data=True, pivots=True):
    """P, L and U from the packed form; empty where not wanted."""
    if LU_data.ndim < 2:
        raise ShapeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(LU_data.shape)} instead"
        )
    if str(LU_pivots.dtype) != "int32":
        raise DtypeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    empty = np.zeros((0,), LU_data.dtype)
    p = permutation_matrix(np, LU_pivots, LU_data.shape[-2], LU_data.dtype) if pivots else empty
    return (p, *(split_factors(np, LU_data) if data else (empty, empty)))


@composite(method=False, samples=lambda s: _packed_samples(s))
def lu_unpack(m, LU_data: Array, LU_pivots: Array, unpack_data=True, unpack_pivots=True):
    """(P, L, U) from what `linalg.lu_factor` returns; parts not wanted come empty."""
    p, low, up = m.unpacked(LU_data, LU_pivots, unpack_data, unpack_pivots)
    return return_types.lu_unpack((p.detach(), low, up))


def _lu_solved(np, lu, pivots, b, adjoint):
    """X with A X = B or A^H X = B from packed factors."""
    rows = lu.shape[-1]
    p = permutation_matrix(np, pivots, rows, lu.dtype)
    if adjoint:
        turned = lu.swapaxes(-1, -2).conj()
        x = triangular(np, turned, b, False)
        return np.matmul(p, triangular(np, turned, x, True, True))
    x = triangular(np, lu, np.matmul(p.swapaxes(-1, -2), b), False, True)
    return triangular(np, lu, x, True)


def _lu_solve_lu(m, g, LU, pivots, out, shape, adjoint):
    """Through A = P L U: gL = tril(P^T gA U^H, -1), gU = triu(L^H P^T gA)."""
    right = m.lu_solve_parts(LU, pivots, g, not adjoint)
    g_a = -(out @ m.conj_transpose(right)) if adjoint else -(right @ m.conj_transpose(out))
    g_a = m.conj_transpose(m.pivots_matrix(LU, pivots)) @ g_a
    low, up = _factors_of(m, LU, shape)
    return m.strictly_lower(g_a @ m.conj_transpose(up)) + m.upper(m.conj_transpose(low) @ g_a)


@full_precision(
    vjp=(_lu_solve_lu, None, lambda m, g, LU, pivots, adjoint: m.lu_solve_parts(LU, pivots, g, not adjoint)),
    space=None,
    method=False,
    batch="loop",
    backward_name="LinalgLuSolveBackward0",
    samples=lambda s: _packed_samples(s, s.array(3, 2)),
)
def lu_solve_parts(np, LU: Array, pivots: Array, B: Array, adjoint=False):
    """X with A X = B (adjoint: A^H X = B) from the packed factors of A."""
    name = "linalg.lu_solve"
    if str(pivots.dtype) != "int32":
        raise DtypeError(f"{name}: pivots should be a Tensor of scalar type torch.int32, got {scalar_of(pivots)}")
    check_square(LU, name)
    check_matrix(B, name, "B")
    if pivots.shape[-1] != LU.shape[-1]:
        raise ShapeError(f"{name}: Number of pivots per batch should be same as the dimension of the matrix")
    _fits(LU, B, True, name)
    return _lu_solved(np, LU, pivots, B, adjoint)


@composite(space=None, method=False, aliases=("linalg.lu_solve",), samples=lambda s: _packed_samples(s, s.array(3, 2)))
def linalg_lu_solve(m, LU: Array, pivots: Array, B: Array, *, left=True, adjoint=False):
    """X with A X = B, or X A = B (left=False), or with A^H for A (adjoint), from `linalg.lu_factor(A)`."""
    if left:
        return m.lu_solve_parts(LU, pivots, B, adjoint)
    return m.conj_transpose(m.lu_solve_parts(LU, pivots, m.conj_transpose(B), not adjoint))


@composite(samples=lambda s: [call(s.array(3, 2), *args) for args, _ in _packed_samples(s)])
def lu_solve(m, input: Array, LU_data: Array, LU_pivots: Array):
    """X with A X = input from the factors of A (older form of `linalg.lu_solve`)."""
    return m.lu_solve_parts(LU_data, LU_pivots, input, False)
