"""The device that these tests compute on: a real GPU where CuPy has one, else the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import wengert  # noqa: F401  (fills the registry)
from tests.devices import fake_cupy
from wengert.core.arrays import backend, cupy_backend
from wengert.core.operators import raw


def real() -> bool:
    """Whether CuPy is installed and sees a GPU."""
    return cupy_backend.is_available()


@pytest.fixture(scope="module")
def cuda(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The cupy module, real or the stand-in; the stand-in is gone after the module's tests."""
    if real():
        yield cupy_backend.library()
        return
    patch = pytest.MonkeyPatch()
    made = fake_cupy.module()
    patch.setitem(__import__("sys").modules, "cupy", made)
    cupy_backend.forget()
    yield made
    patch.undo()
    cupy_backend.forget()
    backend._BACKENDS.pop("cuda", None)
    for table in (backend._BY_CLASS, backend.DEVICE_OF, raw._NAMESPACES):
        table.pop(fake_cupy.ndarray, None)
    raw.FOREIGN.discard(fake_cupy.ndarray)
