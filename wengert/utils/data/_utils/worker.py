"""The worker's side: who it is, and its loop over tasks, in a process or in a thread."""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np

from wengert.core.tensor.generators import Generator
from wengert.core.tensor.randomness import manual_seed
from wengert.utils.data._utils.failure import ExceptionWrapper
from wengert.utils.data._utils.fetch import fetcher

MP_STATUS_CHECK_INTERVAL = 5.0
"""Seconds between two looks whether the other side is still alive."""


class _RNG:
    """Generators of a worker thread, which shares the global ones with all others."""

    def __init__(self, seed: int, worker_id: int) -> None:
        self.random_generator = random.Random(seed)
        self.torch_generator = Generator().manual_seed(seed)
        self.numpy_generator = np.random.default_rng(numpy_words(seed - worker_id, worker_id))


class WorkerInfo:
    """What a worker knows of itself: id, num_workers, seed, dataset (its copy), rng, worker_method."""

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any, rng: Any = None,
                 worker_method: str = "multiprocessing") -> None:  # fmt: skip
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset
        self.rng, self.worker_method = rng, worker_method

    def __repr__(self) -> str:
        return f"WorkerInfo({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


_local = threading.local()
_process: list[WorkerInfo] = []
"""In a worker process its info, for all of its threads."""


def get_worker_info() -> WorkerInfo | None:
    """What the worker knows that this runs in; None in the program itself."""
    return getattr(_local, "info", _process[-1] if _process else None)


def numpy_words(base_seed: int, worker_id: int) -> list[int]:
    """The words that seed NumPy's generator in a worker."""
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return [int(word) for word in np.random.SeedSequence(entropy).generate_state(4)]


_generate_state = numpy_words  # torch's name


class Task:
    """What the loader tells its workers: everything but the indices."""

    def __init__(self, loader: Any, base_seed: int) -> None:
        self.dataset, self.streams = loader.dataset, loader._dataset_kind == 1
        self.auto_collation, self.drop_last = loader._auto_collation, loader.drop_last
        self.collate_fn, self.init_fn = loader.collate_fn, loader.worker_init_fn
        self.base_seed, self.num_workers = base_seed, loader.num_workers


class IterableEnd:
    """Sent by a worker whose stream has ended."""

    def __init__(self, worker_id: int) -> None:
        self.worker_id = worker_id


class Resume:
    """Sent to a persistent worker before a new pass, with the pass's seed, and sent back by it."""

    def __init__(self, base_seed: int) -> None:
        self.base_seed = base_seed


class Worker:
    """One worker: turns indices into batches.  `start` is called where it will run."""

    def __init__(self, task: Task, worker_id: int, threaded: bool) -> None:
        self.task, self.id, self.threaded = task, worker_id, threaded
        self.where = f"in DataLoader worker {'thread' if threaded else 'process'} {worker_id}"
        self.failure: ExceptionWrapper | None = None
        self.fetcher: Any = None

    def start(self) -> None:
        """Seed the generators, tell `get_worker_info`, run worker_init_fn, open the stream."""
        task = self.task
        seed = task.base_seed + self.id
        rng = None
        if self.threaded:
            rng = _RNG(seed, self.id)
        else:
            random.seed(seed)
            manual_seed(seed)
            np.random.seed(numpy_words(task.base_seed, self.id))
        method = "thread" if self.threaded else "multiprocessing"
        info = WorkerInfo(self.id, task.num_workers, seed, task.dataset, rng, method)
        if self.threaded:
            _local.info = info
        else:
            _process.append(info)
        try:
            if task.init_fn is not None:
                task.init_fn(self.id)
            self.open()
        except Exception:
            self.failure = ExceptionWrapper(where=self.where)

    def open(self) -> None:
        """Begin a pass."""
        task = self.task
        self.fetcher = fetcher(task.streams, task.dataset, task.auto_collation, task.collate_fn, task.drop_last)

    def answer(self, index: Any) -> Any:
        """The batch of some indices, or what happened instead."""
        if isinstance(index, Resume):
            try:
                self.open()
            except Exception:
                self.failure = ExceptionWrapper(where=self.where)
            return index
        if self.failure is not None:
            failure, self.failure = self.failure, None
            return failure
        try:
            return self.fetcher.fetch(index)
        except StopIteration:
            if self.task.streams:
                return IterableEnd(self.id)
            return ExceptionWrapper(where=self.where)
        except Exception:
            return ExceptionWrapper(where=self.where)


def run_thread(worker: Worker, tasks: Any, results: Any) -> None:
    """A worker thread: until it is given None."""
    worker.start()
    while (given := tasks.get()) is not None:
        place, index = given
        results.put((place, worker.answer(index)))


__all__ = ["MP_STATUS_CHECK_INTERVAL", "Task", "Worker", "WorkerInfo", "get_worker_info", "run_thread"]
