"""`KerasTensor`: what a tensor will be, and the graph of layer calls that leads to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert.tf import dtypes, nest
from wengert.tf.keras.state import float_name, unique
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import from_array

PROBES = ((2, 32), (3, 48))
"""Lengths that stand for an open batch and for other open dims, twice: what differs in a result is open there too."""

OPERATION: list[Callable[..., Any]] = []
"""The function that makes a layer of a function, set by the module that has it."""


class KerasTensor:
    """Shape (None where open) and dtype of a tensor that does not exist yet."""

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None, history: Any = None):
        self.shape = tuple(shape)
        self.dtype = dtypes.as_dtype(dtype).name
        self.name = name or unique("keras_tensor")
        self.history = history

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    def get_shape(self) -> Any:
        """Lengths of the dims."""
        return TensorShape(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, name={self.name}>"

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. It doesn't have any actual "
            "numerical value. You cannot convert it to a NumPy array."
        )

    def __iter__(self) -> Any:
        raise TypeError("Iterating over a symbolic KerasTensor is not supported.")

    def __bool__(self) -> bool:
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __getitem__(self, key: Any) -> Any:
        return OPERATION[0](lambda x: x[key], "get_item")(self)


def operator_method(name: str) -> Any:
    """An operator as a layer."""

    def method(self: Any, *others: Any) -> Any:
        return OPERATION[0](lambda *values: getattr(values[0], name)(*values[1:]), name.strip("_"))(self, *others)

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "radd", "rsub", "rmul", "rtruediv",
              "neg", "abs", "rpow", "lt", "le", "gt", "ge"):  # fmt: skip
    setattr(KerasTensor, f"__{_name}__", operator_method(f"__{_name}__"))


class Node:
    """One call of a layer on tensors to come."""

    def __init__(self, layer: Any, args: Any, kwargs: Any, outputs: Any):
        self.layer, self.args, self.kwargs, self.outputs = layer, args, kwargs, outputs

    def inputs(self) -> list[Any]:
        """What the call needs."""
        return [x for x in nest.flatten([self.args, self.kwargs]) if isinstance(x, KerasTensor)]


def symbolic(structure: Any) -> bool:
    """Whether tensors to come are among arguments."""
    return any(isinstance(x, KerasTensor) for x in nest.flatten(structure))


def replaced(structure: Any, values: Callable[[KerasTensor], Any]) -> Any:
    """Arguments with tensors in place of those to come."""
    return nest.map_structure(lambda x: values(x) if isinstance(x, KerasTensor) else x, structure)


def probe(x: KerasTensor, lengths: tuple[int, int]) -> Any:
    """Zeros in place of a tensor to come."""
    shape = [lengths[i > 0] if n is None else n for i, n in enumerate(x.shape)]
    return from_array(np.zeros(shape, dtypes.as_dtype(x.dtype).array))


def outcome(run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Tensors to come in the structure of what `run` gives, found out by running it on two sizes."""
    results = []
    for lengths in PROBES:
        values = partial(probe, lengths=lengths)
        results.append(run(*replaced(args, values), **replaced(kwargs, values)))

    def joined(a: Any, b: Any) -> Any:
        pairs = zip(a._array.shape, b._array.shape, strict=True)
        return KerasTensor([n if n == m else None for n, m in pairs], a.dtype)

    return nest.map_structure(joined, *results)


def input_tensor(shape: Any = None, batch_size: Any = None, dtype: Any = None, batch_shape: Any = None,
                 name: str | None = None, tensor: Any = None, sparse: Any = None, **options: Any) -> Any:  # fmt: skip
    """A tensor to come that a functional model starts from."""
    if batch_shape is None and shape is None:
        raise ValueError("You must pass a `shape` argument.")
    if batch_shape is None:
        batch_shape = (batch_size, *(shape if isinstance(shape, (tuple, list)) else (shape,)))
    out = KerasTensor(batch_shape, float_name(dtype), name)
    return out


def ordered(outputs: list[Any]) -> list[Node]:
    """Calls that lead to tensors, each after those that it needs."""
    found: list[Node] = []
    seen: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(x.history, False) for x in reversed(outputs)]
    while waiting:
        node, ready = waiting.pop()
        if node is None or (id(node) in seen and not ready):
            continue
        if ready:
            found.append(node)
            continue
        seen.add(id(node))
        waiting.append((node, True))
        waiting.extend((x.history, False) for x in reversed(node.inputs()))
    return found
