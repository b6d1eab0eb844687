"""The graph as its nodes show it: names, edges, saved values, gradient edges, hooks for what is saved."""

import weakref

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def leaf():
    return torch.tensor([1.0, 2.0], requires_grad=True)


def test_a_tensor_prints_the_name_of_its_node():
    x = leaf()
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 4.], grad_fn=<MulBackward0>)"
    assert repr(x.sum()) == "tensor(3., grad_fn=<SumBackward0>)"


def test_a_node_prints_its_name():
    assert repr(leaf().exp().grad_fn).startswith("<ExpBackward0 object at 0x")


def test_next_functions_lead_to_the_inputs():
    x = leaf()
    y = x.exp()
    z = y * torch.ones(2)
    assert z.grad_fn.next_functions == ((y.grad_fn, 0), (None, 0))
    ((accumulate, index),) = y.grad_fn.next_functions
    assert index == 0 and accumulate.name() == "torch::autograd::AccumulateGrad"
    assert type(accumulate).__name__ == "AccumulateGrad"
    assert accumulate.variable is x and accumulate.next_functions == ()


def test_next_functions_tell_which_output():
    first, second = leaf().split(1)
    node = second.exp().grad_fn
    assert node.next_functions[0][1] == 1 and node.next_functions[0][0] is first.grad_fn


def test_a_leaf_has_one_accumulate_node_while_it_is_used():
    x = leaf()
    y, z = x * 2, x * 3
    assert y.grad_fn.next_functions[0][0] is z.grad_fn.next_functions[0][0]


def test_nodes_carry_metadata_of_the_user():
    y = leaf().exp()
    assert y.grad_fn.metadata == {}
    y.grad_fn.metadata["where"] = "layer 3"
    assert y.grad_fn.metadata["where"] == "layer 3"


def test_nodes_are_instances_of_the_public_node():
    Node = torch.autograd.graph.Node
    y = leaf().exp()
    assert isinstance(y.grad_fn, Node) and isinstance(y.grad_fn.next_functions[0][0], Node)
    with pytest.raises(TypeError):
        Node()


def test_sequence_numbers_grow():
    x = leaf()
    first = x.exp()
    second = x.exp()
    assert second.grad_fn._sequence_nr() > first.grad_fn._sequence_nr()


def test_a_graph_can_be_walked():
    x, w = leaf(), leaf()
    names, stack = [], [((x * w).exp() + 1).sum().grad_fn]
    while stack:
        node = stack.pop()
        names.append(node.name())
        stack.extend(next_node for next_node, _ in node.next_functions if next_node is not None)
    assert names[:4] == ["SumBackward0", "AddBackward0", "ExpBackward0", "MulBackward0"]
    assert names[4:] == ["torch::autograd::AccumulateGrad"] * 2


def test_saved_tensors_are_readable():
    x, w = leaf(), leaf()
    product = x * w
    assert product.grad_fn._saved_self is x and product.grad_fn._saved_other is w
    y = x.exp()
    assert close(y.grad_fn._saved_result, y.tolist()) and y.grad_fn._saved_result.grad_fn is y.grad_fn


def test_what_no_rule_needs_is_not_saved():
    x, w = leaf(), torch.ones(2)
    node = (x * w).grad_fn
    assert node._saved_self is None and node._saved_other is w
    assert not hasattr((x + w).grad_fn, "_saved_self")


def test_saved_numbers_are_readable():
    x = torch.ones(2, 3, requires_grad=True)
    assert (x**2).grad_fn._saved_exponent == 2
    assert x.clamp(0, 1).grad_fn._saved_min == 0 and x.clamp(0, 1).grad_fn._saved_max == 1
    node = x.sum(0).grad_fn
    assert node._saved_dim == (0,) and node._saved_keepdim is False and node._saved_self_sym_sizes == (2, 3)
    assert torch.add(x, x, alpha=3).grad_fn._saved_alpha == 3
    assert x.transpose(0, 1).grad_fn._saved_dim0 == 0


def test_saved_tensors_are_gone_after_backward():
    y = leaf().exp()
    node = y.grad_fn
    y.sum().backward()
    with raises(RuntimeError, "Trying to backward through the graph a second time (or directly access saved tensors"):
        _ = node._saved_result


