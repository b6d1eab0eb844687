"""Arrays of some hundred elements: a kernel comes when it is worth its making, and is called without NumPy."""

import subprocess
import sys

import numpy as np
import pytest

import wengert
from wengert.core.kernels import workshop
from wengert.nn import functional as F

OPERATORS = {
    "sigmoid": wengert.sigmoid,
    "softplus": lambda x: F.softplus(x, beta=2.5, threshold=11),
    "elu": lambda x: F.elu(x, 0.3),
    "leaky relu": lambda x: F.leaky_relu(x, 0.07),
    "lerp": lambda x: wengert.lerp(x, x * x, 0.3),
    "atan2": lambda x: wengert.atan2(x, x * x + 1),
    "softmax": lambda x: wengert.softmax(x.view(-1, 20), 1),
    "log softmax": lambda x: wengert.log_softmax(x.view(-1, 20), 1),
    "layer norm": lambda x: F.layer_norm(x.view(-1, 20), (20,)),
    "logsumexp": lambda x: wengert.logsumexp(x.view(-1, 20), 1),
    "cross entropy": lambda x: F.cross_entropy(x.view(-1, 20), wengert.arange(x.numel() // 20) % 20),
}


@pytest.mark.parametrize("dtype", [wengert.float32, wengert.float64])
@pytest.mark.parametrize("size", [260, 700, 2060])
@pytest.mark.parametrize("name", OPERATORS)
def test_values_and_gradients_stay(name, size, dtype):
    function, found = OPERATORS[name], []
    values = wengert.sin(wengert.arange(size, dtype=dtype) ** 2) * 4
    for _ in range(workshop.OFTEN + 2 if dtype is wengert.float32 else 2):
        x = values.clone().requires_grad_()
        y = function(x)
        (g,) = wengert.autograd.grad(y, x, wengert.cos(y.detach()))
        found.append((y.detach(), g))
    workshop.finish()
    x = values.clone().requires_grad_()
    y = function(x)
    (g,) = wengert.autograd.grad(y, x, wengert.cos(y.detach()))
    for first, last in zip(found[0], (y.detach(), g), strict=True):
        wengert.testing.assert_close(last, first)


RARE = """
import wengert
from wengert.core.kernels import workshop
x, found = wengert.linspace(0.1, 2, 300), []
for _ in range(workshop.OFTEN + 1):
    wengert.sigmoid(x)
    found.append(len(workshop.orders()))
assert found[: workshop.OFTEN - 1] == [0] * (workshop.OFTEN - 1) and found[-1] == 1, found
assert workshop.finish() and workshop.orders()[0].function is not None, workshop.orders()[0].reason
wide = x.double()
for _ in range(2 * workshop.OFTEN):
    wengert.tanh(wide), wengert.sigmoid(wide), wengert.softmax(wide.view(15, 20), 1)
assert len(workshop.orders()) == 1
few = wengert.linspace(0.1, 2, workshop.SOME - 1)
for _ in range(2 * workshop.OFTEN):
    wengert.erf(few)
assert len(workshop.orders()) == 1
wengert.erf(wengert.linspace(0.1, 2, workshop.LARGE))
assert len(workshop.orders()) == 2
"""


def test_rare_calls_order_no_kernel_and_frequent_or_large_ones_do():
    done = subprocess.run([sys.executable, "-c", RARE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_floats_and_operands_that_do_not_fit_find_their_way():
    x = np.linspace(-2, 2, 400, dtype=np.float32)
    ours = wengert.from_numpy(x)
    for slope in (0.1, 0.2, -0.5, 0.0):
        for _ in range(workshop.OFTEN):
            F.leaky_relu(ours, slope)
        workshop.finish()
        wanted = np.where(x > 0, x, x * np.float32(slope))
        assert np.array_equal(F.leaky_relu(ours, slope).numpy(), wanted)
        assert np.array_equal(F.leaky_relu(ours[::2], slope).numpy(), wanted[::2])
        assert np.array_equal(F.leaky_relu(ours.view(20, 20).t(), slope).numpy(), wanted.reshape(20, 20).T)
        assert np.array_equal(F.leaky_relu(ours.double(), slope).numpy(), np.where(x > 0, x, x * np.float64(slope)))
