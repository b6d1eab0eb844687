"""What datasets are made of: elements, their specifications, iterators, and the base of datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.tf import nest
from wengert.tf.conversion import tensor_of
from wengert.tf.errors import OutOfRangeError, invalid
from wengert.tf.shapes import TensorShape, TensorSpec
from wengert.tf.tensor import bare, from_array

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2
EMPTY: Any = object()
PROBING: list[bool] = []
"""Not empty while a first element is looked at only for its shapes: random orders must not move on for that."""


class Options:
    """Settings of a dataset, which change nothing of what it gives."""

    def __init__(self) -> None:
        self.deterministic: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self.__dict__[name] = Options()
        return value


class DatasetSpec:
    """What is known of the elements of a dataset inside a dataset."""

    def __init__(self, element_spec: Any, dataset_shape: Any = ()):
        self.element_spec, self.dataset_shape = element_spec, TensorShape(dataset_shape)

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r}, {self.dataset_shape!r})"


class BaseDataset:
    """A sequence of elements (structures of tensors) that can be gone through again and again.

    make: a function that gives a new iterator. spec: specifications of an element, or a function that finds them.
    count: how many elements there are, -1 without end, -2 unknown.
    """

    AUTOTUNE = AUTOTUNE

    def __init__(self, make: Callable[[], Iterator[Any]], spec: Any, count: Any, label: str):
        self._make, self._spec, self._count, self._label = make, spec, count, label
        self._options = Options()

    @property
    def element_spec(self) -> Any:
        """Shapes and dtypes of an element."""
        if callable(self._spec):
            self._spec = self._spec()
        return self._spec

    def __iter__(self) -> Iterator[Any]:
        return OwnedIterator(self)

    def __len__(self) -> int:
        count = number(self.cardinality())
        if count == INFINITE_CARDINALITY:
            raise TypeError("The dataset is infinite.")
        if count == UNKNOWN_CARDINALITY:
            raise TypeError("The dataset length is unknown.")
        return count

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{'' if self._label == 'Cache' else '_'}{self._label}Dataset element_spec={self.element_spec}>"

    __str__ = __repr__

    def cardinality(self, name: str | None = None) -> Any:
        """How many elements there are: -1 without end, -2 unknown."""
        return from_array(np.array(self._count, np.int64))

    def derived(self, make: Any, label: str, spec: Any = None, count: Any = None) -> Any:
        """Another dataset made of this one."""
        spec = (lambda: self.element_spec) if spec is None else spec
        return type(self)(make, spec, self._count if count is None else count, label)

    def probe(self, make: Any) -> Any:
        """A function that finds specifications by the first element; dims that are open before stay open."""

        def found() -> Any:
            with probing():
                first = next(make(), EMPTY)
            if first is EMPTY:
                return TensorSpec(None)
            given = [s.shape[0] for s in nest.flatten(self.element_spec) if isinstance(s, TensorSpec) and s.shape.rank]
            if given and all(n is None for n in given):
                return nest.map_structure(open_batch, first)
            return spec_of(first)

        return found


class OwnedIterator:
    """A pass through a dataset."""

    def __init__(self, dataset: BaseDataset):
        self._dataset, self._items = dataset, dataset._make()

    @property
    def element_spec(self) -> Any:
        """Shapes and dtypes of an element."""
        return self._dataset.element_spec

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._items)

    def get_next(self) -> Any:
        """The next element. Raises OutOfRangeError at the end."""
        found = next(self._items, EMPTY)
        if found is EMPTY:
            raise OutOfRangeError(None, None, "End of sequence [Op:IteratorGetNext] name: ")
        return found

    def get_next_as_optional(self) -> Any:
        """The next element with the news whether there was one."""
        return Optional(next(self._items, EMPTY))


class Optional:
    """An element or none."""

    def __init__(self, value: Any):
        self._value = value

    def has_value(self, name: str | None = None) -> Any:
        """Whether there is an element."""
        return from_array(np.array(self._value is not EMPTY))

    def get_value(self, name: str | None = None) -> Any:
        """The element. Raises InvalidArgumentError for none."""
        if self._value is EMPTY:
            raise invalid("OptionalGetValue", "The given optional does not have a value.")
        return self._value


@contextmanager
def probing() -> Iterator[None]:
    """Passes that are started inside are not counted."""
    PROBING.append(True)
    try:
        yield
    finally:
        PROBING.pop()


def tensors(value: Any) -> Any:
    """A structure of values as tensors without history; lists are tensors themselves."""
    if isinstance(value, BaseDataset):
        return value
    if isinstance(value, dict):
        return type(value)((k, tensors(v)) for k, v in value.items())
    if isinstance(value, tuple):
        parts = [tensors(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return bare(tensor_of(value))


def spec_of(value: Any) -> Any:
    """Specifications in the structure of an element."""
    return nest.map_structure(
        lambda x: DatasetSpec(x.element_spec) if isinstance(x, BaseDataset) else TensorSpec.from_tensor(x), value
    )


def open_batch(x: Any) -> Any:
    """The specification of a tensor with any length of its first dim."""
    return TensorSpec((None, *x._array.shape[1:]), x.dtype) if x._array.ndim else TensorSpec.from_tensor(x)


def relaxed(spec: Any, shape: Callable[[Any], Any]) -> Any:
    """Specifications with other shapes."""
    return nest.map_structure(lambda s: TensorSpec(shape(s.shape), s.dtype), spec)


def call(function: Any, element: Any) -> Any:
    """A function on an element: a tuple gives several arguments."""
    return function(*element) if isinstance(element, tuple) else function(element)


def function_given(function: Any) -> Any:
    """A function. Raises ValueError for what is none."""
    if not callable(function):
        raise ValueError(f"Argument `func` must be a callable. Received func={function} (of type {type(function)})")
    return function


def number(x: Any) -> int:
    """A count from an int or a tensor."""
    return int(tensor_of(x)._array)
