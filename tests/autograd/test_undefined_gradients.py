"""Paths along which no gradient comes: hooks and rules behind them run all the same, as torch has it."""

import pytest

from tests.backend import torch


class Nothing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return None


class Watching(torch.autograd.Function):
    seen: list = []
    materialize = True

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(Watching.materialize)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        Watching.seen.append(None if g is None else g.tolist())
        return g


@pytest.fixture(params=[True, False])
def materialize(request):
    Watching.seen, Watching.materialize = [], request.param
    return request.param


def test_a_function_behind_nothing_is_given_zeros_or_none(materialize):
    x = torch.ones(2, requires_grad=True)
    Nothing.apply(Watching.apply(x)).sum().backward()
    assert Watching.seen == [[0.0, 0.0] if materialize else None]
    assert (x.grad is not None) == materialize


def test_undefined_grad_passes_nothing_on(materialize):
    x = torch.ones(2, requires_grad=True)
    y = torch._C._functions.UndefinedGrad()(Watching.apply(x))
    assert y.tolist() == [2.0, 2.0] and y.grad_fn.name() == "torch::autograd::UndefinedGradBackward"
    y.sum().backward()
    assert Watching.seen == [[0.0, 0.0] if materialize else None]


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_behind_nothing_are_called_with_none(create_graph):
    x = torch.ones(2, requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(("leaf", g)))
    y = x * 2
    y.register_hook(lambda g: seen.append(("product", g)))
    y.grad_fn.register_hook(lambda into, outof: seen.append(("node", into, outof)))
    y.retain_grad()
    out = Nothing.apply(y).sum()
    assert torch.autograd.grad(out, x, create_graph=create_graph, allow_unused=True) == (None,)
    assert seen == [("product", None), ("node", (None, None), (None,)), ("leaf", None)]
    assert y.grad is None


def test_a_hook_cannot_replace_none():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: torch.ones(2))
    with pytest.raises(RuntimeError, match="can't replace a None gradient with a non-None value"):
        Nothing.apply(y).sum().backward()


def test_the_other_results_of_a_node_hear_of_nothing():
    a, b = torch.ones(4, requires_grad=True).split(2)
    seen = []
    b.register_hook(lambda g: seen.append(g))
    a.sum().backward()
    assert seen == [None]


def test_a_prehook_may_take_the_gradient_away():
    x = torch.ones(2, requires_grad=True)
    y = (x * 3).exp()
    y.grad_fn.register_prehook(lambda grads: (None,))
    y.sum().backward()
    assert x.grad is None


def test_all_of_a_multi_hook_counts_what_brings_nothing():
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    seen = []
    torch.autograd.graph.register_multi_grad_hook([x, w], lambda grads: seen.append([g is None for g in grads]))
    (Nothing.apply(x) + w).sum().backward()
    assert seen == [[True, False]]


def test_a_path_of_nothing_beside_one_that_brings_a_gradient():
    x = torch.ones(2, requires_grad=True)
    h = x * 2
    (Nothing.apply(h) + h.exp() + Nothing.apply(h)).sum().backward()
    assert torch.allclose(x.grad, 2 * torch.exp(torch.tensor([2.0, 2.0])))
    deep = torch.ones(2, requires_grad=True)
    first = deep * 2
    second = first * 3
    (Nothing.apply(first) * second).sum().backward()
    expected = torch.autograd.grad((first.detach() * (deep * 6)).sum(), deep)[0]
    assert torch.allclose(deep.grad, expected)


def test_delayed_error():
    x = torch.ones(2, requires_grad=True)
    y = torch._C._functions.DelayedError("too late", 1)(x * 2)
    with pytest.raises(RuntimeError, match="too late"):
        y.sum().backward()
