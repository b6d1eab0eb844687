"""Convolution layers, their transposes, and those that learn their channels from the first input."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.base.errors import ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn import init
from wengert.nn.functional_padding import pad
from wengert.nn.modules.lazy import LazyModuleMixin
from wengert.nn.modules.module import Module
from wengert.nn.parameter import Parameter, UninitializedParameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

_MODES = ("zeros", "reflect", "replicate", "circular")


def as_tuple(value: Any, rank: int) -> tuple[Any, ...]:
    """One entry per dim."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def _check(in_channels: int, out_channels: int, groups: int, stride: Any, padding: Any, padding_mode: str) -> None:
    if groups <= 0:
        raise ValueRangeError(f"groups must be a positive integer, got {groups}")
    if in_channels % groups:
        raise ValueRangeError(f"in_channels must be divisible by groups, got {in_channels} and {groups}")
    if out_channels % groups:
        raise ValueRangeError(f"out_channels must be divisible by groups, got {out_channels} and {groups}")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueRangeError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueRangeError(f"padding='same' is not supported for strided convolutions, got stride={stride}")
    if padding_mode not in _MODES:
        raise ValueRangeError(f"padding_mode must be one of {set(_MODES)}, but got padding_mode='{padding_mode}'")


def _around(kernel: Any, padding: Any, dilation: Any) -> list[int]:
    """Padding before and after each dim, the last dim first, as `pad` takes it."""
    if padding == "valid":
        return [0] * (2 * len(kernel))
    if padding != "same":
        return [p for p in reversed(padding) for _ in range(2)]
    found = []
    for k, d in zip(reversed(kernel), reversed(dilation), strict=True):
        total = d * (k - 1)
        found += [total // 2, total - total // 2]
    return found


class _ConvNd(Module):
    """What all convolutions share: attributes, parameters and their first values."""

    __constants__ = [
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels", "out_channels",
        "kernel_size",
    ]  # fmt: skip
    _rank = 0
    bias: Any

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
        transposed: bool, output_padding: Any, groups: int, bias: bool, padding_mode: str, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check(in_channels, out_channels, groups, stride, padding, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _around(kernel_size, padding, dilation)
        pair = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(creation.empty((*pair, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(creation.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values, uniform in ±1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and what differs from the defaults."""
        rank = len(self.kernel_size)
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * rank:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * rank:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * rank:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        if not hasattr(self, "padding_mode"):
            self.padding_mode = "zeros"


# ---------------------------------------------------------------- convolutions


class _Conv(_ConvNd):
    """A convolution of `_rank` spatial dims."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        rank = self._rank
        super().__init__(
            in_channels, out_channels, as_tuple(kernel_size, rank), as_tuple(stride, rank),
            padding if isinstance(padding, str) else as_tuple(padding, rank), as_tuple(dilation, rank), False,
            (0,) * rank, groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        convolve = getattr(m, f"conv{self._rank}d")
        if self.padding_mode == "zeros":
            return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        wide = pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return convolve(wide, weight, bias, self.stride, (0,) * self._rank, self.dilation, self.groups)

    def forward(self, input: Any) -> Any:
        """The convolution of input."""
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution of (N, C, L) or (C, L): out[o] = bias[o] + sum over c of weight[o, c] * input[c].

    weight (out_channels, in_channels / groups, k) and bias start uniform in ±1 / sqrt(in_channels / groups * k).
    padding: ints, "valid" or "same"; padding_mode: zeros, reflect, replicate or circular.
    Raises: ValueRangeError for channels, groups or paddings that do not fit.
    """

    _rank = 1


class Conv2d(_Conv):
    """Convolution of (N, C, H, W) or (C, H, W) with weight (out_channels, in_channels / groups, kH, kW).

    First values, padding and errors as in Conv1d.
    """

    _rank = 2


class Conv3d(_Conv):
    """Convolution of (N, C, D, H, W) or (C, D, H, W) with weight (out_channels, in_channels / groups, kD, kH, kW).

    First values, padding and errors as in Conv1d.
    """

    _rank = 3


# ---------------------------------------------------------------- transposes


class _ConvTransposeNd(_ConvNd):
    """The transpose of a convolution of `_rank` spatial dims."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueRangeError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        rank = self._rank
        super().__init__(
            in_channels, out_channels, as_tuple(kernel_size, rank), as_tuple(stride, rank), as_tuple(padding, rank),
            as_tuple(dilation, rank), True, as_tuple(output_padding, rank), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(
        self, input: Any, output_size: Any, stride: Any, padding: Any, kernel_size: Any, num_spatial_dims: int,
        dilation: Any = None,
    ) -> Any:  # fmt: skip
        """What to add at the ends so that the result has output_size."""
        if output_size is None:
            return self.output_padding
        rank = num_spatial_dims
        batched = input.ndim == rank + 2
        wanted = list(output_size)
        if len(wanted) == rank + 1 + batched:
            wanted = wanted[1 + batched :]
        if len(wanted) != rank:
            raise ValueRangeError(
                f"ConvTranspose{rank}D: for {input.ndim}D input, output_size must have {rank} or {rank + 1 + batched} "
                f"elements (got {len(output_size)})"
            )
        dilation = (1,) * rank if dilation is None else dilation
        size = input.shape[input.ndim - rank :]
        least = [
            (size[i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel_size[i] - 1) + 1 for i in range(rank)
        ]
        most = [least[i] + stride[i] - 1 for i in range(rank)]
        if any(not a <= n <= b for n, a, b in zip(wanted, least, most, strict=True)):
            raise ValueRangeError(
                f"requested an output size of {tuple(output_size)}, but valid sizes range from {least} to {most} "
                "(for an "
                f"input of {size})"
            )
        return tuple([n - a for n, a in zip(wanted, least, strict=True)])

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """The transposed convolution of input; output_size chooses among the sizes that a stride allows."""
        rank = self._rank
        extra = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, rank, self.dilation
        )
        return getattr(m, f"conv_transpose{rank}d")(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTransposeNd):
    """Transpose of Conv1d: (N, C, L) -> (N, O, (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1).

    weight (in_channels, out_channels / groups, k) and bias start uniform in ±1 / sqrt(out_channels / groups * k).
    Raises: ValueRangeError for another padding mode than zeros and an output_size that cannot be.
    """

    _rank = 1


class ConvTranspose2d(_ConvTransposeNd):
    """Transpose of Conv2d, with weight (in_channels, out_channels / groups, kH, kW); see ConvTranspose1d."""

    _rank = 2


class ConvTranspose3d(_ConvTransposeNd):
    """Transpose of Conv3d, with weight (in_channels, out_channels / groups, kD, kH, kW); see ConvTranspose1d."""

    _rank = 3


# ---------------------------------------------------------------- lazy ones


class _LazyConvXdMixin(LazyModuleMixin):
    """A convolution that takes in_channels from its first input."""

    weight: Any
    bias: Any
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    groups: int
    transposed: bool
    _rank: int

    def _start(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        """Parameters without a shape."""
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new values, once there are parameters."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Any, *args: Any, **kwargs: Any) -> None:
        """Make the parameters for inputs like this one."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups:
            raise ValueRangeError("in_channels must be divisible by groups")
        pair = (self.in_channels, self.out_channels // self.groups)
        if not self.transposed:
            pair = (self.out_channels, self.in_channels // self.groups)
        self.weight.materialize((*pair, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Any) -> int:
        rank = self._rank
        if input.ndim not in (rank + 1, rank + 2):
            raise ShapeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {type(self).__name__}, but "
                "got input "
                f"of size: {input.shape}"
            )
        return input.shape[1] if input.ndim == rank + 2 else input.shape[0]

    def _get_num_spatial_dims(self) -> int:
        return self._rank


class _LazyConv(_LazyConvXdMixin):
    """The constructor of lazy convolutions."""

    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._start(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    """The constructor of lazy transposed convolutions."""

    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._start(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that takes in_channels from its first input, and is a Conv1d from then on."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that takes in_channels from its first input, and is a Conv2d from then on."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that takes in_channels from its first input, and is a Conv3d from then on."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that takes in_channels from its first input, and is a ConvTranspose1d from then on."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that takes in_channels from its first input, and is a ConvTranspose2d from then on."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that takes in_channels from its first input, and is a ConvTranspose3d from then on."""

    cls_to_become = ConvTranspose3d
