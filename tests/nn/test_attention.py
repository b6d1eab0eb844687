"""Attention against torch: values, node names, gradients, errors; derivatives of second order."""

from __future__ import annotations

import numpy as np
import pytest

import wengert
from tests.backend import needs, torch
from tests.nn.against_torch import both, close, compare, needs_torch, real, values

F = needs(torch, "nn.functional")
gradcheck, gradgradcheck = needs(torch, "autograd.gradcheck", "autograd.gradgradcheck")

CASES = """F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8))
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 5, 8), P(2, 3, 5, 8), is_causal=True)
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 3, 8), P(2, 3, 3, 8), is_causal=True)
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8), T(5, 6))
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8), T(2, 1, 5, 6))
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8), P(5, 6))
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8), T(2, 3, 5, 6) > 0)
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8), torch.zeros(5, 6).bool())
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 4))
F.scaled_dot_product_attention(P(3, 5, 8), P(3, 6, 8), P(3, 6, 8), scale=0.1)
F.scaled_dot_product_attention(P(5, 8), P(6, 8), P(6, 8))
F.scaled_dot_product_attention(P(2, 4, 5, 8), P(2, 2, 6, 8), P(2, 2, 6, 8), enable_gqa=True)
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 1, 6, 8), P(2, 1, 6, 8), enable_gqa=True)
F.scaled_dot_product_attention(P(2, 3, 5, 8), P(2, 3, 6, 8), P(2, 3, 6, 8), dropout_p=0.5)"""

REFUSED = """F.scaled_dot_product_attention(T(2, 3, 5, 8).double(), T(2, 3, 5, 8), T(2, 3, 5, 8))
F.scaled_dot_product_attention(T(8), T(2, 3, 5, 8), T(2, 3, 5, 8))
F.scaled_dot_product_attention(T(2, 3, 5, 8), T(2, 3, 5, 5), T(2, 3, 5, 8))
F.scaled_dot_product_attention(T(2, 3, 5, 8), T(2, 2, 5, 8), T(2, 2, 5, 8))
F.scaled_dot_product_attention(T(2, 3, 5, 8), T(2, 2, 5, 8), T(2, 2, 5, 8), enable_gqa=True)
F.scaled_dot_product_attention(T(2, 3, 5, 8), T(2, 3, 5, 8), T(2, 3, 5, 8), torch.ones(5, 5).long())
F.scaled_dot_product_attention(T(2, 3, 5, 8), T(2, 3, 5, 8), T(2, 3, 5, 8), torch.ones(5, 5).double())
F.scaled_dot_product_attention(T(2, 3, 5, 8).long(), T(2, 3, 5, 8).long(), T(2, 3, 5, 8).long())"""


@needs_torch
@pytest.mark.parametrize("text", CASES.splitlines())
def test_as_torch(text):
    compare(text)


@needs_torch
@pytest.mark.parametrize("text", REFUSED.splitlines())
def test_refused_as_torch(text):
    compare(text)


HEADS = "F.multi_head_attention_forward({q}, {k}, {k}, 8, 2, {w}, 0.0, P(8, 8), T(8), {rest})"
WEIGHTS = "P(24, 8), T(24), None, None, False"
WIDER = "P(24, 8), T(24), T(1, 1, 8), T(1, 1, 8), True"
SEPARATE = "None, T(24), None, None, False"
FORWARDS = [
    ("P(5, 2, 8)", "P(6, 2, 8)", WEIGHTS, "need_weights=True"),
    ("P(5, 2, 8)", "P(6, 2, 8)", WEIGHTS, "need_weights=False"),
    ("P(5, 2, 8)", "P(6, 2, 8)", WEIGHTS, "average_attn_weights=False"),
    ("P(5, 8)", "P(6, 8)", WEIGHTS, "attn_mask=T(5, 6)"),
    ("P(5, 2, 8)", "P(6, 2, 8)", WIDER, "attn_mask=T(5, 6) > 0.5, key_padding_mask=T(2, 6) > 1"),
    ("P(5, 2, 8)", "P(6, 2, 8)", WEIGHTS, "attn_mask=T(4, 5, 6), key_padding_mask=T(2, 6), need_weights=False"),
    (
        "P(5, 2, 8)", "P(6, 2, 8)", SEPARATE,
        "use_separate_proj_weight=True, q_proj_weight=P(8, 8), k_proj_weight=P(8, 8), v_proj_weight=P(8, 8)",
    ),
]  # fmt: skip


