"""Factorisations by orthogonal matrices and by eigenvectors: Cholesky, QR, eigenvalues, singular values.

Gradients: M. Giles, "Collected matrix derivative results for forward and reverse mode AD" (2008); S. Walter and
L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010); J. Townsend, "Differentiating the SVD"
(2016).  Signs and phases of vectors are LAPACK's; a loss that depends on a phase has no gradient and is refused.
"""

from __future__ import annotations

from numpy.linalg import LinAlgError as _Failure

from wengert.core.arrays import return_types
from wengert.core.base.errors import DtypeError, GraphError, LinAlgError, MissingError, ShapeError
from wengert.core.operators.kinds import composite
from wengert.core.operators.library.matrices import (
    absent,
    array_of,
    check_matrix,
    check_square,
    full_precision,
    is_complex,
    real_diagonal,
    scalar_of,
)
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# --- Cholesky ------------------------------------------------------------------------------------------------------


def _partial_cholesky(np, a):
    """Factor of one matrix as far as it goes, and the order of the first leading minor that is not positive."""
    out = np.zeros_like(a)
    for j in range(a.shape[0]):
        row = out[j, :j]
        d = (a[j, j] - (row * row.conj()).sum()).real
        if not d > 0:
            out[j:, j:] = np.tril(a[j:, j:])
            out[j, j] = d
            return out, j + 1
        out[j, j] = np.sqrt(d)
        out[j + 1 :, j] = (a[j + 1 :, j] - out[j + 1 :, :j] @ row.conj()) / out[j, j]
    return out, 0


def factored(np, a):
    """Lower Cholesky factors of a batch, and LAPACK's info per matrix."""
    info = np.zeros(a.shape[:-2], "int32")
    try:
        return np.linalg.cholesky(a), info
    except _Failure:
        n = a.shape[-1]
        flat = a.reshape(-1, n, n)
        made = [_partial_cholesky(np, x) for x in flat]
        info[...] = np.asarray([i for _, i in made], "int32").reshape(info.shape)
        return np.stack([x for x, _ in made]).reshape(a.shape), info


def check_factored(info, name):
    """Raise for the first matrix of a batch that has no Cholesky factor."""
    if info.any():
        raise LinAlgError(
            f"{name}: {batch_element(info)}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {first_failure(info)} is not positive-definite)."
        )


def batch_element(info):
    """ "(Batch element 1): " for a batch, nothing for one matrix."""
    return f"(Batch element {int((info.reshape(-1) != 0).argmax())}): " if info.ndim else ""


def first_failure(info):
    """LAPACK's info of the first matrix that failed."""
    flat = info.reshape(-1)
    return int(flat[(flat != 0).argmax()])


def cholesky_rule(m, g, factor, upper):
    """Hermitian gradient of the input of a Cholesky factorisation (Giles, Cholesky)."""
    low = m.conj_transpose(factor) if upper else factor
    g = m.conj_transpose(g) if upper else g
    inner = m.conj_transpose(low) @ g
    half = m.strictly_lower(inner)
    inner = (half + m.conj_transpose(half) + m.diagonal_matrix(m.diagonal_vector(inner))) * 0.5
    left = m.linalg_solve_triangular(m.conj_transpose(low), inner, upper=True)
    return m.linalg_solve_triangular(low, left, upper=False, left=False)


@full_precision(
    vjp=lambda m, g, out, upper: cholesky_rule(m, g[0], out[0], upper),
    outputs=2,
    space=None,
    method=False,
    backward_name="LinalgCholeskyExBackward0",
    samples=lambda s: [call(s.positive_definite(3)), call(s.positive_definite(2, 3), upper=True)],
)
def cholesky_parts(np, input: Array, *, upper=False, check_errors=False, name="linalg.cholesky_ex"):
    """Cholesky factors and info; `name` is who asks."""
    check_square(input, name)
    made, info = factored(np, input.swapaxes(-1, -2).conj() if upper else input)
    if check_errors:
        check_factored(info, name)
    return made.swapaxes(-1, -2).conj() if upper else made, info


@composite(
    space=None,
    method=False,
    aliases=("linalg.cholesky",),
    samples=lambda s: [call(s.positive_definite(3)), call(s.positive_definite(2, 3), upper=True)],
)
def linalg_cholesky(m, input: Array, *, upper=False):
    """L with L L^H = input (upper: U with U^H U = input) for Hermitian positive definite matrices, batched.

    Only the lower (upper) triangle is read.  Raises: LinAlgError if a matrix is not positive definite.
    """
    return m.cholesky_parts(input, upper=upper, check_errors=True, name="linalg.cholesky")[0]


