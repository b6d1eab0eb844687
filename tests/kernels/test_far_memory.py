"""Kernels are linked wherever free memory lies: code and constants never end up out of each other's reach."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mappings are laid out as Linux does it")

PROGRAM = """
import ctypes, mmap
import wengert as torch
from wengert.core.kernels import workshop
from wengert.core.kernels.factory import Factory

PAGE, ROOM = mmap.PAGESIZE, 8 << 30
c = ctypes.CDLL(None)
c.mmap.restype, c.mmap.argtypes = ctypes.c_void_p, [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
c.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def reserve(size):
    # PROT_NONE, MAP_NORESERVE: addresses only
    return c.mmap(None, size, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)


# What is free above the reserved gigabytes is used up down to single pages, so that whatever needs two lies below them.
low = reserve(ROOM)
size = 1 << 30
while size > PAGE:
    place = reserve(size)
    if place < low:
        c.munmap(place, size)
        size //= 2
c.munmap(low + ROOM - PAGE, PAGE)

assert Factory().examined()
x = torch.linspace(-3, 3, 300_000)
torch.sigmoid(x)
workshop.finish()
assert [order.reason for order in workshop.orders()] == [""]
assert torch.allclose(torch.sigmoid(x).double(), 1 / (1 + (-x.double()).exp()), rtol=1e-5)
print("linked")
"""


def test_free_memory_in_pieces(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "WENGERT_KERNELS": "1", "WENGERT_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "linked\n"), done.stderr
