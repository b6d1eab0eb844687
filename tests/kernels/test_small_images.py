"""Convolutions with small results and large weights: NumPy puts images side by side, kernels fill few rooms of sums."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays import convolution as plain
from wengert.core.kernels import workshop
from wengert.core.operators import convolution_kernels

LAYERS = [
    # layer, shape, calls of NumPy's convolve, spread and weight_gradient
    ("many small images", lambda nn: nn.Conv2d(64, 64, 4, 2, 1), (16, 64, 4, 4),
     {"convolve", "spread", "weight_gradient"}),
    ("a few rows", lambda nn: nn.Conv2d(64, 64, 4, 2, 1), (16, 64, 8, 8), {"convolve", "spread"}),
    ("larger", lambda nn: nn.Conv2d(64, 64, 4, 2, 1), (16, 64, 16, 16), set()),
    ("few images", lambda nn: nn.Conv2d(64, 64, 4, 2, 1), (4, 64, 8, 8), set()),
    ("few channels", lambda nn: nn.Conv2d(16, 16, 3, 2, 1), (16, 16, 8, 8), set()),
    ("heavy", lambda nn: nn.Conv2d(256, 64, 3, 2, 1), (3, 256, 14, 14), set()),
    ("tiles", lambda nn: nn.Conv2d(64, 64, 3, 1, 1), (16, 64, 4, 4), set()),
    ("transposed", lambda nn: nn.ConvTranspose2d(64, 64, 4, 2, 1), (16, 64, 4, 4), {"convolve", "spread"}),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=[layer[0] for layer in LAYERS])
def test_as_in_torch_by_either_way(layer, monkeypatch):
    peer = pytest.importorskip("torch")
    _, make, shape, wanted = layer
    asked = set()
    for name in ("convolve", "spread", "weight_gradient"):
        way = getattr(plain, name)

        def counted(*given, name=name, way=way):
            asked.add(name)
            return way(*given)

        monkeypatch.setattr(plain, name, counted)
    ours, theirs = make(wengert.nn), make(peer.nn)
    with peer.no_grad():
        for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
            p.copy_(peer.from_numpy(q.detach().numpy().copy()))
    x = np.random.default_rng(0).standard_normal(shape).astype("f4")
    for _ in range(2):
        asked.clear()
        ours.zero_grad()
        leaf = wengert.from_numpy(x.copy()).requires_grad_()
        y = ours(leaf)
        y.square().sum().backward()
        workshop.finish()
    assert asked == wanted
    other = peer.from_numpy(x.copy()).requires_grad_()
    z = theirs(other)
    z.square().sum().backward()
    pairs = [(y, z), (leaf.grad, other.grad)]
    pairs += [(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)]
    for one, two in pairs:
        one, two = one.detach().numpy(), two.detach().numpy()
        assert one.shape == two.shape and np.abs(one - two).max() <= 2e-5 * np.abs(two).max()


def test_where_images_go_side_by_side():
    beside = convolution_kernels.side_by_side
    assert beside(8, (4, 4), 1 << 15) and beside(8, (2, 2), 1 << 12) and beside(8, (1,), 1 << 12)
    assert not beside(7, (1, 1), 1 << 20) and not beside(8, (5, 4), 1 << 20) and not beside(8, (4, 4), 1 << 14)
