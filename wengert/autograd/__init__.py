"""Automatic differentiation under torch's names: `backward`, `grad`, custom Functions, modes, the graph."""

from __future__ import annotations

from wengert.autograd import anomaly_mode, forward_ad, function, functional, grad_mode, graph, variable
from wengert.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from wengert.autograd.function import Function, NestedIOFunction
from wengert.autograd.grad_mode import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from wengert.autograd.gradcheck import gradcheck, gradgradcheck
from wengert.autograd.variable import Variable
from wengert.core.tape.backward import backward, grad
from wengert.core.tape.packing import SavedTensor

__all__ = [
    "Function",
    "NestedIOFunction",
    "SavedTensor",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
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
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]
