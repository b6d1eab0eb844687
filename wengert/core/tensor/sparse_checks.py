"""Functions of sparse tensors as functions of their values: what checks of gradients differ and compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert.core.tensor.sparse_copies
import wengert.core.tensor.sparse_matrices  # noqa: F401 (fills the table of methods)
from wengert.core.arrays import device as devices
from wengert.core.arrays.compressed import from_dense
from wengert.core.arrays.sparse import nonzero_pattern, taken
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import wrap
from wengert.core.tensor.sparse import METHODS, is_sparse
from wengert.core.tensor.sparse_methods import to_dense
from wengert.core.tensor.sparse_rules import coalesced, pattern_of, rebuilt


def full_pattern(x: Any) -> Any:
    """The pattern of a tensor's layout and size in which every place is stored."""
    array = x._array
    ones = np.ones(array.shape, bool)
    if array.layout is devices.sparse_coo:
        return nonzero_pattern(ones, len(array.pattern.sizes))
    return from_dense(ones, array.layout, array.pattern.block, array.ndim - len(array.pattern.sizes)).pattern


def by_values(func: Callable[..., Any], inputs: tuple[Any, ...], full: bool = False) -> tuple[Any, tuple[Any, ...]]:
    """A function of the values in place of the sparse tensors among the inputs, and those values as leaves.

    full: values at every place, so that those that are not stored count as well.
    """
    patterns: dict[int, Any] = {}
    leaves = []
    for i, x in enumerate(inputs):
        if not is_sparse(x):
            leaves.append(x)
            continue
        own = coalesced(x.detach()) if x.layout is devices.sparse_coo else x.detach()
        patterns[i] = full_pattern(x) if full else pattern_of(own)
        leaf = wrap(taken(patterns[i], own._array.dense()).copy() if full else own._array.values.copy())
        leaves.append(leaf.requires_grad_() if x.requires_grad else leaf)

    def call(*given: Any) -> Any:
        return func(*[rebuilt(x, patterns[i]) if i in patterns else x for i, x in enumerate(given)])

    return call, tuple(leaves)


def with_dense_outputs(func: Callable[..., Any], masked: bool) -> Callable[..., Any]:
    """A function whose sparse results are made dense."""

    def call(*given: Any) -> Any:
        out = func(*given)
        if isinstance(out, (tuple, list)):
            return type(out)([to_dense(x, masked_grad=masked) if is_sparse(x) else x for x in out])
        return to_dense(out, masked_grad=masked) if is_sparse(out) else out

    return call


def refuse_sparse(outputs: Any) -> None:
    """Checks compare dense results."""
    if any(is_sparse(y) for y in outputs):
        raise ValueRangeError(
            "Sparse output is not supported at gradcheck yet. Please call to_dense(masked_grad=...) on the output of "
            "fn for gradcheck."
        )


METHODS.update(by_values=by_values, refuse_sparse=refuse_sparse)

__all__ = ["by_values", "full_pattern", "with_dense_outputs"]
