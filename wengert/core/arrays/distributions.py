"""Continuous and counting distributions, and draws by weight: arrays in torch's CPU order, value by value.

Conventions are those of the samplers file: `generator=None` is the default generator, results are new C-ordered
arrays, *words* are the 32-bit words taken, `n` is the number of elements, u a double from two words.

Note [Rejection in turn]
Poisson, binomial and gamma values take a random number of doubles each, and where one value ends decides where the
next begins, so they are drawn one after another with Python's math functions. The rest is vectorised.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert.core.arrays.generator import DoubleReader, Generator, SampleError, default_generator
from wengert.core.arrays.normals import exponentials
from wengert.core.arrays.sampling import (
    DIGITS,
    TITLES,
    Shape,
    each,
    filled,
    floating,
    fused,
    log_complement,
    paired_normals,
)
from wengert.core.base.errors import DtypeError, MissingError

_STIRLING_TAIL = (  # log(k!) minus Stirling's leading terms, k = 0..9
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)
_THIRD = float(np.float32(1.0) / np.float32(3.0))  # torch writes these gamma constants in single precision
_SQUEEZE = float(np.float32(0.0331))  # Marsaglia & Tsang's constant


def exponential(
    shape: Shape, dtype: Any = np.float32, rate: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Exponential values `-log(1 - u) / rate` on [0, inf), u a double, rounded to a floating `dtype`.

    Words: 2n, also for an infinite rate, which gives zeros.
    Raises: SampleError when `rate <= 0`, DtypeError for a dtype that is not floating.
    """
    kind = _continuous(dtype, "Exponential")
    if not rate > 0.0:
        raise SampleError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    source = generator or default_generator
    scale = -1.0 / rate

    def draw(count: int) -> np.ndarray:
        values = np.empty(count)
        if source.fill("exponentials", values, scale):
            return values
        if source.stepwise("exponentials", count):
            return exponentials(source.doubles(count, ordered=False), scale)
        return log_complement(source.doubles(count)) * scale

    found = filled(shape, kind, source, draw)
    source.wish("exponentials", found.size)
    return found


