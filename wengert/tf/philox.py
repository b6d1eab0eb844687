"""Philox 4x32-10, a counter-based generator, and TensorFlow's ways from its 32-bit words to numbers.

Source: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)
MASK64 = (1 << 64) - 1
RESERVED = 256
"""Blocks set aside for an element: what a call uses never overlaps the next one's."""


class Philox:
    """A place in a stream: a 64-bit key and a 128-bit counter of blocks of four words."""

    __slots__ = ("key", "counter")

    def __init__(self, key: int, counter: int):
        self.key, self.counter = key & MASK64, counter & ((1 << 128) - 1)

    def skipped(self, blocks: int) -> Philox:
        """The place so many blocks further on."""
        return Philox(self.key, self.counter + blocks)

    def blocks(self, count: int, step: int = 1, first: int = 0) -> Any:
        """Blocks number first, first + step, ... as rows of four words in uint64."""
        start = self.counter + first
        low, high = start & MASK64, start >> 64 & MASK64
        offsets = np.arange(count, dtype=np.uint64) * np.uint64(step)
        lows = offsets + np.uint64(low)
        highs = np.uint64(high) + (lows < offsets).astype(np.uint64)
        return rounds(lows & LOW, lows >> SHIFT, highs & LOW, highs >> SHIFT, self.key)

    def words(self, count: int) -> Any:
        """The first `count` words in order."""
        return self.blocks(-(-count // 4)).reshape(-1)[:count]


def rounds(a: Any, b: Any, c: Any, d: Any, key: int) -> Any:
    """The ten rounds on counters given by their four words."""
    first, second = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p, q = a * np.uint64(MULTIPLIERS[0]), c * np.uint64(MULTIPLIERS[1])
        a, b, c, d = (q >> SHIFT) ^ b ^ np.uint64(first), q & LOW, (p >> SHIFT) ^ d ^ np.uint64(second), p & LOW
        first, second = first + WEYL[0] & 0xFFFFFFFF, second + WEYL[1] & 0xFFFFFFFF
    return np.stack([a, b, c, d], -1)


def scrambled(seed: Any) -> Philox:
    """The place in the stream that a pair of seeds stands for, mixed so that near seeds lie far apart."""
    first, second = int(seed[0]) & MASK64, int(seed[1]) & MASK64
    mixed = Philox(0x02461E293EC8F720, first | second << 64).blocks(1)[0].tolist()
    return Philox(mixed[0] | mixed[1] << 32, (mixed[2] | mixed[3] << 32) << 64)


def seeded(first: int, second: int) -> Philox:
    """The start of the stream of an operation with these two seeds."""
    return Philox(first & MASK64, (second & MASK64) << 64)


# ---------------------------------------------------------------- numbers


def unit_floats(words: Any) -> Any:
    """float32 in [0, 1) from the low 23 bits of each word."""
    bits = (words.astype(np.uint32) & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)
    return bits.view(np.float32) - np.float32(1)


def unit_halves(words: Any) -> Any:
    """float16 in [0, 1) from the low 10 bits of each word."""
    bits = (words.astype(np.uint16) & np.uint16(0x3FF)) | np.uint16(15 << 10)
    return bits.view(np.float16) - np.float16(1)


def unit_doubles(words: Any) -> Any:
    """float64 in [0, 1) from the low 20 bits of one word and the next word."""
    pairs = words.reshape(-1, 2)
    bits = np.uint64(1023 << 52) | ((pairs[:, 0] & np.uint64(0xFFFFF)) << SHIFT) | pairs[:, 1]
    return bits.view(np.float64) - 1.0


def uniform(place: Philox, count: int, dtype: Any) -> Any:
    """Floats in [0, 1)."""
    if dtype == np.float64:
        return unit_doubles(place.words(2 * count))
    words = place.words(count)
    if dtype == np.float32:
        return unit_floats(words)
    if dtype == np.float16:
        return unit_halves(words)
    bits = (words.astype(np.uint16) & np.uint16(0x7F)) | np.uint16(127 << 7)
    return (bits.view(dtype).astype(np.float32) - np.float32(1)).astype(dtype)


def whole_numbers(place: Philox, count: int, dtype: Any) -> Any:
    """All bits of integers of 32 or 64 bits, as unsigned numbers."""
    if dtype.itemsize == 8:
        pairs = place.words(2 * count + 2 * (count % 2)).reshape(-1, 2)[:count]
        return pairs[:, 0] | pairs[:, 1] << SHIFT
    return place.words(count).astype(np.uint32)


def box_muller(first: Any, second: Any) -> Any:
    """Two independent normal numbers from two uniform ones, as pairs."""
    kind = first.dtype.type
    radius = np.sqrt((-2.0 * np.log(np.maximum(first, kind(1.0e-7)).astype(np.float64))).astype(kind))
    angle = (2.0 * np.pi * second.astype(np.float64)).astype(kind).astype(np.float64)
    return np.stack([np.sin(angle).astype(kind) * radius, np.cos(angle).astype(kind) * radius], -1)


def pairs_of(blocks: Any, double: bool) -> Any:
    """Normal numbers of whole blocks: four float32 or two float64 for each."""
    if double:
        units = unit_doubles(blocks.reshape(-1)).reshape(-1, 2)
        return box_muller(units[:, 0], units[:, 1])
    units = unit_floats(blocks).reshape(-1, 2)
    return box_muller(units[:, 0], units[:, 1]).reshape(-1, 4)


def normal(place: Philox, count: int, dtype: Any) -> Any:
    """Standard normal numbers."""
    double = dtype == np.float64
    blocks = place.blocks(-(-count // (2 if double else 4)))
    return pairs_of(blocks, double).reshape(-1)[:count].astype(dtype)


def truncated_normal(place: Philox, count: int, dtype: Any) -> Any:
    """Standard normal numbers, those of size 2 or more drawn again."""
    double = dtype == np.float64
    width = 2 if double else 4
    groups = -(-count // width)
    step = width * RESERVED // 4
    out = np.zeros((groups, width), np.float64 if double else np.float32)
    filled = np.zeros(groups, np.int64)
    open_rows = np.arange(groups)
    turn = 0
    while len(open_rows):
        found = pairs_of(place.blocks(groups, step, turn)[open_rows], double).reshape(len(open_rows), -1)
        for column in found.T:
            good = (np.abs(column) < 2) & (filled[open_rows] < width)
            rows = open_rows[good]
            out[rows, filled[rows]] = column[good]
            filled[rows] += 1
        open_rows = open_rows[filled[open_rows] < width]
        turn += 1
    return out.reshape(-1)[:count].astype(dtype)


FORMS = {"uniform": uniform, "normal": normal, "truncated": truncated_normal}
