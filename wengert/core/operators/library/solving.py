"""Determinants, inverses and linear systems.

Gradients: M. Giles, "Collected matrix derivative results for forward and reverse mode AD" (2008); G. Golub and
V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973) for the pseudo-inverse.
"""

from __future__ import annotations

from math import prod

from numpy.linalg import LinAlgError as _Failure

from wengert.core.arrays import return_types
from wengert.core.base.errors import DtypeError, LinAlgError, ShapeError
from wengert.core.operators.kinds import composite
from wengert.core.operators.library.decomposition import batch_element, first_failure, singular
from wengert.core.operators.library.elimination import lu_factors, triangular
from wengert.core.operators.library.matrices import (
    absent,
    array_of,
    check_matrix,
    check_square,
    full_precision,
    scalar_of,
)
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# --- Determinants --------------------------------------------------------------------------------------------------


def _det_rule(m, g, A, out):
    """g conj(det) A^-H; the adjugate by singular values where a determinant is 0 (N. Higham, on the adjugate)."""
    if array_of(out).all():
        scale = m.unsqueeze(m.unsqueeze(g * m.conjugated(out), -1), -1)
        return scale * m.inverse_matrix(m.conj_transpose(A))
    u, s, vh = m.svd_parts(A, False)
    phase = m.conjugated(m.linalg_det(u) * m.linalg_det(vh)) * g
    return (u * m.unsqueeze(m.unsqueeze(phase, -1) * m.products_of_others(s, -1), -2)) @ vh


@full_precision(
    vjp=_det_rule,
    space=None,
    method=False,
    aliases=("linalg.det",),
    samples=lambda s: [call(s.invertible(3)), call(s.invertible(2, 3)), call(s.array(1, 1))],
)
def linalg_det(np, A: Array):
    """Determinants of square matrices, batched.  Shapes: (..., n, n) gives (...)."""
    check_square(A, "linalg.det")
    return np.linalg.det(A)


@composite(samples=lambda s: [call(s.invertible(3))])
def det(m, input: Array):
    """Determinant of square matrices, batched."""
    return m.linalg_det(input)


def _slogdet_rule(m, g, A, out):
    """(g_log - i Im(conj(g_sign) sign)) A^-H."""
    scale = g[1]
    if array_of(out[0]).dtype.kind == "c" and not absent(g[0]):
        inner = m.conjugated(g[0]) * out[0]
        scale = scale - (inner - m.conjugated(inner)) * 0.5
    return m.unsqueeze(m.unsqueeze(scale, -1), -1) * m.inverse_matrix(m.conj_transpose(A))


@full_precision(
    vjp=_slogdet_rule,
    outputs=2,
    space=None,
    method=False,
    backward_name="LinalgSlogdetBackward0",
    samples=lambda s: [call(s.invertible(3)), call(s.invertible(2, 3)), call(s.invertible(2) + 0.5j)],
)
def slogdet_parts(np, A: Array, name="linalg.slogdet"):
    """Sign and logarithm of the absolute value of determinants."""
    check_square(A, name)
    sign, log = np.linalg.slogdet(A)
    return sign, log


@composite(space=None, method=False, aliases=("linalg.slogdet",), samples=lambda s: [call(s.invertible(2, 3))])
def linalg_slogdet(m, A: Array):
    """(sign, logabsdet) with det = sign * exp(logabsdet); (0, -inf) for singular matrices; batched."""
    return return_types.linalg_slogdet(m.slogdet_parts(A))


@composite(samples=lambda s: [call(s.invertible(2, 3))])
def slogdet(m, input: Array):
    """(sign, logabsdet), see `linalg.slogdet`."""
    return return_types.slogdet(m.slogdet_parts(input))


@composite(samples=lambda s: [call(s.positive_definite(3)), call(s.positive_definite(2, 3))])
def logdet(m, input: Array):
    """Logarithm of determinants: -inf for 0, nan for negative ones; batched."""
    sign, log = m.slogdet_parts(input, "logdet")
    if array_of(sign).dtype.kind == "c":
        return m.add(log, m.log(sign))
    return m.where(m.eq(sign, -1.0), float("nan"), log)


