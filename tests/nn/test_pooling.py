"""Pooling against torch: values, indices, node names, gradients, errors; derivatives of second order."""

from __future__ import annotations

import math

import pytest

from tests.backend import needs, torch
from tests.nn.against_torch import compare, needs_torch, values

F = needs(torch, "nn.functional")
gradcheck, gradgradcheck = needs(torch, "autograd.gradcheck", "autograd.gradgradcheck")

CASES = """F.max_pool1d(P(2, 4, 6), 2)
F.max_pool1d(P(4, 6), 2, return_indices=True)
F.max_pool1d(T(2, 4, 6), 3, 1, 1)
F.max_pool2d(P(2, 4, 6, 6), 2)
F.max_pool2d(P(4, 6, 6), 2)
F.max_pool2d(T(2, 4, 6, 6), 2)
F.max_pool2d(P(2, 4, 7, 6), 3, stride=2, padding=1, ceil_mode=True, return_indices=True)
F.max_pool2d(P(2, 4, 7, 8), (3, 2), (1, 2), (1, 0), (2, 1), return_indices=True)
F.max_pool2d_with_indices(P(2, 4, 6, 6), 2)
F.max_pool2d(T(2, 4, 6, 6).long(), 2)
F.max_pool2d(T(0, 3, 4, 4), 2)
F.max_pool2d(P(2, 4, 6, 6), 2, [])
F.max_pool3d(P(1, 2, 4, 5, 6), 2, return_indices=True)
F.max_pool3d(P(2, 4, 5, 6), 3, 1, 1)
torch.max_pool1d(P(2, 4, 6), 2)
torch.max_pool2d(P(2, 4, 6, 6), 2)
torch.max_pool3d(P(1, 2, 4, 4, 4), 2)
torch.max_pool1d_with_indices(P(2, 4, 6), 2)
F.max_unpool1d(*F.max_pool1d(P(2, 4, 6), 2, return_indices=True), 2)
F.max_unpool2d(*F.max_pool2d(P(2, 4, 6, 7), 2, return_indices=True), 2, output_size=(6, 7))
F.max_unpool2d(*F.max_pool2d(P(2, 4, 6, 7), 2, return_indices=True), 2, output_size=(2, 4, 6, 7))
F.max_unpool3d(*F.max_pool3d(P(1, 2, 4, 4, 4), 2, return_indices=True), 2)
F.avg_pool1d(P(2, 4, 7), 3, 2, 1)
F.avg_pool1d(P(4, 7), 2, ceil_mode=True)
F.avg_pool2d(P(2, 4, 6, 6), 2)
F.avg_pool2d(P(2, 4, 7, 6), 3, 2, 1, True, False)
F.avg_pool2d(P(2, 4, 7, 6), 3, 2, 1, True, True)
F.avg_pool2d(P(4, 7, 6), (3, 2), (1, 2), divisor_override=5)
F.avg_pool2d(T(2, 4, 6, 6).long(), 2)
F.avg_pool3d(P(1, 2, 4, 5, 6), 2)
F.avg_pool3d(P(1, 2, 4, 5, 6), (2, 3, 3), 2, 1, True, False)
torch.avg_pool1d(P(2, 4, 6), 2)
F.lp_pool1d(P(2, 4, 6), 2.0, 2)
F.lp_pool2d(P(2, 4, 6, 6), 3.0, 2, 1, True)
F.lp_pool3d(P(1, 2, 4, 4, 4), 2.0, 2)
F.adaptive_avg_pool1d(P(2, 4, 7), 3)
F.adaptive_avg_pool2d(P(2, 4, 7, 6), 3)
F.adaptive_avg_pool2d(P(2, 4, 6, 6), 1)
F.adaptive_avg_pool2d(P(4, 6, 6), (3, None))
F.adaptive_avg_pool2d(P(2, 4, 3, 3), (5, 4))
F.adaptive_avg_pool2d(P(2, 4, 3, 3), 0)
F.adaptive_avg_pool3d(P(1, 2, 5, 4, 3), (2, 3, 3))
F.adaptive_avg_pool3d(P(1, 2, 5, 4, 3), 1)
F.adaptive_max_pool1d(P(2, 4, 7), 3, return_indices=True)
F.adaptive_max_pool2d(P(2, 4, 7, 6), 3, return_indices=True)
F.adaptive_max_pool2d(P(2, 4, 6, 6), (2, 3), return_indices=True)
F.adaptive_max_pool3d(P(1, 2, 5, 4, 3), 2, return_indices=True)
torch.adaptive_max_pool1d(P(2, 4, 6), 2)
torch.adaptive_avg_pool1d(P(2, 4, 6), 2)
F.fractional_max_pool2d(P(2, 4, 6, 6), 2, output_size=3, return_indices=True)
F.fractional_max_pool2d(P(4, 7, 6), 2, output_ratio=(0.5, 0.6), return_indices=True)
F.fractional_max_pool2d(P(1, 4, 7, 6), 2, output_size=(1, 2), return_indices=True)
F.fractional_max_pool3d(P(2, 2, 6, 5, 7), 2, output_size=(3, 2, 4), return_indices=True)"""

