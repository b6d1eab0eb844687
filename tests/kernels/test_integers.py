"""Kernels of integers, booleans and boolean results: bit by bit what NumPy and small tensors give."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import workshop
from wengert.core.kernels.acceptance import Rejected, accept_mixed
from wengert.core.kernels.expressions import ARRAYS, Untraceable, argument
from wengert.core.kernels.host import PRESETS
from wengert.core.kernels.mixed import Mix, mixed_text
from wengert.core.kernels.mixing import walk
from wengert.core.operators import mixed_kernels
from wengert.core.operators.record import REGISTRY

SIGNED = ("int64", "int32", "int16", "int8")
WHOLE = (*SIGNED, "uint8")
N = 40011

PAIRS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "add scaled": lambda x, y: wengert.add(x, y, alpha=3),
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "shift left": lambda x, y: x << y,
    "shift right": lambda x, y: x >> y,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "maximum": wengert.maximum,
    "minimum": wengert.minimum,
    "clamp": lambda x, y: wengert.clamp(x, y, y * 2),
    "where": lambda x, y: wengert.where(x > y, x, y),
    "masked fill": lambda x, y: x.masked_fill(x > y, 7),
    "logical and": wengert.logical_and,
    "logical xor": wengert.logical_xor,
    "isclose": wengert.isclose,
    "quotient": lambda x, y: x // (y | 1),
    "remainder": lambda x, y: x % (y | 1),
    "fmod": lambda x, y: wengert.fmod(x, y | 1),
    "truncated": lambda x, y: wengert.div(x, y | 1, rounding_mode="trunc"),
    "true quotient": lambda x, y: x / y,
}
SINGLES = {
    "neg": lambda x: -x,
    "abs": abs,
    "not": lambda x: ~x,
    "sign": wengert.sign,
    "square": wengert.square,
    "logical not": wengert.logical_not,
    "add number": lambda x: x + 3,
    "number minus": lambda x: 5 - x,
    "times number": lambda x: x * 7,
    "at most": lambda x: x.clamp(max=9),
    "within": lambda x: x.clamp(1, 50),
    "below": lambda x: x < 4,
    "by number": lambda x: x // 3,
    "left of number": lambda x: x % 7,
    "shifted": lambda x: x << 2,
    "where number": lambda x: wengert.where(x > 3, x, 0),
    "to float": lambda x: x.float(),
    "to double": lambda x: x.double(),
    "to bool": lambda x: x.bool(),
}


def drawn(dtype, seed, n=N):
    """Numbers of all sizes, many that are small, and those at the ends."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, n).astype(bool)
    info = np.iinfo(dtype)
    wide = rng.integers(info.min, info.max, n, dtype, endpoint=True)
    near = rng.integers(max(info.min, -70), 70, n, dtype)
    ends = rng.choice(np.array([info.min, info.max, 0, 1, 2], dtype), n)
    return np.choose(rng.integers(0, 3, n), [wide, near, ends])


def in_parts(function, *arrays):
    """What NumPy's way gives: no kernel is for so few elements."""
    parts = [function(*[wengert.from_numpy(x[k : k + 1000]) for x in arrays]).numpy() for k in range(0, N, 1000)]
    return np.concatenate(parts)


def by_kernels(function, *arrays):
    """The result once the kernels are ready, and the names of those that were made."""
    for _ in range(2):  # an operator may stand behind another that has to be ready first
        function(*map(wengert.from_numpy, arrays))
        assert workshop.finish()
    return function(*map(wengert.from_numpy, arrays)).numpy()


def same(found, wanted):
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("name", PAIRS)
def test_two_operands(name, dtype):
    x, y = drawn(dtype, 1), drawn(dtype, 2)
    same(by_kernels(PAIRS[name], x, y), in_parts(PAIRS[name], x, y))


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("name", SINGLES)
def test_one_operand(name, dtype):
    x = drawn(dtype, 3)
    same(by_kernels(SINGLES[name], x), in_parts(SINGLES[name], x))


@pytest.mark.parametrize("name", ["add", "mul", "and", "or", "xor", "eq", "ne", "maximum", "minimum", "where"])
def test_booleans(name):
    x, y = drawn("bool", 1), drawn("bool", 2)
    function = (lambda x, y: wengert.where(x, y, ~x)) if name == "where" else PAIRS[name]
    same(by_kernels(function, x, y), in_parts(function, x, y))


