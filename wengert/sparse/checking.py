"""Whether constructors of sparse tensors check their arguments, and gradcheck for functions of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tensor.sparse_creation import CHECKING


class check_sparse_tensor_invariants:
    """A block, or a decorated function, in which constructors of sparse tensors check what they are given.

    `enable()` and `disable()` set it for the whole process, `is_enabled()` tells.
    `check_sparse_tensor_invariants(False)` is a block without checks.
    """

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.before: bool | None = None

    @staticmethod
    def is_enabled() -> bool:
        """Whether constructors check."""
        return CHECKING["always"]

    @staticmethod
    def enable() -> None:
        """Let constructors check."""
        CHECKING["always"] = True

    @staticmethod
    def disable() -> None:
        """Let constructors trust what they are given."""
        CHECKING["always"] = False

    def __enter__(self) -> None:
        if self.before is not None:
            raise GraphError("This context manager instance is already activated. Use a different instance for nesting")
        self.before = CHECKING["always"]
        CHECKING["always"] = self.state

    def __exit__(self, *error: Any) -> None:
        CHECKING["always"] = bool(self.before)
        self.before = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return function(*args, **kwargs)

        return call


__all__ = ["check_sparse_tensor_invariants"]
