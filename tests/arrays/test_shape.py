"""Shapes and strides: fixed cases, properties, and PyTorch's own answers where it is installed."""

import copy
import itertools
import pickle
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wengert.core.arrays import shape as sh
from wengert.core.arrays.shape import Size

EXTENTS = st.sampled_from([0, 1, 1, 2, 3, 4])
SHAPES = st.lists(EXTENTS, max_size=4).map(tuple)


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip("torch")


def outcome(function):
    """The value of a call, or the built-in class and message of its error."""
    try:
        return function()
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        built_in = next(t for t in (RuntimeError, IndexError, TypeError, ValueError) if isinstance(error, t))
        return built_in, str(error)


def assert_same(mine, other):
    """Equal values; or the same built-in class, and our message begins with the other one."""
    if isinstance(other, tuple) and other and isinstance(other[0], type):
        assert mine[0] is other[0] and mine[1].startswith(other[1]), (mine, other)
    else:
        assert mine == other


@st.composite
def strided(draw):
    """A shape with strides that some chain of slicing, permuting and expanding can make."""
    shape = draw(SHAPES)
    array = np.empty(shape, np.int8)
    if draw(st.booleans()):
        array = array.transpose(draw(st.permutations(range(array.ndim))))
    if draw(st.booleans()):
        array = array[tuple(slice(None, None, draw(st.sampled_from([1, 1, 2]))) for _ in range(array.ndim))]
    if array.ndim < 4 and draw(st.booleans()):
        array = np.broadcast_to(array, (draw(EXTENTS), *array.shape))
    free = [extent == 1 and draw(st.booleans()) for extent in array.shape]
    strides = [draw(st.integers(0, 9)) if any_ else stride for any_, stride in zip(free, array.strides, strict=True)]
    return array.shape, tuple(strides)


