"""A sampler that gives each of several processes its own part of a dataset."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from wengert.core.tensor.generators import Generator
from wengert.core.tensor.randomness import randperm
from wengert.utils.data.sampler import Sampler

_GROUPS = __name__.partition(".")[0] + ".distributed"


def process_group() -> Any:
    """The module of process groups, once a program has started one.

    Raises: ValueError before.
    """
    module: Any = sys.modules.get(_GROUPS)
    if module is None or not module.is_initialized():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group. (Or give "
            "num_replicas and rank.)"
        )
    return module


class DistributedSampler(Sampler[Any]):
    """Every `num_replicas`-th index from `rank` on, of all indices in order or in an order that `seed` and epoch fix.

    All parts have one length: the indices are repeated from the start, or with `drop_last` cut.  Call
    `set_epoch(epoch)` before each pass for another order.
    Raises: ValueError for a rank outside of [0, num_replicas).
    """

    def __init__(self, dataset: Any, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
                 seed: int = 0, drop_last: bool = False) -> None:  # fmt: skip
        if num_replicas is None:
            num_replicas = int(process_group().get_world_size())
        if rank is None:
            rank = int(process_group().get_rank())
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.shuffle, self.seed, self.drop_last = 0, shuffle, seed, drop_last
        n = len(dataset)
        if drop_last and n % num_replicas:
            self.num_samples = math.ceil((n - num_replicas) / num_replicas)
        else:
            self.num_samples = math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        if self.shuffle:
            indices = randperm(n, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            indices = list(range(n))
        if self.drop_last:
            indices = indices[: self.total_size]
        elif indices:
            indices = (indices * math.ceil(self.total_size / n))[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; the same on every process."""
        self.epoch = epoch


__all__ = ["DistributedSampler"]
