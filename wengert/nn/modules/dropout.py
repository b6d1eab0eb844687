"""Dropout as layers: active in training, the identity in evaluation."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.nn import functional_dropout as F
from wengert.nn.modules.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """What the layers share.  Raises: ValueRangeError for p outside [0, 1]."""

    __constants__ = ["p", "inplace"]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueRangeError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Elements become 0 with probability p, the others are divided by 1 - p."""

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Whole channels of (N, C, L) or (C, L) become 0 with probability p."""

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Whole channels of (N, C, H, W) become 0 with probability p."""

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) become 0 with probability p."""

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for networks of SELU: dropped elements get its lower limit, mean and variance stay."""

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels."""

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.feature_alpha_dropout(input, self.p, self.training)
