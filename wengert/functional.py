"""Functions of the main namespace that torch writes in Python (`torch.functional`)."""

from __future__ import annotations

from wengert.core.arrays.shape import common_shape as broadcast_shapes
from wengert.core.tensor.methods import SPACES as _SPACES

_NAMES = (
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_tensors", "cartesian_prod", "cdist",
    "chain_matmul", "einsum", "istft", "lu", "meshgrid", "norm", "split", "stft", "tensordot", "unique",
    "unique_consecutive", "unravel_index",
)  # fmt: skip
globals().update({name: _SPACES[""][name] for name in _NAMES if name in _SPACES[""]})

__all__ = ["broadcast_shapes", *(name for name in _NAMES if name in _SPACES[""])]  # noqa: PLE0604