@composite(
    space=None,
    method=False,
    aliases=("linalg.cholesky_ex",),
    samples=lambda s: [call(s.positive_definite(3))],
)
def linalg_cholesky_ex(m, input: Array, *, upper=False, check_errors=False):
    """(L, info): as `linalg.cholesky`, but failure is told by info > 0, the order of the minor at fault."""
    return return_types.linalg_cholesky_ex(m.cholesky_parts(input, upper=upper, check_errors=check_errors))


@full_precision(
    vjp=lambda m, g, out, upper: cholesky_rule(m, g, out, upper),
    samples=lambda s: [call(s.positive_definite(3)), call(s.positive_definite(2, 3), True)],
)
def cholesky(np, input: Array, upper=False):
    """Cholesky factor (older name of `linalg.cholesky`)."""
    if not input.size and input.ndim > 1:
        return input.copy()
    check_square(input, "cholesky", "cholesky_cpu")
    made, info = factored(np, input.swapaxes(-1, -2).conj() if upper else input)
    check_factored(info, "cholesky")
    return made.swapaxes(-1, -2).conj() if upper else made


# --- QR ------------------------------------------------------------------------------------------------------------


def _qr_square(m, g_q, g_r, q, r):
    """Gradient of A = QR for R square (Walter and Lehmann, section 3)."""
    inner = r @ m.conj_transpose(g_r) - m.conj_transpose(g_q) @ q
    half = m.strictly_lower(inner)
    inner = half + m.conj_transpose(half) + m.diagonal_matrix(real_diagonal(m, inner))
    right = m.conj_transpose(g_q + q @ inner)
    return m.conj_transpose(m.linalg_solve_triangular(r, right, upper=True))


def _qr_rule(m, g, out, shape, mode):
    """Wide matrices: the columns beyond the square part are Q times their part of R."""
    rows, columns = shape[-2:]
    if mode == "r":
        raise GraphError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    if mode == "complete" and rows > columns:
        raise GraphError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    (q, r), (g_q, g_r) = out, g
    if rows >= columns:
        return _qr_square(m, g_q, g_r, q, r)
    every, square, rest = (0, rows), (0, rows), (rows, columns)
    g_rest = m.take_block(g_r, every, rest)
    beyond = q @ m.take_block(r, every, rest)
    g_q = g_q + beyond @ m.conj_transpose(g_rest)
    first = _qr_square(m, g_q, m.take_block(g_r, every, square), q, m.take_block(r, every, square))
    return m.put_block(first, (rows, columns), every, square) + m.put_block(q @ g_rest, (rows, columns), every, rest)


