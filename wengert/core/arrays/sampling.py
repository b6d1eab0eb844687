"""Samplers: arrays drawn from a generator's words in torch's CPU order, value by value.

Every function takes `generator=None` (the default generator) and returns a new C-ordered array, filled in memory
order. *Words* in a docstring are the 32-bit words it takes; `n` is the number of elements. A single takes its low
24 bits of one word, a double the low 53 bits of two.

Note [Fused multiply-add]
torch's kernels contract `a * b + c` into one rounding, which shows in the last bit whenever location and scale are
not 0 and 1. Singles are fused by going through double, doubles by carrying the rounding error of both steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from wengert.core.arrays import draws
from wengert.core.arrays.generator import MANY, Generator, SampleError, default_generator
from wengert.core.arrays.normals import Steps, moved, normals
from wengert.core.base.errors import DtypeError, MissingError

Shape = int | Sequence[int]

_CHUNK = 1 << 16  # elements worked on at a time, so that temporaries stay in the second-level cache
_SHORT = 64  # up to here math's functions are used: they round as the C library does, NumPy's vector ones may not
_FEW = 32  # up to here Python's numbers are quicker than arrays
_BLOCK = 16  # elements that one Box-Muller block fills: 8 cosines, then 8 sines
_LONG_RANGE = 1 << 28  # from this range on an integer takes two words, so that the remainder's skew stays small
_TWO_PI = 2.0 * math.pi
_SINGLE = np.dtype(np.float32)
_DOUBLE = np.dtype(np.float64)
_FRACTION = ((1 << 24) - 1, 2.0**-24)  # which bits of a word make a single, and what the lowest one counts
DIGITS = {
    np.dtype(np.float16): 11,
    np.dtype(ml_dtypes.bfloat16): 8,
    np.dtype(np.float32): 24,
    np.dtype(np.float64): 53,
}
_C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
}
TITLES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def uniform(
    shape: Shape, dtype: Any = np.float32, low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Uniform values `low + (high - low) * u` on [low, high), u a single (a double for float64).

    `dtype` is a floating dtype; half precisions round a single, and a value that rounds to `high` becomes `low`.
    Words: n (2n for float64).
    Raises: SampleError when `low > high` or either, or their distance, is out of the dtype's range.
    """
    source = generator or default_generator
    if dtype is _SINGLE and low == 0.0 and high == 1.0:
        drawn = draws.uniforms(source, shape, dtype, 0.0, 1.0, 1.0)
        if drawn is not None:
            return drawn
        size = _size(shape)
        if 0 < size <= _CHUNK:
            return source.fractions(size).reshape(shape)
    kind = floating(dtype, "check_uniform_bounds")
    _check_uniform(kind, low, high)
    double = kind == np.float64
    first, last = (float(low), float(high)) if double else (float(np.float32(low)), float(np.float32(high)))
    span = last - first if double else float(np.float32(last - first))
    unit = first == 0.0 and span == 1.0
    found: Any = draws.uniforms(source, shape, kind, first, last, span)
    if found is not None:
        return found
    if kind is _SINGLE:
        found = _single_uniforms(shape, first, last, span, source)
    elif unit and double:
        found = drawn_at_once(shape, kind, source, "doubles")
    if found is not None:
        return found
    bottom, top = np.asarray(low).astype(kind), np.asarray(high).astype(kind)

    def draw(count: int) -> np.ndarray:
        values = source.doubles(count) if double else source.fractions(count)
        if not unit:
            values = fused(values, span, first)
        if unit and kind.itemsize > 2:
            return values
        values = _cast(values, kind)
        values[values == top] = bottom
        return values

    return filled(shape, kind, source, draw)


def _single_uniforms(shape: Shape, first: float, last: float, span: float, source: Generator) -> Any:
    """A handful of singles, or very many; None for what is between."""
    size = _size(shape)
    if 0 < size <= _FEW:
        low, unit = _FRACTION
        values = np.array([(word & low) * unit * span + first for word in source.few_words(size)], _SINGLE)
        values[values == last] = first
        return values.reshape(shape)
    if first == 0.0 and span == 1.0:
        return drawn_at_once(shape, _SINGLE, source, "fractions", *_FRACTION)
    return drawn_at_once(shape, _SINGLE, source, "uniforms", *_FRACTION, first, span, first, last)


