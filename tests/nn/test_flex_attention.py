"""Attention whose scores and masks are functions agrees with the same attention written out."""

import math

import pytest

from tests.backend import needs, torch


@pytest.fixture
def flex():
    needs(torch, "nn.attention.flex_attention")
    return torch.nn.attention.flex_attention


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def test_scores_masks_and_gradients(flex):
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 150, 4, requires_grad=True) for _ in range(3))
    mask = flex.create_block_mask(causal, 1, None, 150, 150, device="cpu")
    out = flex.flex_attention(query, key, value, score_mod=lambda s, b, h, i, j: s + 0.1 * h, block_mask=mask)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(
        torch.autograd.grad(out.square().sum(), [query, key, value]),
        torch.autograd.grad(expected.square().sum(), [query, key, value]),
    )
    assert mask.kv_num_blocks.tolist() == [[[1, 2]]] and mask.to_dense().tolist() == [[[[1, 0], [1, 1]]]]


def test_heads_in_groups_and_logarithm_of_the_sum(flex):
    query, key = torch.randn(1, 2, 5, 4), torch.randn(1, 1, 6, 4)
    out, lse = flex.flex_attention(query, key, key, enable_gqa=True, scale=0.5, return_lse=True)
    scores = query @ key.transpose(-2, -1) * 0.5
    torch.testing.assert_close(lse, scores.logsumexp(-1))
    torch.testing.assert_close(out, scores.softmax(-1) @ key)
    with pytest.raises(ValueError, match="Expect query and key/value to have the same number of heads"):
        flex.flex_attention(query, key, key)


def test_a_query_that_sees_nothing_gives_zeros(flex):
    x = torch.ones(1, 1, 3, 2)
    mask = flex.create_block_mask(lambda b, h, i, j: i > j, None, None, 3, 3, device="cpu")
    out, lse = flex.flex_attention(x, x, x, block_mask=mask, return_lse=True)
    assert out[0, 0, 0].tolist() == [0.0, 0.0] and lse[0, 0, 0].item() == -math.inf