# --- Inverses ------------------------------------------------------------------------------------------------------


def inverted(np, a):
    """Inverses of a batch (nan where singular) and LAPACK's info."""
    info = np.zeros(a.shape[:-2], "int32")
    try:
        return np.linalg.inv(a), info
    except _Failure:
        info = lu_factors(np, a)[2]
        bad = info != 0
        safe = np.where(bad[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
        out = np.linalg.inv(safe)
        out[bad] = np.nan
        return out, info


def _check_inverse(info, name):
    if info.any():
        raise LinAlgError(
            f"{name}: {batch_element(info)}The diagonal element {first_failure(info)} is zero, the inversion could not "
            "be completed because the input matrix is singular."
        )


def _inverse_rule(m, g, out):
    turned = m.conj_transpose(out)
    return -(turned @ g @ turned)


@full_precision(
    vjp=_inverse_rule,
    space=None,
    method=False,
    samples=lambda s: [call(s.invertible(3)), call(s.invertible(2, 3))],
)
def inverse_matrix(np, A: Array):
    """Inverses for rules: nan where singular."""
    return inverted(np, A)[0]


@full_precision(
    vjp=lambda m, g, out: _inverse_rule(m, g[0], out[0]),
    outputs=2,
    space=None,
    method=False,
    backward_name="LinalgInvExBackward0",
    samples=lambda s: [call(s.invertible(3)), call(s.invertible(2, 3))],
)
def inverse_parts(np, A: Array, check_errors=False, name="linalg.inv_ex"):
    """Inverses and info; `name` is who asks."""
    check_square(A, name)
    out, info = inverted(np, A)
    if check_errors:
        _check_inverse(info, name)
    return out, info


@composite(
    space=None,
    method=False,
    aliases=("linalg.inv",),
    samples=lambda s: [call(s.invertible(3)), call(s.invertible(2, 3))],
)
def linalg_inv(m, A: Array):
    """Inverses of square matrices, batched.  Raises: LinAlgError if a matrix is singular."""
    return m.inverse_parts(A, True, "linalg.inv")[0]


@composite(samples=lambda s: [call(s.invertible(3))])
def inverse(m, input: Array):
    """Inverses of square matrices, see `linalg.inv`."""
    return m.inverse_parts(input, True, "linalg.inv")[0]


@composite(space=None, method=False, aliases=("linalg.inv_ex",), samples=lambda s: [call(s.invertible(3))])
def linalg_inv_ex(m, A: Array, *, check_errors=False):
    """(inverse, info): as `linalg.inv`, but failure is told by info > 0; the inverse is nan there."""
    return return_types.linalg_inv_ex(m.inverse_parts(A, check_errors))


# --- Pseudo-inverse ------------------------------------------------------------------------------------------------


def tolerance(np, s, shape, atol, rtol):
    """What a singular value must exceed to count: max(atol, rtol * largest), with a last dim of 1."""
    if rtol is None:
        given = atol is not None and np.any(np.asarray(atol) > 0)
        rtol = 0.0 if given else float(np.finfo(s.dtype).eps) * max(shape[-2:])
    largest = s.max(axis=-1, keepdims=True) if s.shape[-1] else s.sum(axis=-1, keepdims=True)
    relative = _column(np, rtol) * largest
    return relative if atol is None else np.maximum(_column(np, atol), relative)


def _column(np, value):
    value = np.asarray(array_of(value))
    return value[..., None] if value.ndim else value


def _pinv_rule(m, g, input, out):
    turned = m.conj_transpose(out)
    back = m.conj_transpose(g)
    k = back @ out  # gradient^H times the pseudo-inverse
    first = -(turned @ g @ turned)
    second = back @ out @ turned - input @ (out @ k @ turned)
    left = turned @ out @ back
    return first + second + left - (left @ out) @ input


@full_precision(
    vjp=_pinv_rule,
    space=None,
    method=False,
    backward_name="LinalgPinvBackward0",
    samples=lambda s: [call(s.array(4, 3)), call(s.array(2, 2, 3)), call(s.positive_definite(3), hermitian=True)],
)
def pinv_parts(np, input: Array, atol=None, rtol=None, hermitian=False):
    """The pseudo-inverse by singular values, or by eigenvalues for Hermitian matrices."""
    if input.ndim < 2 or input.dtype.kind not in "fc" or input.dtype.char == "e":
        raise ShapeError(
            f"linalg.pinv({scalar_of(input)}{{{list(input.shape)}}}): expected a tensor with 2 or more dimensions of "
            "float, double, cfloat or cdouble types"
        )
    if input.size == 0:
        return np.zeros((*input.shape[:-2], input.shape[-1], input.shape[-2]), input.dtype)
    if hermitian:
        values, u = np.linalg.eigh(input)
        keep = abs(values) > tolerance(np, abs(values), input.shape, atol, rtol)
        v = u
    else:
        u, values, vh = singular(np, input, True)
        keep = values > tolerance(np, values, input.shape, atol, rtol)
        v = vh.swapaxes(-1, -2).conj()
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0).astype(values.dtype)
    return np.matmul(v * inverse[..., None, :], u.swapaxes(-1, -2).conj())


@composite(
    space=None,
    method=False,
    aliases=("linalg.pinv",),
    samples=lambda s: [call(s.array(4, 3)), call(s.array(2, 2, 3)), call(s.array(3, 3), rtol=1e-3)],
)
def linalg_pinv(m, input: Array, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """Moore-Penrose pseudo-inverse, batched: singular values up to max(atol, rtol * largest) count as 0.

    rtol (or rcond): by default max(m, n) * eps, and 0 if a positive atol is given.
    """
    return m.pinv_parts(input, array_of(atol), array_of(rcond if rtol is None else rtol), hermitian)


@composite(samples=lambda s: [call(s.array(4, 3))])
def pinverse(m, input: Array, rcond=1e-15):
    """Moore-Penrose pseudo-inverse, see `linalg.pinv`."""
    return m.pinv_parts(input, None, rcond)


# --- Systems -------------------------------------------------------------------------------------------------------


def _is_vector(a, b):
    """Whether the right side is one vector a matrix, rather than a matrix."""
    return b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])


