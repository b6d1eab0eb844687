"""Leaves: who records, who is a leaf, what `.grad`, `.data`, `detach` and `retain_grad` promise."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises, warns


def test_a_fresh_tensor_is_a_leaf_that_records_nothing():
    x = torch.ones(3)
    assert x.is_leaf and not x.requires_grad
    assert x.grad is None and x.grad_fn is None


def test_a_tensor_that_requires_grad_has_no_grad_fn():
    x = torch.ones(3, requires_grad=True)
    assert x.is_leaf and x.requires_grad
    assert x.grad_fn is None and x.output_nr == 0


def test_a_result_inherits_requires_grad():
    x = torch.ones(3, requires_grad=True)
    y = torch.ones(3)
    assert (x * y).requires_grad and not (x * y).is_leaf
    assert not (y * y).requires_grad and (y * y).is_leaf
    assert (x * y).grad_fn is not None and (y * y).grad_fn is None


def test_requires_grad_underscore_returns_the_tensor_itself():
    x = torch.ones(2)
    assert x.requires_grad_() is x and x.requires_grad
    assert x.requires_grad_(False) is x and not x.requires_grad


def test_requires_grad_can_be_assigned_on_a_leaf():
    x = torch.ones(2)
    x.requires_grad = True
    assert (x * 2).requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_requires_grad_underscore_true_on_a_result_is_allowed_but_assigning_is_not():
    y = torch.ones(2, requires_grad=True) * 2
    assert y.requires_grad_(True) is y
    with raises(RuntimeError, "you can only change requires_grad flags of leaf variables."):
        y.requires_grad = True


def test_clearing_requires_grad_on_a_result_fails():
    y = torch.ones(2, requires_grad=True) * 2
    with raises(RuntimeError, "you can only change requires_grad flags of leaf variables."):
        y.requires_grad = False
    with raises(RuntimeError, "you can only change requires_grad flags of leaf variables."):
        y.requires_grad_(False)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_integers_cannot_require_grad(dtype):
    x = torch.ones(2).to(getattr(torch, dtype))
    words = "only Tensors of floating point"
    with raises(RuntimeError, words):
        x.requires_grad_()
    with raises(RuntimeError, words):
        x.requires_grad = True
    x.requires_grad = False


def test_creating_integers_that_require_grad_fails():
    with raises(RuntimeError, "Only Tensors of floating point and complex dtype can require gradients"):
        torch.tensor([1, 2], requires_grad=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
def test_floating_and_complex_tensors_may_require_grad(dtype):
    assert torch.zeros(2, dtype=getattr(torch, dtype), requires_grad=True).requires_grad


def test_integer_results_of_recorded_inputs_do_not_record():
    x = torch.tensor([1.0, 3.0, 2.0], requires_grad=True)
    assert not x.argmax().requires_grad
    assert not (x > 1).requires_grad
    assert not x.long().requires_grad
    assert not x.max(0).indices.requires_grad and x.max(0).values.requires_grad


def test_detach_shares_memory_and_records_nothing():
    x = torch.ones(2, requires_grad=True)
    y = (x * 2).detach()
    assert y.is_leaf and not y.requires_grad and y.grad_fn is None
    d = x.detach()
    assert d.data_ptr() == x.data_ptr()
    d[0] = 5.0
    assert close(x, [5.0, 1.0])


def test_detach_underscore_cuts_in_place():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf and not y.requires_grad and y.grad_fn is None


def test_detach_underscore_makes_a_leaf_forget_requires_grad():
    x = torch.ones(2, requires_grad=True)
    x.detach_()
    assert not x.requires_grad


def test_detach_underscore_on_a_view_fails():
    y = (torch.ones(4, requires_grad=True) * 2)[:2]
    with raises(RuntimeError, "Can't detach views in-place. Use detach() instead."):
        y.detach_()


def test_data_is_a_detached_alias():
    x = torch.ones(2, requires_grad=True)
    d = x.data
    assert not d.requires_grad and d.data_ptr() == x.data_ptr()
    d.mul_(3)
    assert close(x, [3.0, 3.0])


def test_data_can_be_replaced():
    x = torch.ones(2, requires_grad=True)
    x.data = torch.tensor([7.0, 8.0, 9.0])
    assert x.requires_grad and x.is_leaf and x.shape == (3,)
    (x * 2).sum().backward()
    assert close(x.grad, [2.0, 2.0, 2.0])


def test_only_leaves_receive_grad():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.sum().backward()
    assert close(x.grad, [2.0, 2.0])
    with warns(UserWarning, "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed."):
        assert y.grad is None


def test_retain_grad_keeps_the_gradient_of_a_result():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * 3).sum().backward()
    assert close(y.grad, [3.0, 3.0])


def test_retain_grad_does_not_change_a_leaf():
    x = torch.ones(2, requires_grad=True)
    x.retain_grad()
    assert not x.retains_grad
    (x * 2).sum().backward()
    assert close(x.grad, [2.0, 2.0])


def test_retain_grad_needs_requires_grad():
    with raises(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"):
        torch.ones(2).retain_grad()


def test_retained_grads_accumulate():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    z = y.sum()
    z.backward(retain_graph=True)
    z.backward()
    assert close(y.grad, [2.0, 2.0])


def test_output_nr_counts_the_outputs_of_one_node():
    x = torch.ones(4, requires_grad=True)
    a, b = x.split(2)
    assert a.grad_fn is not None and [a.output_nr, b.output_nr] == [0, 1]
    parts = x.unbind(0)
    assert [part.output_nr for part in parts] == [0, 1, 2, 3]


def test_grad_fn_is_the_same_object_while_it_lives():
    y = torch.ones(2, requires_grad=True) * 2
    assert y.grad_fn is y.grad_fn


def test_leaves_made_without_grad_mode_keep_their_flag():
    with torch.no_grad():
        x = torch.ones(2, requires_grad=True)
    assert x.requires_grad and x.is_leaf


def test_a_leaf_stays_a_leaf_under_no_grad():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        y = x * 2
        x.add_(1)
    assert y.is_leaf and not y.requires_grad
    assert x.is_leaf and x.requires_grad


def test_clone_records_and_keeps_values():
    x = torch.ones(2, requires_grad=True)
    y = x.clone()
    assert not y.is_leaf and y.data_ptr() != x.data_ptr()
    y.sum().backward()
    assert close(x.grad, [1.0, 1.0])


def test_new_tensors_made_from_a_recorded_one_record_nothing():
    x = torch.ones(2, requires_grad=True)
    for made in (torch.zeros_like(x), torch.ones_like(x), x.new_zeros(2), x.new_tensor([1.0])):
        assert made.is_leaf and not made.requires_grad
    assert torch.zeros_like(x, requires_grad=True).requires_grad


def test_numpy_of_a_recorded_tensor_fails():
    with raises(RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."):
        torch.ones(2, requires_grad=True).numpy()


def test_item_and_tolist_work_on_recorded_tensors():
    assert torch.tensor(2.0, requires_grad=True).item() == 2.0
    assert torch.tensor([2.0], requires_grad=True).tolist() == [2.0]


def test_grad_can_be_set_and_cleared():
    x = torch.ones(2, requires_grad=True)
    g = torch.tensor([1.0, 2.0])
    x.grad = g
    assert x.grad is g
    x.grad = None
    assert x.grad is None
    x.grad = g
    del x.grad
    assert x.grad is None


def test_grad_must_be_a_tensor():
    x = torch.ones(2, requires_grad=True)
    with raises(TypeError, "assigned grad expected to be a Tensor or None but got grad of type"):
        x.grad = 3.0


def test_grad_must_be_another_tensor():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "can't assign Variable as its own grad"):
        x.grad = x


def test_grad_must_have_the_shape_of_its_tensor():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'"):
        x.grad = torch.ones(3)


def test_grad_must_have_the_dtype_of_its_tensor():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "attempting to assign a gradient with dtype"):
        x.grad = torch.ones(2, dtype=torch.float64)


def test_grad_may_be_set_on_a_tensor_that_does_not_record():
    x = torch.ones(2)
    x.grad = torch.ones(2)
    assert close(x.grad, [1.0, 1.0])


def test_item_of_many_elements_fails():
    with raises(RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"):
        torch.ones(2, requires_grad=True).item()
