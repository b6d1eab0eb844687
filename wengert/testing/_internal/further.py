"""Further names of `torch.testing._internal.common_utils` that few test files ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any
from unittest.mock import MagicMock

import wengert as torch
from wengert.overrides import TorchFunctionMode
from wengert.testing._internal.marks import lazy_skip_if
from wengert.testing._internal.parametrization import Made, _TestParametrizer, no_decorators
from wengert.testing._internal.test_cases import TestCase

MI200_ARCH, MI300_ARCH, MI350_ARCH = ("gfx90a",), ("gfx942",), ("gfx950",)
NAVI_ARCH = ("gfx1030", "gfx1100", "gfx1101", "gfx1200", "gfx1201")
dtype2prec_DONTUSE = {torch.float: 1e-5, torch.double: 1e-5, torch.half: 1e-2, torch.bfloat16: 1e-1}


class CrossRefMode(TorchFunctionMode):
    """A block whose functions run as they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class NestedTensorTestCase(TestCase):
    """A test case about nested tensors."""

    def assertEqualIgnoringNestedInts(self, a: Any, b: Any) -> None:
        """Assert that the parts are equal."""
        self.assertEqual(a.unbind(), b.unbind())


def wrapSwapTensorsTest(swap: Any = None) -> Any:
    """Skip a test that asks for parameters to be swapped on conversion, which they are not here."""
    return lazy_skip_if(lambda: bool(swap), "parameters are written in place on conversion, not swapped")


class swap(_TestParametrizer):
    """Decorator: a test for each setting of swapping parameters on conversion."""

    def __init__(self, swap_values: Any) -> None:
        self.swap_values = swap_values

    def _parametrize_test(self, test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        for value in self.swap_values:
            yield wrapSwapTensorsTest(value)(test), f"swap_{value}", {}, no_decorators


def is_coalesced_indices(s: Any) -> bool:
    """Whether the places of a sparse tensor are sorted and each is named once."""
    places = [tuple(place) for place in s._indices().t().tolist()]
    return places == sorted(set(places))


def munge_exc(e: Any, *, suppress_suffix: bool = True, file: Any = None, skip: int = 0, **options: Any) -> str:
    """The text of an error without numbers of lines and folders."""
    text = re.sub(r"line \d+", "line N", str(e))
    text = re.sub(r"\.py:\d+", ".py:N", text)
    return re.sub(r'File "([^"]+)"', lambda match: f'File "{PurePath(match[1]).name}"', text)


def mock_wrapper(method: Any) -> Any:
    """The method as a function that counts its calls in `mock`."""
    calls = MagicMock()

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls(*args, **kwargs)
        return method(self, *args, **kwargs)

    wrapper.mock = calls  # type: ignore[attr-defined]
    return wrapper


@contextmanager
def enable_profiling_mode(*args: Any) -> Iterator[None]:
    """A block about how TorchScript runs programs; they are run eagerly here."""
    yield


enable_profiling_mode_for_profiling_tests = num_profiled_runs = enable_profiling_mode


def getRocmVersion() -> tuple[int, int]:
    """The version of ROCm: there is none."""
    return 0, 0


__all__ = [
    "CrossRefMode", "MI200_ARCH", "MI300_ARCH", "MI350_ARCH", "NAVI_ARCH", "NestedTensorTestCase",
    "dtype2prec_DONTUSE", "enable_profiling_mode", "enable_profiling_mode_for_profiling_tests", "getRocmVersion",
    "is_coalesced_indices", "mock_wrapper", "munge_exc", "num_profiled_runs", "swap", "wrapSwapTensorsTest",
]  # fmt: skip