def cauchy(
    shape: Shape, dtype: Any = np.float32, median: float = 0.0, sigma: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Cauchy values `median + sigma * tan(pi (u - 1/2))`, u a double, rounded to a floating `dtype`. Words: 2n.

    Raises: SampleError when `sigma <= 0`, DtypeError for a dtype that is not floating.
    """
    kind = _continuous(dtype, "Cauchy")
    if not sigma > 0.0:
        raise SampleError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    source = generator or default_generator

    def draw(count: int) -> np.ndarray:
        angles = (source.doubles(count) - 0.5) * math.pi
        return fused(each(math.tan, np.tan, angles), sigma, median)

    return filled(shape, kind, source, draw)


def log_normal(
    shape: Shape, dtype: Any = np.float32, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None
) -> np.ndarray:
    """Log-normal values `exp(mean + std * z)`, z as in the short form of `normal`, sharing its kept value.

    Equal to torch where
    the exponent is: a last place of an exponent near 8 moves a float64 result by 8 places.
    Words: 4 ceil((n - kept) / 2).
    Raises: SampleError when `std <= 0`, MissingError for a dtype that is not floating.
    """
    kind = floating(dtype, "log_normal_cpu")
    if not std > 0.0:
        raise SampleError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    source = generator or default_generator
    return filled(shape, kind, source, lambda count: np.exp(fused(paired_normals(source, count), std, mean)))


def geometric(shape: Shape, dtype: Any = np.float32, p: float = 0.5, generator: Generator | None = None) -> np.ndarray:
    """Trials up to the first success, `ceil(log u / log(1 - p))` on 1, 2, ..., u a double. Words: 2n.

    Any real `dtype` but bool; an integer one wraps what it cannot hold.
    Raises: SampleError when `p` is outside (0, 1), MissingError for bool, wide unsigned and complex dtypes.
    """
    kind = np.dtype(dtype)
    if kind.kind in "bc" or kind.name in ("uint16", "uint32", "uint64"):
        raise MissingError(f"\"geometric_cpu\" not implemented for '{TITLES[kind.name]}'")
    if not 0.0 < p < 1.0:
        raise SampleError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    source = generator or default_generator
    denominator = math.log1p(-p)

    def draw(count: int) -> np.ndarray:
        trials = np.ceil(np.log(source.doubles(count)) / denominator)
        return trials if kind in DIGITS else trials.astype(np.int64)

    return filled(shape, kind, source, draw)


def multinomial(
    probs: np.ndarray, num_samples: int, replacement: bool = False, generator: Generator | None = None
) -> np.ndarray:
    """Indices drawn with probability proportional to `probs`: int64 `(num_samples,)`.

    `probs` is `(k,)`, or `(rows, k)` for a result `(rows, num_samples)`.

    With replacement: for each sample the first index whose normalised cumulative sum reaches u, row by row. Without,
    or for a single sample: the indices of the largest `probs / q`, largest first, q exponential in the dtype of probs.
    Rows need not sum to 1; sums are taken in the dtype of `probs`, in single for half precisions.
    Equal ratios (frequent in half precisions) come in index order, in torch in no stated order.
    Words: 2 rows * num_samples with replacement; 2 rows * k without, or for one sample.
    Raises: SampleError on negative, infinite or all-zero weights, a wrong rank, or more samples than weights without
    replacement; DtypeError for a dtype that is not floating.
    Source: Kool, van Hoof & Welling 2019, "Stochastic Beams" (arXiv:1903.06059), for the largest-ratio form.
    """
    _check_multinomial(probs, num_samples, replacement)
    source = generator or default_generator
    rows = probs.reshape(-1, probs.shape[-1])
    if replacement and num_samples > 1:
        chosen = _by_cumulative_sum(rows, num_samples, source)
    else:
        chosen = _by_largest_ratio(rows, num_samples, source)
    return chosen.reshape(*probs.shape[:-1], num_samples)


def poisson(rate: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Poisson counts with mean `rate`, same shape and floating dtype.

    Below 10: uniforms are multiplied until the product falls to exp(-rate); from 10 on: transformed rejection. A rate
    of 0 takes nothing. Words: 2 per uniform, their number random (rate + 1 on average below 10, about 2.5 above).
    Raises: SampleError on a negative or nan rate, MissingError for a dtype that is not floating.
    Source: Hoermann 1993, "The transformed rejection method for generating Poisson random variables", algorithm PTRS.
    """
    kind = floating(rate.dtype, "poisson_cpu")
    values = rate.astype(np.float64).ravel().tolist()
    if not all(value >= 0.0 for value in values):
        raise SampleError("invalid Poisson rate, expected rate to be non-negative: an entry is negative or nan")
    with (generator or default_generator).reader() as uniform:
        counts = [_poisson(value, uniform) for value in values]
    return _typed(counts, kind, rate.shape)


def binomial(count: np.ndarray, prob: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Successes in `count` trials of probability `prob` (both broadcast), in the dtype of `count`.

    float32 or float64. With m = min(prob, 1 - prob): where count * m < 10, geometric gaps are summed until they pass
    `count`; else transformed rejection. Entries with count <= 0, prob <= 0 or prob >= 1 take nothing; nan gives nan.
    Words: 2 per uniform, their number random.
    Raises: MissingError for another dtype.
    Source: Hoermann 1993, "The generation of binomial random variates", algorithm BTRS (with torch's constants).
    """
    kind = _wide(count.dtype, "binomial_cpu")
    counts, probs = np.broadcast_arrays(count, prob)
    pairs = zip(counts.astype(np.float64).ravel().tolist(), probs.astype(np.float64).ravel().tolist(), strict=True)
    with (generator or default_generator).reader() as uniform:
        values = [_binomial(trials, chance, uniform) for trials, chance in pairs]
    return _typed(values, kind, counts.shape)


def standard_gamma(alpha: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Gamma values with shape parameter `alpha` and scale 1, same shape and dtype (float32 or float64).

    Normals cubed with rejection; below alpha = 1 the value for alpha + 1 times (1 - u)**(1 / alpha). At least the
    dtype's smallest normal number; alpha = 0 gives that and takes nothing. Shares the kept normal of `normal`.
    Words: random, about 6 per element.
    Raises: MissingError for another dtype.
    Source: Marsaglia & Tsang 2000, "A simple method for generating gamma variables", ACM TOMS 26(3).
    """
    kind = _wide(alpha.dtype, "gamma_cpu")
    values = _gammas(alpha, generator or default_generator)
    return np.maximum(values.astype(kind), np.finfo(kind).tiny)


def dirichlet(alpha: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Points on the simplex along the last axis: gamma values of `alpha` over their sum, same shape and dtype.

    float32 or float64, computed in double; every entry lies between the smallest normal number and the number below 1.
    Words: as `standard_gamma`.
    Raises: MissingError for another dtype.
    """
    kind = _wide(alpha.dtype, "dirichlet")
    values = _gammas(alpha.astype(np.float64), generator or default_generator)
    with np.errstate(invalid="ignore"):
        values /= values.sum(-1, keepdims=True)
    return np.clip(values.astype(kind), np.finfo(kind).tiny, np.nextafter(kind.type(1.0), kind.type(0.0)))


def _check_multinomial(probs: np.ndarray, num_samples: int, replacement: bool) -> None:
    if probs.ndim not in (1, 2):
        raise SampleError(f"prob_dist must be 1 or 2 dim: got {probs.ndim}")
    if probs.dtype not in DIGITS:
        raise DtypeError(f"multinomial only supports floating-point dtypes for input, got: {TITLES[probs.dtype.name]}")
    if num_samples <= 0:
        raise SampleError(f"cannot sample n_sample <= 0 samples: got {num_samples}")
    if not replacement and num_samples > probs.shape[-1]:
        raise SampleError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} of {probs.shape[-1]}"
        )
    if probs.size == 0:
        return
    wide = probs if probs.dtype.itemsize > 2 else probs.astype(np.float32)
    negative, finite = not bool((wide >= 0).all()), bool(np.isfinite(wide).all())  # nan counts as negative
    if not replacement or num_samples == 1:
        if negative or not finite:
            raise SampleError("probability tensor contains either `inf`, `nan` or element < 0")
    elif negative:
        raise SampleError("invalid multinomial distribution (encountering probability entry < 0)")
    elif not finite:
        raise SampleError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    if not bool(wide.any(-1).all()):
        raise SampleError("invalid multinomial distribution (sum of probabilities <= 0)")


def _by_cumulative_sum(rows: np.ndarray, num_samples: int, source: Generator) -> np.ndarray:
    wide = rows if rows.dtype.itemsize > 2 else rows.astype(np.float32)
    sums = np.cumsum(wide, -1, dtype=wide.dtype)
    levels = (sums / sums[:, -1:]).astype(np.float64)
    levels[:, -1:] = 1.0
    fractions = source.doubles(len(rows) * num_samples).reshape(-1, num_samples)
    chosen = np.empty(fractions.shape, np.int64)
    for row, level in enumerate(levels):
        chosen[row] = np.searchsorted(level, fractions[row], side="left")
    return chosen


def _by_largest_ratio(rows: np.ndarray, num_samples: int, source: Generator) -> np.ndarray:
    waits = exponential(rows.shape, rows.dtype, generator=source)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = rows / waits
        ratios = ratios.astype(np.float64 if ratios.dtype == np.float64 else np.float32)
    ratios[np.isnan(ratios)] = np.inf  # torch orders nan above every number
    if num_samples == 1:
        return ratios.argmax(-1).reshape(-1, 1) if rows.size else np.zeros((len(rows), 1), np.int64)
    if ratios.dtype == np.float64:
        return np.argsort(-ratios, axis=-1, kind="stable")[:, :num_samples]
    return _largest_first(ratios, num_samples)


def _largest_first(ratios: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` largest of each row, equal ones in index order; `ratios` are singles, none negative.

    The bits of such singles are in the order of the numbers, so that integers with the index below them can be
    sorted in place of them, in any way.
    """
    ratios += np.float32(0)  # -0 has other bits
    keys = (~ratios.view(np.uint32)).astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= np.arange(ratios.shape[1], dtype=np.uint64)
    if count < ratios.shape[1]:
        keys = np.partition(keys, count - 1, -1)[:, :count]
    return (np.sort(keys, -1) & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _wide(dtype: Any, operation: str) -> np.dtype:
    kind = np.dtype(dtype)
    if kind.name not in ("float32", "float64"):
        raise MissingError(f"\"{operation}\" not implemented for '{TITLES.get(kind.name, kind.name)}'")
    return kind


def _typed(values: list[float], kind: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    wide = np.array(values, np.float64)
    return (wide.astype(np.float32) if kind.itemsize == 2 else wide).astype(kind).reshape(shape)


def _poisson(rate: float, uniform: DoubleReader) -> float:
    if rate >= 10.0:
        return _poisson_by_rejection(rate, uniform)
    if rate == 0.0:
        return 0.0
    floor, product, count = math.exp(-rate), uniform(), 0
    while product > floor:
        product *= uniform()
        count += 1
    return float(count)


def _poisson_by_rejection(rate: float, uniform: DoubleReader) -> float:
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    box = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniform() - 0.5, uniform()
        distance = 0.5 - abs(u)
        if distance == 0.0:  # u = -1/2 exactly: the candidate would be minus infinity, which is rejected
            continue
        k = math.floor((2.0 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= box:
            return float(k)
        if k < 0 or (distance < 0.013 and v > distance):
            continue
        level = (math.log(v) if v else -math.inf) + log_inverse_alpha - math.log(a / (distance * distance) + b)
        if level <= -rate + k * log_rate - math.lgamma(k + 1.0):
            return float(k)


def _binomial(count: float, prob: float, uniform: DoubleReader) -> float:
    if count <= 0.0 or prob <= 0.0:
        return 0.0
    if prob >= 1.0:
        return count
    if math.isnan(prob) or math.isnan(count):
        return math.nan
    rarer = prob if prob <= 0.5 else 1.0 - prob
    draw = _binomial_by_rejection if count * rarer >= 10.0 else _binomial_by_gaps
    successes = draw(count, rarer, uniform)
    return successes if prob <= 0.5 else count - successes


def _binomial_by_gaps(count: float, prob: float, uniform: DoubleReader) -> float:
    log_failure = math.log1p(-prob)
    total, successes = 0.0, 0.0
    while True:
        u = uniform()
        total += math.ceil(math.log(u) / log_failure) if u else math.inf
        if total > count:
            return successes
        successes += 1.0


def _binomial_by_rejection(count: float, prob: float, uniform: DoubleReader) -> float:
    spread = math.sqrt(count * prob * (1.0 - prob))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    centre = count * prob + 0.5
    box = 0.92 - 4.2 / b
    odds = prob / (1.0 - prob)
    alpha = (2.83 + 5.1 / b) * spread
    mode = math.floor((count + 1.0) * prob)
    while True:
        u, v = uniform() - 0.5, uniform()
        distance = 0.5 - abs(u)
        if distance == 0.0:
            continue
        k = float(math.floor((2.0 * a / distance + b) * u + centre))
        if k < 0.0 or k > count:
            continue
        if distance >= 0.07 and v <= box:
            return k
        scaled = v * alpha / (a / (distance * distance) + b)
        bound = (
            (mode + 0.5) * math.log((mode + 1.0) / (odds * (count - mode + 1.0)))
            + (count + 1.0) * math.log((count - mode + 1.0) / (count - k + 1.0))
            + (k + 0.5) * math.log(odds * (count - k + 1.0) / (k + 1.0))
            + _stirling_tail(mode)
            + _stirling_tail(count - mode)
            - _stirling_tail(k)
            - _stirling_tail(count - k)
        )
        if (math.log(scaled) if scaled else -math.inf) <= bound:
            return k


def _stirling_tail(k: float) -> float:
    if k <= 9.0:
        return _STIRLING_TAIL[int(k)]
    square = (k + 1.0) * (k + 1.0)
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)


def _gammas(alpha: np.ndarray, source: Generator) -> np.ndarray:
    values = np.ravel(alpha)
    one = alpha.dtype.type(1.0)  # the shift, the power and d are taken in alpha's own precision, the rest in double
    boosted = values < one
    shifted = np.where(boosted, values + one, values)
    with np.errstate(divide="ignore"):
        powers = np.where(boosted, one / values, 0.0).tolist()
    thirds = (shifted - alpha.dtype.type(_THIRD)).tolist()
    with source.reader() as uniform:
        drawn = [
            0.0 if value == 0.0 else _gamma(d, power, uniform, source)
            for value, d, power in zip(values.tolist(), thirds, powers, strict=True)
        ]
    return np.array(drawn, np.float64).reshape(alpha.shape)


def _gamma(d: float, power: float, uniform: DoubleReader, source: Generator) -> float:
    scale = (1.0 - uniform()) ** power if power else 1.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = _normal(uniform, source)
        y = 1.0 + c * x
        if y <= 0.0:
            continue
        v = y * y * y
        u = 1.0 - uniform()
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def _normal(uniform: DoubleReader, source: Generator) -> float:
    kept = source.cached_normal
    if kept is not None:
        source.cached_normal = None
        return kept
    angle = 2.0 * math.pi * uniform()
    radius = math.sqrt(-2.0 * math.log1p(-uniform()))
    source.cached_normal = radius * math.sin(angle)
    return radius * math.cos(angle)


def _continuous(dtype: Any, name: str) -> np.dtype:
    kind = np.dtype(dtype)
    if kind not in DIGITS:
        raise DtypeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a floating point "
            f"but you specified {TITLES.get(kind.name, kind.name)}"
        )
    return kind
