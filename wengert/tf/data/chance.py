"""Random orders: for a seed those of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.tf import random
from wengert.tf.data.elements import EMPTY, number
from wengert.tf.philox import Philox, seeded


class Words:
    """Random 32-bit numbers one by one from a pair of seeds."""

    def __init__(self, first: int, second: int):
        self.place: Philox = seeded(first, second)
        self.words: list[int] = []

    def next(self) -> int:
        """The next number."""
        if not self.words:
            self.words = self.place.blocks(64).reshape(-1).tolist()[::-1]
            self.place = self.place.skipped(64)
        return self.words.pop()


def random_pair(seed: Any) -> tuple[int, int]:
    """The two seeds of a dataset."""
    first, second = random.SEEDS.pair(None if seed is None else number(seed))
    if first is None or second is None:
        entropy = np.random.SeedSequence().generate_state(2)
        return int(entropy[0]), int(entropy[1])
    return (first, 2**31 - 1) if (first, second) == (0, 0) else (first, second)


def shuffled(source: Iterator[Any], size: int, words: Words) -> Iterator[Any]:
    """Elements drawn from a buffer that is filled up before each draw."""
    buffer: list[Any] = []
    start, ended = 0, False
    while True:
        while not ended and (size < 0 or len(buffer) - start < size):
            x = next(source, EMPTY)
            if x is EMPTY:
                ended = True
            else:
                buffer.append(x)
        count = len(buffer) - start
        if not count:
            return
        place = start + words.next() % count
        yield buffer[place]
        buffer[place] = buffer[start]
        buffer[start] = None
        start += 1
        if start > 4096:
            del buffer[:start]
            start = 0
