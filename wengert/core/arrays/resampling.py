"""Resampling one dim after the other: each result is a weighted sum of a few elements.

A rule for one dim is a tuple that can be hashed, (kind, size, count, ...); its taps - which elements, with which
weights - are worked out once and kept.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy

Rule = tuple[Any, ...]

DENSE = 256
"""Up to this size one product with the whole matrix is faster than a sum over taps."""


def step_of(size: int, count: int, align: bool, scale: float | None) -> float:
    """How far apart the results lie, in elements of the input."""
    if align:
        return (size - 1) / (count - 1) if count > 1 else 0.0
    return 1.0 / scale if scale else size / count


# --- Taps ----------------------------------------------------------------------------------------------------------


def nearest(size: int, count: int, scale: float | None, exact: bool, single: bool) -> tuple[Any, Any]:
    """The element under each result; `exact` measures from the middle of both."""
    kind: Any = numpy.float32 if single else numpy.float64
    step = kind(1.0 / scale) if scale else kind(size) / kind(count)
    at = numpy.arange(count, dtype=kind)
    at = numpy.floor((at + kind(0.5 if exact else 0)) * step)
    index = numpy.minimum(at.astype(numpy.int64), size - 1)
    return index[:, None], numpy.ones((count, 1))


def linear(size: int, count: int, align: bool, scale: float | None) -> tuple[Any, Any]:
    """Between the two nearest elements."""
    step = step_of(size, count, align, scale)
    at = numpy.arange(count) * step if align else numpy.maximum((numpy.arange(count) + 0.5) * step - 0.5, 0)
    low = numpy.minimum(at.astype(numpy.int64), size - 1)
    high = numpy.minimum(low + 1, size - 1)
    part = numpy.clip(at - low, 0, 1)
    return numpy.stack([low, high], 1), numpy.stack([1 - part, part], 1)


def cubic_weight(x: Any, a: float) -> Any:
    """Keys' cubic kernel.  Source: R. Keys, Cubic convolution interpolation for digital image processing (1981)."""
    x = numpy.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return numpy.where(x <= 1, near, numpy.where(x < 2, far, 0.0))


def cubic(size: int, count: int, align: bool, scale: float | None) -> tuple[Any, Any]:
    """Between the four nearest elements, those at the border repeated."""
    step = step_of(size, count, align, scale)
    at = numpy.arange(count) * step if align else (numpy.arange(count) + 0.5) * step - 0.5
    low = numpy.floor(at)
    part = (at - low)[:, None]
    index = low.astype(numpy.int64)[:, None] + numpy.arange(-1, 3)
    return numpy.clip(index, 0, size - 1), cubic_weight(part - numpy.arange(-1, 3), -0.75)


def smoothed(size: int, count: int, align: bool, scale: float | None, wide: int) -> tuple[Any, Any]:
    """A kernel (triangle: wide 2, cubic: wide 4) stretched over as many elements as one result stands for."""
    step = step_of(size, count, align, scale)
    stretch = max(step, 1.0)
    support = wide / 2 * stretch
    rows = []
    for i in range(count):
        centre = step * (i + 0.5)
        begin, end = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), size)
        x = (numpy.arange(begin, end) - centre + 0.5) / stretch
        weight = numpy.maximum(1 - numpy.abs(x), 0) if wide == 2 else cubic_weight(x, -0.5)
        total = weight.sum()
        rows.append((numpy.arange(begin, end), weight / total if total else weight))
    return ragged(rows)


def adaptive(size: int, count: int) -> tuple[Any, Any]:
    """Means of windows that cover the input."""
    spans = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    return ragged([(numpy.arange(b, e), numpy.full(e - b, 1 / (e - b))) for b, e in spans])


