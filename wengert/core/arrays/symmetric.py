"""Factors of symmetric and Hermitian matrices that need not be definite: A = L D L^T with blocks of one and two in D.

Source: J. Bunch, L. Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems",
Mathematics of Computation 31 (1977), 163-179, method A; the layout is that of LAPACK's sytrf with the lower triangle.
"""

from __future__ import annotations

from typing import Any

_GROWTH = (1 + 17**0.5) / 8
"""The ratio at which a block of one and a block of two let elements grow equally."""


def _size(x: Any) -> Any:
    """|Re x| + |Im x|: cheaper than the absolute value and as good for choosing."""
    return abs(x.real) + abs(x.imag) if x.dtype.kind == "c" else abs(x)


def _chosen(a: Any, k: int) -> tuple[int, int]:
    """(row that comes next to the diagonal, size of the block) for the part of `a` that begins at k; -1: all zero."""
    n = len(a)
    here = float(_size(a[k, k]))
    column = _size(a[k + 1 :, k])
    largest = float(column.max()) if k + 1 < n else 0.0
    if not max(here, largest) > 0:  # also for nan
        return -1, 1
    if here >= _GROWTH * largest:
        return k, 1
    row = k + 1 + int(column.argmax())
    others = _size(a[row, k:])
    others[row - k] = 0
    beside = float(others.max())
    if here >= _GROWTH * largest * (largest / beside):
        return k, 1
    return (row, 1) if float(_size(a[row, row])) >= _GROWTH * beside else (row, 2)


def _exchange(a: Any, first: int, i: int, j: int) -> None:
    """Rows and columns i and j of the part that begins at `first` change places."""
    part = a[first:, first:]
    part[[i - first, j - first]] = part[[j - first, i - first]]
    part[:, [i - first, j - first]] = part[:, [j - first, i - first]]


def _eliminate(np: Any, a: Any, k: int, size: int, hermitian: bool) -> None:
    """Subtract what the block at k explains, and leave its columns of L."""
    rest = k + size
    below = a[rest:, k:rest].copy()
    if size == 1:
        factors = below * (1 / (a[k, k].real if hermitian else a[k, k]))
    else:
        factors = np.linalg.solve(a[k:rest, k:rest].T, below.T).T
    other = below.conj() if hermitian else below
    a[rest:, rest:] -= factors @ other.T
    a[rest:, k:rest] = factors


def factored(np: Any, given: Any, hermitian: bool) -> tuple[Any, Any, int]:
    """(L below and D on the blocks of the diagonal, pivots from 1, info) of one matrix, of which the lower triangle
    is read; a negative pivot belongs to a block of two; info is the first zero block, from 1."""
    n = len(given)
    hermitian = hermitian and given.dtype.kind == "c"
    low = np.tril(given, -1)
    diagonal = np.diagonal(given).real if hermitian else np.diagonal(given)
    a = low + (low.conj() if hermitian else low).T + np.diag(diagonal).astype(given.dtype)
    pivots = np.zeros(n, "int32")
    info = k = 0
    while k < n:
        row, size = _chosen(a, k)
        if row < 0:
            info, pivots[k] = info or k + 1, k + 1
        else:
            _exchange(a, k, k + size - 1, row)
            pivots[k : k + size] = row + 1 if size == 1 else -(row + 1)
            _eliminate(np, a, k, size, hermitian)
        k += size
    return np.tril(a), pivots, info


def _swap(x: Any, i: int, j: int) -> None:
    if i != j:
        x[[i, j]] = x[[j, i]]


def solved(np: Any, factors: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """X with A X = b from what `factored` made of one matrix A."""
    x, n = b.copy(), len(factors)
    hermitian = hermitian and factors.dtype.kind == "c"
    blocks, k = [], 0
    while k < n:
        size = 2 if pivots[k] < 0 else 1
        rest = k + size
        _swap(x, rest - 1, abs(int(pivots[k])) - 1)
        x[rest:] -= factors[rest:, k:rest] @ x[k:rest]
        block = factors[k:rest, k:rest].copy()
        if size == 2:
            block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
        with np.errstate(all="ignore"):
            x[k:rest] = x[k:rest] / block if size == 1 else np.linalg.solve(block, x[k:rest])
        blocks.append((k, rest))
        k = rest
    for k, rest in reversed(blocks):
        back = factors[rest:, k:rest]
        x[k:rest] -= (back.conj() if hermitian else back).T @ x[rest:]
        _swap(x, rest - 1, abs(int(pivots[k])) - 1)
    return x