def _solved(np, a, b):
    """X with A X = B for matrices (nan where singular) and info."""
    try:
        return np.linalg.solve(a, b), np.zeros(a.shape[:-2], "int32")
    except _Failure:
        info = lu_factors(np, a)[2]
        bad = info != 0
        x = np.linalg.solve(np.where(bad[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a), b)
        return np.where(bad[..., None, None], x.dtype.type(np.nan), x), info


def _outer_gradient(m, right, out):
    return -(right @ m.conj_transpose(out))


@full_precision(
    vjp=(
        lambda m, g, A, out: _outer_gradient(m, m.linear_solve(m.conj_transpose(A), g), out),
        lambda m, g, A: m.linear_solve(m.conj_transpose(A), g),
    ),
    space=None,
    method=False,
    samples=lambda s: [call(s.invertible(3), s.array(3, 2)), call(s.invertible(2, 3), s.array(3, 2))],
)
def linear_solve(np, A: Array, B: Array):
    """X with A X = B, both matrices, for rules: batches broadcast, nan where singular."""
    return _solved(np, A, B)[0]


def _solve_b(m, g, A, out, left):
    """(gradient of B, the result) as matrices."""
    vector = out.ndim < A.ndim
    if vector:
        g, out = m.unsqueeze(g, -1), m.unsqueeze(out, -1)
    turned = m.conj_transpose(A)
    if left:
        return m.linear_solve(turned, g), out, vector
    return m.conj_transpose(m.linear_solve(A, m.conj_transpose(g))), out, vector


def _solve_rule_a(m, g, A, out, left):
    right, x, _ = _solve_b(m, g[0], A, out[0], left)
    return _outer_gradient(m, right, x) if left else -(m.conj_transpose(x) @ right)


def _solve_rule_b(m, g, A, out, left):
    right, _, vector = _solve_b(m, g[0], A, out[0], left)
    return m.squeeze(right, -1) if vector else right


def _solve_check(a, b, left, name):
    check_square(a, name)
    if b.ndim == 0:
        raise ShapeError(f"{name}: B must have at least 1 dimension, got a 0-d tensor")
    if a.dtype != b.dtype:
        raise DtypeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {scalar_of(a)} "
            f"and B of type {scalar_of(b)} instead"
        )
    vector = _is_vector(a, b)
    rows, columns = (b.shape[-1], 1) if vector else b.shape[-2:]
    if a.shape[-1] != (rows if left else columns):
        equation = "AX = B" if left else "XA = B"
        raise ShapeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({a.shape[-2]}x{a.shape[-1]} and {rows}x{columns})"
        )
    return vector