def normal(
    shape: Shape,
    dtype: Any = np.float32,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator | None = None,
    contiguous: bool = True,
) -> np.ndarray:
    """Normal values `mean + std * z`, z by Box-Muller, in a floating `dtype`.

    Fewer than 16 elements (or `contiguous=False`, for filling a strided view): z = sqrt(-2 log(1 - v)) cos(2 pi u),
    then the same with sin, for doubles u, v; a second value left over is kept in the generator for the next call.
    From 16 on: blocks of 16 uniforms, the first 8 giving radii, the last 8 angles; when 16 does not divide n the last
    16 elements are drawn anew. float64 uses doubles and the rest singles, equal to torch within 3 ulp of z.

    Words, short form: 4 ceil((n - kept) / 2). Blocks: n, plus 16 when 16 does not divide n (twice that for float64);
    half precisions take 16 ceil(n / 16).
    Raises: SampleError when `std < 0`.
    Source: Box & Muller 1958, Ann. Math. Stat. 29(2).
    """
    source = generator or default_generator
    if dtype is _SINGLE and std == 1.0 and mean == 0.0 and contiguous:
        drawn = draws.normals(source, shape, dtype, 0.0, 1.0)
        if drawn is not None:
            return drawn
    size = _size(shape)
    if dtype is _SINGLE and 0 < size < _BLOCK and std == 1.0 and mean == 0.0:
        return np.array(few_normals(source, size), _SINGLE).reshape(shape)
    kind = floating(dtype, "normal_kernel_cpu")
    if not std >= 0.0:
        raise SampleError(f"normal expects std >= 0.0, but found std {std:g}")
    if contiguous or size < _BLOCK:
        drawn = draws.normals(source, shape, kind, mean, std)
        if drawn is not None:
            return drawn
    if 0 < size < _BLOCK and std == 1.0 and mean == 0.0 and kind.itemsize > 2:
        return np.array(few_normals(source, size), kind).reshape(shape)
    if size < _BLOCK or not contiguous:
        return filled(shape, kind, source, lambda count: fused(paired_normals(source, count), std, mean))
    return _block_normals(shape, kind, float(mean), float(std), source)


def randint(low: int, high: int, shape: Shape, dtype: Any = np.int64, generator: Generator | None = None) -> np.ndarray:
    """Integers `low + w mod (high - low)` on [low, high), in any real `dtype`, bool included.

    `w` is one word when `high - low < 2**28`, and two (the first one high) from there on.
    Words: n, or 2n for the long range.
    Raises: SampleError when `low >= high` or the dtype cannot hold the range.
    """
    kind = np.dtype(dtype)
    low, high = int(low), int(high)
    if low >= high:
        raise SampleError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    smallest, largest = _limits(kind)
    for name, value in (("from", low), ("to - 1", high - 1)):
        if not smallest <= value <= largest:
            raise SampleError(
                f"{name} is out of bounds for {_C_NAMES[kind.name]}: {value} outside [{smallest}, {largest}]"
            )
    if kind in DIGITS:
        low, high = _representable_from(low, kind), _representable_to(high, kind)
        if low >= high:
            raise SampleError(
                f"random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                f"but got from={low} >= to={high}"
            )
    return _integers(shape, kind, high - low, low, generator or default_generator)


