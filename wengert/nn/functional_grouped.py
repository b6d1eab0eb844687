"""Products of matrices in groups of different sizes, as in mixtures of experts."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tape.refusals import tensors_only


def grouped_mm(mat_a: Any, mat_b: Any, *, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Any:
    """Matrix products of groups; where an operand has two dims, `offs` says where each group of it ends.

    Shapes: (rows, K) and (G, K, N) give (rows, N), groups of rows; (G, M, K) and (K, columns) give (M, columns), groups
    of columns; (M, ks) and (ks, N) give (G, M, N), groups of what is summed over; (G, M, K) and (G, K, N) give
    (G, M, N) and take no `offs`.  What lies behind the last group is 0.
    Raises: ShapeError for other shapes, or groups that do not fit.
    """
    tensors_only("grouped_mm", mat_a=mat_a, mat_b=mat_b)
    dims = (mat_a.dim(), mat_b.dim())
    if not set(dims) <= {2, 3}:
        raise ShapeError(f"mat_a and mat_b have to be 2 or 3 dimensional, not of {dims[0]} and {dims[1]} dims")
    if (offs is None) != (dims == (3, 3)):
        raise ShapeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if mat_a.shape[-1] != mat_b.shape[-2]:
        raise ShapeError(f"contraction dimension of mat_a and mat_b must match: {mat_a.shape} and {mat_b.shape}")
    out = m.bmm(mat_a, mat_b) if offs is None else _in_groups(mat_a, mat_b, _bounds(offs))
    if bias is not None:
        out = out + bias
    return out if out_dtype is None else out.to(out_dtype)


def _bounds(offs: Any) -> list[tuple[int, int]]:
    """Where each group begins and ends."""
    ends = [int(n) for n in offs.tolist()] if isinstance(offs, TensorBase) else [int(n) for n in offs]  # type: ignore[attr-defined]
    starts = [0, *ends[:-1]]
    if any(end < start for start, end in zip(starts, ends, strict=True)):
        raise ShapeError(f"offs must not fall: {ends}")
    return list(zip(starts, ends, strict=True))


def _in_groups(a: Any, b: Any, bounds: list[tuple[int, int]]) -> Any:
    """The product where an operand is cut into groups."""
    end = bounds[-1][1] if bounds else 0
    groups, size = (b, a.shape[0]) if a.dim() == 2 else (a, b.shape[-1])
    if a.dim() == b.dim() == 2:
        if end > a.shape[1]:
            raise ShapeError(f"the last group ends at {end}, and there are {a.shape[1]}")
        return m.stack([m.mm(a[:, i:j], b[i:j]) for i, j in bounds])
    if len(bounds) != groups.shape[0] or end > size:
        raise ShapeError(f"{len(bounds)} groups that end at {end} do not fit {groups.shape[0]} matrices and {size}")
    if a.dim() == 2:
        parts = [m.mm(a[i:j], b[k]) for k, (i, j) in enumerate(bounds)]
        rest = a.new_zeros(size - end, b.shape[-1])
        return m.cat([*parts, rest], 0)
    parts = [m.mm(a[k], b[:, i:j]) for k, (i, j) in enumerate(bounds)]
    return m.cat([*parts, a.new_zeros(a.shape[1], size - end)], 1)


__all__ = ["grouped_mm"]
