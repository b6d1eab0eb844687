"""`autograd.grad`: outputs, inputs and every option."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises

UNUSED = "The differentiated Tensor at index 1 appears to not have been used in the graph."


def pair():
    return torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)


def test_it_returns_a_tuple_and_fills_nothing():
    x, y = pair()
    found = torch.autograd.grad((x * y).sum(), (x, y))
    assert isinstance(found, tuple) and len(found) == 2
    assert close(found[0], [3.0, 4.0]) and close(found[1], [1.0, 2.0])
    assert x.grad is None and y.grad is None


def test_one_input_still_gives_a_tuple():
    x, _ = pair()
    found = torch.autograd.grad((x * x).sum(), x)
    assert isinstance(found, tuple) and close(found[0], [2.0, 4.0])


def test_the_same_input_named_twice():
    x, _ = pair()
    first, second = torch.autograd.grad((x * x).sum(), [x, x])
    assert close(first, [2.0, 4.0]) and close(second, [2.0, 4.0])


def test_a_result_may_be_an_input():
    x, _ = pair()
    y = x * 2
    z = (y * y).sum()
    to_y, to_x = torch.autograd.grad(z, (y, x))
    assert close(to_y, [4.0, 8.0]) and close(to_x, [8.0, 16.0])


def test_the_output_itself_may_be_an_input():
    x, _ = pair()
    y = (x * x).sum()
    assert close(torch.autograd.grad(y, y)[0], 1.0)


def test_several_outputs_are_summed():
    x, y = pair()
    (found,) = torch.autograd.grad([(x * y).sum(), x.sum()], [x])
    assert close(found, [4.0, 5.0])


def test_grad_outputs_weigh_the_outputs():
    x, _ = pair()
    (found,) = torch.autograd.grad(x * x, x, grad_outputs=torch.tensor([1.0, 10.0]))
    assert close(found, [2.0, 40.0])
    (found,) = torch.autograd.grad([x * x], [x], [torch.tensor([1.0, 10.0])])
    assert close(found, [2.0, 40.0])
    (found,) = torch.autograd.grad([x * x, x.sum()], [x], [torch.ones(2), None])
    assert close(found, [3.0, 5.0])


def test_grad_outputs_of_another_shape_fail():
    x, _ = pair()
    with raises(RuntimeError, "Mismatch in shape: grad_output[0] has a shape of"):
        torch.autograd.grad(x * x, x, torch.ones(3))


def test_grad_outputs_of_another_number_fail():
    x, _ = pair()
    with raises(RuntimeError, "got 2 tensors and 1 gradients"):
        torch.autograd.grad([x.sum(), x.sum()], x, [torch.ones(())])


def test_a_vector_output_needs_grad_outputs():
    x, _ = pair()
    with raises(RuntimeError, "grad can be implicitly created only for scalar outputs"):
        torch.autograd.grad(x * x, x)


def test_an_unused_input_fails():
    x, y = pair()
    with raises(RuntimeError, UNUSED):
        torch.autograd.grad(x.sum(), [x, y])


def test_allow_unused_gives_none():
    x, y = pair()
    found = torch.autograd.grad(x.sum(), [x, y], allow_unused=True)
    assert close(found[0], [1.0, 1.0]) and found[1] is None


def test_materialize_grads_gives_zeros():
    x, y = pair()
    found = torch.autograd.grad(x.sum(), [x, y], materialize_grads=True)
    assert close(found[1], [0.0, 0.0]) and found[1].shape == y.shape


def test_materialize_grads_contradicts_allow_unused_false():
    x, y = pair()
    with raises(ValueError, "Expected allow_unused to be True or not passed when materialize_grads=True"):
        torch.autograd.grad(x.sum(), [x, y], allow_unused=False, materialize_grads=True)


def test_an_input_that_requires_no_grad_fails():
    x, _ = pair()
    with raises(RuntimeError, "One of the differentiated Tensors does not require grad"):
        torch.autograd.grad(x.sum(), torch.ones(2))
    with raises(RuntimeError, "One of the differentiated Tensors does not require grad"):
        torch.autograd.grad(x.sum(), torch.ones(2), allow_unused=True)


def test_an_output_without_history_fails():
    x, _ = pair()
    with raises(RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"):
        torch.autograd.grad(torch.ones(()), x)


def test_the_inputs_must_not_be_empty():
    x, _ = pair()
    with raises(RuntimeError, "`inputs` argument to `grad()` cannot be empty."):
        torch.autograd.grad(x.sum(), [])


def test_the_graph_is_freed_unless_retained():
    x, _ = pair()
    y = (x * x).sum()
    torch.autograd.grad(y, x, retain_graph=True)
    torch.autograd.grad(y, x)
    with raises(RuntimeError, "Trying to backward through the graph a second time"):
        torch.autograd.grad(y, x)


def test_only_the_part_that_was_needed_is_freed():
    x, y = pair()
    first, second = x.exp(), y.exp()
    z = (first + second).sum()
    torch.autograd.grad(z, x)
    (found,) = torch.autograd.grad(z, y)
    assert close(found, second.tolist())


def test_create_graph_records_the_gradient():
    x, _ = pair()
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    assert first.requires_grad
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [6.0, 12.0]) and not second.requires_grad


def test_a_constant_gradient_does_not_record():
    x, _ = pair()
    (first,) = torch.autograd.grad(x.sum(), x, create_graph=True)
    assert not first.requires_grad
    with raises(RuntimeError, "element 0 of tensors does not require grad"):
        torch.autograd.grad(first.sum(), x)


def test_create_graph_may_free_the_graph_when_asked():
    x, _ = pair()
    y = (x**3).sum()
    torch.autograd.grad(y, x, create_graph=True, retain_graph=False)
    with raises(RuntimeError, "Trying to backward through the graph a second time"):
        torch.autograd.grad(y, x)


def test_batched_grad_outputs_give_rows_of_the_jacobian():
    x, _ = pair()
    (rows,) = torch.autograd.grad(x * x, x, torch.eye(2), is_grads_batched=True)
    assert close(rows, [[2.0, 0.0], [0.0, 4.0]])


def test_batched_grad_outputs_through_a_matrix_product():
    torch.manual_seed(0)
    w = torch.randn(3, 2, requires_grad=True)
    x, _ = pair()
    y = (w @ x).tanh()
    rows = torch.autograd.grad(y, (w, x), torch.eye(3), is_grads_batched=True, retain_graph=True)
    assert rows[0].shape == (3, 3, 2) and rows[1].shape == (3, 2)
    for index in range(3):
        one = torch.autograd.grad(y, (w, x), torch.eye(3)[index], retain_graph=True)
        assert close(rows[0][index], one[0].tolist()) and close(rows[1][index], one[1].tolist())


def test_batched_grad_outputs_must_match_behind_the_batch():
    x, _ = pair()
    with raises(RuntimeError, "If `is_grads_batched=True`, we interpret the first dimension"):
        torch.autograd.grad(x * x, x, torch.ones(2), is_grads_batched=True)


def test_inputs_may_be_a_dictionary():
    x, y = pair()
    found = torch.autograd.grad((x * y).sum(), {"left": x, "right": y})
    assert list(found) == ["left", "right"]
    assert close(found["left"], [3.0, 4.0]) and close(found["right"], [1.0, 2.0])


def test_only_inputs_is_deprecated():
    x, _ = pair()
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        torch.autograd.grad(x.sum(), x, only_inputs=False)


def test_hooks_of_the_input_see_and_change_its_gradient():
    x, _ = pair()
    x.register_hook(lambda g: g * 10)
    (found,) = torch.autograd.grad(x.sum(), x)
    assert close(found, [10.0, 10.0])


def test_it_runs_under_no_grad():
    x, _ = pair()
    y = (x * x).sum()
    with torch.no_grad():
        (found,) = torch.autograd.grad(y, x)
    assert close(found, [2.0, 4.0])


def test_the_gradient_keeps_shape_and_dtype_of_its_input():
    x = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad((x * torch.ones(3)).sum(), x)
    assert found.shape == (2, 1) and found.dtype == torch.float64


def test_a_gradient_penalty_reaches_the_weights():
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    x = torch.tensor([1.0, 1.0], requires_grad=True)
    (slope,) = torch.autograd.grad((w * x * x).sum(), x, create_graph=True)
    (slope * slope).sum().backward()
    assert close(w.grad, [16.0, 24.0])


def test_outputs_that_are_no_tensors_fail():
    x, _ = pair()
    with pytest.raises((TypeError, AttributeError)):
        torch.autograd.grad(3.0, x)
