"""What torch's modules share with its compiled module."""

from __future__ import annotations

from typing import Any

from wengert.core.tensor.conversion import to_arguments


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory_format) of the arguments of `Module.to`."""
    non_blocking = bool(kwargs.get("non_blocking", False))
    device, dtype, _, order = to_arguments(args, kwargs)
    return device, dtype, non_blocking, order


__all__ = ["_parse_to"]
