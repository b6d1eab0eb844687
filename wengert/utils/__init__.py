"""Helpers around tensors (`torch.utils`): data loading, checkpointing, exchange with other libraries.

Submodules are imported when they are first named, so that each program pays for what it uses.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base.submodules import on_demand

_LAZY = (
    "_contextlib", "_foreach_utils", "_python_dispatch", "_pytree", "benchmark", "checkpoint", "collect_env",
    "cpp_extension", "data",
    "dlpack", "flop_counter", "hooks", "model_zoo", "tensorboard", "weak",
)  # fmt: skip


__getattr__ = on_demand(__name__)


def __dir__() -> list[str]:
    """Every public name, also those that are not loaded yet."""
    return sorted({*globals(), *_LAZY})


def set_module(obj: Any, mod: str) -> None:
    """Let an object say that it comes from module `mod`."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def swap_tensors(t1: Any, t2: Any) -> None:
    """Exchange everything that two tensors are: class, memory, history and attributes."""
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    for slot in ("_array", "_flags", "_node", "_vc", "_extra"):
        first, second = getattr(t1, slot), getattr(t2, slot)
        setattr(t1, slot, second)
        setattr(t2, slot, first)
    first_state, second_state = dict(t1.__dict__), dict(t2.__dict__)
    for x, state in ((t1, second_state), (t2, first_state)):
        x.__dict__.clear()
        x.__dict__.update(state)


__all__ = ["set_module", "swap_tensors"]
