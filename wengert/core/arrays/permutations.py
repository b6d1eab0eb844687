"""Random permutations in torch's CPU order: swaps in turn, worked out without doing them in turn."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.generator import Generator, SampleError, default_generator
from wengert.core.arrays.sampling import DIGITS, TITLES
from wengert.core.base.errors import MissingError

_LONG_PERMUTATION = 0xFFFFFFFF // 20  # from this length on a permutation takes two words per place
_FEW = 64  # up to here the swaps are done in turn


def randperm(n: int, dtype: Any = np.int64, generator: Generator | None = None) -> np.ndarray:
    """Random permutation of 0 .. n-1: for i < n - 1, swap places i and i + w_i mod (n - i).

    From n = 214748364 on, for i < n, swap places i and v_i mod (i + 1), v_i a pair of words, the first one high.
    Works for dtypes that hold n exactly (bfloat16 rounds, as in torch). Words: n - 1 (none for n < 2), or 2n.
    Raises: SampleError when n is negative or too large for `dtype`, MissingError for bool.
    Source: Durstenfeld 1964, Algorithm 235.
    """
    kind = np.dtype(dtype)
    if n < 0:
        raise SampleError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if kind.kind in "bc":
        raise MissingError(f"\"randperm\" not implemented for '{TITLES[kind.name]}'")
    _check_permutation(n, kind)
    if n < 2:
        return np.zeros(n, kind)
    source = generator or default_generator
    if n <= _FEW and n < _LONG_PERMUTATION:
        return np.array(_swapped(source.words(n - 1).tolist()), kind)
    places = np.arange(n, dtype=np.int64)
    if n < _LONG_PERMUTATION and source.fill("shuffles", places):
        return places.astype(kind, copy=False)
    if n >= _LONG_PERMUTATION:
        return _shuffled_inside_out(source.long_words(n) % (places + 1).view(np.uint64)).astype(kind)
    offsets = source.words(n - 1) % np.arange(n, 1, -1, dtype=np.uint32)
    places[:-1] += offsets
    return _shuffled(places).astype(kind)


def _swapped(words: list[int]) -> list[int]:
    """Places i and i + w_i mod (n - i) swapped in turn: quicker for a few."""
    n = len(words) + 1
    found = list(range(n))
    for i, word in enumerate(words):
        other = i + word % (n - i)
        found[i], found[other] = found[other], found[i]
    return found


def _shuffled(targets: np.ndarray) -> np.ndarray:
    """Result of swapping places i and targets[i] >= i of 0 .. n-1 in turn, without doing it in turn.

    Place i is final after step i and then holds what was at targets[i]. Before step k, place k holds k itself or, when
    an earlier step m aimed at k, what was at place m before step m (the last such m counts): a forest of back links,
    followed to the roots by doubling. The place targets[i] holds likewise what the last earlier step with the same
    target left there, or nothing new.
    """
    n = len(targets)
    steps = np.arange(n, dtype=np.int64)
    if n < 1 << 31:
        keys = np.sort((targets << 32) | steps)  # one integer sort stands for a stable argsort
        order, aims = keys & 0xFFFFFFFF, keys >> 32
    else:
        order = np.argsort(targets, kind="stable")
        aims = targets[order]
    same = np.zeros(n, bool)
    same[1:] = aims[1:] == aims[:-1]
    previous = np.full(n, -1, np.int64)  # last earlier step with the same target
    previous[order[same]] = order[np.flatnonzero(same) - 1]
    roots = steps.copy()
    aimed_away = order[order != aims]  # ascending in (target, step), so the last write below is the last step
    roots[targets[aimed_away]] = aimed_away
    while True:
        further = roots[roots]
        if np.array_equal(further, roots):
            break
        roots = further
    result = np.where(previous >= 0, roots[previous], targets)
    return np.where(targets == steps, roots, result)


def _shuffled_inside_out(targets: np.ndarray) -> np.ndarray:
    """Result of swapping places i and targets[i] <= i of 0 .. n-1 in turn.

    The same swaps in the opposite order give the inverse permutation, and are `_shuffled`'s when places are counted
    from the end.
    """
    last = len(targets) - 1
    inverse = last - _shuffled(last - targets.astype(np.int64)[::-1])[::-1]
    result = np.empty_like(inverse)
    result[inverse] = np.arange(last + 1)
    return result


def _check_permutation(n: int, kind: np.dtype) -> None:
    if kind.kind in "iu":
        if n > int(np.iinfo(kind).max) + 1:
            raise SampleError(f"value cannot be converted to type {kind.name}_t without overflow: n is {n}")
    elif kind.name != "bfloat16" and n > (1 << DIGITS[kind]) + 1:
        raise SampleError(f"n cannot be greater than {(1 << DIGITS[kind]) + 1} for {TITLES[kind.name]} type: got {n}")
