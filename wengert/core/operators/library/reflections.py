"""Products of Householder reflections, the implicit form of an orthogonal matrix."""

from __future__ import annotations

from wengert.core.arrays import return_types
from wengert.core.base.errors import DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite
from wengert.core.operators.library.matrices import check_inexact, check_matrix, full_precision, scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _householder_pieces(m, input, tau):
    """V, W, N, M of the compact form Q = E - V D N^-1 M, N = I + W D, W = striu(V^H V), M = V^H E, D = diag(tau)."""
    rows, columns = input.shape[-2:]
    k = tau.shape[-1]
    v = m.take_block(input, (0, rows), (0, k))
    one = m.identity_like(m.take_block(input, (0, 1), (0, k)))
    v = m.strictly_lower(v) + m.put_block(one + m.take_block(v, (0, k), (0, k)) * 0.0, (rows, k), (0, k), (0, k))
    w = m.strictly_upper(m.conj_transpose(v) @ v)
    n = one + w * m.unsqueeze(tau, -2)
    top = m.conj_transpose(m.take_block(v, (0, columns), (0, k)))
    return v, w, n, top


def _householder_rule(m, g, input, tau):
    """(gradient of input, gradient of tau) through the compact form; C. Puglisi (1992) for the form itself."""
    rows, columns = input.shape[-2:]
    k = tau.shape[-1]
    v, w, n, top = _householder_pieces(m, input, tau)
    z = m.linear_solve(n, top)
    column = m.unsqueeze(tau, -1)
    g_y = -(m.conj_transpose(v) @ g)
    g_v = -(g @ m.conj_transpose(column * z))
    g_top = m.linear_solve(m.conj_transpose(n), m.conjugated(column) * g_y)
    g_n = -(g_top @ m.conj_transpose(z))
    g_tau = m.sum(g_y * m.conjugated(z), -1) + m.sum(m.conjugated(w) * g_n, -2)
    g_w = m.strictly_upper(g_n * m.unsqueeze(m.conjugated(tau), -2))
    g_v = g_v + v @ (g_w + m.conj_transpose(g_w))
    g_v = g_v + m.put_block(m.conj_transpose(g_top), (rows, k), (0, columns), (0, k))
    return m.put_block(m.strictly_lower(g_v), (rows, columns), (0, rows), (0, k)), g_tau


@full_precision(
    vjp=(
        lambda m, g, input, tau: _householder_rule(m, g, input, tau)[0],
        lambda m, g, input, tau: _householder_rule(m, g, input, tau)[1],
    ),
    aliases=("linalg.householder_product",),
    space=None,
    method=False,
    batch="loop",
    backward_name="LinalgHouseholderProductBackward0",
    samples=lambda s: [call(s.array(4, 3), s.array(3)), call(s.array(2, 4, 3), s.array(2, 2))],
)
def householder_product(np, input: Array, tau: Array):
    """First n columns of H_1 H_2 ... H_k, H_i = I - tau_i v_i v_i^H, v_i the i-th column below its 1 on the diagonal.

    Shapes: input (..., m, n) with m >= n, tau (..., k) with k <= n give (..., m, n).
    Source: LAPACK's orgqr.
    """
    name = "torch.linalg.householder_product"
    if input.ndim < 2:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    check_inexact(input, name, "orgqr_cpu")
    rows, columns = input.shape[-2:]
    if rows < columns:
        raise ShapeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if tau.ndim < 1 or columns < tau.shape[-1]:
        raise ShapeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if input.dtype != tau.dtype:
        raise DtypeError(f"{name}: tau dtype {scalar_of(tau)} does not match input dtype {scalar_of(input)}")
    out = np.zeros(input.shape, input.dtype)
    out[..., np.arange(columns), np.arange(columns)] = 1
    for i in range(tau.shape[-1] - 1, -1, -1):
        v = input[..., i:, i].copy()
        v[..., 0] = 1
        tail = out[..., i:, :]
        tail -= (tau[..., i, None] * v)[..., :, None] * (v.conj()[..., None, :] @ tail)
    return out


@composite(samples=lambda s: [call(s.array(4, 3), s.array(3))])
def orgqr(m, input: Array, tau: Array):
    """First n columns of a product of Householder reflections, see `linalg.householder_product`."""
    return m.householder_product(input, tau)


def _no_geqrf(g):
    raise MissingError("the derivative for 'geqrf' is not implemented; use linalg.qr")


def _tall_and_wide(s):
    return [call(s.array(4, 3)), call(s.array(2, 3, 4))]


@full_precision(
    vjp=_no_geqrf, outputs=2, space=None, method=False, backward_name="GeqrfBackward0", samples=_tall_and_wide
)
def geqrf_parts(np, input: Array):
    """R above the diagonal with the Householder vectors below it, and their factors tau."""
    check_matrix(input, "torch.geqrf", "input", "geqrf_cpu")
    a, tau = np.linalg.qr(input, "raw")
    return a.swapaxes(-1, -2), tau


@composite(samples=_tall_and_wide)
def geqrf(m, input: Array):
    """(a, tau): the raw QR factorisation, R in the upper triangle and Householder vectors below; no derivative."""
    return return_types.geqrf(m.geqrf_parts(input))


@composite(
    samples=lambda s: [
        call(s.array(3, 3), s.array(3), s.array(3, 2)),
        call(s.array(4, 3), s.array(3), s.array(2, 4), False),
    ]
)
def ormqr(m, input: Array, tau: Array, other: Array, left=True, transpose=False):
    """Q @ other (left) or other @ Q, Q the full product of the Householder reflections; transpose takes Q^H."""
    if input.ndim < 2:
        raise ShapeError("torch.ormqr: input must have at least 2 dimensions.")
    rows = input.shape[-2]
    side, count = (-2 if left else -1), tau.shape[-1]
    if other.shape[side] != rows:
        raise ShapeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if count != min(other.shape[side], input.shape[-1]):
        raise ShapeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1]), got {count}"
        )
    check_inexact(input, "ormqr", "ormqr_cpu")
    first = m.take_block(input, (0, rows), (0, count))
    q = m.householder_product(m.put_block(first, (rows, rows), (0, rows), (0, count)), tau)
    if transpose:
        q = m.conj_transpose(q)
    return m.matmul(q, other) if left else m.matmul(other, q)
