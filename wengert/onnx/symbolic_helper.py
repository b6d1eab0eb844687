"""Decorators of functions that translate operators for ONNX files (`torch.onnx.symbolic_helper`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def parse_args(*arg_descriptors: str) -> Callable[[Any], Any]:
    """Decorator that leaves the function as it is: nothing is exported, so it is not called."""
    return lambda function: function


def quantized_args(*arg_q_descriptors: bool, **options: Any) -> Callable[[Any], Any]:
    """Decorator that leaves the function as it is; see `parse_args`."""
    return lambda function: function


__all__ = ["parse_args", "quantized_args"]
