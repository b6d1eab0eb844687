"""Convolutions of three dims by the kernels of two: beside torch, NumPy's way and themselves on other threads."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays import convolution as plain
from wengert.core.kernels import threads, workshop

LAYERS = [
    ("plain", lambda nn: nn.Conv3d(3, 16, 3, padding=1), (2, 3, 6, 13, 20)),
    ("many volumes", lambda nn: nn.Conv3d(16, 20, 3, padding=1), (9, 16, 3, 7, 7)),
    ("strided", lambda nn: nn.Conv3d(17, 18, 3, stride=2, padding=1), (2, 17, 7, 12, 11)),
    ("steps of three", lambda nn: nn.Conv3d(4, 13, 2, stride=3, bias=False), (2, 4, 11, 12, 13)),
    ("dilated", lambda nn: nn.Conv3d(5, 16, (3, 2, 3), padding=(3, 1, 2), dilation=(2, 1, 2)), (2, 5, 9, 12, 11)),
    ("strided and dilated", lambda nn: nn.Conv3d(5, 16, 3, (4, 2, 1), 2, (6, 1, 1)), (2, 5, 20, 12, 11)),
    ("along the depth", lambda nn: nn.Conv3d(16, 20, (5, 1, 1), padding=(2, 0, 0)), (2, 16, 6, 10, 12)),
    ("across the depth", lambda nn: nn.Conv3d(16, 20, (1, 3, 3), (2, 1, 1), (0, 1, 1)), (2, 16, 6, 10, 12)),
    ("points", lambda nn: nn.Conv3d(16, 20, 1), (2, 16, 6, 10, 12)),
    ("each channel", lambda nn: nn.Conv3d(6, 12, 3, padding=1, groups=6), (2, 6, 6, 12, 11)),
    ("two groups", lambda nn: nn.Conv3d(32, 34, 3, (2, 1, 1), padding=1, groups=2), (2, 32, 5, 8, 9)),
    ("transposed", lambda nn: nn.ConvTranspose3d(16, 20, 2, stride=2), (2, 16, 4, 8, 9)),
    ("transposed with gaps", lambda nn: nn.ConvTranspose3d(16, 5, 2, (3, 2, 4), 0, (2, 1, 3)), (3, 16, 2, 8, 9)),
    ("transposed, dilated", lambda nn: nn.ConvTranspose3d(7, 5, 3, (2, 1, 2), 1, dilation=(3, 2, 1)), (2, 7, 5, 8, 9)),
    ("transposed groups", lambda nn: nn.ConvTranspose3d(8, 12, 3, 2, 1, 1, groups=4), (2, 8, 4, 8, 9)),
    ("beyond the volume", lambda nn: nn.Conv3d(4, 8, (5, 3, 3), padding=(4, 1, 1)), (2, 4, 1, 16, 16)),
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
        y = module(leaf)
        y.backward(lib.from_numpy(seed(tuple(y.shape))))
        workshop.finish()
    return [y.detach().numpy(), leaf.grad.numpy(), *[p.grad.numpy() for p in module.parameters()]]


def drawn(dtype):
    """Two functions: values of a module's parameters, and the gradient of a result."""

    def values(module):
        rng = np.random.default_rng(1)
        return [rng.standard_normal(tuple(p.shape)).astype(dtype) for p in module.parameters()]

    def seed(size):
        return np.random.default_rng(2).standard_normal(size).astype(dtype)

    return values, seed


def alike(found, wanted, tolerance):
    """All within a part of the largest element."""
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert np.abs(one - other).max() <= tolerance * max(np.abs(other).max(), 1)


@pytest.mark.parametrize("layer", LAYERS, ids=[layer[0] for layer in LAYERS])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_as_in_torch_and_without_numpy(layer, dtype, monkeypatch):
    peer = pytest.importorskip("torch")
    _, make, shape = layer
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    values, seed = drawn(dtype)
    trained(wengert, make, values, x, seed)

    def refuse(*given):
        raise AssertionError("NumPy's way was taken")

    for name in ("convolve", "spread", "weight_gradient"):
        monkeypatch.setattr(plain, name, refuse)
    found, wanted = [trained(lib, make, values, x, seed) for lib in (wengert, peer)]
    alike(found, wanted, 1e-4 if dtype == "f4" else 1e-10)


def test_the_same_for_any_number_of_threads():
    values, seed = drawn("f4")
    x = np.random.default_rng(0).standard_normal((3, 16, 6, 20, 21)).astype("f4")

    def make(nn):
        return nn.Conv3d(16, 18, 3, padding=1)

    before = threads.count()
    try:
        found = []
        for n in (1, 3):
            threads.set_count(n)
            found.append(trained(wengert, make, values, x, seed))
    finally:
        threads.set_count(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_infinite_elements_reach_their_windows_only():
    values, seed = drawn("f4")
    x = np.random.default_rng(0).standard_normal((2, 16, 5, 12, 12)).astype("f4")
    x[1, 3, 2, 5, 6] = np.inf

    def make(nn):
        return nn.Conv3d(16, 16, 3, padding=1)

    y, grad, weight, _ = trained(wengert, make, values, x, seed)
    met = np.zeros(y.shape, bool)
    met[1, :, 1:4, 4:7, 5:8] = True
    assert (np.isfinite(y) != met).all() and np.isfinite(grad).all()
    assert (np.isfinite(weight) != (np.arange(16) == 3)[None, :, None, None, None]).all()


def test_volumes_with_other_strides_and_a_gradient_of_part():
    leaf = wengert.randn(2, 5, 12, 13, 16).requires_grad_()
    module = wengert.nn.Conv3d(16, 8, 3, padding=1)
    for _ in range(2):
        leaf.grad = None
        y = module(leaf.permute(0, 4, 1, 2, 3))
        y[:, :, 1::2].sum().backward()
        workshop.finish()
    x, w = leaf.detach().numpy().transpose(0, 4, 1, 2, 3), module.weight.detach().numpy()
    wanted = plain.convolve(np, x, w, (1,) * 3, ((1, 1),) * 3, (1,) * 3, 1)
    g = np.zeros(y.shape, "f4")
    g[:, :, 1::2] = 1
    back = plain.spread(np, g, w, x.shape[2:], (1,) * 3, ((1, 1),) * 3, (1,) * 3, 1)
    shift = module.bias.detach().numpy().reshape(-1, 1, 1, 1)
    alike([y.detach().numpy(), leaf.grad.numpy().transpose(0, 4, 1, 2, 3)], [wanted + shift, back], 1e-5)
