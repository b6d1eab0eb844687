"""Normalisation by batch, layer, group and length."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import math, nn
from wengert.tf.arrays import reshape
from wengert.tf.keras import constraints, initializers, regularizers
from wengert.tf.keras.layers.layer import TensorLayer
from wengert.tf.reductions import reduce_mean
from wengert.tf.tensor import bare


class Normalization(TensorLayer):
    """Base of layers with a learned scale (gamma) and shift (beta)."""

    supports_masking = True

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", beta_regularizer: Any = None,
        gamma_regularizer: Any = None, beta_constraint: Any = None, gamma_constraint: Any = None, **options: Any,
    ):  # fmt: skip
        super().__init__(**options)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        self.beta_initializer, self.gamma_initializer = map(initializers.get, (beta_initializer, gamma_initializer))
        self.beta_regularizer, self.gamma_regularizer = map(regularizers.get, (beta_regularizer, gamma_regularizer))
        self.beta_constraint, self.gamma_constraint = map(constraints.get, (beta_constraint, gamma_constraint))
        self.gamma = self.beta = None

    def add_parts(self, shape: Any) -> None:
        """Make gamma and beta."""
        for part, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                setattr(self, part, self.add_weight(
                    shape, getattr(self, f"{part}_initializer"), regularizer=getattr(self, f"{part}_regularizer"),
                    constraint=getattr(self, f"{part}_constraint"), name=part,
                ))  # fmt: skip
        self.built = True

    def scaled(self, x: Any, mean: Any, variance: Any, shape: Any) -> Any:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with all four in `shape` if one is given."""

        def fit(v: Any) -> Any:
            return v if v is None or shape is None else reshape(v, shape)

        factor = math.rsqrt(fit(variance) + self.epsilon)
        if self.gamma is not None:
            factor = factor * fit(self.gamma)
        shift = -fit(mean) * factor
        if self.beta is not None:
            shift = shift + fit(self.beta)
        return x * factor + shift

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        keys = ("axis", "epsilon", "center", "scale")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


class BatchNormalization(Normalization):
    """Each channel by its mean and variance in the batch (training) or their running means."""

    def __init__(self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
                 scale: bool = True, beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
                 moving_mean_initializer: Any = "zeros", moving_variance_initializer: Any = "ones",
                 **options: Any):  # fmt: skip
        super().__init__(axis, epsilon, center, scale, beta_initializer, gamma_initializer, **options)
        self.momentum = float(momentum)
        self.firsts = initializers.get(moving_mean_initializer), initializers.get(moving_variance_initializer)

    def build(self, input_shape: Any) -> None:
        """Make gamma, beta and the running means."""
        self.channels, self.channel_axis = input_shape[self.axis], self.axis
        shape = (self.channels,)
        self.add_parts(shape)
        self.moving_mean = self.add_weight(shape, self.firsts[0], trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(shape, self.firsts[1], trainable=False, name="moving_variance")

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """The normalisation; in training the running means move."""
        rank = inputs._array.ndim
        axis = self.axis % rank
        dims = [d for d in range(rank) if d != axis]
        if training and self.trainable:
            mean = reduce_mean(inputs, dims)
            wide = [inputs._array.shape[axis] if d == axis else 1 for d in range(rank)]
            variance = reduce_mean(math.square(inputs - reshape(mean, wide)), dims)
            for v, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kind = v._array.dtype.type
                kept, new = kind(self.momentum), kind(1.0 - self.momentum)
                v.replace(np.asarray(v._array * kept + bare(now)._array * new))
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        shape = None if axis == rank - 1 else [inputs._array.shape[axis] if d == axis else 1 for d in range(rank)]
        return self.scaled(inputs, mean, variance, shape)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {**super().get_config(), "momentum": self.momentum}


class LayerNormalization(Normalization):
    """Each example by the mean and variance over `axis`."""

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta."""
        axes = self.axis if isinstance(self.axis, (tuple, list)) else [self.axis]
        self.axes = sorted(a % len(input_shape) for a in axes)
        self.add_parts(tuple(input_shape[a] for a in self.axes))

    def call(self, inputs: Any) -> Any:
        """The normalisation."""
        mean = reduce_mean(inputs, self.axes, True)
        variance = reduce_mean(math.square(inputs - mean), self.axes, True)
        wide = [n if d in self.axes else 1 for d, n in enumerate(inputs._array.shape)]
        out = (inputs - mean) * math.rsqrt(variance + self.epsilon)
        out = out if self.gamma is None else out * reshape(self.gamma, wide)
        return out if self.beta is None else out + reshape(self.beta, wide)


class RMSNormalization(TensorLayer):
    """Each example by the root of the mean of its squares."""

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **options: Any):
        super().__init__(**options)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        self.scale = self.add_weight((input_shape[self.axis],), "ones", name="scale")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The normalisation."""
        return inputs * math.rsqrt(reduce_mean(math.square(inputs), self.axis, True) + self.epsilon) * self.scale


class GroupNormalization(Normalization):
    """Each example by the mean and variance of groups of channels. Raises ValueError for a number of groups."""

    def __init__(self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, **options: Any):
        super().__init__(axis, epsilon, **options)
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta."""
        count = input_shape[self.axis]
        if self.groups == -1:
            self.groups = count
        if count < self.groups or count % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must be a multiple of the number of channels ({count})."
            )
        self.add_parts((count,))

    def call(self, inputs: Any) -> Any:
        """The normalisation."""
        shape = inputs._array.shape
        axis = self.axis % len(shape)
        split = [*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]]
        x = reshape(inputs, split)
        dims = [d for d in range(1, len(split)) if d != axis]
        mean = reduce_mean(x, dims, True)
        variance = reduce_mean(math.square(x - mean), dims, True)
        out = reshape((x - mean) * math.rsqrt(variance + self.epsilon), shape)
        wide = [n if d == axis else 1 for d, n in enumerate(shape)]
        out = out if self.gamma is None else out * reshape(self.gamma, wide)
        return out if self.beta is None else out + reshape(self.beta, wide)


class UnitNormalization(TensorLayer):
    """Each example of length 1 along `axis`."""

    def __init__(self, axis: Any = -1, **options: Any):
        super().__init__(**options)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """The normalisation."""
        return nn.l2_normalize(inputs, self.axis)
