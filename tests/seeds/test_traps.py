"""Where a seed is wrong or outdated: what the library really does, claim by claim."""

import gc
import threading
import weakref

import numpy as np
import pytest

from tests.backend import names_lines, needs, torch, wengert_only
from tests.seeds.programs import MyLinear, MyReLU, Quadratic, scalars
from tests.semantics.expectations import close, raises, warns

Function = torch.autograd.Function
Variable = torch.autograd.Variable
pytestmark = pytest.mark.filterwarnings("error")
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * grad_output * x


def doubling(answer):
    """A Function of any number of inputs (the first doubled) whose backward returns `answer(grad_output)`."""

    class Doubling(Function):
        @staticmethod
        def forward(ctx, x, *others):
            return x * 2

        @staticmethod
        def backward(ctx, grad_output):
            return answer(grad_output)

    return Doubling


def tracked(*values: float):
    return torch.tensor(values, requires_grad=True)


# Wrong in the seed, and an error.


def test_saved_for_backward_is_no_method():
    class Template(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.saved_for_backward(x)
            return x

    with raises(AttributeError, "'TemplateBackward' object has no attribute 'saved_for_backward'"):
        Template.apply(tracked(1.0))


def test_apply_has_no_forward():
    with pytest.raises(AttributeError, match="has no attribute 'forward'"):
        Square.apply.forward(tracked(1.0))


def test_tensors_have_no_creator():
    with raises(AttributeError, "'Tensor' object has no attribute 'creator'"):
        _ = Square.apply(tracked(1.0)).creator


def test_calling_an_instance():
    with pytest.warns(DeprecationWarning, match="Square'> should not be instantiated"):
        instance = Square()
    with raises(RuntimeError, "Legacy autograd function with non-static forward method is deprecated."):
        instance(tracked(1.0))


def test_making_an_instance_only_warns():
    with pytest.warns(DeprecationWarning, match="Square'> should not be instantiated"):
        Square()
    with pytest.warns(DeprecationWarning, match="Square'> should not be instantiated"):
        Square(tracked(1.0))


def test_function_is_not_in_nn():
    with pytest.raises(AttributeError, match="has no attribute 'Function'"):
        _ = needs(torch, "nn").Function


def test_a_module_that_tests_the_flag_instead_of_the_bias():
    nn = needs(torch, "nn")

    class Linear(nn.Module):
        def __init__(self, bias):
            super().__init__()
            self.register_parameter("bias", nn.Parameter(torch.Tensor(2)) if bias else None)
            if bias is not None:
                self.bias.data.uniform_(-0.1, 0.1)

    assert Linear(True).bias.abs().max().item() <= 0.1
    with raises(AttributeError, "'NoneType' object has no attribute 'data'"):
        Linear(False)


def test_a_gradient_only_assigned_if_needed():
    class Product(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            if ctx.needs_input_grad[0]:
                grad_x = grad_output * y
            if ctx.needs_input_grad[1]:
                grad_y = grad_output * x
            return grad_x, grad_y

    Product.apply(tracked(1.0), tracked(2.0)).backward()
    with raises(UnboundLocalError, "cannot access local variable 'grad_y'"):
        Product.apply(tracked(1.0), torch.ones(1)).backward()


@pytest.mark.parametrize("shape", [(), (1,), (2, 1), (1, 2), (3,)])
def test_the_gradient_handed_in_is_not_broadcast(shape):
    x = tracked(1.0, 2.0)
    words = f"Mismatch in shape: grad_output[0] has a shape of {torch.Size(shape)} and output[0] has a shape of "
    with raises(RuntimeError, words + "torch.Size([2])."):
        (x * x).backward(torch.ones(shape))
    assert x.grad is None


def test_the_gradient_handed_in_is_a_tensor():
    with pytest.raises(TypeError):
        (tracked(1.0) * 2).backward(gradient=2.5)


class SqueezingLinear(MyLinear):
    @staticmethod
    def backward(ctx, grad_output):
        grad_x, grad_weight, grad_bias = MyLinear.backward(ctx, grad_output)
        return grad_x, grad_weight, grad_bias.squeeze(0)


@pytest.mark.parametrize("outputs", [1, 2])
def test_squeezing_the_bias_gradient_breaks_a_bias_of_length_one(outputs):
    bias = torch.ones(outputs, requires_grad=True)
    y = SqueezingLinear.apply(torch.ones(3, 2), torch.ones(outputs, 2), bias).sum()
    if outputs == 2:
        y.backward()
        assert bias.grad.tolist() == [3.0, 3.0]
        return
    words = "Function SqueezingLinearBackward returned an invalid gradient at index 2 - got []"
    with raises(RuntimeError, words + " but expected shape compatible with [1]"):
        y.backward()


def test_gradcheck_in_single_precision():
    inputs = scalars(3.0, 2.0, 1.0, 4.0)
    with (
        pytest.warns(UserWarning, match=r"^Input #\d requires gradient and is not a double precision") as seen,
        raises(RuntimeError, "Jacobian mismatch for output 0 with respect to input 0,\nnumerical:tensor([[") as error,
    ):
        torch.autograd.gradcheck(Quadratic.apply, inputs, eps=1e-6)
    assert "\nanalytical:tensor([[13.]])\n" in str(error.value)
    assert [str(warning.message)[:8] for warning in seen] == [f"Input #{index}" for index in range(4)]


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_sum_has_no_second_gradient(create_graph):
    x = tracked(1.0, 2.0)
    (first,) = torch.autograd.grad(x.sum(), x, create_graph=create_graph)
    with raises(RuntimeError, NO_GRAPH):
        torch.autograd.grad(first, x)


# Wrong in the seed, and nothing is said.


@pytest.mark.parametrize("mode", ["no_grad", "enable_grad"])
def test_a_bare_mode_statement_does_nothing(mode):
    made = getattr(torch, mode)()
    assert type(made).__name__ == mode and torch.is_grad_enabled()
    x = torch.ones(2, requires_grad=True)
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_set_grad_enabled_acts_at_once():
    try:
        torch.set_grad_enabled(False)
        assert not torch.is_grad_enabled()
        assert not (tracked(1.0) * 2).requires_grad
    finally:
        torch.set_grad_enabled(True)
    assert torch.is_grad_enabled() and (tracked(1.0) * 2).requires_grad


def test_retain_grad_and_hooks_after_backward():
    x = tracked(1.0, 2.0)
    y = x * 3
    y.sum().backward()
    seen = []
    y.retain_grad()
    y.register_hook(seen.append)
    assert y.grad is None and seen == []


def test_a_function_without_return_gives_none():
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.exp())

    assert Exp.apply(tracked(1.0)) is None


def test_a_backward_without_return_gives_no_gradient():
    x = tracked(1.0)
    doubling(lambda grad: None).apply(x).backward()
    assert x.grad is None
    with raises(RuntimeError, "The differentiated Tensor at index 0 appears to not have been used in the graph."):
        torch.autograd.grad(doubling(lambda grad: None).apply(x), x)


@wengert_only
def test_gradcheck_says_which_function_returned_nothing():
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.exp())

    with pytest.raises(Exception) as error:
        torch.autograd.gradcheck(Exp.apply, (torch.ones(2, dtype=torch.float64, requires_grad=True),))
    assert all(word in str(error.value) for word in ("Exp", "forward", "return", "test_traps.py"))


