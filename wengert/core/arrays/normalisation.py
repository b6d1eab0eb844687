"""Normalising over axes: (x - mean) / sqrt(variance + eps), its gradient, and the same without the mean."""

from __future__ import annotations

from math import prod
from typing import Any

Axes = tuple[int, ...]

BAND = 1 << 17
"""Elements that are worked on at once."""


def moments(np: Any, x: Any, axes: Axes) -> tuple[Any, Any, Any]:
    """(x - mean, mean, variance) over axes, which are kept with size 1."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    return centred, mean, mean_product(np, centred, centred, axes)


def mean_product(np: Any, a: Any, b: Any, axes: Axes) -> Any:
    """Mean of a * b over axes, which are kept."""
    count = prod([a.shape[i] for i in axes])
    if axes == (a.ndim - 1,) and a.shape == b.shape:
        return np.einsum("...i,...i->...", a, b)[..., None] / a.dtype.type(count)
    return (a * b).mean(axis=axes, keepdims=True)


def trailing(x: Any, axes: Axes) -> bool:
    """Whether the axes are the last ones, so that each row of a matrix is normalised."""
    return axes == tuple(range(x.ndim - len(axes), x.ndim))


def row_steps(rows: int, width: int) -> range:
    """Begins of bands of rows that stay in the processor's cache."""
    return range(0, rows, max(1, BAND // max(width, 1)))


def normalised_rows(np: Any, x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """`normalised` for a matrix, row by row, with weight and bias of one row."""
    rows, width = x.shape
    out, mean, inverse = np.empty(x.shape, x.dtype), np.empty((rows, 1), x.dtype), np.empty((rows, 1), x.dtype)
    share, least = np.full((width, 1), 1 / width, dtype=x.dtype), x.dtype.type(eps)
    step = row_steps(rows, width).step
    for r in row_steps(rows, width):
        band = slice(r, r + step)
        part = out[band]
        mean[band] = np.matmul(x[band], share)
        np.subtract(x[band], mean[band], out=part)
        inverse[band] = 1 / np.sqrt(np.einsum("ri,ri->r", part, part)[:, None] / x.dtype.type(width) + least)
        part *= inverse[band]
        if weight is not None:
            part *= weight
        if bias is not None:
            part += bias
    return out, mean, inverse


def normalised(np: Any, x: Any, weight: Any, bias: Any, axes: Axes, eps: float) -> tuple[Any, Any, Any]:
    """(result, mean, 1 / sqrt(variance + eps)); weight and bias broadcast against x."""
    if trailing(x, axes) and all(p is None or not varies(p, x.ndim - len(axes)) for p in (weight, bias)):
        rows = prod(x.shape[: x.ndim - len(axes)])
        kept = (*x.shape[: x.ndim - len(axes)], *(1,) * len(axes))
        scale, shift = [
            None if p is None else np.broadcast_to(p, kept_shape(x, axes)).reshape(-1) for p in (weight, bias)
        ]
        out, mean, inverse = normalised_rows(np, x.reshape(rows, prod(x.shape) // rows), scale, shift, eps)
        return out.reshape(x.shape), mean.reshape(kept), inverse.reshape(kept)
    centred, mean, variance = moments(np, x, axes)
    inverse = 1 / np.sqrt(variance + x.dtype.type(eps))
    centred *= inverse if weight is None else inverse * weight
    if bias is not None:
        centred += bias
    return centred, mean, inverse


def varies(p: Any, lead: int) -> bool:
    """Whether a weight differs between leading indices."""
    return any(n != 1 for n in p.shape[:lead])


def kept_shape(x: Any, axes: Axes) -> tuple[int, ...]:
    """Shape of one row."""
    return tuple([n if i in axes else 1 for i, n in enumerate(x.shape)])


def gradient_rows(np: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any) -> Any:
    """`input_gradient` for a matrix, row by row, with the weight of one row."""
    rows, width = x.shape
    out = np.empty(x.shape, x.dtype)
    share, count = np.full((width, 1), 1 / width, dtype=x.dtype), x.dtype.type(width)
    step = row_steps(rows, width).step
    room, moved = np.empty((min(step, rows), width), dtype=x.dtype), bool(g_mean.any())
    for r in row_steps(rows, width):
        band = slice(r, r + step)
        factor, part = inverse[band], out[band]
        np.subtract(x[band], mean[band], out=part)
        given = room[: len(part)]
        np.multiply(g[band], x.dtype.type(1) if weight is None else weight, out=given)
        first = np.matmul(given, share)
        second = np.einsum("ri,ri->r", given, part)[:, None] / count
        part *= -(second + g_inverse[band] / count) * factor * factor * factor
        given -= first
        given *= factor
        part += given
        if moved:
            part += g_mean[band] / count
    return out


def input_gradient(
    np: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any, axes: Axes
) -> Any:
    """Gradient of `normalised` with respect to x, from the gradients of its three results."""
    lead = x.ndim - len(axes)
    if trailing(x, axes) and (weight is None or not varies(weight, lead)) and x.size:
        rows = prod(x.shape[:lead])
        shape = (rows, x.size // rows)
        row = None if weight is None else np.broadcast_to(weight, kept_shape(x, axes)).reshape(-1)
        a, b, c, d = (part.reshape(rows, 1) for part in (g_mean, g_inverse, mean, inverse))
        return gradient_rows(np, g.reshape(shape), a, b, x.reshape(shape), c, d, row).reshape(x.shape)
    return gradient_images(np, g, g_mean, g_inverse, x, mean, inverse, weight, axes)


def gradient_images(
    np: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any, axes: Axes
) -> Any:
    """`input_gradient` for any axes: sums first, then one leading index after the other."""
    if not x.size:
        return np.zeros(x.shape, x.dtype)
    count = prod([x.shape[i] for i in axes])
    uniform = weight is None or all(weight.shape[i] == 1 for i in axes)
    factor = inverse if weight is None or not uniform else inverse * weight
    given = g if uniform else g * weight
    first, second = moments_of_product(np, given, x, mean, axes)
    slope = -(second * factor * inverse * inverse + g_inverse * inverse * inverse * inverse / count)
    shift = g_mean / count - first * factor
    out, room = np.empty(x.shape, x.dtype), np.empty(x.shape[1:], x.dtype)
    for i in range(x.shape[0]):
        a, b, c, d = (part[i if part.shape[0] != 1 else 0] for part in (mean, slope, factor, shift))
        part = out[i, ...]
        np.subtract(x[i], a, out=part)
        part *= b
        np.multiply(given[i], c, out=room)
        part += room
        part += d
    return out


def moments_of_product(np: Any, given: Any, x: Any, mean: Any, axes: Axes) -> tuple[Any, Any]:
    """Means of g and of g * (x - mean) over axes, one leading index after the other."""
    inner = tuple([a - 1 for a in axes if a])
    count = prod([x.shape[i] for i in axes])
    kept = tuple([1 if a in inner else n for a, n in enumerate(x.shape[1:])])
    sums = np.empty((2, x.shape[0], *kept), dtype=x.dtype)
    centred = np.empty(x.shape[1:], dtype=x.dtype)
    for i in range(x.shape[0]):
        np.subtract(x[i], mean[i if mean.shape[0] != 1 else 0], out=centred)
        sums[0, i] = given[i].sum(axis=inner, keepdims=True)
        sums[1, i] = dotted(np, centred, given[i], inner)
    if 0 in axes:
        sums = sums.sum(axis=1, keepdims=True)
    return sums[0] / x.dtype.type(count), sums[1] / x.dtype.type(count)


def dotted(np: Any, a: Any, b: Any, axes: Axes) -> Any:
    """Sum of a * b over axes, which are kept; `a` may be overwritten."""
    if axes and trailing(a, axes) and a.ndim > len(axes):
        lead = a.shape[: a.ndim - len(axes)]
        shape = (*lead, prod(a.shape[len(lead) :]))
        return np.einsum("...i,...i->...", a.reshape(shape), b.reshape(shape)).reshape(*lead, *(1,) * len(axes))
    a *= b
    return a.sum(axis=axes, keepdims=True)


def weight_gradient(np: Any, g: Any, x: Any, mean: Any, inverse: Any, axes: Axes) -> Any:
    """Sum of g * normalised x over the axes along which the weight is constant, which are kept."""
    if x.ndim > 1 and axes == tuple(range(len(axes))) and mean.shape[len(axes) :] == (1,) * (x.ndim - len(axes)):
        shape = (prod(x.shape[: len(axes)]), prod(x.shape[len(axes) :]))
        found = weight_gradient_rows(
            np, g.reshape(shape), x.reshape(shape), mean.reshape(-1, 1), inverse.reshape(-1, 1)
        )
        return found.reshape((1,) * len(axes) + x.shape[len(axes) :])
    if mean.shape[0] == 1 and 0 in axes:
        return moments_of_product(np, g, x, mean, axes)[1] * inverse * x.dtype.type(prod([x.shape[i] for i in axes]))
    centred = x - mean
    centred *= inverse
    centred *= g
    return centred.sum(axis=axes, keepdims=True)


def weight_gradient_rows(np: Any, g: Any, x: Any, mean: Any, inverse: Any) -> Any:
    """`weight_gradient` for a matrix whose rows were normalised."""
    rows, width = x.shape
    out = np.zeros(width, dtype=x.dtype)
    step = row_steps(rows, width).step
    room = np.empty((min(step, rows), width), dtype=x.dtype)
    for r in row_steps(rows, width):
        band = slice(r, r + step)
        part = room[: len(x[band])]
        np.subtract(x[band], mean[band], out=part)
        part *= g[band]
        out += np.matmul(inverse[band].T, part)[0]
    return out
