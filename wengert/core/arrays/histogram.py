"""Counts of points in a grid of several dims."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DtypeError, MissingError, ShapeError


def even_edges(points: Any, bins: list[int], limits: Any) -> list[Any]:
    """Edges of equal bins for every dim of points (n, d), over `limits` (2 d numbers) or the points' own range."""
    count = points.shape[1]
    if len(bins) != count:
        raise ShapeError(
            f"histogramdd: The size of bins must be equal to the innermost dimension of the input: {len(bins)}, {count}"
        )
    if limits is not None and len(limits) != 2 * count:
        raise ShapeError(
            f"torch.histogramdd: for a {count}-dimensional histogram range should have {2 * count} elements, but got "
            f"{len(limits)}"
        )
    edges = []
    for d, n in enumerate(bins):
        if n < 0:
            raise ShapeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor "
                f"for dimension {d}: bins is {n}"
            )
        if not n:
            raise ShapeError(f"torch.histogram(): bins must be > 0, but got {n} for dimension {d}")
        low, high = _limits(points[:, d], None if limits is None else limits[2 * d : 2 * d + 2], d)
        edges.append(np.linspace(low, high, n + 1, dtype=points.dtype))
    return edges


def _limits(values: Any, given: Any, d: int) -> tuple[float, float]:
    if given is not None:
        low, high = map(float, given)
    elif values.size:
        low, high = float(values.min()), float(values.max())
    else:
        low, high = 0.0, 1.0
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ShapeError(f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite")
    if low > high:
        raise ShapeError(
            f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {d}"
        )
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def check_edges(points: Any, edges: list[Any]) -> None:
    """Raise unless there is a line of edges in the points' dtype for every dim."""
    if len(edges) != points.shape[1]:
        raise ShapeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input: "
            f"{len(edges)}, {points.shape[1]}"
        )
    for d, line in enumerate(edges):
        if line.dtype != points.dtype:
            raise DtypeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{points.dtype} and bins for dimension {d} with dtype {line.dtype}"
            )
        if line.ndim != 1:
            raise ShapeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {line.ndim} dimensions in the bins "
                f"tensor for dimension {d}"
            )
        if not line.size:
            raise ShapeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor "
                f"for dimension {d}"
            )
        if line.size == 1:
            raise ShapeError(f"torch.histogram(): bins must be > 0, but got 0 for dimension {d}")


def places(values: Any, line: Any, even: bool) -> Any:
    """The bin of each value, -1 for those outside; the last edge belongs to the last bin."""
    low, high, bins = line[0], line[-1], len(line) - 1
    inside = (values >= low) & (values <= high)
    if even:
        with np.errstate(all="ignore"):
            found = np.where(inside, (values - low) * (bins / (high - low)), 0).astype(np.int64)
    else:
        found = np.searchsorted(line, values, side="right") - 1
    return np.where(inside & (bins > 0), np.minimum(found, bins - 1), -1)


def histogram(points: Any, edges: list[Any], even: bool, weights: Any, density: bool) -> Any:
    """Counts, or sums of weights, of points (n, d) in the grid that the edges make; divided by sum and volume."""
    shape = tuple(len(line) - 1 for line in edges)
    flat, inside = np.zeros(len(points), np.int64), np.ones(len(points), bool)
    for d, line in enumerate(edges):
        place = places(points[:, d], line, even)
        inside &= place >= 0
        flat = flat * max(shape[d], 1) + place
    chosen = None if weights is None else weights[inside]
    out = np.bincount(flat[inside], chosen, prod(shape)).astype(points.dtype).reshape(shape)
    if density:
        out = out / out.sum()
        for d, line in enumerate(edges):
            out = out / np.diff(line).reshape(-1, *(1,) * (len(edges) - d - 1))
    return out


def check_points(points: Any, weights: Any) -> None:
    """Raise unless points are floating, at least (n, d), with a weight each."""
    if points.ndim < 2:
        raise ShapeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    if weights is not None and weights.shape != points.shape[:-1]:
        raise ShapeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(points.shape)} and weight with shape "
            f"{list(weights.shape)}"
        )
    if points.dtype.kind != "f" or points.dtype.itemsize < 4:
        raise MissingError(f"\"histogramdd\" not implemented for '{dtypes.of(points.dtype).scalar}'")
