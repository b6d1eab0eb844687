"""Gradients in the form in which a leaf keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operators.raw import namespace_of


class CONTIGUOUS:
    """Flags of arrays that have none."""

    c_contiguous = True


def like_leaf(g: Any, array: Any) -> Any:
    """A gradient in the memory order of its leaf, where the leaf has no gaps or overlaps."""
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    strides, step = [0] * array.ndim, array.itemsize
    for i in reversed(order):
        strides[i] = step
        step *= array.shape[i]
    if tuple(strides) != array.strides or array.strides == g.strides:
        return g
    empty = namespace_of(g).np.empty
    out = empty(tuple([array.shape[i] for i in order]), g.dtype).transpose([order.index(i) for i in range(g.ndim)])
    out[...] = g
    return out


def is_sparse(array: Any) -> bool:
    """Whether an array is sparse: there are no strides from one element to the next."""
    return not hasattr(array, "strides")


def own_copy(held: bool, g: Any) -> Any:
    """A gradient that is a NumPy scalar or of another library, as an array of our own.

    held: whether somebody else holds it, which is asked before g is handed on; a sparse one that nobody holds is taken
    as it is.
    """
    if isinstance(g, (np.generic, float, int, complex)):
        return np.asarray(g)
    return g if not held and is_sparse(g) and g.is_own() else g.copy()


__all__ = ["CONTIGUOUS", "is_sparse", "like_leaf", "own_copy"]
