"""Activations as layers."""

from __future__ import annotations

from typing import Any

from wengert.tf import nn
from wengert.tf.keras import activations, initializers
from wengert.tf.keras.layers.layer import Layer, TensorLayer


class Activation(Layer):
    """An activation as a layer."""

    supports_masking = True

    def __init__(self, activation: Any, **options: Any):
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        """The activation."""
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


def activation_layer(name: str, function: Any, **defaults: Any) -> type[Layer]:
    """The layer of an activation with options."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        given = dict(zip(defaults, args, strict=False))
        own = {key: options.pop(key, given.get(key, value)) for key, value in defaults.items()}
        Layer.__init__(self, **options)
        self.options = own
        for key, value in own.items():
            setattr(self, key, value)

    def call(self: Any, inputs: Any) -> Any:
        """The activation."""
        return function(inputs, **self.options)

    def get_config(self: Any) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {**Layer.get_config(self), **self.options}

    body = {"__init__": __init__, "call": call, "get_config": get_config, "supports_masking": True,
            "__module__": __name__, "__doc__": function.__doc__}  # fmt: skip
    return type(name, (Layer,), body)


ReLU = activation_layer("ReLU", activations.relu, max_value=None, negative_slope=0.0, threshold=0.0)
LeakyReLU = activation_layer("LeakyReLU", activations.leaky_relu, negative_slope=0.3)
ELU = activation_layer("ELU", activations.elu, alpha=1.0)
Softmax = activation_layer("Softmax", activations.softmax, axis=-1)


class PReLU(TensorLayer):
    """x where positive, else a learned part of it."""

    def __init__(self, alpha_initializer: Any = "zeros", shared_axes: Any = None, **options: Any):
        super().__init__(**options)
        self.alpha_initializer, self.shared_axes = initializers.get(alpha_initializer), shared_axes or ()

    def build(self, input_shape: Any) -> None:
        """Make the slopes."""
        shape = [1 if i in self.shared_axes else n for i, n in enumerate(input_shape[1:], 1)]
        self.alpha = self.add_weight(shape, self.alpha_initializer, name="alpha")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The activation."""
        return nn.relu(inputs) - self.alpha * nn.relu(-inputs)


__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]
