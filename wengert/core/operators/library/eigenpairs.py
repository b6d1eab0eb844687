"""Eigenpairs that an iteration found, differentiated as if they were exact."""

from __future__ import annotations

from math import inf

from wengert.core.base.errors import ValueRangeError
from wengert.core.operators.library.matrices import full_precision
from wengert.core.operators.record import Array


def _rule(m, g, out, A, plain):
    """First-order perturbation of eigenvectors: sum over the others of their part over the gap."""
    if not plain:
        raise ValueRangeError("lobpcg.backward does not support backward with B != I yet.")
    (values, vectors), (g_values, g_vectors) = out, g
    every, basis = m.eigh_parts((A + m.conj_transpose(A)) * 0.5, "L")
    gap = m.unsqueeze(values, -2) - m.unsqueeze(every, -1)
    size = m.abs(gap)
    equal = m.unsqueeze(m.amax(m.abs(every), (-1,), True), -1) * 1e-6
    near = size <= m.maximum(m.amin(size, (-2,), True), equal)
    parts = (m.conj_transpose(basis) @ g_vectors) / m.where(near, inf, gap)
    made = (basis @ parts + vectors * m.unsqueeze(g_values, -2)) @ m.conj_transpose(vectors)
    return (made + m.conj_transpose(made)) * 0.5


@full_precision(
    vjp=_rule,
    outputs=2,
    space=None,
    method=False,
    backward_name="LOBPCGAutogradFunctionBackward",
    samples=lambda s: [],
)
def lobpcg_pairs(np, A: Array, values, vectors, plain):
    """`values` and `vectors`, eigenpairs of the symmetric part of A; `plain` if of A alone, not of A and a B."""
    return values, vectors
