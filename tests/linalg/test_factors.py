"""LDL factors, low-rank decompositions and a few extreme eigenpairs."""

from __future__ import annotations

import pytest

from tests.backend import torch


def indefinite(n, dtype=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, dtype=dtype or torch.float64, generator=generator)
    a = a + a.mH
    return a - torch.diag(torch.diagonal(a))


def blocks(factors, pivots):
    """L with ones on its diagonal and D, from one packed matrix."""
    n, k = factors.shape[-1], 0
    low, middle = torch.tril(factors, -1) + torch.eye(n, dtype=factors.dtype), torch.diag(torch.diagonal(factors))
    while k < n:
        if pivots[k] < 0:
            middle[k + 1, k] = factors[k + 1, k]
            middle[k, k + 1] = factors[k + 1, k].conj()
            low[k + 1, k] = 0
            k += 1
        k += 1
    return low, middle


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_ldl_solves_what_cholesky_cannot(n):
    a = indefinite(n, seed=n) if n > 1 else torch.tensor([[-2.0]], dtype=torch.float64)
    b = torch.arange(2.0 * n, dtype=torch.float64).reshape(n, 2)
    factors, pivots = torch.linalg.ldl_factor(a)
    assert pivots.dtype is torch.int32
    assert torch.allclose(a @ torch.linalg.ldl_solve(factors, pivots, b), b)


def test_ldl_keeps_the_inertia():
    a = indefinite(7)
    factors, pivots = torch.linalg.ldl_factor(a)
    _, middle = blocks(factors, pivots)
    wanted = int((torch.linalg.eigvalsh(a) > 0).sum())
    assert int((torch.linalg.eigvalsh(middle) > 0).sum()) == wanted


@pytest.mark.parametrize("hermitian", [False, True])
def test_ldl_of_complex_batches(hermitian):
    a = torch.stack([indefinite(4, torch.complex128, seed) for seed in (1, 2)])
    if not hermitian:
        a = a + a.mT
    b = torch.ones(2, 4, 1, dtype=torch.complex128)
    factors, pivots, info = torch.linalg.ldl_factor_ex(a, hermitian=hermitian)
    assert info.tolist() == [0, 0]
    assert torch.allclose(a @ torch.linalg.ldl_solve(factors, pivots, b, hermitian=hermitian), b)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_ldl_is_that_of_torch(dtype):
    real = pytest.importorskip("torch")
    kind = getattr(real, dtype)
    for n in (3, 8, 40):
        a = real.randn(2, n, n, dtype=kind, generator=real.Generator().manual_seed(n))
        for hermitian in (False, True):
            wanted = real.linalg.ldl_factor(a, hermitian=hermitian)
            found = torch.linalg.ldl_factor(torch.from_numpy(a.numpy()), hermitian=hermitian)
            assert found.pivots.tolist() == wanted.pivots.tolist()
            assert abs(found.LD.numpy() - wanted.LD.numpy()).max() < 1e-9


def test_ldl_refuses():
    with pytest.raises(RuntimeError, match=r"^torch\.linalg\.ldl_factor_ex: A must be batches of square matrices"):
        torch.linalg.ldl_factor(torch.ones(2, 3))
    with pytest.raises(RuntimeError):
        torch.linalg.ldl_factor(torch.zeros(2, 2))
    assert torch.linalg.ldl_factor_ex(torch.zeros(2, 2)).info.item() == 1
    factors, pivots = torch.linalg.ldl_factor(torch.eye(3))
    with pytest.raises(RuntimeError, match=r"^torch\.linalg\.ldl_solve: Expected pivots to be integers"):
        torch.linalg.ldl_solve(factors, pivots.float(), torch.ones(3, 1))


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (2, 6, 7)])
def test_svd_lowrank_finds_a_low_rank(shape):
    torch.manual_seed(0)
    *batch, rows, columns = shape
    left = torch.randn(*batch, rows, 2, dtype=torch.float64)
    right = torch.randn(*batch, 2, columns, dtype=torch.float64)
    a = left @ right
    u, s, v = torch.svd_lowrank(a, q=3)
    assert torch.allclose((u * s.unsqueeze(-2)) @ v.mH, a, atol=1e-8)
    assert torch.allclose(s[..., :2], torch.linalg.svdvals(a)[..., :2])
    shift = torch.ones(columns, dtype=torch.float64)
    u, s, v = torch.svd_lowrank(a + shift, q=3, M=shift)
    assert torch.allclose((u * s.unsqueeze(-2)) @ v.mH, a, atol=1e-8)


def test_principal_components():
    torch.manual_seed(0)
    x = torch.randn(30, 4, dtype=torch.float64) * torch.tensor([5.0, 1.0, 0.1, 0.01], dtype=torch.float64) + 3
    _, s, v = torch.pca_lowrank(x, q=2)
    values, vectors = torch.linalg.eigh(torch.cov(x.T))
    assert torch.allclose(s**2 / 29, values.flip(0)[:2], rtol=1e-6)
    assert abs(v[:, 0] @ vectors[:, -1]).item() == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError, match=r"^q\(=5\) must be non-negative integer and not greater than"):
        torch.pca_lowrank(x, q=5)
    with pytest.raises(ValueError, match=r"^niter\(=-1\) must be"):
        torch.pca_lowrank(x, niter=-1)


def test_random_projections_follow_the_seed():
    real = pytest.importorskip("torch")
    a = real.randn(9, 6, generator=real.Generator().manual_seed(5))
    real.manual_seed(7)
    wanted = real.svd_lowrank(a, q=2, niter=0)[1]
    torch.manual_seed(7)
    found = torch.svd_lowrank(torch.from_numpy(a.numpy()), q=2, niter=0)[1]
    assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-4)


def definite(n):
    a = indefinite(n)
    return a @ a + torch.eye(n, dtype=torch.float64)


@pytest.mark.parametrize("largest", [True, False])
def test_lobpcg_finds_the_extremes(largest):
    torch.manual_seed(0)
    a = definite(14)
    values, vectors = torch.lobpcg(a, 3, largest=largest)
    every = torch.linalg.eigvalsh(a)
    assert torch.allclose(values, every.flip(0)[:3] if largest else every[:3], rtol=1e-6)
    assert torch.allclose(a @ vectors, vectors * values, atol=1e-4)


def test_lobpcg_of_two_matrices_and_of_a_batch():
    torch.manual_seed(0)
    a, b = definite(12), torch.eye(12, dtype=torch.float64) * 2
    assert torch.allclose(torch.lobpcg(a, 2, B=b)[0] * 2, torch.lobpcg(a, 2)[0], rtol=1e-6)
    assert tuple(torch.lobpcg(torch.stack([a, a]), 2)[1].shape) == (2, 12, 2)


def test_gradient_of_lobpcg_is_that_of_eigh():
    torch.manual_seed(0)
    a = definite(12)
    x, y = a.clone().requires_grad_(), a.clone().requires_grad_()
    values, vectors = torch.lobpcg(x, 2, tol=1e-12)
    (values.sum() + (vectors[0] ** 2).sum()).backward()
    values, vectors = torch.linalg.eigh(y)
    (values[-2:].sum() + (vectors[0, -2:] ** 2).sum()).backward()
    assert torch.allclose(x.grad, (y.grad + y.grad.T) / 2, atol=1e-6)


def test_lobpcg_refuses():
    with pytest.raises(ValueError, match=r"^LOBPCG algorithm is not applicable when the number of A rows \(=6\)"):
        torch.lobpcg(torch.eye(6), 3)
    with pytest.raises(AssertionError, match="^A must be square"):
        torch.lobpcg(torch.ones(6, 2), 1)
