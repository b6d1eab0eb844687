"""Normalisation layers that keep no statistics: layer, group, root-mean-square and local response."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn import functional_spatial as F
from wengert.nn import init
from wengert.nn.modules.module import Module
from wengert.nn.parameter import Parameter

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class LocalResponseNorm(Module):
    """x / (k + alpha * mean of squares over `size` neighbouring channels)^beta, for (N, C, *)."""

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The formula's numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """x / (k + alpha / size * sum of squares over `size` neighbouring channels)^beta, for (N, C, H, W).

    The window is centred: floor((size - 1) / 2) channels before, as many after.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        if input.ndim != 4:
            raise ValueRangeError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead.")
        n, c, h, w = input.shape
        reach = (self.size - 1) // 2
        squares = m.reshape(m.mul(input, input), (n, 1, c, h * w))
        squares = m.constant_pad_nd(squares, (0, 0, reach, reach), 0.0)
        sums = m.avg_pool2d(squares, (2 * reach + 1, 1), 1, divisor_override=1)
        if c > reach + 1:
            first = m.expand(m.slice(squares, 2, reach, reach + 1), (n, 1, c - reach - 1, h * w))
            sums = sums + m.constant_pad_nd(first, (0, 0, reach + 1, 0), 0.0)
        scale = m.reshape(sums, (n, c, h, w)) * (self.alpha / self.size) + self.k
        return input * m.pow(scale, -self.beta)

    def extra_repr(self) -> str:
        """The formula's numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def as_shape(normalized_shape: Any) -> tuple[int, ...]:
    """An int or a sequence of them as a shape."""
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dims, whose shape is normalized_shape.

    weight starts as 1, bias as 0; elementwise_affine False: neither.
    Source: J. L. Ba et al., Layer normalization (2016).
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            made = creation.empty(self.normalized_shape, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, None if made is None else Parameter(made))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return m.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Each of num_groups groups of channels of (N, C, *) normalised, then scaled per channel.

    weight starts as 1, bias as 0; affine False: neither.
    Raises: ValueRangeError unless the groups divide the channels.
    Source: Y. Wu, K. He, Group normalization (2018).
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups:
            raise ValueRangeError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = creation.empty(num_channels, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, None if made is None else Parameter(made))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return m.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Groups, channels and options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean of squares + eps) * weight over the last dims, whose shape is normalized_shape.

    eps None: the dtype's own.  weight starts as 1; elementwise_affine False: none.
    Source: B. Zhang, R. Sennrich, Root mean square layer normalization (2019).
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = creation.empty(self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", None if made is None else Parameter(made))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return m.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
