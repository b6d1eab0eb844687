"""`torch.jit` for programs that script or trace: everything passes through and runs eagerly."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final, TypeVar

from wengert import serialization
from wengert.core.base.errors import WengertError
from wengert.core.base.submodules import on_demand
from wengert.futures import Future
from wengert.nn.modules.module import Module

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction",
    "ScriptModule", "ScriptWarning", "TracerWarning", "annotate", "enable_onednn_fusion", "export", "fork", "freeze",
    "ignore", "interface", "is_scripting", "is_tracing", "isinstance", "load", "onednn_fusion_enabled",
    "optimize_for_inference", "optimized_execution", "save", "script", "script_if_tracing", "script_method",
    "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip

T = TypeVar("T")


class Error(WengertError, RuntimeError):
    """An error of compiled code, in torch; nothing is compiled here, so nothing raises it."""


class TracerWarning(Warning):
    """Given by torch's tracer where a trace may not hold for other inputs."""


class ScriptWarning(Warning):
    """Given by torch's compiler of Python functions."""


class ScriptModule(Module):
    """Base class of modules written for torch's compiler: an ordinary Module."""


class RecursiveScriptModule(ScriptModule):
    """What torch makes of a module that it compiles; `script` hands out the module itself."""


class ScriptFunction:
    """What torch makes of a function that it compiles; `script` hands out the function itself."""


class CompilationUnit:
    """A collection of functions compiled from text, in torch.

    Raises: Error when text is given: functions are written in Python.
    """

    def __init__(self, lang: str | None = None, **options: Any) -> None:
        if lang:
            raise Error("CompilationUnit cannot compile text: define the functions in Python")


class Attribute:
    """A module's attribute with its type in torch's language; `value` is what counts."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value, self.type = value, type


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The object itself: there is nothing to compile."""
    return obj


def trace(func: Any, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself; example inputs are not run."""
    return func


def trace_module(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """The module itself; example inputs are not run."""
    return mod


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
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


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """The module itself.

    Raises: Error when it is in training mode, as torch has it.
    """
    if mod.training:
        raise Error("Freezing is currently only implemented for modules in eval mode. Please call .eval() before")
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The module itself."""
    return mod


def annotate(the_type: Any, the_value: T) -> T:
    """The value itself."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether `obj` is of a type; for list[int] and the like, of the type without its parameters."""
    return builtins.isinstance(obj, getattr(target_type, "__origin__", None) or target_type)


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Run a function in a thread of its own; its result is a Future."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    Thread(target=run, daemon=True).start()
    return future


def wait(future: Future[Any]) -> Any:
    """The result of `fork`."""
    return future.wait()


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Write a module or function as `torch.save` does; `load` reads it where its class can be imported.

    _extra_files: texts by name, kept beside it.
    """
    serialization.save({"scripted": m, "extra": dict(_extra_files or {})}, f)


def load(f: Any, map_location: Any = None, _extra_files: dict[str, Any] | None = None, **options: Any) -> Any:
    """What `save` wrote.

    Raises: Error for an archive of torch's compiled code, which only torch can run.
    """
    try:
        found = serialization.load(f, map_location=map_location, weights_only=False)
    except RuntimeError as error:
        if "TorchScript" not in str(error) and "constants.pkl" not in str(error):
            raise
        raise Error(f"{f} holds code compiled by torch, which only torch can run") from error
    if not builtins.isinstance(found, dict) or "scripted" not in found:
        path = f if builtins.isinstance(f, (str, os.PathLike)) else "this file"
        raise Error(f"{path} was not written by torch.jit.save of this library; torch.load may read it")
    if _extra_files is not None:
        _extra_files.update({name: found["extra"].get(name, "") for name in _extra_files})
    return found["scripted"]


def _get_trace_graph(f: Any, *args: Any, **kwargs: Any) -> Any:
    raise Error("tracing to torch's compiled graphs is not available: torch.fx.symbolic_trace makes graphs of programs")


def is_scripting() -> bool:
    """Always False: programs run eagerly."""
    return False


def is_tracing() -> bool:
    """Always False: programs run eagerly."""
    return False


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Accepted: nothing is fused."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted: nothing is fused."""


def onednn_fusion_enabled() -> bool:
    """False."""
    return False


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Accepted: programs run eagerly inside."""
    yield


class strict_fusion:
    """Accepted: nothing is fused inside."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


def _overload(func: Callable[..., Any]) -> Callable[..., Any]:
    return func


_overload_method = _overload
_script_if_tracing = script_if_tracing

annotations = on_demand(__name__)("annotations")  # type: ignore[assignment]  # in place of what __future__ left here
__getattr__ = on_demand(__name__)
