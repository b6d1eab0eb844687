"""Copies of the parts of sparse tensors: `indices_copy`, `values_copy` and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tensor.sparse import METHODS

PARTS = ("indices", "values", "crow_indices", "col_indices", "ccol_indices", "row_indices")


def copied(name: str) -> Callable[..., Any]:
    """The function that gives a copy of one part, with its history."""

    def copy(input: Any, *, out: Any = None) -> Any:
        made = getattr(input, name)().clone()
        return made if out is None else out.resize_(made.shape).copy_(made)

    copy.__name__ = copy.__qualname__ = f"{name}_copy"
    copy.__doc__ = f"A copy of `input.{name}()`."
    return copy


indices_copy, values_copy, crow_indices_copy, col_indices_copy, ccol_indices_copy, row_indices_copy = map(copied, PARTS)


def resize_as_sparse_(input: Any, the_template: Any) -> Any:
    """Give a sparse tensor the size of another one."""
    return input.resize_as_(the_template)


METHODS.update(resize_as_sparse_=resize_as_sparse_)

__all__ = [
    "ccol_indices_copy", "col_indices_copy", "crow_indices_copy", "indices_copy", "resize_as_sparse_",
    "row_indices_copy", "values_copy",
]  # fmt: skip
