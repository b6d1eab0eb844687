"""Third seed: extending autograd with Functions, one program after the other."""

import pytest

from tests.backend import edges, needs, torch
from tests.seeds.programs import MyLinear, MyReLU, scalars, waves
from tests.semantics.expectations import close, raises, warns

Function = torch.autograd.Function
Variable = torch.autograd.Variable
once_differentiable = torch.autograd.function.once_differentiable
pytestmark = pytest.mark.filterwarnings("error")


class Exp(Function):
    @staticmethod
    def forward(ctx, exponent):
        result = exponent.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


class RootAndInverse(Function):
    """sqrt(x) + 1/x + 2y²; announces the gradient that arrives."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return torch.sqrt(x) + torch.reciprocal(x) + 2 * torch.pow(y, 2)

    @staticmethod
    def backward(ctx, grad_output):
        print(f"grad_output is : {grad_output}")
        x, y = ctx.saved_tensors
        grad_x = grad_y = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_output * (torch.reciprocal(2 * torch.sqrt(x)) - torch.reciprocal(torch.pow(x, 2)))
        if ctx.needs_input_grad[1]:
            grad_y = grad_output * (4 * y)
        return grad_x, grad_y


class Hyperbola(Function):
    """sum of sqrt(x² - 1)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sum(torch.sqrt(torch.pow(x, 2) - 1))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.div(x, torch.sqrt(torch.pow(x, 2) - 1))


class MultiplyAdd(Function):
    """w x + b, by the old name of the saved tensors."""

    @staticmethod
    def forward(ctx, w, x, b):
        ctx.save_for_backward(w, x)
        return w * x + b

    @staticmethod
    def backward(ctx, grad_output):
        w, x = ctx.saved_variables
        return grad_output * x, grad_output * w, grad_output * 1


class MulConstant(Function):
    @staticmethod
    def forward(ctx, tensor, constant):
        ctx.constant = constant
        return tensor * constant

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.constant, None


