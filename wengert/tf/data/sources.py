"""Where datasets come from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from wengert.tf import nest, random
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.data.chance import Words, random_pair
from wengert.tf.data.elements import (
    EMPTY,
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    BaseDataset,
    number,
    spec_of,
    tensors,
)
from wengert.tf.dtypes import as_dtype
from wengert.tf.errors import invalid
from wengert.tf.recording import TensorBase
from wengert.tf.shapes import TensorSpec
from wengert.tf.tensor import bare, from_array


class Sources(BaseDataset):
    """Constructors."""

    @classmethod
    def from_tensors(cls, tensors_: Any, name: str | None = None) -> Any:
        """One element."""
        element = tensors(tensors_)
        return cls(lambda: iter([element]), spec_of(element), 1, "Tensor")

    @classmethod
    def from_tensor_slices(cls, tensors_: Any, name: str | None = None) -> Any:
        """The slices along the first dim. Raises ValueError for scalars and lengths that differ."""
        whole = tensors(tensors_)
        spec = nest.map_structure(lambda x: TensorSpec(x._array.shape[1:], x.dtype), whole)
        return cls(lambda: slices(whole), spec, length(whole), "TensorSlice")

    @classmethod
    def from_generator(
        cls, generator: Any, output_types: Any = None, output_shapes: Any = None, args: Any = None,
        output_signature: Any = None, name: str | None = None,
    ) -> Any:  # fmt: skip
        """What a Python generator gives. Raises TypeError if it is no function, or without a signature."""
        if not callable(generator):
            raise TypeError("`generator` must be a Python callable.")
        if output_signature is None and output_types is None:
            raise TypeError(
                "To specify the output signature you need to provide either the `output_signature` argument or the "
                "`output_types` argument."
            )
        if output_signature is None:
            output_signature = signature(output_types, output_shapes)

        def make() -> Iterator[Any]:
            return (fitted(output_signature, value) for value in generator(*[tensor_of(x).numpy() for x in args or ()]))

        return cls(make, output_signature, UNKNOWN_CARDINALITY, "FlatMap")

    @classmethod
    def range(cls, *args: Any, output_type: Any = np.int64, name: str | None = None) -> Any:
        """Numbers as Python's range gives them."""
        numbers = range(*map(number, args))
        kind = as_dtype(output_type)

        def make() -> Iterator[Any]:
            return (from_array(np.array(i, kind.array)) for i in numbers)

        return cls(make, TensorSpec((), kind), len(numbers), "Range")

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Any:
        """Elements of several datasets side by side, until the shortest ends."""
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        parts = nest.flatten(structure)

        def make() -> Iterator[Any]:
            for values in zip(*[d._make() for d in parts], strict=False):
                yield nest.rebuilt(structure, iter(values))

        def spec() -> Any:
            return nest.map_structure(lambda d: d.element_spec, structure)

        counts = [d._count for d in parts]
        finite = [c for c in counts if c >= 0]
        unknown = UNKNOWN_CARDINALITY in counts
        return cls(make, spec, UNKNOWN_CARDINALITY if unknown else min(finite) if finite else -1, "Zip")

    @classmethod
    def random(cls, seed: Any = None, rerandomize_each_iteration: Any = None, name: str | None = None) -> Any:
        """Random int64 without end."""

        def make() -> Iterator[Any]:
            words = Words(*random_pair(seed))
            while True:
                yield from_array(np.array(words.next(), np.int64))

        return cls(make, TensorSpec((), np.int64), INFINITE_CARDINALITY, "Random")

    @classmethod
    def choose_from_datasets(cls, datasets: Any, choice_dataset: Any, stop_on_empty_dataset: bool = True) -> Any:
        """The next element of the dataset whose number comes, until all (or one) are empty."""

        def make() -> Iterator[Any]:
            return directed(datasets, map(number, choice_dataset._make()), stop_on_empty_dataset)

        return cls(make, lambda: datasets[0].element_spec, UNKNOWN_CARDINALITY, "DirectedInterleave")

    @classmethod
    def sample_from_datasets(
        cls, datasets: Any, weights: Any = None, seed: Any = None, stop_on_empty_dataset: bool = False, **options: Any
    ) -> Any:
        """Elements of datasets by chance, until all (or one) are empty. Raises ValueError for other weights."""
        if not len(datasets):
            raise ValueError("Invalid `datasets`. `datasets` should not be empty.")
        if weights is not None and len(weights) != len(datasets):
            raise ValueError(
                "Invalid `weights`. `weights` should have the same length as `datasets` but got "
                f"`len(weights)={len(weights)}` vs. `len(datasets)={len(datasets)}`."
            )
        share = np.ones(len(datasets), np.float32) if weights is None else np.asarray(weights, np.float32)
        kept = [d for d, w in zip(datasets, share, strict=True) if w > 0] or [datasets[0].take(0)]
        if len(kept) == 1:
            return kept[0]
        logits = np.log(share[share > 0])[None]

        def choices() -> Iterator[int]:
            words = Words(*random_pair(seed))
            while True:
                yield number(random.stateless_categorical(logits, 1, (words.next(), words.next()))[0, 0])

        def make() -> Iterator[Any]:
            return directed(kept, choices(), stop_on_empty_dataset)

        return cls(make, lambda: kept[0].element_spec, UNKNOWN_CARDINALITY, "DirectedInterleave")

    @classmethod
    def counter(cls, start: Any = 0, step: Any = 1, dtype: Any = np.int64, name: str | None = None) -> Any:
        """Numbers without end."""
        kind = as_dtype(dtype)

        def make() -> Iterator[Any]:
            return (from_array(np.array(i, kind.array)) for i in count(number(start), number(step)))

        return cls(make, TensorSpec((), kind), INFINITE_CARDINALITY, "Counter")


