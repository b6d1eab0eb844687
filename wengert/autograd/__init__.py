"""Automatic differentiation under torch's names: `backward`, `grad`, custom Functions, modes, the graph."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wengert.autograd import anomaly_mode, forward_ad, function, functional, grad_mode, graph, variable
from wengert.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from wengert.autograd.function import Function, NestedIOFunction
from wengert.autograd.grad_mode import (
    _force_original_view_tracking as _force_original_view_tracking,
)
from wengert.autograd.grad_mode import (
    _unsafe_preserve_version_counter as _unsafe_preserve_version_counter,
)
from wengert.autograd.grad_mode import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from wengert.autograd.grad_mode import is_view_replay_enabled as is_view_replay_enabled
from wengert.autograd.gradcheck import gradcheck, gradgradcheck
from wengert.autograd.variable import Variable
from wengert.core.tape.backward import backward, grad
from wengert.core.tape.packing import SavedTensor

if TYPE_CHECKING:
    from wengert.autograd.dottest import dotcheck
    from wengert.autograd.structural_zeros import safe_zeros

_LATER = {"dotcheck": "dottest", "safe_zeros": "structural_zeros"}
"""Name -> the module that it comes from when it is first used."""

__all__ = [
    "Function",
    "NestedIOFunction",
    "SavedTensor",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "dotcheck",
    "enable_grad",
    "enforce_grad_layout_policy",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "safe_zeros",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]


def __getattr__(name: str) -> Any:
    """What is imported when it is first named: the profiler, and what few programs use."""
    if name in _LATER:
        value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return value
    if name in ("profiler", "profiler_util"):
        return import_module(f"{__name__}.{name}")
    if name == "DeviceType":
        return import_module("wengert.profiler.events").DeviceType
    raise AttributeError(f"module {sys.modules[__name__].__name__!r} has no attribute {name!r}")