def random_full(
    shape: Shape,
    dtype: Any,
    low: int | None = None,
    high: int | None = None,
    generator: Generator | None = None,
) -> np.ndarray:
    """Integers over a dtype's whole range, the forms of Tensor.random_.

    No bounds: [0, largest], where the largest of a floating dtype is 2**digits (24 for float32); from one word, two
    for int64 and float64. `high` alone: [0, high). `low` alone: [low, largest]; `low = -2**63` gives all 64 bits.
    Both: `randint`.

    Words: n, or 2n for the 64-bit cases and ranges from 2**28.
    Raises: SampleError on an empty or unrepresentable range, MissingError on a dtype without this form.
    """
    kind = np.dtype(dtype)
    source = generator or default_generator
    if high is not None:
        return randint(0 if low is None else low, high, shape, kind, source)
    if low is None:
        if kind.kind == "c" or kind.name in ("uint16", "uint32", "uint64"):
            raise MissingError(f"\"random_kernel_cpu\" not implemented for '{TITLES[kind.name]}'")
        count = 1 << DIGITS[kind] if kind in DIGITS else _limits(kind)[1]
        return _integers(shape, kind, count + 1, 0, source, long=kind.name in ("int64", "float64"))
    if low == -(1 << 63):
        return _all_bits(shape, kind, source)
    smallest, largest = _limits(kind)
    if not smallest <= low <= largest:
        raise SampleError(f"from is out of bounds for {_C_NAMES[kind.name]}: {low} outside [{smallest}, {largest}]")
    if kind in DIGITS:
        largest = 1 << DIGITS[kind]
        low = _representable_from(low, kind)
        if low > largest:
            raise SampleError(
                f"random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                f"but got from={low} > to_inc={largest}"
            )
    return _integers(shape, kind, largest - low + 1, low, source)


def bernoulli(
    p: float | np.ndarray, shape: Shape | None = None, dtype: Any = None, generator: Generator | None = None
) -> np.ndarray:
    """Ones with probability `p`, else zeros: 1 where u < p.

    A number `p` compares doubles and needs `shape`; `dtype` is float32 by default. An array `p`, broadcast to `shape`
    where given, compares singles unless it is float64; `dtype` is then p's own by default.
    Words: 2n for a number or a float64 array, else n.
    Raises: SampleError when `p` is outside [0, 1] or nan, MissingError for dtypes without this form.
    """
    source = generator or default_generator
    if isinstance(p, np.ndarray):
        return _bernoulli_each(p, shape, dtype, source)
    kind = np.dtype(np.float32 if dtype is None else dtype)
    _check_bernoulli_dtype(kind, "bernoulli_scalar_cpu_")
    if not 0.0 <= p <= 1.0:
        raise SampleError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return _thresholds(() if shape is None else shape, kind, p, 1.0, source)


def dropout_mask(
    shape: Shape, p: float = 0.5, dtype: Any = np.float32, generator: Generator | None = None
) -> np.ndarray:
    """Factors of dropout: 1 / (1 - p) with probability 1 - p, else 0.

    Words: 2n; none when p is 0 (all ones) or 1 (all zeros), or nothing is to be filled.
    Raises: SampleError when `p` is outside [0, 1].
    """
    kind = np.dtype(dtype)
    if not 0.0 <= p <= 1.0:
        raise SampleError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p in (0.0, 1.0):
        return np.full(shape, 1.0 - p, kind)
    source, size = generator or default_generator, _size(shape)
    wide = np.float64 if kind == np.float64 else np.float32
    factor = np.divide(wide(1.0), wide(1.0 - p))
    found = draws.thresholds(source, shape, kind, 1.0 - p, float(factor))
    if found is not None:
        return found
    if 0 < size <= _FEW and kind == wide:
        drawn, number = source.few_doubles(size), float(factor)
        return np.array([number if u < 1.0 - p else 0.0 for u in drawn], kind).reshape(shape)
    if kind is _SINGLE:
        return _thresholds(shape, kind, 1.0 - p, float(factor), source)
    mask = bernoulli(1.0 - p, shape, kind, source)
    mask *= kind.type(factor)
    return mask


def _thresholds(shape: Shape, kind: np.dtype, p: float, factor: float, source: Generator) -> np.ndarray:
    """`factor` where a double is below p, else 0."""
    found = draws.thresholds(source, shape, kind, p, factor)
    if found is not None:
        return found
    limit = math.ceil(p * 2.0**53)
    found = drawn_at_once(shape, kind, source, "thresholds", limit, factor) if kind is _SINGLE else None
    if found is not None:
        return found

    def draw(count: int) -> np.ndarray:
        values = np.empty(count if count >= MANY else 0, _SINGLE)
        if source.fill("thresholds", values, limit, factor):
            return values
        below = source.doubles(count) < p
        return below if factor == 1.0 else below * kind.type(factor)

    return filled(shape, kind, source, draw)


