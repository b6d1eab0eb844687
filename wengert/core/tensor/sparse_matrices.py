"""Products of sparse matrices under their old names: spmm, smm, hspmm, sspaddmm."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.sparse import Pattern
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import wrap
from wengert.core.tensor.sparse import METHODS
from wengert.core.tensor.sparse_methods import to_coordinates
from wengert.core.tensor.sparse_rules import coalesced, pattern_of, rebuilt, values_of


def spmm(input: Any, mat2: Any) -> Any:
    """input @ mat2 for a sparse matrix and a dense one; gradients as of `mm`."""
    return m.mm(input, mat2)


def smm(input: Any, mat: Any) -> Any:
    """input @ mat, as coordinates."""
    made = to_coordinates(m.mm(input, mat))
    pattern = pattern_of(made)
    return rebuilt(values_of(made), Pattern(pattern.indices, pattern.sizes), None)


def hspmm(mat1: Any, mat2: Any) -> Any:
    """mat1 @ mat2 with one sparse dim: the rows of the product that are not empty."""
    x = coalesced(mat1)
    filled = np.unique(pattern_of(x).indices[0])
    rows = m.index_select(m.mm(x, mat2), 0, wrap(filled))
    return rebuilt(rows, Pattern(filled[None], (x._array.shape[0],)), None)


def sspaddmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * (mat1 @ mat2) for sparse input and mat1, as coordinates that are not coalesced."""
    product = m.mm(mat1, mat2)
    filled = np.repeat(row_counts(mat1), product._array.shape[1]) > 0
    places = np.indices(product._array.shape).reshape(2, -1)[:, filled]
    second = m.index_select(m.reshape(product, (-1,)), 0, wrap(np.flatnonzero(filled)))
    own = m.cat([values_of(input) * beta, second * alpha], 0)
    pattern = pattern_of(input)
    return rebuilt(own, Pattern(np.concatenate([pattern.indices, places], 1), pattern.sizes), None)


def row_counts(x: Any) -> Any:
    """How many places each row of a sparse matrix has."""
    return np.bincount(pattern_of(x).indices[0], minlength=x._array.shape[0])


METHODS.update(smm=smm, sspaddmm=sspaddmm)

__all__ = ["hspmm", "smm", "spmm", "sspaddmm"]
