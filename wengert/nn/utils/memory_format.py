"""Memory formats of convolution weights; arrays here are row-major, so nothing moves."""

from __future__ import annotations

from typing import Any

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module itself: formats are accepted and kept row-major."""
    return module


convert_conv3d_weight_memory_format = convert_conv2d_weight_memory_format
