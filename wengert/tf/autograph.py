"""`tf.autograph`: nothing to convert, since functions run as Python."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


def to_graph(
    entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None
) -> Callable[..., Any]:
    """The function itself."""
    return entity


def to_code(entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None) -> str:
    """The source of a function."""
    from inspect import getsource

    return getsource(entity)


def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """Nothing is logged."""


def trace(*args: Any) -> None:
    """Print the arguments."""
    print(*args)


def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """The function itself; also as a decorator with brackets."""
    return func if func is not None else lambda f: f


def set_loop_options(**options: Any) -> None:
    """Loops are Python's own."""


experimental = SimpleNamespace(
    do_not_convert=do_not_convert, set_loop_options=set_loop_options, Feature=SimpleNamespace(ALL=None)
)
