"""What a failed gradcheck says, and the check that works at any precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wengert as wg
from tests.backend import marked_line
from wengert.autograd import dotcheck, gradcheck, gradgradcheck
from wengert.autograd.gradcheck import GradcheckError


class WrongCube(wg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):  # rule
        (x,) = ctx.saved_tensors
        slope = 3 * x**2
        slope[1, 2] += 0.5
        return g * slope

    @staticmethod
    def jvp(ctx, t):
        return t * 0


class GoodCube(wg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2

    @staticmethod
    def jvp(ctx, t):
        return t * 3 * ctx.saved_tensors[0] ** 2


def leaf(*shape, dtype=wg.float64):
    return wg.tensor(np.random.default_rng(1).normal(size=shape), dtype=dtype, requires_grad=True)


def program(k, x):
    y = GoodCube.apply(x).sin()
    y = WrongCube.apply(y * k)  # culprit
    return x.sum(), GoodCube.apply(y + 1)


def failure(*args, **options):
    with pytest.raises(GradcheckError) as caught:
        gradcheck(*args, **options)
    return str(caught.value)


def test_the_message_names_input_output_entry_operation_and_lines():
    text = failure(program, (2.0, leaf(2, 3)))
    assert text.startswith("Jacobian mismatch for output 1 with respect to input 1,\nnumerical:tensor(")
    assert "1 of 36 entries are off, most at element [1, 2] of the output with respect to element [1, 2]" in text
    assert "The gradient is wrong at WrongCubeBackward, recorded at:" in text
    assert f"line {marked_line(Path(__file__), 'culprit')}, in program" in text
    assert f"line {marked_line(Path(__file__), 'rule') - 1}, in backward" in text


def test_fast_mode_names_the_operation_too():
    text = failure(program, (2.0, leaf(2, 3)), fast_mode=True)
    assert "computed in fast mode" in text and "The gradient is wrong at WrongCubeBackward" in text


def test_a_wrong_rule_on_a_leaf_is_named():
    text = failure(lambda x: WrongCube.apply(x).sin(), (leaf(2, 3),))
    assert "The gradient is wrong at WrongCubeBackward" in text


def test_forward_mode_names_the_entry():
    text = failure(lambda x: WrongCube.apply(x), (leaf(2, 3),), check_forward_ad=True)
    assert "computed with forward mode mismatch" in text and "6 of 36 entries are off" in text


def test_a_gradient_that_is_not_linear_is_refused():
    class Offset(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return wg.ones_like(g) if not g.any() else g

    with pytest.raises(RuntimeError, match="backward not multiplied by grad_output"):
        gradcheck(Offset.apply, (leaf(3),), check_undefined_grad=False)
    assert not gradcheck(Offset.apply, (leaf(3),), check_undefined_grad=False, raise_exception=False)


def test_random_gradients_are_not_reentrant():
    class Noise(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g + g * wg.rand(1).double() * 1e-7

    with pytest.raises(RuntimeError, match="Backward is not reentrant"):
        gradcheck(Noise.apply, (leaf(3),))
    assert gradcheck(Noise.apply, (leaf(3),), nondet_tol=1e-5)


def test_batches_of_gradients_and_tangents():
    assert gradcheck(
        lambda x: (x.exp() * x).cumsum(0), (leaf(3),), check_forward_ad=True, check_batched_forward_ad=True,
        check_batched_grad=True,
    )  # fmt: skip

    class Item(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g if g.sum().item() else g

    with pytest.raises(RuntimeError, match="While computing batched gradients, got: vmap"):
        gradcheck(Item.apply, (leaf(3),), check_batched_grad=True)


def test_nothing_to_check():
    assert gradcheck(lambda x: x * 2, (leaf(0),))


def test_a_second_order_that_is_not_there():
    class Kept(wg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            e = x.exp()
            ctx.save_for_backward(x, e)
            return e * x

        @staticmethod
        def backward(ctx, g):
            x, e = ctx.saved_tensors
            return g * (e + e * x)

    assert gradcheck(Kept.apply, (leaf(3),))
    with pytest.raises(GradcheckError, match="the second derivative of Kept is not known"):
        gradgradcheck(Kept.apply, (leaf(3),))
    assert not gradgradcheck(Kept.apply, (leaf(3),), raise_exception=False)


@pytest.mark.parametrize("dtype", [wg.float64, wg.float32, wg.float16, wg.bfloat16, wg.complex64, wg.complex128])
def test_dotcheck_holds_at_any_precision(dtype):
    def network(x):
        return (x @ x.transpose(0, 1)).sin().softmax(0) if not dtype.is_complex else (x @ x.transpose(0, 1)) * x.sum()

    values = np.random.default_rng(0).normal(size=(4, 4)) * 0.5
    x = wg.tensor(values).to(dtype).requires_grad_()
    assert dotcheck(network, x)
    assert dotcheck(lambda a, k: (a * k, a.sum()), (x, 3))


@pytest.mark.parametrize("dtype", [wg.float64, wg.float32])
def test_dotcheck_finds_rules_that_do_not_fit(dtype):
    x = leaf(2, 3, dtype=dtype)
    assert dotcheck(GoodCube.apply, x)
    with pytest.raises(RuntimeError, match="gradient and tangent of output 0 do not fit"):
        dotcheck(WrongCube.apply, x)
    assert not dotcheck(WrongCube.apply, x, raise_exception=False)
    with pytest.raises(ValueError, match="at least one input"):
        dotcheck(GoodCube.apply, x.detach())
