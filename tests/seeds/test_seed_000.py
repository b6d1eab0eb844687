"""First seed: custom Functions (a rectifier, a linear layer) and the four pitfalls it lists."""

import pytest

from tests.backend import edges, names_lines, needs, torch, wengert_only
from tests.seeds.programs import MyLinear, MyReLU, TransposedLinear, waves
from tests.semantics.expectations import close, raises, warns

pytestmark = pytest.mark.filterwarnings("error")


def test_the_rectifier(capsys):
    x = torch.tensor([-1.5, -0.25, 0.0, 0.5, 3.0], requires_grad=True)
    y = MyReLU.apply(x)
    assert y.tolist() == [0.0, 0.0, 0.0, 0.5, 3.0]
    y.sum().backward()
    print(x.grad)
    assert capsys.readouterr().out == "tensor([0., 0., 1., 1., 1.])\n"


def test_the_rectifiers_node():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = MyReLU.apply(x)
    assert repr(y) == "tensor([0., 2.], grad_fn=<MyReLUBackward>)"
    assert type(y.grad_fn).__name__ == y.grad_fn.name() == "MyReLUBackward"
    assert "MyReLUBackward object at 0x" in repr(y.grad_fn)
    assert edges(y.grad_fn) == ["AccumulateGrad"]
    assert y.grad_fn.needs_input_grad == (True,)
    (saved,) = y.grad_fn.saved_tensors
    assert saved.tolist() == [-1.0, 2.0] and saved.requires_grad


def test_the_rectifier_on_the_seeds_random_numbers(capsys):
    torch.manual_seed(0)
    x = torch.randn(5, requires_grad=True)
    print(x)
    MyReLU.apply(x).sum().backward()
    print(x.grad)
    assert capsys.readouterr().out == (
        "tensor([ 1.5410, -0.2934, -2.1788,  0.5684, -1.0845], requires_grad=True)\ntensor([1., 0., 0., 1., 0.])\n"
    )


def test_apply_can_be_kept_under_a_name():
    relu = MyReLU.apply
    assert relu(torch.tensor([-1.0, 1.0])).tolist() == [0.0, 1.0]
    assert not relu(torch.tensor([-1.0, 1.0])).requires_grad


def test_the_linear_layer(capsys):
    x = torch.ones(32, 64, requires_grad=True)
    weight = torch.ones(128, 64, requires_grad=True)
    bias = torch.ones(128, requires_grad=True)
    y = MyLinear.apply(x, weight, bias)
    assert edges(y.grad_fn) == ["AccumulateGrad"] * 3
    y.mean().backward()
    print(x.grad.shape, weight.grad.shape, bias.grad.shape, sep="\n")
    assert capsys.readouterr().out == "torch.Size([32, 64])\ntorch.Size([128, 64])\ntorch.Size([128])\n"
    assert close(x.grad, [[1 / 32] * 64] * 32)
    assert close(weight.grad, [[1 / 128] * 64] * 128)
    assert close(bias.grad, [1 / 128] * 128)


def test_the_linear_layer_agrees_with_recorded_operations():
    given = [waves(3, 4), waves(5, 4, pace=1.7), waves(5, pace=0.3)]
    custom = [tensor.clone().requires_grad_() for tensor in given]
    plain = [tensor.clone().requires_grad_() for tensor in given]
    MyLinear.apply(*custom).pow(2).sum().backward()
    (plain[0] @ plain[1].t() + plain[2]).pow(2).sum().backward()
    for one, other in zip(custom, plain, strict=True):
        assert close(one.grad, other.grad.tolist(), 1e-4)


@pytest.mark.parametrize("arguments", [(), (None,)])
def test_the_linear_layer_without_bias(arguments):
    x, weight = torch.ones(2, 3, requires_grad=True), torch.ones(4, 3, requires_grad=True)
    y = MyLinear.apply(x, weight, *arguments)
    assert edges(y.grad_fn) == ["AccumulateGrad"] * 2
    assert y.grad_fn.saved_tensors[2] is None
    y.sum().backward()
    assert close(x.grad, [[4.0] * 3] * 2) and close(weight.grad, [[2.0] * 3] * 4)


def transposed(rows, inputs, outputs):
    x = torch.ones(rows, inputs, requires_grad=True)
    weight = waves(outputs, inputs).requires_grad_()
    loss = TransposedLinear.apply(x, weight, torch.ones(outputs, requires_grad=True)).mean()  # applied: transposed
    loss.backward()
    return weight


TRANSPOSED = "Function TransposedLinearBackward returned an invalid gradient at index 1 - got [64, 128]"


def test_the_transposed_weight_gradient_is_an_error():
    with raises(RuntimeError, TRANSPOSED + " but expected shape compatible with [128, 64]"):
        transposed(32, 64, 128)


@wengert_only
def test_the_transposed_weight_gradient_names_the_line_that_applied_it():
    with raises(RuntimeError, TRANSPOSED) as error:
        transposed(32, 64, 128)
    assert names_lines(error.value, "applied: transposed")


def test_the_transposed_weight_gradient_passes_in_silence_if_square():
    assert transposed(4, 3, 3).grad.shape == (3, 3)


def square_check():
    inputs = [waves(*shape, pace=1.3).double().requires_grad_() for shape in ((3, 3), (3, 3), (3,))]
    return torch.autograd.gradcheck(TransposedLinear.apply, inputs)


def test_gradcheck_catches_the_square_one():
    with raises(RuntimeError, "Jacobian mismatch for output 0 with respect to input 1,\nnumerical:tensor([[") as error:
        square_check()
    assert "\nanalytical:tensor([[" in str(error.value)
    assert type(error.value).__name__ == "GradcheckError"


@wengert_only
def test_gradcheck_says_that_the_square_one_is_transposed_and_where():
    with raises(RuntimeError, "Jacobian mismatch for output 0 with respect to input 1,") as error:
        square_check()
    message = str(error.value)
    assert "transpose" in message and "TransposedLinear" in message and "programs.py" in message


def test_pitfall_in_place_on_a_leaf():
    x = torch.ones(2, requires_grad=True)
    with raises(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."):
        x += 1
    assert x.tolist() == [1.0, 1.0]


def test_pitfall_in_place_on_a_saved_value():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y += 1
    with raises(
        RuntimeError,
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.FloatTensor [2]], which is output 0 of Exp",
    ):
        y.sum().backward()


def test_in_place_on_a_value_nobody_saved_is_fine():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x + 2
    y += 1
    assert y.tolist() == [4.0, 5.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_pitfall_gradients_add_up_until_zeroed():
    nn, sgd = needs(torch, "nn", "optim.SGD")
    weight = nn.Parameter(torch.ones(2))
    optimizer = sgd([weight], lr=0.5)
    (weight * 3).sum().backward()
    (weight * 3).sum().backward()
    assert weight.grad.tolist() == [6.0, 6.0]
    optimizer.zero_grad()
    assert weight.grad is None
    (weight * 3).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert weight.grad.tolist() == [0.0, 0.0]


def test_pitfall_no_requires_grad_leaves_none():
    x, y = torch.ones(2), torch.ones(2, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad is None and y.grad.tolist() == [1.0, 1.0]


def test_pitfall_intermediate_gradients_need_retain_grad():
    x = torch.ones(2, requires_grad=True)
    forgotten = x * 2
    kept = forgotten * 3
    kept.retain_grad()
    kept.sum().backward()
    assert kept.retains_grad and kept.grad.tolist() == [1.0, 1.0]
    assert not forgotten.retains_grad
    with warns(UserWarning, "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed."):
        assert forgotten.grad is None