def _size(shape: Shape) -> int:
    return math.prod(shape) if shape.__class__ is tuple or isinstance(shape, Sequence) else int(shape)


def drawn_at_once(shape: Shape, kind: np.dtype, source: Generator, name: str, *parameters: float) -> Any:
    """A large array that the machine code of a sampler fills, or None."""
    if _size(shape) < MANY:
        return None
    out = np.empty(shape, kind)
    return out if source.fill(name, out, *parameters) else None


def filled(shape: Shape, kind: np.dtype, source: Generator, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """Array of `shape` from `draw(count)`, called for one stretch of elements after another under the lock."""
    total = _size(shape)
    out = np.empty(total, kind)
    with source.lock, np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if 0 < total <= _CHUNK:
            return _cast(draw(total), kind).reshape(shape)
        for start in range(0, total, _CHUNK):
            stop = min(start + _CHUNK, total)
            out[start:stop] = _cast(draw(stop - start), kind)
    return out.reshape(shape)


def _cast(values: np.ndarray, kind: np.dtype) -> np.ndarray:
    # Doubles reach the half precisions by way of single, rounding twice, as in C.
    if kind.itemsize == 2 and kind in DIGITS and values.dtype == np.float64:
        values = values.astype(np.float32)
    if values.dtype == kind:
        return values
    with np.errstate(over="ignore"):
        return values.astype(kind)


def each(exact: Callable[[float], float], vector: Callable[..., np.ndarray], values: np.ndarray) -> np.ndarray:
    """`vector(values)`, or `exact` of each when there are few; both compute the same function in float64."""
    if values.size > _SHORT:
        return vector(values)
    return np.array([exact(value) for value in values.tolist()], np.float64)


def log_complement(fractions: np.ndarray) -> np.ndarray:
    """`log(1 - u)` in float64; overwrites its argument."""
    return each(math.log1p, np.log1p, np.negative(fractions, out=fractions))


def fused(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """`values * scale + offset` rounded once; see Note [Fused multiply-add]."""
    if scale == 1.0 and offset == 0.0:
        return values
    return moved(Steps(values.dtype), values, scale, offset)


def paired_normals(source: Generator, count: int) -> np.ndarray:
    """Standard normals float64 `(count,)` in the short form of `normal`, using and leaving the kept value."""
    kept = source.cached_normal
    first = 0 if kept is None or count == 0 else 1
    pairs = (count - first + 1) // 2
    out = np.empty(first + 2 * pairs)
    if first:
        out[0], source.cached_normal = kept, None
    fractions = source.doubles(2 * pairs)
    radius = np.sqrt(log_complement(fractions[1::2].copy()) * -2.0)
    angle = fractions[0::2] * _TWO_PI
    np.multiply(radius, each(math.cos, np.cos, angle), out=out[first::2])
    np.multiply(radius, each(math.sin, np.sin, angle), out=out[first + 1 :: 2])
    if out.size > count:
        source.cached_normal = float(out[count])
    return out[:count]


def few_normals(source: Generator, count: int) -> list[float]:
    """`paired_normals` as a list of Python's numbers: quicker for a handful."""
    with source.lock:
        out = [] if source.cached_normal is None else [source.cached_normal]
        source.cached_normal = None
        uniforms = source.few_doubles(2 * ((count - len(out) + 1) // 2))
        for turn, fraction in zip(uniforms[::2], uniforms[1::2], strict=True):
            radius = math.sqrt(math.log1p(-fraction) * -2.0)
            out += radius * math.cos(turn * _TWO_PI), radius * math.sin(turn * _TWO_PI)
        if len(out) > count:
            source.cached_normal = out.pop()
    return out


def _block_normals(shape: Shape, kind: np.dtype, mean: float, std: float, source: Generator) -> np.ndarray:
    total = _size(shape)
    whole = total - total % _BLOCK
    double = kind == np.float64
    take = source.doubles if double else source.fractions
    out = np.empty(total, kind)
    wide = _DOUBLE if double else _SINGLE
    with source.lock:
        if kind is not wide or not source.fill("normals", out[:whole], mean, std, dtype=wide):
            for start in range(0, whole, _CHUNK):
                stop = min(start + _CHUNK, whole)
                values = np.empty(stop - start, wide)
                if not source.fill("normals", values, mean, std, dtype=wide):
                    steps = source.stepwise("normals", whole if kind is wide else stop - start, wide)
                    drawn = take(stop - start, ordered=not steps)
                    values = normals(drawn, std, mean) if steps else fused(_box_muller(drawn), std, mean)
                out[start:stop] = _cast(values, kind)
            source.wish("normals", whole, wide)
        if whole < total:
            if kind.itemsize > 2:
                take(total - whole)  # torch draws these, then overwrites them: the position must agree
            out[total - _BLOCK :] = _cast(fused(_box_muller(take(_BLOCK)), std, mean), kind)
    return out.reshape(shape)


def _box_muller(fractions: np.ndarray) -> np.ndarray:
    # Halves of blocks are moved as single items of 8 numbers: loops over 8 numbers at a time would cost as much again.
    kind = fractions.dtype
    halves = fractions.view(f"V{_BLOCK // 2 * kind.itemsize}").reshape(-1, 2)
    radius = np.ascontiguousarray(halves[:, 0]).view(kind)
    angle = np.ascontiguousarray(halves[:, 1]).view(kind)
    np.subtract(kind.type(1.0), radius, out=radius)
    np.log(radius, out=radius)
    radius *= kind.type(-2.0)
    np.sqrt(radius, out=radius)
    angle *= kind.type(_TWO_PI)
    cosine = np.cos(angle)
    cosine *= radius
    np.sin(angle, out=angle)
    angle *= radius
    halves[:, 0] = cosine.view(halves.dtype)
    halves[:, 1] = angle.view(halves.dtype)
    return fractions


def _integers(
    shape: Shape, kind: np.dtype, count: int, base: int, source: Generator, long: bool | None = None
) -> np.ndarray:
    if long is None:
        long = count >= _LONG_RANGE
    if count < 1 << 64 and -(1 << 63) <= base < 1 << 63:
        found = draws.integers(source, shape, kind, count, base, long)
        if found is not None:
            return found
    if not long and kind.kind in "iu" and 0 < _size(shape) <= _FEW:
        return np.array([word % count + base for word in source.few_words(_size(shape))], kind).reshape(shape)
    narrow = not long and kind.kind in "iu" and kind.itemsize <= 4  # wrapping arithmetic in 32 bits is exact
    if kind == np.int64 and not long:
        found = drawn_at_once(shape, kind, source, "integers", count, *_divider(count), base)
        if found is not None:
            return found

    def draw(size: int) -> np.ndarray:
        if long:
            values = source.long_words(size) % np.uint64(count)
            values += np.uint64(base % (1 << 64))
            return values.view(np.int64)
        values = np.empty(size if size >= MANY else 0, np.int64)
        if source.fill("integers", values, count, *_divider(count), base):
            return values
        words = source.words(size)
        if count & (count - 1):
            words %= np.uint32(count)
        else:
            words &= np.uint32(count - 1)
        if narrow:
            words += np.uint32(base % (1 << 32))
            return words
        values = words.astype(np.int64)
        values += base
        return values

    return filled(shape, kind, source, draw)


def _divider(count: int) -> tuple[int, int, int]:
    """Multiplier and two shifts that divide 32-bit words by `count`; see `core/kernels/twisters.py`."""
    digits = (count - 1).bit_length()
    return ((((1 << digits) - count) << 32) // count + 1, min(digits, 1), max(digits - 1, 0))


def _all_bits(shape: Shape, kind: np.dtype, source: Generator) -> np.ndarray:
    name = "random_full_64_bits_range_kernel_cpu"
    if kind.name in ("bool", "float16", "uint16", "uint32", "uint64") or kind.kind == "c":
        raise MissingError(f"\"{name}\" not implemented for '{TITLES[kind.name]}'")
    if kind.kind in "iu" and kind.itemsize < 8:
        raise DtypeError(f"{name} handles only int64, double, float and bfloat16: got {kind.name}")
    return filled(shape, kind, source, lambda count: source.long_words(count).view(np.int64))


def _bernoulli_each(p: np.ndarray, shape: Shape | None, dtype: Any, source: Generator) -> np.ndarray:
    if p.dtype not in DIGITS:
        raise MissingError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{TITLES[p.dtype.name]}'")
    kind = p.dtype if dtype is None else np.dtype(dtype)
    _check_bernoulli_dtype(kind, "bernoulli_tensor_cpu_self_")
    if kind is p.dtype and (shape is None or shape == p.shape):
        found = draws.chances(source, p)
        if found is not None:
            return found
    chances = p if p.dtype.itemsize > 2 else p.astype(np.float32)
    if not bool(((chances >= 0) & (chances <= 1)).all()):
        raise SampleError("Expected p_in >= 0 && p_in <= 1 to be true, but got false: an entry of p is outside [0, 1]")
    if shape is not None:
        chances = np.broadcast_to(chances, shape)
    draw = source.doubles if p.dtype == np.float64 else source.fractions
    return (draw(chances.size).reshape(chances.shape) < chances).astype(kind)


@lru_cache
def _limits(kind: np.dtype) -> tuple[int, int]:
    if kind.kind == "b":
        return 0, 1
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return int(limits.min), min(int(limits.max), (1 << 63) - 1)
    if kind not in DIGITS:
        raise DtypeError(
            f"check_random_bounds handles only integral, floating-point and boolean types: got {kind.name}"
        )
    largest = int(float(ml_dtypes.finfo(kind).max)) if kind.itemsize == 2 else 1 << 63
    return -largest, largest


def _representable_from(low: int, kind: np.dtype) -> int:
    """`low`, or the next value above it that `kind` can hold when rounding would go below it."""
    rounded = int(np.asarray(low + 1, np.float64).astype(kind).astype(np.float64))
    if rounded >= low:
        return low
    return rounded + (1 << (abs(low + 1).bit_length() - DIGITS[kind]))


def _representable_to(high: int, kind: np.dtype) -> int:
    """`high`, or the next value below it that `kind` can hold when rounding `high - 1` would reach it."""
    rounded = int(np.asarray(high - 1, np.float64).astype(kind).astype(np.float64))
    if rounded < high:
        return high
    return rounded - (1 << (abs(high - 1).bit_length() - DIGITS[kind]))


def floating(dtype: Any, operation: str) -> np.dtype:
    """`dtype` as np.dtype. Raises: MissingError in the name of `operation` when it is not a floating one."""
    kind = np.dtype(dtype)
    if kind not in DIGITS:
        raise MissingError(f"\"{operation}\" not implemented for '{TITLES.get(kind.name, kind.name)}'")
    return kind


_LARGEST: dict[np.dtype, float] = {}


def _check_uniform(kind: np.dtype, low: float, high: float) -> None:
    largest = _LARGEST.get(kind) or _LARGEST.setdefault(kind, float(ml_dtypes.finfo(kind).max))
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise SampleError(f"{name} is out of bounds for {_C_NAMES[kind.name]}: {value}, largest {largest:g}")
    if low > high:
        raise SampleError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > largest:
        raise SampleError(
            f"uniform_ expects to-from <= std::numeric_limits<{TITLES[kind.name]}>::max(), but found to={high:g} "
            f"and from={low:g} which result in to-from to exceed the limit"
        )


def _check_bernoulli_dtype(kind: np.dtype, operation: str) -> None:
    if kind.kind == "c" or kind.name in ("uint16", "uint32", "uint64"):
        raise MissingError(f"\"{operation}\" not implemented for '{TITLES.get(kind.name, kind.name)}'")