@full_precision(
    vjp=(_solve_rule_a, _solve_rule_b),
    outputs=2,
    space=None,
    method=False,
    batch="loop",
    backward_name="LinalgSolveExBackward0",
    samples=lambda s: [
        call(s.invertible(3), s.array(3)),
        call(s.invertible(3), s.array(3, 2)),
        call(s.invertible(2, 3), s.array(3, 2)),
        call(s.invertible(3), s.array(2, 3), False),
        call(s.invertible(2, 3), s.array(2, 3)),
    ],
)
def solve_parts(np, A: Array, B: Array, left=True, check_errors=False, name="linalg.solve_ex"):
    """The solution of a system, right sides vectors or matrices, and info."""
    vector = _solve_check(A, B, left, name)
    if left:
        x, info = _solved(np, A, B[..., None] if vector else B)
        x = x[..., 0] if vector else x
    else:
        x, info = _solved(np, A.swapaxes(-1, -2), B.swapaxes(-1, -2))
        x = x.swapaxes(-1, -2)
    if check_errors and info.any():
        raise LinAlgError(f"torch.{name}: {batch_element(info)}The solver failed because the input matrix is singular.")
    return x, info


@composite(
    space=None,
    method=False,
    aliases=("linalg.solve",),
    samples=lambda s: [call(s.invertible(3), s.array(3)), call(s.invertible(2, 3), s.array(3, 2))],
)
def linalg_solve(m, A: Array, B: Array, *, left=True):
    """X with A X = B, or X A = B (left=False), for square A; batches broadcast.

    B counts as vectors if it is 1-d or has the shape of A without its last dim.
    Raises: LinAlgError if a matrix is singular.
    """
    return m.solve_parts(A, B, left, True, "linalg.solve")[0]


@composite(
    space=None, method=False, aliases=("linalg.solve_ex",), samples=lambda s: [call(s.invertible(3), s.array(3))]
)
def linalg_solve_ex(m, A: Array, B: Array, *, left=True, check_errors=False):
    """(result, info): as `linalg.solve`, but failure is told by info > 0; the result is nan there."""
    return return_types.linalg_solve_ex(m.solve_parts(A, B, left, check_errors))


def _cholesky_system(np, b, factor, upper):
    """X with (L L^H) X = B, or (U^H U) X = B."""
    turned = factor.swapaxes(-1, -2).conj()
    if upper:
        return triangular(np, factor, triangular(np, turned, b, False), True)
    return triangular(np, turned, triangular(np, factor, b, False), True)


def _cholesky_system_factor(m, g, input2, out, upper):
    right = m.cholesky_solve(g, input2, upper)
    both = right @ m.conj_transpose(out)
    both = both + m.conj_transpose(both)
    return -(input2 @ both) if upper else -(both @ input2)


