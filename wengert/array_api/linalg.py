"""The standard's extension `linalg`.  Everything is recorded."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert.array_api.manipulation import axes_of, matrix_transpose
from wengert.array_api.statistics import sum as _sum
from wengert.array_api.types import dialect, expected, pair, tensor
from wengert.core.arrays.shape import common_shape
from wengert.core.base.errors import ShapeError
from wengert.core.tensor.methods import SPACES

_own = SPACES["linalg"]


class Eigh(NamedTuple):
    """What `eigh` gives."""

    eigenvalues: Any
    eigenvectors: Any


class QR(NamedTuple):
    """What `qr` gives."""

    Q: Any
    R: Any


class Slogdet(NamedTuple):
    """What `slogdet` gives."""

    sign: Any
    logabsdet: Any


class SVD(NamedTuple):
    """What `svd` gives."""

    U: Any
    S: Any
    Vh: Any


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """Lower L with x = L L^H, or its conjugate transpose."""
    return _own["cholesky"](expected(x, "23", "cholesky"), upper=upper)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Cross product of vectors of three elements along an axis."""
    a, b = pair(x1, x2, "cross")
    return _own["cross"](expected(a, "123", "cross"), b, dim=axis)


def det(x: Any, /) -> Any:
    """Determinant."""
    return _own["det"](expected(x, "23", "det"))


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """A view of the matrices' diagonals."""
    return dialect.diagonal(tensor(x, "diagonal"), offset, -2, -1)


def eigh(x: Any, /) -> Eigh:
    """Eigenvalues in rising order and eigenvectors of Hermitian matrices."""
    return Eigh(*_own["eigh"](expected(x, "23", "eigh")))


def eigvalsh(x: Any, /) -> Any:
    """Eigenvalues of Hermitian matrices in rising order."""
    return _own["eigvalsh"](expected(x, "23", "eigvalsh"))


def inv(x: Any, /) -> Any:
    """Inverse.

    Raises: LinAlgError for a singular matrix.
    """
    return _own["inv"](expected(x, "23", "inv"))


def matmul(x1: Any, x2: Any, /) -> Any:
    """Product of matrices (..., n, k) and (..., k, m), or of vectors.

    Raises: ShapeError for a tensor without dims.
    """
    if not tensor(x1, "matmul", "x1").ndim or not tensor(x2, "matmul", "x2").ndim:
        raise ShapeError("both arguments to matmul need to be at least 1D, but one has no dims")
    a, b = pair(x1, x2, "matmul")
    return dialect.matmul(expected(a, "123", "matmul"), b)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of matrices: "fro", "nuc", 1, 2, inf or their negatives."""
    return _own["matrix_norm"](expected(x, "23", "matrix_norm"), "fro" if ord is None else ord, keepdim=keepdims)


def matrix_power(x: Any, n: int, /) -> Any:
    """Product of n factors x; of inverses for negative n."""
    return _own["matrix_power"](expected(x, "23", "matrix_power"), n)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """How many singular values are above rtol times the largest, int64."""
    return _own["matrix_rank"](expected(x, "23", "matrix_rank"), rtol=rtol)


def outer(x1: Any, x2: Any, /) -> Any:
    """Products of every element of one vector with every of another."""
    a, b = pair(x1, x2, "outer")
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"outer: Expected 1-D tensors, but got {a.ndim}-D and {b.ndim}-D")
    return dialect.outer(expected(a, "123", "outer"), b)


def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """Pseudo-inverse; singular values up to rtol times the largest count as zero."""
    return _own["pinv"](expected(x, "23", "pinv"), rtol=rtol)


def qr(x: Any, /, *, mode: str = "reduced") -> QR:
    """Orthonormal Q and upper triangular R with x = Q R; "reduced" or "complete"."""
    return QR(*_own["qr"](expected(x, "23", "qr"), mode=mode))


def slogdet(x: Any, /) -> Slogdet:
    """Sign and logarithm of the absolute value of the determinant."""
    return Slogdet(*_own["slogdet"](expected(x, "23", "slogdet")))


def solve(x1: Any, x2: Any, /) -> Any:
    """X with x1 X = x2; x2 is a vector only where it has one dim.

    Raises: LinAlgError for a singular matrix.
    """
    a, b = pair(x1, x2, "solve")
    expected(a, "23", "solve")
    if b.ndim == 1:
        return _own["solve"](a, b[:, None])[..., 0]
    shape = common_shape(a.shape[:-2], b.shape[:-2])
    return _own["solve"](
        dialect.broadcast_to(a, (*shape, *a.shape[-2:])), dialect.broadcast_to(b, (*shape, *b.shape[-2:]))
    )


def svd(x: Any, /, *, full_matrices: bool = True) -> SVD:
    """U, S in falling order, and Vh with x = U diag(S) Vh."""
    return SVD(*_own["svd"](expected(x, "23", "svd"), full_matrices=full_matrices))


def svdvals(x: Any, /) -> Any:
    """Singular values in falling order."""
    return _own["svdvals"](expected(x, "23", "svdvals"))


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes: the last with the first of that number, or two sequences."""
    a, b = pair(x1, x2, "tensordot")
    dims = axes if isinstance(axes, int) else tuple(list(each) for each in axes)
    return dialect.tensordot(expected(a, "123", "tensordot"), b, dims=dims)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sum of the matrices' diagonals; integers are summed in 64 bits."""
    return _sum(diagonal(expected(x, "123", "trace"), offset=offset), axis=-1, dtype=dtype)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Sum of conj(x1) * x2 along an axis, the other axes broadcast.

    Raises: ShapeError where the lengths along the axis differ.
    """
    a, b = pair(x1, x2, "vecdot")
    axes_of(axis, min(expected(a, "123", "vecdot").ndim, b.ndim), "vecdot")
    if a.shape[axis] != b.shape[axis]:
        raise ShapeError(f"vecdot(): lengths {a.shape[axis]} and {b.shape[axis]} along axis {axis} differ")
    return _sum(dialect.conj(a) * b, axis=axis, dtype=a.dtype)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """(sum of |x|^ord)^(1/ord) over these axes; the limits for inf and -inf, the number of non-zeros for 0."""
    expected(x, "23", "vector_norm")
    if axis == () or not x.ndim and axis is None:
        return dialect.abs(x) if ord else (x != 0).to(dialect.abs(x).dtype)
    return _own["vector_norm"](x, ord, axis, keepdims)


__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip
