"""Errors of a backward pass name the user's own line, after torch's leading words."""

import pytest

from tests.backend import names_lines, torch, wengert_only
from tests.semantics.expectations import raises

pytestmark = wengert_only
DAMAGED = "one of the variables needed for gradient computation has been modified by an inplace operation:"
FREED = "Trying to backward through the graph a second time"
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"


class Answering(torch.autograd.Function):
    """The sum of its inputs; backward returns whatever `answer` makes of the gradient."""

    @staticmethod
    def forward(ctx, answer, *tensors):
        ctx.answer = answer
        return sum(tensors)

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.answer(grad_output)


def tracked(*values: float):
    return torch.tensor(values, requires_grad=True)


def test_damage_to_an_operand():
    hidden = tracked(1.0, 2.0) * 1
    y = hidden**2  # operand recorded
    hidden.add_(1)  # operand damaged
    with raises(RuntimeError, DAMAGED) as error:
        y.sum().backward()
    assert names_lines(error.value, "operand recorded", "operand damaged")
    assert "is at version 1; expected version 0 instead" in str(error.value)


def test_damage_to_a_result():
    y = tracked(1.0, 2.0).exp()  # result recorded
    y *= 2  # result damaged
    with raises(RuntimeError, DAMAGED + " [torch.FloatTensor [2]], which is output 0 of Exp") as error:
        y.sum().backward()
    assert names_lines(error.value, "result recorded", "result damaged")


def test_damage_to_a_leaf_under_no_grad():
    x = tracked(1.0, 2.0)
    y = x**2  # leaf recorded
    with torch.no_grad():
        x.mul_(3)  # leaf damaged
    with raises(RuntimeError, DAMAGED + " [torch.FloatTensor [2]] is at version 1") as error:
        y.sum().backward()
    assert names_lines(error.value, "leaf recorded", "leaf damaged")


def test_damage_through_a_view():
    hidden = tracked(1.0, 2.0) * 1
    y = hidden.sin()  # view recorded
    hidden[0] = 5.0  # view damaged
    with raises(RuntimeError, DAMAGED) as error:
        y.sum().backward()
    assert names_lines(error.value, "view recorded", "view damaged")


def test_damage_to_what_a_function_saved():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 2 * grad_output * x

    hidden = tracked(1.0, 2.0) * 1
    y = Square.apply(hidden)  # saving applied
    hidden.zero_()  # saved damaged
    with raises(RuntimeError, DAMAGED) as error:
        y.sum().backward()
    assert names_lines(error.value, "saving applied", "saved damaged")


def test_the_last_damage_counts_too():
    hidden = tracked(1.0, 2.0) * 1
    y = hidden**2  # twice recorded
    for _ in range(3):
        hidden.add_(1)  # repeatedly damaged
    with raises(RuntimeError, DAMAGED) as error:
        y.sum().backward()
    assert names_lines(error.value, "twice recorded", "repeatedly damaged")
    assert "is at version 3; expected version 0 instead" in str(error.value)


def test_a_second_backward():
    y = tracked(1.0, 2.0) ** 2  # freed recorded
    total = y.sum()
    total.backward()
    with raises(RuntimeError, FREED) as error:
        total.backward()
    assert names_lines(error.value, "freed recorded")


def test_a_second_grad_through_a_shared_part():
    x = tracked(1.0, 2.0)
    shared = x.exp()  # shared recorded
    torch.autograd.grad(shared.sum(), x)
    with raises(RuntimeError, FREED) as error:
        torch.autograd.grad(shared.mean(), x)
    assert names_lines(error.value, "shared recorded")


def test_a_gradient_of_the_wrong_shape():
    y = Answering.apply(lambda grad: (None, torch.ones(3)), tracked(1.0, 2.0))  # wrong shape applied
    words = "Function AnsweringBackward returned an invalid gradient at index 0 - got [3] but expected shape compatible"
    with raises(RuntimeError, words) as error:
        y.sum().backward()
    assert names_lines(error.value, "wrong shape applied")


@pytest.mark.parametrize("surplus", [True, False])
def test_a_wrong_count_of_gradients(surplus):
    def answer(grad):
        return (None, grad, grad, grad) if surplus else (None, grad)

    y = Answering.apply(answer, tracked(1.0), tracked(2.0))  # wrong count applied
    words = (
        f"function AnsweringBackward returned an incorrect number of gradients (expected 3, got {4 if surplus else 2})"
    )
    with raises(RuntimeError, words) as error:
        y.backward()
    assert names_lines(error.value, "wrong count applied")


def test_a_gradient_that_is_no_tensor():
    y = Answering.apply(lambda grad: (None, "abc"), tracked(1.0))  # no tensor applied
    with raises(RuntimeError, "expected Variable or None (got str)") as error:
        y.backward()
    assert names_lines(error.value, "no tensor applied")


def test_a_gradient_for_what_is_no_tensor():
    y = Answering.apply(lambda grad: (grad, grad), tracked(1.0))  # surplus applied
    words = "function AnsweringBackward returned a gradient different than None at position 1, but the corresponding"
    with raises(RuntimeError, words) as error:
        y.backward()
    assert names_lines(error.value, "surplus applied")


def test_no_graph_at_all():
    loss = torch.ones(2).sum()
    with raises(RuntimeError, NO_GRAPH) as error:
        loss.backward()  # nothing to run
    assert names_lines(error.value, "nothing to run")


def test_no_graph_for_grad():
    x = tracked(1.0, 2.0)
    (first,) = torch.autograd.grad(x.sum(), x)
    with raises(RuntimeError, NO_GRAPH) as error:
        torch.autograd.grad(first.sum(), x)  # nothing to differentiate
    assert names_lines(error.value, "nothing to differentiate")