@full_precision(
    vjp=(lambda m, g, input2, upper: m.cholesky_solve(g, input2, upper), _cholesky_system_factor),
    samples=lambda s: [call(s.array(3, 2), s.invertible(3))],
)
def cholesky_solve(np, input: Array, input2: Array, upper=False):
    """X with A X = input, A = L L^H given by its Cholesky factor `input2` (upper: A = U^H U); batches broadcast."""
    if input.ndim < 2:
        raise ShapeError(f"b should have at least 2 dimensions, but has {input.ndim} dimensions instead")
    if input2.ndim < 2:
        raise ShapeError(f"u should have at least 2 dimensions, but has {input2.ndim} dimensions instead")
    check_square(input2, "", "cholesky_solve_cpu")
    if input2.shape[-1] != input.shape[-2]:
        raise ShapeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {input2.shape[-1]} by {input2.shape[-1]} "
            f"but each b matrix is {input.shape[-2]} by {input.shape[-1]}"
        )
    return _cholesky_system(np, input, input2, upper)


def _cholesky_inverse_rule(m, g, input, out, upper):
    both = out @ (g + m.conj_transpose(g)) @ out
    return -(input @ both) if upper else -(both @ input)


def _cholesky_inverse_tangent(m, t, input, out, upper):
    moved = m.conj_transpose(t) @ input if upper else t @ m.conj_transpose(input)
    return -(out @ (moved + m.conj_transpose(moved)) @ out)


@full_precision(
    vjp=_cholesky_inverse_rule,
    jvp=_cholesky_inverse_tangent,
    samples=lambda s: [call(s.invertible(3))],
)
def cholesky_inverse(np, input: Array, upper=False):
    """Inverse of A = L L^H given by its Cholesky factor (upper: A = U^H U), batched."""
    check_square(input, "cholesky_inverse", "cholesky_inverse_out_cpu")
    return _cholesky_system(np, np.eye(input.shape[-1], dtype=input.dtype), input, upper)


# --- Least squares -------------------------------------------------------------------------------------------------

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _lstsq_check(a, b, driver):
    name = "torch.linalg.lstsq"
    if a.ndim < 2:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise ShapeError(f"{name}: other must have at least 1 dimension.")
    check_matrix(a, name)
    if a.dtype != b.dtype:
        raise DtypeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {scalar_of(a)} "
            f"and other's dtype {scalar_of(b)}"
        )
    if driver is not None and driver not in _DRIVERS:
        raise ShapeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver!r}")
    vector = a.ndim - 1 == b.ndim and a.shape[:-1] == b.shape or b.ndim == 1
    if a.shape[-2] != (b.shape[-1] if vector else b.shape[-2]):
        raise ShapeError(f"{name}: input.size(-2) should match other.size({-1 if vector else -2})")
    return vector


def _lstsq_pieces(m, g, input, b, out):
    """Everything as matrices: gradient of the solution, right side, residual part."""
    vector = out[0].ndim < input.ndim
    if vector:
        return m.unsqueeze(g[0], -1), m.unsqueeze(b, -1), vector
    return g[0], b, vector


def _lstsq_a(m, g, input, b, out):
    g_x, right, vector = _lstsq_pieces(m, g, input, b, out)
    made = _pinv_rule(m, g_x @ m.conj_transpose(right), input, m.pinv_parts(input))
    if not absent(g[1]) and 0 not in g[1].shape:
        miss = input @ out[0] - right
        made = made + (miss * m.unsqueeze(g[1], -2)) @ m.conj_transpose(out[0]) * 2
    return made


def _lstsq_b(m, g, input, b, out):
    g_x, right, vector = _lstsq_pieces(m, g, input, b, out)
    made = m.conj_transpose(m.pinv_parts(input)) @ g_x
    if not absent(g[1]) and 0 not in g[1].shape:
        made = made + (right - input @ out[0]) * m.unsqueeze(g[1], -2) * 2
    return m.squeeze(made, -1) if vector else made


