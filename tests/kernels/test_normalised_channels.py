"""The gradients of batch norm's weight and bias come with that of its input, in the kernel's one pass."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays import normalisation
from wengert.core.kernels import workshop


@pytest.mark.parametrize("shape", [(8, 16, 14, 14), (8, 16, 300)])
def test_sums_are_found_once(shape, monkeypatch):
    module = {4: wengert.nn.BatchNorm2d, 3: wengert.nn.BatchNorm1d}[len(shape)](16).double()
    x = wengert.from_numpy(np.random.default_rng(0).standard_normal(shape)).requires_grad_()
    factor = wengert.from_numpy(np.random.default_rng(1).standard_normal(shape))
    (module(x) * factor).sum().backward()
    workshop.finish()
    wanted = [p.grad.numpy().copy() for p in module.parameters()]
    module.zero_grad()

    def refuse(*given):
        raise AssertionError("the sums were found again")

    monkeypatch.setattr(normalisation, "channel_products", refuse)
    (module(x) * factor).sum().backward()
    for p, other in zip(module.parameters(), wanted, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), other, rtol=1e-10)