@needs_torch
@pytest.mark.parametrize(("q", "k", "w", "rest"), FORWARDS)
def test_heads_as_torch(q, k, w, rest):
    compare(HEADS.format(q=q, k=k, w=w, rest=rest), names=False)


HEADS_REFUSED = [
    ("T(5, 2, 7)", "T(6, 2, 7)", WEIGHTS, "need_weights=True"),
    ("T(5, 2, 8)", "T(6, 8)", WEIGHTS, "need_weights=True"),
    ("T(5, 2, 8)", "T(6, 2, 8)", WEIGHTS, "attn_mask=T(5, 5)"),
    ("T(5, 2, 8)", "T(6, 2, 8)", WEIGHTS, "attn_mask=T(3, 5, 6)"),
    ("T(5, 2, 8)", "T(6, 2, 8)", WEIGHTS, "is_causal=True"),
    ("T(5)", "T(6)", WEIGHTS, "need_weights=True"),
]


@needs_torch
@pytest.mark.parametrize(("q", "k", "w", "rest"), HEADS_REFUSED)
def test_heads_refused_as_torch(q, k, w, rest):
    compare(HEADS.format(q=q, k=k, w=w, rest=rest))


@needs_torch
@pytest.mark.parametrize("options", ["", "batch_first=True", "add_bias_kv=True, add_zero_attn=True", "kdim=6, vdim=6"])
def test_layer_as_torch(options):
    needs(wengert, "nn.MultiheadAttention")
    width = 6 if "kdim" in options else 8
    text = f"nn.MultiheadAttention(8, 2, {options})(P(3, 3, 8), P(4, 3, {width}), P(4, 3, {width}))"
    if "first" in options:
        text = text.replace("4, 3", "3, 4")
    found, wanted, *_ = both(text)
    assert not isinstance(wanted, Exception), wanted
    assert not isinstance(found, Exception), found
    for a, b in zip(found, wanted, strict=True):
        close(a, b, "result")


def leaf(*shape):
    return torch.tensor(values(*shape).astype("float64"), requires_grad=True)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", ["", "bool", "float"])
def test_derivatives_of_both_orders(causal, masked):
    mask = {"": None, "bool": torch.tensor(values(3, 4) > -1), "float": leaf(3, 4)}[masked]
    leaves = (leaf(1, 2, 3, 2), leaf(1, 2, 4, 2), leaf(1, 2, 4, 3))
    if masked == "float":
        leaves += (mask,)

    def f(q, k, v, added=None):
        return F.scaled_dot_product_attention(q, k, v, mask if added is None else added, is_causal=causal)

    assert gradcheck(f, leaves)
    assert gradgradcheck(f, leaves)


def test_long_sequences_go_in_tiles():
    q, k, v = (torch.tensor(values(1, 1, n, 4) * s, requires_grad=True) for n, s in ((700, 1), (600, 1.1), (600, 0.9)))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    s = q.detach().numpy() @ np.swapaxes(k.detach().numpy(), -1, -2) / 2
    s = np.where(np.tri(700, 600, dtype=bool), s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    assert np.allclose(out.detach().numpy(), p @ v.detach().numpy(), atol=1e-5)
    out.backward(torch.ones_like(out))
    assert np.allclose(v.grad.numpy()[..., 0], p.sum(-2), atol=1e-4)


def test_half_precision():
    q, k, v = (torch.tensor(values(1, 2, n, 4)).to(torch.bfloat16).requires_grad_() for n in (3, 4, 4))
    out = F.scaled_dot_product_attention(q, k, v)
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    assert q.grad.dtype == torch.bfloat16
    wanted = F.scaled_dot_product_attention(q.detach().float(), k.detach().float(), v.detach().float())
    assert torch.allclose(out.detach().float(), wanted, atol=0.03)
    assert real is None or hasattr(real, "bfloat16")