def directed(datasets: Any, choices: Iterator[int], stop: bool) -> Iterator[Any]:
    """The next element of the dataset whose number comes; an empty one is passed over, or ends all."""
    passes: dict[int, Any] = dict(enumerate(d._make() for d in datasets))
    for i in choices:
        found = next(passes[i], EMPTY) if i in passes else EMPTY
        if found is not EMPTY:
            yield found
            continue
        if stop:
            return
        passes.pop(i, None)
        if not passes:
            return


def length(whole: Any) -> int:
    """The length that tensors share. Raises ValueError for scalars and lengths that differ."""
    parts = nest.flatten(whole)
    if any(not x._array.ndim for x in parts):
        raise ValueError("Unbatching a tensor is only supported for rank >= 1")
    first = len(parts[0]._array)
    for x in parts:
        if len(x._array) != first:
            raise ValueError(f"Dimensions {first} and {len(x._array)} are not compatible")
    return first


def slices(whole: Any) -> Iterator[Any]:
    """A structure of tensors, slice by slice along the first dim."""
    parts = nest.flatten(whole)
    for i in range(length(whole)):
        yield nest.rebuilt(whole, iter([from_array(np.asarray(x._array[i])) for x in parts]))


def signature(kinds: Any, shapes: Any) -> Any:
    """Specifications of dtypes and shapes in a structure; shapes may be left out."""
    if isinstance(kinds, dict):
        return {k: signature(v, None if shapes is None else shapes[k]) for k, v in kinds.items()}
    if isinstance(kinds, tuple):
        sizes = [None] * len(kinds) if shapes is None else shapes
        return tuple([signature(k, s) for k, s in zip(kinds, sizes, strict=True)])
    return TensorSpec(shapes, as_dtype(kinds))


def fitted(spec: Any, value: Any) -> Any:
    """What a generator gave as its signature wants it. Raises InvalidArgumentError for another form or shape."""
    if isinstance(spec, dict) and isinstance(value, dict) and sorted(spec) == sorted(value):
        return {k: fitted(s, value[k]) for k, s in spec.items()}
    if isinstance(spec, tuple) and isinstance(value, (tuple, list)) and len(value) == len(spec):
        return tuple([fitted(s, v) for s, v in zip(spec, value, strict=True)])
    if isinstance(spec, (dict, tuple)):
        raise invalid(
            "PyFunc", "TypeError: `generator` yielded an element that did not match the expected structure. The "
            f"expected structure was {spec}, but the yielded element was {value}.",
        )  # fmt: skip
    out = value if isinstance(value, TensorBase) else from_array(np.array(value).astype(spec.dtype.array))
    if not spec.shape.is_compatible_with(out._array.shape):
        raise invalid(
            "PyFunc", f"TypeError: `generator` yielded an element of shape {out._array.shape} where an element of "
            f"shape {spec.shape} was expected.",
        )  # fmt: skip
    return bare(cast(out, spec.dtype))
