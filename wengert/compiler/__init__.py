"""`torch.compiler` and `torch.compile` for programs that ask for it: everything runs eagerly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "reset",
]  # fmt: skip


def compile(model: Any = None, **options: Any) -> Any:
    """The function or module itself, or a decorator when only options are given."""
    return model if model is not None else lambda fn: fn


def disable(fn: Any = None, recursive: bool = True, **options: Any) -> Any:
    """The function itself; used with or without parentheses."""
    return fn if callable(fn) else lambda function: function


def allow_in_graph(fn: Any) -> Any:
    """The function itself."""
    return fn


def assume_constant_result(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def cudagraph_mark_step_begin() -> None:
    """Nothing is captured, so nothing is marked."""


def reset() -> None:
    """Nothing is cached, so nothing is dropped."""


def is_compiling() -> bool:
    """Always False: programs run eagerly."""
    return False


def is_dynamo_compiling() -> bool:
    """Always False: programs run eagerly."""
    return False


def is_exporting() -> bool:
    """Always False: programs run eagerly."""
    return False
