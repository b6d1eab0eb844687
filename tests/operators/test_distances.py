"""cdist beside torch: by products and by differences, in one block and in several."""

import numpy as np
import pytest

import wengert
from wengert.core.operators.library import distances

torch = pytest.importorskip("torch")

SHAPES = [((3, 5), (4, 5)), ((30, 5), (4, 5)), ((30, 40), (50, 40)), ((2, 1, 30, 3), (4, 26, 3)), ((0, 3), (4, 3)),
          ((30, 0), (2, 0)), ((40, 300), (60, 300))]  # fmt: skip
PRODUCTS, DIFFERENCES = "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"


def computed(m, x1, x2, *args):
    """Distances, gradients of both sides, and the node's name."""
    a, b = (m.from_numpy(x.copy()).requires_grad_() for x in (x1, x2))
    out = m.cdist(a, b, *args)
    weights = np.cos(np.arange(out.numel())).reshape(tuple(out.shape))
    out.backward(m.from_numpy(weights.astype(x1.dtype)))
    return [out.detach().numpy(), a.grad.numpy(), b.grad.numpy()], type(out.grad_fn).__name__


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def agree(x1, x2, *args):
    """Whether both libraries find the same."""
    (ours, name), (theirs, wanted) = (computed(m, x1, x2, *args) for m in (wengert, torch))
    close = 1e-4 if x1.dtype == np.float32 else 1e-9
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=close, atol=close)
    assert name == wanted


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("p", [2.0, 1.0, 0.0, 3.0, 1.5, float("inf")])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_distances_and_gradients(shapes, p, dtype):
    agree(drawn(*shapes[0]).astype(dtype), drawn(*shapes[1], seed=1).astype(dtype), p)


@pytest.mark.parametrize("mode", [PRODUCTS, DIFFERENCES])
@pytest.mark.parametrize("rows", [3, 40])
def test_modes(mode, rows):
    agree(drawn(rows, 6), drawn(5, 6, seed=1), 2.0, mode)


def test_equal_rows_have_no_slope():
    x = wengert.from_numpy(np.eye(30)).requires_grad_()
    out = wengert.cdist(x, x.detach())
    assert (out.diagonal() == 0).all()
    out.diagonal().sum().backward()
    assert (x.grad == 0).all()


@pytest.mark.parametrize("p", [2.0, 1.0, 3.0])
def test_blocks_find_the_same(p, monkeypatch):
    x1, x2 = drawn(2, 20, 7), drawn(2, 9, 7, seed=1)
    whole, _ = computed(wengert, x1, x2, p, DIFFERENCES)
    monkeypatch.setattr(distances, "_TOGETHER", 400)
    parts, _ = computed(wengert, x1, x2, p, DIFFERENCES)
    assert all(np.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in zip(whole, parts, strict=True))


def test_memory_stays_small():
    import tracemalloc

    x = wengert.randn(400, 300, requires_grad=True)
    y = wengert.randn(400, 300)
    tracemalloc.start()
    try:
        wengert.cdist(x, y, 1.0).sum().backward()
        assert tracemalloc.get_traced_memory()[1] < 40e6, "the array of all differences has 192 MB"
    finally:
        tracemalloc.stop()


def test_second_derivatives():
    x, y = (wengert.from_numpy(drawn(n, 3, seed=n)).requires_grad_() for n in (27, 4))
    for p in (2.0, 3.0):
        assert wengert.autograd.gradcheck(lambda a, b: wengert.cdist(a, b, p), (x, y))  # noqa: B023
        assert wengert.autograd.gradgradcheck(lambda a, b: wengert.cdist(a, b, p), (x, y))  # noqa: B023
