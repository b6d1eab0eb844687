"""Batching rules of linear algebra and of distances: matrices stand in the last two dims (see batchrules.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.operators.record import Op
from wengert.core.tape.batchfolds import spread_all
from wengert.core.tape.batchrules import Same, called, full, rank, reshaped, rule, trailing
from wengert.core.tape.core import RECORDED as m

rule("qr_parts")(trailing)


@rule("identity_like", "ones_of")
def identity(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The same for all entries."""
    return Same(called(op, args, values))


def aligned(x: Any, is_batched: bool, size: int, top: int) -> Any:
    """x with the batch in dim 0 and ones behind it, so that an entry has `top` dims."""
    x = full(x, is_batched, size)
    shape = x._array.shape
    return x if len(shape) - 1 == top else reshaped(x, (size, *(1,) * (top - len(shape) + 1), *shape[1:]))


@rule("householder_product", "lu_solve_parts", "triangular_solve_parts", "unpacked", "pivots_matrix",
      "linalg_ldl_solve", "euclidean_distances", "pair_distances")  # fmt: skip
def matrices(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Matrices, and vectors that belong to them: leading dims are batches, and broadcast."""
    vectors = _VECTORS.get(op.name, ())
    ranks = [rank(x, b) + (i in vectors) for i, (x, b) in enumerate(zip(values, batched, strict=True))]
    top = max(ranks)
    parts = [aligned(x, b, size, top - (i in vectors)) for i, (x, b) in enumerate(zip(values, batched, strict=True))]
    return called(op, args, parts)


_VECTORS = {
    "linalg_ldl_solve": (1,),
    "householder_product": (1,),
    "lu_solve_parts": (1,),
    "unpacked": (1,),
    "pivots_matrix": (1,),
}
"""Which tensors hold a vector for each matrix."""


@rule("solve_parts")
def solved(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Right sides that are vectors are made matrices of one column (or row)."""
    a, b = values
    own_a, own_b = rank(a, batched[0]), rank(b, batched[1])
    entry = (a._array.shape[batched[0] :], b._array.shape[batched[1] :])
    left = args[op.params.index("left")]
    vector = own_b == 1 or own_b == own_a - 1 and entry[1] == entry[0][:-1]
    if vector and not left:
        return NotImplemented
    if vector:
        b = m.unsqueeze(b, -1)
    top = max(own_a, own_b + vector)
    parts = [aligned(a, batched[0], size, top), aligned(b, batched[1], size, top)]
    found = called(op, args, parts)
    return (m.squeeze(found[0], -1), *found[1:]) if vector else found


@rule("lstsq_parts")
def least_squares(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Right sides as many as matrices; what is not worked out is empty for all entries."""
    a, b = spread_all(values, batched, size)
    vector = b._array.ndim != a._array.ndim
    found = called(op, args, [a, m.unsqueeze(b, -1) if vector else b])
    rest = [y if y._array.shape != (0,) else full(y, False, size) for y in found[1:]]
    return (m.squeeze(found[0], -1) if vector else found[0], *rest)


@rule("dist")
def distance(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The distance of each entry's elements laid out in a row, as a matrix of one distance."""
    top = max(rank(x, b) for x, b in zip(values, batched, strict=True))
    a, b = [aligned(x, own, size, top) for x, own in zip(values, batched, strict=True)]
    difference = m.sub(a, b)
    rows = reshaped(difference, (size, -1))
    return m.vector_norm(rows, args[op.params.index("p")], 1)
