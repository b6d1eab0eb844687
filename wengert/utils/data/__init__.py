"""Data for training: datasets, samplers, and the loader that makes batches of them (`torch.utils.data`)."""

from importlib import import_module as _import_module
from typing import Any as _Any

from wengert.utils.data import _utils, dataloader, dataset, distributed, sampler
from wengert.utils.data._utils.collate import default_collate, default_convert
from wengert.utils.data._utils.worker import WorkerInfo, get_worker_info
from wengert.utils.data.dataloader import DataLoader, _DatasetKind
from wengert.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from wengert.utils.data.distributed import DistributedSampler
from wengert.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DFIterDataPipe", "DataLoader", "Dataset",
    "DistributedSampler", "IterDataPipe", "IterableDataset", "MapDataPipe", "RandomSampler", "Sampler",
    "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler",
    "default_collate", "default_convert", "functional_datapipe", "get_worker_info", "random_split",
]  # fmt: skip

_PIPES = ("DFIterDataPipe", "IterDataPipe", "MapDataPipe", "functional_datapipe")


def __getattr__(name: str) -> _Any:
    """Pipes and their settings, on first use."""
    if name in ("datapipes", "graph", "graph_settings"):
        return _import_module(f"{__name__}.{name}")
    if name in _PIPES:
        # All of them, since the methods of pipes are entered by the modules that define them.
        return getattr(_import_module(f"{__name__}.datapipes").datapipe, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
