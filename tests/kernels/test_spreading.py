"""Kernels of operands that broadcast: which are for them, and values and gradients beside NumPy's way."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import spreading, workshop
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.elementwise import Loop
from wengert.core.kernels.expressions import argument
from wengert.core.kernels.host import PRESETS

FIRST = (60, 40, 50)
PARTNERS = [(50,), (40, 50), (60, 1, 1), (1, 40, 1), (60, 1, 50), (1,), (), (60, 40, 1)]


def laid(*shapes, size=4):
    """Shapes with the strides of row-major arrays."""
    return tuple((shape, np.empty(shape, f"f{size}").strides) for shape in shapes)


@pytest.mark.parametrize("shape", PARTNERS)
def test_a_plan_joins_what_is_walked_in_one_step(shape):
    found = spreading.plan(laid(FIRST, shape), 4)
    assert found is not None
    result, steps, inner = found
    assert result == FIRST and len(steps) == 9 and np.prod(inner) == np.prod(FIRST)


def test_what_no_kernel_is_for():
    assert spreading.plan(laid((3, 4, 5, 6, 7), (3, 1, 5, 1, 7)), 4) is None  # five dims
    assert spreading.plan(laid((3, 1), (1, 4)), 4) is None  # neither has the result's shape
    assert spreading.plan(laid((0, 4), (4,)), 4) is None
    turned = np.empty((6, 5), "f4").T
    assert spreading.plan(((turned.shape, turned.strides), ((6,), (4,))), 4) is None
    gaps = np.empty((5, 12), "f4")[:, ::2]
    assert spreading.plan((*laid((5, 6)), (gaps[:1].shape, gaps[:1].strides)), 4) is None


@pytest.mark.parametrize("name", PRESETS)
def test_text_is_made_for_every_target(name):
    sum_of_two = argument(0, np.dtype("f4")) + argument(1, np.dtype("f4"))
    text, entry = spreading.spread_text(PRESETS[name], Loop("spread", "float", (sum_of_two,), (False, False)))
    assert f"@{entry}" in text


def test_a_wrong_kernel_is_caught(factory):
    call = factory.spread("difference", lambda xs: xs[0] - xs[1], 2, "float", np.subtract, (), (-4.0, 4.0))
    with pytest.raises(Rejected, match="of"):
        spreading.accept("wrong", lambda a, b: call(b, a), np.subtract, 2, np.dtype("f4"), (-4.0, 4.0))


FUNCTIONS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: y - x,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (y * y + 1),
    "maximum": wengert.maximum,
    "addcmul": lambda x, y: wengert.addcmul(x, x, y, value=0.5),
    "lerp": lambda x, y: wengert.lerp(x, x * 2, y),
    "where": lambda x, y: wengert.where(x > 0, x, y),
}


@pytest.mark.parametrize("shape", PARTNERS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name, shape):
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s).astype("f4") for s in (FIRST, shape)]
    g = wengert.tensor(rng.standard_normal(FIRST).astype("f4"))
    rounds = []
    for _ in range(3):
        x, y = (wengert.tensor(a, requires_grad=True) for a in arrays)
        out = FUNCTIONS[name](x, y)
        out.backward(g)
        rounds.append([out.detach().numpy(), x.grad.numpy(), y.grad.numpy()])
        assert workshop.finish()
    for one, other in zip(rounds[0], rounds[2], strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-4 if one.size < 4096 else 1e-5)


def test_special_values_stand_where_they_belong():
    x, y = np.ones(FIRST, "f4"), np.ones((40, 1), "f4")
    y[3], y[4], x[:, :, 7] = np.inf, np.nan, -0.0
    for _ in range(2):
        out = (wengert.tensor(x) * wengert.tensor(y)).numpy()
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(out, x * y)
        assert workshop.finish()
