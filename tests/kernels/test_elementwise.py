"""Elementwise kernels as ufuncs: layouts, broadcasting, aliasing, many results, and the test that accepts them."""

import numpy as np
import pytest

from wengert.core.kernels.acceptance import Rejected, accept
from wengert.core.kernels.expressions import ARRAYS, OperatorNames, Untraceable, argument


@pytest.fixture(scope="module")
def product(factory):
    """x * y + 1."""
    return factory.elementwise("product", lambda xs: xs[0] * xs[1] + 1, 2)


def reference(x, y):
    return x * y + 1


@pytest.mark.parametrize("n", [0, 1, 7, 16, 17, 255, 8191, 8192, 8193, 50_001])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_length(product, n, dtype):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)
    found = product(x, y)
    assert found.dtype == dtype and np.array_equal(found, reference(x, y))


def test_layouts_and_broadcasting(product):
    x = np.random.default_rng(0).standard_normal((301, 77))
    for a, b in (
        (x[:300:2, ::3], x[1::2, ::3]),
        (x.T, x.T),
        (x[:, 5], x[:, 6]),
        (x[::-1], x),
        (x, x[:1]),
        (x, x[:, :1]),
        (x, 2.5),
        (np.broadcast_to(x[0, 0], (40_000,)), np.arange(40_000.0)),
        (np.broadcast_to(x[0], (301, 77)), x),
        (x[0, 0], x[1, 1]),
    ):
        assert np.array_equal(product(a, b), reference(a, b))


def test_in_place_and_into_other_memory(product):
    x, y = np.random.default_rng(0).standard_normal((2, 30_000))
    wanted = reference(x, y)
    strided = np.zeros(60_000)[::2]
    product(x, y, out=strided)
    assert np.array_equal(strided, wanted)
    again = product(x, y, out=x)
    assert again is x and np.array_equal(x, wanted)


def test_unaligned_memory(product):
    room = np.zeros(8001 * 8 + 3, np.uint8)
    x = room[3 : 3 + 8000 * 8].view(np.float64)
    x[:] = np.arange(8000.0)
    assert np.array_equal(product(x, x), reference(x, x))


def test_several_results(factory):
    pair = factory.elementwise("pair", lambda xs: (xs[0] + xs[1], ARRAYS.exp(xs[0])), 2, ("float",))
    x, y = np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
    total, grown = pair(x, y)
    assert np.array_equal(total, x + y) and np.allclose(grown, np.exp(x), rtol=1e-6)


def test_a_wrong_kernel_is_caught(factory):
    for wrong in (
        lambda xs: ARRAYS.exp(xs[0]) * 1.001,
        lambda xs: ARRAYS.where(xs[0] > 3.99, 0.0, ARRAYS.exp(xs[0])),
        lambda xs: ARRAYS.exp(ARRAYS.maximum(xs[0], -30.0)) + 1e-3,
        lambda xs: ARRAYS.minimum(ARRAYS.exp(xs[0]), 3e38),
    ):
        kernel = factory.elementwise("wrong", wrong, 1, ("float",))
        with pytest.raises(Rejected, match=r"wrong\(.* gives .*, NumPy "):
            accept("wrong", kernel, np.exp, 1, [np.dtype(np.float32)])


def test_a_kernel_that_writes_where_it_must_not_is_caught():
    def careless(x):
        x = x if x.flags.writeable else x.copy()
        found = np.exp(x)
        x[...] = 0
        return found

    with pytest.raises(Rejected, match="writes into its operands"):
        accept("careless", careless, np.exp, 1, [np.dtype(np.float32)])


def test_a_kernel_that_fails_in_some_layout_only_is_caught():
    def forgetful(x):
        found = np.exp(x)
        return found if x.flags.c_contiguous else found * 2

    with pytest.raises(Rejected):
        accept("forgetful", forgetful, np.exp, 1, [np.dtype(np.float64)])


def test_what_is_no_arithmetic_cannot_be_traced():
    x = argument(0, np.dtype(np.float32))
    for thing in (
        lambda: ARRAYS.sum(x),
        lambda: 1 if x > 0 else 2,
        lambda: list(x),
        lambda: x.astype(np.complex64),
        lambda: x**0.3,
        lambda: x + "a",
        lambda: ARRAYS.where(1.0, x, x),
        lambda: (x > 0) + x,
    ):
        with pytest.raises(Untraceable):
            thing()
    with pytest.raises(KeyError):
        OperatorNames({}.__getitem__).gather(x)


def test_equal_parts_are_computed_once(factory):
    from wengert.core.kernels.elementwise import Loop, loop_text

    x = argument(0, np.dtype(np.float32))
    once = loop_text(factory.target, [Loop("f", "float", (ARRAYS.exp(x),), (False,))])
    twice = loop_text(factory.target, [Loop("f", "float", (ARRAYS.exp(x) * ARRAYS.exp(x),), (False,))])
    assert twice.count("roundeven") == once.count("roundeven")
