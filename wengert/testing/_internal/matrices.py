"""Random matrices of a given kind, and other tensors that tests are fed with."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from itertools import product
from typing import Any

import wengert as torch
from wengert.testing._creation import make_tensor

REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}


def normal(shape: Any, options: dict[str, Any]) -> Any:
    """Normally distributed entries; float64 on the CPU unless asked otherwise."""
    return torch.randn(shape, dtype=options.get("dtype", torch.float64), device=options.get("device", "cpu"))


def recombined(x: Any, singular_values: Any) -> Any:
    """A matrix with the singular vectors of x and other singular values."""
    u, _, vh = torch.linalg.svd(x, full_matrices=False)
    return (u * singular_values.to(u.dtype).unsqueeze(-2)) @ vh


def square(shape: Any) -> None:
    """Refuse shapes whose last two sizes differ."""
    if shape[-1] != shape[-2]:
        raise AssertionError(f"expected square matrix, got shape[-1]={shape[-1]} != shape[-2]={shape[-2]}")


def random_square_matrix_of_rank(l: int, rank: int, dtype: Any = torch.double, device: Any = "cpu") -> Any:  # noqa: E741
    """A square matrix of this rank."""
    if rank > l:
        raise AssertionError(f"rank must be <= l, got rank={rank}, l={l}")
    a = torch.randn(l, l, dtype=dtype, device=device)
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    s[s == 0] = 1
    s[rank:] = 0
    return (u * s.to(dtype).unsqueeze(-2)) @ vh


def random_well_conditioned_matrix(
    *shape: int, dtype: Any, device: Any, mean: float = 1.0, sigma: float = 0.001
) -> Any:
    """Matrices with singular values drawn from N(mean, sigma^2)."""
    x = torch.rand(shape, dtype=dtype, device=device)
    count = min(shape[-2:])
    s = torch.randn(*shape[:-2], count, dtype=REAL.get(dtype, dtype), device=device) * sigma + mean
    return recombined(x, s.sort(-1, descending=True).values)


def random_symmetric_matrix(l: int, *batches: int, **kwargs: Any) -> Any:  # noqa: E741
    """(A + A^T) / 2."""
    a = normal((*batches, l, l), kwargs)
    return (a + a.mT).div_(2)


def make_symmetric_matrices(*shape: int, device: Any, dtype: Any) -> Any:
    """(A + A^T) / 2 of matrices of this shape."""
    square(shape)
    a = make_tensor(shape, device=device, dtype=dtype)
    return (a + a.mT).div_(2)


def random_hermitian_matrix(l: int, *batches: int, **kwargs: Any) -> Any:  # noqa: E741
    """(A + A^H) / 2."""
    a = normal((*batches, l, l), kwargs)
    return (a + a.mH).div_(2)


def random_symmetric_psd_matrix(l: int, *batches: int, **kwargs: Any) -> Any:  # noqa: E741
    """A A^T."""
    a = normal((*batches, l, l), kwargs)
    return a @ a.mT


def random_hermitian_psd_matrix(matrix_size: int, *batch_dims: int, **kwargs: Any) -> Any:
    """A A^H."""
    a = normal((*batch_dims, matrix_size, matrix_size), kwargs)
    return a @ a.mH


def random_symmetric_pd_matrix(matrix_size: int, *batch_dims: int, **kwargs: Any) -> Any:
    """A A^T + 1e-5 I."""
    a = random_symmetric_psd_matrix(matrix_size, *batch_dims, **kwargs)
    return a + torch.eye(matrix_size, dtype=a.dtype, device=a.device) * 1e-5


def make_symmetric_pd_matrices(*shape: int, device: Any, dtype: Any) -> Any:
    """A A^T + 1e-5 I of matrices of this shape."""
    square(shape)
    a = make_tensor(shape, device=device, dtype=dtype)
    return a @ a.mT + torch.eye(shape[-1], device=device, dtype=dtype) * 1e-5


def random_hermitian_pd_matrix(matrix_size: int, *batch_dims: int, dtype: Any, device: Any) -> Any:
    """A A^H + I."""
    a = random_hermitian_psd_matrix(matrix_size, *batch_dims, dtype=dtype, device=device)
    return a + torch.eye(matrix_size, dtype=dtype, device=device)


def make_fullrank_matrices_with_distinct_singular_values(
    *shape: int, device: Any, dtype: Any, requires_grad: bool = False
) -> Any:
    """Matrices with singular values 1 + 1/2, 1 - 1/3, 1 + 1/4, ...: a condition number of 9/4."""
    with torch.no_grad():
        x = make_tensor(shape, device=device, dtype=dtype)
        s = torch.arange(2, min(shape[-2:]) + 2, dtype=REAL.get(dtype, dtype), device=device)
        s[1::2] *= -1.0
        made = recombined(x, s.reciprocal_().add_(1.0))
    return made.requires_grad_(requires_grad)


def random_matrix(rows: int, columns: int, *batch_dims: int, **kwargs: Any) -> Any:
    """Matrices with singular values evenly spaced in (0, 1]; one or two are 0 if `singular`."""
    a = normal((*batch_dims, rows, columns), kwargs)
    if not a.numel():
        return a
    count = min(rows, columns)
    s = torch.linspace(1 / (count + 1), 1, count, dtype=a.dtype, device=a.device)
    if kwargs.get("singular", False):
        s[count - 1] = 0
        if count > 2:
            s[0] = 0
    return recombined(a, s)


def random_matrix_with_scaled_reduction_dim(rows: int, columns: int, *batch_dims: int, **kwargs: Any) -> Any:
    """Normal entries over the root of the size of `reduction_dim`."""
    shape = (*batch_dims, rows, columns)
    made = normal(shape, kwargs) / math.sqrt(shape[kwargs.get("reduction_dim", -1)])
    return made.requires_grad_(kwargs.get("requires_grad", False))


def random_lowrank_matrix(rank: int, rows: int, columns: int, *batch_dims: int, **kwargs: Any) -> Any:
    """A product of a (rows, rank) and a (rank, columns) matrix."""
    return random_matrix(rows, rank, *batch_dims, **kwargs).matmul(random_matrix(rank, columns, *batch_dims, **kwargs))


def random_sparse_matrix(rows: int, columns: int, density: float = 0.01, **kwargs: Any) -> Any:
    """A sparse matrix with at least one entry in most rows; entries near the diagonal are the largest."""
    count = max(min(rows, columns), int(rows * columns * density))
    each = math.ceil(count / rows)
    places = [(r, c) for r in range(rows) for c in random.choices(range(columns), k=each)][:count]
    values = normal((count,), kwargs)
    values *= torch.tensor([-(float(i - j) ** 2) for i, j in places], dtype=values.dtype, device=values.device).exp()
    indices = torch.tensor(places).t()
    return torch.sparse_coo_tensor(indices, values, (rows, columns), device=values.device).coalesce()


def random_sparse_pd_matrix(matrix_size: int, density: float = 0.01, **kwargs: Any) -> Any:
    """A sparse matrix with eigenvalues 1/n, 2/n, ..., 1: a diagonal turned in random planes until dense enough."""
    dtype, device = kwargs.get("dtype", torch.double), kwargs.get("device", "cpu")
    a = torch.diag(torch.arange(1, matrix_size + 1, dtype=dtype) / matrix_size)
    while int((a != 0).sum()) < density * matrix_size * matrix_size:
        i, j = random.sample(range(matrix_size), 2)
        angle = random.uniform(0, 2 * math.pi)
        turn = torch.eye(matrix_size, dtype=dtype)
        turn[i, i] = turn[j, j] = math.cos(angle)
        turn[i, j], turn[j, i] = math.sin(angle), -math.sin(angle)
        a = turn.T @ a @ turn
    return a.to_sparse().to(device)


def noncontiguous_like(t: Any) -> Any:
    """A tensor of the same values whose neighbours in memory are NaN, True or 12."""
    if not t.is_contiguous():
        return t
    value: Any = math.nan if t.dtype.is_floating_point or t.dtype.is_complex else 12
    made = t.new_empty((*t.shape, 2))
    made[..., 0] = True if t.dtype == torch.bool else value
    made[..., 1] = t.detach()
    return made[..., 1].requires_grad_(t.requires_grad)


def iter_indices(tensor: Any) -> Iterable[Any]:
    """Every index of a tensor: tuples, numbers for one dimension, nothing for none."""
    if tensor.dim() == 1:
        return range(tensor.size(0))
    return product(*map(range, tensor.size())) if tensor.dim() else range(0)


def is_iterable(obj: Any) -> bool:
    """Whether a value can be iterated over."""
    try:
        iter(obj)
    except TypeError:
        return False
    return True


def is_iterable_of_tensors(iterable: Any, include_empty: bool = False) -> bool:
    """Whether a value is an iterable, no tensor itself, that holds nothing but tensors."""
    if isinstance(iterable, torch.Tensor) or not is_iterable(iterable):
        return False
    items = list(iterable)
    return all(isinstance(x, torch.Tensor) for x in items) if items else include_empty


def clone_input_helper(input: Any) -> Any:
    """Clones of tensors, and of the tensors in sequences."""
    if isinstance(input, torch.Tensor):
        return torch.clone(input)
    return tuple(map(clone_input_helper, input)) if isinstance(input, (list, tuple)) else input


__all__ = [
    "clone_input_helper", "is_iterable", "is_iterable_of_tensors", "iter_indices",
    "make_fullrank_matrices_with_distinct_singular_values", "make_symmetric_matrices", "make_symmetric_pd_matrices",
    "noncontiguous_like", "random_hermitian_matrix", "random_hermitian_pd_matrix", "random_hermitian_psd_matrix",
    "random_lowrank_matrix", "random_matrix", "random_matrix_with_scaled_reduction_dim", "random_sparse_matrix",
    "random_sparse_pd_matrix", "random_square_matrix_of_rank", "random_symmetric_matrix", "random_symmetric_pd_matrix",
    "random_symmetric_psd_matrix", "random_well_conditioned_matrix",
]  # fmt: skip
