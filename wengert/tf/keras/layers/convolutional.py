"""Convolutions."""

from __future__ import annotations

from typing import Any

from wengert.tf import math, nn
from wengert.tf.arrays import expand_dims, pad, squeeze, transpose
from wengert.tf.keras import constraints, initializers, regularizers
from wengert.tf.keras.layers.core import WeightedLayer

CONVOLUTIONS = {1: nn.conv1d, 2: nn.conv2d, 3: nn.conv3d}
TRANSPOSES = {1: nn.conv1d_transpose, 2: nn.conv2d_transpose, 3: nn.conv3d_transpose}
LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def lengths(value: Any, count: int, what: str) -> tuple[int, ...]:
    """A length per spatial dim. Raises ValueError for another number of them or what is not positive."""
    out = (value,) * count if isinstance(value, int) else tuple(value)
    if len(out) != count or any(not isinstance(n, int) or n < 1 for n in out):
        raise ValueError(f"The `{what}` argument must be a tuple of {count} integers. Received {what}={value}")
    return out


class Conv(WeightedLayer):
    """Base of convolutions. Raises ValueError for sizes and a padding."""

    rank = 2

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
        dilation_rate: Any = 1, groups: int = 1, activation: Any = None, use_bias: bool = True, **options: Any,
    ):  # fmt: skip
        super().__init__(activation, use_bias, **options)
        if filters is not None and filters <= 0:
            raise ValueError(
                f"Invalid value for argument `filters`. Expected a strictly positive value. Received filters={filters}."
            )
        self.filters, self.groups = filters, groups
        self.kernel_size = lengths(kernel_size, self.rank, "kernel_size")
        self.strides = lengths(strides, self.rank, "strides")
        self.dilation_rate = lengths(dilation_rate, self.rank, "dilation_rate")
        self.padding = padding.lower()
        if self.padding not in ("valid", "same", *(("causal",) if self.rank == 1 else ())):
            raise ValueError(
                "The `padding` argument must be one of 'valid', 'same'"
                + (", 'causal'" if self.rank == 1 else "") + f". Received: {padding}"
            )  # fmt: skip
        self.first = data_format == "channels_first"
        self.data_format = data_format or "channels_last"
        self.channel_axis = 1 if self.first else -1
        self.min_ndim = self.ndim = None
        self.min_ndim = self.rank + 2

    def kernel_shape(self) -> tuple[int, ...]:
        """Shape of the kernel."""
        assert self.channels is not None
        return (*self.kernel_size, self.channels // self.groups, self.filters)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        self.channels = input_shape[self.channel_axis]
        if self.channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. The input_shape received is "
                f"{input_shape}, where axis {self.channel_axis} (0-based) is the channel dimension, which found to be "
                "`None`."
            )
        if self.channels % self.groups or (self.filters or 0) % self.groups:
            raise ValueError(
                f"The number of input channels must be evenly divisible by the number of groups. Received "
                f"groups={self.groups}, but the input has {self.channels} channels (full input shape is {input_shape})."
            )
        self.kernel = self.add_part("kernel", self.kernel_shape())
        if self.use_bias:
            self.bias = self.add_part("bias", (self.kernel_shape()[-1],) if self.filters is None else (self.filters,))
        self.built = True

    def convolved(self, x: Any) -> Any:
        """The convolution itself."""
        padding = self.padding.upper()
        if padding == "CAUSAL":
            x = pad(x, [(0, 0), ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0), (0, 0)])
            padding = "VALID"
        return CONVOLUTIONS[self.rank](x, self.kernel, self.strides, padding, LAST[self.rank], self.dilation_rate)

    def call(self, inputs: Any) -> Any:
        """The convolution, the bias and the activation."""
        back, front = (0, *range(2, self.rank + 2), 1), (0, self.rank + 1, *range(1, self.rank + 1))
        out = self.convolved(transpose(inputs, back) if self.first else inputs)
        if self.use_bias:
            out = math.add(out, self.bias)
        return self.activation(transpose(out, front) if self.first else out)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        keys = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


