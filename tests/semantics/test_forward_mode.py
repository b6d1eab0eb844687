"""Forward mode: dual tensors, their level, and how tangents travel."""

import pytest

from tests.backend import needs, torch
from tests.semantics.expectations import close, raises


def forward():
    return needs(torch, "autograd.forward_ad")


def operands():
    return torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])


def tangent(function, *more):
    """The tangent of `function` at the usual point in the usual direction."""
    primal, direction = operands()
    with forward().dual_level():
        return forward().unpack_dual(function(forward().make_dual(primal, direction), *more)).tangent


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda x: x * 3, [3.0, 30.0]),
        (lambda x: x**2, [2.0, 40.0]),
        (lambda x: 1 / x, [-1.0, -2.5]),
        (lambda x: x.sum(), 11.0),
        (lambda x: x.prod(), 12.0),
        (lambda x: x[1:], [10.0]),
        (lambda x: x.view(2, 1), [[1.0], [10.0]]),
        (lambda x: x.expand(2, 2), [[1.0, 10.0], [1.0, 10.0]]),
        (lambda x: torch.cat([x, x]), [1.0, 10.0, 1.0, 10.0]),
        (lambda x: torch.stack([x, torch.ones(2)]), [[1.0, 10.0], [0.0, 0.0]]),
        (lambda x: torch.ones(3, 2) @ x, [11.0, 11.0, 11.0]),
        (lambda x: x.max(), 10.0),
        (lambda x: x.clone(), [1.0, 10.0]),
        (lambda x: torch.where(x > 1, x, 0.0), [0.0, 10.0]),
    ],
    ids=["scale", "square", "reciprocal", "sum", "prod", "slice", "view", "expand", "cat", "stack", "matmul", "max"]
    + ["clone", "where"],
)
def test_tangents_of_operators(function, expected):
    assert close(tangent(function), expected)


def test_unpacking_gives_what_was_packed():
    primal, direction = operands()
    with forward().dual_level():
        unpacked = forward().unpack_dual(forward().make_dual(primal, direction))
        assert unpacked.tangent is direction and close(unpacked.primal, [1.0, 2.0])
        assert unpacked[0] is unpacked.primal


def test_a_plain_tensor_has_no_tangent():
    primal, _ = operands()
    with forward().dual_level():
        assert forward().unpack_dual(primal).tangent is None
    assert forward().unpack_dual(primal).tangent is None


def test_a_level_is_needed():
    with raises(RuntimeError, "Trying to create a dual Tensor for forward AD but no level exists"):
        forward().make_dual(*operands())
    with raises(RuntimeError, "Dual level must be a positive number."):
        forward().exit_dual_level()


def test_levels_do_not_nest():
    with (
        forward().dual_level(),
        raises(RuntimeError, "Nested forward mode AD is not supported at the moment"),
        forward().dual_level(),
    ):
        pass


def test_tangents_end_with_their_level():
    with forward().dual_level():
        dual = forward().make_dual(*operands())
    with forward().dual_level():
        assert forward().unpack_dual(dual).tangent is None


def test_a_tangent_must_fit():
    primal, _ = operands()
    with forward().dual_level():
        with raises(RuntimeError, "Trying to set a forward gradient that has a different size than that of the"):
            forward().make_dual(primal, torch.ones(3))
        with raises(ValueError, "Expected primal to be floating point or complex, but got: torch.int64"):
            forward().make_dual(primal.long(), primal.long())


def test_in_place_operations_carry_tangents():
    assert close(tangent(lambda x: x.clone().mul_(3)), [3.0, 30.0])

    def write(x):
        buffer = torch.zeros(2)
        buffer[0] = x[1]
        return buffer

    assert close(tangent(write), [10.0, 0.0])


def test_detach_drops_the_tangent_and_no_grad_does_not():
    assert tangent(lambda x: x.detach()) is None
    with torch.no_grad():
        assert close(tangent(lambda x: x * 2), [2.0, 20.0])


def test_dual_tensors_record_nothing_for_backward():
    with forward().dual_level():
        assert not (forward().make_dual(*operands()) * 2).requires_grad


def test_reverse_over_forward():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    _, direction = operands()
    with forward().dual_level():
        pushed = forward().unpack_dual(forward().make_dual(x, direction) ** 3).tangent
    (found,) = torch.autograd.grad(pushed.sum(), x)
    assert close(pushed, [3.0, 120.0]) and close(found, [6.0, 120.0])


def test_two_duals_in_one_product():
    primal, direction = operands()
    with forward().dual_level():
        a, b = forward().make_dual(primal, direction), forward().make_dual(primal * 3, direction)
        assert close(forward().unpack_dual(a * b).tangent, [4.0, 80.0])


def test_forward_products_equal_reverse_products():
    torch.manual_seed(0)
    weight = torch.randn(3, 2, dtype=torch.float64)
    x, v = torch.randn(2, dtype=torch.float64), torch.randn(2, dtype=torch.float64)

    def model(x):
        return (weight @ x).tanh().exp().log1p()

    with forward().dual_level():
        pushed = forward().unpack_dual(model(forward().make_dual(x, v))).tangent
    jacobian = torch.autograd.functional.jacobian(model, x)
    assert close(pushed, (jacobian @ v).tolist(), 1e-9)
