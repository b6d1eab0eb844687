"""Kernels of half precision: what they are for, and that they give what float32, rounded once, gives."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays.dtype import bfloat16
from wengert.core.kernels import narrowing, workshop
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.elementwise import Loop
from wengert.core.kernels.expressions import argument
from wengert.core.kernels.host import PRESETS
from wengert.core.operators.half_kernels import pattern
from wengert.core.operators.record import REGISTRY

SHAPE = (70, 129)
HALVES = ["bfloat16", "float16"]
UNITS = {"bfloat16": 2.0**-7, "float16": 2.0**-10}

FUNCTIONS = {
    "scaled": lambda x: x * 2,
    "product": lambda x: x * x,
    "sum": lambda x: x + x * 0.5,
    "quotient": lambda x: 1.0 / (x * x + 1),
    "exp": lambda x: x.exp(),
    "tanh": lambda x: x.tanh(),
    "relu": wengert.relu,
    "gelu": wengert.nn.functional.gelu,
    "silu": wengert.nn.functional.silu,
    "leaky": lambda x: wengert.nn.functional.leaky_relu(x, 0.2),
    "maximum": lambda x: wengert.maximum(x, -x * 0.5),
    "addcmul": lambda x: wengert.addcmul(x, x, x, value=0.5),
}


def drawn(half, *shape):
    values = np.random.default_rng(5).standard_normal(shape or SHAPE).astype(np.float32)
    return wengert.from_numpy(values).to(getattr(wengert, half))


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name, half):
    rounds = []
    for _ in range(3):
        x = drawn(half).requires_grad_()
        out = FUNCTIONS[name](x)
        assert out.dtype is x.dtype
        out.backward(drawn(half))
        assert x.grad.dtype is x.dtype
        rounds.append([out.detach().float().numpy(), x.grad.float().numpy()])
        assert workshop.finish()
    for one, other in zip(rounds[0], rounds[2], strict=True):
        np.testing.assert_allclose(other, one, rtol=UNITS[half], atol=2e-5 + UNITS[half] / 8)


@pytest.mark.parametrize("half", HALVES)
def test_the_record_has_a_kernel_once_it_was_asked_for(half):
    a = drawn(half)._array
    narrow = REGISTRY["sigmoid"].narrow
    narrow.body([a])
    assert workshop.finish()
    found = narrow.body([a])
    assert found.dtype == a.dtype and found.flags.c_contiguous
    wide = 1 / (1 + np.exp(-a.astype(np.float64)))
    np.testing.assert_allclose(found.astype(np.float64), wide, rtol=UNITS[half])
    assert narrow.body([a.T]) is None and narrow.body([a[:5, :5]]) is None


def test_operands_that_are_for_kernels():
    a = drawn("bfloat16")._array
    assert pattern([a, 2.0, a]) == ("bfloat16", (None, 2.0, None))
    for other in (a[:1], a.astype(np.float16), True, 1j, None, "x"):
        assert pattern([a, other]) == (None, None)
    assert pattern([2.0, 3.0]) == (None, None)


@pytest.mark.parametrize("half", HALVES)
def test_special_values(half):
    info = wengert.finfo(getattr(wengert, half))
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.min, info.tiny, 1.0, -1.0]
    x = wengert.tensor(special * 500, dtype=getattr(wengert, half))
    for _ in range(2):
        doubled, inverse = (x * 2).float().numpy(), (1.0 / x).float().numpy()
        assert workshop.finish()
    with np.errstate(all="ignore"):
        wide = x.float().numpy()
        dtype = np.float16 if half == "float16" else bfloat16.numpy
        np.testing.assert_array_equal(doubled, (wide * 2).astype(dtype).astype(np.float32))
        np.testing.assert_array_equal(inverse, (1 / wide).astype(dtype).astype(np.float32))


def test_a_wrong_kernel_is_caught(factory):
    call = factory.narrow("double", lambda xs: xs[0] * 2, "bfloat16", (None,), lambda x: x * 2, (-4.0, 4.0))
    with pytest.raises(Rejected, match="gives"):
        narrowing.accept("wrong", lambda x: -call(x), lambda x: x * 2, (None,), "bfloat16", (-4.0, 4.0))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("half", HALVES)
def test_text_is_made_for_every_target(name, half):
    product = argument(0, np.dtype("f4")) * argument(1, np.dtype("f4"))
    text, entry = narrowing.narrow_text(PRESETS[name], Loop("narrow", "float", (product,), (False, True)), half)
    assert f"@{entry}" in text


def test_gradients_meet_in_half_precision():
    x = drawn("bfloat16").requires_grad_()
    for _ in range(2):
        x.grad = None
        parts = [x * float(k) for k in range(1, 5)]
        wengert.autograd.backward(parts, [wengert.ones_like(p) for p in parts])
        assert workshop.finish()
    assert x.grad.dtype is wengert.bfloat16 and x.grad.eq(10).all()


def test_a_second_backward_of_large_tensors_says_that_the_graph_was_freed():
    for _ in range(2):  # by float32, then by kernels
        x = drawn("bfloat16").requires_grad_()
        out = x.tanh()
        out.backward(drawn("bfloat16"))
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            out.backward(drawn("bfloat16"))
        assert workshop.finish()
