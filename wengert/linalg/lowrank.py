"""Matrices of low rank: singular values and principal components of the part that random projections find.

Source: N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review 53 (2011), 217-288,
algorithms 4.4 and 5.1.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import DtypeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor.randomness import randn

__all__ = ["pca_lowrank", "svd_lowrank"]


def _times(A: Any, shift: Any, x: Any) -> Any:
    """(A - shift) x, without ever making the difference."""
    made = m.matmul(A, x)
    return made if shift is None else made - m.matmul(shift, x)


def _basis(A: Any, q: int, niter: int, shift: Any) -> Any:
    """Q with q orthonormal columns that span nearly what A - shift maps to; each iteration sharpens it."""
    start = randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    found = m.qr_parts(_times(A, shift, start))[0]
    back, back_shift = A.mH, None if shift is None else shift.mH
    for _ in range(niter):
        found = m.qr_parts(_times(back, back_shift, found))[0]
        found = m.qr_parts(_times(A, shift, found))[0]
    return found


def _parts(A: Any, q: int, niter: int, shift: Any) -> tuple[Any, Any, Any]:
    """(U, S, V) of the projection on the basis."""
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A, shift = A.mH, None if shift is None else shift.mH
    found = _basis(A, q, niter, shift)
    u, s, vh = m.svd_parts(_times(found.mH, None, A if shift is None else A - shift), False)
    u, v = m.matmul(found, u), vh.mH
    return (v, s, u) if wide else (u, s, v)


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> tuple[Any, Any, Any]:
    """(U, S, V) with A - M = U diag(S) V^H nearly, U and V with q orthonormal columns, batched.

    q: a little more than the rank looked for.  niter: subspace iterations.  M: broadcast to A's shape.
    Draws from the default generator.  Shapes: (m, n) gives (m, q), (q,), (n, q).
    """
    shift = None if M is None else m.expand(M, tuple(A.shape))
    return _parts(A, 6 if q is None else q, 2 if niter is None else niter, shift)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Any, Any, Any]:
    """(U, S, V): the q principal components of rows of A are the columns of V, batched.

    q: min(6, m, n) unless given.  center: the mean row is subtracted first.  S^2 / (m - 1) are the variances.
    Raises: ValueRangeError for q or niter out of range; DtypeError for integers.
    """
    rows, columns = A.shape[-2:]
    if q is None:
        q = min(6, rows, columns)
    elif not 0 <= q <= min(rows, columns):
        raise ValueRangeError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(rows, columns)}"
        )
    if niter < 0:
        raise ValueRangeError(f"niter(={niter}) must be non-negative integer")
    if not (A.is_floating_point() or A.is_complex()):
        raise DtypeError(f"pca_lowrank(): A must be floating or complex, got {A.dtype}")
    return _parts(A - A.mean(-2, True) if center else A, q, niter, None)
