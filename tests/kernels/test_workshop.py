"""Orders: NumPy serves until a kernel is ready, and for good where none can be made; the doctor says why."""

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from wengert.core.kernels import workshop


def run(script, *arguments, **environment):
    """A fresh process; what it printed."""
    done = subprocess.run(
        [sys.executable, *(arguments or ("-c", textwrap.dedent(script)))],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_order_returns_at_once():
    gate = threading.Event()
    slow = workshop.order("slow", lambda factory: gate.wait(60) and (lambda: 7))
    assert slow.function is None and not slow.done
    gate.set()
    assert workshop.finish() and slow.function() == 7


def test_an_error_is_kept_as_the_reason():
    broken = workshop.order("broken", lambda factory: 1 / 0)
    workshop.finish()
    assert broken.done and broken.function is None and broken.reason.startswith("ZeroDivisionError")


def test_deterministic_algorithms_wait_for_kernels():
    workshop.wait_for_kernels(True)
    try:
        assert workshop.order("patient", lambda factory: lambda: 3).function() == 3
    finally:
        workshop.wait_for_kernels(False)


USE = """
import numpy as np, wengert as torch
from wengert.core.kernels import workshop
x = torch.linspace(-3, 3, 20_000)
first = torch.sigmoid(x)
workshop.finish()
again = torch.sigmoid(x)
assert np.allclose(again.numpy(), 1 / (1 + np.exp(-x.numpy())), rtol=1e-5)
print([order.reason for order in workshop.orders()])
"""


def test_without_llvmlite():
    hidden = "import sys; sys.modules['llvmlite'] = None\n"
    assert "llvmlite is not installed" in run(hidden + USE)


def test_switched_off():
    assert "WENGERT_KERNELS=0" in run(USE, WENGERT_KERNELS="0")


def test_memory_that_may_not_be_executed(tmp_path):
    refusing = """
from wengert.core.kernels import machine
def link(self, code, names):
    raise RuntimeError("Cannot allocate executable memory")
machine.Machine.link = link
"""
    assert "Cannot allocate executable memory" in run(refusing + USE, WENGERT_CACHE=str(tmp_path))


def test_an_unknown_processor():
    unknown = "from wengert.core.kernels import machine; machine.of_features = lambda *given: None\n"
    assert "no kernels for a processor of" in run(unknown + USE)


def test_the_import_loads_no_compiler():
    loaded = "import wengert, sys; print([m for m in sys.modules if m.startswith('llvmlite') or m.endswith('factory')])"
    assert run(loaded).strip() == "[]"


@pytest.mark.parametrize(
    "environment, words", [({}, "kernels for "), ({"WENGERT_KERNELS": "0"}, "kernels none: switched off")]
)
def test_the_doctor_has_one_line(environment, words):
    lines = run("", "-m", "wengert", "doctor", **environment).splitlines()
    assert sum(line.startswith(words) for line in lines) == 1