@full_precision(
    vjp=_qr_rule,
    outputs=2,
    space=None,
    method=False,
    batch="loop",
    backward_name="LinalgQrBackward0",
    samples=lambda s: [
        call(s.array(4, 3)),
        call(s.array(2, 3, 3), "complete"),
        call(s.array(3, 4)),
        call(s.complex(3, 2)),
    ],
)
def qr_parts(np, A: Array, mode="reduced"):
    """Q and R as arrays."""
    check_matrix(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if mode == "r":
        return np.zeros((0,), A.dtype), np.linalg.qr(A, "r")
    q, r = np.linalg.qr(A, mode)
    return q, r


@composite(
    space=None,
    method=False,
    aliases=("linalg.qr",),
    samples=lambda s: [call(s.array(4, 3)), call(s.array(2, 3, 3)), call(s.array(2, 4))],
)
def linalg_qr(m, A: Array, mode="reduced"):
    """(Q, R) with A = QR, Q with orthonormal columns, R upper triangular, batched.

    mode: "reduced" - Q (m, k), R (k, n) with k = min(m, n); "complete" - Q (m, m), R (m, n); "r" - only R.
    Raises: for gradients of mode "r", or "complete" with more rows than columns.
    """
    return return_types.linalg_qr(m.qr_parts(A, mode))


@composite(samples=lambda s: [call(s.array(4, 3)), call(s.array(3, 3), False)])
def qr(m, input: Array, some=True):
    """(Q, R): older name of `linalg.qr`; some=False is mode "complete"."""
    return return_types.qr(m.qr_parts(input, "reduced" if some else "complete"))


# --- Hermitian eigenvalues -----------------------------------------------------------------------------------------


def check_phase(x, message):
    """Raise if a loss depends on the phase of complex vectors: `x` is the diagonal of V^H gV."""
    a = array_of(x)
    if a.dtype.kind == "c" and a.size and not abs(a.reshape(-1).imag).max() <= 1e-2:
        raise DtypeError(message)


def _spread_of(m, values):
    """values[j] - values[i], with 1 on the diagonal."""
    return m.unsqueeze(values, -2) - m.unsqueeze(values, -1) + m.identity_like(values)


def _eigh_rule(m, g, out):
    (values, vectors), (g_values, g_vectors) = out, g
    back = m.conj_transpose(vectors)
    if absent(g_vectors):
        return (vectors * m.unsqueeze(g_values, -2)) @ back
    inner = back @ g_vectors
    check_phase(
        m.diagonal_vector(inner),
        "linalg_eigh_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
        "The specified loss function depends on this quantity, so it is ill-defined.",
    )
    inner = (inner - m.conj_transpose(inner)) * 0.5 / _spread_of(m, values)
    inner = m.strictly_lower(inner) + m.strictly_upper(inner)
    return vectors @ (inner + m.diagonal_matrix(g_values)) @ back


def _eigh_check(a, uplo):
    check_matrix_like(a, "linalg.eigh")
    if str(uplo).upper() not in ("L", "U"):
        raise ShapeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    if a.dtype.kind not in "fc" or a.dtype.char == "e":
        raise MissingError(f"\"linalg_eigh_cpu\" not implemented for '{scalar_of(a)}'")


def check_matrix_like(a, name):
    """Raise unless `a` is a batch of square matrices, of whatever dtype."""
    if a.ndim < 2:
        raise ShapeError(f"{name}: The input tensor A must have at least 2 dimensions. Got shape {list(a.shape)}")
    if a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )


def _eigh(np, a, uplo, vectors):
    """NumPy's eigh with failures as errors of ours."""
    _eigh_check(a, uplo)
    try:
        made = np.linalg.eigh(a, uplo) if vectors else (np.linalg.eigvalsh(a, uplo),)
        failed = np.isnan(made[0]).any()
    except _Failure:
        failed = True
    if failed:
        raise LinAlgError(
            "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
            "repeated eigenvalues (error code: 1)."
        )
    return made


@full_precision(
    vjp=_eigh_rule,
    outputs=2,
    space=None,
    method=False,
    backward_name="LinalgEighBackward0",
    samples=lambda s: [call(s.positive_definite(3)), call(s.positive_definite(2, 3), "U")],
)
def eigh_parts(np, input: Array, UPLO="L"):
    """Eigenvalues and eigenvectors as arrays."""
    values, vectors = _eigh(np, input, UPLO, True)
    return values, vectors


@composite(space=None, method=False, aliases=("linalg.eigh",), samples=lambda s: [call(s.positive_definite(3))])
def linalg_eigh(m, input: Array, UPLO="L"):
    """(eigenvalues, eigenvectors): A = V diag(L) V^H for Hermitian matrices, L real and ascending, batched.

    Only the triangle UPLO is read.  Gradients of the vectors need distinct eigenvalues.
    Raises: LinAlgError without convergence.
    """
    return return_types.linalg_eigh(m.eigh_parts(input, UPLO))


@full_precision(
    vjp=lambda m, g, input, UPLO: _values_rule(m, g, m.eigh_parts(input, UPLO)[1]),
    space=None,
    method=False,
    aliases=("linalg.eigvalsh",),
    backward_name="LinalgEighBackward0",
    samples=lambda s: [call(s.positive_definite(3)), call(s.positive_definite(2, 3), "U")],
)
def linalg_eigvalsh(np, input: Array, UPLO="L"):
    """Eigenvalues of Hermitian matrices, ascending, batched.  Raises: LinAlgError without convergence."""
    return _eigh(np, input, UPLO, False)[0]


def _values_rule(m, g, vectors):
    return (vectors * m.unsqueeze(g, -2)) @ m.conj_transpose(vectors)


# --- General eigenvalues -------------------------------------------------------------------------------------------


def _eig_tangent(m, t, out):
    """L' is the diagonal of P = V^-1 A' V; V' = V (P / (l_j - l_i)), less what changes the norm of a vector."""
    values, vectors = out
    p = m.linear_solve(vectors, m.to_dtype(t, array_of(vectors).dtype) @ vectors)
    slopes = m.diagonal_vector(p)
    turned = vectors @ ((p - p * m.identity_like(p)) / _spread_of(m, values))
    along = m.diagonal_vector(m.conj_transpose(vectors) @ turned)
    return slopes, turned - vectors * m.unsqueeze((along + m.conj(along)) / 2, -2)


