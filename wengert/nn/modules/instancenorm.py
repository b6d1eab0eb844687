"""Instance normalisation layers: each channel of each element by itself."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.nn import functional_spatial as F
from wengert.nn.modules.batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """What the instance norms share."""

    _rank = 0

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Any) -> None:
        if input.ndim not in (self._rank + 1, self._rank + 2):
            raise ValueRangeError(f"expected {self._rank + 1}D or {self._rank + 2}D input (got {input.ndim}D input)")

    def _get_no_batch_dim(self) -> int:
        return self._rank + 1

    def _apply_instance_norm(self, input: Any) -> Any:
        return F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, 0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip

    def forward(self, input: Any) -> Any:
        """The normalised input; the batch dim may be missing."""
        self._check_input_dim(input)
        dim = input.ndim - self._get_no_batch_dim()
        if input.shape[dim] != self.num_features:
            if self.affine:
                raise ValueRangeError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                    f"{input.shape[dim]}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not "
                "passing in "
                "num_features, which is not used because affine=False",
                stacklevel=2,
            )
        if input.ndim == self._get_no_batch_dim():
            return m.squeeze(self._apply_instance_norm(m.unsqueeze(input, 0)), 0)
        return self._apply_instance_norm(input)


class InstanceNorm1d(_InstanceNorm):
    """(x - mean) / sqrt(variance + eps) [* weight + bias] for each channel of each element of (N, C, L) or (C, L).

    affine and track_running_stats are off unless asked for.
    Raises: ValueRangeError for other ranks and channels.
    Source: D. Ulyanov et al., Instance normalization (2016).
    """

    _rank = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W); see InstanceNorm1d."""

    _rank = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W); see InstanceNorm1d."""

    _rank = 3


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d that takes num_features from its first input, and is an InstanceNorm1d from then on."""

    _rank = 1
    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d that takes num_features from its first input, and is an InstanceNorm2d from then on."""

    _rank = 2
    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d that takes num_features from its first input, and is an InstanceNorm3d from then on."""

    _rank = 3
    cls_to_become = InstanceNorm3d
