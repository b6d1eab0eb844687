"""Convolutions."""

from __future__ import annotations

from typing import Any

from wengert.tf import math, nn
from wengert.tf.arrays import pad, transpose
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
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
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

    def __init__(self, kernel_size: Any, strides: Any = 1, padding: str = "valid", depth_multiplier: int = 1,
                 data_format: Any = None, dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True,
                 depthwise_initializer: Any = "glorot_uniform", **options: Any):  # fmt: skip
        super().__init__(
            None, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias,  # type: ignore[arg-type]
            kernel_initializer=depthwise_initializer, **options,
        )  # fmt: skip
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
        """The convolution itself."""
        return nn.depthwise_conv2d(
            x, self.kernel, (1, *self.strides, 1), self.padding.upper(), dilations=self.dilation_rate
        )


class SeparableConv2D(Conv):
    """A depthwise convolution, then one that mixes the channels."""

    def __init__(self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
                 data_format: Any = None, dilation_rate: Any = 1, depth_multiplier: int = 1, activation: Any = None,
                 use_bias: bool = True, **options: Any):  # fmt: skip
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias,
                         **options)  # fmt: skip
        self.depth_multiplier = depth_multiplier

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        self.channels = input_shape[self.channel_axis]
        assert self.channels is not None
        shape = (*self.kernel_size, self.channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_weight(shape, "glorot_uniform", name="depthwise_kernel")
        wide = (1, 1, self.channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.add_weight(wide, "glorot_uniform", name="pointwise_kernel")
        if self.use_bias:
            self.bias = self.add_part("bias", (self.filters,))
        self.built = True

    def convolved(self, x: Any) -> Any:
        """Both convolutions."""
        return nn.separable_conv2d(
            x, self.depthwise_kernel, self.pointwise_kernel, (1, *self.strides, 1), self.padding.upper(),
            dilations=self.dilation_rate,
        )  # fmt: skip


def ranked(base: Any, name: str, rank: int) -> Any:
    """A layer for a number of spatial dims."""
    return type(name, (base,), {"rank": rank, "__module__": __name__, "__doc__": base.__doc__})


Conv1D, Conv2D, Conv3D = (ranked(Conv, f"Conv{n}D", n) for n in (1, 2, 3))
Conv1DTranspose, Conv2DTranspose, Conv3DTranspose = (ranked(ConvTranspose, f"Conv{n}DTranspose", n) for n in (1, 2, 3))
DepthwiseConv2D = ranked(DepthwiseConv, "DepthwiseConv2D", 2)
Convolution1D, Convolution2D, Convolution3D, Convolution2DTranspose = Conv1D, Conv2D, Conv3D, Conv2DTranspose

__all__ = [
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "Convolution1D",
    "Convolution2D", "Convolution2DTranspose", "Convolution3D", "DepthwiseConv2D", "SeparableConv2D",
]  # fmt: skip
