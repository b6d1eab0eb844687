"""Neural networks (`torch.nn`)."""

from __future__ import annotations

from typing import Any

from wengert.core.base.submodules import on_demand
from wengert.nn import functional, init, modules, parameter, utils
from wengert.nn.modules import *  # noqa: F403
from wengert.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",  # noqa: F405
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "parallel",  # noqa: F405
    "parameter",
    "utils",
    *modules.__all__,
]


def __getattr__(name: str) -> Any:
    """A submodule, or what trains on several devices, on first use."""
    return submodule("parallel").DataParallel if name == "DataParallel" else submodule(name)


submodule = on_demand(__name__)


def factory_kwargs(kwargs: dict[str, object] | None) -> dict[str, object]:
    """The dtype, device and memory format among a layer's options, checked for repetition."""
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    expected = simple | {"factory_kwargs"}
    if not kwargs.keys() <= expected:
        raise TypeError(f"unexpected kwargs {kwargs.keys() - expected}")
    made = dict(kwargs.get("factory_kwargs", {}))  # type: ignore[call-overload]
    for name in simple & kwargs.keys():
        if name in made:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        made[name] = kwargs[name]
    return made
