"""`gradcheck` and `gradgradcheck`: what passes, what fails, and how every option changes that."""

import importlib

import pytest

from tests.backend import torch
from tests.semantics.expectations import raises, warns

MISMATCH = "Jacobian mismatch for output 0 with respect to input 0,"


def gradcheck(function, *inputs, **options):
    return torch.autograd.gradcheck(function, inputs, **options)


def point(*shape):
    torch.manual_seed(0)
    return (torch.rand(*shape, dtype=torch.float64) + 0.1).requires_grad_()


class Wrong(torch.autograd.Function):
    """Twice its input, with a slope of three."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 3


class Restless(torch.autograd.Function):
    """A slope that grows a little with every call."""

    calls = 0

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        Restless.calls += 1
        return g * (1 + 1e-7 * Restless.calls)


class Needy(torch.autograd.Function):
    """A rule that cannot take None."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g * 1


class FirstOrderOnly(torch.autograd.Function):
    """A cube whose slope hides how it depends on its input."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0].detach() ** 2


@pytest.mark.parametrize("fast", [False, True])
def test_a_correct_gradient_passes(fast):
    assert gradcheck(torch.sin, point(3), fast_mode=fast) is True
    assert gradcheck(lambda a, b: a @ b, point(2, 3), point(3, 2), fast_mode=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_a_wrong_gradient_fails(fast):
    with raises(RuntimeError, MISMATCH):
        gradcheck(Wrong.apply, point(2), fast_mode=fast)


def test_the_error_has_a_class_of_its_own():
    error = importlib.import_module(torch.__name__ + ".autograd.gradcheck").GradcheckError
    assert issubclass(error, RuntimeError)
    with pytest.raises(error):
        gradcheck(Wrong.apply, point(2))


def test_the_message_shows_both_jacobians():
    with pytest.raises(RuntimeError) as error:
        gradcheck(Wrong.apply, point(2))
    text = str(error.value)
    assert text.index("numerical:tensor(") < text.index("analytical:tensor(")
    assert "2.0000" in text and "3." in text


def test_the_message_counts_inputs_and_outputs():
    with raises(RuntimeError, "Jacobian mismatch for output 1 with respect to input 1,"):
        gradcheck(lambda a, b: (a * b, Wrong.apply(b)), point(2), point(2))


def test_raise_exception_false_answers_false():
    assert gradcheck(Wrong.apply, point(2), raise_exception=False) is False


def test_a_large_tolerance_forgives():
    assert gradcheck(Wrong.apply, point(2), atol=5)
    assert gradcheck(Wrong.apply, point(2), rtol=5)


def test_several_outputs():
    assert gradcheck(lambda x: (x * 2, x.sin()), point(2))


def test_inputs_that_record_nothing_are_skipped():
    assert gradcheck(lambda x, y, k: x * y * k, point(2), torch.ones(2, dtype=torch.float64), 3)


def test_at_least_one_input_must_record():
    with raises(ValueError, "gradcheck expects at least one input tensor to require gradient"):
        gradcheck(torch.sin, torch.ones(2))


def test_single_precision_is_warned_about_and_fails():
    x = torch.ones(2, requires_grad=True)
    with warns(UserWarning, "Input #0 requires gradient and is not a double precision floating point or complex."):
        assert not gradcheck(torch.sin, x, raise_exception=False)
    with warns(UserWarning, "Input #0 requires gradient"):
        assert gradcheck(torch.sin, x, eps=1e-2, atol=1e-2)


def test_a_detached_output_fails():
    with raises(RuntimeError, "Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach(), point(2))


def test_a_backward_that_changes_from_call_to_call_fails():
    Restless.calls = 0
    with raises(RuntimeError, "Backward is not reentrant, i.e., running backward with same input and grad_output"):
        gradcheck(Restless.apply, point(2))
    assert gradcheck(Restless.apply, point(2), nondet_tol=1e-3)


def test_undefined_gradients_are_tried():
    with pytest.raises(TypeError):
        gradcheck(Needy.apply, point(2))
    assert gradcheck(Needy.apply, point(2), check_undefined_grad=False)


def test_batched_gradients():
    assert gradcheck(torch.sin, point(2), check_batched_grad=True)


def test_forward_mode():
    assert gradcheck(torch.sin, point(2), check_forward_ad=True)
    with raises(NotImplementedError, "You must implement the jvp function for custom autograd.Function"):
        gradcheck(Wrong.apply, point(2), check_forward_ad=True, check_backward_ad=False)


def test_one_mode_must_be_checked():
    with raises(AssertionError, "Expected at least one of check_forward_ad or check_backward_ad to be True"):
        gradcheck(torch.sin, point(2), check_backward_ad=False)


def test_inputs_must_not_overlap():
    x = torch.ones(1, dtype=torch.float64).expand(3).requires_grad_()
    with raises(RuntimeError, "The 0th input has a dimension with stride 0."):
        gradcheck(torch.sin, x)


def test_masked_makes_no_difference_to_dense_inputs():
    assert gradcheck(torch.sin, point(2), masked=True) and gradcheck(torch.sin, point(2), masked=False)


def test_a_kink_is_found():
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    with raises(RuntimeError, MISMATCH):
        gradcheck(torch.relu, x)


def test_in_place_functions_on_a_copy():
    assert gradcheck(lambda x: x.clone().mul_(2), point(2))


def test_complex_inputs():
    torch.manual_seed(0)
    z = torch.complex(point(2).detach(), point(2).detach()).requires_grad_()
    assert gradcheck(lambda z: z * z.conj(), z)
    assert gradcheck(lambda z: z.abs(), z)


def test_a_missing_conjugate_is_found():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    z = torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)
    with raises(RuntimeError, "While considering the imaginary part of complex outputs only, Jacobian mismatch"):
        gradcheck(Square.apply, z)


def test_one_tensor_may_stand_alone():
    assert torch.autograd.gradcheck(torch.sin, point(2))


def test_gradgradcheck_passes_where_both_orders_are_right():
    assert torch.autograd.gradgradcheck(torch.sin, (point(3),)) is True
    assert torch.autograd.gradgradcheck(lambda a, b: (a * b).exp(), (point(2), point(2)))


def test_gradgradcheck_finds_a_wrong_second_order():
    x = point(2)
    assert gradcheck(FirstOrderOnly.apply, x)
    with raises(RuntimeError, "Jacobian mismatch for output 0 with respect to input"):
        torch.autograd.gradgradcheck(FirstOrderOnly.apply, (x,))
    assert torch.autograd.gradgradcheck(FirstOrderOnly.apply, (x,), raise_exception=False) is False


def test_gradgradcheck_takes_gradients_of_the_outputs():
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: x**3, (point(2),), grad_outputs=(weight,))


def test_gradients_of_the_inputs_are_left_alone():
    x = point(2)
    gradcheck(torch.sin, x)
    assert x.grad is None
