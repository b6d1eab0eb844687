"""Comparisons and inputs for tests (`torch.testing`): `assert_close`, `make_tensor`, `FileCheck`."""

from importlib import import_module as _import_module
from typing import Any as _Any

from wengert.testing import _utils
from wengert.testing._comparison import assert_allclose, assert_close
from wengert.testing._creation import make_tensor
from wengert.testing.filecheck import FileCheck


def __getattr__(name: str) -> _Any:
    """What test suites of torch import, on first use."""
    if name != "_internal":
        raise AttributeError(f"module 'torch.testing' has no attribute {name!r}")
    return _import_module(f"{__name__}.{name}")


__all__ = ["FileCheck", "assert_allclose", "assert_close", "make_tensor"]
