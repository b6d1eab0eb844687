"""Pooling layers: the largest, the mean or the p-norm of windows."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.nn import functional_spatial as F
from wengert.nn.modules.conv import as_tuple
from wengert.nn.modules.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _Ranked(Module):
    """A layer that is one function in each rank."""

    _rank = 0
    _function = ""

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(F, f"{self._function}{self._rank}d")(*args, **kwargs)


# ---------------------------------------------------------------- largest of windows


class _MaxPoolNd(_Ranked):
    """Largest element of each window."""

    __constants__ = ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]
    _function = "max_pool"

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        """The largest elements; with their indices if the layer was made so."""
        return self._call(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The windows."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """Largest element of each window of (N, C, L) or (C, L); stride is kernel_size unless given."""

    _rank = 1


class MaxPool2d(_MaxPoolNd):
    """Largest element of each window of (N, C, H, W) or (C, H, W); stride is kernel_size unless given."""

    _rank = 2


class MaxPool3d(_MaxPoolNd):
    """Largest element of each window of (N, C, D, H, W) or (C, D, H, W); stride is kernel_size unless given."""

    _rank = 3


class _MaxUnpoolNd(_Ranked):
    """Largest elements put back where they were."""

    _function = "max_unpool"

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, self._rank)
        self.stride = as_tuple(stride if stride is not None else kernel_size, self._rank)
        self.padding = as_tuple(padding, self._rank)

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """Zeros of output_size with each element of input at its index."""
        return self._call(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Inverse of MaxPool1d on its results and indices; everything else is 0."""

    _rank = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Inverse of MaxPool2d on its results and indices; everything else is 0."""

    _rank = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Inverse of MaxPool3d on its results and indices; everything else is 0."""

    _rank = 3


# ---------------------------------------------------------------- means of windows


class AvgPool1d(_Ranked):
    """Mean of each window of (N, C, L) or (C, L); stride is kernel_size unless given."""

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]
    _rank = 1
    _function = "avg_pool"

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, 1)
        self.stride = as_tuple(stride if stride is not None else kernel_size, 1)
        self.padding = as_tuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Any) -> Any:
        """The means."""
        return self._call(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(_Ranked):
    """Mean of each window, with a divisor that may be given."""

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"]
    _function = "avg_pool"

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        """The means."""
        return self._call(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPoolNd):
    """Mean of each window of (N, C, H, W) or (C, H, W); stride is kernel_size unless given."""

    _rank = 2


class AvgPool3d(_AvgPoolNd):
    """Mean of each window of (N, C, D, H, W) or (C, D, H, W); stride is kernel_size unless given."""

    _rank = 3


# ---------------------------------------------------------------- windows at random


class _FractionalMaxPoolNd(_Ranked):
    """Largest elements of windows that begin at random."""

    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]
    _function = "fractional_max_pool"

    def __init__(
        self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name, rank = type(self).__name__, self._rank
        if output_size is not None and output_ratio is not None:
            raise ValueRangeError("only one of output_size and output_ratio may be specified")
        if output_size is None and output_ratio is None:
            raise ValueRangeError(f"{name} requires specifying either an output size, or a pooling ratio")
        if any(k <= 0 for k in as_tuple(kernel_size, rank)):
            raise ValueRangeError(f"kernel_size must greater than zero for all dimensions, but got {kernel_size}")
        self.kernel_size = as_tuple(kernel_size, rank)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = as_tuple(output_size, rank) if output_size is not None else None
        self.output_ratio = as_tuple(output_ratio, rank) if output_ratio is not None else None
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueRangeError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Any) -> Any:
        """The largest elements; with their indices if the layer was made so."""
        return self._call(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Largest elements of output_size (or output_ratio times the size) windows of (N, C, H, W) that begin at random.

    Raises: ValueRangeError unless exactly one of output_size and output_ratio (between 0 and 1) is given.
    """

    _rank = 2


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """Largest elements of output_size (or output_ratio times the size) windows of (N, C, D, H, W), begun at random.

    Raises: ValueRangeError unless exactly one of output_size and output_ratio (between 0 and 1) is given.
    """

    _rank = 3


# ---------------------------------------------------------------- norms of windows


class _LPPoolNd(_Ranked):
    """p-norm of each window."""

    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]
    _function = "lp_pool"

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        """The norms."""
        return self._call(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The power and the windows."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """(sum of x^p over each window)^(1/p) of (N, C, L) or (C, L)."""

    _rank = 1


class LPPool2d(_LPPoolNd):
    """(sum of x^p over each window)^(1/p) of (N, C, H, W) or (C, H, W)."""

    _rank = 2


class LPPool3d(_LPPoolNd):
    """(sum of x^p over each window)^(1/p) of (N, C, D, H, W) or (C, D, H, W)."""

    _rank = 3


# ---------------------------------------------------------------- windows that cover the input


class _AdaptiveMaxPoolNd(_Ranked):
    """Largest elements of a given number of windows."""

    __constants__ = ["output_size", "return_indices"]
    _function = "adaptive_max_pool"

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        """The largest elements; with their indices if the layer was made so."""
        return self._call(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """The number of windows."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Largest elements of output_size windows that cover (N, C, L) or (C, L)."""

    _rank = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Largest elements of output_size windows that cover (N, C, H, W) or (C, H, W); None keeps a size."""

    _rank = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Largest elements of output_size windows that cover (N, C, D, H, W) or (C, D, H, W); None keeps a size."""

    _rank = 3


class _AdaptiveAvgPoolNd(_Ranked):
    """Means of a given number of windows."""

    __constants__ = ["output_size"]
    _function = "adaptive_avg_pool"

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        """The means."""
        return self._call(input, self.output_size)

    def extra_repr(self) -> str:
        """The number of windows."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means of output_size windows that cover (N, C, L) or (C, L)."""

    _rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means of output_size windows that cover (N, C, H, W) or (C, H, W); None keeps a size."""

    _rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means of output_size windows that cover (N, C, D, H, W) or (C, D, H, W); None keeps a size."""

    _rank = 3