def ragged(rows: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Rows of different length as tables: short ones get weights of 0."""
    width = max((len(i) for i, _ in rows), default=0)
    index = numpy.zeros((len(rows), width), dtype=numpy.int64)
    weight = numpy.zeros((len(rows), width))
    for row, (i, w) in enumerate(rows):
        index[row, : len(i)], weight[row, : len(i)] = i, w
        if len(i):
            index[row, len(i) :] = i[-1]
    return index, weight


_KINDS: dict[str, Any] = {
    "linear": linear,
    "cubic": cubic,
    "smooth": smoothed,
    "adaptive": adaptive,
    "nearest": nearest,
}


@lru_cache(maxsize=512)
def taps(rule: Rule, back: bool) -> tuple[Any, Any]:
    """(index, weight) of a rule, both (count, taps); `back`: those of its transpose."""
    index, weight = _KINDS[rule[0]](*rule[1:])
    if not back:
        return index, weight
    rows: list[list[tuple[int, float]]] = [[] for _ in range(rule[1])]
    for i, (places, factors) in enumerate(zip(index.tolist(), weight.tolist(), strict=True)):
        for place, factor in zip(places, factors, strict=True):
            if factor:
                rows[place].append((i, factor))
    return ragged(
        [(numpy.asarray([i for i, _ in row], dtype=numpy.int64), numpy.asarray([w for _, w in row])) for row in rows]
    )


@lru_cache(maxsize=128)
def matrix(rule: Rule, back: bool, dtype: Any) -> Any:
    """The rule as a matrix (results, elements)."""
    index, weight = taps(rule, False)
    out = numpy.zeros((len(index), rule[1]))
    numpy.add.at(out, (numpy.arange(len(index))[:, None], index), weight)
    return (out.T if back else out).astype(dtype)


# --- Application ---------------------------------------------------------------------------------------------------


def resampled(np: Any, x: Any, rules: tuple[Rule, ...], back: bool) -> Any:
    """The rules along the last dims of x, dims that shrink most first."""
    lead = x.ndim - len(rules)
    ends = [(rule[1], rule[2]) if not back else (rule[2], rule[1]) for rule in rules]
    order = sorted(range(len(rules)), key=lambda i: ends[i][1] / max(ends[i][0], 1))
    finite = x.dtype.kind == "f" and x.size > 0 and bool(np.isfinite(x.sum()))
    for i in order:
        x = along_axis(np, x, lead + i, rules[i], back, finite)
    return x


@lru_cache(maxsize=128)
def whole_taps(rule: Rule) -> tuple[Any, Any, int]:
    """(index, weight, bits) of a rule in whole numbers: the weights times 2 ** bits, the largest below 2 ** 15."""
    index, weight = taps(rule, False)
    weight = weight.copy()
    for t in range(1, index.shape[1]):  # an element that is met again at the edge takes all its weight at once
        again = index[:, t] == index[:, t - 1]
        weight[:, t] += numpy.where(again, weight[:, t - 1], 0)
        weight[:, t - 1] = numpy.where(again, 0, weight[:, t - 1])
    largest, bits = float(weight.max(initial=0.0)), 0
    while bits < 22 and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    return index, numpy.trunc(weight * (1 << bits) + numpy.copysign(0.5, weight)).astype(numpy.int32), bits


def resampled_bytes(np: Any, x: Any, rules: tuple[Rule, ...]) -> Any:
    """The same of unsigned bytes in whole numbers, the last dim first, rounded to bytes after each."""
    lead = x.ndim - len(rules)
    for i in reversed(range(len(rules))):
        if rules[i][1] == rules[i][2]:
            continue
        index, weight, bits = whole_taps(rules[i])
        shape = (-1,) + (1,) * (len(rules) - i - 1)
        total = np.asarray(1 << (bits - 1), dtype=np.int32)
        for t in range(index.shape[1]):
            factor = np.asarray(weight[:, t]).reshape(shape)
            total = total + x.take(np.asarray(index[:, t]), axis=lead + i) * factor
        x = np.clip(total >> bits, 0, 255).astype(np.uint8)
    return x


def along_axis(np: Any, x: Any, axis: int, rule: Rule, back: bool, finite: bool) -> Any:
    """One rule along one dim."""
    index, weight = taps(rule, back)
    if index.shape[1] == 0:
        return np.zeros((*x.shape[:axis], len(index), *x.shape[axis + 1 :]), dtype=x.dtype)
    if index.shape[1] == 1 and (weight == 1).all():
        return x.take(np.asarray(index[:, 0]), axis=axis)
    if finite and x.shape[axis] <= DENSE:
        return product_along(np, x, axis, np.asarray(matrix(rule, back, x.dtype)))
    out = None
    shape = (-1,) + (1,) * (x.ndim - axis - 1)
    for t in range(index.shape[1]):
        part = x.take(np.asarray(index[:, t]), axis=axis)
        factor = np.asarray(weight[:, t].astype(x.dtype)).reshape(shape)
        part = part * factor if finite or rule[0] in ("linear", "cubic") and not back else kept(np, part, factor)
        out = part if out is None else np.add(out, part, out=out)
    return out


def kept(np: Any, part: Any, factor: Any) -> Any:
    """part * factor, 0 where the factor is 0 whatever the part is."""
    return np.where(factor == 0, np.zeros((), dtype=part.dtype), part * factor)


def product_along(np: Any, x: Any, axis: int, table: Any) -> Any:
    """out[..., i, ...] = sum over j of table[i, j] * x[..., j, ...]."""
    if axis == x.ndim - 1:
        flat = np.matmul(x.reshape(-1, x.shape[-1]), table.T)
        return flat.reshape(*x.shape[:-1], len(table))
    tail = x.shape[axis + 1 :]
    flat = np.matmul(table, x.reshape(-1, x.shape[axis], math.prod(tail)))
    return flat.reshape(*x.shape[:axis], len(table), *tail)