class ConvTranspose(Conv):
    """Base of transposed convolutions."""

    def __init__(self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
                 output_padding: Any = None, data_format: Any = None, dilation_rate: Any = 1, activation: Any = None,
                 use_bias: bool = True, **options: Any):  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias, **options
        )
        given = output_padding
        self.output_padding = (given,) * self.rank if isinstance(given, int) or given is None else tuple(given)

    def kernel_shape(self) -> tuple[int, ...]:
        """Shape of the kernel."""
        assert self.channels is not None
        return (*self.kernel_size, self.filters, self.channels)

    def convolved(self, x: Any) -> Any:
        """The transposed convolution."""
        shape = [
            self.length(n, i) for i, n in enumerate(x._array.shape[1:-1])
        ]  # fmt: skip
        return TRANSPOSES[self.rank](
            x, self.kernel, (x._array.shape[0], *shape, self.filters), self.strides, self.padding.upper(),
            LAST[self.rank], self.dilation_rate,
        )  # fmt: skip

    def length(self, n: int, i: int) -> int:
        """Length of a dim of the result."""
        window = (self.kernel_size[i] - 1) * self.dilation_rate[i] + 1
        extra = self.output_padding[i]
        if extra is None:
            return n * self.strides[i] + (max(window - self.strides[i], 0) if self.padding == "valid" else 0)
        margin = 2 * (window // 2) if self.padding == "same" else 0
        return (n - 1) * self.strides[i] + window - margin + extra


class DepthwiseConv(Conv):
    """Base of convolutions of every channel by itself."""

    def __init__(
        self, kernel_size: Any, strides: Any = 1, padding: str = "valid", depth_multiplier: int = 1,
        data_format: Any = None, dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform", depthwise_regularizer: Any = None,
        depthwise_constraint: Any = None, **options: Any,
    ):  # fmt: skip
        own = {"kernel_initializer": depthwise_initializer, "kernel_regularizer": depthwise_regularizer,
               "kernel_constraint": depthwise_constraint}  # fmt: skip
        # The number of filters follows from the channels.
        super().__init__(
            None, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias, **own, **options
        )
        self.depth_multiplier = depth_multiplier

    def kernel_shape(self) -> tuple[int, ...]:
        """Shape of the kernel."""
        assert self.channels is not None
        return (*self.kernel_size, self.channels, self.depth_multiplier)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        self.channels = input_shape[self.channel_axis]
        self.kernel = self.add_part("kernel", self.kernel_shape())
        if self.use_bias:
            self.bias = self.add_part("bias", (input_shape[self.channel_axis] * self.depth_multiplier,))
        self.built = True

    def convolved(self, x: Any) -> Any:
        """The convolution itself; one spatial dim is one row of two."""
        line = self.rank == 1
        wide = (self.strides[0],) * 2 if line else self.strides
        out = nn.depthwise_conv2d(
            expand_dims(x, 1) if line else x, expand_dims(self.kernel, 0) if line else self.kernel, (1, *wide, 1),
            self.padding.upper(), dilations=(1, *self.dilation_rate) if line else self.dilation_rate,
        )  # fmt: skip
        return squeeze(out, [1]) if line else out


class SeparableConv(Conv):
    """A depthwise convolution, then one that mixes the channels."""

    depthwise_kernel: Any
    pointwise_kernel: Any

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
        dilation_rate: Any = 1, depth_multiplier: int = 1, activation: Any = None, use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform", pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, pointwise_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None,
        pointwise_constraint: Any = None, bias_constraint: Any = None, **options: Any,
    ):  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias,
            kernel_initializer="zeros", bias_initializer=bias_initializer, bias_regularizer=bias_regularizer,
            bias_constraint=bias_constraint, activity_regularizer=activity_regularizer, **options,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        self.channels = input_shape[self.channel_axis]
        assert self.channels is not None
        shapes = {
            "depthwise": (*self.kernel_size, self.channels, self.depth_multiplier),
            "pointwise": (*(1,) * self.rank, self.channels * self.depth_multiplier, self.filters),
        }
        for part, shape in shapes.items():
            setattr(self, f"{part}_kernel", self.add_weight(
                shape, getattr(self, f"{part}_initializer"), regularizer=getattr(self, f"{part}_regularizer"),
                constraint=getattr(self, f"{part}_constraint"), name=f"{part}_kernel",
            ))  # fmt: skip
        if self.use_bias:
            self.bias = self.add_part("bias", (self.filters,))
        self.built = True

    def convolved(self, x: Any) -> Any:
        """Both convolutions; one spatial dim is one row of two."""
        line = self.rank == 1
        first, second = self.depthwise_kernel, self.pointwise_kernel
        if line:
            x, first, second = expand_dims(x, 1), expand_dims(first, 0), expand_dims(second, 0)
        wide = (self.strides[0],) * 2 if line else self.strides
        dilation = (1, *self.dilation_rate) if line else self.dilation_rate
        out = nn.separable_conv2d(x, first, second, (1, *wide, 1), self.padding.upper(), dilations=dilation)
        return squeeze(out, [1]) if line else out


def ranked(base: Any, name: str, rank: int) -> Any:
    """A layer for a number of spatial dims."""
    return type(name, (base,), {"rank": rank, "__module__": __name__, "__doc__": base.__doc__})


Conv1D, Conv2D, Conv3D = (ranked(Conv, f"Conv{n}D", n) for n in (1, 2, 3))
Conv1DTranspose, Conv2DTranspose, Conv3DTranspose = (ranked(ConvTranspose, f"Conv{n}DTranspose", n) for n in (1, 2, 3))
DepthwiseConv1D, DepthwiseConv2D = (ranked(DepthwiseConv, f"DepthwiseConv{n}D", n) for n in (1, 2))
SeparableConv1D, SeparableConv2D = (ranked(SeparableConv, f"SeparableConv{n}D", n) for n in (1, 2))
Convolution1D, Convolution2D, Convolution3D, Convolution2DTranspose = Conv1D, Conv2D, Conv3D, Conv2DTranspose

__all__ = [
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "Convolution1D",
    "Convolution2D", "Convolution2DTranspose", "Convolution3D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D",
    "SeparableConv2D",
]  # fmt: skip
