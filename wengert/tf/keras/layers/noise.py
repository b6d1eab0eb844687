"""Layers that draw random numbers in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import random
from wengert.tf.keras.layers.layer import TensorLayer
from wengert.tf.keras.state import SeedGenerator, drawn_seed
from wengert.tf.tensor import from_array


class RandomLayer(TensorLayer):
    """Base of layers that draw numbers in training."""

    supports_masking = True

    def __init__(self, rate: float, seed: Any = None, **options: Any):
        super().__init__(**options)
        self.seed, self.rate = seed, rate
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)


class Dropout(RandomLayer):
    """Elements set to 0 with probability `rate` in training, others scaled. Raises ValueError for a rate."""

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **options: Any):
        if not 0 <= rate <= 1:
            raise ValueError(
                f"Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: "
                f"rate={rate}"
            )
        super().__init__(rate, seed, **options)
        self.noise_shape = noise_shape

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The noise, in training."""
        return dropped(inputs, self.rate, self.noise(inputs), self.seed_generator) if training and self.rate else inputs

    def noise(self, x: Any) -> Any:
        """Shape of the noise."""
        shape = x._array.shape
        if self.noise_shape is None:
            return shape
        return tuple(n if k is None else k for n, k in zip(shape, self.noise_shape, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


def dropped(x: Any, rate: float, shape: Any, seed: Any) -> Any:
    """Elements set to 0 with probability `rate`, others scaled by 1 / (1 - rate)."""
    if rate >= 1:
        return x * 0.0
    noise = random.stateless_uniform(shape, drawn_seed(seed), dtype=x.dtype)._array
    kept = from_array(np.broadcast_to(noise >= rate, x._array.shape).astype(x._array.dtype))
    return x * (1.0 / (1.0 - rate)) * kept


class SpatialDropout(Dropout):
    """Whole channels set to 0."""

    def __init__(self, rate: float, seed: Any = None, **options: Any):
        options.pop("data_format", None)
        super().__init__(rate, None, seed, **options)

    def noise(self, x: Any) -> Any:
        """One number for each channel."""
        shape = x._array.shape
        return (shape[0], *[1] * (len(shape) - 2), shape[-1])


SpatialDropout1D = type("SpatialDropout1D", (SpatialDropout,), {"ndim": 3, "__module__": __name__})
SpatialDropout2D = type("SpatialDropout2D", (SpatialDropout,), {"ndim": 4, "__module__": __name__})
SpatialDropout3D = type("SpatialDropout3D", (SpatialDropout,), {"ndim": 5, "__module__": __name__})


class GaussianNoise(RandomLayer):
    """Normal numbers added in training."""

    def __init__(self, stddev: float, seed: Any = None, **options: Any):
        super().__init__(stddev, seed, **options)
        self.stddev = stddev

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The noise, in training."""
        if not training or not self.stddev:
            return inputs
        seed = drawn_seed(self.seed_generator)
        return inputs + random.stateless_normal(inputs._array.shape, seed, 0.0, self.stddev, inputs.dtype)


class GaussianDropout(RandomLayer):
    """Elements times normal numbers around 1 in training."""

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The noise, in training."""
        if not training or not self.rate:
            return inputs
        seed, width = drawn_seed(self.seed_generator), float(np.sqrt(self.rate / (1.0 - self.rate)))
        return inputs * random.stateless_normal(inputs._array.shape, seed, 1.0, width, inputs.dtype)


__all__ = [
    "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
]  # fmt: skip
