"""`tf.linalg`: products, factorisations, solvers and parts of matrices, over the last two dims."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.tf import math
from wengert.tf.calling import checked, invalid, mixed, run, sizes, strict
from wengert.tf.conversion import cast, tensor_of, whole, wholes
from wengert.tf.filling import eye
from wengert.tf.nn import l2_normalize
from wengert.tf.operators import matmul as product
from wengert.tf.recording import TensorBase
from wengert.tf.reductions import norm, reduce_sum
from wengert.tf.slices import IndexedSlices
from wengert.tf.tensor import bare, dress, from_array


def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False,
    adjoint_a: bool = False, adjoint_b: bool = False,
    a_is_sparse: bool = False, b_is_sparse: bool = False, output_type: Any = None, grad_a: bool = False,
    grad_b: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Product of matrices, or of batches of them, each transposed or conjugate-transposed if wanted.

    Raises: InvalidArgumentError for operands with fewer than two dims, of different dtypes or of sizes that do not go
    together; ValueError for transposed and adjoint at once.
    """
    if transpose_a and adjoint_a or transpose_b and adjoint_b:
        which = "a" if transpose_a and adjoint_a else "b"
        raise ValueError(
            f"Only one of `transpose_{which}` and `adjoint_{which}` can be True. Received "
            f"`transpose_{which}`=True, `adjoint_{which}`=True."
        )
    x, y = strict("MatMul", a, b)
    if transpose_a or adjoint_a:
        x = turned(x, adjoint_a)
    if transpose_b or adjoint_b:
        y = turned(y, adjoint_b)
    out = product(x, y)
    return out if output_type is None else cast(out, output_type)


def turned(x: Any, conjugate: bool) -> Any:
    """The last two dims exchanged."""
    if x._array.ndim < 2:
        raise invalid("MatMul", "In[0] ndims must be >= 2")
    out = RECORDED.transpose(x, -2, -1)
    return dress(RECORDED.conj_physical(out) if conjugate and x._array.dtype.kind == "c" else out, x)