def _eig_rule(m, g, out):
    """C. Boeddeker et al., "On the computation of complex-valued gradients" (2017), for vectors of norm 1."""
    (values, vectors), (g_values, g_vectors) = out, g
    back = m.conj_transpose(vectors)
    if absent(g_vectors):
        return m.linear_solve(back, m.unsqueeze(g_values, -1) * back)
    inner = back @ g_vectors
    check_phase(
        m.diagonal_vector(inner),
        "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
        "The specified loss function depends on this quantity, so it is ill-defined.",
    )
    inner = inner - (back @ vectors) * m.unsqueeze(real_diagonal(m, inner), -2)
    inner = inner / _spread_of(m, m.conjugated(values))
    inner = m.strictly_lower(inner) + m.strictly_upper(inner) + m.diagonal_matrix(g_values)
    return m.linear_solve(back, inner @ back)


def _eig(np, a, vectors, name):
    """NumPy's eig, always complex."""
    check_square(a, name)
    kind = a.dtype if a.dtype.kind == "c" else np.result_type(a.dtype, "complex64")
    if not np.isfinite(a).all():
        raise DtypeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    try:
        made = np.linalg.eig(a) if vectors else (np.linalg.eigvals(a),)
    except _Failure as error:
        raise LinAlgError(f"linalg.eig: The algorithm failed to converge ({error}).") from error
    return tuple([x.astype(kind, copy=False) for x in made])


@full_precision(
    vjp=_eig_rule,
    jvp=_eig_tangent,
    outputs=2,
    space=None,
    method=False,
    backward_name="LinalgEigBackward0",
    samples=lambda s: [call(s.array(3, 3)), call(s.complex(3, 3))],
)
def eig_parts(np, input: Array):
    """Eigenvalues and eigenvectors as complex arrays."""
    return _eig(np, input, True, "linalg.eig")


@composite(space=None, method=False, aliases=("linalg.eig",), samples=lambda s: [call(s.array(3, 3))])
def linalg_eig(m, input: Array):
    """(eigenvalues, eigenvectors), complex, vectors of norm 1: A = V diag(L) V^-1, batched.

    The order is LAPACK's.  Gradients need distinct eigenvalues.
    Raises: DtypeError for inf or nan, LinAlgError without convergence.
    """
    return return_types.linalg_eig(m.eig_parts(input))


@full_precision(
    vjp=lambda m, g, input: _general_values_rule(m, g, m.eig_parts(input)[1]),
    space=None,
    method=False,
    aliases=("linalg.eigvals",),
    backward_name="LinalgEigBackward0",
    samples=lambda s: [call(s.array(3, 3)), call(s.complex(3, 3))],
)
def linalg_eigvals(np, input: Array):
    """Eigenvalues of square matrices, complex, in LAPACK's order, batched."""
    return _eig(np, input, False, "linalg.eigvals")[0]


def _general_values_rule(m, g, vectors):
    back = m.conj_transpose(vectors)
    return m.linear_solve(back, m.unsqueeze(g, -1) * back)


# --- Singular values -----------------------------------------------------------------------------------------------


def _svd_parts_of(m, g, out):
    """The first k vectors on both sides and their gradients: what lies beyond has no influence."""
    (u, s, vh), (g_u, g_s, g_vh) = out, g
    k = s.shape[-1]
    if u.shape[-1] > k:
        u, g_u = (m.take_block(x, (0, x.shape[-2]), (0, k)) for x in (u, g_u))
    if vh.shape[-2] > k:
        vh, g_vh = (m.take_block(x, (0, k), (0, x.shape[-1])) for x in (vh, g_vh))
    return u, s, vh, g_u, g_s, g_vh


