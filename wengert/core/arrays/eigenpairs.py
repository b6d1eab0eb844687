"""A few extreme eigenpairs of a large symmetric matrix, without decomposing it.

Source: A. Knyazev, "Toward the optimal preconditioned eigensolver: locally optimal block preconditioned conjugate
gradient method", SIAM Journal on Scientific Computing 23 (2001), 517-541, algorithm 5.1.
"""

from __future__ import annotations

from typing import Any

_ROUNDS = 1000
"""Rounds after which the iteration ends where none were named and it does not converge."""


def _times(B: Any, x: Any) -> Any:
    return x if B is None else B @ x


def _orthonormal(np: Any, y: Any, B: Any, against: Any = None) -> Any:
    """A B-orthonormal basis of the columns of y, of what is left of them beside `against`."""
    y = y / np.maximum(np.linalg.norm(y, axis=0), np.finfo(y.dtype).tiny)
    for _ in range(2):
        if against is not None:
            y = y - against @ (against.conj().T @ _times(B, y))
        sizes, turn = np.linalg.eigh(y.conj().T @ _times(B, y))
        kept = sizes > np.finfo(y.dtype).eps * 10 * max(float(sizes.max(initial=0)), 1e-30)
        y = y @ (turn[:, kept] / np.sqrt(sizes[kept]))
    return y


def _extreme(np: Any, basis: Any, A: Any, count: int, largest: bool) -> tuple[Any, Any]:
    """The `count` extreme Ritz values of A on a basis and their coordinates, the extreme one first."""
    values, vectors = np.linalg.eigh(basis.conj().T @ (A @ basis))
    order = slice(None, -count - 1, -1) if largest else slice(0, count)
    return values[order], vectors[:, order]


def extreme_pairs(np: Any, A: Any, X: Any, B: Any, K: Any, count: int, niter: int, tol: float, largest: bool) -> Any:
    """(values, vectors): `count` extreme pairs of A x = value B x from the start X (n, at least count) with the
    preconditioner K; at most `niter` rounds (-1: until the residuals are below `tol`)."""
    x = _orthonormal(np, X, B)
    values, turn = _extreme(np, x, A, x.shape[1], largest)
    x = x @ turn
    previous = x[:, :0]
    size, size_b = np.linalg.norm(A), 1.0 if B is None else np.linalg.norm(B)
    for _ in range(_ROUNDS if niter < 0 else niter):
        residual = A @ x - _times(B, x) * values
        error = np.linalg.norm(residual, axis=0) / (np.linalg.norm(x, axis=0) * (size + abs(values) * size_b))
        if error[:count].max(initial=0) < tol:
            break
        steps = residual if K is None else K @ residual
        beside = _orthonormal(np, np.concatenate([steps, previous], axis=1), B, x)
        if not beside.shape[1]:
            break
        width = x.shape[1]
        basis = np.concatenate([x, beside], axis=1)
        values, turn = _extreme(np, basis, A, width, largest)
        x, previous = basis @ turn, beside @ turn[width:]
    return values[:count], x[:, :count]
