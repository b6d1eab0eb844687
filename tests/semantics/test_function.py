"""Custom functions: `forward`, `backward`, what goes in and comes out of `apply`."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises, warns
from tests.semantics.functions import Function, Square, double, function, leaf


def test_forward_and_backward():
    x = leaf()
    y = Square.apply(x)
    assert close(y, [1.0, 4.0])
    y.sum().backward()
    assert close(x.grad, [2.0, 4.0])


def test_the_node_is_named_after_the_class():
    y = Square.apply(leaf())
    assert y.grad_fn.name() == "SquareBackward"
    assert type(y.grad_fn).__name__ == "SquareBackward"
    assert repr(y) == "tensor([1., 4.], grad_fn=<SquareBackward>)"


def test_backward_without_vjp_or_backward_fails():
    with raises(NotImplementedError, "You must implement either the backward or vjp method for your custom"):
        function(double).apply(leaf()).sum().backward()


def test_forward_is_required():
    with raises(NotImplementedError, "You must implement the forward function for custom autograd.Function."):
        type("Empty", (Function,), {}).apply(leaf())


def test_vjp_is_another_name_for_backward():
    x = leaf()
    function(double, vjp=staticmethod(lambda ctx, g: g * 2)).apply(x).sum().backward()
    assert close(x.grad, [2.0, 2.0])


def test_vjp_and_backward_together_fail():
    made = function(double, lambda ctx, g: g, vjp=staticmethod(lambda ctx, g: g))
    with raises(RuntimeError, "Implementing both 'backward' and 'vjp' for a custom Function is not allowed."):
        made.apply(leaf()).sum().backward()


def test_no_input_that_records_means_no_node():
    y = Square.apply(torch.ones(2))
    assert y.grad_fn is None and not y.requires_grad
    with torch.no_grad():
        assert Square.apply(leaf()).grad_fn is None


def test_tensors_inside_containers_are_not_seen():
    y = function(lambda ctx, xs: xs[0] * 2, lambda ctx, g: None).apply([leaf()])
    assert not y.requires_grad


def test_forward_runs_without_recording_but_sees_the_flag():
    seen = []

    def forward(ctx, x):
        seen.append((torch.is_grad_enabled(), x.requires_grad, (x * 2).requires_grad))
        return x * 2

    function(forward).apply(leaf())
    assert seen == [(False, True, False)]


def test_keyword_arguments_go_to_forward():
    x = leaf()
    y = function(lambda ctx, x, k=2: x * k, lambda ctx, g: g).apply(x, k=5)
    assert close(y, [5.0, 10.0])


def test_one_gradient_too_few_fails():
    x = leaf()
    y = function(lambda ctx, a, b: a * b, lambda ctx, g: g).apply(x, x).sum()
    with raises(RuntimeError, "function MadeBackward returned an incorrect number of gradients (expected 2, got 1)"):
        y.backward()


def test_one_gradient_too_many_fails_unless_it_is_none():
    with raises(RuntimeError, "function MadeBackward returned an incorrect number of gradients (expected 1, got 2)"):
        function(double, lambda ctx, g: (g, g)).apply(leaf()).sum().backward()
    x = leaf()
    function(double, lambda ctx, g: (g * 2, None, None)).apply(x).sum().backward()
    assert close(x.grad, [2.0, 2.0])


def test_a_gradient_of_another_shape_fails():
    words = "Function MadeBackward returned an invalid gradient at index 0 - got [3] but expected shape compatible"
    with raises(RuntimeError, words):
        function(double, lambda ctx, g: torch.ones(3)).apply(leaf()).sum().backward()


def test_a_wider_gradient_is_summed_to_its_input():
    x = leaf()
    function(double, lambda ctx, g: torch.ones(4, 2)).apply(x).sum().backward()
    assert close(x.grad, [4.0, 4.0])


def test_a_gradient_of_another_dtype_is_cast():
    x = leaf()
    function(double, lambda ctx, g: g.double()).apply(x).sum().backward()
    assert x.grad.dtype == torch.float32


def test_a_gradient_that_is_no_tensor_fails():
    with raises(RuntimeError, "expected Variable or None (got float)"):
        function(double, lambda ctx, g: 3.0).apply(leaf()).sum().backward()


def test_a_none_gradient_ends_the_path():
    x = leaf()
    function(double, lambda ctx, g: None).apply(x).sum().backward()
    assert x.grad is None


def test_several_outputs_give_several_gradients():
    def backward(ctx, first, second):
        return first * 2 + second * 3

    x = leaf()
    a, b = function(lambda ctx, x: (x * 2, x * 3), backward).apply(x)
    assert a.grad_fn is b.grad_fn and (a.output_nr, b.output_nr) == (0, 1)
    (a + b).sum().backward()
    assert close(x.grad, [5.0, 5.0])


def test_an_unused_output_has_a_zero_gradient():
    seen = []

    def backward(ctx, first, second):
        seen.append(second.tolist())
        return first

    a, _ = function(lambda ctx, x: (x * 2, x * 3), backward).apply(leaf())
    a.sum().backward()
    assert seen == [[0.0, 0.0]]


def test_outputs_that_are_no_tensors_pass_through():
    seen = []

    def backward(ctx, *grads):
        seen.append([grad is None for grad in grads])
        return grads[1]

    x = leaf()
    outputs = function(lambda ctx, x: ("text", x * 2, None, 5), backward).apply(x)
    assert outputs[0] == "text" and outputs[2:] == (None, 5)
    outputs[1].sum().backward()
    assert seen == [[True, False, True, True]]


@pytest.mark.parametrize("given", [None, [1.0], {"a": 1.0}])
def test_a_lone_output_of_another_kind_is_handed_out(given):
    assert function(lambda ctx, x: given).apply(leaf()) == given


def test_integer_outputs_do_not_record():
    assert not function(lambda ctx, x: x.long(), lambda ctx, g: None).apply(leaf()).requires_grad


def test_an_input_returned_as_it_is_becomes_a_view_with_the_rule():
    x = leaf()
    y = function(lambda ctx, x: x, lambda ctx, g: g * 9).apply(x)
    assert y is not x and y.data_ptr() == x.data_ptr() and x.grad_fn is None
    y.sum().backward()
    assert close(x.grad, [9.0, 9.0])


def test_a_view_returned_keeps_the_rule():
    x = leaf()
    y = function(lambda ctx, x: x.view(2, 1), lambda ctx, g: g.view(2) * 5).apply(x)
    assert y._is_view() and y.grad_fn.name() == "MadeBackward"
    y.sum().backward()
    assert close(x.grad, [5.0, 5.0])


def test_in_place_on_a_view_made_by_a_function_fails():
    y = function(lambda ctx, x: x.view(2, 1), lambda ctx, g: g.view(2)).apply(leaf().clone())
    with raises(RuntimeError, "Output 0 of Made is a view and is being modified inplace."):
        y.mul_(2)


def test_double_backward_goes_through_the_rule():
    x = leaf()
    (first,) = torch.autograd.grad((Square.apply(x) * x).sum(), x, create_graph=True)
    assert close(first, [3.0, 12.0])
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [6.0, 12.0])


def test_a_function_inside_the_rule_of_a_function():
    x = leaf()
    cube = function(
        lambda ctx, x: ctx.save_for_backward(x) or x**3, lambda ctx, g: 3 * g * Square.apply(ctx.saved_tensors[0])
    )
    (first,) = torch.autograd.grad(cube.apply(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert close(second, [6.0, 12.0])


def test_once_differentiable_stops_the_second_order():
    def backward(ctx, g):
        return g * 2 * ctx.saved_tensors[0]

    once = torch.autograd.function.once_differentiable(backward)
    square = function(Square.forward, once)
    x = leaf()
    weight = torch.ones(2, requires_grad=True)
    (first,) = torch.autograd.grad(square.apply(x), x, weight, create_graph=True)
    assert close(first, [2.0, 4.0]) and first.requires_grad
    with raises(RuntimeError, "trying to differentiate twice a function that was marked with @once_differentiable"):
        first.sum().backward()


def test_first_order_under_once_differentiable_is_plain():
    square = function(Square.forward, torch.autograd.function.once_differentiable(Square.backward))
    x = leaf()
    square.apply(x).sum().backward()
    assert close(x.grad, [2.0, 4.0])


def test_an_instance_is_deprecated_and_not_callable():
    with warns(DeprecationWarning, "<class "):
        made = Square()
    with raises(RuntimeError, "Legacy autograd function with non-static forward method is deprecated."):
        made(leaf())


def test_gradient_modes_inside_backward():
    modes = []
    made = function(double, lambda ctx, g: modes.append(torch.is_grad_enabled()) or g * 2)
    x = leaf()
    made.apply(x).sum().backward()
    torch.autograd.grad(made.apply(x).sum(), x, create_graph=True)
    assert modes == [False, True]


def test_an_error_in_forward_reaches_the_caller():
    def forward(ctx, x):
        raise ArithmeticError("in forward")

    with raises(ArithmeticError, "in forward"):
        function(forward).apply(leaf())


def test_backward_may_run_another_backward():
    def forward(ctx, x):
        with torch.enable_grad():
            ctx.inner = x.detach().requires_grad_()
            ctx.result = (ctx.inner**3).sum()
        return ctx.result.detach()

    def backward(ctx, g):
        ctx.result.backward()
        return ctx.inner.grad * g

    x = leaf()
    function(forward, backward).apply(x).backward()
    assert close(x.grad, [3.0, 12.0])


def test_hooks_run_on_the_output_of_a_function():
    x = leaf()
    y = Square.apply(x)
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert close(x.grad, [20.0, 40.0])
