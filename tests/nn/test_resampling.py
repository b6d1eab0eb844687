"""Interpolation and sampling grids against torch: values, node names, gradients, errors; second order."""

from __future__ import annotations

import pytest

from tests.backend import needs, torch
from tests.nn.against_torch import compare, needs_torch, values

F = needs(torch, "nn.functional")
gradcheck, gradgradcheck = needs(torch, "autograd.gradcheck", "autograd.gradgradcheck")

CASES = """F.interpolate(P(2, 4, 6), 8)
F.interpolate(P(2, 4, 6, 5), (8, 3))
F.interpolate(P(2, 4, 6, 5), scale_factor=2)
F.interpolate(P(2, 4, 6, 5), scale_factor=(1.3, 0.7))
F.interpolate(P(2, 4, 6, 5), scale_factor=1.7, recompute_scale_factor=True)
F.interpolate(P(1, 2, 3, 4, 3), 5)
F.interpolate(P(2, 4, 6), 9, mode='nearest-exact')
F.interpolate(P(2, 4, 6, 5), 3, mode='nearest-exact')
F.interpolate(P(1, 2, 3, 4, 3), 5, mode='nearest-exact')
F.interpolate(P(2, 4, 6), 9, mode='linear')
F.interpolate(P(2, 4, 6), 3, mode='linear', align_corners=True)
F.interpolate(P(2, 4, 6, 5), (8, 3), mode='bilinear')
F.interpolate(P(2, 4, 6, 5), scale_factor=(1.3, 2.6), mode='bilinear')
F.interpolate(P(2, 4, 6, 5), scale_factor=(1.3, 2.6), mode='bilinear', recompute_scale_factor=True)
F.interpolate(P(2, 4, 6, 5), (8, 1), mode='bilinear', align_corners=True)
F.interpolate(P(2, 4, 6, 5), (8, 3), mode='bicubic')
F.interpolate(P(2, 4, 6, 5), (8, 9), mode='bicubic', align_corners=True)
F.interpolate(P(2, 4, 16, 15), (4, 9), mode='bilinear', antialias=True)
F.interpolate(P(2, 4, 16, 15), (24, 7), mode='bicubic', antialias=True)
F.interpolate(P(2, 4, 16, 15), (5, 7), mode='bicubic', antialias=True, align_corners=True)
F.interpolate(P(1, 2, 3, 4, 3), (5, 2, 6), mode='trilinear')
F.interpolate(P(1, 2, 3, 4, 3), 5, mode='trilinear', align_corners=True)
F.interpolate(P(2, 4, 6, 5), (3, 4), mode='area')
F.interpolate(P(2, 4, 6), 4, mode='area')
F.interpolate(P(1, 2, 3, 4, 3), 2, mode='area')
F.interpolate(P(1, 1, 300, 2), (450, 3), mode='bilinear')
F.interpolate((T(2, 4, 6, 6).abs() * 40).to(torch.uint8), 8)
F.upsample(P(2, 4, 6, 6), 8)
F.upsample_bilinear(P(2, 4, 6, 6), 8)
F.upsample_nearest(P(2, 4, 6, 6), scale_factor=2)
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2))
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), align_corners=True)
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), padding_mode='border')
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), padding_mode='border', align_corners=True)
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), padding_mode='reflection')
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), padding_mode='reflection', align_corners=True)
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), mode='nearest')
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), mode='nearest', padding_mode='reflection')
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), mode='bicubic')
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), mode='bicubic', padding_mode='border', align_corners=True)
F.grid_sample(P(2, 3, 5, 6), P(2, 4, 4, 2), mode='bicubic', padding_mode='reflection')
F.grid_sample(P(1, 2, 3, 4, 5), P(1, 3, 2, 4, 3))
F.grid_sample(P(1, 2, 3, 4, 5), P(1, 3, 2, 4, 3), padding_mode='reflection', align_corners=True)
F.grid_sample(P(1, 2, 3, 4, 5), P(1, 3, 2, 4, 3), mode='nearest', padding_mode='border')
F.grid_sample(P(1, 1, 4, 4), torch.full((1, 1, 1, 2), float('nan')))
F.affine_grid(P(2, 2, 3), (2, 4, 5, 6))
F.affine_grid(P(2, 2, 3), (2, 4, 1, 6), align_corners=True)
F.affine_grid(P(2, 3, 4), (2, 4, 3, 4, 5))
F.affine_grid(P(2, 3, 4), (2, 4, 3, 4, 5), align_corners=True)"""