REFUSED = """F.max_pool2d(T(2, 4, 6, 6), 2, padding=2)
F.max_pool2d(T(2, 4, 6, 6), 2, padding=-1)
F.max_pool2d(T(2, 4, 6, 6), 0)
F.max_pool2d(T(2, 4, 6, 6), 2, stride=0)
F.max_pool2d(T(2, 4, 6, 6), 2, dilation=0)
F.max_pool2d(T(2, 4, 6, 6), 8)
F.max_pool2d(T(2, 4), 2)
F.max_pool2d(T(2, 4, 6, 6), (2, 2, 2))
F.max_pool2d(T(2, 4, 6, 6), 2, (2, 2, 2))
F.max_pool2d(T(2, 4, 6, 6).bool(), 2)
F.max_pool2d(T(2, 0, 4, 4), 2)
F.max_pool2d(T(2, 3, 0, 4), 2)
F.max_pool1d(T(2, 4, 6, 6), 2)
F.max_pool1d(T(2, 4, 6), 8)
F.max_unpool2d(T(2, 4, 3, 3), torch.zeros(2, 4, 3, 3).long(), 2, output_size=(9, 9))
F.max_unpool2d(T(2, 4, 6, 6), torch.zeros(2, 4, 6, 6).long() + 1000, 2)
F.max_unpool2d(T(2, 4, 6, 6), T(2, 4, 6, 6), 2)
F.max_unpool2d(T(2, 4, 6, 6), torch.zeros(2, 4, 6).long(), 2)
F.avg_pool2d(T(2, 4, 6, 6), 2, padding=2)
F.avg_pool2d(T(2, 4, 6, 6), 2, divisor_override=0)
F.avg_pool2d(T(2, 4, 6, 6).int(), 2)
F.avg_pool2d(T(2, 4), 2)
F.avg_pool1d(T(2, 4, 6, 6), 2)
F.avg_pool2d(T(2, 4, 6, 6), 9)
F.avg_pool1d(T(2, 4, 6), 9)
F.adaptive_avg_pool2d(T(2, 4, 6, 6), (3, 3, 3))
F.adaptive_avg_pool2d(T(2, 4), 3)
F.adaptive_avg_pool2d(T(2, 4, 6, 6).long(), 3)
F.adaptive_avg_pool2d(T(2, 4, 6, 6), -1)
F.adaptive_max_pool2d(T(2, 4, 6, 6), -1)
F.adaptive_max_pool2d(T(2, 4), 1)
F.fractional_max_pool2d(T(2, 4, 6, 6), 2)
F.fractional_max_pool2d(T(2, 4, 6, 6), 2, output_size=6)"""


@needs_torch
@pytest.mark.parametrize("text", CASES.splitlines())
def test_as_torch(text):
    compare(text)


@needs_torch
@pytest.mark.parametrize("text", REFUSED.splitlines())
def test_refused_as_torch(text):
    compare(text)


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
        lambda x: F.adaptive_avg_pool2d(x, (2, 4)),
        lambda x: F.adaptive_max_pool2d(x, (2, 4)),
        lambda x: F.lp_pool2d(x.exp(), 3.0, 2),
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    ],
)
def test_derivatives_of_both_orders(pool):
    x = torch.tensor(values(1, 2, 6, 6).astype("float64"), requires_grad=True)
    assert gradcheck(pool, (x,))
    assert gradgradcheck(lambda x: pool(x) ** 2, (x,))


def test_first_of_equals_and_nan():
    flat = torch.zeros(1, 1, 2, 2, requires_grad=True)
    F.max_pool2d(flat, 2).backward(torch.ones(1, 1, 1, 1))
    assert flat.grad.flatten().tolist() == [1, 0, 0, 0]
    x = torch.tensor([[[[1.0, math.nan], [5.0, 2.0]]]])
    assert F.max_pool2d(x, 2).isnan().all()
    assert F.max_pool2d(x, 2, return_indices=True)[1].item() == 1


def test_nothing_but_infinity():
    x = torch.full((1, 1, 3, 3), -math.inf)
    out, indices = F.max_pool2d(x, 2, 1, 1, return_indices=True)
    assert (out == -math.inf).all()
    assert indices.flatten().tolist() == [0, 0, 1, 2, 0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8]


def test_means_do_not_spread_infinity():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 0, 0] = math.inf
    out = F.adaptive_avg_pool2d(x, 3)
    assert out[0, 0, 0, 0] == math.inf
    assert out.isfinite().sum() == 8
