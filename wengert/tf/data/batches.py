"""Elements in groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from wengert.tf import nest
from wengert.tf.conversion import tensor_of
from wengert.tf.data.elements import EMPTY, UNKNOWN_CARDINALITY, BaseDataset, DatasetSpec, number, relaxed, spec_of
from wengert.tf.data.sources import slices
from wengert.tf.errors import InvalidArgumentError, invalid
from wengert.tf.shapes import TensorSpec
from wengert.tf.tensor import from_array


class Batching(BaseDataset):
    """What puts elements together and takes them apart."""

    def batch(
        self, batch_size: Any, drop_remainder: Any = False, num_parallel_calls: Any = None, **options: Any
    ) -> Any:
        """Elements stacked, `batch_size` at a time. Raises InvalidArgumentError for a size below 1."""
        n, drop = positive(batch_size), bool(drop_remainder)

        def make() -> Iterator[Any]:
            return (stacked(group) for group in groups(self._make(), n, drop))

        def spec() -> Any:
            front = n if drop else None
            return relaxed(self.element_spec, lambda s: (front, *s) if s.rank is not None else None)

        label = "Batch" if num_parallel_calls is None else "ParallelBatch"
        return self.derived(make, label, spec, self.grouped(n, drop))

    def grouped(self, n: int, drop: bool) -> int:
        """How many groups there are."""
        return self._count if self._count < 0 else self._count // n if drop else -(-self._count // n)

    def padded_batch(self, batch_size: Any, padded_shapes: Any = None, padding_values: Any = None,
                     drop_remainder: Any = False, name: str | None = None) -> Any:  # fmt: skip
        """Elements stacked, each filled up to the longest or to `padded_shapes`."""
        n, drop, spec = positive(batch_size), bool(drop_remainder), self.element_spec
        count = len(nest.flatten(spec))
        shapes = [None] * count if padded_shapes is None else as_shapes(padded_shapes, count)
        values = nest.flatten(padding_values) if padding_values is not None else [0]
        values = values * count if len(values) == 1 else values

        def make() -> Iterator[Any]:
            for group in groups(self._make(), n, drop):
                flat = [nest.flatten(x) for x in group]
                parts = [filled([row[i] for row in flat], shapes[i], values[i]) for i in range(count)]
                yield nest.pack_sequence_as(group[0], parts)

        kinds: Any = [
            (s.dtype, shapes[i] if shapes[i] is not None else s.shape) for i, s in enumerate(nest.flatten(spec))
        ]
        shown = [TensorSpec((n if drop else None, *[None if m in (None, -1) else m for m in shape]), kind)
                 for kind, shape in kinds]  # fmt: skip
        return self.derived(make, "PaddedBatch", nest.pack_sequence_as(spec, shown), self.grouped(n, drop))

    def unbatch(self, name: str | None = None) -> Any:
        """The slices of the elements along the first dim."""

        def make() -> Iterator[Any]:
            for x in self._make():
                yield from slices(x)

        return self.derived(make, "Unbatch", lambda: relaxed(self.element_spec, lambda s: s[1:]), UNKNOWN_CARDINALITY)

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Any:
        """Batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def window(self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: Any = False,
               name: str | None = None) -> Any:  # fmt: skip
        """Datasets of `size` elements that follow each other."""
        n, step = number(size), number(stride)
        move = n if shift is None else number(shift)

        def make() -> Iterator[Any]:
            for items in windows(self._make(), n, move, step, bool(drop_remainder)):
                yield self.nested(items)

        return self.derived(make, "Window", lambda: DatasetSpec(self.element_spec), UNKNOWN_CARDINALITY)

    def nested(self, items: list[Any]) -> Any:
        """Datasets of what elements are made of, in their structure."""
        columns = [list(column) for column in zip(*map(nest.flatten, items), strict=True)]
        return nest.rebuilt(items[0], iter([
            type(self)(partial(iter, c), partial(spec_of, c[0]), len(c), "Variant") for c in columns
        ]))  # fmt: skip


def stacked(elements: list[Any]) -> Any:
    """Elements as a batch. Raises InvalidArgumentError for shapes that differ."""

    def joined(*parts: Any) -> Any:
        if isinstance(parts[0], BaseDataset):
            raise TypeError("Batching of nested datasets is not supported: flat_map or batch the windows first")
        first = parts[0]._array.shape
        for x in parts:
            if x._array.shape != first:
                raise invalid(
                    "IteratorGetNext", "Cannot add tensor to the batch: number of elements does not match. Shapes "
                    f"are: [tensor]: {list(x._array.shape)}, [batch]: {list(first)}",
                )  # fmt: skip
        return from_array(np.stack([x._array for x in parts]))

    columns = zip(*map(nest.flatten, elements), strict=True)
    return nest.rebuilt(elements[0], iter([joined(*column) for column in columns]))


def groups(source: Iterable[Any], n: int, drop: bool) -> Iterator[list[Any]]:
    """Lists of n elements, the last one shorter unless it is dropped."""
    group: list[Any] = []
    for x in source:
        group.append(x)
        if len(group) == n:
            yield group
            group = []
    if group and not drop:
        yield group


def windows(source: Iterator[Any], n: int, move: int, step: int, drop: bool) -> Iterator[list[Any]]:
    """Lists of n elements, each `step` after the other; each list begins `move` elements after the last."""
    ahead: deque[Any] = deque()
    width = (n - 1) * step + 1
    while True:
        ahead.extend(islice(source, width - len(ahead)))
        part = list(islice(ahead, 0, width, step))
        if not part or (drop and len(part) < n):
            return
        yield part
        for _ in range(move):
            if ahead:
                ahead.popleft()
            elif next(source, EMPTY) is EMPTY:
                return


def positive(size: Any) -> int:
    """A batch size. Raises InvalidArgumentError for one below 1."""
    n = number(size)
    if n < 1:
        raise invalid("BatchDatasetV2", "Batch size must be greater than zero.")
    return n


def as_shapes(shapes: Any, count: int) -> list[Any]:
    """One shape per part of an element."""
    if isinstance(shapes, dict):
        return list(shapes.values())
    if count == 1 and not (isinstance(shapes, tuple) and len(shapes) == 1 and isinstance(shapes[0], (list, tuple))):
        return [shapes]
    return list(shapes)


def filled(parts: list[Any], shape: Any, value: Any) -> Any:
    """Arrays in one, each filled up behind."""
    rank = parts[0]._array.ndim
    longest = [max(x._array.shape[d] for x in parts) for d in range(rank)]
    wanted = [m if shape is None or shape[d] in (None, -1) else shape[d] for d, m in enumerate(longest)]
    kind = parts[0]._array.dtype
    out = np.full((len(parts), *wanted), np.asarray(tensor_of(value)._array).astype(kind), kind)
    for i, x in enumerate(parts):
        if any(n > m for n, m in zip(x._array.shape, wanted, strict=True)):
            raise InvalidArgumentError(None, None, "Attempted to pad to a smaller size than the input element.")
        place: Any = (i, *[slice(n) for n in x._array.shape])
        out[place] = x._array
    return from_array(out)