def test_raw_saved_tensors_take_hooks():
    x = leaf()
    y = x.exp()
    raw = y.grad_fn._raw_saved_result
    raw.register_hooks(lambda t: t * 1, lambda t: t * 10)
    with raises(RuntimeError, "Calling register_hooks on a saved tensor whose hooks have already been set."):
        raw.register_hooks(lambda t: t, lambda t: t)
    y.sum().backward()
    assert close(x.grad, (y * 10).tolist())
    with raises(RuntimeError, "Calling register_hooks on a saved tensor after it has been freed."):
        raw.register_hooks(lambda t: t, lambda t: t)


def test_gradient_edge_of_a_leaf_and_of_a_result():
    x = leaf()
    y = x.exp()
    edge = torch.autograd.graph.get_gradient_edge(y)
    assert isinstance(edge, torch.autograd.graph.GradientEdge)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    assert torch.autograd.graph.get_gradient_edge(x).node.variable is x


def test_gradient_edge_needs_requires_grad():
    with raises(RuntimeError, "It is not possible to get the gradient edge for a Tensor that does not require grad"):
        torch.autograd.graph.get_gradient_edge(torch.ones(2))


def test_gradient_edges_stand_for_tensors_in_grad():
    x = leaf()
    y = x * 2
    edge = torch.autograd.graph.get_gradient_edge(y)
    z = (y * y).sum()
    (found,) = torch.autograd.grad(z, [edge], retain_graph=True)
    assert close(found, [4.0, 8.0])
    (found,) = torch.autograd.grad([torch.autograd.graph.get_gradient_edge(z)], x)
    assert close(found, [8.0, 16.0])


def test_gradient_edges_stand_for_roots_and_inputs_in_backward():
    x, w = leaf(), leaf()
    edge = torch.autograd.graph.get_gradient_edge(x * w)
    torch.autograd.backward([edge], [torch.ones(2)], inputs=[torch.autograd.graph.get_gradient_edge(x)])
    assert close(x.grad, [1.0, 2.0]) and w.grad is None


def test_saved_tensor_hooks_pack_and_unpack():
    seen = []

    def pack(t):
        seen.append("pack")
        return t.tolist()

    def unpack(values):
        seen.append("unpack")
        return torch.tensor(values)

    x = leaf()
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = (x.exp() * x).sum()
    assert seen == ["pack"] * 3
    y.backward()
    assert seen == ["pack"] * 3 + ["unpack"] * 3
    assert close(x.grad, ((1 + x) * x.exp()).tolist())


def test_the_innermost_saved_tensor_hooks_win():
    x = leaf()
    seen = []

    def hooks(name):
        return torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(name) or t, lambda t: t)

    with hooks("outer"), hooks("inner"):
        x.exp()
    with hooks("outer"):
        x.exp()
    x.exp()
    assert seen == ["inner", "outer"]


def test_an_unpack_hook_must_give_a_tensor():
    x = leaf()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = x.exp().sum()
    with raises(TypeError, "Output of saved tensor unpack_hook expected to be a Tensor but got result of type int"):
        y.backward()


def test_a_pack_hook_must_not_change_its_input():
    x = leaf()
    with (
        torch.autograd.graph.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t),
        raises(RuntimeError, "A saved tensor pack hook is modifying its input in place."),
    ):
        x.clone().exp()


def test_saved_tensor_hooks_reach_custom_functions():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = leaf()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 1, lambda t: t * 10):
        y = Square.apply(x).sum()
    y.backward()
    assert close(x.grad, [20.0, 40.0])


def test_save_on_cpu_changes_nothing_else():
    x = leaf()
    with torch.autograd.graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    assert close(x.grad, [2.0, 4.0])


def test_saved_tensor_hooks_can_be_forbidden():
    with (
        torch.autograd.graph.disable_saved_tensors_hooks("not here"),
        raises(RuntimeError, "not here"),
        torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t),
    ):
        pass
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        pass


def test_allow_mutation_on_saved_tensors():
    x = leaf()
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        z = (y * y).sum()
        y.add_(5)
        z.backward()
    assert close(x.grad, [2.0, 4.0])


def test_allow_mutation_cannot_be_nested():
    allow = torch.autograd.graph.allow_mutation_on_saved_tensors
    with allow(), raises(RuntimeError, "allow_mutation_on_saved_tensors contexts cannot be nested"), allow():
        pass


def test_increment_version():
    x, y = torch.ones(2), torch.ones(2)
    torch.autograd.graph.increment_version(x)
    torch.autograd.graph.increment_version([x, y])
    assert (x._version, y._version) == (2, 1)


def test_a_graph_dies_with_its_last_reference():
    kept = torch.ones(2)
    seen = weakref.ref(kept)
    x = leaf()
    y = x * kept
    del kept
    assert seen() is not None
    del y
    assert seen() is None
