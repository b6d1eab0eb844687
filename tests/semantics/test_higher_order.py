"""Derivatives of derivatives."""

import math

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def derivatives(function, point, order):
    """The values of the first `order` derivatives of a scalar function at `point`."""
    x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    y, found = function(x), []
    for _ in range(order):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        found.append(y.item())
    return found


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda x: x**4, [32.0, 48.0, 48.0, 24.0]),
        (lambda x: x.exp(), [math.exp(2.0)] * 4),
        (lambda x: x.sin(), [math.cos(2.0), -math.sin(2.0), -math.cos(2.0), math.sin(2.0)]),
        (lambda x: x.log(), [1 / 2, -1 / 4, 2 / 8, -6 / 16]),
        (lambda x: 1 / x, [-1 / 4, 2 / 8, -6 / 16, 24 / 32]),
        (lambda x: x.sqrt(), [0.5 * 2**-0.5, -0.25 * 2**-1.5, 0.375 * 2**-2.5, -0.9375 * 2**-3.5]),
        (lambda x: x.sigmoid() * (1 + (-x).exp()), None),
    ],
    ids=["power", "exp", "sin", "log", "reciprocal", "sqrt", "constant"],
)
def test_four_orders_of_a_scalar_function(function, expected):
    found = derivatives(function, 2.0, 4)
    for value, wanted in zip(found, expected or [0.0] * 4, strict=True):
        assert abs(value - wanted) < 1e-9


def test_tanh_three_orders():
    t = math.tanh(0.5)
    first, second, third = derivatives(lambda x: x.tanh(), 0.5, 3)
    slope = 1 - t * t
    assert abs(first - slope) < 1e-12 and abs(second + 2 * t * slope) < 1e-12
    assert abs(third - slope * (6 * t * t - 2)) < 1e-12


def test_a_hessian_row_by_row():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad(x[0] ** 2 * x[1] ** 3, x, create_graph=True)
    rows = [torch.autograd.grad(part, x, retain_graph=True)[0] for part in first]
    assert close(rows[0], [16.0, 24.0]) and close(rows[1], [24.0, 12.0])


def test_mixed_derivatives_agree():
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    z = (x * y).sin() * y.exp()
    (to_x,) = torch.autograd.grad(z, x, create_graph=True)
    (to_y,) = torch.autograd.grad(z, y, create_graph=True)
    assert abs(torch.autograd.grad(to_x, y, retain_graph=True)[0] - torch.autograd.grad(to_y, x)[0]) < 1e-12


def test_a_linear_function_has_no_second_derivative():
    x = torch.ones(2, requires_grad=True)
    w = torch.ones(2, requires_grad=True)
    (first,) = torch.autograd.grad((x * 3).sum(), x, create_graph=True)
    assert not first.requires_grad
    (first,) = torch.autograd.grad((x * w).sum(), x, create_graph=True)
    with raises(RuntimeError, "The differentiated Tensor at index 0 appears to not have been used in the graph."):
        torch.autograd.grad(first.sum(), x)


def test_a_matrix_product_to_the_second_order():
    torch.manual_seed(0)
    a = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    b = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    y = ((a @ b) ** 2).sum()
    (first,) = torch.autograd.grad(y, a, create_graph=True)
    assert close(first, (2 * (a @ b) @ b.t()).tolist())
    (mixed,) = torch.autograd.grad(first.sum(), b)
    ones = torch.ones(2, 3, dtype=torch.float64)
    assert close(mixed, (2 * (a.t() @ ones @ b + ones.t() @ a @ b)).tolist(), 1e-9)


def test_gradient_penalty_through_backward():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    (slope,) = torch.autograd.grad((w * x**2).sum(), x, create_graph=True)
    slope.pow(2).sum().backward()
    assert close(w.grad, [24.0, 128.0])
    assert close(x.grad, [72.0, 256.0])


@pytest.mark.filterwarnings("ignore:Using backward")
def test_backward_with_create_graph_then_backward_on_the_gradient():
    x = torch.tensor(2.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.backward()
    assert close(x.grad, 12.0)


@pytest.mark.filterwarnings("ignore:Using backward")
def test_accumulated_gradients_stay_differentiable():
    x = torch.tensor(2.0, requires_grad=True)
    (x**2).backward(create_graph=True)
    (x**3).backward(create_graph=True)
    assert close(x.grad, 16.0)
    (second,) = torch.autograd.grad(x.grad, x)
    assert close(second, 14.0)


def test_grad_with_create_graph_leaves_no_gradient_behind():
    x = torch.tensor(2.0, requires_grad=True)
    (first,) = torch.autograd.grad(x**2, x, create_graph=True)
    assert first.requires_grad and x.grad is None


def test_a_hessian_vector_product():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = torch.tensor([1.0, 0.0, -1.0])
    (first,) = torch.autograd.grad((x**3).sum() / 3, x, create_graph=True)
    (product,) = torch.autograd.grad(first, x, v)
    assert close(product, [2.0, 0.0, -6.0])


def test_forward_products_from_two_reverse_sweeps():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    v = torch.zeros(2, requires_grad=True)
    (pullback,) = torch.autograd.grad(y, x, v, create_graph=True)
    (pushed,) = torch.autograd.grad(pullback, v, torch.tensor([1.0, 10.0]))
    assert close(pushed, [2.0, 40.0])


def test_a_softmax_to_the_second_order():
    x = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    p = torch.nn.functional.softmax(x, 0)
    (first,) = torch.autograd.grad(p[0], x, create_graph=True)
    assert close(first, [(p[0] * (1 - p[0])).item(), (-p[0] * p[1]).item(), (-p[0] * p[2]).item()])
    (second,) = torch.autograd.grad(first[0], x)
    assert abs(second[0].item() - (p[0] * (1 - p[0]) * (1 - 2 * p[0])).item()) < 1e-12


def test_an_unrolled_step_of_descent():
    w = torch.tensor(1.0, requires_grad=True)
    rate = torch.tensor(0.1, requires_grad=True)
    inner = (w - 3) ** 2
    (slope,) = torch.autograd.grad(inner, w, create_graph=True)
    after = w - rate * slope
    outer = (after - 3) ** 2
    to_w, to_rate = torch.autograd.grad(outer, (w, rate))
    assert close(to_w, 2 * (1.4 - 3) * 0.8, 1e-5) and close(to_rate, 2 * (1.4 - 3) * 4, 1e-5)


def test_views_and_indexing_to_the_second_order():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = (x.view(2, 2).t()[1] ** 3).sum()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    assert close(first, [0.0, 12.0, 0.0, 48.0])
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [0.0, 12.0, 0.0, 24.0])


def test_broadcast_operands_to_the_second_order():
    x = torch.tensor([[1.0], [2.0]], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    (first,) = torch.autograd.grad(((x * w) ** 2).sum(), x, create_graph=True)
    assert first.shape == (2, 1) and close(first, [[50.0], [100.0]])
    (mixed,) = torch.autograd.grad(first.sum(), w)
    assert close(mixed, [36.0, 48.0])


def test_kinks_have_a_zero_second_derivative():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad((x.relu() ** 2).sum(), x, create_graph=True)
    assert close(first, [0.0, 4.0])
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [0.0, 2.0])
