"""Convolutions of single places are products of matrices: beside torch, in one to three dims."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import workshop
from wengert.core.operators import convolution_kernels

LAYERS = [
    ("line", lambda nn: nn.Conv1d(32, 70, 1), (5, 32, 301), True),
    ("image", lambda nn: nn.Conv2d(48, 33, 1, bias=False), (3, 48, 19, 23), True),
    ("volume", lambda nn: nn.Conv3d(40, 36, 1), (2, 40, 6, 9, 11), True),
    ("transposed", lambda nn: nn.ConvTranspose2d(40, 36, 1), (4, 40, 17, 18), True),
    ("many images", lambda nn: nn.Conv2d(600, 500, 1), (3, 600, 12, 12), True),
    ("padded", lambda nn: nn.Conv2d(40, 36, 1, padding=1), (4, 40, 17, 18), False),
    ("strided", lambda nn: nn.Conv2d(40, 36, 1, (1, 2)), (4, 40, 17, 18), False),
    ("grouped", lambda nn: nn.Conv2d(40, 36, 1, groups=2), (4, 40, 17, 18), False),
    ("longer", lambda nn: nn.ConvTranspose2d(40, 36, 1, (1, 2), output_padding=(0, 1)), (4, 40, 17, 18), False),
]


@pytest.mark.parametrize("layer", LAYERS, ids=[layer[0] for layer in LAYERS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_in_torch(layer, dtype, monkeypatch):
    peer = pytest.importorskip("torch")
    _, make, shape, product = layer
    ours, theirs = make(wengert.nn).to(getattr(wengert, dtype)), make(peer.nn).to(getattr(peer, dtype))
    with peer.no_grad():
        for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
            p.copy_(peer.from_numpy(q.detach().numpy().copy()))
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    asked = []

    def noted(name):
        way = getattr(convolution_kernels, name)

        def call(*given):
            found = way(*given)
            asked.append(found is not None)
            return found

        monkeypatch.setattr(convolution_kernels, name, call)

    for name in ("points", "points_weight"):
        noted(name)
    for _ in range(2):
        asked.clear()
        ours.zero_grad()
        leaf = wengert.from_numpy(x.copy()).requires_grad_()
        y = ours(leaf)
        y.square().sum().backward()
        workshop.finish()
    assert asked == ([True] * 3 if product else [])
    other = peer.from_numpy(x.copy()).requires_grad_()
    z = theirs(other)
    z.square().sum().backward()
    pairs = [(y, z), (leaf.grad, other.grad)]
    pairs += [(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)]
    for one, two in pairs:
        one, two = one.detach().numpy(), two.detach().numpy()
        assert one.shape == two.shape and one.dtype == two.dtype
        assert np.abs(one - two).max() <= (2e-5 if dtype == "float32" else 1e-12) * np.abs(two).max()


def test_wrong_dilation_is_still_refused():
    with pytest.raises(RuntimeError, match="dilation"):
        wengert.nn.functional.conv2d(wengert.randn(4, 64, 40, 40), wengert.randn(64, 64, 1, 1), dilation=0)