@wengert_only
def test_gradcheck_says_which_backward_returned_nothing():
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with raises(RuntimeError, "Jacobian mismatch for output 0 with respect to input 0,") as error:
        torch.autograd.gradcheck(doubling(lambda grad: None).apply, (x,))
    assert all(word in str(error.value) for word in ("Doubling", "backward", "None", "test_traps.py"))


def test_a_module_without_return_gives_none():
    class Wrapped(needs(torch, "nn.Module")):
        def forward(self, x):
            Square.apply(x)

    assert Wrapped()(torch.ones(2)) is None


def test_data_in_backward_makes_the_second_order_wrong_in_silence():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * 3 * x.data**2

    (x,) = scalars(2.0)
    (first,) = torch.autograd.grad(Cube.apply(x) * x, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert first.item() == 32.0 and second.item() == 24.0


def test_backward_in_a_loop_frees_its_graph():
    class Payload:
        pass

    class Carrying(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.payload = Payload()
            alive.add(ctx.payload)
            return x * 2

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * 2

    alive: weakref.WeakSet = weakref.WeakSet()
    x = tracked(1.0)
    for _ in range(5):
        loss = Carrying.apply(x).exp()
        loss.backward()
    gc.collect()
    assert len(alive) == 1
    del loss
    gc.collect()
    assert len(alive) == 0


def test_saved_intermediates_live_until_backward():
    x = tracked(1.0)
    y = (x * 2).exp()
    node = y.grad_fn
    assert close(node._saved_result, [7.3890562], 1e-5)
    y.backward()
    with raises(RuntimeError, "Trying to backward through the graph a second time (or directly access saved tensors"):
        _ = node._saved_result


# Outdated, but taken.


def test_variable():
    made = Variable(torch.ones(2), requires_grad=True)
    assert type(made) is torch.Tensor and repr(made) == "tensor([1., 1.], requires_grad=True)"
    assert isinstance(torch.ones(1), Variable) and Variable is not torch.Tensor
    assert not Variable(torch.ones(2)).requires_grad


def test_float_tensor():
    assert repr(torch.FloatTensor([1, 2])) == "tensor([1., 2.])"
    assert torch.FloatTensor(2, 3).shape == (2, 3)
    assert torch.ones(2, dtype=torch.float64).type(torch.FloatTensor).dtype is torch.float32
    assert torch.ones(1).type() == "torch.FloatTensor"
    assert torch.ones(1, dtype=torch.int64).type() == "torch.LongTensor"
    assert isinstance(torch.ones(1), torch.FloatTensor)
    assert not isinstance(torch.ones(1, dtype=torch.float64), torch.FloatTensor)


def test_tensor_of_sizes_or_of_values():
    assert torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor(3).shape == (3,)
    assert repr(torch.Tensor([2, 3])) == "tensor([2., 3.])"
    assert repr(torch.Tensor()) == "tensor([])"
    assert torch.Tensor([1]).dtype is torch.float32


def test_data():
    w = torch.ones(2, requires_grad=True)
    y = w**2
    w.data -= 0.5
    assert w.tolist() == [0.5, 0.5] and w.requires_grad and w.is_leaf
    assert not w.data.requires_grad and w._version == 0
    y.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_saved_variables():
    class OldSquare(Square):
        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_variables
            return 2 * grad_output * x

    x = tracked(3.0)
    y = OldSquare.apply(x)
    with warns(DeprecationWarning, "'saved_variables' is deprecated; use 'saved_tensors'"):
        y.backward()
    assert x.grad.tolist() == [6.0]


def test_methods_that_are_not_static():
    class OldStyle(Function):
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 2 * grad_output * x

    x = tracked(3.0)
    y = OldStyle.apply(x)
    assert repr(y) == "tensor([9.], grad_fn=<OldStyleBackward>)"
    y.backward()
    assert x.grad.tolist() == [6.0]
    with warns(DeprecationWarning, "<class '"):
        instance = OldStyle()
    with raises(RuntimeError, "Legacy autograd function with non-static forward method is deprecated."):
        instance(x)


def test_checkpoint_without_use_reentrant():
    checkpoint = needs(torch, "utils.checkpoint.checkpoint")
    x = tracked(1.0)
    with warns(UserWarning, "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly."):
        y = checkpoint(torch.sin, x)
    assert repr(y) == "tensor([0.8415], grad_fn=<CheckpointFunctionBackward>)"
    assert checkpoint(torch.sin, x, use_reentrant=False).grad_fn.name() == "SinBackward0"
    with warns(UserWarning, "None of the inputs have requires_grad=True. Gradients will be None"):
        assert not checkpoint(torch.sin, x.detach(), use_reentrant=True).requires_grad


# Finer points.


def test_a_sum_can_be_run_backward_twice():
    x = torch.ones(3, requires_grad=True)
    y = x.sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (torch.relu, [0.0, 0.0, 1.0]),
        (lambda x: x.clamp(min=0), [0.0, 1.0, 1.0]),
        (lambda x: torch.clamp(x, 0, 1), [0.0, 1.0, 1.0]),
        (MyReLU.apply, [0.0, 1.0, 1.0]),
    ],
)
def test_the_gradient_at_the_kink(function, expected):
    x = tracked(-1.0, 0.0, 1.0)
    function(x).sum().backward()
    assert x.grad.tolist() == expected


