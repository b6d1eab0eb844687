"""Datasets, samplers and collation, each beside torch's."""

import collections
import importlib

import numpy as np
import pytest

from tests.backend import torch, wengert_only

oracle = pytest.importorskip("torch")
data = importlib.import_module(torch.__name__ + ".utils.data")
judge = importlib.import_module("torch.utils.data")
Pair = collections.namedtuple("Pair", "a b")


def outcome(function, *args, **kwargs):
    """The result as text, or the error."""
    try:
        return repr(function(*args, **kwargs))
    except Exception as error:
        kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
        return kind.__name__, str(error).partition(" (")[0]


def generators(seed=1):
    return torch.Generator().manual_seed(seed), oracle.Generator().manual_seed(seed)


def stream(library):
    class Stream(library.IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 3

    return Stream()


@wengert_only
@pytest.mark.parametrize("lengths", [[7, 3], [0.33, 0.33, 0.34], [0.5, 0.5], [3, 3], [0.5, 0.6], [-0.5, 1.5], [10]])
def test_random_split(lengths):
    mine, theirs = generators()
    items = list(range(10))
    assert outcome(lambda: [p.indices for p in data.random_split(items, lengths, mine)]) == outcome(
        lambda: [p.indices for p in judge.random_split(items, lengths, theirs)]
    )
    torch.manual_seed(3), oracle.manual_seed(3)
    assert list(data.random_split(items, [4, 6])[0]) == list(judge.random_split(items, [4, 6])[0])


def test_an_empty_split_is_told():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split([1], [0.5, 0.5])


SAMPLERS = {
    "sequential": lambda d, lib, g: d.SequentialSampler(range(5)),
    "random": lambda d, lib, g: d.RandomSampler(range(10), generator=g),
    "random seeded globally": lambda d, lib, g: d.RandomSampler(range(10)),
    "random more": lambda d, lib, g: d.RandomSampler(range(10), num_samples=25, generator=g),
    "random fewer": lambda d, lib, g: d.RandomSampler(range(10), num_samples=4, generator=g),
    "replacement": lambda d, lib, g: d.RandomSampler(range(10), True, 75, g),
    "subset": lambda d, lib, g: d.SubsetRandomSampler([3, 5, 8, 9], g),
    "weighted": lambda d, lib, g: d.WeightedRandomSampler([1, 2, 3.0], 9, generator=g),
    "weighted once": lambda d, lib, g: d.WeightedRandomSampler([1, 2, 3.0], 3, False, g),
    "batch": lambda d, lib, g: d.BatchSampler(d.RandomSampler(range(10), generator=g), 3, False),
    "batch dropped": lambda d, lib, g: d.BatchSampler(range(10), 3, True),
    "distributed": lambda d, lib, g: d.DistributedSampler(range(10), 3, 1),
    "distributed dropped": lambda d, lib, g: d.DistributedSampler(range(10), 3, 2, drop_last=True),
    "distributed in order": lambda d, lib, g: d.DistributedSampler(range(2), 5, 4, shuffle=False),
    "bad replacement": lambda d, lib, g: d.RandomSampler(range(3), replacement=1),
    "bad count": lambda d, lib, g: d.RandomSampler(range(3), num_samples=-1),
    "nothing": lambda d, lib, g: d.RandomSampler([]),
    "bad weights": lambda d, lib, g: d.WeightedRandomSampler([[1.0, 2]], 1),
    "bad batch": lambda d, lib, g: d.BatchSampler([1], 0, False),
    "bad drop": lambda d, lib, g: d.BatchSampler([1], 1, 2),
    "bad rank": lambda d, lib, g: d.DistributedSampler(range(3), 2, 2),
    "no group": lambda d, lib, g: d.DistributedSampler(range(3)),
}


@wengert_only  # both sides would draw from one default generator
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name):
    mine, theirs = generators()
    torch.manual_seed(5), oracle.manual_seed(5)

    def twice(sampler):
        return [list(sampler), list(sampler), len(sampler)]

    make = SAMPLERS[name]
    assert outcome(lambda: twice(make(data, torch, mine))) == outcome(lambda: twice(make(judge, oracle, theirs)))
    assert torch.rand(1).item() == oracle.rand(1).item()


def test_epochs_have_orders_of_their_own():
    sampler, judged = data.DistributedSampler(range(10), 2, 0), judge.DistributedSampler(range(10), 2, 0)
    for epoch in range(3):
        sampler.set_epoch(epoch), judged.set_epoch(epoch)
        assert list(sampler) == list(judged)


