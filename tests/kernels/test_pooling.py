"""Pooling by kernels: beside the path without kernels and beside torch - values, indices, gradients, ties and nan."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays import pooling as plain
from wengert.core.arrays.large import LARGE
from wengert.core.kernels import threads, workshop

LAYERS = [
    ("max 2", lambda f, x: f.max_pool2d(x, 2), (5, 7, 14, 19)),
    ("max 3 of 2", lambda f, x: f.max_pool2d(x, 3, 2, 1), (5, 7, 14, 19)),
    ("max dilated", lambda f, x: f.max_pool2d(x, (2, 3), (1, 2), (1, 0), (2, 3), True), (5, 7, 14, 19)),
    ("max of one image", lambda f, x: f.max_pool2d(x, 3), (9, 30, 31)),
    ("max line", lambda f, x: f.max_pool1d(x, 3, 2, 1, ceil_mode=True), (6, 7, 140)),
    ("max volume", lambda f, x: f.max_pool3d(x, 2, 2, 1), (3, 4, 7, 9, 11)),
    ("max adaptive", lambda f, x: f.adaptive_max_pool2d(x, (4, 5)), (5, 7, 14, 19)),
    ("max adaptive line", lambda f, x: f.adaptive_max_pool1d(x, 9), (6, 7, 140)),
    ("mean 2", lambda f, x: f.avg_pool2d(x, 2), (5, 7, 14, 19)),
    ("mean 3 of 2", lambda f, x: f.avg_pool2d(x, 3, 2, 1), (5, 7, 14, 19)),
    ("mean inside", lambda f, x: f.avg_pool2d(x, 3, 2, 1, True, False), (5, 7, 14, 20)),
    ("mean divided", lambda f, x: f.avg_pool2d(x, (2, 5), (3, 1), divisor_override=3), (5, 7, 14, 19)),
    ("mean line", lambda f, x: f.avg_pool1d(x, 4, 3, 2), (6, 7, 140)),
    ("mean volume", lambda f, x: f.avg_pool3d(x, (1, 2, 3), ceil_mode=True), (3, 4, 7, 9, 11)),
    ("mean of all", lambda f, x: f.avg_pool2d(x, 7), (16, 8, 7, 7)),
    ("mean adaptive", lambda f, x: f.adaptive_avg_pool2d(x, (4, 5)), (5, 7, 14, 19)),
    ("mean adaptive wider", lambda f, x: f.adaptive_avg_pool2d(x, 20), (5, 7, 14, 19)),
    ("mean adaptive volume", lambda f, x: f.adaptive_avg_pool3d(x, (2, 3, 4)), (3, 4, 7, 9, 11)),
]


def several_times(lib, function, x):
    """The result and its gradient, by NumPy or by kernels once they are made."""
    for _ in range(2 if lib is wengert else 1):
        given = lib.from_numpy(x.copy()).requires_grad_()
        y = function(lib.nn.functional, given)
        seed = np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(x.dtype)
        y.backward(lib.from_numpy(seed))
        workshop.finish()
    return y.detach().numpy(), given.grad.numpy()


@pytest.mark.parametrize("layer", LAYERS, ids=[layer[0] for layer in LAYERS])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_as_in_torch(layer, dtype):
    peer = pytest.importorskip("torch")
    _, function, shape = layer
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for found, wanted in zip(several_times(wengert, function, x), several_times(peer, function, x), strict=True):
        assert found.shape == wanted.shape and found.dtype == wanted.dtype
        assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [(2,), (3, 2, 1), (3, 1, 1, 2), ((1, 4), 3, 0, 1, True)])
def test_equals_infinities_and_nan_as_in_torch(options):
    peer = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x = rng.integers(-2, 3, (4, 6, 23, 31)).astype("f4")
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.4] = -np.inf
    for _ in range(2):
        found = wengert.nn.functional.max_pool2d(
            wengert.from_numpy(x), *options[:1], *options[1:4], *options[4:], return_indices=True
        )
        workshop.finish()
    wanted = peer.nn.functional.max_pool2d(peer.from_numpy(x), *options, return_indices=True)
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one.numpy(), other.numpy(), equal_nan=True)


def place(name, *given):
    """What a kernel gives, once it is made."""
    getattr(LARGE, name)(*given)
    workshop.finish()
    return getattr(LARGE, name)(*given)


def test_kernels_give_the_very_numbers_of_numpy_for_any_number_of_threads(monkeypatch):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((6, 5, 21, 34)).astype("f4")
    window = ((3, 2), (2, 2), (1, 0), (1, 1), (11, 17))
    spans = tuple(zip((21, 34), *window, strict=True))
    values, index = place("largest", x, spans, True)
    back, alone = place("put_back", values, index, (21, 34)), place("largest", x, spans, False)[0]
    before = threads.count()
    try:
        for n in (1, 2, 5):
            threads.set_count(n)
            for one, other in zip(LARGE.largest(x, spans, True), (values, index), strict=True):
                assert np.array_equal(one, other)
            assert np.array_equal(LARGE.put_back(values, index, (21, 34)), back)
    finally:
        threads.set_count(before)
    for name in ("largest", "put_back"):
        monkeypatch.setattr(LARGE, name, lambda *given: None)
    kernel, stride, padding, dilation, places = window
    wanted = plain.largest(np, x, kernel, stride, padding, dilation, places)
    assert np.array_equal(wanted[0], values) and np.array_equal(wanted[1], index) and np.array_equal(alone, values)
    assert np.array_equal(plain.scattered(np, values, index, (21, 34), False), back)


def test_indices_that_lie_outside_are_numpys_business():
    g, index = np.ones((2, 3, 40, 40), "f4"), np.zeros((2, 3, 40, 40), np.int64)
    assert place("put_back", g, index, (80, 80))[0, 0, 0, 0] == 1600
    for outside in (6400, -1):
        index[1, 2, 3, 4] = outside
        assert LARGE.put_back(g, index, (80, 80)) is None


def test_what_kernels_of_pooling_are_not_for():
    spans = ((64, 2, 2, 0, 1, 32), (64, 2, 2, 0, 1, 32))
    x = np.ones((2, 3, 64, 64), "f4")
    assert place("largest", x, spans, True) is not None
    assert LARGE.largest(x.astype(np.int32), spans, True) is None
    assert LARGE.largest(x[:1, :1, :9, :9], spans, True) is None
    # One window of a row lies wholly in the padding.
    assert LARGE.largest(x, ((64, 2, 2, 0, 1, 32), (64, 1, 65, 2, 1, 1)), True) is None
    empty = wengert.nn.functional.max_pool2d(wengert.zeros(0, 3, 64, 64), 2)
    assert empty.shape == (0, 3, 32, 32)


def test_second_derivatives_of_pooling():
    x = wengert.randn(2, 3, 32, 32, dtype=wengert.float64, requires_grad=True)
    for pool in (lambda t: wengert.max_pool2d(t, 2), lambda t: wengert.nn.functional.avg_pool2d(t, 3, 2, 1)):
        for _ in range(2):
            (g,) = wengert.autograd.grad((pool(x) ** 3).sum(), x, create_graph=True)
            (gg,) = wengert.autograd.grad(g.sum(), x)
            workshop.finish()
        step = 1e-5
        with wengert.no_grad():
            shifted = [(x + s * step).requires_grad_() for s in (1, -1)]
        slopes = [wengert.autograd.grad((pool(t) ** 3).sum(), t)[0] for t in shifted]
        assert wengert.allclose(gg, (slopes[0] - slopes[1]) / (2 * step), atol=1e-4)
