"""Products of matrices by an OpenBLAS of our own, and NumPy's where that is as good."""

import os

import numpy as np
import pytest

import wengert as torch
from wengert.core.kernels import blas

pytest.importorskip("scipy_openblas32")


@pytest.fixture(scope="module")
def product():
    before = os.environ.get("OPENBLAS_CORETYPE")
    found = blas.Product(blas.open_library())
    assert os.environ.get("OPENBLAS_CORETYPE") == before
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layout(product, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((60, 44)).astype(dtype), rng.standard_normal((44, 52)).astype(dtype)
    wide = rng.standard_normal((60, 88)).astype(dtype)
    pairs = [
        (a, b),
        (a, np.asfortranarray(b)),
        (np.asfortranarray(a), b),
        (b.T, a.T),
        (wide[:, ::2], b),
        (wide[:, :44], b),
        (a[::-1], b),
        (a[:, :1], b[:1]),
        (a[:1], b[:, :1]),
        (np.broadcast_to(a[0], (5, 44)), b),
    ]
    for x, y in pairs:
        assert np.allclose(product(x, y), np.dot(x, y), rtol=1e-4, atol=1e-4)
    assert product(a[:0], b).shape == (0, 52)


def test_a_large_matrix_times_a_vector():
    """The kernels of products are for matrices; other shapes find their own way beside them."""
    rng = np.random.default_rng(0)
    a, v = torch.from_numpy(rng.standard_normal((400, 25))), torch.from_numpy(rng.standard_normal(25))
    many = torch.from_numpy(rng.standard_normal((400, 25, 25)))
    expected = a.numpy() @ v.numpy()
    assert np.allclose(torch.mv(a, v).numpy(), expected) and np.allclose((a @ v).numpy(), expected)
    assert np.allclose((many @ v).numpy(), many.numpy() @ v.numpy())
    assert np.allclose((many @ a[:25].T[:, :3]).numpy(), many.numpy() @ a.numpy()[:25].T[:, :3])
    assert np.allclose((v @ many).numpy(), v.numpy() @ many.numpy())


def test_the_choice_of_a_library(monkeypatch):
    monkeypatch.setattr(blas, "wins", lambda: True)
    monkeypatch.setitem(blas._state, "product", None)
    a = np.random.default_rng(0).standard_normal((90, 90))
    assert np.allclose(blas.gemm(a, a), a @ a)
    assert blas._state["product"]
    blas.limit_threads(1)
    with pytest.raises(ValueError):
        blas.gemm(a, a[:3])
    monkeypatch.setattr(blas, "wins", lambda: False)
    monkeypatch.setitem(blas._state, "product", None)
    assert np.array_equal(blas.gemm(a, a), np.dot(a, a)) and blas._state["product"] is False


def test_a_library_that_computes_something_else_is_not_used(monkeypatch):
    monkeypatch.setattr(blas, "wins", lambda: True)
    monkeypatch.setattr(blas.Product, "__call__", lambda self, a, b: np.dot(a, b) * 1.1)
    assert blas.chosen() is False


def test_a_library_that_cannot_be_opened_is_not_used(monkeypatch):
    def refuse():
        raise OSError("no such library")

    monkeypatch.setattr(blas, "wins", lambda: True)
    monkeypatch.setattr(blas, "open_library", refuse)
    assert blas.chosen() is False
