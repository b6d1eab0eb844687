"""Accumulation: how gradients arrive in `.grad` and what they share."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def test_the_first_backward_fills_and_the_second_adds():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert close(x.grad, [2.0, 4.0])
    (x * x).sum().backward()
    assert close(x.grad, [4.0, 8.0])


def test_accumulation_writes_into_the_same_tensor():
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    first = x.grad
    (x * 2).sum().backward()
    assert x.grad is first and close(first, [4.0, 4.0])


@pytest.mark.filterwarnings("ignore:Using backward")
def test_accumulation_with_create_graph_makes_a_new_tensor():
    x = torch.ones(2, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (x * x).sum().backward(create_graph=True)
    assert x.grad is not first
    assert close(first, [2.0, 2.0]) and close(x.grad, [4.0, 4.0])


def test_a_tensor_used_twice_collects_both_paths():
    x = torch.tensor(3.0, requires_grad=True)
    (x * x + 2 * x + x).backward()
    assert close(x.grad, 9.0)


def test_a_tensor_used_as_both_operands():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x + x).sum().backward()
    assert close(x.grad, [2.0, 2.0])
    y = torch.tensor([1.0, 2.0], requires_grad=True)
    (y - y).sum().backward()
    assert close(y.grad, [0.0, 0.0])


def test_an_unreached_leaf_has_grad_none():
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(2, requires_grad=True)
    x.sum().backward()
    assert y.grad is None


def test_a_path_of_zero_slope_gives_zeros_not_none():
    x = torch.ones(2, requires_grad=True)
    (x * 0).sum().backward()
    assert close(x.grad, [0.0, 0.0])


def test_a_detached_path_gives_none():
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(2, requires_grad=True)
    (x.detach() * y).sum().backward()
    assert x.grad is None and y.grad is not None


def test_one_unused_output_counts_as_zero():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    first, _ = x.split(2)
    first.sum().backward()
    assert close(x.grad, [1.0, 1.0, 0.0, 0.0])


def test_two_leaves_never_share_one_gradient():
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(2, requires_grad=True)
    (x + y).backward(torch.ones(2))
    x.grad.mul_(5)
    assert close(y.grad, [1.0, 1.0])


def test_the_gradient_handed_in_is_not_changed_by_later_accumulation():
    x = torch.ones(2, requires_grad=True)
    given = torch.ones(2)
    y = x.clone()
    y.backward(given)
    (x * 2).sum().backward()
    assert close(given, [1.0, 1.0]) and close(x.grad, [3.0, 3.0])


def test_the_gradient_of_an_expansion_is_summed():
    x = torch.tensor([2.0], requires_grad=True)
    (x * torch.ones(3)).sum().backward()
    assert x.grad.shape == (1,) and close(x.grad, [3.0])
    y = torch.tensor(2.0, requires_grad=True)
    (y + torch.ones(2, 2)).sum().backward()
    assert y.grad.shape == () and close(y.grad, 4.0)
    z = torch.ones(2, 1, requires_grad=True)
    (z * torch.ones(3, 2, 4)).sum().backward()
    assert z.grad.shape == (2, 1) and close(z.grad, [[12.0], [12.0]])


def test_the_gradient_has_the_dtype_of_its_leaf():
    x = torch.ones(2, requires_grad=True)
    (x.double() * torch.ones(2, dtype=torch.float64)).sum().backward()
    assert x.grad.dtype == torch.float32
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (y * torch.ones(2)).sum().backward()
    assert y.grad.dtype == torch.float64


def test_a_mixed_product_gives_each_leaf_its_own_dtype():
    x = torch.ones(2, dtype=torch.float16, requires_grad=True)
    y = torch.ones(2, dtype=torch.float32, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == torch.float16 and y.grad.dtype == torch.float32


def test_the_gradient_of_a_dense_leaf_follows_its_layout():
    x = torch.ones(2, 3).t().requires_grad_()
    assert x.stride() == (1, 3)
    (x * torch.ones(3, 2)).sum().backward()
    assert x.grad.stride() == x.stride()


def test_the_gradient_of_an_expanded_leaf_is_dense():
    x = torch.ones(1).expand(4).requires_grad_()
    x.sum().backward()
    assert close(x.grad, [1.0] * 4)
    x.grad[0] = 7.0
    assert close(x.grad, [7.0, 1.0, 1.0, 1.0])


def test_the_gradient_of_a_sum_can_be_written_to():
    x = torch.ones(3, requires_grad=True)
    x.sum().backward()
    x.grad[0] = 5.0
    assert close(x.grad, [5.0, 1.0, 1.0])


def test_a_gradient_set_by_hand_is_added_to():
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.tensor([10.0, 20.0])
    given = x.grad
    (x * 2).sum().backward()
    assert x.grad is given and close(given, [12.0, 22.0])


def test_gradients_do_not_record_without_create_graph():
    x = torch.ones(2, requires_grad=True)
    (x * x).sum().backward()
    assert not x.grad.requires_grad and x.grad.is_leaf


@pytest.mark.filterwarnings("ignore:Using backward")
def test_gradients_record_with_create_graph():
    x = torch.ones(2, requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad and x.grad.grad_fn is not None


def test_a_gradient_zeroed_in_place_starts_again():
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    x.grad.zero_()
    (x * 3).sum().backward()
    assert close(x.grad, [3.0, 3.0])


def test_empty_tensors_have_empty_gradients():
    x = torch.ones(0, requires_grad=True)
    x.sum().backward()
    assert x.grad.shape == (0,)


def test_a_diamond_is_summed_before_it_goes_on():
    x = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 2 + y * 5).backward()
    assert seen == [7.0] and close(x.grad, 21.0)


def test_a_leaf_that_stopped_requiring_grad_gets_nothing_new():
    x = torch.ones(2, requires_grad=True)
    w = torch.ones(2, requires_grad=True)
    y = (x * w).sum()
    x.requires_grad_(False)
    y.backward()
    assert close(w.grad, [1.0, 1.0])
    with raises(RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"):
        (x * 2).sum().backward()
