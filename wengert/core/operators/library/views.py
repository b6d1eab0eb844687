"""Operators that return a view: same memory, other shape or strides."""

from __future__ import annotations

from wengert.core.arrays.shape import wrap_dim
from wengert.core.operators.kinds import view
from wengert.core.operators.record import Array


@view(transpose=lambda m, g, dim0, dim1: m.transpose(g, dim0, dim1))
def transpose(np, input: Array, dim0: int, dim1: int):
    """Swap two dims."""
    n = input.ndim
    return np.swapaxes(input, wrap_dim(dim0, n), wrap_dim(dim1, n)) if n else input.view()


@view(transpose=lambda m, g: m.t(g))
def t(np, input: Array):
    """Transpose of a matrix; fewer dims stay as they are."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.T


@view(transpose=lambda m, g, shape, dim, index: m.select_backward(g, shape, dim, index))
def select(np, input: Array, dim: int, index: int):
    """The slice at `index` along `dim`, that dim removed."""
    dim = wrap_dim(dim, input.ndim)
    return input[(slice(None),) * dim + (index,)] if input.ndim > 1 else input[(..., index, None)][..., 0]
