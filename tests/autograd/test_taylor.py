"""Taylor mode against nested tangents, closed forms and every other transform."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

import wengert as wg
from wengert import func
from wengert.func import jet

F = wg.nn.functional
POINT = [0.4, 0.9, 1.3]
ALONG = [0.3, 1.0, -0.2]
MATRIX = np.random.default_rng(0).normal(size=(3, 3))


def tensor(values):
    return wg.tensor(values, dtype=wg.float64)


def nested(f, x, v, order):
    """d^k/ds^k f(x + s v) by tangents of tangents."""
    found, h = [], lambda s: f(x + s * v)
    for _ in range(order):
        h = (lambda inner: lambda s: func.jvp(inner, (s,), (tensor(1.0),))[1])(h)
        found.append(h(tensor(0.0)).detach().numpy())
    return found


FUNCTIONS = {
    "sin": lambda x: x.sin(),
    "exp": lambda x: x.exp(),
    "tanh": lambda x: x.tanh(),
    "product": lambda x: x * x.sin() * x,
    "quotient": lambda x: x.sin() / (1 + x * x),
    "constant over": lambda x: 2 / x,
    "sqrt": lambda x: (1 + x * x).sqrt(),
    "log": lambda x: x.log(),
    "pow": lambda x: x**2.5,
    "pow of tensors": lambda x: x**x,
    "matmul": lambda x: (tensor(MATRIX) @ x).tanh() @ x,
    "softmax": lambda x: wg.softmax(x * x, 0),
    "logsumexp": lambda x: wg.logsumexp(x * x, 0),
    "cat": lambda x: wg.cat([x.sin(), x[:2] * x[1:]]),
    "norm": lambda x: (x * x).norm(),
    "where": lambda x: wg.where(x > 0.5, x.sin(), x**2),
    "gelu": lambda x: F.gelu(x),
    "cumsum": lambda x: x.cumsum(0).cos(),
    "gradient": lambda x: func.grad(lambda y: (y.sin() * y).sum())(x),
    "gradient of a network": lambda x: func.grad(lambda y: (tensor(MATRIX) @ y).tanh().exp().sum())(x),
    "vmap": lambda x: func.vmap(lambda y: y.sin() * y)(x),
    "in place": lambda x: (x * 1).mul_(x).exp_(),
    "in place on a view": lambda x: written(x),
    "var": lambda x: x.var(),
    "prod": lambda x: x.prod(),
    "max": lambda x: x.max(),
    "outer": lambda x: (x[:, None] * x[None]).sum(0),
    "layer_norm": lambda x: F.layer_norm(x * x, (3,)),
    "linear": lambda x: F.linear(x[None], tensor(MATRIX)).sin(),
    "split": lambda x: x.split([1, 2])[1].sin(),
    "inverse": lambda x: wg.linalg.inv(tensor(MATRIX) + x),
    "det": lambda x: wg.linalg.det(tensor(MATRIX) + x),
    "cumprod": lambda x: x.cumprod(0),
    "sort": lambda x: (x * x).sort()[0],
    "no dependence": lambda x: wg.ones(2, dtype=wg.float64),
}  # fmt: skip


def written(x):
    y = x.sin() * 1.0
    y[1:].mul_(x[:2])
    return y.exp()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_against_nested_tangents(name):
    f = FUNCTIONS[name]
    x, v = tensor(POINT), tensor(ALONG)
    out, found = jet(f, (x,), ([v, None, None, None],))
    np.testing.assert_allclose(out.numpy(), f(x).numpy())
    for mine, wanted in zip(found, nested(f, x, v, 4), strict=True):
        assert not mine.requires_grad
        np.testing.assert_allclose(mine.numpy(), wanted, rtol=1e-7, atol=1e-12)


def test_along_a_bent_curve():
    """Derivatives of the curve itself enter: exp(sin t) from x = sin t."""
    series = [tensor(d) for d in (1.0, 0.0, -1.0, 0.0, 1.0, 0.0)]
    _, found = jet(lambda x: x.exp(), (tensor(0.0),), (series,))
    np.testing.assert_allclose([d.item() for d in found], [1, 1, 0, -3, -8, -3], atol=1e-12)


def test_high_order_is_cheap_and_right():
    """1 / (1 - t) has the derivatives k!; order 40 takes a few hundred operations, not 2 ** 40."""
    _, found = jet(lambda x: 1 / (1 - x), (tensor(0.0),), ([tensor(1.0)] + [None] * 39,))
    np.testing.assert_allclose([d.item() for d in found], [float(factorial(k)) for k in range(1, 41)], rtol=1e-12)


def test_several_inputs_and_outputs():
    x, y = tensor(2.0), tensor(3.0)
    out, (first, second) = jet(
        lambda a, b: {"p": a * b, "q": (a, b * b)}, (x, y), ([tensor(1.0), None], [tensor(5.0), None])
    )
    assert out["p"].item() == 6 and first["p"].item() == 2 * 5 + 3 and second["p"].item() == 10
    assert first["q"][0].item() == 1 and second["q"][1].item() == 50


def test_a_gradient_of_a_jet():
    x = tensor(POINT).requires_grad_()
    _, (_, second) = jet(lambda y: y.sin() * y, (x,), ([tensor(ALONG), None],))
    (found,) = wg.autograd.grad(second.sum(), x)
    p, v = np.array(POINT), np.array(ALONG)
    np.testing.assert_allclose(found.numpy(), v**2 * (-3 * np.sin(p) - p * np.cos(p)), rtol=1e-10)


def test_refusals():
    x = tensor(POINT)
    with pytest.raises(RuntimeError, match="lists of derivatives of one length"):
        jet(lambda a, b: a * b, (x, x), ([x], [x, x]))
    with pytest.raises(RuntimeError, match="different size than that of the original"):
        jet(lambda a: a, (x,), ([tensor(1.0)],))
    with pytest.raises(NotImplementedError, match="jet: .*out="):
        jet(lambda a: wg.sin(a, out=wg.zeros(3, dtype=wg.float64)), (x,), ([x],))


def test_outside_of_a_jet_nothing_is_left():
    x = tensor(POINT)
    kept = []
    jet(lambda a: kept.append(a * 1) or a, (x,), ([x],))
    np.testing.assert_array_equal((kept[0].sin() + x).numpy(), np.sin(POINT) + POINT)
    assert func.jvp(lambda a: a.sin(), (x,), (x,))[1].shape == (3,)
