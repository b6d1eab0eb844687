"""Attention of heads that are parts of one projection: no copies are needed, and results lie as torch's."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import workshop

LARGE, SMALL = (2, 96, 4, 16), (2, 5, 3, 4)
"""(batch, length, heads, elements): by kernels once they are ready, and without."""


def drawn(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f4")


def packed_attention(lib, shape, causal=True, mask=None):
    """The attention of a language model: a packed projection, its heads as views, and back by `view` alone."""
    batch, length, heads, size = shape
    x = lib.from_numpy(drawn((batch, length, 3 * heads * size))).requires_grad_()
    q, k, v = (
        part.view(batch, length, heads, size).transpose(1, 2) for part in x.split(heads * size, dim=2)
    )  # fmt: skip
    mask = None if mask is None else lib.from_numpy(mask)
    out = lib.nn.functional.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
    found = out.transpose(1, 2).view(batch, length, heads * size)
    (found * lib.from_numpy(drawn(tuple(found.shape), 1))).sum().backward()
    return out.stride(), found.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("shape", [LARGE, SMALL])
@pytest.mark.parametrize("masked", ["causal", "flags", "added", ""])
def test_heads_of_a_packed_projection(shape, masked):
    peer, length = pytest.importorskip("torch"), shape[1]
    mask = {"flags": np.tri(length, dtype=bool), "added": drawn((length, length), 4)}.get(masked)
    wanted = packed_attention(peer, shape, masked == "causal", mask)
    for _ in range(2):
        strides, out, slope = packed_attention(wengert, shape, masked == "causal", mask)
        assert strides == wanted[0]
        assert np.allclose(out, wanted[1], atol=1e-5) and np.allclose(slope, wanted[2], atol=1e-5)
        workshop.finish()


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0)])
def test_the_result_lies_as_the_queries(order):
    peer = pytest.importorskip("torch")
    batch, length, heads, size = LARGE
    sizes = batch, heads, length
    back = [order.index(i) for i in range(3)]
    found = []
    for lib in (wengert, wengert, peer):
        q, k, v = (
            lib.from_numpy(drawn((*[sizes[i] for i in order], size), seed)).permute(*back, 3).requires_grad_()
            for seed in range(3)
        )
        out = lib.nn.functional.scaled_dot_product_attention(q, k, v)
        (out * lib.from_numpy(drawn(tuple(out.shape), 9))).sum().backward()
        found.append([out.stride(), out.detach().numpy(), *[x.grad.numpy() for x in (q, k, v)]])
        workshop.finish()
    assert found[0][0] == found[1][0] == found[2][0]
    for ours in found[:2]:
        for a, b in zip(ours[1:], found[2][1:], strict=True):
            assert np.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{}, {"add_zero_attn": True}, {"add_bias_kv": True}, {"kdim": 24, "vdim": 40}])
@pytest.mark.parametrize("length", [96, 6])
def test_multi_head_attention(batch_first, options, length):
    peer, found = pytest.importorskip("torch"), []
    for lib in (wengert, wengert, peer):
        layer = lib.nn.MultiheadAttention(64, 4, batch_first=batch_first, **options)
        with lib.no_grad():
            for seed, p in enumerate(layer.parameters()):
                p.copy_(lib.from_numpy(drawn(tuple(p.shape), seed) / 8))
        widths = 64, options.get("kdim", 64), options.get("vdim", 64)
        given = [
            lib.from_numpy(drawn((2, length, n) if batch_first else (length, 2, n), n)).requires_grad_()
            for n in widths
        ]  # fmt: skip
        padding = lib.from_numpy(drawn((2, length), 5) > 1.5)
        out, _ = layer(*given, need_weights=False, key_padding_mask=padding)
        out.square().sum().backward()
        found.append([out.detach().numpy(), *[x.grad.numpy() for x in (*given, *layer.parameters())]])
        workshop.finish()
    for ours in found[:2]:
        for a, b in zip(ours, found[2], strict=True):
            assert np.allclose(a, b, rtol=1e-4, atol=1e-4)
