"""`torch.jit` for programs that script or trace: everything passes through and runs eagerly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "Final", "export", "ignore", "interface", "is_scripting", "is_tracing", "script", "script_if_tracing", "trace",
    "unused",
]  # fmt: skip

Final = Any


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The object itself: there is nothing to compile."""
    return obj


def trace(func: Any, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself; example inputs are not run."""
    return func


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def interface(obj: Any) -> Any:
    """The class itself."""
    return obj


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; used with or without parentheses."""
    return drop if callable(drop) else lambda fn: fn


def is_scripting() -> bool:
    """Always False: programs run eagerly."""
    return False


def is_tracing() -> bool:
    """Always False: programs run eagerly."""
    return False


def _overload(func: Callable[..., Any]) -> Callable[..., Any]:
    return func


_overload_method = _overload
_script_if_tracing = script_if_tracing
