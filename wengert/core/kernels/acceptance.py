"""The test that every kernel passes before it is used: NumPy's results, on awkward sizes, layouts and values.

A kernel may round differently; it may not differ by more than a few units in the last place of the result or of 1,
nor in where it is nan or infinite, nor write anywhere but into its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

__all__ = ["Rejected", "accept", "accept_mixed", "agree"]

SIZES = (0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100, 257, 1023)
LONG = 3 * 8192 + 21
"""Enough elements for several pieces of a parallel call."""

_RELATIVE = {"f4": 2e-5, "f8": 4e-14}
_ABSOLUTE = {"f4": 2e-6, "f8": 4e-15}


class Rejected(RuntimeError):
    """Raised for a kernel that does not compute what NumPy computes."""


def special_values(dtype: Any) -> Any:
    """Zeros, infinities, nan, the smallest and largest numbers, and ordinary ones."""
    info = np.finfo(dtype)
    values = [
        0.0,
        1.0,
        0.5,
        2.0,
        20.0,
        100.0,
        float(info.tiny),
        float(info.smallest_subnormal),
        float(info.max),
        np.inf,
    ]
    return np.array([*values, *[-v for v in values], np.nan], dtype)


def excess(found: Any, wanted: Any, given: Sequence[Any] = ()) -> Any:
    """Distance over tolerance per element, inf where one is nan or infinite and the other is something else.

    The tolerance is relative to the result, and absolute in units of the largest operand (1 to 1000).
    """
    kind = wanted.dtype.str[1:]
    with np.errstate(all="ignore"):
        scale = np.ones(wanted.shape)
        for x in given:
            scale = np.maximum(scale, np.minimum(np.abs(x.astype(np.float64)), 1000.0))
        a, b = found.astype(np.float64), wanted.astype(np.float64)
        apart = np.abs(a - b) / (_RELATIVE[kind] * np.abs(b) + _ABSOLUTE[kind] * scale)
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isfinite(apart), apart, np.inf))


def agree(found: Any, wanted: Any, given: Sequence[Any] = ()) -> bool:
    """Whether two arrays are equal but for rounding."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return False
    return bool((excess(found, wanted, given) <= 1).all())


def operands(dtype: Any, count: int, low: float, high: float) -> Iterator[tuple[Any, ...]]:
    """Tuples of operands of one shape: all sizes, layouts and special values."""
    rng = np.random.default_rng(count)

    def draw(*shape: int) -> Any:
        return rng.uniform(low, high, shape).astype(dtype)

    for n in (*SIZES, LONG):
        yield tuple(draw(n) for _ in range(count))
    values = special_values(dtype)
    mixed = np.tile(values, 30)
    yield tuple(rng.permutation(mixed) if k else mixed for k in range(count))
    yield tuple(draw(40, 36)[::2, ::3] for _ in range(count))
    yield tuple(draw(300)[::-1] for _ in range(count))
    yield tuple(draw(31, 33).T for _ in range(count))
    yield tuple(np.broadcast_to(draw(1), (LONG,)) if k == 0 else draw(LONG) for k in range(count))
    bytes_ = np.zeros(100 * dtype.itemsize + 1, np.uint8)
    crooked = bytes_[1:].view(dtype)
    crooked[:] = draw(100)
    yield tuple(crooked if k == 0 else draw(100) for k in range(count))


def accept(
    name: str,
    kernel: Callable[..., Any],
    reference: Callable[..., Any],
    count: int,
    dtypes: Sequence[Any],
    domain: tuple[float, float] = (-4.0, 4.0),
) -> None:
    """Compare an elementwise kernel with its reference.

    Raises: Rejected, with what was given where they first differ.
    """
    for dtype in dtypes:
        for low, high in (domain, (-40.0, 40.0)):
            for given in operands(dtype, count, low, high):
                with np.errstate(all="ignore"):
                    kept = [x.copy() for x in given]
                    wanted, found = reference(*given), kernel(*given)
                for one, other in zip(each(found), each(wanted), strict=True):
                    if not agree(one, np.asarray(other), kept):
                        raise Rejected(difference(name, one, np.asarray(other), kept))
                if any(x.tobytes() != y.tobytes() for x, y in zip(given, kept, strict=True)):
                    raise Rejected(f"{name} writes into its operands")


