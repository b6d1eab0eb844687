"""Dense, embeddings, masks, inputs and functions as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import math
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.gathering import gather
from wengert.tf.keras import activations, constraints, initializers, regularizers
from wengert.tf.keras.layers.layer import Layer, TensorLayer
from wengert.tf.keras.registry import described
from wengert.tf.linalg import matmul, tensordot
from wengert.tf.tensor import from_array

PARTS = ("kernel", "bias")


class WeightedLayer(TensorLayer):
    """Base of layers with a kernel, a bias and an activation."""

    def __init__(
        self, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, **options: Any,
    ):  # fmt: skip
        super().__init__(**options)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.kernel_initializer, self.bias_initializer = map(initializers.get, (kernel_initializer, bias_initializer))
        self.kernel_regularizer, self.bias_regularizer = map(regularizers.get, (kernel_regularizer, bias_regularizer))
        self.kernel_constraint, self.bias_constraint = map(constraints.get, (kernel_constraint, bias_constraint))
        self.bias: Any = None

    def add_part(self, part: str, shape: Any) -> Any:
        """The kernel or the bias."""
        return self.add_weight(
            shape, getattr(self, f"{part}_initializer"), regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"), name=part,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        parts = {
            f"{part}_{what}": described(getattr(self, f"{part}_{what}"), f"keras.{what}s")
            for what in ("initializer", "regularizer", "constraint") for part in PARTS
        }  # fmt: skip
        own = {"activation": activations.serialize(self.activation), "use_bias": self.use_bias}
        return {**super().get_config(), **own, **parts}


class Dense(WeightedLayer):
    """activation(inputs @ kernel + bias) over the last dim. Raises ValueError for `units` below 1."""

    min_ndim = 2

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **options: Any):
        if not isinstance(units, (int, np.integer)) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        super().__init__(activation, use_bias, **options)
        self.units = int(units)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        self.channels = input_shape[-1]
        self.kernel = self.add_part("kernel", (self.channels, self.units))
        if self.use_bias:
            self.bias = self.add_part("bias", (self.units,))
        self.built = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The product, the bias and the activation."""
        x = inputs if inputs._array.dtype.kind in "fVc" else cast(inputs, self.dtype)
        out = matmul(x, self.kernel) if x._array.ndim == 2 else tensordot(x, self.kernel, 1)
        if self.use_bias:
            out = math.add(out, self.bias)
        return self.activation(out)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {"units": self.units, **super().get_config()}


class Embedding(TensorLayer):
    """Rows of a table by their numbers."""

    def __init__(self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform",
                 embeddings_regularizer: Any = None, embeddings_constraint: Any = None, mask_zero: bool = False,
                 weights: Any = None, **options: Any):  # fmt: skip
        options.pop("input_length", None)
        super().__init__(**options)
        self.input_dim, self.output_dim, self.mask_zero, self._first = input_dim, output_dim, mask_zero, weights
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self._autocast = False

    def build(self, input_shape: Any = None) -> None:
        """Make the table."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim), self.embeddings_initializer, name="embeddings",
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
        )  # fmt: skip
        if self._first is not None:
            self.embeddings.assign(np.asarray(self._first).reshape(self.input_dim, self.output_dim))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The rows."""
        places = inputs if inputs._array.dtype.kind in "iu" else cast(inputs, "int32")
        out = gather(self.embeddings, places)
        if self.mask_zero:
            out._keras_mask = from_array(inputs._array != 0)
        return out

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Which numbers are not 0."""
        return from_array(tensor_of(inputs)._array != 0) if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        own = {"input_dim": self.input_dim, "output_dim": self.output_dim, "mask_zero": self.mask_zero}
        return {**super().get_config(), **own}


class Masking(TensorLayer):
    """Steps of which all features are `mask_value` count as absent."""

    def __init__(self, mask_value: float = 0.0, **options: Any):
        super().__init__(**options)
        self.mask_value = mask_value

    def call(self, inputs: Any) -> Any:
        """The same with absent steps at 0."""
        present = (inputs._array != self.mask_value).any(-1)
        out = inputs * from_array(present[..., None].astype(inputs._array.dtype))
        out._keras_mask = from_array(present)
        return out


class InputLayer(Layer):
    """The start of a model."""

    shown: Any

    def __init__(self, shape: Any = None, batch_size: Any = None, dtype: Any = None, batch_shape: Any = None,
                 name: str | None = None, **options: Any):  # fmt: skip
        shape = options.pop("input_shape", shape)
        super().__init__(name=name, dtype=None)
        self.batch_shape = tuple(batch_shape) if batch_shape is not None else (batch_size, *tuple(shape))
        self._dtype, self.built = dtype or self._dtype, True

    def call(self, inputs: Any) -> Any:
        """The input itself."""
        return inputs


class Lambda(Layer):
    """A function as a layer."""

    def __init__(self, function: Any, output_shape: Any = None, mask: Any = None, arguments: Any = None,
                 **options: Any):  # fmt: skip
        super().__init__(**options)
        self.function, self.arguments = function, arguments or {}

    def call(self, inputs: Any) -> Any:
        """The function."""
        return self.function(inputs, **self.arguments)


class Rescaling(Layer):
    """inputs * scale + offset."""

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any):
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        """The numbers."""
        return cast(inputs, self.dtype) * self.scale + self.offset


__all__ = ["Dense", "Embedding", "InputLayer", "Lambda", "Masking", "Rescaling"]
