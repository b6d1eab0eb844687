"""gradcheck for functions of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.core.tensor.sparse_checks import by_values, with_dense_outputs


def as_sparse_gradcheck(gradcheck: Callable[..., Any]) -> Callable[..., Any]:
    """A gradcheck that takes functions with sparse inputs and sparse outputs.

    masked: True compares gradients at the stored places; False (the default) at all of them.

    >>> gradcheck = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
    """

    @wraps(gradcheck)
    def check(func: Callable[..., Any], inputs: Any, **options: Any) -> Any:
        masked = bool(options.get("masked"))
        items = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
        of_values, leaves = by_values(with_dense_outputs(func, masked), items, full=not masked)
        return gradcheck(of_values, leaves, **options)

    return check


__all__ = ["as_sparse_gradcheck"]