def test_numpy_inside_forward():
    class ThroughNumpy(Function):
        @staticmethod
        def forward(ctx, x):
            assert x.requires_grad and not torch.is_grad_enabled()
            return torch.from_numpy(np.exp(x.numpy()))

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    x = tracked(0.0, 1.0)
    assert repr(ThroughNumpy.apply(x)) == "tensor([1.0000, 2.7183], grad_fn=<ThroughNumpyBackward>)"
    with raises(RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."):
        x.numpy()
    with torch.no_grad():
        assert x.numpy().tolist() == [0.0, 1.0]


def test_an_array_is_handed_out_unwrapped():
    class Unwrapped(Function):
        @staticmethod
        def forward(ctx, x):
            return x.numpy() * 2

    found = Unwrapped.apply(tracked(1.0, 2.0))
    assert type(found) is np.ndarray and found.dtype == np.float32 and found.tolist() == [2.0, 4.0]


def test_a_wider_gradient_is_summed():
    class Widening(Function):
        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2) * 2

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * 2

    x = torch.ones(2, requires_grad=True)
    Widening.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_surplus_gradients_may_be_none_only():
    x = tracked(1.0)
    doubling(lambda grad: (grad * 2, None, None)).apply(x).backward()
    assert x.grad.tolist() == [2.0]
    words = "function DoublingBackward returned an incorrect number of gradients (expected 1, got 2)"
    with raises(RuntimeError, words):
        doubling(lambda grad: (grad, grad)).apply(x).backward()


