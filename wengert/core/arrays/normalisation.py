"""Normalising over axes: (x - mean) / sqrt(variance + eps), its gradient, and the same without the mean."""

from __future__ import annotations

from math import prod
from typing import Any

from wengert.core.arrays.large import LARGE

Axes = tuple[int, ...]

BAND = 1 << 16
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


def spread(np: Any, factors: Any, rows: Any, out: Any) -> Any:
    """Sum of two outer products, factors (2, n) with rows (2, width), in `out`.

    A product of matrices of depth two writes a whole matrix for less than a pass that broadcasts columns.
    """
    return np.matmul(factors.T, rows, out=out)


def row_pairs(np: Any, first: Any, second: Any, width: int, dtype: Any) -> Any:
    """Two rows as a matrix; numbers stand for constant rows."""
    rows = np.empty((2, width), dtype=dtype)
    rows[0], rows[1] = first, second
    return rows


def normalised_rows(np: Any, out: Any, x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any]:
    """(mean, inverse) of `normalised` for a matrix, row by row, with weight and bias of one row; fills `out`."""
    rows, width = x.shape
    mean, inverse = np.matmul(x, np.full(width, 1 / width, dtype=x.dtype)), np.empty(rows, x.dtype)
    scale = row_pairs(np, 1 if weight is None else weight, 0, width, x.dtype)
    constant = row_pairs(np, 1, 0, width, x.dtype)
    step = row_steps(rows, width).step
    factors, room = np.zeros((2, min(step, rows)), dtype=x.dtype), np.empty((min(step, rows), width), dtype=x.dtype)
    for r in row_steps(rows, width):
        band = slice(r, r + step)
        part = out[band]
        wide, f = room[: len(part)], factors[:, : len(part)]
        f[0] = mean[band]
        np.subtract(x[band], spread(np, f, constant, wide), out=part)
        np.einsum("ri,ri->r", part, part, out=f[0])
        f[0] /= width
        f[0] += eps
        np.sqrt(f[0], out=f[0])
        np.divide(1, f[0], out=f[0])
        inverse[band] = f[0]
        part *= spread(np, f, scale, wide)
        if bias is not None:
            part += bias
    return mean, inverse


