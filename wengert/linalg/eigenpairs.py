"""`torch.lobpcg`: a few extreme eigenpairs of symmetric positive definite matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays.eigenpairs import extreme_pairs
from wengert.core.base.errors import DtypeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor.interchange import host
from wengert.core.tensor.randomness import randn
from wengert.core.tensor.tensor import Tensor

__all__ = ["lobpcg"]


def lobpcg(A: Any, k: int | None = None, B: Any = None, X: Any = None, n: int | None = None, iK: Any = None,
           niter: int | None = None, tol: float | None = None, largest: bool | None = None, method: str | None = None,
           tracker: Callable[..., Any] | None = None, ortho_iparams: Any = None, ortho_fparams: Any = None,
           ortho_bparams: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """(values, vectors): the k largest (or smallest) eigenpairs of A x = value B x, found by iteration; batched.

    A: symmetric or Hermitian (..., m, m); B: positive definite, the identity unless given; X: start vectors (m, n),
    drawn from the default generator unless given; iK: a preconditioner; niter: most rounds, -1 for no limit; tol:
    relative residual, the root of the dtype's eps unless given.  method: "basic" or "ortho"; both take the basis of
    each round orthonormal, so the ortho_ parameters are not needed and `tracker` is not called.
    Shapes: values (..., k), the extreme one first, vectors (..., m, k).  Gradients need B None; those of the vectors
    need distinct eigenvalues.
    Raises: ValueRangeError for fewer than 3 k rows; AssertionError for a matrix that is not square or an X that does
    not fit; DtypeError for integers.
    """
    _check(A, method)
    rows = A.shape[-1]
    count = (1 if X is None else X.shape[-1]) if k is None else k
    width = (count if X is None else X.shape[-1]) if n is None else n
    if rows < 3 * width:
        raise ValueRangeError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={rows}) is smaller than 3 x the number "
            f"of requested eigenpairs (={width})"
        )
    shape = (*A.shape[:-2], rows, width)
    start = randn(*shape, dtype=A.dtype, device=A.device) if X is None else X
    if tuple(start.shape)[-2:] != (rows, width):
        raise AssertionError(f"X shape mismatch: got {start.shape}, expected {(rows, width)}")
    limits = (-1 if niter is None else niter, _tolerance(A, tol), largest is None or largest)
    values, vectors = _found(A, start, B, iK, count, limits)
    return tuple(m.lobpcg_pairs(A, values, vectors, B is None))


def _check(A: Any, method: str | None) -> None:
    if not isinstance(A, Tensor) or A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise AssertionError(f"A must be square, got shape {getattr(A, 'shape', None)}")
    if not (A.dtype.is_floating_point or A.dtype.is_complex) or A.dtype.itemsize < 4:
        raise DtypeError(f"lobpcg(): A must be float32, float64 or complex, got {A.dtype}")
    if method not in (None, "basic", "ortho"):
        raise ValueRangeError(f"lobpcg(): method is 'basic' or 'ortho', not {method!r}")


def _tolerance(A: Any, tol: float | None) -> float:
    """The relative residual at which the iteration ends."""
    real = A.dtype.to_real() if A.dtype.is_complex else A.dtype
    return float(np.finfo(real.numpy).eps) ** 0.5 if tol is None else tol


def _found(A: Any, start: Any, B: Any, iK: Any, count: int, limits: Any) -> tuple[Any, Any]:
    """The pairs of every matrix of the batch, as arrays."""
    given = host(A)
    size = given.shape[-1]
    matrices = given.reshape(-1, size, size)
    many = len(matrices)

    def each(x: Any) -> Any:
        if x is None:
            return [None] * many
        a = host(x)
        wide = np.broadcast_to(a, (*given.shape[:-2], *a.shape[-2:]))
        return wide.reshape(-1, *a.shape[-2:])

    pairs = [
        extreme_pairs(np, (a + a.conj().T) / 2, x, b, p, count, *limits)
        for a, x, b, p in zip(matrices, each(start), each(B), each(iK), strict=True)
    ]
    lead = given.shape[:-2]
    values = np.stack([p[0] for p in pairs]).reshape(*lead, -1)
    vectors = np.stack([p[1] for p in pairs]).reshape(*lead, size, -1)
    return values, vectors.astype(given.dtype, copy=False)