def _svd_rule(m, g, out):
    u, s, vh, g_u, g_s, g_vh = _svd_parts_of(m, g, out)
    if absent(g_u) and absent(g_vh):
        return (u * m.unsqueeze(g_s, -2)) @ vh
    uh, v, g_v = m.conj_transpose(u), m.conj_transpose(vh), m.conj_transpose(g_vh)
    left, right = uh @ g_u, vh @ g_v
    check_phase(
        m.diagonal_vector(left) + m.diagonal_vector(right),
        "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. "
        "The specified loss function depends on this phase term, making it ill-defined.",
    )
    row, column = m.unsqueeze(s, -2), m.unsqueeze(s, -1)
    gap = _spread_of(m, s * s)
    left, right = left - m.conj_transpose(left), right - m.conj_transpose(right)
    inner = left / gap * row + column * (right / gap)
    inner = m.strictly_lower(inner) + m.strictly_upper(inner) + m.diagonal_matrix(g_s)
    if is_complex(u):
        inner = inner + m.diagonal_matrix(m.diagonal_vector(left) / (s * 2))
    made = u @ inner @ vh
    if u.shape[-2] > u.shape[-1]:
        outside = g_u / row
        made = made + (outside - u @ (uh @ outside)) @ vh
    if vh.shape[-1] > vh.shape[-2]:
        outside = g_vh / column
        made = made + u @ (outside - (outside @ v) @ vh)
    return made


def singular(np, a, vectors, full=False, name="linalg.svd"):
    """NumPy's svd with failures as errors of ours."""
    check_matrix(a, name)
    try:
        return np.linalg.svd(a, full, vectors)
    except _Failure as error:
        if not np.isfinite(a).all():
            raise LinAlgError(
                "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."
            ) from error
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
            "repeated singular values."
        ) from error


def check_driver(driver, name):
    """Raise for a driver: LAPACK leaves no choice here."""
    if driver is not None:
        raise ShapeError(
            f"torch.{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


@full_precision(
    vjp=_svd_rule,
    outputs=3,
    space=None,
    method=False,
    backward_name="LinalgSvdBackward0",
    samples=lambda s: [call(s.array(4, 3), False), call(s.array(2, 3, 4), False), call(s.complex(3, 3), False)],
)
def svd_parts(np, A: Array, full_matrices=True):
    """U, S and Vh as arrays."""
    u, s, vh = singular(np, A, True, full_matrices)
    return u, s, vh


@composite(
    space=None,
    method=False,
    aliases=("linalg.svd",),
    samples=lambda s: [call(s.array(4, 3), False), call(s.array(2, 3, 3))],
)
def linalg_svd(m, A: Array, full_matrices=True, *, driver=None):
    """(U, S, Vh): A = U diag(S) Vh, U and Vh unitary, S descending, batched.

    Shapes: (m, n) gives U (m, m), S (k,), Vh (n, n) with k = min(m, n); without full_matrices U (m, k), Vh (k, n).
    Gradients of the vectors need distinct singular values, not 0 where A is not square.
    Raises: LinAlgError without convergence.
    """
    check_driver(driver, "linalg.svd")
    return return_types.linalg_svd(m.svd_parts(A, full_matrices))


@full_precision(
    vjp=lambda m, g, A: _singular_values_rule(m, g, m.svd_parts(A, False)),
    space=None,
    method=False,
    backward_name="LinalgSvdBackward0",
    samples=lambda s: [call(s.array(4, 3)), call(s.array(2, 3, 3))],
)
def singular_values(np, A: Array):
    """Singular values, descending."""
    return singular(np, A, False)


def _singular_values_rule(m, g, parts):
    u, _, vh = parts
    return (u * m.unsqueeze(g, -2)) @ vh


@composite(space=None, method=False, aliases=("linalg.svdvals",), samples=lambda s: [call(s.array(4, 3))])
def linalg_svdvals(m, A: Array, *, driver=None):
    """Singular values of matrices, descending, batched.  Raises: LinAlgError without convergence."""
    check_driver(driver, "linalg.svd")
    return m.singular_values(A)


@composite(samples=lambda s: [call(s.array(4, 3)), call(s.array(3, 4)), call(s.array(3, 3), False)])
def svd(m, input: Array, some=True, compute_uv=True):
    """(U, S, V) with input = U diag(S) V^H (older form of `linalg.svd`: V, not its conjugate transpose).

    some: the reduced form; compute_uv=False gives zeros for U and V.
    """
    if input.ndim < 2:
        raise ShapeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input.ndim} dimensions instead"
        )
    if not compute_uv:
        rows, columns = input.shape[-2:]
        batch = tuple(input.shape[:-2])
        values = m.singular_values(input)
        blank = m.blank_matrices(input, (*batch, rows, rows)), m.blank_matrices(input, (*batch, columns, columns))
        return return_types.svd((blank[0], values, blank[1]))
    u, s, vh = m.svd_parts(input, not some)
    turned = m.transpose(vh, -2, -1)
    return return_types.svd((u, s, m.conj(turned) if is_complex(vh) else turned))
