"""Making modules without drawing first values."""

from __future__ import annotations

from typing import Any

from wengert.nn.modules.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """An instance of a module class whose parameters are uninitialised.

    Raises: RuntimeError unless it is a Module class that takes `device`.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    code = module_cls.__init__.__code__
    if "device" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    final = kwargs.pop("device", "cpu")
    kwargs["device"] = "meta"
    return module_cls(*args, **kwargs).to_empty(device=final)
