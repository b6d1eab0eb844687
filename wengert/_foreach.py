"""Operators over lists of tensors (`torch._foreach_add(tensors, ...)`): one result, or one write, for each.

Every elementwise operator has such a form.  Other arguments are one value for all, or a list with one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.methods import SPACES
from wengert.core.tensor.tensor import Tensor

PREFIX = "_foreach_"
OTHERS = {"max": "max", "copy": "copy_", "zero": "zero_", "clone": "clone", "mm": "mm"}
"""Operators of lists that are not elementwise."""
BOUNDS = {"maximum": "clamp_min", "minimum": "clamp_max"}
"""Operators of lists that take numbers too, and what they are then; it is the same for tensors."""


def found(name: str) -> Callable[..., Any] | None:
    """The function `_foreach_<operator>` or `_foreach_<operator>_`; None where there is no such operator."""
    operator = name.removeprefix(PREFIX)
    in_place = operator.endswith("_")
    base = operator.rstrip("_")
    base = BOUNDS.get(base, base)
    if in_place:
        function = getattr(Tensor, f"{base}_", None)
    elif base == "norm":
        function = SPACES["linalg"]["vector_norm"]
    else:
        function = SPACES[""].get(OTHERS.get(base, base)) or SPACES["nn"].get(base)
    return None if function is None else over_lists(name, function, in_place)


def over_lists(name: str, function: Callable[..., Any], in_place: bool) -> Callable[..., Any]:
    """`function` of each tensor of a list."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        count = len(self)
        if not count:
            raise GraphError("Tensor list must have at least one tensor.")
        columns = [spread(value, count) for value in args]
        named = {key: spread(value, count) for key, value in kwargs.items()}
        results = [
            function(x, *(column[i] for column in columns), **{key: column[i] for key, column in named.items()})
            for i, x in enumerate(self)
        ]
        return self if in_place else tuple(results)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{function.__name__}` of each tensor of a list."
    return call


def spread(value: Any, count: int) -> list[Any]:
    """One value for each tensor: the elements of a list, or the same for all.

    Raises: GraphError for a list of another length.
    """
    if not isinstance(value, (list, tuple)):
        if isinstance(value, TensorBase) and value.ndim == 1 and value.numel() == count and count > 1:  # type: ignore[attr-defined]
            return list(value)  # type: ignore[call-overload]
        return [value] * count
    if len(value) != count:
        raise GraphError(f"Tensor lists must have the same number of tensors, got {count} and {len(value)}")
    return list(value)


__all__ = ["found"]
