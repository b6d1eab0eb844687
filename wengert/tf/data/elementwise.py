"""Functions of the elements, and choices among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.tf.data.elements import (
    AUTOTUNE,
    EMPTY,
    UNKNOWN_CARDINALITY,
    BaseDataset,
    call,
    function_given,
    number,
    probing,
    tensors,
)
from wengert.tf.shapes import TensorSpec
from wengert.tf.tensor import from_array


class Elementwise(BaseDataset):
    """What goes through the elements one by one."""

    def map(self, map_func: Any, num_parallel_calls: Any = None, deterministic: Any = None,
            name: str | None = None, **options: Any) -> Any:  # fmt: skip
        """What a function gives for each element. Raises ValueError for what is no function."""
        function_given(map_func)

        def result(element: Any) -> Any:
            found = call(map_func, element)
            return tensors(tuple(found) if isinstance(found, list) else found)

        def make() -> Iterator[Any]:
            return (result(element) for element in self._make())

        return self.derived(make, "Map" if num_parallel_calls is None else "ParallelMap", self.probe(make))

    def filter(self, predicate: Any, name: str | None = None) -> Any:
        """The elements for which a function is true. Raises ValueError for what is no function."""
        function_given(predicate)

        def make() -> Iterator[Any]:
            return (x for x in self._make() if bool(call(predicate, x)))

        return self.derived(make, "Filter", count=UNKNOWN_CARDINALITY)

    def enumerate(self, start: Any = 0, name: str | None = None) -> Any:
        """Each element with its number."""

        def make() -> Iterator[Any]:
            for i, x in enumerate(self._make(), number(start)):
                yield from_array(np.array(i, np.int64)), x

        return self.derived(make, "Zip", lambda: (TensorSpec((), np.int64), self.element_spec))

    def take(self, count: Any, name: str | None = None) -> Any:
        """At most `count` elements; -1 is all."""
        n = number(count)

        def make() -> Iterator[Any]:
            for i, x in enumerate(self._make() if n else ()):
                yield x
                if i + 1 == n:
                    return

        known = self._count if n < 0 else n if self._count == -1 else min(n, self._count) if self._count >= 0 else -2
        return self.derived(make, "Take", count=known)

    def skip(self, count: Any, name: str | None = None) -> Any:
        """What comes after `count` elements."""
        n = number(count)

        def make() -> Iterator[Any]:
            return (x for i, x in enumerate(self._make()) if 0 <= n <= i)

        known = self._count if self._count < 0 else 0 if n < 0 else max(self._count - n, 0)
        return self.derived(make, "Skip", count=known)

    def take_while(self, predicate: Any, name: str | None = None) -> Any:
        """Elements until a function is false."""

        def make() -> Iterator[Any]:
            for x in self._make():
                if not bool(call(predicate, x)):
                    return
                yield x

        return self.derived(make, "TakeWhile", count=UNKNOWN_CARDINALITY)

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Any:
        """Every `num_shards`th element from `index`."""
        n, first = number(num_shards), number(index)

        def make() -> Iterator[Any]:
            return (x for i, x in enumerate(self._make()) if i % n == first)

        count = len(range(first, self._count, n)) if self._count >= 0 else self._count
        return self.derived(make, "Shard", count=count)

    def unique(self, name: str | None = None) -> Any:
        """Each value once."""

        def make() -> Iterator[Any]:
            seen: set[Any] = set()
            for x in self._make():
                key = (x._array.shape, x._array.tobytes())
                if key not in seen:
                    seen.add(key)
                    yield x

        return self.derived(make, "Unique", count=UNKNOWN_CARDINALITY)

    def scan(self, initial_state: Any, scan_func: Any, name: str | None = None) -> Any:
        """What a function of state and element gives beside the next state."""

        def make() -> Iterator[Any]:
            state = tensors(initial_state)
            for x in self._make():
                state, out = scan_func(state, x)
                yield tensors(out)

        return self.derived(make, "Scan", self.probe(make))

    def flat_map(self, map_func: Any, name: str | None = None) -> Any:
        """The elements of the datasets that a function gives, one after the other."""

        def make() -> Iterator[Any]:
            for x in self._make():
                yield from call(map_func, x)._make()

        return self.derived(make, "FlatMap", self.inner(map_func), UNKNOWN_CARDINALITY)

    def inner(self, map_func: Any) -> Any:
        """A function that finds the specifications of what a function's datasets hold."""

        def found() -> Any:
            with probing():
                return call(map_func, next(self._make())).element_spec

        return found

    def interleave(
        self, map_func: Any, cycle_length: Any = None, block_length: Any = None, num_parallel_calls: Any = None,
        deterministic: Any = None, name: str | None = None,
    ) -> Any:  # fmt: skip
        """The elements of the datasets that a function gives, from several in turn."""
        width, block = number(cycle_length or AUTOTUNE), number(block_length or 1)
        width = processors() if width == AUTOTUNE else width

        def make() -> Iterator[Any]:
            source = self._make()
            slots: list[Any] = [None] * width
            while True:
                alive = False
                for i in range(width):
                    if slots[i] is None:
                        x = next(source, EMPTY)
                        slots[i] = None if x is EMPTY else iter(call(map_func, x)._make())
                    if slots[i] is None:
                        continue
                    alive = True
                    for _ in range(block):
                        found = next(slots[i], EMPTY)
                        if found is EMPTY:
                            slots[i] = None
                            break
                        yield found
                if not alive:
                    return

        return self.derived(make, "Interleave", self.inner(map_func), UNKNOWN_CARDINALITY)


def processors() -> int:
    """How many processors there are for this process; so many datasets are interleaved unless a number is given."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
