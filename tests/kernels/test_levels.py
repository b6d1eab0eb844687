"""softmax and its logarithm along dims that are not the last, by kernels: beside torch, and on other threads."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import threads, workshop
from wengert.core.operators.library import normalising

CASES = [((4, 19, 300), 1), ((70, 90), 0), ((3, 40, 7, 9), -3), ((2, 3, 5, 31, 18), 3)]


@pytest.mark.parametrize("shape, dim", CASES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_as_in_torch_and_without_numpy(name, shape, dim, dtype, monkeypatch):
    peer = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, g = [(rng.standard_normal(shape) * 5).astype(dtype) for _ in range(2)]

    def both(lib):
        leaf = lib.from_numpy(x.copy()).requires_grad_()
        y = getattr(lib, name)(leaf, dim)
        y.backward(lib.from_numpy(g))
        return y.detach().numpy(), leaf.grad.numpy()

    both(wengert)
    workshop.finish()

    def refuse(*given):
        raise AssertionError("NumPy's way was taken")

    monkeypatch.setattr(normalising, "_centred", refuse)
    monkeypatch.setattr(np, "exp", refuse)
    found = both(wengert)
    monkeypatch.undo()
    for one, other in zip(found, both(peer), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(
            one, other, rtol=2e-5 if dtype == "f4" else 1e-12, atol=1e-5 if dtype == "f4" else 1e-12
        )


def test_columns_with_infinities_and_nan():
    x = np.zeros((30, 200), "f4")
    x[3, 5], x[:, 6], x[4, 7], x[2, 8] = np.inf, -np.inf, np.nan, -np.inf
    for _ in range(2):
        y = wengert.from_numpy(x).log_softmax(0).numpy()
        workshop.finish()
    assert np.isnan(y[3, 5]) and np.isnan(y[:, 6]).all() and np.isnan(y[:, 7]).all()
    assert y[2, 8] == -np.inf and np.isfinite(np.delete(y, [5, 6, 7, 8], 1)).all()


def test_the_same_for_any_number_of_threads():
    x = np.random.default_rng(0).standard_normal((3, 30, 900)).astype("f4")
    wengert.from_numpy(x).softmax(1)
    workshop.finish()
    before, found = threads.count(), set()
    try:
        for n in (1, 2, 5):
            threads.set_count(n)
            found.add(wengert.from_numpy(x).softmax(1).numpy().tobytes())
    finally:
        threads.set_count(before)
    assert len(found) == 1
