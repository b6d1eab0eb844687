"""Batches of a dataset, taken by the program itself or ahead of it by workers (`torch.utils.data.DataLoader`)."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from wengert.core.arrays import device as devices
from wengert.core.base.errors import DeviceError
from wengert.utils.data import _utils
from wengert.utils.data._utils.collate import default_collate, default_convert
from wengert.utils.data._utils.failure import ExceptionWrapper
from wengert.utils.data._utils.fetch import fetcher
from wengert.utils.data._utils.threads import ThreadPool, TimedOut
from wengert.utils.data._utils.worker import IterableEnd, Resume, Task, get_worker_info
from wengert.utils.data.dataset import Dataset, IterableDataset
from wengert.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, fresh_seed

T_co = TypeVar("T_co", covariant=True)


_collate_fn_t = Callable[[list[Any]], Any]


class _DatasetKind:
    """Datasets by index, and streams."""

    Map, Iterable = 0, 1


class _InfiniteConstantSampler(Sampler[None]):
    """None without end: the indices of a stream."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[T_co]):
    """Batches of a dataset, each made by `collate_fn` from the samples that the sampler chose.

    batch_size None: single samples.  num_workers > 0: workers make batches ahead, `prefetch_factor` each; the order,
    and what the samplers draw, is the same for any number of workers (and torch's for the same seed).
    worker: "process", or "thread" for datasets whose work is done by NumPy or waits for files.
    multiprocessing_context: "fork", "spawn", "forkserver" or a context; by default a fork server where the dataset can
    be pickled and the main program imported, else a fork.  timeout: seconds to wait for a batch, 0 for ever.  in_order
    False gives batches as they become ready.  pin_memory is accepted; only batches of classes with a `pin_memory`
    method notice.

    Raises: ValueError for options that exclude each other; in a pass the errors of workers, with their traceback, and
    RuntimeError for a worker that died.
    """

    dataset: Dataset[T_co]
    batch_size: int | None
    num_workers: int
    sampler: Any
    _iterator: Any = None
    __initialized = False

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None, sampler: Any = None,
        batch_sampler: Any = None, num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None, generator: Any = None,
        *, prefetch_factor: int | None = None, persistent_workers: bool = False, pin_memory_device: str = "",
        in_order: bool = True, worker: str = "process",
    ) -> None:  # fmt: skip
        check_numbers(num_workers, timeout, prefetch_factor, persistent_workers, worker)
        self.dataset, self.num_workers, self.timeout, self.worker = dataset, num_workers, timeout, worker
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn, self.in_order, self.generator = worker_init_fn, in_order, generator
        self.multiprocessing_context = multiprocessing_context
        streams = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if streams else _DatasetKind.Map
        if streams:
            check_stream(shuffle, sampler, batch_sampler)
        check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            sampler = usual_sampler(dataset, bool(shuffle), generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator = None
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self) -> Any:
        """How worker processes are started; None: chosen when they start."""
        return self.__context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            context = checked_context(context, self.num_workers)
        self.__context = context

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in (
            "batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"
        ):  # fmt: skip
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _get_iterator(self) -> _BaseDataLoaderIter:
        return _MultiProcessingDataLoaderIter(self) if self.num_workers else _SingleProcessDataLoaderIter(self)

    def __iter__(self) -> Any:
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn of more workers than this process may use processors."""
        try:
            most: int | None = len(os.sched_getaffinity(0))
        except AttributeError:
            most = os.cpu_count()
        if most is not None and self.num_workers > most:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number "
                f"of worker in current system is {most}, which is smaller than what this DataLoader is going to "
                "create. Please be aware that excessive worker creation might get DataLoader running slow or even "
                "freeze, lower the worker number to avoid potential slowness/freeze if necessary.",
                stacklevel=3,
            )


def check_numbers(workers: int, timeout: float, prefetch: int | None, persistent: bool, worker: str) -> None:
    """Raises: ValueError for numbers that make no sense, alone or together."""
    if workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch is not None and prefetch < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if worker not in ("process", "thread"):
        raise ValueError(f"worker option should be 'process' or 'thread', but got worker={worker!r}")


def check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """Raises: ValueError for options that a stream cannot follow."""
    if shuffle not in (False, None):
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
        )
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def check_order(batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    """Raises: ValueError for two options that both say which samples come when."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")


def usual_sampler(dataset: Any, shuffle: bool, generator: Any) -> Any:
    """The order of a dataset that was given none."""
    if isinstance(dataset, IterableDataset):
        return _InfiniteConstantSampler()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def checked_context(context: Any, workers: int) -> Any:
    """A multiprocessing context, from itself or the name of a start method."""
    if workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={workers}"
        )
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{methods!r}, but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={context}"
        )
    return context


def accelerator() -> bool:
    """Whether there is a device besides the CPU."""
    try:
        devices.device(0)
    except DeviceError:
        return False
    return True


# ---------------------------------------------------------------- passes


