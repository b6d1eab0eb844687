"""Convolutions, folding and unfolding against torch: values, node names, gradients, errors; second order."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backend import needs, torch
from tests.nn.against_torch import compare, needs_torch, values

F = needs(torch, "nn.functional")
gradcheck, gradgradcheck = needs(torch, "autograd.gradcheck", "autograd.gradgradcheck")

CASES = """F.conv1d(P(2, 4, 6), P(3, 4, 3), P(3))
F.conv2d(P(2, 4, 6, 6), P(3, 4, 3, 3), P(3))
F.conv2d(P(2, 4, 6, 6), P(3, 4, 3, 3))
F.conv3d(P(1, 2, 4, 5, 4), P(3, 2, 2, 3, 2), P(3))
F.conv2d(P(4, 6, 6), P(3, 4, 3, 3), P(3))
F.conv1d(P(4, 6), P(3, 4, 3))
F.conv2d(P(2, 4, 9, 8), P(6, 2, 3, 2), P(6), stride=(2, 3), padding=(1, 2), dilation=(2, 1), groups=2)
F.conv2d(P(2, 4, 7, 7), P(8, 1, 3, 3), P(8), padding=1, groups=4)
F.conv2d(P(2, 4, 7, 7), P(4, 1, 3, 3), stride=2, padding=1, groups=4)
F.conv2d(P(2, 4, 6, 6), P(3, 4, 1, 1), P(3))
F.conv2d(P(2, 4, 6, 6), P(3, 4, 1, 1), stride=2)
F.conv2d(P(2, 4, 6, 6), P(3, 4, 2, 3), padding='same')
F.conv2d(P(2, 4, 6, 6), P(3, 4, 3, 3), padding='same', dilation=2)
F.conv2d(P(2, 4, 6, 6), P(3, 4, 3, 3), padding='valid')
F.conv2d(P(2, 4, 6, 6), P(3, 4, 6, 6))
F.conv2d(P(2, 4, 6, 6)[:, :, ::2], P(3, 4, 3, 3))
F.conv2d(P(2, 4, 6, 6).double(), P(3, 4, 3, 3).double())
F.conv2d(T(0, 4, 6, 6), P(3, 4, 3, 3))
F.conv_transpose1d(P(2, 4, 6), P(4, 3, 3), P(3))
F.conv_transpose2d(P(2, 4, 5, 6), P(4, 3, 3, 2), P(3))
F.conv_transpose2d(P(2, 4, 5, 6), P(4, 3, 3, 3), P(6), 2, 1, 1, 2, 1)
F.conv_transpose2d(P(2, 4, 5, 6), P(4, 3, 3, 3), None, 1, 1, 1, 1, 2)
F.conv_transpose2d(P(2, 4, 5, 6), P(4, 1, 3, 3), None, 2, 1, 0, 4)
F.conv_transpose2d(P(2, 4, 5, 6), P(4, 1, 3, 3), None, 1, 0, 0, 4)
F.conv_transpose2d(P(2, 4, 5, 6), P(4, 2, 2, 2), None, 2)
F.conv_transpose2d(P(4, 5, 6), P(4, 2, 3, 3), None, 3)
F.conv_transpose3d(P(1, 2, 3, 4, 3), P(2, 3, 2, 2, 2), P(3), 2)
F.conv_tbc(P(6, 2, 4), P(3, 4, 5), P(5))
F.conv_tbc(P(6, 2, 4), P(3, 4, 5), P(5), 1)
F.unfold(P(2, 3, 6, 5), 3)
F.unfold(P(3, 6, 5), (2, 3), dilation=2, padding=1, stride=(1, 2))
F.fold(P(2, 36, 16), (6, 6), 3)
F.fold(P(36, 16), (6, 6), 3)
F.fold(P(2, 8, 4), (5, 5), 2, stride=2, padding=0)"""

REFUSED = """F.conv2d(T(2, 4), T(3, 4, 3, 3))
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), T(4))
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), T(3).double())
F.conv2d(T(2, 4, 6, 6).double(), T(3, 4, 3, 3))
F.conv2d(T(2, 5, 6, 6), T(3, 4, 3, 3))
F.conv2d(T(2, 4, 6), T(3, 4, 3, 3))
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), stride=0)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), stride=1.5)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), stride=(1, 1, 1))
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), padding=-1)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), padding=(1, 1, 1))
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), padding='foo')
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), stride=2, padding='same')
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), dilation=0)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), dilation=5)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), groups=0)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 3, 3), groups=2)
F.conv2d(T(2, 4, 6, 6), T(3, 4, 7, 7))
F.conv_transpose2d(T(2, 4, 6, 6), T(4, 3, 3, 3), output_padding=1)
F.conv_transpose2d(T(2, 4, 6, 6), T(4, 3, 3, 3), stride=2, output_padding=-1)
F.conv_transpose2d(T(2, 4, 6, 6), T(5, 3, 3, 3))
F.conv_transpose2d(T(2, 4, 6, 6), T(4, 3, 3, 3), T(4))
F.conv_transpose2d(T(2, 4, 6, 6), T(4, 3, 3, 3), groups=3)
F.conv_tbc(T(6, 2, 4), T(3, 4, 5), T(4))
F.conv_tbc(T(6, 2, 4), T(3, 3, 5), T(5))
F.unfold(T(2, 4), 3)
F.unfold(T(2, 4, 6, 6), 8)
F.unfold(T(2, 4, 6, 6), (3, 3, 3))
F.unfold(T(2, 4, 6, 6), 0)
F.fold(T(2, 35, 16), (6, 6), 3)
F.fold(T(2, 36, 15), (6, 6), 3)
F.fold(T(2, 36, 15, 3), (6, 6), 3)
F.fold(T(2, 36, 15), (6, 6, 6), 3)"""


@needs_torch
@pytest.mark.parametrize("text", CASES.splitlines())
def test_as_torch(text):
    compare(text)


@needs_torch
@pytest.mark.parametrize("text", REFUSED.splitlines())
def test_refused_as_torch(text):
    compare(text)


def leaf(*shape):
    return torch.tensor(values(*shape).astype("float64"), requires_grad=True)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups", "transposed"),
    [(1, 0, 1, 1, False), (2, 1, 1, 2, False), (1, 1, 2, 1, False), (2, 1, 1, 1, True), (1, 0, 2, 2, True)],
)
def test_derivatives_of_both_orders(stride, padding, dilation, groups, transposed):
    w = leaf(2, 2 // groups, 3, 2) if not transposed else leaf(2, 2, 3, 2)
    x, b = leaf(1, 2, 5, 4), leaf(2 * groups if transposed else 2)

    def f(x, w, b):
        if transposed:
            return F.conv_transpose2d(x, w, b, stride, padding, 0, groups, dilation)
        return F.conv2d(x, w, b, stride, padding, dilation, groups)

    assert gradcheck(f, (x, w, b))
    assert gradgradcheck(f, (x, w, b))


def test_large_images_go_in_tiles():
    """Tiles of rows give what one product gives."""
    x, w = values(1, 8, 300, 310), values(4, 8, 3, 3)
    tiled = F.conv2d(torch.tensor(x), torch.tensor(w), padding=1)
    strip = F.conv2d(torch.tensor(x[:, :, 100:140]), torch.tensor(w), padding=1)
    assert np.allclose(tiled.numpy()[:, :, 101:139], strip.numpy()[:, :, 1:39], atol=1e-4)


def test_complex_operands():
    x = torch.complex(torch.tensor(values(1, 2, 5)), torch.tensor(values(2, 1, 5)[:1].repeat(2, 1)))
    w = torch.complex(torch.tensor(values(3, 2, 2)), torch.tensor(values(3, 2, 2)) * 0.5)
    out = F.conv1d(x, w).numpy()
    wanted = np.einsum("ock,nctk->not", w.numpy(), np.lib.stride_tricks.sliding_window_view(x.numpy(), 2, axis=2))
    assert np.allclose(out, wanted, atol=1e-5)


def test_half_precision_is_computed_in_float32():
    x, w = torch.tensor(values(1, 4, 6, 6)).to(torch.bfloat16), torch.tensor(values(3, 4, 3, 3)).to(torch.bfloat16)
    out = F.conv2d(x, w)
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.float(), F.conv2d(x.float(), w.float()), atol=0.1, rtol=0.02)