@st.composite
def views(draw):
    """A strided shape and another shape of as many elements."""
    shape, strides = draw(strided())
    new = list(shape)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(new)))
        move = draw(st.sampled_from(["one", "drop", "merge", "split", "swap"]))
        if move == "one":
            new.insert(at, 1)
        elif move == "drop" and 1 in new:
            new.remove(1)
        elif move == "merge" and at + 1 < len(new):
            new[at : at + 2] = [new[at] * new[at + 1]]
        elif move == "split" and at < len(new) and new[at] % 2 == 0:
            new[at : at + 1] = draw(st.permutations([2, new[at] // 2]))
        elif move == "swap" and at + 1 < len(new):
            new[at], new[at + 1] = new[at + 1], new[at]
    return shape, strides, tuple(new)


# --- Size ----------------------------------------------------------------------------------------------------------


def test_size_is_a_tuple_of_ints():
    size = Size([2, 3])
    assert repr(size) == str(size) == "torch.Size([2, 3])" and repr(Size()) == "torch.Size([])"
    assert size == (2, 3) and hash(size) == hash((2, 3)) and size.numel() == 6 and Size().numel() == 1
    assert Size(np.array([2, 3])) == size and type(Size([True])[0]) is int and type(Size(np.array([2]))[0]) is int
    results = (size[:1], size + (4,), (4,) + size, size * 2, 2 * size, size[::-1], size + size, copy.deepcopy(size))
    assert all(type(one) is Size for one in results)
    assert (4,) + size == (4, 2, 3) and 2 * size == (2, 3, 2, 3) and size[-1] == 3
    assert all(type(pickle.loads(pickle.dumps(size, p))) is Size for p in range(pickle.HIGHEST_PROTOCOL + 1))
    assert type(sh.size((2, 3))) is Size


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s(3),
        lambda s: s([2.0]),
        lambda s: s([1, "a"]),
        lambda s: s([None]),
        lambda s: s([[1]]),
        lambda s: s([1]) + [2],
        lambda s: s([1]) + 2,
        lambda s: s([1]) + ("a",),
        lambda s: s([1]) * "a",
        lambda s: s([1])[2],
        lambda s: s(x for x in (1, 2)),
    ],
)
def test_size_as_torch(oracle, call):
    assert_same(outcome(lambda: call(Size)), outcome(lambda: call(oracle.Size)))


# --- Dimensions ----------------------------------------------------------------------------------------------------


def test_wrap_dim():
    assert [sh.wrap_dim(d, 3) for d in (0, 2, -1, -3)] == [0, 2, 2, 0]
    assert sh.wrap_dim(0, 0) == sh.wrap_dim(-1, 0) == 0 and sh.wrap_dim(np.int64(-1), 2) == 1
    with pytest.raises(
        IndexError, match=r"^Dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)"
    ):
        sh.wrap_dim(5, 2)
    with pytest.raises(TypeError, match="must be int, not float"):
        sh.wrap_dim(1.0, 2)


def test_wrap_dims():
    assert sh.wrap_dims(None, 3) == (0, 1, 2) and sh.wrap_dims(-1, 3) == (2,) and sh.wrap_dims([-1, 0], 3) == (2, 0)
    assert sh.wrap_dims((), 3) == () and sh.wrap_dims(np.int64(1), 3) == (1,) and sh.wrap_dims(None, 0) == ()
    with pytest.raises(TypeError, match="must be int, not float"):
        sh.wrap_dims(1.0, 2)
    with pytest.raises(RuntimeError, match="only tensors with up to 64 dims are supported"):
        sh.wrap_dims((0, 1), 65)


@given(SHAPES, st.lists(st.integers(-5, 5), min_size=1, max_size=3), st.booleans())
@settings(deadline=None, max_examples=150)
def test_reduction_as_torch(shape, dims, keepdim):
    torch = pytest.importorskip("torch")
    mine = outcome(lambda: sh.reduced_shape(shape, sh.wrap_dims(dims, len(shape)), keepdim))
    assert_same(mine, outcome(lambda: tuple(torch.empty(shape).sum(dims, keepdim).shape)))


# --- Broadcasting --------------------------------------------------------------------------------------------------


@given(SHAPES, SHAPES)
@settings(deadline=None, max_examples=200)
def test_broadcast_pairs_as_torch(a, b):
    torch = pytest.importorskip("torch")
    assert_same(
        outcome(lambda: sh.broadcast_shapes(a, b)), outcome(lambda: tuple((torch.empty(a) + torch.empty(b)).shape))
    )


@given(st.lists(st.one_of(SHAPES, EXTENTS), max_size=4))
@settings(deadline=None, max_examples=200)
def test_common_shape_as_torch(shapes):
    torch = pytest.importorskip("torch")
    assert_same(outcome(lambda: sh.common_shape(*shapes)), outcome(lambda: torch.broadcast_shapes(*shapes)))


def test_broadcast_errors():
    words = r"^The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 1"
    with pytest.raises(RuntimeError, match=words):
        sh.broadcast_shapes((2, 3), (4,))
    assert sh.broadcast_shapes() == () and sh.broadcast_shapes((2, 1), (3,), (1, 1, 1)) == (1, 2, 3)
    assert type(sh.common_shape((2,))) is Size
    with pytest.raises(ValueError, match="^Attempting to broadcast a dimension with negative length!"):
        sh.common_shape((-1,))
    with pytest.raises(TypeError):
        sh.common_shape((2.0,))


@given(SHAPES, st.data())
def test_unbroadcast_undoes_broadcast(shape, data):
    assume(0 not in shape)
    to = tuple(data.draw(st.sampled_from([1, extent])) for extent in shape)[data.draw(st.integers(0, len(shape))) :]
    axes = sh.unbroadcast_axes(shape, to)
    summed = np.ones(shape).sum(axis=axes).reshape(to)
    assert np.all(summed == prod(shape) / prod(to))
    assert sh.unbroadcast_axes(shape, shape) == ()


# --- Views ---------------------------------------------------------------------------------------------------------


def test_infer_size_as_torch(oracle):
    for numel in (0, 1, 5, 6):
        flat = oracle.empty(numel)
        for length in range(4):
            for shape in itertools.product((-2, -1, 0, 1, 2, 3), repeat=length):
                mine = outcome(lambda s=shape, n=numel: sh.infer_size(s, n))
                assert_same(mine, outcome(lambda s=shape, f=flat: tuple(f.view(s).shape)))


@given(strided())
@settings(deadline=None, max_examples=200)
def test_contiguity_as_torch(layout):
    torch = pytest.importorskip("torch")
    shape, strides = layout
    assert sh.contiguous_strides(shape) == torch.empty(shape).stride()
    assert sh.is_contiguous(shape, strides) == torch.empty(300).as_strided(shape, strides).is_contiguous()


@given(views())
@settings(deadline=None, max_examples=500)
def test_view_strides_as_torch(case):
    torch = pytest.importorskip("torch")
    shape, strides, new = case
    tensor = torch.empty(0).new_empty(600).as_strided(shape, strides)
    try:
        expected = tensor.view(new).stride()
    except RuntimeError:
        expected = None
    assert sh.compute_view_strides(shape, strides, new) == expected


@given(views())
@settings(deadline=None, max_examples=200)
def test_view_strides_walk_the_same_elements(case):
    shape, strides, new = case
    found = sh.compute_view_strides(shape, strides, new)
    assume(found is not None)
    base = np.arange(600)
    old_view = np.lib.stride_tricks.as_strided(base, shape, [8 * s for s in strides])
    new_view = np.lib.stride_tricks.as_strided(base, new, [8 * s for s in found])
    assert np.array_equal(old_view.reshape(new), new_view)


def test_contiguous_always_views():
    for shape in itertools.product((1, 2, 3), repeat=3):
        strides = sh.contiguous_strides(shape)
        assert sh.is_contiguous(shape, strides)
        assert sh.compute_view_strides(shape, strides, (prod(shape),)) == (1,)
