"""Modules that train on several devices or in several processes (`torch.nn.parallel`)."""

from __future__ import annotations

from wengert.nn.parallel import comm, data_parallel, distributed, parallel_apply, replicate, scatter_gather
from wengert.nn.parallel.data_parallel import DataParallel
from wengert.nn.parallel.data_parallel import data_parallel as _data_parallel
from wengert.nn.parallel.distributed import DistributedDataParallel
from wengert.nn.parallel.parallel_apply import parallel_apply as _parallel_apply
from wengert.nn.parallel.replicate import replicate as _replicate
from wengert.nn.parallel.scatter_gather import gather, scatter

globals().update(data_parallel=_data_parallel, parallel_apply=_parallel_apply, replicate=_replicate)
DistributedDataParallelCPU = DistributedDataParallel

__all__ = [
    "DataParallel", "DistributedDataParallel", "comm", "data_parallel", "distributed", "gather", "parallel_apply",
    "replicate", "scatter", "scatter_gather",
]  # fmt: skip
