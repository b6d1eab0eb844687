"""What moves elements by indices and masks in large tensors: kernels beside torch, and who serves what."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays.large import LARGE
from wengert.core.kernels import threads, workshop
from wengert.core.tape.core import wrap

peer = pytest.importorskip("torch")

SIZE = (70, 90)


def ready(function):
    """What the function gives once its kernels are ready."""
    function()
    assert workshop.finish()
    return function()


def served(word):
    """Whether a kernel of this name is at work."""
    return any(order.function is not None and order.name == word for order in workshop.orders())


def same(ours, theirs, close=0.0):
    """Whether tensors of both libraries have one shape, dtype and content."""
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype
    assert np.array_equal(a, b) if not close else np.allclose(a, b, rtol=close, atol=close)


def both(function, *arrays, close=0.0):
    """`function(library, tensors...)` by both libraries: result and gradients of floating tensors agree."""

    def run(m):
        tensors = [m.from_numpy(a.copy()) for a in arrays]
        floats = [t.requires_grad_() for t in tensors if t.dtype.is_floating_point]
        out = function(m, *tensors)
        if out.requires_grad:
            weights = np.cos(np.arange(out.numel())).reshape(tuple(out.shape)).astype(out.detach().numpy().dtype)
            out.backward(m.from_numpy(weights))
        return [out, *[t.grad for t in floats]]

    for a, b in zip(ready(lambda: run(wengert)), run(peer), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            same(a, b, close)


def drawn(*shape, dtype="f4", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def places(high, *shape, seed=1):
    return np.random.default_rng(seed).integers(0, high, shape)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_gather_and_its_gradient(dim, dtype):
    x = drawn(9, 30, 40, dtype=dtype)
    shape = list(x.shape)
    shape[dim] = 25
    index = places(x.shape[dim], *shape)
    both(lambda m, x, i: m.gather(x, dim, i), x, index, close=1e-5)
    assert served("gather") and served("scatter add")


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_an_expanded_vector_moves_slices(dim):
    x, source = drawn(9, 30, 40), drawn(9, 30, 40, seed=2)
    lined = places(x.shape[dim], *[n if d == dim else 1 for d, n in enumerate(x.shape)])
    both(lambda m, x, i: x.gather(dim, i.expand(9, 30, 40)), x, lined, close=1e-5)
    both(lambda m, x, s, i: x.scatter_add(dim, i.expand(9, 30, 40), s), x, source, lined, close=1e-5)
    lined.reshape(-1)[0] = -1
    index = wengert.from_numpy(lined).expand(9, 30, 40)
    for function in (lambda x: x.gather(dim, index), lambda x: x.scatter_add(dim, index, x)):
        with pytest.raises(RuntimeError, match="index -1 is out of bounds"):
            function(wengert.from_numpy(x))


@pytest.mark.parametrize("kind", ["i4", "i8"])
def test_gather_of_other_dtypes_and_memory(kind):
    x, index = drawn(*SIZE), places(90, *SIZE)
    both(lambda m, x, i: m.gather(x.to(getattr(m, "int32" if kind == "i4" else "int64")), 1, i), x * 100, index)
    both(lambda m, x, i: m.gather(x.t(), 0, i), x, index.T.copy(), close=1e-5)
    both(lambda m, x, i: m.gather(x, 1, i[:, ::2]), x, index, close=1e-5)
    both(lambda m, x, i: m.gather(x, 1, i.to(m.int32)), x, index, close=1e-5)
    both(lambda m, x, i: m.gather(x.to(m.bfloat16).float(), 1, i), x, index, close=1e-5)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scatter_add_and_its_gradient(dim, dtype):
    x, source, index = drawn(*SIZE, dtype=dtype), drawn(*SIZE, dtype=dtype, seed=2), places(SIZE[dim], *SIZE)
    both(lambda m, x, s, i: x.scatter_add(dim, i, s), x, source, index, close=1e-5)
    both(lambda m, x, s, i: x.clone().scatter_add_(dim, i, s), x, source, index, close=1e-5)
    both(lambda m, x, s, i: x.scatter_add(dim, i[:70, :60], s.detach()), x, source, index, close=1e-5)


@pytest.mark.parametrize("dtype", ["i4", "i8"])
def test_whole_numbers_are_counted(dtype):
    x, index = np.zeros(SIZE, dtype), places(9, *SIZE)
    both(lambda m, x, i: x.scatter_add(1, i, m.ones_like(x)), x, index)
    assert served("scatter count")


@pytest.mark.parametrize("dim", [0, 1])
def test_scatter_without_duplicates(dim):
    x, source = drawn(*SIZE), drawn(*SIZE, seed=2)
    index = drawn(*SIZE, seed=3).argsort(dim)
    both(lambda m, x, s, i: x.scatter(dim, i, s), x, source, index)
    both(lambda m, x, i: x.scatter(dim, i, 2.5), x, places(SIZE[dim], *SIZE))
    assert served("scatter put") and served("scatter fill")


@pytest.mark.parametrize("call", ["gather", "scatter_add", "scatter", "fill"])
@pytest.mark.parametrize("bad", [-1, 90, 1 << 40])
def test_places_outside_are_refused(call, bad):
    x, index = wengert.ones(SIZE), wengert.from_numpy(places(90, *SIZE))
    calls = {
        "gather": lambda i: x.gather(1, i), "scatter_add": lambda i: x.scatter_add(1, i, x),
        "scatter": lambda i: x.scatter(1, i, x), "fill": lambda i: x.scatter(1, i, 1.0),
    }  # fmt: skip
    ready(lambda: calls[call](index))
    index[69, 88] = bad
    with pytest.raises(RuntimeError, match=f"index {bad} is out of bounds for dimension 1 with size 90"):
        calls[call](index)
    assert (x == 1).all()


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_slices_by_a_vector(dim, dtype):
    x = (drawn(11, 30, 40) * 50).astype(dtype)
    index = places(x.shape[dim], 35)
    both(lambda m, x, i: x.index_select(dim, i), x, index, close=1e-5)
    both(lambda m, x, i: x[(slice(None),) * dim + (i,)], x, index, close=1e-5)
    both(lambda m, x, i: x[(slice(None),) * dim + (i.reshape(5, 7) - 5,)], x, index, close=1e-5)
    assert served("lines")


@pytest.mark.parametrize("dim", [0, 1])
def test_slices_added_by_a_vector(dim):
    x, source, index = drawn(*SIZE), drawn(*SIZE, seed=4), places(SIZE[dim], SIZE[dim])
    both(lambda m, x, s, i: x.index_add(dim, i, s), x, source, index, close=1e-5)
    both(lambda m, x, s, i: x.index_add(dim, i, s, alpha=0.5), x, source, index, close=1e-5)
    both(lambda m, x, s, i: x.index_add(dim, i.to(m.int32), s), x, source, index, close=1e-5)


def test_vectors_with_places_outside_are_refused():
    x, index = wengert.ones(SIZE, requires_grad=True), wengert.from_numpy(places(70, 70))
    ready(lambda: (x[index], x[:, index], x.index_select(0, index), x.index_add(0, index, x)))
    index[3] = 90
    for refused, words in (
        (lambda: x[index], "index 90 is out of bounds for dimension 0 with size 70"),
        (lambda: x[:, index], "index 90 is out of bounds for dimension"),
        (lambda: x.detach()[index], "index 90 is out of bounds for dimension 0 with size 70"),
        (lambda: x.index_select(0, index), "index out of range in self"),
    ):
        with pytest.raises(IndexError, match=words):
            refused()
    with pytest.raises(RuntimeError, match="index 90 is out of bounds"):
        x.index_add(0, index, x)
    index[3] = -1
    assert wengert.equal(x[index][3], x[69])
    for refused in (lambda: x.index_select(0, index), lambda: x.index_add(0, index, x)):
        with pytest.raises((IndexError, RuntimeError)):
            refused()


@pytest.mark.parametrize("shape", [(5000,), (70, 90), (9, 30, 40), (4, 5, 6, 70)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_positions_of_a_mask(shape, share):
    mask = np.random.default_rng(5).random(shape) < share
    both(lambda m, x: x.nonzero(), mask)
    both(lambda m, x: m.stack(x.nonzero(as_tuple=True)), mask)
    both(lambda m, x: m.where(x, 1.5, 0.0).nonzero(), mask)
    both(lambda m, x: x.t().nonzero() if x.ndim == 2 else x.nonzero(), mask)
    assert served("places")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_elements_by_a_mask(dtype, share):
    x = (drawn(9, 30, 40) * 9).astype(dtype)
    mask = np.random.default_rng(6).random(x.shape) < share
    both(lambda m, x, k: x[k], x, mask)
    both(lambda m, x, k: x.masked_select(k), x, mask)
    both(lambda m, x, k: (x * 1)[k], x, mask)
    both(lambda m, x, k: x[k[0, 0]] if len(k[0, 0]) == 9 else x[:, :, k[0, 0]], x, mask)
    both(lambda m, x, k: x.transpose(0, 1)[k.transpose(0, 1)], x, mask)
    assert served("picked")


@pytest.mark.parametrize("diagonal", [0, 3, -5, 100, -100])
@pytest.mark.parametrize("shape", [(70, 90), (3, 50, 40)])
@pytest.mark.parametrize("dtype", ["f4", "i8", "?"])
def test_triangles(shape, diagonal, dtype):
    x = (drawn(*shape) * 9).astype(dtype)
    both(lambda m, x: x.tril(diagonal), x)
    both(lambda m, x: x.triu(diagonal), x)
    both(lambda m, x: x.transpose(-1, -2).tril(diagonal), x)


def test_one_hot():
    x = places(50, 20, 30)
    both(lambda m, x: m.nn.functional.one_hot(x, 50), x)
    both(lambda m, x: m.nn.functional.one_hot(x), x)
    both(lambda m, x: m.nn.functional.one_hot(x[:2, :2], 50), x)
    with pytest.raises(RuntimeError, match="Class values must be smaller than num_classes"):
        wengert.nn.functional.one_hot(wengert.from_numpy(x), 49)
    x[3, 4] = -1
    with pytest.raises(RuntimeError, match="Class values must be non-negative"):
        wengert.nn.functional.one_hot(wengert.from_numpy(x), 50)


@pytest.mark.parametrize(
    "given",
    [
        (9000,), (5, 9000), (5, 50000, 7), (50000, 5, -7), (0.5, 9000), (3.0, 5000.0, 0.37), (-7, 9000.0),
        (2**61, 2**61 + 9000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [None, "float32", "float64", "int32", "int64"])
def test_steps(given, dtype):
    if given[0] == 2**61 and dtype not in (None, "int64") or given[-1] == 0.37 and dtype == "int64":
        pytest.skip("steps of this dtype run together")
    both(lambda m: m.arange(*given, dtype=dtype and getattr(m, dtype)), close=1e-6 if 0.37 in given else 0.0)


def test_gradients_are_right():
    x = wengert.randn(9, 30, 40, dtype=wengert.float64)
    index, mask = wengert.from_numpy(places(30, 9, 20, 40)), x > 0.5
    vector = index[0, :, 0].contiguous()
    for function in (
        lambda x: x.gather(1, index), lambda x: x.scatter_add(1, index, x), lambda x: x[:, vector], lambda x: x[mask],
        lambda x: x.tril(), lambda x: x.index_add(1, vector, x[:, :20]),
    ):  # fmt: skip
        one = x.clone().requires_grad_()
        ready(lambda: function(one))  # noqa: B023
        g = wengert.randn_like(function(one))
        (found,) = wengert.autograd.grad(function(one), one, g, create_graph=True)
        direction = wengert.randn_like(x)
        # All are linear: <g, f(d)> = <f'(g), d>.
        assert wengert.allclose((g * function(direction)).sum(), (found.detach() * direction).sum())


def test_empty_and_narrow_indices_stay_with_numpy():
    x = wrap(drawn(*SIZE))
    assert x.gather(1, wengert.zeros(70, 0, dtype=wengert.int64)).shape == (70, 0)
    assert LARGE.gather(x._array, 1, np.zeros((70, 0), np.int64)) is None
    assert LARGE.gather(x._array.astype("f2"), 1, np.zeros(SIZE, np.int64)) is None
    assert LARGE.gather(x._array[:, ::2], 1, np.zeros(SIZE, np.int64)) is None
    assert LARGE.gather(x._array, 2, np.zeros(SIZE, np.int64)) is None
    assert LARGE.scatter("add", None, np.zeros(SIZE, bool), SIZE, 1, np.zeros(SIZE, np.int64)) is None


def test_results_do_not_depend_on_the_number_of_threads():
    before, found = threads.count(), {}
    x, index, mask = drawn(5, 300, 40), places(300, 5, 200, 40), drawn(130, 400) > 0
    wide, vector = drawn(60, 3000), places(60, 60)
    try:
        for n in (1, 2, 3, 7):
            threads.set_count(n)
            calls = [
                lambda: LARGE.gather(x, 1, index),
                lambda: LARGE.scatter("add", None, index.astype("f4") / 7, x.shape, 1, index),
                lambda: LARGE.scatter("add", wide, wide, wide.shape, 0, np.repeat(vector, 3000).reshape(60, 3000)),
                lambda: LARGE.add_lines(None, wide, wide.shape, 0, vector),
                lambda: LARGE.taken(wide, 1, vector.repeat(5)),
                lambda: LARGE.nonzero(mask),
            ]
            for place, call in enumerate(calls):
                found.setdefault(place, set()).add(ready(call).tobytes())
    finally:
        threads.set_count(before)
    assert {len(kinds) for kinds in found.values()} == {1}


def test_a_gradient_in_another_order_is_laid_out_like_its_leaf():
    x, g = wengert.randn(300, 200, requires_grad=True), wengert.randn(200, 300)

    def found():
        x.grad = None
        x.t().backward(g)
        return x.grad

    grad = ready(found)
    assert grad.is_contiguous() and wengert.equal(grad, g.t()) and served("arranged")
