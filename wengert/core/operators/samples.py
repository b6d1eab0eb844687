"""Inputs for tests, documentation and the acceptance of kernels: they live on the record.

`samples=lambda s: [call(s.array(3, 4), dim=1), ...]`: `s` is a Sampler, arrays stand for
tensors.  Elementwise records need none: their `domain` says where to draw from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.core.operators.record import Op

Call = tuple[tuple[Any, ...], dict[str, Any]]


def call(*args: Any, **kwargs: Any) -> Call:
    """One sample call of an operator."""
    return args, kwargs


class Sampler:
    """Random arrays from a fixed seed; float64 unless asked otherwise."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def array(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
        """Uniform in [low, high)."""
        return np.asarray(self.rng.uniform(low, high, shape))

    def distinct(self, *shape: int) -> Any:
        """Values that differ from each other by at least 0.1 (no ties, no kinks near)."""
        n = int(np.prod(shape))
        return np.asarray((self.rng.permutation(n) - n / 2 + 0.3) * 0.25).reshape(shape)

    def complex(self, *shape: int) -> Any:
        """Uniform in the square of side 4 around 0."""
        return np.asarray(self.array(*shape) + 1j * self.array(*shape))

    def integers(self, *shape: int, low: int = 0, high: int = 4) -> Any:
        """int64 in [low, high)."""
        return np.asarray(self.rng.integers(low, high, shape))

    def booleans(self, *shape: int) -> Any:
        """True with probability one half."""
        return np.asarray(self.rng.random(shape) < 0.5)

    def positive_definite(self, *shape: int) -> Any:
        """Symmetric matrices with eigenvalues of at least 1; `shape` is (..., n)."""
        a = self.array(*shape, shape[-1])
        return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])

    def invertible(self, *shape: int) -> Any:
        """Well-conditioned square matrices; `shape` is (..., n)."""
        return self.array(*shape, shape[-1], low=-0.5, high=0.5) + 2 * np.eye(shape[-1])


def samples_of(op: Op, seed: int = 0) -> Iterator[Call]:
    """The sample calls of a record."""
    s = Sampler(seed)
    if op.samples is not None:
        yield from op.samples(s)
        return
    low, high = op.domain
    count = len(op.arrays)
    for shapes in ([(3, 4)] * count, [()] * count, [(2, 1, 3), (4, 1), (3,), (1,)][:count], [(0, 3)] * count):
        yield tuple(s.array(*shape, low=low, high=high) for shape in shapes), {}
