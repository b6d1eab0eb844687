"""Normalisations against torch: values, running statistics, node names, gradients, errors; second order."""

from __future__ import annotations

import pytest

from tests.backend import needs, torch
from tests.nn.against_torch import compare, needs_torch, values

F = needs(torch, "nn.functional")
gradcheck, gradgradcheck = needs(torch, "autograd.gradcheck", "autograd.gradgradcheck")

CASES = """F.batch_norm(P(5, 4), torch.zeros(4), torch.ones(4), P(4), T(4), training=True)
F.batch_norm(P(2, 4, 6, 6), torch.zeros(4), torch.ones(4), training=True)
F.batch_norm(P(2, 4, 6, 6), None, None, P(4), training=True)
F.batch_norm(P(2, 4, 6, 6), T(4), T(4).exp(), P(4), T(4))
F.batch_norm(P(2, 4, 6), T(4), T(4).exp(), None, P(4), eps=0.1)
F.instance_norm(P(2, 4, 6, 6))
F.instance_norm(P(2, 4, 6), weight=P(4), bias=T(4))
F.instance_norm(P(2, 4, 6, 6), torch.zeros(4), torch.ones(4), use_input_stats=False)
F.layer_norm(P(2, 4, 6), (6,))
F.layer_norm(P(2, 4, 6), (4, 6), P(4, 6), P(4, 6))
F.layer_norm(P(6), [6], P(6))
F.layer_norm(P(2, 4, 6).double(), (6,), eps=0.1)
F.layer_norm(T(0, 6), (6,), P(6))
torch.layer_norm(P(2, 4, 6), (6,))
F.group_norm(P(2, 4, 6), 2)
F.group_norm(P(2, 6, 3, 3), 3, P(6), T(6))
F.rms_norm(P(2, 4, 6), (6,))
F.rms_norm(P(2, 4, 6), (4, 6), P(4, 6), 0.1)
F.local_response_norm(P(2, 5, 4, 4), 2)
F.local_response_norm(P(2, 5, 4), 3, alpha=0.5, beta=0.6, k=2.0)
F.local_response_norm(P(1, 5, 2, 3, 2), 4)"""

REFUSED = """F.batch_norm(T(2, 4, 6, 6), None, None)
F.batch_norm(T(1, 4, 1, 1), None, None, training=True)
F.batch_norm(T(2, 4, 6, 6), T(2), T(4), training=True)
F.batch_norm(T(2, 4, 6, 6), T(4), T(4), weight=T(2))
F.batch_norm(T(2, 4, 6, 6).long(), T(4), T(4))
F.batch_norm(T(2, 4, 6, 6).double(), T(4), T(4))
F.instance_norm(T(2, 4, 1, 1))
F.instance_norm(T(2, 4, 6, 6), use_input_stats=False)
F.layer_norm(T(2, 4, 6), (5,))
F.layer_norm(T(2, 4, 6), ())
F.layer_norm(T(2, 4, 6), (6,), torch.ones(5))
F.layer_norm(T(2, 4, 6), (6,), None, torch.ones(5))
F.layer_norm(T(2, 4, 6).long(), (6,))
F.group_norm(T(2, 4, 6), 3)
F.group_norm(T(2, 4, 6), 0)
F.group_norm(T(2, 4, 6), 2, torch.ones(3))
F.group_norm(T(1, 4, 1, 1), 4)
F.group_norm(T(6), 2)
F.rms_norm(T(2, 4, 6), (5,))
F.rms_norm(T(2, 4, 6), (6,), torch.ones(5))
F.rms_norm(T(2, 4, 6).long(), (6,))
F.local_response_norm(T(2, 4), 2)"""


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
    ("norm", "shapes"),
    [
        (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), [(3, 2, 4), (2,), (2,)]),
        (lambda x, w, b: F.batch_norm(x, torch.zeros(2).double(), torch.ones(2).double(), w, b), [(3, 2), (2,), (2,)]),
        (lambda x, w, b: F.layer_norm(x, (4,), w, b), [(3, 4), (4,), (4,)]),
        (lambda x, w, b: F.group_norm(x, 2, w, b), [(2, 4, 2), (4,), (4,)]),
        (lambda x, w: F.rms_norm(x, (4,), w, 0.1), [(3, 4), (4,)]),
        (lambda x: F.instance_norm(x), [(2, 2, 4)]),
        (lambda x: F.local_response_norm(x, 3, 0.5), [(1, 4, 3)]),
    ],
)
def test_derivatives_of_both_orders(norm, shapes):
    leaves = tuple(leaf(*shape) for shape in shapes)
    assert gradcheck(norm, leaves)
    assert gradgradcheck(norm, leaves)


def test_running_statistics_move():
    x = torch.tensor(values(6, 3))
    mean, var = torch.zeros(3), torch.ones(3)
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    assert torch.allclose(mean, 0.25 * x.mean(0), atol=1e-6)
    assert torch.allclose(var, 0.75 + 0.25 * x.var(0), atol=1e-5)


def test_moving_statistics_is_a_write():
    """A running mean that is saved for backward may not move before it."""
    x, mean, var = torch.tensor(values(6, 3)), torch.zeros(3), torch.ones(3)
    w = torch.ones(3, requires_grad=True)
    y = F.batch_norm(x, mean, var, w)
    F.batch_norm(x, mean, var, training=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
