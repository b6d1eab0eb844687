"""Complex tensors: the gradient is the conjugate Wirtinger one, the direction of steepest ascent."""

import math

import pytest

from tests.backend import torch, torch_only
from tests.semantics.expectations import close, raises


def leaf():
    return torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex128, requires_grad=True)


def gradient(function):
    """The gradient of the sum of (the real part of) what `function` gives."""
    z = leaf()
    y = function(z)
    y = y.real if y.is_complex() else y
    return torch.autograd.grad(y.sum(), z)[0]


ABS = math.sqrt(5.0)


RULES = {
    "real": (lambda z: z.real, [1, 1]),
    "imag": (lambda z: z.imag, [1j, 1j]),
    "abs": (lambda z: z.abs(), [(1 + 2j) / ABS, 0.6 - 0.8j]),
    "abs2": (lambda z: z.abs() ** 2, [2 + 4j, 6 - 8j]),
    "zz*": (lambda z: (z * z.conj()).real, [2 + 4j, 6 - 8j]),
    "angle": (lambda z: z.angle(), [-0.4 + 0.2j, 0.16 + 0.12j]),
    "conj": (lambda z: z.conj(), [1, 1]),
    "z*z": (lambda z: z * z, [2 - 4j, 6 + 8j]),
    "z**2": (lambda z: z**2, [2 - 4j, 6 + 8j]),
    "times_i": (lambda z: z * 2j, [-2j, -2j]),
    "z+z*": (lambda z: z + z.conj(), [2, 2]),
    "1/z": (lambda z: 1 / z, [0.12 - 0.16j, 0.0112 + 0.0384j]),
    "view_as_real": (lambda z: torch.view_as_real(z), [1 + 1j, 1 + 1j]),
    "neg": (lambda z: -z, [-1, -1]),
    "z-iz": (lambda z: z - 1j * z, [1 + 1j, 1 + 1j]),
    "sum": (lambda z: z.sum(), [1, 1]),
    "product": (lambda z: z[0] * z[1], [3 + 4j, 1 - 2j]),
}


@pytest.mark.parametrize("name", RULES)
def test_gradients_follow_the_convention(name):
    function, expected = RULES[name]
    assert close(gradient(function), expected)


def test_holomorphic_functions_give_the_conjugate_of_the_derivative():
    z = leaf()
    (found,) = torch.autograd.grad(z.exp().real.sum(), z)
    assert close(found, z.detach().exp().conj().tolist())
    (found,) = torch.autograd.grad(z.sin().real.sum(), z)
    assert close(found, z.detach().cos().conj().tolist())


def test_backward_on_a_complex_scalar_needs_a_gradient():
    with raises(RuntimeError, "grad can be implicitly created only for real scalar outputs but got torch.complex"):
        (leaf() * 2).sum().backward()
    z = leaf()
    (z * 2).sum().backward(torch.tensor(1j, dtype=torch.complex128))
    assert close(z.grad, [2j, 2j])


def test_the_gradient_handed_in_must_have_the_same_dtype():
    with raises(RuntimeError, "For complex Tensors, both grad_output and output are required to have the same dtype."):
        (leaf() * 2).backward(torch.ones(2, dtype=torch.float64))


def test_the_gradient_of_a_real_leaf_is_real():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    ((x * (1 + 2j)).abs() ** 2).sum().backward()
    assert x.grad.dtype == torch.float64 and close(x.grad, [10.0, 20.0])


def test_descent_along_the_gradient_reduces_the_loss():
    z = torch.tensor(3 + 4j, requires_grad=True)
    for _ in range(20):
        (grad,) = torch.autograd.grad((z - (1 - 1j)).abs() ** 2, z)
        with torch.no_grad():
            z -= 0.25 * grad
    assert close(z, 1 - 1j, 1e-4)


def test_abs_and_angle_at_zero():
    z = torch.zeros((), dtype=torch.complex128, requires_grad=True)
    z.abs().backward()
    assert close(z.grad, 0j)


def test_complex_from_two_real_parts():
    x = torch.tensor([3.0], requires_grad=True)
    y = torch.tensor([4.0], requires_grad=True)
    torch.complex(x, y).abs().sum().backward()
    assert close(x.grad, [0.6]) and close(y.grad, [0.8])


def test_polar():
    radius = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    angle = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    torch.polar(radius, angle).real.backward()
    assert close(radius.grad, math.cos(0.5)) and close(angle.grad, -2 * math.sin(0.5))


def test_view_as_complex():
    x = torch.tensor([[3.0, 4.0]], requires_grad=True)
    torch.view_as_complex(x).abs().sum().backward()
    assert close(x.grad, [[0.6, 0.8]])


def test_real_and_imag_are_views():
    z = leaf().detach().clone()
    z.real.zero_()
    z.imag.fill_(1.0)
    assert close(z, [1j, 1j])
    assert torch.view_as_real(z).data_ptr() == z.data_ptr()


def test_in_place_on_the_real_part_is_recorded():
    z = leaf()
    w = z.clone()
    w.real.mul_(3)
    w.abs().pow(2).sum().backward()
    assert close(z.grad, [18 + 4j, 54 - 8j])


def test_real_of_a_real_tensor_is_itself_and_imag_fails():
    x = torch.ones(2)
    assert x.real is x
    with raises(RuntimeError, "imag is not implemented for tensors with non-complex dtypes."):
        _ = x.imag


@torch_only
def test_conj_is_lazy_and_resolvable():
    z = leaf()
    assert z.conj().is_conj() and not z.is_conj()
    assert not z.conj().resolve_conj().is_conj()
    assert z.conj().data_ptr() == z.data_ptr()
    assert close(z.conj(), [1 - 2j, 3 + 4j])


def test_what_needs_an_order_fails():
    with raises(NotImplementedError, '"lt_cpu" not implemented for'):
        _ = leaf() < 1
    with pytest.raises((RuntimeError, NotImplementedError)):
        leaf().max()


def test_abs_is_real_and_mul_promotes():
    assert leaf().abs().dtype == torch.float64
    assert (torch.ones(2) * 1j).dtype == torch.complex64
    assert (torch.ones(2, dtype=torch.float64) * 1j).dtype == torch.complex128


@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_casting_to_real_drops_the_imaginary_part():
    z = leaf()
    y = z.double()
    assert close(y, [1.0, 3.0])
    y.sum().backward()
    assert close(z.grad, [1, 1])


def test_a_complex_matrix_product():
    torch.manual_seed(0)
    a = torch.complex(torch.rand(2, 2).double(), torch.rand(2, 2).double()).requires_grad_()
    b = torch.complex(torch.rand(2, 2).double(), torch.rand(2, 2).double()).requires_grad_()
    g = torch.complex(torch.rand(2, 2).double(), torch.rand(2, 2).double())
    (a @ b).backward(g)
    assert close(a.grad, (g @ b.detach().conj().t()).tolist()) and close(b.grad, (a.detach().conj().t() @ g).tolist())


def test_second_order():
    z = leaf()
    (first,) = torch.autograd.grad((z.abs() ** 2).sum(), z, create_graph=True)
    assert close(first, [2 + 4j, 6 - 8j])
    (second,) = torch.autograd.grad(first.real.sum(), z)
    assert close(second, [2, 2])


def test_complex_tensors_print():
    assert repr(torch.tensor([1 + 2j])) == "tensor([1.+2.j])"
