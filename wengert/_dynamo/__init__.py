"""`torch._dynamo` for programs that set its options: everything runs eagerly, so nothing is traced or cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert._dynamo import config, eval_frame, utils
from wengert._dynamo.eval_frame import OptimizedModule
from wengert.compiler import allow_in_graph, assume_constant_result, disable, is_compiling, reset
from wengert.core.base.submodules import on_demand


def optimize(backend: Any = None, **options: Any) -> Callable[[Any], Any]:
    """A decorator that leaves the function as it is."""
    return lambda function: function


def run(fn: Any = None) -> Any:
    """The function itself."""
    return fn


def graph_break(msg: str = "") -> None:
    """Accepted: there is no graph to break."""


def mark_dynamic(t: Any, index: Any, *args: Any, **kwargs: Any) -> None:
    """Accepted: every size may change."""


mark_static = mark_static_address = maybe_mark_dynamic = mark_dynamic


def list_backends(*args: Any, **kwargs: Any) -> list[str]:
    """Names of compilers: the one that runs eagerly."""
    return ["eager"]


def explain(f: Any, *args: Any, **kwargs: Any) -> Any:
    """What tracing found: nothing was traced."""
    return lambda *a, **k: {"graph_count": 0, "graph_break_count": 0}


__all__ = [
    "OptimizedModule", "allow_in_graph", "assume_constant_result", "config", "disable", "explain", "graph_break",
    "is_compiling", "list_backends", "mark_dynamic", "mark_static", "mark_static_address", "maybe_mark_dynamic",
    "optimize", "reset", "run", "utils",
]  # fmt: skip

__getattr__ = on_demand(__name__)
