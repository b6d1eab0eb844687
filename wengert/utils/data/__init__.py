"""Data for training: datasets, samplers, and the loader that makes batches of them (`torch.utils.data`)."""

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
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterableDataset",
    "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info", "random_split",
]  # fmt: skip