class _BaseDataLoaderIter:
    """One pass over a loader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._loader, self._dataset_kind = loader, loader._dataset_kind
        self._num_workers, self._timeout = loader.num_workers, loader.timeout
        self._sampler_iter = iter(loader._index_sampler)
        self._base_seed = fresh_seed(loader.generator)
        self._persistent_workers, self._num_yielded = loader.persistent_workers, 0
        if loader.pin_memory and not accelerator():
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=4,
            )

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        self._sampler_iter = iter(loader._index_sampler)
        self._num_yielded = 0

    def _next_index(self) -> Any:
        return next(self._sampler_iter)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        if self._loader.pin_memory:
            data = _utils.pin_memory.pin_memory(data, self._loader.pin_memory_device)
        self._num_yielded += 1
        told = self._loader._IterableDataset_len_called
        if self._dataset_kind == _DatasetKind.Iterable and told is not None and self._num_yielded > told:
            self.warn_of_length(told)
        return data

    def warn_of_length(self, told: int) -> None:
        """A stream was longer than it had said."""
        message = (
            f"Length of IterableDataset {self._loader.dataset} was reported to be {told} (when accessing "
            f"len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker: see get_worker_info()."
            )
        warnings.warn(message, stacklevel=3)

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """A pass in which the program makes each batch when it asks for it."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        streams = loader._dataset_kind == _DatasetKind.Iterable
        self._dataset_fetcher = fetcher(
            streams, loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last
        )

    def _next_data(self) -> Any:
        return self._dataset_fetcher.fetch(self._next_index())


def processes(task: Task, loader: DataLoader[Any]) -> Any:
    """A pool of worker processes."""
    # Heavy, and not there at all on systems without processes.
    from wengert.utils.data._utils.pool import ProcessPool

    return ProcessPool(task, loader.multiprocessing_context)


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """A pass in which workers make batches ahead.

    Tasks are numbered in the order of the sampler and dealt to the workers in turn; `_ready` holds answers that came
    before their turn.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        task = Task(loader, self._base_seed)
        self._pool: Any = ThreadPool(task) if loader.worker == "thread" else processes(task, loader)
        self._finalizer = weakref.finalize(self, self._pool.shutdown)
        self._begin(loader)

    @property
    def _workers(self) -> list[Any]:
        return self._pool.workers

    def _begin(self, loader: DataLoader[Any]) -> None:
        """Deal the first tasks of a pass."""
        self._send_idx = self._rcvd_idx = self._tasks_outstanding = 0
        self._owner: dict[int, int] = {}
        self._ready: dict[int, Any] = {}
        self._active = [True] * self._num_workers
        self._turn = itertools.cycle(range(self._num_workers))
        for _ in range((loader.prefetch_factor or 0) * self._num_workers or self._num_workers):
            self._try_put_index()

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader)
        resume = Resume(self._base_seed)
        for worker in range(self._num_workers):
            self._pool.send(worker, None, resume)
        waiting = self._num_workers
        while waiting:
            # What an unfinished pass left behind comes first, and is dropped.
            waiting -= isinstance(self._receive()[1], Resume)
        self._begin(loader)

    def _try_put_index(self) -> None:
        """Deal the next task, if there is one and a worker for it."""
        worker = next((w for w in itertools.islice(self._turn, self._num_workers) if self._active[w]), None)
        if worker is None:
            return
        try:
            index = self._next_index()
        except StopIteration:
            return
        self._owner[self._send_idx] = worker
        self._pool.send(worker, self._send_idx, index)
        self._send_idx += 1
        self._tasks_outstanding += 1

    def _receive(self) -> tuple[Any, Any]:
        """The next answer. Raises: RuntimeError after the timeout."""
        try:
            return self._pool.receive(self._timeout or None)
        except TimedOut:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None

    def _next_data(self) -> Any:
        try:
            place = self._advance()
        except (RuntimeError, KeyboardInterrupt):
            self._shutdown_workers()
            raise
        if place is None:
            if not self._persistent_workers:
                self._shutdown_workers()
            raise StopIteration
        data = self._ready.pop(place)
        del self._owner[place]
        self._rcvd_idx += place == self._rcvd_idx
        self._try_put_index()
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        return data

    def _advance(self) -> int | None:
        """Wait until the next batch is there: its number, None at the end."""
        while True:
            while self._rcvd_idx < self._send_idx and self._rcvd_idx not in self._owner:
                self._rcvd_idx += 1
            if self._rcvd_idx in self._ready:
                return self._rcvd_idx
            if not self._loader.in_order and self._ready:
                return next(iter(self._ready))
            if not self._tasks_outstanding:
                return None
            place, data = self._receive()
            if place not in self._owner:
                continue
            self._tasks_outstanding -= 1
            if isinstance(data, IterableEnd):
                self._active[data.worker_id] = False
                del self._owner[place]
                self._try_put_index()
            else:
                self._ready[place] = data

    def _shutdown_workers(self) -> None:
        self._owner, self._tasks_outstanding, self._rcvd_idx = {}, 0, self._send_idx
        self._ready = {}
        self._sampler_iter = iter(())
        self._finalizer()

    def __del__(self) -> None:
        finalizer = getattr(self, "_finalizer", None)
        if finalizer is not None:
            finalizer()


__all__ = ["DataLoader", "get_worker_info", "default_collate", "default_convert"]
