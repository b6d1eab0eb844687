"""The test that every kernel passes before it is used: NumPy's results, on awkward sizes, layouts and values.

A kernel may round differently; it may not differ by more than a few units in the last place of the result or of 1,
nor in where it is nan or infinite, nor write anywhere but into its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["Rejected", "accept", "agree"]

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


def each(results: Any) -> tuple[Any, ...]:
    """Results as a tuple."""
    return results if isinstance(results, tuple) else (results,)


def difference(name: str, found: Any, wanted: Any, given: Sequence[Any]) -> str:
    """Where two results differ most, in words."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"{name} gives {found.dtype} {found.shape}, NumPy {wanted.dtype} {wanted.shape}"
    place = np.unravel_index(np.argmax(excess(found, wanted, given)), wanted.shape)
    values = ", ".join(repr(float(np.broadcast_to(x, wanted.shape)[place])) for x in given)
    return f"{name}({values}) gives {float(found[place])!r}, NumPy {float(wanted[place])!r} ({wanted.dtype})"
