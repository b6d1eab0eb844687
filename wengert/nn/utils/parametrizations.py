"""Ready-made parametrizations: orthogonal matrices, weight normalisation, spectral normalisation."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import MissingError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn.functional_sparse import normalize
from wengert.nn.modules.module import Module
from wengert.nn.utils import parametrize
from wengert.nn.utils.clip_grad import unrecorded

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _nearby_orthogonal(matrix: Any) -> Any:
    """The orthogonal factor of a matrix, with the signs that make it unique."""
    q, r = m.linalg_qr(matrix)
    return q * m.unsqueeze(m.sgn(m.diagonal(r, 0, -2, -1)), -2)


def _is_orthogonal(q: Any) -> bool:
    n, k = q.shape[-2:]
    identity = creation.eye(k, dtype=q.dtype)
    slack = 10.0 * n * m.amax(m.abs(q)).item() * _EPSILON[str(q.dtype)]
    return bool(m.allclose(m.matmul(m.adjoint(q), q), identity, atol=slack))


_EPSILON = {
    name: 1.2e-7 if "32" in name or "64" in name and "complex" in name else 2.3e-16
    for name in ("torch.float32", "torch.float64", "torch.complex64", "torch.complex128")
} | {"torch.float16": 1e-3, "torch.bfloat16": 8e-3}


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows) from one without constraint.

    Source: M. Lezcano-Casado and D. Martinez-Rubio, Cheap orthogonal constraints in neural networks (2019).
    """

    base: Any

    def __init__(self, weight: Any, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        """The orthogonal matrix."""
        wide = X.size(-2) < X.size(-1)
        x = X.mT if wide else X
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            below = m.tril(x, -1)
            tau = 2.0 / (1.0 + m.sum(below * below, -2))
            q = m.orgqr(below, tau)
            q = q * m.unsqueeze(m.diagonal(x, 0, -2, -1).int(), -2)
        else:
            x = m.tril(x)
            if n != k:
                x = m.cat([x, creation.zeros((*x.shape[:-1], n - k), dtype=x.dtype)], -1)
            skew = x - m.adjoint(x)
            if self.orthogonal_map == "matrix_exp":
                q = m.matrix_exp(skew)
            else:
                identity = creation.eye(n, dtype=skew.dtype)
                q = m.linalg_solve(identity - skew / 2, identity + skew / 2)
            if n != k:
                q = q[..., :k]
        if getattr(self, "base", None) is not None:
            q = m.matmul(self.base, q)
        return q.mT if wide else q

    @unrecorded
    def right_inverse(self, Q: Any) -> Any:
        """The matrix that gives Q, with Q as the base point of the map."""
        if "base" not in self._buffers:
            raise MissingError("It is not possible to assign to this parametrization without use_trivialization=True.")
        wide = Q.size(-2) < Q.size(-1)
        q = Q.mT if wide else Q
        n, k = q.shape[-2:]
        if n == k or self.orthogonal_map == "householder":
            q = m.clone(q) if _is_orthogonal(q) else _nearby_orthogonal(q)
        else:
            rest = creation.empty((*q.shape[:-1], n - k), dtype=q.dtype).normal_()
            q = _nearby_orthogonal(m.cat([q, rest], -1))
        self.base = q if n == k or self.orthogonal_map != "householder" else _completed(q, n, k)
        start = creation.zeros_like(Q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def _completed(q: Any, n: int, k: int) -> Any:
    """A square orthogonal matrix that begins with the columns of q."""
    rest = creation.empty((*q.shape[:-1], n - k), dtype=q.dtype).normal_()
    return _nearby_orthogonal(m.cat([q, rest], -1))


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Any:
    """Keep a matrix of a module orthogonal: by "matrix_exp", "cayley" or "householder".

    Raises: ValueRangeError for a name that is no tensor, fewer than 2 dims, or another map.
    """
    weight = getattr(module, name, None)
    if weight is None:
        raise ValueRangeError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueRangeError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueRangeError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    chain = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, chain, unsafe=True)


class _WeightNorm(Module):
    """weight = g v / |v|, norms over all dims but one."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        """The weight."""
        return weight_v * (weight_g / m.norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """Norms and directions."""
        return m.norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int = 0) -> Any:
    """Split a weight into length (original0) and direction (original1).

    Source: T. Salimans and D. P. Kingma, Weight normalization (2016).
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return module


class _SpectralNorm(Module):
    """weight / sigma, sigma its largest singular value by power iteration."""

    _u: Any
    _v: Any

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueRangeError(
                "Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            h, w = matrix.size()
            u = creation.empty(h, dtype=weight.dtype).normal_(0, 1)
            v = creation.empty(w, dtype=weight.dtype).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight: Any) -> Any:
        if self.dim != 0:
            weight = m.permute(weight, (self.dim, *[d for d in range(weight.dim()) if d != self.dim]))
        return m.flatten(weight, 1)

    @unrecorded
    def _power_method(self, matrix: Any, count: int) -> None:
        for _ in range(count):
            self._u = normalize(m.mv(matrix, self._v), dim=0, eps=self.eps)
            self._v = normalize(m.mv(m.adjoint(matrix), self._u), dim=0, eps=self.eps)

    def forward(self, weight: Any) -> Any:
        """The weight divided by its largest singular value."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = m.clone(self._u), m.clone(self._v)
        return weight / m.dot(u, m.mv(matrix, v))

    def right_inverse(self, value: Any) -> Any:
        """Assigned weights are taken as they are."""
        return value


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value, estimated by power iteration.

    Source: T. Miyato et al., Spectral normalization for generative adversarial networks (2018), algorithm 1.
    """
    weight = getattr(module, name, None)
    if weight is None:
        raise ValueRangeError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if "Transpose" in type(module).__name__ else 0
    parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module
