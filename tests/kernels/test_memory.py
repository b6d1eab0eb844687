"""Memory of large arrays that come and go."""

import os
import subprocess
import sys

import pytest

from wengert.core.kernels import memory

SCRIPT = """
import resource, numpy as np, wengert as torch
from wengert.core.kernels import workshop
x = torch.from_numpy(np.ones(1 << 20, np.float32)).requires_grad_()

def step():
    x.grad = None
    y = torch.sigmoid(x)
    for _ in range(4):
        y = torch.nn.functional.silu(y)
    y.backward(torch.ones(1 << 20))

for _ in range(3):
    step()
    workshop.finish()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults of Linux")
def test_no_page_is_paid_for_twice():
    assert faults() < 500
    # A limit of the user's stays, and also keeps glibc from learning a higher one by itself.
    assert faults(MALLOC_MMAP_THRESHOLD_="1000000") > 1000


LARGE_PAGES = """
import numpy as np
from wengert.core.kernels import memory

def field(name):
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

before = field("Rss:")
assert memory.keep_freed_memory()
asked = field("Rss:") - before
arrays = [np.ones(3 << 20, np.uint8) for _ in range(8)]
print(asked, field("AnonHugePages:"))
"""


@pytest.mark.skipif(not memory.large_pages_wait(), reason="large pages are not for those who ask")
def test_arrays_lie_in_large_pages_that_are_not_taken_before():
    done = subprocess.run([sys.executable, "-c", LARGE_PAGES], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    asked, large = map(int, done.stdout.split())
    assert asked < 1024
    assert large >= 16 << 10
