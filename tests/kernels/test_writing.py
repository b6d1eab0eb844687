"""In-place and `out=` forms of large tensors: the kernel writes where the result belongs, and nothing else changes."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import workshop
from wengert.core.operators.record import REGISTRY

SHAPE = (90, 101)

WRITES = {
    "neg": lambda x, y: x.neg_(),
    "relu": lambda x, y: x.relu_(),
    "exp": lambda x, y: x.exp_(),
    "clamp": lambda x, y: x.clamp_(-0.5, 0.5),
    "scaled addition": lambda x, y: x.add_(y, alpha=-0.25),
    "scaled subtraction": lambda x, y: x.sub_(y, alpha=0.25),
    "addcmul": lambda x, y: x.addcmul_(y, y, value=0.5),
    "addcdiv": lambda x, y: x.addcdiv_(y, y * y + 1, value=0.5),
    "lerp": lambda x, y: x.lerp_(y, 0.1),
    "itself": lambda x, y: x.mul_(x),
    "fill": lambda x, y: x.fill_(1.5),
    "leaky": lambda x, y: wengert.nn.functional.leaky_relu_(x, 0.2),
}


def drawn(seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(dtype)


def prepared(function, *arrays):
    """The kernels of a function are ready."""
    function(*map(wengert.tensor, arrays))
    assert workshop.finish()


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_inplace_form_writes_its_tensor(name, dtype):
    a, b = drawn(1, dtype), drawn(2, dtype)
    write = WRITES[name]
    small = [wengert.tensor(x[:4, :4]) for x in (a, b)]
    wanted = np.array(write(*small))  # no kernel is for so few
    prepared(write, a, b)
    x, y = wengert.tensor(a), wengert.tensor(b)
    place, version = x.data_ptr(), x._version
    assert write(x, y) is x
    assert x.data_ptr() == place and x._version > version
    np.testing.assert_allclose(x.numpy()[:4, :4], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(y.numpy(), b)


def test_the_kernel_stores_its_result_itself():
    prepared(lambda x: x.sigmoid_(), drawn(1))
    x, room = drawn(1), np.empty(SHAPE, np.float32)
    REGISTRY["sigmoid"].into([x], room)()
    np.testing.assert_allclose(room, 1 / (1 + np.exp(-x)), rtol=1e-5)
    assert REGISTRY["sigmoid"].into([x], room.astype(np.float64)) is None
    assert REGISTRY["sigmoid"].into([x], room[1:]) is None


def test_memory_that_overlaps_is_read_before_it_is_written():
    a = drawn(3)
    prepared(lambda x: x[1:].add_(x[:-1], alpha=0.5), a)
    x = wengert.tensor(a)
    x[1:].add_(x[:-1], alpha=0.5)
    np.testing.assert_allclose(x.numpy()[1:], a[1:] + np.float32(0.5) * a[:-1], rtol=1e-6, atol=1e-6)
    y = wengert.tensor(a)
    wengert.exp(y[:-1], out=y[1:])
    np.testing.assert_allclose(y.numpy()[1:], np.exp(a[:-1]), rtol=1e-6)


def test_gradients_of_what_was_overwritten():
    a = drawn(4)

    def chain(x):
        y = x * 1
        y.sin_()  # its rule needs what is overwritten
        return y.exp_()  # this one its result

    prepared(lambda x: chain(x.requires_grad_()).sum().backward(), a)
    x = wengert.tensor(a, requires_grad=True)
    chain(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(np.sin(a)) * np.cos(a), rtol=2e-5, atol=1e-6)
    z = wengert.tensor(a, requires_grad=True)
    w = z.exp()
    w.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        w.sum().backward()


@pytest.mark.parametrize("function", [wengert.exp, wengert.neg, wengert.sigmoid, wengert.sqrt])
def test_out_is_written_and_keeps_its_memory(function):
    a = np.abs(drawn(5))
    prepared(function, a)
    x, out = wengert.tensor(a), wengert.empty(SHAPE)
    place = out.data_ptr()
    assert function(x, out=out) is out and out.data_ptr() == place and out._version == 1
    np.testing.assert_allclose(out.numpy(), function(x).numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        function(x.requires_grad_(), out=out)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        function(x.detach(), out=wengert.empty(1, SHAPE[1]).expand(SHAPE))


def test_one_kernel_serves_every_step_size():
    a, b = drawn(6), drawn(7)
    prepared(lambda x, y: x.add_(y, alpha=0.125), a, b)
    before = len(workshop.orders())
    x, wanted = wengert.tensor(a), a.copy()
    for step in np.linspace(-1, 1, 40):
        x.add_(wengert.tensor(b), alpha=float(step))
        wanted += np.float32(step) * b
    assert len(workshop.orders()) == before
    np.testing.assert_allclose(x.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_attributes_that_decide_something_stay_constants():
    a = drawn(8)
    for power in (2.0, 3.0, 0.5):
        prepared(lambda x, power=power: x.pow_(power), np.abs(a))
        np.testing.assert_allclose(wengert.tensor(np.abs(a)).pow_(power).numpy(), np.abs(a) ** power, rtol=1e-5)
    for value in (0.3, 2.0):
        prepared(lambda x, value=value: wengert.nn.functional.threshold(x, value, 0.0), a)
        found = wengert.nn.functional.threshold(wengert.tensor(a), value, 0.0)
        np.testing.assert_array_equal(found.numpy(), np.where(a > value, a, 0))


@pytest.mark.parametrize("dim", [None, -1, (0, 1), 0])
def test_norms_and_variances(dim):
    a = drawn(9) * 3 + 5
    wide = a.astype(np.float64)
    prepared(lambda x: (x.norm(p=2, dim=dim), x.var(dim=dim)), a)
    x = wengert.tensor(a)
    np.testing.assert_allclose(x.norm(p=2, dim=dim).numpy(), np.sqrt((wide**2).sum(dim)), rtol=1e-5)
    np.testing.assert_allclose(x.var(dim=dim).numpy(), wide.var(dim, ddof=1), rtol=1e-5)
    found = wengert.std_mean(x, dim=dim, keepdim=True)
    np.testing.assert_allclose(found[0].numpy(), wide.std(dim, ddof=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(found[1].numpy(), wide.mean(dim, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_writes_go_by_kernels_too(dtype):
    rng = np.random.default_rng(11)
    a, b = (rng.standard_normal((300, 257)).astype(dtype) for _ in range(2))
    for _ in range(2):  # NumPy first, then the kernels
        x = wengert.tensor(a)
        place = x.data_ptr()
        x += wengert.tensor(b)
        x -= 0.5
        x *= wengert.tensor(b[0])  # a row: stretched
        x /= wengert.tensor(b * b + 1)
        assert x.data_ptr() == place
        np.testing.assert_allclose(x.numpy(), (a + b - 0.5) * b[0] / (b * b + 1), rtol=2e-5, atol=1e-6)
        w = wengert.tensor(a, requires_grad=True)
        for _ in range(3):
            (w * wengert.tensor(b)).sum().backward()
        np.testing.assert_allclose(w.grad.numpy(), 3 * b, rtol=1e-5)
        assert workshop.finish()
