"""What test suites written for torch import (`torch.testing._internal`): test cases, marks, devices, samples."""

from importlib import import_module as _import_module
from typing import Any as _Any


def __getattr__(name: str) -> _Any:
    """The modules that are reached without an import of their own, on first use."""
    if name not in ("common_dtype", "logging_tensor"):
        raise AttributeError(f"module 'torch.testing._internal' has no attribute {name!r}")
    return _import_module(f"{__name__}.{name}")