def accept_mixed(
    name: str, kernel: Callable[..., Any], spread: Callable[..., Any], reference: Callable[..., Any],
    dtypes: Sequence[Any], domain: tuple[float, float] = (-4.0, 4.0),
) -> None:  # fmt: skip
    """Compare a kernel of integers, booleans or several dtypes with NumPy, whose whole numbers it must have bit by bit.

    spread: the same as a function of arrays.  Raises: Rejected, with what was given where they first differ.
    """
    for given in mixed_operands(dtypes, domain):
        kept = [x.copy() for x in given]
        with np.errstate(all="ignore"):
            wanted = np.asarray(reference(*given))
            for found in (kernel(*given), spread(*given)):
                same = agree(found, wanted, kept) if wanted.dtype.kind == "f" else identical(found, wanted)
                if not same or found.strides != wanted.strides and wanted.dtype.kind != "f":
                    raise Rejected(difference(name, found, wanted, kept))
        if any(x.tobytes() != y.tobytes() for x, y in zip(given, kept, strict=True)):
            raise Rejected(f"{name} writes into its operands")


def identical(found: Any, wanted: Any) -> bool:
    """Whether two arrays have one dtype and the same elements."""
    return bool(found.dtype == wanted.dtype and np.array_equal(found, wanted))


@lru_cache(maxsize=16)
def pool(dtype: Any, domain: tuple[float, float], n: int) -> Any:
    """n random elements: floats of a domain; integers of all sizes, among them many that are small or at an end."""
    rng = np.random.default_rng(n)
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(bool)
    if dtype.kind == "f":
        return rng.uniform(*domain, n).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    found = rng.integers(low, high, n, dtype, endpoint=True)
    found[::3] = rng.integers(max(low, -70), 70, found[::3].size, dtype)
    ends = np.array([low, low + 1, high - 1, high, 0, 1, 2, -1 if low else 3], dtype)
    found[1::3] = rng.choice(ends, found[1::3].size)
    return found


def mixed_operands(dtypes: Sequence[Any], domain: tuple[float, float]) -> Iterator[tuple[Any, ...]]:
    """Tuples of operands of these dtypes: all sizes, layouts and special values."""
    rng = np.random.default_rng(len(dtypes))
    long = (1 << 17) // max(dtype.itemsize for dtype in dtypes) + 21

    def draw(*shape: int) -> list[Any]:
        found, n = [], prod(shape)
        for dtype in dtypes:
            some = pool(dtype, domain, long + (1 << 15))
            start = int(rng.integers(0, some.size - n))
            found.append(some[start : start + n].reshape(shape))
        return found

    for n in (*SIZES, long):
        yield tuple(draw(n))
    yield tuple([
        rng.permutation(np.tile(special_values(dtype), 30)) if dtype.kind == "f" else x
        for dtype, x in zip(dtypes, draw(630), strict=True)
    ])  # fmt: skip
    yield tuple([x[::2, ::3] for x in draw(40, 36)])
    yield tuple([x[::-1] for x in draw(300)])
    yield tuple([x.T for x in draw(31, 33)])
    for one in range(len(dtypes)):
        for n in (5, 700, long):
            few, many = draw(1), draw(n)
            yield tuple([few[k][0] if k == one else x for k, x in enumerate(many)])
            yield tuple([few[k] if k == one else x for k, x in enumerate(many)])
        for small, large in (((33, 1), (33, 200)), ((130, 1), (130, 200)), ((1, 200), (130, 200)), ((3, 1), (3, 9001))):
            few, many = draw(*small), draw(*large)
            yield tuple([few[k] if k == one else x for k, x in enumerate(many)])
        many = draw(150, 150)
        yield tuple([x.T if k == one else x for k, x in enumerate(many)])
        few, many = draw(5, 1, 7), draw(30, 5, 20, 7)
        yield tuple([few[k] if k == one else x for k, x in enumerate(many)])
    crooked = [np.zeros(100 * dtype.itemsize + 1, np.uint8)[1:].view(dtype) for dtype in dtypes]
    for x, y in zip(crooked, draw(100), strict=True):
        x[:] = y
    yield tuple(crooked)


def each(results: Any) -> tuple[Any, ...]:
    """Results as a tuple."""
    return results if isinstance(results, tuple) else (results,)


def difference(name: str, found: Any, wanted: Any, given: Sequence[Any]) -> str:
    """Where two results differ most, in words."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"{name} gives {found.dtype} {found.shape}, NumPy {wanted.dtype} {wanted.shape}"
    apart = excess(found, wanted, given) if wanted.dtype.kind == "f" else found != wanted
    place = np.unravel_index(np.argmax(apart), wanted.shape)
    values = ", ".join(repr(np.broadcast_to(x, wanted.shape)[place].item()) for x in given)
    return f"{name}({values}) gives {found[place].item()!r}, NumPy {wanted[place].item()!r} ({wanted.dtype})"
