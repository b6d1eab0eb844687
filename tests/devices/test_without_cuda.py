"""Where CuPy or the GPU is missing, requests for CUDA fail with torch's words and nothing is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wengert as torch
from tests.devices.conftest import real
from wengert.core.arrays import cupy_backend

pytestmark = pytest.mark.skipif(real(), reason="there is a GPU")


def test_requests_fail() -> None:
    cupy_backend.forget()
    x = torch.ones(2)
    for ask in (lambda: torch.ones(2, device="cuda"), x.cuda, lambda: x.to("cuda:0"), cupy_backend.current_device,
                cupy_backend.Stream, cupy_backend.mem_get_info, cupy_backend.synchronize):  # fmt: skip
        with pytest.raises(AssertionError, match="^Torch not compiled with CUDA enabled"):
            ask()
    assert not cupy_backend.is_available() and cupy_backend.device_count() == 0
    assert cupy_backend.memory_allocated() == 0
    cupy_backend.empty_cache()


def test_other_devices() -> None:
    with pytest.raises(NotImplementedError, match="^Could not run 'aten::empty.memory_format'"):
        torch.ones(2, device="mps")


def test_cupy_is_not_imported() -> None:
    code = "import sys, wengert; wengert.ones(2) + 1; wengert.ones(2, device='meta') + 1; print('cupy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
