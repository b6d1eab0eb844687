"""Batch normalisation layers and what they share with the instance norms: affine parameters, running statistics."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.dtype import int64
from wengert.core.base.errors import ValueRangeError
from wengert.core.tensor import creation
from wengert.core.tensor.data import tensor
from wengert.nn import functional_spatial as F
from wengert.nn import init
from wengert.nn.modules.lazy import LazyModuleMixin
from wengert.nn.modules.module import Module
from wengert.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Affine parameters and running statistics of a norm over channels."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        made = {"device": device, "dtype": dtype}
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, Parameter(creation.empty(num_features, **made)) if wanted else None)
        if track_running_stats:
            self.register_buffer("running_mean", creation.zeros(num_features, **made))
            self.register_buffer("running_var", creation.ones(num_features, **made))
            self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Channels and options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: Any, unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:  # fmt: skip
        version = local_metadata.get("version", None)
        if (version is None or version < 2) and self.track_running_stats:
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                own = self.num_batches_tracked
                state_dict[key] = own if own is not None else tensor(0, dtype=int64)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """Each channel normalised over batch and space."""

    def forward(self, input: Any) -> Any:
        """The normalised input; in training mode the running statistics move."""
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        own = self.training or (self.running_mean is None and self.running_var is None)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input, self.running_mean if tracked else None, self.running_var if tracked else None, self.weight,
            self.bias, own, factor, self.eps,
        )  # fmt: skip


def _check_rank(input: Any, *ranks: int) -> None:
    if input.ndim not in ranks:
        raise ValueRangeError(f"expected {' or '.join(f'{n}D' for n in ranks)} input (got {input.ndim}D input)")


class _BatchNorm1d:
    def _check_input_dim(self, input: Any) -> None:
        _check_rank(input, 2, 3)


class _BatchNorm2d:
    def _check_input_dim(self, input: Any) -> None:
        _check_rank(input, 4)


class _BatchNorm3d:
    def _check_input_dim(self, input: Any) -> None:
        _check_rank(input, 5)


class BatchNorm1d(_BatchNorm1d, _BatchNorm):
    """(x - mean) / sqrt(variance + eps) * weight + bias for each channel of (N, C) or (N, C, L).

    In training mode mean and (biased) variance are the batch's, and the running ones move towards them by `momentum`
    (None: their plain average); in eval mode the running ones are used.  weight starts as 1, bias as 0.
    Raises: ValueRangeError for other ranks.
    Source: S. Ioffe, C. Szegedy, Batch normalization (2015).
    """


class BatchNorm2d(_BatchNorm2d, _BatchNorm):
    """Batch normalisation of each channel of (N, C, H, W); see BatchNorm1d."""


class BatchNorm3d(_BatchNorm3d, _BatchNorm):
    """Batch normalisation of each channel of (N, C, D, H, W); see BatchNorm1d."""


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation whose statistics span all processes of a group; here, in one process, BatchNorm itself."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, process_group: Any = None, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Any) -> None:
        if input.ndim < 2:
            raise ValueRangeError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Any, process_group: Any = None) -> Any:
        """A module with every batch norm in it replaced by a SyncBatchNorm that has its parameters and buffers."""
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group, bias=module.bias is not None,
            )  # fmt: skip
            made.weight, made.bias = module.weight, module.bias
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


# ---------------------------------------------------------------- lazy ones


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """A norm that takes num_features from its first input."""

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        made = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**made)
            if bias:
                self.bias = UninitializedParameter(**made)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**made)
            self.running_var = UninitializedBuffer(**made)
            self.num_batches_tracked = tensor(0, dtype=int64, device=device)

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0, once there are parameters."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Make parameters and buffers for inputs like this one."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        if self.affine:
            self.weight.materialize((self.num_features,))
            if self.bias is not None:
                self.bias.materialize((self.num_features,))
        if self.track_running_stats:
            self.running_mean.materialize((self.num_features,))
            self.running_var.materialize((self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_BatchNorm1d, _LazyNormBase, _BatchNorm):
    """A BatchNorm1d that takes num_features from its first input, and is a BatchNorm1d from then on."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_BatchNorm2d, _LazyNormBase, _BatchNorm):
    """A BatchNorm2d that takes num_features from its first input, and is a BatchNorm2d from then on."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_BatchNorm3d, _LazyNormBase, _BatchNorm):
    """A BatchNorm3d that takes num_features from its first input, and is a BatchNorm3d from then on."""

    cls_to_become = BatchNorm3d
