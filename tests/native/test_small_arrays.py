"""Arithmetic on small raw arrays gives NumPy's bits, compiled or not."""

import numpy as np
import pytest

from wengert.core.arrays import small
from wengert.core.arrays.large import SIZE

SHAPES = [(), (0,), (1,), (4,), (7,), (8,), (129,), (3, 4), (1, 5), (8, 16), (70, 70)]
PAIRS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.true_divide}
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3e38, -1.5])


def values(shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    array = generator.standard_normal(shape).astype(dtype)
    flat = array.reshape(-1)
    flat[: SPECIAL.size] = SPECIAL[: flat.size].astype(dtype)
    return array


def same(ours, wanted):
    ours, wanted = np.asarray(ours), np.asarray(wanted)
    assert ours.dtype == wanted.dtype and ours.shape == wanted.shape
    assert ours.tobytes() == wanted.tobytes() or np.array_equal(ours, wanted, equal_nan=True)
    signs = np.isnan(wanted) | (np.signbit(ours) == np.signbit(wanted))
    assert signs.all()


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PAIRS)
def test_two_arrays(name, shape, dtype):
    a = values(shape, dtype)
    b = values(shape, dtype, 1)[::-1] if shape else values(shape, dtype, 1)
    same(getattr(small, name)(a, b), PAIRS[name](a, b))
    same(getattr(small, name)(a, b.copy()), PAIRS[name](a, b))


@pytest.mark.parametrize("shapes", [((8, 16), (16,)), ((16,), (8, 16)), ((3, 4), ()), ((), (3, 4)), ((2, 3, 4), (3, 4)),
                                    ((3, 1), (1, 4)), ((3, 4), (3, 1)), ((0, 4), (4,))])  # fmt: skip
@pytest.mark.parametrize("name", PAIRS)
def test_broadcasting(name, shapes):
    a, b = values(shapes[0], np.float32), values(shapes[1], np.float32, 1)
    same(getattr(small, name)(a, b), PAIRS[name](a, b))


@pytest.mark.parametrize("number", [2.0, -0.0, 0.1, float("nan"), 3, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PAIRS)
def test_numbers(name, dtype, number):
    a = values((5, 3), dtype)
    same(getattr(small, name)(a, number), PAIRS[name](a, number))


@pytest.mark.parametrize("name", PAIRS)
def test_dtypes_and_layouts_that_are_no_loops_matter(name):
    a, b = values((4, 6), np.float32), values((4, 6), np.float32, 1)
    same(getattr(small, name)(a.T, b.T), PAIRS[name](a.T, b.T))
    same(getattr(small, name)(a[:, ::2], b[:, ::2]), PAIRS[name](a[:, ::2], b[:, ::2]))
    same(getattr(small, name)(a, b.astype(np.float64)), PAIRS[name](a, b.astype(np.float64)))
    swapped = a.astype(a.dtype.newbyteorder())
    assert np.array_equal(getattr(small, name)(swapped, b), PAIRS[name](swapped, b), equal_nan=True)
    integers = np.arange(24).reshape(4, 6)
    same(getattr(small, name)(integers, integers), PAIRS[name](integers, integers))


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match="broadcast"):
        getattr(small, name)(np.ones(3, np.float32), np.ones(4, np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_one_array(shape, dtype):
    a, g = values(shape, dtype), values(shape, dtype, 1)
    same(small.negative(a), np.negative(a))
    same(small.relu(a), np.maximum(a, dtype(0)))
    same(small.square(a), a * a)
    same(small.relu_slope(g, a), np.where(a <= 0, dtype(0), g))
    np.testing.assert_allclose(small.tanh_slope(g, a), g * (1 - a * a), rtol=1e-6 if dtype is np.float32 else 1e-14)
    finite = np.nan_to_num(a, posinf=1, neginf=-1) % 3
    if a.size < SIZE:
        same(small.total(finite), np.add.reduce(finite, None))
    else:
        np.testing.assert_allclose(small.total(finite), finite.sum(dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (8, 16), (64, 64), (4, 0)])
def test_rows(shape):
    a = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    same(small.rows_sum(a), a.sum(0))
    same(small.rows_sum(a.T), a.T.sum(0))
    assert small.rows_sum(np.zeros((0, 3), np.float32)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("sizes", [(1, 1, 1), (8, 2, 16), (3, 5, 7), (33, 17, 40)])
def test_products(sizes):
    m, k, n = sizes
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((m, k)), generator.standard_normal((k, n))
    np.testing.assert_allclose(small.dot(a, b), a @ b, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(small.dot_right(a, b.T), a @ b, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(small.dot_left(a.T, b), a @ b, rtol=1e-12, atol=1e-14)
    bias = generator.standard_normal(n)
    np.testing.assert_allclose(small.dot_bias(a, b.T, bias), a @ b + bias, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("operation", range(4))
def test_writes(operation):
    ufunc = list(PAIRS.values())[operation]
    for b in (values((4, 6), np.float32, 1), values((6,), np.float32, 1), values((), np.float32, 1), 2.5):
        a = values((4, 6), np.float32)
        wanted = ufunc(a, b)
        small.write(operation, a, b)
        same(a, wanted)
    window = values((4, 6), np.float32)[:, ::2]
    wanted = ufunc(window, window)
    small.write(operation, window, window)
    same(window, wanted)
    row = values((4, 6), np.float32)
    wanted = ufunc(row, row[0].copy())
    small.write(operation, row, row[0])
    same(row, wanted)
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        small.write(operation, frozen, np.ones(3, np.float32))


def test_constants():
    for shape in [(), (3,), (2, 0), (5, 6), (100, 100)]:
        same(small.filled(shape, np.asarray(np.float32(2.5))), np.full(shape, np.float32(2.5)))
