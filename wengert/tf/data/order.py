"""Order, repetition and keeping of elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wengert.tf import nest
from wengert.tf.data.chance import Words, random_pair, shuffled
from wengert.tf.data.elements import PROBING, UNKNOWN_CARDINALITY, BaseDataset, number
from wengert.tf.errors import invalid


class Ordering(BaseDataset):
    """What changes when elements come."""

    def repeat(self, count: Any = None, name: str | None = None) -> Any:
        """The elements `count` times, without end by default."""
        n = -1 if count is None else number(count)

        def make() -> Iterator[Any]:
            done = 0
            while n < 0 or done < n:
                empty = True
                for x in self._make():
                    empty = False
                    yield x
                done += 1
                if empty:
                    return

        known = (-1 if self._count else 0) if n < 0 else self._count * n if self._count >= 0 else self._count
        return self.derived(make, "Repeat", count=known)

    def concatenate(self, dataset: Any, name: str | None = None) -> Any:
        """The elements of another dataset behind. Raises TypeError for other dtypes or another structure."""
        mine, other = self.element_spec, dataset.element_spec
        if [s.dtype for s in nest.flatten(mine)] != [s.dtype for s in nest.flatten(other)]:
            raise TypeError(f"Incompatible dataset elements:\n  {mine} vs.   {other}")

        def make() -> Iterator[Any]:
            yield from self._make()
            yield from dataset._make()

        counts = (self._count, dataset._count)
        known = sum(counts) if min(counts) >= 0 else -1 if -1 in counts else -2
        return self.derived(make, "Concatenate", count=known)

    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: Any = None,
                name: str | None = None) -> Any:  # fmt: skip
        """Elements by chance out of a buffer; another order on every pass unless told otherwise."""
        size = number(buffer_size)
        if size < 1 and size != UNKNOWN_CARDINALITY:
            raise invalid("ShuffleDatasetV3", "buffer_size must be greater than zero or UNKNOWN_CARDINALITY")
        pair = random_pair(seed)
        parent = Words(*pair)

        def make() -> Iterator[Any]:
            if PROBING:
                return self._make()
            # Drawn here and not in the generator: the order of passes is that in which they are started.
            own = pair if reshuffle_each_iteration is False else (parent.next(), parent.next())
            return shuffled(self._make(), size, Words(*own))

        return self.derived(make, "Shuffle")

    def cache(self, filename: Any = "", name: str | None = None) -> Any:
        """The elements, computed once and kept."""
        kept: list[Any] = []
        full: list[bool] = []

        def make() -> Iterator[Any]:
            if full:
                yield from kept
                return
            found = []
            for x in self._make():
                found.append(x)
                yield x
            if not full:
                kept.extend(found)
                full.append(True)

        return self.derived(make, "Cache")

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Any:
        """The same elements: they are computed when they are asked for."""
        return self.derived(self._make, "Prefetch")

    def with_options(self, options: Any, name: str | None = None) -> Any:
        """The same elements."""
        out = self.derived(self._make, "Options")
        out._options = options
        return out

    def options(self) -> Any:
        """The settings."""
        return self._options

    def apply(self, transformation_func: Any) -> Any:
        """What a function makes of the dataset."""
        return transformation_func(self)