def matvec(
    a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False,
    a_is_sparse: bool = False, b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Product of a matrix and a vector."""
    x, y = strict("MatMul", a, b)
    out = matmul(x, dress(RECORDED.unsqueeze(y, -1), y), transpose_a=transpose_a, adjoint_a=adjoint_a)
    return dress(RECORDED.squeeze(out, (-1,)), out)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Any:
    """The last two dims exchanged. Raises ValueError for fewer than two."""
    x = tensor_of(a)
    if x._array.ndim < 2:
        raise ValueError(
            f"Argument `a` should be a (batch) matrix with rank >= 2.  Received `a` = {x} with shape: {x.shape}"
        )
    return turned(x, conjugate)


def adjoint(matrix: Any, name: str | None = None) -> Any:
    """The conjugate transpose."""
    return matrix_transpose(matrix, conjugate=True)


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """Sums of products named by letters: `einsum("ij,jk->ik", a, b)`. Raises ValueError for a bad equation."""
    parts = [tensor_of(x) for x in (inputs[0] if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else inputs)]
    for i, x in enumerate(parts):
        if x._array.dtype != parts[0]._array.dtype:
            raise mixed("Einsum", parts[0]._array.dtype, x._array.dtype, i)
    return run("Einsum", lambda *operands: RECORDED.einsum(equation, *operands), parts)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """Sum of products over pairs of dims: the last `axes` of a with the first of b, or lists of dims."""
    x, y = strict("MatMul", a, b)
    dims = axes if isinstance(axes, int) else [list(wholes(d)) if not isinstance(d, int) else [d] for d in axes]
    return run("MatMul", RECORDED.tensordot, (x, y), dims)


def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """Vector product of triples in the last dim."""
    x, y = strict("Cross", a, b)
    return run("Cross", RECORDED.linalg_cross, (x, y))


def trace(x: Any, name: str | None = None) -> Any:
    """Sum of the diagonal."""
    return reduce_sum(diag_part(x), -1)


def diag_part(
    input: Any, name: str = "diag_part", k: Any = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT"
) -> Any:
    """Diagonal number k of each matrix."""
    x = tensor_of(input)
    if x._array.ndim < 2:
        raise invalid("MatrixDiagPartV3", f"input must be at least 2-dim, received shape: {sizes(x._array.shape)}")
    return run("MatrixDiagPartV3", lambda x: RECORDED.diagonal(x, whole(k), -2, -1), (x,))


def diag(
    diagonal: Any, name: str = "diag", k: Any = 0, num_rows: Any = -1, num_cols: Any = -1, padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:  # fmt: skip
    """A matrix for each vector in the last dim, with it on diagonal number k."""
    x = tensor_of(diagonal)
    return run("MatrixDiagV3", lambda x: RECORDED.diag_embed(x, whole(k), -2, -1), (x,))


def set_diag(input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT") -> Any:
    """Each matrix with another diagonal."""
    x, d = strict("MatrixSetDiagV3", input, diagonal)
    return run("MatrixSetDiagV3", lambda x, d: RECORDED.diagonal_scatter(x, d, whole(k), -2, -1), (x, d))


def tensor_diag(diagonal: Any, name: str | None = None) -> Any:
    """A tensor of twice as many dims with the elements on its diagonal."""
    x = tensor_of(diagonal)
    shape = x._array.shape
    flat = RECORDED.diag_embed(RECORDED.reshape(x, (-1,)))
    return dress(RECORDED.reshape(flat, (*shape, *shape)), x)


def tensor_diag_part(input: Any, name: str | None = None) -> Any:
    """The diagonal of a tensor whose second half of dims repeats the first."""
    x = tensor_of(input)
    half = x._array.shape[: x._array.ndim // 2]
    count = int(np.prod(half, dtype=np.int64))
    return dress(RECORDED.reshape(RECORDED.diagonal(RECORDED.reshape(x, (count, count))), half), x)


def band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Any:
    """The matrix with zeros beyond so many diagonals below and above the middle; negative for all."""
    x = tensor_of(input)
    low, high = whole(num_lower), whole(num_upper)
    rows, columns = np.indices(x._array.shape[-2:])
    kept = ((low < 0) | (rows - columns <= low)) & ((high < 0) | (columns - rows <= high))
    mask = from_array(kept)
    return run("MatrixBandPart", lambda x: RECORDED.where(mask, x, from_array(np.zeros((), x._array.dtype))), (x,))


def square_matrix(op: str, x: Any, what: str = "Input matrix must be square.") -> Any:
    """x as an operand made of square matrices. Raises InvalidArgumentError for any other."""
    x = checked(op, x, "fc")
    shape = x._array.shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise invalid(op, what)
    return x


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The inverse. Raises InvalidArgumentError for a singular matrix."""
    x = square_matrix("MatrixInverse", input)
    try:
        out = dress(RECORDED.linalg_inv(x), x)
    except RuntimeError:
        raise invalid("MatrixInverse", "Input is not invertible.") from None
    return turned(out, True) if adjoint else out


def det(input: Any, name: str | None = None) -> Any:
    """The determinant."""
    return run("MatrixDeterminant", RECORDED.linalg_det, (square_matrix("MatrixDeterminant", input),))


def slogdet(input: Any, name: str | None = None) -> Any:
    """Sign of the determinant and logarithm of its size."""
    return tuple(run("LogMatrixDeterminant", RECORDED.linalg_slogdet, (square_matrix("LogMatrixDeterminant", input),)))


def logdet(matrix: Any, name: str | None = None) -> Any:
    """Logarithm of the determinant of a Hermitian positive matrix."""
    return 2.0 * reduce_sum(math.log(math.real(diag_part(cholesky(matrix)))), -1)


def cholesky(input: Any, name: str | None = None) -> Any:
    """The lower triangular matrix whose product with its conjugate transpose is the input."""
    x = square_matrix("Cholesky", input)
    try:
        return dress(RECORDED.linalg_cholesky(x), x)
    except RuntimeError:
        raise invalid("Cholesky", "Cholesky decomposition was not successful. The input might not be valid.") from None


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """The x for which chol chol^H x = rhs."""
    c, b = strict("MatrixTriangularSolve", chol, rhs)
    return triangular_solve(c, triangular_solve(c, b), adjoint=True)


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The x for which matrix x = rhs. Raises InvalidArgumentError for a singular matrix."""
    a, b = strict("MatrixSolve", matrix, rhs)
    a = square_matrix("MatrixSolve", a, "First input (lhs) must be a square matrix.")
    if a._array.shape[-1] != b._array.shape[-2]:
        raise invalid("MatrixSolve", "Input matrix and rhs are incompatible.")
    try:
        return dress(RECORDED.linalg_solve(turned(a, True) if adjoint else a, b), a, b)
    except RuntimeError:
        raise invalid("MatrixSolve", "Input matrix is not invertible.") from None


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Any:
    """The x for which matrix x = rhs, the matrix taken as triangular."""
    a, b = strict("MatrixTriangularSolve", matrix, rhs)
    a = square_matrix("MatrixTriangularSolve", a)
    kept = band_part(a, -1, 0) if lower else band_part(a, 0, -1)
    if adjoint:
        kept, lower = turned(kept, True), not lower
    return run("MatrixTriangularSolve", lambda a, b: RECORDED.linalg_solve_triangular(a, b, upper=not lower), (kept, b))


def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: str | None = None) -> Any:
    """The x for which matrix x is nearest to rhs, with `l2_regularizer` times its square added."""
    a, b = strict("MatrixSolveLs", matrix, rhs)
    if not fast:
        return matmul(pinv(a), b)
    rows, columns = a._array.shape[-2:]
    small = matmul(a, a, adjoint_a=True) if rows >= columns else matmul(a, a, adjoint_b=True)
    small = small + float(l2_regularizer) * eye(min(rows, columns), dtype=a.dtype)
    root = cholesky(small)
    if rows >= columns:
        return cholesky_solve(root, matmul(a, b, adjoint_a=True))
    return matmul(a, cholesky_solve(root, b), adjoint_a=True)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """The pseudo-inverse."""
    x = checked("Svd", a, "fc")
    tolerance = 10.0 * max(x._array.shape[-2:]) * float(np.finfo(x._array.dtype).eps) if rcond is None else rcond
    return run("Svd", lambda x: RECORDED.linalg_pinv(x, rtol=tolerance), (x,))


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Any:
    """An orthogonal and an upper triangular factor."""
    x = checked("Qr", input, "fc")
    q, r = run("Qr", RECORDED.linalg_qr, (x,), "complete" if full_matrices else "reduced")
    return q, r


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """Singular values s, and vectors u and v with tensor = u diag(s) v^H."""
    x = checked("Svd", tensor, "fc")
    if not compute_uv:
        return run("Svd", RECORDED.linalg_svdvals, (x,))
    u, s, vh = run("Svd", RECORDED.linalg_svd, (x,), full_matrices)
    return s, u, turned(vh, True)


def eigh(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix."""
    e, v = run("SelfAdjointEigV2", RECORDED.linalg_eigh, (square_matrix("SelfAdjointEigV2", tensor),))
    return e, v


def eigvalsh(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues of a Hermitian matrix."""
    return run("SelfAdjointEigV2", RECORDED.linalg_eigvalsh, (square_matrix("SelfAdjointEigV2", tensor),))


def eig(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues and eigenvectors of a square matrix, complex."""
    e, v = run("Eig", RECORDED.linalg_eig, (square_matrix("Eig", tensor),))
    return e, v


def eigvals(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues of a square matrix, complex."""
    return run("Eig", RECORDED.linalg_eigvals, (square_matrix("Eig", tensor),))


def expm(input: Any, name: str | None = None) -> Any:
    """The matrix exponential."""
    return run("MatrixExponential", RECORDED.linalg_matrix_exp, (square_matrix("MatrixExponential", input),))


def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """How many singular values are above the tolerance."""
    x = checked("Svd", a, "fc")
    values = np.linalg.svd(x._array, compute_uv=False)
    limit = (
        np.finfo(values.dtype).eps * max(x._array.shape[-2:]) * values.max(-1, keepdims=True) if tol is None else tol
    )
    return from_array(np.asarray((values > limit).sum(-1)).astype(np.int32))


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> Any:
    """The tensor divided by its norm, and the norm."""
    x = tensor_of(tensor)
    length = norm(x, ord, axis, True)
    return math.divide(x, cast(length, x.dtype)), length


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The norm of all elements of several tensors together; None is left out."""
    parts = [tensor_of(x.values if isinstance(x, IndexedSlices) else x) for x in t_list if x is not None]
    if not parts:
        return from_array(np.zeros((), np.float32))
    halves = [reduce_sum(math.square(math.abs(x))) for x in parts]
    return math.sqrt(math.add_n(halves))


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """The tensor scaled down to a norm of at most `clip_norm`."""
    sparse = isinstance(t, IndexedSlices)
    x = tensor_of(t.values if sparse else t)
    total = reduce_sum(x * x, axes, True)
    positive = bare(total)._array > 0
    safe = dress(RECORDED.where(from_array(positive), total, from_array(np.ones((), x._array.dtype))), total)
    length = dress(RECORDED.where(from_array(positive), math.sqrt(safe), total), total)
    limit = tensor_of(clip_norm, x._array.dtype)
    out = math.divide(x * limit, math.maximum(length, limit))
    return IndexedSlices(out, t.indices, t.dense_shape) if sparse else out


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None) -> Any:
    """Tensors scaled down together to a norm of at most `clip_norm`, and the norm they had. A norm of inf gives NaN."""
    if isinstance(t_list, (dict, TensorBase)) or not hasattr(t_list, "__iter__"):
        raise TypeError("`t_list` should be a sequence of tensors. Received " + f"{type(t_list)}.")
    total = global_norm(t_list) if use_norm is None else tensor_of(use_norm)
    if total._array.size and np.isfinite(total._array).all():
        limit = tensor_of(clip_norm, total._array.dtype)
        scale = limit * math.minimum(1.0 / total, from_array(np.ones((), total._array.dtype)) / limit)
    else:
        scale = from_array(np.full((), np.nan, total._array.dtype))
    out: list[Any] = []
    for x in t_list:
        if x is None:
            out.append(None)
        elif isinstance(x, IndexedSlices):
            out.append(IndexedSlices(math.multiply(x.values, scale), x.indices, x.dense_shape))
        else:
            x = tensor_of(x)
            out.append(math.multiply(x, cast(scale, x.dtype)))
    return out, total


def lu(input: Any, output_idx_type: Any = np.int32, name: str | None = None) -> Any:
    """Triangular factors in one matrix, and the permutation of the rows."""
    x = square_matrix("Lu", input)
    p, low, up = RECORDED.linalg_lu(x)
    packed = RECORDED.add(RECORDED.tril(low, -1), up)
    order = np.argmax(p._array, -2)
    kind = output_idx_type.array if hasattr(output_idx_type, "array") else output_idx_type
    return dress(packed, x), from_array(order.astype(kind))


def sqrtm(input: Any, name: str | None = None) -> Any:
    """A square root of a matrix, by its eigenvalues."""
    x = square_matrix("MatrixSquareRoot", input)
    e, v = RECORDED.linalg_eig(x)
    root = RECORDED.matmul(RECORDED.mul(v, RECORDED.unsqueeze(RECORDED.sqrt(e), -2)), RECORDED.linalg_inv(v))
    return dress(root if x._array.dtype.kind == "c" else RECORDED.to_dtype(RECORDED.real(root), x._array.dtype), x)


__all__ = [
    "adjoint", "band_part", "cholesky", "cholesky_solve", "clip_by_global_norm", "clip_by_norm", "cross", "det", "diag",
    "diag_part", "eig", "eigh", "eigvals", "eigvalsh", "einsum", "expm", "eye", "global_norm", "inv", "l2_normalize",
    "logdet", "lstsq", "lu", "matmul", "matrix_rank", "matrix_transpose", "matvec", "norm", "normalize", "pinv", "qr",
    "set_diag", "slogdet", "solve", "sqrtm", "svd", "tensor_diag", "tensor_diag_part", "tensordot", "trace",
    "triangular_solve",
]  # fmt: skip
