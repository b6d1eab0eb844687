"""Convolutions in groups, and with few channels, by kernels: beside torch, NumPy and themselves on other threads."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays import convolution as plain
from wengert.core.kernels import threads, workshop

LAYERS = [
    ("each channel", lambda nn: nn.Conv2d(12, 12, 3, padding=1, groups=12), (4, 12, 17, 20)),
    ("each channel, strided", lambda nn: nn.Conv2d(12, 12, 3, 2, 1, groups=12), (4, 12, 17, 20)),
    ("each channel, dilated", lambda nn: nn.Conv2d(12, 12, (3, 5), 1, 2, (2, 1), groups=12), (4, 12, 17, 20)),
    ("two of each channel", lambda nn: nn.Conv2d(6, 12, 5, padding=1, groups=6, bias=False), (4, 6, 17, 20)),
    ("three to one", lambda nn: nn.Conv2d(12, 4, 3, groups=4), (4, 12, 17, 20)),
    ("five to seven", lambda nn: nn.Conv2d(15, 21, 3, 2, groups=3), (4, 15, 17, 20)),
    ("lines", lambda nn: nn.Conv1d(16, 16, 5, padding=2, groups=16), (4, 16, 130)),
    ("transposed", lambda nn: nn.ConvTranspose2d(12, 24, 4, 2, 1, groups=12), (4, 12, 13, 9)),
    ("transposed lines", lambda nn: nn.ConvTranspose1d(8, 8, 3, 3, 1, 1, groups=8), (4, 8, 150)),
    ("one to six", lambda nn: nn.Conv2d(1, 6, 5, padding=2), (7, 1, 28, 28)),
    ("six to one", lambda nn: nn.Conv2d(6, 1, 5), (7, 6, 28, 28)),
    ("three to eleven, strided", lambda nn: nn.Conv2d(3, 11, 7, 2, 3), (2, 3, 40, 37)),
    ("not contiguous", lambda nn: nn.Conv2d(12, 12, 3, groups=12), (4, 17, 20, 12)),
]


def trained(lib, layer, values, x, seed):
    """Result and gradients of a layer."""
    module = layer(lib.nn).to(getattr(lib, x.dtype.name))
    with lib.no_grad():
        for p, value in zip(module.parameters(), values(module), strict=True):
            p.copy_(lib.from_numpy(value))
    for _ in range(2 if lib is wengert else 1):
        module.zero_grad()
        leaf = lib.from_numpy(x.copy()).requires_grad_()
        y = module(leaf if module.weight.ndim == 3 or x.shape[1] != 17 else leaf.permute(0, 3, 1, 2))
        y.backward(lib.from_numpy(seed(tuple(y.shape))))
        workshop.finish()
    return [y.detach().numpy(), leaf.grad.numpy(), *[p.grad.numpy() for p in module.parameters()]]


@pytest.mark.parametrize("layer", LAYERS, ids=[layer[0] for layer in LAYERS])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_as_in_torch(layer, dtype):
    peer = pytest.importorskip("torch")
    _, make, shape = layer
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)

    def values(module):
        rng = np.random.default_rng(1)
        return [rng.standard_normal(tuple(p.shape)).astype(dtype) for p in module.parameters()]

    def seed(size):
        return np.random.default_rng(2).standard_normal(size).astype(dtype)

    found, wanted = [trained(lib, make, values, x, seed) for lib in (wengert, peer)]
    tolerance = 1e-4 if dtype == "f4" else 1e-10
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert np.abs(one - other).max() <= tolerance * max(np.abs(other).max(), 1)


def test_one_kernel_for_all_groups(factory):
    rng, one = np.random.default_rng(3), (1, 1)
    x, w = rng.standard_normal((3, 8, 15, 18)), rng.standard_normal((8, 1, 3, 3))
    g, pairs = rng.standard_normal((3, 8, 15, 18)), ((1, 1), (1, 1))
    before, found = threads.count(), set()
    f8 = np.dtype("f8")
    try:
        for n in (1, 2, 5):
            threads.set_count(n)
            out, back = np.empty_like(x), np.empty_like(x)
            factory.layer("grouped", f8)(x, w, None, out, one, one, one, 8)
            factory.layer("grouped_back", f8)(g, w, back, one, one, one, 8)
            slope = factory.layer("grouped_weight", f8)(g, x, (3, 3), one, one, one, 8)
            found.add(b"".join(a.tobytes() for a in (out, back, slope)))
    finally:
        threads.set_count(before)
    assert len(found) == 1
    assert np.allclose(out, plain.convolve(np, x, w, one, pairs, one, 8))
    assert np.allclose(back, plain.spread(np, g, w, (15, 18), one, pairs, one, 8))
    assert np.allclose(slope, plain.weight_gradient(np, g, x, (3, 3), one, pairs, one, 8))


def test_an_infinite_input_reaches_only_the_weights_of_its_channel():
    x = wengert.randn(4, 8, 20, 20)
    x[0, 3, 5, 19] = float("inf")
    w = wengert.randn(8, 1, 3, 3, requires_grad=True)
    for _ in range(2):
        w.grad = None
        wengert.nn.functional.conv2d(x, w, padding=1, groups=8).backward(wengert.ones(4, 8, 20, 20))
        workshop.finish()
        finite = np.isfinite(w.grad.numpy())[:, 0]
        assert finite[[0, 1, 2, 4, 5, 6, 7]].all() and not finite[3, :, 1:].any() and finite[3, :, 0].all()


def test_no_gradient_of_an_input_that_wants_none(monkeypatch):
    from wengert.core.operators import convolution_kernels

    asked, layer = [], convolution_kernels.layer
    monkeypatch.setattr(convolution_kernels, "layer", lambda name, dtype: asked.append(name) or layer(name, dtype))
    module = wengert.nn.Conv2d(3, 6, 5)
    module(wengert.randn(8, 3, 20, 20)).sum().backward()
    assert asked == ["convolution", "grouped_weight"]
    workshop.finish()