@full_precision(
    vjp=(_lstsq_a, _lstsq_b),
    outputs=4,
    space=None,
    method=False,
    batch="loop",
    backward_name="LinalgLstsqBackward0",
    samples=lambda s: [
        call(s.array(4, 3), s.array(4, 2)),
        call(s.array(2, 4), s.array(2)),
        call(s.array(2, 3, 3), s.array(2, 3)),
    ],
)
def lstsq_parts(np, input: Array, b: Array, rcond=None, driver=None):
    """Solution, residuals, rank and singular values as arrays."""
    vector = _lstsq_check(input, b, driver)
    driver = driver or "gelsy"
    right = b[..., None] if vector else b
    rows, columns = input.shape[-2:]
    u, s, vh = singular(np, input, True)
    keep = s > tolerance(np, s, input.shape, None, None if driver == "gels" else rcond)
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0).astype(s.dtype)
    x = np.matmul(vh.swapaxes(-1, -2).conj(), inverse[..., None] * np.matmul(u.swapaxes(-1, -2).conj(), right))
    rank = keep.sum(axis=-1)
    residuals = np.zeros((0,), s.dtype)
    if driver != "gelsy" and rows > columns and (rank == columns).all():
        residuals = (abs(np.matmul(input, x) - right) ** 2).sum(axis=-2)
        residuals = residuals[..., 0] if vector and residuals.ndim > 1 else residuals
    rank = np.zeros((0,), "int64") if driver == "gels" else np.asarray(rank, "int64")
    return x[..., 0] if vector else x, residuals, rank, s if driver in ("gelsd", "gelss") else np.zeros((0,), s.dtype)


@composite(space=None, method=False, aliases=("linalg.lstsq",), samples=lambda s: [call(s.array(4, 3), s.array(4, 2))])
def linalg_lstsq(m, input: Array, b: Array, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular_values) of min |input X - b|, batched, by singular values.

    driver: as LAPACK names them; it decides which of the last three are given: residuals for full rank and more rows
    than columns (not "gelsy", the default), rank (not "gels"), singular values ("gelsd", "gelss").
    rcond: singular values up to rcond * largest count as 0; by default eps * max(m, n).
    """
    x, residuals, rank, values = m.lstsq_parts(input, b, rcond, driver)
    return return_types.linalg_lstsq((x, residuals, rank, values.detach()))


# --- Tensors as matrices -------------------------------------------------------------------------------------------


@composite(
    space=None,
    method=False,
    aliases=("linalg.tensorinv",),
    samples=lambda s: [call(s.invertible(4).reshape(2, 2, 4), 2)],
)
def linalg_tensorinv(m, input: Array, ind=2):
    """The inverse with respect to tensordot over `ind` dims: the tensor as a matrix of its first `ind` dims."""
    if ind <= 0:
        raise ShapeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    if ind > input.ndim:
        raise ShapeError(f"ArrayRef: invalid slice, N = {ind}; size = {input.ndim}")
    first, rest = tuple(input.shape[:ind]), tuple(input.shape[ind:])
    rows, columns = prod(first), prod(rest)
    if rows != columns:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), "
            f"but got {columns} != {rows}"
        )
    return m.reshape(m.linalg_inv(m.reshape(input, (rows, columns))), (*rest, *first))


@composite(
    space=None,
    method=False,
    aliases=("linalg.tensorsolve",),
    samples=lambda s: [call(s.invertible(4).reshape(2, 2, 4), s.array(2, 2))],
)
def linalg_tensorsolve(m, input: Array, other: Array, dims=None):
    """X with tensordot(input, X, X.ndim) = other; `dims` of input are moved to the end before."""
    if dims is not None:
        input = m.movedim(input, tuple(dims), tuple(range(input.ndim - len(dims), input.ndim)))
    rest = tuple(input.shape[other.ndim :])
    rows, columns = prod(input.shape[: other.ndim]), prod(rest)
    if rows != columns:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {columns} != {rows}"
        )
    x = m.linalg_solve(m.reshape(input, (rows, columns)), m.reshape(other, (rows,)))
    return m.reshape(x, rest)