def test_a_missing_gradient_is_an_error():
    words = "function DoublingBackward returned an incorrect number of gradients (expected 2, got 1)"
    with raises(RuntimeError, words):
        doubling(lambda grad: grad * 2).apply(tracked(1.0), tracked(1.0)).backward()


@pytest.mark.parametrize(("answer", "kind"), [("abc", "str"), (2.0, "float")])
def test_a_gradient_is_a_tensor_or_none(answer, kind):
    with raises(RuntimeError, f"expected Variable or None (got {kind})"):
        doubling(lambda grad: answer).apply(tracked(1.0)).backward()


def test_a_gradient_for_what_is_no_tensor():
    words = "function DoublingBackward returned a gradient different than None at position 2, but the corresponding"
    with raises(RuntimeError, words + " forward input was not a Variable"):
        doubling(lambda grad: (grad, grad)).apply(tracked(1.0), 3.0).backward()


def test_save_for_backward_takes_tensors_only():
    class SavesNumber(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(5.0)
            return x * 1

    with raises(TypeError, "save_for_backward can only save variables, but argument 0 is of type float"):
        SavesNumber.apply(tracked(1.0))


def test_methods_that_are_missing():
    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class Nothing(Function):
        pass

    words = "You must implement either the backward or vjp method for your custom autograd.Function"
    with raises(NotImplementedError, words):
        NoBackward.apply(tracked(1.0)).backward()
    with raises(NotImplementedError, "You must implement the forward function for custom autograd.Function."):
        Nothing.apply(tracked(1.0))


def test_a_leaf_made_under_no_grad_keeps_its_flag():
    with torch.no_grad():
        leaf = torch.ones(2, requires_grad=True)
        result = leaf * 2
    assert leaf.requires_grad and leaf.is_leaf and not result.requires_grad
    (leaf * 3).sum().backward()
    assert leaf.grad.tolist() == [3.0, 3.0]


def test_grad_mode_is_per_thread():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
        seen.append(torch.is_grad_enabled())
    assert seen == [True, False]


# More than the libraries do.


@wengert_only
def test_the_context_counts_inputs_and_outputs():
    seen = []

    class Split(Function):
        @staticmethod
        def forward(ctx, x, factor, y):
            seen.append(ctx.num_inputs)
            return x * factor, y * factor

        @staticmethod
        def backward(ctx, first, second):
            seen.extend([ctx.num_inputs, ctx.num_outputs, len(ctx.needs_input_grad)])
            return first, None, second

    first, second = Split.apply(tracked(1.0), 2.0, tracked(3.0))
    (first + second).backward()
    assert seen == [3, 3, 2, 3]


@wengert_only
def test_an_error_names_the_recording_and_the_damaging_line():
    x = tracked(1.0, 2.0)
    hidden = x * 1
    y = hidden**2  # recorded
    hidden.add_(1)  # damaged
    with raises(RuntimeError, "one of the variables needed for gradient computation has been modified") as error:
        y.sum().backward()
    assert names_lines(error.value, "recorded", "damaged")
