"""Layers that join several inputs, and their functions."""

from __future__ import annotations

from typing import Any

from wengert.tf import math, nn
from wengert.tf.arrays import concat, transpose
from wengert.tf.keras.layers.layer import Layer, shape_of
from wengert.tf.linalg import matmul
from wengert.tf.reductions import reduce_sum


class Merge(Layer):
    """Base of layers that join several inputs. Raises ValueError for what is no list."""

    def _checked(self, args: Any) -> None:
        if not isinstance(args[0], (list, tuple)):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={args[0]} (not a list of tensors)"
            )
        shapes = shape_of(list(args[0]))
        if len({s[0] for s in shapes if s and s[0] is not None}) > 1:
            raise ValueError(f"Cannot merge tensors with different batch sizes. Received tensors with shapes {shapes}")

    def call(self, inputs: Any) -> Any:
        """All inputs joined, one after the other."""
        out = inputs[0]
        for x in inputs[1:]:
            out = self.joined(out, x)
        return out

    def joined(self, a: Any, b: Any) -> Any:
        """Two inputs joined."""
        raise NotImplementedError(f"{type(self).__name__} must say how two inputs are joined")


def merging(name: str, function: Any, doc: str) -> type[Merge]:
    """The layer of a function of two tensors."""
    return type(name, (Merge,), {"joined": lambda self, a, b: function(a, b), "__module__": __name__, "__doc__": doc})


Add = merging("Add", math.add, "Sum of the inputs.")
Multiply = merging("Multiply", math.multiply, "Product of the inputs.")
Maximum = merging("Maximum", math.maximum, "Largest of the inputs.")
Minimum = merging("Minimum", math.minimum, "Smallest of the inputs.")
Subtract = merging("Subtract", math.subtract, "Difference of two inputs.")


class Average(Add):  # type: ignore[valid-type,misc]
    """Mean of the inputs."""

    def call(self, inputs: Any) -> Any:
        """The mean."""
        return super().call(inputs) / float(len(inputs))


class Concatenate(Merge):
    """The inputs one behind the other along `axis`. Raises ValueError for other dims that differ."""

    def __init__(self, axis: int = -1, **options: Any):
        super().__init__(**options)
        self.axis = axis

    def _checked(self, args: Any) -> None:
        if not isinstance(args[0], (list, tuple)):
            super()._checked(args)
        shapes = shape_of(list(args[0]))
        rest = {tuple(n for i, n in enumerate(s) if i != self.axis % len(s)) for s in shapes}
        first = next(iter(rest))
        if any(len(r) != len(first) or any(a != b for a, b in zip(r, first, strict=True) if None not in (a, b))
               for r in rest):  # fmt: skip
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
                f"Received: input_shape={shapes}"
            )

    def call(self, inputs: Any) -> Any:
        """All inputs."""
        return concat(inputs, self.axis)


class Dot(Merge):
    """Scalar products of two inputs along dims."""

    def __init__(self, axes: Any, normalize: bool = False, **options: Any):
        super().__init__(**options)
        self.axes, self.normalize = axes, normalize

    def call(self, inputs: Any) -> Any:
        """The products."""
        a, b = inputs
        i, j = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        if self.normalize:
            a, b = nn.l2_normalize(a, i), nn.l2_normalize(b, j)
        i, j = i % a._array.ndim, j % b._array.ndim
        if a._array.ndim == b._array.ndim == 2:
            return reduce_sum(a * b, 1, True)
        left = transpose(a, [*[d for d in range(a._array.ndim) if d != i], i])
        right = transpose(b, [0, j, *[d for d in range(1, b._array.ndim) if d != j]])
        return matmul(left, right)


def merge_function(layer: Any) -> Any:
    """The function of a merging layer: `add([a, b])`."""

    def call(inputs: Any, **options: Any) -> Any:
        return layer(**options)(inputs)

    call.__name__, call.__doc__ = layer.__name__.lower(), layer.__doc__
    return call


add, multiply, maximum, minimum = map(merge_function, (Add, Multiply, Maximum, Minimum))
subtract, average, concatenate = map(merge_function, (Subtract, Average, Concatenate))

__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Merge", "Minimum", "Multiply", "Subtract", "add", "average",
    "concatenate", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip
