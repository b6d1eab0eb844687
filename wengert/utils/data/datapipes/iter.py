"""Streams made of streams (`torch.utils.data.datapipes.iter`): most classes are also methods of all of them."""

from __future__ import annotations

import copy
import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from wengert.utils.data._utils.collate import default_collate
from wengert.utils.data._utils.worker import get_worker_info
from wengert.utils.data.datapipes.branches import DemultiplexerIterDataPipe, ForkerIterDataPipe
from wengert.utils.data.datapipes.columns import applied, checked
from wengert.utils.data.datapipes.datapipe import DataChunk, IterDataPipe, drawn_seed, functional_datapipe
from wengert.utils.data.sampler import SequentialSampler


class IterableWrapperIterDataPipe(IterDataPipe[Any]):
    """A stream of any iterable, of which each pass takes a deep copy where there can be one."""

    def __init__(self, iterable: Any, deepcopy: bool = True) -> None:
        self.iterable, self.deepcopy = iterable, deepcopy

    def __iter__(self) -> Iterator[Any]:
        source = self.iterable
        if self.deepcopy:
            try:
                source = copy.deepcopy(source)
            except TypeError:
                warnings.warn(
                    "The input iterable can not be deepcopied, please be aware of in-place modification would affect "
                    "source data.",
                    stacklevel=3,
                )
        yield from source

    def __len__(self) -> int:
        return self.length_of(self.iterable)


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe[Any]):
    """fn of each sample, or of its columns `input_col`, put into `output_col` (-1: appended)."""

    def __init__(self, datapipe: Any, fn: Callable[..., Any], input_col: Any = None, output_col: Any = None) -> None:
        self.datapipe, self.fn = datapipe, fn
        self.input_col, self.output_col = input_col, checked(input_col, output_col)

    def __iter__(self) -> Iterator[Any]:
        for sample in self.datapipe:
            yield applied(self.fn, sample, self.input_col, self.output_col)

    def __len__(self) -> int:
        return self.length_of(self.datapipe)


@functional_datapipe("filter")
class FilterIterDataPipe(IterDataPipe[Any]):
    """The samples for which filter_fn (of the columns `input_col`) is True."""

    def __init__(self, datapipe: Any, filter_fn: Callable[..., Any], input_col: Any = None) -> None:
        self.datapipe, self.filter_fn, self.input_col = datapipe, filter_fn, input_col

    def __iter__(self) -> Iterator[Any]:
        columns = self.input_col if isinstance(self.input_col, (list, tuple)) else [self.input_col]
        for sample in self.datapipe:
            given = [sample] if self.input_col is None else [sample[column] for column in columns]
            keeps = self.filter_fn(*given)
            if not isinstance(keeps, bool):
                raise ValueError(f"Boolean output is required for `filter_fn` of FilterIterDataPipe, got {type(keeps)}")
            if keeps:
                yield sample


@functional_datapipe("batch")
class BatcherIterDataPipe(IterDataPipe[Any]):
    """Lists of batch_size samples; the last is shorter, or left out with drop_last."""

    def __init__(self, datapipe: Any, batch_size: int, drop_last: bool = False, wrapper_class: Any = DataChunk) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe, self.batch_size, self.drop_last = datapipe, batch_size, drop_last
        self.wrapper_class = wrapper_class

    def __iter__(self) -> Iterator[Any]:
        batch: list[Any] = []
        for sample in self.datapipe:
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        count = self.length_of(self.datapipe)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe[Any]):
    """The samples of batches; unbatch_level: how many levels of lists are opened, -1 all."""

    def __init__(self, datapipe: Any, unbatch_level: int = 1) -> None:
        self.datapipe, self.unbatch_level = datapipe, unbatch_level

    def __iter__(self) -> Iterator[Any]:
        if self.unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        for batch in self.datapipe:
            yield from opened(batch, self.unbatch_level)


def opened(item: Any, levels: int) -> Iterator[Any]:
    """What lies so many levels of lists deep; all levels if -1."""
    if levels == 0:
        yield item
    elif isinstance(item, list):
        for part in item:
            yield from opened(part, levels if levels == -1 else levels - 1)
    elif levels == -1:
        yield item
    else:
        raise IndexError(f"unbatch_level {levels} exceeds the depth of the DataPipe")


@functional_datapipe("collate")
class CollatorIterDataPipe(IterDataPipe[Any]):
    """Batches put together by collate_fn, `default_collate` if None."""

    def __init__(self, datapipe: Any, conversion: Any = default_collate, collate_fn: Any = None) -> None:
        self.datapipe, self.collate_fn = datapipe, collate_fn or conversion

    def __iter__(self) -> Iterator[Any]:
        for batch in self.datapipe:
            yield self.collate_fn(batch)

    def __len__(self) -> int:
        return self.length_of(self.datapipe)


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(IterDataPipe[Any]):
    """The samples in an order drawn from a buffer of buffer_size of them; unbatch_level: of opened batches."""

    def __init__(self, datapipe: Any, *, buffer_size: int = 10000, unbatch_level: int = 0) -> None:
        if buffer_size <= 0:
            raise ValueError("buffer_size should be larger than 0")
        self.datapipe = datapipe if unbatch_level == 0 else datapipe.unbatch(unbatch_level=unbatch_level)
        self.buffer_size = buffer_size
        self._enabled, self._rng = True, random.Random()
        self._seed: int | None = None

    def set_shuffle(self, shuffle: bool = True) -> ShufflerIterDataPipe:
        """Whether there is anything to it."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> ShufflerIterDataPipe:
        """The seed of the next pass; without one it is drawn."""
        self._seed = seed
        return self

    def reset(self) -> None:
        """Seed the order of a pass."""
        if self._enabled:
            self._rng.seed(drawn_seed() if self._seed is None else self._seed)
            self._seed = None

    def __iter__(self) -> Iterator[Any]:
        if not self._enabled:
            yield from self.datapipe
            return
        buffer: list[Any] = []
        for sample in self.datapipe:
            if len(buffer) < self.buffer_size:
                buffer.append(sample)
                continue
            place = self._rng.randint(0, len(buffer) - 1)
            out, buffer[place] = buffer[place], sample
            yield out
        while buffer:
            yield buffer.pop(self._rng.randint(0, len(buffer) - 1))

    def __len__(self) -> int:
        return self.length_of(self.datapipe)


class SamplerIterDataPipe(IterDataPipe[Any]):
    """What a sampler, made of the pipe and the given arguments, yields."""

    def __init__(
        self, datapipe: Any, sampler: Any = SequentialSampler, sampler_args: Any = None, sampler_kwargs: Any = None
    ) -> None:
        self.datapipe = datapipe
        self.sampler = sampler(*(sampler_args or ()), data_source=datapipe, **(sampler_kwargs or {}))

    def __iter__(self) -> Iterator[Any]:
        yield from self.sampler

    def __len__(self) -> int:
        return len(self.sampler)


class SHARDING_PRIORITIES(IntEnum):
    """Who shares a stream: processes of a distributed job first, then the workers of each; or not told apart."""

    DEFAULT = 1
    DISTRIBUTED = 2
    MULTIPROCESSING = 3


@functional_datapipe("sharding_filter")
class ShardingFilterIterDataPipe(IterDataPipe[Any]):
    """In a loader's worker every so many-th sample, so that each is read by one worker; all of them elsewhere."""

    def __init__(self, source_datapipe: Any, sharding_group_filter: Any = None) -> None:
        self.source_datapipe, self.sharding_group_filter = source_datapipe, sharding_group_filter
        self.groups: dict[int, tuple[int, int]] = {}
        self.num_of_instances, self.instance_id = 1, 0

    def apply_sharding(
        self, num_of_instances: int, instance_id: int, sharding_group: Any = SHARDING_PRIORITIES.DEFAULT
    ) -> None:
        """Take every num_of_instances-th sample, beginning at instance_id; groups divide each other's share.

        Raises: ValueError for an instance that is none; RuntimeError for the group DEFAULT besides another one.
        """
        if instance_id >= num_of_instances:
            raise ValueError(f"instance_id({instance_id}) should be smaller than num_of_instances({num_of_instances})")
        plain = SHARDING_PRIORITIES.DEFAULT
        if any((group == plain) != (sharding_group == plain) for group in self.groups):
            raise RuntimeError("ShardingFilter cannot mix DEFAULT and non DEFAULT groups")
        self.groups[sharding_group] = (num_of_instances, instance_id)
        self.num_of_instances, self.instance_id = 1, 0
        for group in sorted(self.groups):
            if self.sharding_group_filter is None or group == self.sharding_group_filter:
                count, own = self.groups[group]
                self.instance_id = self.instance_id * count + own
                self.num_of_instances *= count

    def place(self) -> tuple[int, int]:
        """How many share the stream, and the number of this one."""
        info = get_worker_info()
        if info is None:
            return self.num_of_instances, self.instance_id
        return self.num_of_instances * info.num_workers, self.instance_id * info.num_workers + info.id

    def __iter__(self) -> Iterator[Any]:
        count, own = self.place()
        for k, sample in enumerate(self.source_datapipe):
            if k % count == own:
                yield sample

    def __len__(self) -> int:
        count, own = self.place()
        total = self.length_of(self.source_datapipe)
        return total // count + (own < total % count)


# ---------------------------------------------------------------- several streams


@functional_datapipe("concat")
class ConcaterIterDataPipe(IterDataPipe[Any]):
    """One stream after the other."""

    def __init__(self, *datapipes: Any) -> None:
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("Expected all inputs to be `IterDataPipe`")
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(self.length_of(pipe) for pipe in self.datapipes)


@functional_datapipe("zip")
class ZipperIterDataPipe(IterDataPipe[Any]):
    """Tuples of one sample of each stream, until one ends."""

    def __init__(self, *datapipes: Any) -> None:
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("All inputs are required to be `IterDataPipe` for `ZipIterDataPipe`.")
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        yield from zip(*self.datapipes, strict=False)

    def __len__(self) -> int:
        return min(self.length_of(pipe) for pipe in self.datapipes)


@functional_datapipe("mux")
class MultiplexerIterDataPipe(IterDataPipe[Any]):
    """A sample of each stream in turn, until one ends."""

    def __init__(self, *datapipes: Any) -> None:
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        for samples in zip(*self.datapipes, strict=False):
            yield from samples

    def __len__(self) -> int:
        return min(self.length_of(pipe) for pipe in self.datapipes) * len(self.datapipes)


@functional_datapipe("groupby")
class GrouperIterDataPipe(IterDataPipe[Any]):
    """Lists of the samples for which group_key_fn gives the same key, with the key before them if keep_key.

    A group is given when it has group_size samples, and the rest at the end.  When buffer_size samples wait, the
    largest group is given; one of less than guaranteed_group_size is an error, or dropped with drop_remaining.
    """

    def __init__(
        self, datapipe: Any, group_key_fn: Callable[[Any], Any], *, keep_key: bool = False, buffer_size: int = 10000,
        group_size: int | None = None, guaranteed_group_size: int | None = None, drop_remaining: bool = False,
    ) -> None:  # fmt: skip
        if guaranteed_group_size is None:
            guaranteed_group_size = group_size if group_size is not None and 0 < group_size <= buffer_size else None
        elif group_size is None or not 0 < guaranteed_group_size <= group_size:
            raise AssertionError("guaranteed_group_size must be > 0 and <= group_size and group_size must be set")
        self.datapipe, self.group_key_fn, self.keep_key = datapipe, group_key_fn, keep_key
        self.buffer_size, self.group_size, self.drop_remaining = buffer_size, group_size, drop_remaining
        self.guaranteed_group_size = guaranteed_group_size

    def given(self, key: Any, group: list[Any]) -> Any:
        """A group on its way out."""
        return (key, DataChunk(group)) if self.keep_key else DataChunk(group)

    def __iter__(self) -> Iterator[Any]:
        groups: dict[Any, list[Any]] = defaultdict(list)
        waiting = 0
        for sample in self.datapipe:
            key = self.group_key_fn(sample)
            groups[key].append(sample)
            waiting += 1
            if len(groups[key]) == self.group_size:
                waiting -= len(groups[key])
                yield self.given(key, groups.pop(key))
            if waiting == self.buffer_size:
                largest = max(groups, key=lambda k: len(groups[k]))
                group = groups.pop(largest)
                waiting -= len(group)
                if len(group) >= (self.guaranteed_group_size or 0):
                    yield self.given(largest, group)
                elif not self.drop_remaining:
                    raise RuntimeError(f"Failed to group items {DataChunk(group)}")
        for key, group in groups.items():
            yield self.given(key, group)


Batcher, Collator, Concater = BatcherIterDataPipe, CollatorIterDataPipe, ConcaterIterDataPipe
Demultiplexer, Filter, Forker = DemultiplexerIterDataPipe, FilterIterDataPipe, ForkerIterDataPipe
Grouper, IterableWrapper, Mapper = GrouperIterDataPipe, IterableWrapperIterDataPipe, MapperIterDataPipe
Multiplexer, Sampler, ShardingFilter = MultiplexerIterDataPipe, SamplerIterDataPipe, ShardingFilterIterDataPipe
Shuffler, UnBatcher, Zipper = ShufflerIterDataPipe, UnBatcherIterDataPipe, ZipperIterDataPipe

__all__ = [
    "Batcher", "Collator", "Concater", "Demultiplexer", "Filter", "Forker", "Grouper", "IterableWrapper", "Mapper",
    "Multiplexer", "Sampler", "ShardingFilter", "Shuffler", "UnBatcher", "Zipper",
]  # fmt: skip
