"""In-place operations: how history follows them, also through views."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def leaf():
    return torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)


def test_a_result_records_its_own_change():
    x = leaf()
    y = x.clone()
    y.mul_(3)
    y += x
    y.sum().backward()
    assert close(x.grad, [4.0] * 4)


def test_plus_equals_keeps_identity():
    y = leaf().clone()
    before = y
    y += 1
    y -= 1
    y *= 2
    y /= 2
    assert y is before and y._version == 4
    with torch.no_grad():
        p = leaf()
        q = p
        p **= 2
    assert p is q


def test_a_tensor_without_history_gains_it():
    x = leaf()
    y = torch.zeros(4)
    y += x
    assert y.requires_grad and y.grad_fn is not None
    y.sum().backward()
    assert close(x.grad, [1.0] * 4)


def test_a_change_through_a_view_reaches_the_base():
    x = leaf()
    y = x.clone()
    y[:2].mul_(3)
    assert type(y.grad_fn).__name__ == "CopySlices"
    y.sum().backward()
    assert close(x.grad, [3.0, 3.0, 1.0, 1.0])


def test_a_change_through_a_view_of_a_view():
    x = leaf()
    y = x.clone()
    y.view(2, 2)[1].narrow(0, 0, 1).mul_(5)
    y.sum().backward()
    assert close(x.grad, [1.0, 1.0, 5.0, 1.0])


def test_a_view_sees_a_later_change_of_its_base():
    x = leaf()
    y = x.clone()
    v = y[:2]
    y.mul_(3)
    assert close(v, [3.0, 6.0])
    v.sum().backward()
    assert close(x.grad, [3.0, 3.0, 0.0, 0.0])


def test_a_view_sees_a_change_through_another_view():
    x = leaf()
    y = x.clone()
    v, w = y[:3], y[1:]
    w.mul_(3)
    (v * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert close(x.grad, [1.0, 30.0, 300.0, 0.0])


def test_a_base_without_history_gains_it_through_a_view():
    x = leaf()
    base = torch.zeros(2, 2)
    base[0] = x[:2]
    base[1].add_(x[2:] * 2)
    assert base.requires_grad
    base.sum().backward()
    assert close(x.grad, [1.0, 1.0, 2.0, 2.0])


def test_the_overwritten_part_gets_no_gradient():
    x = leaf()
    y = x * 1
    y[1] = 0.0
    y.sum().backward()
    assert close(x.grad, [1.0, 0.0, 1.0, 1.0])


def test_setitem_gives_a_gradient_to_the_value():
    x, w = leaf(), torch.tensor(5.0, requires_grad=True)
    y = x.clone()
    y[1:3] = w
    (y * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert close(x.grad, [1.0, 0.0, 0.0, 4.0]) and close(w.grad, 5.0)


def test_setitem_with_an_index_tensor_and_a_mask():
    x, w = leaf(), torch.tensor([7.0, 8.0], requires_grad=True)
    y = x.clone()
    y[torch.tensor([0, 3])] = w
    y.sum().backward()
    assert close(x.grad, [0.0, 1.0, 1.0, 0.0]) and close(w.grad, [1.0, 1.0])
    z = leaf()
    u = z.clone()
    u[z > 2] = 0.0
    u.sum().backward()
    assert close(z.grad, [1.0, 1.0, 0.0, 0.0])


def test_zero_and_fill_cut_the_gradient():
    for change in (lambda y: y.zero_(), lambda y: y.fill_(3.0)):
        x = leaf()
        y = x.clone()
        change(y)
        assert y.requires_grad
        y.sum().backward()
        assert close(x.grad, [0.0] * 4)


def test_copy_moves_the_gradient_to_its_source():
    x = leaf()
    source = torch.tensor(2.0, requires_grad=True)
    y = x.clone()
    y.copy_(source)
    y.sum().backward()
    assert close(x.grad, [0.0] * 4) and source.grad.shape == () and close(source.grad, 4.0)


@pytest.mark.parametrize(
    "cut, name",
    [
        (lambda y: y.unbind(0), "Unbind"),
        (lambda y: y.split(2), "Split"),
        (lambda y: y.chunk(2), "Split"),
        (lambda y: y.split([1, 3]), "SplitWithSizes"),
    ],
)
def test_one_of_many_views_must_not_be_changed(cut, name):
    parts = cut(leaf().clone())
    with raises(RuntimeError, f"Output 0 of {name} is a view and is being modified inplace."):
        parts[0].mul_(2)


def test_one_of_many_views_of_a_plain_tensor_may_be_changed():
    x = torch.ones(4)
    first, _ = x.split(2)
    first.mul_(2)
    assert close(x, [2.0, 2.0, 1.0, 1.0])


def test_a_view_made_under_no_grad_must_not_be_changed_outside():
    words = "A view was created in no_grad mode and is being modified inplace with grad mode enabled."
    x = leaf()
    y = x.clone()
    with torch.no_grad():
        of_leaf, of_result = x[:2], y[:2]
        of_result.mul_(1)
    for view in (of_leaf, of_result):
        with raises(RuntimeError, words):
            view.mul_(2)


def test_a_view_of_a_function_must_not_follow_a_change_of_its_base():
    class Flat(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, g):
            return g

    y = leaf().clone()
    view = Flat.apply(y)
    y.add_(1)
    words = "Output 0 of Flat is a view and its base or another view of its base has been modified inplace."
    with raises(RuntimeError, words):
        _ = view.grad_fn


def test_a_loop_that_fills_a_buffer():
    x = leaf()
    rows = torch.zeros(3, 4)
    state = x
    for index in range(3):
        state = state * 2
        rows[index] = state
    rows.sum().backward()
    assert close(x.grad, [14.0] * 4)


def test_in_place_relu_after_what_saves_nothing():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = (x * 3).relu_()
    y.sum().backward()
    assert close(x.grad, [0.0, 3.0])


def test_transposing_in_place_keeps_history():
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 1
    y.t_()
    assert y.shape == (3, 2)
    (y * torch.arange(6.0).view(3, 2)).sum().backward()
    assert close(x.grad, [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]])


def test_in_place_changes_have_second_derivatives():
    x = leaf()
    y = x.clone()
    y[:2].mul_(x[:2])
    (first,) = torch.autograd.grad((y * x).sum(), x, create_graph=True)
    assert close(first, [3.0, 12.0, 6.0, 8.0])
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [6.0, 12.0, 2.0, 2.0])
