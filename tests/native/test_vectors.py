"""Loops of the compiled core on up to 32768 elements: what vectors compute is what NumPy does, at any length."""

import numpy as np
import pytest

from wengert.core.arrays import small
from wengert.core.arrays.loops import LOOPS
from wengert.core.operators.record import REGISTRY

pytestmark = pytest.mark.skipif(not LOOPS, reason="the compiled core is not in use")

SIZES = (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 136, 255, 257, 1000, 2049, 8191, 32768)
SHAPES = ((1, 1), (3, 5), (2, 31), (32, 32), (33, 64), (7, 129), (600, 3), (700, 33), (2048, 4), (1031, 8), (100, 300))
DTYPES = (np.float32, np.float64)
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)


def numbers(shape, dtype, seed=0, special=False):
    rng = np.random.default_rng(seed + int(np.prod(shape)))
    x = rng.normal(size=shape).astype(dtype)
    if special:
        places = rng.integers(0, x.size, max(1, x.size // 9))
        x.reshape(-1)[places] = rng.choice(SPECIAL, places.size)
    return x


def loop(name, *args):
    """What the loop of a record gives for its full arguments; it must take them."""
    op = REGISTRY[name]
    given = dict(op.defaults) | dict(zip(op.params, args, strict=False))
    found = LOOPS[name](tuple(given[p] for p in op.params))
    assert found is not None, name
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_sums_are_numpys_bit_by_bit(size, dtype):
    x = numbers(size, dtype)
    assert loop("sum", x) == np.add.reduce(x) == small.total(x)
    rows = numbers((5, size), dtype)[: 32768 // size]
    assert np.array_equal(loop("sum", rows, 1), np.add.reduce(rows, 1))
    assert np.array_equal(loop("mean", rows, 1), rows.mean(1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_columns(shape, dtype):
    x = numbers(shape, dtype)
    exact, room = x.astype(np.longdouble).sum(0), np.abs(x).astype(np.longdouble).sum(0)
    for found in (loop("sum", x, 0), small.rows_sum(x)):
        assert (np.abs(found - exact) <= 0.5 * shape[0] ** 0.5 * 4 * np.finfo(dtype).eps * room + 1e-300).all()
    x = numbers(shape, dtype, special=True)
    assert np.array_equal(loop("amax", x, 0), x.max(0), equal_nan=True)
    assert np.array_equal(loop("amin", x, 0), x.min(0), equal_nan=True)
    assert np.array_equal(loop("extremum_indices", x, 0, False, True, "max"), x.argmax(0))
    assert np.array_equal(loop("extremum_indices", x, 0, False, False, "min"), x.argmin(0))


def test_sums_of_many_rows_stay_exact():
    x = np.full((10000, 3), 0.1, np.float32)
    assert np.allclose(loop("sum", x, 0), x.astype(np.float64).sum(0), rtol=2e-6, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_extrema_and_their_places(size, dtype):
    for x in (numbers(size, dtype), numbers(size, dtype, special=True), np.zeros(size, dtype)):
        assert np.array_equal(loop("extremum", x, True), x.max(), equal_nan=True)
        assert np.array_equal(loop("extremum", x, False), x.min(), equal_nan=True)
        assert loop("argmax", x) == x.argmax()
        assert loop("argmin", x) == x.argmin()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_operators_of_two(size, dtype):
    x, y = numbers(size, dtype, special=True), numbers(size, dtype, 1, special=True)
    mask = numbers(size, dtype, 2) > 0
    with np.errstate(all="ignore"):
        for name, plain in (("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply)):
            assert np.array_equal(getattr(small, name)(x, y), plain(x, y), equal_nan=True)
            assert np.array_equal(getattr(small, name)(x, 1.5), plain(x, dtype(1.5)), equal_nan=True)
        assert np.array_equal(small.divide(x, y), x / y, equal_nan=True)
        for name, plain in (("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("ge", np.greater_equal)):
            assert np.array_equal(loop(name, x, y), plain(x, y))
            assert np.array_equal(loop(name, x, 0.5), plain(x, dtype(0.5)))
        assert np.array_equal(loop("maximum", x, y), np.maximum(x, y), equal_nan=True)
        assert np.array_equal(loop("minimum", x, y), np.minimum(x, y), equal_nan=True)
        assert np.array_equal(loop("chosen", mask, x, y), np.where(mask, x, y), equal_nan=True)
        assert np.array_equal(loop("masked_fill", x, mask, -np.inf), np.where(mask, dtype(-np.inf), x), equal_nan=True)
        assert np.array_equal(loop("add", x, y, 0.3), x + y * dtype(0.3), equal_nan=True)
        assert np.array_equal(loop("sub", x, y, 2), x - y * dtype(2), equal_nan=True)
        assert np.array_equal(loop("addcmul", x, y, x, 0.5), x + y * x * dtype(0.5), equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_operators_of_one(size, dtype):
    x = numbers(size, dtype, special=True)
    with np.errstate(all="ignore"):
        wanted = {
            "abs": np.abs(x), "neg": -x, "sqrt": np.sqrt(x), "square": x * x, "floor": np.floor(x), "ceil": np.ceil(x),
            "trunc": np.trunc(x), "reciprocal": 1 / x,
        }  # fmt: skip
        for name, values in wanted.items():
            assert np.array_equal(loop(name, x), values, equal_nan=True), name
        assert np.array_equal(loop("round", x, 0), np.rint(x), equal_nan=True)
        assert np.array_equal(loop("clamp", x, -0.5, 1), np.clip(x, -0.5, 1), equal_nan=True)
        assert np.array_equal(loop("clamp", x, None, 0.25), np.minimum(x, dtype(0.25)), equal_nan=True)
        assert np.isnan(loop("clamp", x, np.nan, None)).all()
        assert np.array_equal(loop("leaky_relu", x, 0.3), np.where(x > 0, x, x * dtype(0.3)), equal_nan=True)
        assert np.array_equal(small.relu(x), np.maximum(x, 0), equal_nan=True)
        assert np.array_equal(small.cube(x), x * x * x, equal_nan=True)
        other = np.dtype(np.float64 if dtype is np.float32 else np.float32)
        assert np.array_equal(loop("to_dtype", x, other), x.astype(other), equal_nan=True)
        assert np.array_equal(loop("to_dtype", x, np.dtype(bool)), x.astype(bool))


@pytest.mark.parametrize("size", SIZES)
def test_booleans_and_whole_numbers(size):
    rng = np.random.default_rng(size)
    p, q = rng.integers(0, 2, (2, size)).astype(bool)
    i, j = rng.integers(-(2**63), 2**63 - 1, (2, size))
    assert np.array_equal(loop("bitwise_and", p, q), p & q)
    assert np.array_equal(loop("logical_or", p, q), p | q)
    assert np.array_equal(loop("bitwise_xor", p, q), p ^ q)
    assert np.array_equal(loop("bitwise_not", p), ~p)
    for x in (p, np.ones(size, bool), np.zeros(size, bool)):
        assert (loop("any", x), loop("all", x), loop("sum", x)) == (x.any(), x.all(), x.sum())
    assert np.array_equal(loop("add", i, j), i + j)
    assert np.array_equal(loop("sub", i, 7), i - 7)
    assert np.array_equal(loop("mul", i, j), i * j)
    assert np.array_equal(loop("lt", i, j), i < j)
    assert np.array_equal(loop("eq", i, i[0]), i == i[0])
    assert (loop("sum", i), loop("extremum", i, True), loop("extremum", i, False)) == (i.sum(), i.max(), i.min())
    assert np.array_equal(loop("to_dtype", i, np.dtype(np.float32)), i.astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_operands_that_repeat(dtype):
    x = numbers((40, 50), dtype)
    row, column, one = numbers(50, dtype), numbers((40, 1), dtype), numbers((), dtype)
    for other in (row, column, one):
        assert np.array_equal(small.multiply(x, other), x * other)
        assert np.array_equal(small.subtract(x, other), x - other)
    for other in (row, one):
        assert np.array_equal(loop("gt", x, other), x > other)
    assert np.array_equal(loop("maximum", x, row), np.maximum(x, row))


@pytest.mark.parametrize("dtype", DTYPES)
def test_writing_into_memory_that_overlaps(dtype):
    x = numbers(5000, dtype)
    wanted = x.copy()
    wanted[1:] += x[:-1].copy()
    small.write(0, x[1:], x[:-1])
    assert np.array_equal(x, wanted)
    small.write(0, x, x)
    assert np.array_equal(x, wanted + wanted)


@pytest.mark.parametrize("dims", [(0, 2), (1, 3), (0, 3), (-1, 0, 1), (0, 2, 3)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_dims_that_stand_apart(dims, keepdim):
    x = numbers((4, 8, 64, 4), np.float64)
    for name, plain in (("sum", np.sum), ("mean", np.mean), ("amax", np.max)):
        found = loop(name, x, dims, keepdim)
        assert found.shape == plain(x, dims, keepdims=keepdim).shape
        assert np.allclose(found, plain(x, dims, keepdims=keepdim), rtol=1e-12, atol=1e-13)
    assert LOOPS["sum"]((x, (0, 0, 2), False, None)) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_variances(dim, dtype):
    x = numbers((60, 130), dtype) + dtype(3)
    wide = x.astype(np.float64)
    assert np.allclose(loop("variance", x, dim, 1, False), wide.var(dim, ddof=1), rtol=2e-5)
    assert np.allclose(loop("deviation", x, dim, 1, True), wide.std(dim, ddof=1, keepdims=True), rtol=2e-5)