DATASETS = {
    "tensors": lambda d, lib: [d.TensorDataset(lib.arange(3), lib.ones(3, 2))[1], 3],
    "tensor sizes": lambda d, lib: d.TensorDataset(lib.ones(2), lib.ones(3)),
    "concat": lambda d, lib: [d.ConcatDataset([[1, 2], [3]])[i] for i in (0, 2, -1, -3)],
    "concat sizes": lambda d, lib: d.ConcatDataset([[1, 2], [3]]).cumulative_sizes,
    "concat outside": lambda d, lib: d.ConcatDataset([[1, 2], [3]])[-4],
    "concat empty": lambda d, lib: d.ConcatDataset([]),
    "concat stream": lambda d, lib: d.ConcatDataset([stream(d)]),
    "chain": lambda d, lib: (list(stream(d) + stream(d)), len(stream(d) + stream(d))),
    "chain of lists": lambda d, lib: list(d.ChainDataset([[1]])),
    "sum": lambda d, lib: list(d.TensorDataset(lib.ones(2)) + d.TensorDataset(lib.zeros(1))),
    "stack": lambda d, lib: d.StackDataset([1, 2], [3, 4])[1],
    "stack names": lambda d, lib: d.StackDataset(a=[1, 2], b=[3, 4]).__getitems__([0, 1]),
    "stack both": lambda d, lib: d.StackDataset([1], a=[1]),
    "stack nothing": lambda d, lib: d.StackDataset(),
    "stack sizes": lambda d, lib: d.StackDataset([1], [1, 2]),
    "subset": lambda d, lib: (d.Subset("abcd", [2, 0])[1], d.Subset("abcd", [2, 0]).__getitems__([0, 1])),
    "no items": lambda d, lib: d.Dataset()[0],
    "no length": lambda d, lib: len(d.Dataset()),
}


@pytest.mark.parametrize("name", DATASETS)
def test_datasets(name):
    assert outcome(DATASETS[name], data, torch) == outcome(DATASETS[name], judge, oracle)


BATCHES = {
    "mappings": lambda lib: [{1: 2, "a": "x"}, {1: 3, "a": "y"}],
    "ordered": lambda lib: [collections.OrderedDict(a=1)],
    "counted": lambda lib: [collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)],
    "objects": lambda lib: [None],
    "unequal": lambda lib: [[1, 2], [1]],
    "arrays": lambda lib: [np.ones(2), np.zeros(2)],
    "texts in arrays": lambda lib: [np.array("a")],
    "scalars": lambda lib: [np.float32(1), np.float32(2)],
    "floats": lambda lib: [1.5, 2.0],
    "mixed numbers": lambda lib: [1, 2.5],
    "bools": lambda lib: [True, False],
    "pairs": lambda lib: [(1, "a"), (2, "b")],
    "named": lambda lib: [Pair(1, 2), Pair(3, 4)],
    "tensors": lambda lib: [lib.ones(2), lib.zeros(2)],
    "tensor sizes": lambda lib: [lib.ones(2), lib.zeros(3)],
    "bytes": lambda lib: [b"a", b"b"],
    "nest": lambda lib: [{"a": [1, (2.0, lib.ones(1))]}, {"a": [3, (4.0, lib.zeros(1))]}],
}


@pytest.mark.parametrize("name", BATCHES)
def test_collate_and_convert(name):
    mine, theirs = BATCHES[name](torch), BATCHES[name](oracle)
    assert outcome(data.default_collate, mine) == outcome(judge.default_collate, theirs)
    assert outcome(data.default_convert, mine) == outcome(judge.default_convert, theirs)


def test_a_table_of_ones_own():
    collate = importlib.import_module(torch.__name__ + ".utils.data._utils.collate")
    table = dict(collate.default_collate_fn_map)
    table[Pair] = lambda batch, *, collate_fn_map=None: len(batch)
    assert collate.collate([Pair(1, 2)] * 3, collate_fn_map=table) == 3


@pytest.mark.parametrize(
    "path",
    ["dataloader.default_collate", "sampler.Sampler", "dataset.Subset", "_utils.collate.default_collate",
     "distributed.DistributedSampler", "get_worker_info", "_utils.worker.get_worker_info", "dataloader.DataLoader"],
)  # fmt: skip
def test_paths_that_programs_import(path):
    module, _, name = f"{torch.__name__}.utils.data.{path}".rpartition(".")
    assert hasattr(importlib.import_module(module), name)
