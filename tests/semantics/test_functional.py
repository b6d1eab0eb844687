"""`autograd.functional`: Jacobians, Hessians and products with vectors."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises


def point():
    return torch.tensor([1.0, 2.0])


def square(x):
    return x**2


def cube_sum(x):
    return (x**3).sum()


def api():
    return torch.autograd.functional


def test_jacobian_of_one_input_and_output():
    assert close(api().jacobian(square, point()), [[2.0, 0.0], [0.0, 4.0]])


def test_jacobian_shape_is_output_then_input():
    jacobian = api().jacobian(lambda x: x.sum(0), torch.ones(4, 3))
    assert jacobian.shape == (3, 4, 3)
    assert api().jacobian(lambda x: x.sum(), torch.ones(2, 3)).shape == (2, 3)


def test_jacobian_of_several_inputs():
    to_a, to_b = api().jacobian(lambda a, b: a * b, (point(), point() * 3))
    assert close(to_a, [[3.0, 0.0], [0.0, 6.0]]) and close(to_b, [[1.0, 0.0], [0.0, 2.0]])


def test_jacobian_of_several_inputs_and_outputs():
    rows = api().jacobian(lambda a, b: (a * b, a.sum()), (point(), point()))
    assert isinstance(rows, tuple) and isinstance(rows[0], tuple)
    assert close(rows[0][1], [[1.0, 0.0], [0.0, 2.0]])
    assert close(rows[1][0], [1.0, 1.0]) and close(rows[1][1], [0.0, 0.0])


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_jacobian_vectorized(strategy):
    found = api().jacobian(lambda x: (x**2).sum() * x, point(), vectorize=True, strategy=strategy)
    assert close(found, [[7.0, 4.0], [4.0, 13.0]])


def test_forward_mode_needs_vectorize():
    with raises(NotImplementedError, "Computing Jacobian using forward-AD"):
        api().jacobian(square, point(), strategy="forward-mode")


def test_strategy_has_two_values():
    with raises(AssertionError, 'Expected strategy to be either "forward-mode" or "reverse-mode".'):
        api().jacobian(square, point(), strategy="sideways")


def test_strict_and_vectorize_exclude_each_other():
    with raises(RuntimeError, "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not"):
        api().jacobian(square, point(), vectorize=True, strict=True)


def test_create_graph_makes_the_result_differentiable():
    x = point().requires_grad_()
    jacobian = api().jacobian(square, x, create_graph=True)
    jacobian.sum().backward()
    assert close(x.grad, [2.0, 2.0])
    assert not api().jacobian(square, x).requires_grad


def test_an_independent_output_is_zero_unless_strict():
    def constant(x):
        return torch.ones(2)

    assert close(api().jacobian(constant, point()), [[0.0, 0.0], [0.0, 0.0]])
    with raises(RuntimeError, "Output 0 of the user-provided function does not require gradients."):
        api().jacobian(constant, point(), strict=True)


def test_an_independent_input_is_zero_unless_strict():
    def first(a, b):
        return a * 2

    assert close(api().jacobian(first, (point(), point()))[1], [[0.0, 0.0], [0.0, 0.0]])
    with raises(RuntimeError, "Output 0 of the user-provided function is independent of input 1."):
        api().jacobian(first, (point(), point()), strict=True)


def test_inputs_and_outputs_must_be_tensors():
    with raises(TypeError, "The inputs given to jacobian must be either a Tensor or a tuple of Tensors"):
        api().jacobian(square, 3.0)
    with raises(TypeError, "The outputs of the user-provided function given to jacobian must be either a Tensor"):
        api().jacobian(lambda x: 3.0, point())


def test_hessian_of_one_input():
    assert close(api().hessian(cube_sum, point()), [[6.0, 0.0], [0.0, 12.0]])


def test_hessian_of_several_inputs():
    rows = api().hessian(lambda a, b: (a * b).sum(), (point(), point()))
    assert close(rows[0][0], [[0.0, 0.0], [0.0, 0.0]]) and close(rows[0][1], [[1.0, 0.0], [0.0, 1.0]])
    assert close(rows[1][0], [[1.0, 0.0], [0.0, 1.0]]) and close(rows[1][1], [[0.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_hessian_vectorized(strategy):
    found = api().hessian(cube_sum, point(), vectorize=True, outer_jacobian_strategy=strategy)
    assert close(found, [[6.0, 0.0], [0.0, 12.0]])


def test_hessian_needs_one_single_element():
    with raises(RuntimeError, "The Tensor returned by the function given to hessian should contain a single element"):
        api().hessian(lambda x: x**3, point())
    with raises(RuntimeError, "The function given to hessian should return a single Tensor"):
        api().hessian(lambda x: (x.sum(), x.sum()), point())


def test_hessian_of_a_linear_function():
    assert close(api().hessian(lambda x: x.sum(), point()), [[0.0, 0.0], [0.0, 0.0]])
    with raises(RuntimeError, "While computing the hessian, found that the jacobian of the user-provided function"):
        api().hessian(lambda x: x.sum(), point(), strict=True)


def test_hessian_create_graph():
    x = point().requires_grad_()
    api().hessian(cube_sum, x, create_graph=True).sum().backward()
    assert close(x.grad, [6.0, 6.0])


def test_vjp_gives_value_and_product():
    value, product = api().vjp(square, point(), torch.tensor([1.0, 10.0]))
    assert close(value, [1.0, 4.0]) and close(product, [2.0, 40.0])
    assert not value.requires_grad and not product.requires_grad


def test_vjp_of_several_inputs():
    _, (to_a, to_b) = api().vjp(lambda a, b: a * b, (point(), point() * 3), torch.ones(2))
    assert close(to_a, [3.0, 6.0]) and close(to_b, [1.0, 2.0])


def test_vjp_of_a_scalar_needs_no_vector():
    value, product = api().vjp(cube_sum, point())
    assert close(value, 9.0) and close(product, [3.0, 12.0])
    with raises(RuntimeError, "The vector v can only be None if the user-provided function returns a single Tensor"):
        api().vjp(square, point())


def test_a_vector_must_have_the_shape_of_its_partner():
    with raises(RuntimeError, "v has invalid size: should be torch.Size([2]) but got torch.Size([3])."):
        api().vjp(square, point(), torch.ones(3))
    with raises(RuntimeError, "v has invalid size: should be torch.Size([2]) but got torch.Size([3])."):
        api().jvp(square, point(), torch.ones(3))


def test_jvp_gives_value_and_product():
    value, product = api().jvp(square, point(), torch.tensor([1.0, 10.0]))
    assert close(value, [1.0, 4.0]) and close(product, [2.0, 40.0])
    with raises(RuntimeError, "The vector v can only be None if the input to the user-provided function is a single"):
        api().jvp(square, point())


def test_jvp_of_several_inputs():
    _, product = api().jvp(lambda a, b: a * b, (point(), point() * 3), (torch.ones(2), torch.ones(2)))
    assert close(product, [4.0, 8.0])


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products(name):
    value, product = getattr(api(), name)(cube_sum, point(), torch.tensor([1.0, 10.0]))
    assert close(value, 9.0) and close(product, [6.0, 120.0])


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products_of_several_inputs(name):
    vectors = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    _, product = getattr(api(), name)(lambda a, b: (a * b).sum(), (point(), point()), vectors)
    assert close(product[0], [3.0, 4.0]) and close(product[1], [1.0, 2.0])


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products_of_a_linear_function(name):
    _, product = getattr(api(), name)(lambda x: x.sum(), point(), torch.ones(2))
    assert close(product, [0.0, 0.0])
    with raises(RuntimeError, "While computing the hessian, found that the jacobian of the user-provided function"):
        getattr(api(), name)(lambda x: x.sum(), point(), torch.ones(2), strict=True)


@pytest.mark.parametrize("name", ["vjp", "jvp"])
def test_products_create_graph(name):
    x = point().requires_grad_()
    _, product = getattr(api(), name)(square, x, torch.ones(2), create_graph=True)
    product.sum().backward()
    assert close(x.grad, [2.0, 2.0])


def test_the_inputs_are_left_alone():
    x = point().requires_grad_()
    api().jacobian(square, x)
    api().hessian(cube_sum, x)
    assert x.grad is None and x.is_leaf


def test_they_work_under_no_grad():
    with torch.no_grad():
        assert close(api().jacobian(square, point()), [[2.0, 0.0], [0.0, 4.0]])