REFUSED = """F.interpolate(T(2, 4, 6, 6), 8, mode='nearest', antialias=True)
F.interpolate(T(2, 4, 6, 6), 8, mode='nearest', align_corners=True)
F.interpolate(T(2, 4, 6, 6), 8, mode='foo')
F.interpolate(T(2, 4, 6), 8, mode='bilinear')
F.interpolate(T(2, 4, 6, 6), 8, mode='linear')
F.interpolate(T(2, 4, 6, 6), 8, mode='trilinear')
F.interpolate(T(2, 4, 6, 6))
F.interpolate(T(2, 4, 6, 6), 8, 2.0)
F.interpolate(T(2, 4, 6, 6), (8, 8, 8))
F.interpolate(T(2, 4, 6, 6), scale_factor=(2, 2, 2))
F.interpolate(T(2, 4, 6, 6), 8, recompute_scale_factor=True)
F.interpolate(T(2, 4, 6, 6), 0)
F.interpolate(T(2, 4, 6, 6).long(), 8, mode='bilinear')
F.interpolate(T(2, 4, 6, 6).long(), 8)
F.interpolate(T(2, 4), 8)
F.grid_sample(T(2, 4, 6, 6), T(2, 5, 5, 2), mode='foo')
F.grid_sample(T(2, 4, 6, 6), T(2, 5, 5, 2), padding_mode='foo')
F.grid_sample(T(2, 4, 6, 6, 6), T(2, 5, 5, 5, 3), mode='bicubic')
F.grid_sample(T(2, 4, 6, 6), T(2, 5, 5, 5, 3))
F.grid_sample(T(2, 4, 6, 6), T(1, 5, 5, 2))
F.grid_sample(T(2, 4, 6, 6), T(2, 5, 5, 2).double())
F.grid_sample(T(2, 4, 6), T(2, 5, 5, 2))
F.grid_sample(T(2, 4, 6, 6), T(2, 5, 5, 1))
F.grid_sample(T(2, 4, 6, 0), T(2, 5, 5, 2))
F.affine_grid(T(2, 2, 3), (2, 4, 5))
F.affine_grid(T(2, 2, 3), (2, 4, 5, 5, 5))
F.affine_grid(T(2, 2, 3).long(), (2, 4, 5, 5))
F.affine_grid(T(2, 2, 3), (2, 4, 0, 5))
F.affine_grid(T(2, 2, 3), (1, 4, 5, 5))"""


@needs_torch
@pytest.mark.parametrize("text", CASES.splitlines())
def test_as_torch(text):
    compare(text)


@needs_torch
@pytest.mark.parametrize("text", REFUSED.splitlines())
def test_refused_as_torch(text):
    compare(text)


def leaf(*shape, scale=1.0):
    return torch.tensor(values(*shape).astype("float64") * scale, requires_grad=True)


@pytest.mark.parametrize(
    "options",
    [
        {"size": (5, 3), "mode": "bilinear"},
        {"size": (5, 3), "mode": "bicubic", "align_corners": True},
        {"size": (3, 2), "mode": "bilinear", "antialias": True},
        {"scale_factor": 1.5},
    ],
)
def test_interpolation_is_linear(options):
    x = leaf(1, 2, 4, 4)
    assert gradcheck(lambda x: F.interpolate(x, **options), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, **options) ** 2, (x,))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_grid_has_derivatives_of_both_orders(mode, padding_mode):
    """torch has no second derivative here; ours follows from the operators of the rule."""
    x, grid = leaf(1, 2, 4, 5), leaf(1, 2, 3, 2, scale=0.3)

    def f(x, grid):
        return F.grid_sample(x, grid, mode, padding_mode, align_corners=False)

    assert gradcheck(f, (x, grid))
    assert gradgradcheck(f, (x, grid))


def test_identity_grid_gives_the_image_back():
    x = torch.tensor(values(2, 3, 5, 4))
    theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]] * 2)
    for align in (False, True):
        grid = F.affine_grid(theta, x.shape, align_corners=align)
        assert torch.allclose(F.grid_sample(x, grid, align_corners=align), x, atol=1e-5)


def test_infinity_does_not_spread():
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 0, 0] = float("inf")
    out = F.interpolate(x, 16, mode="bilinear")
    assert out[0, 0, 8:, 8:].isfinite().all()
