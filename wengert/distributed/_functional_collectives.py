"""Collectives that answer with a new tensor (`torch.distributed._functional_collectives`), of one contribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def wait_tensor(tensor: Any) -> Any:
    """`tensor`: what was asked for has been done."""
    return tensor


def all_reduce(self: Any, reduceOp: str, group: Any, tag: str = "") -> Any:
    """The joined contributions."""
    return self.clone()


def broadcast(self: Any, src: int, group: Any, tag: str = "") -> Any:
    """The contribution of `src`."""
    return self.clone()


def all_gather_tensor(self: Any, gather_dim: int, group: Any, tag: str = "") -> Any:
    """All contributions, joined along `gather_dim`."""
    return self.clone()


def reduce_scatter_tensor(self: Any, reduceOp: str, scatter_dim: int, group: Any, tag: str = "") -> Any:
    """The piece of this process, along `scatter_dim`, of the joined contributions."""
    return self.clone()


def all_to_all_single(
    self: Any,
    output_split_sizes: Sequence[int] | None,
    input_split_sizes: Sequence[int] | None,
    group: Any,
    tag: str = "",
) -> Any:
    """The pieces that all processes send to this one, joined."""
    return self.clone()


all_gather_tensor_autograd = all_gather_tensor
reduce_scatter_tensor_autograd = reduce_scatter_tensor
all_to_all_single_autograd = all_to_all_single

__all__ = [
    "all_gather_tensor", "all_gather_tensor_autograd", "all_reduce", "all_to_all_single", "all_to_all_single_autograd",
    "broadcast", "reduce_scatter_tensor", "reduce_scatter_tensor_autograd", "wait_tensor",
]  # fmt: skip
