"""`tf.data`: datasets as chains of Python iterators; orders of `shuffle` are TensorFlow's for a seed."""

from __future__ import annotations

from typing import Any

from wengert.tf import nest
from wengert.tf.data import experimental
from wengert.tf.data.batches import Batching
from wengert.tf.data.elements import (
    AUTOTUNE,
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    BaseDataset,
    DatasetSpec,
    Options,
    OwnedIterator,
    tensors,
)
from wengert.tf.data.elementwise import Elementwise
from wengert.tf.data.order import Ordering
from wengert.tf.data.sources import Sources
from wengert.tf.errors import invalid

Iterator = OwnedIterator


class Dataset(Sources, Elementwise, Ordering, Batching):
    """A sequence of elements, structures of tensors, that can be gone through again and again."""

    def reduce(self, initial_state: Any, reduce_func: Any, name: str | None = None) -> Any:
        """The last state of a function of state and element."""
        state = tensors(initial_state)
        for x in self._make():
            state = tensors(reduce_func(state, x))
        return state

    def as_numpy_iterator(self) -> Any:
        """The elements as NumPy's arrays and scalars."""
        for x in self._make():
            yield nest.map_structure(lambda t: t if isinstance(t, Dataset) else t.numpy(), x)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element. Raises InvalidArgumentError for none or several."""
        items = list(self.take(2)._make())
        if len(items) != 1:
            raise invalid("DatasetToSingleElement", f"Dataset {'had more than one element' if items else 'was empty'}.")
        return items[0]


__all__ = [
    "AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset", "DatasetSpec", "Iterator", "Options",
    "experimental",
]  # fmt: skip