FLOATS = {
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "ge": lambda x, y: x >= y,
    "above": lambda x, y: x > 0.1,
    "isnan": lambda x, y: x.isnan(),
    "isinf": lambda x, y: x.isinf(),
    "isfinite": lambda x, y: x.isfinite(),
    "isposinf": lambda x, y: wengert.isposinf(x),
    "signbit": lambda x, y: x.signbit(),
    "isclose": lambda x, y: wengert.isclose(x, y, rtol=0.5),
    "logical or": wengert.logical_or,
    "logical not": lambda x, y: x.logical_not(),
    "where": lambda x, y: wengert.where(x > y, x, y),
    "masked fill": lambda x, y: x.masked_fill(x > y, -1.5),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FLOATS)
def test_floats_with_masks(name, dtype):
    rng = np.random.default_rng(5)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, np.finfo(dtype).tiny / 4, 0.1], dtype)
    x, y = (np.where(rng.random(N) < 0.5, rng.standard_normal(N), rng.choice(special, N)).astype(dtype) for _ in "xy")
    found, wanted = by_kernels(FLOATS[name], x, y), in_parts(FLOATS[name], x, y)
    same(found, wanted)
    if found.dtype.kind == "f":
        same(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("own", ["float32", "float64", *WHOLE, "bool"])
@pytest.mark.parametrize("dtype", ["float32", "float64", *WHOLE, "bool"])
def test_every_conversion(own, dtype):
    if own.startswith("float"):
        limits = np.iinfo("int8" if dtype in ("uint8", "int8") else "int16")  # beyond, processors differ
        x = np.random.default_rng(6).uniform(max(limits.min, 0 if dtype == "uint8" else limits.min), limits.max, N)
        x = x.astype(own)
    else:
        x = drawn(own, 6)
    same(by_kernels(lambda x: x.to(getattr(wengert, dtype)), x), x.astype(dtype))


def test_the_kernels_are_there():
    x = wengert.arange(N)
    for _ in range(2):
        found = x + x, x == x, x.float(), wengert.where(x > 3, x, 0), x // 3
        assert workshop.finish()
    made = {order.name for order in workshop.orders() if order.function is not None}
    assert {"add of int64", "eq of int64", "chosen of int64", "floor_divide of int64", "int64 to float32"} <= made
    assert all(len(y) == N for y in found)


def test_a_quotient_by_nothing_is_still_refused():
    x, y = wengert.from_numpy(drawn("int64", 1) | 1), wengert.full((N,), 3)
    for function in (lambda: x // y, lambda: x % y, lambda: wengert.fmod(x, y)):
        for _ in range(2):
            function()
            assert workshop.finish()
        y[N // 2] = 0
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            function()
        y[N // 2] = 3


def test_a_floating_step_is_refused_where_a_whole_one_has_a_kernel():
    x = wengert.from_numpy(drawn("int32", 1))
    for _ in range(2):
        wengert.add(x, x, alpha=2)
        assert workshop.finish()
    with pytest.raises(RuntimeError, match="alpha must not be a floating point number"):
        wengert.add(x, x, alpha=2.0)


def test_numbers_that_are_no_element_keep_their_meaning():
    x = drawn("int8", 4)
    for function in (lambda t: t < 1000, lambda t: t == 300, lambda t: t.masked_fill(t > 0, 300), lambda t: t * 0.5):
        same(by_kernels(function, x), in_parts(function, x))


@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_inplace_and_out_forms(dtype):
    x, y = drawn(dtype, 1), drawn(dtype, 2)
    for write, plain in ((lambda a, b: a.add_(b), np.add), (lambda a, b: a.mul_(b), np.multiply)):
        by_kernels(lambda a, b, write=write: write(a.clone(), b), x, y)
        a, b = wengert.from_numpy(x.copy()), wengert.from_numpy(y)
        place, version = a.data_ptr(), a._version
        assert write(a, b) is a and a.data_ptr() == place and a._version > version
        same(a.numpy(), plain(x, y))
    room = np.empty(N, dtype)
    REGISTRY["bitwise_and"].into([x, y], room)
    assert workshop.finish()
    REGISTRY["bitwise_and"].into([x, y], room)()
    same(room, x & y)
    assert REGISTRY["bitwise_and"].into([x, y], room.astype("int16")) is None
    assert REGISTRY["eq"].into([x, y], room) is None  # a boolean result is stored by whoever asked
    out = wengert.empty(N, dtype=wengert.bool)
    assert wengert.lt(wengert.from_numpy(x), wengert.from_numpy(y), out=out) is out
    same(out.numpy(), x < y)


SHAPES = [((300, 200), (200,)), ((300, 200), (300, 1)), ((300, 1), (1, 200)), ((7, 5, 60, 30), (7, 1, 1, 30))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_operands_that_broadcast(shapes):
    rng = np.random.default_rng(8)
    x, y = (rng.integers(-9, 9, shape) for shape in shapes)
    for name in ("add", "lt", "where", "remainder"):
        found = by_kernels(PAIRS[name], x, y)
        wanted = {"add": x + y, "lt": x < y, "where": np.where(x > y, x, y), "remainder": x % (y | 1)}[name]
        same(found, wanted)
        assert found.strides == wanted.strides
    grid = rng.integers(-9, 9, (200, 200))
    found = by_kernels(PAIRS["sub"], grid.T, grid)
    same(found, grid.T - grid)
    assert by_kernels(PAIRS["sub"], grid.T, grid.T).strides == (grid.T - grid.T).strides


def test_what_numpy_walks_itself():
    def laid(*arrays):
        return tuple((x.shape, x.strides) for x in arrays)

    big, line = np.empty((300, 200), "i4"), np.empty(200, "i4")
    assert walk(laid(big, line), 4) == ((300, 200), [0, 800, 4, 0, 800, 4, 0, 0, 4], [1, 300, 200])
    assert walk(laid(big, np.empty((), "i4")), 4) is None  # one line
    assert walk(laid(big[:3], line), 4) is None  # small
    assert walk(laid(big.T, np.empty(300, "i4")), 4) is None  # the result stands in the operand's order
    assert walk(laid(np.empty((3, 40, 5, 60, 7), "i4"), np.empty((3, 1, 5, 1, 7), "i4")), 4) is None  # many dims
    assert walk(laid(np.empty((0, 40), "i4"), np.empty((0, 1), "i4")), 4) is None


@pytest.mark.parametrize("name", PRESETS)
def test_text_is_right_for_every_target(name):
    pytest.importorskip("llvmlite")
    from wengert.core.kernels.machine import emit_for

    for dtype in (*WHOLE, "bool", "float32"):
        x, y = (argument(k, np.dtype(dtype)) for k in range(2))
        results = [ARRAYS.maximum(x, y), ARRAYS.equal(x, y), x.astype("i8"), x.astype("f8")]
        if dtype in WHOLE:
            results += [ARRAYS.left_shift(x, y), ARRAYS.remainder(x, y), ARRAYS.floor_divide(x, y), abs(x)]
        for result in results:
            text = mixed_text(PRESETS[name], Mix("mixed", (x.dtype, y.dtype), result))
            assert "mixed_spread_entry" in emit_for(PRESETS[name], text)


def test_a_wrong_kernel_is_caught(factory):
    dtypes = [np.dtype("int16")] * 2
    made, call, result = factory.mixed("difference", lambda xs: xs[0] - xs[1], dtypes, np.subtract, (-4.0, 4.0))
    assert result == "int16"
    with pytest.raises(Rejected, match="gives"):
        accept_mixed("wrong", made, lambda a, b: call(b, a), np.subtract, dtypes)
    with pytest.raises(Rejected, match="int16"):
        accept_mixed(
            "saturated", made, call, lambda a, b: np.clip(a.astype("i4") - b, -32768, 32767).astype("i2"), dtypes
        )


def test_what_no_kernel_of_integers_is_for():
    x, mask = argument(0, np.dtype("int8")), argument(1, np.dtype(bool))
    for thing in (
        lambda: x + 0.5,  # becomes a float
        lambda: x + 200,  # is no int8
        lambda: x + np.int64(3),
        lambda: x / 2,
        lambda: ARRAYS.exp(x),
        lambda: x + mask,
        lambda: mask - mask,
        lambda: -mask,
        lambda: ARRAYS.isfinite(x),
        lambda: ARRAYS.remainder(x.astype("f4"), 2.0),
        lambda: x.astype("c8"),
    ):
        with pytest.raises(Untraceable):
            thing()


def test_one_dtype_is_asked_for_but_for_masks():
    mixed = mixed_kernels.Mixed(REGISTRY["chosen"], REGISTRY["chosen"].body)
    x, y, mask = np.empty(N, "i4"), np.empty(N, "i8"), np.empty(N, bool)
    assert mixed.find((mask, x, y), (), ()) is None and not mixed.orders
    assert mixed.find((x, x, x), (), ()) is None and not mixed.orders
    assert mixed.find((mask, x, 0.5), (), ()) is None and not mixed.orders
    assert mixed.find((mask, x, 5), (), ()) is None and len(mixed.orders) == 1
    assert workshop.finish()