class Legendre(Function):
    """Third Legendre polynomial, (5x³ - 3x) / 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * x**2 - 1)


def test_exp():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    y = Exp.apply(x)
    assert repr(y) == "tensor([1.0000, 2.7183], grad_fn=<ExpBackward>)"
    y.sum().backward()
    assert close(x.grad, [1.0, 2.7182817])


def test_variable_and_function():
    x = Variable(torch.tensor([-0.5]), requires_grad=True)
    y = MyReLU.apply(x)
    assert type(x) is torch.Tensor and isinstance(x, Variable)
    assert y.grad_fn.name() == "MyReLUBackward"
    assert not hasattr(y, "creator")


def test_scalar_by_scalar(capsys):
    x, y = scalars(3.0, 2.0)
    z = RootAndInverse.apply(x, y)
    print(z)
    z.backward()
    print(x.grad)
    print(y.grad)
    assert capsys.readouterr().out == (
        "tensor(10.0654, grad_fn=<RootAndInverseBackward>)\ngrad_output is : 1.0\ntensor(0.1776)\ntensor(8.)\n"
    )


def test_scalar_by_scalar_with_a_gradient_handed_in(capsys):
    x, y = scalars(3.0, 2.0)
    RootAndInverse.apply(x, y).backward(torch.tensor(2.5))
    print(x.grad)
    print(y.grad)
    assert capsys.readouterr().out == "grad_output is : 2.5\ntensor(0.4439)\ntensor(20.)\n"


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
def test_needs_input_grad_tells_which_inputs_count(wanted, capsys):
    x = torch.tensor(3.0, requires_grad=wanted[0])
    y = torch.tensor(2.0, requires_grad=wanted[1])
    z = RootAndInverse.apply(x, y)
    assert z.grad_fn.needs_input_grad == wanted
    assert edges(z.grad_fn) == ["AccumulateGrad" if flag else None for flag in wanted]
    z.backward()
    assert (x.grad is not None, y.grad is not None) == wanted


def test_calling_forward_itself_differentiates_what_it_does_inside(capsys):
    class Context:
        def save_for_backward(self, *tensors):
            self.tensors = tensors

    x, y = scalars(3.0, 2.0)
    z = RootAndInverse.forward(Context(), x, y)
    assert repr(z) == "tensor(10.0654, grad_fn=<AddBackward0>)"
    z.backward()
    assert close(x.grad, 0.17756398) and close(y.grad, 8.0)
    assert capsys.readouterr().out == ""


def test_scalar_by_vector(capsys):
    x = torch.tensor([2.0, 3.0, 4.0], requires_grad=True)
    z = Hyperbola.apply(x)
    print(z)
    z.backward()
    print(x.grad)
    assert capsys.readouterr().out == (
        "tensor(8.4335, grad_fn=<HyperbolaBackward>)\ntensor([1.1547, 1.0607, 1.0328])\n"
    )


def test_copying_a_tensor_with_the_factory_warns():
    with warns(UserWarning, "To copy construct from a tensor, it is recommended to use"):
        x = torch.tensor(torch.ones(2, 2), requires_grad=True)
    assert x.grad_fn is None
    assert type((x + 2).grad_fn).__name__ == "AddBackward0"


def test_multiply_add(capsys):
    x = torch.ones(1, requires_grad=True)
    w = torch.tensor([0.25], requires_grad=True)
    b = torch.tensor([0.5], requires_grad=True)
    z = MultiplyAdd.apply(w, x, b)
    with warns(DeprecationWarning, "'saved_variables' is deprecated; use 'saved_tensors'"):
        z.backward()
    print(x.grad, w.grad, b.grad)
    assert capsys.readouterr().out == "tensor([0.2500]) tensor([1.]) tensor([1.])\n"


def test_linear_passes_gradcheck():
    inputs = waves(4, 4).double().requires_grad_()
    weights = waves(4, 4, pace=1.7).double().requires_grad_()
    bias = waves(4, pace=0.6).double().requires_grad_()
    assert torch.autograd.gradcheck(MyLinear.apply, (inputs, weights), eps=1e-6, atol=1e-4) is True
    assert torch.autograd.gradcheck(MyLinear.apply, (inputs, weights, bias)) is True


def test_linear_inside_a_module_passes_gradcheck():
    class Wrapped(needs(torch, "nn.Module")):
        def forward(self, inputs, weights, bias=None):
            return MyLinear.apply(inputs, weights, bias)

    inputs = waves(4, 4).double().requires_grad_()
    weights = waves(4, 4, pace=1.7).double().requires_grad_()
    assert torch.autograd.gradcheck(Wrapped(), (inputs, weights), eps=1e-6, atol=1e-4) is True


def test_multiplying_by_a_constant():
    x = torch.ones(2, requires_grad=True)
    y = MulConstant.apply(x, 3.5)
    assert edges(y.grad_fn) == ["AccumulateGrad"]
    y.sum().backward()
    assert x.grad.tolist() == [3.5, 3.5]


def linear_module(bias):
    nn = needs(torch, "nn")

    class Linear(nn.Module):
        def __init__(self, input_features, output_features):
            super().__init__()
            self.weight = nn.Parameter(torch.Tensor(output_features, input_features))
            if bias:
                self.bias = nn.Parameter(torch.Tensor(output_features))
                self.bias.data.uniform_(-0.1, 0.1)
            else:
                self.register_parameter("bias", None)
            self.weight.data.uniform_(-0.1, 0.1)

        def forward(self, inputs):
            return MyLinear.apply(inputs, self.weight, self.bias)

    return Linear(2, 3)


def test_a_module_around_a_function():
    module = linear_module(bias=True)
    assert repr(module) == "Linear()"
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias"]
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in module.parameters())
    assert module.weight.abs().max().item() <= 0.1
    module(torch.ones(4, 2)).sum().backward()
    assert module.weight.grad.tolist() == [[4.0, 4.0]] * 3 and module.bias.grad.tolist() == [4.0] * 3


def test_a_module_without_bias():
    module = linear_module(bias=False)
    assert module.bias is None and list(module.state_dict()) == ["weight"]
    module(torch.ones(4, 2)).sum().backward()
    assert module.weight.grad.tolist() == [[4.0, 4.0]] * 3


def test_inside_forward_and_backward():
    seen = {}

    class Watched(Function):
        @staticmethod
        def forward(ctx, x):
            seen["forward"] = (type(x), x.requires_grad, torch.is_grad_enabled(), (x * 2).requires_grad)
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            seen["backward"] = (type(grad_output), x.requires_grad, torch.is_grad_enabled())
            return grad_output * 2 * x

    (x,) = scalars(3.0)
    Watched.apply(x).backward()
    assert seen["forward"] == (torch.Tensor, True, False, False)
    assert seen["backward"] == (torch.Tensor, True, False)
    (first,) = torch.autograd.grad(Watched.apply(x), x, create_graph=True)
    assert seen["backward"] == (torch.Tensor, True, True)
    assert repr(first) == "tensor(6., grad_fn=<MulBackward0>)"
    assert torch.autograd.grad(first, x)[0].item() == 2.0


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        assert not torch.is_grad_enabled()
        (x,) = ctx.saved_tensors
        return grad_output * 3 * x**2


def test_once_differentiable_first_order():
    (x,) = scalars(2.0)
    Cube.apply(x).backward()
    assert x.grad.item() == 12.0


def test_once_differentiable_refuses_the_second_order():
    (x,) = scalars(2.0)
    (first,) = torch.autograd.grad(Cube.apply(x) * x, x, create_graph=True)
    assert first.item() == 32.0
    with raises(RuntimeError, "trying to differentiate twice a function that was marked with @once_differentiable"):
        first.backward()


def two_copies(materialize):
    received = []

    class TwoCopies(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            ctx.save_for_backward(x)
            return x.clone(), x.clone()

        @staticmethod
        @once_differentiable
        def backward(ctx, first, second):
            received.extend([first, second])
            (x,) = ctx.saved_tensors
            total = torch.zeros_like(x)
            for gradient in (first, second):
                if gradient is not None:
                    total += gradient
            return total

    return TwoCopies, received


def test_a_function_with_two_results():
    function, received = two_copies(materialize=True)
    (a,) = scalars(1.0)
    both = function.apply(a)
    assert repr(both) == "(tensor(1., grad_fn=<TwoCopiesBackward>), tensor(1., grad_fn=<TwoCopiesBackward>))"
    assert both[0].grad_fn is both[1].grad_fn and [one.output_nr for one in both] == [0, 1]
    both[0].backward()
    assert [gradient.item() for gradient in received] == [1.0, 0.0] and a.grad.item() == 1.0


def test_unmaterialized_gradients_arrive_as_none():
    function, received = two_copies(materialize=False)
    (a,) = scalars(1.0)
    first, _ = function.apply(a)
    first.backward()
    assert received[0].item() == 1.0 and received[1] is None
    assert a.grad.item() == 1.0


def test_a_two_layer_network_of_variables():
    dtype = torch.FloatTensor
    x = Variable(waves(8, 6).type(dtype), requires_grad=False)
    y = Variable(waves(8, 3, pace=0.7).type(dtype), requires_grad=False)
    w1 = Variable(waves(6, 5, pace=1.7).type(dtype), requires_grad=True)
    w2 = Variable(waves(5, 3, pace=2.3).type(dtype), requires_grad=True)
    losses = []
    for _ in range(101):
        loss = (MyReLU.apply(x.mm(w1)).mm(w2) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        w1.data -= 1e-2 * w1.grad.data
        w2.data -= 1e-2 * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
    expected = [13.892824, 11.075642, 10.918916, 10.760004, 10.562242]
    assert losses[::25] == pytest.approx(expected, rel=1e-4)
    assert w1.is_leaf and w1._version == 0


def test_the_seeds_network_starts_from_torchs_random_numbers():
    torch.manual_seed(0)
    x, y = torch.randn(64, 1000), torch.randn(64, 10)
    w1, w2 = torch.randn(1000, 100, requires_grad=True), torch.randn(100, 10, requires_grad=True)
    losses = []
    for _ in range(3):
        loss = (MyReLU.apply(x.mm(w1)).mm(w2) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            for weight in (w1, w2):
                weight -= 1e-6 * weight.grad
                weight.grad = None
    assert losses == pytest.approx([29428666.0, 22739448.0, 20605262.0], rel=1e-4)


def test_legendre_fits_the_sine():
    x = torch.linspace(-3.141592653589793, 3.141592653589793, 2000, device=torch.device("cpu"), dtype=torch.float)
    y = torch.sin(x)
    start = (0.0, -1.0, 0.0, 0.3)
    a, b, c, d = (torch.full((), value, dtype=torch.float, requires_grad=True) for value in start)
    losses = []
    for _ in range(2000):
        loss = (a + b * Legendre.apply(c + d * x) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            a -= 5e-6 * a.grad
            b -= 5e-6 * b.grad
            c -= 5e-6 * c.grad
            d -= 5e-6 * d.grad
            a.grad = b.grad = c.grad = d.grad = None
    assert losses[99::500] == pytest.approx([209.958344, 37.403133, 12.931766, 9.411376], rel=1e-4)
    assert losses[-1] == pytest.approx(8.943642, rel=1e-4)
    assert [b.item(), d.item()] == pytest.approx([-2.2085268, 0.2554861], rel=1e-4)
    assert [a.item(), c.item()] == pytest.approx([0.0, 0.0], abs=1e-5)