def normalised(np: Any, x: Any, weight: Any, bias: Any, axes: Axes, eps: float) -> tuple[Any, Any, Any]:
    """(result, mean, 1 / sqrt(variance + eps)); weight and bias broadcast against x."""
    if trailing(x, axes) and all(p is None or not varies(p, x.ndim - len(axes)) for p in (weight, bias)):
        rows = prod(x.shape[: x.ndim - len(axes)])
        kept = (*x.shape[: x.ndim - len(axes)], *(1,) * len(axes))
        scale, shift = [None if p is None else one_row(np, p, x, axes) for p in (weight, bias)]
        out, shape = np.empty(x.shape, x.dtype), (rows, x.size // rows)
        mean, inverse = normalised_rows(np, out.reshape(shape), x.reshape(shape), scale, shift, eps)
        return out, mean.reshape(kept), inverse.reshape(kept)
    if trailing(x, axes) and x.size:
        out, mean, inverse = normalised(np, x, None, None, axes, eps)
        return scaled(out, weight, bias), mean, inverse
    if by_channel(x, axes) and x.size:
        return normalised_channels(np, x, weight, bias, eps)
    centred, mean, variance = moments(np, x, axes)
    inverse = 1 / np.sqrt(variance + x.dtype.type(eps))
    centred *= inverse if weight is None else inverse * weight
    if bias is not None:
        centred += bias
    return centred, mean, inverse


def scaled(out: Any, weight: Any, bias: Any) -> Any:
    """out * weight + bias in out's memory."""
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out


def by_channel(x: Any, axes: Axes) -> bool:
    """Whether channels are normalised over batch and space, with enough of the latter for long runs."""
    return axes == (0, *range(2, x.ndim)) and x.ndim > 2 and prod(x.shape[2:]) >= 8


def channel_images(np: Any, values: Any, volume: int) -> Any:
    """A value per channel at every place of one image, as a vector."""
    found = np.empty((values.size, volume), dtype=values.dtype)
    found[...] = values.reshape(-1, 1)
    return found.reshape(-1)


def per_channel(sums: Any, x: Any) -> Any:
    """Sums of rows (N * C) as means per channel of (N, C, *)."""
    channels = x.shape[1]
    return sums.reshape(x.shape[0], channels).sum(axis=0) / x.dtype.type(x.size // channels)


def normalised_channels(np: Any, x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """`normalised` over batch and space, some images at a time, a whole image as one run."""
    n, c = x.shape[:2]
    volume, narrow = prod(x.shape[2:]), (1, c, *(1,) * (x.ndim - 2))
    found: tuple[Any, Any, Any] | None = LARGE.channels(x, weight, bias, eps)
    if found is not None:
        return found[0], found[1].reshape(narrow), found[2].reshape(narrow)
    out = np.empty(x.shape, x.dtype)
    mean = per_channel(np.matmul(x.reshape(n * c, volume), np.ones(volume, dtype=x.dtype)), x)
    values, into, wide = x.reshape(n, -1), out.reshape(n, -1), channel_images(np, mean, volume)
    squares, step = np.empty(n * c, dtype=x.dtype), row_steps(n, c * volume).step
    for i in row_steps(n, c * volume):
        part = np.subtract(values[i : i + step], wide, out=into[i : i + step]).reshape(-1, volume)
        np.einsum("ri,ri->r", part, part, out=squares[i * c : (i + step) * c])
    inverse = 1 / np.sqrt(per_channel(squares, x) + x.dtype.type(eps))
    factor = channel_images(np, inverse if weight is None else inverse * weight.reshape(-1), volume)
    shift = None if bias is None else channel_images(np, bias, volume)
    for i in row_steps(n, c * volume):
        scaled(into[i : i + step], factor, shift)
    return out, mean.reshape(narrow), inverse.reshape(narrow)


def one_row(np: Any, p: Any, x: Any, axes: Axes) -> Any:
    """A weight of one row of x as a vector."""
    if p.size == prod([x.shape[i] for i in axes]):
        return p.reshape(-1)
    return np.broadcast_to(p, kept_shape(x, axes)).reshape(-1)


def varies(p: Any, lead: int) -> bool:
    """Whether a weight differs between leading indices."""
    return any(n != 1 for n in p.shape[:lead])


def kept_shape(x: Any, axes: Axes) -> tuple[int, ...]:
    """Shape of one row."""
    return tuple([n if i in axes else 1 for i, n in enumerate(x.shape)])


def gradient_rows(np: Any, out: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, m: Any, a: Any, weight: Any) -> None:
    """`input_gradient` for a matrix, row by row, with the weight of one row; fills `out`.

    With a = inverse and m = mean it is g w a + x s + t: s = -(sum(g w (x - m)) + g_inverse) a^3 / width and
    t = (g_mean - sum(g w) a) / width - m s, both constant along a row.
    """
    rows, width = x.shape
    row = np.ones(width, dtype=x.dtype) if weight is None else weight
    scale, constant = row_pairs(np, row, 0, width, x.dtype), row_pairs(np, 1, 0, width, x.dtype)
    first = np.matmul(g, row)
    step = row_steps(rows, width).step
    f, room = np.zeros((2, min(step, rows)), dtype=x.dtype), np.empty((min(step, rows), width), dtype=x.dtype)
    for r in row_steps(rows, width):
        band = slice(r, r + step)
        given, values, part = g[band], x[band], out[band]
        wide, factors, own, centre = room[: len(part)], f[:, : len(part)], a[band], m[band]
        second = np.matmul(np.multiply(given, values, out=wide), row)
        second -= centre * first[band]
        slope = (second + g_inverse[band]) * (own * own * own) * x.dtype.type(-1 / width)
        factors[0] = own
        np.multiply(given, spread(np, factors, scale, wide), out=part)
        factors[0] = slope
        wide = np.multiply(spread(np, factors, constant, wide), values, out=wide)
        part += wide
        factors[0] = (g_mean[band] - first[band] * own) * x.dtype.type(1 / width) - centre * slope
        part += spread(np, factors, constant, wide)


def input_gradient(
    np: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any, axes: Axes
) -> Any:
    """Gradient of `normalised` with respect to x, from the gradients of its three results."""
    lead = x.ndim - len(axes)
    if trailing(x, axes) and (weight is None or not varies(weight, lead)) and x.size:
        rows = prod(x.shape[:lead])
        out, shape = np.empty(x.shape, x.dtype), (rows, x.size // rows)
        row = None if weight is None else one_row(np, weight, x, axes)
        a, b, c, d = (part.reshape(-1) for part in (g_mean, g_inverse, mean, inverse))
        gradient_rows(np, out.reshape(shape), g.reshape(shape), a, b, x.reshape(shape), c, d, row)
        return out
    if trailing(x, axes) and x.size:
        return input_gradient(np, g * weight, g_mean, g_inverse, x, mean, inverse, None, axes)
    if by_channel(x, axes) and x.size:
        return gradient_channels(np, g, g_mean, g_inverse, x, mean, inverse, weight)
    return gradient_images(np, g, g_mean, g_inverse, x, mean, inverse, weight, axes)


def channel_products(np: Any, g: Any, x: Any, mean: Any) -> Any:
    """Means of g (x - mean) per channel; the mean is taken off first, since it may be large."""
    n, c = x.shape[:2]
    volume = prod(x.shape[2:])
    values, wide, given = x.reshape(n, -1), channel_images(np, mean, volume), g.reshape(n * c, volume)
    found, step = np.empty(n * c, dtype=x.dtype), row_steps(n, c * volume).step
    room = np.empty((min(step, n), c * volume), dtype=x.dtype)
    for i in row_steps(n, c * volume):
        part = values[i : i + step]
        part = np.subtract(part, wide, out=room[: len(part)]).reshape(-1, volume)
        band = slice(i * c, (i + step) * c)
        np.einsum("ri,ri->r", given[band], part, out=found[band])
    return per_channel(found, x)


def gradient_channels(
    np: Any, g: Any, g_mean: Any, g_inverse: Any, x: Any, mean: Any, inverse: Any, weight: Any
) -> Any:
    """`input_gradient` over batch and space: g a + x s + t with numbers per channel, as in `gradient_rows`."""
    n, c = x.shape[:2]
    volume, count = prod(x.shape[2:]), x.dtype.type(x.size // c)
    m, a, grad_mean, grad_inverse = (part.reshape(-1) for part in (mean, inverse, g_mean, g_inverse))
    found = LARGE.channels_back(g, grad_mean, grad_inverse, x, m, a, weight)
    if found is not None:
        return found
    rows = g.reshape(n * c, volume)
    first = per_channel(np.matmul(rows, np.ones(volume, dtype=g.dtype)), x)
    second = channel_products(np, g, x, m)
    w = x.dtype.type(1) if weight is None else weight.reshape(-1)
    slope = -(second * w + grad_inverse / count) * a * a * a
    numbers = (a * w, slope, grad_mean / count - first * w * a - m * slope)
    factor, bend, shift = [channel_images(np, v, volume) for v in numbers]
    out = np.empty(x.shape, x.dtype)
    given, values, into = g.reshape(n, -1), x.reshape(n, -1), out.reshape(n, -1)
    step = row_steps(n, c * volume).step
    room = np.empty((min(step, n), c * volume), dtype=x.dtype)
    for i in row_steps(n, c * volume):
        part = np.multiply(given[i : i + step], factor, out=into[i : i + step])
        part += np.multiply(values[i : i + step], bend, out=room[: len(part)])
        part += shift
    return out


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
    rows = x.shape[: len(axes)] + (1,) * (x.ndim - len(axes))
    if x.ndim > 1 and axes == tuple(range(len(axes))) and mean.shape == rows:
        shape = (prod(x.shape[: len(axes)]), prod(x.shape[len(axes) :]))
        found = weight_gradient_rows(
            np, g.reshape(shape), x.reshape(shape), mean.reshape(-1, 1), inverse.reshape(-1, 1)
        )
        return found.reshape((1,) * len(axes) + x.shape[len(axes) :])
    if by_channel(x, axes) and x.size and mean.shape[0] == 1:
        found = LARGE.channel_slopes(g, x)
        if found is not None:
            return found.reshape(mean.shape)
        sums = channel_products(np, g, x, mean.reshape(-1)) * x.dtype.type(x.size // x.shape[1])
        return sums.reshape(mean.shape) * inverse
    tail = next((i for i in range(x.ndim, 0, -1) if i - 1 not in axes or mean.shape[i - 1] != 1), 0)
    if x.size and prod(x.shape[tail:]) >= 8:
        return weight_gradient_tails(np, g, x, mean, inverse, axes, tail)
    if mean.shape[0] == 1 and 0 in axes and x.size:
        return moments_of_product(np, g, x, mean, axes)[1] * inverse * x.dtype.type(prod([x.shape[i] for i in axes]))
    centred = x - mean
    centred *= inverse
    centred *= g
    return centred.sum(axis=axes, keepdims=True)


def weight_gradient_tails(np: Any, g: Any, x: Any, mean: Any, inverse: Any, axes: Axes, tail: int) -> Any:
    """`weight_gradient` where all dims from `tail` on are summed over: they are one run, met first."""
    lead, volume = x.shape[:tail], prod(x.shape[tail:])
    given = g.reshape(-1, volume)
    products = np.einsum("ri,ri->r", given, x.reshape(-1, volume)).reshape(lead)
    sums = np.matmul(given, np.ones(volume, dtype=g.dtype)).reshape(lead)
    found = (products - mean.reshape(mean.shape[:tail]) * sums) * inverse.reshape(inverse.shape[:tail])
    found = found.sum(axis=tuple([a for a in axes if a < tail]), keepdims=True)
    return found.reshape(*found.shape, *(1,) * (x.ndim - tail))


def weight_gradient_rows(np: Any, g: Any, x: Any, mean: Any, inverse: Any) -> Any:
    """`weight_gradient` for a matrix whose rows were normalised."""
    rows, width = x.shape
    factor = inverse.reshape(-1)
    out = -np.matmul(factor * mean.reshape(-1), g)
    step = row_steps(rows, width).step
    room = np.empty((min(step, rows), width), dtype=x.dtype)
    for r in row_steps(rows, width):
        band = slice(r, r + step)
        out += np.matmul(factor[band], np.multiply(x[band], g[band], out=room[: len(x[band])]))
    return out
