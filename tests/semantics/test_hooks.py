"""Hooks: on tensors, on nodes, after accumulation, on several tensors; their order and their errors."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def leaf():
    return torch.tensor([1.0, 2.0], requires_grad=True)


def test_a_hook_sees_the_gradient():
    x = leaf()
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 3).sum().backward()
    assert seen == [[3.0, 3.0]] and close(x.grad, [3.0, 3.0])


def test_a_hook_may_replace_the_gradient():
    x = leaf()
    x.register_hook(lambda g: g * 10)
    (x * 3).sum().backward()
    assert close(x.grad, [30.0, 30.0])


def test_hooks_run_in_order_each_on_the_result_of_the_one_before():
    x = leaf()
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 2)
    x.sum().backward()
    assert close(x.grad, [4.0, 4.0])


def test_a_removed_hook_does_not_run():
    x = leaf()
    handle = x.register_hook(lambda g: g * 10)
    x.sum().backward()
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert close(x.grad, [11.0, 11.0])


def test_a_handle_may_guard_a_block():
    x = leaf()
    with x.register_hook(lambda g: g * 10):
        x.sum().backward()
    x.sum().backward()
    assert close(x.grad, [11.0, 11.0])


def test_a_hook_on_a_leaf_sees_each_backward_not_the_total():
    x = leaf()
    seen = []
    x.register_hook(lambda g: seen.append(g[0].item()))
    x.sum().backward()
    (x * 5).sum().backward()
    assert seen == [1.0, 5.0] and close(x.grad, [6.0, 6.0])


def test_a_hook_on_a_result_sees_the_collected_gradient_once():
    x = leaf()
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y.sum() + (y * 2).sum()).backward()
    assert seen == [[3.0, 3.0]]


def test_a_hook_on_a_result_changes_what_flows_on():
    x = leaf()
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert close(x.grad, [20.0, 20.0])


def test_a_hook_does_not_run_if_its_tensor_is_not_reached():
    x, y = leaf(), leaf()
    seen = []
    y.register_hook(seen.append)
    x.sum().backward()
    assert seen == []


def test_a_hook_registered_before_an_in_place_operation_sees_the_old_value():
    x = leaf()
    y = x * 1
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    (y * 2).sum().backward()
    assert seen == [("after", [2.0, 2.0]), ("before", [6.0, 6.0])]


def test_retained_gradients_are_taken_after_the_hooks():
    x = leaf()
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert close(y.grad, [10.0, 10.0])


def test_retained_gradients_follow_the_tensor_through_in_place_operations():
    x = leaf()
    y = x * 1
    y.retain_grad()
    y.mul_(3)
    (y * 2).sum().backward()
    assert close(y.grad, [2.0, 2.0]) and close(x.grad, [6.0, 6.0])


def test_hooks_need_requires_grad():
    with raises(RuntimeError, "cannot register a hook on a tensor that doesn't require gradient"):
        torch.ones(2).register_hook(lambda g: None)


def test_a_hook_that_returns_no_tensor_fails():
    x = leaf()
    x.register_hook(lambda g: 3.0)
    with raises(TypeError, "expected Variable, but hook returned 'float'"):
        x.sum().backward()


def test_a_hook_that_changes_the_shape_fails():
    x = leaf()
    x.register_hook(lambda g: g.sum())
    with raises(RuntimeError, "hook '"):
        x.sum().backward()


def test_a_hook_that_changes_the_dtype_fails():
    x = leaf()
    x.register_hook(lambda g: g.double())
    with raises(RuntimeError, "hook '"):
        x.sum().backward()


def test_an_exception_in_a_hook_reaches_the_caller():
    x = leaf()

    def hook(g):
        raise ArithmeticError("in the hook")

    x.register_hook(hook)
    with raises(ArithmeticError, "in the hook"):
        x.sum().backward()


def test_a_hook_registered_after_backward_has_no_effect_on_what_was():
    x = leaf()
    x.sum().backward()
    x.register_hook(lambda g: g * 10)
    assert close(x.grad, [1.0, 1.0])


def test_hooks_on_both_ends_of_a_diamond_run_from_the_root():
    x = leaf()
    order = []
    y = x * 2
    z = y * 3
    for name, tensor in (("x", x), ("y", y), ("z", z)):
        tensor.register_hook(lambda g, name=name: order.append(name))
    z.sum().backward()
    assert order == ["z", "y", "x"]


def test_post_accumulate_hook_runs_when_grad_is_ready():
    x = leaf()
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert seen == [(True, [3.0, 3.0]), (True, [6.0, 6.0])]


def test_post_accumulate_hook_runs_after_tensor_hooks():
    x = leaf()
    order = []
    x.register_post_accumulate_grad_hook(lambda t: order.append("post"))
    x.register_hook(lambda g: order.append("pre"))
    x.sum().backward()
    assert order == ["pre", "post"]


def test_post_accumulate_hook_may_clear_the_gradient():
    x = leaf()

    def step(t):
        with torch.no_grad():
            t.sub_(t.grad)
        t.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    x.sum().backward()
    assert x.grad is None and close(x, [0.0, 1.0])
    handle.remove()
    x.sum().backward()
    assert close(x.grad, [1.0, 1.0])


def test_post_accumulate_hook_needs_a_leaf():
    with raises(RuntimeError, "post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (leaf() * 2).register_post_accumulate_grad_hook(lambda t: None)
    with raises(RuntimeError, "cannot register a hook on a tensor that doesn't require gradient"):
        torch.ones(2).register_post_accumulate_grad_hook(lambda t: None)


def test_post_accumulate_hook_does_not_run_in_autograd_grad():
    x = leaf()
    seen = []
    x.register_post_accumulate_grad_hook(seen.append)
    torch.autograd.grad(x.sum(), x)
    assert seen == []


def test_a_node_hook_sees_both_sides():
    x = leaf()
    y = x * 3
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs[0].tolist(), outputs[0].tolist())))
    y.sum().backward()
    assert seen == [([3.0, 3.0], [1.0, 1.0])]


def test_a_node_hook_sees_none_for_inputs_without_gradient():
    x = leaf()
    y = x * torch.ones(2)
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append([g is None for g in inputs]))
    y.sum().backward()
    assert seen == [[False, True]]


def test_a_node_hook_may_replace_the_gradients_of_the_inputs():
    x = leaf()
    y = x.exp()
    y.grad_fn.register_hook(lambda inputs, outputs: (torch.zeros(2),))
    y.sum().backward()
    assert close(x.grad, [0.0, 0.0])


def test_a_node_prehook_may_replace_the_gradients_of_the_outputs():
    x = leaf()
    y = x * 3
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
    y.sum().backward()
    assert close(x.grad, [30.0, 30.0])


def test_node_hooks_can_be_removed():
    x = leaf()
    y = x.exp()
    handles = [
        y.grad_fn.register_hook(lambda inputs, outputs: (torch.zeros(2),)),
        y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,)),
    ]
    for handle in handles:
        handle.remove()
    y.sum().backward()
    assert close(x.grad, y.tolist())


def test_tensor_hooks_run_before_node_prehooks_and_hooks():
    x = leaf()
    y = x * 3
    order = []
    y.grad_fn.register_hook(lambda inputs, outputs: order.append("post"))
    y.grad_fn.register_prehook(lambda outputs: order.append("pre"))
    y.register_hook(lambda g: order.append("tensor"))
    y.sum().backward()
    assert order == ["tensor", "pre", "post"]


def test_a_node_hook_that_returns_the_wrong_number_fails():
    y = leaf().exp()
    y.grad_fn.register_hook(lambda inputs, outputs: (torch.zeros(2), torch.zeros(2)))
    with raises(RuntimeError, "hook '"):
        y.sum().backward()


def test_multi_grad_hook_runs_once_all_are_ready():
    x, y = leaf(), leaf()
    seen = []
    handle = torch.autograd.graph.register_multi_grad_hook(
        (x, y), lambda grads: seen.append([None if g is None else g.tolist() for g in grads])
    )
    (x * y).sum().backward()
    assert seen == [[[1.0, 2.0], [1.0, 2.0]]]
    x.sum().backward()
    assert seen[1:] == [[[1.0, 1.0], None]]
    handle.remove()
    x.sum().backward()
    assert len(seen) == 2


def test_multi_grad_hook_any_runs_on_the_first():
    x, y = leaf(), leaf()
    seen = []
    torch.autograd.graph.register_multi_grad_hook((x, y), lambda g: seen.append(g.tolist()), mode="any")
    (x * y).sum().backward()
    assert len(seen) == 1
    (x * 2).sum().backward()
    assert seen[1] == [2.0, 2.0]


def test_multi_grad_hook_knows_two_modes():
    with raises(ValueError, "Expects mode to be one of ('all', 'any') but got"):
        torch.autograd.graph.register_multi_grad_hook((leaf(),), lambda g: None, mode="some")


def test_multi_grad_hook_ignores_backward_elsewhere():
    x, y, z = leaf(), leaf(), leaf()
    seen = []
    torch.autograd.graph.register_multi_grad_hook((x, y), seen.append)
    z.sum().backward()
    assert seen == []


def test_the_same_tensor_hooked_while_it_dies_keeps_its_hook():
    x = leaf()
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    z = y.sum()
    del y
    z.backward()
    assert seen == [[1.0, 1.0]]


@pytest.mark.filterwarnings("ignore:Using backward")
def test_hooks_record_with_create_graph():
    x = leaf()
    y = x**2
    y.register_hook(lambda g: g * x)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert close(first, [2.0, 8.0])
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [4.0, 8.0])
