"""`backward`: the gradient handed in, roots, freed graphs, chosen inputs, deep graphs."""

import gc

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises

FREED = "Trying to backward through the graph a second time"
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"


def chain(x, length):
    for _ in range(length):
        x = x + 0.0
    return x


def test_a_scalar_needs_no_gradient():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert (x * 3).sum().backward() is None
    assert close(x.grad, [3.0, 3.0])


def test_one_element_of_any_rank_needs_no_gradient():
    x = torch.tensor([[2.0]], requires_grad=True)
    (x * x).backward()
    assert close(x.grad, [[4.0]])


def test_many_elements_need_a_gradient():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()


def test_the_gradient_weighs_the_outputs():
    x = torch.ones(2, requires_grad=True)
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert close(x.grad, [2.0, 20.0])
    (x * 2).backward(gradient=torch.ones(2))
    assert close(x.grad, [4.0, 22.0])


def test_a_gradient_of_another_shape_fails():
    x = torch.ones(2, 3, requires_grad=True)
    words = "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size("
    with raises(RuntimeError, words):
        (x * 2).backward(torch.ones(3))


def test_a_gradient_of_another_kind_fails():
    x = torch.ones(2, requires_grad=True)
    with raises(TypeError, "gradients can be either Tensors or None, but got"):
        (x * 2).backward(gradient=[1.0, 1.0])


def test_a_complex_gradient_for_a_real_output_fails():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "For complex Tensors, both grad_output and output are required to have the same dtype."):
        (x * 2).backward(torch.ones(2, dtype=torch.complex64))


def test_a_gradient_of_another_precision_is_taken():
    x = torch.ones(2, requires_grad=True)
    (x * 2).backward(torch.ones(2, dtype=torch.float64))
    assert x.grad.dtype == torch.float32 and close(x.grad, [2.0, 2.0])


def test_a_tensor_without_history_fails():
    with raises(RuntimeError, NO_GRAPH):
        torch.ones(()).backward()


def test_backward_on_a_leaf_fills_its_own_grad():
    x = torch.tensor(2.0, requires_grad=True)
    x.backward()
    x.backward()
    assert close(x.grad, 2.0)


def test_a_second_backward_through_saved_values_fails():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    with raises(RuntimeError, FREED):
        y.backward()


def test_a_second_backward_where_nothing_was_saved_is_allowed():
    x = torch.ones(2, requires_grad=True)
    y = x.sum()
    y.backward()
    y.backward()
    assert close(x.grad, [2.0, 2.0])


def test_retain_graph_allows_another_backward():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert close(x.grad, [4.0, 4.0])
    with raises(RuntimeError, FREED):
        y.backward()


@pytest.mark.filterwarnings("ignore:Using backward")
def test_create_graph_implies_retain_graph():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward(create_graph=True)
    y.backward()
    assert close(x.grad, [4.0, 4.0])


def test_two_roots_over_one_shared_part():
    x = torch.ones(2, requires_grad=True)
    shared = x.exp()
    first, second = shared.sum(), (shared * 2).sum()
    first.backward()
    with raises(RuntimeError, FREED):
        second.backward()


def test_inputs_limits_what_is_filled():
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(2, requires_grad=True)
    (x * y).sum().backward(inputs=[x])
    assert close(x.grad, [1.0, 1.0]) and y.grad is None
    (x * y).sum().backward(inputs=y)
    assert close(y.grad, [1.0, 1.0]) and close(x.grad, [1.0, 1.0])


def test_inputs_may_name_a_result():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    (y * 3).sum().backward(inputs=[y])
    assert close(y.grad, [3.0, 3.0]) and x.grad is None


def test_inputs_must_not_be_empty():
    x = torch.ones((), requires_grad=True)
    with raises(RuntimeError, "`inputs` argument to `backward()` cannot be empty."):
        (x * 2).backward(inputs=[])


def test_inputs_must_require_grad():
    x = torch.ones((), requires_grad=True)
    with raises(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"):
        (x * 2).backward(inputs=[torch.ones(())])


def test_several_roots_are_summed():
    x = torch.ones(2, requires_grad=True)
    torch.autograd.backward([x.sum(), (x * 2).sum()])
    assert close(x.grad, [3.0, 3.0])


def test_several_roots_with_their_gradients():
    x = torch.ones(2, requires_grad=True)
    torch.autograd.backward([x * 2, x.sum()], grad_tensors=[torch.tensor([1.0, 2.0]), None])
    assert close(x.grad, [3.0, 5.0])
    y = torch.ones(2, requires_grad=True)
    torch.autograd.backward(y * 2, torch.ones(2))
    assert close(y.grad, [2.0, 2.0])


def test_roots_and_gradients_must_be_equally_many():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "got 2 tensors and 1 gradients"):
        torch.autograd.backward([x.sum(), x.sum()], [torch.ones(())])


def test_one_root_without_history_among_several_fails():
    x = torch.ones((), requires_grad=True)
    with raises(RuntimeError, "element 1 of tensors does not require grad and does not have a grad_fn"):
        torch.autograd.backward([x * 2, torch.ones(())])


def test_the_same_root_twice_counts_twice():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    torch.autograd.backward([y, y])
    assert close(x.grad, 12.0)


def test_a_root_inside_the_graph_of_another():
    x = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    torch.autograd.backward([y * y, y])
    assert close(x.grad, 39.0)


def test_backward_runs_under_no_grad():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    assert close(x.grad, [2.0, 2.0])


def test_backward_inside_a_hook_of_another_backward():
    x = torch.tensor(2.0, requires_grad=True)
    inner = torch.tensor(5.0, requires_grad=True)
    y = x * 3

    def hook(grad):
        assert not torch.is_grad_enabled()
        with torch.enable_grad():
            (inner * inner).backward()

    y.register_hook(hook)
    y.backward()
    assert close(inner.grad, 10.0) and close(x.grad, 3.0)


def test_a_deep_graph_needs_no_recursion():
    x = torch.ones((), requires_grad=True)
    y = chain(x, 120_000)
    y.backward()
    assert close(x.grad, 1.0)
    del y
    gc.collect()


def test_a_deep_graph_dies_without_recursion():
    x = torch.ones((), requires_grad=True)
    y = chain(x, 120_000)
    del y
    assert close(x, 1.0)


def test_a_wide_graph_collects_every_path():
    x = torch.ones((), requires_grad=True)
    total = torch.zeros(())
    for _ in range(3000):
        total = total + x * 2
    total.backward()
    assert close(x.grad, 6000.0)


def test_a_ladder_of_diamonds_takes_linear_time():
    x = torch.ones((), requires_grad=True)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert close(x.grad, 1.0)


def test_an_error_in_a_rule_leaves_the_leaf_without_gradient():
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            raise ArithmeticError("the rule is broken")

    x = torch.ones(2, requires_grad=True)
    with raises(ArithmeticError, "the rule is broken"):
        Broken.apply(x).sum().backward()
    assert x.grad is None
